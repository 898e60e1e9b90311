//! Streams of Bedrock's InvokeModel: the events in their frames, as the model's own API sends them.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{Dialect, Malformed, event_stream::InvokeStream, request::Platform};
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame};

use crate::{
    config::Upstream,
    upstream::{BoxError, Decoded, Inbound},
};

/// The media type of AWS's frames.
const FRAMES: &[u8] = b"application/vnd.amazon.eventstream";

/// A reply as the dialect's designer would have sent it. Only of a stream from a platform that frames
/// a dialect's events it is another.
pub(super) fn unframed(
    reply: Response<Inbound>,
    upstream: &Upstream,
    dialect: Dialect,
) -> Response<Inbound> {
    if upstream.platform(dialect) != Some(Platform::BedrockClaude) || !is_framed(&reply) {
        return reply;
    }
    let mut reply = reply.map(|body| {
        Inbound::Decoded(Decoded(Box::pin(Events {
            body,
            stream: InvokeStream::new(),
            broken: None,
            is_over: false,
        })))
    });
    let headers = reply.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    let events = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, events);
    reply
}

/// Reports whether a success is a stream of AWS's frames.
pub(super) fn is_framed(reply: &Response<Inbound>) -> bool {
    let kind = reply.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.as_bytes().get(..FRAMES.len()));
    reply.status().is_success() && kind.is_some_and(|kind| kind.eq_ignore_ascii_case(FRAMES))
}

/// A body that is taken out of its frames read by read.
struct Events {
    body: Inbound,
    stream: InvokeStream,
    /// A mistake behind what was given on last.
    broken: Option<Malformed>,
    is_over: bool,
}

impl Body for Events {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            if let Some(broken) = this.broken.take() {
                this.is_over = true;
                return Poll::Ready(Some(Err(broken.into())));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(context)) else {
                this.is_over = true;
                let finished = this.stream.finish();
                return Poll::Ready(finished.err().map(|cut| Err(cut.into())));
            };
            let Ok(piece) = frame?.into_data() else {
                continue; // trailers are the frames'
            };
            let mut events = Vec::with_capacity(piece.len());
            this.broken = this.stream.push(&piece, &mut events).err();
            if !events.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(events.into()))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over && self.broken.is_none()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::VecDeque;

    use http_body_util::BodyExt as _;

    use super::*;

    fn upstream(written: &str) -> Upstream {
        let yaml = format!("upstreams: {{ u: {{ {written} }} }}");
        let mut config = crate::config::tests::read(&yaml);
        config.upstreams.remove("u").unwrap()
    }

    fn framed(pieces: Vec<Bytes>) -> Response<Inbound> {
        let mut reply = Response::new(Inbound::Kept(VecDeque::from(pieces)));
        let kind = HeaderValue::from_static("application/vnd.amazon.eventstream");
        reply.headers_mut().insert(header::CONTENT_TYPE, kind);
        reply
    }

    #[tokio::test]
    async fn a_stream_that_is_cut_off_ends_in_an_error_and_not_in_an_end() {
        let bedrock = upstream("provider: bedrock, region: us-east-1");
        let messages = Dialect::AnthropicMessages;
        for pieces in [vec![], vec![Bytes::from_static(b"\0\0")]] {
            let reply = unframed(framed(pieces), &bedrock, messages);
            assert_eq!(reply.headers()[header::CONTENT_TYPE], "text/event-stream");
            assert!(reply.into_body().collect().await.is_err());
        }
    }

    #[tokio::test]
    async fn frames_pass_as_they_are_where_they_are_not_of_a_models_own_api() {
        let bytes = Bytes::from_static(b"\0\0");
        for (written, dialect) in [
            ("provider: bedrock, region: us-east-1", Dialect::Other),
            ("provider: anthropic", Dialect::AnthropicMessages),
        ] {
            let reply = unframed(framed(vec![bytes.clone()]), &upstream(written), dialect);
            let passed = reply.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(passed, bytes);
        }
    }
}
