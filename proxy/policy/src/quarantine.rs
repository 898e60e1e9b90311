//! The circuit breaker of a policy that keeps failing: its quarantine.
//!
//! [`FAULTS`] faults of the module within [`WINDOW`], of which one caller's count [`OF_ONE_CALLER`]
//! at most, open the breaker for [`COOLDOWN`]: no call passes. Then it is half-open, and one
//! exchange probes the policy: if its call works the breaker closes, if not the cooldown doubles,
//! up to [`LONGEST_COOLDOWN`]. The state is behind a lock that is only taken once something failed.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Faults that open the breaker.
const FAULTS: usize = 5;
/// Faults of one caller that count: a caller that finds how to break a policy cannot take it from
/// the others.
const OF_ONE_CALLER: usize = 3;
/// Time within which they count.
const WINDOW: Duration = Duration::from_secs(30);
/// Time for which the breaker stays open at first.
const COOLDOWN: Duration = Duration::from_secs(5);
/// Time for which it stays open at most.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(300);
/// Time that a probe may take.
const PROBE: Duration = Duration::from_secs(60);

/// The breaker of one policy in one generation.
#[derive(Debug, Default)]
pub struct Quarantine {
    /// Set as soon as there is anything to look up: a healthy policy's calls take no lock.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Instant and caller of each fault that counts; fewer than [`FAULTS`].
    faults: VecDeque<(Instant, u64)>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    cooldown: Duration,
    /// Instant at which the probe in progress began. One whose outcome is never reported is
    /// forgotten after [`PROBE`].
    probing: Option<Instant>,
}

impl Quarantine {
    /// Reports whether the policy may be called now.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return true;
        }
        match &mut self.state.lock().open {
            None => true,
            Some(open) if now < open.until => false,
            Some(open)
                if open
                    .probing
                    .is_some_and(|since| now.duration_since(since) < PROBE) =>
            {
                false
            }
            Some(open) => {
                open.probing = Some(now);
                true
            }
        }
    }

    /// Records a call that worked, and reports whether that closed the breaker.
    pub(crate) fn worked(&self) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.state.lock();
        if state
            .open
            .as_ref()
            .is_none_or(|open| open.probing.is_none())
        {
            return false;
        }
        *state = State::default();
        self.troubled.store(false, Ordering::Relaxed);
        true
    }

    /// Records a fault of the module at a request of `caller`, and reports whether that opened the
    /// breaker.
    pub(crate) fn failed(&self, caller: u64, now: Instant) -> bool {
        self.troubled.store(true, Ordering::Relaxed);
        let mut state = self.state.lock();
        if let Some(open) = &mut state.open {
            if open.probing.is_some() {
                open.cooldown = (open.cooldown * 2).min(LONGEST_COOLDOWN);
                open.until = now + open.cooldown;
                open.probing = None;
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
        state.open = Some(Open {
            until: now + COOLDOWN,
            cooldown: COOLDOWN,
            probing: None,
        });
        true
    }

    /// Ends a probe that proved nothing: it led to no call, or to a fault that is not the module's.
    pub(crate) fn abandoned(&self) {
        if !self.troubled.load(Ordering::Relaxed) {
            return;
        }
        if let Some(open) = &mut self.state.lock().open {
            open.probing = None;
        }
    }

    /// True unless the breaker is closed: calls are refused, or a probe is in progress.
    pub fn is_open(&self) -> bool {
        self.troubled.load(Ordering::Relaxed) && self.state.lock().open.is_some()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own instants")]
mod tests {
    use super::*;

    #[test]
    fn five_faults_in_half_a_minute_open_the_breaker_and_one_good_probe_closes_it() {
        let (breaker, start) = (Quarantine::default(), Instant::now());
        for n in 0..4 {
            assert!(!breaker.failed(n % 2, start + Duration::from_secs(n)));
            assert!(breaker.admits(start));
        }
        assert!(breaker.failed(0, start + Duration::from_secs(4)));
        assert!(breaker.is_open() && !breaker.admits(start + Duration::from_secs(5)));

        let later = start + Duration::from_secs(10);
        assert!(breaker.admits(later), "one may probe");
        assert!(!breaker.admits(later), "one only");
        assert!(breaker.worked() && !breaker.is_open() && breaker.admits(later));
    }

    #[test]
    fn a_failed_probe_doubles_the_cooldown() {
        let (breaker, start) = (Quarantine::default(), Instant::now());
        for caller in 0..5 {
            breaker.failed(caller, start);
        }
        assert!(breaker.admits(start + COOLDOWN));
        breaker.failed(0, start + COOLDOWN);
        assert!(!breaker.admits(start + COOLDOWN + COOLDOWN));
        assert!(breaker.admits(start + COOLDOWN + 2 * COOLDOWN));
    }

    #[test]
    fn rare_faults_never_open_it() {
        let (breaker, start) = (Quarantine::default(), Instant::now());
        for n in 0..100 {
            assert!(!breaker.failed(n, start + Duration::from_secs(8 * n)));
        }
    }

    #[test]
    fn one_caller_alone_never_opens_it() {
        let (breaker, start) = (Quarantine::default(), Instant::now());
        for n in 0..1000 {
            assert!(!breaker.failed(7, start + Duration::from_millis(n)));
        }
        assert!(breaker.state.lock().faults.len() <= OF_ONE_CALLER);
        let later = start + Duration::from_secs(1);
        assert!(!breaker.failed(8, later), "another's first is no proof yet");
        assert!(breaker.failed(8, later));
    }

    #[test]
    fn a_probe_that_proves_nothing_leaves_the_cooldown_as_it_is() {
        let (breaker, start) = (Quarantine::default(), Instant::now());
        for caller in 0..5 {
            breaker.failed(caller, start);
        }
        assert!(breaker.admits(start + COOLDOWN));
        breaker.abandoned();
        assert!(breaker.is_open() && breaker.admits(start + COOLDOWN));
    }
}
