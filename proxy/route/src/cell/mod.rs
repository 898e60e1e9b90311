//! Circuit breakers: what is left alone for a while after it failed.
//!
//! A [`Cell`] stands for one target, key, key with one model, or account; the failure's class says
//! which of them it speaks of. An attempt enters all of its cells and leaves each with an
//! [`Outcome`]. A cell opens on a run of failures, on a share of them by exact counts, or at once
//! where the provider gives an end. Once its time is over, one real request is the probe: a success
//! closes the cell, a failure opens it for longer, and what proves nothing makes place for the next.
//! A 429 without an end opens nothing: it halves what may be in flight.
//!
//! First content is a success at once, so that long replies count while they go on. A reply that
//! fails after it is one failure and no success: what its first content counted is taken back.
//!
//! Nothing here depends on permits that come back. A permit ends with its lease, comes back once
//! whoever leaves with it again, and changes nothing once the cell has opened or closed since.

mod bound;
mod left;
mod merge;
mod outcome;
mod slots;
mod window;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::{Room, class::Class};
use bound::Bound;
use left::Left;
pub use merge::Remote;
pub use outcome::{Admits, Change, Outcome, State};
use slots::{Content, Slot, Slots};
use window::Window;

/// So many failures in a row open a cell.
const RUN: u32 = 5;
/// So many outcomes within the window may open it by their share of failures.
const ENOUGH: u32 = 10;
/// The first time for which failures open it; it doubles with each that follows.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest time for which failures open it, and for which it must have been closed so that the
/// next opening is short again.
const LONGEST: Duration = Duration::from_secs(60);
/// Ends further away than that are cut: nothing that a provider says is for ever.
const FURTHEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The share of a time by which it may be longer, so that replicas do not probe together.
const JITTER: f64 = 0.15;
/// The longest that it is made longer.
const LONGEST_JITTER: Duration = Duration::from_secs(10);
/// A bound of nothing in flight is forgotten so long after the last 429.
const BOUND_LASTS: Duration = Duration::from_secs(60);

/// A breaker with its bound of what is in flight. About 380 bytes, and 16 for each attempt.
#[derive(Debug, Clone)]
pub struct Cell {
    born: Instant,
    /// Makes the jitter of this cell unlike that of others.
    seed: u64,
    phase: Phase,
    /// Counts openings, closings and probes: what an attempt of an older one shows is out of date.
    period: u32,
    /// Failures without first content between them.
    run: u32,
    /// Failures since a reply ended well.
    unended: u32,
    /// Openings by failures without a time of rest between them.
    openings: u32,
    closed_at: Option<Instant>,
    window: Window,
    slots: Slots,
    bound: Option<Bound>,
    /// Counts halvings: attempts that began before one do not cause another.
    halvings: u32,
    halved_at: Option<Instant>,
    /// The last halving of another replica that was taken over.
    remote_halving: Option<Instant>,
    left: Left,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open {
        until: Instant,
        cause: Option<Class>,
        /// The end of the probe's lease, where there is one.
        probe: Option<Instant>,
    },
}

/// An attempt's place in a cell. Does not come back by itself when dropped, but with its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a slot that is not given back is taken until its lease ends"]
pub struct Permit {
    slot: Slot,
    period: u32,
    halvings: u32,
}

