//! Small values that policies keep beyond one exchange, each policy in a namespace of its own.
//!
//! [`Memory`] is bounded: a key, a value, and all of it together. A store that is full says so; it never drops one
//! policy's counter to make room for another's. What has expired is gone for every reader at once; its memory is freed on the way of
//! later writes, a shard at a time, so that no call ever walks the whole store unless it is full.
//!
//! The locks are plain ones around shards rather than a concurrent map's, because the sweep is a shard's own affair. None is held
//! across an `.await`; the functions are `async` for the stores behind a network that share this interface.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

/// All keys and values together, with what they cost to keep, in bytes.
pub const TOTAL: usize = 64 * 1024 * 1024;
/// One value, in bytes.
pub const VALUE: usize = 64 * 1024;
/// One key, in bytes.
pub const KEY: usize = 256;
/// What an entry costs beyond its key and value, in bytes: its place in the map and two allocations, rounded up.
const OVERHEAD: usize = 128;
const SHARDS: usize = 64;
/// How often a store that is full looks through itself for what has expired.
const SWEEP: Duration = Duration::from_secs(1);

/// Why a store did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// The key or the value is larger than [`KEY`] or [`VALUE`].
    TooLarge,
    /// No room until something expires or is deleted.
    Full,
    /// The present value is no decimal number, or the sum is out of its range.
    NotANumber,
    /// The store can't be reached. Memory always can.
    Unavailable,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "keys take {KEY} bytes and values {VALUE} at most"),
            Self::Full => f.write_str("the store is full; set a time to live or delete values"),
            Self::NotANumber => f.write_str("the value is not a number that can be added to"),
            Self::Unavailable => f.write_str("the store can't be reached"),
        }
    }
}

impl std::error::Error for ValueError {}

/// Values in this process's memory. Times to live are durations, zero meaning none.
pub struct Memory {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    used: AtomicUsize,
    total: usize,
    swept: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Box<[u8]>, Entry>,
    /// Writes since the last sweep. Half as many writes as there are entries pay for the next one, so a write's share is constant.
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

/// `now + ttl`, none for a zero or endless time.
fn expiry(now: Instant, ttl: Duration) -> Option<Instant> {
    (!ttl.is_zero()).then(|| now.checked_add(ttl)).flatten()
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_total(TOTAL)
    }
}

