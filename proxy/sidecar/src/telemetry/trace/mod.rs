//! Traces: a span per exchange, one per attempt and one per policy's hook, sent to a collector.
//!
//! An exchange that is sampled carries a [`Trace`], and ends in [`Tracer::end`], however it ends:
//! there its record and what its policies did go into a bounded queue. Spans are made of them on a
//! thread of their own ([`export`](self::export)), so that a worker pays for a few ids and one
//! push. Without a configured collector there is no tracer; an exchange that is not sampled has no
//! trace.
//!
//! A record has names, numbers and verdicts, and so have spans: no prompt, no reply, no key, and no
//! URL, whose query may hold one.

use std::{
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, Method, request::Parts, uri::Authority};
use policy::chain::HookCalls;

use super::Record;
use crate::config::{self, RemoteParent, Telemetry};

mod context;
mod export;
pub mod id;
mod protobuf;
mod queue;
mod spans;
#[cfg(test)]
pub(crate) mod tests;

pub use context::trace_id;
use context::{Context, halves};
pub use export::{Answer, Collector, start};
use queue::Queue;

/// W3C trace context's headers.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Longest `tracestate` that spans have; a longer one only passes (W3C Trace Context §3.3.1.5).
const LONGEST_STATE: usize = 512;
/// Longest text in a span, in bytes: names come from callers and providers, and wait in memory.
const LONGEST_TEXT: usize = 256;

/// Decides which exchanges are traced, and takes them when they end.
#[derive(Debug, Clone)]
pub struct Tracer {
    parent_based: bool,
    /// Traces whose id's lower 63 bits are below it are recorded.
    below: u64,
    remote_parent: RemoteParent,
    queue: Arc<Queue>,
}

/// The trace of an exchange that is sampled.
#[derive(Debug)]
pub struct Trace {
    trace_id: u128,
    span_id: NonZeroU64,
    /// The caller's span: the parent, where it is of this trace, or else a link.
    remote: Option<Context>,
    /// The caller's `tracestate`.
    state: Option<Box<str>>,
    begun: SystemTime,
}

/// The span of an attempt that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSpan {
    id: NonZeroU64,
    /// Since the exchange's first byte.
    begun: Duration,
    method: Method,
    /// The server and its port; none of the embedded model.
    server: Option<(Authority, u16)>,
}

/// The calls of one policy in an exchange, and what it was shown.
#[derive(Debug)]
pub struct PolicySpans {
    /// Its name in the chain.
    pub name: Arc<str>,
    /// Its own version.
    pub version: Arc<str>,
    /// Bytes of text that it was shown.
    pub shown: u64,
    /// Bytes that it reads and was not shown.
    pub missed: u64,
    /// The reasons for those.
    pub reasons: Vec<&'static str>,
    /// Its hooks, each with its time since the exchange's first byte.
    pub hooks: Vec<(Duration, HookCalls)>,
}

/// An exchange that ended, or what its policies did after it.
#[derive(Debug)]
struct Finished {
    trace: Box<Trace>,
    /// None of what came after the exchange's end.
    record: Option<Box<Record>>,
    policies: Vec<PolicySpans>,
}

impl Tracer {
    /// A tracer of these settings, whose spans `queue` takes.
    fn new(telemetry: &Telemetry, sampler: config::telemetry::Sampler, queue: Arc<Queue>) -> Self {
        Self {
            parent_based: sampler.parent_based,
            // Of 63 bits, as the SDKs have it, so that all of a trace decide alike.
            below: (sampler.ratio * (1_u64 << 63) as f64) as u64,
            remote_parent: telemetry.remote_parent,
            queue,
        }
    }

    /// Begins the trace of an exchange with these headers; none where it is not sampled. Where a
    /// caller's decision counts, it does for a trace of our own, too.
    pub fn begin(&self, headers: &HeaderMap) -> Option<Box<Trace>> {
        let value = headers.get(TRACEPARENT);
        let remote = value.and_then(|value| Context::read(value.to_str().ok()?));
        let own = || u128::from(id::span().get()) << 64 | u128::from(id::next());
        let decisive = remote.map_or_else(own, |remote| remote.trace_id);
        let is_sampled = match remote {
            Some(remote) if self.parent_based => remote.is_sampled(),
            Some(_) | None => halves(decisive)[1] >> 1 < self.below,
        };
        if !is_sampled {
            return None;
        }
        let is_link = self.remote_parent == RemoteParent::Link;
        let state = remote.and_then(|_| headers.get(TRACESTATE)?.to_str().ok());
        let state = state.filter(|state| state.len() <= LONGEST_STATE);
        Some(Box::new(Trace {
            trace_id: match remote {
                Some(_) if is_link => own(),
                Some(_) | None => decisive,
            },
            span_id: id::span(),
            remote,
            state: state.map(Into::into),
            begun: SystemTime::now(),
        }))
    }

