//! A loaded policy, and its instances: one per exchange, never used twice.
//!
//! A hook's future owns the instance and everything that the hook may touch, so its waiter may
//! leave; a call always runs to its end or to its trap. The request moves into the store for the
//! time of the call and out of it again, whatever happened.

use std::{
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
    time::Duration,
};

use dialect::Delta;
use policy::{
    Call, Decision, Denial, Failure, Fault, Instance, Manifest, Outcome, Program, ReplyHead,
    RequestTurn, Rescued, Shown, Work,
};
use wasmtime::{
    Store,
    component::{ComponentNamedList, InstancePre, Lift, Lower, Resource, TypedFunc},
};

use super::{
    LoadError,
    bindings::types as wit,
    capabilities::{
        Capability,
        exchange::{HeadHandle, RequestHandle},
        linker,
    },
    code::Code,
    contract::Version,
    convert,
    engine::Memory,
    exports::{Exports, Rewritten, describe},
    finish::ToItsEnd,
    pace::{Pace, at_once, metered},
    pools::{POOLS, Pool, Pools, Slot},
    store::{Shared, State, limit},
    v0_2,
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
    /// Reason why `configure` could not be run once for all instances, where so: then it runs in
    /// each of them.
    pub not_snapshotted: Option<String>,
}

struct Core {
    shared: Arc<Shared>,
    pools: Arc<Pools>,
    code: Code,
    export: String,
    contract: Version,
    /// The code in each pool that has had an instance of it.
    linked: [OnceLock<Linked>; POOLS],
    /// True if an import of it may wait.
    waits: bool,
    /// Configuration; set where `configure` must run in each instance.
    config: Option<String>,
}

/// A policy's code in one pool, ready to be instantiated.
struct Linked {
    pre: InstancePre<State>,
    exports: Exports,
}

/// A component, ready to become a policy.
pub(super) struct Parts {
    pub(super) code: Code,
    pub(super) export: String,
    pub(super) contract: Version,
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
        let mut core = Core {
            shared: Arc::new(shared),
            pools,
            code: parts.code,
            export: parts.export,
            contract: parts.contract,
            linked: Default::default(),
            waits: (parts.info.imports.iter())
                .any(|name| Capability::named(name).is_none_or(|known| known.waits)),
            config: parts.config,
        };
        // What can't be linked is found before any exchange needs it.
        core.linked(0)?;
        let manifest = match core.describe(parts.cpu)? {
            Ok(manifest) => manifest,
            Err(error) => return Ok(Err(error)),
        };
        // No other reference is left: the instance that described itself is gone.
        if let Some(shared) = Arc::get_mut(&mut core.shared) {
            shared.reads = manifest.reads;
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
            exports,
            slot,
        } = self.instance(pace)?;
        Ok(Running {
            configured: false,
            core: self.clone(),
            store,
            instance,
            exports,
            _slot: slot,
        })
    }

    /// Makes an instance in the first pool that has a slot free.
    fn instance(&self, pace: Pace) -> Result<Made, Fault> {
        let (slot, pool, at) = self.slot()?;
        let linked = self.linked(at).map_err(|error| {
            tracing::warn!(policy = self.shared.name, %error, "can't be linked in another pool");
            Fault::NoSlot
        })?;
        let budget = Some(self.pools.memory.clone());
        let memory = Memory::new(self.shared.limits.memory, budget);
        let state = State::new(self.shared.clone(), pace, memory);
        let mut store = Store::new(&pool.wasm, state);
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
                exports: linked.exports,
                slot,
            }),
            Some(Err(error)) => Err(store.data().fault(&error)),
            None => Err(Fault::Trapped("it waits while it starts".into())),
        }
    }

    fn slot(&self) -> Result<(Slot, &Arc<Pool>, usize), Fault> {
        for at in 0..POOLS {
            let pool = self.pools.at(at).map_err(|error| {
                tracing::warn!(%error, "no further pool of instances");
                Fault::NoSlot
            })?;
            let Some(pool) = pool else { break };
            if let Some(slot) = pool.take() {
                return Ok((slot, pool, at));
            }
        }
        Err(Fault::NoSlot)
    }

    /// Returns the code in the pool at this place, mapped and linked now if it never was.
    fn linked(&self, at: usize) -> wasmtime::Result<&Linked> {
        let missing = || wasmtime::format_err!("there is no such pool");
        let place = self.linked.get(at).ok_or_else(missing)?;
        if let Some(linked) = place.get() {
            return Ok(linked);
        }
        let pool = self.pools.at(at)?.ok_or_else(missing)?;
        let component = match at {
            0 => self.code.first.clone(),
            _ => self.code.map(&pool.wasm)?,
        };
        let linked = Linked {
            pre: linker(&pool.wasm, self.contract)?.instantiate_pre(&component)?,
            exports: Exports::find(&component, &self.export, self.contract)?,
        };
        Ok(place.get_or_init(|| linked))
    }

    /// Calls `describe` of a new instance, and checks the types of all its hooks.
    fn describe(&self, cpu: Duration) -> wasmtime::Result<Result<Manifest, LoadError>> {
        let Made {
            mut store,
            instance,
            exports,
            slot: _slot,
        } = match self.instance(Pace::loading(cpu)) {
            Ok(made) => made,
            Err(fault) => return Ok(Err(LoadError::Fault(fault))),
        };
        exports.check(&instance, &mut store)?;
        let _running = self.pools.ticker.enter();
        Ok(
            match at_once(describe(
                exports.contract,
                &instance,
                &mut store,
                &exports.describe,
            )) {
                Some(Ok(manifest)) => manifest,
                Some(Err(error)) => Err(LoadError::Fault(store.data().fault(&error))),
                None => Err(LoadError::Fault(Fault::Trapped("`describe` waits".into()))),
            },
        )
    }
}

