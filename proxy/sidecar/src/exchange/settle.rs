//! Accounting for one exchange: begun with its first byte, settled once, however it ends.
//!
//! An [`ExchangeGuard`] settles when it is dropped. It lives in the exchange while that decides,
//! and in the reply's body afterwards, so a finished reply, a refusal, a broken upstream and an app
//! that hung up all end here.

use std::{sync::Arc, time::Duration};

use dialect::{Dialect, Kind, Usage, reply::Reply as Decoder, tokens::Counts};
use http::{HeaderName, HeaderValue};
use policy::{AttemptMade, Call, ConnectionId, Outcome, Reserved, Run, Settled};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{
    failover::{Hedges, Trial},
    generation::{Generation, Shared},
    later::Open,
    ledger::{Ledger, Observed, Reading},
    passing::BodyProgress,
    refusals::incomplete_request,
    render::Terms,
    report::{log_activities, verdicts},
    shadow::{self, Figures},
    translation::Notes,
};
use crate::{
    cost::{NanoDollars, Taken},
    overload::BodyPermit,
    refusal::Refusal,
    state::targets::{Pass, now},
    telemetry::{self, Record, metrics::Inflight, trace::Trace},
};

/// The header that says what a reply costs, in dollars.
const COST: HeaderName = HeaderName::from_static("x-outrigger-cost-usd");
/// The longest that `on-end` waits for a shared store to have what the exchange settled.
const SETTLED: Duration = Duration::from_millis(100);

/// A prompt of fewer tokens says nothing of a provider's cache: that begins at so many.
const CACHED_FROM: u64 = 1024;

/// One exchange, from its first byte to its settlement, which is when this is dropped.
pub(super) struct ExchangeGuard {
    pub(super) shared: Arc<Shared>,
    pub(super) generation: Arc<Generation>,
    pub(super) begun: Instant,
    /// Its id as a header's value, for the provider and the app; none once the app's head has it.
    pub(super) id: Option<HeaderValue>,
    /// The connection that it came on.
    pub(super) connection: Option<ConnectionId>,
    /// Everything that is known so far. `client_gone` stands until the reply was given out to its
    /// end, be it a good one.
    pub(super) record: Record,
    pub(super) run: Option<Run>,
    /// Reservations, and what each attempt took.
    pub(super) ledger: Ledger,
    /// Headers that policies add to the app's reply.
    pub(super) reply_headers: Vec<(HeaderName, HeaderValue)>,
    /// Usage was asked for in the app's place: what tells it is taken out of the stream.
    pub(super) strips_usage: bool,
    /// The reply is read, counted or kept: what comes encoded is decoded.
    pub(super) decodes: bool,
    /// The notes of the translation of the attempt that was made last.
    pub(super) translation: Option<Arc<Notes>>,
    /// The app asked for one array of pieces, as Gemini streams without `alt=sse`.
    pub(super) listed: bool,
    /// Everything that was seen of the reply.
    pub(super) observed: Observed,
    /// The id of a reply that this exchange fetches: another one asked for it, and was settled.
    pub(super) fetched: Option<Box<str>>,
    /// The id of its own reply, where that was still being made when the provider answered.
    pub(super) unfinished: Option<Box<str>>,
    /// The estimate of the prompt, nothing where nobody counted.
    pub(super) counts: Counts,
    /// Its body's share of the bodies' budget.
    pub(super) body_permit: Option<BodyPermit>,
    /// The permits of the attempt that answers, for as long as its reply goes on.
    pub(super) pass: Option<Pass>,
    /// Since when the attempt that was made last is under way.
    pub(super) attempt_begun: Option<Instant>,
    /// Its part in the trial of a target.
    pub(super) trial: Option<Box<Trial>>,
    /// Its part in the budget of second attempts beside slow first ones.
    pub(super) hedges: Option<Box<Hedges>>,
    /// Copies of it that wait to be compared.
    pub(super) copies: Vec<oneshot::Sender<Figures>>,
    /// By when the reply has to be over, where somebody set an end.
    pub(super) deadline: Option<Instant>,
    /// By when the first content has to be there, of a reply that was given on before.
    pub(super) content_by: Option<Instant>,
    /// The progress of a body that passes unread.
    pub(super) passing: Option<BodyProgress>,
    /// Its trace, where it is sampled.
    pub(super) trace: Option<Box<Trace>>,
    _inflight: Inflight,
}

impl ExchangeGuard {
    /// Begins to account for an exchange. Boxed, as it goes from hand to hand until the reply's
    /// last byte.
    pub(super) fn start(shared: &Arc<Shared>, id: String, dialect: Dialect) -> Box<Self> {
        let generation = shared.generation.load_full();
        Box::new(Self {
            id: HeaderValue::from_str(&id).ok(),
            record: Record {
                generation: generation.number,
                client_gone: true,
                ..Record::new(id, dialect)
            },
            generation,
            shared: Arc::clone(shared),
            begun: Instant::now(),
            connection: None,
            run: None,
            ledger: Ledger::default(),
            reply_headers: Vec::new(),
            strips_usage: false,
            decodes: false,
            translation: None,
            listed: false,
            observed: Observed::default(),
            fetched: None,
            unfinished: None,
            counts: Counts::default(),
            body_permit: None,
            pass: None,
            attempt_begun: None,
            trial: None,
            hedges: None,
            copies: Vec::new(),
            deadline: None,
            content_by: None,
            passing: None,
            trace: None,
            _inflight: Inflight::enter(),
        })
    }

