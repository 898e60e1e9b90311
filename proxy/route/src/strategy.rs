//! Strategies: the order in which an alias's candidates are tried.

use std::sync::Arc;

/// The order in which an alias's targets are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// As they stand.
    #[default]
    Fallback,
    /// By weight, the same for as long as the key is.
    Weighted,
    /// By the estimated cost of the exchange.
    Cheapest,
    /// By the time to the first content.
    Fastest,
    /// By what is in flight.
    LeastBusy,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Fallback,
        Self::Weighted,
        Self::Cheapest,
        Self::Fastest,
        Self::LeastBusy,
    ];

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::Weighted => "weighted",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::LeastBusy => "least_busy",
        }
    }
}

/// The key of an exchange that keeps it at one target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Sticky {
    /// The beginning of its conversation.
    #[default]
    Conversation,
    /// Its caller.
    Caller,
    /// The value of this tag.
    Tag(Arc<str>),
}
