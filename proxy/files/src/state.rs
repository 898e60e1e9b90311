//! `state:` as written.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Count, OneOrMore, Optional, Size, Span, Text};

/// State that outlives an exchange.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// Redis or Valkey, that replicas share. Left out: this process's memory.
    pub redis: Optional<WrittenRedis>,
    /// Time that an exchange waits for Redis. Default `5ms`.
    pub timeout: Optional<Span>,
    /// Effect on limits while Redis can't serve: `share` (the default: this replica keeps to its
    /// share of each limit), `block` or `skip`.
    pub degrade: Optional<Text>,
    /// Number of replicas among which `degrade: share` divides a limit. Default 1.
    pub replicas: Optional<Count>,
    /// Time after which a reservation of a replica that died is given back. Default `10m`.
    pub reservation_lapse: Optional<Span>,
    /// True if the admin address may reset buckets and evict stored replies. Default false.
    pub admin_changes: Optional<bool>,
    /// Bounds of what is kept in this process.
    pub memory: Optional<StateMemory>,
}

/// Redis or Valkey, with more than its address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:6379/0`, `rediss://` for TLS, `redis+cluster://` or `rediss+cluster://` for a
    /// cluster; or several nodes of a cluster.
    pub url: OneOrMore,
    /// The user to sign in as.
    #[serde(default)]
    pub user: Optional<Text>,
    /// `${NAME}`, or `file:/path`.
    #[serde(default)]
    pub password: Optional<Text>,
    /// A PEM file of roots to trust instead of the built-in ones.
    #[serde(default)]
    pub roots: Optional<Text>,
    /// Prefix of all keys. Default `outrigger`.
    #[serde(default)]
    pub prefix: Optional<Text>,
}

/// Bounds of what is kept in this process.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StateMemory {
    /// Small values of policies. Default `64MiB`.
    pub values: Optional<Size>,
    /// Stored replies. Default `64MiB`.
    pub replies: Optional<Size>,
    /// Vectors of stored replies, by which they are found from questions like theirs: 500 bytes each
    /// at 384 dimensions. Default `64MiB`.
    pub vectors: Optional<Size>,
    /// Buckets of limits. Default `16MiB`.
    pub buckets: Optional<Size>,
}

/// Redis' address, as written.
#[derive(Debug)]
pub enum WrittenRedis {
    /// `redis://host:6379`.
    Url(Text),
    /// A map with a password, roots, several nodes, …
    Full(Box<Redis>),
}

impl<'de> Deserialize<'de> for WrittenRedis {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenRedis;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`redis://host:6379` or `{ url: …, password: … }`")
            }
            fn visit_str<E: Error>(self, v: &str) -> Result<WrittenRedis, E> {
                Ok(WrittenRedis::Url(Text(v.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<WrittenRedis, A::Error> {
                Redis::deserialize(MapAccessDeserializer::new(entries))
                    .map(|redis| WrittenRedis::Full(Box::new(redis)))
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for WrittenRedis {
    fn schema_name() -> Cow<'static, str> {
        "WrittenRedis".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let full = generator.subschema_for::<Redis>();
        json_schema!({ "anyOf": [{ "type": "string", "examples": ["redis://redis:6379"] }, full] })
    }
}
