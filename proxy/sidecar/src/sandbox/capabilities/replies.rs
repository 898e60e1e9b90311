//! Replies that outlive their exchange: kept ones in whatever store the proxy was given, those under way in this process.

use super::{super::bindings::replies as wit, State, misuse};
use crate::{
    policy::{Found, Keep},
    state::flights::Seat,
};

/// Bytes of a key.
const KEY: usize = 512;
/// Replies of one exchange that are looked for or kept.
const REPLIES: usize = 8;

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
        if call.books.found.len() + call.books.leads.len() >= REPLIES {
            return misuse("find: an exchange looks for 8 replies at most");
        }
        if !call.books.recordable {
            return Ok(Ok(wit::Found::Absent));
        }
        let streaming = call.body.streaming();
        let shared = self.shared.clone();
        let replies = shared.host.stores.replies();
        let Ok(kept) = self.within(replies.get(&shared.name, &key)).await? else {
            return Ok(Err(wit::Error::Unavailable));
        };
        if let Some(kept) = kept {
            let entry = wit::Entry {
                id: kept.id.clone(),
                age_ms: millis(kept.age),
                expires_in_ms: kept.expires_in.map_or(0, millis),
            };
            self.lent()?.books.found.push((key, Found::Kept(kept)));
            return Ok(Ok(wit::Found::Kept(entry)));
        }
        if !share {
            return Ok(Ok(wit::Found::Absent));
        }
        // A stream under way serves those who want a stream, a whole reply those who want it whole.
        let form = if streaming { 's' } else { 'w' };
        // Names hold no zero byte, so no two policies share a key.
        let own = format!("{form}\0{}\0{key}", shared.name);
        match shared.host.flights.lead_or_join(own) {
            Seat::Lead(lead) => self.lent()?.books.leads.push(lead),
            Seat::Alone => {}
            Seat::Follow(follow) => {
                let entry = wit::Entry {
                    id: format!("flight-{}", follow.id()),
                    age_ms: millis(follow.age()),
                    expires_in_ms: 0,
                };
                let books = &mut self.lent()?.books;
                books.found.push((key, Found::UnderWay(follow)));
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
        let books = &mut self.lent()?.books;
        if books.keeps.len() >= REPLIES {
            return misuse("keep: an exchange's reply is kept under 8 keys at most");
        }
        if books.recordable {
            books.keeps.push(Keep {
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
        let replies = shared.host.stores.replies();
        let evicted = self.within(replies.evict(&shared.name, &key)).await?;
        Ok(evicted.map(drop).map_err(|_| wit::Error::Unavailable))
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
