//! Canned answers to the calls of a policy.

use std::{borrow::Cow, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::scalars::{Headers, Period, parsed};

/// An answer to calls that fit it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseAnswer {
    /// URL of the calls that it answers; a `*` at the end stands for any rest.
    pub url: Url,
    /// Their method. Default: any.
    pub method: Option<String>,
    /// Text that their body contains. Default: any.
    pub contains: Option<String>,
    /// Status of the answer. Default 200.
    pub status: Option<u16>,
    /// Its headers. Default: `content-type: application/json` where the body is no text.
    pub headers: Option<Headers>,
    /// Its body: a text as it is, all else as JSON. Default: empty.
    pub body: Option<Value>,
    /// Time that it takes, on the case's clock. A call that is not ready to wait so long times out.
    pub delay: Option<Period>,
    /// The end of the call, instead of an answer.
    pub fail: Option<CallFailure>,
    /// Number of calls that it answers; further ones go to the next answer that fits. Default: all.
    pub times: Option<u32>,
}

/// An end of a call that is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    /// The operator has not granted the host.
    Denied,
    /// No connection, or one that broke.
    Failed,
    /// No answer within the time of the call.
    Timeout,
    /// A larger answer than a policy may have.
    TooLarge,
}

impl CaseAnswer {
    /// Reports whether it answers a call.
    pub fn fits(&self, method: &str, url: &str, body: &[u8]) -> bool {
        let method = self
            .method
            .as_ref()
            .is_none_or(|of| of.eq_ignore_ascii_case(method));
        let contained = |text: &String| {
            let text = text.as_bytes();
            text.is_empty() || body.windows(text.len()).any(|part| part == text)
        };
        method && self.url.fits(url) && self.contains.as_ref().is_none_or(contained)
    }
}

/// The URL of calls, which may end in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// The host, with its port where one is written: what a grant names.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or(&*self.0, |(_, rest)| rest);
        rest.split(['/', '?', '*']).next().unwrap_or_default()
    }

    fn fits(&self, url: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => url.starts_with(beginning),
            // A URL without a path is read as one with the path `/`.
            None => self.0 == url || url.strip_suffix('/') == Some(&self.0),
        }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("http://")
            .or_else(|| text.strip_prefix("https://"));
        let stars = text.strip_suffix('*').unwrap_or(text).contains('*');
        let url = Self(text.to_owned());
        let starred = rest.is_some_and(|rest| rest.trim_end_matches('*') == url.host())
            && text.ends_with('*');
        match rest {
            Some(_)
                if !url.host().is_empty() && !url.host().contains('@') && !stars && !starred =>
            {
                Ok(url)
            }
            _ => Err(format!(
                "`{text}` is no URL of calls; write `https://host/path`, with a `*` at its end for any rest"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        parsed(d, "a URL")
    }
}

impl JsonSchema for Url {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^https?://[^/?*@]+([/?][^*]*\\*?)?$" })
    }
}
