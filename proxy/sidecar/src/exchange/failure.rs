//! Failures of attempts: what each means for the next, and what the app gets where nothing follows.

use dialect::{
    Dialect,
    failure::{ErrorFacts, read},
};
use http::Response;
use http_body::Frame;
use http_body_util::BodyExt;
use route::{Answer, Class, Failure as Meaning, Family, ProviderRules};
use std::{collections::VecDeque, time::Duration};
use tokio::time::{Instant, timeout_at};

use super::{
    generation::now,
    head::is_stream,
    ledger::Observed,
    transmit::{Begun, Sent},
};
use crate::{
    config::Upstream,
    refusal::{Code, Refusal},
    telemetry::Attempted,
    upstream::{Inbound, SendError},
};

/// Most bytes of an error that are read for its meaning.
const LARGEST_ERROR: usize = 64 << 10;
/// Longest wait for the body of an error.
const ERROR_TIME: Duration = Duration::from_secs(5);

/// An attempt that came to nothing, or to an error.
pub(super) struct Failure {
    /// Its class, what that cools, and the wait that the provider wants.
    pub(super) meaning: Meaning,
    /// An attempt at the same target that mends it.
    pub(super) repeat: Option<Repeat>,
    /// Status of the upstream's answer; 0 where none came.
    pub(super) status: u16,
    /// What was seen of a reply that it had begun.
    pub(super) seen: Option<Box<Observed>>,
    /// The app's answer, where nothing follows and no policy puts something in its place: the
    /// upstream's own, or ours.
    pub(super) reply: Result<Response<Inbound>, Refusal>,
}

/// An attempt that mends a failure, at the same target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The same request, over a new connection, in what is left of its time.
    OverNewConnection,
    /// The app's own request, without what was added to it.
    WithoutUsageOption,
}

impl Failure {
    /// A failure that the app gets in our words.
    pub(super) fn refused(class: Class, refusal: Refusal) -> Self {
        Self {
            meaning: Meaning::of(class),
            repeat: None,
            status: 0,
            seen: None,
            reply: Err(refusal),
        }
    }

    /// A reply that began, and came to nothing.
    fn of_begun(begun: Begun, refusal: Refusal) -> Self {
        Self {
            status: begun.status.as_u16(),
            seen: Some(Box::new(Observed::of_error(true, begun.usage))),
            ..Self::refused(Class::MaybeDone, refusal)
        }
    }

    /// The upstream's own answer.
    pub(super) fn answered(meaning: Meaning, reply: Response<Inbound>) -> Self {
        Self {
            status: reply.status().as_u16(),
            meaning,
            repeat: None,
            seen: None,
            reply: Ok(reply),
        }
    }

    /// The same, which an attempt without the usage option mends.
    pub(super) fn of_usage_option(reply: Response<Inbound>) -> Self {
        Self {
            repeat: Some(Repeat::WithoutUsageOption),
            ..Self::answered(Meaning::of(Class::Request), reply)
        }
    }

    /// A request that could not be written for its target.
    pub(super) fn unsendable(refusal: Refusal) -> Self {
        Self::refused(Class::Own, refusal)
    }

    /// Reports whether it is the upstream's, so that policies may put something in its place.
    pub(super) fn is_upstreams(&self) -> bool {
        !matches!(
            self.meaning.class,
            Class::Caller | Class::Own | Class::Request
        )
    }

    /// What was seen of a reply that it had begun.
    pub(super) fn observed(&self) -> Observed {
        self.seen.as_deref().copied().unwrap_or_default()
    }

    /// Reports whether it is that something did not come in time.
    pub(super) fn is_timeout(&self) -> bool {
        matches!(&self.reply, Err(refusal) if refusal.code == Code::UpstreamTimeout)
    }

    /// The app's answer.
    pub(super) fn into_reply(self) -> Result<Response<Inbound>, Refusal> {
        self.reply
    }

    /// Reports whether it is the answer of an upstream that is the app's to read, whoever is to blame
    /// for it: no policy puts anything in its place.
    pub(super) fn is_the_apps(&self) -> bool {
        self.reply.is_ok() && self.status != 429 && self.status < 500
    }

