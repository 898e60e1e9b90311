//! `upstreams:`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use route::Family;

use super::{Check, listen::WrittenHosts};
use crate::config::{
    Kind, Upstream,
    file::{self, Span, Text},
    problems::{Path, io_words},
};

/// The section `upstreams:`.
pub(super) struct Upstreams {
    pub(super) by_name: BTreeMap<String, Upstream>,
    /// The hosts that each names.
    pub(super) hosts: WrittenHosts,
    /// Those whose `connect_timeout` the operator wrote.
    pub(super) with_connect_timeout: Vec<String>,
}

impl Check<'_> {
    /// `has_aliases`: requests may name targets by aliases, and need no other place to go.
    pub(super) fn upstreams(
        &mut self,
        written: Option<file::Named<file::Upstream>>,
        has_aliases: bool,
    ) -> Upstreams {
        let at = Path::default().key("upstreams");
        let Some(file::Named(written)) = written else {
            let upstreams = crate::ordered::map(
                [
                    ("openai", Family::Openai, "https://api.openai.com", "/v1"),
                    (
                        "anthropic",
                        Family::Anthropic,
                        "https://api.anthropic.com",
                        "",
                    ),
                    (
                        "gemini",
                        Family::Gemini,
                        "https://generativelanguage.googleapis.com",
                        "",
                    ),
                ]
                .map(|(name, family, origin, prefix)| {
                    let kind = Kind::Http {
                        origin: origin.parse().unwrap_or_default(),
                        prefix: prefix.into(),
                        roots: None,
                    };
                    (name.to_owned(), Upstream::of(name, family, kind))
                }),
            );
            return Upstreams {
                hosts: upstreams.keys().map(|name| (name.clone(), None)).collect(),
                by_name: upstreams,
                with_connect_timeout: Vec::new(),
            };
        };
        if written.is_empty() {
            self.problem(&at, "names no upstream; add one, or leave the key out for the public OpenAI, Anthropic and Gemini APIs");
        }
        let mut upstreams = BTreeMap::new();
        let mut hosts = Vec::new();
        let mut with_connect_timeout = Vec::new();
        for (name, mut written) in written {
            let at = at.key(&name);
            if name.is_empty() || name.contains('/') {
                self.problem(&at, "is no name for an upstream; write one without `/`, as targets are `upstream/model`");
            }
            hosts.push((name.clone(), written.hosts.0.take()));
            if written.connect_timeout.is_some() {
                with_connect_timeout.push(name.clone());
            }
            let upstream = self.upstream(&at, &name, written);
            upstreams.insert(name, upstream);
        }
        for (family, word) in [
            (Family::Openai, "openai"),
            (Family::Anthropic, "anthropic"),
            (Family::Gemini, "gemini"),
        ] {
            let several = upstreams.values().filter(|u| u.family == family).count() > 1;
            if several && !has_aliases && upstreams.get(word).is_none_or(|u| u.family != family) {
                self.problem(&at, format!(
                    "has several upstreams that speak {word}; call one of them `{word}`, so that requests have one place to go, or name targets under `models`"
                ));
            }
        }
        Upstreams {
            by_name: upstreams,
            hosts,
            with_connect_timeout,
        }
    }

    fn upstream(&mut self, at: &Path, name: &str, written: file::Upstream) -> Upstream {
        let embedded = match self.text(&at.key("kind"), written.kind.as_ref()).as_deref() {
            None | Some("http") => false,
            Some("embedded") => true,
            Some(_) => {
                self.problem(&at.key("kind"), "is no kind of upstream; write `embedded`, or leave it out for an HTTP endpoint");
                return Upstream::of(name, Family::Every, Kind::Embedded);
            }
        };
        if embedded {
            for (key, there) in [
                ("dialects", written.dialects.is_some()),
                ("url", written.url.is_some()),
                ("resource", written.resource.is_some()),
                ("project", written.project.is_some()),
                ("location", written.location.is_some()),
                ("api_version", written.api_version.is_some()),
                ("auth", written.auth.is_some()),
                ("key", written.key.is_some()),
                ("keys", written.keys.is_some()),
                ("identity", written.identity.is_some()),
                ("roots", written.roots.is_some()),
                ("connect_timeout", written.connect_timeout.is_some()),
            ] {
                if there {
                    self.problem(
                        &at.key(key),
                        "has no effect on the embedded model; remove it",
                    );
                }
            }
        }
        let default = match embedded {
            true => self.embedded(at, name, &written),
            false => self.endpoint(at, name, &written),
        };
        let faults = self.faults(&at.key("faults"), written.faults.as_ref(), embedded);
        let own_account = self.label(&at.key("account"), written.account.as_ref(), "an account");
        let account = own_account.unwrap_or_else(|| default.account.clone());
        let keys = if embedded {
            Vec::new()
        } else {
            self.keys(at, &written, &account)
        };
        let identity = if embedded {
            None
        } else {
            self.identity_of(at, &written, &default)
        };
        if written.usage.is_some() && !embedded && !default.speaks(Family::Openai) {
            self.problem(
                &at.key("usage"),
                "has no effect here, as this dialect's streams always tell their usage; remove it",
            );
        }
        let [connect_timeout, head_timeout, first_content_timeout] =
            self.clocks(at, &written, &default);
        Upstream {
            keys,
            identity,
            account,
            region: self.label(&at.key("region"), written.region.as_ref(), "a region"),
            failures: self.failures(&at.key("failures"), written.failures.as_deref()),
            usage: written.usage.unwrap_or(default.usage),
            connect_timeout,
            head_timeout,
            first_content_timeout,
            idle_timeout: self.span(
                &at.key("idle_timeout"),
                written.idle_timeout.as_ref(),
                default.idle_timeout,
            ),
            faults,
            translate: self.translates(at, written.translate.as_ref(), written.strict.as_ref()),
            strict: written.strict.unwrap_or(default.strict),
            ..default
        }
    }

    /// The times to a connection, to a reply's head and to its first content. A later one is no
    /// shorter than an earlier one; one that is left out fits the others.
    fn clocks(&mut self, at: &Path, written: &file::Upstream, default: &Upstream) -> [Duration; 3] {
        let mut read = |key: &str, written: Option<&Span>, default| {
            written.map_or(default, |span| self.span(&at.key(key), Some(span), default))
        };
        let first_content = read(
            "first_content_timeout",
            written.first_content_timeout.as_ref(),
            default.first_content_timeout,
        );
        let head = read("head_timeout", written.head_timeout.as_ref(), first_content);
        let connect = read(
            "connect_timeout",
            written.connect_timeout.as_ref(),
            default.connect_timeout.min(head),
        );
        if head > first_content && !first_content.is_zero() {
            self.problem(
                &at.key("head_timeout"),
                "is longer than `first_content_timeout`, which begins at the same byte and ends later; write less here or more there",
            );
        }
        let next = head.min(first_content);
        if written.connect_timeout.is_some() && connect >= next && !next.is_zero() {
            let later = match &*written.head_timeout {
                Some(_) => "head_timeout",
                None => "first_content_timeout",
            };
            self.problem(
                &at.key("connect_timeout"),
                format!("is not shorter than `{later}`, and a reply comes later than its connection; write less here or more there"),
            );
        }
        [connect, head, first_content]
    }

    /// A file of PEM certificates, and what it holds.
    pub(super) fn roots(
        &mut self,
        at: &Path,
        written: Option<&Text>,
    ) -> Option<(PathBuf, Vec<u8>)> {
        let file = PathBuf::from(self.text(at, written)?);
        match std::fs::read(&file) {
            Ok(bytes) if memchr::memmem::find(&bytes, b"-----BEGIN CERTIFICATE-----").is_some() => {
                self.read.push(file.clone());
                return Some((file, bytes));
            }
            Ok(_) => self.problem(
                at,
                "holds no PEM certificate; give a file with `-----BEGIN CERTIFICATE-----` in it",
            ),
            Err(error) => self.lack(at, format!("can't be read: {}", io_words(&error))),
        }
        None
    }
}
