//! Pooled connections to one origin.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use http::Uri;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::connection::HttpConnection;
use crate::upstream::connect::Connector;

/// Time for which a connection without a request is kept: under the 5 s after which the first
/// servers close theirs (Node's `server.keepAliveTimeout`).
pub(crate) const IDLE: Duration = Duration::from_secs(4);

/// An origin, and the connections to it.
pub(super) struct Origin {
    pub(super) uri: Uri,
    pub(super) connector: Connector,
    /// Most idle connections that are kept.
    most: usize,
    /// Locked for the time of a push or a pop.
    kept: Mutex<PooledConnections>,
}

#[derive(Default)]
struct PooledConnections {
    /// HTTP/1.1 connections without a request; the one that was used last is used next.
    idle: Vec<(HttpConnection, Instant)>,
    /// The HTTP/2 connection, which requests share.
    shared: Option<(HttpConnection, Instant)>,
    /// True while a task waits for the oldest connection to have been idle for long enough.
    sweeping: bool,
}

impl Origin {
    pub(super) fn new(uri: Uri, connector: Connector, most: usize) -> Self {
        Self {
            uri,
            connector,
            most,
            kept: Mutex::default(),
        }
    }

    /// Takes a pooled connection.
    pub(super) fn take(&self) -> Option<HttpConnection> {
        let now = Instant::now();
        let mut kept = self.kept.lock();
        if let Some((shared, used)) = &mut kept.shared
            && !shared.is_closed()
        {
            *used = now;
            return shared.share();
        }
        kept.shared = None;
        while let Some((connection, since)) = kept.idle.pop() {
            if !connection.is_closed() && now < since + IDLE {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request, where there is room.
    pub(super) fn keep(self: &Arc<Self>, connection: HttpConnection) {
        if self.most == 0 || connection.is_closed() {
            return;
        }
        let now = Instant::now();
        let mut kept = self.kept.lock();
        match connection.share() {
            Some(_) if kept.shared.as_ref().is_some_and(|(it, _)| !it.is_closed()) => return,
            Some(shared) => kept.shared = Some((shared, now)),
            None if kept.idle.len() >= self.most => return,
            None => kept.idle.push((connection, now)),
        }
        if !std::mem::replace(&mut kept.sweeping, true) {
            tokio::spawn(sweep(Arc::downgrade(self), now + IDLE));
        }
    }

    /// True if no connection is pooled.
    pub(super) fn is_empty(&self) -> bool {
        let kept = self.kept.lock();
        kept.idle.is_empty() && kept.shared.is_none()
    }

    /// Closes connections that have been idle for too long, and returns the time of the next check.
    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.kept.lock();
        let lives = |(connection, since): &(HttpConnection, Instant)| {
            !connection.is_closed() && now < *since + IDLE
        };
        kept.idle.retain(lives);
        kept.shared = kept.shared.take().filter(lives);
        let oldest = kept.idle.first().or(kept.shared.as_ref());
        let next = oldest.map(|(_, since)| *since + IDLE);
        kept.sweeping = next.is_some();
        next
    }
}

/// Closes connections as they expire, until there are none.
async fn sweep(origin: Weak<Origin>, first: Instant) {
    let mut next = first;
    loop {
        sleep_until(next).await;
        let now = Instant::now();
        match origin.upgrade().and_then(|origin| origin.expire(now)) {
            Some(at) => next = at,
            None => return,
        }
    }
}

/// A connection that a reply's body comes over, and the origin that pools it afterwards. Dropped,
/// it closes the connection.
pub(crate) struct Lease {
    connection: HttpConnection,
    origin: Arc<Origin>,
}

impl Lease {
    pub(super) fn new(connection: HttpConnection, origin: Arc<Origin>) -> Self {
        Self { connection, origin }
    }

    /// Returns the connection to the pool: the body has been read to its end.
    pub(crate) fn release(self) {
        self.origin.keep(self.connection);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}
