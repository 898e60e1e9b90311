//! The configuration as it is written, and what makes it unfit.

use std::time::Duration;

use cache_rules::{Exclude, IGNORE, check_ignored, check_members, pure, vary};
use outrigger_sdk::{
    digest,
    settings::{Key, Keys, Match, Span},
};
use serde::Deserialize;

use crate::{
    SemanticCache,
    evidence::Bound,
    judge::{self, Judge},
    lexical::Lexicon,
};

/// The use that is made of a near answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Sends the request on, and compares what comes with what it would have served.
    Shadow,
    /// Serves it.
    Serve,
}

/// When an entry is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trust {
    /// As often as its comparisons with new answers allow.
    Earned,
    /// From the first time on.
    AtOnce,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default = "shadow")]
    pub(crate) mode: Mode,
    #[serde(default = "earned")]
    pub(crate) trust: Trust,
    #[serde(default = "two_percent")]
    error: f64,
    #[serde(default = "near")]
    threshold: f64,
    #[serde(default)]
    verify: Verify,
    #[serde(default = "a_day")]
    pub(crate) ttl: Span,
    #[serde(default = "tenant_and_caller")]
    pub(crate) partition: Keys,
    #[serde(default, rename = "match")]
    pub(crate) conditions: Match,
    #[serde(default = "four")]
    pub(crate) max_turns: u32,
    #[serde(default = "two_kibibytes")]
    pub(crate) max_question_bytes: usize,
    #[serde(default)]
    pub(crate) explain: bool,
    #[serde(default = "ignore")]
    pub(crate) ignore: Vec<String>,
    #[serde(default)]
    pub(crate) vary: Vec<String>,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default = "low")]
    max_temperature: f64,
    #[serde(default)]
    without_temperature: bool,
    #[serde(default)]
    pub(crate) tool_calls: bool,
    #[serde(default = "yes")]
    pub(crate) share: bool,
    #[serde(default = "a_mebibyte")]
    pub(crate) max_bytes: u32,
}

/// The judge of near questions.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verify {
    /// The lexical checks alone.
    #[default]
    Lexical,
    /// The lexical checks, and behind them a model.
    Model(judge::File),
}

/// Largest question that is compared, in bytes: a note has 4 KiB, and the similarity of long texts
/// says little.
const LONGEST: usize = 2048;

const fn shadow() -> Mode {
    Mode::Shadow
}
const fn earned() -> Trust {
    Trust::Earned
}
const fn two_percent() -> f64 {
    0.02
}
const fn near() -> f64 {
    0.86
}
const fn a_day() -> Span {
    Span(Duration::from_secs(86_400))
}
fn tenant_and_caller() -> Keys {
    Keys::from([Key::Tag("tenant".into()), Key::Caller])
}
const fn four() -> u32 {
    4
}
const fn two_kibibytes() -> usize {
    LONGEST
}
fn ignore() -> Vec<String> {
    IGNORE.map(String::from).into()
}
const fn low() -> f64 {
    0.3
}
const fn yes() -> bool {
    true
}
const fn a_mebibyte() -> u32 {
    1 << 20
}

impl TryFrom<File> for SemanticCache {
    type Error = String;

    fn try_from(mut file: File) -> Result<Self, String> {
        // NaN is in no range
        if !(0.0..1.0).contains(&file.threshold) || file.threshold == 0.0 {
            return Err("threshold: expected a cosine above 0 and below 1".into());
        }
        if !(0.0..=0.5).contains(&file.error) || file.error == 0.0 {
            return Err("error: expected a share above 0, and 0.5 at most".into());
        }
        if file.partition.list().is_empty() {
            return Err(
                "partition: without a key everybody would get everybody's answers: name `tenant` or `caller`, `model` where all may share them"
                    .into(),
            );
        }
        if file.ttl.0.is_zero() {
            return Err("ttl: `0s` keeps nothing, and this policy has nothing else to do".into());
        }
        if file.max_bytes == 0 {
            return Err("max_bytes: 0 keeps nothing".into());
        }
        if file.max_turns == 0 {
            return Err("max_turns: 0 lets no question in".into());
        }
        if !(1..=LONGEST).contains(&file.max_question_bytes) {
            return Err(format!("max_question_bytes: expected 1 to {LONGEST}"));
        }
        if !(0.0..=2.0).contains(&file.max_temperature) {
            return Err("max_temperature: expected a number from 0 to 2".into());
        }
        check_ignored(&file.ignore)?;
        check_members(&file.members)?;
        vary(&mut file.vary)?;
        file.ignore.sort();
        let exclude = Exclude {
            max_temperature: file.max_temperature,
            without_temperature: file.without_temperature,
            tools: file.tool_calls,
            known: pure(&file.ignore, &file.members),
        };
        let judge = match std::mem::take(&mut file.verify) {
            Verify::Lexical => None,
            Verify::Model(model) => Some(Judge::try_from(model)?),
        };
        #[expect(clippy::cast_possible_truncation, reason = "it is between 0 and 1")]
        let threshold = file.threshold as f32;
        let version = digest([file.ignore.join("\n"), file.vary.join("\n")]);
        Ok(Self {
            bound: Bound::new(file.error),
            threshold,
            exclude,
            version,
            lexicon: Lexicon::new(),
            judge,
            open: None,
            file,
        })
    }
}
