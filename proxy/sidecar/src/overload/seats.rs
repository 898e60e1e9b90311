//! Connections: how many there are, which are idle, and which do not read what they are sent.
//!
//! A connection has no timer of its own: it notes in its [`ConnectionState`], in whole seconds,
//! when it was last active, and once a second all of them are swept. Ten thousand idle connections
//! cost a pass over ten thousand numbers, and 100 bytes each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{Gate, Level, Patience, Reason};
use crate::telemetry::metrics;

/// Divisor of the limit: over it, this part of the connections is evicted at once, as finding idle
/// ones takes a pass over all.
const BATCH: usize = 64;

/// Values of `ConnectionState::signal`, each more urgent than the one before.
const NO: u8 = 0;
const PARK: u8 = 1;
const IDLE: u8 = 2;
const STALLED: u8 = 3;
/// Seconds without an exchange after which a connection is parked.
const PARK_AFTER: u64 = 2;

/// Signals to the task that serves a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// End in order: the connection is idle.
    Idle,
    /// End at once: the peer reads nothing.
    Stalled,
    /// Park: keep the connection, and drop what serves it until there is something to serve.
    Parked,
}

/// Activity of one connection.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// Exchanges in progress.
    busy: AtomicU32,
    /// Second in which the last exchange ended.
    since: AtomicU32,
    /// Second since which the socket takes no more; 0 while it does.
    blocked: AtomicU32,
    /// Replies whose latest piece was not followed by a poll for the next one, and the second in
    /// which any of them last moved.
    waiting: AtomicU32,
    moved: AtomicU32,
    leave: AtomicU8,
    /// True once it had an exchange.
    served: AtomicBool,
    /// True if it has been used since it was last parked, if it is between two messages, and if it
    /// is being parked, respectively.
    used: AtomicBool,
    between: AtomicBool,
    parked: AtomicBool,
    told: Notify,
}

/// A connection that was admitted. Dropping it makes room.
pub struct Guest {
    gate: Arc<Gate>,
    id: u64,
    seat: Arc<Seat>,
}

impl Guest {
    /// Returns its number, which no other connection of this process has.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Returns a handle with which its activity is noted.
    pub fn place(&self) -> Place {
        Place {
            gate: Arc::clone(&self.gate),
            seat: Arc::clone(&self.seat),
        }
    }

