//! Where a request may go: from the model that the app named to the targets that can serve it. Pure: plain data in, a plan out.
//!
//! A [`Table`] is made once per generation. [`Table::plan`] decides once per exchange, after the policies: candidates in the order in
//! which they are tried, and why others are left out. One target per alias so far; strategies and health come to this room.

use std::{collections::HashMap, fmt, sync::Arc};

use dialect::{Dialect, describe::Provider};

use crate::config::Family;

/// The part of an upstream that decides what it may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub name: Arc<str>,
    /// The dialects that it speaks.
    pub family: Family,
    /// It has a key of its own, or needs none: it may be sent what was not meant for it.
    pub has_credentials: bool,
}

/// `upstream/model`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// An upstream's name.
    pub upstream: Arc<str>,
    /// The model's name there.
    pub model: Arc<str>,
}

/// Everything that routing knows of one generation.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// A handful: a list is searched faster than a map.
    upstreams: Vec<Upstream>,
    aliases: HashMap<Box<str>, Vec<Target>>,
    defaults: Vec<(Family, Arc<str>)>,
}

/// A request as far as routing looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The format of its body.
    pub dialect: Dialect,
    /// The family of its dialect, as [`family`] tells it.
    pub family: Family,
    /// The model that it names.
    pub model: Option<&'a str>,
    /// The place to which it belongs, if it came in by host.
    pub home: Option<Home<'a>>,
}

/// The place to which a request belongs that came in by host.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The upstream whose host the app dialled.
    pub upstream: &'a str,
    /// The app dialled the very host of its URL.
    pub own_host: bool,
    /// The model that the app wrote, whatever policies made of it.
    pub model: Option<&'a str>,
}

/// The targets that can serve one request, best first, and those that can't. There is one candidate at the least; a single one costs no
/// allocation.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan<'t> {
    first: Candidate<'t>,
    others: Vec<Candidate<'t>>,
    excluded: Vec<Excluded<'t>>,
}

/// A target that can serve the request.
#[derive(Debug, PartialEq, Eq)]
pub struct Candidate<'t> {
    /// The upstream that it goes to.
    pub upstream: &'t Upstream,
    /// The model's name there, where it is not the one in the body.
    pub model: Option<Arc<str>>,
    /// The app dialled this upstream's own host: its path is the provider's, and passes as it is.
    pub dialled: bool,
}

/// A target that can't, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Excluded<'t> {
    /// The upstream that it would have gone to.
    pub upstream: &'t Upstream,
    /// The reason why it does not.
    pub reason: Exclusion,
}

/// A reason for which a target is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// The app's credentials are for the host that it dialled, and this upstream has none of its own.
    NoKey,
    /// The upstream is of another family than the request, which is written in this dialect.
    OtherFamily(&'static str),
}

/// The reason why nothing can serve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRoute {
    /// No upstream speaks the dialect.
    NobodySpeaks(&'static str),
    /// The app dialled a host, and the upstream that claimed it is gone.
    Unclaimed,
    /// The alias or prefix names this upstream, and no other one; it is left out.
    Excluded(Arc<str>, Exclusion),
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodySpeaks(dialect) => write!(
                f,
                "no upstream speaks {dialect}; add one under `upstreams:`"
            ),
            Self::Unclaimed => f.write_str("no upstream claims this host any more"),
            Self::Excluded(upstream, Exclusion::NoKey) => write!(
                f,
                "this model is served by the upstream `{upstream}`, which has no key of its own, and the app's is for the host that it dialled; give the upstream a `key`"
            ),
            Self::Excluded(upstream, Exclusion::OtherFamily(dialect)) => write!(
                f,
                "the upstream `{upstream}` does not speak {dialect}, and this version does not translate"
            ),
        }
    }
}

impl std::error::Error for NoRoute {}

impl<'t> Plan<'t> {
    fn of_one(candidate: Candidate<'t>) -> Self {
        Self {
            first: candidate,
            others: Vec::new(),
            excluded: Vec::new(),
        }
    }

    /// The best candidate.
    pub const fn first(&self) -> &Candidate<'t> {
        &self.first
    }

    /// All candidates, best first.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate<'t>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The targets that were left out.
    pub fn excluded(&self) -> &[Excluded<'t>] {
        &self.excluded
    }
}

