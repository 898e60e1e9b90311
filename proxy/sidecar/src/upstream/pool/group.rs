//! Origins as all workers of the process know them.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::Uri;
use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Instant};

use super::{Connecting, ORIGINS, connection::HttpConnection, demand::Demand, origin::Origin};
use crate::upstream::identity::Identities;

/// Origins as the pools of several workers know them.
#[derive(Clone, Default)]
pub struct Workers {
    groups: Arc<Mutex<Vec<Known>>>,
    /// Connections that one worker has from another.
    lent: Arc<AtomicUsize>,
    /// The pod's identities, and their credentials.
    pub(super) identities: Identities,
}

/// The key of an origin's connections, the origin, and its group.
type Known = (Connecting<'static>, Uri, Arc<Group>);

impl Workers {
    /// True if a worker uses a connection of another one, whose runtime has to go on.
    pub fn has_loans(&self) -> bool {
        self.lent.load(Relaxed) > 0
    }

    /// Finds or makes the group of an origin.
    pub(super) fn group(&self, wanted: &Connecting<'_>, uri: &Uri) -> Arc<Group> {
        let mut groups = self.groups.lock();
        let known = (groups.iter())
            .find(|(key, other, _)| key == wanted && other.authority() == uri.authority());
        if let Some((_, _, group)) = known {
            return Arc::clone(group);
        }
        if groups.len() >= ORIGINS {
            groups.retain(|(_, _, group)| Arc::strong_count(group) > 1);
        }
        let group = Arc::new(Group::new(Arc::clone(&self.lent)));
        groups.push((wanted.to_owned(), uri.clone(), Arc::clone(&group)));
        group
    }
}

/// A connection of another worker, whose runtime has to go on until it has it back.
pub(super) struct Loan(Arc<AtomicUsize>);

impl Loan {
    fn new(lent: &Arc<AtomicUsize>) -> Self {
        lent.fetch_add(1, Relaxed);
        Self(Arc::clone(lent))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A spare that is being opened, until this is dropped.
pub(super) struct Opening(Arc<Group>);

impl Opening {
    /// Hands the spare to the request that waits for it, and returns it where none does.
    pub(super) fn hand_over(&self, spare: HttpConnection) -> Option<HttpConnection> {
        let mut upcoming = self.0.upcoming.lock();
        let claimed = upcoming.as_mut().and_then(|spare| {
            spare.is_there = true;
            spare.claimed.take()
        });
        drop(upcoming);
        match claimed {
            Some(waiting) => waiting.send(spare).err(),
            None => Some(spare),
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let ended = self.0.upcoming.lock().take();
        drop(ended); // not under the lock: the origin may end with it
    }
}

/// A spare that is being opened, as requests see it.
struct Upcoming {
    /// The origin that opens it, and is to have it afterwards.
    home: Arc<Origin>,
    /// The request that waits for it.
    claimed: Option<oneshot::Sender<HttpConnection>>,
    /// True once it is handed over, or about to be pooled: nobody needs to wait for it.
    is_there: bool,
}

/// A request's claim to the spare that is being opened. There is one at most: other requests of
/// that time open connections of their own.
pub(super) struct Claim {
    /// The spare, once it is there. Fails where it could not be made.
    pub(super) spare: oneshot::Receiver<HttpConnection>,
    pub(super) home: Arc<Origin>,
    /// The loan, if it is another worker's.
    pub(super) loan: Option<Loan>,
}

impl Drop for Claim {
    /// Pools the spare if it was handed over and not taken: the request has left, or has another.
    fn drop(&mut self) {
        self.spare.close();
        if let Ok(spare) = self.spare.try_recv() {
            spare.usage().note_spare();
            self.home.keep(spare);
        }
    }
}

/// One origin as all workers know it.
pub(super) struct Group {
    /// Connections of all origins that other workers have.
    lent: Arc<AtomicUsize>,
    /// Locked for a request that does not follow another closely, or that finds no connection.
    pub(super) demand: Mutex<Demand>,
    /// The workers' origins.
    members: Mutex<Vec<Weak<Origin>>>,
    /// The spare that is being opened.
    upcoming: Mutex<Option<Upcoming>>,
}

impl Group {
    fn new(lent: Arc<AtomicUsize>) -> Self {
        Self {
            lent,
            demand: Mutex::default(),
            members: Mutex::default(),
            upcoming: Mutex::default(),
        }
    }

    /// Adds a worker's origin.
    pub(super) fn add(&self, origin: &Arc<Origin>) {
        self.members.lock().push(Arc::downgrade(origin));
    }

    /// Notes that a worker has a connection of another one.
    pub(super) fn note_loan(&self) -> Loan {
        Loan::new(&self.lent)
    }

    /// Begins to open a spare of `home`, where none is being opened.
    pub(super) fn begin_opening(self: &Arc<Self>, home: &Arc<Origin>) -> Option<Opening> {
        let mut upcoming = self.upcoming.lock();
        if upcoming.is_some() {
            return None;
        }
        *upcoming = Some(Upcoming {
            home: Arc::clone(home),
            claimed: None,
            is_there: false,
        });
        Some(Opening(Arc::clone(self)))
    }

    /// Claims the spare that is being opened for a request of `by`, where no other request waits
    /// for it; another worker's only if it `may_borrow`.
    pub(super) fn claim(&self, by: &Arc<Origin>, may_borrow: bool) -> Option<Claim> {
        let mut upcoming = self.upcoming.lock();
        let upcoming = upcoming.as_mut()?;
        let is_own = Arc::ptr_eq(&upcoming.home, by);
        let is_free = (upcoming.claimed.as_ref()).is_none_or(oneshot::Sender::is_closed);
        if upcoming.is_there || !is_free || !(is_own || may_borrow) {
            return None;
        }
        let (sender, spare) = oneshot::channel();
        upcoming.claimed = Some(sender);
        Some(Claim {
            spare,
            home: Arc::clone(&upcoming.home),
            loan: (!is_own).then(|| self.note_loan()),
        })
    }

    /// Returns the origins of workers that are there.
    pub(super) fn members(&self) -> Vec<Arc<Origin>> {
        let mut members = self.members.lock();
        members.retain(|member| member.strong_count() > 0);
        members.iter().filter_map(Weak::upgrade).collect()
    }

    /// True if a connection of any worker is there for the next request.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let origins = self.members();
        origins.iter().any(|origin| origin.is_ready(now))
    }
}
