//! `model_facts:`.

use dialect::Dialect;
use route::{Endpoints, ModelFacts};

use super::Check;
use crate::config::{
    OwnFact, OwnFacts,
    file::{self, Named},
    problems::Path,
    scalars::listed,
};

/// Most tokens that a model may be said to take.
pub(super) const MOST_TOKENS: u64 = 1_000_000_000;

impl Check<'_> {
    pub(super) fn model_facts(&mut self, written: Option<Named<file::ModelFacts>>) -> OwnFacts {
        let at = Path::default().key("model_facts");
        let written = written.map(|named| named.0).unwrap_or_default();
        let models = written.into_iter().map(|(model, facts)| {
            let at = at.key(&model);
            if model.is_empty() || model.len() > 200 || model.chars().any(char::is_control) {
                self.problem(
                    &at,
                    "is no name of a model; write one, like `gpt-5-mini` or `openai/gpt-5-mini`",
                );
            }
            let (like, facts) = self.facts(&at, &facts);
            OwnFact::new(model, like, facts)
        });
        models.collect()
    }

    fn facts(&mut self, at: &Path, written: &file::ModelFacts) -> (Option<String>, ModelFacts) {
        let tokens = |check: &mut Self, key: &str, written: Option<&file::Count>| {
            let at = at.key(key);
            written.map(|count| check.count(&at, Some(count), "tokens", 1, MOST_TOKENS))
        };
        let window = tokens(self, "window", written.window.as_ref());
        let output = tokens(self, "output", written.output.as_ref());
        if let (Some(window), Some(output)) = (window, output)
            && output > window
        {
            self.problem(
                &at.key("output"),
                "is more than `window`, which holds input and output; write less here or more there",
            );
        }
        let endpoints_at = at.key("endpoints");
        if written.endpoints.as_ref().is_some_and(Vec::is_empty) {
            self.problem(
                &endpoints_at,
                "is empty, which would leave out every target of this model; name a dialect, or leave the key out",
            );
        }
        let endpoints = written.endpoints.as_ref().map(|names| {
            self.list(&endpoints_at, names, |text| {
                let known = Dialect::named(text).filter(|dialect| dialect.is_read());
                known.ok_or_else(|| {
                    let all = Dialect::ALL.into_iter().filter(|dialect| dialect.is_read());
                    let all: Vec<_> = all.map(|known| format!("`{}`", known.name())).collect();
                    format!("is no dialect; write {}", listed(&all, "or"))
                })
            })
        });
        let facts = ModelFacts {
            window,
            output,
            tools: *written.tools,
            images: *written.images,
            audio: *written.audio,
            files: *written.files,
            endpoints: endpoints.map(Endpoints::from_iter),
            takes: self.takes(at, written),
        };
        let like = self.like(&at.key("like"), written.like.as_ref());
        if says_nothing(written) {
            self.problem(
                at,
                "says nothing of the model; write `window: 400000` or another fact, or remove it",
            );
        }
        (like, facts)
    }
}

/// Reports whether no key is written.
fn says_nothing(written: &file::ModelFacts) -> bool {
    let file::ModelFacts {
        window,
        output,
        tools,
        images,
        audio,
        files,
        endpoints,
        like,
        refuses,
        reasoning,
        wants_reasoning_back,
        system_role,
        max_field,
        tool_schemas,
    } = written;
    let counts = window.is_none() && output.is_none();
    let flags = [tools, images, audio, files, wants_reasoning_back];
    let words = [like, system_role, max_field, tool_schemas];
    counts
        && flags.into_iter().all(|flag| flag.is_none())
        && words.into_iter().all(|word| word.is_none())
        && endpoints.is_none()
        && refuses.is_none()
        && reasoning.is_none()
}
