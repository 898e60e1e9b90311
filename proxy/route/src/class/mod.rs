//! Failures by what they mean: whose fault each is, for how long, and what it may have cost.
//!
//! One class for all 429s is the commonest mistake of gateways: a used-up balance is tried again on
//! its siblings, and a busy minute parks an account. So what a provider means by its answers is a
//! table of rows per provider ([`ProviderRules`]), read from the top: an operator's own rows first,
//! then the provider's, then those of the API that it speaks, then what HTTP says.

mod provider;
mod row;
mod rules;
#[cfg(test)]
mod tests;
mod wait;

use std::time::Duration;

use dialect::failure::ErrorFacts;
use http::HeaderMap;

pub use provider::ProviderRules;
pub use row::Row;

/// The kinds of failures, by what may follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing was worked on: no connection, or the request was not taken.
    Refused,
    /// Too many requests or tokens in too short a time.
    Rate,
    /// The provider has more to do than it can.
    Overload,
    /// No money, no quota of the day or month: only another account helps.
    Money,
    /// The key is none, or may not do this.
    Key,
    /// The pod's identity came to no credential: nothing was sent.
    Credentials,
    /// It failed on the way, and may have been answered and billed.
    MaybeDone,
    /// A policy rejected the reply before anything of it was sent: nothing against the target, and
    /// billed as any.
    Unfit,
    /// The request is at fault: it fails everywhere else, too.
    Request,
    /// The caller left, or broke off its own body.
    Caller,
    /// A fault of this proxy.
    Own,
}

/// The fault of a request that was refused, where it says what might still help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestFault {
    /// Longer than the model's window, or than the account's limit per minute: it never fits.
    ContextLength,
    /// Reasoning that another model or account signed or encrypted.
    ForeignSignature,
    /// The provider's filter refused the content.
    ContentFilter,
    /// No such model there.
    Model,
    /// Anything else.
    Other,
}

/// The part of a provider that a failure is of, and that cools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Nothing cools.
    Nothing,
    /// A model at an upstream.
    Target,
    /// A model with a key.
    KeyModel,
    /// A key.
    Key,
    /// An account, with all its keys.
    Account,
}

/// A failure, by what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The kind of it.
    pub class: Class,
    /// The part that cools.
    pub scope: Scope,
    /// The request's fault, of the class [`Class::Request`].
    pub fault: Option<RequestFault>,
    /// The end that the provider gives, from now on, in any of the forms in use; a day at most.
    pub retry_after: Option<Duration>,
}

/// An answer that may be a failure: its head, and its error where one was read.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status of its head.
    pub status: u16,
    /// Its head's fields.
    pub headers: &'a HeaderMap,
    /// The error in its body, or inside its stream.
    pub error: Option<&'a ErrorFacts>,
}

/// Time for which an account without money, and a key that was refused, are left out where the
/// provider gives no end.
pub const COOLING: Duration = Duration::from_secs(30 * 60);

impl Class {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Refused,
        Self::Rate,
        Self::Overload,
        Self::Money,
        Self::Key,
        Self::Credentials,
        Self::MaybeDone,
        Self::Unfit,
        Self::Request,
        Self::Caller,
        Self::Own,
    ];

    /// The name in configuration, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Rate => "rate",
            Self::Overload => "overload",
            Self::Money => "money",
            Self::Key => "key",
            Self::Credentials => "credentials",
            Self::MaybeDone => "maybe_done",
            Self::Unfit => "unfit",
            Self::Request => "request",
            Self::Caller => "caller",
            Self::Own => "own",
        }
    }

    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// Returns whether it is the upstream's, so that policies may put something in its place.
    pub const fn is_upstreams(self) -> bool {
        !matches!(self, Self::Caller | Self::Own)
    }

    /// The part that a failure of this class is of, where nothing says otherwise.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Refused | Self::Overload | Self::MaybeDone => Scope::Target,
            Self::Rate => Scope::KeyModel,
            Self::Money => Scope::Account,
            Self::Key => Scope::Key,
            // The source has pauses of its own, and a target is not down for the want of it.
            Self::Credentials | Self::Unfit | Self::Request | Self::Caller | Self::Own => {
                Scope::Nothing
            }
        }
    }
}

impl Failure {
    /// A failure of this class, of which nothing more is known.
    pub const fn of(class: Class) -> Self {
        Self {
            class,
            scope: class.scope(),
            fault: match class {
                Class::Request => Some(RequestFault::Other),
                _ => None,
            },
            retry_after: None,
        }
    }

    /// The time for which its scope is left out: the end that the provider gives, and for money and
    /// keys [`COOLING`] where it gives none. `None` where a breaker has to decide.
    pub fn cools_for(&self) -> Option<Duration> {
        match self.class {
            Class::Money | Class::Key => Some(self.retry_after.unwrap_or(COOLING)),
            Class::Rate | Class::Overload | Class::Refused | Class::MaybeDone => self.retry_after,
            Class::Credentials | Class::Unfit | Class::Request | Class::Caller | Class::Own => None,
        }
    }
}

/// Decides what an answer means; `None` of one that is no failure: its status is below 400, and it
/// has no error. `own` are the operator's rows, and `wall_now` is the time since the Unix epoch in
/// seconds, by which dates in an answer are read.
pub fn classify(
    rules: ProviderRules,
    own: &[Row],
    answer: &Answer<'_>,
    wall_now: u64,
) -> Option<Failure> {
    if answer.status < 400 && answer.error.is_none() {
        return None;
    }
    let seen = row::Seen::of(answer);
    let meaning =
        (own.iter().find_map(|row| row.matches(&seen))).unwrap_or_else(|| rules.meaning(&seen));
    let mut failure = Failure {
        scope: meaning.scope.unwrap_or(meaning.class.scope()),
        fault: meaning.fault,
        ..Failure::of(meaning.class)
    };
    if failure.class == Class::Request {
        failure.fault.get_or_insert(RequestFault::Other);
    }
    failure.retry_after = wait::retry_after(&failure, rules, answer, wall_now);
    Some(failure)
}
