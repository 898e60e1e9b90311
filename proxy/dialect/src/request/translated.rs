//! A body in the words of other dialects, each translation made once.
//!
//! Routing wants to know whether a request can be translated before a target is chosen, perhaps
//! several times, and the attempt wants the result.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Body, Mark};
use crate::{
    Dialect, Kind,
    translate::{self, Answers, Dropped, Origin, Refused, Target, Wire, Written},
};

/// Translations that are kept of one body: targets of an alias that speak other dialects.
const KEPT: usize = 8;

/// A request in the words of another dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// It, as it leaves.
    pub written: Written,
    /// Fields that were left out.
    pub dropped: Dropped,
    /// The kind of answer that it gets.
    pub answers: Answers,
}

/// The translations of a body so far.
#[derive(Default)]
pub(super) struct Translations(Mutex<Vec<Entry>>);

struct Entry {
    /// The state of the body that it is of.
    mark: Mark,
    key: Key,
    translated: Arc<Result<Translated, Refused>>,
}

/// The key of a translation among those of one body: a model's facts go by its name and place.
#[derive(PartialEq, Eq)]
struct Key {
    wire: Wire,
    model: Box<str>,
    origin: Origin,
    strict: bool,
}

impl Body {
    /// Translates it, as it stands, for a target of another dialect.
    pub fn translated(&self, target: &Target<'_>) -> Arc<Result<Translated, Refused>> {
        let key = Key {
            wire: target.wire,
            model: target.model.into(),
            origin: target.origin,
            strict: target.strict,
        };
        let mut entries = self.translations.0.lock();
        entries.retain(|entry| self.unchanged_since(&entry.mark));
        if let Some(entry) = entries.iter().find(|entry| entry.key == key) {
            return Arc::clone(&entry.translated);
        }
        let translated = Arc::new(self.translate(target));
        if entries.len() < KEPT {
            entries.push(Entry {
                mark: self.mark(),
                key,
                translated: Arc::clone(&translated),
            });
        }
        translated
    }

    fn translate(&self, target: &Target<'_>) -> Result<Translated, Refused> {
        let body = self.render();
        let with = |answers| {
            move |(written, dropped)| Translated {
                written,
                dropped,
                answers,
            }
        };
        match (self.kind(), self.dialect) {
            (Kind::Count, dialect) => {
                translate::count::request(dialect, &body, target).map(with(Answers::Count))
            }
            (Kind::Embed, Dialect::OpenaiEmbeddings) if target.wire == Wire::Gemini => {
                let tokens = self.input_tokens();
                let (written, dropped, wanted) =
                    translate::embeddings::request(&body, tokens, target)?;
                Ok(with(Answers::Embeddings(wanted))((written, dropped)))
            }
            (_, dialect) => translate::request(dialect, &body, self.streaming(), target)
                .map(with(Answers::Text)),
        }
    }
}
