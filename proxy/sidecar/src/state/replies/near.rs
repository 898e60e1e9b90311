//! Replies that are found by the vector of a question like theirs, and evicted with their kin.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use policy::{Near, Partition, Region, Vector};
use redis::Value;
use sandbox::capabilities::{Work, replies::Neighbour};
use xxhash_rust::xxh3::Xxh3;

use super::{
    super::{
        Unavailable,
        client::{Fault, StoreClient},
        figures::VectorsFigures,
        joined,
        vectors::{
            RegionId, region_id,
            shared::{Element, Sets},
        },
    },
    Backend, Id, Replies, from_hex, hex, metrics,
    record::{self, NearPart},
    redis_key,
};

/// Elements of a vector set that are looked for beyond those that are wanted: some may have lost
/// their reply.
const SPARE: usize = 8;
/// Searches of a lookup whose elements had lost their replies.
const SEARCHES: usize = 3;
/// Entries that one call evicts with their kin from a shared store.
const KIN: usize = 1000;

/// A reply's head as it was found by an element.
struct Alive {
    made: u64,
    expires: Option<u64>,
    key: Vec<u8>,
    note: Vec<u8>,
}

impl Replies {
    /// Finds the replies of a policy whose vectors are nearest to this one in a partition: `count` at
    /// most of those with a cosine of `least` or more, nearest first.
    ///
    /// # Errors
    /// The store can't be reached: go on without it.
    pub fn nearest<'a>(
        &'a self,
        space: &'a str,
        partition: Partition,
        vector: Arc<Vector>,
        least: f32,
        count: usize,
    ) -> Work<'a, Result<Vec<Neighbour>, Unavailable>> {
        let region = region_id(space, &Region::of(partition, &vector));
        let now = self.clock.now();
        match &self.backend {
            Backend::Memory { cache, vectors } => {
                let numbers = vector.numbers();
                let matches = vectors.nearest(&region, numbers, least, count, now);
                for id in &matches.expired {
                    cache.remove_if(id, |entry| entry.expires.is_some_and(|at| at <= now));
                }
                let found = matches.found.into_iter().filter_map(|found| {
                    let entry = cache.peek(&found.id)?;
                    let near = entry.near.as_ref()?;
                    let alive = Alive {
                        made: entry.made,
                        expires: entry.expires,
                        key: entry.key.to_vec(),
                        note: near.note.to_vec(),
                    };
                    let own = near.row.serial() == found.serial;
                    own.then(|| alive.neighbour(space, &found.id, found.similarity, now))?
                });
                Work::now(Ok(found.collect()))
            }
            Backend::Shared {
                client,
                prefix,
                sets,
            } => Work::later(async move {
                let wanted = Wanted {
                    space,
                    region,
                    least,
                    count,
                    now,
                };
                let found = search(client, prefix, sets, &wanted, vector.numbers()).await;
                found.map_err(unavailable)
            }),
        }
    }

    /// Removes a reply, by its id, and all of its region whose vectors have a cosine of `least` or
    /// more with its own. Returns the number of the replies that were removed.
    ///
    /// # Errors
    /// The store can't be reached.
    pub async fn evict_kin(&self, id: &str, least: f32) -> Result<u64, Unavailable> {
        let Some(id) = from_hex(id) else {
            return Ok(0);
        };
        let mut kin = vec![id];
        match &self.backend {
            Backend::Memory { cache, .. } => {
                let entry = cache.peek(&id);
                if let Some(near) = entry.as_ref().and_then(|entry| entry.near.as_ref()) {
                    let matches = near.row.kin(least, self.clock.now());
                    kin.extend(matches.found.iter().map(|found| found.id));
                }
            }
            Backend::Shared {
                client,
                prefix,
                sets,
            } => {
                let found = kin_of(client, prefix, sets, id).await;
                let near = found.map_err(unavailable)?.into_iter();
                kin.extend(
                    near.filter(|(_, cosine)| *cosine >= least)
                        .map(|(id, _)| id),
                );
            }
        }
        kin.sort_unstable();
        kin.dedup();
        let mut removed = 0;
        for id in kin {
            self.remove_element(&id).await?;
            removed += u64::from(self.remove(id).await?);
        }
        Ok(removed)
    }

    /// Adds the element of a reply that was stored, and removes some of its set that have lost
    /// theirs. The reply is there even where this fails.
    pub(super) async fn add_element(
        &self,
        sets: &Sets,
        part: &NearPart<'_>,
        id: Id,
        numbers: &[f32],
        expires: Option<u64>,
        ttl: u64,
    ) {
        let Backend::Shared { client, prefix, .. } = &self.backend else {
            return;
        };
        let element = Element { id, tag: part.tag };
        let some = match sets
            .add(&part.region, &element, numbers, expires, ttl)
            .await
        {
            Ok(some) => some,
            Err(fault) => {
                unavailable(fault);
                return;
            }
        };
        for element in some {
            if let Ok(None) = head_of(client, prefix, &part.region, &element).await {
                sets.remove(&part.region, &element).await;
            }
        }
    }

    /// Removes the element of a reply that is to be removed by hand, where it has one.
    pub(super) async fn remove_element(&self, id: &Id) -> Result<(), Unavailable> {
        let Backend::Shared {
            client,
            prefix,
            sets,
        } = &self.backend
        else {
            return Ok(());
        };
        let bytes = head_bytes(client, prefix, id).await.map_err(unavailable)?;
        if let Some((_, near)) = record::read_near(&bytes) {
            let element = Element {
                id: *id,
                tag: near.tag,
            };
            sets.remove(&near.region, &element).await;
        }
        Ok(())
    }

    /// Returns the figures of the vectors in this process.
    pub(in crate::state) fn vectors_figures(&self) -> VectorsFigures {
        match &self.backend {
            Backend::Memory { vectors, .. } => vectors.figures(),
            Backend::Shared { .. } => VectorsFigures {
                entries: 0,
                bytes: 0,
            },
        }
    }
}

