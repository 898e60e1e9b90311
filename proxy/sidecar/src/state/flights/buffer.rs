//! One flight: the chunks that passed, its readers, and its leader.
//!
//! All of it is under one lock, which is taken for a few moves at a time and never while a task is
//! woken. Readers count their position in chunks from the flight's first on, so dropping a chunk
//! (of a reply too large to record, read by all present readers) renumbers nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::Response;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{Broken, FlightBody, FlightRole, Follow, Head, Joined, Lead, OUT, Recording, Table};

pub(super) struct Flight {
    pub(super) id: u64,
    pub(super) since: Instant,
    key: String,
    table: Arc<Table>,
    state: Mutex<State>,
}

/// Progress of a flight.
enum Stage {
    /// There is a leader, and no reply yet.
    Led,
    /// The leader is gone: the first follower that polls takes its place.
    Vacant,
    /// The reply comes in.
    Open,
    /// The reply ended cleanly.
    Done,
    /// The reply ended otherwise.
    Broken(Broken),
    /// There is no reply: every follower makes its own call.
    Scattered,
}

struct State {
    stage: Stage,
    strikes: u8,
    head: Option<Head>,
    chunks: VecDeque<Bytes>,
    /// Number of chunks dropped, and their bytes.
    gone: usize,
    gone_bytes: u64,
    /// Bytes that came in.
    arrived: u64,
    /// True while all that came in is to be recorded.
    recorded: bool,
    /// Bytes of this flight in the table's count of recorded bytes.
    recorded_bytes: usize,
    readers: BTreeMap<u64, Reader>,
    next: u64,
    /// Bytes read by the fastest reader.
    furthest: u64,
    pump: Option<Waker>,
    /// True while the pump waits for readers and not for the upstream.
    full: bool,
}

/// A reader, or a follower that is going to be one.
#[derive(Default)]
struct Reader {
    chunk: usize,
    bytes: u64,
    waker: Option<Waker>,
}

/// Membership of a reader in a flight, which it leaves when dropped.
pub(super) struct Membership {
    pub(super) flight: Arc<Flight>,
    pub(super) reader: u64,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.flight.leave(self.reader);
    }
}

impl State {
    fn enter(&mut self) -> u64 {
        let reader = self.next;
        self.next += 1;
        self.readers.insert(reader, Reader::default());
        reader
    }

    /// Drops chunks that all readers have read, and chunks over the limit that one reader has read:
    /// slower readers are cut off.
    fn trim(&mut self, limit: usize) {
        let slowest = self.readers.values().map(|reader| reader.chunk).min();
        let slowest = slowest.unwrap_or(usize::MAX);
        while let Some(oldest) = self.chunks.front().map(|chunk| chunk.len() as u64) {
            let over = self.arrived - self.gone_bytes > limit as u64;
            let read = self.gone_bytes + oldest <= self.furthest;
            if self.gone >= slowest && !(over && read) {
                break;
            }
            self.chunks.pop_front();
            self.gone += 1;
            self.gone_bytes += oldest;
        }
    }

    /// True if a newcomer can have all of the reply.
    fn joinable(&self) -> bool {
        let open = matches!(
            self.stage,
            Stage::Led | Stage::Vacant | Stage::Open | Stage::Done
        );
        open && self.recorded
    }
}

impl Flight {
    pub(super) fn new(id: u64, key: String, table: Arc<Table>) -> Self {
        Self {
            id,
            since: Instant::now(),
            key,
            table,
            state: Mutex::new(State {
                stage: Stage::Led,
                strikes: 0,
                head: None,
                chunks: VecDeque::new(),
                gone: 0,
                gone_bytes: 0,
                arrived: 0,
                recorded: true,
                recorded_bytes: 0,
                readers: BTreeMap::new(),
                next: 0,
                furthest: 0,
                pump: None,
                full: false,
            }),
        }
    }

