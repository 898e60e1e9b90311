//! The pools that instances live in: the first is made with the first policy, the next when the
//! ones before it are full, and what load has left of them goes when it is quiet.
//!
//! A pool's size is fixed when it is made, and costs a system call for each slot (a stack's guard)
//! and address space. So an idle sidecar has a small one, and one without policies none. A slot is
//! taken from the first pool that has one free: what was used last is used again, and is warm in
//! the processor's cache. A slot that was used keeps its pages, and wasmtime gives none back before
//! the pool's end. So [`Pools::trim`] ends the further pools that no instance is in, and has the
//! first one succeeded by a new one where many of its slots were in use. A pool that can't be made
//! is not tried again before that: each attempt costs as much as the pool.

use std::{
    io, mem,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::{
    code::Code,
    engine::{Budget, Options, pooled},
    ticker::Ticker,
};

/// Slots of each pool but the last, which has the rest: 256 cost 1 ms at start, and hold what 85
/// exchanges of three policies need at once. A further one costs the worker that needs it 4 ms and,
/// for each policy that comes to be in it, the mapping of its code.
const SIZES: [u32; 2] = [256, 1024];
/// Pools that there may be. Each has its own mapping of every policy, about half a MiB.
const POOLS: usize = SIZES.len() + 1;
/// Pools that there may be beyond the first.
pub(super) const FURTHER: usize = POOLS - 1;
/// Slots of the first pool that may keep their pages: up to half a MiB each, 40 KiB in most cases.
/// A new pool costs the thread that trims 4 ms with five policies, and its first instances page
/// faults.
const WARM: u32 = 8;
/// Set in the count of a pool that has ended, beside which none of its slots counts.
const ENDED: u32 = 1 << 31;

/// All pools, with what their instances share.
pub(super) struct Pools {
    pub(super) ticker: Ticker,
    pub(super) memory: Arc<Budget>,
    sizes: [u32; POOLS],
    made: [RwLock<Made>; POOLS],
    /// The code of each policy that may have instances.
    codes: Mutex<Vec<Weak<Code>>>,
    /// Read while a policy is loaded, which has code in the first pool before it is in `codes`.
    loading: RwLock<()>,
}

/// Outcome of making a pool.
#[derive(Default)]
enum Made {
    #[default]
    Never,
    Pool(Arc<Pool>),
    /// The reason why there is none.
    Failed(String),
}

/// One pool: an engine of its own.
pub(super) struct Pool {
    pub(super) wasm: wasmtime::Engine,
    slots: u32,
    /// Slots that are taken, or [`ENDED`].
    taken: AtomicU32,
    /// The most that were taken at one time.
    most: AtomicU32,
}

/// A place in a pool, of one slot or of as many as an instance needs. Dropping it makes room.
pub(super) struct Slot {
    pool: Arc<Pool>,
    slots: u32,
}

/// The reason why a pool has no slot to give.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// All are taken.
    Full,
    /// The pool has ended. Its successor, or the want of one, is there with [`Pools::at`].
    Ended,
}

impl Pools {
    /// Starts the ticker; no pool is made yet.
    ///
    /// # Errors
    /// No thread can be made.
    pub(super) fn new(options: Options) -> io::Result<Self> {
        Ok(Self {
            ticker: Ticker::start()?,
            memory: Arc::new(Budget::new(options.memory)),
            sizes: sizes(options.instances()),
            made: Default::default(),
            codes: Mutex::default(),
            loading: RwLock::default(),
        })
    }

    /// Returns the pool at this place, made now where it was not needed before; `None` behind the
    /// last one.
    ///
    /// # Errors
    /// The process can't have the address space, or the mappings. The reason is logged once, and
    /// kept until the pools are trimmed.
    pub(super) fn at(&self, at: usize) -> Result<Option<Arc<Pool>>, String> {
        let (Some(made), Some(&slots)) = (self.made.get(at), self.sizes.get(at)) else {
            return Ok(None);
        };
        if slots == 0 {
            return Ok(None);
        }
        if let Some(outcome) = made.read().outcome() {
            return outcome.map(Some);
        }
        let mut made = made.write();
        if let Some(outcome) = made.outcome() {
            return outcome.map(Some);
        }
        match self.make(slots) {
            Ok(pool) => {
                *made = Made::Pool(Arc::clone(&pool));
                Ok(Some(pool))
            }
            Err(error) => {
                tracing::warn!(%error, slots, "a pool of instances can't be made");
                let reason = format!("{error:#}");
                *made = Made::Failed(reason.clone());
                Err(reason)
            }
        }
    }

