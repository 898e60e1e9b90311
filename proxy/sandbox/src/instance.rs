//! A loaded policy, and its instances: one per exchange, never used twice.
//!
//! A hook's future owns the instance and everything that the hook may touch, so its waiter may
//! leave; a call always runs to its end or to its trap. The request moves into the store for the
//! time of the call and out of it again, whatever happened.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use dialect::Delta;
use policy::{
    Call, Decision, Denial, Failure, Fault, Instance, Manifest, Outcome, Program, ReplyHead,
    RequestTurn, Rescued, Shown, Work,
};
use wasmtime::{
    Store,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, Resource,
        TypedFunc,
    },
};

use super::{
    LoadError,
    bindings::types as wit,
    capabilities::{
        exchange::{HeadHandle, RequestHandle},
        linker,
    },
    contract::Version,
    convert,
    engine::{Engine, Memory},
    exports::{Exports, Rewritten, describe},
    finish::ToItsEnd,
    pace::{Pace, at_once, metered},
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
    engine: Arc<Engine>,
    pre: InstancePre<State>,
    exports: Exports,
    /// Configuration; set where `configure` must run in each instance.
    config: Option<String>,
}

/// A component, ready to become a policy.
pub(super) struct Parts {
    pub(super) component: Component,
    pub(super) export: String,
    pub(super) contract: Version,
    pub(super) config: Option<String>,
    pub(super) info: Info,
    /// CPU time of `describe`.
    pub(super) cpu: std::time::Duration,
}

impl Policy {
    /// Links a component, checks its types, and calls its `describe`.
    pub(super) fn new(
        mut shared: Shared,
        engine: Arc<Engine>,
        parts: Parts,
    ) -> wasmtime::Result<Result<Self, LoadError>> {
        shared.engine = Some(engine.clone());
        let pre = linker(&engine.wasm, parts.contract)?.instantiate_pre(&parts.component)?;
        let mut core = Core {
            exports: Exports::find(&parts.component, &parts.export, parts.contract)?,
            shared: Arc::new(shared),
            engine,
            pre,
            config: parts.config,
        };
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
        let (store, instance) = self.instance(pace)?;
        Ok(Running {
            configured: false,
            core: self.clone(),
            store,
            instance,
        })
    }

    fn instance(&self, pace: Pace) -> Result<(Store<State>, wasmtime::component::Instance), Fault> {
        let budget = Some(self.engine.memory.clone());
        let memory = Memory::new(self.shared.limits.memory, budget);
        let state = State::new(self.shared.clone(), pace, memory);
        let mut store = Store::new(&self.engine.wasm, state);
        limit(&mut store);
        let _running = self.engine.ticker.enter();
        // Start functions run in one poll: they may not wait, and end within a hook's budget.
        match at_once(self.pre.instantiate_async(&mut store)) {
            Some(Ok(instance)) => Ok((store, instance)),
            Some(Err(error)) => Err(store.data().fault(&error)),
            None => Err(Fault::Trapped("it waits while it starts".into())),
        }
    }

    /// Calls `describe` of a new instance, and checks the types of all its hooks.
    fn describe(&self, cpu: std::time::Duration) -> wasmtime::Result<Result<Manifest, LoadError>> {
        let (mut store, instance) = match self.instance(Pace::loading(cpu)) {
            Ok(made) => made,
            Err(fault) => return Ok(Err(LoadError::Fault(fault))),
        };
        let exports = &self.exports;
        exports.check(&instance, &mut store)?;
        let _running = self.engine.ticker.enter();
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

/// One exchange's instance.
struct Running {
    core: Arc<Core>,
    store: Store<State>,
    instance: wasmtime::component::Instance,
    /// True once it was configured by its own call; one from a configured image needs none.
    configured: bool,
}

impl Running {
    /// Calls a hook within its budget. `given` is the text that comes with the call, in bytes;
    /// `more` is the text that it may read besides.
    async fn call<P, R>(
        &mut self,
        hook: ComponentExportIndex,
        arguments: P,
        given: usize,
        more: usize,
    ) -> Result<R, Fault>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let Some(function) = self.instance.get_func(&mut self.store, hook) else {
            return Err(Fault::BadReturn("the hook is gone".into()));
        };
        #[allow(unsafe_code, reason = "the types were checked once, at load")]
        // SAFETY: `describe` checked this export against these very types on another instance of
        // the same component.
        let function = unsafe { TypedFunc::<P, R>::new_unchecked(function) };

        let _running = self.core.engine.ticker.enter();
        let pace = &mut self.store.data_mut().pace;
        pace.begin(given.saturating_add(more) as u64);
        pace.show(given as u64);
        self.store.set_epoch_deadline(1);
        let outcome = metered(function.call_async(&mut self.store, arguments)).await;
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
        let configure = self.core.exports.configure;
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
        let hook = self.core.exports.on_request;
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
        } = self.core.exports;
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
        let hook = self.core.exports.on_failure;
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
        self.call(self.core.exports.on_end, (outcome,), 0, 0).await
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
