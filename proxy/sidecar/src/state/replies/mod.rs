//! Replies that outlive their exchange: bytes under a key, whose content this module does not read.
//!
//! A cache, unlike `values`: memory evicts what is read least (S3-FIFO, weighed in bytes), and a
//! reply that can't be stored is simply not there the next time. An entry's id is a hash of its
//! namespace and key, so that the id suffices to evict it on any replica, and nobody reads the key
//! from it. What is read back is checked against the whole key, a version and a checksum: what does
//! not match is dropped.
//!
//! A reply may have a vector, by which it is found from questions like its own: see
//! [`vectors`](super::vectors).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use policy::{Kept, Near};
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};
use redis::Value;
use ring::digest::{SHA256, digest};

use super::{
    Clock, Unavailable,
    client::{Fault, StoreClient},
    figures::RepliesFigures,
    joined,
    vectors::{self, memory::Row, region_id, shared::Sets},
};
use crate::telemetry::metrics;
use sandbox::capabilities::Work;

mod near;
mod record;

use near::tag_of;
use record::{Damage, Head, NearPart, Record};

/// Largest reply that is stored, in bytes.
pub const LARGEST: usize = 16 << 20;
/// Bytes that an entry costs in memory beyond key and bytes.
const OVERHEAD: u64 = 192;

/// Reasons for which a reply was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Larger than [`LARGEST`], or than a share of the memory.
    TooLarge,
    /// The store can't be reached or has no memory left.
    Unavailable,
}

/// Store of replies. A time to live of zero means none.
pub struct Replies {
    backend: Backend,
    clock: Clock,
    hits: AtomicU64,
    misses: AtomicU64,
}

enum Backend {
    Memory {
        cache: Cache<Id, Arc<Entry>, Weight>,
        vectors: vectors::memory::Memory,
    },
    Shared {
        client: Arc<StoreClient>,
        prefix: String,
        sets: Sets,
    },
}

/// A reply's id: a hash of its namespace and key.
pub(super) type Id = [u8; 16];

/// Times at which an entry was made and expires, and its bytes.
type Found = (u64, Option<u64>, Bytes);

struct Entry {
    key: Box<[u8]>,
    bytes: Bytes,
    made: u64,
    expires: Option<u64>,
    near: Option<NearEntry>,
}

/// The vector by which an entry is found, and the policy's note.
struct NearEntry {
    row: Row,
    note: Bytes,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Id, Arc<Entry>> for Weight {
    fn weight(&self, _: &Id, entry: &Arc<Entry>) -> u64 {
        entry.weight()
    }
}

impl Entry {
    fn weight(&self) -> u64 {
        let note = self.near.as_ref().map_or(0, |near| near.note.len());
        (self.key.len() + self.bytes.len() + note) as u64 + OVERHEAD
    }
}

impl Replies {
    /// Makes a store of replies and their vectors in memory, of so many bytes each.
    pub(super) fn in_memory(total: usize, vectors: usize, clock: Clock) -> Self {
        let total = total as u64;
        let options = OptionsBuilder::new()
            .shards(4)
            .estimated_items_capacity((total / 32_768).clamp(64, 65_536) as usize)
            .weight_capacity(total)
            .build();
        let cache = match options {
            Ok(options) => {
                Cache::with_options(options, Weight, Default::default(), Default::default())
            }
            // Fails only without a capacity, which is given.
            Err(_) => Cache::with_weighter(64, total, Weight),
        };
        let vectors = vectors::memory::Memory::new(vectors);
        Self::over(Backend::Memory { cache, vectors }, clock)
    }

    pub(super) fn shared(client: Arc<StoreClient>, prefix: &str, clock: Clock) -> Self {
        let backend = Backend::Shared {
            sets: Sets::new(Arc::clone(&client), prefix),
            client,
            prefix: prefix.to_owned(),
        };
        Self::over(backend, clock)
    }

