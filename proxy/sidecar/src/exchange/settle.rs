//! The books of one exchange: opened with its first byte, closed once, whatever way it ends.
//!
//! A [`Watch`] settles when it is dropped. It lives in the exchange while that decides, and in the reply's body afterwards, so
//! a finished reply, a refusal, a broken upstream and an app that hung up all end here.

use std::{sync::Arc, time::Duration};

use dialect::{Dialect, Kind, Usage};
use http::{HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};

use super::{
    bill::Bill,
    generation::{Generation, Shared},
    later::Open,
    observed::{Observed, Reading},
    passing::BodyFault,
    refusals::incomplete_request,
};
use crate::{
    cost::{NanoDollars, Taken},
    overload::Held,
    policy::{Call, Outcome, Reserved, Run},
    refusal::Refusal,
    state::Settled,
    telemetry::{self, Record, metrics::Inflight},
};

/// What a reply costs, in dollars.
const COST: HeaderName = HeaderName::from_static("x-outrigger-cost-usd");
/// How long `on-end` waits for a shared store to have what the exchange settled.
const SETTLED: Duration = Duration::from_millis(100);

/// The books of one exchange.
pub(super) struct Watch {
    pub(super) shared: Arc<Shared>,
    pub(super) generation: Arc<Generation>,
    pub(super) begun: Instant,
    /// What is known so far. `client_gone` stands until the reply was given out to its end, be it a good one.
    pub(super) record: Record,
    pub(super) run: Option<Run>,
    /// What policies reserved in its name.
    pub(super) bill: Bill,
    /// Headers that policies add to the app's reply.
    pub(super) reply_headers: Vec<(HeaderName, HeaderValue)>,
    /// Usage was asked for in the app's place: what tells it is taken out of the stream.
    pub(super) strips_usage: bool,
    /// The reply is read, counted or kept: what comes encoded is decoded.
    pub(super) decodes: bool,
    /// The app asked for one array of pieces, as Gemini streams without `alt=sse`.
    pub(super) listed: bool,
    /// What was seen of the reply.
    pub(super) observed: Observed,
    /// The id of a reply that this exchange fetches: another one asked for it, and was settled.
    pub(super) fetched: Option<Box<str>>,
    /// The id of its own reply, where that was still being made when the provider answered.
    pub(super) unfinished: Option<Box<str>>,
    /// The linear estimate of the prompt, 0 where nobody counted.
    pub(super) linear: u64,
    /// What its body takes of the bodies' budget.
    pub(super) held: Option<Held>,
    /// What a body that passes unread did wrong.
    pub(super) body_fault: Option<BodyFault>,
    _inflight: Inflight,
}

impl Watch {
    /// Opens the books.
    pub(super) fn start(shared: &Arc<Shared>, id: String, dialect: Dialect) -> Self {
        let generation = shared.generation.load_full();
        Self {
            record: Record {
                generation: generation.number,
                client_gone: true,
                ..Record::new(id, dialect)
            },
            generation,
            shared: Arc::clone(shared),
            begun: Instant::now(),
            run: None,
            bill: Bill::default(),
            reply_headers: Vec::new(),
            strips_usage: false,
            decodes: false,
            listed: false,
            observed: Observed::default(),
            fetched: None,
            unfinished: None,
            linear: 0,
            held: None,
            body_fault: None,
            _inflight: Inflight::enter(),
        }
    }

    /// Takes what the app's own body did wrong, where it passes unread.
    pub(super) fn request_fault(&self) -> Option<Refusal> {
        let incomplete = self.body_fault.as_ref()?.take()?;
        let limit = self.generation.config.limits.request_body;
        Some(incomplete_request(incomplete, limit))
    }

    /// Notes that the first content is there.
    pub(super) fn content(&mut self) {
        if self.record.first_token.is_none() {
            self.record.first_token = Some(self.begun.elapsed());
        }
    }

    /// Takes over what policies said of the app's reply, and whom the exchange is booked to.
    pub(super) fn noted(&mut self, call: &mut Call) {
        self.reply_headers.append(&mut call.books.reply_headers);
        self.record.tags = call.tags().clone();
    }

    /// Has the app told what its whole reply costs.
    pub(super) fn tell_cost(&mut self) {
        let taken = self.observed.taken(&self.bill);
        let cost = taken.cost(self.bill.price.as_ref());
        let value = cost.and_then(|cost| HeaderValue::try_from(cost.to_string()).ok());
        if let Some(value) = value {
            self.reply_headers.push((COST, value));
        }
    }

