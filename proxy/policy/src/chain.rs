//! The chain: requests go down it, replies come back up it.
//!
//! A [`Chain`] belongs to a generation; a [`Run`] is one exchange's pass through it, with an
//! instance per policy that is made when its first hook runs and kept to the end. Any fault of a
//! policy costs that instance: `on_error` says whether the exchange goes on as if the policy were
//! not there (its edits undone, the text it withheld sent) or is refused.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use dialect::Places;

use super::{
    Call, Coverage, Denial, Effect, Fault, Found, OnUnseen, PolicyLimits, Program,
    quarantine::Quarantine,
};

mod active;
mod activity;
mod hooks;
mod run;

pub use activity::{Activity, Edits, HookFigures};
pub use hooks::{HookCalls, TracedPolicy};
pub use run::{Judgement, Run};

/// One policy in force.
pub struct LoadedPolicy {
    /// Name in the chain.
    pub name: Arc<str>,
    /// Version that the policy gives itself.
    pub version: Arc<str>,
    /// Code of the policy.
    pub program: Arc<dyn Program>,
    /// Effect of a fault on the exchange.
    pub on_error: Effect,
    /// Effect on the exchange of an unseen prompt or reply, or a part of one.
    pub on_unseen: OnUnseen,
    /// Bounds of the policy.
    pub limits: PolicyLimits,
    /// Breaker that decides whether it is called at all.
    pub quarantine: Quarantine,
    /// Calls so far.
    pub calls: AtomicU64,
    /// Faults so far.
    pub faults: AtomicU64,
    /// Receiver of its events.
    pub listener: Arc<dyn Listener>,
}

/// The policies of one generation, in order.
#[derive(Default)]
pub struct Chain {
    policies: Vec<Arc<LoadedPolicy>>,
    reads: Places,
    rewrites: Places,
    asks: bool,
}

impl Chain {
    /// Puts `policies` in force.
    pub fn new(policies: Vec<Arc<LoadedPolicy>>) -> Self {
        let manifests = || policies.iter().map(|policy| policy.program.manifest());
        Self {
            reads: manifests()
                .filter(|m| m.hooks.request)
                .fold(Places::NONE, |all, m| all.union(m.reads)),
            rewrites: manifests()
                .filter(|m| m.hooks.reply)
                .fold(Places::NONE, |all, m| all.union(m.rewrites)),
            asks: manifests().any(|m| m.hooks.request),
            policies,
        }
    }

