//! The vectors of kept replies in this process's memory.
//!
//! A row belongs to the reply that it leads to: where that goes, by eviction, by its time or because
//! another takes its place, the row goes with it ([`Row`] is dropped). The other way about a reply
//! may outlive its row: rows are bounded in bytes, and in number within a region, so that a search
//! stays short; the oldest leave first.
//!
//! No lock waits for a search from within the store of replies: a row that leaves while its region
//! is searched is noted, and removed by whoever comes next.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};

use super::{
    super::{figures::VectorsFigures, replies::Id},
    RegionId,
    quantised::{Quantised, Query},
    rows::{Head, Matches, Rows, Terms},
};

/// Most rows of a region. At 384 dimensions, a search through them takes one to three milliseconds.
const LONGEST: usize = 100_000;
/// Bytes of a region besides its rows.
const REGION: u64 = 256;

/// Vectors of kept replies. Cheap to clone.
#[derive(Clone)]
pub(in crate::state) struct Memory(Arc<Inner>);

struct Inner {
    regions: DashMap<RegionId, Arc<Region>>,
    /// All rows, oldest first; among them such as have left.
    order: Mutex<VecDeque<(u64, Arc<Region>)>>,
    next: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    most: u64,
}

struct Region {
    id: RegionId,
    row_bytes: u64,
    /// `None` once the last row has left: then there is another region of that id, or none.
    rows: RwLock<Option<Rows>>,
    /// Rows that left while it was searched.
    gone: Mutex<Vec<u64>>,
}

/// A reply's row. Dropped, the row leaves.
pub(in crate::state) struct Row {
    memory: Arc<Inner>,
    region: Arc<Region>,
    serial: u64,
}

impl Memory {
    /// Makes an empty store for so many bytes.
    pub(in crate::state) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            regions: DashMap::new(),
            order: Mutex::default(),
            next: AtomicU64::new(1),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            most: most as u64,
        }))
    }

    /// Adds the vector of a reply. Older ones leave where there is no room.
    pub(in crate::state) fn add(
        &self,
        region: RegionId,
        id: Id,
        expires: Option<u64>,
        numbers: &[f32],
    ) -> Row {
        let vector = Quantised::of(numbers);
        let inner = &self.0;
        let (region, serial) = inner.push(region, id, expires.unwrap_or(u64::MAX), &vector);
        inner.order.lock().push_back((serial, Arc::clone(&region)));
        inner.shrink();
        Row {
            memory: Arc::clone(inner),
            region,
            serial,
        }
    }

    /// Finds the replies whose vectors are nearest to this one, `count` at most.
    pub(in crate::state) fn nearest(
        &self,
        region: &RegionId,
        numbers: &[f32],
        least: f32,
        count: usize,
        now: u64,
    ) -> Matches {
        let region = self.0.regions.get(region).map(|there| Arc::clone(&there));
        let Some(region) = region else {
            return Matches::default();
        };
        let terms = Terms { least, count, now };
        (self.0).search(&region, &Quantised::of(numbers).query(), terms)
    }

    /// Returns the figures.
    pub(in crate::state) fn figures(&self) -> VectorsFigures {
        VectorsFigures {
            entries: self.0.rows.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Row {
    /// Returns its number, which no other row has.
    pub(in crate::state) fn serial(&self) -> u64 {
        self.serial
    }

    /// Finds all rows of its region that are as near to it as `least`, itself among them.
    pub(in crate::state) fn kin(&self, least: f32, now: u64) -> Matches {
        let vector = {
            let rows = self.region.rows.read();
            rows.as_ref().and_then(|rows| rows.get(self.serial))
        };
        let Some(vector) = vector else {
            return Matches::default();
        };
        let count = usize::MAX;
        let terms = Terms { least, count, now };
        self.memory.search(&self.region, &vector.query(), terms)
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        match self.region.rows.try_write() {
            Some(mut rows) => {
                self.memory.remove(&self.region, &mut rows, [self.serial]);
            }
            None => self.region.gone.lock().push(self.serial),
        }
    }
}

impl Inner {
    fn push(
        &self,
        id: RegionId,
        reply: Id,
        expires: u64,
        vector: &Quantised,
    ) -> (Arc<Region>, u64) {
        loop {
            let known = self.regions.get(&id).map(|there| Arc::clone(&there));
            let region = known.unwrap_or_else(|| {
                let made = self.regions.entry(id).or_insert_with(|| {
                    self.bytes.fetch_add(REGION, Ordering::Relaxed);
                    Arc::new(Region {
                        id,
                        row_bytes: Rows::row_bytes(vector.planes.len()) as u64,
                        rows: RwLock::new(Some(Rows::new(vector.planes.len()))),
                        gone: Mutex::default(),
                    })
                });
                Arc::clone(&made)
            });
            let mut guard = region.rows.write();
            let Some(rows) = guard.as_mut() else {
                // It is about to leave the table.
                drop(guard);
                std::thread::yield_now();
                continue;
            };
            let serial = self.next.fetch_add(1, Ordering::Relaxed);
            let head = Head {
                serial,
                id: reply,
                expires,
            };
            rows.push(head, vector);
            self.rows.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(region.row_bytes, Ordering::Relaxed);
            let oldest = (rows.len() > LONGEST).then(|| rows.oldest()).flatten();
            let gone = std::mem::take(&mut *region.gone.lock());
            self.remove(&region, &mut guard, gone.into_iter().chain(oldest));
            drop(guard);
            return (region, serial);
        }
    }

    /// Lets the oldest rows leave until all have room, and forgets of the order what has left.
    fn shrink(&self) {
        while self.bytes.load(Ordering::Relaxed) > self.most {
            let Some((serial, region)) = self.order.lock().pop_front() else {
                return;
            };
            self.remove(&region, &mut region.rows.write(), [serial]);
        }
        let mut order = self.order.lock();
        let rows = usize::try_from(self.rows.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if order.len() / 2 > rows.max(512) {
            order.retain(|(serial, region)| {
                let rows = region.rows.read();
                rows.as_ref().is_some_and(|rows| rows.contains(*serial))
            });
        }
    }

    fn search(&self, region: &Region, query: &Query, terms: Terms) -> Matches {
        let some_left = !region.gone.lock().is_empty();
        if some_left && let Some(mut rows) = region.rows.try_write() {
            let gone = std::mem::take(&mut *region.gone.lock());
            self.remove(region, &mut rows, gone);
        }
        let rows = region.rows.read();
        rows.as_ref()
            .map_or_else(Matches::default, |rows| rows.nearest(query, terms))
    }

    /// Removes rows of a region, and the region with the last of them.
    fn remove(
        &self,
        region: &Region,
        guard: &mut Option<Rows>,
        serials: impl IntoIterator<Item = u64>,
    ) {
        let Some(rows) = guard else {
            return;
        };
        let before = rows.len();
        for serial in serials {
            rows.remove(serial);
        }
        let removed = (before - rows.len()) as u64;
        self.rows.fetch_sub(removed, Ordering::Relaxed);
        let mut bytes = removed * region.row_bytes;
        if rows.len() == 0 {
            *guard = None;
            bytes += REGION;
            // Those who look for it meanwhile find it closed.
            let this = |_: &RegionId, there: &Arc<Region>| std::ptr::eq(&raw const **there, region);
            self.regions.remove_if(&region.id, this);
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
