//! Plain HTTP through the forward proxy to hosts that no upstream claims: the head without
//! hop-by-hop headers, the body unchanged.
//!
//! A connection per request, to an address that was judged: no pool, as hardly anything is plain
//! HTTP any more.

use std::{
    pin::Pin,
    task::{Context as Poller, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Context;
use crate::{
    BoxError,
    exchange::{Answer, generation::Phase},
    upstream::credentials::strip_hop_by_hop,
};

/// Body of the forward proxy's answers.
pub(super) enum Outbound {
    /// The body of an exchange.
    Exchange(Answer),
    /// The body of another host's reply.
    Relayed(Incoming),
    /// Text of the proxy's own.
    Said(Option<Bytes>),
}

impl Outbound {
    pub(super) const fn nothing() -> Self {
        Self::Said(None)
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Poller<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Exchange(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Self::Relayed(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Self::Said(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Exchange(body) => body.is_end_stream(),
            Self::Relayed(body) => body.is_end_stream(),
            Self::Said(words) => words.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Exchange(body) => body.size_hint(),
            Self::Relayed(body) => body.size_hint(),
            Self::Said(words) => {
                SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64))
            }
        }
    }
}

/// Sends `request` over `server`, and returns the reply.
///
/// # Errors
/// No head of a reply came.
pub(super) async fn relay(
    request: Request<Incoming>,
    server: TcpStream,
    context: &Context,
) -> Result<Response<Outbound>, BoxError> {
    let _ = server.set_nodelay(true);
    let (mut head, body) = request.into_parts();
    strip_hop_by_hop(&mut head.headers);
    head.headers.remove(header::EXPECT); // answered by our own server
    if let Some(authority) = head.uri.authority() {
        // RFC 9112 §3.2.2: made from the target, whatever came. Both agree by now, but for their
        // spelling.
        let host = HeaderValue::from_str(authority.as_str())?;
        head.headers.insert(header::HOST, host);
    }
    let path = head.uri.path_and_query().cloned();
    head.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    head.version = Version::HTTP_11;
    head.extensions.clear();
    let (mut sender, connection) = http1::handshake(TokioIo::new(server)).await?;
    let cut = context.shared.reached(Phase::Cut);
    context.connections.spawn(async move {
        tokio::select! {
            _ = connection => {}
            () = cut => {}
        }
    });
    let mut reply = sender.send_request(Request::from_parts(head, body)).await?;
    strip_hop_by_hop(reply.headers_mut());
    *reply.version_mut() = Version::HTTP_11;
    Ok(reply.map(Outbound::Relayed))
}
