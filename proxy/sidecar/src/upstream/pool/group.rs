//! Origins as all workers of the process know them.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use http::Uri;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Connecting, ORIGINS, demand::Demand, origin::Origin};

/// Origins as the pools of several workers know them.
#[derive(Clone, Default)]
pub struct Workers {
    groups: Arc<Mutex<Vec<Known>>>,
    /// Connections that one worker has from another.
    lent: Arc<AtomicUsize>,
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

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.opening.store(false, Relaxed);
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
    /// True while a spare is opened.
    opening: AtomicBool,
}

impl Group {
    fn new(lent: Arc<AtomicUsize>) -> Self {
        Self {
            lent,
            demand: Mutex::default(),
            members: Mutex::default(),
            opening: AtomicBool::new(false),
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

    /// Begins to open a spare, where none is being opened.
    pub(super) fn begin_opening(self: &Arc<Self>) -> Option<Opening> {
        let begins = !self.opening.swap(true, Relaxed);
        begins.then(|| Opening(Arc::clone(self)))
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