/// An instance that was just made, with the exports of its code.
struct Made {
    store: Store<State>,
    instance: wasmtime::component::Instance,
    exports: Exports,
    slot: Slot,
}

/// One exchange's instance.
struct Running {
    core: Arc<Core>,
    store: Store<State>,
    instance: wasmtime::component::Instance,
    exports: Exports,
    /// Dropped after the store, which gives back what the slot stands for.
    _slot: Slot,
    /// True once it was configured by its own call; one from a configured image needs none.
    configured: bool,
}

impl Running {
    /// Calls a hook within its budget. `given` is the text that comes with the call, in bytes;
    /// `more` is the text that it may read besides.
    async fn call<P, R>(
        &mut self,
        hook: wasmtime::component::ComponentExportIndex,
        arguments: P,
        given: usize,
        more: usize,
    ) -> Result<R, Fault>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let text = given.saturating_add(more);
        let Some(function) = self.instance.get_func(&mut self.store, hook) else {
            return Err(Fault::BadReturn("the hook is gone".into()));
        };
        #[allow(unsafe_code, reason = "the types were checked once, at load")]
        // SAFETY: `describe` checked this export against these very types on another instance of
        // the same component.
        let function = unsafe { TypedFunc::<P, R>::new_unchecked(function) };

        let _running = self.core.pools.ticker.enter();
        let pace = &mut self.store.data_mut().pace;
        let quick = !self.core.waits && !pace.is_loading() && self.core.shared.expects_quick(text);
        if quick {
            pace.begin_quick(text as u64);
        } else {
            pace.begin(text as u64);
        }
        pace.show(given as u64);
        self.store.set_epoch_deadline(1);
        let outcome = if quick {
            function.call(&mut self.store, arguments)
        } else {
            metered(function.call_async(&mut self.store, arguments)).await
        };
        let state = self.store.data_mut();
        state.pace.end();
        outcome.map_err(|error| state.fault(&error))
    }

    /// Configures an instance whose image could not be configured once for all, at its first call.
    async fn configure(&mut self) -> Result<(), Fault> {
        let (Some(config), false) = (&self.core.config, self.configured) else {
            return Ok(());
        };
        let config = config.clone();
        // Ten budgets: this should have been done once at load; `Info::not_snapshotted` says why it
        // was not.
        let cpu = 10 * self.core.shared.limits.cpu;
        self.store.data_mut().pace = Pace::configuring(cpu);
        let configure = self.exports.configure;
        let (outcome,): (Result<(), String>,) = self.call(configure, (config,), 0, 0).await?;
        self.store.data_mut().pace = Pace::serving(&self.core.shared.limits);
        self.configured = true;
        outcome.map_err(|_| Fault::BadReturn("configure failed, though not at load".into()))
    }

    async fn on_request(&mut self) -> Result<Decision, Fault> {
        self.configure().await?;
        let request = Resource::<RequestHandle>::new_borrow(0);
        let body = self.store.data().call.as_ref();
        let body = body.map_or(0, |call| call.body.size());
        let hook = self.exports.on_request;
        let (decision,): (wit::Decision,) = self.call(hook, (request,), 0, body).await?;
        let decision = convert::decision(decision)?;
        if let (Decision::Serve(key), Some(call)) = (&decision, &self.store.data().call)
            && !call.claims.found.iter().any(|(known, _)| known == key)
        {
            let why = "it serves a reply under a key that it did not find";
            return Err(Fault::BadReturn(why.into()));
        }
        Ok(decision)
    }

    async fn on_reply(
        &mut self,
        deltas: Vec<Delta>,
    ) -> Result<Result<Vec<Option<String>>, Denial>, Fault> {
        self.configure().await?;
        let shown = deltas.len();
        let text = deltas.iter().map(|delta| delta.text.len()).sum();
        let head = Resource::<HeadHandle>::new_borrow(0);
        let Exports {
            contract, on_reply, ..
        } = self.exports;
        let (outcome,): (Rewritten,) = match contract {
            Version::V0_3 => {
                let deltas: Vec<wit::Delta> = deltas.into_iter().map(Into::into).collect();
                self.call(on_reply, (head, deltas), text, 0).await?
            }
            Version::V0_2 => {
                let deltas: Vec<v0_2::types::Delta> = deltas.into_iter().map(Into::into).collect();
                self.call(on_reply, (head, deltas), text, 0).await?
            }
        };
        match outcome {
            Ok(texts) => convert::rewritten(shown, texts).map(Ok),
            Err(refusal) => convert::denial(refusal).map(Err),
        }
    }

    async fn on_failure(&mut self, failure: &Failure) -> Result<Decision, Fault> {
        self.configure().await?;
        let failure = wit::Failure {
            status: failure.status,
            code: failure.code.clone(),
        };
        let hook = self.exports.on_failure;
        let (decision,): (wit::Decision,) = self.call(hook, (failure,), 0, 0).await?;
        match convert::decision(decision)? {
            Decision::Serve(_) => Err(Fault::BadReturn(
                "a failure is answered with a text or a refusal".into(),
            )),
            decision => Ok(decision),
        }
    }

    async fn on_end(&mut self, outcome: &Outcome) -> Result<(), Fault> {
        self.configure().await?;
        let outcome = wit::Outcome::from(outcome);
        self.call(self.exports.on_end, (outcome,), 0, 0).await
    }
}

