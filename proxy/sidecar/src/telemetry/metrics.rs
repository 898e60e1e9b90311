//! Metrics as functions: the raw macros are used here, in `account.rs`, `exchange.rs`, `meter.rs`
//! and `pod.rs` only, and every name is in `table.rs`.
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
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ::metrics::{Counter, Label, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{
    Record, account,
    exchange::{ExchangeKey, ExchangeMeter},
    handles::Handles,
    histograms::{self, Exporter},
    table::{self, Kind, TABLE},
};
pub use super::{
    embeddings::{embedded, embedding_request, embedding_spent},
    meter::{Hook, PolicyMeter, PolicyMeters},
    pod::{connection, connection_refused, cut, landlock, load, passed, shed, tunnel, tunnelled},
    targets::{
        ShadowRatios, TargetGauges, attempt_result, breaker_opened, canary, canary_rolled_back,
        hedge, queue_depth, queued, retry_budget_spent, shadow, shadow_cost, shadow_ratios,
        translated,
    },
};
use crate::config::Config;

/// Serves the text of `/metrics`.
pub fn render() -> String {
    set(table::INFLIGHT, inflight() as f64);
    if let Some(bytes) = resident_bytes() {
        set(table::RESIDENT, bytes as f64);
    }
    let mut text = recorder().render();
    histograms::render(&mut text);
    account::render(&mut text);
    text
}

/// Installs the recorder, once; every function of this file does so by itself.
pub fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Somebody else's recorder could only be there in a program that embeds this crate: then
        // ours stays empty, and nothing breaks.
        let _ = ::metrics::set_global_recorder(Exporter(recorder));
        for metric in TABLE.iter().filter(|metric| metric.name != table::COST) {
            match metric.kind {
                Kind::Counter => describe_counter!(metric.name, metric.help),
                Kind::Gauge => describe_gauge!(metric.name, metric.help),
                Kind::Histogram(_) => {}
            }
        }
        gauge!(table::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        gauge!(table::REFUSED).set(0.0);
        handle
    })
}

/// Model names that may be labels.
#[derive(Debug, Clone, Default)]
pub struct Models(BTreeSet<Arc<str>>);

