//! Single-flight: identical exchanges that are under way share one upstream call, live streams included.
//!
//! [`Flights::lead_or_join`] gives a seat in the flight of a key: the first exchange leads, the others follow. The leader hands its
//! reply over ([`Lead::fly`]); a task of its own pumps the body into a buffer that all readers share, each at its own pace from the
//! first byte on. It is no cache: a flight is over when its body is, and what outlives it is a [`Recording`] for whoever stores it.
//!
//! The surprising choice: the leader reads from the buffer like everybody else, so it may leave at any time. The pump runs 64 KiB
//! ahead of the fastest reader at the most, and stops at once when there is none. Nobody is ever sent a reply with a hole in it:
//! a reader that falls behind what is kept is told so with an error.
//!
//! Whoever waits for a leader that fails or leaves is woken; the first to run takes the lead, the others go on waiting for it.
//! An upstream that is down must not be tried by a thousand exchanges one after the other, so after a second failure (or an
//! eighth leader that left) those that still wait go on by themselves.

mod body;
mod buffer;
mod pump;
#[cfg(test)]
mod tests;

use std::{
    fmt,
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
use buffer::{Flight, Place};

use crate::BoxError;

/// What flights may ask of memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Flights at one time; further exchanges go alone.
    pub flights: usize,
    /// Bytes of one reply that are recorded. Over it nobody joins any more, and a reader that lags by more is cut.
    pub recording: usize,
    /// Bytes of all recordings together. Over it a flight's recording is given up.
    pub recordings: usize,
    /// Bytes that are read from the upstream before the fastest reader takes them.
    pub ahead: usize,
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

/// What flights know of each other.
struct Table {
    listed: DashMap<String, Arc<Flight>>,
    limits: Limits,
    /// Flights that are in memory: those under way, and those over whose readers still read.
    alive: AtomicUsize,
    /// Bytes in recordings.
    held: AtomicUsize,
    next: AtomicU64,
}

/// What an exchange does for a key.
#[derive(Debug)]
pub enum Seat {
    /// Makes the upstream call for all.
    Lead(Lead),
    /// Waits for the reply of the exchange that leads.
    Follow(Follow),
    /// Goes on by itself and shares nothing: there are as many flights as the limit allows.
    Alone,
}

impl Flights {
    /// No flights yet.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Table {
            listed: DashMap::new(),
            limits,
            alive: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            next: AtomicU64::new(0),
        }))
    }

    /// Takes a seat in the flight of `key`, or opens it. Keys are namespaced by the caller: whoever has the key has the reply.
    pub fn lead_or_join(&self, key: String) -> Seat {
        // A flight that is replaced goes when the table's guard is gone, with all that its wakers may drag along.
        let (seat, _replaced) = match self.0.listed.entry(key) {
            Entry::Occupied(mut listed) => match Flight::seat(listed.get()) {
                Some(seat) => (seat, None),
                None => match self.open(listed.key()) {
                    Some(flight) => {
                        let replaced = listed.insert(Arc::clone(&flight));
                        (Seat::Lead(Lead::of(flight)), Some(replaced))
                    }
                    None => (Seat::Alone, None),
                },
            },
            Entry::Vacant(free) => match self.open(free.key()) {
                Some(flight) => {
                    free.insert(Arc::clone(&flight));
                    (Seat::Lead(Lead::of(flight)), None)
                }
                None => (Seat::Alone, None),
            },
        };
        seat
    }

    /// Takes a seat in the flight of `key` if there is one that can be joined; never leads at once.
    pub fn join(&self, key: &str) -> Option<Follow> {
        let flight = Arc::clone(&*self.0.listed.get(key)?);
        Flight::follow(&flight)
    }

    /// How many flights are in memory.
    pub fn len(&self) -> usize {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// Whether there is none. A process that drains waits for it: the pumps live on their leaders' runtimes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in recordings.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
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

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights")
            .field("alive", &self.len())
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

/// The exchange that makes the upstream call. Dropped before it hands a reply over, it makes room for another leader.
pub struct Lead {
    flight: Arc<Flight>,
    over: bool,
}

/// How much a leader that is gone counts against its flight; at [`OUT`] those that wait go alone.
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

    /// The flight's number in this process; says nothing of its key.
    pub fn id(&self) -> u64 {
        self.flight.id
    }

    /// Hands over the upstream's reply, or what policies make of it. Returns the leader's own reply, and the recording when the body
    /// has ended cleanly; the receiver fails where it did not, or where the reply is too large. Spawns the pump on the present
    /// tokio runtime, without which it panics. Trailers are dropped.
    ///
    /// Only what others may have, too, belongs here: for an error status there is [`Lead::failed`].
    pub fn fly<B>(
        mut self,
        reply: Response<B>,
    ) -> (Response<FlightBody>, oneshot::Receiver<Recording>)
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.over = true;
        let (head, body) = reply.into_parts();
        let size = body.size_hint().exact();
        let reader = self.flight.depart(Head {
            status: head.status,
            headers: head.headers.clone(),
            size,
        });
        let (told, recording) = oneshot::channel();
        let running = pump::Running(Arc::clone(&self.flight));
        tokio::spawn(pump::pump(running, body, told));
        let body = FlightBody::new(Arc::clone(&self.flight), reader, size);
        (Response::from_parts(head, body), recording)
    }

    /// Says that there is no reply to share: no connection, a time-out, an error status.
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

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("id", &self.id()).finish()
    }
}

/// An exchange that waits for another's reply. Until it is dropped or has what it waits for, it keeps the flight going.
pub struct Follow(Place);

/// What became of following.
#[derive(Debug)]
pub enum Joined {
    /// The leader's reply from its first byte on. The head is the upstream's: what belongs to the leader alone (its request id, its
    /// rate limits) is the caller's to take out.
    Reply(Response<FlightBody>),
    /// The leader failed or left before it had a reply: this exchange leads now.
    Lead(Lead),
    /// There is nothing to share any more: this exchange goes on by itself.
    Alone,
}

impl Follow {
    /// The flight's number in this process; says nothing of its key.
    pub fn id(&self) -> u64 {
        self.0.flight.id
    }

    /// How long the flight has been under way.
    pub fn age(&self) -> Duration {
        self.0.flight.since.elapsed()
    }

    /// Waits for the head of the reply, however long it takes: the caller sets the bound. May be dropped at any time.
    pub async fn joined(self) -> Joined {
        let mut place = Some(self.0);
        poll_fn(|context| Flight::poll_join(&mut place, context)).await
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("id", &self.id()).finish()
    }
}

/// What all readers are told first.
#[derive(Debug, Clone)]
struct Head {
    status: StatusCode,
    headers: HeaderMap,
    /// The body's exact length, where it is known.
    size: Option<u64>,
}

/// A reply that ended cleanly, for the store. Until it is dropped its flight can be joined, so that whoever asks between its end and
/// its being stored finds the one or the other.
pub struct Recording {
    /// The key of the flight.
    pub key: String,
    /// The reply's status.
    pub status: StatusCode,
    /// The reply's headers, all of them.
    pub headers: HeaderMap,
    /// The body, in the pieces that the upstream sent.
    pub chunks: Vec<Bytes>,
    /// The body's length.
    pub bytes: usize,
    flight: Arc<Flight>,
}

impl Recording {
    /// The body in one piece; a copy, unless it was one piece.
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

impl fmt::Debug for Recording {
    /// Neither key nor body: both are the caller's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("id", &self.flight.id)
            .field("status", &self.status)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
