//! Targets of one generation: the state of each, and how a plan and a policy see it.

use std::{sync::Arc, time::Duration};

use dialect::hash;
use http::HeaderName;
use policy::{Call, Candidate};
use route::{
    Admits, AliasId, AliasRow, Endpoints, Family, ModelFacts, NoRoute, Standing, TargetId,
};

use super::{
    generation::{Generation, now},
    translation,
};
use crate::{
    config::{self, Config, OwnFact, OwnFacts},
    cost::Prices,
    state::targets::{AliasState, Place, Targets},
};

/// The header by which a caller shortens an exchange's time: `30s`, `500ms`, or plain seconds.
pub(super) const TIMEOUT: HeaderName = HeaderName::from_static("x-outrigger-timeout");

/// The state of a table's targets and aliases, by their numbers.
pub struct Places {
    places: Vec<Arc<Place>>,
    aliases: Vec<(Arc<AliasState>, Vec<Arc<Place>>)>,
    /// The terms of what policies send elsewhere, and no alias names.
    unnamed: (config::Alias, Arc<AliasState>),
}

impl Places {
    /// Looks up what is known of a table's targets.
    pub fn of(config: &Config, table: &route::Table, targets: &Targets) -> Self {
        let place = |row: &route::TargetRow| {
            let (upstream, model) = (&*row.target.upstream, &*row.target.model);
            let keys = config
                .upstreams
                .get(upstream)
                .map(|found| keys(found, model, targets));
            Arc::new(Place {
                target: targets.target(&row.target.to_string()),
                keys: keys.unwrap_or_default(),
            })
        };
        let places: Vec<_> = table.targets().iter().map(place).collect();
        let alias = |row: &AliasRow| {
            let terms = config.models.get(&*row.name)?;
            let of = row
                .targets
                .iter()
                .filter_map(|of| places.get(of.target.index()));
            Some((targets.alias(&row.name, terms), of.cloned().collect()))
        };
        let aliases = table.aliases().iter().filter_map(alias).collect();
        let terms = config::Alias::of(Vec::new());
        let unnamed = targets.alias("", &terms);
        Self {
            places,
            aliases,
            unnamed: (terms, unnamed),
        }
    }

    /// The terms of what no alias names.
    pub(super) fn unnamed(&self) -> (&config::Alias, &Arc<AliasState>, &[Arc<Place>]) {
        (&self.unnamed.0, &self.unnamed.1, &[])
    }

    /// The state of a target.
    pub(super) fn place(&self, target: TargetId) -> Option<&Arc<Place>> {
        self.places.get(target.index())
    }

    /// The state of an alias, and of its targets.
    pub(super) fn alias(&self, alias: AliasId) -> Option<(&Arc<AliasState>, &[Arc<Place>])> {
        let (state, places) = self.aliases.get(alias.index())?;
        Some((state, places))
    }

    /// Iterates over all targets that an alias names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Place>> {
        self.places.iter()
    }

    /// Iterates over the aliases.
    pub fn aliases(&self) -> impl Iterator<Item = (&Arc<AliasState>, &[Arc<Place>])> {
        let aliases = self.aliases.iter();
        aliases.map(|(state, places)| (state, &**places))
    }
}

/// The keys of an upstream, with this model; one that stands for callers' own where it has none.
fn keys(
    upstream: &config::Upstream,
    model: &str,
    targets: &Targets,
) -> Vec<crate::state::targets::KeyPlace> {
    let place = |secret: Option<&str>, account: &str| {
        targets.key(&upstream.name, secret, account, Some(model))
    };
    if upstream.keys.is_empty() {
        return vec![place(None, &upstream.account)];
    }
    let keys = upstream.keys.iter();
    keys.map(|key| place(Some(key.secret.reveal()), &key.account))
        .collect()
}

