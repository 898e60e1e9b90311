//! The basis of an exchange: one immutable generation of configuration and policies, and the few
//! things that all generations share.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use dialect::{Dialect, Kind};
use http::HeaderMap;
use policy::{Call, Candidate, Chain, Estimates, Unit};
use route::{Family, NoRoute, Plan};
use tokio::sync::watch;

use super::{
    later::Later,
    places::{self, Places, Properties, View, routing_table},
    upstreams::Upstreams,
    usage_option::UsageOption,
};
use crate::{
    config::Config,
    cost::{Estimate, Price, Prices, Routes, tags::Rules},
    overload::Admission,
    state::targets::{self, Targets},
    telemetry::{metrics::Models, trace::Tracer},
};

/// One immutable set of configuration and loaded policies. A reload makes the next one; exchanges
/// end on the one they began on.
pub struct Generation {
    /// 1 at start, one more with each swap.
    pub number: u64,
    /// The operator's configuration.
    pub config: Config,
    /// The policies in force.
    pub chain: Chain,
    /// The targets of requests, from [`routing_table`](super::places::routing_table).
    pub table: route::Table,
    /// Model names that may be labels.
    pub models: Models,
    /// The prices of models.
    pub prices: Arc<Prices>,
    /// The headers that say whom an exchange is accounted to.
    pub tags: Rules,
    /// The parts of requests that are each upstream's.
    pub upstreams: Upstreams,
    /// The state of what the table names.
    pub places: Places,
    /// The lessons of past exchanges; the same for all generations.
    pub routes: Arc<Routes>,
    /// The state of targets; the same for all generations.
    pub targets: Targets,
}

/// The things that every generation shares with the next.
#[derive(Clone, Default)]
pub struct Lasting {
    /// The lessons of past exchanges.
    pub routes: Arc<Routes>,
    /// The state of targets.
    pub targets: Targets,
}

impl Generation {
    /// The generation of a configuration and its loaded policies.
    pub fn of(number: u64, config: Config, chain: Chain, lasting: &Lasting) -> Self {
        let prices = Arc::new(Prices::of(&config));
        let table = routing_table(&config, &prices);
        let targets = lasting.targets.clone();
        Self {
            number,
            chain,
            models: Models::of(&config),
            tags: Rules::of(&config.tags),
            places: Places::of(&config, &table, &targets),
            upstreams: Upstreams::of(&config, &targets),
            table,
            prices,
            routes: Arc::clone(&lasting.routes),
            targets,
            config,
        }
    }

    /// The candidates for a call as it stands now.
    ///
    /// # Errors
    /// Nothing can serve it.
    pub(super) fn plan(&self, call: &Call) -> Result<Plan<'_>, NoRoute> {
        self.plan_without(call, &[])
    }

    /// The same without the targets that were tried.
    ///
    /// # Errors
    /// Nothing else can serve it.
    pub(super) fn plan_without(&self, call: &Call, tried: &[String]) -> Result<Plan<'_>, NoRoute> {
        self.plan_as(call, &call.claims.prefer, &call.claims.exclude, tried)
    }

    /// The candidates for a call, whatever policies have said of targets.
    ///
    /// # Errors
    /// Nothing can serve it.
    pub(super) fn plan_without_policies(&self, call: &Call) -> Result<Plan<'_>, NoRoute> {
        self.plan_as(call, &[], &[], &[])
    }

    fn plan_as(
        &self,
        call: &Call,
        prefer: &[String],
        exclude: &[String],
        tried: &[String],
    ) -> Result<Plan<'_>, NoRoute> {
        let home = call.home.as_ref().map(|by| route::Home {
            upstream: &by.upstream,
            own_host: by.own,
            model: call.requested_model.as_deref(),
        });
        let now = targets::now();
        let request = route::Request {
            dialect: call.dialect,
            family: family(call.dialect, call.headers()),
            model: call.body.model(),
            home,
            prefer,
            exclude,
            tried,
            properties: &Properties(call, &self.config),
        };
        let view = View {
            generation: self,
            call,
            now,
        };
        self.table.plan(&request, &view, now)
    }

    /// Estimates what a call will take at this target, and finds the price that it has there.
    pub(super) fn expected(
        &self,
        call: &Call,
        upstream: &str,
        model: &str,
    ) -> (Estimate, Option<Price>) {
        let priced = self.prices.find(upstream, model, now());
        let price = priced.as_ref().map(|priced| priced.price);
        let limit = priced.as_ref().and_then(|priced| priced.limits.output);
        let most = call.body.max_output_tokens();
        if let Some(requests) = call.body.batched() {
            // Each is answered on its own, and what single ones taught is true of them.
            let mut all = Estimate::default();
            for request in &requests {
                let learned = self.routes.learned(request.dialect(), model);
                let most = request.max_output_tokens();
                let one = learned.estimate(&request.input_counts(), most, limit);
                all.input = all.input.saturating_add(one.input);
                all.output = all.output.saturating_add(one.output);
            }
            return (all, price);
        }
        let learned = self.routes.learned(call.dialect, model);
        let mut estimate = match call.body.kind() {
            Kind::Count | Kind::Store => Estimate::default(),
            Kind::Embed | Kind::Generate | Kind::Batch => {
                learned.estimate(&call.body.input_counts(), most, limit)
            }
        };
        estimate.output = match call.body.kind() {
            Kind::Count | Kind::Embed | Kind::Store => 0,
            Kind::Generate | Kind::Batch => estimate.output.saturating_mul(call.body.choices()),
        };
        (estimate, price)
    }
}