    /// Takes what the app's own body did wrong, where it passes unread.
    pub(super) fn request_fault(&self) -> Option<Refusal> {
        let incomplete = self.passing.as_ref()?.take_fault()?;
        let limit = self.generation.config.limits.request_body;
        Some(incomplete_request(incomplete, limit))
    }

    /// Notes that the first content is there.
    pub(super) fn content(&mut self) {
        if self.record.first_token.is_none() {
            self.record.first_token = Some(self.begun.elapsed());
            if let Some(pass) = &mut self.pass {
                pass.note_content(now());
            }
        }
    }

    /// Takes over what policies said of the app's reply, and whom the exchange is accounted to.
    pub(super) fn noted(&mut self, call: &mut Call) {
        self.reply_headers.append(&mut call.claims.reply_headers);
        self.record.tags = call.tags().clone();
    }

    /// Adds to the reply what it costs.
    pub(super) fn add_cost_header(&mut self) {
        let taken = self.observed.taken(&self.ledger);
        let cost = self.ledger.cost(&taken);
        let value = cost.and_then(|cost| HeaderValue::try_from(cost.to_string()).ok());
        if let Some(value) = value {
            self.reply_headers.push((COST, value));
        }
    }

    /// Makes an attempt the one that the exchange is read and settled by.
    pub(super) fn adopt(&mut self, terms: Terms) {
        let target = std::mem::replace(&mut self.record.target, terms.target);
        let span = std::mem::replace(&mut self.record.span, terms.span);
        // It was answered with nothing that anybody read, or with an error.
        let seen = std::mem::take(&mut self.observed);
        let spent = self.ledger.begin(terms.charge, &seen);
        if let Some(end) = self.record.last.take() {
            (self.record.earlier).push(telemetry::EarlierAttempt {
                target,
                upstream: self.record.upstream.take(),
                end,
                usage: spent.usage,
                cost: spent.cost,
                span,
            });
        }
        self.strips_usage = terms.strips_usage;
        self.decodes = terms.decodes;
        self.translation = terms.notes;
    }

    /// Takes over what was reserved for a reply that nobody is asked for: a request was served, and
    /// nothing generated.
    pub(super) fn take_over(&mut self, reserved: Vec<Reserved>) {
        self.ledger.reserve(reserved);
        self.ledger.charge.reached = true;
    }

    /// Takes over from a call that goes out what the exchange will be settled by: what was
    /// reserved, tags, and what the call makes the provider do.
    pub(super) fn take_on(&mut self, call: &mut Call) {
        let ledger = &mut self.ledger;
        ledger.reserve(std::mem::take(&mut call.claims.reserved));
        ledger.kind = call.body.kind();
        // A batch's replies are made later, too.
        ledger.background = call.body.background() || ledger.kind == Kind::Batch;
        ledger.choices = 1;
        self.counts = Counts::default();
        if ledger.has_reservations() {
            ledger.choices = call.body.choices();
            self.counts = call.body.input_counts();
        }
        self.record.reserved = ledger.units();
        self.record.tags = call.tags().clone();
    }

    /// Takes over what a decoder learnt.
    pub(super) fn note(&mut self, decoder: &Decoder) {
        self.observed.usage = decoder.usage().or(self.observed.usage);
        self.observed.output = decoder.output_estimate();
        self.record.finish = decoder
            .finish_reason()
            .map(str::to_owned)
            .or(self.record.finish.take());
    }

    /// Takes over what no policy could be shown.
    pub(super) fn missed_of(&mut self, decoder: &Decoder) {
        for (what, bytes) in decoder.unseen() {
            self.missed(what, *bytes);
        }
    }

    /// Notes what no policy can be shown of the reply.
    pub(super) fn missed(&mut self, what: &'static str, bytes: u64) {
        if let Some(run) = &mut self.run {
            run.missed(what, bytes);
        }
    }

    /// Counts a reply that failed after its first content against its target.
    pub(super) fn fail_target(&mut self) {
        if let Some(pass) = self.pass.take() {
            pass.fail(&route::Failure::of(route::Class::MaybeDone), None, now());
        }
    }

    /// Notes that the reply said of itself that it failed, where nothing else went wrong.
    pub(super) fn failed_in_band(&mut self) {
        self.observed.failed = true;
        self.fail_target();
        let error = || "upstream_error_as_success".into();
        self.record.error.get_or_insert_with(error);
    }

