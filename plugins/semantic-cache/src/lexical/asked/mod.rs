//! The thing that a question asks for: an amount of money, a time, a way to do something.
//!
//! Two questions about the same things have one answer only if they ask for the same of them: "how
//! much is shipping to Norway" and "can you deliver to Norway" share all their things, and no
//! answer. The form says little: "how much is it", "what does it cost" and "what are its charges"
//! ask for one thing. So the words that ask, and those that only say what is asked for (`cost`,
//! `charges`, `months` behind `how many`), become an [`Asked`], and are not compared as words.
//!
//! A form may ask for one of several things: "how long does it take" is answered by a duration and
//! by a day. Two questions agree if they have one in common.

mod question;

pub(super) use question::read;

/// The things that a question may ask for; none for an order or a bare topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked(u32);

impl Asked {
    const WHO: Self = Self(1);
    const WHERE: Self = Self(1 << 1);
    const WHEN: Self = Self(1 << 2);
    const DURATION: Self = Self(1 << 3);
    /// Money that somebody charges.
    const FEE: Self = Self(1 << 4);
    /// Money that something is worth: `o valor do empréstimo` is no fee.
    const VALUE: Self = Self(1 << 5);
    const AMOUNT: Self = Self(1 << 6);
    const OFTEN: Self = Self(1 << 7);
    const DISTANCE: Self = Self(1 << 8);
    const AGE: Self = Self(1 << 9);
    const WHY: Self = Self(1 << 10);
    /// The way in which something is done.
    pub(super) const WAY: Self = Self(1 << 11);
    pub(super) const WHAT: Self = Self(1 << 12);
    const POSSIBLE: Self = Self(1 << 13);
    /// One of its kind: `is there a discount`, `what discount do I get`.
    const EXISTENCE: Self = Self(1 << 14);
    /// Something that the one who answers may do: `can you`, and not `can I`.
    const SERVICE: Self = Self(1 << 15);
    const NECESSARY: Self = Self(1 << 16);
    /// It asks for two things: "how long does it take, and what does it cost".
    const SEVERAL: Self = Self(1 << 17);
    pub(super) const MONEY: Self = Self::FEE.with(Self::VALUE);
    /// These say what an answer must be; the others may be left out: `update my address`.
    const STRONG: Self = Self(Self::WAY.0 - 1);
    /// `WAY` to `SERVICE`.
    const OPTIONAL: Self = Self(Self::NECESSARY.0 - Self::WAY.0);

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn includes(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// True if one answer may serve both.
    pub(super) const fn agrees(self, other: Self) -> bool {
        match (self.0 == 0, other.0 == 0) {
            (true, true) => true,
            (true, false) => other.includes(Self::OPTIONAL),
            (false, true) => self.includes(Self::OPTIONAL),
            (false, false) if self.includes(Self::SEVERAL) || other.includes(Self::SEVERAL) => {
                self.0 == other.0
            }
            (false, false) => self.includes(other),
        }
    }

    /// The class of a word that asks, or none for one that only helps to read the others.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "who" => Self::WHO,
            "where" => Self::WHERE,
            "when" | "hours" => Self::WHEN,
            "long" | "duration" => Self::DURATION,
            "much" | "many" => Self::AMOUNT,
            "often" => Self::OFTEN,
            "far" => Self::DISTANCE,
            "old" => Self::AGE,
            "why" => Self::WHY,
            "how" | "means" => Self::WAY,
            "what" | "that" => Self::WHAT,
            "if" => Self::POSSIBLE.with(Self::SERVICE),
            "may" => Self::POSSIBLE,
            "can" => Self::SERVICE,
            "must" => Self::NECESSARY,
            "exist" => Self::EXISTENCE.with(Self::POSSIBLE),
            _ => return None,
        })
    }
}