impl Alive {
    /// Returns `None` if the reply has expired, or is another policy's.
    fn neighbour(self, space: &str, id: &Id, similarity: f32, now: u64) -> Option<Neighbour> {
        let key = self.key.strip_prefix(&*joined(space, ""))?.to_vec();
        let alive = self.expires.is_none_or(|at| now < at);
        let key = String::from_utf8(key).ok().filter(|_| alive)?;
        Some(Neighbour {
            similarity,
            key,
            id: hex(id),
            age: Duration::from_millis(now.saturating_sub(self.made)),
            expires_in: (self.expires).map(|at| Duration::from_millis(at.saturating_sub(now))),
            note: self.note.into(),
        })
    }
}

/// Terms of a lookup.
struct Wanted<'a> {
    space: &'a str,
    region: RegionId,
    least: f32,
    count: usize,
    now: u64,
}

async fn search(
    client: &StoreClient,
    prefix: &str,
    sets: &Sets,
    wanted: &Wanted<'_>,
    numbers: &[f32],
) -> Result<Vec<Neighbour>, Fault> {
    let Wanted { region, count, .. } = wanted;
    let mut found = Vec::new();
    if *count == 0 {
        return Ok(found);
    }
    let most = count + SPARE;
    for search in 0..SEARCHES {
        // Most lookups meet nothing that has expired.
        let alive_at = (search > 0).then_some(wanted.now);
        let all = sets.nearest(region, numbers, most, alive_at).await?;
        let complete = all.len() < most;
        let near: Vec<_> = (all.into_iter())
            .filter(|(_, cosine)| *cosine >= wanted.least)
            .collect();
        let heads = near
            .iter()
            .map(|(element, _)| head_of(client, prefix, region, element));
        let heads = join_all(heads).await;
        let further = !complete && near.len() == most;
        found.clear();
        for ((element, cosine), head) in near.into_iter().zip(heads) {
            let neighbour = head?
                .and_then(|head| head.neighbour(wanted.space, &element.id, cosine, wanted.now));
            match neighbour {
                Some(neighbour) => found.push(neighbour),
                None => sets.remove(region, &element).await,
            }
        }
        if found.len() >= *count || !further {
            break;
        }
    }
    found.truncate(*count);
    Ok(found)
}

/// Reads the head of the reply that an element leads to; `None` where it is gone, or has another
/// vector now.
async fn head_of(
    client: &StoreClient,
    prefix: &str,
    region: &RegionId,
    element: &Element,
) -> Result<Option<Alive>, Fault> {
    let bytes = head_bytes(client, prefix, &element.id).await?;
    let Some((head, near)) = record::read_near(&bytes) else {
        return Ok(None);
    };
    let own = near.region == *region && near.tag == element.tag;
    Ok(own.then(|| Alive {
        made: head.made,
        expires: head.expires,
        key: head.key.to_vec(),
        note: near.note.to_vec(),
    }))
}

async fn head_bytes(client: &StoreClient, prefix: &str, id: &Id) -> Result<Vec<u8>, Fault> {
    let mut read = redis::cmd("GETRANGE");
    read.arg(redis_key(prefix, id));
    read.arg(0).arg(record::LONGEST_HEAD - 1);
    match client.query(&read).await? {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Ok(Vec::new()),
    }
}

/// Finds the replies of a reply's region, nearest first, with their cosines.
async fn kin_of(
    client: &StoreClient,
    prefix: &str,
    sets: &Sets,
    id: Id,
) -> Result<Vec<(Id, f32)>, Fault> {
    let bytes = head_bytes(client, prefix, &id).await?;
    let Some((_, near)) = record::read_near(&bytes) else {
        return Ok(Vec::new());
    };
    let element = Element { id, tag: near.tag };
    let mut found = Vec::new();
    for (kin, cosine) in sets.kin(&near.region, &element, KIN).await? {
        // A reply that has moved is no kin by what it was.
        if head_of(client, prefix, &near.region, &kin).await?.is_some() {
            found.push((kin.id, cosine));
        }
    }
    Ok(found)
}

/// Hashes what makes a reply's vector its own.
pub(super) fn tag_of(region: &RegionId, near: &Near, key: &[u8], made: u64) -> u64 {
    let mut tag = Xxh3::new();
    tag.update(region);
    tag.update(&made.to_le_bytes());
    for number in near.vector.numbers() {
        tag.update(&number.to_le_bytes());
    }
    tag.update(&(key.len() as u64).to_le_bytes());
    tag.update(key);
    tag.update(&near.note);
    tag.digest()
}

fn unavailable(fault: Fault) -> Unavailable {
    metrics::store_fault("vectors", fault.word());
    Unavailable
}
