//! The failures that the embedded model shows on purpose, each in the form that the dialect's own
//! provider gives it.
//!
//! Which call fails and how is drawn from the call's number in this process, without a clock or a
//! source of chance: the same calls in the same order fail in the same way.

mod words;

use std::{
    error::Error,
    fmt,
    future::pending,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::{HeaderValue, Response, StatusCode, header};

use super::{
    body::{Body, Events},
    endpoint::{Provider, Shape},
    json, quote,
};
use words::{Form, form_of};

/// A share of calls that fail on purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// The share of calls that fail, from 0 to 1.
    pub rate: f64,
    /// The kinds of failure, each as likely as the others; none: no call fails.
    pub classes: Vec<FaultClass>,
    /// The time from a failing call to its failure's head.
    pub delay: Duration,
    /// The time after which a caller may come back, as a failure of [`FaultClass::Rate`] says it;
    /// `None`: it says nothing.
    pub retry_after: Option<Duration>,
}

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// Too many calls: a 429.
    Rate,
    /// No room at the provider: a 503, or a 529.
    Overload,
    /// Nothing left to pay with: the provider's own error for that.
    Money,
    /// A key that is not accepted: a 401.
    Key,
    /// A fault after which nobody knows what was done: a 500.
    MaybeDone,
    /// A reply that breaks off, before its first content or in the midst of it.
    Cut,
    /// A 200 whose stream opens, and has an error where content is expected; a whole reply has the
    /// status of [`FaultClass::Overload`] instead.
    ErrorIn200,
    /// Nothing until the delay is over, and an ordinary answer then; no answer at all without a
    /// delay.
    Silent,
}

impl FaultClass {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rate,
        Self::Overload,
        Self::Money,
        Self::Key,
        Self::MaybeDone,
        Self::Cut,
        Self::ErrorIn200,
        Self::Silent,
    ];

    /// The name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Overload => "overload",
            Self::Money => "money",
            Self::Key => "key",
            Self::MaybeDone => "maybe_done",
            Self::Cut => "cut",
            Self::ErrorIn200 => "error_in_200",
            Self::Silent => "silent",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// The error of a body that breaks off on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the embedded model broke the reply off, as its `faults` say")
    }
}

impl Error for Broken {}

/// The part of an answer that a failing call shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) class: FaultClass,
    /// True if a reply breaks off before its first content rather than in the midst of it.
    pub(super) before_content: bool,
}

impl Faults {
    /// The failure of the call of this number; `None` if that one is answered. Equal numbers have
    /// equal failures, and so many numbers in a row have nearly `rate` of them.
    pub(super) fn of_call(&self, number: u64) -> Option<Failing> {
        let draw = scattered(number);
        // 53 bits are what a double holds exactly.
        let share = (draw >> 11) as f64 / (1_u64 << 53) as f64;
        if share >= self.rate {
            return None;
        }
        let draw = scattered(draw);
        let kinds = self.classes.len() as u64;
        let chosen = draw.checked_rem(kinds)?;
        let class = *self.classes.get(usize::try_from(chosen).ok()?)?;
        let before_content = (draw / kinds).is_multiple_of(2);
        Some(Failing {
            class,
            before_content,
        })
    }

