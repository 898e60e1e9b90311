//! Connections to providers, kept and used again.
//!
//! A [`Pool`] belongs to one worker, whose runtime drives its connections; two workers never share one, so that no exchange wakes another
//! core. It sends once, and once more where a connection that was kept turns out to be stale: a server closes it as the request goes out, and no
//! byte of an answer comes. RFC 9110 §9.2.2 leaves repeating a POST to who knows that it is safe. A model that is asked twice changes
//! nothing but a bill, and a request that is lost this way was read by nobody, nearly always. What is sent again goes over a new
//! connection, and only where all of its body is here: one that passes as it comes is half gone by then, so neither it nor a very large one
//! ever goes over a connection that was kept. Everything else is told to the caller as a [`SendError`], which knows whether another attempt may help.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{
    Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
    uri::Scheme,
};
use http_body::Body;
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};

pub use super::connect::SetupError;
use super::{
    BoxError, Inbound, Payload, cause,
    connect::{Connector, TooSlow, Usage, tls},
    embedded,
};
use crate::{
    config::{Kind, Upstream},
    telemetry::metrics,
};

/// How long a connection without a request is kept: under the 5 s after which the first servers close theirs (facts/faults.md, rule 6).
pub const IDLE: Duration = Duration::from_secs(4);
/// Connections without a request, per origin.
pub const MAX_IDLE: usize = 256;
/// A larger body is not kept to be sent again, as a model may take minutes to answer: like one that passes, it goes over a new connection.
const LARGEST_AGAIN: usize = 1 << 20;
/// Header lines of a reply; more are a broken upstream.
const MAX_HEADERS: usize = 128;
/// The head of a reply, and what is read at once of an HTTP/1.1 body, in bytes.
const MAX_BUFFER: usize = 64 * 1024;
/// What an HTTP/2 upstream may send ahead of a slow app, in bytes: per stream, and per connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

type Http = Client<Connector, Payload>;

/// One way to connect.
struct Clients {
    /// Over connections that are kept.
    kept: Http,
    /// Over a new one each.
    fresh: Http,
}

/// One worker's connections.
pub struct Pool {
    /// Connections without a request, per origin.
    idle: usize,
    /// One client per way to connect; a handful, so a list is searched faster than a map. Held only while a request is handed over.
    clients: Mutex<Vec<(Way, Arc<Clients>)>>,
}

/// What makes connections differ beyond their origin.
#[derive(PartialEq, Eq)]
struct Way {
    tls: bool,
    roots: Option<PathBuf>,
    connect_timeout: Duration,
    /// HTTP/1.1 alone is spoken: only there can a request have its connection for itself.
    http1: bool,
}

impl Way {
    fn of(tls: bool, roots: Option<&PathBuf>, connect_timeout: Duration, http1: bool) -> Self {
        Self {
            tls,
            roots: roots.cloned(),
            connect_timeout,
            http1,
        }
    }

    fn is(
        &self,
        tls: bool,
        roots: Option<&PathBuf>,
        connect_timeout: Duration,
        http1: bool,
    ) -> bool {
        self.tls == tls
            && self.http1 == http1
            && self.connect_timeout == connect_timeout
            && self.roots.as_ref() == roots
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            idle: MAX_IDLE,
            clients: Mutex::default(),
        }
    }
}

impl Pool {
    /// Keeps `idle` connections without a request per origin, [`MAX_IDLE`] at most; none at 0.
    #[must_use]
    pub fn keeping(mut self, idle: usize) -> Self {
        self.idle = idle.min(MAX_IDLE);
        self
    }

    /// Makes an empty pool: clients are made when they are first needed, TLS roots read by then.
    ///
    /// # Errors
    /// None at present; [`Pool::prepare`] tells early what an upstream lacks.
    pub fn new() -> Result<Self, SetupError> {
        Ok(Self::default())
    }

    /// Makes what `upstream` needs, so that a bad `roots` file is told at load and not by the first request.
    ///
    /// # Errors
    /// The upstream's roots can't be used.
    pub fn prepare(&self, upstream: &Upstream) -> Result<(), SetupError> {
        match &upstream.kind {
            Kind::Embedded => Ok(()),
            Kind::Http { origin, roots, .. } => self
                .client(
                    origin.scheme() == Some(&Scheme::HTTPS),
                    roots.as_ref(),
                    upstream.connect_timeout,
                    false,
                )
                .map(drop),
        }
    }

