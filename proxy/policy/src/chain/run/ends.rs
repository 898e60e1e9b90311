//! The steps where no reply came, and after an exchange.

use std::sync::Arc;

use super::{
    super::{TracedPolicy, Verdict, active::ActivePolicy},
    Run,
};
use crate::{Coverage, Decision, Failure, Outcome, Rescue, Work};

impl Run {
    /// Reports whether any policy is to be called for a failure.
    pub fn rescues(&self) -> bool {
        self.active.iter().any(ActivePolicy::rescues)
    }

    /// Calls the failure hooks of the policies that were called for the request, from the last to
    /// the first, for what replaces the failure. `None`: nothing does. A policy that fails here
    /// changes nothing: the exchange has failed already. To be called again where what was tried
    /// instead fails, too: each policy has targets tried once.
    pub async fn on_failure(&mut self, failure: &Arc<Failure>) -> Option<Rescue> {
        for active in self.active.iter_mut().rev() {
            if !active.rescues() {
                continue;
            }
            let begun = (self.clock)();
            let turn = match active.take(begun) {
                Ok(instance) => instance.on_failure(Arc::clone(failure)).await,
                Err(fault) => Err(fault),
            };
            let now = (self.clock)();
            let took = now.duration_since(begun);
            match turn {
                Ok((instance, Decision::Reply(text))) => {
                    active.worked(instance, "failure", Verdict::Replied, took);
                    return Some(Rescue::Text(text));
                }
                Ok((instance, Decision::Refuse(denial))) => {
                    active.worked(instance, "failure", Verdict::Refused, took);
                    return Some(Rescue::Denied(denial));
                }
                Ok((instance, Decision::TryNow(targets))) if !active.retried => {
                    active.retried = true;
                    active.worked(instance, "failure", Verdict::Retried, took);
                    return Some(Rescue::TryNow(targets));
                }
                Ok((instance, _)) => {
                    active.worked(instance, "failure", Verdict::Forwarded, took);
                }
                Err(fault) => drop(active.failed("failure", fault, self.caller, now, took)),
            }
        }
        None
    }

    /// Reports whether any policy has an end hook that is due.
    pub fn ends(&self) -> bool {
        self.active.iter().any(ActivePolicy::ends)
    }

    /// Returns the calls of `on-end` that are due, to be run at settlement; they return what was
    /// called, where somebody traces the exchange.
    pub fn end(&mut self, outcome: &Arc<Outcome>) -> Option<Work<Vec<TracedPolicy>>> {
        let active = std::mem::take(&mut self.active).into_iter();
        let due: Vec<ActivePolicy> = active.filter(ActivePolicy::ends).collect();
        if due.is_empty() {
            return None;
        }
        let (clock, caller, outcome) = (self.clock, self.caller, Arc::clone(outcome));
        Some(Box::pin(async move {
            let mut traced = Vec::new();
            for mut active in due {
                let begun = clock();
                let turn = match active.take(begun) {
                    Ok(instance) => instance.on_end(Arc::clone(&outcome)).await,
                    Err(fault) => Err(fault),
                };
                let now = clock();
                match turn {
                    Ok(()) => {
                        let (label, took) = (Verdict::Forwarded.label(), now.duration_since(begun));
                        if let Some(hooks) = &mut active.hooks {
                            hooks.note("end", label, false, took);
                        }
                        let listener = &active.policy.listener;
                        listener.called(&active.policy, "end", label, took);
                    }
                    // Nothing waits any more: a fault here is counted, and decides nothing.
                    Err(fault) => {
                        let took = now.duration_since(begun);
                        drop(active.failed("end", fault, caller, now, took));
                    }
                }
                active.coverage = Coverage::default();
                traced.extend(active.traced());
            }
            traced
        }))
    }
}