    /// Takes an exchange that ended, and what its policies did; one for which the queue has no room
    /// is counted as dropped.
    pub fn end(&self, trace: Box<Trace>, mut record: Record, policies: Vec<PolicySpans>) {
        for text in [&mut record.model, &mut record.finish] {
            text.iter_mut().for_each(shorten);
        }
        shorten(&mut record.target);
        (record.earlier.iter_mut()).for_each(|made| shorten(&mut made.target));
        self.queue.push(Finished {
            trace,
            record: Some(Box::new(record)),
            policies,
        });
    }

    /// Takes what policies did after the exchange's end.
    pub fn end_hooks(&self, trace: Box<Trace>, policies: Vec<PolicySpans>) {
        self.queue.push(Finished {
            trace,
            record: None,
            policies,
        });
    }

    /// Waits until everything that ended so far was exported or given up, at most `wait`. Returns
    /// the number of spans that were not.
    pub async fn flush(&self, wait: Duration) -> usize {
        self.queue.flush(wait).await
    }
}

impl Trace {
    /// The trace's id, in 32 hexadecimal digits.
    pub fn id(&self) -> String {
        let digits = halves(self.trace_id).map(id::digits);
        str::from_utf8(digits.as_flattened())
            .unwrap_or_default()
            .to_owned()
    }

    /// Begins the span of an attempt, so long after the exchange's first byte, and makes it the
    /// parent of what the upstream does.
    pub fn attempt(&self, request: &mut Parts, begun: Duration) -> Box<AttemptSpan> {
        let id = id::span();
        self.lead(&mut request.headers, id);
        let plain = request.uri.scheme_str() == Some("http");
        let port = request.uri.port_u16();
        let port = port.unwrap_or(if plain { 80 } else { 443 });
        Box::new(AttemptSpan {
            id,
            begun,
            method: request.method.clone(),
            server: request.uri.authority().map(|at| (at.clone(), port)),
        })
    }

    /// Makes the exchange's span the parent of what a request's receiver does.
    pub fn leads(&self, headers: &mut HeaderMap) {
        self.lead(headers, self.span_id);
    }

    fn lead(&self, headers: &mut HeaderMap, parent: NonZeroU64) {
        if let Some(header) = Context::header(self.trace_id, parent) {
            headers.insert(TRACEPARENT, header);
        }
        if self.parent().is_none() {
            // It belongs to another trace, or to a `traceparent` that is none (§4.3).
            headers.remove(TRACESTATE);
        }
    }

    /// A copy for what comes after the exchange's end.
    pub fn copy(&self) -> Box<Self> {
        Box::new(Self {
            state: self.state.clone(),
            ..*self
        })
    }

    /// The caller's span, where it is the parent.
    fn parent(&self) -> Option<Context> {
        self.remote
            .filter(|remote| remote.trace_id == self.trace_id)
    }

    /// The caller's span, where it is a link.
    fn link(&self) -> Option<Context> {
        self.remote
            .filter(|remote| remote.trace_id != self.trace_id)
    }
}

impl Finished {
    /// The number of its spans.
    fn spans(&self) -> usize {
        let attempts = self.record.as_ref().map_or(0, |record| {
            1 + record.earlier.len() + usize::from(record.last.is_some())
        });
        let hooks: usize = self.policies.iter().map(PolicySpans::spans).sum();
        attempts + hooks
    }
}

impl PolicySpans {
    /// The number of its spans: one where it was left out, with the reason.
    fn spans(&self) -> usize {
        self.hooks.len().max(usize::from(self.missed > 0))
    }
}

/// Cuts a text that is longer than spans have any.
fn shorten(text: &mut String) {
    if text.len() > LONGEST_TEXT {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text.shrink_to_fit();
    }
}
