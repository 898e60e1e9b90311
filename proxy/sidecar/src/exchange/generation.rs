//! What an exchange runs on: one immutable generation of configuration and policies, and the few things that all generations share.

use std::sync::Arc;

use arc_swap::ArcSwap;
use dialect::Kind;
use tokio::sync::watch;

use super::{later::Later, usage_option::UsageOption};
use crate::{
    config::Config,
    cost::{
        Estimate, Price, Priced, Prices, Routes, Unit,
        tags::{Reads, Rules},
    },
    overload::Gate,
    policy::{Call, Chain, Estimates},
    route,
    telemetry::metrics::Models,
};

/// One immutable set of configuration and loaded policies. A reload makes the next one; exchanges end on the one they began on.
pub struct Generation {
    /// 1 at start, one more with each swap.
    pub number: u64,
    /// What the operator wants.
    pub config: Config,
    /// The policies in force.
    pub chain: Chain,
    /// Model names that may be labels.
    pub models: Models,
    /// What models cost.
    pub prices: Prices,
    /// Which headers tell whom an exchange is booked to.
    pub tags: Rules,
    /// Which gateways' headers each upstream reads for itself.
    pub reads: Vec<(String, Reads)>,
    /// What past exchanges teach; the same for all generations.
    pub routes: Arc<Routes>,
}

impl Generation {
    /// What a call of this dialect would be sent to now, priced; none where no upstream takes it.
    fn target(&self, call: &Call) -> Option<(String, Option<Priced<'_>>)> {
        let family = route::family(call.dialect, call.headers());
        let asked = call.body.model();
        let home = home(call);
        let choice = route::choose(&self.config, family, call.dialect, asked, home).ok()?;
        let model = choice.model.or_else(|| asked.map(Into::into))?;
        let priced = self.prices.find(&choice.upstream.name, &model, now());
        Some((model, priced))
    }

    /// What a call will probably take, and the price it will have.
    pub fn expected(&self, call: &Call) -> (Estimate, Option<Price>) {
        let (model, priced) = self.target(call).unwrap_or_default();
        let price = priced.as_ref().map(|priced| priced.price);
        let limit = priced.as_ref().and_then(|priced| priced.limits.output);
        let most = call.body.max_output_tokens();
        if let Some(requests) = call.body.batched() {
            // Each is answered on its own, and what single ones taught is true of them.
            let mut all = Estimate::default();
            for request in &requests {
                let learned = self.routes.learned(request.dialect(), &model);
                let most = request.max_output_tokens();
                let one = learned.estimate(request.input_tokens(), most, limit);
                all.input = all.input.saturating_add(one.input);
                all.output = all.output.saturating_add(one.output);
            }
            return (all, price);
        }
        let learned = self.routes.learned(call.dialect, &model);
        let mut estimate = match call.body.kind() {
            Kind::Count => Estimate::default(),
            Kind::Embed | Kind::Generate | Kind::Batch => {
                learned.estimate(call.body.input_tokens(), most, limit)
            }
        };
        estimate.output = match call.body.kind() {
            Kind::Count | Kind::Embed => 0,
            Kind::Generate | Kind::Batch => estimate.output.saturating_mul(call.body.choices()),
        };
        (estimate, price)
    }
}

impl Estimates for Generation {
    fn estimate(&self, call: &Call, unit: Unit) -> Option<u64> {
        let (estimate, price) = self.expected(call);
        match unit {
            Unit::Requests => Some(1),
            // Whatever its model costs: it is not asked to generate anything.
            _ if call.body.kind() == Kind::Count => Some(0),
            Unit::Microusd => price.map(|price| price.cost(&estimate.usage()).0),
            unit => estimate.of(unit, None),
        }
    }
}

/// Where a call that came in by host belongs.
pub(super) fn home(call: &Call) -> Option<route::Home<'_>> {
    let by = call.home.as_ref()?;
    let asked = call.asked.as_deref();
    Some(route::Home { by, asked })
}

/// Seconds after 1970, for prices that change with the day.
pub(super) fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// How far the process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// No new exchange begins; those in flight go on.
    Draining,
    /// The window is over: streams end with an in-band error.
    Cut,
}

/// What all workers share.
pub struct Shared {
    /// The generation in force.
    pub generation: ArcSwap<Generation>,
    /// What decides whether new work is let in.
    pub gate: Arc<Gate>,
    /// Which targets take `stream_options`.
    pub(super) usage_option: UsageOption,
    /// Replies that were not finished when their exchange was settled.
    pub(super) later: Later,
    phase: watch::Sender<Phase>,
}

impl Shared {
    /// Serves with `generation`.
    pub fn new(generation: Generation) -> Self {
        Self {
            generation: ArcSwap::from_pointee(generation),
            gate: Arc::default(),
            usage_option: UsageOption::default(),
            later: Later::default(),
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// How far the process is on its way out.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Resolves once `wanted` is reached.
    pub fn reached(&self, wanted: Phase) -> impl Future<Output = ()> + Send + use<> {
        let mut phases = self.phase.subscribe();
        async move {
            // An error is the end of the sender, and so of everything.
            let _ = phases.wait_for(|phase| *phase >= wanted).await;
        }
    }

    /// Goes on to `phase`; never back.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let further = phase > *now;
            *now = phase.max(*now);
            further
        });
    }
}
