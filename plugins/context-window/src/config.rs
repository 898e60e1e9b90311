//! The policy's `config:` as it is written, and what makes it unfit.

use outrigger_sdk::settings::Globs;
use serde::Deserialize;

use crate::{ContextWindow, window::Window};

/// The treatment of a request that is over its budget even without all that can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenTooLong {
    /// It goes on: the provider may know a larger window.
    #[default]
    Forward,
    /// It is answered with 400.
    Refuse,
}

/// The policy's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    budget: Option<Budget>,
    #[serde(default)]
    models: Vec<Model>,
    #[serde(default)]
    down_to: Share,
    #[serde(default)]
    keep: Keep,
    #[serde(default = "yes")]
    compact: bool,
    #[serde(default = "yes")]
    dedupe: bool,
    #[serde(default)]
    pub(crate) when_too_long: WhenTooLong,
}

const fn yes() -> bool {
    true
}

/// Tokens of a whole request: system prompt, tools and all.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Budget(u64);

impl TryFrom<u64> for Budget {
    type Error = &'static str;
    fn try_from(tokens: u64) -> Result<Self, Self::Error> {
        match tokens {
            0..100 => Err(
                "fewer than 100 tokens hold no conversation: write the tokens that a request may have, as in `100000`",
            ),
            tokens => Ok(Self(tokens)),
        }
    }
}

/// A budget of some models' own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    model: Globs,
    budget: Budget,
}

/// The share of the budget that a conversation is brought down to, in percent.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Share(u64);

impl Default for Share {
    fn default() -> Self {
        Self(75)
    }
}

impl TryFrom<String> for Share {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_suffix('%').map(|number| number.trim().parse()) {
            Some(Ok(percent @ 10..=95)) => Ok(Self(percent)),
            _ => Err("write a share of the budget from `10%` to `95%`"),
        }
    }
}

/// The parts that always stay; besides the system prompt and the user's last message.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keep {
    turns: usize,
    first: bool,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            turns: 2,
            first: false,
        }
    }
}

impl TryFrom<Config> for ContextWindow {
    type Error = String;

    fn try_from(config: Config) -> Result<Self, String> {
        if config.budget.is_none() && config.models.is_empty() {
            return Err("budget: is missing: write the tokens that a request may have, or `models` with a budget each".into());
        }
        if config.keep.turns == 0 {
            return Err("keep.turns: the last turn always stays: write 1 or more".into());
        }
        for (at, Model { model, .. }) in config.models.iter().enumerate() {
            let earlier = config
                .models
                .iter()
                .take(at)
                .position(|earlier| earlier.model.cover_models(model));
            if let Some(earlier) = earlier {
                return Err(format!(
                    "models[{at}].model: can never be reached, because models[{earlier}] matches it too; put that one later"
                ));
            }
        }
        let all = config
            .models
            .iter()
            .position(|model| model.model.match_all());
        if let (Some(at), Some(_)) = (all, config.budget) {
            return Err(format!(
                "budget: has no effect, because models[{at}] matches every model; leave one of them out"
            ));
        }
        Ok(Self(config))
    }
}

impl Config {
    /// The budget for a model; `None` where it has none.
    pub(crate) fn budget(&self, model: Option<&str>) -> Option<u64> {
        let own = self
            .models
            .iter()
            .find(|own| model.is_some_and(|model| own.model.matches_model(model)));
        own.map(|own| own.budget)
            .or(self.budget)
            .map(|Budget(tokens)| tokens)
    }

    pub(crate) fn window(&self, budget: u64) -> Window {
        Window {
            budget,
            step: (budget - budget * self.down_to.0 / 100).max(1),
            turns: self.keep.turns,
            first: self.keep.first,
            compact: self.compact,
            dedupe: self.dedupe,
        }
    }
}
