//! The rest of a streamed reply, without hyper.
//!
//! hyper keeps two buffers of 8 KiB or more for a connection, and a streamed reply lasts for
//! minutes, in which nothing of HTTP is left to do but to frame each piece. So once the head is out
//! and hyper has neither bytes of the request nor of the reply, hyper is ended, and [`Relay`]
//! writes the chunks (RFC 9112 §7.1); hyper begins anew with the next request. [`Progress`] finds
//! the moment: only what hyper does to its connection and its body is looked at.
//!
//! As under hyper, nothing is polled of a reply while more than [`AHEAD`] bytes of it wait for the
//! client, and bytes that the client sends before the reply's end are read once and kept.

use std::{
    cell::RefCell,
    io::Write as _,
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http::wants_socket;

/// Bytes that are written ahead of a client; about what hyper allows.
const AHEAD: usize = 64 << 10;
/// Bytes that are read of what a client sends before the reply's end.
const EARLY: usize = 512;
/// The chunk that ends a body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// The largest buffer that a worker keeps for the next write.
const LARGEST_SCRATCH: usize = AHEAD + (16 << 10);

thread_local! {
    /// A worker's, not a connection's: nothing is in it once the kernel has taken all.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The reply's head promises chunks, of which there may be many.
const STREAMED: u8 = 1;
/// The body has nothing for now.
const WAITS: u8 = 2;
/// The socket has all that hyper wrote.
const FLUSHED: u8 = 4;
/// The client has sent whole messages and hyper has read all of them.
const DRAINED: u8 = 8;
/// The body is returned by whoever drops it.
const RETURNS: u8 = 16;
/// hyper has read all that it is given, and the next head is deferred.
const DEFERRED: u8 = 32;

/// The progress of one connection under hyper, noted by its stream and by the reply's body.
pub(super) struct Progress<B> {
    flags: AtomicU8,
    /// Requests whose replies are not over.
    requests: AtomicU8,
    body: Mutex<Option<B>>,
}

impl<B> Default for Progress<B> {
    fn default() -> Self {
        Self {
            flags: AtomicU8::new(0),
            requests: AtomicU8::new(0),
            body: Mutex::new(None),
        }
    }
}

impl<B> Progress<B> {
    // One task alone writes these, so no update is lost between load and store.
    fn set(&self, flags: u8) {
        self.flags.store(self.flags.load(Relaxed) | flags, Relaxed);
    }

    fn clear(&self, flags: u8) {
        self.flags.store(self.flags.load(Relaxed) & !flags, Relaxed);
    }

    /// Notes a request, which is in progress until its reply's body is dropped.
    pub(super) fn requested(&self) {
        let more = self.requests.load(Relaxed).saturating_add(1);
        self.requests.store(more, Relaxed);
    }

    /// Notes a read of the connection where the next head is deferred: hyper, which does not read
    /// before it has used what it has, has all of the messages before.
    pub(super) fn deferred(&self) {
        self.clear(DRAINED);
        self.set(DEFERRED);
    }

    /// True if hyper has nothing to do, and gets nothing more.
    pub(super) fn is_restart_due(&self) -> bool {
        let both = DEFERRED | FLUSHED;
        self.flags.load(Relaxed) & both == both && self.requests.load(Relaxed) == 0
    }

    /// Notes a reply that begins, and whether it may be taken from hyper.
    pub(super) fn replied(&self, streamed: bool) {
        self.clear(WAITS | FLUSHED | STREAMED);
        if streamed {
            self.set(STREAMED);
        }
    }

    /// Notes a write to the connection, or a flush that took all.
    pub(super) fn written(&self, flushed: bool) {
        match flushed {
            true => self.set(FLUSHED),
            false => self.clear(FLUSHED),
        }
    }

    /// Notes a read of the connection. `between` is true where it waits between two messages: hyper
    /// reads there only if it has all of the last one, and none of the next.
    pub(super) fn read(&self, between: bool) {
        match between {
            true => self.set(DRAINED),
            false => self.clear(DRAINED),
        }
    }

    /// True if hyper has nothing to do but to wait for the next piece of a streamed reply.
    pub(super) fn is_relay_due(&self) -> bool {
        let all = STREAMED | WAITS | FLUSHED | DRAINED;
        self.flags.load(Relaxed) & all == all
    }

    /// True if the connection took all that hyper wrote.
    pub(super) fn is_flushed(&self) -> bool {
        self.flags.load(Relaxed) & FLUSHED != 0
    }

    /// Takes the reply's body from hyper, which `end` drops.
    pub(super) fn take_body<T>(&self, end: impl FnOnce() -> T) -> (T, Option<B>) {
        self.set(RETURNS);
        let ended = end();
        self.clear(RETURNS);
        (ended, self.body.lock().take())
    }
}

/// A reply's body while hyper has it.
pub(super) struct Lent<B> {
    body: Option<B>,
    progress: Arc<Progress<B>>,
}

impl<B> Lent<B> {
    /// Lends `body` to hyper.
    pub(super) fn new(body: B, progress: Arc<Progress<B>>) -> Self {
        Self {
            body: Some(body),
            progress,
        }
    }
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        let others = self.progress.requests.load(Relaxed).saturating_sub(1);
        self.progress.requests.store(others, Relaxed);
        if self.progress.flags.load(Relaxed) & RETURNS != 0 {
            *self.progress.body.lock() = self.body.take();
        }
    }
}

impl<B: Body + Unpin> Body for Lent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        match polled.is_pending() {
            true => this.progress.set(WAITS),
            false => this.progress.clear(WAITS | FLUSHED),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// True if the connection may go on after the reply to this request, and the reply may be chunked.
pub(super) fn allows_relay<B>(request: &Request<B>) -> bool {
    let stays = |headers: &HeaderMap| match headers.get(header::CONNECTION) {
        Some(only) => {
            only.as_bytes().eq_ignore_ascii_case(b"keep-alive")
                && headers.get_all(header::CONNECTION).iter().nth(1).is_none()
        }
        None => true,
    };
    request.version() == Version::HTTP_11
        && request.method() != Method::HEAD
        && request.method() != Method::CONNECT
        && stays(request.headers())
        && !wants_socket(request)
}

/// True if hyper sends this reply in chunks without trailers, and keeps the connection.
pub(super) fn is_chunked<B: Body>(response: &Response<B>) -> bool {
    let framing = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::TRAILER,
        header::UPGRADE,
    ];
    [Version::HTTP_11, Version::HTTP_2].contains(&response.version())
        && response.status().is_success()
        && ![204, 205].contains(&response.status().as_u16())
        && response.body().size_hint().exact().is_none()
        && !response.body().is_end_stream()
        && framing
            .iter()
            .all(|name| !response.headers().contains_key(name))
}

/// The end of a reply that was relayed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was written to its last chunk.
    Whole,
    /// It broke off, or the client is gone: the connection can't be used any more.
    Broken,
}

