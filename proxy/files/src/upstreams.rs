//! `upstreams:` as written.

use std::{borrow::Cow, fmt};

use embedded::FaultClass;
use route::{ProviderRules, provider::Auth};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Count, Named, Optional, Share, Span, Switch, Text, WrittenIdentity};
use crate::scalars::listed;

/// A provider's endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// `http` (the default) or `embedded`, the model inside the binary.
    pub kind: Optional<Text>,
    /// The provider that it is.
    #[schemars(description = format!("The provider that it is: {}. Where no `dialect` is written beside `url`, it sets address, authentication and the dialects that are offered; in any case the meaning of errors, and what OpenAI-like endpoints take. Default: the one whose host the URL names, else the one that designed the dialect.", providers_there_are()))]
    pub provider: Optional<Text>,
    /// Family of dialects that it speaks: `openai`, `anthropic` or `gemini`. Of the embedded model,
    /// which speaks all, left out: all, or those of its `provider`, at that one's paths. With a
    /// `provider` and no `url`: the only one, of those that the provider offers.
    pub dialect: Optional<Text>,
    /// Several families or dialects instead of `dialect`, each with its path below `url`:
    /// `{ openai: /v1, anthropic: /anthropic }`, `{ openai.chat: /api/v1 }`. Anthropic's and
    /// Gemini's have no version in it. A request goes to its own dialect's where that is here.
    pub dialects: Optional<Named<Text>>,
    /// Its base URL, as an SDK would be given it: `https://api.openai.com/v1`. Default: the
    /// provider's address. With a `provider` and no `dialect`, the paths of all its dialects are
    /// below it.
    pub url: Optional<Text>,
    /// Azure's name of a resource, which its address is made of.
    pub resource: Optional<Text>,
    /// Google Cloud's name of a project, for `provider: vertex`.
    pub project: Optional<Text>,
    /// Google Cloud's name of a location, for `provider: vertex`: `global`, `eu`, `us` or a region.
    pub location: Optional<Text>,
    /// Azure's version of its API: a date such as `2024-10-21`, for paths with deployments in them,
    /// or a word such as `preview`. Default: none, as its version 1 has it.
    pub api_version: Optional<Text>,
    /// The header that carries the key.
    #[schemars(description = format!("The header that carries the key: {}. `none` sends none, and not the caller's either. Default: as the dialect's designer or the provider has it; of servers that need no key, `none` where none is written.", auths_there_are()))]
    pub auth: Optional<Text>,
    /// Hosts whose TLS is ended for this upstream where apps dial them: `[api.openai.com]`.
    /// Default: the host of an `https` URL.
    pub hosts: Optional<Vec<Text>>,
    /// Sent instead of the caller's credentials: `${NAME}`, or `file:/path`, which is read again
    /// when it changes. Left out: the caller's own go through.
    pub key: Optional<Text>,
    /// Several keys instead of `key`, each written like it, or `{ key: …, account: … }`. Each
    /// request is sent with the one that has the most room, as far as the provider says, else with
    /// the next in turn.
    pub keys: Optional<Vec<WrittenKey>>,
    /// The identity of the pod, instead of a key: `aws`, `gcp`, `azure`, or a map like
    /// `{ from: anthropic, token: /var/run/secrets/tokens/anthropic }`. Its credentials are fetched
    /// as they are needed, and ahead of their end.
    pub identity: Optional<WrittenIdentity>,
    /// The account that pays: of `key`, of each of `keys` that names none, or, without keys, of all
    /// callers. Keys of one account share its quota. Default: the upstream's name.
    pub account: Optional<Text>,
    /// A label that policies see, such as `eu`. Of Bedrock: the region of AWS, which its address is
    /// made of.
    pub region: Optional<Text>,
    /// Rows that go before those of the provider's table of failures.
    pub failures: Optional<Vec<FailureRow>>,
    /// True if streams are requested with their usage where the caller did not request it; the
    /// caller does not receive it. Only of upstreams that speak `openai`, where the default is
    /// `true`, unless the provider is known to refuse `stream_options`. A request that a server refuses because of `stream_options` is sent once more
    /// without; `false` avoids that.
    pub usage: Optional<bool>,
    /// A PEM file of roots to trust instead of the built-in ones.
    pub roots: Optional<Text>,
    /// Time to a connection with TLS. Default `10s`, or `head_timeout` where that is shorter.
    pub connect_timeout: Optional<Span>,
    /// Time from the request's last byte to a reply's head. Default: as `first_content_timeout`.
    pub head_timeout: Optional<Span>,
    /// Time from the request's last byte to a stream's first content, or to a whole reply's head.
    /// For the targets of `models`, until 20 replies have shown how long it takes there. Default
    /// `120s`.
    pub first_content_timeout: Optional<Span>,
    /// Longest silence between bytes of a reply. Default `120s`.
    pub idle_timeout: Optional<Span>,
    /// Failures that the embedded model makes on purpose.
    pub faults: Optional<Faults>,
    /// `off`: requests in dialects that it does not offer are not translated for it. Default `on`.
    pub translate: Optional<Switch>,
    /// True if it is sent no request of which a translation would leave something out, even what
    /// only costs or tastes different. Default false: that is counted.
    pub strict: Optional<bool>,
}

