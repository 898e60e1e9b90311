//! The spans of an exchange, encoded: [OTLP's messages][1], by the conventions for [GenAI][2] and
//! [HTTP clients][3].
//!
//! An attempt has no `url.full`, which the conventions want: a path has ids of callers in it, and a
//! query may have a key.
//!
//! [1]: https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
//! [2]: https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/client-inference.md
//! [3]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span

use std::{
    num::NonZeroU64,
    time::{Duration, UNIX_EPOCH},
};

use dialect::{Usage, describe::Provider};
use policy::chain::HookCalls;

use super::{
    AttemptSpan, Finished, LONGEST_TEXT, PolicySpans, Trace, context::SAMPLED, id,
    protobuf::Message,
};
use crate::{
    config::Names,
    telemetry::{
        Attempted, Record,
        names::{self, Name},
    },
};

/// Attributes in a span, and in a resource.
const ATTRIBUTES: u32 = 9;
const RESOURCE_ATTRIBUTES: u32 = 1;
/// Kinds of spans.
const INTERNAL: u64 = 1;
const CLIENT: u64 = 3;
/// The status of what failed.
const ERROR: u64 = 2;
/// Bits of a span's flags beside W3C's: it is known whether the parent, or the link, is another
/// process's, and it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Encodes batches.
pub(super) struct Encoder {
    names: Names,
    /// `ResourceSpans.resource`, as it is in each batch.
    resource: Vec<u8>,
}

