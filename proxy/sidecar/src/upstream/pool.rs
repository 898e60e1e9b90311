//! Pool of connections to providers.
//!
//! A [`Pool`] belongs to one worker, whose runtime drives its connections. A worker with little to
//! do may borrow another one's; a busy one does not, so that its exchanges wake no other core. A
//! pool sends once. Where a connection that was kept turns out to be stale (a server closes it as
//! the request goes out, and no byte of an answer comes), the caller learns of it as
//! [`SendError::Stale`], and may send the request again over a new one: so only what can be sent
//! again is to go over a connection that was kept.
//!
//! A connection is kept for as long as its upstream keeps it: [`idle_limit`] learns how long that
//! is, [`origin`] opens one ahead of a request where the traffic says that it will be wanted, and
//! the next before that one ends.
//!
//! The pool is our own over hyper's connections because hyper-util's client starts a task and boxes
//! two futures for every request.

use std::{borrow::Cow, path::Path, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
    uri::{Authority, Scheme},
};
use http_body::Body;
use hyper::body::Incoming;
use parking_lot::Mutex;

use super::{
    BoxError, Inbound, Payload,
    body::Network,
    cause,
    connect::{Connector, SetupError, tls},
    identity::{self, Identity, IdentityFailure},
};
use crate::config::{self, Kind, Upstream};

mod connection;
mod demand;
mod group;
mod idle;
mod idle_limit;
mod origin;

use connection::HttpConnection;
use group::Loan;
pub use group::Workers;
pub(crate) use origin::Lease;
use origin::{MayOpen, Opened, Origin, Pick, Taken};

/// Idle connections per origin.
pub const MAX_IDLE: usize = 256;
/// Number of origins beyond which those without connections are forgotten. An intercepted pod may
/// call many.
const ORIGINS: usize = 64;

/// The connections that a request may go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// One that was kept, where there is one. It may turn out to be stale.
    Kept,
    /// A new one.
    New,
}

/// Connections of one worker.
pub struct Pool {
    /// Idle connections per origin.
    idle: usize,
    may_open: MayOpen,
    workers: Workers,
    /// Locked only while an origin is looked up.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// One connector for each kind of connection, so that its TLS configuration and sessions are
    /// made once.
    connectors: Vec<(Connecting<'static>, Connector)>,
    /// Origins and their connections; a handful, so a list is searched faster than a map.
    origins: Vec<(Connecting<'static>, Arc<Origin>)>,
    /// Identities that were used here, by the address of their configuration.
    identities: Vec<identity::Known>,
}

/// Properties that distinguish connections beyond their origin.
#[derive(PartialEq, Eq)]
struct Connecting<'a> {
    tls: bool,
    /// True if HTTP/1.1 alone is spoken: only there can a request have its connection for itself.
    http1: bool,
    connect_timeout: Duration,
    roots: Option<Cow<'a, Path>>,
}

impl Connecting<'_> {
    fn to_owned(&self) -> Connecting<'static> {
        let roots = self.roots.as_deref();
        Connecting {
            roots: roots.map(|path| Cow::Owned(path.to_owned())),
            ..*self
        }
    }
}

impl Default for Pool {
    /// Makes an empty pool: connectors are made when they are first needed, and read TLS roots
    /// then.
    fn default() -> Self {
        Self {
            idle: MAX_IDLE,
            may_open: Arc::new(|| true),
            workers: Workers::default(),
            known: Mutex::default(),
        }
    }
}

impl Known {
    fn connector(&mut self, wanted: &Connecting<'_>) -> Result<Connector, SetupError> {
        if let Some((_, connector)) = self.connectors.iter().find(|(key, _)| key == wanted) {
            return Ok(connector.clone());
        }
        let limit = wanted.connect_timeout;
        let connector = match wanted.tls {
            true => Connector::tls(tls(wanted.roots.as_deref())?, limit, wanted.http1),
            false => Connector::plain(limit),
        };
        self.connectors.push((wanted.to_owned(), connector.clone()));
        Ok(connector)
    }

    fn origin(
        &mut self,
        wanted: &Connecting<'_>,
        uri: &Uri,
        pool: &Pool,
    ) -> Result<Arc<Origin>, SetupError> {
        let is = |(key, origin): &&(Connecting<'_>, Arc<Origin>)| {
            key == wanted && is_same(origin.uri.authority(), uri.authority())
        };
        if let Some((_, origin)) = self.origins.iter().find(is) {
            return Ok(Arc::clone(origin));
        }
        if self.origins.len() >= ORIGINS {
            self.origins
                .retain(|(_, origin)| Arc::strong_count(origin) > 1 || !origin.is_empty());
        }
        let connector = self.connector(wanted)?;
        let limit = wanted.connect_timeout;
        let may_open = Arc::clone(&pool.may_open);
        let group = pool.workers.group(wanted, uri);
        let origin = Origin::join(group, uri.clone(), connector, limit, pool.idle, may_open);
        self.origins.push((wanted.to_owned(), Arc::clone(&origin)));
        Ok(origin)
    }
}