    /// Returns the policies, in order.
    pub fn policies(&self) -> &[Arc<LoadedPolicy>] {
        &self.policies
    }
    /// Returns the places of a request that any of them reads.
    pub const fn reads(&self) -> Places {
        self.reads
    }
    /// Returns the places of a reply that any of them rewrites.
    pub const fn rewrites(&self) -> Places {
        self.rewrites
    }
    /// Reports whether any of them has a request hook.
    pub const fn asks(&self) -> bool {
        self.asks
    }
    /// Iterates over the policies that read or judge requests.
    pub fn judges(&self) -> impl Iterator<Item = &Arc<LoadedPolicy>> {
        self.policies
            .iter()
            .filter(|policy| policy.judges_requests())
    }
    /// Returns the first policy that reads prompts and lets no content of the kind called `kind`
    /// pass, which no policy can be shown.
    pub fn blocks_unseen_request(&self, kind: &str) -> Option<&LoadedPolicy> {
        self.first(|policy| policy.on_unseen.blocks_in_request(kind) && policy.reads_prompts())
    }
    /// Returns the first policy that reads or judges requests, and lets none pass that can't be
    /// judged for this reason.
    pub fn blocks_unjudged(&self, reason: &str) -> Option<&LoadedPolicy> {
        self.first_blocking(reason, LoadedPolicy::judges_requests)
    }
    /// Returns the first policy that reads or judges requests, or rewrites replies, and lets no
    /// body pass that is not read for this reason: what no dialect reads would bypass it.
    pub fn blocks_unread(&self, reason: &str) -> Option<&LoadedPolicy> {
        self.first_blocking(reason, |policy| {
            policy.judges_requests() || policy.rewrites_replies()
        })
    }
    /// Returns the first policy that rewrites replies and lets none pass that is not read for this
    /// reason.
    pub fn blocks_unseen_reply(&self, reason: &str) -> Option<&LoadedPolicy> {
        self.first_blocking(reason, LoadedPolicy::rewrites_replies)
    }
    /// Returns the first policy that rewrites replies and is not to miss one of these kinds of
    /// content in a reply, which no policy can be shown.
    pub fn blocks_in_reply(
        &self,
        unseen: &[(&'static str, u64)],
    ) -> Option<(&LoadedPolicy, &'static str)> {
        unseen.iter().find_map(|(kind, _)| {
            let blocks = |policy: &LoadedPolicy| policy.on_unseen.blocks_in_reply(kind);
            let policy = self.first(|policy| blocks(policy) && policy.rewrites_replies())?;
            Some((policy, *kind))
        })
    }

    fn first_blocking(
        &self,
        reason: &str,
        reader: impl Fn(&LoadedPolicy) -> bool,
    ) -> Option<&LoadedPolicy> {
        self.first(|policy| reader(policy) && policy.on_unseen.blocks(reason))
    }

    fn first(&self, is: impl Fn(&LoadedPolicy) -> bool) -> Option<&LoadedPolicy> {
        self.policies
            .iter()
            .map(Arc::as_ref)
            .find(|policy| is(policy))
    }
}

impl LoadedPolicy {
    /// Reports whether it is shown passages of requests.
    pub(crate) fn reads_prompts(&self) -> bool {
        let manifest = self.program.manifest();
        manifest.hooks.request && !manifest.reads.is_empty()
    }
    /// Reports whether it has a request hook, be it for the model or a parameter alone.
    pub(crate) fn judges_requests(&self) -> bool {
        self.program.manifest().hooks.request
    }
    /// Reports whether it is shown replies.
    pub fn rewrites_replies(&self) -> bool {
        let manifest = self.program.manifest();
        manifest.hooks.reply && !manifest.rewrites.is_empty()
    }
}

/// A policy's effect on an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No effect.
    Forwarded,
    /// A change to the request or the reply.
    Edited,
    /// A refusal.
    Refused,
    /// An answer of its own.
    Replied,
    /// An answer with a kept or shared reply.
    Served,
    /// Further attempts in the place of a failure.
    Retried,
    /// A rejection of the reply that an attempt brought.
    Rejected,
    /// A fault that ended the exchange.
    Faulted,
    /// A fault after which the exchange went on without it.
    Skipped,
}

impl Verdict {
    /// Returns the log word and metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Edited => "edited",
            Self::Refused => "refused",
            Self::Replied => "replied",
            Self::Served => "served",
            Self::Retried => "retried",
            Self::Rejected => "rejected",
            Self::Faulted => "faulted",
            Self::Skipped => "skipped",
        }
    }
}

/// The reason for which an exchange stops in the chain.
pub enum Stop {
    /// Refusal by a policy; the call is there where it was the request that it refused.
    Refused(Option<Box<Call>>, Arc<LoadedPolicy>, Denial),
    /// Answer by a policy, with this text.
    Replied(Box<Call>, Arc<LoadedPolicy>, String),
    /// Answer by a policy, with this reply. Where that comes to nothing, the call goes on down the
    /// chain.
    Served(Box<Call>, Found),
    /// Fault of a policy that may not be skipped.
    Failed(Arc<LoadedPolicy>, Fault),
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(_, policy, denial) => write!(f, "Refused({policy:?}, {})", denial.code),
            Self::Replied(_, policy, _) => write!(f, "Replied({policy:?})"),
            Self::Served(..) => f.write_str("Served"),
            Self::Failed(policy, fault) => write!(f, "Failed({policy:?}, {fault:?})"),
        }
    }
}

impl std::fmt::Debug for LoadedPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// Receives the chain's events as they happen; telemetry implements it.
pub trait Listener: Send + Sync {
    /// Records a hook's call: `outcome` is a [`Verdict`]'s or a [`Fault`]'s label.
    fn called(
        &self,
        policy: &LoadedPolicy,
        hook: &'static str,
        outcome: &'static str,
        took: Duration,
    );
    /// Records a fault's details, for the operator's log.
    fn faulted(&self, policy: &LoadedPolicy, hook: &'static str, fault: &Fault);
    /// Records that the policy's breaker opened (`true`) or closed.
    fn quarantined(&self, policy: &LoadedPolicy, open: bool);
    /// Records that text of so many bytes was sent, after it was withheld for this long.
    fn withheld(&self, policy: &LoadedPolicy, time: Duration, bytes: usize);
    /// Records what the policy was shown of one exchange, and what not; once, at the exchange's
    /// end.
    fn covered(&self, policy: &LoadedPolicy, coverage: &Coverage);
}

#[cfg(test)]
mod tests;
