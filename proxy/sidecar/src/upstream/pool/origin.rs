//! An origin: connections to it are made, kept for later requests, and opened ahead of them.
//!
//! A *spare* is a connection that no request needed yet. One is opened where the origin's traffic
//! says that it will be wanted: requests lacked connections of late and none is left, or the last
//! idle one is about to end, or has ended, though the next request is due. So there is one spare,
//! or two for the short time in which one takes the other's place. One is opened at a time, and
//! none where spares go unused, where a connection could not be made, or in a drain. A request that
//! comes while one is being opened waits for that one; where it takes longer than usual, the
//! request opens one of its own beside it.
//!
//! Each worker has its own connections, and what it needs to know of the others' is in a [`Group`]:
//! the calls of an app that makes few come to any worker, and find the connection that another one
//! kept. It returns there afterwards. A worker with more to do makes its own, so that no exchange
//! of a busy pod wakes another core.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use http::{HeaderMap, Uri, header::UPGRADE};
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    SendError,
    connection::HttpConnection,
    demand::BURST,
    group::{Claim, Group, Loan},
    idle::{IdleConnections, Wait},
};
use crate::upstream::connect::{Connector, Usage};

/// Reports whether connections may be opened ahead of requests.
pub(super) type MayOpen = Arc<dyn Fn() -> bool + Send + Sync>;

/// The answer to a request that would go over a pooled connection.
pub(super) enum Pick {
    /// One was idle.
    Idle(Taken),
    /// None was, and the spare that is being opened is for this request.
    Opening(Claim),
    /// The request needs one of its own.
    None,
}

/// A pooled connection that a request may go over.
pub(super) struct Taken {
    pub(super) connection: HttpConnection,
    /// The wait that it had.
    pub(super) wait: Wait,
    /// The origin that pooled it, which is to have it again.
    pub(super) home: Arc<Origin>,
    /// The loan, if that is another worker's.
    pub(super) loan: Option<Loan>,
}

/// A connection that was made for a request.
pub(super) struct Opened {
    pub(super) connection: HttpConnection,
    /// The origin that is to have it afterwards.
    pub(super) home: Arc<Origin>,
    /// The loan, if that is another worker's.
    pub(super) loan: Option<Loan>,
}

/// An origin, and the connections of one worker to it.
pub(super) struct Origin {
    pub(super) uri: Uri,
    connector: Connector,
    connect_timeout: Duration,
    /// Most idle connections that are kept.
    most: usize,
    may_open: MayOpen,
    group: Arc<Group>,
    /// The worker's runtime, which drives its connections: what another worker returns here must
    /// not come to depend on that one's.
    runtime: Handle,
    /// Locked for the time of a push or a pop.
    pooled: Mutex<Pooled>,
}

#[derive(Default)]
struct Pooled {
    idle: IdleConnections,
    /// Time of the latest request of this worker that its group was shown.
    shown: Option<Instant>,
    /// The next check of what has expired.
    check: Option<(Instant, AbortHandle)>,
}

impl Origin {
    /// Makes one without connections for the worker that calls it, which joins `group`.
    pub(super) fn join(
        group: Arc<Group>,
        uri: Uri,
        connector: Connector,
        connect_timeout: Duration,
        most: usize,
        may_open: MayOpen,
    ) -> Arc<Self> {
        let origin = Arc::new(Self {
            uri,
            connector,
            connect_timeout,
            most,
            may_open,
            group,
            runtime: Handle::current(),
            pooled: Mutex::default(),
        });
        origin.group.add(&origin);
        origin
    }

    /// Picks a pooled connection for a request with `headers`: one of this worker or, where it has
    /// none and little to do, of another. `again` is true where the request has had one that could
    /// not be used: it is no other request.
    pub(super) fn pick(self: &Arc<Self>, headers: &HeaderMap, again: bool) -> Pick {
        let now = Instant::now();
        let mut pooled = self.pooled.lock();
        let follows = !again && pooled.shown.is_some_and(|shown| now < shown + BURST);
        if !follows {
            pooled.shown = Some(now);
        }
        let own = pooled.idle.take(now);
        drop(pooled);
        // One that becomes a socket would not come back.
        let may_borrow = || !follows && !headers.contains_key(UPGRADE);
        let taken = match own {
            Some((connection, wait)) => Some(Taken {
                connection,
                wait,
                home: Arc::clone(self),
                loan: None,
            }),
            None if may_borrow() => self.borrow(now),
            None => None,
        };
        let pick = match taken {
            Some(taken) => Pick::Idle(taken),
            None => (self.group.claim(self, may_borrow())).map_or(Pick::None, Pick::Opening),
        };
        match &pick {
            Pick::Idle(Taken { wait, .. }) if (follows || again) && !wait.was_spare => {}
            _ => self.note_request(&pick, now),
        }
        pick
    }

