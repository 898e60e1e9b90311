//! Estimates learned from past exchanges: how far the estimate of a prompt is off for this
//! model, and how long its replies get.
//!
//! A route is a dialect and a model. It has a factor for each kind of content: vocabularies differ
//! most in what they make of other scripts, and a model that is used in two of them would have a
//! wrong one for both. The report of an exchange is one number, so each factor is corrected by its
//! share of the estimate and by how little is known of it, as a Kalman filter with a diagonal
//! covariance does. Its output length is a histogram whose buckets are an eighth of an octave wide and which
//! is halved when it is full: older replies count less. Both are shared by all workers behind small
//! locks; a route takes 450 bytes.

use std::hash::{BuildHasher, RandomState};

use dialect::{
    Dialect, Usage,
    describe::Provider,
    tokens::{Counts, KINDS, Kind},
};
use parking_lot::Mutex;

use super::Estimate;

/// Routes that are remembered; beyond it the least recently used one is forgotten.
pub const ROUTES: usize = 1024;
const SHARDS: usize = 16;
/// The variance of what a provider reports for each token estimated, between exchanges of one kind.
const NOISE: f64 = 0.01;
/// The variance of a factor that nothing is known of, and of that of what is counted by rule.
const UNKNOWN: f64 = 0.1;
const UNKNOWN_RULE: f64 = 0.01;
/// The variance that an exchange adds: a factor is averaged over 64 exchanges.
const DRIFT: f64 = NOISE / 4096.0;
const FACTOR: std::ops::RangeInclusive<f64> = 0.5..=3.0;
/// Reported tokens for each estimated one that are believed: a giant of strange text does not set
/// a factor.
const RATIO: std::ops::RangeInclusive<f64> = 0.25..=6.0;
/// Replies from which on a histogram is used alone.
const ENOUGH: u32 = 16;
/// Least tokens reserved for the output of a route with fewer than 16 exchanges: more than
/// 97 of 100 replies took in Azure's conversation trace of 2023
/// (<https://github.com/Azure/AzurePublicDataset>).
pub const UNKNOWN_OUTPUT: u64 = 512;

/// The estimates of every route. Cheap to read and to update from any thread.
#[derive(Debug)]
pub struct Routes {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

/// The estimates of one route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Reported tokens of a prompt for each that the estimator counts, 0.5 to 3, by kind of content.
    pub factors: [f64; KINDS],
    /// Tokens that nine of ten replies do not exceed.
    pub output: u64,
    /// Exchanges that it was learned from.
    pub exchanges: u32,
}

impl Learned {
    /// Tokens that an exchange will take. `counts` are the estimator's of the prompt, `most` what the
    /// caller allows the reply to take, `limit` what the model can give.
    pub fn estimate(&self, counts: &Counts, most: Option<u64>, limit: Option<u32>) -> Estimate {
        Estimate {
            input: self.tokens(counts),
            output: most
                .unwrap_or(self.output)
                .min(limit.map_or(u64::MAX, u64::from)),
        }
    }

    /// The estimator's count, corrected.
    pub fn tokens(&self, counts: &Counts) -> u64 {
        let each = counts.each().iter().zip(self.factors);
        let sum: f64 = each.map(|(tokens, factor)| *tokens as f64 * factor).sum();
        sum.round() as u64
    }
}

#[derive(Debug, Default)]
struct Shard {
    /// The routes' hashes, in their order: most look-ups read nothing else.
    hashes: Vec<u64>,
    routes: Vec<Route>,
    /// Counts uses: the age of a route is how many others have been used since.
    clock: u64,
}

#[derive(Debug)]
struct Route {
    dialect: Dialect,
    model: Box<str>,
    used: u64,
    exchanges: u32,
    factors: [f64; KINDS],
    /// The variance of each.
    variances: [f64; KINDS],
    outputs: Histogram,
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

impl Routes {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: Default::default(),
        }
    }

    /// Returns the estimates of a route; those of a route without exchanges are defaults.
    pub fn learned(&self, dialect: Dialect, model: &str) -> Learned {
        self.with(dialect, model, |shard, hash| {
            let route = shard.find(hash, dialect, model)?;
            Some(route.learned())
        })
        .unwrap_or(Learned {
            factors: prior(dialect),
            output: UNKNOWN_OUTPUT,
            exchanges: 0,
        })
    }

    /// Learns from a provider's report; `counts` are the estimator's of the same prompt, none where
    /// nobody counted. An estimated usage is ignored.
    pub fn observe(&self, dialect: Dialect, model: &str, counts: &Counts, usage: &Usage) {
        if usage.estimated {
            return;
        }
        self.with(dialect, model, |shard, hash| {
            if let Some(route) = shard.find_or_make(hash, dialect, model) {
                route.observe(counts, usage);
            }
        });
    }

    fn with<T: Default>(
        &self,
        dialect: Dialect,
        model: &str,
        work: impl FnOnce(&mut Shard, u64) -> T,
    ) -> T {
        let hash = self.hasher.hash_one((dialect, model));
        // the top bits: a shard's own search compares all of them
        let Some(shard) = self.shards.get((hash >> 60) as usize) else {
            return T::default();
        };
        work(&mut shard.lock(), hash)
    }
}

impl Shard {
    fn find(&mut self, hash: u64, dialect: Dialect, model: &str) -> Option<&mut Route> {
        let at = self.hashes.iter().position(|known| *known == hash)?;
        self.clock += 1;
        let route = self.routes.get_mut(at)?;
        route.used = self.clock;
        (route.dialect == dialect && *route.model == *model).then_some(route)
    }