impl Pool {
    /// The identity of a configuration, which all workers share.
    fn identity(&self, wanted: &Arc<config::Identity>) -> Arc<Identity> {
        let mut known = self.known.lock();
        let is = |(config, _): &&identity::Known| Arc::ptr_eq(config, wanted);
        if let Some((_, identity)) = known.identities.iter().find(is) {
            return Arc::clone(identity);
        }
        if known.identities.len() >= ORIGINS {
            known.identities.clear();
        }
        let identity = self.workers.identities.of(wanted);
        (known.identities).push((Arc::clone(wanted), Arc::clone(&identity)));
        identity
    }

    /// Sets the idle connections per origin, [`MAX_IDLE`] at most; none at 0.
    #[must_use]
    pub fn keeping(mut self, idle: usize) -> Self {
        self.idle = idle.min(MAX_IDLE);
        self
    }

    /// Shares what is known of origins with the pools of other workers, and connections where a
    /// worker has little to do.
    #[must_use]
    pub fn among(mut self, workers: &Workers) -> Self {
        self.workers = workers.clone();
        self
    }

    /// Opens connections ahead of requests only while `may_open` says so.
    #[must_use]
    pub fn opening_ahead_while(
        mut self,
        may_open: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.may_open = Arc::new(may_open);
        self
    }

    /// Sends one request and waits for the head of the reply. The request's URI is absolute, as
    /// [`super::credentials::outgoing`] writes it.
    ///
    /// An upstream's identity has its credential put on the request here, so that each attempt is
    /// signed anew. Only that and connecting are bounded in time; the caller bounds the rest.
    /// Dropping the future or the reply's body cancels the request.
    ///
    /// # Errors
    /// No reply head came.
    pub async fn send(
        &self,
        upstream: &Upstream,
        mut request: Request<Payload>,
        over: Connection,
    ) -> Result<Response<Inbound>, SendError> {
        let Kind::Http { origin, roots, .. } = &upstream.kind else {
            return Ok(embedded::answer(request, upstream.faults.as_ref())
                .await
                .map(Inbound::Embedded));
        };
        if let Some(identity) = &upstream.identity {
            let identity = self.identity(identity);
            request = match identity::authenticate_now(&identity, request)? {
                Ok(request) => request,
                // Boxed, as one request an hour needs it.
                Err(request) => Box::pin(identity::authenticate(&identity, request)).await?,
            };
        }
        let tls = origin.scheme() == Some(&Scheme::HTTPS);
        let wanted = Connecting {
            tls,
            roots: roots.as_deref().map(Cow::Borrowed),
            connect_timeout: upstream.connect_timeout,
            // The caller's `upgrade` header ends at our own server: here it is ours. In clear,
            // HTTP/1.1 is all there is.
            http1: tls && request.headers().contains_key(UPGRADE),
        };
        let origin = {
            let mut known = self.known.lock();
            known
                .origin(&wanted, origin, self)
                .map_err(SendError::Setup)?
        };
        frame(&mut request);
        let mut again = false;
        let claim = loop {
            if over == Connection::New {
                break None;
            }
            let taken = match origin.pick(request.headers(), again) {
                Pick::Idle(taken) => taken,
                Pick::Opening(claim) => break Some(claim),
                Pick::None => break None,
            };
            again = true;
            let Taken {
                mut connection,
                wait,
                home,
                loan,
            } = taken;
            if !connection.is_ready().await {
                continue;
            }
            return match connection.send(request).await {
                Ok(reply) if gave_up_waiting(&reply, &connection) => {
                    home.note_stale(&connection, wait);
                    Err(SendError::Stale("the server gave up waiting".into()))
                }
                Ok(reply) => Ok(came(reply, connection, home, loan)),
                Err(mut unsent) => match unsent.take_message() {
                    Some(back) => {
                        request = back; // nothing of it went out
                        continue;
                    }
                    None => {
                        let stale = connection.was_stale(unsent.error());
                        let error = unsent.into_error();
                        if !stale {
                            return Err(SendError::of(error));
                        }
                        home.note_stale(&connection, wait);
                        Err(SendError::Stale(error.into()))
                    }
                },
            };
        };
        // Boxed, as few requests need it: an exchange's future is half as large without.
        let opened = match claim {
            Some(claim) => Box::pin(origin.wait_for(claim)).await,
            None => Box::pin(origin.open()).await,
        };
        let Opened {
            mut connection,
            home,
            loan,
        } = opened?;
        match connection.send(request).await {
            Ok(reply) => Ok(came(reply, connection, home, loan)),
            Err(unsent) => Err(SendError::of(unsent.into_error())),
        }
    }
}

