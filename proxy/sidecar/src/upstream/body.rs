//! The two bodies of the provider's side: the request's and the reply's.
//!
//! Both are enums rather than boxed traits: the usual frame (a whole request, a network reply)
//! costs no allocation and no indirect call.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};

use super::{BoxError, pool::Lease};
use crate::state::flights::FlightBody;

/// A request's body of any type.
pub type Stream = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The body of a request to an upstream.
pub enum Payload {
    /// All of it, with its exact length: leaves in one write with the head. A clone is free, so
    /// that a caller may keep one for a retry.
    Whole(Bytes),
    /// A body of another type, such as the caller's under a size limit.
    Stream(Stream),
}

impl Payload {
    /// Makes an empty body.
    pub const fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<Bytes> for Payload {
    fn from(whole: Bytes) -> Self {
        Self::Whole(whole)
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Payload {
    /// Omits the bytes: they are the prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// Body of an upstream's reply. Dropped before its end, it closes the connection (HTTP/1.1) or
/// resets the stream (HTTP/2).
#[derive(Debug)]
pub enum Inbound {
    /// A body from a provider's connection.
    Network(Network),
    /// A body from the embedded model.
    Embedded(embedded::Body),
    /// A reply that several exchanges share. The last of them to leave stops it.
    Shared(FlightBody),
    /// A stored reply, in pieces.
    Kept(VecDeque<Bytes>),
    /// A reply whose content coding is decoded as it comes.
    Decoded(Decoded),
    /// A reply whose beginning was read before it was given on.
    Ahead(Ahead),
}

/// The beginning of a body, the error that broke it off there, and the rest.
pub struct Ahead {
    frames: VecDeque<Frame<Bytes>>,
    /// A body tells its error once: whoever read it there puts it back, or what was cut would pass
    /// for whole.
    error: Option<BoxError>,
    rest: Box<Inbound>,
}

impl fmt::Debug for Ahead {
    /// Omits the frames: they are the reply.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ahead({} frames)", self.frames.len())
    }
}

/// A body from a provider's connection, which is kept for the next request once the body has been
/// read to its end.
#[derive(Debug)]
pub struct Network {
    body: Incoming,
    lease: Option<Lease>,
}

/// Longest time, and most frames, for which the end of a finished reply is waited for.
const LAST_WORDS: (Duration, usize) = (Duration::from_secs(1), 16);

impl Inbound {
    /// Puts back what was read of a body.
    pub fn with_beginning(self, frames: VecDeque<Frame<Bytes>>) -> Self {
        self.with_read(frames, None)
    }

    /// Puts back what was read of a body, and the error at which it broke off behind that.
    pub fn with_read(self, frames: VecDeque<Frame<Bytes>>, error: Option<BoxError>) -> Self {
        match frames.is_empty() && error.is_none() {
            true => self,
            false => Self::Ahead(Ahead {
                frames,
                error,
                rest: Box::new(self),
            }),
        }
    }

    /// Reads the end of a body whose message is over, so that its connection is kept: an app that
    /// has read a stream's last event closes its own without waiting for the body's end.
    pub fn finish_later(self) {
        let network = match self {
            Self::Network(network) => network,
            Self::Ahead(ahead) if ahead.is_over() => return ahead.rest.finish_later(),
            _ => return,
        };
        let mut network = network;
        if network.lease.is_some()
            && let Ok(runtime) = Handle::try_current()
        {
            let (longest, most) = LAST_WORDS;
            runtime.spawn(timeout(longest, async move {
                for _ in 0..most {
                    let frame = poll_fn(|context| network.poll_frame(context)).await;
                    if !matches!(frame, Some(Ok(_))) {
                        return;
                    }
                }
            }));
        }
    }
}

impl Network {
    pub(super) fn new(body: Incoming, lease: Option<Lease>) -> Self {
        let mut network = Self { body, lease };
        network.release();
        network
    }

    /// Releases the connection where nothing of the body is left.
    fn release(&mut self) {
        if self.body.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.release();
        }
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(_)) => self.release(),
            Some(Err(_)) => self.lease = None,
            None => {
                if let Some(lease) = self.lease.take() {
                    lease.release();
                }
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

/// The decoded body of an encoded reply. Dropped before its end, it drops the encoded one.
pub struct Decoded(pub Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send + Sync>>);

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoded")
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        while let Self::Ahead(ahead) = this {
            if let Some(next) = ahead.next() {
                return Poll::Ready(Some(next));
            }
            let rest = mem::replace(&mut *ahead.rest, Self::Kept(VecDeque::new()));
            *this = rest;
        }
        match this {
            Self::Network(network) => network.poll_frame(cx),
            Self::Embedded(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Shared(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Kept(pieces) => Poll::Ready(pieces.pop_front().map(|p| Ok(Frame::data(p)))),
            Self::Decoded(Decoded(body)) => body.as_mut().poll_frame(cx),
            // Not reached: its rest took its place.
            Self::Ahead(ahead) => Pin::new(&mut *ahead.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Network(network) => network.body.is_end_stream(),
            Self::Embedded(body) => body.is_end_stream(),
            Self::Shared(body) => body.is_end_stream(),
            Self::Kept(pieces) => pieces.is_empty(),
            Self::Decoded(Decoded(body)) => body.is_end_stream(),
            Self::Ahead(ahead) => ahead.is_over() && ahead.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Network(network) => network.body.size_hint(),
            Self::Embedded(body) => body.size_hint(),
            Self::Shared(body) => body.size_hint(),
            Self::Kept(pieces) => {
                SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
            Self::Decoded(Decoded(body)) => body.size_hint(),
            Self::Ahead(ahead) => ahead.size_hint(),
        }
    }
}

impl Ahead {
    /// The next of what was read.
    fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let frame = self.frames.pop_front().map(Ok);
        frame.or_else(|| self.error.take().map(Err))
    }

    /// Reports whether only the rest is left.
    fn is_over(&self) -> bool {
        self.frames.is_empty() && self.error.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.frames.iter().filter_map(Frame::data_ref);
        let here: u64 = data.map(|bytes| bytes.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(here));
        // One that breaks off is of no length that it could be sent under.
        if let Some(upper) = rest.upper().filter(|_| self.error.is_none()) {
            hint.set_upper(upper.saturating_add(here));
        }
        hint
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_that_is_put_back_comes_behind_what_was_read() {
        let frames = |text: &'static str| VecDeque::from([Frame::data(text.into())]);
        let body = Inbound::Kept(VecDeque::new());
        let body = body.with_read(frames("half"), Some("cut".into()));
        // By another reader, too, who read nothing of what the first one left.
        let mut body = body.with_beginning(frames("before "));
        let hint = body.size_hint();
        assert_eq!((hint.lower(), hint.exact()), (11, None));
        for text in ["before ", "half"] {
            let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), text);
            assert!(!body.is_end_stream());
        }
        let error = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        assert_eq!(error.unwrap().unwrap_err().to_string(), "cut");
        assert!(body.is_end_stream());
    }
}