    /// Sends one request and waits for the head of the reply. The request's URI is absolute, as [`super::credentials::outgoing`] writes it.
    ///
    /// Only connecting is bounded in time; the caller bounds the rest. Dropping the future or the reply's body cancels the request.
    ///
    /// # Errors
    /// No reply head came; [`SendError::retryable`] says whether a second attempt is worth it.
    pub async fn send(
        &self,
        upstream: &Upstream,
        mut request: Request<Payload>,
    ) -> Result<Response<Inbound>, SendError> {
        match &upstream.kind {
            Kind::Embedded => Ok(embedded::answer(request).await.map(Inbound::Embedded)),
            Kind::Http { origin, roots, .. } => {
                let tls = origin.scheme() == Some(&Scheme::HTTPS);
                // Of what apps send, `upgrade` ends at our own server: here it is ours. In clear, HTTP/1.1 is all there is.
                let http1 = tls && request.headers().contains_key(UPGRADE);
                let client = self
                    .client(tls, roots.as_ref(), upstream.connect_timeout, http1)
                    .map_err(SendError::Setup)?;
                if matches!(request.body(), Payload::Whole(bytes) if bytes.is_empty())
                    && matches!(
                        *request.method(),
                        Method::POST | Method::PUT | Method::PATCH
                    )
                {
                    // hyper writes no length for an empty body, and servers wait for one (RFC 9110 §8.6).
                    let none = HeaderValue::from_static("0");
                    request.headers_mut().insert(CONTENT_LENGTH, none);
                }
                if matches!(*request.method(), Method::GET | Method::HEAD)
                    && !request.body().is_end_stream()
                    && request.body().size_hint().exact().is_none()
                {
                    // hyper leaves such a body out unless it is told that there is one.
                    let chunked = HeaderValue::from_static("chunked");
                    request.headers_mut().insert(TRANSFER_ENCODING, chunked);
                }
                let again = again(&request);
                let mut sent = match again.is_some() {
                    true => client.kept.request(request).await,
                    false => client.fresh.request(request).await,
                };
                if let Some(again) = again
                    && sent.as_ref().map_or_else(is_stale, gave_up_waiting)
                {
                    metrics::attempt(&upstream.name.as_str().into(), "stale_connection");
                    sent = client.fresh.request(again).await;
                }
                match sent {
                    Ok(reply) => Ok(came(reply)),
                    Err(error) => Err(SendError::of(error, upstream.connect_timeout)),
                }
            }
        }
    }

    fn client(
        &self,
        tls: bool,
        roots: Option<&PathBuf>,
        connect_timeout: Duration,
        http1: bool,
    ) -> Result<Arc<Clients>, SetupError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients
            .iter()
            .find(|(way, _)| way.is(tls, roots, connect_timeout, http1))
        {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(make(tls, roots, connect_timeout, self.idle, http1)?);
        clients.push((
            Way::of(tls, roots, connect_timeout, http1),
            Arc::clone(&client),
        ));
        Ok(client)
    }
}

/// A second copy of a request, where all of its body is here and may stay until the reply's head comes.
fn again(request: &Request<Payload>) -> Option<Request<Payload>> {
    let Payload::Whole(bytes) = request.body() else {
        return None;
    };
    if bytes.len() > LARGEST_AGAIN {
        return None;
    }
    let mut again = Request::new(Payload::Whole(bytes.clone()));
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

/// Whether a request failed on a connection that had served before, and no byte of an answer came. Of HTTP/2, whose bytes are many
/// requests', no head is as good.
fn is_stale(error: &legacy::Error) -> bool {
    let Some(connected) = error.connect_info() else {
        return false;
    };
    let mut extras = Extensions::new();
    connected.get_extras(&mut extras);
    let unanswered = |usage: &Usage| connected.is_negotiated_h2() || !usage.answered();
    (extras.get()).is_some_and(|usage: &Usage| usage.reused() && unanswered(usage))
        && SendError::is_of_the_connection(error)
}

/// Whether a reply is a server's last word on a connection that had served before, said because no request came in time: it crossed ours (RFC
/// 9110 §15.5.9). Where the connection goes on, or is new, it is about the request.
fn gave_up_waiting<B>(reply: &Response<B>) -> bool {
    let usage = reply.extensions().get::<Usage>();
    let closes = reply.headers().get(CONNECTION);
    reply.status() == StatusCode::REQUEST_TIMEOUT
        && closes.is_some_and(|word| word.as_bytes().eq_ignore_ascii_case(b"close"))
        && usage.is_some_and(Usage::reused)
}

/// A reply's head as it counts: `transfer-encoding` overrides a length, and a length that is written several times, which hyper took for
/// one, is one (RFC 9112 §6.3).
fn came(mut reply: Response<hyper::body::Incoming>) -> Response<Inbound> {
    if let Some(usage) = reply.extensions_mut().remove::<Usage>() {
        usage.head_came();
    }
    if reply.headers().contains_key(TRANSFER_ENCODING) {
        reply.headers_mut().remove(CONTENT_LENGTH);
    } else if let Some(length) = repeated_length(reply.headers()) {
        reply.headers_mut().insert(CONTENT_LENGTH, length);
    }
    reply.map(Inbound::Network)
}

/// The one length of several equal ones.
fn repeated_length(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next()?;
    let once = first.as_bytes().split(|byte| *byte == b',').next()?;
    let repeated = once.len() < first.len() || lengths.next().is_some();
    let length: u64 = str::from_utf8(once.trim_ascii()).ok()?.parse().ok()?;
    repeated.then(|| length.into())
}

fn make(
    over_tls: bool,
    roots: Option<&PathBuf>,
    connect_timeout: Duration,
    idle: usize,
    http1: bool,
) -> Result<Clients, SetupError> {
    let connector = if over_tls {
        Connector::tls(tls(roots.map(PathBuf::as_path))?, connect_timeout, http1)
    } else {
        Connector::plain(connect_timeout)
    };
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle)
        .http1_max_headers(MAX_HEADERS)
        .http1_max_buf_size(MAX_BUFFER)
        .http2_max_header_list_size(MAX_BUFFER as u32)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(20));
    Ok(Clients {
        kept: builder.build(connector.clone()),
        fresh: builder.pool_max_idle_per_host(0).build(connector),
    })
}

