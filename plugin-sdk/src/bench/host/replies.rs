//! Stored replies, and those under way, by key. The replies themselves are not here.

use std::{collections::BTreeMap, time::Duration};

use super::{Outcome, with};
pub(crate) use crate::abi::outrigger::policy::replies::{Entry, Error, Found, Keeping};

#[derive(Clone, Default)]
pub(super) struct Replies {
    kept: BTreeMap<String, Kept>,
    /// Leading exchanges by key, each with the time since which it leads.
    leading: BTreeMap<String, (u64, Duration)>,
    /// Replies that exchanges want kept.
    wanted: Vec<(u64, String, Keeping)>,
    entries: u64,
}

#[derive(Clone)]
struct Kept {
    id: String,
    at: Duration,
    ttl: Duration,
}

impl Replies {
    /// Ends an exchange: nobody can join it any more, and a whole, good reply is kept where the
    /// exchange wants it.
    pub(super) fn settle(&mut self, exchange: u64, outcome: &Outcome, now: Duration) {
        self.leading.retain(|_, (leader, _)| *leader != exchange);
        let good = outcome.status == 200 && outcome.error.is_none() && !outcome.from_store;
        let whole = !matches!(
            outcome.finish.as_str(),
            "" | "length" | "max_tokens" | "MAX_TOKENS"
        );
        let calls = matches!(outcome.finish.as_str(), "tool_calls" | "tool_use");
        for (of, key, keeping) in std::mem::take(&mut self.wanted) {
            if of != exchange {
                self.wanted.push((of, key, keeping));
            } else if good && whole && keeping.ttl_ms > 0 && (keeping.tool_calls || !calls) {
                self.entries += 1;
                let kept = Kept {
                    id: format!("entry-{}", self.entries),
                    at: now,
                    ttl: Duration::from_millis(keeping.ttl_ms),
                };
                self.kept.insert(key, kept);
            }
        }
    }

    fn look(&mut self, key: &str, share: bool, exchange: u64, now: Duration) -> Found {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let live = self.kept.get(key).filter(|kept| now < kept.at + kept.ttl);
        if let Some(kept) = live {
            return Found::Kept(Entry {
                id: kept.id.clone(),
                age_ms: milliseconds(now.saturating_sub(kept.at)),
                expires_in_ms: milliseconds(kept.at + kept.ttl - now),
            });
        }
        match self.leading.get(key) {
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
    let exchange = super::deciding("replies::keep");
    check(key)?;
    with(|world| world.replies.wanted.push((exchange, key.into(), keeping)));
    Ok(())
}

pub(crate) fn evict(key: &str) -> Result<(), Error> {
    check(key)?;
    with(|world| world.replies.kept.remove(key));
    Ok(())
}

/// The keys of the replies that are kept, sorted.
#[must_use]
pub fn kept() -> Vec<String> {
    with(|world| {
        world
            .replies
            .kept
            .retain(|_, kept| world.now < kept.at + kept.ttl);
        world.replies.kept.keys().cloned().collect()
    })
}
