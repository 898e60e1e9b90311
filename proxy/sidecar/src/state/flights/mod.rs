//! Single-flight: identical exchanges in progress share one upstream call, live streams included.
//!
//! [`Flights::lead_or_join`] gives an exchange its role in the flight of a key: the first one
//! leads, the others follow. The leader hands its reply over ([`Lead::share_reply`]); a task of its
//! own pumps the body into a buffer that all readers share, each at its own pace from the first
//! byte on. It is no cache: a flight is over when its body is, and what outlives it is a
//! [`Recording`] for the store.
//!
//! The surprising choice: the leader reads from the buffer like everybody else, so it may leave at
//! any time. The pump reads at most 64 KiB ahead of the fastest reader, and stops at once when
//! there is none. Nobody is ever sent a reply with a hole in it: a reader that falls behind what is
//! buffered gets an error.
//!
//! When a leader fails or leaves, its followers are woken; the first to run takes the lead, the
//! others go on waiting for it. An upstream that is down must not be tried by a thousand exchanges
//! one after the other, so after a second failure (or an eighth leader that left) the remaining
//! followers each make their own call.

mod body;
mod buffer;
mod pump;
#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use dashmap::{DashMap, Entry};
use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use tokio::sync::oneshot;

pub use body::{Broken, FlightBody};
use buffer::{Flight, Membership};

use crate::BoxError;

/// Bounds on the memory of flights.
struct Limits {
    /// Concurrent flights; further exchanges make their own call.
    flights: usize,
    /// Recorded bytes of one reply. Over it nobody joins any more, and a reader that lags by more
    /// is cut off.
    recording: usize,
    /// Bytes of all recordings together. Over it a flight gives up its recording.
    recordings: usize,
    /// Bytes that are read from the upstream ahead of the fastest reader.
    ahead: usize,
}

impl Default for Limits {
    /// 1,024 flights, 2 MiB each, 64 MiB together, 64 KiB ahead.
    fn default() -> Self {
        Self {
            flights: 1024,
            recording: 2 << 20,
            recordings: 64 << 20,
            ahead: 64 << 10,
        }
    }
}

/// All flights of a process. Shared by its workers; a clone is the same.
#[derive(Clone)]
pub struct Flights(Arc<Table>);

/// State that all flights share.
struct Table {
    listed: DashMap<String, Arc<Flight>>,
    limits: Limits,
    /// Flights in memory: those in progress, and those over whose readers still read.
    alive: AtomicUsize,
    /// Bytes in recordings.
    recorded_bytes: AtomicUsize,
    next: AtomicU64,
}

/// Role of an exchange in the flight of its key.
pub enum FlightRole {
    /// Makes the upstream call for all.
    Lead(Lead),
    /// Waits for the reply of the exchange that leads.
    Follow(Follow),
    /// Makes its own call and shares nothing: the limit of flights is reached.
    Alone,
}

impl Flights {
    fn new(limits: Limits) -> Self {
        Self(Arc::new(Table {
            listed: DashMap::new(),
            limits,
            alive: AtomicUsize::new(0),
            recorded_bytes: AtomicUsize::new(0),
            next: AtomicU64::new(0),
        }))
    }

    /// Joins the flight of `key`, or opens it. Callers namespace the keys: the reply is shared with
    /// every exchange that gives the same key.
    pub fn lead_or_join(&self, key: String) -> FlightRole {
        // A replaced flight is dropped after the table's guard, with all that its wakers may drop
        // in turn.
        let (role, _replaced) = match self.0.listed.entry(key) {
            Entry::Occupied(mut listed) => match Flight::take_role(listed.get()) {
                Some(role) => (role, None),
                None => match self.open(listed.key()) {
                    Some(flight) => {
                        let replaced = listed.insert(Arc::clone(&flight));
                        (FlightRole::Lead(Lead::of(flight)), Some(replaced))
                    }
                    None => (FlightRole::Alone, None),
                },
            },
            Entry::Vacant(free) => match self.open(free.key()) {
                Some(flight) => {
                    free.insert(Arc::clone(&flight));
                    (FlightRole::Lead(Lead::of(flight)), None)
                }
                None => (FlightRole::Alone, None),
            },
        };
        role
    }

    /// True if no flight is in memory. A process that drains waits for it: the pumps live on their
    /// leaders' runtimes.
    pub fn is_empty(&self) -> bool {
        self.0.alive.load(Ordering::Relaxed) == 0
    }

