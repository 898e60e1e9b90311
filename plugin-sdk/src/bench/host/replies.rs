//! Stored replies, and those under way, by key. The replies themselves are not here.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use sha2::{Digest, Sha256};

use super::{Outcome, embeddings, with};
pub(crate) use crate::abi::outrigger::policy::replies::{Entry, Error, Found, Keeping, Neighbour};

/// Partitions that an exchange names.
const PARTITIONS: usize = 8;
/// Bytes of a note.
const NOTE: usize = 4096;
/// Neighbours that one call finds.
const NEIGHBOURS: usize = 16;

#[derive(Clone, Default)]
pub(super) struct Replies {
    kept: BTreeMap<String, Kept>,
    /// Leading exchanges by key, each with the time since which it leads.
    leading: BTreeMap<String, (u64, Duration)>,
    /// Replies that exchanges want kept.
    wanted: Vec<(u64, String, Keeping, Option<Near>)>,
    /// Partitions that an exchange named, by their number.
    partitions: BTreeMap<u64, Vec<[u8; 32]>>,
    entries: u64,
}

#[derive(Clone)]
struct Kept {
    id: String,
    at: Duration,
    ttl: Duration,
    near: Option<Near>,
}

impl Kept {
    fn is_live(&self, now: Duration) -> bool {
        now < self.at + self.ttl
    }

    fn entry(&self, now: Duration) -> Entry {
        Entry {
            id: self.id.clone(),
            age_ms: milliseconds(now.saturating_sub(self.at)),
            expires_in_ms: milliseconds((self.at + self.ttl).saturating_sub(now)),
        }
    }
}

/// The question that a reply answers.
#[derive(Clone)]
struct Near {
    partition: [u8; 32],
    vector: Rc<[f32]>,
    note: Vec<u8>,
}

impl Replies {
    /// Ends an exchange: nobody can join it any more, and a whole, good reply is kept where the
    /// exchange wants it.
    pub(super) fn settle(&mut self, exchange: u64, outcome: &Outcome, now: Duration) {
        self.leading.retain(|_, (leader, _)| *leader != exchange);
        self.partitions.remove(&exchange);
        let good = outcome.status == 200 && outcome.error.is_none() && !outcome.from_store;
        let whole = !matches!(
            outcome.finish.as_str(),
            "" | "length" | "max_tokens" | "MAX_TOKENS"
        );
        let calls = matches!(outcome.finish.as_str(), "tool_calls" | "tool_use");
        for (of, key, keeping, near) in std::mem::take(&mut self.wanted) {
            if of != exchange {
                self.wanted.push((of, key, keeping, near));
            } else if good && whole && keeping.ttl_ms > 0 && (keeping.tool_calls || !calls) {
                self.entries += 1;
                let kept = Kept {
                    id: format!("entry-{}", self.entries),
                    at: now,
                    ttl: Duration::from_millis(keeping.ttl_ms),
                    near,
                };
                self.kept.insert(key, kept);
            }
        }
    }

