//! Places of text in a conversation, and sets of them.

use std::ops::{BitOr, BitOrAssign};

macro_rules! places {
    ($($(#[$doc:meta])* $place:ident $flag:ident $name:literal)*) => {
        /// Place of a passage or a delta in a conversation.
        ///
        /// ```
        /// # use outrigger_sdk::{Place, Places};
        /// assert_eq!(Place::named("tool-result"), Place::ToolResult);
        /// assert_eq!(Place::ALL.len(), 10);
        /// assert_eq!(Place::User.alone(), Places::USER);
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Place {
            $($(#[$doc])* $place,)*
        }

        impl Place {
            /// All that this SDK knows, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$place),*];

            /// The contract's name for it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$place => $name,)*
                }
            }
        }

        impl Places {
            $($(#[$doc])* pub const $flag: Self = Self(1 << Place::$place as u16);)*
        }
    };
}

/// A set of places.
///
/// ```
/// # use outrigger_sdk::Places;
/// const READS: Places = Places::SYSTEM.union(Places::USER);
/// assert!(READS.contains(Places::USER) && !READS.contains(Places::REASONING));
/// assert!(Places::all().contains(READS) && Places::empty().is_empty());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places(u16);

places! {
    /// The system or developer prompt.
    System SYSTEM "system"
    /// The user's text.
    User USER "user"
    /// The model's text.
    Assistant ASSISTANT "assistant"
    /// A tool's result.
    ToolResult TOOL_RESULT "tool-result"
    /// The arguments of a tool call.
    ToolArguments TOOL_ARGUMENTS "tool-arguments"
    /// A tool's description and its parameters' descriptions.
    ToolDefinition TOOL_DEFINITION "tool-definition"
    /// The model's reasoning.
    Reasoning REASONING "reasoning"
    /// The model's own refusal.
    Refusal REFUSAL "refusal"
    /// `metadata`, `user` and their like.
    Metadata METADATA "metadata"
    /// Text that no description of the dialect names, and places that a later proxy knows and this
    /// SDK does not.
    Other OTHER "other"
}

impl Place {
    /// Reads the contract's name; one that this SDK does not know is [`Place::Other`].
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.iter().find(|place| place.name() == name);
        known.copied().unwrap_or(Self::Other)
    }

    /// The set that holds this place alone.
    #[must_use]
    pub const fn alone(self) -> Places {
        Places(1 << self as u16)
    }
}

impl Places {
    /// Every bit, so that a set of all places that are known today is not taken for it.
    const EVERY: u16 = u16::MAX;

    /// No place.
    #[must_use]
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Every place, those that a later proxy knows included.
    #[must_use]
    pub const fn all() -> Self {
        Self(Self::EVERY)
    }

    /// The places of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Reports whether the set has every place of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reports whether the set has no place.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names that the manifest lists.
    pub(crate) fn names(self) -> Vec<String> {
        if self.0 == Self::EVERY {
            return vec!["*".to_owned()];
        }
        let contained = |place: &&Place| self.contains(place.alone());
        let contained = Place::ALL.iter().filter(contained);
        contained.map(|place| place.name().to_owned()).collect()
    }
}

impl BitOr for Places {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for Places {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_name_and_an_unknown_one_is_other() {
        for place in Place::ALL {
            assert_eq!(Place::named(place.name()), *place);
        }
        assert_eq!(Place::named("hologram"), Place::Other);
    }

    #[test]
    fn all_places_are_more_than_those_that_are_known() {
        let known = Place::ALL
            .iter()
            .fold(Places::empty(), |all, place| all | place.alone());
        assert_eq!(known.names().len(), Place::ALL.len());
        assert_ne!(known, Places::all());
        assert_eq!(Places::all().names(), ["*"]);
        assert!(Places::all().contains(known) && Places::all().contains(Places::OTHER));
        assert_eq!(
            (Places::USER | Places::OTHER).names(),
            ["user", "other"],
            "in the contract's order"
        );
        assert!(Places::empty().names().is_empty());
    }
}
