//! Activity of one connection, and the signals to the task that serves it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed},
};

use tokio::sync::Notify;

use super::Admission;

/// Values of `ConnectionState::signal`, each more urgent than the one before.
pub(super) const STAY: u8 = 0;
pub(super) const PARK: u8 = 1;
pub(super) const IDLE: u8 = 2;
pub(super) const STALLED: u8 = 3;

/// Signals to the task that serves a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionSignal {
    /// End in order: the connection is idle.
    Idle,
    /// End at once: the peer reads nothing.
    Stalled,
    /// Park: keep the connection, and drop what serves it until there is something to serve.
    Parked,
}

/// Activity of one connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    /// Exchanges in progress.
    busy: AtomicU32,
    /// Second in which the last exchange ended.
    pub(super) since: AtomicU32,
    /// Second since which the socket takes no more; 0 while it does.
    pub(super) blocked: AtomicU32,
    /// Replies whose latest piece was not followed by a poll for the next one, and the second in
    /// which any of them last moved.
    pub(super) waiting: AtomicU32,
    pub(super) moved: AtomicU32,
    pub(super) signal: AtomicU8,
    /// True once it had an exchange.
    pub(super) served: AtomicBool,
    /// True if it has been used since it was last parked, and if it is between two messages.
    used: AtomicBool,
    between: AtomicBool,
    pub(super) notify: Notify,
}

impl ConnectionState {
    pub(super) fn is_idle(&self) -> bool {
        self.busy.load(Relaxed) == 0 && self.signal.load(Relaxed) <= PARK
    }

    /// True if nothing is in progress in either direction.
    fn rests(&self) -> bool {
        self.busy.load(Relaxed) == 0
            && self.between.load(Relaxed)
            && self.blocked.load(Relaxed) == 0
    }

    pub(super) fn may_park(&self) -> bool {
        self.used.load(Relaxed) && self.rests()
    }
}

/// A connection that was admitted. Dropping it makes room.
pub struct ConnectionPermit {
    pub(super) admission: Arc<Admission>,
    pub(super) id: u64,
    pub(super) state: Arc<ConnectionState>,
}

impl ConnectionPermit {
    /// Returns its number, which no other connection of this process has.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Returns a handle with which its activity is noted.
    pub fn handle(&self) -> ConnectionHandle {
        ConnectionHandle {
            admission: Arc::clone(&self.admission),
            state: Arc::clone(&self.state),
        }
    }

    /// True if [`signalled`](Self::signalled) would resolve.
    pub fn is_signalled(&self) -> bool {
        self.state.signal.load(Relaxed) != STAY
    }

    /// Resolves when the connection is to end or to be parked.
    pub async fn signalled(&self) -> ConnectionSignal {
        loop {
            match self.state.signal.load(Relaxed) {
                STAY => self.state.notify.notified().await,
                PARK => {
                    // Taken once: a connection that can't be parked now is signalled again by a
                    // later sweep.
                    let park = self
                        .state
                        .signal
                        .compare_exchange(PARK, STAY, Relaxed, Relaxed);
                    if park.is_ok() {
                        return ConnectionSignal::Parked;
                    }
                }
                IDLE => return ConnectionSignal::Idle,
                _ => return ConnectionSignal::Stalled,
            }
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Relaxed);
        if self.state.signal.load(Relaxed) > PARK {
            self.admission.ending.fetch_sub(1, Relaxed);
        }
        self.admission.connections.remove(&self.id);
    }
}

/// Handle with which the parts of a connection note its activity.
#[derive(Clone)]
pub struct ConnectionHandle {
    admission: Arc<Admission>,
    state: Arc<ConnectionState>,
}

impl ConnectionHandle {
    /// Notes that an exchange is in progress, until the returned value is dropped.
    pub fn exchange(&self) -> ActiveExchange {
        self.state.busy.fetch_add(1, Relaxed);
        self.state.used.store(true, Relaxed);
        self.state.served.store(true, Relaxed);
        ActiveExchange {
            handle: self.clone(),
            waits: false,
        }
    }

    /// Notes whether all messages that came are whole.
    pub fn between_messages(&self, between: bool) {
        self.state.between.store(between, Relaxed);
    }

    /// True if nothing is in progress in either direction.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.state.rests()
    }

    /// Notes that the connection waits parked, with nothing that serves it.
    pub fn unpark(&self) {
        self.state.used.store(false, Relaxed);
    }

    /// Notes that the socket takes no more for now.
    pub fn blocked(&self) {
        if self.state.blocked.load(Relaxed) == 0 {
            self.state.blocked.store(self.admission.now(), Relaxed);
        }
    }

    /// Notes that the socket took all that was there.
    pub fn flows(&self) {
        if self.state.blocked.load(Relaxed) != 0 {
            self.state.blocked.store(0, Relaxed);
        }
    }

    /// Notes that the socket, still blocked, took bytes worth `seconds` more of its time-out.
    pub fn creeps(&self, seconds: u32) {
        let since = self.state.blocked.load(Relaxed);
        if since != 0 {
            let later = since.saturating_add(seconds).min(self.admission.now());
            self.state.blocked.store(later, Relaxed);
        }
    }
}

/// An exchange in progress.
#[must_use = "dropping it ends the exchange"]
pub struct ActiveExchange {
    handle: ConnectionHandle,
    waits: bool,
}

impl ActiveExchange {
    /// Notes that a piece of the reply was handed over.
    pub fn handed_over(&mut self) {
        if !self.waits {
            self.waits = true;
            self.handle.state.waiting.fetch_add(1, Relaxed);
        }
        self.moved();
    }

    /// Notes that the next piece is polled for.
    pub fn next_polled(&mut self) {
        if self.waits {
            self.waits = false;
            self.handle.state.waiting.fetch_sub(1, Relaxed);
            self.moved();
        }
    }

    fn moved(&self) {
        self.handle
            .state
            .moved
            .store(self.handle.admission.now(), Relaxed);
    }
}

impl Drop for ActiveExchange {
    fn drop(&mut self) {
        self.next_polled();
        let state = &self.handle.state;
        state.since.store(self.handle.admission.now(), Relaxed);
        state.busy.fetch_sub(1, Relaxed);
    }
}