    fn look(&mut self, key: &str, share: bool, exchange: u64, now: Duration) -> Found {
        let live = self.kept.get(key).filter(|kept| kept.is_live(now));
        if let Some(kept) = live {
            return Found::Kept(kept.entry(now));
        }
        match self.leading.get(key).filter(|_| share) {
            Some((_, since)) => Found::UnderWay(Entry {
                id: "under-way".into(),
                age_ms: milliseconds(now.saturating_sub(*since)),
                expires_in_ms: 0,
            }),
            None => {
                if share {
                    self.leading.insert(key.into(), (exchange, now));
                }
                Found::Absent
            }
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn check(key: &str) -> Result<(), Error> {
    match key.len() {
        _ if with(|world| world.stores_fail) => Err(Error::Unavailable),
        1..=512 => Ok(()),
        length => Err(Error::Invalid(format!(
            "a key has 1 to 512 bytes, not {length}"
        ))),
    }
}

pub(crate) fn find(key: &str, share: bool) -> Result<Found, Error> {
    let exchange = super::deciding("replies::find");
    check(key)?;
    Ok(with(|world| {
        world.replies.look(key, share, exchange, world.now)
    }))
}

pub(crate) fn keep(key: &str, keeping: Keeping) -> Result<(), Error> {
    keep_as("replies::keep", key, keeping, None)
}

fn keep_as(of: &str, key: &str, keeping: Keeping, near: Option<Near>) -> Result<(), Error> {
    let exchange = super::deciding(of);
    check(key)?;
    let wanted = (exchange, key.into(), keeping, near);
    with(|world| world.replies.wanted.push(wanted));
    Ok(())
}

pub(crate) fn evict(key: &str) -> Result<(), Error> {
    check(key)?;
    with(|world| world.replies.kept.remove(key));
    Ok(())
}

pub(crate) fn partition(
    question: &[u32],
    without: &[String],
    parts: &[String],
) -> Result<u32, Error> {
    let exchange = super::deciding("replies::partition");
    let invalid = |why: &str| Err(Error::Invalid(why.into()));
    if question.is_empty() {
        return invalid("a partition is named by its question");
    }
    if parts.is_empty() || parts.iter().any(String::is_empty) {
        return invalid("a partition without parts, or with an empty one, is nobody's");
    }
    let (_, request, _) = super::current();
    let Some(form) = request.fingerprint_without(question, without) else {
        return invalid("the body is no JSON, or is ambiguous");
    };
    let (path, model) = (request.path(), request.model().unwrap_or_default());
    let fixed = [path.as_bytes(), model.as_bytes(), &form];
    let mut hash = Sha256::new();
    for part in fixed.into_iter().chain(parts.iter().map(String::as_bytes)) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    with(|world| {
        let named = world.replies.partitions.entry(exchange).or_default();
        assert!(
            named.len() < PARTITIONS,
            "an exchange names {PARTITIONS} partitions at most"
        );
        named.push(hash.finalize().into());
        Ok(u32::try_from(named.len() - 1).unwrap_or(u32::MAX))
    })
}

/// Returns the partition of a number, which this exchange was given.
fn named(exchange: u64, partition: u32) -> [u8; 32] {
    let named = with(|world| {
        world
            .replies
            .partitions
            .get(&exchange)?
            .get(partition as usize)
            .copied()
    });
    named.unwrap_or_else(|| panic!("there is no partition {partition}"))
}

pub(crate) fn nearest(
    partition: u32,
    vector: u32,
    least: f32,
    count: u32,
) -> Result<Vec<(f32, Neighbour)>, Error> {
    let exchange = super::deciding("replies::nearest");
    let partition = named(exchange, partition);
    let vector = embeddings::made(exchange, vector);
    if !(-1.0..=1.0).contains(&least) {
        return Err(Error::Invalid("a cosine is -1 to 1".into()));
    }
    with(|world| {
        if world.stores_fail {
            return Err(Error::Unavailable);
        }
        let near = |(key, kept): (&String, &Kept)| {
            let near = kept.near.as_ref().filter(|_| kept.is_live(world.now))?;
            let same = near.partition == partition && near.vector.len() == vector.len();
            let similarity = same.then(|| embeddings::cosine(&near.vector, &vector))?;
            let neighbour = Neighbour {
                key: key.clone(),
                entry: kept.entry(world.now),
                note: near.note.clone(),
            };
            (similarity >= least).then_some((similarity, neighbour))
        };
        let mut found: Vec<_> = world.replies.kept.iter().filter_map(near).collect();
        found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        found.truncate((count as usize).min(NEIGHBOURS));
        Ok(found)
    })
}

pub(crate) fn keep_near(
    key: &str,
    keeping: Keeping,
    partition: u32,
    vector: u32,
    note: &[u8],
) -> Result<(), Error> {
    let exchange = super::deciding("replies::keep_near");
    if note.len() > NOTE {
        return Err(Error::Invalid("a note has 4,096 bytes at most".into()));
    }
    let near = Near {
        partition: named(exchange, partition),
        vector: embeddings::made(exchange, vector),
        note: note.into(),
    };
    keep_as("replies::keep_near", key, keeping, Some(near))
}

/// The keys of the replies that are kept, sorted.
#[must_use]
pub fn kept() -> Vec<String> {
    with(|world| {
        let now = world.now;
        world.replies.kept.retain(|_, kept| kept.is_live(now));
        world.replies.kept.keys().cloned().collect()
    })
}
