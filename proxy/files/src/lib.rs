//! The files that people write for Outrigger, as they write them: keys, and nothing else.
//!
//! [`File`] is `outrigger.yaml`, [`PriceFile`] the file that its `prices:` names, and [`cases`] what
//! lies beside a policy. Scalars stay as they were written ([`Text`], [`Span`], [`Size`]): `${ENV}`
//! is replaced and units are read in the sidecar's `config`, where all problems of a file are
//! collected at once.
//!
//! A crate of its own because of what serde and schemars make of it, half a megabyte of code that
//! runs once a file: Cargo builds it for size.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

mod admin;
pub mod cases;
mod embeddings;
mod guard;
mod identity;
mod models;
mod policies;
mod prices;
pub mod scalars;
mod state;
mod telemetry;
mod unseen;
mod upstreams;

pub use admin::WrittenAdmin;
pub use embeddings::Embeddings;
pub use guard::{Harden, Overload};
pub use identity::{IdentityEntry, WrittenIdentity};
pub use models::{
    Canary, Hedge, Model, ModelFacts, Queue, ReasoningFacts, Retry, Shadow, TargetEntry,
    WrittenLimited, WrittenStrategy, WrittenTarget,
};
pub use policies::{Grant, Policies, PolicyLimits, Tree, Use, grants_there_are};
pub use prices::{Price, PriceFile, Prices};
pub use state::{Redis, State, WrittenRedis};
pub use telemetry::Telemetry;
pub use unseen::{DEFAULT, WrittenUnseen};
pub use upstreams::{
    FailureRow, Faults, Upstream, WrittenKey, auths_there_are, faults_there_are,
    providers_there_are,
};

pub use scalars::{
    Count, Dollars, Named, Number, OneOrMore, Optional, Share, Size, Span, Switch, Text, Weight,
};

/// An Outrigger configuration. `${NAME}` and `${NAME:-default}` are replaced from the environment
/// in every value; `$${` is a literal `${`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "outrigger.yaml")]
pub struct File {
    /// Addresses to which apps connect.
    pub listen: Option<Listen>,
    /// Address of health, metrics and policies: `127.0.0.1:4190` (the default), or
    /// `{ listen: 127.0.0.1:4190, hosts: [name] }` where requests address it by a name.
    pub admin: Optional<WrittenAdmin>,
    /// Worker threads. Default: the CPUs this process may use, 4 at most.
    pub workers: Optional<Count>,
    /// Providers by name. Default: `openai` and `anthropic` at their public addresses, with the
    /// callers' own keys.
    pub upstreams: Option<Named<Upstream>>,
    /// Names that apps use instead of a model's.
    pub models: Option<Named<Model>>,
    /// Facts about models, which go before those of the built-in tables: by `upstream/model`, the
    /// model's name, or either with `*` in it. The most specific one counts alone.
    pub model_facts: Option<Named<ModelFacts>>,
    /// The policies in force.
    pub policies: Option<Policies>,
    /// The embedder: texts become vectors for policies that were granted `embeddings`. Left out:
    /// there is none.
    #[serde(deserialize_with = "embeddings_not_empty")]
    pub embeddings: Option<Embeddings>,
    /// Bounds of one exchange.
    pub limits: Option<Limits>,
    /// Prices of models that the built-in table lacks, or for which you pay something else.
    pub prices: Option<Prices>,
    /// Tags of an exchange, by which usage and cost are attributed: `tenant`, `feature`, `plan`,
    /// `region` and your own.
    pub tags: Option<Named<Tag>>,
    /// Headers and cookies that identify a caller. Left out: its credential, else its cookies.
    pub caller: Option<Caller>,
    /// Time that streams may go on after SIGTERM. Default `110s`.
    pub drain: Optional<Span>,
    /// Format and level of what is written to standard output.
    pub log: Option<Log>,
    /// Names of metrics and spans, and the place of callers' traces.
    pub telemetry: Option<Telemetry>,
    /// State that outlives an exchange: limits, values, stored replies. Left out: in memory.
    #[serde(deserialize_with = "not_empty")]
    pub state: Option<State>,
    /// The pod's CA, with which an app's TLS to the upstreams' hosts is ended.
    #[serde(deserialize_with = "ca_not_empty")]
    pub ca: Option<Ca>,
    /// Rights that the process gives up at its start.
    pub harden: Option<Harden>,
    /// Limits beyond which new work is refused.
    pub overload: Option<Overload>,
}

impl File {
    /// Reads a file's text.
    ///
    /// # Errors
    /// It is no YAML, or has another shape; with line and column.
    pub fn read(yaml: &str) -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(yaml)
    }
}

/// The pod's CA.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ca {
    /// Directory of its key, which only the sidecar mounts, and that outlives its container.
    /// Default `/var/lib/outrigger/ca`.
    pub directory: Optional<Text>,
    /// Directory from which apps read `ca.pem`, `bundle.pem` and `bundle.p12`. Default
    /// `/var/run/outrigger/ca`.
    pub bundle: Optional<Text>,
    /// PEM file of the public roots in the bundle. Default: the system's, or the built-in ones
    /// where there is none.
    pub roots: Optional<Text>,
}