impl Cell {
    /// A closed cell. `seed` decides its jitter: a hash of its name and of the replica's.
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            born: now,
            seed,
            phase: Phase::Closed,
            period: 0,
            run: 0,
            unended: 0,
            openings: 0,
            closed_at: None,
            window: Window::default(),
            slots: Slots::default(),
            bound: None,
            halvings: 0,
            halved_at: None,
            remote_halving: None,
            left: Left::default(),
        }
    }

    /// Returns whether an attempt of about `tokens` tokens may be made now.
    pub fn admits(&self, now: Instant, tokens: u64) -> Admits {
        let room = self.left.short_until(now, tokens);
        let blocked = |until| Admits::No { until };
        match self.phase {
            Phase::Open { until, .. } if now < until => blocked(room.max(Some(until))),
            Phase::Open {
                probe: Some(lease), ..
            } if now < lease => blocked(None),
            Phase::Closed
                if self
                    .bound
                    .is_some_and(|bound| self.in_flight(now) >= bound.limit()) =>
            {
                blocked(None)
            }
            Phase::Open { .. } | Phase::Closed if room.is_some() => blocked(room),
            Phase::Open { .. } => Admits::Probe,
            Phase::Closed => Admits::Yes,
        }
    }

    /// Begins an attempt of about `tokens` tokens, which must show its first content, or leave,
    /// within `lease`: later it counts as lost.
    ///
    /// # Errors
    ///
    /// [`Admits::No`], where the attempt may not be made.
    pub fn enter(&mut self, now: Instant, tokens: u64, lease: Duration) -> Result<Permit, Admits> {
        let age = self.age(now);
        self.slots.end_leases(age);
        self.forget_bound(now);
        let admits = self.admits(now, tokens);
        let lease = lease.min(FURTHEST);
        match (admits, &mut self.phase) {
            (Admits::No { .. }, _) => return Err(admits),
            (Admits::Probe, Phase::Open { probe, .. }) => {
                *probe = Some(now + lease);
                self.period = self.period.wrapping_add(1);
            }
            (Admits::Probe | Admits::Yes, _) => {}
        }
        let tokens = self.left.take(tokens, now);
        let slot = self.slots.take(age + lease, tokens);
        Ok(Permit {
            slot,
            period: self.period,
            halvings: self.halvings,
        })
    }

    /// Notes an attempt's first content: a success, while its reply goes on for `lease` at the most.
    pub fn commit(&mut self, permit: Permit, lease: Duration, now: Instant) -> Option<Change> {
        let age = self.age(now);
        let ends = age + lease.min(FURTHEST);
        let bucket = self.window.bucket_at(age);
        if !self.slots.commit(permit.slot, ends, bucket) {
            return None;
        }
        let change = self.apply(permit, Outcome::Success, now);
        if change.is_some() {
            self.slots.note_closed(permit.slot);
        }
        change
    }

    /// Ends an attempt, and returns what other replicas should learn. It counts once: a success as
    /// of its first content, a failure after that in its place. A permit that was left with before,
    /// or whose lease has ended, changes nothing.
    pub fn leave(&mut self, permit: Permit, outcome: Outcome, now: Instant) -> Option<Change> {
        let change = match self.slots.content(permit.slot)? {
            Some(content) => self.end_reply(permit, content, outcome, now),
            None => {
                if outcome == Outcome::Success && permit.period == self.period {
                    self.unended = 0;
                }
                self.apply(permit, outcome, now)
            }
        };
        self.slots.give_back(permit.slot);
        change
    }

    /// Ends an attempt whose first content came. What shows nothing against it leaves it a success.
    fn end_reply(
        &mut self,
        mut permit: Permit,
        content: Content,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Change> {
        if content.closed {
            // The period that it began by closing the cell is its own.
            permit.period = permit.period.wrapping_add(1);
        }
        let is_current = permit.period == self.period;
        match outcome {
            Outcome::Success | Outcome::Nothing => {
                if is_current {
                    self.unended = 0;
                }
                None
            }
            Outcome::Failure | Outcome::Opens { .. } | Outcome::Limited => {
                if is_current && !content.closed {
                    self.window.take_back_success(content.bucket);
                }
                self.apply(permit, outcome, now)
            }
        }
    }

    /// Takes over what a reply's headers say is left. Attempts in flight that nobody has answered
    /// are subtracted: the provider may not have counted them.
    pub fn learn_room(&mut self, permit: Permit, room: &Room, now: Instant) {
        self.slots.end_leases(self.age(now));
        self.slots.answer(permit.slot);
        self.left = Left::of(room, self.slots.unanswered(), &self.left, now);
    }

    /// Closes the cell and forgets what it has learnt, at an operator's word. Attempts in flight
    /// stay counted, and show nothing any more.
    pub fn reset(&mut self) {
        self.set_closed();
        (self.openings, self.closed_at) = (0, None);
        (self.bound, self.halved_at) = (None, None);
        self.left = Left::default();
    }

    /// Returns the cell's state.
    pub fn state(&self, now: Instant) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { until, .. } if now < until => State::Open,
            Phase::Open { .. } => State::HalfOpen,
        }
    }

    /// Returns how many attempts are in flight.
    pub fn in_flight(&self, now: Instant) -> u32 {
        self.slots.taken(self.age(now))
    }

    /// Returns how many may be, where a 429 has bounded that.
    pub fn limit(&self) -> Option<u32> {
        self.bound.map(Bound::limit)
    }

    /// Returns the end of its being open, which may have passed; `None` where it is closed.
    pub const fn open_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed => None,
            Phase::Open { until, .. } => Some(until),
        }
    }

    /// Returns the class that opened it; `None` where it is closed, or failures of any class opened
    /// it by their number.
    pub const fn cause(&self) -> Option<Class> {
        match self.phase {
            Phase::Closed => None,
            Phase::Open { cause, .. } => cause,
        }
    }

    /// Returns the requests and the tokens that a provider's limits leave, where they are known.
    pub fn room(&self, now: Instant) -> (Option<u64>, Option<u64>) {
        self.left.amounts(now)
    }

    /// Returns the tokens of the largest call that these limits have room for; `None` where any has.
    pub fn fits(&self, now: Instant) -> Option<u64> {
        self.left.fits(now)
    }

    fn apply(&mut self, permit: Permit, outcome: Outcome, now: Instant) -> Option<Change> {
        let age = self.age(now);
        if permit.period != self.period {
            return self.apply_late(outcome, now);
        }
        match (self.phase, outcome) {
            (Phase::Closed, Outcome::Success) => {
                self.run = 0;
                self.window.add_success(age);
                if let Some(bound) = self.bound {
                    self.bound = bound.grown(self.in_flight(now));
                }
                None
            }
            (Phase::Closed, Outcome::Failure) => {
                self.run += 1;
                self.unended += 1;
                self.window.add_failure(age);
                let opens = self.run >= RUN || self.fails_often();
                opens.then(|| self.open_after_failures(now))
            }
            (Phase::Closed, Outcome::Limited) if permit.halvings == self.halvings => {
                self.halve(now);
                Some(Change::Halved { at: now })
            }
            (Phase::Closed, Outcome::Limited) => None,
            (Phase::Closed | Phase::Open { .. }, Outcome::Opens { until, cause }) => {
                Some(self.open_until_given(until, cause, now))
            }
            (Phase::Open { .. }, Outcome::Success) => {
                self.set_closed();
                self.closed_at = Some(now);
                Some(Change::Closed)
            }
            (Phase::Open { .. }, Outcome::Failure | Outcome::Limited) => {
                Some(self.open_after_failures(now))
            }
            (Phase::Open { ref probe, .. }, Outcome::Nothing) => {
                debug_assert!(probe.is_some(), "a permit of this period is a probe's");
                self.end_probe();
                None
            }
            (Phase::Closed, Outcome::Nothing) => None,
        }
    }

    /// Applies what began before the cell opened or closed. It shows nothing of how the cell is now,
    /// but an end that the provider gives is news: an open cell is open for longer.
    fn apply_late(&mut self, outcome: Outcome, now: Instant) -> Option<Change> {
        let Outcome::Opens { until, cause } = outcome else {
            return None;
        };
        let until = until.min(now + FURTHEST);
        match &mut self.phase {
            Phase::Open {
                until: own,
                cause: own_cause,
                ..
            } if *own < until => {
                (*own, *own_cause) = (until, Some(cause));
                Some(Change::Opened {
                    until,
                    cause: Some(cause),
                })
            }
            Phase::Open { .. } | Phase::Closed => None,
        }
    }

    /// Returns whether too few replies work: by the share of failures, or by a run of failures while
    /// none ended well. Where most that began of late still go on, that none has ended shows nothing.
    fn fails_often(&self) -> bool {
        let sums = self.window.sums();
        let are_enough = sums.successes.saturating_add(sums.failures) >= ENOUGH;
        (are_enough && sums.successes < sums.failures)
            || (self.unended >= RUN && sums.successes <= sums.failures)
    }

    fn open_after_failures(&mut self, now: Instant) -> Change {
        let rested = |at: Instant| now.saturating_duration_since(at) >= LONGEST;
        if matches!(self.phase, Phase::Closed) && self.closed_at.is_none_or(rested) {
            self.openings = 0;
        }
        let span = SHORTEST
            .saturating_mul(1 << self.openings.min(16))
            .min(LONGEST);
        self.openings = self.openings.saturating_add(1);
        let until = now + span + self.jitter(span);
        self.open(until, None)
    }

    fn open_until_given(&mut self, until: Instant, cause: Class, now: Instant) -> Change {
        let until = until.min(now + FURTHEST);
        let span = until.saturating_duration_since(now);
        let until = until.max(now) + self.jitter(span);
        self.open(until, Some(cause))
    }

    /// Opens, or opens anew after a probe; never for less than is known.
    fn open(&mut self, until: Instant, cause: Option<Class>) -> Change {
        let (until, cause) = match self.phase {
            Phase::Open {
                until: known,
                cause,
                ..
            } if known > until => (known, cause),
            Phase::Open { .. } | Phase::Closed => (until, cause),
        };
        self.set_open(until, cause);
        Change::Opened { until, cause }
    }

    fn set_open(&mut self, until: Instant, cause: Option<Class>) {
        self.phase = Phase::Open {
            until,
            cause,
            probe: None,
        };
        self.period = self.period.wrapping_add(1);
        (self.run, self.unended) = (0, 0);
    }

    fn set_closed(&mut self) {
        self.phase = Phase::Closed;
        self.period = self.period.wrapping_add(1);
        (self.run, self.unended) = (0, 0);
        self.window.clear();
    }

    fn end_probe(&mut self) {
        if let Phase::Open { probe, .. } = &mut self.phase {
            *probe = None;
        }
    }

    fn halve(&mut self, now: Instant) {
        self.bound = Some(Bound::halved(self.bound, self.in_flight(now)));
        self.halvings = self.halvings.wrapping_add(1);
        self.halved_at = Some(now);
    }

    /// Forgets a bound that nothing has needed for long.
    fn forget_bound(&mut self, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) >= BOUND_LASTS;
        if self.bound.is_some() && self.halved_at.is_some_and(old) && self.in_flight(now) == 0 {
            self.bound = None;
        }
    }

    /// A share of `span`, drawn from the cell's seed and period.
    fn jitter(&self, span: Duration) -> Duration {
        let random = mix(self.seed ^ u64::from(self.period)) >> 11;
        let share = random as f64 / (1_u64 << 53) as f64;
        span.mul_f64(JITTER * share).min(LONGEST_JITTER)
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.born)
    }
}

/// The step of SplitMix64: neighbouring numbers become unrelated ones.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
