//! The data of one instance's store: the exchange's call for as long as a hook runs, its limits,
//! and what it shares with its policy's other instances.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use dialect::Places;
use policy::{Call, Fault, PolicyLimits, ReplyHead};
use wasmtime::{PoolConcurrencyLimitError, Store, StoreContextMut, Trap, UpdateDeadline};

use super::{
    capabilities::{CREDENTIALS, Grants, Host, Misuse, log::Lines, metrics::Meter, random},
    contract::Version,
    engine::{Bound, Memory},
    pace::{Overdue, Pace, may_be_quick},
    pools::Pools,
};

/// Copies of a call's input that go into its memory before a want of memory is the module's fault:
/// the text, what it is made into, and what a growing buffer leaves behind.
const COPIES: u64 = 16;

/// Calls of a policy that are made on stacks of their own after one that was not quick: a policy
/// that loops at each call occupies a worker for its allowance once in so many.
const CALLS_APART: u32 = 10_000;

/// The data that all instances of one policy share.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) grants: Grants,
    /// True if `grants` has [`CREDENTIALS`]: read for each header.
    pub(super) credentials: bool,
    pub(super) limits: PolicyLimits,
    pub(super) reads: Places,
    /// True if it declares the hook that judges replies.
    pub(super) judges: bool,
    /// The contract that it was built for: an earlier one is more lenient.
    pub(super) contract: Version,
    pub(super) host: Host,
    pub(super) lines: Lines,
    pub(super) meter: Arc<dyn Meter>,
    pub(super) key: Option<[u8; 32]>,
    /// Pools; `None` in the compiling child, where nothing is served.
    pub(super) pools: Option<Arc<Pools>>,
    /// Bytes of the largest linear memory that an instance has had.
    pub(super) largest: AtomicU64,
    /// Calls that are still to be made on stacks of their own, after one that was not quick.
    apart: AtomicU32,
}

impl Shared {
    pub(super) fn new(
        name: &str,
        grants: Grants,
        limits: PolicyLimits,
        host: Host,
        pools: Option<Arc<Pools>>,
    ) -> Self {
        Self {
            key: random::process_key(name),
            name: name.to_owned(),
            credentials: grants.has(&CREDENTIALS),
            grants,
            limits,
            reads: Places::NONE,
            judges: false,
            contract: Version::ALL[0],
            meter: host.metrics.meter(name),
            host,
            lines: Lines::default(),
            pools,
            largest: AtomicU64::new(0),
            apart: AtomicU32::new(0),
        }
    }

    /// Decides whether a call with so much text is expected to be quick.
    pub(super) fn expects_quick(&self, bytes: usize) -> bool {
        if self.apart.load(Relaxed) == 0 {
            return may_be_quick(&self.limits, bytes);
        }
        let _ = (self.apart).fetch_update(Relaxed, Relaxed, |calls| calls.checked_sub(1));
        false
    }
}

/// The data of a store for its one instance.
pub(super) struct State {
    pub(super) call: Option<Box<Call>>,
    pub(super) head: Option<Arc<ReplyHead>>,
    pub(super) shared: Arc<Shared>,
    pub(super) pace: Pace,
    memory: Memory,
}

impl State {
    /// Makes the state for work at load, in which no exchange takes part.
    #[cfg(feature = "compile")]
    pub(super) fn loading(shared: Arc<Shared>, pace: Pace) -> Self {
        let memory = Memory::new(shared.limits.memory.saturating_mul(4), None);
        Self::new(shared, pace, memory)
    }

    pub(super) fn new(shared: Arc<Shared>, pace: Pace, memory: Memory) -> Self {
        Self {
            call: None,
            head: None,
            shared,
            pace,
            memory,
        }
    }

    /// Lifts the bound of memory, for the host's own reading of it.
    #[cfg(feature = "compile")]
    pub(super) fn unbound(&mut self) {
        self.memory = Memory::new(u64::MAX, None);
    }

    /// Returns the fault that ended a call.
    pub(super) fn fault(&self, error: &wasmtime::Error) -> Fault {
        if let Some(overdue) = error.downcast_ref::<Overdue>() {
            return match overdue {
                Overdue::Cpu => Fault::CpuTime,
                Overdue::Wall => Fault::WallTime,
            };
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Fault::NoSlot;
        }
        match self.memory.refused {
            Some(Bound::Shared) => return Fault::NoMemory,
            Some(Bound::Own) if self.pace.shown() > self.memory.limit / COPIES => {
                return Fault::InputMemory;
            }
            Some(Bound::Own) => return Fault::Memory,
            None => {}
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return Fault::Trapped(trap.to_string());
        }
        match error.downcast_ref::<Misuse>() {
            Some(misuse) => Fault::Trapped(misuse.to_string()),
            None => Fault::BadReturn(error.root_cause().to_string()),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.shared.largest.fetch_max(self.memory.largest, Relaxed);
    }
}

/// Puts limits on a store. The closures capture nothing, so none of this allocates.
pub(super) fn limit(store: &mut Store<State>) {
    store.limiter(|state| &mut state.memory);
    store.epoch_deadline_callback(tick);
    store.set_epoch_deadline(1);
    // Bytes that one host call or return may copy out of the guest.
    let bytes = store.data().shared.limits.memory;
    store.set_hostcall_fuel(usize::try_from(bytes).unwrap_or(usize::MAX));
}

fn tick(mut store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let State { pace, shared, .. } = store.data_mut();
    if pace.is_slow() {
        shared.apart.store(CALLS_APART, Relaxed);
    }
    pace.tick(shared.pools.as_ref().map(|pools| &pools.ticker))
        .map_err(wasmtime::Error::new)
}