    /// The failure of the next call of this process.
    pub(super) fn of_next_call(&self) -> Option<Failing> {
        static CALLS: AtomicU64 = AtomicU64::new(0);
        self.of_call(CALLS.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits as a failing call does before its head.
    pub(super) async fn wait(&self, class: FaultClass) {
        if class == FaultClass::Silent && self.delay.is_zero() {
            pending::<()>().await;
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
    }
}

/// Splitmix64: neighbours of a number become numbers that have nothing in common.
const fn scattered(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The failure as a reply with the status of its kind.
pub(super) fn refused(shape: Shape, class: FaultClass, faults: &Faults) -> Response<Body> {
    let provider = shape.provider();
    let form = form_of(provider, class);
    let after = faults.retry_after.filter(|_| class == FaultClass::Rate);
    let status = StatusCode::from_u16(form.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut reply = match provider {
        Provider::Google => json(status, google(&form, &details(class, after))),
        Provider::Anthropic => json(status, anthropic(&form)),
        Provider::Amazon => super::amazon(status, form.kind, message(&form)),
        Provider::Openai => json(status, openai(&form)),
    };
    let Some(after) = after else {
        return reply;
    };
    let headers = reply.headers_mut();
    let seconds = after.as_millis().div_ceil(1000);
    if matches!(provider, Provider::Openai | Provider::Anthropic)
        && let Ok(seconds) = HeaderValue::try_from(seconds.to_string())
    {
        headers.insert(header::RETRY_AFTER, seconds);
    }
    if provider == Provider::Openai
        && let Ok(millis) = HeaderValue::try_from(after.as_millis().to_string())
    {
        headers.insert("retry-after-ms", millis);
    }
    reply
}

/// The failure as the event that stands in a stream where content is expected.
pub(super) fn in_stream(shape: Shape, events: &mut Events) {
    let form = form_of(shape.provider(), FaultClass::ErrorIn200);
    match shape {
        Shape::Messages => events.named("error", format_args!("{}", anthropic(&form))),
        Shape::Gemini => events.data(format_args!("{}", google(&form, ""))),
        Shape::Interactions => events.named(
            "error",
            format_args!(
                r#"{{"event_type":"error","error":{{"code":"{}","message":{}}}}}"#,
                form.kind,
                quote(form.message)
            ),
        ),
        Shape::Converse | Shape::Invoke => {
            events.exception("serviceUnavailableException", &message(&form))
        }
        Shape::Responses => {
            let number = events.len();
            events.named(
                "error",
                format_args!(
                    r#"{{"type":"error","sequence_number":{number},"code":"{}","message":{},"param":null}}"#,
                    form.code.unwrap_or(form.kind),
                    quote(form.message)
                ),
            );
        }
        Shape::Chat
        | Shape::Completions
        | Shape::Embeddings
        | Shape::Images
        | Shape::Moderations
        | Shape::Rerank
        | Shape::Speech
        | Shape::Transcription => {
            events.data(format_args!("{}", openai(&form)));
        }
    }
}

fn message(form: &Form) -> String {
    format!(r#"{{"message":{}}}"#, quote(form.message))
}

fn openai(form: &Form) -> String {
    let code = form.code.map_or_else(|| "null".to_owned(), quote);
    format!(
        r#"{{"error":{{"message":{},"type":"{}","param":null,"code":{code}}}}}"#,
        quote(form.message),
        form.kind
    )
}

fn anthropic(form: &Form) -> String {
    format!(
        r#"{{"type":"error","error":{{"type":"{}","message":{}}},"request_id":"{}"}}"#,
        form.kind,
        quote(form.message),
        super::id("req_")
    )
}

fn google(form: &Form, details: &str) -> String {
    format!(
        r#"{{"error":{{"code":{},"message":{},"status":"{}"{details}}}}}"#,
        form.status,
        quote(form.message),
        form.kind
    )
}

/// Google's word on which quota is used up, and for how long.
fn details(class: FaultClass, after: Option<Duration>) -> String {
    let quota = match class {
        FaultClass::Rate => "GenerateRequestsPerMinutePerProjectPerModel",
        FaultClass::Money => "GenerateRequestsPerDayPerProject",
        _ => return String::new(),
    };
    let retry = after.map_or_else(String::new, |after| {
        format!(
            r#",{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{}.{:03}s"}}"#,
            after.as_secs(),
            after.subsec_millis()
        )
    });
    format!(
        r#","details":[{{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{{"quotaMetric":"generativelanguage.googleapis.com/generate_requests","quotaId":"{quota}"}}]}}{retry}]"#
    )
}

/// Keeps of a stream what comes before its failure, and the failure.
pub(super) fn spoilt(shape: Shape, mut events: Events, failing: Failing) -> Events {
    match failing.class {
        FaultClass::ErrorIn200 => {
            events.keep_lifecycle();
            in_stream(shape, &mut events);
        }
        FaultClass::Cut if failing.before_content => events.keep_lifecycle(),
        FaultClass::Cut => events.keep_half(),
        _ => {}
    }
    events
}
