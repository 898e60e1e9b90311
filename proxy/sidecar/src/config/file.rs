//! What the operator writes: the file's shape, keys and nothing else.
//!
//! Scalars stay as they were written ([`Text`], [`Span`], [`Size`]): `${ENV}` is replaced and units are read in `check.rs`, where all
//! problems of a file are collected at once. Keys of later versions are read as [`NotYet`] and refused there with a sentence, so that
//! nobody takes them for typing mistakes.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

mod admin;
mod guard;
mod unseen;

pub use admin::WrittenAdmin;
pub use guard::{Harden, Overload, OverloadMemory};
pub(in crate::config) use unseen::DEFAULT;
pub use unseen::WrittenUnseen;

pub use super::scalars::{
    Count, Dollars, Grant, Named, NotYet, OneOrMore, Size, Span, Text, Tree, WrittenRedis,
    WrittenTarget,
};

/// An Outrigger configuration. `${NAME}` and `${NAME:-default}` are replaced from the environment in every value; `$${` is a literal `${`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "outrigger.yaml")]
pub struct File {
    /// Where apps connect.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// Where health, metrics and policies are served: `127.0.0.1:4190` (the default), or `{ listen: 127.0.0.1:4190, hosts: [name] }` where
    /// it is asked by a name.
    #[serde(default, deserialize_with = "given")]
    pub admin: Option<WrittenAdmin>,
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
    /// What models cost, where the built-in table doesn't know it or you pay something else.
    #[serde(default)]
    pub prices: Option<Prices>,
    /// Whom exchanges are booked to: `tenant`, `feature`, `plan`, `region` and tags of your own.
    #[serde(default)]
    pub tags: Option<Named<Tag>>,
    /// What identifies a caller. Left out: its credential, else its cookies.
    #[serde(default)]
    pub caller: Option<Caller>,
    /// How long streams may go on after SIGTERM. Default `110s`.
    #[serde(default, deserialize_with = "given")]
    pub drain: Option<Span>,
    /// What is written to standard output.
    #[serde(default)]
    pub log: Option<Log>,
    /// What outlives an exchange: limits, values, kept replies. Left out: in memory.
    #[serde(default, deserialize_with = "not_empty")]
    pub state: Option<State>,
    /// The pod's CA, with which an app's TLS to the upstreams' hosts is ended.
    #[serde(default, deserialize_with = "ca_not_empty")]
    pub ca: Option<Ca>,
    /// What the process gives up at its start.
    #[serde(default)]
    pub harden: Option<Harden>,
    /// Where new work is turned away.
    #[serde(default)]
    pub overload: Option<Overload>,
}

/// The pod's CA.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ca {
    /// Where its key is kept: a directory that only the sidecar mounts, and that outlives its container. Default `/var/lib/outrigger/ca`.
    #[serde(default, deserialize_with = "given")]
    pub directory: Option<Text>,
    /// Where apps find `ca.pem`, `bundle.pem` and `bundle.p12`. Default `/var/run/outrigger/ca`.
    #[serde(default, deserialize_with = "given")]
    pub bundle: Option<Text>,
    /// PEM file of the public roots in the bundle. Default: the system's, or the built-in ones where there is none.
    #[serde(default, deserialize_with = "given")]
    pub roots: Option<Text>,
}

/// What outlives an exchange.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Redis or Valkey, that replicas share. Left out: this process's memory.
    #[serde(default, deserialize_with = "given")]
    pub redis: Option<WrittenRedis>,
    /// How long an exchange waits for Redis. Default `5ms`.
    #[serde(default, deserialize_with = "given")]
    pub timeout: Option<Span>,
    /// What limits do while Redis can't serve: `share` (the default: this replica keeps to its share of each limit), `block` or `skip`.
    #[serde(default, deserialize_with = "given")]
    pub degrade: Option<Text>,
    /// Among how many replicas `degrade: share` divides a limit. Default 1.
    #[serde(default, deserialize_with = "given")]
    pub replicas: Option<Count>,
    /// When a reservation of a replica that died is given back. Default `10m`.
    #[serde(default, deserialize_with = "given")]
    pub reservation_lapse: Option<Span>,
    /// Whether the admin address may reset buckets and evict kept replies. Default false.
    #[serde(default, deserialize_with = "given")]
    pub admin_changes: Option<bool>,
    /// Bounds of what is kept in this process.
    #[serde(default, deserialize_with = "given")]
    pub memory: Option<StateMemory>,
}