    /// Its line among the exchange's attempts.
    pub(super) fn attempted(&self, took: Duration) -> Attempted {
        Attempted {
            class: self.meaning.class.name(),
            status: self.status,
            took,
            retry_after: self.meaning.retry_after,
        }
    }

    fn of_error(error: SendError, upstream: &str) -> Self {
        let unreachable = || format!("no connection to the upstream `{upstream}`");
        let broken =
            || format!("the upstream `{upstream}` broke the exchange off before it answered");
        let stale = matches!(error, SendError::Stale(_));
        let (class, code, message) = match error {
            SendError::Connect(_) | SendError::ConnectTimeout(_) | SendError::Tls(_) => {
                (Class::Refused, Code::UpstreamConnect, unreachable())
            }
            SendError::Refused(_) => (Class::Refused, Code::UpstreamFailed, broken()),
            SendError::Setup(_) => (Class::Own, Code::UpstreamFailed, broken()),
            SendError::Body(_) => (Class::Caller, Code::UpstreamFailed, broken()),
            SendError::Stale(_) | SendError::Closed(_) | SendError::Protocol(_) => {
                (Class::MaybeDone, Code::UpstreamFailed, broken())
            }
        };
        Self {
            repeat: stale.then_some(Repeat::OverNewConnection),
            ..Self::refused(class, Refusal::new(code, message).caused_by(error))
        }
    }
}

/// Judges what became of a request: a reply that commits, or a failure and its meaning. The body of
/// an error is read, and put back.
pub(super) async fn judge(
    sent: Sent,
    upstream: &Upstream,
    dialect: Dialect,
    reads_errors: bool,
) -> Result<Response<Inbound>, Failure> {
    let name = &upstream.name;
    let silent = |message: String| {
        Failure::refused(
            Class::MaybeDone,
            Refusal::new(Code::UpstreamTimeout, message),
        )
    };
    match sent {
        Sent::Reply(reply) if reply.status().is_success() => Ok(reply),
        Sent::Reply(reply) => {
            let (reply, error) = match reads_errors {
                true => read_error(reply).await,
                false => (reply, None),
            };
            let meaning = classify(upstream, dialect, &reply, error.as_ref());
            match meaning {
                Some(meaning) => Err(Failure::answered(meaning, reply)),
                None => Ok(reply),
            }
        }
        Sent::InBand(error, reply, usage) => {
            let meaning = classify(upstream, dialect, &reply, Some(&*error));
            let meaning = meaning.unwrap_or(Meaning::of(Class::MaybeDone));
            Err(Failure {
                seen: Some(Box::new(Observed::of_error(
                    is_stream(reply.headers()),
                    usage,
                ))),
                ..Failure::answered(meaning, reply)
            })
        }
        Sent::Failed(error) => Err(Failure::of_error(error, name)),
        Sent::Broken(begun, cause) => {
            let message =
                format!("the upstream `{name}` broke off before its reply's first content");
            let refusal = Refusal::new(Code::UpstreamFailed, message).caused_by(cause);
            Err(Failure::of_begun(begun, refusal))
        }
        Sent::Unterminated(begun) => {
            let message =
                format!("the upstream `{name}` ended the stream before its first content");
            let refusal = Refusal::new(Code::UpstreamFailed, message);
            Err(Failure::of_begun(begun, refusal))
        }
        Sent::NoHead => Err(silent(format!(
            "the upstream `{name}` did not answer within its time"
        ))),
        Sent::NoContent(begun) => {
            let message =
                format!("the upstream `{name}` began its reply, and brought no content in time");
            let refusal = Refusal::new(Code::UpstreamTimeout, message);
            Err(Failure::of_begun(begun, refusal))
        }
    }
}

fn classify(
    upstream: &Upstream,
    dialect: Dialect,
    reply: &Response<Inbound>,
    error: Option<&ErrorFacts>,
) -> Option<Meaning> {
    let answer = Answer {
        status: reply.status().as_u16(),
        headers: reply.headers(),
        error,
    };
    route::classify(rules(upstream, dialect), &upstream.failures, &answer, now())
}

/// The rules by which an upstream's answers are classified. What answers in every dialect has each
/// one's errors, unless the operator names a provider.
fn rules(upstream: &Upstream, dialect: Dialect) -> ProviderRules {
    let family = ProviderRules::of_family(Some(upstream.family));
    if upstream.family == Family::Every && upstream.provider == family {
        ProviderRules::of_family(Family::of(dialect))
    } else {
        upstream.provider
    }
}

