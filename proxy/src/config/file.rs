//! What the operator writes: the file's shape, keys and nothing else.
//!
//! Scalars stay as they were written ([`Text`], [`Span`], [`Size`]): `${ENV}` is replaced and units are read in `check.rs`, where all
//! problems of a file are collected at once. Keys of later versions are read as [`NotYet`] and refused there with a sentence, so that
//! nobody takes them for typing mistakes.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub use super::scalars::{Count, Grant, Named, NotYet, Size, Span, Text, Tree, WrittenTarget};

/// An Outrigger configuration. `${NAME}` and `${NAME:-default}` are replaced from the environment in every value; `$${` is a literal `${`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "outrigger.yaml")]
pub struct File {
    /// Where apps connect.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// Where health, metrics and policies are told. Default `127.0.0.1:4190`.
    #[serde(default, deserialize_with = "given")]
    pub admin: Option<Text>,
    /// Worker threads. Default: the CPUs this process may use, 4 at most.
    #[serde(default, deserialize_with = "given")]
    pub workers: Option<Count>,
    /// Providers by name. Default: `openai` and `anthropic` at their public addresses, with the callers' own keys.
    #[serde(default)]
    pub upstreams: Option<Named<Upstream>>,
    /// Names that apps use instead of a model's.
    #[serde(default)]
    pub models: Option<Named<Model>>,
    /// The policies in force.
    #[serde(default)]
    pub policies: Option<Policies>,
    /// What one exchange may take.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// How long streams may go on after SIGTERM. Default `110s`.
    #[serde(default, deserialize_with = "given")]
    pub drain: Option<Span>,
    /// What is written to standard output.
    #[serde(default)]
    pub log: Option<Log>,
    /// A key of a later version.
    #[serde(default, deserialize_with = "given")]
    #[schemars(skip)]
    pub state: Option<NotYet>,
}

/// Where apps connect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The address that apps use as their base URL. Default `127.0.0.1:4141`.
    #[serde(default, deserialize_with = "given")]
    pub base_url: Option<Text>,
    /// A key of a later version.
    #[serde(default, deserialize_with = "given")]
    #[schemars(skip)]
    pub forward_proxy: Option<NotYet>,
    /// A key of a later version.
    #[serde(default, deserialize_with = "given")]
    #[schemars(skip)]
    pub transparent: Option<NotYet>,
}

/// A provider's endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// `http` (the default) or `embedded`, the model inside the binary.
    #[serde(default, deserialize_with = "given")]
    pub kind: Option<Text>,
    /// What it speaks: `openai` or `anthropic`.
    #[serde(default, deserialize_with = "given")]
    pub dialect: Option<Text>,
    /// Its base URL, as an SDK would be given it: `https://api.openai.com/v1`.
    #[serde(default, deserialize_with = "given")]
    pub url: Option<Text>,
    /// Sent instead of the caller's credentials: `${NAME}`, or `file:/path`. Left out: the caller's own go through.
    #[serde(default, deserialize_with = "given")]
    pub key: Option<Text>,
    /// A PEM file of roots to trust instead of the built-in ones.
    #[serde(default, deserialize_with = "given")]
    pub roots: Option<Text>,
    /// To a connection with TLS. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub connect_timeout: Option<Span>,
    /// From the request's last byte to a stream's first content, or to a whole reply's head. Default `120s`.
    #[serde(default, deserialize_with = "given")]
    pub first_content_timeout: Option<Span>,
    /// Silence between bytes of a reply. Default `120s`.
    #[serde(default, deserialize_with = "given")]
    pub idle_timeout: Option<Span>,
}

/// An alias: a name that apps use for a model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// One `upstream/model`.
    pub targets: Vec<WrittenTarget>,
    /// A key of a later version.
    #[serde(default, deserialize_with = "given")]
    #[schemars(skip)]
    pub strategy: Option<NotYet>,
}

/// The policies in force and where their files are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    /// Where `NAME.wasm` files are; watched while Outrigger runs.
    #[serde(default, deserialize_with = "given")]
    pub directory: Option<Text>,
    /// Where compiled code is kept. Default: `outrigger` in the user's cache directory.
    #[serde(default, deserialize_with = "given")]
    pub cache: Option<Text>,
    /// Policies in order: requests go down the chain, replies come back up it.
    #[serde(default)]
    pub chain: Option<Vec<Use>>,
    /// How often the directory is looked at besides events. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub poll: Option<Span>,
    /// Memory for all instances together. Default `256MiB`.
    #[serde(default, deserialize_with = "given")]
    pub memory: Option<Size>,
}

/// One policy of the chain.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// `NAME` of `NAME.wasm`.
    #[serde(rename = "use")]
    pub name: Text,
    /// The policy's own configuration.
    #[serde(default)]
    pub config: Option<Tree>,
    /// When it faults: `block` (the default) or `skip`.
    #[serde(default, deserialize_with = "given")]
    pub on_error: Option<Text>,
    /// When it can't see a prompt or reply: `block` (the default) or `skip`.
    #[serde(default, deserialize_with = "given")]
    pub on_unseen: Option<Text>,
    /// Capabilities: `values`, `body`, `credentials`, `{ fetch: [host] }`.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Bounds.
    #[serde(default)]
    pub limits: Option<PolicyLimits>,
}

/// Bounds of one policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyLimits {
    /// CPU time of a call. Default `10ms`.
    #[serde(default, deserialize_with = "given")]
    pub cpu: Option<Span>,
    /// Wall time of a call. Default `50ms`; `5s` with `fetch`.
    #[serde(default, deserialize_with = "given")]
    pub wall: Option<Span>,
    /// Memory of an instance. Default `16MiB`.
    #[serde(default, deserialize_with = "given")]
    pub memory: Option<Size>,
    /// Text held back in one channel. Default `4KiB`.
    #[serde(default, deserialize_with = "given")]
    pub held_bytes: Option<Size>,
    /// How long text may be held back. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub held_time: Option<Span>,
}

/// What one exchange may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// A request's body. Default `32MiB`.
    #[serde(default, deserialize_with = "given")]
    pub request_body: Option<Size>,
    /// A whole reply that policies read. Default `32MiB`.
    #[serde(default, deserialize_with = "given")]
    pub reply_body: Option<Size>,
    /// One event of a stream. Default `16MiB`.
    #[serde(default, deserialize_with = "given")]
    pub event: Option<Size>,
    /// A request's headers. Default `64KiB`.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Size>,
    /// From a request's first byte to the end of its headers. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub header_timeout: Option<Span>,
    /// Silence while a request's body comes. Default `30s`.
    #[serde(default, deserialize_with = "given")]
    pub body_timeout: Option<Span>,
}

/// What is written to standard output.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `json` or `text`. Default: `text` on a terminal, else `json`.
    #[serde(default, deserialize_with = "given")]
    pub format: Option<Text>,
    /// `error`, `warn`, `info` (the default), `debug` or `trace`.
    #[serde(default, deserialize_with = "given")]
    pub level: Option<Text>,
    /// Whether a line is written for each exchange. Default true.
    #[serde(default)]
    pub exchanges: Option<bool>,
}

/// Reads a value that, once its key stands there, may not be empty: `key:` alone would otherwise be silently the default.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// The JSON Schema of the file, for editors.
pub fn schema() -> String {
    let mut schema = serde_json::to_value(schemars::schema_for!(File)).unwrap_or_default();
    without_null(&mut schema);
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// An optional key may be left out, but not be left empty, which is all that schemars knows of `Option`.
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
