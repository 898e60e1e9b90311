//! `outrigger check --explain MODEL`: the targets of an alias in the order in which they would be
//! tried, and the reasons.
//!
//! The decision is the one that serves, made for a plain request while nothing is known of any
//! target: policies, tags, conversations and failures may all make another one.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use dialect::{Dialect, request::Needs};
use route::{
    AliasRow, Family, NoRoute, Plan, Properties, Request, Standing, Strategy, Table, Target,
    TargetId, View,
};

use self::terms::{
    after_a_failure, besides, keys, line, model_facts, name_of, number, only_where, strategy,
};
use super::Stop;
use crate::{
    config::{self, Alias, Config, Limited, Upstream},
    cost::{Estimate, Prices},
    exchange::places::routing_table,
    state::targets::now,
};

mod terms;

/// The request for which it is explained: tokens in, and out.
const SAMPLE: Estimate = Estimate {
    input: 1000,
    output: 500,
};

/// Explains a model's name.
///
/// # Errors
/// No alias has it; the sentence says where requests for it would go.
pub(super) fn explain(config: &Config, model: &str) -> Result<String, Stop> {
    let prices = Arc::new(Prices::of(config));
    let table = routing_table(config, &prices);
    let known = Known {
        config,
        prices: &prices,
        table: &table,
    };
    if let (Some(terms), Some(row)) = (config.models.get(model), table.alias(model)) {
        return Ok(known.alias(terms, row));
    }
    let upstream = model.split_once('/').map(|(upstream, _)| upstream);
    match upstream.and_then(|upstream| config.upstreams.get(upstream)) {
        Some(upstream) => Ok(known.target(upstream, model)),
        None => Err(Stop::Mistake(known.nobody(model))),
    }
}

struct Known<'c> {
    config: &'c Config,
    prices: &'c Prices,
    table: &'c Table,
}

/// A plain request.
struct Plain {
    /// The alias has it translated for targets of other dialects, and nothing in it is in the way.
    translates: bool,
}

impl Properties for Plain {
    fn input_tokens(&self) -> u64 {
        SAMPLE.input
    }
    fn max_output_tokens(&self) -> Option<u64> {
        None
    }
    fn needs(&self, _: Needs) -> Needs {
        Needs::default()
    }
    fn untranslatable(&self, _: &route::Translation<'_>) -> Option<std::sync::Arc<str>> {
        (!self.translates).then(|| "`translate: off` of this alias forbids it".into())
    }
    fn tag(&self, _: &str) -> Option<&str> {
        None
    }
    fn conversation(&self) -> Option<u64> {
        None
    }
    fn caller(&self) -> Option<u64> {
        None
    }
    fn random(&self) -> u64 {
        0
    }
}

/// Nothing is known of any target, but for prices.
impl View for Known<'_> {
    fn standing(&self, _: TargetId) -> Standing {
        Standing::IDLE
    }
    fn cost(&self, target: TargetId) -> Option<u64> {
        self.cost_of_unlisted(&self.table.target(target)?.target)
    }
    fn cost_of_unlisted(&self, target: &Target) -> Option<u64> {
        let price = self.price(&target.upstream, &target.model)?;
        Some(price.cost(&SAMPLE.usage()).0)
    }
}

