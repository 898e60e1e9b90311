//! Strategies: the order in which an alias's candidates are tried.

use std::{cmp::Ordering, sync::Arc};

use dialect::hash;

use crate::{
    Admits, AliasRow, Candidate, Properties, Rank, Standing,
    affinity::{self, Costly},
};

/// The order in which an alias's targets are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// As they stand.
    #[default]
    Fallback,
    /// By weight, the same for as long as the key is.
    Weighted,
    /// By the estimated cost of the exchange.
    Cheapest,
    /// By the time to the first content.
    Fastest,
    /// By what is in flight.
    LeastBusy,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Fallback,
        Self::Weighted,
        Self::Cheapest,
        Self::Fastest,
        Self::LeastBusy,
    ];

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fallback => "fallback",
            Self::Weighted => "weighted",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::LeastBusy => "least_busy",
        }
    }
}

/// The key of an exchange that keeps it at one target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Sticky {
    /// The beginning of its conversation.
    #[default]
    Conversation,
    /// Its caller.
    Caller,
    /// The value of this tag.
    Tag(Arc<str>),
}

impl Sticky {
    /// The key that this is for an exchange; none where the exchange has nothing of the kind.
    pub fn key(&self, properties: &dyn Properties) -> Option<u64> {
        match self {
            Self::Conversation => properties.conversation(),
            Self::Caller => properties.caller(),
            Self::Tag(name) => properties.tag(name).map(|value| hash::of(value.as_bytes())),
        }
    }
}

/// One call in this many, of those that no conversation keeps anywhere, explores a target whose
/// latency is unknown.
const EXPLORING: u64 = 8;
/// Scores within this factor of the best are as good.
const AS_GOOD: f64 = 1.1;

/// A candidate, and what strategies look at.
pub(crate) struct Entry<'t> {
    pub(crate) candidate: Candidate<'t>,
    pub(crate) standing: Standing,
    pub(crate) cost: Option<u64>,
    pub(crate) weight: u32,
    pub(crate) seed: u64,
}

impl Entry<'_> {
    /// A number of its own for this exchange, by which equals are told apart.
    fn lot(&self, random: u64) -> u64 {
        hash::join(random, self.seed)
    }

    /// The time that a call would take to its first content, were those in flight before it.
    fn score(&self) -> Option<f64> {
        let latency = self.standing.first_content?;
        Some(latency.as_secs_f64() * (f64::from(self.standing.in_flight) + 1.0))
    }
}

/// Puts the entries, which stand as the alias has them, in the order in which they are tried.
pub(crate) fn arrange(entries: &mut [Entry<'_>], alias: &AliasRow, properties: &dyn Properties) {
    if entries.len() < 2 {
        return;
    }
    match alias.strategy {
        Strategy::Fallback => {}
        Strategy::Weighted => by_weight(entries, &alias.sticky, properties),
        Strategy::Cheapest => by_cost(entries, properties),
        Strategy::Fastest => by_latency(entries, properties),
        Strategy::LeastBusy => by_load(entries, properties),
    }
}

/// Sorts entries. Compiled once for all strategies, as each sort is ten kilobytes of code.
fn sort(entries: &mut [Entry<'_>], compare: &dyn Fn(&Entry<'_>, &Entry<'_>) -> Ordering) {
    entries.sort_by(compare);
}

fn by_weight(entries: &mut [Entry<'_>], sticky: &Sticky, properties: &dyn Properties) {
    let key = sticky.key(properties);
    let key = key.unwrap_or_else(|| properties.random());
    for entry in &mut *entries {
        entry.candidate.rank = Rank::Weight(entry.weight);
    }
    let distance = |entry: &Entry<'_>| affinity::distance(key, entry.seed, entry.weight);
    sort(entries, &|one, other| {
        distance(one).total_cmp(&distance(other))
    });
}

fn by_cost(entries: &mut [Entry<'_>], properties: &dyn Properties) {
    for entry in &mut *entries {
        entry.candidate.rank = Rank::Cost(entry.cost);
    }
    let price = |entry: &Entry<'_>| (entry.cost.is_none(), entry.cost);
    sort(entries, &|one, other| price(one).cmp(&price(other)));
    let least = entries.first().and_then(|entry| entry.cost);
    let ties = entries
        .iter()
        .take_while(|entry| entry.cost == least)
        .count();
    if let Some(ties) = entries.get_mut(..ties).filter(|ties| ties.len() > 1) {
        put_home_first(ties, Costly::Load, properties);
    }
}

fn by_load(entries: &mut [Entry<'_>], properties: &dyn Properties) {
    let random = properties.random();
    for entry in &mut *entries {
        entry.candidate.rank = Rank::Load(entry.standing.in_flight);
    }
    let load = |entry: &Entry<'_>| (entry.standing.in_flight, entry.lot(random));
    sort(entries, &|one, other| load(one).cmp(&load(other)));
    put_home_first(entries, Costly::Load, properties);
}

/// By latency and load: the whole list is looked at, since all that is known is this process's own,
/// and those as good as the best take turns, so that replicas that know the same do not all go to
/// one. What is unknown follows what is known, and is explored by a bounded share: no sample is not
/// the best sample.
fn by_latency(entries: &mut [Entry<'_>], properties: &dyn Properties) {
    let random = properties.random();
    for entry in &mut *entries {
        let Standing {
            first_content,
            in_flight,
            ..
        } = entry.standing;
        entry.candidate.rank = Rank::Latency(first_content, in_flight);
    }
    let scores = entries.iter().filter_map(Entry::score);
    let best = scores.min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    sort(entries, &|one, other| {
        let place = |entry: &Entry<'_>| match entry.score() {
            Some(score) if score <= best * AS_GOOD => (0, 0.0),
            Some(score) => (1, score),
            None => (2, f64::from(entry.standing.in_flight)),
        };
        let ((one_group, one_score), (other_group, other_score)) = (place(one), place(other));
        (one_group.cmp(&other_group))
            .then(one_score.total_cmp(&other_score))
            .then_with(|| one.lot(random).cmp(&other.lot(random)))
    });
    if put_home_first(entries, Costly::LoadAndLatency, properties) {
        return;
    }
    let is_probe = |entry: &Entry<'_>| entry.standing.admits == Admits::Probe;
    if let Some(at) = entries.iter().position(is_probe) {
        put_first(entries, at, Rank::Probe);
    } else if best.is_finite() && hash::join(random, 0).is_multiple_of(EXPLORING) {
        let is_cold = |entry: &Entry<'_>| {
            entry.standing.first_content.is_none() && entry.standing.in_flight == 0
        };
        if let Some(at) = entries.iter().position(is_cold) {
            put_first(entries, at, Rank::Explored);
        }
    }
}

/// Puts the home of the call's conversation first; returns false where it has none.
fn put_home_first(entries: &mut [Entry<'_>], costly: Costly, properties: &dyn Properties) -> bool {
    let Some(key) = properties.conversation() else {
        return false;
    };
    match affinity::home(entries, key, costly) {
        Some(at) => put_first(entries, at, Rank::Affinity),
        None => return false,
    }
    true
}

fn put_first(entries: &mut [Entry<'_>], at: usize, rank: Rank) {
    if let Some(before) = entries.get_mut(..=at) {
        before.rotate_right(1);
    }
    if let Some(first) = entries.first_mut() {
        first.candidate.rank = rank;
    }
}
