//! Replies that outlive their exchange: kept ones, and those of exchanges that are under way. Needs
//! the grant `replies`.
//!
//! The proxy records and replays them, as a stream or whole as the caller asks, tool calls and
//! usage included. A policy names keys, and answers with what it found by
//! [`Decision::serve`](crate::Decision::serve). A key must differ for requests that may be answered
//! differently, and for callers who may not see each other's answers:
//! [`Request::fingerprint`](crate::Request::fingerprint),
//! [`Request::caller`](crate::Request::caller) and [`digest`](crate::digest) make one.
//!
//! ```
//! # use outrigger_sdk::{Decision, Policy, Request, digest, replies::{self, Found, Keeping}};
//! # use std::time::Duration;
//! # #[derive(serde::Deserialize)] struct Once {}
//! impl Policy for Once {
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         let Some(body) = request.fingerprint(&["/stream", "/stream_options"]) else {
//!             return Decision::Forward;
//!         };
//!         let (path, caller) = (request.path(), request.caller().unwrap_or_default());
//!         let key = digest([body.as_slice(), path.as_bytes(), caller.as_bytes()]);
//!         match replies::find(&key, true) {
//!             Ok(Found::Kept(_) | Found::UnderWay(_)) => return Decision::serve(key),
//!             Ok(Found::Absent) => {
//!                 let _ = replies::keep(&key, Keeping::new(Duration::from_secs(60)));
//!             }
//!             Err(_) => {}
//!         }
//!         Decision::Forward
//!     }
//! }
//! ```

use std::time::Duration;

pub use crate::abi::outrigger::policy::replies::{Entry, Error, Found, Keeping};
use crate::{embeddings::Vector, host::replies, request::owned};

/// Looks for a reply under `key` (512 bytes at most). In `on_request` only.
///
/// With `share`, an exchange that finds nothing leads: others that look for the key while it is
/// under way find it, and may join.
///
/// # Errors
/// The store can't be reached, or the key is wrong.
pub fn find(key: &str, share: bool) -> Result<Found, Error> {
    replies::find(key, share)
}

/// Requests that this exchange's reply be kept under `key`. Refusals, errors, cut and truncated
/// replies never are. In `on_request` only.
///
/// # Errors
/// As [`find`].
pub fn keep(key: &str, keeping: Keeping) -> Result<(), Error> {
    replies::keep(key, keeping)
}

/// Forgets a kept reply; one that is not there is no error.
///
/// ```
/// # use outrigger_sdk::replies::{self, Entry, Keeping};
/// # use std::time::Duration;
/// replies::evict("a key")?;
/// let keeping = Keeping::new(Duration::from_secs(60)).tool_calls(true).max_bytes(100_000);
/// assert_eq!((keeping.ttl_ms, keeping.tool_calls), (60_000, true));
/// let entry = Entry { id: "1f".into(), age_ms: 5_000, expires_in_ms: 0 };
/// assert_eq!((entry.age(), entry.expires_in()), (Duration::from_secs(5), None));
/// # Ok::<(), replies::Error>(())
/// ```
///
/// # Errors
/// As [`find`].
pub fn evict(key: &str) -> Result<(), Error> {
    replies::evict(key)
}

/// All that two requests must have in common for the reply to the one to answer the other, their
/// question apart. It is valid in its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition(u32);

/// A kept reply whose question is like another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// Cosine of the two questions' vectors.
    pub similarity: f32,
    /// The key under which it was kept, for [`find`] and
    /// [`Decision::serve`](crate::Decision::serve).
    pub key: String,
    /// Its id and age.
    pub entry: Entry,
    /// Bytes that were noted beside it.
    pub note: Vec<u8>,
}

