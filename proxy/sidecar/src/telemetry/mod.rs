//! Telemetry for operators: metrics, the exchange log, trace context.
//!
//! One exchange ends in one [`Record`], and [`settle`] turns it into its samples and its log line:
//! what is counted when it happens (attempts, connections, policies' calls) is counted there. A
//! record holds names, numbers and verdicts; prompts, replies and credentials have no field here.

use std::{borrow::Cow, sync::Arc, time::Duration};

use dialect::{Dialect, Usage, endpoint::Endpoint};
use http::uri::PathAndQuery;
use policy::{Tags, chain::Edits};

use crate::cost::{NanoDollars, Units};

mod account;
pub(crate) mod apart;
mod embeddings;
mod exchange;
mod handles;
mod histograms;
pub mod log;
mod meter;
pub mod metrics;
pub mod names;
mod pod;
mod sink;
mod table;
mod targets;
mod tokens;
pub mod trace;
mod unread;

/// Facts about an exchange at its end.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its `x-request-id`.
    pub id: String,
    /// Dialect of its body.
    pub dialect: Dialect,
    /// The endpoint of what passes unread; none of what a dialect reads.
    pub endpoint: Option<Endpoint>,
    /// Path that the app requested of what a dialect reads; its query is in no log.
    pub path: Option<PathAndQuery>,
    /// Model that the app requested.
    pub model: Option<String>,
    /// The bounded name of `model`, from [`metrics::Models::label`].
    pub model_label: Arc<str>,
    /// The upstream of the last attempt; none where there was none.
    pub upstream: Option<Arc<str>>,
    /// `upstream/model`; empty where no attempt was made.
    pub target: String,
    /// Attempts that others followed or overtook, in order.
    pub earlier: Vec<EarlierAttempt>,
    /// The result of the last attempt, to `target`; none where there was none.
    pub last: Option<Attempted>,
    /// Its part of the exchange's trace, where that is sampled.
    pub span: Option<Box<trace::AttemptSpan>>,
    /// Tokens that the last attempt took, where others took some before it; a part of `usage`.
    pub last_usage: Option<Usage>,
    /// The charge for the last attempt; a part of `cost`.
    pub last_cost: Option<NanoDollars>,
    /// Status of the app's answer; 0 where it left before.
    pub status: u16,
    /// True if the reply was a stream of events.
    pub streaming: bool,
    /// Tokens, where known.
    pub usage: Option<Usage>,
    /// Tokens of the prompt that are sound, a part of `usage`, where an unread reply reported them.
    pub audio_tokens: u64,
    /// Images that an unread reply reported.
    pub images: u64,
    /// Seconds of sound that an unread reply reported.
    pub audio_seconds: u64,
    /// The provider charges for it, though it may report no usage.
    pub charged: bool,
    /// The provider's charge by its prices; none where nobody knows a price, 0 for a stored reply.
    pub cost: Option<NanoDollars>,
    /// Tags by which its usage and cost are attributed.
    pub tags: Tags,
    /// `kept` or `shared`, where the reply was not made for this exchange.
    pub from_store: Option<&'static str>,
    /// Units reserved before the request went upstream.
    pub reserved: Units,
    /// Finish reason, as the dialect spells it.
    pub finish: Option<String>,
    /// Time from the request's first byte to the reply's first content.
    pub first_token: Option<Duration>,
    /// Time from the request's first byte to the reply's last.
    pub total: Duration,
    /// Our own part of `total`: without waiting for the app and the upstream.
    pub overhead: Duration,
    /// The request's body as it came, in bytes.
    pub request_bytes: u64,
    /// The reply's body as it went, in bytes.
    pub reply_bytes: u64,
    /// Verdict of each policy, in the chain's order.
    pub policies: Vec<Verdict>,
    /// The refusal's or fault's code.
    pub error: Option<Cow<'static, str>>,
    /// The policy on whose account the host refused, and the reason, of a bounded set. A policy's own
    /// refusal is its verdict.
    pub refused: Option<Box<(Box<str>, &'static str)>>,
    /// The app hung up before the end.
    pub client_gone: bool,
    /// The generation that it ran on.
    pub generation: u64,
    /// The wire format that its last attempt was translated into, and the fields that were left out.
    pub translated: Option<Translated>,
    /// The caller's trace, where it sent a valid `traceparent`.
    pub trace_id: Option<String>,
}

