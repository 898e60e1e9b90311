//! The file's shape as the operator writes it: keys and nothing else.
//!
//! Scalars stay as they were written ([`Text`], [`Span`], [`Size`]): `${ENV}` is replaced and units
//! are read in `check/`, where all problems of a file are collected at once. Keys of later versions
//! are read as [`NotYet`] and refused there with a sentence, so that nobody takes them for typing
//! mistakes.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

mod admin;
mod guard;
mod unseen;

pub use admin::WrittenAdmin;
pub use guard::{Harden, Overload};
pub(in crate::config) use unseen::DEFAULT;
pub use unseen::WrittenUnseen;

pub use super::scalars::{
    Count, Dollars, Grant, Named, NotYet, OneOrMore, Size, Span, Text, Tree, WrittenRedis,
    WrittenTarget,
};

/// An Outrigger configuration. `${NAME}` and `${NAME:-default}` are replaced from the environment
/// in every value; `$${` is a literal `${`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "outrigger.yaml")]
pub struct File {
    /// Addresses to which apps connect.
    #[serde(default)]
    pub listen: Option<Listen>,
    /// Address of health, metrics and policies: `127.0.0.1:4190` (the default), or
    /// `{ listen: 127.0.0.1:4190, hosts: [name] }` where requests address it by a name.
    #[serde(default, deserialize_with = "given")]
    pub admin: Option<WrittenAdmin>,
    /// Worker threads. Default: the CPUs this process may use, 4 at most.
    #[serde(default, deserialize_with = "given")]
    pub workers: Option<Count>,
    /// Providers by name. Default: `openai` and `anthropic` at their public addresses, with the
    /// callers' own keys.
    #[serde(default)]
    pub upstreams: Option<Named<Upstream>>,
    /// Names that apps use instead of a model's.
    #[serde(default)]
    pub models: Option<Named<Model>>,
    /// The policies in force.
    #[serde(default)]
    pub policies: Option<Policies>,
    /// Bounds of one exchange.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Prices of models that the built-in table lacks, or for which you pay something else.
    #[serde(default)]
    pub prices: Option<Prices>,
    /// Tags of an exchange, by which usage and cost are attributed: `tenant`, `feature`, `plan`,
    /// `region` and your own.
    #[serde(default)]
    pub tags: Option<Named<Tag>>,
    /// Headers and cookies that identify a caller. Left out: its credential, else its cookies.
    #[serde(default)]
    pub caller: Option<Caller>,
    /// Time that streams may go on after SIGTERM. Default `110s`.
    #[serde(default, deserialize_with = "given")]
    pub drain: Option<Span>,
    /// Format and level of what is written to standard output.
    #[serde(default)]
    pub log: Option<Log>,
    /// State that outlives an exchange: limits, values, stored replies. Left out: in memory.
    #[serde(default, deserialize_with = "not_empty")]
    pub state: Option<State>,
    /// The pod's CA, with which an app's TLS to the upstreams' hosts is ended.
    #[serde(default, deserialize_with = "ca_not_empty")]
    pub ca: Option<Ca>,
    /// Rights that the process gives up at its start.
    #[serde(default)]
    pub harden: Option<Harden>,
    /// Limits beyond which new work is refused.
    #[serde(default)]
    pub overload: Option<Overload>,
}

/// The pod's CA.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ca {
    /// Directory of its key, which only the sidecar mounts, and that outlives its container.
    /// Default `/var/lib/outrigger/ca`.
    #[serde(default, deserialize_with = "given")]
    pub directory: Option<Text>,
    /// Directory from which apps read `ca.pem`, `bundle.pem` and `bundle.p12`. Default
    /// `/var/run/outrigger/ca`.
    #[serde(default, deserialize_with = "given")]
    pub bundle: Option<Text>,
    /// PEM file of the public roots in the bundle. Default: the system's, or the built-in ones
    /// where there is none.
    #[serde(default, deserialize_with = "given")]
    pub roots: Option<Text>,
}

/// State that outlives an exchange.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Redis or Valkey, that replicas share. Left out: this process's memory.
    #[serde(default, deserialize_with = "given")]
    pub redis: Option<WrittenRedis>,
    /// Time that an exchange waits for Redis. Default `5ms`.
    #[serde(default, deserialize_with = "given")]
    pub timeout: Option<Span>,
    /// Effect on limits while Redis can't serve: `share` (the default: this replica keeps to its
    /// share of each limit), `block` or `skip`.
    #[serde(default, deserialize_with = "given")]
    pub degrade: Option<Text>,
    /// Number of replicas among which `degrade: share` divides a limit. Default 1.
    #[serde(default, deserialize_with = "given")]
    pub replicas: Option<Count>,
    /// Time after which a reservation of a replica that died is given back. Default `10m`.
    #[serde(default, deserialize_with = "given")]
    pub reservation_lapse: Option<Span>,
    /// True if the admin address may reset buckets and evict stored replies. Default false.
    #[serde(default, deserialize_with = "given")]
    pub admin_changes: Option<bool>,
    /// Bounds of what is kept in this process.
    #[serde(default, deserialize_with = "given")]
    pub memory: Option<StateMemory>,
}

