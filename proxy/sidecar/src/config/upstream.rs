//! Upstreams, and the mapping of an app's path to theirs.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use route::{Family, ProviderRules};

use super::Secret;

/// A provider's endpoint.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Its name.
    pub name: String,
    /// Family of dialects that it speaks.
    pub family: Family,
    /// The embedded model, or an HTTP endpoint.
    pub kind: Kind,
    /// Sent instead of the caller's credentials, one for each request; empty: callers send their
    /// own.
    pub keys: Vec<Key>,
    /// The account that pays where callers send their own keys, and that of each of `keys` that
    /// names none. Default: the upstream's name.
    pub account: Arc<str>,
    /// A label that policies see, such as `eu`.
    pub region: Option<Arc<str>>,
    /// The provider by whose table failures are classified. Default: by the URL's host, else by the
    /// family.
    pub provider: ProviderRules,
    /// True if the limits that it reports come back evenly, and not all at once. By the URL's host,
    /// as one server's limits are not another's whatever errors they share.
    pub refills_evenly: bool,
    /// Rows that go before that table's.
    pub failures: Vec<route::Row>,
    /// True if streams of `openai.chat` and `openai.completions` are requested with their usage
    /// where the caller did not request it, and the usage is removed from the reply again. Default:
    /// where the upstream is an OpenAI-like HTTP endpoint.
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
        /// and an app's path.
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
        Self {
            name: name.into(),
            family,
            keys: Vec::new(),
            account: name.into(),
            region: None,
            provider: provider.unwrap_or_else(|| ProviderRules::of_family(Some(family))),
            refills_evenly: provider.is_some_and(ProviderRules::refills_evenly),
            failures: Vec::new(),
            usage: family == Family::Openai && matches!(kind, Kind::Http { .. }),
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

    /// The differences of its server from the one that its dialect was designed for.
    pub const fn quirks(&self) -> dialect::translate::Quirks {
        match self.provider {
            ProviderRules::Openai if self.refills_evenly => dialect::translate::Quirks::OPENAI,
            _ => dialect::translate::Quirks::NONE,
        }
    }

    /// Accounts that pay for what it is sent, in order; callers' own keys count as one.
    pub fn accounts(&self) -> BTreeSet<Arc<str>> {
        let of_keys = self.keys.iter().map(|key| Arc::clone(&key.account));
        let callers = self.keys.is_empty().then(|| Arc::clone(&self.account));
        of_keys.chain(callers).collect()
    }

    /// Returns the path (and query) to request from this upstream for the app's `app_path`.
    ///
    /// Base URLs are written as each family's SDKs take them: OpenAI's with the version
    /// (`https://api.openai.com/v1`), Anthropic's without. An app may be pointed at
    /// `http://outrigger` or at `http://outrigger/v1`. So a leading `/v1` of the app's path stands
    /// for the URL's path. An OpenAI-like URL without any path takes the app's path as it came: the
    /// server is mounted where the app thinks it is.
    ///
    /// Gemini's SDKs write the version themselves (`/v1beta`), so its URL has none; a URL that has
    /// one, such as Vertex' with its project, takes the place of the app's, and a path without any
    /// gets `/v1beta`.
    pub fn path(&self, app_path: &str) -> String {
        let Kind::Http { prefix, .. } = &self.kind else {
            return app_path.to_owned();
        };
        if self.family == Family::Gemini {
            return gemini(prefix, app_path);
        }
        let unversioned = app_path
            .strip_prefix("/v1")
            .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        match (self.family, unversioned) {
            (Family::Anthropic, rest) if !prefix.ends_with("/v1") => {
                [prefix, "/v1", rest.unwrap_or(app_path)].concat()
            }
            (_, Some(rest)) if !prefix.is_empty() => [prefix, rest].concat(),
            _ => [prefix, app_path].concat(),
        }
    }
}

fn gemini(prefix: &str, app_path: &str) -> String {
    let version = |segment: &str| {
        let number = segment.strip_prefix('v').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let first = app_path.split('/').nth(1).unwrap_or_default();
    let first = first.split('?').next().unwrap_or_default();
    let versioned = version(first);
    match (versioned, prefix.split('/').any(version)) {
        (true, true) => {
            let rest = app_path.get(1 + first.len()..).unwrap_or_default();
            format!("{prefix}{rest}")
        }
        (false, false) => format!("{prefix}/v1beta{app_path}"),
        _ => format!("{prefix}{app_path}"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::config::tests::{parse, rows};

    #[test]
    fn an_apps_path_is_joined_to_the_urls_path_with_one_version() {
        let table = "
            openai https://api.openai.com/v1 /v1/chat/completions => /v1/chat/completions
            openai https://api.openai.com/v1/ /chat/completions => /v1/chat/completions
            openai https://api.openai.com/v1 /v1/models?limit=2 => /v1/models?limit=2
            openai https://api.openai.com/v1 /v1 => /v1
            openai https://api.openai.com/v1 /v1?x => /v1?x
            openai https://api.openai.com/v1 /v1beta/x => /v1/v1beta/x
            openai https://host/openai/v1 /v1/responses => /openai/v1/responses
            openai https://host/openai/v1 /responses => /openai/v1/responses
            openai https://host/api/v4 /v1/chat/completions => /api/v4/chat/completions
            openai http://127.0.0.1:8000 /v1/chat/completions => /v1/chat/completions
            openai http://127.0.0.1:8000 /chat/completions => /chat/completions
            openai http://127.0.0.1:8000/ / => /
            anthropic https://api.anthropic.com /v1/messages => /v1/messages
            anthropic https://api.anthropic.com /messages => /v1/messages
            anthropic https://api.anthropic.com/v1 /v1/messages?beta=true => /v1/messages?beta=true
            anthropic https://api.anthropic.com/v1 /messages => /v1/messages
            anthropic https://gateway/anthropic /v1/messages => /anthropic/v1/messages
            gemini https://generativelanguage.googleapis.com /v1beta/models/m:generateContent
                => /v1beta/models/m:generateContent
            gemini https://generativelanguage.googleapis.com /models/m:streamGenerateContent?alt=sse
                => /v1beta/models/m:streamGenerateContent?alt=sse
            gemini https://generativelanguage.googleapis.com/v1beta /v1/models/m:generateContent
                => /v1beta/models/m:generateContent
            gemini https://generativelanguage.googleapis.com/v1beta/ /models?pageSize=2
                => /v1beta/models?pageSize=2
            gemini https://host/v1/projects/p/locations/l/publishers/google /v1beta/models/m:generateContent
                => /v1/projects/p/locations/l/publishers/google/models/m:generateContent
            gemini https://gateway/google /v1alpha/models => /google/v1alpha/models
            gemini https://gateway/google /vision/m => /google/v1beta/vision/m
        ";
        for (call, expected) in rows(table) {
            let [dialect, url, app_path] = call.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{call}")
            };
            let yaml = format!("upstreams: {{ u: {{ dialect: {dialect}, url: '{url}' }} }}");
            let path = parse(&yaml).unwrap().upstreams["u"].path(app_path);
            assert_eq!(expected, [path], "{call}");
        }
    }
}