impl Encoder {
    /// Encodes for this process, by these names.
    pub(super) fn new(names: Names, resource: &[(String, String)]) -> Self {
        let sdk = [
            ("telemetry.sdk.name", "outrigger"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ];
        let own = resource.iter().map(|(key, value)| (&**key, &**value));
        let mut message = Message::default();
        message.message(1, |resource| {
            for (key, value) in own.chain(sdk) {
                resource.text(RESOURCE_ATTRIBUTES, key, value);
            }
        });
        Self {
            names,
            resource: message.into_bytes(),
        }
    }

    /// Encodes a batch as an `ExportTraceServiceRequest`.
    pub(super) fn encode(&self, batch: &[Finished]) -> Vec<u8> {
        let mut request = Message::default();
        request.message(1, |resource_spans| {
            resource_spans.written(&self.resource);
            resource_spans.message(2, |scope_spans| {
                scope_spans.message(1, |scope| {
                    scope.bytes(1, b"outrigger");
                    scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
                });
                for finished in batch {
                    self.exchange(finished, scope_spans);
                }
            });
        });
        request.into_bytes()
    }

    fn exchange(&self, finished: &Finished, spans: &mut Message) {
        let trace = &finished.trace;
        if let Some(record) = &finished.record {
            self.whole(trace, record, spans);
            let ends = record.earlier.iter().map(|made| (&made.span, made.end));
            let last = record.last.map(|end| (&record.span, end));
            let count = record.earlier.len();
            for (number, (span, end)) in ends.chain(last).enumerate() {
                let is_last = number == count;
                attempt(
                    trace,
                    record,
                    (span.as_deref(), end),
                    (number, is_last),
                    spans,
                );
            }
        }
        for policy in &finished.policies {
            for (number, (begun, calls)) in policy.hooks.iter().enumerate() {
                hook(trace, policy, *begun, calls, number == 0, spans);
            }
            if policy.hooks.is_empty() && policy.missed > 0 {
                left_out(trace, policy, spans);
            }
        }
    }

    /// The span of the exchange itself.
    fn whole(&self, trace: &Trace, record: &Record, spans: &mut Message) {
        let operation = record.dialect.operation();
        let what = record
            .endpoint
            .map_or(operation, |endpoint| endpoint.name());
        let name = match &record.model {
            Some(model) => [what, " ", model].concat(),
            None => what.to_owned(),
        };
        let head = Head {
            id: trace.span_id,
            parent: trace.parent().map(|remote| remote.span_id),
            kind: CLIENT,
            name: &name,
            begun: Duration::ZERO,
            took: record.total,
        };
        let error = failure(record);
        span(trace, &head, error.is_some(), spans, |span| {
            if let (Some(state), Some(_)) = (&trace.state, trace.parent()) {
                span.bytes(3, state.as_bytes());
            }
            self.text(span, names::OPERATION, operation);
            let provider = record.dialect.provider().map_or("other", Provider::name);
            self.text(span, names::PROVIDER, provider);
            if let Some(model) = &record.model {
                self.text(span, names::REQUEST_MODEL, model);
            }
            for name in names::REQUEST_STREAM.under(self.names) {
                span.truth(ATTRIBUTES, name, record.streaming);
            }
            if let Some(translated) = &record.translated {
                let (id, model) = (&translated.id, &translated.model);
                id.iter()
                    .for_each(|id| self.text(span, names::RESPONSE_ID, id));
                (model.iter()).for_each(|model| self.text(span, names::RESPONSE_MODEL, model));
                span.text(ATTRIBUTES, "outrigger.translated_to", translated.to);
            }
            if let Some(finish) = &record.finish {
                for name in names::FINISH_REASONS.under(self.names) {
                    span.texts(ATTRIBUTES, name, [cut(finish)].into_iter());
                }
            }
            if let Some(first) = record.first_token {
                for name in names::FIRST_CHUNK.under(self.names) {
                    span.decimal(ATTRIBUTES, name, first.as_secs_f64());
                }
            }
            if let Some(usage) = &record.usage {
                self.usage(usage, span);
            }
            if let Some(error) = &error {
                span.text(ATTRIBUTES, "error.type", cut(error));
            }
            if record.status > 0 {
                span.integer(
                    ATTRIBUTES,
                    "http.response.status_code",
                    record.status.into(),
                );
            }
            server(record.span.as_deref(), span);
            own(record, span);
            if let Some(link) = trace.link() {
                span.message(13, |message| {
                    message.bytes(1, &link.trace_id.to_be_bytes());
                    message.bytes(2, &link.span_id.get().to_be_bytes());
                    if let Some(state) = &trace.state {
                        message.bytes(3, state.as_bytes());
                    }
                    let flags = u32::from(link.flags) | HAS_IS_REMOTE | IS_REMOTE;
                    message.fixed32(6, flags);
                });
            }
        });
    }

    fn text(&self, span: &mut Message, name: Name, text: &str) {
        for name in name.under(self.names) {
            span.text(ATTRIBUTES, name, cut(text));
        }
    }

    fn usage(&self, usage: &Usage, span: &mut Message) {
        for (name, tokens, always) in [
            (names::INPUT_TOKENS, usage.input, true),
            (names::OUTPUT_TOKENS, usage.output, true),
            (names::CACHE_READ, usage.cached, false),
            (names::CACHE_WRITE, usage.written, false),
            (names::REASONING, usage.reasoning, false),
        ] {
            if always || tokens > 0 {
                for name in name.under(self.names) {
                    span.integer(ATTRIBUTES, name, tokens);
                }
            }
        }
        if usage.estimated {
            span.truth(ATTRIBUTES, "outrigger.usage_estimated", true);
        }
    }
}

/// The attributes of an exchange that are Outrigger's own.
fn own(record: &Record, span: &mut Message) {
    for (key, text) in [
        ("outrigger.request_id", &*record.id),
        ("outrigger.dialect", record.dialect.name()),
        ("outrigger.target", &*record.target),
        (
            "outrigger.from_store",
            record.from_store.unwrap_or_default(),
        ),
    ] {
        if !text.is_empty() {
            span.text(ATTRIBUTES, key, cut(text));
        }
    }
    let attempts = record.earlier.len() + usize::from(record.last.is_some());
    let overhead = u64::try_from(record.overhead.as_micros()).unwrap_or(u64::MAX);
    for (key, number) in [
        ("outrigger.attempts", attempts as u64),
        ("outrigger.generation", record.generation),
        ("outrigger.overhead_us", overhead),
    ] {
        span.integer(ATTRIBUTES, key, number);
    }
    if let Some(cost) = record.cost {
        span.decimal(ATTRIBUTES, "outrigger.cost_usd", cost.0 as f64 / 1e9);
    }
    for (name, value) in record.tags.iter() {
        span.text(ATTRIBUTES, &["outrigger.tag.", name].concat(), cut(value));
    }
}

/// The reason for which an exchange failed, of few values: a refusal's or a fault's code, a status,
/// `client_gone`.
fn failure(record: &Record) -> Option<String> {
    match (&record.error, record.status) {
        (Some(error), _) => Some(error.to_string()),
        (None, status @ 400..) => Some(status.to_string()),
        (None, _) => record.client_gone.then(|| "client_gone".into()),
    }
}

/// An attempt: a request to an upstream. The last one's reply goes on to the exchange's end, where
/// it was a success.
fn attempt(
    trace: &Trace,
    record: &Record,
    (made, end): (Option<&AttemptSpan>, Attempted),
    (number, is_last): (usize, bool),
    spans: &mut Message,
) {
    let Some(made) = made else { return };
    let is_success = end.class == "success";
    let head = Head {
        id: made.id,
        parent: Some(trace.span_id),
        kind: CLIENT,
        name: made.method.as_str(),
        begun: made.begun,
        took: match is_last && is_success {
            true => record.total.saturating_sub(made.begun),
            false => end.took,
        },
    };
    let status = end.status.to_string();
    let error = match (is_success, end.status) {
        (true, 400..) => Some(&*status),
        (true, _) => None,
        (false, _) => Some(end.class),
    };
    span(trace, &head, error.is_some(), spans, |span| {
        span.text(ATTRIBUTES, "http.request.method", made.method.as_str());
        server(Some(made), span);
        if end.status > 0 {
            span.integer(ATTRIBUTES, "http.response.status_code", end.status.into());
        }
        if number > 0 {
            span.integer(ATTRIBUTES, "http.request.resend_count", number as u64);
        }
        if let Some(error) = error {
            span.text(ATTRIBUTES, "error.type", error);
        }
        let target = record
            .attempts()
            .nth(number)
            .map_or("", |(target, _)| target);
        span.text(ATTRIBUTES, "outrigger.target", cut(target));
    });
}

/// The server of an attempt.
fn server(made: Option<&AttemptSpan>, span: &mut Message) {
    if let Some((server, port)) = made.and_then(|made| made.server.as_ref()) {
        span.text(ATTRIBUTES, "server.address", server.host());
        span.integer(ATTRIBUTES, "server.port", u64::from(*port));
    }
}

/// The calls of one hook of a policy: of a stream's there are many, and one span. What the policy
/// was shown is in its first span alone.
fn hook(
    trace: &Trace,
    policy: &PolicySpans,
    begun: Duration,
    calls: &HookCalls,
    is_first: bool,
    spans: &mut Message,
) {
    let head = Head {
        id: id::span(),
        parent: Some(trace.span_id),
        kind: INTERNAL,
        name: &["policy ", &policy.name, " ", calls.hook].concat(),
        begun,
        took: calls.ended.saturating_duration_since(calls.begun),
    };
    span(trace, &head, calls.is_fault, spans, |span| {
        policys_own(policy, calls.hook, calls.outcome, span);
        let micros = u64::try_from(calls.took.as_micros()).unwrap_or(u64::MAX);
        span.integer(ATTRIBUTES, "outrigger.policy.micros", micros);
        span.integer(ATTRIBUTES, "outrigger.policy.calls", calls.calls.into());
        if calls.is_fault {
            span.text(ATTRIBUTES, "error.type", calls.outcome);
        }
        if is_first {
            coverage(policy, span);
        }
    });
}

/// A policy that was not called, as it could not be shown what it reads.
fn left_out(trace: &Trace, policy: &PolicySpans, spans: &mut Message) {
    let head = Head {
        id: id::span(),
        parent: Some(trace.span_id),
        kind: INTERNAL,
        name: &["policy ", &policy.name].concat(),
        begun: Duration::ZERO,
        took: Duration::ZERO,
    };
    span(trace, &head, false, spans, |span| {
        policys_own(policy, "none", "unseen", span);
        coverage(policy, span);
    });
}

fn policys_own(policy: &PolicySpans, hook: &str, verdict: &str, span: &mut Message) {
    for (key, text) in [
        ("outrigger.policy.name", &*policy.name),
        ("outrigger.policy.version", &*policy.version),
        ("outrigger.policy.hook", hook),
        ("outrigger.policy.verdict", verdict),
    ] {
        span.text(ATTRIBUTES, key, cut(text));
    }
}

fn coverage(policy: &PolicySpans, span: &mut Message) {
    span.integer(ATTRIBUTES, "outrigger.policy.coverage.shown", policy.shown);
    span.integer(
        ATTRIBUTES,
        "outrigger.policy.coverage.missed",
        policy.missed,
    );
    if !policy.reasons.is_empty() {
        let reasons = policy.reasons.iter().copied();
        span.texts(ATTRIBUTES, "outrigger.policy.coverage.reasons", reasons);
    }
}

/// The attributes that every span has.
struct Head<'s> {
    id: NonZeroU64,
    parent: Option<NonZeroU64>,
    kind: u64,
    name: &'s str,
    /// Since the exchange's first byte.
    begun: Duration,
    took: Duration,
}

fn span(
    trace: &Trace,
    head: &Head<'_>,
    failed: bool,
    spans: &mut Message,
    rest: impl FnOnce(&mut Message),
) {
    spans.message(2, |span| {
        span.bytes(1, &trace.trace_id.to_be_bytes());
        span.bytes(2, &head.id.get().to_be_bytes());
        if let Some(parent) = head.parent {
            span.bytes(4, &parent.get().to_be_bytes());
        }
        span.bytes(5, cut(head.name).as_bytes());
        span.number(6, head.kind);
        let begun = trace.begun.duration_since(UNIX_EPOCH).unwrap_or_default() + head.begun;
        span.fixed64(7, nanoseconds(begun));
        span.fixed64(8, nanoseconds(begun + head.took));
        rest(span);
        if failed {
            span.message(15, |status| status.number(3, ERROR));
        }
        let is_remote = head.id == trace.span_id && head.parent.is_some();
        let remote = if is_remote { IS_REMOTE } else { 0 };
        span.fixed32(16, u32::from(SAMPLED) | HAS_IS_REMOTE | remote);
    });
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The beginning of a text, as long as spans have any.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_TEXT))
        .unwrap_or(text)
}
