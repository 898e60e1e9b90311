//! Small values in this process's memory.
//!
//! [`Memory`] is bounded: a key, a value, and all of it together. A full store returns an error; it
//! never drops one policy's counter to make room for another's, which is why this is no cache: the
//! contract has an error for it. An expired value is gone for every reader at once; later writes
//! free its memory, a shard at a time, so that no call ever walks the whole store unless it is
//! full.
//!
//! The locks are plain ones around shards rather than a concurrent map's, as a sweep is of one
//! shard. None is taken across an `.await`.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use sandbox::capabilities::{
    Work,
    values::{Answer, Error, Values},
};
use tokio::time::Instant;

use super::{KEY, VALUE};
use crate::state::{Clock, joined};

/// Bytes that an entry costs beyond its key and value: its slot in the map and two allocations,
/// rounded up.
const OVERHEAD: usize = 128;
const SHARDS: usize = 64;
/// Least time between two sweeps of a full store for expired values.
const SWEEP: Duration = Duration::from_secs(1);

/// Values in this process's memory. Times to live are durations, zero meaning none.
pub(in crate::state) struct Memory {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    used: AtomicUsize,
    total: usize,
    swept: Mutex<Option<Instant>>,
    clock: Clock,
    /// The instant that a clock which its owner sets calls zero.
    zero: Instant,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Box<[u8]>, Entry>,
    /// Writes since the last sweep. Half as many writes as there are entries pay for the next one,
    /// so a write's share is constant.
    writes: usize,
}

struct Entry {
    value: Bytes,
    expires: Option<Instant>,
}

impl Entry {
    fn alive(&self, now: Instant) -> bool {
        self.expires.is_none_or(|at| now < at)
    }
}

fn cost(key: &[u8], value: &Bytes) -> usize {
    key.len() + value.len() + OVERHEAD
}

/// Returns `now + ttl`; `None` for a zero or endless time.
fn expiry(now: Instant, ttl: Duration) -> Option<Instant> {
    (!ttl.is_zero()).then(|| now.checked_add(ttl)).flatten()
}

impl Memory {
    /// Makes an empty store that holds `total` bytes.
    pub(in crate::state) fn new(total: usize, clock: Clock) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            used: AtomicUsize::new(0),
            total,
            swept: Mutex::new(None),
            clock,
            zero: Instant::now(),
        }
    }

    fn now(&self) -> Instant {
        match self.clock.manual() {
            None => Instant::now(),
            Some(milliseconds) => self.zero + Duration::from_millis(milliseconds),
        }
    }

    /// Returns the bytes in use, of which `total` is the most.
    pub(in crate::state) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the number of values, including expired ones that no sweep has freed.
    pub(in crate::state) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| shard.lock().entries.len();
        self.shards.iter().map(count).sum()
    }

    /// Looks at the value under a key and writes what `decide` returns, in one step under the
    /// shard's lock.
    fn change<T>(
        &self,
        space: &str,
        key: &str,
        decide: impl FnOnce(Instant, Option<&Entry>) -> Result<(Option<Written>, T), Error>,
    ) -> Result<T, Error> {
        let now = self.now();
        let key = full_key(space, key)?;
        if self.used() + VALUE + KEY + OVERHEAD > self.total {
            self.sweep_all(now); // before the shard is locked: a sweep locks them all
        }
        let mut shard = self.shard(&key).ok_or(Error::Unavailable)?;
        shard.writes += 1;
        if shard.writes > (shard.entries.len() / 2).max(64) {
            self.sweep(&mut shard, now);
        }
        let present = shard.entries.get(&*key).filter(|entry| entry.alive(now));
        let (write, result) = decide(now, present)?;
        let Some((value, expires)) = write else {
            return Ok(result);
        };
        if value.len() > VALUE {
            return Err(Error::TooLarge);
        }
        let new = cost(&key, &value);
        let old = match shard.entries.get(&*key) {
            Some(entry) => cost(&key, &entry.value),
            None => 0,
        };
        if !self.take(new, old) {
            return Err(Error::Full);
        }
        let entry = Entry { value, expires };
        match shard.entries.entry(key) {
            Slot::Occupied(mut slot) => drop(slot.insert(entry)),
            Slot::Vacant(slot) => drop(slot.insert(entry)),
        }
        Ok(result)
    }

    /// Counts `new` bytes in the place of `old`, unless they pass the total. Shrinking always
    /// succeeds.
    fn take(&self, new: usize, old: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                let after = used - old + new;
                (new <= old || after <= self.total).then_some(after)
            })
            .is_ok()
    }

    /// Frees expired values everywhere, once in [`SWEEP`] at the most.
    fn sweep_all(&self, now: Instant) {
        {
            let mut swept = self.swept.lock();
            if swept.is_some_and(|at| now.saturating_duration_since(at) < SWEEP) {
                return;
            }
            *swept = Some(now);
        }
        for shard in &self.shards {
            let mut shard = shard.lock();
            self.sweep(&mut shard, now);
        }
    }

    fn sweep(&self, shard: &mut Shard, now: Instant) {
        let mut freed = 0;
        shard.entries.retain(|key, entry| {
            let alive = entry.alive(now);
            if !alive {
                freed += cost(key, &entry.value);
            }
            alive
        });
        shard.writes = 0;
        self.used.fetch_sub(freed, Ordering::Relaxed);
    }

    /// Locks the shard of a key. There always is one; the option spares an index.
    fn shard(&self, key: &[u8]) -> Option<MutexGuard<'_, Shard>> {
        let at = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = self.shards.get(at)?;
        Some(shard.lock())
    }
}

