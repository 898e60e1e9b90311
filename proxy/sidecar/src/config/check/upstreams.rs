//! `upstreams:` and `models:`.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use dialect::recognise::{Surface, recognise};
use route::Family;

use super::{Check, listen::WrittenHosts};
use crate::config::{
    Kind, Secret, Target, Upstream,
    file::{self, Text, WrittenTarget},
    problems::{Path, io_words},
};

impl Check<'_> {
    pub(super) fn upstreams(
        &mut self,
        written: Option<file::Named<file::Upstream>>,
    ) -> (BTreeMap<String, Upstream>, WrittenHosts) {
        let at = Path::default().key("upstreams");
        let Some(file::Named(written)) = written else {
            let upstreams: BTreeMap<_, _> = [
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
                (name.to_owned(), upstream(name, family, kind))
            })
            .into();
            let hosts = upstreams.keys().map(|name| (name.clone(), None)).collect();
            return (upstreams, hosts);
        };
        if written.is_empty() {
            self.problem(&at, "names no upstream; add one, or leave the key out for the public OpenAI, Anthropic and Gemini APIs");
        }
        let mut upstreams = BTreeMap::new();
        let mut hosts = Vec::new();
        for (name, mut written) in written {
            let at = at.key(&name);
            if name.is_empty() || name.contains('/') {
                self.problem(&at, "is no name for an upstream; write one without `/`, as targets are `upstream/model`");
            }
            hosts.push((name.clone(), written.hosts.0.take()));
            let upstream = self.upstream(&at, &name, written);
            upstreams.insert(name, upstream);
        }
        for (family, word) in [
            (Family::Openai, "openai"),
            (Family::Anthropic, "anthropic"),
            (Family::Gemini, "gemini"),
        ] {
            let several = upstreams.values().filter(|u| u.family == family).count() > 1;
            if several && upstreams.get(word).is_none_or(|u| u.family != family) {
                self.problem(&at, format!(
                    "has several upstreams that speak {word}; call one of them `{word}`, so that a request without an alias has one place to go"
                ));
            }
        }
        (upstreams, hosts)
    }

    fn upstream(&mut self, at: &Path, name: &str, written: file::Upstream) -> Upstream {
        let embedded = match self.text(&at.key("kind"), written.kind.as_ref()).as_deref() {
            None | Some("http") => false,
            Some("embedded") => true,
            Some(_) => {
                self.problem(&at.key("kind"), "is no kind of upstream; write `embedded`, or leave it out for an HTTP endpoint");
                return upstream(name, Family::Every, Kind::Embedded);
            }
        };
        if embedded {
            for (key, there) in [
                ("dialect", written.dialect.is_some()),
                ("url", written.url.is_some()),
                ("key", written.key.is_some()),
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
        let (family, kind) = if embedded {
            (Family::Every, Kind::Embedded)
        } else {
            (self.family(at, &written), self.endpoint(at, &written))
        };
        let key = if embedded {
            None
        } else {
            self.secret(&at.key("key"), written.key.as_ref())
        };
        let default = upstream(name, family, kind);
        if written.usage.is_some() && !matches!(family, Family::Openai | Family::Every) {
            self.problem(
                &at.key("usage"),
                "has no effect here, as this dialect's streams always tell their usage; remove it",
            );
        }
        Upstream {
            key,
            usage: written.usage.unwrap_or(default.usage),
            connect_timeout: self.span(
                &at.key("connect_timeout"),
                written.connect_timeout.as_ref(),
                default.connect_timeout,
            ),
            first_content_timeout: self.span(
                &at.key("first_content_timeout"),
                written.first_content_timeout.as_ref(),
                default.first_content_timeout,
            ),
            idle_timeout: self.span(
                &at.key("idle_timeout"),
                written.idle_timeout.as_ref(),
                default.idle_timeout,
            ),
            ..default
        }
    }

    fn family(&mut self, at: &Path, written: &file::Upstream) -> Family {
        if written.dialect.is_none() {
            self.problem(
                at,
                "has no `dialect`; write `dialect: openai`, `dialect: anthropic` or `dialect: gemini`",
            );
        }
        self.parsed(
            &at.key("dialect"),
            written.dialect.as_ref(),
            Family::Openai,
            |text| match text {
                "openai" => Ok(Family::Openai),
                "anthropic" => Ok(Family::Anthropic),
                "gemini" => Ok(Family::Gemini),
                "bedrock" => Err(
                    "is a dialect that is not in this version; write `openai`, `anthropic` or `gemini`"
                        .into(),
                ),
                _ => Err("is no dialect; write `openai`, `anthropic` or `gemini`".into()),
            },
        )
    }

    fn endpoint(&mut self, at: &Path, written: &file::Upstream) -> Kind {
        if written.url.is_none() {
            self.problem(at, "has no `url`; write one like `url: https://api.openai.com/v1`, or `kind: embedded`");
        }
        let (origin, prefix) = self.parsed(
            &at.key("url"),
            written.url.as_ref(),
            Default::default(),
            base_url,
        );
        let roots = self.roots(&at.key("roots"), written.roots.as_ref());
        let roots = roots.map(|(path, _)| path);
        Kind::Http {
            origin,
            prefix,
            roots,
        }
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
            Err(error) => self.problem(at, format!("can't be read: {}", io_words(&error))),
        }
        None
    }

    /// `${NAME}`, `file:/path` or the text itself. Empty is a mistake, except where `:-` says that
    /// it may be.
    fn secret(&mut self, at: &Path, written: Option<&Text>) -> Option<Secret> {
        let raw = written?;
        let text = self.text(at, written)?;
        let text = self.read_secret(at, text)?;
        if text.is_empty() {
            if !raw.0.contains(":-") {
                self.problem(at, "is empty; give it a value, or leave the key out so that callers send their own");
            }
            return None;
        }
        if !text.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            self.problem(at, "holds a space, a line break or another character that no HTTP header may carry; give the bare key");
            return None;
        }
        Some(Secret::new(text))
    }

    /// Reads the file that `file:/path` names, without the line break at its end; other text is
    /// returned as it is.
    pub(super) fn read_secret(&mut self, at: &Path, text: String) -> Option<String> {
        let Some(path) = text.strip_prefix("file:").map(PathBuf::from) else {
            return Some(text);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                self.read.push(path);
                let text = zeroize::Zeroizing::new(text);
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            Err(error) => {
                let cause = io_words(&error);
                self.problem(at, format!("names a file that can't be read: {cause}"));
                None
            }
        }
    }

    pub(super) fn models(
        &mut self,
        written: Option<file::Named<file::Model>>,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> BTreeMap<String, Target> {
        let mut models = BTreeMap::new();
        for (alias, written) in written.map(|n| n.0).unwrap_or_default() {
            let at = Path::default().key("models").key(&alias);
            self.not_yet(
                &at.key("strategy"),
                written.strategy.is_some(),
                "an alias has one target",
            );
            let at = at.key("targets");
            match written.targets.as_slice() {
                [] => self.problem(
                    &at,
                    "is empty; write one target, like `[openai/gpt-5-mini]`",
                ),
                [WrittenTarget::Weighted] => self.not_yet(
                    &at.index(0),
                    true,
                    "write the target alone, like `openai/gpt-5-mini`",
                ),
                [WrittenTarget::Name(target)] => {
                    let target = self.target(&at.index(0), target, upstreams);
                    models.extend(target.map(|target| (alias, target)));
                }
                _ => self.problem(
                    &at,
                    "has several targets, which is not in this version; keep one",
                ),
            }
        }
        models
    }

    fn target(
        &mut self,
        at: &Path,
        written: &Text,
        upstreams: &BTreeMap<String, Upstream>,
    ) -> Option<Target> {
        let text = self.text(at, Some(written))?;
        let Some((upstream, model)) = text
            .split_once('/')
            .filter(|(u, m)| !u.is_empty() && !m.is_empty())
        else {
            self.problem(
                at,
                format!(
                    "`{}` is not a target; write `upstream/model`, like `openai/gpt-5-mini`",
                    written.0
                ),
            );
            return None;
        };
        if !upstreams.contains_key(upstream) {
            let known: Vec<_> = upstreams.keys().map(|name| format!("`{name}`")).collect();
            self.problem(
                at,
                format!(
                    "`{}` names an upstream that is not under `upstreams`; there {} {}",
                    written.0,
                    if known.len() == 1 { "is" } else { "are" },
                    known.join(", ")
                ),
            );
            return None;
        }
        Some(Target {
            upstream: upstream.into(),
            model: model.into(),
        })
    }
}