    fn over(backend: Backend, clock: Clock) -> Self {
        Self {
            backend,
            clock,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Finds a reply.
    ///
    /// # Errors
    /// The store can't be reached: go on without it.
    pub fn get(&self, space: &str, key: &str) -> Work<'_, Result<Option<Kept>, Unavailable>> {
        let (id, key) = named(space, key);
        let now = self.clock.now();
        match &self.backend {
            Backend::Memory { cache, .. } => {
                let entry = cache.get(&id).filter(|entry| entry.key == key);
                let found = entry.map(|entry| (entry.made, entry.expires, entry.bytes.clone()));
                Work::now(Ok(self.alive(&id, now, found)))
            }
            Backend::Shared { client, prefix, .. } => Work::later(async move {
                let mut get = redis::cmd("GET");
                get.arg(redis_key(prefix, &id));
                let found = match client.query(&get).await.map_err(unavailable)? {
                    Value::BulkString(bytes) => {
                        self.checked(client, prefix, &id, &key, bytes).await
                    }
                    _ => None,
                };
                Ok(self.alive(&id, now, found))
            }),
        }
    }

    /// Returns what was found, unless it has expired.
    fn alive(&self, id: &Id, now: u64, found: Option<Found>) -> Option<Kept> {
        let alive = found.filter(|(_, expires, _)| expires.is_none_or(|at| now < at));
        let Some((made, expires, bytes)) = alive else {
            if let Backend::Memory { cache, .. } = &self.backend {
                cache.remove_if(id, |entry| entry.expires.is_some_and(|at| at <= now));
            }
            self.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(Kept {
            id: hex(id),
            bytes,
            age: Duration::from_millis(now.saturating_sub(made)),
            expires_in: expires.map(|at| Duration::from_millis(at.saturating_sub(now))),
        })
    }

    /// Stores a reply, in the place of one with the same key, and returns its id.
    ///
    /// # Errors
    /// It is too large, or the store did not take it.
    pub async fn put(
        &self,
        space: &str,
        key: &str,
        bytes: Bytes,
        ttl: Duration,
    ) -> Result<String, NotKept> {
        self.put_near(space, key, bytes, ttl, None).await
    }

    /// Stores a reply as [`Replies::put`] does, to be found by a vector, too. A store that has no
    /// place for the vector stores the reply without it.
    ///
    /// # Errors
    /// It is too large, or the store did not take it.
    pub async fn put_near(
        &self,
        space: &str,
        key: &str,
        bytes: Bytes,
        ttl: Duration,
        near: Option<&Near>,
    ) -> Result<String, NotKept> {
        if bytes.len() > LARGEST {
            return Err(NotKept::TooLarge);
        }
        let (id, key) = named(space, key);
        let near = near.map(|near| (region_id(space, &near.region()), near));
        let made = self.clock.now();
        let ttl = u64::try_from(ttl.as_millis())
            .unwrap_or(u64::MAX)
            .min(1 << 52);
        let expires = (ttl > 0).then(|| made.saturating_add(ttl));
        match &self.backend {
            Backend::Memory { cache, vectors } => {
                let mut entry = Entry {
                    key,
                    bytes,
                    made,
                    expires,
                    near: None,
                };
                // A reply for which the cache must evict half of what it has serves nobody.
                let note = near.as_ref().map_or(0, |(_, near)| near.note.len());
                if entry.weight() + note as u64 > cache.shard_capacity() / 2 {
                    return Err(NotKept::TooLarge);
                }
                entry.near = near.map(|(region, near)| NearEntry {
                    row: vectors.add(region, id, expires, near.vector.numbers()),
                    note: near.note.clone(),
                });
                cache.insert(id, Arc::new(entry));
            }
            Backend::Shared {
                client,
                prefix,
                sets,
            } => {
                let part = near.map(|(region, near)| NearPart {
                    region,
                    tag: tag_of(&region, near, &key, made),
                    note: &near.note,
                });
                let record = record::write(&Record {
                    head: Head {
                        key: &key,
                        made,
                        expires,
                        near: part,
                    },
                    bytes: &bytes,
                });
                let mut set = redis::cmd("SET");
                set.arg(redis_key(prefix, &id)).arg(record);
                if ttl > 0 {
                    set.arg("PX").arg(ttl);
                }
                // The exchange is over: nobody waits for this.
                client.query_patiently(&set).await.map_err(|fault| {
                    unavailable(fault);
                    NotKept::Unavailable
                })?;
                if let Some(((_, near), part)) = near.zip(part) {
                    let numbers = near.vector.numbers();
                    self.add_element(sets, &part, id, numbers, expires, ttl)
                        .await;
                }
            }
        }
        Ok(hex(&id))
    }

    /// Removes a reply, by namespace and key. Returns true if there was one.
    ///
    /// # Errors
    /// The store can't be reached.
    pub fn evict(&self, space: &str, key: &str) -> Work<'_, Result<bool, Unavailable>> {
        self.remove(named(space, key).0)
    }

    /// Removes a reply, by its id. Returns true if there was one; a text that is no id has none.
    ///
    /// # Errors
    /// The store can't be reached.
    pub async fn evict_id(&self, id: &str) -> Result<bool, Unavailable> {
        match from_hex(id) {
            Some(id) => {
                self.remove_element(&id).await?;
                self.remove(id).await
            }
            None => Ok(false),
        }
    }

    fn remove(&self, id: Id) -> Work<'_, Result<bool, Unavailable>> {
        match &self.backend {
            Backend::Memory { cache, .. } => Work::now(Ok(cache.remove(&id).is_some())),
            Backend::Shared { client, prefix, .. } => Work::later(async move {
                let mut delete = redis::cmd("DEL");
                delete.arg(redis_key(prefix, &id));
                let deleted = client.query_patiently(&delete).await.map_err(unavailable)?;
                Ok(deleted != Value::Int(0))
            }),
        }
    }

