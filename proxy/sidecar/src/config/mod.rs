//! The configuration's meaning: checked once here, then trusted everywhere.
//!
//! The crate `files` is what the operator wrote, `check/` turns it into the types below,
//! `problems.rs` says what is wrong and where. Paths in the file are relative to the directory that
//! Outrigger was started in. The environment enters as an argument, so that tests and `check` see
//! the same rules as `run`.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use policy::{Caller, Effect, OnUnseen, PolicyLimits};
use route::Family;
use sandbox::Grants;

mod alias;
mod ca;
mod check;
mod embeddings;
mod facts;
mod harden;
pub mod hosts;
pub mod identity;
pub mod listen;
pub(crate) mod near;
mod overload;
mod overrides;
pub(crate) mod pattern;
mod prices;
mod problems;
mod state;
mod tags;
pub mod telemetry;
#[cfg(test)]
pub(crate) mod tests;
mod upstream;
pub mod values;
mod warnings;

pub use files::cases;
pub(crate) use files::{self as file, scalars};

pub use alias::{Alias, AliasTarget, Canary, Hedge, Limited, Queue, Retry, Shadow};
pub use ca::Ca;
pub use embeddings::Embeddings;
pub use facts::{OwnFact, OwnFacts};
pub use harden::{Harden, Landlock};
pub use hosts::Hosts;
pub use identity::Identity;
pub use listen::{Listen, Others, Reach};
pub use overload::{Overload, OverloadMemory};
pub use overrides::Overrides;
pub use prices::{PriceLine, PriceRates, Prices};
pub(crate) use problems::io_words;
pub use problems::{Problem, Problems};
pub use state::{Degrade, Redis, State, StateMemory};
pub use tags::{TagRule, Tags};
pub use telemetry::{Names, RemoteParent, Telemetry, Traces};
pub use upstream::{Base, Endpoint, Key, Kind, NoPath, Upstream};
pub use warnings::warnings;

/// One valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address that apps use as their base URL. Default `127.0.0.1:4141`.
    pub base_url: SocketAddr,
    /// Listeners besides the base URL.
    pub listen: Listen,
    /// LLM hosts, and the upstream of each.
    pub hosts: Hosts,
    /// Health, metrics, policies. Default `127.0.0.1:4190`.
    pub admin: SocketAddr,
    /// Names under which the admin address answers, besides IP addresses and `localhost`. Taken up
    /// at start only.
    pub admin_hosts: Vec<String>,
    /// Worker threads. Default: the CPUs this process may use, 4 at most.
    pub workers: usize,
    /// Providers by name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Names that apps use for models.
    pub models: BTreeMap<String, Alias>,
    /// The operator's facts about models, which go before the built-in table's: by `upstream/model`
    /// or the model's name.
    pub model_facts: OwnFacts,
    /// The chain and where its files are.
    pub policies: Policies,
    /// The embedder that policies may use.
    pub embeddings: Option<Embeddings>,
    /// Bounds of one exchange.
    pub limits: Limits,
    /// The operator's own prices.
    pub prices: Prices,
    /// Sources of the tags by which usage and cost are attributed.
    pub tags: Tags,
    /// Headers and cookies that identify a caller.
    pub caller: std::sync::Arc<Caller>,
    /// State that outlives an exchange. Taken up at start only.
    pub state: State,
    /// The pod's CA. Taken up at start only.
    pub ca: Ca,
    /// Rights that the process gives up. Taken up at start only.
    pub harden: Harden,
    /// Limits beyond which new work is refused. Taken up at start only.
    pub overload: Overload,
    /// Time that streams may go on after SIGTERM. Default 110 s.
    pub drain: Duration,
    /// True if the exchange log is written. Default true.
    pub exchange_log: bool,
    /// Format and level of operator events.
    pub log: Log,
    /// Names of metrics and spans, and traces. Taken up at start only.
    pub telemetry: Telemetry,
    /// Files besides the configuration that it was made from (`file:` keys, roots): a change of one
    /// is a change of the configuration.
    pub files: Vec<PathBuf>,
}