/// The state of a target that no alias names, for one exchange: nothing is learnt of it.
pub(super) fn unlisted(generation: &Generation, upstream: &str, model: &str) -> Arc<Place> {
    let apart = Targets::default();
    let found = generation.config.upstreams.get(upstream);
    Arc::new(Place {
        target: apart.target(&[upstream, "/", model].concat()),
        keys: found
            .map(|found| keys(found, model, &apart))
            .unwrap_or_default(),
    })
}

/// A call, as far as its plan needs it.
pub(super) struct Properties<'c>(pub(super) &'c Call, pub(super) &'c Config);

impl route::Properties for Properties<'_> {
    fn input_tokens(&self) -> u64 {
        self.0.body.input_tokens()
    }

    fn surely_fits(&self, tokens: u64) -> bool {
        self.0.body.surely_fits(tokens)
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.0.body.max_output_tokens()
    }

    fn needs(&self, of: route::Needs) -> route::Needs {
        self.0.body.needs(of)
    }

    fn untranslatable(&self, to: &route::Translation<'_>) -> Option<Arc<str>> {
        let Self(call, config) = self;
        match config.upstreams.get(&*to.upstream.name) {
            Some(upstream) => {
                translation::obstacle(call, upstream, config, (to.wire, to.model, to.facts))
            }
            None => Some("its upstream is not configured".into()),
        }
    }

    fn reasons(&self) -> bool {
        self.0.body.effort() != dialect::request::Effort::None
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.0.tag(name)
    }

    fn conversation(&self) -> Option<u64> {
        self.0.body.opening()
    }

    fn caller(&self) -> Option<u64> {
        let name = self.0.caller()?;
        Some(hash::of(name.as_bytes()))
    }

    fn random(&self) -> u64 {
        hash::of(self.0.id.as_bytes())
    }
}

/// The state of targets, as it is for one call.
pub(super) struct View<'g> {
    pub(super) generation: &'g Generation,
    pub(super) call: &'g Call,
    pub(super) now: std::time::Instant,
}

impl route::View for View<'_> {
    fn standing(&self, target: TargetId) -> Standing {
        match self.generation.places.place(target) {
            Some(place) => standing(place, guess_tokens(self.call), self.now),
            None => Standing::IDLE,
        }
    }

    fn cost(&self, target: TargetId) -> Option<u64> {
        let row = self.generation.table.target(target)?;
        self.cost_of_unlisted(&row.target)
    }

    fn cost_of_unlisted(&self, target: &route::Target) -> Option<u64> {
        let expected = self
            .generation
            .expected(self.call, &target.upstream, &target.model);
        let (estimate, price) = expected;
        price.map(|price| price.cost(&estimate.usage()).0)
    }
}

fn standing(place: &Place, tokens: u64, now: std::time::Instant) -> Standing {
    let target = &place.target;
    Standing {
        admits: place.admits(now, tokens),
        state: place.state_beside_limits(now),
        in_flight: target.in_flight(),
        first_content: target.latency(|latency| latency.first_content(now)),
    }
}

/// A call's tokens, as far as its size tells: four bytes are a token.
pub(super) fn guess_tokens(call: &Call) -> u64 {
    call.body.size() as u64 / 4
}

/// The candidates for a call, as policies see them: the targets that can take it, in the order in
/// which they would be tried, then those that are open or limited now. None of a call that names no
/// alias.
pub(super) fn candidates(generation: &Generation, call: &Call) -> Vec<Candidate> {
    let model = call.body.model();
    if model
        .and_then(|model| generation.table.alias(model))
        .is_none()
    {
        return Vec::new();
    }
    let view = View {
        generation,
        call,
        now: crate::state::targets::now(),
    };
    let now = now();
    let rows = rows(generation, call).into_iter();
    rows.filter_map(|row| candidate(&view, row, now)).collect()
}

