//! Shadows: copies of exchanges to other targets, of whose replies no app sees anything.
//!
//! An alias's `shadow` has a share of its exchanges copied, and a policy (`mirror`) those that it
//! chooses. A copy is sent once the app's own reply has committed: as policies left the request,
//! with the operator's key. Its reply is read to its end and not kept; what it took is counted
//! apart, and compared with the exchange once that is settled. Copies are what is left out first:
//! where the worker is behind or memory is short, where the day's money is spent, where the call
//! has a provider keep something or run tools, and beyond a number under way at once.

use std::{sync::Arc, time::Duration};

use dialect::hash;
use http::HeaderName;
use policy::Call;
use route::{AliasRow, Plan, Rank, ReservedShadow, ShadowBudget};
use tokio::sync::{Semaphore, oneshot};

use super::{
    Worker,
    attempt::{Attempt, Transport},
    failure::Repeat,
    generation::{Generation, family, now as wall_now},
    ledger::Ledger,
    places::{self, Properties, View, guess_tokens},
    render::Outgoing,
    settle::ExchangeGuard,
};
use crate::{
    config::{self, Upstream},
    state::targets::{AliasState, Pass, Targets, now},
    telemetry::metrics,
    upstream::Payload,
};

mod copy;
mod figures;

use copy::{Copy, Done};
pub(super) use figures::{Figures, deliver};

/// Most copies that a worker has under way.
const MOST: usize = 16;
/// Longest time that a copy may take.
const LONGEST: Duration = Duration::from_secs(300);
/// By this header a provider would take the copy for a repetition.
const IDEMPOTENCY: HeaderName = HeaderName::from_static("idempotency-key");
/// The name in metrics of what no alias names.
const UNNAMED: &str = "other";

/// The copies that a worker may have under way.
#[derive(Clone)]
pub(super) struct Copies(Arc<Semaphore>);

impl Default for Copies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

/// The money that copies are paid from.
enum Purse {
    /// An alias's.
    Alias(Arc<AliasState>),
    /// That of policies' copies elsewhere.
    Mirrors(Targets),
}

impl Purse {
    fn with<R>(&self, act: impl FnOnce(&mut ShadowBudget) -> R) -> Option<R> {
        let budget = match self {
            Self::Alias(state) => state.shadows.as_deref()?,
            Self::Mirrors(targets) => targets.mirrors(),
        };
        Some(act(&mut budget.lock()))
    }
}

impl<T: Transport> Worker<T> {
    /// Sends the copies that an exchange is to have, now that its own reply has begun: to the
    /// shadow of the alias that the app named, and where a policy wants one.
    pub(super) fn copy(
        &self,
        alias: Option<&AliasRow>,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) {
        let generation = Arc::clone(&guard.generation);
        let state = alias.and_then(|row| {
            let (state, _) = generation.places.alias(row.id)?;
            Some(state).filter(|state| state.shadows.is_some())
        });
        let mirror = outgoing.call.claims.mirror.take();
        if state.is_none() && mirror.is_none() {
            return;
        }
        let name = alias.map_or(UNNAMED, |row| &*row.name);
        let mut shadow = None;
        if let Some(state) = state {
            let hash = hash::of(outgoing.call.id.as_bytes());
            let sampled = state
                .shadows
                .as_ref()
                .is_some_and(|budget| budget.lock().samples(hash));
            let terms = generation.config.models.get(name);
            let terms = terms.and_then(|terms| terms.shadow.as_ref());
            let is_for = |terms: &&config::Shadow| {
                route::conditions_hold(
                    &terms.conditions,
                    &Properties(&outgoing.call, &generation.config),
                )
            };
            shadow = terms
                .filter(|_| sampled)
                .filter(is_for)
                .map(|terms| [&terms.target.upstream, "/", &terms.target.model].concat());
        }
        let mirror = mirror.filter(|mirror| shadow.as_ref() != Some(mirror));
        for target in [shadow, mirror].into_iter().flatten() {
            let purse = match state {
                Some(state) => Purse::Alias(Arc::clone(state)),
                None => Purse::Mirrors(generation.targets.clone()),
            };
            if let Err(reason) = self.copy_to(&target, name, purse, outgoing, guard) {
                metrics::shadow(name, reason);
            }
        }
    }