/// Format and level of operator events. Taken up at start only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// None: text on a terminal, JSON elsewhere.
    pub format: Option<LogFormat>,
    /// The least level that is written. Default info.
    pub level: LogLevel,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// Least level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words everybody knows")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Everything that is wrong with it; the parser's errors come alone, as it stops at the first.
    pub fn load(
        path: &std::path::Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::load_with(path, env, &Overrides::default())
    }

    /// Reads and checks a file, with command-line values in place of its own.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(
        path: &std::path::Path,
        env: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<Self, Problems> {
        let (yaml, name) = Self::read(path)?;
        Self::parse(&yaml, &name, env, overrides)
    }

    /// Reads a file's text. Returns it with the file's name.
    fn read(path: &std::path::Path) -> Result<(String, String), Problems> {
        let name = path.display().to_string();
        let alone = |message: String| Problems(vec![Problem::of_file(&name, message)]);
        let bytes =
            std::fs::read(path).map_err(|e| alone(format!("can't be read: {}", io_words(&e))))?;
        let yaml = String::from_utf8(bytes)
            .map_err(|_| alone("is not UTF-8 text; save it as UTF-8".into()))?;
        Ok((yaml, name))
    }

    /// Reads the shape of a file's text.
    fn written(yaml: &str, name: &str) -> Result<file::File, Problems> {
        let empty = yaml
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if empty {
            return Ok(file::File::default());
        }
        file::File::read(yaml).map_err(|e| Problems(vec![Problem::from_yaml(name, yaml, &e)]))
    }

    /// Reads and checks a file on another machine than it is for: what this one lacks (variables,
    /// secrets' files, the policy directory) is no problem, and returned, a sentence each.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_elsewhere(
        path: &std::path::Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<String>), Problems> {
        let (yaml, name) = Self::read(path)?;
        let file = Self::written(&yaml, &name)?;
        check::check_at(check::Machine::Another, file, &name, &yaml, env)
    }

    /// Checks a file's text, with command-line values in place of its own; `name` is the file's
    /// name in problems.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        yaml: &str,
        name: &str,
        env: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<Self, Problems> {
        let mut file = Self::written(yaml, name)?;
        overrides.apply(&mut file);
        check::check(file, name, yaml, env)
    }

    /// Returns the upstream for a request of this family whose model no alias names: the upstream
    /// named after the family, else the only one that speaks it first of all, else the only one
    /// that speaks it beside others, else one that speaks every dialect.
    pub fn upstream_of(&self, family: Family) -> Option<&Upstream> {
        let name = match family {
            Family::Openai => "openai",
            Family::Anthropic => "anthropic",
            Family::Gemini => "gemini",
            Family::Every => "",
        };
        // Of several, none is the one: aliases name them.
        let only = |is_wanted: &dyn Fn(&Upstream) -> bool| {
            let mut all = self.upstreams.values().filter(|u| is_wanted(u));
            all.next().filter(|_| all.next().is_none())
        };
        self.upstreams
            .get(name)
            .filter(|u| u.speaks(family))
            .or_else(|| only(&|u| u.family == family))
            .or_else(|| only(&|u| u.speaks(family)))
            .or_else(|| only(&|u| u.family == Family::Every))
    }

    /// Keys whose change, from `self` to `next`, is taken up by a restart only.
    pub fn restart_needed(&self, next: &Self) -> Vec<&'static str> {
        [
            ("listen.base_url", self.base_url != next.base_url),
            (
                "listen.forward_proxy",
                self.listen.forward_proxy != next.listen.forward_proxy,
            ),
            (
                "listen.transparent",
                self.listen.transparent != next.listen.transparent,
            ),
            (
                "admin",
                self.admin != next.admin || self.admin_hosts != next.admin_hosts,
            ),
            ("workers", self.workers != next.workers),
            ("log", self.log != next.log),
            ("telemetry", self.telemetry != next.telemetry),
            ("policies.cache", self.policies.cache != next.policies.cache),
            (
                "policies.memory",
                self.policies.memory != next.policies.memory,
            ),
            ("state", self.state != next.state),
            ("ca", self.ca != next.ca),
            ("harden", self.harden != next.harden),
            ("overload", self.overload != next.overload),
        ]
        .into_iter()
        .filter_map(|(key, changed)| changed.then_some(key))
        .collect()
    }
}

/// `upstream/model`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// An upstream's name.
    pub upstream: String,
    /// The model's name there.
    pub model: String,
}

/// The chain and where its files are.
#[derive(Debug, Clone)]
pub struct Policies {
    /// Directory of the `NAME.wasm` files.
    pub directory: Option<PathBuf>,
    /// Directory of compiled code. Default `$XDG_CACHE_HOME/outrigger`, else `~/.cache/outrigger`,
    /// else a private temporary directory.
    pub cache: PathBuf,
    /// Policies in force, in order.
    pub chain: Vec<Use>,
    /// Interval at which the directory is read, besides at events. Default 10 s.
    pub poll: Duration,
    /// Memory for all instances together, in bytes. Default 256 MiB.
    pub memory: u64,
    /// Public keys whose signatures are trusted, and the rule for files without one.
    pub trust: crate::signing::Trust,
}

/// One policy of the chain.
#[derive(Clone)]
pub struct Use {
    /// `NAME` of `NAME.wasm`.
    pub name: String,
    /// Its configuration as JSON text.
    pub config: String,
    /// Effect of its faults on an exchange. Default block.
    pub on_error: Effect,
    /// Effect on an exchange whose prompt or reply, or a part of it, it can't see. Default block.
    pub on_unseen: OnUnseen,
    /// Capabilities.
    pub grants: Grants,
    /// Bounds.
    pub limits: PolicyLimits,
    /// The one digest that its file may have.
    pub sha256: Option<crate::signing::Digest>,
    /// True if an older signed version than one that has served may serve. Default false.
    pub allow_rollback: bool,
}

/// Leaves out the configuration's text: it may hold a secret.
impl fmt::Debug for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Use")
            .field("name", &self.name)
            .field("on_error", &self.on_error)
            .field("on_unseen", &self.on_unseen)
            .field("grants", &self.grants)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds of one exchange.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request's body, in bytes. Default 32 MiB.
    pub request_body: usize,
    /// A whole reply that policies read, in bytes. Default 32 MiB.
    pub reply_body: usize,
    /// One event of a stream, in bytes. Default 16 MiB.
    pub event: usize,
    /// A request's headers, in bytes. Default 64 KiB.
    pub headers: usize,
    /// Time from the first byte of a request to the end of its headers. Default 10 s.
    pub header_timeout: Duration,
    /// Longest silence while a request's body comes. Default 30 s.
    pub body_timeout: Duration,
    /// Bytes a second that a request's body must come with, once `body_timeout` has gone. Default 1
    /// KiB.
    pub body_rate: usize,
    /// Time that an app may leave what it is sent unread. Default 60 s.
    pub write_timeout: Duration,
    /// Time that a connection may be without an exchange. Default 10 minutes.
    pub idle_timeout: Duration,
}

/// Text that is never printed, and wiped from memory when its last generation ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(zeroize::Zeroizing<String>);

impl Secret {
    /// Wraps it.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }
    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