/// The targets of those candidates, in their order.
fn rows<'g>(generation: &'g Generation, call: &Call) -> Vec<&'g route::TargetRow> {
    let table = &generation.table;
    match generation.plan_without_policies(call) {
        Ok(plan) => {
            let can = plan.candidates().map(|candidate| candidate.id);
            let left = plan.excluded().iter();
            let passing = left.filter(|left| left.reason.passes()).map(|left| left.id);
            let rows = can.chain(passing).flatten();
            rows.filter_map(|id| table.target(id)).collect()
        }
        Err(NoRoute::NoneLeft(none)) => {
            let left = none.excluded.iter();
            let passing = left.filter(|(_, reason)| reason.passes());
            passing
                .filter_map(|(name, _)| table.target_named(name))
                .collect()
        }
        Err(_) => Vec::new(),
    }
}

/// One of them; `now` is in seconds after 1970.
fn candidate(view: &View<'_>, row: &route::TargetRow, now: u64) -> Option<Candidate> {
    let generation = view.generation;
    let place = generation.places.place(row.id)?;
    let (upstream, model) = (&*row.target.upstream, &*row.target.model);
    let found = generation.config.upstreams.get(upstream)?;
    let standing = standing(place, guess_tokens(view.call), view.now);
    let (requests_left, tokens_left) = place.room(view.now);
    let end = match standing.admits {
        Admits::No { until } => until,
        Admits::Yes | Admits::Probe => None,
    };
    let cost = route::View::cost(view, row.id);
    let abilities = |has| {
        let facts = &row.facts;
        let all = [
            ("tools", facts.tools),
            ("images", facts.images),
            ("audio", facts.audio),
            ("files", facts.files),
        ];
        let some = all.into_iter().filter(|(_, fact)| *fact == Some(has));
        some.map(|(name, _)| name.to_owned()).collect()
    };
    Some(Candidate {
        name: row.target.to_string(),
        upstream: upstream.to_owned(),
        model: model.to_owned(),
        region: found.region.as_deref().map(str::to_owned),
        dialect: family_name(found.family).to_owned(),
        price: price(&generation.prices, upstream, model, now),
        cost_microusd: cost.map(|nanos| nanos.div_ceil(1000)),
        window: row.facts.window,
        output: row.facts.output,
        takes: abilities(true),
        lacks: abilities(false),
        first_token_ms: standing.first_content.map(millis),
        in_flight: standing.in_flight,
        breaker: standing.state.name().to_owned(),
        retry_after_ms: end.map(|end| millis(end.saturating_duration_since(view.now))),
        requests_left,
        tokens_left,
    })
}

/// The name of a family in configuration; none of the embedded model, which speaks all.
const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Openai => "openai",
        Family::Anthropic => "anthropic",
        Family::Gemini => "gemini",
        Family::Every => "",
    }
}

