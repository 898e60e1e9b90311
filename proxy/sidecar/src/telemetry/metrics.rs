//! Metrics as functions: the raw macros are used here, in `account.rs`, `meter.rs` and `pod.rs` only, and
//! every name is in `table.rs`.
//!
//! On the request path nothing is formatted or looked up in a shared registry: each worker thread
//! keeps the handles of the label sets that it has met, and a policy keeps its own in a
//! [`PolicyMeter`]. Labels are bounded: a model that no configuration names is `other`.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use ::metrics::{
    Counter, Histogram, Label, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use dialect::{Dialect, describe::Provider};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::{
    Record,
    account::{self, Account},
    table::{self, Kind, TABLE},
};
pub use super::{
    meter::{Hook, PolicyMeter, PolicyMeters},
    pod::{connection, connection_refused, cut, landlock, load, passed, shed, tunnel, tunnelled},
};
use crate::config::Config;

/// Serves the text of `/metrics`.
pub fn render() -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    {
        gauge!(table::INFLIGHT).set(inflight() as f64);
        if let Some(bytes) = resident_bytes() {
            gauge!(table::RESIDENT).set(bytes as f64);
        }
    }
    let mut text = recorder().render();
    account::render(&mut text);
    text
}

/// Moves samples into their buckets. To be called about once a second: until then each sample takes
/// 8 bytes.
pub fn upkeep() {
    recorder().run_upkeep();
}

/// Installs the recorder, once; every function of this file does so by itself.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let mut builder = PrometheusBuilder::new();
        for metric in TABLE {
            if let Kind::Histogram(buckets) = metric.kind {
                builder = with_buckets(builder, Matcher::Full(metric.name.into()), buckets);
            }
        }
        builder = with_buckets(
            builder,
            Matcher::Prefix(table::POLICY_PREFIX.into()),
            table::ANY,
        );
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Somebody else's recorder could only be there in a program that embeds this crate: then
        // ours stays empty, and nothing breaks.
        let _ = ::metrics::set_global_recorder(recorder);
        for metric in TABLE.iter().filter(|metric| metric.name != table::COST) {
            match metric.kind {
                Kind::Counter => describe_counter!(metric.name, metric.help),
                Kind::Gauge => describe_gauge!(metric.name, metric.help),
                Kind::Histogram(_) => describe_histogram!(metric.name, metric.help),
            }
        }
        gauge!(table::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        gauge!(table::REFUSED).set(0.0);
        handle
    })
}

/// `set_buckets_for_metric` fails only on an empty list, which `table.rs` has none of.
fn with_buckets(
    builder: PrometheusBuilder,
    matcher: Matcher,
    buckets: &[f64],
) -> PrometheusBuilder {
    builder
        .set_buckets_for_metric(matcher, buckets)
        .unwrap_or_else(|_| PrometheusBuilder::new())
}

/// Model names that may be labels.
#[derive(Debug, Clone, Default)]
pub struct Models(HashSet<Arc<str>>);

impl Models {
    /// Those that the configuration names: aliases, and targets in both spellings.
    pub fn of(config: &Config) -> Self {
        let mut names: HashSet<Arc<str>> = HashSet::new();
        for (alias, target) in &config.models {
            names.insert(alias.as_str().into());
            names.insert(target.model.as_str().into());
            names.insert(format!("{}/{}", target.upstream, target.model).into());
        }
        Self(names)
    }
    /// The name itself, or `other`.
    pub fn label(&self, model: Option<&str>) -> Arc<str> {
        model
            .and_then(|model| self.0.get(model))
            .map_or_else(other, Arc::clone)
    }
}

/// The label of a model that no configuration names.
pub fn other() -> Arc<str> {
    static OTHER: LazyLock<Arc<str>> = LazyLock::new(|| "other".into());
    Arc::clone(&OTHER)
}

static INFLIGHT: AtomicUsize = AtomicUsize::new(0);

/// Exchanges in progress: a drain waits for them.
pub fn inflight() -> usize {
    INFLIGHT.load(Ordering::Relaxed)
}

/// Counts an exchange as in progress until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the exchange"]
pub struct Inflight(());

