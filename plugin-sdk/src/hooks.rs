//! The hooks that a policy declares.

use std::ops::BitOr;

/// Exports of a policy that are worth a call.
///
/// ```
/// # use outrigger_sdk::Hooks;
/// const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::END);
/// assert!(HOOKS.contains(Hooks::END) && !HOOKS.contains(Hooks::REPLY) && !HOOKS.is_empty());
/// assert_eq!(HOOKS | Hooks::empty(), HOOKS);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hooks(u8);

impl Hooks {
    /// `on_request`.
    pub const REQUEST: Self = Self(1);
    /// `on_reply`.
    pub const REPLY: Self = Self(1 << 1);
    /// `on_end`.
    pub const END: Self = Self(1 << 2);
    /// `on_failure`.
    pub const FAILURE: Self = Self(1 << 3);
    /// `on_attempt`.
    pub const ATTEMPT: Self = Self(1 << 4);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::REQUEST, "request"),
        (Self::REPLY, "reply"),
        (Self::END, "end"),
        (Self::FAILURE, "failure"),
        (Self::ATTEMPT, "attempt"),
    ];

    /// No hook.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// The hooks of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reports whether the set has every hook of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reports whether the set has no hook.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names that the manifest lists.
    pub(crate) fn names(self) -> Vec<String> {
        let contained = Self::NAMES.iter().filter(|(hook, _)| self.contains(*hook));
        contained.map(|(_, name)| (*name).to_owned()).collect()
    }
}

impl BitOr for Hooks {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}
