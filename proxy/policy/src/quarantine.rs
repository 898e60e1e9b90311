//! Whether a policy that keeps failing is still asked.
//!
//! [`FAULTS`] faults of the module within [`WINDOW`], of which one caller's count [`OF_ONE_CALLER`] at most, close the door for [`REST`]; then one exchange may knock: if its call works the door
//! opens, if not the rest doubles, up to [`LONGEST_REST`]. The state is a value behind a lock that is only taken once something failed.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

/// Faults that close the door.
const FAULTS: usize = 5;
/// Faults of one caller that count: whoever finds what breaks a policy closes it for nobody else.
const OF_ONE_CALLER: usize = 3;
/// The time within which they count.
const WINDOW: Duration = Duration::from_secs(30);
/// How long the door stays closed at first.
const REST: Duration = Duration::from_secs(5);
/// How long it stays closed at most.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long a knock may take.
const KNOCK: Duration = Duration::from_secs(60);

/// The door of one policy in one generation.
#[derive(Debug, Default)]
pub struct Quarantine {
    /// Set as soon as there is anything to look up: the way of a healthy policy takes no lock.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When, and whose: fewer than [`FAULTS`].
    faults: VecDeque<(Instant, u64)>,
    closed: Option<Closed>,
}

#[derive(Debug)]
struct Closed {
    until: Instant,
    rest: Duration,
    /// Since when an exchange has been knocking. One that left without a word is forgotten after [`KNOCK`].
    knocking: Option<Instant>,
}

impl Quarantine {
    /// Whether the policy may be asked now.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return true;
        }
        match &mut self.state().closed {
            None => true,
            Some(closed) if now < closed.until => false,
            Some(closed)
                if closed
                    .knocking
                    .is_some_and(|since| now.duration_since(since) < KNOCK) =>
            {
                false
            }
            Some(closed) => {
                closed.knocking = Some(now);
                true
            }
        }
    }

    /// Notes a call that worked; tells whether that opened the door.
    pub(crate) fn worked(&self) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.state();
        if state
            .closed
            .as_ref()
            .is_none_or(|closed| closed.knocking.is_none())
        {
            return false;
        }
        *state = State::default();
        self.troubled.store(false, Ordering::Relaxed);
        true
    }

    /// Notes a fault of the module at a request of `caller`; tells whether that closed the door.
    pub(crate) fn failed(&self, caller: u64, now: Instant) -> bool {
        self.troubled.store(true, Ordering::Relaxed);
        let mut state = self.state();
        if let Some(closed) = &mut state.closed {
            if closed.knocking.is_some() {
                closed.rest = (closed.rest * 2).min(LONGEST_REST);
                closed.until = now + closed.rest;
                closed.knocking = None;
            }
            return false;
        }
        let faults = &mut state.faults;
        faults.retain(|(at, _)| now.duration_since(*at) <= WINDOW);
        let mut own = (0..faults.len()).filter(|at| faults.get(*at).is_some_and(|f| f.1 == caller));
        if let (Some(oldest), true) = (own.next(), own.count() + 1 >= OF_ONE_CALLER) {
            faults.remove(oldest);
        }
        faults.push_back((now, caller));
        if state.faults.len() < FAULTS {
            return false;
        }
        state.faults.clear();
        state.closed = Some(Closed {
            until: now + REST,
            rest: REST,
            knocking: None,
        });
        true
    }

    /// Gives back a knock that proved nothing: it led to no call, or to a fault that is not the module's.
    pub(crate) fn abandoned(&self) {
        if !self.troubled.load(Ordering::Relaxed) {
            return;
        }
        if let Some(closed) = &mut self.state().closed {
            closed.knocking = None;
        }
    }

    /// Whether the door is closed.
    pub fn is_closed(&self) -> bool {
        self.troubled.load(Ordering::Relaxed) && self.state().closed.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own instants")]
mod tests {
    use super::*;

    #[test]
    fn five_faults_in_half_a_minute_close_the_door_and_one_good_knock_opens_it() {
        let (door, start) = (Quarantine::default(), Instant::now());
        for n in 0..4 {
            assert!(!door.failed(n % 2, start + Duration::from_secs(n)));
            assert!(door.admits(start));
        }
        assert!(door.failed(0, start + Duration::from_secs(4)));
        assert!(door.is_closed() && !door.admits(start + Duration::from_secs(5)));

        let later = start + Duration::from_secs(10);
        assert!(door.admits(later), "one may knock");
        assert!(!door.admits(later), "one only");
        assert!(door.worked() && !door.is_closed() && door.admits(later));
    }

    #[test]
    fn a_bad_knock_doubles_the_rest() {
        let (door, start) = (Quarantine::default(), Instant::now());
        for caller in 0..5 {
            door.failed(caller, start);
        }
        assert!(door.admits(start + REST));
        door.failed(0, start + REST);
        assert!(!door.admits(start + REST + REST));
        assert!(door.admits(start + REST + 2 * REST));
    }

    #[test]
    fn rare_faults_never_close_it() {
        let (door, start) = (Quarantine::default(), Instant::now());
        for n in 0..100 {
            assert!(!door.failed(n, start + Duration::from_secs(8 * n)));
        }
    }

    #[test]
    fn one_caller_alone_never_closes_it() {
        let (door, start) = (Quarantine::default(), Instant::now());
        for n in 0..1000 {
            assert!(!door.failed(7, start + Duration::from_millis(n)));
        }
        assert!(door.state().faults.len() <= OF_ONE_CALLER);
        let later = start + Duration::from_secs(1);
        assert!(!door.failed(8, later), "another's first is no proof yet");
        assert!(door.failed(8, later));
    }

    #[test]
    fn a_knock_that_proves_nothing_leaves_the_rest_as_it_is() {
        let (door, start) = (Quarantine::default(), Instant::now());
        for caller in 0..5 {
            door.failed(caller, start);
        }
        assert!(door.admits(start + REST));
        door.abandoned();
        assert!(door.is_closed() && door.admits(start + REST));
    }
}