/// Addresses to which apps connect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// The address that apps use as their base URL. Default `127.0.0.1:4141`.
    pub base_url: Optional<Text>,
    /// Address of a forward proxy (`HTTPS_PROXY`): `127.0.0.1:4142`. Left out: there is none.
    pub forward_proxy: Optional<Text>,
    /// Address, or a list of addresses, at which redirected connections arrive: `127.0.0.1:15001`.
    /// Left out: none.
    pub transparent: Optional<OneOrMore>,
    /// Treatment of connections to hosts that no upstream claims: `tunnel` (the default) or
    /// `refuse`.
    pub others: Optional<Text>,
    /// Destinations that the forward proxy reaches although they are no public addresses: networks
    /// (`10.0.0.0/8`), hosts, `host:port`.
    pub reach: Optional<Vec<Text>>,
}

/// Bounds of one exchange.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A request's body. Default `32MiB`.
    pub request_body: Optional<Size>,
    /// A whole reply that policies read. Default `32MiB`.
    pub reply_body: Optional<Size>,
    /// One event of a stream. Default `16MiB`.
    pub event: Optional<Size>,
    /// A request's headers, and a line for each 128 bytes of it (100 to 1024 lines). Default
    /// `64KiB`.
    pub headers: Optional<Size>,
    /// Time from a request's first byte to the end of its headers. Default `10s`.
    pub header_timeout: Optional<Span>,
    /// Longest silence while a request's body comes. Default `30s`.
    pub body_timeout: Optional<Span>,
    /// Bytes a second that a request's body must come with on average, once `body_timeout` has
    /// gone. Default `1KiB`.
    pub body_rate: Optional<Size>,
    /// Time that an app may leave what it is sent unread. Default `60s`.
    pub write_timeout: Optional<Span>,
    /// Time that a connection may be without an exchange. Default `10m`.
    pub idle_timeout: Optional<Span>,
}

/// Source of a tag. Left out: the header `x-outrigger-NAME` and the names that other gateways give
/// it, else the variable `OUTRIGGER_TAG_NAME`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tag {
    /// Headers instead of the usual ones; the first that is there counts.
    pub headers: Optional<Vec<Text>>,
    /// A variable of the environment; where headers are given too, it counts when none of them is
    /// there.
    pub env: Optional<Text>,
    /// The tag itself, instead of `env`.
    pub value: Optional<Text>,
    /// True if the headers are removed before the request goes upstream. Default true, except for
    /// those that providers read themselves (`openai-…`).
    pub strip: Optional<bool>,
}

/// Headers and cookies that identify a caller, for limits, budgets and stored replies that a policy
/// partitions by `caller`. A request that carries none of these is identified by its credential,
/// else by all its cookies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Caller {
    /// Headers; the first that is there counts: `[x-user-id]`.
    pub headers: Optional<Vec<Text>>,
    /// Names of cookies; the first that is there counts, where none of the headers is: `[session]`.
    pub cookies: Optional<Vec<Text>>,
}

/// Format and level of what is written to standard output.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `json` or `text`. Default: `text` on a terminal, else `json`.
    pub format: Optional<Text>,
    /// `error`, `warn`, `info` (the default), `debug` or `trace`.
    pub level: Optional<Text>,
    /// True if a line is written for each exchange. Default true.
    pub exchanges: Option<bool>,
}

/// Reads a section that may not be empty: the parser takes an empty one for one without keys.
fn not_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    section(d, "state")
}

/// The same for `ca:`.
fn ca_not_empty<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Ca>, D::Error> {
    section(d, "ca")
}

/// The same for `embeddings:`.
fn embeddings_not_empty<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Embeddings>, D::Error> {
    section(d, "embeddings")
}

fn section<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    d: D,
    key: &str,
) -> Result<Option<T>, D::Error> {
    let section = Option::<T>::deserialize(d)?;
    let empty = format!("{key}: is empty; give it keys, or leave the key out");
    section
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom(empty))
}

/// The JSON Schema of the file, for editors.
pub fn schema() -> String {
    schema_of::<File>()
}

fn schema_of<T: JsonSchema>() -> String {
    let mut schema = serde_json::to_value(schemars::schema_for!(T)).unwrap_or_default();
    without_null(&mut schema);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// An optional key may be left out, but not be left empty, which is all that schemars knows of
/// `Option`.
fn without_null(schema: &mut serde_json::Value) {
    use serde_json::Value::{Array, Object, String};
    match schema {
        Array(items) => items.iter_mut().for_each(without_null),
        Object(entries) => {
            for key in ["type", "anyOf"] {
                let Some(Array(choices)) = entries.get_mut(key) else {
                    continue;
                };
                choices.retain(|c| *c != "null" && c.get("type").is_none_or(|t| *t != "null"));
                if let [only] = choices.as_mut_slice() {
                    match only.take() {
                        kind @ String(_) => drop(entries.insert(key.into(), kind)),
                        Object(inner) => {
                            entries.remove(key);
                            entries.extend(inner);
                        }
                        _ => {}
                    }
                }
            }
            entries.retain(|key, value| key != "default" || !value.is_null());
            entries.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
