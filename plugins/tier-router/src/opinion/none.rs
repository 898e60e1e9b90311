//! Opinions in the module that has none: it needs no grant for them.

use outrigger_sdk::Request;
use serde::{Deserialize, Deserializer, de::Error};

use crate::rules::Score;

/// No opinion can be configured.
#[derive(Debug, Default)]
pub(crate) struct Opinions {
    pub(crate) meaning: Option<Missing>,
    pub(crate) verdict: Option<Missing>,
}

pub(crate) type MeaningFile = Missing;
pub(crate) type VerdictFile = Missing;

/// A section of the configuration that this module refuses.
#[derive(Debug)]
pub(crate) enum Missing {}

impl<'de> Deserialize<'de> for Missing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        let why = "is in the module `tier-router-judge`, which needs the grants `embeddings` and `fetch`: write `use: tier-router-judge`";
        Err(D::Error::custom(why))
    }
}

impl Missing {
    pub(crate) fn read(self) -> Result<Self, String> {
        match self {}
    }
}

impl Opinions {
    pub(crate) const fn read(&self) -> bool {
        self.meaning.is_some() || self.verdict.is_some()
    }

    pub(crate) fn add(&self, _: &Request, _: &mut Score) {}
}
