//! Failures of attempts, by what they mean for the next one.

/// The kinds of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The request could not be written for this target.
    Unsendable,
    /// The app's own body broke off, whatever became of the upstream's connection.
    Caller,
    /// No connection.
    Unreachable,
    /// A kept connection had been closed: nobody read the request.
    StaleConnection,
    /// The connection ended, or what came is no answer.
    Broken,
    /// No answer in time; the upstream perhaps works on it.
    Silent,
    /// The request had a stream report its usage, which the app did not want, and the target may
    /// not take that.
    UsageOption,
    /// The upstream answered that it failed, or that there is too much to do.
    Status,
}

/// An attempt that may follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The same request, over a new connection, in what is left of its time.
    OverNewConnection,
    /// The app's own request, without what was added to it.
    WithoutUsageOption,
}

impl Class {
    /// The failure that a reply's status tells of: a call that came to nothing, through no fault of
    /// the app's.
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            429 | 500..=599 => Some(Self::Status),
            _ => None,
        }
    }

    /// The attempt that may follow a failure of this class.
    pub const fn may_follow(self) -> Option<Repeat> {
        match self {
            Self::StaleConnection => Some(Repeat::OverNewConnection),
            Self::UsageOption => Some(Repeat::WithoutUsageOption),
            Self::Unsendable
            | Self::Caller
            | Self::Unreachable
            | Self::Broken
            | Self::Silent
            | Self::Status => None,
        }
    }

    /// Returns whether it is the upstream's, so that policies may put something in its place.
    pub const fn is_upstreams(self) -> bool {
        !matches!(self, Self::Unsendable | Self::Caller)
    }
}