    /// Sends one copy.
    ///
    /// # Errors
    /// The reason why there is none.
    fn copy_to(
        &self,
        target: &String,
        model: &str,
        purse: Purse,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) -> Result<(), &'static str> {
        let generation = Arc::clone(&guard.generation);
        if self.shared.admission.is_short(&self.load) {
            return Err("loaded");
        }
        if outgoing.is_gone() || !outgoing.call.body.is_repeatable() {
            return Err("unfit");
        }
        let turn = Arc::clone(&self.copies.0).try_acquire_owned();
        let turn = turn.map_err(|_| "busy")?;
        let call = &outgoing.call;
        let plan = plan_of(&generation, call, target).ok_or("unfit")?;
        let candidate = plan.first();
        let to = candidate.model.as_deref().unwrap_or_default();
        let (key, pass) = enter(&generation, &candidate.upstream.name, to, call)?;
        let (estimate, price) = generation.expected(call, &candidate.upstream.name, to);
        let cost = price.map(|price| price.cost(&estimate.usage()).0);
        let attempt = Attempt::first(candidate, key, &generation).map_err(|_| "unfit")?;
        let mut rendered = outgoing.render(&attempt, guard).map_err(|_| "unfit")?;
        if rendered.probes_usage {
            // It is not for copies to find out what a target takes.
            let plain = attempt.repeated(Repeat::WithoutUsageOption);
            rendered = outgoing.render(&plain, guard).map_err(|_| "unfit")?;
        }
        // Its reply is read as it comes, which nobody gets.
        let dialect = match &rendered.translation {
            None => guard.record.dialect,
            Some(translation) => translation.spoken().ok_or("unfit")?,
        };
        let (mut head, Payload::Whole(body)) = rendered.request.into_parts() else {
            return Err("unfit");
        };
        head.headers.remove(IDEMPOTENCY);
        if let Some(trace) = &guard.trace {
            // A copy is no attempt of the exchange's, and has no span.
            trace.leads(&mut head.headers);
        }
        let reserved = purse.with(|budget| budget.begin_chosen(cost, false, wall_now()));
        let reserved = reserved.ok_or("money")?.map_err(|none| none.name())?;
        let (sender, main) = oneshot::channel();
        guard.copies.push(sender);
        metrics::attempt(&candidate.upstream.name, "shadow");
        let ledger = Ledger {
            kind: outgoing.call.body.kind(),
            charge: rendered.terms.charge,
            ..Ledger::default()
        };
        let copy = Copy {
            transport: Arc::clone(&self.transport),
            upstream: Arc::clone(&candidate.upstream.name),
            dialect,
            head,
            body,
            permit: guard.body_permit.take(),
            pass,
            ledger,
            turn,
            generation: Arc::clone(&generation),
        };
        let ends = Ends {
            id: guard.record.id.clone(),
            model: model.to_owned(),
            target: rendered.terms.target,
            purse,
            reserved,
            main,
        };
        tokio::spawn(async move {
            let done = copy.read().await;
            ends.conclude(done).await;
        });
        Ok(())
    }
}

/// The plan of a copy: its target, where that can take the call and nothing keeps it out.
fn plan_of<'g>(generation: &'g Generation, call: &Call, target: &String) -> Option<Plan<'g>> {
    let now = now();
    let request = route::Request {
        dialect: call.dialect,
        family: family(call.dialect, call.headers()),
        model: Some(target),
        home: None,
        prefer: std::slice::from_ref(target),
        exclude: &call.claims.exclude,
        tried: &[],
        properties: &Properties(call, &generation.config),
    };
    let view = View {
        generation,
        call,
        now,
    };
    let plan = generation.table.plan(&request, &view, now).ok()?;
    (plan.first().rank == Rank::Preferred).then_some(plan)
}

/// Enters a target with one of the operator's keys. A copy never carries a caller's own.
fn enter(
    generation: &Generation,
    upstream: &str,
    model: &str,
    call: &Call,
) -> Result<(usize, Pass), &'static str> {
    let has_own = |found: &&Upstream| found.has_credentials();
    let found = generation.config.upstreams.get(upstream).filter(has_own);
    found.ok_or("no_key")?;
    let name = [upstream, "/", model].concat();
    let row = generation.table.target_named(&name);
    let place = row.and_then(|row| generation.places.place(row.id));
    let unlisted = || places::unlisted(generation, upstream, model);
    let place = place.map_or_else(unlisted, Arc::clone);
    let keys = place.keys.len();
    let turn = generation.upstreams.find(upstream);
    let first = turn.map_or(0, |upstream| upstream.next_turn());
    let order = (0..keys).filter_map(|n| (first + n).checked_rem(keys));
    let entered = order.filter_map(|at| {
        let key = place.keys.get(at)?;
        let pass = Pass::enter(&place, key, guess_tokens(call), LONGEST, now()).ok()?;
        Some((at, pass))
    });
    { entered }.next().ok_or("limited")
}

/// The things that a copy is concluded by.
struct Ends {
    id: String,
    /// The name in metrics.
    model: String,
    /// `upstream/model`.
    target: String,
    purse: Purse,
    reserved: ReservedShadow,
    /// The figures of the exchange; it ends without where there are none.
    main: oneshot::Receiver<Figures>,
}

impl Ends {
    /// Settles the copy, and compares it with its exchange once that is over.
    async fn conclude(self, done: Done) {
        let (reserved, cost) = (self.reserved, done.cost);
        self.purse
            .with(|budget| budget.settle(reserved, cost.0, wall_now()));
        metrics::shadow_cost(&self.model, cost);
        let Some(figures) = done.figures else {
            metrics::shadow(&self.model, "failed");
            return;
        };
        let Ok(main) = self.main.await else {
            metrics::shadow(&self.model, "alone");
            return;
        };
        metrics::shadow(&self.model, "compared");
        metrics::shadow_ratios(&self.model, &figures.to(&main));
        tracing::debug!(
            request_id = self.id,
            model = self.model,
            target = main.target,
            shadow = self.target,
            output = main.output,
            shadow_output = figures.output,
            finish = main.finish,
            shadow_finish = figures.finish,
            first_content_ms = main.first_content.map(millis),
            shadow_first_content_ms = figures.first_content.map(millis),
            total_ms = millis(main.end),
            shadow_total_ms = millis(figures.end),
            cost_nanousd = main.cost.map(|cost| cost.0),
            shadow_cost_nanousd = figures.cost.map(|cost| cost.0),
            "shadow compared"
        );
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
