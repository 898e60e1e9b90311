//! `upstreams:` and `models:` as written.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{NotYet, Optional, Span, Text};
use crate::config::scalars::VARIABLE;

/// A provider's endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Upstream {
    /// `http` (the default) or `embedded`, the model inside the binary.
    pub kind: Optional<Text>,
    /// Family of dialects that it speaks: `openai`, `anthropic` or `gemini`.
    pub dialect: Optional<Text>,
    /// Its base URL, as an SDK would be given it: `https://api.openai.com/v1`.
    pub url: Optional<Text>,
    /// Hosts whose TLS is ended for this upstream where apps dial them: `[api.openai.com]`.
    /// Default: the host of an `https` URL.
    pub hosts: Optional<Vec<Text>>,
    /// Sent instead of the caller's credentials: `${NAME}`, or `file:/path`. Left out: the caller's
    /// own go through.
    pub key: Optional<Text>,
    /// True if streams are requested with their usage where the caller did not request it; the
    /// caller does not receive it. Only of upstreams that speak `openai`, where the default is
    /// `true`. A request that a server refuses because of `stream_options` is sent once more
    /// without; `false` avoids that.
    pub usage: Optional<bool>,
    /// A PEM file of roots to trust instead of the built-in ones.
    pub roots: Optional<Text>,
    /// Time to a connection with TLS. Default `10s`.
    pub connect_timeout: Optional<Span>,
    /// Time from the request's last byte to a stream's first content, or to a whole reply's head.
    /// Default `120s`.
    pub first_content_timeout: Optional<Span>,
    /// Longest silence between bytes of a reply. Default `120s`.
    pub idle_timeout: Optional<Span>,
}

/// An alias: a name that apps use for a model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    /// One `upstream/model`.
    pub targets: Vec<WrittenTarget>,
    /// A key of a later version.
    #[serde(default)]
    #[schemars(skip)]
    pub strategy: Optional<NotYet>,
}

/// A target as written.
#[derive(Debug)]
pub(crate) enum WrittenTarget {
    /// `upstream/model`.
    Name(Text),
    /// A form of a later version.
    Weighted,
}

impl<'de> Deserialize<'de> for WrittenTarget {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenTarget;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`upstream/model`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenTarget, E> {
                Ok(WrittenTarget::Name(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenTarget, A::Error> {
                IgnoredAny::deserialize(MapAccessDeserializer::new(entries))
                    .map(|_| WrittenTarget::Weighted)
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenTarget {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": format!("^[^/]+/.|{VARIABLE}"), "examples": ["openai/gpt-5-mini"] })
    }
}
