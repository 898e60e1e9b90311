//! Replies that outlive their exchange: kept ones in whatever store the proxy was given, those in
//! progress in this process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use policy::{Found, Keep, Kept, Near, Partition, Ticket, Vector};

use super::{
    super::bindings::interfaces::replies as wit, Access, Capability, Nothing, State, Unavailable,
    Work, misuse, partition,
};

/// The capability `replies`.
pub static REPLIES: Capability = Capability {
    name: "replies",
    about: "serves replies that were kept or are under way, and keeps its own",
    access: Access::Named,
    waits: true,
    linked: linked!(replies since V0_2),
};

/// A store of replies, and those in progress. What is to be kept is noted in the call; the code
/// that serves the exchange keeps it.
pub trait Replies: Send + Sync {
    /// Finds a kept reply.
    fn find<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
    ) -> Work<'a, Result<Option<Kept>, Unavailable>>;
    /// Removes a kept reply, and reports whether there was one.
    fn evict<'a>(&'a self, space: &'a str, key: &'a str) -> Work<'a, Result<bool, Unavailable>>;
    /// Finds the kept replies whose vectors are nearest to this one in a partition: `count` at most
    /// of those with a cosine of `least` or more, nearest first. One that has expired or was evicted
    /// is not among them.
    fn nearest<'a>(
        &'a self,
        space: &'a str,
        partition: Partition,
        vector: Arc<Vector>,
        least: f32,
        count: usize,
    ) -> Work<'a, Result<Vec<Neighbour>, Unavailable>>;
    /// Joins the exchange that is getting the reply of `key`, or leads. Keys are namespaced by the
    /// caller: any caller with the key gets the reply.
    fn lead_or_join(&self, key: String) -> Flight;
}

/// A kept reply whose question is like another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// Cosine of the two vectors.
    pub similarity: f32,
    /// The policy's own key of the reply.
    pub key: String,
    /// Id for headers and for eviction; 32 hexadecimal digits.
    pub id: String,
    /// Time since it was stored.
    pub age: Duration,
    /// Time until it expires; `None` if it does not.
    pub expires_in: Option<Duration>,
    /// Bytes that the policy noted beside it.
    pub note: Bytes,
}

/// The role of an exchange for a reply that others may want too.
pub enum Flight {
    /// Gets it for all.
    Lead(Ticket),
    /// Waits for the exchange that leads.
    Follow {
        /// Place among those that wait.
        follow: Ticket,
        /// Number of the flight in this process; says nothing of its key.
        id: u64,
        /// Time since the flight began.
        age: Duration,
    },
    /// Goes on by itself and shares nothing.
    Alone,
}

/// Bytes of a key.
const KEY: usize = 512;
/// Replies of one exchange that are looked for or kept.
const MOST: usize = 8;
/// Partitions that an exchange names.
const PARTITIONS: usize = 8;
/// Bytes of a note.
const NOTE: usize = 4096;
/// Neighbours that one call finds.
const NEIGHBOURS: u32 = 16;

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

fn checked(key: &str) -> Result<(), wit::Error> {
    match key.len() {
        1..=KEY => Ok(()),
        _ => Err(wit::Error::Invalid("a key has 1 to 512 bytes".into())),
    }
}

impl wit::Host for State {
    async fn find(&mut self, key: String, share: bool) -> Answer<wit::Found> {
        self.live()?;
        if let Err(why) = checked(&key) {
            return Ok(Err(why));
        }
        let call = self.lent()?;
        if call.claims.found.len() + call.claims.leads.len() >= MOST {
            return misuse("find: an exchange looks for 8 replies at most");
        }
        if !call.claims.recordable {
            return Ok(Ok(wit::Found::Absent));
        }
        let streaming = call.body.streaming();
        let shared = self.shared.clone();
        let replies = &shared.host.replies;
        let Ok(kept) = self.within(replies.find(&shared.name, &key)).await? else {
            return Ok(Err(wit::Error::Unavailable));
        };
        if let Some(kept) = kept {
            let entry = wit::Entry {
                id: kept.id.clone(),
                age_ms: millis(kept.age),
                expires_in_ms: kept.expires_in.map_or(0, millis),
            };
            self.lent()?.claims.found.push((key, Found::Kept(kept)));
            return Ok(Ok(wit::Found::Kept(entry)));
        }
        if !share {
            return Ok(Ok(wit::Found::Absent));
        }
        // A stream in progress serves calls for a stream, a whole reply calls for a whole one.
        let form = if streaming { 's' } else { 'w' };
        // Names contain no zero byte, so no two policies share a key.
        let own = format!("{form}\0{}\0{key}", shared.name);
        match replies.lead_or_join(own) {
            Flight::Lead(lead) => self.lent()?.claims.leads.push(lead),
            Flight::Alone => {}
            Flight::Follow { follow, id, age } => {
                let entry = wit::Entry {
                    id: format!("flight-{id}"),
                    age_ms: millis(age),
                    expires_in_ms: 0,
                };
                let claims = &mut self.lent()?.claims;
                claims.found.push((key, Found::UnderWay(follow)));
                return Ok(Ok(wit::Found::UnderWay(entry)));
            }
        }
        Ok(Ok(wit::Found::Absent))
    }

    async fn keep(&mut self, key: String, keeping: wit::Keeping) -> Answer<()> {
        self.keep_as(key, keeping, None)
    }

