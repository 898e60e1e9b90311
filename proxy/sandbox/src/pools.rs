//! The pools that instances live in: the first is made with the first policy, the next when the
//! ones before it are full.
//!
//! A pool's size is fixed when it is made, and costs a system call for each slot (a stack's guard)
//! and address space. So an idle sidecar has a small one, and one without policies none. A slot is
//! taken from the first pool that has one free: what was used last is used again, and is warm in
//! the processor's cache. A pool that can't be made is not tried again: each attempt costs as much
//! as the pool.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use super::{
    engine::{Budget, Options, pooled},
    ticker::Ticker,
};

/// Slots of each pool but the last, which has the rest: 256 cost 1 ms at start, and hold what 85
/// exchanges of three policies need at once.
const SIZES: [u32; 2] = [256, 1024];
/// Pools that there may be. Each has its own mapping of every policy, about half a MiB.
pub(super) const POOLS: usize = SIZES.len() + 1;

/// All pools, with what their instances share.
pub(super) struct Pools {
    pub(super) ticker: Ticker,
    pub(super) memory: Arc<Budget>,
    sizes: [u32; POOLS],
    /// Outcome of making each pool: the pool, or the reason why there is none.
    made: [OnceLock<Result<Arc<Pool>, String>>; POOLS],
}

/// One pool: an engine of its own.
pub(super) struct Pool {
    pub(super) wasm: wasmtime::Engine,
    slots: u32,
    taken: AtomicU32,
}

/// A place in a pool. Dropping it makes room.
pub(super) struct Slot(Arc<Pool>);

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
        })
    }

    /// Returns the pool at this place, made now where it was not needed before; `None` behind the
    /// last one.
    ///
    /// # Errors
    /// The process can't have the address space, or the mappings. The reason is logged once, and
    /// kept.
    pub(super) fn at(&self, at: usize) -> Result<Option<&Arc<Pool>>, &str> {
        let (Some(made), Some(&slots)) = (self.made.get(at), self.sizes.get(at)) else {
            return Ok(None);
        };
        if slots == 0 {
            return Ok(None);
        }
        let outcome = made.get_or_init(|| {
            self.make(slots).map_err(|error| {
                tracing::warn!(%error, slots, "a pool of instances can't be made");
                format!("{error:#}")
            })
        });
        outcome.as_ref().map(Some).map_err(String::as_str)
    }

    fn make(&self, slots: u32) -> wasmtime::Result<Arc<Pool>> {
        let wasm = pooled(slots)?;
        self.ticker.drive(wasm.weak());
        Ok(Arc::new(Pool {
            wasm,
            slots,
            taken: AtomicU32::new(0),
        }))
    }
}

impl Pool {
    /// Takes a slot, where one is free.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        if self.taken.fetch_add(1, Relaxed) < self.slots {
            return Some(Slot(Arc::clone(self)));
        }
        self.taken.fetch_sub(1, Relaxed);
        None
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
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
        assert!(pools.made.iter().all(|pool| pool.get().is_none()));
        let pool = pools.at(1).unwrap().unwrap();
        let slots = [pool.take(), pool.take()];
        assert!(slots.iter().all(Option::is_some) && pool.take().is_none());
        drop(slots);
        assert!(pool.take().is_some());
        assert!(pools.at(2).unwrap().is_none() && pools.at(3).unwrap().is_none());
        assert!(pools.made[0].get().is_none());
    }

    #[test]
    fn a_pool_that_could_not_be_made_is_not_tried_again() {
        let mut pools = Pools::new(Options {
            slots: 258,
            ..Options::default()
        })
        .unwrap();
        pools.sizes[1] = 4 << 20; // 256 TiB of memories: more than the address space
        let reason = pools.at(1).err().unwrap().to_owned();
        pools.sizes[1] = 2;
        assert_eq!(pools.at(1).err(), Some(reason.as_str()));
        assert!(pools.at(0).unwrap().is_some());
    }
}