impl Known<'_> {
    fn plan(&self, model: &str, dialect: Dialect) -> Result<Plan<'_>, NoRoute> {
        let request = Request {
            dialect,
            family: Family::of(dialect).unwrap_or(Family::Openai),
            model: Some(model),
            home: None,
            prefer: &[],
            exclude: &[],
            tried: &[],
            properties: &Plain {
                translates: self
                    .config
                    .models
                    .get(model)
                    .is_none_or(|alias| alias.translate),
            },
        };
        self.table.plan(&request, self, now())
    }

    fn alias(&self, terms: &Alias, row: &AliasRow) -> String {
        let mut text = format!(
            "{}: an alias of {}; strategy `{}`: {}\n",
            row.name,
            super::check::count(row.targets.len(), "target", "targets"),
            row.strategy.name(),
            strategy(row.strategy, &row.sticky)
        );
        if let Some(most) = terms.max_cost {
            let most = number(most as f64 / 1e9);
            line(
                &mut text,
                &format!(
                    "max_usd: none at which the exchange would cost more than ${most}, by estimate"
                ),
            );
        }
        for dialect in self.dialects(terms) {
            let _ = write!(
                text,
                "\nA plain request by {}, of {} tokens and without tools, images or tags, while all targets are well:\n",
                dialect.name(),
                SAMPLE.input
            );
            self.order(&mut text, terms, row, dialect);
        }
        after_a_failure(&mut text, terms);
        self.when_limited(&mut text, terms);
        besides(&mut text, terms);
        let policies = self.config.policies.chain.iter();
        let policies: Vec<_> = policies.map(|one| one.name.as_str()).collect();
        if !policies.is_empty() {
            let names = policies.join(", ");
            let _ = write!(
                text,
                "\nPolicies may prefer or exclude targets, or choose another model: {names}\n"
            );
        }
        text
    }

    /// A dialect of each family that the alias's targets speak.
    fn dialects(&self, terms: &Alias) -> Vec<Dialect> {
        let upstreams = terms.targets.iter();
        let upstreams = upstreams.filter_map(|of| self.config.upstreams.get(&of.target.upstream));
        let families: Vec<Family> = upstreams.map(|upstream| upstream.family).collect();
        let own = FAMILIES
            .into_iter()
            .filter(|(family, _)| families.contains(family));
        let own: Vec<_> = own.map(|(_, dialect)| dialect).collect();
        match own.is_empty() {
            true => vec![Dialect::OpenaiChat],
            false => own,
        }
    }

    fn order(&self, text: &mut String, terms: &Alias, row: &AliasRow, dialect: Dialect) {
        let facts = |text: &mut String, name: &str| {
            if let Some(facts) = self.facts_of(terms, name, row.strategy) {
                line(text, &format!("   {facts}"));
            }
        };
        match self.plan(&row.name, dialect) {
            Ok(plan) => {
                for explained in plan.explain(now()) {
                    let place = match explained.place {
                        Some(place) => format!("{place}."),
                        None => "left out:".to_owned(),
                    };
                    line(
                        text,
                        &format!("{place} {} {}", explained.target, explained.reason),
                    );
                    let mut candidates = plan.candidates();
                    let wire = candidates.find_map(|candidate| {
                        let model = candidate.model.as_deref().unwrap_or_default();
                        let name = [&candidate.upstream.name, "/", model].concat();
                        (name == explained.target).then_some(candidate.wire)?
                    });
                    if let Some(wire) = wire {
                        line(text, &format!("   translated to {}", wire.name()));
                    }
                    facts(text, &explained.target);
                }
            }
            Err(NoRoute::NoneLeft(none)) => {
                line(text, "none can take it:");
                for (target, reason) in &none.excluded {
                    line(
                        text,
                        &format!("left out: {target} {}", reason.words(none.now)),
                    );
                    facts(text, target);
                }
            }
            Err(none) => line(text, &format!("none can take it: {none}")),
        }
    }

    fn facts_of(&self, terms: &Alias, name: &str, strategy: Strategy) -> Option<String> {
        let row = self.table.target_named(name)?;
        let upstream = self.config.upstreams.get(&*row.target.upstream)?;
        let mut targets = terms.targets.iter();
        let of = targets.find(|of| {
            *of.target.upstream == *row.target.upstream && *of.target.model == *row.target.model
        })?;
        let mut facts = model_facts(&row.facts);
        facts.push(match self.price(&row.target.upstream, &row.target.model) {
            Some(price) => {
                let usd = |rate: u32| number(f64::from(rate) / 1e6);
                let (input, output) = (usd(price.base.input), usd(price.base.output));
                format!("${input} in and ${output} out per million tokens")
            }
            None => "no price".to_owned(),
        });
        if strategy == Strategy::Weighted {
            facts.push(format!("weight {}", of.weight));
        }
        facts.extend(of.conditions.iter().map(only_where));
        facts.extend(
            upstream
                .region
                .as_ref()
                .map(|region| format!("region {region}")),
        );
        facts.push(keys(upstream));
        Some(facts.join("; "))
    }

    fn price(&self, upstream: &str, model: &str) -> Option<crate::cost::Price> {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        let now = since.map_or(0, |since| since.as_secs());
        self.prices.price(upstream, model, now)
    }

    fn when_limited(&self, text: &mut String, terms: &Alias) {
        text.push_str("\nWhen every candidate is limited by its provider:\n");
        let (mut terms, mut known) = (terms, BTreeSet::new());
        loop {
            match &terms.limited {
                Limited::Refuse => {
                    return line(
                        text,
                        "refuse: the app's 429, with the soonest end as retry-after",
                    );
                }
                Limited::Queue(queue) => {
                    let config::Queue {
                        exchanges,
                        bytes,
                        tokens,
                        wait,
                        tenant,
                        priority,
                    } = queue;
                    return line(
                        text,
                        &format!(
                            "queue: waits {wait:?} at the longest, among {exchanges} exchanges, {bytes} bytes and {tokens} estimated tokens at the most; fair by the tag `{tenant}`, high and low by `{priority}`"
                        ),
                    );
                }
                Limited::Degrade(alias) => {
                    let next = self.config.models.get(alias);
                    let Some(next) = next.filter(|_| known.insert(alias)) else {
                        return;
                    };
                    let targets = next.targets.iter();
                    let targets: Vec<_> = targets.map(|of| name_of(&of.target)).collect();
                    line(
                        text,
                        &format!("degrade: as `{alias}` says: {}", targets.join(", ")),
                    );
                    terms = next;
                }
            }
        }
    }

    /// Explains what an app writes as `upstream/model`.
    fn target(&self, upstream: &Upstream, model: &str) -> String {
        let dialect = FAMILIES
            .iter()
            .find(|(family, _)| *family == upstream.family);
        let dialect = dialect.map_or(Dialect::OpenaiChat, |(_, dialect)| *dialect);
        let mut text = format!(
            "{model}: no alias; sent once to the upstream `{}`, and its answer is the app's, whatever it is\n",
            upstream.name
        );
        match self.plan(model, dialect) {
            Ok(plan) => {
                for explained in plan.explain(now()) {
                    line(
                        &mut text,
                        &format!("1. {} {}", explained.target, explained.reason),
                    );
                }
            }
            Err(none) => line(
                &mut text,
                &format!("it can't take a request by {}: {none}", dialect.name()),
            ),
        }
        line(&mut text, &format!("   {}", keys(upstream)));
        text
    }

    /// The sentence about a name that nothing has.
    fn nobody(&self, model: &str) -> String {
        let routes = FAMILIES.iter().filter_map(|(_, dialect)| {
            let plan = self.plan(model, *dialect).ok()?;
            let upstream = &plan.first().upstream.name;
            Some(format!(
                "by {} to the upstream `{upstream}`",
                dialect.name()
            ))
        });
        let routes: Vec<_> = routes.collect();
        let aliases: Vec<_> = self.config.models.keys().map(String::as_str).collect();
        let aliases = match aliases.is_empty() {
            true => "there are none".to_owned(),
            false => format!("there are {}", aliases.join(", ")),
        };
        format!(
            "no alias is named `{model}` ({aliases}); requests for it pass as they are, once each: {}",
            routes.join(", ")
        )
    }
}

/// Families, and the dialect of a plain request of each.
const FAMILIES: [(Family, Dialect); 3] = [
    (Family::Openai, Dialect::OpenaiChat),
    (Family::Anthropic, Dialect::AnthropicMessages),
    (Family::Gemini, Dialect::GeminiGenerate),
];

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
