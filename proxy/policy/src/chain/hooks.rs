//! The calls of hooks in one exchange, noted where somebody traces it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{LoadedPolicy, Verdict};
use crate::Coverage;

/// The calls of one hook of a policy in one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookCalls {
    /// `request`, `attempt`, `reply`, `failure` or `end`.
    pub hook: &'static str,
    /// A [`Verdict`]'s or a [`Fault`](crate::Fault)'s label: an edit stays one whatever follows,
    /// unless that is more than to forward.
    pub outcome: &'static str,
    /// True if the last call failed.
    pub is_fault: bool,
    /// The number of calls.
    pub calls: u32,
    /// The beginning of the first one.
    pub begun: Instant,
    /// The end of the last one.
    pub ended: Instant,
    /// Time in all of them.
    pub took: Duration,
}

/// A policy in an exchange that is traced: what was called of it, and what it was shown.
#[derive(Debug, Clone)]
pub struct TracedPolicy {
    /// The policy.
    pub policy: Arc<LoadedPolicy>,
    /// Its coverage.
    pub coverage: Coverage,
    /// Its hooks, in the order of their first calls.
    pub hooks: Vec<HookCalls>,
}

/// The hooks of one policy, while an exchange goes on.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    clock: fn() -> Instant,
    calls: Vec<HookCalls>,
}

impl Hooks {
    pub(super) const fn new(clock: fn() -> Instant) -> Self {
        Self {
            clock,
            calls: Vec::new(),
        }
    }

    /// Notes a call that ended now.
    pub(super) fn note(
        &mut self,
        hook: &'static str,
        outcome: &'static str,
        is_fault: bool,
        took: Duration,
    ) {
        let ended = (self.clock)();
        let Some(calls) = self.calls.iter_mut().find(|calls| calls.hook == hook) else {
            self.calls.push(HookCalls {
                hook,
                outcome,
                is_fault,
                calls: 1,
                begun: ended.checked_sub(took).unwrap_or(ended),
                ended,
                took,
            });
            return;
        };
        if outcome != Verdict::Forwarded.label() {
            calls.outcome = outcome;
        }
        calls.is_fault |= is_fault;
        calls.calls += 1;
        calls.ended = ended;
        calls.took += took;
    }

    pub(super) fn take(&mut self) -> Vec<HookCalls> {
        std::mem::take(&mut self.calls)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own instants")]
mod tests {
    use super::*;

    #[test]
    fn the_calls_of_a_hook_are_one_entry_and_an_edit_stays_one() {
        const MS: Duration = Duration::from_millis(1);
        let mut hooks = Hooks::new(Instant::now);
        hooks.note("request", "forwarded", false, MS);
        for outcome in ["forwarded", "edited", "forwarded"] {
            hooks.note("reply", outcome, false, MS);
        }
        hooks.note("failure", "trap", true, MS);
        let calls = hooks.take();
        let seen: Vec<_> = calls
            .iter()
            .map(|calls| (calls.hook, calls.outcome, calls.calls, calls.is_fault))
            .collect();
        assert_eq!(
            seen,
            [
                ("request", "forwarded", 1, false),
                ("reply", "edited", 3, false),
                ("failure", "trap", 1, true),
            ]
        );
        assert_eq!(calls[1].took, 3 * MS);
        assert!(calls[1].begun <= calls[1].ended && hooks.take().is_empty());
    }
}
