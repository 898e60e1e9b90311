//! An origin: connections to it are made, kept for later requests, and opened ahead of them.
//!
//! A *spare* is a connection that no request has asked for yet. One is opened where the origin's
//! traffic says that it will be wanted: requests lacked connections of late and none is left, or
//! the last idle one ended though the next request is due. There is one spare at most, one is opened
//! at a time, and none where spares go unused, where a connection could not be made, or in a drain.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use http::Uri;
use parking_lot::Mutex;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{
    SendError,
    connection::HttpConnection,
    idle::{IdleConnections, Wait},
};
use crate::upstream::connect::{Connector, Usage};

/// Reports whether connections may be opened ahead of requests.
pub(super) type MayOpen = Arc<dyn Fn() -> bool + Send + Sync>;

/// An origin, and the connections to it.
pub(super) struct Origin {
    pub(super) uri: Uri,
    connector: Connector,
    connect_timeout: Duration,
    /// Most idle connections that are kept.
    most: usize,
    may_open: MayOpen,
    /// Locked for the time of a push or a pop.
    pooled: Mutex<Pooled>,
}

#[derive(Default)]
struct Pooled {
    idle: IdleConnections,
    /// True while a spare is opened.
    opening: bool,
    /// The next check of what has expired.
    check: Option<(Instant, AbortHandle)>,
}

impl Origin {
    pub(super) fn new(
        uri: Uri,
        connector: Connector,
        connect_timeout: Duration,
        most: usize,
        may_open: MayOpen,
    ) -> Self {
        Self {
            uri,
            connector,
            connect_timeout,
            most,
            may_open,
            pooled: Mutex::default(),
        }
    }

    /// Takes a pooled connection, and the wait that it had.
    pub(super) fn take(self: &Arc<Self>) -> Option<(HttpConnection, Wait)> {
        let now = Instant::now();
        let mut pooled = self.pooled.lock();
        let taken = pooled.idle.take(now);
        if taken.is_some() {
            self.open_if_lacking(&mut pooled, now);
        }
        taken
    }

    /// Makes a connection for a request. Where it is one that others share, it is pooled at once.
    pub(super) async fn open(self: &Arc<Self>) -> Result<HttpConnection, SendError> {
        let connection = self.connect().await?;
        if let Some(shared) = connection.share() {
            self.keep(shared);
        } else {
            self.open_if_lacking(&mut self.pooled.lock(), Instant::now());
        }
        Ok(connection)
    }

    async fn connect(self: &Arc<Self>) -> Result<HttpConnection, SendError> {
        let begun = Instant::now();
        let origin = Arc::downgrade(self);
        let ended = move |of: &Usage| {
            if let Some(origin) = origin.upgrade() {
                origin.note_end(of);
            }
        };
        let (connector, uri) = (&self.connector, &self.uri);
        let made = HttpConnection::open(connector, uri, self.connect_timeout, ended).await;
        let now = Instant::now();
        let idle = &mut self.pooled.lock().idle;
        match &made {
            Ok(connection) => idle.note_made(connection, now.saturating_duration_since(begun)),
            Err(_) => idle.demand.note_failure(now),
        }
        made
    }

    /// Keeps a connection for the next request, where there is room.
    pub(super) fn keep(self: &Arc<Self>, connection: HttpConnection) {
        let now = Instant::now();
        let mut pooled = self.pooled.lock();
        if let Some(at) = pooled.idle.keep(connection, self.most, now) {
            self.check_at(&mut pooled, at);
        }
    }

    /// Notes that a request found its connection closed, which had waited for so long.
    pub(super) fn note_stale(&self, connection: &HttpConnection, wait: Wait) {
        self.pooled.lock().idle.note_stale(connection, wait);
    }

    /// True if no connection is pooled.
    pub(super) fn is_empty(&self) -> bool {
        self.pooled.lock().idle.is_empty()
    }

    fn note_end(self: &Arc<Self>, of: &Usage) {
        let now = Instant::now();
        let was_idle = self.pooled.lock().idle.note_end(of, now);
        if was_idle {
            self.check(now);
        }
    }

    /// Closes what has expired, and opens a spare where nothing is left for a request that is due.
    fn check(self: &Arc<Self>, now: Instant) {
        let mut pooled = self.pooled.lock();
        if let Some(at) = pooled.idle.expire(now) {
            self.check_at(&mut pooled, at);
        }
        if pooled.idle.demand.is_due(now) {
            self.open_spare(&mut pooled, now);
        }
    }

    fn check_at(self: &Arc<Self>, pooled: &mut Pooled, at: Instant) {
        match &pooled.check {
            Some((planned, _)) if *planned <= at => return,
            Some((_, later)) => later.abort(),
            None => {}
        }
        let check = check_later(Arc::downgrade(self), at);
        pooled.check = Some((at, tokio::spawn(check).abort_handle()));
    }

    /// Opens a spare where requests lacked connections of late, and none is left. HTTP/2 requests
    /// share one.
    fn open_if_lacking(self: &Arc<Self>, pooled: &mut Pooled, now: Instant) {
        if !pooled.idle.is_http2 && pooled.idle.demand.lacks_connections(now) {
            self.open_spare(pooled, now);
        }
    }

    fn open_spare(self: &Arc<Self>, pooled: &mut Pooled, now: Instant) {
        if pooled.opening || self.most == 0 || pooled.idle.is_ready(now) || !(self.may_open)() {
            return;
        }
        pooled.opening = true;
        let origin = Arc::clone(self);
        tokio::spawn(async move {
            let made = origin.connect().await;
            origin.pooled.lock().opening = false;
            if let Ok(spare) = made {
                spare.usage().note_spare();
                origin.keep(spare);
            }
        });
    }
}

async fn check_later(origin: Weak<Origin>, at: Instant) {
    sleep_until(at).await;
    if let Some(origin) = origin.upgrade() {
        origin.pooled.lock().check = None;
        origin.check(Instant::now());
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