/// Names the partition of this request: within it, replies differ by their question alone.
///
/// It is a hash of the path, the model, the whole body as it stands now but for the texts of the
/// passages `question` and the values at the JSON pointers `without`, and of `parts`, which say
/// whose the replies are. So what is not named as the question keeps two requests apart. A policy
/// has the ids of passages that it declares in [`Policy::READS`](crate::Policy::READS). An exchange
/// names 8 partitions at most. In `on_request` only.
///
/// ```
/// # use outrigger_sdk::{Decision, Place, Places, Policy, Request, digest, embeddings};
/// # use outrigger_sdk::replies::{self, Found, Keeping, Neighbour, Partition};
/// # use std::time::Duration;
/// # #[derive(serde::Deserialize)] struct Alike {}
/// impl Policy for Alike {
///     const READS: Places = Places::USER;
///     fn on_request(&mut self, request: &mut Request) -> Decision {
///         self.look(request).unwrap_or(Decision::Forward)
///     }
/// }
/// impl Alike {
///     /// `None` where the store or the embedder has nothing to say.
///     fn look(&self, request: &Request) -> Option<Decision> {
///         let (mut ids, mut question) = (Vec::new(), String::new());
///         for passage in request.last_user() {
///             ids.push(passage.id);
///             question.push_str(&passage.text);
///         }
///         let caller = request.caller()?;
///         let partition: Partition = replies::partition(&ids, &["/stream"], &[&caller]).ok()?;
///         let vector = *embeddings::embed(&[&question]).ok()?.first()?;
///         for Neighbour { similarity, key, entry, note } in
///             replies::nearest(partition, vector, 0.9, 4).ok()?
///         {
///             let same_length = note == question.len().to_string().into_bytes();
///             let kept = || matches!(replies::find(&key, false), Ok(Found::Kept(_)));
///             if same_length && similarity > 0.95 && entry.age().as_secs() < 600 && kept() {
///                 return Some(Decision::serve(key));
///             }
///         }
///         let body = request.fingerprint(&["/stream"])?;
///         let key = digest([body.as_slice(), caller.as_bytes()]);
///         let keeping = Keeping::new(Duration::from_secs(3600));
///         let note = question.len().to_string();
///         replies::keep_near(&key, keeping, partition, vector, note.as_bytes()).ok()?;
///         None
///     }
/// }
/// ```
///
/// # Errors
/// There is no question, no part, or an empty one; or the body is no JSON, or is ambiguous.
pub fn partition(question: &[u32], without: &[&str], parts: &[&str]) -> Result<Partition, Error> {
    replies::partition(question, &owned(without), &owned(parts)).map(Partition)
}

/// Finds the kept replies of a partition whose vectors are nearest to this one: `count` (16 at
/// most) of those with a cosine of `least` or more, nearest first. Those of another embedder are
/// never among them. In `on_request` only.
///
/// # Errors
/// The store can't be reached, or `least` is no cosine (-1 to 1).
pub fn nearest(
    partition: Partition,
    vector: Vector,
    least: f32,
    count: u32,
) -> Result<Vec<Neighbour>, Error> {
    let found = replies::nearest(partition.0, vector.id(), least, count)?;
    let near =
        |(similarity, near): (f32, crate::abi::outrigger::policy::replies::Neighbour)| Neighbour {
            similarity,
            key: near.key,
            entry: near.entry,
            note: near.note,
        };
    Ok(found.into_iter().map(near).collect())
}

/// As [`keep`], to be found by [`nearest`], too, until it is evicted, with a note of 4,096 bytes at
/// most. In `on_request` only.
///
/// # Errors
/// As [`find`], or the note is too large.
pub fn keep_near(
    key: &str,
    keeping: Keeping,
    partition: Partition,
    vector: Vector,
    note: &[u8],
) -> Result<(), Error> {
    replies::keep_near(key, keeping, partition.0, vector.id(), note)
}

impl Keeping {
    /// Keeps a reply for `ttl`, unless it has tool calls. No time at all shares it while it is
    /// under way, and keeps nothing.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            tool_calls: false,
            max_bytes: u32::MAX,
        }
    }

    /// Sets whether replies with tool calls are kept too.
    #[must_use]
    pub fn tool_calls(mut self, kept: bool) -> Self {
        self.tool_calls = kept;
        self
    }

    /// Bounds how large a reply is kept; the proxy has a bound of its own.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u32) -> Self {
        self.max_bytes = bytes;
        self
    }
}

impl Entry {
    /// Time since the reply was kept, or begun where it is under way.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.age_ms)
    }

    /// Time until it is forgotten; `None` where it will not be.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        (self.expires_in_ms > 0).then(|| Duration::from_millis(self.expires_in_ms))
    }
}
