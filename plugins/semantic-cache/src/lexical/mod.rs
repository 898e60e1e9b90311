//! Lexical checks: the differences between two questions that an embedding hardly sees, and that
//! change the answer.
//!
//! "Enable" and "disable", 100 and 200, "from A to B" and "from B to A": such pairs lie nearer to
//! each other than most pairs that ask the same in other words. An embedder says how near two
//! questions are; these checks only ever refuse. They do not list pairs of opposites. What two
//! questions share is taken away; what is left must not say that they differ:
//!
//! - numbers, identifiers, quotations, names and negations must be the same;
//! - what both ask for (who, when, how much …) must agree;
//! - two words for acts, things or qualities that are not known to be the same are different;
//! - little that is left on both sides, beside much that is shared, is a substitution; what is left
//!   on one side makes that question narrower;
//! - the same words in another order are another question.
//!
//! English, Portuguese, Spanish, German and French. Words of other languages are names of their
//! own: such questions are served where they have the same ones.

mod asked;
mod compare;
mod never;
mod reading;
mod stem;
mod token;
mod words;

pub use compare::agree;
pub use never::never;
pub use reading::Reading;
pub use words::Lexicon;

/// The reason why two questions are not taken for the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// More words than are compared.
    Long,
    /// They are in two languages.
    Language,
    /// Other numbers.
    Number,
    /// Other identifiers, addresses, versions or units.
    Identifier,
    /// Other quotations.
    Quotation,
    /// One denies more often.
    Negation,
    /// One has a name that the other has not.
    Name,
    /// One asks who, and the other when.
    Interrogative,
    /// One is about its author, the other about who answers.
    Person,
    /// Two acts, things or qualities.
    Opposite,
    /// One has a quality that the other has not.
    Quality,
    /// The same words in another order, or with other parts.
    Order,
    /// A word or two in another's place.
    Substitution,
    /// One question says more than the other.
    Addition,
    /// No word in common.
    Nothing,
}

/// The reason why a question is never answered from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {
    /// The answer changes with time.
    Fresh,
    /// It is about the caller's own records.
    Personal,
    /// It is an order to act.
    Act,
}

impl Reason {
    /// Returns its word, for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Language => "language",
            Self::Number => "number",
            Self::Identifier => "identifier",
            Self::Quotation => "quotation",
            Self::Negation => "negation",
            Self::Name => "name",
            Self::Interrogative => "question",
            Self::Person => "person",
            Self::Opposite => "opposite",
            Self::Quality => "quality",
            Self::Order => "order",
            Self::Substitution => "substitution",
            Self::Addition => "addition",
            Self::Nothing => "nothing",
        }
    }

    /// True where nothing was found to differ, and it is only not known that the two are the same:
    /// somebody who knows more words may say so.
    pub const fn is_doubt(self) -> bool {
        match self {
            Self::Substitution | Self::Addition | Self::Nothing => true,
            Self::Long
            | Self::Language
            | Self::Number
            | Self::Identifier
            | Self::Quotation
            | Self::Negation
            | Self::Name
            | Self::Interrogative
            | Self::Person
            | Self::Opposite
            | Self::Quality
            | Self::Order => false,
        }
    }
}

impl Never {
    /// Returns its word, for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Personal => "personal",
            Self::Act => "act",
        }
    }
}

/// A language that the table of words has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Portuguese,
    Spanish,
    German,
    French,
}

impl Language {
    pub(super) const ALL: [Self; 5] = [
        Self::English,
        Self::Portuguese,
        Self::Spanish,
        Self::German,
        Self::French,
    ];

    fn of(code: &str) -> Option<Self> {
        Some(match code {
            "en" => Self::English,
            "pt" => Self::Portuguese,
            "es" => Self::Spanish,
            "de" => Self::German,
            "fr" => Self::French,
            _ => return None,
        })
    }
}

impl Language {
    /// True for a word that, as the last one of a question, belongs to its verb: `switch it off`,
    /// `schalte es aus`.
    fn splits_off(self, word: &str) -> bool {
        let particles: &[&str] = match self {
            Self::English => &["on", "off", "in", "out", "up", "down"],
            Self::German => &[
                "an", "aus", "ein", "ab", "auf", "zu", "um", "vor", "nach", "mit", "weg", "hoch",
                "los", "her", "hin",
            ],
            Self::Portuguese | Self::Spanish | Self::French => &[],
        };
        particles.contains(&word)
    }
}

/// The languages that a question may be in: those that got the most votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Languages(u8);

impl Languages {
    fn elected(votes: &[u32; Language::ALL.len()]) -> Self {
        let most = votes.iter().copied().max().unwrap_or(0);
        let mut set = 0;
        for (at, votes) in votes.iter().enumerate() {
            set |= u8::from(*votes == most) << at;
        }
        Self(set)
    }

    /// A language that both may be in.
    fn shared(self, other: Self) -> Option<Language> {
        let both = self.0 & other.0;
        let mut all = Language::ALL.into_iter();
        all.find(|language| both & (1 << *language as u8) != 0)
    }

    fn first(self) -> Language {
        self.shared(self).unwrap_or(Language::English)
    }
}

#[cfg(test)]
mod tests;