impl Inflight {
    /// One more.
    pub fn enter() -> Self {
        INFLIGHT.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        INFLIGHT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Handles that one worker has met.
#[derive(Default)]
struct Cache {
    exchanges: HashMap<ExchangeKey, Rc<ExchangeMeter>>,
    verdicts: HashMap<(Arc<str>, &'static str), Counter>,
    attempts: HashMap<(Arc<str>, &'static str), Counter>,
    words: HashMap<[&'static str; 3], Counter>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

#[derive(PartialEq, Eq, Hash)]
struct ExchangeKey {
    dialect: Dialect,
    model: Arc<str>,
    upstream: Option<Arc<str>>,
    status: u16,
}

/// The handles of one label set; those that not every exchange has are made when first needed.
struct ExchangeMeter {
    labels: Vec<Label>,
    requests: Counter,
    overhead: Histogram,
    request_bytes: Counter,
    reply_bytes: Counter,
    duration: Histogram,
    first_token: OnceLock<Histogram>,
    per_token: OnceLock<Histogram>,
    input: OnceLock<Histogram>,
    output: OnceLock<Histogram>,
    untagged: OnceLock<Arc<Account>>,
}

impl ExchangeMeter {
    fn new(key: &ExchangeKey) -> Self {
        recorder();
        let dialect = key.dialect.name();
        let status = match key.status {
            0 => "none".to_owned(),
            status @ 100..=599 => status.to_string(),
            _ => "other".to_owned(),
        };
        let upstream = key.upstream.as_deref().unwrap_or("none").to_owned();
        let provider = key.dialect.provider().map_or("other", Provider::name);
        let labels = vec![
            Label::from_static_parts("gen_ai_operation_name", key.dialect.operation()),
            Label::from_static_parts("gen_ai_provider_name", provider),
            Label::new("gen_ai_request_model", Arc::clone(&key.model)),
        ];
        Self {
            requests: counter!(table::REQUESTS, "dialect" => dialect, "model" => Arc::clone(&key.model), "upstream" => upstream, "status" => status),
            overhead: histogram!(table::OVERHEAD_SECONDS, "dialect" => dialect),
            request_bytes: counter!(table::REQUEST_BYTES, "dialect" => dialect),
            reply_bytes: counter!(table::REPLY_BYTES, "dialect" => dialect),
            duration: histogram!(table::SERVER_DURATION, labels.clone()),
            first_token: OnceLock::new(),
            per_token: OnceLock::new(),
            input: OnceLock::new(),
            output: OnceLock::new(),
            untagged: OnceLock::new(),
            labels,
        }
    }

    fn tokens(&self, cell: &OnceLock<Histogram>, kind: &'static str, tokens: u64) {
        let histogram = cell.get_or_init(|| {
            let mut labels = self.labels.clone();
            labels.push(Label::from_static_parts("gen_ai_token_type", kind));
            histogram!(table::TOKEN_USAGE, labels)
        });
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        histogram.record(tokens as f64);
    }

    fn record(&self, record: &Record) {
        self.requests.increment(1);
        self.overhead.record(record.overhead.as_secs_f64());
        self.request_bytes.increment(record.request_bytes);
        self.reply_bytes.increment(record.reply_bytes);
        self.duration.record(record.total.as_secs_f64());
        if let Some(first) = record.first_token {
            self.first_token
                .get_or_init(|| histogram!(table::FIRST_TOKEN, self.labels.clone()))
                .record(first.as_secs_f64());
        }
        let Some(usage) = &record.usage else { return };
        self.tokens(&self.input, "input", usage.input);
        self.tokens(&self.output, "output", usage.output);
        if let (Some(first), 2..) = (record.first_token, usage.output)
            && record.streaming
        {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let each = record.total.saturating_sub(first).as_secs_f64() / (usage.output - 1) as f64;
            self.per_token
                .get_or_init(|| histogram!(table::TIME_PER_TOKEN, self.labels.clone()))
                .record(each);
        }
    }
}

/// Counts an exchange that ended; see [`super::settle`].
pub(super) fn exchange(record: &Record) {
    CACHE.with_borrow_mut(|cache| {
        let key = ExchangeKey {
            dialect: record.dialect,
            model: Arc::clone(&record.model_label),
            upstream: record.upstream.clone(),
            status: record.status,
        };
        let meter = match cache.exchanges.get(&key) {
            Some(meter) => Rc::clone(meter),
            None => {
                let meter = Rc::new(ExchangeMeter::new(&key));
                cache.exchanges.insert(key, Rc::clone(&meter));
                meter
            }
        };
        meter.record(record);
        account::count(record, &meter.untagged);
        for policy in &record.policies {
            cache
                .verdicts
                .entry((Arc::clone(&policy.name), policy.verdict))
                .or_insert_with_key(|(name, verdict)| counter!(table::VERDICTS, "plugin" => Arc::clone(name), "verdict" => *verdict))
                .increment(1);
        }
    });
    if record.client_gone {
        client_disconnect(true);
    }
}

/// A counter whose labels are words of the program.
pub(super) fn word(
    metric: &'static str,
    first: &'static str,
    second: &'static str,
    make: impl FnOnce() -> Counter,
    by: u64,
) {
    CACHE.with_borrow_mut(|cache| {
        let make = || {
            recorder();
            make()
        };
        cache
            .words
            .entry([metric, first, second])
            .or_insert_with(make)
            .increment(by);
    });
}

/// Counts an answer that Outrigger gave in its own name. A policy's own code is not bounded: give
/// `policy_denied` for it.
pub fn refused(code: &'static str) {
    word(
        table::REFUSALS,
        code,
        "",
        || counter!(table::REFUSALS, "code" => code),
        1,
    );
}

/// Counts an app that hung up.
pub fn client_disconnect(settled: bool) {
    let settled = if settled { "true" } else { "false" };
    word(
        table::DISCONNECTS,
        settled,
        "",
        || counter!(table::DISCONNECTS, "settled" => settled),
        1,
    );
}

/// Counts a reply that a policy wanted stored: `kept`, or the reason why it was not.
pub fn reply_kept(result: &'static str) {
    word(
        table::REPLIES_KEPT,
        result,
        "",
        || counter!(table::REPLIES_KEPT, "result" => result),
        1,
    );
}

/// Counts an exchange that is answered without an upstream call of its own: `kept`, `shared`; or a
/// stored reply that was `unreadable`.
pub fn served(kind: &'static str) {
    word(
        table::FROM_STORE,
        kind,
        "",
        || counter!(table::FROM_STORE, "kind" => kind),
        1,
    );
}

/// Counts a request to an upstream: the `first`, or one that followed it over a new connection
/// (`stale_connection`) or without the usage option (`stream_options`).
pub fn attempt(upstream: &Arc<str>, reason: &'static str) {
    CACHE.with_borrow_mut(|cache| {
        cache
            .attempts
            .entry((Arc::clone(upstream), reason))
            .or_insert_with_key(|(upstream, reason)| {
                recorder();
                counter!(table::ATTEMPTS, "upstream" => Arc::clone(upstream), "reason" => *reason)
            })
            .increment(1);
    });
}

/// Counts a reload.
pub fn reload(taken_up: bool) {
    recorder();
    counter!(table::RELOADS, "result" => if taken_up { "ok" } else { "failed" }).increment(1);
    // A counter only shows that something was refused once; an alert has to last until somebody
    // mended it.
    gauge!(table::REFUSED).set(if taken_up { 0.0 } else { 1.0 });
}

/// Sets the gauge of the generation in force.
pub fn generation(number: u64) {
    recorder();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!(table::GENERATION).set(number as f64);
}

/// Counts a policy file that could not be loaded. The name is the chain's or the file's: bounded by
/// what an operator wrote.
pub fn load_failure(policy: &str) {
    recorder();
    counter!(table::LOAD_FAILURES, "plugin" => policy.to_owned()).increment(1);
}

/// Counts a log line that found no room.
pub(super) fn log_dropped() {
    word(
        table::LOG_DROPPED,
        "",
        "",
        || counter!(table::LOG_DROPPED),
        1,
    );
}

/// Counts what was decided without a shared store: `share`, `block` or `skip`.
pub fn store_degraded(store: &'static str, action: &'static str) {
    word(
        table::STORE_DEGRADED,
        store,
        action,
        || counter!(table::STORE_DEGRADED, "store" => store, "action" => action),
        1,
    );
}

/// Counts a call of a shared store that failed: `gone`, `slow`, `full` or `refused`.
pub fn store_fault(store: &'static str, reason: &'static str) {
    word(
        table::STORE_FAULTS,
        store,
        reason,
        || counter!(table::STORE_FAULTS, "store" => store, "reason" => reason),
        1,
    );
}

/// Counts what a store dropped: `unsettled`, `refused`, `damaged`, `version` or `overflow`.
pub fn store_dropped(store: &'static str, reason: &'static str) {
    word(
        table::STORE_DROPPED,
        store,
        reason,
        || counter!(table::STORE_DROPPED, "store" => store, "reason" => reason),
        1,
    );
}

/// Sets the gauge of settlements that a shared store does not have yet.
pub fn store_unsettled(settlements: usize) {
    recorder();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    gauge!(table::STORE_UNSETTLED).set(settlements as f64);
}

/// Sets the gauge of a shared store: 1 while it answers in time.
pub fn store_up(store: &'static str, up: bool) {
    recorder();
    gauge!(table::STORE_UP, "store" => store).set(f64::from(u8::from(up)));
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
