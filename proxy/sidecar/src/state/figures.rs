//! Figures of the stores for operators: names and numbers, never content.

use serde::Serialize;

use super::Stores;

/// Most buckets that are listed.
const LISTED: usize = 1000;

/// The stores as they stand.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// `memory`, `redis` or `redis cluster`.
    pub store: &'static str,
    /// True if the store answers.
    pub reachable: bool,
    /// Settlements that the store does not have yet.
    pub unsettled: usize,
    /// Buckets that this replica knows; of a shared store, those that it used lately.
    pub buckets_known: usize,
    /// Up to a thousand of them, by name.
    pub buckets: Vec<BucketFigures>,
    /// Small values.
    pub values: ValuesFigures,
    /// Kept replies.
    pub replies: RepliesFigures,
    /// Vectors of kept replies.
    pub vectors: VectorsFigures,
}

/// One bucket.
#[derive(Debug, Serialize)]
pub struct BucketFigures {
    /// Key and window.
    pub name: String,
    /// Units settled and reserved.
    pub used: u64,
    /// Limit of the last request for it.
    pub limit: u64,
    /// Milliseconds until the whole limit is there again, or the period ends.
    pub reset_ms: u64,
}

/// Small values in this process's memory; of a shared store nothing is known.
#[derive(Debug, Serialize)]
pub struct ValuesFigures {
    /// Number of values.
    pub entries: u64,
    /// Their size, keys included.
    pub bytes: u64,
}

/// Kept replies.
#[derive(Debug, Serialize)]
pub struct RepliesFigures {
    /// Replies in this process's memory; of a shared store nothing is known.
    pub entries: u64,
    /// Their size, keys included.
    pub bytes: u64,
    /// Replies found by this process.
    pub hits: u64,
    /// Lookups by this process that found nothing.
    pub misses: u64,
}

/// Vectors of kept replies in this process's memory; of a shared store nothing is known.
#[derive(Debug, Serialize)]
pub struct VectorsFigures {
    /// Number of vectors.
    pub entries: u64,
    /// Their size, with what finds them.
    pub bytes: u64,
}

impl Stores {
    /// Collects the figures. Queries a shared store for its buckets, so it may take a second.
    pub async fn snapshot(&self) -> Figures {
        let inner = &self.0;
        let (mut buckets, buckets_known) = match &inner.shared {
            Some(shared) => shared.limits.list(LISTED).await,
            None => inner.buckets.list(LISTED, inner.clock.now()),
        };
        buckets.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let (store, reachable, unsettled) = match &inner.shared {
            None => ("memory", true, 0),
            Some(shared) => {
                let store = match shared.cluster {
                    true => "redis cluster",
                    false => "redis",
                };
                let up = shared.clients.iter().all(|client| client.is_up());
                (store, up, shared.limits.unsettled())
            }
        };
        Figures {
            store,
            reachable,
            unsettled,
            buckets_known,
            buckets,
            values: ValuesFigures {
                entries: inner.values.len() as u64,
                bytes: inner.values.used() as u64,
            },
            replies: inner.replies.figures(),
            vectors: inner.replies.vectors_figures(),
        }
    }
}
