//! The step that may follow a failed attempt, and the meaning of its failure for its cells.
//!
//! The failure's class decides; budgets, the deadline and a number of attempts bound it. A [`Trail`]
//! is one exchange's: it knows what was done, and chooses no target. Cells, not the trail, keep the
//! next attempt away from what failed.

mod outcome;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::{Failure, RequestFault, RetryBudget, Scope, backoff::full_jitter, class::Class};

/// An attempt that took longer to be refused is not made again at the same target while there are
/// others: a black hole would swallow the next one, too.
const SOON_REFUSED: Duration = Duration::from_secs(1);
/// The share of a provider's end by which a wait is longer, so that those who wait do not all come
/// at once.
const JITTER: f64 = 0.1;

/// The bounds of one exchange's attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailLimits {
    /// Attempts in all, the first among them.
    pub attempts: u8,
    /// The longest wait for the end that a provider gives.
    pub wait: Duration,
    /// One more attempt may follow one that may have been done, and charged for.
    pub maybe_done: bool,
    /// Another target may be tried where the first one's filter refused the content.
    pub content_filter: bool,
}

/// The attempts of one exchange so far.
#[derive(Debug, Clone)]
pub struct Trail {
    limits: TrailLimits,
    deadline: Instant,
    /// Attempts that were made or allowed, the first among them.
    attempts: u8,
    /// Repetitions at the same target after a pause.
    pauses: u32,
    /// A refused request was sent to the same target once more.
    repeated_refused: bool,
    /// A provider's end was waited for while others could have been tried.
    waited: bool,
    /// An attempt followed one that may have been done.
    repeated_maybe_done: bool,
    /// Foreign signatures were left out.
    stripped: bool,
}

/// The circumstances of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances {
    /// The time of the failure.
    pub now: Instant,
    /// The time that the attempt took.
    pub took: Duration,
    /// There is another target that would admit the call.
    pub other_targets: bool,
    /// There is one with another key, at this target or another.
    pub other_keys: bool,
    /// There is one with another account.
    pub other_accounts: bool,
    /// There is one with a larger window.
    pub larger_window: bool,
    /// Much of the request is in the prompt cache of this target.
    pub cache_is_warm: bool,
    /// A random number in `0.0..1.0`.
    pub random: f64,
}

/// The budgets that attempts after the first are taken from.
#[derive(Debug)]
pub struct Budgets<'a> {
    /// Of all of them.
    pub retries: &'a mut RetryBudget,
    /// Of those that follow an attempt that may have been done, beside the first.
    pub maybe_done: &'a mut RetryBudget,
}

/// The step that follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same target once more, with any of its keys. Its cell may be open for a little longer
    /// than the pause.
    Same {
        /// The pause before.
        after: Duration,
    },
    /// Another candidate.
    Other {
        /// The part it must not share with what failed: the target, the key with the model (one
        /// of both may be the same), the key or the account.
        outside: Scope,
    },
    /// A target with a larger window.
    LargerWindow,
    /// The same target and key, without the signatures of other models.
    Stripped,
    /// Nothing.
    Stop,
}

impl Trail {
    /// The trail of an exchange whose first attempt is being made.
    pub const fn new(limits: TrailLimits, deadline: Instant) -> Self {
        Self {
            limits,
            deadline,
            attempts: 1,
            pauses: 0,
            repeated_refused: false,
            waited: false,
            repeated_maybe_done: false,
            stripped: false,
        }
    }

    /// Goes on within other bounds: after a wait, or where another alias takes over.
    pub const fn within(&mut self, limits: TrailLimits, deadline: Instant) {
        self.limits = limits;
        self.deadline = deadline;
    }

    /// Returns how many attempts were made or allowed.
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// Returns whether none may follow the present one, whatever becomes of it.
    pub const fn is_last(&self) -> bool {
        self.attempts >= self.limits.attempts
    }