impl Table {
    /// A table of these upstreams. `aliases` are names that apps use for targets, best first; `defaults` tell where a family's requests
    /// go that name none. A target or default whose upstream is not among `upstreams` is none.
    pub fn new(
        upstreams: Vec<Upstream>,
        aliases: impl IntoIterator<Item = (Box<str>, Vec<Target>)>,
        defaults: Vec<(Family, Arc<str>)>,
    ) -> Self {
        Self {
            upstreams,
            aliases: aliases.into_iter().collect(),
            defaults,
        }
    }

    /// Decides for a request whose body names a model: an alias, `upstream/model`, or else where it was going: the upstream whose host the
    /// app dialled, whatever it speaks there, or, at the base URL, the upstream of its family.
    ///
    /// What an app writes to the host that it dialled is that host's own: `openai/gpt-5` is a model of OpenRouter's, and no prefix there. A
    /// policy's `upstream/model` is one everywhere.
    ///
    /// # Errors
    /// Nothing can serve it.
    pub fn plan(&self, request: &Request<'_>) -> Result<Plan<'_>, NoRoute> {
        if let Some(model) = request.model {
            if let Some(targets) = self.aliases.get(model) {
                let named = (targets.iter())
                    .filter_map(|to| Some((self.find(&to.upstream)?, Arc::clone(&to.model))));
                if let Some(plan) = named_targets(named, request) {
                    return plan;
                }
            }
            let is_the_hosts = request.home.is_some_and(|home| home.model == Some(model));
            if let Some((upstream, model)) = model.split_once('/').filter(|_| !is_the_hosts) {
                let named = self.find(upstream).map(|upstream| (upstream, model.into()));
                if let Some(plan) = named_targets(named.into_iter(), request) {
                    return plan;
                }
            }
        }
        let (name, none) = match request.home {
            Some(home) => (Some(home.upstream), NoRoute::Unclaimed),
            None => (
                self.default_for(request.family),
                NoRoute::NobodySpeaks(request.dialect.name()),
            ),
        };
        let upstream = name.and_then(|name| self.find(name)).ok_or(none)?;
        Ok(Plan::of_one(Candidate {
            upstream,
            model: None,
            dialled: request.home.is_some_and(|home| home.own_host),
        }))
    }

    fn find(&self, name: &str) -> Option<&Upstream> {
        self.upstreams.iter().find(|known| *known.name == *name)
    }

    fn default_for(&self, family: Family) -> Option<&str> {
        let mut defaults = self.defaults.iter();
        let (_, name) = defaults.find(|(known, _)| *known == family)?;
        Some(name)
    }
}

/// The plan over targets that were named; none where no upstream of theirs is known.
fn named_targets<'t>(
    targets: impl Iterator<Item = (&'t Upstream, Arc<str>)>,
    request: &Request<'_>,
) -> Option<Result<Plan<'t>, NoRoute>> {
    let mut plan: Option<Plan<'t>> = None;
    let mut excluded = Vec::new();
    for (upstream, model) in targets {
        if let Some(reason) = exclusion(upstream, request) {
            excluded.push(Excluded { upstream, reason });
            continue;
        }
        let home = request.home.filter(|home| home.own_host);
        let candidate = Candidate {
            upstream,
            model: Some(model),
            dialled: home.is_some_and(|home| *home.upstream == *upstream.name),
        };
        match &mut plan {
            Some(plan) => plan.others.push(candidate),
            None => plan = Some(Plan::of_one(candidate)),
        }
    }
    match (plan, excluded.first()) {
        (Some(plan), _) => Some(Ok(Plan { excluded, ..plan })),
        (None, Some(Excluded { upstream, reason })) => {
            Some(Err(NoRoute::Excluded(Arc::clone(&upstream.name), *reason)))
        }
        (None, None) => None,
    }
}

