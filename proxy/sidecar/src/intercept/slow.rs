//! Connections that do nothing, or do not read what they are sent: notes their activity for
//! [`crate::overload`], which signals those over their time-outs to end. Bytes are not touched.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::overload::{ActiveExchange, ConnectionHandle};

/// Bytes a second below which a peer that has more to read counts as stalled.
const RATE: usize = 1 << 10;

/// Answer to a connection over the limit, before it has sent anything.
const OVERLOADED_ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nx-should-retry: true\r\nconnection: close\r\ncontent-length: 107\r\n\r\n{\"error\":{\"type\":\"overloaded_error\",\"code\":\"overloaded\",\"message\":\"this sidecar has too many connections\"}}";

/// Answers 503 and closes. Only for clients that speak HTTP in clear.
pub(super) fn turn_away(stream: &TcpStream) {
    // Best effort: a client that is gone or not ready to read sees the close.
    let _ = stream.try_write(OVERLOADED_ANSWER);
}

/// A reply that notes whether the app reads it.
pub(super) struct TrackedBody<B> {
    body: B,
    exchange: ActiveExchange,
}

impl<B> TrackedBody<B> {
    /// Notes the progress of `body` in `exchange`.
    pub(super) fn new(body: B, exchange: ActiveExchange) -> Self {
        Self { body, exchange }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for TrackedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.exchange.next_polled();
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            self.exchange.handed_over();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that notes whether its peer reads.
pub(super) struct TrackedStream<S> {
    stream: S,
    handle: ConnectionHandle,
    /// Bytes written that were not yet worth a second of the time-out.
    taken: usize,
}

impl<S> TrackedStream<S> {
    /// Notes the progress of `stream` with `handle`.
    pub(super) fn new(stream: S, handle: ConnectionHandle) -> Self {
        Self {
            stream,
            handle,
            taken: 0,
        }
    }

    /// Returns the connection itself.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    fn note(&mut self, wrote: &Poll<io::Result<usize>>, offered: usize) {
        match wrote {
            Poll::Pending => self.handle.blocked(),
            Poll::Ready(Ok(all)) if *all >= offered => {
                self.taken = 0;
                self.handle.flows();
            }
            Poll::Ready(Ok(some)) => {
                self.taken += some;
                let seconds = self.taken / RATE;
                self.taken %= RATE;
                if seconds > 0 {
                    self.handle
                        .creeps(u32::try_from(seconds).unwrap_or(u32::MAX));
                }
            }
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TrackedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TrackedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&wrote, bytes.len());
        wrote
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(&wrote, slices.iter().map(|slice| slice.len()).sum());
        wrote
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_who_finds_no_place_is_framed_as_it_says() {
        let text = str::from_utf8(OVERLOADED_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
