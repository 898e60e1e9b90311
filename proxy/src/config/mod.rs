//! What the configuration means: checked once here, then trusted everywhere.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// One valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where apps connect. Default `127.0.0.1:4141`.
    pub base_url: SocketAddr,
    /// Health, metrics, policies. Default `127.0.0.1:4190`.
    pub admin: SocketAddr,
    /// Worker threads. Default: the CPUs this process may use, 4 at most.
    pub workers: usize,
    /// Providers by name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Names that apps use → `upstream/model`.
    pub models: BTreeMap<String, Target>,
    /// The chain and where its files are.
    pub policies: Policies,
    /// What one exchange may take.
    pub limits: Limits,
    /// How long streams may go on after SIGTERM. Default 110 s.
    pub drain: Duration,
    /// Whether the exchange log is written. Default true.
    pub exchange_log: bool,
}

/// A provider's endpoint.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// What it speaks.
    pub family: Family,
    /// Where it is.
    pub kind: Kind,
    /// Sent instead of the caller's credentials, where set.
    pub key: Option<Secret>,
    /// To a connection with TLS. Default 10 s.
    pub connect_timeout: Duration,
    /// From the request's last byte to the first *content* of a stream, or to the head of a whole reply. Default 120 s.
    pub first_content_timeout: Duration,
    /// Silence between bytes of a reply. Default 120 s.
    pub idle_timeout: Duration,
}

/// Which family of dialects an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `openai.*`.
    Openai,
    /// `anthropic.*`.
    Anthropic,
    /// Every one that Outrigger speaks (the embedded model).
    Every,
}

/// Where an upstream is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The model inside the binary.
    Embedded,
    /// An HTTP endpoint.
    Http {
        /// Scheme and authority; `https` or `http`.
        origin: http::Uri,
        /// The URL's path without a trailing slash (`/v1`), or empty. An app's path is joined to it as [`Upstream::path`] tells.
        prefix: String,
        /// PEM roots to trust instead of the built-in ones.
        roots: Option<PathBuf>,
    },
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
    /// Where `NAME.wasm` files are.
    pub directory: Option<PathBuf>,
    /// Where compiled code is kept. Default `$XDG_CACHE_HOME/outrigger`, else `~/.cache/outrigger`, else a private temporary directory.
    pub cache: PathBuf,
    /// In force, in order.
    pub chain: Vec<Use>,
    /// How often the directory is looked at besides events. Default 10 s.
    pub poll: Duration,
    /// Memory for all instances together, in bytes. Default 256 MiB.
    pub memory: u64,
}

/// One policy of the chain.
#[derive(Debug, Clone)]
pub struct Use {
    /// `NAME` of `NAME.wasm`.
    pub name: String,
    /// Its configuration as JSON text.
    pub config: String,
    /// What becomes of an exchange in which it faults. Default block.
    pub on_error: Effect,
    /// What becomes of an exchange whose prompt or reply it can't see. Default block.
    pub on_unseen: Effect,
    /// Capabilities.
    pub grants: Grants,
    /// Bounds.
    pub limits: PolicyLimits,
}

/// Whether an exchange goes on without a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The exchange is refused.
    Block,
    /// The exchange goes on as if the policy were not there.
    Skip,
}

/// Capabilities that the operator granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// `values`.
    pub values: bool,
    /// `body`: the whole body in and out.
    pub body: bool,
    /// `credentials`: headers that carry them.
    pub credentials: bool,
    /// `fetch: [host, …]`: `host` or `host:port`.
    pub fetch: Vec<String>,
}

/// Bounds of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLimits {
    /// CPU time of a call. Default 10 ms.
    pub cpu: Duration,
    /// Wall time of a call, callouts included. Default 50 ms, 5 s where `fetch` is granted.
    pub wall: Duration,
    /// Linear memory of an instance, in bytes. Default 16 MiB.
    pub memory: u64,
    /// Text held back in one channel, in bytes. Default 4 KiB.
    pub held_bytes: usize,
    /// How long text may be held back. Default 10 s.
    pub held_time: Duration,
}

/// What one exchange may take.
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
    /// From the first byte of a request to the end of its headers. Default 10 s.
    pub header_timeout: Duration,
    /// Silence while a request's body comes. Default 30 s.
    pub body_timeout: Duration,
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: String) -> Self {
        Self(text)
    }
    /// The text itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}