/// Memory answers at once.
impl Values for Memory {
    fn get<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Option<Bytes>> {
        let now = self.now();
        Work::now(full_key(space, key).map(|key| {
            let shard = self.shard(&key)?;
            let entry = shard.entries.get(&*key).filter(|entry| entry.alive(now));
            entry.map(|entry| entry.value.clone())
        }))
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, ()> {
        Work::now(self.change(space, key, |now, _| {
            Ok((Some((value, expiry(now, ttl))), ()))
        }))
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, ()> {
        Work::now(full_key(space, key).map(|key| {
            if let Some(mut shard) = self.shard(&key)
                && let Some(entry) = shard.entries.remove(&*key)
            {
                self.used
                    .fetch_sub(cost(&key, &entry.value), Ordering::Relaxed);
            }
        }))
    }

    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Duration,
    ) -> Answer<'a, i64> {
        Work::now(self.change(space, key, |now, present| {
            let (before, expires) = match present {
                None => (0, expiry(now, ttl)),
                Some(entry) => {
                    let text = std::str::from_utf8(&entry.value).ok();
                    let number = text.and_then(|text| {
                        let number = text.parse::<i64>().ok()?;
                        // As Redis reads numbers: `+7` and `007` are none.
                        (number.to_string() == text).then_some(number)
                    });
                    (number.ok_or(Error::NotANumber)?, entry.expires)
                }
            };
            let sum = before.checked_add(by).ok_or(Error::NotANumber)?;
            Ok((Some((Bytes::from(sum.to_string()), expires)), sum))
        }))
    }

    fn compare_and_set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        expected: Option<&'a [u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, bool> {
        Work::now(self.change(space, key, |now, present| {
            let as_expected = present.map(|entry| &*entry.value) == expected;
            let write = as_expected.then(|| (value, expiry(now, ttl)));
            Ok((write, as_expected))
        }))
    }
}

type Written = (Bytes, Option<Instant>);

fn full_key(space: &str, key: &str) -> Result<Box<[u8]>, Error> {
    match key.len() {
        0..=KEY => Ok(joined(space, key)),
        _ => Err(Error::TooLarge),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const NONE: Duration = Duration::ZERO;
    const TOTAL: usize = 64 << 20;

    fn text(value: &'static str) -> Bytes {
        Bytes::from_static(value.as_bytes())
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_there_until_its_time_and_not_at_it() {
        let store = Memory::new(TOTAL, Clock::Wall);
        let second = Duration::from_secs(1);
        store.set("p", "k", text("v"), 10 * second).await.unwrap();

        tokio::time::advance(10 * second - Duration::from_millis(1)).await;
        assert!(store.get("p", "k").await.unwrap().is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(store.get("p", "k").await.unwrap(), None);
        // The value is gone for writers, too: the next one may make it anew.
        let made = store.compare_and_set("p", "k", None, text("w"), NONE);
        assert_eq!(made.await, Ok(true));
    }

    #[tokio::test]
    async fn keys_and_values_over_their_bounds_leave_nothing() {
        let store = Memory::new(TOTAL, Clock::Wall);
        let (long, large) = ("k".repeat(KEY + 1), Bytes::from(vec![0; VALUE + 1]));
        for refused in [
            store.set("p", &long, text("v"), NONE),
            store.set("p", "k", large, NONE),
        ] {
            assert_eq!(refused.await, Err(Error::TooLarge));
        }
        assert_eq!(store.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_says_so_until_something_expires_or_is_deleted() {
        let store = Memory::new(100 * (OVERHEAD + 1000), Clock::Wall);
        let value = || Bytes::from(vec![7; 950]);
        let mut count = 0;
        while store
            .set("p", &format!("{count}"), value(), Duration::from_secs(9))
            .await
            .is_ok()
        {
            count += 1;
            assert!(count < 1000, "the store never fills");
        }
        assert!((95..=105).contains(&count), "{count}");
        assert!(store.used() <= 100 * (OVERHEAD + 1000));
        // Writing over an entry of the same size takes no room.
        let over = store.set("p", "0", value(), Duration::from_secs(9));
        assert_eq!(over.await, Ok(()));

        store.delete("p", "1").await.unwrap();
        assert_eq!(store.set("p", "new", value(), NONE).await, Ok(()));
        let more = store.set("p", "more", value(), NONE);
        assert_eq!(more.await, Err(Error::Full));

        tokio::time::advance(Duration::from_secs(10)).await;
        for n in 0..count - 1 {
            let later = format!("later {n}");
            assert_eq!(store.set("p", &later, value(), NONE).await, Ok(()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn expired_values_are_freed_by_later_writes() {
        let store = Memory::new(TOTAL, Clock::Wall);
        for n in 0..50_000 {
            store
                .set("p", &format!("{n}"), text("v"), Duration::from_secs(1))
                .await
                .unwrap();
            if n % 1000 == 0 {
                tokio::time::advance(Duration::from_millis(500)).await;
            }
        }
        assert!(store.used() < 20_000 * 150, "{} bytes in use", store.used());
    }

    #[test]
    fn additions_from_many_threads_are_all_counted() {
        let store = Memory::new(TOTAL, Clock::Wall);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let added = store.increment("p", "n", 1, NONE).now_or_never();
                        added.unwrap().unwrap();
                    }
                });
            }
        });
        let sum = store.increment("p", "n", 0, NONE).now_or_never();
        assert_eq!(sum, Some(Ok(4000)));
    }
}
