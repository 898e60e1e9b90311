//! Metrics of an exchange: the handles of one set of labels.
#![expect(
    clippy::disallowed_macros,
    reason = "this room is the one table of metrics"
)]

use std::sync::{Arc, OnceLock};

use ::metrics::{Counter, Histogram, Label, counter, histogram};
use dialect::{Dialect, describe::Provider};

use super::{Record, account::Account, metrics::recorder, names, table, tokens::TokenMeter};
use crate::config::Names;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ExchangeKey {
    dialect: Dialect,
    model: Arc<str>,
    upstream: Option<Arc<str>>,
    status: u16,
}

impl ExchangeKey {
    /// Returns whether a record has these labels.
    pub(super) fn is_of(&self, record: &Record) -> bool {
        self.status == record.status
            && self.dialect == record.dialect
            && *self.model == *record.model_label
            && self.upstream.as_deref() == record.upstream.as_deref()
    }

    pub(super) fn of(record: &Record) -> Self {
        Self {
            dialect: record.dialect,
            model: Arc::clone(&record.model_label),
            upstream: record.upstream.clone(),
            status: record.status,
        }
    }
}

/// The label of a status; `none` where the app left before there was one.
pub(super) fn status_label(status: u16) -> String {
    match status {
        0 => "none".to_owned(),
        status @ 100..=599 => status.to_string(),
        _ => "other".to_owned(),
    }
}

/// The handles of one label set; those that not every exchange has are made when first needed.
pub(super) struct ExchangeMeter {
    labels: Vec<Label>,
    requests: Counter,
    overhead: Histogram,
    request_bytes: Counter,
    reply_bytes: Counter,
    duration: Histogram,
    first_token: OnceLock<Histogram>,
    per_token: OnceLock<Histogram>,
    tokens: OnceLock<TokenMeter>,
    /// By the names of release 0.1, where they were chosen.
    inference: Option<Histogram>,
    names: Names,
    pub(super) untagged: OnceLock<Arc<Account>>,
}

impl ExchangeMeter {
    pub(super) fn new(key: &ExchangeKey) -> Self {
        Self::named(key, names::chosen())
    }

    /// The same under these names.
    pub(super) fn named(key: &ExchangeKey, names: Names) -> Self {
        recorder();
        let dialect = key.dialect.name();
        let status = status_label(key.status);
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
            tokens: OnceLock::new(),
            inference: names::INFERENCE_DURATION
                .is_in(names)
                .then(|| histogram!(table::INFERENCE_DURATION, labels.clone())),
            names,
            untagged: OnceLock::new(),
            labels,
        }
    }

    pub(super) fn record(&self, record: &Record) {
        self.requests.increment(1);
        self.overhead.record(record.overhead.as_secs_f64());
        self.request_bytes.increment(record.request_bytes);
        self.reply_bytes.increment(record.reply_bytes);
        self.duration.record(record.total.as_secs_f64());
        if let Some(inference) = &self.inference {
            inference.record(record.total.as_secs_f64());
        }
        if let Some(first) = record.first_token {
            self.first_token
                .get_or_init(|| histogram!(table::FIRST_TOKEN, self.labels.clone()))
                .record(first.as_secs_f64());
        }
        let Some(usage) = &record.usage else { return };
        self.tokens
            .get_or_init(|| TokenMeter::new(&self.labels, self.names))
            .record(&self.labels, usage);
        if let (Some(first), 2..) = (record.first_token, usage.output)
            && record.streaming
        {
            let each = record.total.saturating_sub(first).as_secs_f64() / (usage.output - 1) as f64;
            self.per_token
                .get_or_init(|| histogram!(table::TIME_PER_TOKEN, self.labels.clone()))
                .record(each);
        }
    }
}
