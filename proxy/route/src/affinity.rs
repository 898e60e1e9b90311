//! Affinity: keys that keep a conversation at one target, by rendezvous hashing.
//!
//! Every target gets a number from the key and its own name, and the least one is the key's home.
//! Nothing is stored, every replica finds the same home, and a target that comes or goes moves only
//! the keys that are, or were, its own.

use std::time::Duration;

use dialect::hash;

use crate::{Target, strategy::Entry};

/// The hash of a target's name: the same on every replica and in every generation.
pub(crate) fn seed(target: &Target) -> u64 {
    hash::join(
        hash::of(target.upstream.as_bytes()),
        hash::of(target.model.as_bytes()),
    )
}

/// The distance of a target from a key: exponentially distributed with the weight as its rate, so
/// that a target is the nearest one for that share of all keys which its weight is of all weights
/// (Highest Random Weight with logarithms, as Thaler and Ravishankar's is weighted since Schindelhauer).
/// Infinite without weight.
pub(crate) fn distance(key: u64, seed: u64, weight: u32) -> f64 {
    if weight == 0 {
        return f64::INFINITY;
    }
    // 53 bits: the midpoints of as many parts of (0, 1), whose logarithm is finite
    let unit = ((hash::join(key, seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -unit.ln() / f64::from(weight)
}

/// The things that make a conversation leave its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Costly {
    /// More in flight there than elsewhere.
    Load,
    /// The same, or slower than elsewhere.
    LoadAndLatency,
}

/// Attempts that a home may have in flight above the mean, however small that is: two calls of one
/// app do not make a home loaded.
const SLACK: u64 = 2;

/// The home of a key: the nearest of the entries that is not loaded beyond 1.25 × their mean. One
/// that was loaded, or no candidate at all, has its keys back as soon as it is none of that, and
/// until then each of them keeps to the next nearest.
pub(crate) fn home(entries: &[Entry<'_>], key: u64, costly: Costly) -> Option<usize> {
    let around = Around::of(entries);
    let is_left = |entry: &Entry<'_>| {
        around.is_loaded(entry) || (costly == Costly::LoadAndLatency && around.is_slow(entry))
    };
    let near = |entry: &Entry<'_>| distance(key, entry.seed, 1);
    let entries = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !is_left(entry));
    let nearest = entries.min_by(|(_, one), (_, other)| near(one).total_cmp(&near(other)));
    nearest.map(|(at, _)| at)
}

/// The sums of what is known of all entries.
struct Around {
    count: u64,
    in_flight: u64,
    known: u32,
    /// Sum of the reciprocals of what is known: a target that fails, and counts as slow, makes no
    /// other look fast.
    swiftness: f64,
}

fn seconds(latency: Duration) -> f64 {
    latency.as_secs_f64().max(1e-6)
}

impl Around {
    fn of(entries: &[Entry<'_>]) -> Self {
        let known = || (entries.iter()).filter_map(|entry| entry.standing.first_content);
        Self {
            count: entries.len() as u64,
            in_flight: (entries
                .iter()
                .map(|entry| u64::from(entry.standing.in_flight)))
            .sum(),
            known: known().count() as u32,
            swiftness: known().map(|latency| 1.0 / seconds(latency)).sum(),
        }
    }

    /// More than 1.25 × the mean in flight.
    fn is_loaded(&self, entry: &Entry<'_>) -> bool {
        let all = u64::from(entry.standing.in_flight) * self.count;
        all * 4 > self.in_flight * 5 && all >= self.in_flight + SLACK * self.count
    }

    /// More than 1.25 × the (harmonic) mean latency; unknown beside known ones, and being found out.
    fn is_slow(&self, entry: &Entry<'_>) -> bool {
        match entry.standing.first_content {
            Some(latency) => seconds(latency) * self.swiftness * 4.0 > f64::from(self.known) * 5.0,
            None => self.known > 0 && entry.standing.in_flight > 0,
        }
    }
}