/// Why a target is no candidate, where it is none.
fn exclusion(upstream: &Upstream, request: &Request<'_>) -> Option<Exclusion> {
    let speaks = upstream.family == request.family
        || upstream.family == Family::Every
        || request.family == Family::Every;
    if !speaks {
        return Some(Exclusion::OtherFamily(request.dialect.name()));
    }
    let elsewhere = (request.home).is_some_and(|home| *home.upstream != *upstream.name);
    (elsewhere && !upstream.has_credentials).then_some(Exclusion::NoKey)
}

/// The family of a request: its dialect's, or, where no dialect reads it, the one that its headers tell of.
pub fn family(dialect: Dialect, headers: &http::HeaderMap) -> Family {
    match dialect.provider() {
        Some(Provider::Openai) => Family::Openai,
        Some(Provider::Anthropic) => Family::Anthropic,
        Some(Provider::Google) => Family::Gemini,
        None if headers.contains_key("x-goog-api-key")
            || headers.contains_key("x-goog-api-client") =>
        {
            Family::Gemini
        }
        None if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") => {
            Family::Anthropic
        }
        None => Family::Openai,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(name: &'static str) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        headers.insert(name, http::HeaderValue::from_static("x"));
        headers
    }

    #[test]
    fn every_dialect_has_a_family_and_headers_tell_it_of_what_nobody_reads() {
        let none = http::HeaderMap::new();
        for (dialect, expected) in [
            (Dialect::OpenaiChat, Family::Openai),
            (Dialect::OpenaiCompletions, Family::Openai),
            (Dialect::OpenaiEmbeddings, Family::Openai),
            (Dialect::AnthropicMessages, Family::Anthropic),
            (Dialect::AnthropicBatches, Family::Anthropic),
            (Dialect::GeminiGenerate, Family::Gemini),
            (Dialect::Other, Family::Openai),
        ] {
            assert_eq!(family(dialect, &none), expected, "{dialect:?}");
        }
        for (name, expected) in [
            ("x-goog-api-key", Family::Gemini),
            ("x-goog-api-client", Family::Gemini),
            ("x-api-key", Family::Anthropic),
            ("anthropic-version", Family::Anthropic),
            ("authorization", Family::Openai),
        ] {
            assert_eq!(family(Dialect::Other, &headers(name)), expected, "{name}");
        }
    }

    fn upstream(name: &str, family: Family, has_credentials: bool) -> Upstream {
        Upstream {
            name: name.into(),
            family,
            has_credentials,
        }
    }

    fn alias(name: &str, targets: &[(&str, &str)]) -> (Box<str>, Vec<Target>) {
        let target = |(upstream, model): &(&str, &str)| Target {
            upstream: (*upstream).into(),
            model: (*model).into(),
        };
        (name.into(), targets.iter().map(target).collect())
    }

    /// Upstream and model of each candidate.
    fn candidates(plan: &Plan<'_>) -> Vec<(String, Option<String>)> {
        let model = |candidate: &Candidate<'_>| candidate.model.as_deref().map(str::to_owned);
        plan.candidates()
            .map(|candidate| (candidate.upstream.name.to_string(), model(candidate)))
            .collect()
    }

    #[test]
    fn an_alias_a_prefix_and_the_family_find_geminis_upstream_and_no_other_one() {
        let table = Table::new(
            vec![
                upstream("gemini", Family::Gemini, false),
                upstream("openai", Family::Openai, false),
            ],
            [
                alias("fast", &[("gemini", "flash")]),
                alias("slow", &[("openai", "gpt")]),
            ],
            vec![
                (Family::Gemini, "gemini".into()),
                (Family::Openai, "openai".into()),
            ],
        );
        let ask = |model| {
            let request = Request {
                dialect: Dialect::GeminiGenerate,
                family: Family::Gemini,
                model: Some(model),
                home: None,
            };
            table.plan(&request).map(|plan| candidates(&plan))
        };
        let one = |upstream: &str, model: Option<&str>| {
            Ok(vec![(upstream.into(), model.map(str::to_owned))])
        };
        assert_eq!(ask("fast"), one("gemini", Some("flash")));
        assert_eq!(ask("gemini/a/b"), one("gemini", Some("a/b")));
        assert_eq!(ask("gemini-pro"), one("gemini", None));
        assert_eq!(ask("unknown/a"), one("gemini", None));
        let other = Exclusion::OtherFamily("gemini.generate");
        assert_eq!(ask("slow"), Err(NoRoute::Excluded("openai".into(), other)));
    }

    #[test]
    fn candidates_keep_the_aliases_order_and_what_is_left_out_its_reason() {
        let table = Table::new(
            vec![
                upstream("azure", Family::Openai, true),
                upstream("claude", Family::Anthropic, true),
                upstream("demo", Family::Every, true),
                upstream("keyless", Family::Openai, false),
            ],
            [alias(
                "fast",
                &[
                    ("keyless", "a"),
                    ("demo", "b"),
                    ("claude", "c"),
                    ("gone", "d"),
                    ("azure", "e"),
                ],
            )],
            Vec::new(),
        );
        let request = Request {
            dialect: Dialect::OpenaiChat,
            family: Family::Openai,
            model: Some("fast"),
            home: Some(Home {
                upstream: "azure",
                own_host: true,
                model: Some("fast"),
            }),
        };
        let plan = table.plan(&request).unwrap();
        let dialled: Vec<_> = plan.candidates().map(|c| c.dialled).collect();
        assert_eq!(dialled, [false, true]);
        assert_eq!(
            candidates(&plan),
            [
                ("demo".to_owned(), Some("b".to_owned())),
                ("azure".to_owned(), Some("e".to_owned()))
            ]
        );
        let excluded: Vec<_> = (plan.excluded().iter())
            .map(|left| (&*left.upstream.name, left.reason))
            .collect();
        assert_eq!(
            excluded,
            [
                ("keyless", Exclusion::NoKey),
                ("claude", Exclusion::OtherFamily("openai.chat"))
            ]
        );
        let unnamed = Request {
            model: Some("gpt-5"),
            home: None,
            ..request
        };
        let nobody = Err(NoRoute::NobodySpeaks("openai.chat"));
        assert_eq!(table.plan(&unnamed), nobody);
    }

    #[test]
    fn what_came_in_by_host_goes_there_unless_an_alias_or_a_policy_says_otherwise() {
        let table = Table::new(
            vec![
                upstream("anthropic", Family::Anthropic, false),
                upstream("azure", Family::Openai, false),
                upstream("openai", Family::Openai, true),
            ],
            [
                alias("fast", &[("openai", "gpt")]),
                alias("slow", &[("azure", "gpt")]),
            ],
            vec![(Family::Openai, "openai".into())],
        );
        let ask = |model, (by, own_host), written| {
            let request = Request {
                dialect: Dialect::OpenaiChat,
                family: Family::Openai,
                model: Some(model),
                home: Some(Home {
                    upstream: by,
                    own_host,
                    model: Some(written),
                }),
            };
            table.plan(&request).map(|plan| {
                let first = plan.first();
                let model = first.model.as_deref().map(str::to_owned);
                (first.upstream.name.to_string(), model, first.dialled)
            })
        };
        let app = |model, by| ask(model, by, model);
        let to = |upstream: &str, model: Option<&str>, dialled| {
            Ok((upstream.to_owned(), model.map(str::to_owned), dialled))
        };
        let azure = ("azure", true);
        assert_eq!(app("gpt-5", azure), to("azure", None, true));
        assert_eq!(app("gpt-5", ("azure", false)), to("azure", None, false));
        assert_eq!(app("fast", azure), to("openai", Some("gpt"), false));
        // The app's prefix is the host's own affair; a policy's is an upstream.
        assert_eq!(app("openai/x", azure), to("azure", None, true));
        assert_eq!(ask("openai/x", azure, "m"), to("openai", Some("x"), false));
        assert_eq!(ask("azure/x", azure, "m"), to("azure", Some("x"), true));
        // An app's key for one host is never sent to another.
        let no_key = NoRoute::Excluded("azure".into(), Exclusion::NoKey);
        assert_eq!(app("slow", ("openai", true)), Err(no_key));
        // A dialect that the host's upstream does not speak is for the host to answer.
        assert_eq!(
            app("gpt-5", ("anthropic", true)),
            to("anthropic", None, true)
        );
        assert_eq!(app("gpt-5", ("gone", true)), Err(NoRoute::Unclaimed));
    }
}
