//! Entries of a queue, and its answers.

use std::time::{Duration, Instant};

use super::slab::Slot;

/// The priority of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    /// Before all others.
    High,
    /// The default.
    #[default]
    Normal,
    /// After all others.
    Low,
}

impl Priority {
    /// Every priority, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Returns the name, as tags have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Returns the priority of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.name() == name)
    }
}

/// The bounds of a queue, over everything that waits in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Exchanges.
    pub exchanges: usize,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Their estimated tokens.
    pub tokens: u64,
}

/// An exchange that wants to wait.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The tenant whose turn it waits for; any text.
    pub tenant: &'a str,
    /// Its priority.
    pub priority: Priority,
    /// Estimated tokens of request and reply. Counts as one at least.
    pub tokens: u64,
    /// Bytes that are kept for it while it waits.
    pub bytes: u64,
    /// The end of its wait.
    pub deadline: Instant,
}

/// A place in a queue. Of no use once the exchange has left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(super) slot: Slot,
    pub(super) sequence: u64,
}

/// A queue's refusal of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The bound that it would break.
    pub bound: Bound,
    /// The time after which it could be expected to be served within its wait; one second at
    /// least. `None` where that is not known, or never.
    pub retry_after: Option<Duration>,
}

/// A bound of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Too many exchanges wait.
    Exchanges,
    /// Their bodies are too large.
    Bytes,
    /// Their tokens are too many.
    Tokens,
    /// Its turn would come after its deadline, by the rate at which the queue drains.
    Deadline,
}

impl Bound {
    /// Returns the name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges",
            Self::Bytes => "bytes",
            Self::Tokens => "tokens",
            Self::Deadline => "deadline",
        }
    }
}

/// An exchange that left a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dequeued<T> {
    /// The value that was pushed.
    pub value: T,
    /// Its estimated tokens.
    pub tokens: u64,
    /// The time of its entry.
    pub entered: Instant,
}