impl Record {
    /// A record of which nothing is known but its name.
    pub fn new(id: String, dialect: Dialect) -> Self {
        Self {
            id,
            dialect,
            endpoint: None,
            path: None,
            model: None,
            model_label: metrics::other(),
            upstream: None,
            target: String::new(),
            earlier: Vec::new(),
            last: None,
            span: None,
            last_usage: None,
            last_cost: None,
            status: 0,
            streaming: false,
            usage: None,
            audio_tokens: 0,
            images: 0,
            audio_seconds: 0,
            charged: false,
            cost: None,
            tags: Tags::default(),
            from_store: None,
            reserved: Units::default(),
            finish: None,
            first_token: None,
            total: Duration::ZERO,
            overhead: Duration::ZERO,
            request_bytes: 0,
            reply_bytes: 0,
            policies: Vec::new(),
            error: None,
            refused: None,
            client_gone: false,
            generation: 0,
            translated: None,
            trace_id: None,
        }
    }
}

/// A translation of a call.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The wire format that the target speaks.
    pub to: &'static str,
    /// The fields of request and reply that were left out, of a bounded set.
    pub dropped: Vec<&'static str>,
    /// The provider's id of the reply.
    pub id: Option<Box<str>>,
    /// The model that served it, as the provider names it.
    pub model: Option<Box<str>>,
}

/// The end of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// `success`, `hedged` where another one answered first, or the failure's class: `rate`,
    /// `overload`, ….
    pub class: &'static str,
    /// Status of the upstream's answer; 0 where none came.
    pub status: u16,
    /// Time until it was decided: to the first content of a success.
    pub took: Duration,
    /// The wait that the provider wants.
    pub retry_after: Option<Duration>,
}

/// An attempt that was not the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierAttempt {
    /// `upstream/model`.
    pub target: String,
    /// Its upstream.
    pub upstream: Option<Arc<str>>,
    /// Its end.
    pub end: Attempted,
    /// Tokens that it took, where it may have taken any; a part of the record's.
    pub usage: Option<Usage>,
    /// The charge for it; a part of the record's.
    pub cost: Option<NanoDollars>,
    /// Its part of the exchange's trace, where that is sampled.
    pub span: Option<Box<trace::AttemptSpan>>,
}

impl Record {
    /// Returns the policy that it was refused by or on account of, and the reason where it is not
    /// the error's code.
    pub fn refused_by(&self) -> Option<(&str, Option<&'static str>)> {
        self.error.as_ref()?;
        if let Some((policy, reason)) = self.refused.as_deref() {
            return Some((policy, Some(reason)));
        }
        let mut all = self.policies.iter();
        let refused = all.find(|policy| policy.verdict == policy::chain::Verdict::Refused.label());
        refused.map(|policy| (&*policy.name, None))
    }

    /// Iterates over all attempts, in order, each with its target.
    pub fn attempts(&self) -> impl Iterator<Item = (&str, Attempted)> {
        let earlier = self.earlier.iter().map(|made| (&*made.target, made.end));
        earlier.chain(self.last.map(|last| (&*self.target, last)))
    }

    /// Reports whether an upstream charges for it, and nobody knows how much.
    pub fn is_unpriced(&self) -> bool {
        let is_charged = self.usage.is_some() || self.charged;
        is_charged && self.cost.is_none() && self.upstream.is_some()
    }
}

/// Verdict of one policy on one exchange.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Its name in the chain.
    pub name: Arc<str>,
    /// Its own version.
    pub version: Arc<str>,
    /// `forwarded`, `edited`, `refused`, `replied`, `faulted`, `skipped`, `quarantined`.
    pub verdict: &'static str,
    /// Time in its hooks, in microseconds.
    pub micros: u32,
    /// Its edits of the request.
    pub edits: Edits,
    /// Its edits of the reply: those of a stream by event.
    pub reply_edits: Edits,
}

/// Counts and logs an exchange. To be called once, however the exchange ended.
pub fn settle(record: &Record) {
    metrics::exchange(record);
    if let Some(endpoint) = record.endpoint {
        unread::count(record, endpoint);
    }
    if let Some(translated) = &record.translated {
        metrics::translated(record.dialect.name(), translated);
    }
    log::exchange(record);
}