    /// Returns the contents of a record that is whole and has this key. Any other record is deleted
    /// and counted.
    async fn checked(
        &self,
        client: &StoreClient,
        prefix: &str,
        id: &Id,
        key: &[u8],
        bytes: Vec<u8>,
    ) -> Option<Found> {
        let bytes = Bytes::from(bytes);
        let damage = match record::read(&bytes) {
            Ok(record) if record.head.key == key => {
                let at = bytes.len() - record.bytes.len();
                return Some((record.head.made, record.head.expires, bytes.slice(at..)));
            }
            // Another key with the same hash, or an entry that was copied here.
            Ok(_) => Damage::Damaged,
            Err(damage) => damage,
        };
        metrics::store_dropped("replies", damage.word());
        let mut delete = redis::cmd("DEL");
        delete.arg(redis_key(prefix, id));
        let _ = client.query(&delete).await;
        None
    }

    /// Returns the figures of this process.
    pub(super) fn figures(&self) -> RepliesFigures {
        let (entries, bytes) = match &self.backend {
            Backend::Memory { cache, .. } => (cache.len() as u64, cache.weight()),
            Backend::Shared { .. } => (0, 0),
        };
        RepliesFigures {
            entries,
            bytes,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

/// Joins namespace and key, and hashes them.
fn named(space: &str, key: &str) -> (Id, Box<[u8]>) {
    let whole = joined(space, key);
    let mut id = Id::default();
    for (to, from) in id.iter_mut().zip(digest(&SHA256, &whole).as_ref()) {
        *to = *from;
    }
    (id, whole)
}

fn redis_key(prefix: &str, id: &Id) -> String {
    format!("{prefix}:r:{}", hex(id))
}

pub(super) fn hex(id: &Id) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

pub(super) fn from_hex(text: &str) -> Option<Id> {
    let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = digits.then(|| u128::from_str_radix(text, 16).ok())??;
    Some(number.to_be_bytes())
}

fn unavailable(fault: Fault) -> Unavailable {
    metrics::store_fault("replies", fault.word());
    Unavailable
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