/// Redis or Valkey, with more than its address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:6379/0`, `rediss://` for TLS, `redis+cluster://` or `rediss+cluster://` for a
    /// cluster; or several nodes of a cluster.
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
    /// Prefix of all keys. Default `outrigger`.
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
    /// Stored replies. Default `64MiB`.
    #[serde(default, deserialize_with = "given")]
    pub replies: Option<Size>,
    /// Buckets of limits. Default `16MiB`.
    #[serde(default, deserialize_with = "given")]
    pub buckets: Option<Size>,
}

/// Addresses to which apps connect.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The address that apps use as their base URL. Default `127.0.0.1:4141`.
    #[serde(default, deserialize_with = "given")]
    pub base_url: Option<Text>,
    /// Address of a forward proxy (`HTTPS_PROXY`): `127.0.0.1:4142`. Left out: there is none.
    #[serde(default, deserialize_with = "given")]
    pub forward_proxy: Option<Text>,
    /// Address, or a list of addresses, at which redirected connections arrive: `127.0.0.1:15001`.
    /// Left out: none.
    #[serde(default, deserialize_with = "given")]
    pub transparent: Option<OneOrMore>,
    /// Treatment of connections to hosts that no upstream claims: `tunnel` (the default) or
    /// `refuse`.
    #[serde(default, deserialize_with = "given")]
    pub others: Option<Text>,
    /// Destinations that the forward proxy reaches although they are no public addresses: networks
    /// (`10.0.0.0/8`), hosts, `host:port`.
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
    /// Family of dialects that it speaks: `openai`, `anthropic` or `gemini`.
    #[serde(default, deserialize_with = "given")]
    pub dialect: Option<Text>,
    /// Its base URL, as an SDK would be given it: `https://api.openai.com/v1`.
    #[serde(default, deserialize_with = "given")]
    pub url: Option<Text>,
    /// Hosts whose TLS is ended for this upstream where apps dial them: `[api.openai.com]`.
    /// Default: the host of an `https` URL.
    #[serde(default, deserialize_with = "given")]
    pub hosts: Option<Vec<Text>>,
    /// Sent instead of the caller's credentials: `${NAME}`, or `file:/path`. Left out: the caller's
    /// own go through.
    #[serde(default, deserialize_with = "given")]
    pub key: Option<Text>,
    /// True if streams are requested with their usage where the caller did not request it; the
    /// caller does not receive it. Only of upstreams that speak `openai`, where the default is
    /// `true`. A request that a server refuses because of `stream_options` is sent once more
    /// without; `false` avoids that.
    #[serde(default, deserialize_with = "given")]
    pub usage: Option<bool>,
    /// A PEM file of roots to trust instead of the built-in ones.
    #[serde(default, deserialize_with = "given")]
    pub roots: Option<Text>,
    /// Time to a connection with TLS. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub connect_timeout: Option<Span>,
    /// Time from the request's last byte to a stream's first content, or to a whole reply's head.
    /// Default `120s`.
    #[serde(default, deserialize_with = "given")]
    pub first_content_timeout: Option<Span>,
    /// Longest silence between bytes of a reply. Default `120s`.
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
    /// Directory of the `NAME.wasm` files; a changed one is reloaded while Outrigger runs.
    #[serde(default, deserialize_with = "given")]
    pub directory: Option<Text>,
    /// Directory of compiled code. Default: `outrigger` in the user's cache directory.
    #[serde(default, deserialize_with = "given")]
    pub cache: Option<Text>,
    /// Policies in order: requests go down the chain, replies come back up it.
    #[serde(default)]
    pub chain: Option<Vec<Use>>,
    /// Interval at which the directory is read, besides at events. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub poll: Option<Span>,
    /// Memory for all instances together. Default `256MiB`.
    #[serde(default, deserialize_with = "given")]
    pub memory: Option<Size>,
    /// Public keys whose signatures are trusted: `ed25519:BASE64`, or `file:/path.pub` with a key a
    /// line.
    #[serde(default, deserialize_with = "given")]
    pub signers: Option<Vec<Text>>,
    /// True if a policy without a signature is refused. Default: true where there are signers.
    #[serde(default, deserialize_with = "given")]
    pub require_signed: Option<bool>,
    /// True if a signed version older than one that has served is refused. Default: as
    /// `require_signed`.
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
    /// Effect of its faults: `block` (the default) or `skip`.
    #[serde(default, deserialize_with = "given")]
    pub on_error: Option<Text>,
    /// Effect on a prompt or reply, or a part of one, that it can't see: `block` (the default) or
    /// `skip`, or a map that has one of the two for `default` and for each kind of content that is
    /// to differ, as in `{ default: block, image: block }`. A kind that is named is refused in
    /// replies, too.
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
    /// True if an older signed version than one that has served may serve. Default false.
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
    /// Most text of one channel that the policy may hold back. Default `4KiB`.
    #[serde(default, deserialize_with = "given")]
    pub held_bytes: Option<Size>,
    /// Longest time that it may hold text back: then it goes out as it is. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub held_time: Option<Span>,
}

