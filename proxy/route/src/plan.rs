//! The plan of an exchange: from the model that the app named to the targets that can serve it.

use std::{collections::HashMap, fmt, sync::Arc};

use dialect::Dialect;

use crate::Family;

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
    /// The family of its dialect, or of whoever sent what no dialect reads.
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

/// The targets that can serve one request, best first, and those that can't. There is one candidate
/// at the least; a single one costs no allocation.
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
    /// The app's credentials are for the host that it dialled, and this upstream has none of its
    /// own.
    NoKey,
    /// The upstream is of another family than the request, which is written in this dialect.
    OtherFamily(&'static str),
}

/// The reason why nothing can serve a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No upstream speaks the dialect.
    #[error("no upstream speaks {0}; add one under `upstreams:`")]
    NobodySpeaks(&'static str),
    /// The app dialled a host, and the upstream that claimed it is gone.
    #[error("no upstream claims this host any more")]
    Unclaimed,
    /// The alias or prefix names this upstream, and no other one; it is left out.
    #[error(fmt = excluded)]
    Excluded(Arc<str>, Exclusion),
}

fn excluded(upstream: &str, reason: &Exclusion, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Exclusion::NoKey => write!(
            f,
            "this model is served by the upstream `{upstream}`, which has no key of its own, and the app's is for the host that it dialled; give the upstream a `key`"
        ),
        Exclusion::OtherFamily(dialect) => write!(
            f,
            "the upstream `{upstream}` does not speak {dialect}, and this version does not translate"
        ),
    }
}

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
    /// A table of these upstreams. `aliases` are names that apps use for targets, best first;
    /// `defaults` tell where a family's requests go that name none. A target or default whose
    /// upstream is not among `upstreams` is none.
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

    /// Decides for a request whose body names a model: an alias, `upstream/model`, or else where it
    /// was going: the upstream whose host the app dialled, whatever it speaks there, or, at the
    /// base URL, the upstream of its family.
    ///
    /// A name that an app writes to the host that it dialled is that host's own: `openai/gpt-5` is
    /// a model of OpenRouter's, and no prefix there. A policy's `upstream/model` is one everywhere.
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

/// The reason for which a target is no candidate, where it is none.
fn exclusion(upstream: &Upstream, request: &Request<'_>) -> Option<Exclusion> {
    if !upstream.family.speaks(request.family) {
        return Some(Exclusion::OtherFamily(request.dialect.name()));
    }
    let elsewhere = (request.home).is_some_and(|home| *home.upstream != *upstream.name);
    (elsewhere && !upstream.has_credentials).then_some(Exclusion::NoKey)
}