impl Estimates for Generation {
    /// Asked in the chain, before the plan is made: policies may still change the model.
    fn estimate(&self, call: &Call, unit: Unit) -> Option<u64> {
        let plan = self.plan(call).ok();
        let candidate = plan.as_ref().map(Plan::first);
        let model = candidate.and_then(|to| to.model.as_deref().or_else(|| call.body.model()));
        let (upstream, model) = match (candidate, model) {
            (Some(candidate), Some(model)) => (&*candidate.upstream.name, model),
            _ => ("", ""),
        };
        let (estimate, price) = self.expected(call, upstream, model);
        match unit {
            Unit::Requests => Some(1),
            // Whatever its model costs: it is not asked to generate anything.
            _ if matches!(call.body.kind(), Kind::Count | Kind::Store) => Some(0),
            Unit::Microusd => price.map(|price| price.cost(&estimate.usage()).0),
            unit => estimate.of(unit, None),
        }
    }

    fn candidates(&self, call: &Call) -> Vec<Candidate> {
        places::candidates(self, call)
    }

    fn deadline(&self, call: &Call) -> Option<Duration> {
        places::time_left(self, call)
    }
}

/// The family of a request: its dialect's, or, where no dialect reads it, the one whose headers it
/// has.
pub(super) fn family(dialect: Dialect, headers: &HeaderMap) -> Family {
    let has = |name| headers.contains_key(name);
    match Family::of(dialect) {
        Some(family) => family,
        None if has("x-goog-api-key") || has("x-goog-api-client") => Family::Gemini,
        None if has("anthropic-version") || has("x-api-key") => Family::Anthropic,
        None => Family::Openai,
    }
}

/// Seconds after 1970, for prices that change with the day.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The stages of the process's shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Everything is served.
    Serving,
    /// No new exchange begins; those in flight go on.
    Draining,
    /// The window is over: streams end with an in-band error.
    Cut,
}

/// The state that all workers share.
pub struct Shared {
    /// The generation in force.
    pub generation: ArcSwap<Generation>,
    /// Admits new work, or turns it away.
    pub admission: Arc<Admission>,
    /// The targets that take `stream_options`, and those that do not.
    pub(super) usage_option: UsageOption,
    /// Replies that were not finished when their exchange was settled.
    pub(super) later: Later,
    /// Decides which exchanges are traced; none where nothing is.
    pub tracer: Option<Tracer>,
    phase: watch::Sender<Phase>,
    /// Everything that was settled, for tests to look at.
    #[cfg(test)]
    pub(super) settled: parking_lot::Mutex<Vec<crate::telemetry::Record>>,
    /// Replies whose rest was written without hyper, for tests to look at.
    #[cfg(test)]
    pub(crate) relayed: std::sync::atomic::AtomicUsize,
}

