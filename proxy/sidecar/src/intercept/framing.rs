//! The framing check: a message that two parsers could read differently is never served.
//!
//! hyper accepts a missing or second `Host`, `Content-Length` beside `Transfer-Encoding`, bare line
//! feeds and `chunked, chunked` (measured). [`Checked`] follows the bytes that a client sends,
//! message by message, and where one is ambiguous (RFC 9112 §2.2, §3.2, §5.2, §6.3, §11.2) it hands
//! hyper a head that it refuses in that message's place, and nothing more: hyper answers 400 and
//! closes, and nothing of the message reaches an upstream. Bodies are skipped by their length, so
//! the check costs one look at each head.
//!
//! A head over `limits.headers` is stopped likewise, with more lines than hyper takes in its place:
//! 431. So is a broken HTTP/2 preface (RFC 9113 §3.4): hyper gets the rest of a good one and a
//! frame that no connection may begin with, and sends GOAWAY.
//!
//! It also keeps the time limit of a head that does not come to its end; an idle connection between
//! two messages has none.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use memchr::memmem;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

mod follower;

use follower::{Follower, State, Stopped};
pub(super) use follower::{PREFACE_METHOD, header_lines};

/// A connection whose incoming messages are checked.
pub(super) struct Checked<S> {
    stream: S,
    follower: Follower,
    patience: Duration,
    /// Time by which the head in progress must be complete.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes that hyper has yet to read in the place of a refused message, before the end.
    poison: Option<Vec<u8>>,
    /// Rest of a head over the limit, which is read and discarded.
    rest: Option<Rest>,
}

/// Rest of a head that was refused.
struct Rest {
    /// The last bytes that were discarded.
    tail: Vec<u8>,
    /// Bytes that may yet be discarded.
    left: usize,
    instead: Vec<u8>,
}

/// Most bytes of a head over the limit that are discarded.
const LONGEST_REST: usize = 1 << 20;

impl Rest {
    /// True if `bytes` bring the head's end, or exceed the bound.
    fn ends_with(&mut self, bytes: &[u8]) -> bool {
        self.tail.extend_from_slice(bytes);
        self.left = self.left.saturating_sub(bytes.len());
        let ends = memmem::find(&self.tail, b"\r\n\r\n").is_some();
        self.tail.drain(..self.tail.len().saturating_sub(3));
        ends || self.left == 0
    }
}

impl<S> Checked<S> {
    /// Checks the bytes of `stream`. The first head must begin, and every head end, within
    /// `patience`.
    pub(super) fn new(stream: S, largest_head: usize, patience: Duration) -> Self {
        Self::from(State::Head(Vec::new()), stream, largest_head, patience)
    }

    /// Checks a `stream` whose ends agreed on HTTP/2 by ALPN.
    pub(super) fn http2(stream: S, largest_head: usize, patience: Duration) -> Self {
        Self::from(State::Preface(0), stream, largest_head, patience)
    }

    fn from(state: State, stream: S, largest_head: usize, patience: Duration) -> Self {
        Self {
            stream,
            follower: Follower::new(state, largest_head),
            patience,
            deadline: Some(Box::pin(sleep_until(Instant::now() + patience))),
            poison: None,
            rest: None,
        }
    }

    /// Returns the stream, for bytes that are not HTTP any more.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Checked<S> {
    /// True if all messages that came are complete, but for a head that may have begun.
    pub(super) fn between_messages(&self) -> bool {
        matches!(self.follower.state, State::Head(_))
    }

    /// Returns the position of the first head with more lines than hyper takes by default, in the
    /// bytes of the read that brought it or a further piece of it; `None` if none has come.
    pub(super) fn many_lines_from(&self) -> Option<usize> {
        self.follower.many_lines_from
    }

    /// True if all bytes that came belong to complete messages.
    pub(super) fn is_at_end_of_message(&self) -> bool {
        matches!(&self.follower.state, State::Head(so_far) if so_far.is_empty())
    }
}

/// Moves as much of `bytes` as there is room for.
fn give(bytes: &mut Vec<u8>, buffer: &mut ReadBuf<'_>) {
    let rest = bytes.split_off(bytes.len().min(buffer.remaining()));
    buffer.put_slice(bytes);
    *bytes = rest;
}

impl<S: AsyncRead + Unpin> Checked<S> {
    /// Discards the rest of a head over the limit; ready once that is done.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = &mut self.rest {
            let mut piece = [0; 1024];
            let mut piece = ReadBuf::new(&mut piece);
            if Pin::new(&mut self.stream)
                .poll_read(context, &mut piece)?
                .is_pending()
            {
                return self.poll_deadline(context);
            }
            if piece.filled().is_empty() || rest.ends_with(piece.filled()) {
                self.poison = self.rest.take().map(|rest| rest.instead);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_rest(context))?;
        if let Some(poison) = &mut this.poison {
            give(poison, buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => this.poll_deadline(context),
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().get(before..).unwrap_or_default();
                if let Err(stopped) = this.follower.follow(read) {
                    let Stopped { at, instead, open } = stopped;
                    let tail = read.get(read.len().saturating_sub(3)..);
                    let tail = tail.unwrap_or_default().to_vec();
                    buffer.set_filled(before + at);
                    if open {
                        this.rest = Some(Rest {
                            tail,
                            left: LONGEST_REST,
                            instead,
                        });
                        if this.deadline.is_none() {
                            let until = sleep_until(Instant::now() + this.patience);
                            this.deadline = Some(Box::pin(until));
                        }
                        if at > 0 {
                            return Poll::Ready(Ok(()));
                        }
                        ready!(this.poll_rest(context))?;
                    } else {
                        this.poison = Some(instead);
                    }
                    if let Some(poison) = &mut this.poison {
                        give(poison, buffer);
                    }
                    return Poll::Ready(Ok(()));
                }
                if !this.follower.in_head() {
                    this.deadline = None;
                } else if this.deadline.is_none() {
                    this.deadline = Some(Box::pin(sleep_until(Instant::now() + this.patience)));
                }
                Poll::Ready(Ok(()))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
