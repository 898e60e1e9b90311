//! A policy in one exchange: its instance, what it did, and the text that it withholds from the
//! reply.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use dialect::{Delta, Place, Places};

use super::{Activity, LoadedPolicy, Stop, TracedPolicy, Verdict, hooks::Hooks};
use crate::{Blame, Coverage, Effect, Fault, Instance, hold::Hold};

/// A policy in one exchange.
pub(super) struct ActivePolicy {
    pub(super) policy: Arc<LoadedPolicy>,
    pub(super) instance: Option<Box<dyn Instance>>,
    /// True if it failed or was not admitted: it is not called again in this exchange.
    pub(super) out: bool,
    /// True if it has had targets tried in the place of a failure: it does so once.
    pub(super) retried: bool,
    /// Places of replies that it judges before they are sent; none where it judges none.
    pub(super) judges: Option<Places>,
    /// True if it has not accepted the reply of the attempt that is judged.
    pub(super) is_judging: bool,
    pub(super) verdict: Option<Verdict>,
    pub(super) holds: BTreeMap<u32, Withheld>,
    pub(super) places: Places,
    pub(super) coverage: Coverage,
    pub(super) activity: Activity,
    /// Its calls, where somebody traces the exchange.
    pub(super) hooks: Option<Hooks>,
}

impl ActivePolicy {
    pub(super) fn new(policy: &Arc<LoadedPolicy>) -> Self {
        Self {
            policy: Arc::clone(policy),
            instance: None,
            out: false,
            retried: false,
            judges: None,
            is_judging: false,
            verdict: None,
            holds: BTreeMap::new(),
            places: policy.program.manifest().rewrites,
            coverage: Coverage::default(),
            activity: Activity::default(),
            hooks: None,
        }
    }

    /// Takes what was called of it so far; none where nobody traces the exchange.
    pub(super) fn traced(&mut self) -> Option<TracedPolicy> {
        let hooks = self.hooks.as_mut()?.take();
        Some(TracedPolicy {
            policy: Arc::clone(&self.policy),
            coverage: self.coverage.clone(),
            hooks,
        })
    }

    pub(super) fn ends(&self) -> bool {
        !self.out && self.policy.program.manifest().hooks.end && self.verdict.is_some()
    }

    /// Reports whether it was called for the request, and is to be called for a failure.
    pub(super) fn rescues(&self) -> bool {
        !self.out && self.policy.program.manifest().hooks.failure && self.verdict.is_some()
    }

    pub(super) fn rewrites(&self) -> bool {
        !self.out && self.policy.rewrites_replies()
    }

    /// Reports whether the policy may be called again after its request hook.
    fn has_later_hooks(&self) -> bool {
        let hooks = &self.policy.program.manifest().hooks;
        hooks.end || hooks.failure || self.judges.is_some() || self.policy.rewrites_replies()
    }