    /// Resolves when the connection is to end or to be parked.
    pub async fn asked_to_leave(&self) -> Leave {
        loop {
            match self.seat.leave.load(Relaxed) {
                NO => self.seat.told.notified().await,
                PARK => {
                    // Taken once: a connection that can't be parked now is signalled again by a
                    // later sweep.
                    let park = self.seat.leave.compare_exchange(PARK, NO, Relaxed, Relaxed);
                    if park.is_ok() {
                        return Leave::Parked;
                    }
                }
                IDLE => return Leave::Idle,
                _ => return Leave::Stalled,
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.gate.open.fetch_sub(1, Relaxed);
        if self.seat.leave.load(Relaxed) > PARK {
            self.gate.leaving.fetch_sub(1, Relaxed);
        }
        self.gate.seats.remove(&self.id);
    }
}

/// Handle with which the parts of a connection note its activity.
#[derive(Clone)]
pub struct Place {
    gate: Arc<Gate>,
    seat: Arc<Seat>,
}

impl Place {
    /// Notes that an exchange is in progress, until the returned value is dropped.
    pub fn exchange(&self) -> Busy {
        self.seat.busy.fetch_add(1, Relaxed);
        self.seat.used.store(true, Relaxed);
        self.seat.served.store(true, Relaxed);
        Busy {
            place: self.clone(),
            waits: false,
        }
    }

    /// Notes whether all messages that came are whole.
    pub fn between_messages(&self, between: bool) {
        self.seat.between.store(between, Relaxed);
    }

    /// Marks the connection as being parked, where nothing is in progress. Returns whether it is.
    #[must_use]
    pub fn park(&self) -> bool {
        let rests = self.seat.rests();
        self.seat.parked.store(rests, Relaxed);
        rests
    }

    /// Notes that the connection waits parked, with nothing that serves it.
    pub fn unpark(&self) {
        self.seat.used.store(false, Relaxed);
        self.seat.parked.store(false, Relaxed);
    }

    /// True while the connection is being parked.
    pub fn is_parked(&self) -> bool {
        self.seat.parked.load(Relaxed)
    }

    /// Notes that the socket takes no more for now.
    pub fn blocked(&self) {
        if self.seat.blocked.load(Relaxed) == 0 {
            self.seat.blocked.store(self.gate.now(), Relaxed);
        }
    }

    /// Notes that the socket took all that was there.
    pub fn flows(&self) {
        if self.seat.blocked.load(Relaxed) != 0 {
            self.seat.blocked.store(0, Relaxed);
        }
    }

    /// Notes that the socket, still blocked, took bytes worth `seconds` more of its time-out.
    pub fn creeps(&self, seconds: u32) {
        let since = self.seat.blocked.load(Relaxed);
        if since != 0 {
            let later = since.saturating_add(seconds).min(self.gate.now());
            self.seat.blocked.store(later, Relaxed);
        }
    }
}

/// An exchange in progress.
#[must_use = "dropping it ends the exchange"]
pub struct Busy {
    place: Place,
    waits: bool,
}

impl Busy {
    /// Notes that a piece of the reply was handed over.
    pub fn handed_over(&mut self) {
        if !self.waits {
            self.waits = true;
            self.place.seat.waiting.fetch_add(1, Relaxed);
        }
        self.moved();
    }

    /// Notes that the next piece is polled for.
    pub fn asked(&mut self) {
        if self.waits {
            self.waits = false;
            self.place.seat.waiting.fetch_sub(1, Relaxed);
            self.moved();
        }
    }

    fn moved(&self) {
        self.place.seat.moved.store(self.place.gate.now(), Relaxed);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.asked();
        let seat = &self.place.seat;
        seat.since.store(self.place.gate.now(), Relaxed);
        seat.busy.fetch_sub(1, Relaxed);
    }
}

impl Gate {
    /// Admits a connection; over the limit, idle connections are evicted for it.
    ///
    /// # Errors
    /// The reason, counted.
    pub fn enter(self: &Arc<Self>) -> Result<Guest, Reason> {
        if self.level.load(Relaxed) == Level::Refuse as u8 {
            self.turned_away(Reason::Memory);
            return Err(Reason::Memory);
        }
        let open = self.open.fetch_add(1, Relaxed) + 1;
        let limit = self.connections_limit.load(Relaxed);
        let stays = open.saturating_sub(self.leaving.load(Relaxed));
        if stays > limit && !self.evict((limit / BATCH).max(1)) {
            self.open.fetch_sub(1, Relaxed);
            self.turned_away(Reason::Connections);
            return Err(Reason::Connections);
        }
        let id = self.next.fetch_add(1, Relaxed);
        let seat = Arc::new(Seat::default());
        seat.since.store(self.now(), Relaxed);
        self.seats.insert(id, Arc::clone(&seat));
        Ok(Guest {
            gate: Arc::clone(self),
            id,
            seat,
        })
    }

    /// Signals up to `count` connections to end, those idle for longest; returns whether there was
    /// one. One that had an exchange is evicted only where all idle ones had one: clients that open
    /// connections and send nothing evict each other, and nobody else.
    fn evict(&self, count: usize) -> bool {
        let now = self.now();
        if self.none_idle.load(Relaxed) == now {
            return false;
        }
        let mut idle: Vec<(u32, Arc<Seat>)> = (self.seats.iter())
            .filter(|seat| seat.is_idle())
            .map(|seat| (seat.since.load(Relaxed), Arc::clone(&seat)))
            .collect();
        if idle.iter().any(|(_, seat)| !seat.served.load(Relaxed)) {
            idle.retain(|(_, seat)| !seat.served.load(Relaxed));
        }
        // A client that connected in this second is about to send a request.
        idle.retain(|(since, _)| *since < now);
        idle.sort_unstable_by_key(|(since, _)| *since);
        for (_, seat) in idle.iter().take(count) {
            self.ask(seat, Leave::Idle, "evicted");
        }
        if idle.is_empty() {
            self.none_idle.store(now, Relaxed);
        }
        !idle.is_empty()
    }

    /// Signals connections that are idle or stalled for longer than their time-out to end, and idle
    /// ones to be parked.
    pub(super) fn sweep(&self, patience: Patience) {
        let now = self.now();
        let longer =
            |since: u32, than: Duration| u64::from(now.saturating_sub(since)) > than.as_secs();
        for seat in &self.seats {
            let blocked = seat.blocked.load(Relaxed);
            let stalled = blocked != 0 && longer(blocked, patience.stalled)
                || seat.waiting.load(Relaxed) > 0
                    && longer(seat.moved.load(Relaxed), patience.stalled);
            if seat.leave.load(Relaxed) == STALLED {
                continue;
            }
            if stalled {
                self.ask(&seat, Leave::Stalled, "stalled");
            } else if seat.is_idle() && longer(seat.since.load(Relaxed), patience.idle) {
                self.ask(&seat, Leave::Idle, "idle");
            } else if seat.may_park()
                && u64::from(now.saturating_sub(seat.since.load(Relaxed))) >= PARK_AFTER
                && seat
                    .leave
                    .compare_exchange(NO, PARK, Relaxed, Relaxed)
                    .is_ok()
            {
                seat.told.notify_one();
            }
        }
    }

    fn ask(&self, seat: &Seat, how: Leave, why: &'static str) {
        let how = match how {
            Leave::Parked => return, // does not end the connection
            Leave::Idle => IDLE,
            Leave::Stalled => STALLED,
        };
        if seat.leave.fetch_max(how, Relaxed) <= PARK {
            self.leaving.fetch_add(1, Relaxed);
        }
        metrics::cut(why);
        seat.told.notify_one();
    }
}

impl Seat {
    fn is_idle(&self) -> bool {
        self.busy.load(Relaxed) == 0 && self.leave.load(Relaxed) <= PARK
    }

    /// True if nothing is in progress in either direction.
    fn rests(&self) -> bool {
        self.busy.load(Relaxed) == 0
            && self.between.load(Relaxed)
            && self.blocked.load(Relaxed) == 0
    }

    fn may_park(&self) -> bool {
        self.used.load(Relaxed) && self.rests()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const PATIENCE: Patience = Patience {
        idle: Duration::from_secs(600),
        stalled: Duration::from_secs(60),
    };

    fn gate(limit: usize) -> Arc<Gate> {
        let gate = Gate::default();
        gate.connections_limit.store(limit, Relaxed);
        Arc::new(gate)
    }

    async fn leave(guest: &Guest) -> Option<Leave> {
        let mut asked = std::pin::pin!(guest.asked_to_leave());
        match poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context))).await {
            std::task::Poll::Ready(how) => Some(how),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn the_longest_idle_connection_makes_room_and_busy_ones_stay() {
        let gate = gate(3);
        let busy = gate.enter().unwrap();
        let exchange = busy.place().exchange();
        let old = gate.enter().unwrap();
        gate.clock.store(5, Relaxed);
        let young = gate.enter().unwrap();
        gate.clock.store(9, Relaxed);
        let new = gate.enter().unwrap();
        assert_eq!(leave(&old).await, Some(Leave::Idle));
        assert_eq!((leave(&busy).await, leave(&young).await), (None, None));
        drop(old);
        let _second = young.place().exchange();
        let _third = new.place().exchange();
        assert!(matches!(gate.enter(), Err(Reason::Connections)));
        drop(exchange);
        gate.clock.store(10, Relaxed);
        assert!(
            gate.enter().is_ok(),
            "what was busy is idle for a second now"
        );
        assert_eq!(leave(&busy).await, Some(Leave::Idle));
    }

    #[tokio::test]
    async fn a_connection_that_had_an_exchange_stays_while_others_never_had_one() {
        let gate = gate(2);
        let used = gate.enter().unwrap();
        drop(used.place().exchange());
        gate.clock.store(5, Relaxed);
        let silent = gate.enter().unwrap();
        assert!(
            matches!(gate.enter(), Err(Reason::Connections)),
            "a newcomer may yet ask"
        );
        gate.clock.store(6, Relaxed);
        assert!(gate.enter().is_ok());
        assert_eq!(
            (leave(&used).await, leave(&silent).await),
            (None, Some(Leave::Idle))
        );
    }

    #[tokio::test]
    async fn idle_and_stalled_connections_are_asked_to_leave_after_their_patience() {
        let gate = gate(100);
        let (idle, slow, still, well) = (
            gate.enter().unwrap(),
            gate.enter().unwrap(),
            gate.enter().unwrap(),
            gate.enter().unwrap(),
        );
        let _exchanges = [slow.place().exchange(), well.place().exchange()];
        slow.place().blocked();
        let mut reply = still.place().exchange();
        reply.handed_over();
        well.place().blocked();
        well.place().flows();
        gate.clock.store(61, Relaxed);
        gate.sweep(PATIENCE);
        assert_eq!((leave(&slow).await, leave(&still).await), (None, None));
        gate.clock.store(62, Relaxed);
        gate.sweep(PATIENCE);
        assert_eq!(leave(&slow).await, Some(Leave::Stalled));
        assert_eq!(leave(&still).await, Some(Leave::Stalled));
        gate.clock.store(602, Relaxed);
        gate.sweep(PATIENCE);
        assert_eq!(leave(&idle).await, Some(Leave::Idle));
        assert_eq!(leave(&well).await, None);
    }

    #[tokio::test]
    async fn a_reader_who_creeps_is_given_time_for_what_it_took_and_no_more() {
        let gate = gate(100);
        let guest = gate.enter().unwrap();
        let place = guest.place();
        let _exchange = place.exchange();
        place.blocked();
        for second in 1..=60 {
            gate.clock.store(second, Relaxed);
            place.creeps(1);
        }
        gate.clock.store(100, Relaxed);
        gate.sweep(PATIENCE);
        assert_eq!(
            leave(&guest).await,
            None,
            "it was worth a second each second"
        );
        gate.clock.store(140, Relaxed);
        gate.sweep(PATIENCE);
        assert_eq!(leave(&guest).await, Some(Leave::Stalled));
    }

    #[test]
    fn every_connection_that_ends_makes_room() {
        let gate = gate(1);
        for _ in 0..3 {
            let guest = gate.enter().unwrap();
            let _busy = guest.place().exchange();
            assert!(gate.enter().is_err());
            drop(guest);
            gate.clock.fetch_add(1, Relaxed);
        }
        assert_eq!(
            (gate.open.load(Relaxed), gate.leaving.load(Relaxed)),
            (0, 0)
        );
        assert!(gate.seats.is_empty());
    }
}