    fn find_or_make(&mut self, hash: u64, dialect: Dialect, model: &str) -> Option<&mut Route> {
        self.clock += 1;
        let known = self.hashes.iter().position(|known| *known == hash);
        let at = known.unwrap_or_else(|| {
            if self.routes.len() == ROUTES / SHARDS {
                let ages = self.routes.iter().enumerate();
                let oldest = ages
                    .min_by_key(|(_, route)| route.used)
                    .map_or(0, |(at, _)| at);
                self.routes.swap_remove(oldest);
                self.hashes.swap_remove(oldest);
            }
            self.hashes.push(hash);
            self.routes.push(Route::new(dialect, model));
            self.routes.len() - 1
        });
        let route = self.routes.get_mut(at)?;
        if route.dialect != dialect || *route.model != *model {
            *route = Route::new(dialect, model); // two routes with one hash: the later has it
        }
        route.used = self.clock;
        Some(route)
    }
}

impl Route {
    fn new(dialect: Dialect, model: &str) -> Self {
        Self {
            dialect,
            model: model.into(),
            used: 0,
            exchanges: 0,
            factors: prior(dialect),
            variances: UNKNOWNS,
            outputs: Histogram::default(),
        }
    }

    fn observe(&mut self, counts: &Counts, usage: &Usage) {
        self.exchanges = self.exchanges.saturating_add(1);
        self.outputs.add(usage.output);
        let estimated = counts.total();
        if estimated == 0 || usage.input == 0 {
            return;
        }
        let shares = counts.each().map(|tokens| tokens as f64 / estimated as f64);
        let ratio = usage.input as f64 / estimated as f64;
        let ratio = ratio.clamp(*RATIO.start(), *RATIO.end());
        let (mut expected, mut variance) = (0.0, NOISE);
        for ((share, factor), own) in shares.iter().zip(self.factors).zip(&mut self.variances) {
            expected += share * factor;
            if *share > 0.0 {
                *own += DRIFT;
                variance += share * share * *own;
            }
        }
        let error = ratio - expected;
        let each = self.factors.iter_mut().zip(&mut self.variances);
        for ((factor, own), share) in each.zip(shares) {
            let gain = *own * share / variance;
            *factor = (*factor + gain * error).clamp(*FACTOR.start(), *FACTOR.end());
            *own -= gain * share * *own;
        }
    }

    fn learned(&mut self) -> Learned {
        let output = self.outputs.ninth_tenth();
        Learned {
            factors: self.factors,
            output: if self.exchanges < ENOUGH {
                output.max(UNKNOWN_OUTPUT)
            } else {
                output
            },
            exchanges: self.exchanges,
        }
    }
}

const UNKNOWNS: [f64; KINDS] = {
    let mut variances = [UNKNOWN; KINDS];
    variances[Kind::Rule as usize] = UNKNOWN_RULE;
    variances
};

/// The estimator is fitted to o200k, which undercounts Claude by 15 to 20 %.
const fn prior(dialect: Dialect) -> [f64; KINDS] {
    let words = match dialect.provider() {
        Some(Provider::Anthropic) => 1.17,
        Some(Provider::Openai | Provider::Google) | None => 1.0,
    };
    let mut factors = [words; KINDS];
    factors[Kind::Rule as usize] = 1.0;
    factors
}

fn scaled(tokens: u64, factor: f64) -> u64 {
    (tokens as f64 * factor).round() as u64
}

/// Exact below 16, then eight buckets for each doubling, up to 2 million.
const BUCKETS: usize = 16 + 17 * 8;
/// Replies that fill a histogram; then every bucket is halved.
const FULL: u32 = 512;

#[derive(Debug)]
struct Histogram {
    counts: [u16; BUCKETS],
    total: u32,
    /// Tokens that nine of ten replies do not exceed, as they were found last. Only exchanges that
    /// reserve something read them, so they are not looked for with each reply.
    ninth_tenth: Option<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
            ninth_tenth: None,
        }
    }
}

impl Histogram {
    fn add(&mut self, tokens: u64) {
        if self.total >= FULL {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().map(|count| u32::from(*count)).sum();
        }
        if let Some(count) = self.counts.get_mut(bucket(tokens)) {
            *count += 1;
            self.total += 1;
            self.ninth_tenth = None;
        }
    }

    /// Tokens that nine of ten replies do not exceed.
    fn ninth_tenth(&mut self) -> u64 {
        if let Some(known) = self.ninth_tenth {
            return known;
        }
        *self.ninth_tenth.insert(self.find())
    }

    /// Linear within its bucket.
    fn find(&self) -> u64 {
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate().rev() {
            let here = u32::from(*count);
            if (seen + here) * 10 > self.total {
                let (low, width) = edges(at);
                let longer = f64::from(self.total) / 10.0 - f64::from(seen);
                return low + scaled(width - 1, 1.0 - longer / f64::from(here));
            }
            seen += here;
        }
        0
    }
}

fn bucket(tokens: u64) -> usize {
    if tokens < 16 {
        return usize::try_from(tokens).unwrap_or(0);
    }
    let doublings = tokens.ilog2() as usize;
    let eighth = (tokens >> (doublings - 3)) as usize & 7;
    (16 + (doublings - 4) * 8 + eighth).min(BUCKETS - 1)
}

/// The least value of a bucket, and how many values it has.
const fn edges(bucket: usize) -> (u64, u64) {
    if bucket < 16 {
        return (bucket as u64, 1);
    }
    let (doublings, eighth) = ((bucket - 16) / 8 + 4, (bucket - 16) % 8);
    ((8 + eighth as u64) << (doublings - 3), 1 << (doublings - 3))
}

#[cfg(test)]
#[path = "learn_tests.rs"]
mod tests;
