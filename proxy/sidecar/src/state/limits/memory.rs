//! Buckets in this process's memory, bounded in bytes.
//!
//! A map of shared buckets rather than buckets in a map: a reservation has its buckets, so settling
//! looks nothing up, and a bucket that is reserved from is not dropped. Several buckets are locked
//! together, in the order of their addresses, so that a call takes from all or from none for every
//! observer.
//!
//! To make room, buckets that have refilled completely are dropped. Where there is none,
//! newcomers with the same limit share one bucket: the store never forgets a debt, and never grows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dashmap::{DashMap, Entry};
use parking_lot::{Mutex, MutexGuard};

use super::{
    Ask, Standing, Window,
    window::{Meter, Part},
};
use crate::{state::figures::BucketFigures, telemetry::metrics};

/// Bytes that a bucket costs besides its name: the map's slot, the shared bucket, and two
/// allocations, rounded up.
const OVERHEAD: usize = 256;
/// Bytes that the slices of a sliding window cost besides.
const SLICES: usize = 512;
/// Least time between two searches of a full store for buckets to drop, in milliseconds.
const SWEEP: u64 = 1000;

/// Limits counted in this process.
pub(in crate::state) struct Buckets {
    map: DashMap<Box<str>, Arc<Bucket>>,
    used: AtomicUsize,
    total: usize,
    swept: AtomicU64,
}

/// One bucket. Shared, so that it outlives its entry in the map while it is reserved from.
pub(in crate::state) struct Bucket(Mutex<Counted>);

struct Counted {
    meter: Meter,
    /// Limit of the last request, for figures, which name none.
    limit: u64,
    /// Bytes that the store counts for it.
    cost: usize,
}

/// Units that one request took, and their bucket.
pub(in crate::state) struct Hold {
    bucket: Arc<Bucket>,
    first: Part,
    more: Vec<Part>,
}

impl Hold {
    /// Replaces what was taken by `truth`.
    pub(super) fn settle(&self, now: u64, truth: u64) {
        let mut counted = self.bucket.0.lock();
        let limit = counted.limit;
        counted.meter.roll(now, limit);
        if self.more.is_empty() {
            counted.meter.settle(now, &[self.first], truth);
        } else {
            let parts: Vec<Part> = std::iter::once(self.first)
                .chain(self.more.iter().copied())
                .collect();
            counted.meter.settle(now, &parts, truth);
        }
    }

    /// Takes `by` more, where the limit has room.
    pub(super) fn extend(&mut self, now: u64, limit: u64, soft: bool, by: u64) -> bool {
        let mut counted = self.bucket.0.lock();
        counted.meter.roll(now, limit);
        if !soft && counted.meter.used().saturating_add(by) > limit {
            return false;
        }
        let part = counted.meter.take(now, by);
        drop(counted);
        match self.more.last_mut() {
            Some(last) if last.when == part.when => last.amount += part.amount,
            None if self.first.when == part.when => self.first.amount += part.amount,
            _ => self.more.push(part),
        }
        true
    }
}

/// Function from a new bucket's name to the units that are known to be used of it from elsewhere.
pub(in crate::state) type Known<'a> = &'a dyn Fn(&str) -> u64;

impl Buckets {
    pub(in crate::state) fn new(total: usize) -> Self {
        Self {
            map: DashMap::new(),
            used: AtomicUsize::new(0),
            total,
            swept: AtomicU64::new(0),
        }
    }

    /// Takes from all buckets or from none; returns as many holds as requests, or none.
    pub(in crate::state) fn reserve(
        &self,
        asks: &[Ask],
        now: u64,
        known: Known<'_>,
    ) -> (Vec<Standing>, Option<Vec<Hold>>) {
        let buckets: Vec<Arc<Bucket>> = asks
            .iter()
            .map(|ask| self.bucket(ask, now, known))
            .collect();
        let mut locked = Locked::all(&buckets);
        let mut parts = Vec::with_capacity(asks.len());
        let mut standings = Vec::with_capacity(asks.len());
        for (ask, bucket) in asks.iter().zip(&buckets) {
            let Some(counted) = locked.of(bucket) else {
                continue;
            };
            let (amount, limit) = ask.bounded();
            counted.limit = limit;
            standings.push(standing(&mut counted.meter, ask, now));
            parts.push(counted.meter.take(now, amount));
        }
        let all = standings.iter().all(|standing| standing.granted);
        if !all {
            for (part, bucket) in parts.iter().zip(&buckets) {
                if let Some(counted) = locked.of(bucket) {
                    counted.meter.give(*part);
                }
            }
        }
        for (standing, bucket) in standings.iter_mut().zip(&buckets) {
            if let Some(counted) = locked.of(bucket) {
                standing.used = counted.meter.used();
                standing.reset = Duration::from_millis(counted.meter.reset(now, standing.limit));
            }
        }
        drop(locked);
        let holds = all.then(|| {
            let taken = buckets.into_iter().zip(parts);
            taken
                .map(|(bucket, first)| Hold {
                    bucket,
                    first,
                    more: Vec::new(),
                })
                .collect()
        });
        (standings, holds)
    }

    /// Returns the buckets' standing. Makes no bucket.
    pub(in crate::state) fn peek(&self, asks: &[Ask], now: u64, known: Known<'_>) -> Vec<Standing> {
        let look = |ask: &Ask| {
            let look = |meter: &mut Meter| {
                let standing = standing(meter, ask, now);
                let reset = Duration::from_millis(meter.reset(now, standing.limit));
                Standing { reset, ..standing }
            };
            let name = ask.name();
            let present = self.map.get(&*name).map(|bucket| Arc::clone(&bucket));
            match present {
                Some(bucket) => look(&mut bucket.0.lock().meter),
                None => {
                    let mut meter = Meter::new(ask.window, now);
                    meter.take(now, known(&name));
                    look(&mut meter)
                }
            }
        };
        asks.iter().map(look).collect()
    }