/// Bounds of one exchange.
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
    /// A request's headers, and a line for each 128 bytes of it (100 to 1024 lines). Default
    /// `64KiB`.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Size>,
    /// Time from a request's first byte to the end of its headers. Default `10s`.
    #[serde(default, deserialize_with = "given")]
    pub header_timeout: Option<Span>,
    /// Longest silence while a request's body comes. Default `30s`.
    #[serde(default, deserialize_with = "given")]
    pub body_timeout: Option<Span>,
    /// Bytes a second that a request's body must come with on average, once `body_timeout` has
    /// gone. Default `1KiB`.
    #[serde(default, deserialize_with = "given")]
    pub body_rate: Option<Size>,
    /// Time that an app may leave what it is sent unread. Default `60s`.
    #[serde(default, deserialize_with = "given")]
    pub write_timeout: Option<Span>,
    /// Time that a connection may be without an exchange. Default `10m`.
    #[serde(default, deserialize_with = "given")]
    pub idle_timeout: Option<Span>,
}

/// Prices of models.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A YAML file of prices that go before the built-in ones; reloaded when it changes.
    #[serde(default, deserialize_with = "given")]
    pub file: Option<Text>,
    /// True if whole replies carry their cost in `x-outrigger-cost-usd`. Default false.
    #[serde(default, deserialize_with = "given")]
    pub reply_header: Option<bool>,
}

/// Source of a tag. Left out: the header `x-outrigger-NAME` and the names that other gateways give
/// it, else the variable `OUTRIGGER_TAG_NAME`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Headers instead of the usual ones; the first that is there counts.
    #[serde(default, deserialize_with = "given")]
    pub headers: Option<Vec<Text>>,
    /// A variable of the environment; where headers are given too, it counts when none of them is
    /// there.
    #[serde(default, deserialize_with = "given")]
    pub env: Option<Text>,
    /// The tag itself, instead of `env`.
    #[serde(default, deserialize_with = "given")]
    pub value: Option<Text>,
    /// True if the headers are removed before the request goes upstream. Default true, except for
    /// those that providers read themselves (`openai-…`).
    #[serde(default, deserialize_with = "given")]
    pub strip: Option<bool>,
}

/// Headers and cookies that identify a caller, for limits, budgets and stored replies that a policy
/// partitions by `caller`. A request that carries none of these is identified by its credential,
/// else by all its cookies.
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

/// Format and level of what is written to standard output.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `json` or `text`. Default: `text` on a terminal, else `json`.
    #[serde(default, deserialize_with = "given")]
    pub format: Option<Text>,
    /// `error`, `warn`, `info` (the default), `debug` or `trace`.
    #[serde(default, deserialize_with = "given")]
    pub level: Option<Text>,
    /// True if a line is written for each exchange. Default true.
    #[serde(default)]
    pub exchanges: Option<bool>,
}

/// A file of prices, named by `prices.file`. US dollars per million tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// Prices by model: a name, `upstream/name`, or either with `*` in it.
    pub models: Named<Price>,
}

/// Price of a model.
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
    /// Rates for all tokens of an exchange with a long prompt.
    #[serde(default)]
    pub above: Option<PriceAbove>,
}

/// Rates of a model for all tokens of an exchange with a long prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceAbove {
    /// Tokens of input beyond which these rates count.
    pub tokens: Count,
    /// Input, as in [`Price`].
    pub input: Dollars,
    /// Cached input, as in [`Price`].
    #[serde(default, deserialize_with = "given")]
    pub cached: Option<Dollars>,
    /// Input written into the cache, as in [`Price`].
    #[serde(default, deserialize_with = "given")]
    pub written: Option<Dollars>,
    /// Output, as in [`Price`].
    pub output: Dollars,
}

/// Reads a value that, once its key stands there, may not be empty: `key:` alone would otherwise be
/// silently the default.
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