impl Shared {
    /// Serves with `generation`.
    pub fn new(generation: Generation) -> Self {
        Self {
            generation: ArcSwap::from_pointee(generation),
            admission: Arc::default(),
            usage_option: UsageOption::default(),
            later: Later::default(),
            // Every exchange of a test is traced.
            #[cfg(test)]
            tracer: Some(Tracer::of(crate::config::RemoteParent::Parent, true, 1.0)),
            #[cfg(not(test))]
            tracer: None,
            phase: watch::Sender::new(Phase::Serving),
            #[cfg(test)]
            settled: parking_lot::Mutex::default(),
            #[cfg(test)]
            relayed: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// The same, traced by this tracer.
    pub fn traced_by(self, tracer: Option<Tracer>) -> Self {
        Self { tracer, ..self }
    }

    /// Serves with `next` from now on, and forgets what is known of targets, keys and aliases that no
    /// generation names any more. What exchanges in flight still refer to is forgotten with one of
    /// the generations after it.
    pub fn replace(&self, next: Generation) {
        let targets = next.targets.clone();
        drop(self.generation.swap(Arc::new(next)));
        targets.forget_unused();
    }

    /// The stage that the shutdown has reached.
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The generation of one upstream, whose alias has a canary.
    fn generation(upstream: &str, lasting: &Lasting) -> Generation {
        let yaml = format!(
            "upstreams: {{ {upstream}: {{ dialect: openai, url: 'http://{upstream}.test/v1', key: k }} }}\n\
             models: {{ of-{upstream}: {{ targets: [{upstream}/m], canary: {{ target: {upstream}/new }} }} }}\n"
        );
        let config = crate::config::tests::read(&yaml);
        Generation::of(1, config, Chain::new(Vec::new()), lasting)
    }

    #[tokio::test]
    async fn what_no_generation_names_is_forgotten_once_no_exchange_is_in_flight_with_it() {
        let lasting = Lasting::default();
        let is_known = |upstream: &str| {
            let known = lasting.targets.breakers();
            let name = format!("{upstream}/m");
            known.iter().any(|breaker| breaker.name() == name)
        };
        let is_rolled_back = || {
            let series = r#"outrigger_canary_rolled_back{model="of-first"} 1"#;
            crate::telemetry::metrics::render().contains(series)
        };
        let shared = Shared::new(generation("first", &lasting));
        let in_flight = shared.generation.load_full();
        for (alias, _) in in_flight.places.aliases() {
            alias.roll_back_canary("a test");
        }
        shared.replace(generation("second", &lasting));
        assert!(is_known("first") && is_known("second") && is_rolled_back());
        drop(in_flight);
        shared.replace(generation("third", &lasting));
        assert!(!is_known("first") && !is_known("second") && is_known("third"));
        assert!(!is_rolled_back(), "nobody is told of a canary that is gone");
    }

    #[test]
    fn every_dialect_has_a_family_and_headers_tell_it_of_what_nobody_reads() {
        let none = HeaderMap::new();
        for (dialect, expected) in [
            (Dialect::OpenaiChat, Family::Openai),
            (Dialect::OpenaiCompletions, Family::Openai),
            (Dialect::OpenaiEmbeddings, Family::Openai),
            (Dialect::AnthropicMessages, Family::Anthropic),
            (Dialect::AnthropicBatches, Family::Anthropic),
            (Dialect::GeminiGenerate, Family::Gemini),
            (Dialect::Other, Family::Openai),
        ] {
            assert_eq!(family(dialect, &none), expected, "{dialect:?}");
        }
        for (name, expected) in [
            ("x-goog-api-key", Family::Gemini),
            ("x-goog-api-client", Family::Gemini),
            ("x-api-key", Family::Anthropic),
            ("anthropic-version", Family::Anthropic),
            ("authorization", Family::Openai),
        ] {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                HeaderValue::from_static("x"),
            )]);
            assert_eq!(family(Dialect::Other, &headers), expected, "{name}");
        }
    }
}