impl Instance for Running {
    fn on_request(mut self: Box<Self>, call: Box<Call>) -> Work<RequestTurn> {
        Box::pin(ToItsEnd::new(async move {
            self.store.data_mut().call = Some(call);
            let outcome = Running::on_request(&mut self).await;
            #[expect(clippy::expect_used, reason = "put there above, taken nowhere else")]
            let call = self.store.data_mut().call.take().expect("the call");
            (
                call,
                outcome.map(|decision| (self as Box<dyn Instance>, decision)),
            )
        }))
    }

    fn on_reply(
        mut self: Box<Self>,
        head: Arc<ReplyHead>,
        deltas: Vec<Delta>,
    ) -> Work<Result<Shown, Fault>> {
        Box::pin(ToItsEnd::new(async move {
            self.store.data_mut().head = Some(head);
            let outcome = Running::on_reply(&mut self, deltas).await;
            self.store.data_mut().head = None;
            outcome.map(|texts| (self as Box<dyn Instance>, texts))
        }))
    }

    fn on_failure(mut self: Box<Self>, failure: Arc<Failure>) -> Work<Result<Rescued, Fault>> {
        Box::pin(ToItsEnd::new(async move {
            let decision = Running::on_failure(&mut self, &failure).await?;
            Ok((self as Box<dyn Instance>, decision))
        }))
    }

    fn on_end(mut self: Box<Self>, outcome: Arc<Outcome>) -> Work<Result<(), Fault>> {
        Box::pin(ToItsEnd::new(async move {
            Running::on_end(&mut self, &outcome).await
        }))
    }
}