    /// Puts the truth in the place of estimates: usage, cost, reservations, and what the next
    /// estimate may learn.
    fn account(&mut self) -> Vec<Settled> {
        self.price_unread();
        let record = &mut self.record;
        if record.from_store.is_some() {
            // Another exchange paid for it; what it reports is not what this one took.
            record.usage = self.observed.usage;
            record.cost = Some(NanoDollars::default());
            return self.ledger.close(Taken::Nothing);
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
            return self.ledger.close(Taken::Nothing);
        }
        if self.ledger.hedge.is_some() {
            let spent = self.ledger.conclude_hedge(&Observed::default());
            if let Some(hedges) = &mut self.hedges {
                hedges.left(record, spent);
            }
        }
        if let Some(notes) = &self.translation {
            let (id, model) = notes.names();
            record.translated = Some(telemetry::Translated {
                to: notes.to.name(),
                dropped: notes.fields(),
                id,
                model,
            });
            if let (Some(usage), true) = (notes.usage(), self.observed.usage.is_some()) {
                // As the target counts: a caller's dialect may have no place for all of it.
                self.observed.usage = Some(usage);
            }
        }
        let taken = self.observed.taken(&self.ledger);
        if let Some(trial) = self.trial.take() {
            trial.settle(record, &taken, &self.ledger.charge);
        }
        if !self.copies.is_empty() {
            let begun = (self.begun, self.attempt_begun.unwrap_or(self.begun));
            let figures = Figures::of(record, begun, &taken, &self.ledger);
            shadow::deliver(&mut self.copies, figures);
        }
        if let (Some(id), Some(settled)) = (&self.unfinished, taken.usage()) {
            let open = Open {
                settled: *settled,
                price: self.ledger.charge.price,
                model: record.model.clone(),
                target: record.target.clone(),
            };
            self.shared.later.open(id, open, Instant::now());
        }
        let some = |usage: &Usage| {
            *usage
                != Usage {
                    estimated: true,
                    ..Usage::default()
                }
        };
        record.usage = self.ledger.usage(&taken).filter(some);
        if !record.earlier.is_empty() {
            record.last_usage = taken.usage().copied().filter(some);
            record.last_cost = taken.cost(self.ledger.charge.price.as_ref());
        }
        record.cost = match self.ledger.kind {
            Kind::Count | Kind::Store if self.ledger.charge.served && taken.usage().is_none() => {
                Some(NanoDollars::default())
            }
            Kind::Count | Kind::Embed | Kind::Generate | Kind::Batch | Kind::Store => {
                self.ledger.cost(&taken)
            }
        };
        if let Some(hedges) = self.hedges.take() {
            hedges.settle(record.cost, &taken, &self.ledger.charge);
        }
        if let (Taken::Known(usage), Some(pass)) = (&taken, &self.pass)
            && usage.input >= CACHED_FROM
            && record.endpoint.is_none()
        {
            pass.note_cached(usage.cached, usage.input);
        }
        if let Taken::Known(usage) = &taken
            && record.endpoint.is_none()
        {
            let slash = record.target.bytes().position(|byte| byte == b'/');
            let model = slash.and_then(|at| record.target.get(at + 1..));
            // What is remembered of a route is one choice's length.
            let usage = Usage {
                output: usage.output / self.ledger.choices.max(1),
                ..*usage
            };
            let routes = &self.generation.routes;
            let model = model.unwrap_or_default();
            routes.observe(record.dialect, model, &self.counts, &usage);
        }
        self.ledger.close(taken)
    }

    /// The attempts so far, as policies see them.
    pub(super) fn attempts(&self) -> Vec<AttemptMade> {
        let made = |(target, end): (&str, telemetry::Attempted)| AttemptMade {
            target: target.to_owned(),
            class: end.class.to_owned(),
            status: end.status,
            total_ms: millis(end.took),
            retry_after_ms: end.retry_after.map(millis),
        };
        self.record.attempts().map(made).collect()
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
            attempts: self.attempts(),
        }
    }
}

impl Drop for ExchangeGuard {
    fn drop(&mut self) {
        self.record.total = self.begun.elapsed();
        if let Some(passing) = &self.passing {
            self.record.request_bytes = passing.received();
        }
        if self.record.last.is_none()
            && self.ledger.charge.reached
            && !self.record.target.is_empty()
        {
            // The app left, or nobody waited for the answer.
            self.record.last = Some(telemetry::Attempted {
                class: route::Class::Caller.name(),
                status: 0,
                took: self
                    .attempt_begun
                    .map_or(Duration::ZERO, |begun| begun.elapsed()),
                retry_after: None,
            });
        }
        let settled = self.account();
        self.record.model_label = self.generation.models.label(self.record.model.as_deref());
        self.record.policies = self.run.as_ref().map(verdicts).unwrap_or_default();
        if let Some(run) = &self.run {
            run.report_coverage();
            log_activities(&self.record.id, run);
        }
        let traced = self.traced_policies();
        if self.run.as_ref().is_some_and(Run::ends) {
            let late = self.late_trace();
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
                    let traced = end.await;
                    if let Some(late) = late {
                        late.end(traced);
                    }
                });
            }
        }
        telemetry::settle(&self.record);
        #[cfg(test)]
        self.shared.settled.lock().push(self.record.clone());
        self.end_trace(traced);
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
