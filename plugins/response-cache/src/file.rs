//! The configuration as it is written, and what makes it unfit.

use cache_rules::{Exclude, IGNORE, check_ignored, check_members, pure, vary};
use outrigger_sdk::{
    digest,
    settings::{Key, Keys, Match, Span},
};
use serde::Deserialize;

use crate::ResponseCache;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default = "an_hour")]
    pub(crate) ttl: Span,
    #[serde(default = "tenant_and_caller")]
    pub(crate) partition: Keys,
    #[serde(default, rename = "match")]
    pub(crate) conditions: Match,
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

fn an_hour() -> Span {
    Span(std::time::Duration::from_secs(3600))
}
fn tenant_and_caller() -> Keys {
    Keys::from([Key::Tag("tenant".into()), Key::Caller])
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

impl TryFrom<File> for ResponseCache {
    type Error = String;

    fn try_from(mut file: File) -> Result<Self, String> {
        check_ignored(&file.ignore)?;
        check_members(&file.members)?;
        vary(&mut file.vary)?;
        file.ignore.sort();
        if file.ttl.0.is_zero() && !file.share {
            return Err(
                "nothing would be kept or shared: give `ttl` a time, or leave `share` on".into(),
            );
        }
        if file.max_bytes == 0 {
            return Err(
                "max_bytes: 0 keeps nothing: leave it out, or write `ttl: 0s` to share only".into(),
            );
        }
        if !(0.0..=2.0).contains(&file.max_temperature) {
            return Err("max_temperature: expected a number from 0 to 2".into());
        }
        let exclude = Exclude {
            max_temperature: file.max_temperature,
            without_temperature: file.without_temperature,
            tools: file.tool_calls,
            known: pure(&file.ignore, &file.members),
        };
        let version = digest([file.ignore.join("\n"), file.vary.join("\n")]);
        Ok(Self {
            file,
            exclude,
            version,
        })
    }
}