    fn open(&self, key: &str) -> Option<Arc<Flight>> {
        let table = &self.0;
        let counted = table
            .alive
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |alive| {
                (alive < table.limits.flights).then_some(alive + 1)
            });
        counted.ok()?;
        let id = table.next.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Flight::new(id, key.to_owned(), Arc::clone(table))))
    }
}

impl Default for Flights {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

/// The exchange that makes the upstream call. Dropped before it hands a reply over, it makes room
/// for another leader.
pub struct Lead {
    flight: Arc<Flight>,
    over: bool,
}

/// Strikes of a leader that is gone against its flight; at [`OUT`] its followers make their own
/// calls.
const LEFT: u8 = 1;
const FAILED: u8 = 4;
const OUT: u8 = 8;

impl Lead {
    fn of(flight: Arc<Flight>) -> Self {
        Self {
            flight,
            over: false,
        }
    }

    /// Returns the flight's number in this process, which says nothing of its key.
    pub fn id(&self) -> u64 {
        self.flight.id
    }

    /// Hands over the upstream's reply, or what policies make of it. Returns the leader's own
    /// reply, and a receiver of the recording, which resolves when the body has ended cleanly, and
    /// fails where it did not or where the reply is too large. Spawns the pump on the present tokio
    /// runtime, without which it panics. Trailers are dropped.
    ///
    /// Only for a reply that others may have, too: for an error status there is [`Lead::failed`].
    pub fn share_reply<B>(
        mut self,
        reply: Response<B>,
    ) -> (Response<FlightBody>, oneshot::Receiver<Recording>)
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.over = true;
        let (head, body) = reply.into_parts();
        let size = body.size_hint().exact();
        let reader = self.flight.open(Head {
            status: head.status,
            headers: head.headers.clone(),
            size,
        });
        let (sender, recording) = oneshot::channel();
        let running = pump::Running(Arc::clone(&self.flight));
        tokio::spawn(pump::pump(running, body, sender));
        let flight = Arc::clone(&self.flight);
        let body = FlightBody::new(Membership { flight, reader }, size);
        (Response::from_parts(head, body), recording)
    }

    /// Reports that there is no reply to share: no connection, a time-out, an error status.
    pub fn failed(mut self) {
        self.over = true;
        self.flight.abandon(FAILED);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.over {
            self.flight.abandon(LEFT);
        }
    }
}

/// An exchange that waits for another's reply. Until it is dropped or has what it waits for, it
/// keeps the flight going.
pub struct Follow(Membership);

/// Outcome of following.
pub enum Joined {
    /// The leader's reply from its first byte on. The head is the upstream's: the caller takes out
    /// what belongs to the leader alone (its request id, its rate limits).
    Reply(Response<FlightBody>),
    /// The leader failed or left before it had a reply: this exchange leads now.
    Lead(Lead),
    /// There is nothing to share any more: this exchange makes its own call.
    Alone,
}

impl Follow {
    /// Returns the flight's number in this process, which says nothing of its key.
    pub fn id(&self) -> u64 {
        self.0.flight.id
    }

    /// Returns the time since the flight began.
    pub fn age(&self) -> Duration {
        self.0.flight.since.elapsed()
    }

    /// Waits for the head of the reply, without a time limit: the caller sets one. May be dropped
    /// at any time.
    pub async fn joined(self) -> Joined {
        let mut membership = Some(self.0);
        poll_fn(|context| Flight::poll_join(&mut membership, context)).await
    }
}

/// Head of the reply, which each reader gets first.
#[derive(Debug, Clone)]
struct Head {
    status: StatusCode,
    headers: HeaderMap,
    /// The body's exact length, where it is known.
    size: Option<u64>,
}

/// A reply that ended cleanly, for the store. Until it is dropped its flight can be joined, so that
/// an exchange that comes between the reply's end and its being stored finds the one or the other.
pub struct Recording {
    /// The reply's status.
    pub status: StatusCode,
    /// The reply's headers, all of them.
    pub headers: HeaderMap,
    /// The body, in the pieces that the upstream sent.
    chunks: Vec<Bytes>,
    /// The body's length.
    pub bytes: usize,
    flight: Arc<Flight>,
}

impl Recording {
    /// Returns the body in one piece: a copy, unless it was one piece.
    pub fn body(&self) -> Bytes {
        match self.chunks.as_slice() {
            [one] => one.clone(),
            chunks => chunks.concat().into(),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.flight.unlist();
    }
}