/// Compares authorities. Those of one upstream are the same bytes; others may differ in the case of
/// letters.
fn is_same(one: Option<&Authority>, other: Option<&Authority>) -> bool {
    one.map(Authority::as_str) == other.map(Authority::as_str) || one == other
}

/// Sets the header that gives a body's length, or announces the body, where hyper would not.
fn frame(request: &mut Request<Payload>) {
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
        // hyper leaves such a body out unless a header announces it.
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
}

/// True if a reply is a server's last message on a connection that had served before, sent because
/// no request came in time: it crossed ours (RFC 9110 §15.5.9). Where the connection goes on, or is
/// new, the reply is about the request.
fn gave_up_waiting<B>(reply: &Response<B>, connection: &HttpConnection) -> bool {
    let closes = reply.headers().get(CONNECTION);
    reply.status() == StatusCode::REQUEST_TIMEOUT
        && closes.is_some_and(|word| word.as_bytes().eq_ignore_ascii_case(b"close"))
        && connection.usage().reused()
}

/// Cleans up a reply's head: `transfer-encoding` overrides a length, and a length that is written
/// several times, which hyper took for one, is written once (RFC 9112 §6.3). The connection is kept
/// once the body has been read.
fn came(
    mut reply: Response<Incoming>,
    connection: HttpConnection,
    origin: Arc<Origin>,
    loan: Option<Loan>,
) -> Response<Inbound> {
    if reply.headers().contains_key(TRANSFER_ENCODING) {
        reply.headers_mut().remove(CONTENT_LENGTH);
    } else if let Some(length) = repeated_length(reply.headers()) {
        reply.headers_mut().insert(CONTENT_LENGTH, length);
    }
    let lease = match reply.status() {
        StatusCode::SWITCHING_PROTOCOLS => None,
        _ => Some(Lease::new(connection, origin, loan)),
    };
    reply.map(|body| Inbound::Network(Network::new(body, lease)))
}

/// Returns the length that is written several times.
fn repeated_length(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next()?;
    let once = first.as_bytes().split(|byte| *byte == b',').next()?;
    if once.len() == first.len() && lengths.next().is_none() {
        return None;
    }
    let length: u64 = str::from_utf8(once.trim_ascii()).ok()?.parse().ok()?;
    Some(length.into())
}

/// Reasons for which no reply head came. Never contains a header or a body.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The upstream's configuration can't be used.
    #[error("the upstream's configuration can't be used")]
    Setup(#[source] SetupError),
    /// The upstream has an identity, and there is no credential of it.
    #[error("no credential for the upstream")]
    Credentials(#[source] IdentityFailure),
    /// No connection: unknown name, refused, unreachable.
    #[error("no connection to the upstream")]
    Connect(#[source] BoxError),
    /// No connection within the upstream's `connect_timeout`.
    #[error("no connection to the upstream within {0:?}")]
    ConnectTimeout(Duration),
    /// No trust: the handshake or the certificate failed.
    #[error("no trusted tls connection to the upstream")]
    Tls(#[source] BoxError),
    /// The connection had served before, and ended without a byte of an answer: the server closed
    /// it as the request went out. Repeating a POST is for who knows that it is safe (RFC 9110
    /// §9.2.2). A model that is called twice changes nothing but a price, and a request that is
    /// lost this way was read by nobody, nearly always.
    #[error("the upstream had closed the connection that was kept")]
    Stale(#[source] BoxError),
    /// The connection ended before the reply's head was whole: a reset, a crash.
    #[error("the upstream closed the connection without a reply")]
    Closed(#[source] BoxError),
    /// HTTP/2: the upstream says that it has not looked at the request (`REFUSED_STREAM`,
    /// `GOAWAY`).
    #[error("the upstream did not take the request")]
    Refused(#[source] BoxError),
    /// The reply is not HTTP, or larger than is allowed.
    #[error("the upstream's reply is not valid http")]
    Protocol(#[source] BoxError),
    /// The request's own body broke off: the app left or was too slow.
    #[error("the request's body broke off")]
    Body(#[source] BoxError),
}

impl SendError {
    fn of(error: hyper::Error) -> Self {
        if let Some(h2) = cause::<h2::Error>(&error) {
            let unseen = h2.is_go_away() || h2.reason() == Some(h2::Reason::REFUSED_STREAM);
            return match h2 {
                _ if unseen => Self::Refused(error.into()),
                h2 if h2.is_io() => Self::Closed(error.into()),
                _ => Self::Protocol(error.into()),
            };
        }
        if error.is_user() {
            Self::Body(error.into())
        } else if error.is_parse() {
            Self::Protocol(error.into())
        } else {
            Self::Closed(error.into())
        }
    }
}

#[cfg(test)]
mod tests;