    /// Takes over what was reserved for a reply that nobody is asked for: a request was served, and nothing generated.
    pub(super) fn take_over(&mut self, reserved: Vec<Reserved>) {
        self.bill.reserve(reserved);
        self.bill.asked = true;
    }

    /// Puts the truth in the place of estimates: usage, cost, reservations, and what the next estimate may learn.
    fn account(&mut self) -> Vec<Settled> {
        let record = &mut self.record;
        if record.from_store.is_some() {
            // Another exchange paid for it; what it reports is not what this one took.
            record.usage = self.observed.usage;
            record.cost = Some(NanoDollars::default());
            return self.bill.close(Taken::Nothing);
        }
        if let Some(id) = &self.fetched {
            let reported = self
                .observed
                .usage
                .filter(|_| self.observed.reading == Reading::Whole);
            let open = reported.and_then(|_| self.shared.later.close(id, Instant::now()));
            record.cost = Some(NanoDollars::default());
            if let (Some(open), Some(reported)) = (open, reported) {
                let (usage, cost) = open.rest(&reported);
                (record.usage, record.cost) = (Some(usage), cost);
                (record.model, record.target) = (open.model, open.target);
            }
            return self.bill.close(Taken::Nothing);
        }
        let taken = self.observed.taken(&self.bill);
        if let (Some(id), Some(settled)) = (&self.unfinished, taken.usage()) {
            let open = Open {
                settled: *settled,
                price: self.bill.price,
                model: record.model.clone(),
                target: record.target.clone(),
            };
            self.shared.later.open(id, open, Instant::now());
        }
        let some = |usage: &&Usage| {
            **usage
                != Usage {
                    estimated: true,
                    ..Usage::default()
                }
        };
        record.usage = taken.usage().filter(some).copied();
        record.cost = match self.bill.kind {
            Kind::Count if self.bill.served => Some(NanoDollars::default()),
            Kind::Count | Kind::Embed | Kind::Generate | Kind::Batch => {
                taken.cost(self.bill.price.as_ref())
            }
        };
        if let Taken::Known(usage) = &taken {
            let model = record.target.split_once('/').map_or("", |(_, model)| model);
            // What is remembered of a route is one choice's length.
            let usage = Usage {
                output: usage.output / self.bill.choices.max(1),
                ..*usage
            };
            let routes = &self.generation.routes;
            routes.observe(record.dialect, model, self.linear, &usage);
        }
        self.bill.close(taken)
    }

    fn outcome(&self) -> Outcome {
        let record = &self.record;
        Outcome {
            status: record.status,
            target: record.target.clone(),
            finish: record.finish.clone().unwrap_or_default(),
            usage: record.usage.unwrap_or_default(),
            cost_microusd: record.cost.map(NanoDollars::micros),
            from_store: record.from_store.is_some(),
            first_token_ms: record.first_token.map(millis),
            total_ms: millis(record.total),
            error: record.error.as_deref().map(str::to_owned),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.record.total = self.begun.elapsed();
        let settled = self.account();
        self.record.model_label = self.generation.models.label(self.record.model.as_deref());
        let verdicts = self.run.iter().flat_map(Run::verdicts);
        self.record.policies = verdicts
            .map(|(link, verdict, took)| telemetry::Verdict {
                name: Arc::clone(&link.name),
                version: Arc::clone(&link.version),
                verdict: verdict.label(),
                micros: u32::try_from(took.as_micros()).unwrap_or(u32::MAX),
            })
            .collect();
        if let Some(run) = &self.run {
            run.tell_coverage();
        }
        if self.run.as_ref().is_some_and(Run::ends) {
            let outcome = Arc::new(self.outcome());
            let end = self.run.as_mut().and_then(|run| run.end(&outcome));
            if let (Some(end), Ok(runtime)) = (end, tokio::runtime::Handle::try_current()) {
                runtime.spawn(async move {
                    // What policies ask of limits now is to hold this exchange's own share.
                    let all = async {
                        for settled in settled {
                            settled.done().await;
                        }
                    };
                    let _ = timeout(SETTLED, all).await;
                    end.await;
                });
            }
        }
        telemetry::settle(&self.record);
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
