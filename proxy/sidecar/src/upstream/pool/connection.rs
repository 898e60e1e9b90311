//! One connection to an upstream: HTTP/1.1 or HTTP/2, as its TLS handshake found, over hyper's own
//! client.

use std::time::Duration;

use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri,
    header::HOST,
    uri::{PathAndQuery, Scheme},
};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use tower_service::Service;

use super::{SendError, idle_limit};
use crate::upstream::{
    BoxError, Payload, cause,
    connect::{Connector, TooSlow, Usage},
};

/// Most header lines of a reply; more are a broken upstream.
pub(super) const MAX_HEADERS: usize = 128;
/// Bytes of a reply's head, and of one read of an HTTP/1.1 body.
const MAX_BUFFER: usize = 64 * 1024;
/// Bytes that an HTTP/2 upstream may send ahead of a slow app: per stream, and per connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// Interval of HTTP/2 pings, idle or not, and the time for the answer to one: they keep what lies
/// between from forgetting the connection, and find one that has died. They end with the
/// connection, which the pool closes after a time without a request.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Time within which a connection whose last reply has been read takes another request: it needs a
/// turn of its task.
const TURN: Duration = Duration::from_millis(20);
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// A connection that requests can be sent over. Dropped, it closes once the replies in progress
/// have ended.
#[derive(Debug)]
pub(super) struct HttpConnection {
    sender: Sender,
    usage: Usage,
    /// The `host` of its HTTP/1.1 requests. HTTP/2 has `:authority` in its place.
    host: Option<HeaderValue>,
    /// Time after which the peer said, with its first reply, that it will close it.
    announced: Option<Duration>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Payload>),
    Http2(http2::SendRequest<Payload>),
}

/// A request that got no reply: the error, and the request itself where nothing of it went out.
pub(super) type Unsent = TrySendError<Request<Payload>>;

impl HttpConnection {
    /// Connects to `origin`, within `limit`. Calls `ended` once the connection has ended, whoever
    /// ended it.
    pub(super) async fn open(
        connector: &Connector,
        origin: &Uri,
        limit: Duration,
        ended: impl FnOnce(&Usage) + Send + 'static,
    ) -> Result<Self, SendError> {
        let io = connector.clone().call(origin.clone()).await;
        let io = io.map_err(|error| connect_error(error, limit))?;
        let (usage, is_http2) = (io.inner().usage(), io.inner().is_http2());
        let of = usage.clone();
        let sender = if is_http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(MAX_BUFFER as u32)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_TIMEOUT)
                .keep_alive_while_idle(true)
                .handshake(io)
                .await
                .map_err(SendError::of)?;
            tokio::spawn(connection.map(move |_| ended(&of)));
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_headers(MAX_HEADERS)
                .max_buf_size(MAX_BUFFER)
                .handshake(io)
                .await
                .map_err(SendError::of)?;
            tokio::spawn(connection.with_upgrades().map(move |_| ended(&of)));
            Sender::Http1(sender)
        };
        Ok(Self {
            sender,
            usage,
            host: host(origin),
            announced: None,
        })
    }

    /// Returns another handle of an HTTP/2 connection, which many requests share; `None` for
    /// HTTP/1.1.
    pub(super) fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                usage: self.usage.clone(),
                host: None,
                announced: None,
            }),
        }
    }

    /// True if it speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Returns the time after which the peer said that it will close it.
    pub(super) fn announced(&self) -> Option<Duration> {
        self.announced
    }

    /// Returns the use that was made of it so far.
    pub(super) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// True once the peer, or an error, has ended it.
    pub(super) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Waits until a request can be sent; false where the connection has ended instead, or still
    /// sends the body of a request that was answered before it was whole.
    pub(super) async fn is_ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.is_ready() || matches!(timeout(TURN, sender.ready()).await, Ok(Ok(())))
            }
            Sender::Http2(sender) => sender.is_ready() || sender.ready().await.is_ok(),
        }
    }

    /// Sends a request to the origin that it was opened to, whose URI is absolute, and waits for the
    /// reply's head.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn would move its arguments once more"
    )]
    pub(super) fn send(
        &mut self,
        mut request: Request<Payload>,
    ) -> impl Future<Output = Result<Response<Incoming>, Unsent>> {
        async move {
            let sent = match &mut self.sender {
                Sender::Http1(sender) => {
                    use_origin_form(&mut request, self.host.as_ref());
                    sender.try_send_request(request).await
                }
                Sender::Http2(sender) => sender.try_send_request(request).await,
            };
            if let Ok(reply) = &sent {
                if !self.usage.served() {
                    self.announced = announced(reply.headers());
                }
                self.usage.head_came();
            }
            sent
        }
    }

    /// Reports whether a request failed because the connection, which had served before, had ended
    /// and no byte of an answer came. HTTP/2 connections carry the bytes of many requests, so for
    /// them it suffices that no head came.
    pub(super) fn was_stale(&self, error: &hyper::Error) -> bool {
        let unanswered = self.is_http2() || !self.usage.answered();
        self.usage.reused() && unanswered && is_of_the_connection(error)
    }
}

/// Returns the time after which a server says that it will close the connection.
fn announced(reply: &HeaderMap) -> Option<Duration> {
    idle_limit::announced(reply.get(KEEP_ALIVE)?.as_bytes())
}

/// Writes the URI as HTTP/1.1 sends it to an origin server: the path alone, and the authority in
/// `host` (RFC 9112 §3.2).
fn use_origin_form(request: &mut Request<Payload>, host: Option<&HeaderValue>) {
    if !request.headers().contains_key(HOST)
        && let Some(host) = host
    {
        request.headers_mut().insert(HOST, host.clone());
    }
    let uri = std::mem::take(request.uri_mut());
    let path = uri.into_parts().path_and_query;
    *request.uri_mut() = path.map_or_else(Uri::default, |path: PathAndQuery| path.into());
}

/// Returns the `host` of requests to an origin, without the port that its scheme implies.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let authority = uri.authority()?;
    let implied = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    };
    let host = match authority.port_u16() {
        Some(port) if port == implied => authority.host(),
        // A user and a password, which no upstream's origin has, would stand before the host.
        Some(_) => authority.as_str().rsplit('@').next()?,
        None => authority.host(),
    };
    HeaderValue::from_str(host).ok()
}

/// True if the connection ended, and neither its making nor the bytes on it are at fault.
fn is_of_the_connection(error: &hyper::Error) -> bool {
    if let Some(h2) = cause::<h2::Error>(error) {
        let unseen = h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM);
        return unseen || h2.is_io();
    }
    !error.is_user() && !error.is_parse()
}

fn connect_error(error: BoxError, limit: Duration) -> SendError {
    if cause::<TooSlow>(error.as_ref()).is_some() {
        SendError::ConnectTimeout(limit)
    } else if cause::<rustls::Error>(error.as_ref()).is_some() {
        SendError::Tls(error)
    } else {
        SendError::Connect(error)
    }
}
