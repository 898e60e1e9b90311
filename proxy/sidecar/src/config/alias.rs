//! Aliases: names that apps use for models, and what is tried behind them.

use std::time::Duration;

use route::{Sticky, Strategy};

use super::Target;

/// A name that apps use for a model, and what is tried behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// Targets, as the operator orders them; one at the least, each once.
    pub targets: Vec<AliasTarget>,
    /// The order in which they are tried. Default fallback: as they stand.
    pub strategy: Strategy,
    /// The part of an exchange that decides among weights and about the canary. Default the
    /// conversation.
    pub sticky: Sticky,
    /// Attempts of one exchange, the first among them, 1 to 10. Default 3.
    pub attempts: u8,
    /// Time of the whole exchange, queue and attempts included. Default 10 minutes.
    pub deadline: Duration,
    /// True if the deadline ends a reply under way, too: where the operator set it. A stream may take
    /// hours.
    pub ends_replies: bool,
    /// Billionths of a dollar: a target at which the exchange would cost more, by estimate, is no
    /// candidate.
    pub max_cost: Option<u64>,
    /// Bounds of what follows a failure.
    pub retry: Retry,
    /// Effect of having no candidate that is not limited. Default refuse.
    pub limited: Limited,
    /// Second attempts beside slow first ones. Default none.
    pub hedge: Option<Hedge>,
    /// A target on trial.
    pub canary: Option<Canary>,
    /// A target that is sent copies, of whose replies the app sees nothing.
    pub shadow: Option<Shadow>,
    /// True if targets that do not speak the caller's dialect may serve it. Default true.
    pub translate: bool,
    /// True if a translation that would leave something out is refused. Default false.
    pub strict: bool,
}

/// One of an alias' targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTarget {
    /// `upstream/model`.
    pub target: Target,
    /// Its part of the exchanges where the strategy is weighted; 0: only where others fail.
    /// Default 1.
    pub weight: u32,
    /// Tags, and the values of which an exchange must carry one for each, to be sent there.
    pub conditions: Vec<(String, Vec<String>)>,
}

/// Bounds of what follows a failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Retries as a share of exchanges, 0 to 1. Default 0.2.
    pub share: f64,
    /// Retries a second besides. Default 3.
    pub per_second: f64,
    /// Retries of calls that the provider may have done, and bill, as a share of exchanges; 0: none
    /// of them. Default 0.02.
    pub maybe_done: f64,
    /// Longest wait for the same target, where that is worth it. Default 5 s.
    pub wait: Duration,
    /// True if a request that a provider's content filter refuses is tried at another. Default
    /// false.
    pub content_filter: bool,
}

/// Effect of having no candidate that is not limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limited {
    /// The dialect's 429, with the soonest end.
    Refuse,
    /// The exchange waits.
    Queue(Queue),
    /// This alias' targets are tried.
    Degrade(String),
}

/// Bounds of an alias' queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Exchanges in it. Default 1,000.
    pub exchanges: usize,
    /// Bytes of their bodies. Default 64 MiB.
    pub bytes: u64,
    /// Estimated tokens of them. Default 1,000,000.
    pub tokens: u64,
    /// Longest wait of one. Default 10 s.
    pub wait: Duration,
    /// The tag among whose values it is fair. Default `tenant`.
    pub tenant: String,
    /// The tag that says `high`, `normal` or `low`. Default `priority`.
    pub priority: String,
}

/// Bounds of second attempts beside slow first ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Hedge {
    /// Their share of exchanges, and of money, 0 to 0.1. Default 0.02.
    pub share: f64,
    /// The least wait before one, and the wait until a target's p95 is known. Default 2 s.
    pub delay: Duration,
}

/// A target on trial. A control of the same size is taken from the other exchanges.
#[derive(Debug, Clone, PartialEq)]
pub struct Canary {
    /// The target; none of the alias' others.
    pub target: Target,
    /// Its share of exchanges, 0 to 0.5. Default 0.05.
    pub share: f64,
    /// Tags, and the values of which an exchange must carry one for each, to be sent there.
    pub conditions: Vec<(String, Vec<String>)>,
}

/// A target that is sent copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Shadow {
    /// The target; none of the alias' others.
    pub target: Target,
    /// The share of exchanges that are copied, 0 to 1. Default 0.01.
    pub share: f64,
    /// US dollars that the copies of a day may cost.
    pub usd_per_day: f64,
    /// Tags, and the values of which an exchange must carry one for each, to be copied.
    pub conditions: Vec<(String, Vec<String>)>,
}

impl Alias {
    /// An alias of these targets, with every default.
    pub fn of(targets: Vec<AliasTarget>) -> Self {
        Self {
            targets,
            strategy: Strategy::Fallback,
            sticky: Sticky::Conversation,
            attempts: 3,
            deadline: Duration::from_secs(600),
            ends_replies: false,
            max_cost: None,
            retry: Retry::default(),
            limited: Limited::Refuse,
            hedge: None,
            canary: None,
            shadow: None,
            translate: true,
            strict: false,
        }
    }

    /// Every target that it names: those of exchanges, then the canary's and the shadow's.
    pub fn all_targets(&self) -> impl Iterator<Item = &Target> {
        let canary = self.canary.as_ref().map(|canary| &canary.target);
        let shadow = self.shadow.as_ref().map(|shadow| &shadow.target);
        let targets = self.targets.iter().map(|of| &of.target);
        targets.chain(canary).chain(shadow)
    }
}

impl AliasTarget {
    /// A target with every default.
    pub const fn of(target: Target) -> Self {
        Self {
            target,
            weight: 1,
            conditions: Vec::new(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            share: 0.2,
            per_second: 3.0,
            maybe_done: 0.02,
            wait: Duration::from_secs(5),
            content_filter: false,
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            exchanges: 1000,
            bytes: 64 << 20,
            tokens: 1_000_000,
            wait: Duration::from_secs(10),
            tenant: "tenant".into(),
            priority: "priority".into(),
        }
    }
}

impl Default for Hedge {
    fn default() -> Self {
        Self {
            share: 0.02,
            delay: Duration::from_secs(2),
        }
    }
}