    /// Returns a newcomer's role; `None` where nothing is left to join.
    pub(super) fn take_role(flight: &Arc<Self>) -> Option<FlightRole> {
        let mut state = flight.state.lock();
        if matches!(state.stage, Stage::Vacant) {
            state.stage = Stage::Led;
            drop(state);
            return Some(FlightRole::Lead(Lead::of(Arc::clone(flight))));
        }
        let reader = state.joinable().then(|| state.enter())?;
        drop(state);
        let flight = Arc::clone(flight);
        Some(FlightRole::Follow(Follow(Membership { flight, reader })))
    }

    /// Removes the flight from the table, so that nobody joins it any more.
    pub(super) fn unlist(&self) {
        let same = |_: &String, listed: &Arc<Self>| listed.id == self.id;
        drop(self.table.listed.remove_if(&self.key, same));
    }

    /// Opens the flight with the leader's reply. Returns the leader's own reader.
    pub(super) fn open(&self, head: Head) -> u64 {
        let mut state = self.state.lock();
        state.head = Some(head);
        state.stage = Stage::Open;
        let reader = state.enter();
        wake_readers(state);
        reader
    }

    /// Ends a leader's part without a reply.
    pub(super) fn abandon(&self, strike: u8) {
        let mut state = self.state.lock();
        state.strikes = state.strikes.saturating_add(strike);
        let over = state.readers.is_empty() || state.strikes >= OUT;
        state.stage = if over {
            Stage::Scattered
        } else {
            Stage::Vacant
        };
        wake_readers(state);
        if over {
            self.unlist();
        }
    }

    /// Polls for a follower's reply, or its turn to lead; consumes its membership then.
    pub(super) fn poll_join(
        membership: &mut Option<Membership>,
        context: &mut Context<'_>,
    ) -> Poll<Joined> {
        let Some(Membership { flight, reader }) = membership.as_ref() else {
            return Poll::Ready(Joined::Alone);
        };
        let (flight, reader) = (Arc::clone(flight), *reader);
        let mut state = flight.state.lock();
        let head = match &state.stage {
            Stage::Led => {
                if let Some(reader) = state.readers.get_mut(&reader) {
                    await_news(&mut reader.waker, context);
                }
                return Poll::Pending;
            }
            Stage::Vacant => {
                state.stage = Stage::Led;
                drop(state);
                // The lead is made before the membership is given up: the flight is never without
                // both.
                let lead = Lead::of(flight);
                *membership = None;
                return Poll::Ready(Joined::Lead(lead));
            }
            Stage::Open | Stage::Done if state.gone == 0 => state.head.clone(),
            _ => None,
        };
        drop(state);
        let (Some(head), Some(membership)) = (head, membership.take()) else {
            *membership = None;
            return Poll::Ready(Joined::Alone);
        };
        let mut reply = Response::new(FlightBody::new(membership, head.size));
        *reply.status_mut() = head.status;
        *reply.headers_mut() = head.headers;
        Poll::Ready(Joined::Reply(reply))
    }

    /// Polls for the reader's next chunk.
    pub(super) fn poll_read(
        &self,
        reader: u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(reader) = state.readers.get_mut(&reader) else {
            return Poll::Ready(None);
        };
        let Some(at) = reader.chunk.checked_sub(state.gone) else {
            return Poll::Ready(Some(Err(Broken::Lagged)));
        };
        let Some(chunk) = state.chunks.get(at).cloned() else {
            return match &state.stage {
                Stage::Done => Poll::Ready(None),
                Stage::Broken(why) => Poll::Ready(Some(Err(why.clone()))),
                _ => {
                    await_news(&mut reader.waker, context);
                    Poll::Pending
                }
            };
        };
        reader.chunk += 1;
        reader.bytes += chunk.len() as u64;
        state.furthest = state.furthest.max(reader.bytes);
        let room = state.arrived - state.furthest < self.table.limits.ahead as u64;
        let pump = (state.full && room).then(|| state.pump.take()).flatten();
        drop(guard);
        if let Some(pump) = pump {
            pump.wake();
        }
        Poll::Ready(Some(Ok(chunk)))
    }

