//! Replies that outlive their exchange: kept ones in whatever store the proxy was given, those in
//! progress in this process.

use std::time::Duration;

use policy::{Found, Keep, Kept, Ticket};

use super::{
    super::bindings::interfaces::replies as wit, Access, Capability, Nothing, State, Unavailable,
    Work, misuse,
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
    /// Joins the exchange that is getting the reply of `key`, or leads. Keys are namespaced by the
    /// caller: any caller with the key gets the reply.
    fn lead_or_join(&self, key: String) -> Flight;
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
            });
        }
        Ok(Ok(()))
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

    fn lead_or_join(&self, _: String) -> Flight {
        Flight::Alone
    }
}