    fn borrow(self: &Arc<Self>, now: Instant) -> Option<Taken> {
        let others = self.group.members().into_iter();
        let mut others = others.filter(|other| !Arc::ptr_eq(self, other));
        // Before it is taken, so that its worker does not end in between.
        let loan = Some(self.group.note_loan());
        let (connection, wait, home) = others.find_map(|home| {
            let (connection, wait) = home.pooled.lock().idle.take(now)?;
            Some((connection, wait, home))
        })?;
        Some(Taken {
            connection,
            wait,
            home,
            loan,
        })
    }

    fn note_request(self: &Arc<Self>, pick: &Pick, now: Instant) {
        let mut demand = self.group.demand.lock();
        demand.note_request(now, !matches!(pick, Pick::None));
        match pick {
            Pick::Idle(Taken { wait, .. }) if wait.was_spare => demand.note_used(),
            Pick::Opening(_) => demand.note_used(),
            Pick::Idle(_) | Pick::None => {}
        }
        drop(demand);
        if matches!(pick, Pick::Idle(_)) {
            self.open_if_lacking(now);
        }
    }

    /// Waits for the spare that a request has claimed. Where it takes longer than opening one
    /// usually does, the request opens one of its own, too, and gets what is there first.
    pub(super) async fn wait_for(self: &Arc<Self>, mut claim: Claim) -> Result<Opened, SendError> {
        let usual = claim.home.pooled.lock().idle.distance();
        let come = match timeout(2 * usual, &mut claim.spare).await {
            Ok(Ok(come)) => come,
            Ok(Err(_)) => {
                drop(claim); // it could not be made: nothing is another worker's
                return self.open().await;
            }
            Err(_) => tokio::select! {
                biased;
                Ok(come) = &mut claim.spare => come,
                own = self.open() => return own,
            },
        };
        self.open_if_lacking(Instant::now());
        Ok(Opened {
            connection: come,
            home: Arc::clone(&claim.home),
            loan: claim.loan.take(),
        })
    }

    /// Makes a connection for a request. Where it is one that others share, it is pooled at once.
    pub(super) async fn open(self: &Arc<Self>) -> Result<Opened, SendError> {
        let connection = self.connect().await?;
        if let Some(shared) = connection.share() {
            self.keep(shared);
        } else {
            self.open_if_lacking(Instant::now());
        }
        Ok(Opened {
            connection,
            home: Arc::clone(self),
            loan: None,
        })
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
        match &made {
            Ok(connection) => {
                let took = now.saturating_duration_since(begun);
                self.pooled.lock().idle.note_made(connection, took);
            }
            Err(_) => self.group.demand.lock().note_failure(now),
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

    /// True if a connection is there for the next request.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        self.pooled.lock().idle.is_ready(now)
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

    /// Closes what has expired, and opens a spare where nothing is left, or will be soon, for a
    /// request that is due.
    fn check(self: &Arc<Self>, now: Instant) {
        let mut pooled = self.pooled.lock();
        if let Some(at) = pooled.idle.expire(now) {
            self.check_at(&mut pooled, at);
        }
        let unused = pooled.idle.count_unused();
        drop(pooled);
        let mut demand = self.group.demand.lock();
        demand.note_unused(unused, now);
        let due = demand.is_due(now);
        drop(demand);
        if due {
            self.open_spare(now);
        }
    }

    fn check_at(self: &Arc<Self>, pooled: &mut Pooled, at: Instant) {
        match &pooled.check {
            Some((planned, _)) if *planned <= at => return,
            Some((_, later)) => later.abort(),
            None => {}
        }
        let check = check_later(Arc::downgrade(self), at);
        pooled.check = Some((at, self.runtime.spawn(check).abort_handle()));
    }

    /// Opens a spare where requests lacked connections of late, and none is left. HTTP/2 requests
    /// share one.
    fn open_if_lacking(self: &Arc<Self>, now: Instant) {
        let lacking = self.group.demand.lock().lacks_connections(now);
        if lacking && !self.pooled.lock().idle.is_http2 {
            self.open_spare(now);
        }
    }

    fn open_spare(self: &Arc<Self>, now: Instant) {
        if self.most == 0 || !(self.may_open)() || self.group.is_ready(now) {
            return;
        }
        let Some(opening) = self.group.begin_opening(self) else {
            return;
        };
        let origin = Arc::clone(self);
        self.runtime.spawn(async move {
            if let Ok(spare) = origin.connect().await {
                if let Some(shared) = spare.share() {
                    origin.keep(shared);
                }
                if let Some(spare) = opening.hand_over(spare) {
                    spare.usage().note_spare();
                    origin.keep(spare);
                }
            }
            drop(opening); // the spare is seen by now
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
    _loan: Option<Loan>,
}

impl Lease {
    pub(super) fn new(connection: HttpConnection, origin: Arc<Origin>, loan: Option<Loan>) -> Self {
        Self {
            connection,
            origin,
            _loan: loan,
        }
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