    /// Returns what is left until the deadline.
    pub fn left(&self, now: Instant) -> Duration {
        self.deadline.saturating_duration_since(now)
    }

    /// Returns whether the budgets alone keep another attempt from following the failure.
    pub fn is_short_of_budget(
        &self,
        failure: &Failure,
        now: Instant,
        budgets: &mut Budgets<'_>,
    ) -> bool {
        let is_retryable = match failure.class {
            Class::Refused
            | Class::Rate
            | Class::Overload
            | Class::Money
            | Class::Key
            | Class::Credentials => true,
            Class::MaybeDone => self.may_repeat_maybe_done(),
            Class::Unfit | Class::Request | Class::Caller | Class::Own => false,
        };
        let is_maybe_done = failure.class == Class::MaybeDone;
        is_retryable
            && !self.is_last()
            && !self.left(now).is_zero()
            && (!budgets.retries.allows(now) || is_maybe_done && !budgets.maybe_done.allows(now))
    }

    /// Decides what follows a failure, and takes that from the budgets.
    pub fn after(
        &mut self,
        failure: &Failure,
        at: &Circumstances,
        budgets: &mut Budgets<'_>,
    ) -> Next {
        let next = self.permitted(failure, at, budgets.retries.allows(at.now));
        let pause = match next {
            Next::Same { after } => after,
            Next::Other { .. } | Next::LargerWindow | Next::Stripped => Duration::ZERO,
            Next::Stop => return Next::Stop,
        };
        let maybe_done = failure.class == Class::MaybeDone;
        // Budgets bound the work that providers have beside the exchanges themselves. Where nobody
        // took the request, the next provider is the first to work on it.
        let is_first_work = failure.class == Class::Refused && matches!(next, Next::Other { .. });
        if is_first_work && !self.is_last() && !self.left(at.now).is_zero() {
            self.attempts = self.attempts.saturating_add(1);
        } else if is_first_work || !self.take(pause, maybe_done, at.now, budgets) {
            return Next::Stop;
        }
        match (failure.class, next) {
            (Class::Refused, Next::Same { .. }) => self.repeated_refused = true,
            (Class::Rate, Next::Same { .. }) => self.waited = true,
            (Class::MaybeDone, _) => self.repeated_maybe_done = true,
            (_, Next::Stripped) => self.stripped = true,
            _ => {}
        }
        if matches!(next, Next::Same { .. }) {
            self.pauses += 1;
        }
        next
    }

    /// Takes one more attempt at a policy's word, whatever the failure, from the same budgets and
    /// until the same deadline. It may be one more than there are attempts: policies are asked once
    /// those are used up, each of them once. A reply that a policy rejected takes nothing from the
    /// budgets, which are there for outages: its target works. Returns false where there is none.
    pub fn try_now(&mut self, failure: &Failure, now: Instant, budgets: &mut Budgets<'_>) -> bool {
        let maybe_done = failure.class == Class::MaybeDone;
        if failure.class == Class::Caller || (maybe_done && !self.may_repeat_maybe_done()) {
            return false;
        }
        if failure.class == Class::Unfit {
            let is_time = !self.left(now).is_zero();
            self.attempts = self.attempts.saturating_add(is_time.into());
            return is_time;
        }
        let taken = self.take_from_budgets(Duration::ZERO, maybe_done, now, budgets);
        self.repeated_maybe_done |= taken && maybe_done;
        taken
    }

    /// The step that the class permits, where the budget of retries allows one more or does not.
    fn permitted(&self, failure: &Failure, at: &Circumstances, is_allowed: bool) -> Next {
        match failure.class {
            Class::Refused => self.after_refused(failure, at, is_allowed),
            Class::Rate => self.after_rate(failure, at),
            Class::Overload => self.elsewhere_or_after_pause(failure, at),
            Class::Money => other_if(at.other_accounts, Scope::Account),
            Class::Key => other_if(at.other_keys, Scope::Key),
            Class::Credentials => other_if(at.other_targets, Scope::Target),
            Class::MaybeDone if self.may_repeat_maybe_done() => {
                self.elsewhere_or_after_pause(failure, at)
            }
            Class::Request => self.after_request(failure.fault, at),
            Class::MaybeDone | Class::Unfit | Class::Caller | Class::Own => Next::Stop,
        }
    }