/// Redis or Valkey, where its address alone does not tell all.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:6379/0`, `rediss://` for TLS, `redis+cluster://` or `rediss+cluster://` for a cluster; or several nodes of a cluster.
    pub url: OneOrMore,
    /// The user to sign in as.
    #[serde(default, deserialize_with = "given")]
    pub user: Option<Text>,
    /// `${NAME}`, or `file:/path`.
    #[serde(default, deserialize_with = "given")]
    pub password: Option<Text>,
    /// A PEM file of roots to trust instead of the built-in ones.
    #[serde(default, deserialize_with = "given")]
    pub roots: Option<Text>,
    /// What all keys begin with. Default `outrigger`.
    #[serde(default, deserialize_with = "given")]
    pub prefix: Option<Text>,
}

/// Bounds of what is kept in this process.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateMemory {
    /// Small values of policies. Default `64MiB`.
    #[serde(default, deserialize_with = "given")]
    pub values: Option<Size>,
    /// Kept replies. Default `64MiB`.
    #[serde(default, deserialize_with = "given")]
    pub replies: Option<Size>,
    /// Buckets of limits. Default `16MiB`.
    #[serde(default, deserialize_with = "given")]
    pub buckets: Option<Size>,
}

/// Where apps connect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The address that apps use as their base URL. Default `127.0.0.1:4141`.
    #[serde(default, deserialize_with = "given")]
    pub base_url: Option<Text>,
    /// Where apps find a forward proxy (`HTTPS_PROXY`): `127.0.0.1:4142`. Left out: there is none.
    #[serde(default, deserialize_with = "given")]
    pub forward_proxy: Option<Text>,
    /// Where redirected connections arrive: `127.0.0.1:15001`, or a list of addresses. Left out: nowhere.
    #[serde(default, deserialize_with = "given")]
    pub transparent: Option<OneOrMore>,
    /// What becomes of connections to hosts that no upstream claims: `tunnel` (the default) or `refuse`.
    #[serde(default, deserialize_with = "given")]
    pub others: Option<Text>,
    /// What the forward proxy reaches although it is no public address: networks (`10.0.0.0/8`), hosts, `host:port`.
    #[serde(default, deserialize_with = "given")]
    pub reach: Option<Vec<Text>>,
}

/// A provider's endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// `http` (the default) or `embedded`, the model inside the binary.
    #[serde(default, deserialize_with = "given")]
    pub kind: Option<Text>,
    /// What it speaks: `openai`, `anthropic` or `gemini`.
    #[serde(default, deserialize_with = "given")]
    pub dialect: Option<Text>,
    /// Its base URL, as an SDK would be given it: `https://api.openai.com/v1`.
    #[serde(default, deserialize_with = "given")]
    pub url: Option<Text>,
    /// Hosts whose TLS is ended for this upstream where apps dial them: `[api.openai.com]`. Default: the host of an `https` URL.
    #[serde(default, deserialize_with = "given")]
    pub hosts: Option<Vec<Text>>,
    /// Sent instead of the caller's credentials: `${NAME}`, or `file:/path`. Left out: the caller's own go through.
    #[serde(default, deserialize_with = "given")]
    pub key: Option<Text>,
    /// Whether streams are asked for their usage where the caller did not; the caller sees nothing of it. Only of what speaks
    /// `openai`, where the default is `true`. A server that refuses `stream_options` is asked once more without; `false` spares it that.
    #[serde(default, deserialize_with = "given")]
    pub usage: Option<bool>,
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
    /// Whose signatures are believed: `ed25519:BASE64`, or `file:/path.pub` with a key a line.
    #[serde(default, deserialize_with = "given")]
    pub signers: Option<Vec<Text>>,
    /// Whether a policy without a signature is refused. Default: where there are signers.
    #[serde(default, deserialize_with = "given")]
    pub require_signed: Option<bool>,
    /// Whether a signed version older than one that has served is refused. Default: as `require_signed`.
    #[serde(default, deserialize_with = "given")]
    pub rollback_guard: Option<bool>,
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
    /// When it can't see a prompt or reply, or a part of one: `block` (the default) or `skip`, or a map that has one of the two for `default` and
    /// for each kind of content that is to differ, as in `{ default: block, image: block }`. A kind that is named is refused in replies, too.
    #[serde(default, deserialize_with = "given")]
    pub on_unseen: Option<WrittenUnseen>,
    /// Capabilities: `limits`, `values`, `replies`, `body`, `credentials`, `{ fetch: [host] }`.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Bounds.
    #[serde(default)]
    pub limits: Option<PolicyLimits>,
    /// The file's digest in hexadecimal, as `sha256sum` prints it: no other is loaded.
    #[serde(default, deserialize_with = "given")]
    pub sha256: Option<Text>,
    /// Whether an older signed version than one that has served may serve. Default false.
    #[serde(default, deserialize_with = "given")]
    pub allow_rollback: Option<bool>,
}