    /// True if the body ended cleanly and the reader has all of it.
    pub(super) fn has_all(&self, reader: u64) -> bool {
        let state = self.state.lock();
        let chunk = state.readers.get(&reader).map(|reader| reader.chunk);
        matches!(state.stage, Stage::Done) && chunk == Some(state.gone + state.chunks.len())
    }

    fn leave(&self, reader: u64) {
        let mut state = self.state.lock();
        let left = state.readers.remove(&reader);
        if left.is_some_and(|left| left.bytes == state.furthest) {
            let bytes = state.readers.values().map(|reader| reader.bytes);
            state.furthest = bytes.max().unwrap_or(0);
        }
        if !state.readers.is_empty() {
            return;
        }
        state.stage = match state.stage {
            Stage::Open => Stage::Broken(Broken::Stopped),
            Stage::Vacant => Stage::Scattered,
            _ => return,
        };
        let pump = state.pump.take();
        drop(state);
        self.unlist();
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    /// Resolves when the pump may read on; false where nobody is left to read for.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Open) {
            return Poll::Ready(false);
        }
        await_news(&mut state.pump, context);
        // After the fastest reader left, the next one may be further behind than what was read for
        // it.
        state.full = state.arrived - state.furthest >= self.table.limits.ahead as u64;
        match state.full {
            true => Poll::Pending,
            false => Poll::Ready(true),
        }
    }

    /// Takes in a chunk from the upstream. After the `last` one readers may leave at once without
    /// stopping anything.
    pub(super) fn push(&self, chunk: Bytes, last: bool) {
        let (limits, recorded_bytes) = (&self.table.limits, &self.table.recorded_bytes);
        let mut state = self.state.lock();
        let bytes = chunk.len();
        state.arrived += bytes as u64;
        state.chunks.push_back(chunk);
        let mut full = false;
        if state.recorded {
            let all = recorded_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            state.recorded_bytes += bytes;
            full = state.arrived > limits.recording as u64 || all > limits.recordings;
        }
        if full {
            state.recorded = false;
            recorded_bytes.fetch_sub(std::mem::take(&mut state.recorded_bytes), Ordering::Relaxed);
        }
        if !state.recorded {
            state.trim(limits.recording);
        }
        if last && matches!(state.stage, Stage::Open) {
            state.stage = Stage::Done;
        }
        wake_readers(state);
        if full {
            self.unlist();
        }
    }

    /// Ends the flight after the upstream's clean end; returns the recording, where the whole reply
    /// was recorded.
    pub(super) fn done(flight: &Arc<Self>) -> Option<Recording> {
        let mut state = flight.state.lock();
        // The flight was stopped for want of readers, and yet the body has ended: it is whole all
        // the same.
        if matches!(state.stage, Stage::Open | Stage::Broken(Broken::Stopped)) {
            state.stage = Stage::Done;
        }
        let whole = state.recorded && matches!(state.stage, Stage::Done);
        let head = state.head.clone().filter(|_| whole);
        let recording = head.map(|head| Recording {
            status: head.status,
            headers: head.headers,
            chunks: state.chunks.iter().cloned().collect(),
            bytes: state.recorded_bytes,
            flight: Arc::clone(flight),
        });
        wake_readers(state);
        recording
    }

    /// Ends the flight after an error.
    pub(super) fn broken(&self, why: Broken) {
        let mut state = self.state.lock();
        if !matches!(state.stage, Stage::Open) {
            return;
        }
        state.stage = Stage::Broken(why);
        wake_readers(state);
        self.unlist();
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        self.table
            .recorded_bytes
            .fetch_sub(state.recorded_bytes, Ordering::Relaxed);
        self.table.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wakes all readers that wait, once the lock is released.
fn wake_readers(mut state: MutexGuard<'_, State>) {
    let readers = state.readers.values_mut();
    let woken: Vec<Waker> = readers.filter_map(|reader| reader.waker.take()).collect();
    drop(state);
    woken.into_iter().for_each(Waker::wake);
}

fn await_news(waker: &mut Option<Waker>, context: &Context<'_>) {
    match waker {
        Some(waker) => waker.clone_from(context.waker()),
        None => *waker = Some(context.waker().clone()),
    }
}