    /// Forgets a bucket. Open reservations from it are settled into nothing.
    pub(in crate::state) fn reset(&self, name: &str) -> bool {
        let removed = self.map.remove(name);
        if let Some((_, bucket)) = &removed {
            self.used.fetch_sub(bucket.0.lock().cost, Ordering::Relaxed);
        }
        removed.is_some()
    }

    /// Forgets all buckets.
    pub(super) fn clear(&self) {
        self.map.retain(|_, bucket| {
            self.used.fetch_sub(bucket.0.lock().cost, Ordering::Relaxed);
            false
        });
    }

    /// Lists at most `most` buckets, and returns the number of all.
    pub(in crate::state) fn list(&self, most: usize, now: u64) -> (Vec<BucketFigures>, usize) {
        let some: Vec<_> = self
            .map
            .iter()
            .take(most)
            .map(|entry| (entry.key().to_string(), Arc::clone(entry.value())))
            .collect();
        let look = |(name, bucket): (String, Arc<Bucket>)| {
            let mut counted = bucket.0.lock();
            let limit = counted.limit;
            counted.meter.roll(now, limit);
            BucketFigures {
                name,
                used: counted.meter.used(),
                limit,
                reset_ms: counted.meter.reset(now, limit),
            }
        };
        (some.into_iter().map(look).collect(), self.map.len())
    }

    /// Returns the bytes in use.
    pub(super) fn bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn bucket(&self, ask: &Ask, now: u64, known: Known<'_>) -> Arc<Bucket> {
        let mut name = ask.name();
        if let Some(bucket) = self.map.get(&*name) {
            return Arc::clone(&bucket);
        }
        let mut meter = Meter::new(ask.window, now);
        let mut cost = name.len() + OVERHEAD;
        if matches!(ask.window, Window::Sliding(_)) {
            cost += SLICES;
        }
        if self.bytes() + cost > self.total {
            self.sweep(now);
        }
        if self.bytes() + cost > self.total {
            metrics::store_dropped("limits", "overflow");
            // One bucket for each window and limit. There are as many as there are rules, so their
            // bytes are not counted.
            (name, cost) = (ask.named(&format!("overflow {}", ask.limit)), 0);
        } else {
            meter.take(now, known(&name));
        }
        match self.map.entry(name.into_boxed_str()) {
            Entry::Occupied(present) => Arc::clone(present.get()),
            Entry::Vacant(slot) => {
                self.used.fetch_add(cost, Ordering::Relaxed);
                let limit = ask.bounded().1;
                let counted = Counted { meter, limit, cost };
                Arc::clone(&slot.insert(Arc::new(Bucket(Mutex::new(counted)))))
            }
        }
    }

    /// Drops buckets that have refilled completely and from which nothing is reserved. At most once
    /// in [`SWEEP`], as it looks at every bucket.
    fn sweep(&self, now: u64) {
        let swept = self.swept.load(Ordering::Relaxed);
        let due = now >= swept.saturating_add(SWEEP) || now < swept;
        let mine = || {
            self.swept
                .compare_exchange(swept, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        };
        if !due || !mine() {
            return;
        }
        self.map.retain(|_, bucket| {
            // New users of a bucket come through the map, whose shard is locked here.
            if Arc::strong_count(bucket) > 1 {
                return true;
            }
            let mut counted = bucket.0.lock();
            let limit = counted.limit;
            counted.meter.roll(now, limit);
            let keep = counted.meter.used() > 0;
            if !keep {
                self.used.fetch_sub(counted.cost, Ordering::Relaxed);
            }
            keep
        });
    }
}

/// Returns what a request finds of a bucket, except the time to its reset.
fn standing(meter: &mut Meter, ask: &Ask, now: u64) -> Standing {
    let (amount, limit) = ask.bounded();
    meter.roll(now, limit);
    let used = meter.used();
    let granted = ask.soft || used.saturating_add(amount) <= limit;
    let wait = match granted {
        true => Some(0),
        false => meter.wait(now, limit, amount),
    };
    Standing {
        granted,
        limit,
        used,
        reset: Duration::ZERO,
        wait: wait.map(Duration::from_millis),
    }
}

/// Several buckets, each locked once.
struct Locked<'a>(Vec<(*const Bucket, MutexGuard<'a, Counted>)>);

impl<'a> Locked<'a> {
    fn all(buckets: &'a [Arc<Bucket>]) -> Self {
        if let [one] = buckets {
            return Self(vec![(Arc::as_ptr(one), one.0.lock())]);
        }
        let mut order: Vec<&Arc<Bucket>> = buckets.iter().collect();
        order.sort_unstable_by_key(|bucket| Arc::as_ptr(bucket));
        order.dedup_by_key(|bucket| Arc::as_ptr(bucket));
        let lock = |bucket: &'a Arc<Bucket>| (Arc::as_ptr(bucket), bucket.0.lock());
        Self(order.into_iter().map(lock).collect())
    }

    /// Returns the locked contents of `bucket`. It always is among them; the option spares an
    /// index.
    fn of(&mut self, bucket: &Arc<Bucket>) -> Option<&mut Counted> {
        let at = Arc::as_ptr(bucket);
        let found = self.0.iter_mut().find(|(one, _)| *one == at);
        found.map(|(_, guard)| &mut **guard)
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