/// Bounds of one policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyLimits {
    /// CPU time of a call, whatever it is given. Default `10ms`.
    #[serde(default, deserialize_with = "given")]
    pub cpu: Option<Span>,
    /// CPU time of a call besides, for each KiB of text that it is given. Default `100us`.
    #[serde(default, deserialize_with = "given")]
    pub cpu_per_kib: Option<Span>,
    /// Time that a call may wait for stores and `fetch`. Default `50ms`; `5s` with `fetch`.
    #[serde(default, deserialize_with = "given")]
    pub wall: Option<Span>,
    /// Memory of an instance. Default `16MiB`.
    #[serde(default, deserialize_with = "given")]
    pub memory: Option<Size>,
    /// Text held back in one channel. Default `4KiB`.
    #[serde(default, deserialize_with = "given")]
    pub held_bytes: Option<Size>,
    /// How long text may be held back: then it goes out as it is. Default `10s`.
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
    /// A request's headers, and a line for each 128 bytes of it (100 to 1024 lines). Default `64KiB`.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Size>,
    /// From a request's first byte to the end of its headers. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub header_timeout: Option<Span>,
    /// Silence while a request's body comes. Default `30s`.
    #[serde(default, deserialize_with = "given")]
    pub body_timeout: Option<Span>,
    /// Bytes a second that a request's body must come with on average, once `body_timeout` has gone. Default `1KiB`.
    #[serde(default, deserialize_with = "given")]
    pub body_rate: Option<Size>,
    /// How long an app may leave what it is sent unread. Default `60s`.
    #[serde(default, deserialize_with = "given")]
    pub write_timeout: Option<Span>,
    /// How long a connection may be without an exchange. Default `10m`.
    #[serde(default, deserialize_with = "given")]
    pub idle_timeout: Option<Span>,
}

/// What models cost.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A YAML file of prices that go before the built-in ones; watched while Outrigger runs.
    #[serde(default, deserialize_with = "given")]
    pub file: Option<Text>,
    /// Whether whole replies tell in `x-outrigger-cost-usd` what they cost. Default false.
    #[serde(default, deserialize_with = "given")]
    pub reply_header: Option<bool>,
}

/// Where a tag comes from. Left out: the header `x-outrigger-NAME` and what other gateways call it, else the variable `OUTRIGGER_TAG_NAME`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Headers instead of the usual ones; the first that is there counts.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Vec<Text>>,
    /// A variable of the environment; where headers are given too, it counts when none of them is there.
    #[serde(default, deserialize_with = "given")]
    pub env: Option<Text>,
    /// The tag itself, instead of `env`.
    #[serde(default, deserialize_with = "given")]
    pub value: Option<Text>,
    /// Whether the headers are kept from the upstream. Default true, except for those that providers read themselves (`openai-…`).
    #[serde(default, deserialize_with = "given")]
    pub strip: Option<bool>,
}

/// What identifies a caller: whom limits, budgets and kept replies are partitioned by where a policy says `caller`. A request that carries
/// none of these is known by its credential, else by all its cookies.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// Headers; the first that is there counts: `[x-user-id]`.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Vec<Text>>,
    /// Names of cookies; the first that is there counts, where none of the headers is: `[session]`.
    #[serde(default, deserialize_with = "given")]
    pub cookies: Option<Vec<Text>>,
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

/// A file of prices, named by `prices.file`. US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// By model: a name, `upstream/name`, or either with `*` in it.
    pub models: Named<Price>,
}

/// What a model costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input.
    pub input: Dollars,
    /// Input that the provider had cached. Default: as `input`.
    #[serde(default, deserialize_with = "given")]
    pub cached: Option<Dollars>,
    /// Input that it wrote into its cache. Default: as `input`.
    #[serde(default, deserialize_with = "given")]
    pub written: Option<Dollars>,
    /// Output, reasoning included.
    pub output: Dollars,
    /// A request, besides its tokens. Default 0.
    #[serde(default, deserialize_with = "given")]
    pub request: Option<Dollars>,
    /// What all tokens cost in an exchange with a long prompt.
    #[serde(default)]
    pub above: Option<PriceAbove>,
}

/// What a model costs in an exchange with a long prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceAbove {
    /// With more tokens of input than these.
    pub tokens: Count,
    /// As in [`Price`].
    pub input: Dollars,
    /// As in [`Price`].
    #[serde(default, deserialize_with = "given")]
    pub cached: Option<Dollars>,
    /// As in [`Price`].
    #[serde(default, deserialize_with = "given")]
    pub written: Option<Dollars>,
    /// As in [`Price`].
    pub output: Dollars,
}

/// Reads a value that, once its key stands there, may not be empty: `key:` alone would otherwise be silently the default.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// The same for a section: the parser takes an empty one for one without keys.
fn not_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    section(d, "state")
}

/// The same for `ca:`.
fn ca_not_empty<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Ca>, D::Error> {
    section(d, "ca")
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
