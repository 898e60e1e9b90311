//! Connections: how many there are, which are idle, and which do not read what they are sent.
//!
//! A connection has no timer of its own: it notes in its [`ConnectionState`], in whole seconds,
//! when it was last active, and once a second all of them are swept. Ten thousand idle connections
//! cost a pass over ten thousand numbers, and 100 bytes each.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    Admission, ConnectionTimeouts, Level, ShedReason,
    connection::{ConnectionPermit, ConnectionState, IDLE, PARK, STALLED, STAY},
};
use crate::telemetry::metrics;

/// Divisor of the limit: over it, this part of the connections is evicted at once, as finding idle
/// ones takes a pass over all.
const BATCH: usize = 64;
/// Seconds without an exchange after which a connection is parked.
const PARK_AFTER: u64 = 2;

impl Admission {
    /// Admits a connection; over the limit, idle connections are evicted for it.
    ///
    /// # Errors
    /// The reason, counted.
    pub fn admit_connection(self: &Arc<Self>) -> Result<ConnectionPermit, ShedReason> {
        if self.level.load(Relaxed) == Level::Refuse as u8 {
            return Err(self.shed(ShedReason::Memory));
        }
        let open = self.open.fetch_add(1, Relaxed) + 1;
        let limit = self.connections_limit.load(Relaxed);
        let stays = open.saturating_sub(self.ending.load(Relaxed));
        if stays > limit && !self.evict((limit / BATCH).max(1)) {
            self.open.fetch_sub(1, Relaxed);
            return Err(self.shed(ShedReason::Connections));
        }
        let id = self.next.fetch_add(1, Relaxed);
        let state = Arc::new(ConnectionState::default());
        state.since.store(self.now(), Relaxed);
        self.connections.insert(id, Arc::clone(&state));
        Ok(ConnectionPermit {
            admission: Arc::clone(self),
            id,
            state,
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
        let mut idle: Vec<(u32, Arc<ConnectionState>)> = (self.connections.iter())
            .filter(|state| state.is_idle())
            .map(|state| (state.since.load(Relaxed), Arc::clone(&state)))
            .collect();
        if idle.iter().any(|(_, state)| !state.served.load(Relaxed)) {
            idle.retain(|(_, state)| !state.served.load(Relaxed));
        }
        // A client that connected in this second is about to send a request.
        idle.retain(|(since, _)| *since < now);
        idle.sort_unstable_by_key(|(since, _)| *since);
        for (_, state) in idle.iter().take(count) {
            self.signal(state, IDLE, "evicted");
        }
        if idle.is_empty() {
            self.none_idle.store(now, Relaxed);
        }
        !idle.is_empty()
    }

    /// Signals connections that are idle or stalled for longer than their time-out to end, and idle
    /// ones to be parked.
    pub(super) fn sweep(&self, timeouts: ConnectionTimeouts) {
        let now = self.now();
        let longer =
            |since: u32, than: Duration| u64::from(now.saturating_sub(since)) > than.as_secs();
        for state in &self.connections {
            let blocked = state.blocked.load(Relaxed);
            let stalled = blocked != 0 && longer(blocked, timeouts.stalled)
                || state.waiting.load(Relaxed) > 0
                    && longer(state.moved.load(Relaxed), timeouts.stalled);
            if state.signal.load(Relaxed) == STALLED {
                continue;
            }
            if stalled {
                self.signal(&state, STALLED, "stalled");
            } else if state.is_idle() && longer(state.since.load(Relaxed), timeouts.idle) {
                self.signal(&state, IDLE, "idle");
            } else if state.may_park()
                && u64::from(now.saturating_sub(state.since.load(Relaxed))) >= PARK_AFTER
                && state
                    .signal
                    .compare_exchange(STAY, PARK, Relaxed, Relaxed)
                    .is_ok()
            {
                state.notify.notify_one();
            }
        }
    }

    /// Signals a connection to end.
    fn signal(&self, state: &ConnectionState, how: u8, why: &'static str) {
        debug_assert!(how > PARK, "a parked connection does not end");
        if state.signal.fetch_max(how, Relaxed) <= PARK {
            self.ending.fetch_add(1, Relaxed);
        }
        metrics::cut(why);
        state.notify.notify_one();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::overload::ConnectionSignal;

    const TIMEOUTS: ConnectionTimeouts = ConnectionTimeouts {
        idle: Duration::from_secs(600),
        stalled: Duration::from_secs(60),
    };

    fn admission(limit: usize) -> Arc<Admission> {
        let admission = Admission::default();
        admission.connections_limit.store(limit, Relaxed);
        Arc::new(admission)
    }

    fn signal(permit: &ConnectionPermit) -> Option<ConnectionSignal> {
        permit.signalled().now_or_never()
    }

    #[test]
    fn the_longest_idle_connection_makes_room_and_busy_ones_stay() {
        let admission = admission(3);
        let busy = admission.admit_connection().unwrap();
        let exchange = busy.handle().exchange();
        let old = admission.admit_connection().unwrap();
        admission.clock.store(5, Relaxed);
        let young = admission.admit_connection().unwrap();
        admission.clock.store(9, Relaxed);
        let new = admission.admit_connection().unwrap();
        assert_eq!(signal(&old), Some(ConnectionSignal::Idle));
        assert_eq!((signal(&busy), signal(&young)), (None, None));
        drop(old);
        let _second = young.handle().exchange();
        let _third = new.handle().exchange();
        assert!(matches!(
            admission.admit_connection(),
            Err(ShedReason::Connections)
        ));
        drop(exchange);
        admission.clock.store(10, Relaxed);
        assert!(
            admission.admit_connection().is_ok(),
            "what was busy is idle for a second now"
        );
        assert_eq!(signal(&busy), Some(ConnectionSignal::Idle));
    }

    #[test]
    fn a_connection_that_had_an_exchange_stays_while_others_never_had_one() {
        let admission = admission(2);
        let used = admission.admit_connection().unwrap();
        drop(used.handle().exchange());
        admission.clock.store(5, Relaxed);
        let silent = admission.admit_connection().unwrap();
        assert!(
            matches!(admission.admit_connection(), Err(ShedReason::Connections)),
            "a newcomer may yet ask"
        );
        admission.clock.store(6, Relaxed);
        assert!(admission.admit_connection().is_ok());
        assert_eq!(
            (signal(&used), signal(&silent)),
            (None, Some(ConnectionSignal::Idle))
        );
    }

    #[test]
    fn idle_and_stalled_connections_are_signalled_after_their_time_outs() {
        let admission = admission(100);
        let (idle, slow, still, well) = (
            admission.admit_connection().unwrap(),
            admission.admit_connection().unwrap(),
            admission.admit_connection().unwrap(),
            admission.admit_connection().unwrap(),
        );
        let _exchanges = [slow.handle().exchange(), well.handle().exchange()];
        slow.handle().blocked();
        let mut reply = still.handle().exchange();
        reply.handed_over();
        well.handle().blocked();
        well.handle().flows();
        admission.clock.store(61, Relaxed);
        admission.sweep(TIMEOUTS);
        assert_eq!((signal(&slow), signal(&still)), (None, None));
        admission.clock.store(62, Relaxed);
        admission.sweep(TIMEOUTS);
        assert_eq!(signal(&slow), Some(ConnectionSignal::Stalled));
        assert_eq!(signal(&still), Some(ConnectionSignal::Stalled));
        admission.clock.store(602, Relaxed);
        admission.sweep(TIMEOUTS);
        assert_eq!(signal(&idle), Some(ConnectionSignal::Idle));
        assert_eq!(signal(&well), None);
    }

    #[test]
    fn a_reader_who_creeps_is_given_time_for_what_it_took_and_no_more() {
        let admission = admission(100);
        let permit = admission.admit_connection().unwrap();
        let handle = permit.handle();
        let _exchange = handle.exchange();
        handle.blocked();
        for second in 1..=60 {
            admission.clock.store(second, Relaxed);
            handle.creeps(1);
        }
        admission.clock.store(100, Relaxed);
        admission.sweep(TIMEOUTS);
        assert_eq!(signal(&permit), None, "it was worth a second each second");
        admission.clock.store(140, Relaxed);
        admission.sweep(TIMEOUTS);
        assert_eq!(signal(&permit), Some(ConnectionSignal::Stalled));
    }

    #[test]
    fn every_connection_that_ends_makes_room() {
        let admission = admission(1);
        for _ in 0..3 {
            let permit = admission.admit_connection().unwrap();
            let _busy = permit.handle().exchange();
            assert!(admission.admit_connection().is_err());
            drop(permit);
            admission.clock.fetch_add(1, Relaxed);
        }
        assert_eq!(
            (admission.open.load(Relaxed), admission.ending.load(Relaxed)),
            (0, 0)
        );
        assert!(admission.connections.is_empty());
    }
}