    async fn partition(
        &mut self,
        question: Vec<u32>,
        without: Vec<String>,
        parts: Vec<String>,
    ) -> Answer<u32> {
        self.live()?;
        if question.is_empty() {
            return Ok(invalid("a partition is named by its question"));
        }
        if parts.is_empty() || parts.iter().any(String::is_empty) {
            return Ok(invalid(
                "a partition without parts, or with an empty one, is nobody's",
            ));
        }
        let space = self.shared.name.clone();
        let call = self.lent()?;
        if call.claims.partitions.len() >= PARTITIONS {
            return misuse("partition: an exchange names 8 partitions at most");
        }
        let partition = match partition::of(&space, call, &question, &without, &parts) {
            Ok(Some(partition)) => partition,
            Ok(None) => return Ok(invalid("the body is no JSON, or is ambiguous")),
            Err(error) => return misuse(format!("partition: {error}")),
        };
        let partitions = &mut call.claims.partitions;
        partitions.push(partition);
        Ok(Ok(u32::try_from(partitions.len() - 1).unwrap_or(u32::MAX)))
    }

    async fn nearest(
        &mut self,
        partition: u32,
        vector: u32,
        least: f32,
        count: u32,
    ) -> Answer<Vec<(f32, wit::Neighbour)>> {
        self.live()?;
        let partition = self.partition_of("nearest", partition)?;
        let vector = self.vector_of("nearest", vector)?;
        if !(-1.0..=1.0).contains(&least) {
            return Ok(invalid("a cosine is -1 to 1"));
        }
        if !self.lent()?.claims.recordable {
            return Ok(Ok(Vec::new()));
        }
        let shared = self.shared.clone();
        let count = count.min(NEIGHBOURS) as usize;
        let found = (shared.host.replies).nearest(&shared.name, partition, vector, least, count);
        let Ok(found) = self.within(found).await? else {
            return Ok(Err(wit::Error::Unavailable));
        };
        let notes: usize = found.iter().map(|near| near.note.len()).sum();
        self.pace.show(notes as u64);
        Ok(Ok(found.into_iter().map(shown).collect()))
    }

    async fn keep_near(
        &mut self,
        key: String,
        keeping: wit::Keeping,
        partition: u32,
        vector: u32,
        note: Vec<u8>,
    ) -> Answer<()> {
        if note.len() > NOTE {
            return Ok(invalid("a note has 4,096 bytes at most"));
        }
        let near = Near {
            partition: self.partition_of("keep-near", partition)?,
            vector: self.vector_of("keep-near", vector)?,
            note: note.into(),
        };
        self.keep_as(key, keeping, Some(near))
    }

    async fn evict(&mut self, key: String) -> Answer<()> {
        self.live()?;
        if let Err(why) = checked(&key) {
            return Ok(Err(why));
        }
        let shared = self.shared.clone();
        let replies = &shared.host.replies;
        let evicted = self.within(replies.evict(&shared.name, &key)).await?;
        Ok(evicted.map(drop).map_err(|_| wit::Error::Unavailable))
    }
}

impl State {
    fn keep_as(&mut self, key: String, keeping: wit::Keeping, near: Option<Near>) -> Answer<()> {
        self.live()?;
        if let Err(why) = checked(&key) {
            return Ok(Err(why));
        }
        let space = self.shared.name.clone();
        let claims = &mut self.lent()?.claims;
        if claims.keeps.len() >= MOST {
            return misuse("keep: an exchange's reply is kept under 8 keys at most");
        }
        if claims.recordable {
            claims.keeps.push(Keep {
                space,
                key,
                ttl_ms: keeping.ttl_ms,
                tool_calls: keeping.tool_calls,
                max_bytes: keeping.max_bytes as usize,
                near,
            });
        }
        Ok(Ok(()))
    }

    /// Returns the partition of a number; one that was not given out is a misuse.
    fn partition_of(&mut self, of: &str, id: u32) -> wasmtime::Result<Partition> {
        match self.lent()?.claims.partitions.get(id as usize) {
            Some(partition) => Ok(*partition),
            None => misuse(format!("{of}: there is no partition {id}")),
        }
    }
}

fn invalid<T>(why: &str) -> Result<T, wit::Error> {
    Err(wit::Error::Invalid(why.into()))
}

fn shown(near: Neighbour) -> (f32, wit::Neighbour) {
    let entry = wit::Entry {
        id: near.id,
        age_ms: millis(near.age),
        expires_in_ms: near.expires_in.map_or(0, millis),
    };
    let note = near.note.into();
    let neighbour = wit::Neighbour {
        key: near.key,
        entry,
        note,
    };
    (near.similarity, neighbour)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Replies for Nothing {
    fn find<'a>(&'a self, _: &'a str, _: &'a str) -> Work<'a, Result<Option<Kept>, Unavailable>> {
        Work::now(Err(Unavailable))
    }

    fn evict<'a>(&'a self, _: &'a str, _: &'a str) -> Work<'a, Result<bool, Unavailable>> {
        Work::now(Err(Unavailable))
    }

    fn nearest<'a>(
        &'a self,
        _: &'a str,
        _: Partition,
        _: Arc<Vector>,
        _: f32,
        _: usize,
    ) -> Work<'a, Result<Vec<Neighbour>, Unavailable>> {
        Work::now(Err(Unavailable))
    }

    fn lead_or_join(&self, _: String) -> Flight {
        Flight::Alone
    }
}
