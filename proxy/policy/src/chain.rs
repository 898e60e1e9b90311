//! The chain: requests go down it, replies come back up it.
//!
//! A [`Chain`] is what a generation holds; a [`Run`] is one exchange's way through it, with an instance per policy that is made when its
//! first hook runs and kept to the end. Whatever a policy does wrong costs that instance: `on_error` says whether the exchange goes
//! on as if the policy were not there (its edits undone, the text it held given out) or is refused.

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
mod run;

pub use run::Run;

/// One policy in force.
pub struct LoadedPolicy {
    /// The chain's name for it.
    pub name: Arc<str>,
    /// Its own version.
    pub version: Arc<str>,
    /// The code.
    pub program: Arc<dyn Program>,
    /// What a fault does to the exchange.
    pub on_error: Effect,
    /// What an unseen prompt or reply does to the exchange, or a part of one.
    pub on_unseen: OnUnseen,
    /// Its bounds.
    pub limits: PolicyLimits,
    /// True if it is asked at all.
    pub quarantine: Quarantine,
    /// Calls so far.
    pub calls: AtomicU64,
    /// Faults so far.
    pub faults: AtomicU64,
    /// Hears what happens to it.
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

    /// The policies, in order.
    pub fn policies(&self) -> &[Arc<LoadedPolicy>] {
        &self.policies
    }
    /// Places of a request that any of them reads.
    pub const fn reads(&self) -> Places {
        self.reads
    }
    /// Places of a reply that any of them rewrites.
    pub const fn rewrites(&self) -> Places {
        self.rewrites
    }
    /// Reports whether any of them is asked about requests.
    pub const fn asks(&self) -> bool {
        self.asks
    }
    /// The policies that read or judge requests.
    pub fn judges(&self) -> impl Iterator<Item = &Arc<LoadedPolicy>> {
        self.policies
            .iter()
            .filter(|policy| policy.judges_requests())
    }
    /// The first policy that reads prompts and lets no content of the kind called `kind` pass, which nobody can be shown.
    pub fn blocks_unseen_request(&self, kind: &str) -> Option<&LoadedPolicy> {
        self.first(|policy| policy.on_unseen.blocks_in_request(kind) && policy.reads_prompts())
    }
    /// The first policy that reads or judges requests, and lets nothing unseen pass.
    pub fn blocks_unjudged(&self) -> Option<&LoadedPolicy> {
        self.first_blocking(LoadedPolicy::judges_requests)
    }
    /// The first policy that reads or judges requests, or rewrites replies, and lets nothing unseen pass: what no dialect reads would go
    /// round it.
    pub fn blocks_unread(&self) -> Option<&LoadedPolicy> {
        self.first_blocking(|policy| policy.judges_requests() || policy.rewrites_replies())
    }
    /// The first policy that rewrites replies and lets no unseen one pass.
    pub fn blocks_unseen_reply(&self) -> Option<&LoadedPolicy> {
        self.first_blocking(LoadedPolicy::rewrites_replies)
    }
    /// The first policy that rewrites replies and is not to miss one of these kinds of content in a reply, which nobody can be shown.
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

    fn first_blocking(&self, reader: impl Fn(&LoadedPolicy) -> bool) -> Option<&LoadedPolicy> {
        self.first(|policy| policy.on_unseen.blocks() && reader(policy))
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
    /// Reports whether it is asked about requests, be it for the model or a parameter alone.
    pub(crate) fn judges_requests(&self) -> bool {
        self.program.manifest().hooks.request
    }
    /// Reports whether it is shown replies.
    pub fn rewrites_replies(&self) -> bool {
        let manifest = self.program.manifest();
        manifest.hooks.reply && !manifest.rewrites.is_empty()
    }
}

/// What a policy did to an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Forwarded,
    /// It changed the request or the reply.
    Edited,
    /// It refused.
    Refused,
    /// It answered itself.
    Replied,
    /// It answered with a kept or shared reply.
    Served,
    /// It failed, and the exchange with it.
    Faulted,
    /// It failed, and the exchange went on without it.
    Skipped,
}

impl Verdict {
    /// The log word and metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Edited => "edited",
            Self::Refused => "refused",
            Self::Replied => "replied",
            Self::Served => "served",
            Self::Faulted => "faulted",
            Self::Skipped => "skipped",
        }
    }
}

/// Why an exchange stops in the chain.
pub enum Stop {
    /// A policy refused it; the call is there where it did so as a request.
    Refused(Option<Box<Call>>, Arc<LoadedPolicy>, Denial),
    /// A policy answered it with this text.
    Replied(Box<Call>, Arc<LoadedPolicy>, String),
    /// A policy answers it with this reply. Where that comes to nothing, the call goes on down the chain.
    Served(Box<Call>, Found),
    /// A policy failed and may not be skipped.
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

/// What happened in the chain, told as it happens; the telemetry room listens.
pub trait Listener: Send + Sync {
    /// A hook was called: `outcome` is a [`Verdict`]'s or a [`Fault`]'s label.
    fn called(
        &self,
        policy: &LoadedPolicy,
        hook: &'static str,
        outcome: &'static str,
        took: Duration,
    );
    /// A fault's details, for the operator's log.
    fn faulted(&self, policy: &LoadedPolicy, hook: &'static str, fault: &Fault);
    /// The policy's breaker opened (`true`) or closed.
    fn quarantined(&self, policy: &LoadedPolicy, open: bool);
    /// Text came out, so many bytes, after having been held this long.
    fn withheld(&self, policy: &LoadedPolicy, time: Duration, bytes: usize);
    /// What the policy was shown of one exchange, and what not. Told once, at the exchange's end.
    fn covered(&self, policy: &LoadedPolicy, coverage: &Coverage);
}

#[cfg(test)]
mod tests;
