//! The policy's `config:` as it is written, and what makes one unfit.

use std::collections::{BTreeMap, BTreeSet};

use outrigger_sdk::{
    Place, Places,
    settings::{Count, Span},
};
use redaction::{LaterReplies, external::Redactor};
use serde::Deserialize;

use crate::{PresidioRedact, analyzer::Analyzer};

/// The policy's `config:` in `outrigger.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The analyzer's address: Presidio's own ends in `/analyze`.
    url: Url,
    /// Headers of each call.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The longest that all calls for a request may take together. Default 2 s.
    #[serde(default = "two_seconds")]
    timeout: Span,
    /// The treatment of a request of which some text was not analyzed.
    on_error: OnError,
    /// The treatment of what is found.
    #[serde(default)]
    mode: Mode,
    /// The language that the analyzer is to expect. Default `en`.
    #[serde(default = "english")]
    language: Language,
    /// The kinds that are hidden, by the analyzer's names. Default: what pii-redact does not find.
    #[serde(default)]
    entities: Entities,
    /// The least score of a finding. Default 0.5.
    #[serde(default)]
    score_threshold: Score,
    /// True if a call may carry several texts, as a list. Default.
    #[serde(default = "yes")]
    batch: bool,
    /// The most bytes of text of one request. Default 256 KiB.
    #[serde(default = "bytes")]
    max_bytes: Count,
    /// The most calls for one request. Default 16.
    #[serde(default = "calls")]
    max_calls: Count,
    /// The places whose text is analyzed.
    #[serde(default)]
    places: Chosen,
    /// A passphrase for placeholders that are the same in every process.
    key: Option<String>,
    /// The treatment of requests whose reply can't be restored.
    later_replies: Option<LaterReplies>,
}

fn two_seconds() -> Span {
    Span(std::time::Duration::from_secs(2))
}
fn english() -> Language {
    Language("en".into())
}
const fn yes() -> bool {
    true
}
const fn bytes() -> Count {
    Count(256 << 10)
}
const fn calls() -> Count {
    Count(16)
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = &'static str;
    fn try_from(url: String) -> Result<Self, Self::Error> {
        match url.starts_with("https://") || url.starts_with("http://") {
            true => Ok(Self(url)),
            false => Err("expected an address that begins with `https://` or `http://`"),
        }
    }
}

/// The treatment of a request of which some text was not analyzed.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    /// It is answered with 503, or with 413 where it is too large.
    Refuse,
    /// It goes on with what was found in the rest, and is counted.
    Pass,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// `[[PERSON]]` stands in its place for good.
    Mask,
    /// A placeholder stands in its place, and the reply gets the value back.
    #[default]
    Tokenize,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Language(String);

impl TryFrom<String> for Language {
    type Error = &'static str;
    fn try_from(language: String) -> Result<Self, Self::Error> {
        match language.trim().is_empty() {
            true => Err("the language's code is empty: write `en`, for example"),
            false => Ok(Self(language)),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Entities(BTreeSet<String>);

impl Default for Entities {
    fn default() -> Self {
        Self(["PERSON", "LOCATION"].map(Into::into).into())
    }
}

impl TryFrom<Vec<String>> for Entities {
    type Error = &'static str;
    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        match names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
            true => Err("expected the analyzer's names of kinds, `PERSON` for example"),
            false => Ok(Self(names.into_iter().collect())),
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Score(f64);

impl Default for Score {
    fn default() -> Self {
        Self(0.5)
    }
}

impl TryFrom<f64> for Score {
    type Error = &'static str;
    fn try_from(score: f64) -> Result<Self, Self::Error> {
        match (0.0..=1.0).contains(&score) {
            true => Ok(Self(score)),
            false => Err("expected a number from 0 to 1"),
        }
    }
}

/// A list of places by the contract's names.
#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Chosen(Places);

impl Default for Chosen {
    /// The conversation. Tool definitions and the rest come from the app, not from people.
    fn default() -> Self {
        Self(
            Places::SYSTEM
                | Places::USER
                | Places::ASSISTANT
                | Places::TOOL_RESULT
                | Places::TOOL_ARGUMENTS,
        )
    }
}

impl TryFrom<Vec<String>> for Chosen {
    type Error = String;
    fn try_from(names: Vec<String>) -> Result<Self, String> {
        let mut places = Places::empty();
        for name in &names {
            let known = Place::ALL.iter().find(|place| place.name() == name);
            places |= known
                .ok_or_else(|| {
                    let all: Vec<&str> = Place::ALL.iter().map(|place| place.name()).collect();
                    format!("`{name}` is no place: write one of {}", all.join(", "))
                })?
                .alone();
        }
        match places.is_empty() {
            true => Err("the list is empty, so nothing would be analyzed".into()),
            false => Ok(Self(places)),
        }
    }
}

impl TryFrom<Config> for PresidioRedact {
    type Error = &'static str;

    fn try_from(config: Config) -> Result<Self, Self::Error> {
        let redactor = match config.mode {
            Mode::Tokenize => Redactor::tokenizing(
                config.key.as_deref(),
                config.later_replies.unwrap_or_default(),
            )?,
            Mode::Mask if config.key.is_some() || config.later_replies.is_some() => {
                return Err(
                    "`key` and `later_replies` have no effect without placeholders: leave them out, or set `mode: tokenize`",
                );
            }
            Mode::Mask => Redactor::masking(),
        };
        Ok(Self {
            analyzer: Analyzer {
                url: config.url.0,
                headers: config.headers,
                timeout: config.timeout.0,
                language: config.language.0,
                entities: config.entities.0,
                score_threshold: config.score_threshold.0,
                batch: config.batch,
                max_bytes: config.max_bytes.0,
                max_calls: config.max_calls.0,
            },
            on_error: config.on_error,
            places: config.places.0,
            redactor,
        })
    }
}