/// An upstream with every default.
fn upstream(name: &str, family: Family, kind: Kind) -> Upstream {
    Upstream {
        name: name.into(),
        family,
        usage: family == Family::Openai && matches!(kind, Kind::Http { .. }),
        kind,
        key: None,
        provider: route::ProviderRules::of_family(Some(family)),
        failures: Vec::new(),
        connect_timeout: Duration::from_secs(10),
        first_content_timeout: Duration::from_secs(120),
        idle_timeout: Duration::from_secs(120),
    }
}

/// The part of `path` that is a call's own, where it ends in one.
fn endpoint_of(path: &str) -> Option<&str> {
    let called = |path: &str| {
        let surface = recognise(&http::Method::POST, path, &http::HeaderMap::new());
        matches!(surface, Surface::Call(_))
    };
    if !called(path) {
        return None;
    }
    // The shortest end that is a call by itself, without the version before it.
    let starts: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    let shortest = starts.into_iter().rev().map(|at| path.split_at(at).1);
    shortest.into_iter().find(|end| called(end)).or(Some(path))
}

/// Splits a base URL into scheme and authority, and the path without its trailing slash.
fn base_url(text: &str) -> Result<(http::Uri, String), String> {
    let wrong = |what: &str| {
        Err(format!(
            "{what}; write a URL like `https://api.openai.com/v1`"
        ))
    };
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return wrong("begins with neither `https://` nor `http://`");
    }
    let Ok(url) = text.parse::<http::Uri>() else {
        return wrong("is not a URL");
    };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return wrong("names no host");
    };
    if authority.as_str().contains('@') {
        return wrong("holds credentials, which belong under `key`");
    }
    if authority.host().is_empty() {
        return wrong("names no host");
    }
    if url.query().is_some() || text.contains('#') {
        return wrong("has a query or a fragment, which no base URL has");
    }
    if let Some(endpoint) = endpoint_of(url.path()) {
        return Err(format!(
            "ends in the endpoint `{endpoint}`, which apps add themselves; write the base URL alone, like `https://api.openai.com/v1`"
        ));
    }
    match http::Uri::builder()
        .scheme(scheme)
        .authority(authority.clone())
        .path_and_query("/")
        .build()
    {
        Ok(origin) => Ok((origin, url.path().trim_end_matches('/').to_owned())),
        Err(_) => wrong("is not a URL"),
    }
}
