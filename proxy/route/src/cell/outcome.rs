//! The findings and answers of a cell.

use std::time::Instant;

use crate::class::Class;

/// A cell's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Lets attempts through.
    Closed,
    /// Lets none through.
    Open,
    /// Lets one through, as a probe.
    HalfOpen,
}

impl State {
    /// The state's name in metrics and on the admin address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A cell's answer to whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// It may.
    Yes,
    /// It may, as the one that shows whether the cell can close.
    Probe,
    /// It may not.
    No {
        /// The end of what is against it, where one is known: of the cell being open, or of a
        /// provider's limit. `None` while a probe is in flight, or as many are in flight as may be.
        until: Option<Instant>,
    },
}

/// The finding of an attempt about a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Success,
    /// It failed.
    Failure,
    /// It must not be used for a time, by its provider's word or by the failure's class.
    Opens {
        /// The soonest end.
        until: Instant,
        /// The failure's class.
        cause: Class,
    },
    /// A 429 without an end: less at once might work.
    Limited,
    /// Nothing, for or against it: the caller left, or the request was at fault.
    Nothing,
}

/// The changes that other replicas should learn of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The cell opened, or is open for longer than was published.
    Opened {
        /// Its end.
        until: Instant,
        /// The class of the failure; `None` where failures of any class opened it by their number.
        cause: Option<Class>,
    },
    /// The bound of what may be in flight was halved.
    Halved {
        /// The time of the 429.
        at: Instant,
    },
    /// A probe closed the cell.
    Closed,
}
