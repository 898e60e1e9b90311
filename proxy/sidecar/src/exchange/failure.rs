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
    /// The reply that it had begun.
    pub(super) begun: Option<Box<BegunReply>>,
    /// The app's answer, where nothing follows and no policy puts something in its place: the
    /// upstream's own, or ours.
    pub(super) reply: Result<Response<Inbound>, Refusal>,
}

/// A reply that began, and came to nothing. Boxed where it is: few failures have one.
pub(super) struct BegunReply {
    /// The part of it that was seen.
    seen: Observed,
    /// The word with which a policy rejected it.
    code: Option<String>,
}

impl BegunReply {
    pub(super) fn broken(seen: Observed) -> Box<Self> {
        Box::new(Self { seen, code: None })
    }
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
            begun: None,
            reply: Err(refusal),
        }
    }

    /// A reply that began, and came to nothing.
    fn of_begun(begun: Begun, refusal: Refusal) -> Self {
        Self {
            status: begun.status.as_u16(),
            begun: Some(BegunReply::broken(Observed::of_error(true, begun.usage))),
            ..Self::refused(Class::MaybeDone, refusal)
        }
    }

    /// A reply that a policy rejected with this code, as it came.
    pub(super) fn rejected(code: String, reply: Response<Inbound>, seen: Observed) -> Self {
        Self {
            begun: Some(Box::new(BegunReply {
                seen,
                code: Some(code),
            })),
            ..Self::answered(Meaning::of(Class::Unfit), reply)
        }
    }

    /// The upstream's own answer.
    pub(super) fn answered(meaning: Meaning, reply: Response<Inbound>) -> Self {
        Self {
            status: reply.status().as_u16(),
            meaning,
            repeat: None,
            begun: None,
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

    /// The part that was seen of a reply that it had begun.
    pub(super) fn observed(&self) -> Observed {
        let begun = self.begun.as_ref();
        begun.map_or_else(Observed::default, |begun| begun.seen)
    }

    /// The word with which a policy rejected its reply.
    pub(super) fn rejection(&self) -> Option<&str> {
        self.begun.as_ref()?.code.as_deref()
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
            SendError::Credentials(_) => (
                Class::Credentials,
                Code::CredentialsUnavailable,
                format!(
                    "there are no credentials for the upstream `{upstream}`; its operator's log says why"
                ),
            ),
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
                begun: Some(BegunReply::broken(Observed::of_error(
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
    let (head, body) = reply.into_parts();
    let (text, whole, body) = read_ahead(body, None).await;
    let error = if whole { read(&text) } else { None };
    (Response::from_parts(head, body), error)
}

/// Reads the body of an error, within bounds and no longer than until `deadline`: its text, whether
/// that is all of it, and the body as it was. What can't be read of it is passed on, and where it
/// broke off it breaks off for the app, too.
pub(super) async fn read_ahead(
    mut body: Inbound,
    deadline: Option<Instant>,
) -> (Vec<u8>, bool, Inbound) {
    let mut frames: VecDeque<Frame<bytes::Bytes>> = VecDeque::new();
    let (mut text, mut error) = (Vec::new(), None);
    let until = Instant::now() + ERROR_TIME;
    let until = deadline.map_or(until, |deadline| until.min(deadline));
    let whole = loop {
        if http_body::Body::is_end_stream(&body) {
            break true;
        }
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    text.extend_from_slice(bytes);
                }
                frames.push_back(frame);
            }
            Ok(None) => break true,
            Ok(Some(Err(broken))) => {
                error = Some(broken);
                break false;
            }
            Err(_) => break false,
        }
        if text.len() > LARGEST_ERROR {
            break false;
        }
    };
    (text, whole, body.with_read(frames, error))
}

#[cfg(test)]
mod tests;