impl Memory {
    /// Makes an empty store of [`TOTAL`] bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty store that holds `total` bytes.
    pub fn with_total(total: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            used: AtomicUsize::new(0),
            total,
            swept: Mutex::new(None),
        }
    }

    /// Bytes in use, of which [`TOTAL`] is the most.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// The key is too large.
    pub async fn get(&self, space: &str, key: &str) -> Result<Option<Bytes>, ValueError> {
        let now = Instant::now();
        let key = full_key(space, key)?;
        let Some(shard) = self.shard(&key) else {
            return Ok(None);
        };
        let entry = shard.entries.get(&*key).filter(|entry| entry.alive(now));
        Ok(entry.map(|entry| entry.value.clone()))
    }

    /// Writes a value, whatever was there before.
    ///
    /// # Errors
    /// Too large, or no room.
    pub async fn set(
        &self,
        space: &str,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<(), ValueError> {
        self.change(space, key, |now, _| {
            Ok((Some((value, expiry(now, ttl))), ()))
        })
    }

    /// Removes a value; it is no error when there is none.
    ///
    /// # Errors
    /// The key is too large.
    pub async fn delete(&self, space: &str, key: &str) -> Result<(), ValueError> {
        let key = full_key(space, key)?;
        if let Some(mut shard) = self.shard(&key)
            && let Some(entry) = shard.entries.remove(&*key)
        {
            self.used
                .fetch_sub(cost(&key, &entry.value), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Adds to a decimal number and tells the sum; an absent value reads as 0. Only the first addition sets the time to live.
    ///
    /// # Errors
    /// The value is no number, the sum is out of range, or there is no room.
    pub async fn increment(
        &self,
        space: &str,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> Result<i64, ValueError> {
        self.change(space, key, |now, present| {
            let (before, expires) = match present {
                None => (0, expiry(now, ttl)),
                Some(entry) => {
                    let text = std::str::from_utf8(&entry.value).ok();
                    let number = text.and_then(|text| text.parse::<i64>().ok());
                    (number.ok_or(ValueError::NotANumber)?, entry.expires)
                }
            };
            let sum = before.checked_add(by).ok_or(ValueError::NotANumber)?;
            Ok((Some((Bytes::from(sum.to_string()), expires)), sum))
        })
    }

    /// Writes a value where the present one is `expected` (`None`: where there is none), and tells whether it did.
    ///
    /// # Errors
    /// Too large, or no room.
    pub async fn compare_and_set(
        &self,
        space: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, ValueError> {
        self.change(space, key, |now, present| {
            let as_expected = present.map(|entry| &*entry.value) == expected;
            let write = as_expected.then(|| (value, expiry(now, ttl)));
            Ok((write, as_expected))
        })
    }

    /// Looks at what is under a key and writes what `decide` says, in one step under the shard's lock.
    fn change<T>(
        &self,
        space: &str,
        key: &str,
        decide: impl FnOnce(Instant, Option<&Entry>) -> Result<(Option<Written>, T), ValueError>,
    ) -> Result<T, ValueError> {
        let now = Instant::now();
        let key = full_key(space, key)?;
        if self.used() + VALUE + KEY + OVERHEAD > self.total {
            self.sweep_all(now); // before the shard is locked: a sweep locks them all
        }
        let mut shard = self.shard(&key).ok_or(ValueError::Unavailable)?;
        shard.writes += 1;
        if shard.writes > (shard.entries.len() / 2).max(64) {
            self.sweep(&mut shard, now);
        }
        let present = shard.entries.get(&*key).filter(|entry| entry.alive(now));
        let (write, told) = decide(now, present)?;
        let Some((value, expires)) = write else {
            return Ok(told);
        };
        if value.len() > VALUE {
            return Err(ValueError::TooLarge);
        }
        let new = cost(&key, &value);
        let old = match shard.entries.get(&*key) {
            Some(entry) => cost(&key, &entry.value),
            None => 0,
        };
        if !self.take(new, old) {
            return Err(ValueError::Full);
        }
        let entry = Entry { value, expires };
        match shard.entries.entry(key) {
            Slot::Occupied(mut slot) => drop(slot.insert(entry)),
            Slot::Vacant(slot) => drop(slot.insert(entry)),
        }
        Ok(told)
    }

    /// Books `new` bytes in the place of `old`, unless they pass the total. Shrinking always succeeds.
    fn take(&self, new: usize, old: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                let after = used - old + new;
                (new <= old || after <= self.total).then_some(after)
            })
            .is_ok()
    }

    /// Frees what has expired everywhere, once in [`SWEEP`] at the most.
    fn sweep_all(&self, now: Instant) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|at| now.saturating_duration_since(at) < SWEEP) {
                return;
            }
            *swept = Some(now);
        }
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// The shard of a key. There always is one; the option spares an index.
    fn shard(&self, key: &[u8]) -> Option<MutexGuard<'_, Shard>> {
        let at = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = self.shards.get(at)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Written = (Bytes, Option<Instant>);

/// Namespace and key in one, told apart by the namespace's length: no key can reach into another namespace.
fn full_key(space: &str, key: &str) -> Result<Box<[u8]>, ValueError> {
    if key.len() > KEY {
        return Err(ValueError::TooLarge);
    }
    let mut full = Vec::with_capacity(4 + space.len() + key.len());
    full.extend_from_slice(&(space.len() as u32).to_le_bytes());
    full.extend_from_slice(space.as_bytes());
    full.extend_from_slice(key.as_bytes());
    Ok(full.into_boxed_slice())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn text(value: &'static str) -> Bytes {
        Bytes::from_static(value.as_bytes())
    }

    #[tokio::test]
    async fn policies_with_the_same_key_do_not_see_each_other() {
        let store = Memory::new();
        store.set("a", "key", text("of a"), NONE).await.unwrap();
        // A key that imitates the joint form of the other namespace.
        store
            .set("", "akey", text("of nobody"), NONE)
            .await
            .unwrap();

        assert_eq!(store.get("b", "key").await.unwrap(), None);
        assert_eq!(store.get("ak", "ey").await.unwrap(), None);
        assert_eq!(store.get("a", "key").await.unwrap(), Some(text("of a")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_there_until_its_time_and_not_at_it() {
        let store = Memory::new();
        let second = Duration::from_secs(1);
        store.set("p", "k", text("v"), 10 * second).await.unwrap();

        tokio::time::advance(10 * second - Duration::from_millis(1)).await;
        assert!(store.get("p", "k").await.unwrap().is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(store.get("p", "k").await.unwrap(), None);
        // Gone for writers, too: the next one may make it anew.
        let made = store.compare_and_set("p", "k", None, text("w"), NONE).await;
        assert_eq!(made, Ok(true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_counter_keeps_the_time_to_live_that_it_was_made_with() {
        let store = Memory::new();
        let minute = Duration::from_secs(60);
        assert_eq!(store.increment("p", "n", 5, minute).await, Ok(5));
        tokio::time::advance(minute / 2).await;
        assert_eq!(store.increment("p", "n", -7, minute).await, Ok(-2));
        tokio::time::advance(minute / 2).await;
        assert_eq!(store.increment("p", "n", 1, minute).await, Ok(1));
    }

    #[tokio::test]
    async fn only_numbers_are_added_to_and_none_overflows() {
        let store = Memory::new();
        store.set("p", "word", text("seven"), NONE).await.unwrap();
        store
            .set("p", "most", Bytes::from(i64::MAX.to_string()), NONE)
            .await
            .unwrap();
        for key in ["word", "most"] {
            let sum = store.increment("p", key, 1, NONE).await;
            assert_eq!(sum, Err(ValueError::NotANumber), "{key}");
        }
        let most = store.get("p", "most").await.unwrap().unwrap();
        assert_eq!(most, i64::MAX.to_string());
    }

    #[tokio::test]
    async fn compare_and_set_writes_over_the_expected_value_alone() {
        let store = Memory::new();
        let swap = |expected: Option<&'static [u8]>, value| {
            store.compare_and_set("p", "k", expected, text(value), NONE)
        };
        assert_eq!(swap(Some(b"x"), "1").await, Ok(false));
        assert_eq!(swap(None, "1").await, Ok(true));
        assert_eq!(swap(None, "2").await, Ok(false));
        assert_eq!(swap(Some(b"1"), "2").await, Ok(true));
        assert_eq!(store.get("p", "k").await.unwrap(), Some(text("2")));
    }

    #[tokio::test]
    async fn keys_and_values_over_their_bounds_are_refused_and_leave_nothing() {
        let store = Memory::new();
        let (long, large) = ("k".repeat(KEY + 1), Bytes::from(vec![0; VALUE + 1]));
        assert_eq!(
            store.set("p", &long, text("v"), NONE).await,
            Err(ValueError::TooLarge)
        );
        assert_eq!(store.get("p", &long).await, Err(ValueError::TooLarge));
        assert_eq!(
            store.set("p", "k", large, NONE).await,
            Err(ValueError::TooLarge)
        );
        assert_eq!(store.used(), 0);

        let (long, large) = ("k".repeat(KEY), Bytes::from(vec![0; VALUE]));
        assert_eq!(store.set("p", &long, large, NONE).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_store_says_so_until_something_expires_or_is_deleted() {
        let store = Memory::with_total(100 * (OVERHEAD + 1000));
        let value = || Bytes::from(vec![7; 950]);
        let mut held = 0;
        while store
            .set("p", &format!("{held}"), value(), Duration::from_secs(9))
            .await
            .is_ok()
        {
            held += 1;
            assert!(held < 1000, "the store never fills");
        }
        assert!((95..=105).contains(&held), "{held}");
        assert!(store.used() <= 100 * (OVERHEAD + 1000));
        // Writing over an entry of the same size takes no room.
        assert_eq!(
            store.set("p", "0", value(), Duration::from_secs(9)).await,
            Ok(())
        );

        store.delete("p", "1").await.unwrap();
        assert_eq!(store.set("p", "new", value(), NONE).await, Ok(()));
        assert_eq!(
            store.set("p", "more", value(), NONE).await,
            Err(ValueError::Full)
        );

        tokio::time::advance(Duration::from_secs(10)).await;
        for n in 0..held - 1 {
            assert_eq!(
                store.set("p", &format!("later {n}"), value(), NONE).await,
                Ok(())
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_expired_is_freed_on_the_way_of_later_writes() {
        let store = Memory::new();
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
        let store = Arc::new(Memory::new());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        for _ in 0..1000 {
                            store.increment("p", "n", 1, NONE).await.unwrap();
                        }
                    });
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert_eq!(
            runtime.block_on(store.increment("p", "n", 0, NONE)),
            Ok(4000)
        );
    }
}
