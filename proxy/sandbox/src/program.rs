//! A loaded policy: its code in each pool that it has instances in, and the making of them.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use policy::{Fault, Instance, Manifest, Program};
use wasmtime::{Store, component::Component};

use super::{
    LoadError,
    capabilities::Capability,
    code::{Code, Linked, Origin},
    contract::Version,
    engine::Memory,
    exports::describe,
    instance::Running,
    pace::{Pace, at_once},
    pools::{Pools, Slot},
    store::{Shared, State, limit},
};

/// One loaded, configured policy.
pub struct Policy {
    core: Arc<Core>,
    manifest: Manifest,
    info: Info,
}

/// The facts about a policy besides its manifest.
#[derive(Debug, Clone)]
pub struct Info {
    /// Contract that it was built for.
    pub contract: Version,
    /// Interfaces that it imports: its capabilities.
    pub imports: Vec<String>,
    /// True if the code came from the cache.
    pub cached: bool,
    /// Number of functions that were compiled for it: none where the code came from the cache, few
    /// where they were compiled ahead.
    pub functions: usize,
    /// Time that compiling took, in this process or its child; none where the code came from the
    /// cache.
    pub compiled_in: Option<Duration>,
    /// Bytes of its native code, constants and tables included.
    pub code: usize,
    /// Reason why `configure` could not be run once for all instances, where so: then it runs in
    /// each of them.
    pub not_snapshotted: Option<String>,
}

/// The parts that all instances of a policy are made from.
pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    pub(super) pools: Arc<Pools>,
    code: Arc<Code>,
    /// True if an import of it may wait.
    pub(super) waits: bool,
    /// Configuration; set where `configure` must run in each instance.
    pub(super) config: Option<String>,
}

/// A component, ready to become a policy.
pub(super) struct Parts {
    /// Code in the first pool's engine.
    pub(super) component: Component,
    pub(super) origin: Origin,
    pub(super) config: Option<String>,
    pub(super) info: Info,
    /// CPU time of `describe`.
    pub(super) cpu: Duration,
}

impl Policy {
    /// Links a component, checks its types, and calls its `describe`.
    pub(super) fn new(
        mut shared: Shared,
        pools: Arc<Pools>,
        parts: Parts,
    ) -> wasmtime::Result<Result<Self, LoadError>> {
        shared.pools = Some(pools.clone());
        shared.contract = parts.info.contract;
        // What can't be linked is found before any exchange needs it.
        let code = Code::new(&pools, &parts.component, parts.origin)?;
        let mut core = Core {
            shared: Arc::new(shared),
            pools,
            code,
            waits: (parts.info.imports.iter())
                .any(|name| Capability::named(name).is_none_or(|known| known.waits)),
            config: parts.config,
        };
        let manifest = match core.describe(parts.cpu)? {
            Ok(manifest) => manifest,
            Err(error) => return Ok(Err(error)),
        };
        // No other reference is left: the instance that described itself is gone.
        if let Some(shared) = Arc::get_mut(&mut core.shared) {
            shared.reads = manifest.reads;
            shared.judges = manifest.hooks.attempt;
        }
        Ok(Ok(Self {
            core: Arc::new(core),
            manifest,
            info: parts.info,
        }))
    }

    /// Returns the facts about it besides its manifest.
    pub fn info(&self) -> &Info {
        &self.info
    }
}

impl Program for Policy {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn start(&self) -> Result<Box<dyn Instance>, Fault> {
        let limits = &self.core.shared.limits;
        let mut running = self.core.instantiate(Pace::loading(limits.cpu))?;
        running.store.data_mut().pace = Pace::serving(limits);
        Ok(Box::new(running))
    }

    fn memory_high_water(&self) -> u64 {
        self.core.shared.largest.load(Relaxed)
    }
}

impl Core {
    fn instantiate(self: &Arc<Self>, pace: Pace) -> Result<Running, Fault> {
        let Made {
            store,
            instance,
            linked,
            slot,
        } = self.instance(pace)?;
        Ok(Running {
            configured: false,
            core: self.clone(),
            store,
            instance,
            linked,
            _slot: slot,
        })
    }

    /// Makes an instance in the first pool that has a slot free.
    fn instance(&self, pace: Pace) -> Result<Made, Fault> {
        let (slot, linked) = self.code.take(&self.pools)?;
        let budget = Some(self.pools.memory.clone());
        let memory = Memory::new(self.shared.limits.memory, budget);
        let state = State::new(self.shared.clone(), pace, memory);
        let mut store = Store::new(&linked.pool.wasm, state);
        limit(&mut store);
        let _running = self.pools.ticker.enter();
        // Start functions run in one poll: they may not wait, and end within a hook's budget.
        let made = match self.waits {
            true => at_once(linked.pre.instantiate_async(&mut store)),
            false => Some(linked.pre.instantiate(&mut store)),
        };
        match made {
            Some(Ok(instance)) => Ok(Made {
                store,
                instance,
                linked,
                slot,
            }),
            Some(Err(error)) => Err(store.data().fault(&error)),
            None => Err(Fault::Trapped("it waits while it starts".into())),
        }
    }

    /// Calls `describe` of a new instance, and checks the types of all its hooks.
    fn describe(&self, cpu: Duration) -> wasmtime::Result<Result<Manifest, LoadError>> {
        // Dropped in reverse order: the store before the slot that stands for it.
        let Made {
            slot: _slot,
            mut store,
            instance,
            linked,
        } = match self.instance(Pace::loading(cpu)) {
            Ok(made) => made,
            Err(fault) => return Ok(Err(LoadError::Fault(fault))),
        };
        let exports = &linked.exports;
        exports.check(&instance, &mut store)?;
        let _running = self.pools.ticker.enter();
        Ok(
            match at_once(describe(
                exports.contract,
                &instance,
                &mut store,
                &exports.describe,
            )) {
                Some(Ok(Ok(manifest)))
                    if manifest.hooks.attempt && exports.on_attempt.is_none() =>
                {
                    let why =
                        "`hooks` lists the hook `attempt`, and there is no export `on-attempt`";
                    Err(LoadError::Types(why.to_owned()))
                }
                Some(Ok(manifest)) => manifest,
                Some(Err(error)) => Err(LoadError::Fault(store.data().fault(&error))),
                None => Err(LoadError::Fault(Fault::Trapped("`describe` waits".into()))),
            },
        )
    }
}

/// An instance that was just made, with its code.
struct Made {
    store: Store<State>,
    instance: wasmtime::component::Instance,
    linked: Arc<Linked>,
    slot: Slot,
}