fn price(prices: &Prices, upstream: &str, model: &str, now: u64) -> Option<policy::CandidatePrice> {
    let price = prices.price(upstream, model, now)?;
    Some(policy::CandidatePrice {
        input_microusd: price.base.input.into(),
        output_microusd: price.base.output.into(),
    })
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// The time that a call's exchange has, as it stands: the alias's, or what the caller or a policy
/// set, where that is less.
pub(super) fn time_left(generation: &Generation, call: &Call) -> Option<Duration> {
    let alias = call
        .body
        .model()
        .and_then(|model| generation.config.models.get(model));
    let alias = alias.map(|alias| alias.deadline);
    [
        alias,
        callers_deadline(call.headers()),
        call.claims.deadline,
    ]
    .into_iter()
    .flatten()
    .min()
}

/// The time that a caller gives its exchange.
pub(super) fn callers_deadline(headers: &http::HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?.trim();
    let (number, unit) = match text {
        text if text.ends_with("ms") => (text.trim_end_matches("ms"), 0.001),
        text if text.ends_with('s') => (text.trim_end_matches('s'), 1.0),
        text if text.ends_with('m') => (text.trim_end_matches('m'), 60.0),
        text => (text, 1.0),
    };
    let seconds = number.trim().parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
}

/// Everything that routing knows of a configuration.
pub fn routing_table(config: &Config, prices: &Arc<Prices>) -> route::Table {
    let upstreams = config.upstreams.values().map(|upstream| route::Upstream {
        name: upstream.name.as_str().into(),
        family: upstream.family,
        offers: upstream.offers(),
        converse: upstream.serves_converse(),
        translates: upstream.translate,
        has_credentials: upstream.has_credentials(),
    });
    let target = |target: &config::Target| route::Target {
        upstream: target.upstream.as_str().into(),
        model: target.model.as_str().into(),
    };
    let aliases = config.models.iter().map(|(name, alias)| {
        let targets = alias.targets.iter().map(|of| route::AliasTarget {
            target: target(&of.target),
            weight: of.weight,
            conditions: of.conditions.clone(),
        });
        let aside = [
            (alias.canary.as_ref()).map(|canary| (&canary.target, &canary.conditions)),
            (alias.shadow.as_ref()).map(|shadow| (&shadow.target, &shadow.conditions)),
        ];
        let aside = aside.into_iter().flatten();
        let aside = aside.map(|(of, conditions)| route::AliasTarget {
            target: target(of),
            weight: 1,
            conditions: conditions.clone(),
        });
        route::Alias {
            name: name.as_str().into(),
            targets: targets.collect(),
            strategy: alias.strategy,
            sticky: alias.sticky.clone(),
            max_cost: alias.max_cost,
            aside: aside.collect(),
        }
    });
    let families = [Family::Openai, Family::Anthropic, Family::Gemini];
    let defaults = families.into_iter().filter_map(|family| {
        let upstream = config.upstream_of(family)?;
        Some((family, upstream.name.as_str().into()))
    });
    let (own, prices) = (config.model_facts.clone(), Arc::clone(prices));
    let by_model = config.upstreams.values().filter(|u| u.is_served_by_model());
    let by_model: Vec<config::Upstream> = by_model.cloned().collect();
    let facts = move |upstream: &route::Upstream, model: &str| {
        let of = by_model.iter().find(|known| *known.name == *upstream.name);
        let offered = of.map(|upstream| upstream.offers_for(model));
        FactLayers::of(&prices, &own, &upstream.name, model, offered).facts()
    };
    route::Table::new(
        upstreams.collect(),
        aliases,
        defaults.collect(),
        Arc::new(facts),
    )
}

/// Facts of a model, by who says them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FactLayers<'k> {
    /// The tables of what models take.
    pub(crate) built_in: ModelFacts,
    /// The limits that come with prices.
    pub(crate) limits: ModelFacts,
    /// The operator.
    pub(crate) own: Option<&'k OwnFact>,
}

impl<'k> FactLayers<'k> {
    /// Looks up a model at an upstream. `offered` are the dialects in which the upstream has it,
    /// where that is not all that the upstream offers.
    pub(crate) fn of(
        prices: &Prices,
        own: &'k OwnFacts,
        upstream: &str,
        model: &str,
        offered: Option<Endpoints>,
    ) -> Self {
        let own = own.find(upstream, model);
        let name = own.and_then(|own| own.like.as_deref()).unwrap_or(model);
        let listed = (prices.find(upstream, name, now())).map(|priced| priced.limits);
        let mut built_in = ModelFacts::of(name);
        if let Some(offered) = offered {
            let endpoints = built_in.endpoints;
            built_in.endpoints = Some(endpoints.map_or(offered, |some| some.and(offered)));
        }
        Self {
            built_in,
            limits: ModelFacts {
                window: listed.and_then(|limits| limits.context).map(u64::from),
                output: listed.and_then(|limits| limits.output).map(u64::from),
                ..ModelFacts::UNKNOWN
            },
            own,
        }
    }

    /// The facts that count: the operator's word, then the tables'.
    pub(crate) fn facts(&self) -> ModelFacts {
        let known = self.built_in.overridden_by(self.limits);
        self.own.map_or(known, |own| known.overridden_by(own.facts))
    }
}
