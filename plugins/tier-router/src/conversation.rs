//! Conversations: the tier of the first turn is that of the others, as another model has none of the
//! provider's prompt cache.
//!
//! A turn is known by its conversation's first user message and by whose it is. Two conversations
//! that begin alike have one tier from their second turns on; that harms neither.

use std::time::Duration;

use outrigger_sdk::{Request, metrics, settings::Keys, values};

use crate::offer::Tier;

/// Bytes of a message that are hashed, beside its length.
const HEAD: usize = 2_048;

/// Terms on which a conversation stays on its tier.
#[derive(Debug)]
pub(crate) struct Sticky {
    pub(crate) per: Keys,
    pub(crate) ttl: Duration,
    /// Price of cached input, in percents of the usual one.
    pub(crate) cached: u64,
}

/// A turn of a conversation.
#[derive(Debug)]
pub(crate) struct Turn {
    key: String,
    ttl: Duration,
    first: bool,
}

impl Sticky {
    pub(crate) const fn cached_percent(&self) -> u64 {
        self.cached
    }

    /// Names the conversation of a request; `None` where no text of the user's is in it.
    pub(crate) fn turn(&self, request: &Request) -> Option<Turn> {
        let mut passages = request.passages();
        let first = passages.next()?;
        let mut hash = hashed(FNV, &first.text);
        for passage in passages.take_while(|passage| passage.message == first.message) {
            hash = hashed(hash, &passage.text);
        }
        Some(Turn {
            key: format!("{hash:016x}:{}", self.per.name(request)),
            ttl: self.ttl,
            first: first.message.saturating_add(1) >= request.messages(),
        })
    }
}

impl Turn {
    /// Returns the tier of the turns before; `None` for a first turn, and where it is forgotten.
    pub(crate) fn kept(&self, tiers: &[Tier]) -> Option<usize> {
        if self.first {
            return None;
        }
        match values::get(&self.key) {
            Ok(kept) => {
                let kept = kept?;
                tiers.iter().position(|tier| tier.model.as_bytes() == kept)
            }
            Err(_) => {
                metrics::count("store_failed", 1);
                None
            }
        }
    }

    /// Has the next turns begin on this tier.
    pub(crate) fn keep(&self, tier: &Tier) {
        if values::set(&self.key, tier.model.as_bytes(), Some(self.ttl)).is_err() {
            metrics::count("store_failed", 1);
        }
    }
}

/// FNV-1a's beginning: a conversation's name is no secret, and hides nothing.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn hashed(hash: u64, text: &str) -> u64 {
    let length = (text.len() as u64).to_le_bytes();
    let head = text.bytes().take(HEAD);
    head.chain(length).fold(hash, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