/// Why no reply head came. Never holds a header or a body.
#[derive(Debug)]
pub enum SendError {
    /// The upstream's configuration can't be used.
    Setup(SetupError),
    /// No connection: unknown name, refused, unreachable.
    Connect(BoxError),
    /// No connection within the upstream's `connect_timeout`.
    ConnectTimeout(Duration),
    /// No trust: the handshake or the certificate failed.
    Tls(BoxError),
    /// The connection ended before the reply's head was whole: a stale keep-alive connection, a reset, a crash.
    Closed(BoxError),
    /// HTTP/2: the upstream says that it has not looked at the request (`REFUSED_STREAM`, `GOAWAY`).
    Refused(BoxError),
    /// What came is not HTTP, or more of it than is allowed.
    Protocol(BoxError),
    /// The request's own body broke off: the app left or was too slow.
    Body(BoxError),
}

impl SendError {
    /// Whether the same request may be sent again: nothing of a reply has come, and the next connection may do better.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::ConnectTimeout(_) | Self::Closed(_) | Self::Refused(_) => true,
            Self::Setup(_) | Self::Tls(_) | Self::Protocol(_) | Self::Body(_) => false,
        }
    }

    /// The log word.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Connect(_) => "connect",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::Tls(_) => "tls",
            Self::Closed(_) => "closed",
            Self::Refused(_) => "refused",
            Self::Protocol(_) => "protocol",
            Self::Body(_) => "body",
        }
    }

    /// Whether the connection ended, and neither its making nor what came over it is at fault.
    fn is_of_the_connection(error: &legacy::Error) -> bool {
        if error.is_connect() {
            return false;
        }
        if let Some(h2) = cause::<h2::Error>(error) {
            let unseen = h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            return unseen || h2.is_io();
        }
        cause::<hyper::Error>(error).is_none_or(|http| !http.is_user() && !http.is_parse())
    }

    fn of(error: legacy::Error, limit: Duration) -> Self {
        if error.is_connect() {
            return if cause::<TooSlow>(&error).is_some() {
                Self::ConnectTimeout(limit)
            } else if cause::<rustls::Error>(&error).is_some() {
                Self::Tls(error.into())
            } else {
                Self::Connect(error.into())
            };
        }
        if let Some(h2) = cause::<h2::Error>(&error) {
            let unseen = h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            return match h2 {
                _ if unseen => Self::Refused(error.into()),
                h2 if h2.is_io() => Self::Closed(error.into()),
                _ => Self::Protocol(error.into()),
            };
        }
        match cause::<hyper::Error>(&error) {
            Some(http) if http.is_user() => Self::Body(error.into()),
            Some(http) if http.is_parse() => Self::Protocol(error.into()),
            _ => Self::Closed(error.into()),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(_) => f.write_str("the upstream's configuration can't be used"),
            Self::Connect(_) => f.write_str("no connection to the upstream"),
            Self::ConnectTimeout(limit) => {
                write!(f, "no connection to the upstream within {limit:?}")
            }
            Self::Tls(_) => f.write_str("no trusted tls connection to the upstream"),
            Self::Closed(_) => f.write_str("the upstream closed the connection without a reply"),
            Self::Refused(_) => f.write_str("the upstream did not take the request"),
            Self::Protocol(_) => f.write_str("the upstream's reply is not valid http"),
            Self::Body(_) => f.write_str("the request's body broke off"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Setup(source) => Some(source),
            Self::ConnectTimeout(_) => None,
            Self::Connect(source)
            | Self::Tls(source)
            | Self::Closed(source)
            | Self::Refused(source)
            | Self::Protocol(source)
            | Self::Body(source) => Some(source.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests;
