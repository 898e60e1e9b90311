//! The settings of wasm engines, the bounds of all instances together, and one instance's share.
//!
//! Every number here was measured on instances that live for one exchange (the pool's reset
//! dominates). The surprise: keeping memory resident pays only together with `pagemap_scan`, which
//! finds the dirty pages; without it the pool must clear the whole range, which is worse than
//! giving the pages back.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

#[cfg(feature = "compile")]
use wasmtime::OptLevel;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::proposals;
#[cfg(feature = "compile")]
use super::{functions::Functions, processor};

/// Address space of one instance's memory, and so the largest that `limits.memory` can mean, in
/// bytes.
const MEMORY_RESERVATION: u64 = 64 << 20;
/// Inaccessible bytes behind each slot. Bounds are checked in the code, against the reservation and
/// exactly; this much is for what a later compiler may leave to a fault.
const GUARD: u64 = 64 << 10;
/// Charge for an instance before it has grown, in bytes: its pages are shared with the image until
/// they are written to.
const INSTANCE_CHARGE: u64 = 64 << 10;
/// Instances beyond those that the memory has room for, which are being refused at one time.
const REFUSED: u32 = 64;
/// The most instances that may live at once. The stack of one is two mappings, a live memory up to
/// three; a process has 65,530 (`vm.max_map_count`) for these and for all else.
const MOST: u32 = 8 << 10;
/// Tables of a slot: a wrapped module has two in its three core instances (it, a shim, its
/// fix-ups).
pub(super) const TABLES: u32 = 2;
/// Entries of one table.
pub(super) const TABLE_ELEMENTS: usize = 20_000;

/// Bounds of all instances together.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Instances that may live at once, 8192 at most: the kernel bounds the mappings of a process.
    /// Default: as many as `memory` has room for, at 64 KiB each; what they need of the address
    /// space is reserved as they come.
    pub slots: u32,
    /// Memory of all instances together, in bytes. Default 256 MiB.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            slots: u32::MAX,
            memory: 256 << 20,
        }
    }
}

impl Options {
    /// Returns the number of instances that can live at once: as many as the memory has room for,
    /// and some that are refused for want of it, which is what an operator can change; never more
    /// than [`MOST`].
    pub(super) fn instances(self) -> u32 {
        let fit = u32::try_from(self.memory / INSTANCE_CHARGE).unwrap_or(u32::MAX);
        self.slots.min(fit.saturating_add(REFUSED)).min(MOST)
    }
}

/// Makes an engine with a pool of `slots` instances. Costs address space and a system call for each
/// slot, not memory.
pub(super) fn pooled(slots: u32) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings();
    config.allocation_strategy(pool(slots));
    wasmtime::Engine::new(&config)
}

/// Makes an engine that compiles for those of [`pooled`], without a pool, what is not in
/// `functions`.
#[cfg(feature = "compile")]
pub(super) fn compiler(functions: Arc<Functions>) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings();
    processor::restrict(&mut config)?;
    config.enable_incremental_compilation(functions)?;
    wasmtime::Engine::new(&config)
}

/// Makes an engine that compiles for other machines of this processor's kind.
#[cfg(feature = "compile")]
pub(super) fn compiler_ahead(functions: Arc<Functions>) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings();
    processor::set_level(&mut config)?;
    config.enable_incremental_compilation(functions)?;
    wasmtime::Engine::new(&config)
}

/// Makes an engine whose code runs once and is thrown away, so it is not worth optimising.
#[cfg(feature = "compile")]
pub(super) fn for_once() -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings();
    config.cranelift_opt_level(OptLevel::None);
    wasmtime::Engine::new(&config)
}

/// Returns the settings that the code depends on; the same for all of them, but for the processor.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .memory_reservation(MEMORY_RESERVATION)
        .memory_guard_size(GUARD)
        .memory_may_move(false)
        .max_wasm_stack(256 << 10)
        .async_stack_size(512 << 10)
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_backtrace_max_frames(None)
        // No one reads a policy's stack: tables for it are half of the code's file, and as much to
        // map and to write.
        .generate_address_map(false)
        .native_unwind_info(false);
    proposals::restrict(&mut config);
    config
}

fn pool(slots: u32) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_memories(slots)
        .total_stacks(slots)
        // A mere count, of what memories and tables bound already.
        .total_core_instances(u32::MAX)
        .total_tables(slots.saturating_mul(TABLES))
        .max_memory_size(MEMORY_RESERVATION as usize)
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(64)
        .async_stack_keep_resident(16 << 10);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            // Each slot ever used keeps that much of what it dirtied: larger working sets pay page
            // faults, smaller ones none.
            .linear_memory_keep_resident(512 << 10)
            .table_keep_resident(16 << 10);
    }
    InstanceAllocationStrategy::Pooling(pool)
}

/// Memory that all instances share.
#[derive(Debug)]
pub(super) struct Budget {
    limit: u64,
    taken: AtomicU64,
}

impl Budget {
    /// Makes a budget of so many bytes.
    pub(super) const fn new(limit: u64) -> Self {
        Self {
            limit,
            taken: AtomicU64::new(0),
        }
    }