    fn make(&self, slots: u32) -> wasmtime::Result<Arc<Pool>> {
        let wasm = pooled(slots)?;
        self.ticker.drive(wasm.weak());
        Ok(Arc::new(Pool {
            wasm,
            slots,
            taken: AtomicU32::new(0),
            most: AtomicU32::new(0),
        }))
    }

    /// Keeps the pools as they are while a policy is loaded.
    pub(super) fn load(&self) -> RwLockReadGuard<'_, ()> {
        self.loading.read()
    }

    /// Takes in a policy's code, to have it taken out of pools that end.
    pub(super) fn add(&self, code: &Arc<Code>) {
        let mut codes = self.codes.lock();
        codes.retain(|code| code.strong_count() > 0);
        codes.push(Arc::downgrade(code));
    }

    /// Waits until the first pool, which has ended, is succeeded.
    pub(super) fn wait_for_successor(&self) {
        if let Some(first) = self.made.first() {
            drop(first.read());
        }
    }

    /// Gives back the memory that slots keep which are free. For a process without exchanges: what
    /// is given back is made anew when it is needed. Nothing happens while a policy is loaded.
    pub(super) fn trim(&self) {
        let Some(_alone) = self.loading.try_write() else {
            return;
        };
        let codes: Vec<_> = self.codes.lock().iter().filter_map(Weak::upgrade).collect();
        let mut places = self.made.iter().enumerate();
        let first = places.next();
        for (at, place) in places {
            end(place, at, &codes);
        }
        if let Some((_, place)) = first {
            self.renew(place, &codes);
        }
    }

    /// Has the first pool succeeded by a new one, where that gives back more than a little.
    fn renew(&self, place: &RwLock<Made>, codes: &[Arc<Code>]) {
        let mut made = place.write();
        let Made::Pool(old) = &*made else {
            *made = Made::Never; // no code can be in it
            return;
        };
        if old.most.load(Relaxed) <= WARM || old.taken.load(Relaxed) > 0 {
            return;
        }
        // All is there before the old one ends: policies have their code in the first pool always.
        let new = self.make(old.slots).and_then(|pool| {
            let linked = codes.iter().map(|code| code.link(Arc::clone(&pool)));
            Ok((
                Arc::clone(&pool),
                linked.collect::<wasmtime::Result<Vec<_>>>()?,
            ))
        });
        let (pool, linked) = match new {
            Ok(new) => new,
            Err(error) => {
                tracing::debug!(%error, "the first pool can't be made anew");
                return;
            }
        };
        if !old.end() {
            return;
        }
        let left: Vec<_> = (codes.iter().zip(linked))
            .map(|(code, linked)| code.succeed(linked))
            .collect();
        let old = mem::replace(&mut *made, Made::Pool(pool));
        // Unmapped while nobody waits for the locks.
        drop(made);
        drop((old, left));
    }
}

/// Ends the further pool at a place, if no instance is in it, or forgets that it can't be made.
fn end(place: &RwLock<Made>, at: usize, codes: &[Arc<Code>]) {
    let mut made = place.write();
    if let Made::Pool(pool) = &*made
        && !pool.end()
    {
        return;
    }
    let left: Vec<_> = codes.iter().map(|code| code.take_out(at)).collect();
    let old = mem::take(&mut *made);
    drop(made);
    drop((old, left));
}

impl Made {
    fn outcome(&self) -> Option<Result<Arc<Pool>, String>> {
        match self {
            Self::Never => None,
            Self::Pool(pool) => Some(Ok(Arc::clone(pool))),
            Self::Failed(reason) => Some(Err(reason.clone())),
        }
    }
}

impl Pool {
    /// Takes so many slots for one instance.
    ///
    /// # Errors
    /// Fewer are free.
    pub(super) fn take(self: &Arc<Self>, slots: u32) -> Result<Slot, Lack> {
        let before = self.taken.fetch_add(slots, Relaxed);
        if before.saturating_add(slots) <= self.slots {
            if before >= self.most.load(Relaxed) {
                self.most.store(before + slots, Relaxed);
            }
            return Ok(Slot {
                pool: Arc::clone(self),
                slots,
            });
        }
        self.taken.fetch_sub(slots, Relaxed);
        Err(if before < ENDED {
            Lack::Full
        } else {
            Lack::Ended
        })
    }