/// A streamed reply on its way to the client, from its next chunk on.
pub(super) struct Relay<B> {
    /// None once it has come to its end.
    body: Option<B>,
    /// True if it broke off: what came before is written, and then the connection ends.
    broken: bool,
    /// Bytes that the socket has yet to take.
    rest: Vec<u8>,
    /// Bytes of the next request.
    early: Vec<u8>,
}

impl<B: Body<Data = Bytes> + Unpin> Relay<B> {
    /// Relays the rest of `body`.
    pub(super) fn new(body: B) -> Self {
        Self {
            body: Some(body),
            broken: false,
            rest: Vec::new(),
            early: Vec::new(),
        }
    }

    /// Returns what was read of the next request.
    pub(super) fn into_early(self) -> Vec<u8> {
        self.early
    }

    /// Writes what there is to `stream`; ready once there is no more.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<Outcome> {
        if self.is_client_gone(stream, context) {
            return Poll::Ready(Outcome::Broken);
        }
        let mut out = match self.rest.is_empty() {
            true => SCRATCH.take(),
            false => std::mem::take(&mut self.rest),
        };
        let polled = self.poll_through(&mut out, stream, context);
        match out.is_empty() {
            true if out.capacity() <= LARGEST_SCRATCH => drop(SCRATCH.replace(out)),
            true => {}
            false => {
                out.shrink_to_fit();
                self.rest = out;
            }
        }
        polled
    }

    /// Writes `out`, and what comes; what the socket did not take is left in `out`.
    fn poll_through<S: AsyncWrite + Unpin>(
        &mut self,
        out: &mut Vec<u8>,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<Outcome> {
        loop {
            // Pieces that come together leave together.
            let mut waits = false;
            while out.len() < AHEAD
                && !waits
                && let Some(body) = &mut self.body
            {
                match Pin::new(&mut *body).poll_frame(context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        // Trailers have no place where the head announced none.
                        if let Ok(data) = frame.into_data() {
                            write_chunk(out, &data);
                        }
                        if body.is_end_stream() {
                            out.extend_from_slice(LAST_CHUNK);
                            self.body = None;
                        }
                    }
                    Poll::Ready(None) => {
                        out.extend_from_slice(LAST_CHUNK);
                        self.body = None;
                    }
                    Poll::Ready(Some(Err(_))) => {
                        self.broken = true;
                        self.body = None;
                    }
                    Poll::Pending => waits = true,
                }
            }
            let mut written = 0;
            let mut blocked = false;
            while let Some(left) = out.get(written..).filter(|left| !left.is_empty()) {
                match Pin::new(&mut *stream).poll_write(context, left) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Outcome::Broken),
                    Poll::Ready(Ok(some)) => written += some,
                    Poll::Pending => {
                        blocked = true;
                        break;
                    }
                }
            }
            out.drain(..written);
            let flushed = Pin::new(&mut *stream).poll_flush(context);
            if matches!(flushed, Poll::Ready(Err(_))) {
                return Poll::Ready(Outcome::Broken);
            }
            if self.body.is_none() && out.is_empty() && flushed.is_ready() {
                return Poll::Ready(match self.broken {
                    true => Outcome::Broken,
                    false => Outcome::Whole,
                });
            }
            if self.body.is_none() || waits || blocked {
                return Poll::Pending;
            }
        }
    }

    /// Reads what the client sends, once, so that its end is noticed.
    fn is_client_gone<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> bool {
        if !self.early.is_empty() {
            return false;
        }
        let mut piece = [MaybeUninit::uninit(); EARLY];
        let mut piece = ReadBuf::uninit(&mut piece);
        match Pin::new(stream).poll_read(context, &mut piece) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
                self.early.extend_from_slice(piece.filled());
                self.early.is_empty()
            }
            Poll::Ready(Err(_)) => true,
        }
    }
}

/// Appends a chunk; none for no bytes, as an empty one would end the body.
fn write_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    // Writing to a vector does not fail.
    let _ = write!(out, "{:X}\r\n", data.len());
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
