//! A connection while hyper serves it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    framing::Checked,
    relay::Progress,
    slow::{TrackedBody, TrackedStream},
};
use crate::{exchange::Answer, flat_write::poll_write_flat, overload::ConnectionHandle};

/// Heads that hyper gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heads {
    /// Those with no more lines than hyper takes by default.
    Few,
    /// None any more: one with more lines has come, and is deferred.
    Deferred,
    /// Those with as many lines as the limit allows.
    Many,
}

/// Notes what hyper does with a connection, and gives it the bytes first that were read before it
/// was started.
pub(super) struct Served<S> {
    pub(super) stream: Checked<TrackedStream<S>>,
    /// Bytes that were read already, or are deferred.
    pub(super) begun: Vec<u8>,
    pub(super) heads: Heads,
    pub(super) handle: ConnectionHandle,
    pub(super) progress: Arc<Progress<TrackedBody<Answer>>>,
}

impl<S: AsyncRead + Unpin> Served<S> {
    /// Reads from the stream, and defers what begins with a head of more lines than hyper takes.
    /// Pending, without a waker, where nothing came before it: what hyper does next depends on other
    /// things.
    fn poll_stream(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.heads == Heads::Few
            && let Some(from) = self.stream.many_lines_from()
        {
            self.heads = Heads::Deferred;
            let from = (before + from).min(buffer.filled().len());
            self.begun = buffer.filled().get(from..).unwrap_or_default().to_vec();
            buffer.set_filled(from);
            if from == before {
                return Poll::Pending;
            }
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Served<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.begun.is_empty() && this.heads != Heads::Deferred {
            let some = this.begun.len().min(buffer.remaining());
            let rest = this.begun.split_off(some);
            buffer.put_slice(&std::mem::replace(&mut this.begun, rest));
            if buffer.remaining() > 0 {
                // The rest of the head comes with it: hyper parses once, in one buffer. An error or
                // an end is found again by the next read.
                let _ = this.poll_stream(context, buffer);
            }
            this.handle.between_messages(false); // hyper has yet to read these bytes
            this.progress.read(false);
            return Poll::Ready(Ok(()));
        }
        let polled = match this.heads {
            Heads::Deferred => Poll::Pending,
            _ => this.poll_stream(context, buffer),
        };
        if this.heads == Heads::Deferred {
            this.handle.between_messages(false);
            match polled.is_pending() {
                true => this.progress.deferred(),
                false => this.progress.read(false),
            }
            return polled;
        }
        this.handle.between_messages(this.stream.between_messages());
        this.progress
            .read(polled.is_pending() && this.stream.is_at_end_of_message());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Served<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.progress.written(false);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.progress.written(false);
        poll_write_flat(Pin::new(&mut self.stream), context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.progress
            .written(matches!(flushed, Poll::Ready(Ok(()))));
        flushed
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress.written(false); // it ends: nothing may follow
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