impl Models {
    /// Those that the configuration names: aliases, and targets in both spellings.
    pub fn of(config: &Config) -> Self {
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        for (name, alias) in &config.models {
            names.insert(name.as_str().into());
            for target in alias.all_targets() {
                names.insert(target.model.as_str().into());
                names.insert(format!("{}/{}", target.upstream, target.model).into());
            }
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

/// Exchanges in progress in the lower half; above it, those that have begun, which wrap.
static INFLIGHT: AtomicU64 = AtomicU64::new(0);
const BEGUN: u64 = 1 << 32;

/// Exchanges in progress, and the number of those that have begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Exchanges in progress.
    pub inflight: usize,
    /// Exchanges that have begun; wraps.
    pub begun: u32,
}

/// Returns what the process does at this moment.
pub fn activity() -> Activity {
    let both = INFLIGHT.load(Ordering::Relaxed);
    Activity {
        inflight: (both % BEGUN) as usize,
        begun: (both / BEGUN) as u32,
    }
}

/// Exchanges in progress: a drain waits for them.
pub fn inflight() -> usize {
    activity().inflight
}

/// Counts an exchange as in progress until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the exchange"]
pub struct Inflight(());

impl Inflight {
    /// One more.
    pub fn enter() -> Self {
        INFLIGHT.fetch_add(BEGUN + 1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        INFLIGHT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counters by a name of the configuration's and a word of the program.
type NamedCounters = Handles<(Arc<str>, &'static str), Counter>;

/// Handles that one worker has met.
#[derive(Default)]
struct Cache {
    exchanges: Handles<ExchangeKey, Rc<ExchangeMeter>>,
    verdicts: NamedCounters,
    attempts: NamedCounters,
    results: NamedCounters,
    embeddings: NamedCounters,
    words: HashMap<[&'static str; 3], Counter>,
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::default();
}

/// Counts spans by what became of them: `exported`, `queue`, `failed` or `rejected`.
pub fn trace_spans(result: &'static str, spans: usize) {
    if spans > 0 {
        count(table::TRACE_SPANS, [result], spans as u64);
    }
}

/// Counts an exchange that ended; see [`super::settle`].
pub(super) fn exchange(record: &Record) {
    CACHE.with_borrow_mut(|cache| {
        let meter = cache.exchanges.find(
            |key| key.is_of(record),
            || ExchangeKey::of(record),
            |key| Rc::new(ExchangeMeter::new(key)),
        );
        meter.record(record);
        account::count(record, &meter.untagged);
        for policy in &record.policies {
            let (name, verdict) = (&policy.name, policy.verdict);
            count_named(&mut cache.verdicts, table::VERDICTS, name, verdict);
        }
    });
    if record.client_gone {
        client_disconnect(true);
    }
}

/// Adds to a counter whose labels, in the table's order, have words of the program as values.
pub(super) fn count<const N: usize>(metric: &'static str, values: [&'static str; N], by: u64) {
    const { assert!(N <= 2, "a key has room for two labels") };
    debug_assert_eq!(label_names(metric).count(), N, "{metric}");
    let mut key = [metric, "", ""];
    key.iter_mut().skip(1).zip(values).for_each(|(k, v)| *k = v);
    CACHE.with_borrow_mut(|cache| {
        let counter = cache.words.entry(key).or_insert_with(|| {
            recorder();
            let labels = label_names(metric).zip(values);
            let labels = labels.map(|(name, value)| Label::from_static_parts(name, value));
            counter!(metric, labels.collect::<Vec<_>>())
        });
        counter.increment(by);
    });
}

fn count_named(
    counters: &mut NamedCounters,
    metric: &'static str,
    name: &Arc<str>,
    word: &'static str,
) {
    count_for(counters, metric, name, word, || Arc::clone(name));
}

/// The same for a name that is shared only where it is met for the first time.
fn count_for(
    counters: &mut NamedCounters,
    metric: &'static str,
    name: &str,
    word: &'static str,
    shared: impl FnOnce() -> Arc<str>,
) {
    let make = |(name, word): &(Arc<str>, &'static str)| {
        recorder();
        let labels = label_names(metric).zip([Arc::clone(name), Arc::from(*word)]);
        let labels = labels.map(|(name, value)| Label::new(*name, value));
        counter!(metric, labels.collect::<Vec<_>>())
    };
    let is = |known: &(Arc<str>, &str)| *known.0 == *name && known.1 == word;
    let counter = counters.find(is, || (shared(), word), make);
    counter.increment(1);
}

/// The names of a metric's labels, as the table has them.
fn label_names(metric: &str) -> impl Iterator<Item = &'static &'static str> + use<> {
    table::find(metric).into_iter().flat_map(|row| row.labels)
}

/// Sets a gauge without labels.
pub(super) fn set(metric: &'static str, value: f64) {
    recorder();
    gauge!(metric).set(value);
}

/// Counts an answer that Outrigger gave in its own name. A policy's own code is not bounded: give
/// `policy_denied` for it.
pub fn refused(code: &'static str) {
    count(table::REFUSALS, [code], 1);
}

/// Counts an app that hung up.
pub fn client_disconnect(settled: bool) {
    let settled = if settled { "true" } else { "false" };
    count(table::DISCONNECTS, [settled], 1);
}

/// Counts a reply that a policy wanted stored: `kept`, or the reason why it was not.
pub fn reply_kept(result: &'static str) {
    count(table::REPLIES_KEPT, [result], 1);
}

/// Counts an exchange that is answered without an upstream call of its own: `kept`, `shared`; or a
/// stored reply that was `unreadable`.
pub fn served(kind: &'static str) {
    count(table::FROM_STORE, [kind], 1);
}

/// Counts a request to an upstream: the `first`, or one that followed it over a new connection
/// (`stale_connection`) or without the usage option (`stream_options`).
pub fn attempt(upstream: &Arc<str>, reason: &'static str) {
    CACHE.with_borrow_mut(|cache| {
        count_named(&mut cache.attempts, table::ATTEMPTS, upstream, reason);
    });
}

pub(super) fn count_attempt_result(upstream: &Arc<str>, class: &'static str) {
    CACHE.with_borrow_mut(|cache| {
        count_named(&mut cache.results, table::ATTEMPT_RESULTS, upstream, class);
    });
}

pub(super) fn count_embedding(policy: &str, result: &'static str) {
    CACHE.with_borrow_mut(|cache| {
        let shared = || Arc::from(policy);
        count_for(
            &mut cache.embeddings,
            table::EMBEDDINGS,
            policy,
            result,
            shared,
        );
    });
}

/// Counts a reload.
pub fn reload(taken_up: bool) {
    count(table::RELOADS, [if taken_up { "ok" } else { "failed" }], 1);
    // A counter only shows that something was refused once; an alert has to last until somebody
    // mended it.
    set(table::REFUSED, f64::from(u8::from(!taken_up)));
}

/// Sets the gauge of the generation in force.
pub fn generation(number: u64) {
    set(table::GENERATION, number as f64);
}

/// Counts a policy file that could not be loaded. The name is the chain's or the file's: bounded by
/// what an operator wrote.
pub fn load_failure(policy: &str) {
    recorder();
    counter!(table::LOAD_FAILURES, "plugin" => policy.to_owned()).increment(1);
}

/// Counts a log line that found no room.
pub(super) fn log_dropped() {
    count(table::LOG_DROPPED, [], 1);
}

/// Counts what was decided without a shared store: `share`, `block` or `skip`.
pub fn store_degraded(store: &'static str, action: &'static str) {
    count(table::STORE_DEGRADED, [store, action], 1);
}

/// Counts a call of a shared store that failed: `gone`, `slow`, `full`, `refused` or `unsupported`.
pub fn store_fault(store: &'static str, reason: &'static str) {
    count(table::STORE_FAULTS, [store, reason], 1);
}

/// Counts what a store dropped: `unsettled`, `refused`, `damaged`, `version` or `overflow`.
pub fn store_dropped(store: &'static str, reason: &'static str) {
    count(table::STORE_DROPPED, [store, reason], 1);
}

/// Sets the gauge of settlements that a shared store does not have yet.
pub fn store_unsettled(settlements: usize) {
    set(table::STORE_UNSETTLED, settlements as f64);
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
mod tests;