/// A key as written.
#[derive(Debug)]
pub enum WrittenKey {
    /// The key alone.
    Key(Text),
    /// The key, and its account.
    Full(KeyEntry),
}

/// A key, and who pays for what it opens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// `${NAME}` or `file:/path`.
    pub key: Text,
    /// Its account. Default: the upstream's `account`.
    #[serde(default)]
    pub account: Optional<Text>,
}

/// The meaning of an answer that a provider gives; all conditions that are there must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureRow {
    /// Its status.
    #[serde(default)]
    pub status: Optional<Count>,
    /// The code or the type in its error, such as `insufficient_quota`, in any case.
    #[serde(default)]
    pub code: Optional<Text>,
    /// A part of its error's message, in any case.
    #[serde(default)]
    pub message: Optional<Text>,
    /// True if it has a `retry-after`, false if it has none.
    #[serde(default)]
    pub retry_after: Optional<bool>,
    /// The class of the failure: `rate`, `overload`, `money`, `key`, `maybe_done` or `request`.
    pub class: Text,
}

/// Failures that the embedded model makes on purpose.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// The share of requests that fail, such as `50%`.
    pub rate: Share,
    /// Kinds of failures.
    #[serde(default)]
    #[schemars(description = format!("Kinds of failures, each as likely as the others: {}. Default `[overload]`.", faults_there_are()))]
    pub classes: Optional<Vec<Text>>,
    /// Time from a failing call to its failure. Default none.
    #[serde(default)]
    pub delay: Optional<Span>,
    /// The time after which a caller may come back, as failures of the kind `rate` say it. Left
    /// out: they say nothing.
    #[serde(default)]
    pub retry_after: Optional<Span>,
}

/// Names every provider that is known, for a message.
pub fn providers_there_are() -> String {
    let known = ProviderRules::ALL.map(|known| format!("`{}`", known.name()));
    listed(&known, "and")
}

/// Names every header that may carry a key, for a message.
pub fn auths_there_are() -> String {
    let known = Auth::ALL.map(|known| format!("`{}`", known.name()));
    listed(&known, "and")
}

/// Names every kind of failure, for a message.
pub fn faults_there_are() -> String {
    let known = FaultClass::ALL.map(|known| format!("`{}`", known.name()));
    listed(&known, "and")
}

impl<'de> Deserialize<'de> for WrittenKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key, or a map with it under `key`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenKey, E> {
                Ok(WrittenKey::Key(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenKey, A::Error> {
                KeyEntry::deserialize(MapAccessDeserializer::new(entries)).map(WrittenKey::Full)
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenKey {
    fn schema_name() -> Cow<'static, str> {
        "WrittenKey".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<KeyEntry>();
        json_schema!({ "anyOf": [{ "type": "string" }, full] })
    }
}
