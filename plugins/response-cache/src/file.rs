//! The configuration as it is written, and what makes it unfit.

use outrigger_sdk::{
    digest,
    settings::{Key, Keys, Match, Span},
};
use serde::Deserialize;

use crate::{Exclude, ResponseCache, exclude};

/// Members that say how an answer is sent, and whose request it is in the provider's own
/// accounting.
const IGNORE: [&str; 6] = [
    "/stream",
    "/stream_options",
    "/user",
    "/metadata",
    "/safety_identifier",
    "/prompt_cache_key",
];
/// Headers that change what a provider answers. `host` distinguishes providers where the app names
/// them.
const VARY: [&str; 7] = [
    "host",
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
];
/// Members that no answer can do without.
const NEEDED: [&str; 11] = [
    "/model",
    "/messages",
    "/input",
    "/instructions",
    "/system",
    "/prompt",
    "/contents",
    "/systemInstruction",
    "/tools",
    "/tool_choice",
    "/response_format",
];

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
        for (at, pointer) in file.ignore.iter().enumerate() {
            if !pointer.starts_with('/') {
                return Err(format!(
                    "ignore[{at}]: expected a JSON pointer, `/user` say"
                ));
            }
            let needed = |top: &&str| {
                pointer
                    .strip_prefix(*top)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if NEEDED.iter().any(needed) {
                return Err(format!(
                    "ignore[{at}]: without `{pointer}` one request would be answered with the reply to another"
                ));
            }
        }
        for (at, name) in file.members.iter().enumerate() {
            if name.is_empty() {
                return Err(format!(
                    "members[{at}]: expected the name of a member of the body"
                ));
            }
            if exclude::impure(name) {
                return Err(format!(
                    "members[{at}]: with `{name}` an answer depends on more than the request: its replies can't be kept"
                ));
            }
        }
        for (at, name) in file.vary.iter_mut().enumerate() {
            name.make_ascii_lowercase();
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            {
                return Err(format!("vary[{at}]: expected the name of a header"));
            }
        }
        file.vary.extend(VARY.map(String::from));
        file.vary.sort();
        file.vary.dedup();
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
        // Members that make no difference are no reason to keep nothing either.
        let ignored = file
            .ignore
            .iter()
            .filter_map(|pointer| pointer.strip_prefix('/'));
        let ignored = ignored.filter(|name| !name.contains('/') && !exclude::impure(name));
        let ignored = ignored.map(|name| name.replace("~1", "/").replace("~0", "~"));
        let exclude = Exclude {
            max_temperature: file.max_temperature,
            without_temperature: file.without_temperature,
            tools: file.tool_calls,
            known: ignored.chain(file.members.iter().cloned()).collect(),
        };
        let version = digest([file.ignore.join("\n"), file.vary.join("\n")]);
        Ok(Self {
            file,
            exclude,
            version,
        })
    }
}