    fn after_refused(&self, failure: &Failure, at: &Circumstances, is_allowed: bool) -> Next {
        let again = !self.repeated_refused;
        match at.other_targets {
            true if again && is_allowed && at.took < SOON_REFUSED => Next::Same {
                after: Duration::ZERO,
            },
            true => Next::Other {
                outside: Scope::Target,
            },
            false if again => self.pause(failure, at),
            false => Next::Stop,
        }
    }

    /// A warm cache is worth a wait, once; a cold one is not while others can be tried.
    fn after_rate(&self, failure: &Failure, at: &Circumstances) -> Next {
        let others = match failure.scope {
            Scope::Account => at.other_accounts,
            Scope::Key => at.other_keys,
            Scope::Target => at.other_targets,
            Scope::KeyModel | Scope::Nothing => at.other_keys || at.other_targets,
        };
        let worth_it = at.cache_is_warm && failure.retry_after.is_some() && !self.waited;
        if worth_it || !others {
            let wait = self.pause(failure, at);
            if wait != Next::Stop {
                return wait;
            }
        }
        other_if(others, failure.scope)
    }

    fn elsewhere_or_after_pause(&self, failure: &Failure, at: &Circumstances) -> Next {
        if at.other_targets {
            Next::Other {
                outside: Scope::Target,
            }
        } else {
            self.pause(failure, at)
        }
    }

    fn after_request(&self, fault: Option<RequestFault>, at: &Circumstances) -> Next {
        match fault {
            Some(RequestFault::ContextLength) if at.larger_window => Next::LargerWindow,
            Some(RequestFault::ForeignSignature) if !self.stripped => Next::Stripped,
            Some(RequestFault::ContentFilter) if self.limits.content_filter => {
                other_if(at.other_targets, Scope::Target)
            }
            Some(
                RequestFault::ContextLength
                | RequestFault::ForeignSignature
                | RequestFault::ContentFilter
                | RequestFault::Model
                | RequestFault::Other,
            )
            | None => Next::Stop,
        }
    }

    /// The same target after a pause: until the provider's end where it gives one, and where that
    /// is not too far.
    fn pause(&self, failure: &Failure, at: &Circumstances) -> Next {
        let after = match failure.retry_after.filter(|end| !end.is_zero()) {
            Some(end) if end > self.limits.wait => return Next::Stop,
            Some(end) => end + end.mul_f64(JITTER * at.random.clamp(0.0, 1.0)),
            None => full_jitter(self.pauses, at.random),
        };
        if after < self.left(at.now) {
            Next::Same { after }
        } else {
            Next::Stop
        }
    }

    const fn may_repeat_maybe_done(&self) -> bool {
        self.limits.maybe_done && !self.repeated_maybe_done
    }

    fn take(
        &mut self,
        pause: Duration,
        maybe_done: bool,
        now: Instant,
        budgets: &mut Budgets<'_>,
    ) -> bool {
        !self.is_last() && self.take_from_budgets(pause, maybe_done, now, budgets)
    }

    fn take_from_budgets(
        &mut self,
        pause: Duration,
        maybe_done: bool,
        now: Instant,
        budgets: &mut Budgets<'_>,
    ) -> bool {
        let possible = pause < self.left(now)
            && budgets.retries.allows(now)
            && (!maybe_done || budgets.maybe_done.withdraw(now))
            && budgets.retries.withdraw(now);
        if possible {
            self.attempts = self.attempts.saturating_add(1);
        }
        possible
    }
}

const fn other_if(possible: bool, outside: Scope) -> Next {
    if possible {
        Next::Other { outside }
    } else {
        Next::Stop
    }
}
