//! Instances of policies: one per exchange, never used twice.
//!
//! A hook's future owns the instance and everything that the hook may touch, so its waiter may
//! leave; a call always runs to its end or to its trap. The request moves into the store for the
//! time of the call and out of it again, whatever happened.

use std::sync::Arc;

use dialect::Delta;
use policy::{
    AttemptReply, AttemptTurn, AttemptVerdict, Call, Decision, Denial, Failure, Fault, Instance,
    Outcome, ReplyHead, RequestTurn, Rescued, Shown, Work,
};
use wasmtime::{
    Store,
    component::{ComponentExportIndex, ComponentNamedList, Lift, Lower, Resource, TypedFunc},
};

use super::{
    bindings::types as wit,
    capabilities::exchange::{HeadHandle, RequestHandle},
    code::Linked,
    contract::Version,
    convert,
    exports::{Exports, Rewritten},
    finish::ToItsEnd,
    pace::{Pace, metered},
    pools::Slot,
    program::Core,
    store::State,
    v0_2, v0_3,
};

/// One exchange's instance.
pub(super) struct Running {
    pub(super) core: Arc<Core>,
    pub(super) store: Store<State>,
    pub(super) instance: wasmtime::component::Instance,
    pub(super) linked: Arc<Linked>,
    /// Dropped after the store, which gives back what the slot stands for.
    pub(super) _slot: Slot,
    /// True once it was configured by its own call; one from a configured image needs none.
    pub(super) configured: bool,
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
        let text = given.saturating_add(more);
        let Some(function) = self.instance.get_func(&mut self.store, hook) else {
            return Err(Fault::BadReturn("the hook is gone".into()));
        };
        #[allow(unsafe_code, reason = "the types were checked once, at load")]
        // SAFETY: `describe` checked this export against these very types on another instance of
        // the same code.
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
        let configure = self.linked.exports.configure;
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
        let Exports {
            contract,
            on_request: hook,
            ..
        } = self.linked.exports;
        let (decision,): (wit::Decision,) = match contract {
            Version::V0_4 => self.call(hook, (request,), 0, body).await?,
            Version::V0_3 | Version::V0_2 => {
                let (decision,): (v0_3::Decision,) = self.call(hook, (request,), 0, body).await?;
                (decision.into(),)
            }
        };
        let decision = convert::decision(decision)?;
        match (&decision, &self.store.data().call) {
            (Decision::Serve(key), Some(call))
                if !call.claims.found.iter().any(|(known, _)| known == key) =>
            {
                let why = "it serves a reply under a key that it did not find";
                Err(Fault::BadReturn(why.into()))
            }
            (Decision::TryNow(_), _) => {
                let why = "`try-now` is for a failure; a request goes on with `prefer`";
                Err(Fault::BadReturn(why.into()))
            }
            _ => Ok(decision),
        }
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
        } = self.linked.exports;
        let (outcome,): (Rewritten,) = match contract {
            Version::V0_4 | Version::V0_3 => {
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

    async fn on_attempt(
        &mut self,
        reply: &AttemptReply,
        deltas: Vec<Delta>,
    ) -> Result<AttemptVerdict, Fault> {
        self.configure().await?;
        // None that lacks the hook may declare it, and so none holds a reply.
        let Some(hook) = self.linked.exports.on_attempt else {
            return Ok(AttemptVerdict::Accept);
        };
        let text = deltas.iter().map(|delta| delta.text.len()).sum();
        let deltas: Vec<wit::Delta> = deltas.into_iter().map(Into::into).collect();
        let arguments = (wit::AttemptReply::from(reply), deltas);
        let (verdict,): (wit::Verdict,) = self.call(hook, arguments, text, 0).await?;
        convert::verdict(verdict)
    }

    async fn on_failure(&mut self, failure: &Failure) -> Result<Decision, Fault> {
        self.configure().await?;
        let Exports {
            contract,
            on_failure: hook,
            ..
        } = self.linked.exports;
        let (decision,): (wit::Decision,) = match contract {
            Version::V0_4 => {
                let failure = wit::Failure::from(failure);
                self.call(hook, (failure,), 0, 0).await?
            }
            Version::V0_3 | Version::V0_2 => {
                let failure = v0_3::Failure::from(failure);
                let (decision,): (v0_3::Decision,) = self.call(hook, (failure,), 0, 0).await?;
                (decision.into(),)
            }
        };
        match convert::decision(decision)? {
            Decision::Serve(_) => Err(Fault::BadReturn(
                "a failure is answered with a text, a refusal or other targets".into(),
            )),
            decision => Ok(decision),
        }
    }

    async fn on_end(&mut self, outcome: &Outcome) -> Result<(), Fault> {
        self.configure().await?;
        let Exports {
            contract,
            on_end: hook,
            ..
        } = self.linked.exports;
        match contract {
            Version::V0_4 => {
                let outcome = wit::Outcome::from(outcome);
                self.call(hook, (outcome,), 0, 0).await
            }
            Version::V0_3 | Version::V0_2 => {
                let outcome = v0_3::Outcome::from(outcome);
                self.call(hook, (outcome,), 0, 0).await
            }
        }
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

    fn on_attempt(
        mut self: Box<Self>,
        reply: Arc<AttemptReply>,
        deltas: Vec<Delta>,
    ) -> Work<Result<AttemptTurn, Fault>> {
        Box::pin(ToItsEnd::new(async move {
            let verdict = Running::on_attempt(&mut self, &reply, deltas).await?;
            Ok((self as Box<dyn Instance>, verdict))
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
