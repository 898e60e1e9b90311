//! Facts of models: a table of those that lack something, and what configuration says.

use dialect::{Dialect, translate::takes::ModelTakes};

use crate::Family;

mod builtin;
mod takes;

pub use takes::{Reasoning, Refusals, Takes};

/// The facts of a model, as far as they are known. Nothing is known of most: those take everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelFacts {
    /// Tokens of its context.
    pub window: Option<u64>,
    /// Tokens that it generates at most.
    pub output: Option<u64>,
    /// Definitions of tools.
    pub tools: Option<bool>,
    /// Images in the prompt.
    pub images: Option<bool>,
    /// Sound in the prompt.
    pub audio: Option<bool>,
    /// Other files in the prompt, documents above all.
    pub files: Option<bool>,
    /// The dialects of the endpoints at which it is served.
    pub endpoints: Option<Endpoints>,
    /// Members and values of a request that it takes.
    pub takes: Takes,
}

/// A set of dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endpoints(u16);

impl Endpoints {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The dialects of a family; of [`Family::Every`] all.
    pub const fn of_family(family: Family) -> Self {
        let mut set = Self::NONE;
        let mut left: &[Dialect] = &Dialect::ALL;
        while let [dialect, rest @ ..] = left {
            let is_of = match (family, Family::of(*dialect)) {
                (Family::Every, _) => true,
                (Family::Openai, of) => matches!(of, Some(Family::Openai)),
                (Family::Anthropic, of) => matches!(of, Some(Family::Anthropic)),
                (Family::Gemini, of) => matches!(of, Some(Family::Gemini)),
            };
            if is_of {
                set = set.with(*dialect);
            }
            left = rest;
        }
        set
    }

    /// The dialects of either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The dialects of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether no dialect is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The dialects in it, in the contract's order.
    pub fn iter(self) -> impl Iterator<Item = Dialect> {
        Dialect::ALL
            .into_iter()
            .filter(move |dialect| self.contains(*dialect))
    }

    /// The set with `dialect` in it.
    #[must_use]
    pub const fn with(self, dialect: Dialect) -> Self {
        Self(self.0 | 1 << dialect as u16)
    }

    /// Returns whether `dialect` is in it.
    pub const fn contains(self, dialect: Dialect) -> bool {
        self.0 & 1 << dialect as u16 != 0
    }
}

impl FromIterator<Dialect> for Endpoints {
    fn from_iter<I: IntoIterator<Item = Dialect>>(dialects: I) -> Self {
        dialects.into_iter().fold(Self::default(), Self::with)
    }
}

impl ModelFacts {
    /// Those of a model of which nothing is known.
    pub const UNKNOWN: Self = Self {
        window: None,
        output: None,
        tools: None,
        images: None,
        audio: None,
        files: None,
        endpoints: None,
        takes: Takes::UNKNOWN,
    };

    /// The facts of the built-in table for a model of this name, whoever serves it. It knows what
    /// models lack, and nothing of windows, which come with prices.
    pub fn of(model: &str) -> Self {
        builtin::find(model)
    }

    /// Every name of the built-in tables; one that ends in `*` stands for all that begin so.
    pub fn names() -> impl Iterator<Item = &'static str> {
        builtin::names()
    }

    /// These facts, where `own` does not say otherwise.
    #[must_use]
    pub fn overridden_by(self, own: Self) -> Self {
        Self {
            window: own.window.or(self.window),
            output: own.output.or(self.output),
            tools: own.tools.or(self.tools),
            images: own.images.or(self.images),
            audio: own.audio.or(self.audio),
            files: own.files.or(self.files),
            endpoints: own.endpoints.or(self.endpoints),
            takes: self.takes.overridden_by(own.takes),
        }
    }

    /// The form in which translation is given them.
    pub fn taken(&self) -> ModelTakes {
        self.takes.resolved(self.output)
    }
}
