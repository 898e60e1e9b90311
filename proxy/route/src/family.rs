//! Families: the dialects that come from one provider, and that its endpoints speak together.

use dialect::{Dialect, describe::Provider};

/// The family of dialects that an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `openai.*`.
    Openai,
    /// `anthropic.*`.
    Anthropic,
    /// `gemini.*`.
    Gemini,
    /// Every one that Outrigger speaks (the embedded model).
    Every,
}

impl Family {
    /// The family of a dialect; none of what no dialect reads.
    pub const fn of(dialect: Dialect) -> Option<Self> {
        match dialect.provider() {
            Some(Provider::Openai) => Some(Self::Openai),
            Some(Provider::Anthropic) => Some(Self::Anthropic),
            Some(Provider::Google) => Some(Self::Gemini),
            None => None,
        }
    }

    /// Returns whether an upstream of this family may be sent a request of `other`.
    pub(crate) fn speaks(self, other: Self) -> bool {
        self == other || self == Self::Every || other == Self::Every
    }
}
