//! Identities of upstreams. What a source needs comes from the file or from the variables that its
//! own clients read; what is in neither is a problem that names both.

mod aws;

use std::{path::PathBuf, sync::Arc};

use http::Uri;

use super::Check;
use crate::config::{
    Identity, Kind, Upstream,
    file::{self, IdentityEntry, Text, WrittenIdentity},
    identity::{Anthropic, Azure, Gcp, Openai},
    problems::Path,
    scalars::listed,
};

/// The sources, by their words in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Aws,
    Gcp,
    Azure,
    Anthropic,
    Openai,
}

impl From {
    const ALL: [(&'static str, Self); 5] = [
        ("aws", Self::Aws),
        ("gcp", Self::Gcp),
        ("azure", Self::Azure),
        ("anthropic", Self::Anthropic),
        ("openai", Self::Openai),
    ];

    /// The keys that it reads, besides `from`.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &["region", "service"],
            Self::Gcp => &["file", "scope"],
            Self::Azure => &["token", "token_url", "client", "tenant", "scope"],
            Self::Anthropic => &[
                "token",
                "token_url",
                "federation_rule",
                "organization",
                "service_account",
                "workspace",
            ],
            Self::Openai => &["token", "token_url", "identity_provider", "service_account"],
        }
    }
}

/// An entry's keys, by name.
fn keys(entry: &IdentityEntry) -> [(&'static str, Option<&Text>); 13] {
    [
        ("region", entry.region.as_ref()),
        ("service", entry.service.as_ref()),
        ("file", entry.file.as_ref()),
        ("scope", entry.scope.as_ref()),
        ("token", entry.token.as_ref()),
        ("token_url", entry.token_url.as_ref()),
        ("client", entry.client.as_ref()),
        ("tenant", entry.tenant.as_ref()),
        ("federation_rule", entry.federation_rule.as_ref()),
        ("organization", entry.organization.as_ref()),
        ("service_account", entry.service_account.as_ref()),
        ("workspace", entry.workspace.as_ref()),
        ("identity_provider", entry.identity_provider.as_ref()),
    ]
}

impl Check<'_> {
    /// The identity of an upstream, which has no keys then.
    pub(super) fn identity_of(
        &mut self,
        at: &Path,
        written: &file::Upstream,
        upstream: &Upstream,
    ) -> Option<Arc<Identity>> {
        let at_identity = at.key("identity");
        for (key, there) in [
            ("key", written.key.is_some()),
            ("keys", written.keys.is_some()),
        ] {
            if there && written.identity.is_some() {
                let message = format!("stands beside `{key}`; keep one of them");
                self.problem(&at_identity, message);
                return None;
            }
        }
        let url = match &upstream.kind {
            Kind::Http { origin, .. } => Some(origin),
            Kind::Embedded => None,
        };
        self.identity(&at_identity, written.identity.as_ref(), url)
            .map(Arc::new)
    }

    /// The identity of an upstream at `url`; none where there is none, or where it is wrong.
    fn identity(
        &mut self,
        at: &Path,
        written: Option<&WrittenIdentity>,
        url: Option<&Uri>,
    ) -> Option<Identity> {
        let none = IdentityEntry::default();
        let (from_at, from, entry) = match written? {
            WrittenIdentity::From(from) => (at.clone(), from, &none),
            WrittenIdentity::Full(entry) => (at.key("from"), &entry.from, &**entry),
        };
        let from = self.word(
            &from_at,
            Some(from),
            None,
            &From::ALL.map(|(word, from)| (word, Some(from))),
        )?;
        let word = From::ALL.iter().find(|(_, known)| *known == from)?.0;
        for (key, value) in keys(entry) {
            if value.is_some() && !from.keys().contains(&key) {
                let keys: Vec<_> = from.keys().iter().map(|key| format!("`{key}`")).collect();
                let all = listed(&keys, "and");
                self.problem(
                    &at.key(key),
                    format!("has no effect on `{word}`, which reads {all}; remove it"),
                );
            }
        }
        match from {
            From::Aws => self.aws(at, entry, url).map(Identity::Aws),
            From::Gcp => self.gcp(at, entry).map(Identity::Gcp),
            From::Azure => self.azure(at, entry).map(Identity::Azure),
            From::Anthropic => self.anthropic(at, entry).map(Identity::Anthropic),
            From::Openai => self.openai(at, entry).map(Identity::Openai),
        }
    }

    fn gcp(&mut self, at: &Path, entry: &IdentityEntry) -> Option<Gcp> {
        let file = self.written(at, "file", entry.file.as_ref());
        let file = file.or_else(|| self.variable("GOOGLE_APPLICATION_CREDENTIALS"));
        let scope = self.written(at, "scope", entry.scope.as_ref());
        let Some(file) = file else {
            if entry.scope.is_some() {
                self.problem(&at.key("scope"), "has no effect on tokens of the metadata server, whose scopes are the node's; remove it, or name a `file`");
            }
            let host = self.variable("GCE_METADATA_HOST");
            let host = host.unwrap_or_else(|| "metadata.google.internal".into());
            return Some(Gcp::Metadata {
                url: format!("http://{host}"),
            });
        };
        let usual = || "https://www.googleapis.com/auth/cloud-platform".into();
        Some(Gcp::ServiceAccount {
            file: file.into(),
            scope: scope.unwrap_or_else(usual),
        })
    }

    fn azure(&mut self, at: &Path, entry: &IdentityEntry) -> Option<Azure> {
        let file = self.file(at, entry, "AZURE_FEDERATED_TOKEN_FILE");
        let client = self.value(at, "client", entry.client.as_ref(), "AZURE_CLIENT_ID");
        let url = match &*entry.token_url {
            Some(_) => self.token_url(at, entry, ""),
            None => {
                let tenant = self.value(at, "tenant", entry.tenant.as_ref(), "AZURE_TENANT_ID");
                let host = self.variable("AZURE_AUTHORITY_HOST");
                let host = host.unwrap_or_else(|| "https://login.microsoftonline.com".into());
                let host = host.trim_end_matches('/');
                let tenant = tenant.unwrap_or_default();
                let url = format!("{host}/{tenant}/oauth2/v2.0/token");
                self.safe_url(at, Some("AZURE_AUTHORITY_HOST"), url, &[])
            }
        };
        let scope = self.written(at, "scope", entry.scope.as_ref());
        Some(Azure {
            file: file?,
            client: client?,
            url: url?,
            scope: scope.unwrap_or_else(|| "https://ai.azure.com/.default".into()),
        })
    }

    fn anthropic(&mut self, at: &Path, entry: &IdentityEntry) -> Option<Anthropic> {
        let file = self.file(at, entry, "ANTHROPIC_IDENTITY_TOKEN_FILE");
        let [rule, organization, account] = [
            (
                "federation_rule",
                &entry.federation_rule,
                "ANTHROPIC_FEDERATION_RULE_ID",
            ),
            (
                "organization",
                &entry.organization,
                "ANTHROPIC_ORGANIZATION_ID",
            ),
            (
                "service_account",
                &entry.service_account,
                "ANTHROPIC_SERVICE_ACCOUNT_ID",
            ),
        ]
        .map(|(key, written, variable)| self.value(at, key, written.as_ref(), variable));
        let workspace = self.written(at, "workspace", entry.workspace.as_ref());
        let url = self.token_url(at, entry, "https://api.anthropic.com/v1/oauth/token");
        Some(Anthropic {
            file: file?,
            url: url?,
            federation_rule: rule?,
            organization: organization?,
            service_account: account?,
            workspace: workspace.or_else(|| self.variable("ANTHROPIC_WORKSPACE_ID")),
        })
    }

    fn openai(&mut self, at: &Path, entry: &IdentityEntry) -> Option<Openai> {
        let file = self.file(at, entry, "");
        let provider = entry.identity_provider.as_ref();
        let provider = self.value(at, "identity_provider", provider, "");
        let account = self.value(at, "service_account", entry.service_account.as_ref(), "");
        let url = self.token_url(at, entry, "https://auth.openai.com/oauth/token");
        Some(Openai {
            file: file?,
            url: url?,
            provider: provider?,
            service_account: account?,
        })
    }

    /// The file of the cluster's token.
    fn file(&mut self, at: &Path, entry: &IdentityEntry, variable: &str) -> Option<PathBuf> {
        self.value(at, "token", entry.token.as_ref(), variable)
            .map(PathBuf::from)
    }

    fn token_url(&mut self, at: &Path, entry: &IdentityEntry, usual: &str) -> Option<String> {
        let Some(written) = entry.token_url.as_ref() else {
            return Some(usual.to_owned());
        };
        let at = at.key("token_url");
        let url = self.text(&at, Some(written))?;
        self.safe_url(&at, None, url, &[])
    }

    /// A value that has to be there, in the file or in a variable; `variable` is empty where there
    /// is none of it.
    fn value(
        &mut self,
        at: &Path,
        key: &str,
        written: Option<&Text>,
        variable: &str,
    ) -> Option<String> {
        if written.is_some() {
            return self.written(at, key, written);
        }
        if variable.is_empty() {
            self.problem(at, format!("has no `{key}`; write it"));
            return None;
        }
        let found = self.variable(variable);
        if found.is_none() {
            self.problem(at, format!("has no `{key}`; write it, or set `{variable}`"));
        }
        found
    }

    /// A value of the file, which may not be empty.
    fn written(&mut self, at: &Path, key: &str, written: Option<&Text>) -> Option<String> {
        let at = at.key(key);
        let text = self.text(&at, written)?;
        if text.is_empty() {
            self.problem(&at, "is empty; give it a value, or leave the key out");
            return None;
        }
        Some(text)
    }

    /// A variable that has a value.
    fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// A variable that has to be there because another is.
    fn needed(&mut self, at: &Path, other: &str, name: &str) -> Option<String> {
        let found = self.variable(name);
        if found.is_none() {
            let message = format!("finds `{other}` in the environment and no `{name}`; set both");
            self.problem(at, message);
        }
        found
    }

    /// An URL that tokens may be sent to: `https`, or on this machine, or of one of `hosts`.
    fn safe_url(
        &mut self,
        at: &Path,
        variable: Option<&str>,
        url: String,
        hosts: &[&str],
    ) -> Option<String> {
        let parsed = url.parse::<Uri>().ok();
        let host = parsed.as_ref().and_then(Uri::host).unwrap_or_default();
        let scheme = parsed.as_ref().and_then(Uri::scheme_str);
        let is_near = matches!(host, "localhost" | "[::1]")
            || host
                .parse::<std::net::Ipv4Addr>()
                .is_ok_and(|ip| ip.is_loopback())
            || hosts.contains(&host);
        let is_safe = match scheme {
            Some("https") => !host.is_empty(),
            Some("http") => is_near,
            _ => false,
        };
        if is_safe {
            return Some(url);
        }
        let subject = variable.map(|name| format!("takes `{name}`, which "));
        let subject = subject.unwrap_or_default();
        self.problem(at, format!("{subject}is no `https` URL, and tokens are sent there; write one like `https://sts.eu-west-1.amazonaws.com`"));
        None
    }
}