/// Reads the error in a reply's body, which is put back.
async fn read_error(reply: Response<Inbound>) -> (Response<Inbound>, Option<ErrorFacts>) {
    let (head, mut body) = reply.into_parts();
    let mut frames: VecDeque<Frame<bytes::Bytes>> = VecDeque::new();
    let (mut text, mut whole) = (Vec::new(), false);
    let until = Instant::now() + ERROR_TIME;
    loop {
        if http_body::Body::is_end_stream(&body) {
            whole = true;
            break;
        }
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    text.extend_from_slice(bytes);
                }
                frames.push_back(frame);
            }
            Ok(None) => {
                whole = true;
                break;
            }
            // What there is of it is passed on, and breaks off there.
            Ok(Some(Err(_))) | Err(_) => break,
        }
        if text.len() > LARGEST_ERROR {
            break;
        }
    }
    let error = if whole { read(&text) } else { None };
    let body = body.with_beginning(frames);
    (Response::from_parts(head, body), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Kind;

    fn error() -> crate::upstream::BoxError {
        "why".into()
    }

    #[test]
    fn only_what_nobody_read_is_sent_again_to_the_same_target() {
        for (error, class, repeat) in [
            (
                SendError::Stale(error()),
                Class::MaybeDone,
                Some(Repeat::OverNewConnection),
            ),
            (SendError::Connect(error()), Class::Refused, None),
            (SendError::Refused(error()), Class::Refused, None),
            (SendError::Closed(error()), Class::MaybeDone, None),
            (SendError::Protocol(error()), Class::MaybeDone, None),
            (SendError::Body(error()), Class::Caller, None),
        ] {
            let failure = Failure::of_error(error, "u");
            assert_eq!((failure.meaning.class, failure.repeat), (class, repeat));
        }
    }

    #[test]
    fn what_answers_in_every_dialect_is_classified_by_the_calls() {
        let classified = |upstream: &Upstream, dialect, status, error: &str| {
            let mut reply = Response::new(Inbound::Kept(VecDeque::new()));
            *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
            let error = read(error.as_bytes());
            classify(upstream, dialect, &reply, error.as_ref()).map(|meaning| meaning.class)
        };
        let embedded = Upstream::of("demo", Family::Every, Kind::Embedded);
        let named = Upstream {
            provider: ProviderRules::Groq,
            ..embedded.clone()
        };
        for (dialect, status, error, class) in [
            (
                Dialect::AnthropicMessages,
                200,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Class::Overload,
            ),
            (
                Dialect::GeminiGenerate,
                400,
                r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"User location is not supported for the API use."}}"#,
                Class::Key,
            ),
            (
                Dialect::OpenaiChat,
                429,
                r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"You exceeded your current quota"}}"#,
                Class::Money,
            ),
        ] {
            assert_eq!(
                classified(&embedded, dialect, status, error),
                Some(class),
                "{dialect:?}"
            );
            let openai = Upstream {
                family: Family::Openai,
                ..embedded.clone()
            };
            let by_openai = classified(&openai, dialect, status, error);
            assert_eq!(by_openai == Some(class), dialect == Dialect::OpenaiChat);
        }
        assert_eq!(
            classified(&named, Dialect::AnthropicMessages, 498, "{}"),
            Some(Class::Rate),
            "the provider that is named"
        );
    }

    #[test]
    fn a_wires_answers_are_the_apps_but_for_too_many_requests_and_server_errors() {
        let failure = |status| {
            let mut reply = Response::new(Inbound::Kept(VecDeque::new()));
            *reply.status_mut() = status;
            Failure::answered(Meaning::of(Class::Key), reply)
        };
        for status in [400, 401, 404, 499] {
            let status = http::StatusCode::from_u16(status).unwrap_or_default();
            assert!(failure(status).is_the_apps(), "{status}");
        }
        for status in [429, 500, 503, 529, 599] {
            let status = http::StatusCode::from_u16(status).unwrap_or_default();
            assert!(!failure(status).is_the_apps(), "{status}");
        }
    }
}