    fn take(&self, bytes: u64) -> bool {
        let before = self.taken.fetch_add(bytes, Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit;
        if !fits {
            self.taken.fetch_sub(bytes, Relaxed);
        }
        fits
    }
}

/// One instance's share of the budget, and its own bound.
///
/// Growth is charged, and a flat sum for the instance: the pages of an image are shared until they
/// are written to.
pub(super) struct Memory {
    budget: Option<Arc<Budget>>,
    charged: u64,
    /// Bytes that the instance may have.
    pub(super) limit: u64,
    /// Size of the largest linear memory so far, in bytes.
    pub(super) largest: u64,
    /// Bound at which growth was refused, if it was: a trap after that is a want of memory.
    pub(super) refused: Option<Bound>,
}

/// The bound that growth of a memory came up against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// The instance's own bound.
    Own,
    /// The process's bound: other instances have what is there.
    Shared,
}

impl Memory {
    /// Makes the share; `budget` is `None` at load, which is no exchange's cost.
    pub(super) fn new(limit: u64, budget: Option<Arc<Budget>>) -> Self {
        Self {
            budget,
            charged: 0,
            limit: limit.min(MEMORY_RESERVATION),
            largest: 0,
            refused: None,
        }
    }
}

impl wasmtime::ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let (current, desired) = (current as u64, desired as u64);
        let charge = if current == 0 {
            INSTANCE_CHARGE
        } else {
            desired.saturating_sub(current)
        };
        if desired > self.limit {
            self.refused = Some(Bound::Own);
            return Ok(false);
        }
        if self.budget.as_ref().is_some_and(|b| !b.take(charge)) {
            self.refused = Some(Bound::Shared);
            return Ok(false);
        }
        self.largest = self.largest.max(desired);
        self.charged += charge;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= TABLE_ELEMENTS;
        if !fits {
            self.refused = Some(Bound::Own);
        }
        Ok(fits)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.taken.fetch_sub(self.charged, Relaxed);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use wasmtime::ResourceLimiter;

    #[test]
    fn more_memory_makes_no_more_instances_than_a_process_has_mappings_for() {
        let instances = |memory| {
            let options = Options {
                memory,
                ..Options::default()
            };
            options.instances()
        };
        assert_eq!(instances(256 << 20), 4096 + REFUSED);
        assert_eq!(instances(16 << 30), MOST);
        assert_eq!(instances(u64::MAX), MOST);
    }

    #[test]
    fn an_instance_gives_back_what_it_was_charged() {
        let budget = Arc::new(Budget::new(1 << 20));
        let mut one = Memory::new(16 << 20, Some(budget.clone()));
        assert!(one.memory_growing(0, 1 << 20, None).unwrap());
        assert!(
            one.memory_growing(1 << 20, (1 << 20) + 65536, None)
                .unwrap()
        );
        assert_eq!(budget.taken.load(Relaxed), INSTANCE_CHARGE + 65536);

        let mut other = Memory::new(16 << 20, Some(budget.clone()));
        assert!(other.memory_growing(0, 65536, None).unwrap());
        assert!(!other.memory_growing(65536, 2 << 20, None).unwrap());
        assert_eq!((one.refused, other.refused), (None, Some(Bound::Shared)));
        assert!(!other.memory_growing(65536, 17 << 20, None).unwrap());
        assert_eq!(other.refused, Some(Bound::Own));
        drop((one, other));
        assert_eq!(budget.taken.load(Relaxed), 0);
    }

    #[cfg(feature = "compile")]
    #[test]
    fn code_compiled_without_the_pool_runs_in_the_pool() {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let hash = |engine: &wasmtime::Engine| {
            let mut state = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut state);
            state.finish()
        };
        let mut config = settings();
        processor::restrict(&mut config).unwrap();
        config.allocation_strategy(pool(2));
        let pooled = wasmtime::Engine::new(&config).unwrap();
        assert_eq!(hash(&compiler(Arc::default()).unwrap()), hash(&pooled));
    }

    #[cfg(all(feature = "compile", target_arch = "x86_64"))]
    #[test]
    fn what_is_compiled_ahead_fits_the_level_and_no_processor_that_lacks_it() {
        // (module (func (export "f") (result i32) i32.const 7))
        const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7f\x03\x02\x01\0\x07\x05\x01\x01f\0\0\x0a\x06\x01\x04\0\x41\x07\x0b";
        let functions = Arc::<Functions>::default();
        let compiled_by = |engine: wasmtime::Engine| {
            let before = functions.compiled();
            engine.precompile_module(MODULE).unwrap();
            functions.compiled() - before
        };
        let all = compiled_by(compiler_ahead(functions.clone()).unwrap());
        assert!(all > 0);
        assert_eq!(compiled_by(compiler_ahead(functions.clone()).unwrap()), 0);

        let mut lacking = settings();
        lacking.target("x86_64-unknown-linux-gnu").unwrap();
        lacking
            .enable_incremental_compilation(functions.clone())
            .unwrap();
        let lacking = wasmtime::Engine::new(&lacking).unwrap();
        assert_eq!(compiled_by(lacking), all);
    }
}
