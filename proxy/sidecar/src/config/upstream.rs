//! Upstreams, and the mapping of an app's path to theirs.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use route::{Family, ProviderRules, Quirks, provider::Auth};

use super::{Identity, Secret};

mod bases;
mod paths;

pub use bases::Base;
pub use paths::{Endpoint, NoPath};

/// A provider's endpoint.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Family of dialects that it speaks; of several, the first.
    pub family: Family,
    /// The dialects that it offers, where they are not those of its family below its URL; the first
    /// is its family's.
    pub bases: Vec<Base>,
    /// The header that carries the operator's key. Default: as the family's designer has it.
    pub auth: Auth,
    /// Azure's version of its API: a date, or a word such as `preview`. Left out: the one that has
    /// no version.
    pub api_version: Option<Box<str>>,
    /// The embedded model, or an HTTP endpoint.
    pub kind: Kind,
    /// Sent instead of the caller's credentials, one for each request; empty: callers send their
    /// own.
    pub keys: Vec<Key>,
    /// The pod's identity whose credential is sent instead; then there are no keys.
    pub identity: Option<Arc<Identity>>,
    /// The account that pays where callers send their own keys, and that of each of `keys` that
    /// names none. Default: the upstream's name.
    pub account: Arc<str>,
    /// A label that policies see, such as `eu`.
    pub region: Option<Arc<str>>,
    /// The provider by whose table failures are classified. Default: by the URL's host, else by the
    /// family.
    pub provider: ProviderRules,
    /// The differences of its OpenAI-like endpoints from OpenAI's own. Default: by the URL's host,
    /// else those of a server of which nothing is known.
    pub quirks: Quirks,
    /// True if the limits that it reports come back evenly, and not all at once. By the URL's host,
    /// as one server's limits are not another's whatever errors they share.
    pub refills_evenly: bool,
    /// Rows that go before that table's.
    pub failures: Vec<route::Row>,
    /// True if streams of `openai.chat` and `openai.completions` are requested with their usage
    /// where the caller did not request it, and the usage is removed from the reply again. Default:
    /// where the upstream is an OpenAI-like HTTP endpoint that takes `stream_options`.
    pub usage: bool,
    /// Time to a connection with TLS. Default 10 s, or less where `head_timeout` is.
    pub connect_timeout: Duration,
    /// Time from the request's last byte to a reply's head. Default: as `first_content_timeout`.
    pub head_timeout: Duration,
    /// Time from the request's last byte to the first *content* of a stream, or to the head of a
    /// whole reply, until the target's own is learnt. Default 120 s.
    pub first_content_timeout: Duration,
    /// Longest silence between bytes of a reply. Default 120 s.
    pub idle_timeout: Duration,
    /// Failures that the embedded model makes on purpose.
    pub faults: Option<embedded::Faults>,
    /// True if requests in dialects that it does not offer are translated for it. Default true.
    pub translate: bool,
    /// True if a translation that would leave something out is refused. Default false.
    pub strict: bool,
}

/// One of an upstream's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub secret: Secret,
    /// The account that pays for what it opens.
    pub account: Arc<str>,
}

/// Kind of upstream.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The model inside the binary.
    Embedded,
    /// An HTTP endpoint.
    Http {
        /// Scheme and authority; `https` or `http`.
        origin: http::Uri,
        /// The URL's path without a trailing slash (`/v1`), or empty. [`Upstream::path`] joins it
        /// and an app's path. Where there are [`Upstream::bases`], the path of the first.
        prefix: String,
        /// PEM roots to trust instead of the built-in ones.
        roots: Option<PathBuf>,
    },
}

impl Upstream {
    /// An upstream with every default.
    pub fn of(name: &str, family: Family, kind: Kind) -> Self {
        let host = match &kind {
            Kind::Http { origin, .. } => origin.host(),
            Kind::Embedded => None,
        };
        let provider = host.and_then(ProviderRules::of_host);
        let quirks = Quirks::of(provider);
        let is_openai = family == Family::Openai && matches!(kind, Kind::Http { .. });
        Self {
            name: name.into(),
            family,
            bases: Vec::new(),
            auth: Auth::of_family(family),
            api_version: None,
            keys: Vec::new(),
            identity: None,
            account: name.into(),
            region: None,
            provider: provider.unwrap_or_else(|| ProviderRules::of_family(Some(family))),
            quirks,
            refills_evenly: provider.is_some_and(ProviderRules::refills_evenly),
            failures: Vec::new(),
            usage: is_openai && quirks.takes_stream_options,
            kind,
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(120),
            first_content_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(120),
            faults: None,
            translate: true,
            strict: false,
        }
    }

    /// Facts of its server that translation needs.
    pub fn translation_quirks(&self) -> dialect::translate::Quirks {
        dialect::translate::Quirks {
            stream_options: self.usage || matches!(self.kind, Kind::Embedded),
            vertex: self.provider == ProviderRules::Vertex,
            ..self.quirks.of_translation()
        }
    }

    /// Reports whether the operator's credentials are sent in place of the callers'.
    pub fn has_own_credentials(&self) -> bool {
        !self.keys.is_empty() || self.identity.is_some()
    }

    /// Accounts that pay for what it is sent, in order; callers' own keys count as one.
    pub fn accounts(&self) -> BTreeSet<Arc<str>> {
        let of_keys = self.keys.iter().map(|key| Arc::clone(&key.account));
        let callers = self.keys.is_empty().then(|| Arc::clone(&self.account));
        crate::ordered::set(of_keys.chain(callers))
    }
}