    /// Ends the pool if no slot is taken: from then on none can be.
    fn end(&self) -> bool {
        (self.taken)
            .compare_exchange(0, ENDED, Relaxed, Relaxed)
            .is_ok()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.taken.fetch_sub(self.slots, Relaxed);
    }
}

/// Divides so many slots among the pools.
fn sizes(slots: u32) -> [u32; POOLS] {
    let mut left = slots;
    let mut sizes = [0; POOLS];
    let bounds = SIZES.into_iter().chain([u32::MAX]);
    for (size, bound) in sizes.iter_mut().zip(bounds) {
        *size = left.min(bound);
        left -= *size;
    }
    sizes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn pools_are_made_when_they_are_needed_and_have_all_slots_between_them() {
        assert_eq!(sizes(4), [4, 0, 0]);
        assert_eq!(sizes(300), [256, 44, 0]);
        assert_eq!(Options::default().instances(), 4096 + 64);
        assert_eq!(sizes(4160), [256, 1024, 2880]);

        let pools = Pools::new(Options {
            slots: 258,
            ..Options::default()
        })
        .unwrap();
        let is_made = |at: usize| matches!(&*pools.made[at].read(), Made::Pool(_));
        assert!((0..POOLS).all(|at| !is_made(at)));
        let pool = pools.at(1).unwrap().unwrap();
        let slots = [pool.take(1), pool.take(1)];
        assert!(slots.iter().all(Result::is_ok));
        assert_eq!(pool.take(1).err(), Some(Lack::Full));
        drop(slots);
        assert!(pool.take(1).is_ok());
        assert!(pools.at(2).unwrap().is_none() && pools.at(3).unwrap().is_none());
        assert!(!is_made(0));
    }

    #[test]
    fn an_instance_of_several_memories_takes_as_many_slots_and_gives_them_back() {
        let pools = Pools::new(Options {
            slots: 4,
            ..Options::default()
        })
        .unwrap();
        let pool = pools.at(0).unwrap().unwrap();
        let three = pool.take(3).unwrap();
        assert_eq!(pool.take(2).err(), Some(Lack::Full));
        let one = pool.take(1).unwrap();
        assert_eq!(pool.take(1).err(), Some(Lack::Full));
        drop((three, one));
        assert!(pool.take(4).is_ok() && pool.take(5).is_err());
        assert_eq!(pool.most.load(Relaxed), 4);
    }

    #[test]
    fn a_pool_that_could_not_be_made_is_not_tried_again() {
        let mut pools = Pools::new(Options {
            slots: 258,
            ..Options::default()
        })
        .unwrap();
        for at in [1, 0] {
            let size = pools.sizes[at];
            pools.sizes[at] = 4 << 20; // 256 TiB of memories: more than the address space
            let reason = pools.at(at).err().unwrap();
            pools.sizes[at] = size;
            assert_eq!(pools.at(at).err(), Some(reason));
            pools.trim();
            assert!(
                pools.at(at).unwrap().is_some(),
                "it is quiet, and may be possible now"
            );
        }
    }

    #[test]
    fn no_slot_is_taken_of_a_pool_that_has_ended() {
        let pools = Pools::new(Options {
            slots: 258,
            ..Options::default()
        })
        .unwrap();
        let pool = pools.at(1).unwrap().unwrap();
        let slot = pool.take(1).unwrap();
        pools.trim();
        assert!(Arc::ptr_eq(&pool, &pools.at(1).unwrap().unwrap()), "in use");
        drop(slot);
        pools.trim();
        assert_eq!(pool.take(1).err(), Some(Lack::Ended));
        assert!(matches!(&*pools.made[1].read(), Made::Never));
        let next = pools.at(1).unwrap().unwrap();
        assert!(!Arc::ptr_eq(&pool, &next) && next.take(1).is_ok());
    }

    #[test]
    fn the_first_pool_is_succeeded_only_where_many_of_its_slots_were_in_use() {
        let pools = Pools::new(Options::default()).unwrap();
        let pool = pools.at(0).unwrap().unwrap();
        let take = |count| {
            (0..count)
                .map(|_| pool.take(1).unwrap())
                .collect::<Vec<_>>()
        };
        let is_same = || Arc::ptr_eq(&pool, &pools.at(0).unwrap().unwrap());
        drop(take(WARM));
        pools.trim();
        assert!(is_same());
        drop(take(WARM + 1));
        let loading = pools.load();
        pools.trim();
        assert!(is_same(), "what is being loaded has code there");
        drop(loading);
        pools.trim();
        assert!(!is_same());
        assert_eq!(pool.take(1).err(), Some(Lack::Ended));
    }
}
