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

/// The tier of a conversation's turns so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) tier: usize,
    /// A reply of a lower tier was not fit, so that the conversation never moves down.
    pub(crate) escalated: bool,
}

/// Behind the tier's model, which has no space in it, in the store.
const ESCALATED: &str = " escalated";

impl Turn {
    /// Returns the tier of the turns before; `None` for a first turn, and where it is forgotten.
    pub(crate) fn kept(&self, tiers: &[Tier]) -> Option<Kept> {
        if self.first {
            return None;
        }
        let Ok(kept) = values::get(&self.key) else {
            metrics::count("store_failed", 1);
            return None;
        };
        let kept = String::from_utf8(kept?).ok()?;
        let (model, escalated) = match kept.strip_suffix(ESCALATED) {
            Some(model) => (model, true),
            None => (kept.as_str(), false),
        };
        let tier = tiers.iter().position(|tier| tier.model == model)?;
        Some(Kept { tier, escalated })
    }

    /// Has the next turns begin on this tier; where it is escalated, they stay there or go up.
    pub(crate) fn keep(&self, tier: &Tier, escalated: bool) {
        let mut value = tier.model.clone();
        if escalated {
            value.push_str(ESCALATED);
        }
        if values::set(&self.key, value.as_bytes(), Some(self.ttl)).is_err() {
            metrics::count("store_failed", 1);
        }
    }
}

/// FNV-1a's beginning. Eight bytes are taken at a time: a conversation's name is no secret, and hides
/// nothing.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;
/// 2^64 by the golden ratio, odd: Knuth's multiplier.
const RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

fn hashed(hash: u64, text: &str) -> u64 {
    let head = text.as_bytes().get(..HEAD).unwrap_or(text.as_bytes());
    let length = [text.len() as u64];
    let words = head.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    });
    // The upper half comes down, as a product only carries upwards.
    words.chain(length).fold(hash, |hash, word| {
        let product = (hash ^ word).wrapping_mul(RATIO);
        product ^ (product >> 32)
    })
}