    /// Takes the instance, made now where there is none yet.
    pub(super) fn take(&mut self, now: Instant) -> Result<Box<dyn Instance>, Fault> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        if !self.policy.quarantine.admits(now) {
            return Err(Fault::Quarantined);
        }
        self.policy.program.start()
    }

    pub(super) fn worked(
        &mut self,
        instance: Box<dyn Instance>,
        hook: &'static str,
        verdict: Verdict,
        took: Duration,
    ) {
        let listener = &self.policy.listener;
        // An instance that nothing will call again gives its slot and its memory back now, not at
        // the end of a reply.
        self.instance = (hook != "request" || self.has_later_hooks()).then_some(instance);
        self.activity.took += took;
        let stays = matches!(
            self.verdict,
            Some(Verdict::Edited | Verdict::Retried | Verdict::Rejected)
        );
        if !stays || verdict != Verdict::Forwarded {
            self.verdict = Some(verdict);
        }
        if let Some(hooks) = &mut self.hooks {
            hooks.note(hook, verdict.label(), false, took);
        }
        self.policy.calls.fetch_add(1, Ordering::Relaxed);
        listener.called(&self.policy, hook, verdict.label(), took);
        if self.policy.quarantine.worked() {
            listener.quarantined(&self.policy, false);
        }
    }

    /// Drops the instance after a whole reply, which is shown in one call, where no other hook can
    /// follow.
    pub(super) fn replied(&mut self) {
        let hooks = &self.policy.program.manifest().hooks;
        if !hooks.end && !hooks.failure {
            self.instance = None;
        }
    }

    /// Records a fault at a request of `caller`; the exchange goes on without the policy, or stops.
    pub(super) fn failed(
        &mut self,
        hook: &'static str,
        fault: Fault,
        caller: u64,
        now: Instant,
        took: Duration,
    ) -> Result<(), Stop> {
        let listener = &self.policy.listener;
        self.out = true;
        self.activity.took += took;
        self.activity.fault = Some(fault.label());
        let blocks = self.policy.on_error == Effect::Block;
        self.verdict = Some(if blocks {
            Verdict::Faulted
        } else {
            Verdict::Skipped
        });
        if let Some(hooks) = &mut self.hooks {
            hooks.note(hook, fault.label(), true, took);
        }
        listener.called(&self.policy, hook, fault.label(), took);
        let blame = fault.blame();
        if matches!(blame, Blame::Module | Blame::Input | Blame::Service) {
            self.policy.faults.fetch_add(1, Ordering::Relaxed);
            listener.faulted(&self.policy, hook, &fault);
        }
        match blame {
            Blame::Module => {
                if self.policy.quarantine.failed(caller, now) {
                    listener.quarantined(&self.policy, true);
                }
            }
            // They say nothing about the module: a probe that ended so proved nothing.
            Blame::Input | Blame::Service | Blame::Load => self.policy.quarantine.abandoned(),
            Blame::Breaker => {}
        }
        if blocks {
            Err(Stop::Failed(Arc::clone(&self.policy), fault))
        } else {
            Ok(())
        }
    }

    /// Returns the number of bytes of the text that it is to be shown.
    pub(super) fn bytes_of(&self, deltas: &[Delta]) -> u64 {
        let own = deltas
            .iter()
            .filter(|delta| self.places.contains(delta.place));
        own.map(|delta| delta.text.len() as u64).sum()
    }

    /// Records what the policy returned for a delta that it was shown. Returns the delta's new
    /// text: what the policy returned, without what was sent early.
    pub(super) fn hold(
        &mut self,
        delta: &Delta,
        returned: Option<String>,
        now: Instant,
    ) -> Option<String> {
        if returned.is_none() && self.holds.is_empty() {
            return None;
        }
        let withheld = self.holds.entry(delta.channel).or_insert_with(|| Withheld {
            hold: Hold::default(),
            choice: delta.choice,
            place: delta.place,
        });
        let hold = &mut withheld.hold;
        let bytes = hold.bytes();
        let noted = hold.note(&delta.text, returned, now);
        if let Some(time) = noted.hold_time {
            self.policy.listener.withheld(&self.policy, time, bytes);
        }
        if delta.last || hold.bytes() == 0 {
            self.holds.remove(&delta.channel);
        }
        noted.text
    }

    /// Returns a fault if it withholds more text than it may.
    pub(super) fn exceeds_hold(&self) -> Option<Fault> {
        let bytes = self.policy.limits.held_bytes;
        let over = self
            .holds
            .values()
            .any(|withheld| withheld.hold.bytes() > bytes);
        over.then_some(Fault::HeldTooMuch)
    }

    /// Returns the instant at which the text that it has withheld longest must be sent.
    pub(super) fn hold_until(&self) -> Option<Instant> {
        let since = self
            .holds
            .values()
            .filter_map(|withheld| withheld.hold.since());
        since.min()?.checked_add(self.policy.limits.held_time)
    }

    /// Returns the text that it has withheld until `now` for as long as it may, as deltas of its
    /// channels. It is sent as it is; a policy that is still called may return it later, and then
    /// it is not sent again.
    pub(super) fn let_go(&mut self, now: Instant) -> Vec<Delta> {
        let (policy, out) = (&self.policy, self.out);
        let mut deltas = Vec::new();
        self.holds.retain(|channel, withheld| {
            let since = withheld.hold.since();
            let until = since.and_then(|since| since.checked_add(policy.limits.held_time));
            let (Some(since), true) = (since, until.is_some_and(|until| until <= now)) else {
                return true;
            };
            let text = if out {
                withheld.hold.take()
            } else {
                withheld.hold.send_early()
            };
            policy
                .listener
                .withheld(policy, now.duration_since(since), text.len());
            if !out {
                policy
                    .listener
                    .called(policy, "reply", "held_released", Duration::ZERO);
            }
            deltas.push(Delta {
                channel: *channel,
                choice: withheld.choice,
                place: withheld.place,
                json: withheld.place == Place::ToolArguments,
                text,
                last: false,
            });
            !out
        });
        deltas
    }

    /// Adds the text that a policy which is skipped from here on had withheld to the next text of
    /// its channel; a channel that brings none in this batch waits for its next one, its last one
    /// at the latest.
    pub(super) fn give_out(&mut self, deltas: &mut [Delta], changed: &mut Vec<bool>, side: Side) {
        self.holds.retain(|channel, withheld| {
            let mut own = deltas
                .iter_mut()
                .enumerate()
                .filter(|(_, delta)| delta.channel == *channel);
            let beside = match side {
                Side::Before => own.next(),
                Side::After => own.last(),
            };
            let Some((at, delta)) = beside else {
                return true;
            };
            let text = withheld.hold.take();
            if !text.is_empty() {
                match side {
                    Side::Before => delta.text.insert_str(0, &text),
                    Side::After => delta.text.push_str(&text),
                }
                mark(changed, at);
            }
            false
        });
    }
}

/// Text that a policy withholds from one channel, and that channel's choice and place.
pub(super) struct Withheld {
    hold: Hold,
    choice: u32,
    place: Place,
}

/// The side on which withheld text goes: before what the failed policy was not shown, or after what
/// it let out.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Before,
    After,
}

pub(super) fn mark(changed: &mut Vec<bool>, at: usize) {
    if changed.len() <= at {
        changed.resize(at + 1, false);
    }
    if let Some(mark) = changed.get_mut(at) {
        *mark = true;
    }
}
