//! Translated attempts: a call sent in another dialect than its caller's, and its reply brought
//! back.
//!
//! A [`Translation`] is made with the request of one attempt and belongs to that. Policies never
//! see what leaves here, nor what comes: they stand between the caller and this. The beginning of a
//! reply is judged in the target's dialect, whose errors are its provider's; what commits is
//! translated as it passes.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use dialect::{
    Dialect, Kind, answer, failure, hash,
    request::Translated,
    translate::{self, Answers, Origin, Refused, ReplyContext, Target, Wire, Written},
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use policy::Call;
use route::{Class, Exclusion, ModelFacts, NoRoute};
use tokio::time::timeout;

mod body;
mod notes;

use super::{
    failure::{BegunReply, Failure},
    frames::is_framed,
    generation::Generation,
    head::is_stream,
    ledger::Observed,
};
use crate::{
    config::{Config, Upstream},
    refusal::{Code, Refusal},
    upstream::{Decoded, Inbound},
};
use body::{Inner, Passing, Unfinished};
pub(super) use notes::Notes;

/// The header by which a caller wants to know what was left out, and the one that says it.
pub(super) const DROPPED: HeaderName = HeaderName::from_static("x-outrigger-dropped");

/// Headers of a caller that mean the same to every provider. All others are its own dialect's, or
/// credentials for its own provider.
const CARRIED: [&str; 8] = [
    "content-type",
    "user-agent",
    "x-request-id",
    "traceparent",
    "tracestate",
    "baggage",
    "idempotency-key",
    "accept-language",
];

/// The version of Anthropic's API that translated requests are written for:
/// <https://docs.claude.com/en/api/versioning>.
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("anthropic-version"),
    HeaderValue::from_static("2023-06-01"),
);

/// The translation of one attempt.
#[derive(Debug, Clone)]
pub(super) struct Translation {
    caller: Dialect,
    pub(super) wire: Wire,
    context: ReplyContext,
    answers: Answers,
    pub(super) notes: Arc<Notes>,
}

/// Returns whether a header of the caller's goes to a target of another dialect.
pub(super) fn is_carried(name: &HeaderName) -> bool {
    CARRIED.contains(&name.as_str())
}

/// Adds the headers that a wire format wants besides.
pub(super) fn add_headers(wire: Wire, headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if wire == Wire::Messages {
        let (name, version) = ANTHROPIC_VERSION;
        headers.insert(name, version);
    }
}

/// The provider and account whose reasoning an upstream can read, in the form of one of its APIs.
fn origin(upstream: &Upstream, wire: Wire) -> Origin {
    let name = [&upstream.name, "\n", &*upstream.account, "\n", wire.name()].concat();
    Origin(hash::of(name.as_bytes()) as u32)
}

/// The reason why a call can't be translated for a target; none where it can.
pub(super) fn obstacle(
    call: &Call,
    upstream: &Upstream,
    config: &Config,
    to: (Wire, &str, &ModelFacts),
) -> Option<Arc<str>> {
    if call.body.kind() == Kind::Batch {
        return Some("batches are not translated".into());
    }
    let alias = call.body.model().and_then(|model| config.models.get(model));
    if alias.is_some_and(|alias| !alias.translate) {
        return Some("`translate: off` of this alias forbids it".into());
    }
    let translated = translated(call, upstream, config, to);
    let refused = translated.as_ref().as_ref().err()?;
    Some(refused.to_string().into())
}

/// Longest wait for the rest of a whole reply of which the beginning was held; a larger one is
/// given on as it comes.
const REST_TIME: Duration = Duration::from_secs(1);

/// The header of a count that is an estimate.
const ESTIMATED: HeaderName = HeaderName::from_static("x-outrigger-estimated");

/// The answer to a request that counts tokens, where no target of its alias counts any: our
/// estimate, and marked as one.
pub(super) fn count_by_estimate(generation: &Generation, call: &Call) -> Option<Response<Bytes>> {
    if call.body.kind() != Kind::Count {
        return None;
    }
    let NoRoute::NoneLeft(none) = generation.plan(call).err()? else {
        return None;
    };
    let counts_none = |reason: &Exclusion| {
        matches!(
            reason,
            Exclusion::Untranslatable(_) | Exclusion::OtherFamily(_) | Exclusion::Endpoint(_)
        )
    };
    if !none.excluded.iter().all(|(_, reason)| counts_none(reason)) {
        return None;
    }
    let body = translate::count::of_tokens(call.dialect, call.body.input_tokens())?;
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(ESTIMATED, HeaderValue::from_static("true"));
    Some(response)
}

fn translated(
    call: &Call,
    upstream: &Upstream,
    config: &Config,
    (wire, model, facts): (Wire, &str, &ModelFacts),
) -> Arc<Result<Translated, Refused>> {
    let alias = call.body.model().and_then(|model| config.models.get(model));
    call.body.translated(&Target {
        wire,
        model,
        origin: origin(upstream, wire),
        strict: upstream.strict || alias.is_some_and(|alias| alias.strict),
        takes: &facts.taken(),
        quirks: &upstream.translation_quirks(),
    })
}

impl Translation {
    /// Translates a call for one attempt.
    pub(super) fn of(
        call: &Call,
        upstream: &Upstream,
        generation: &Generation,
        to: (Wire, &str, &ModelFacts),
        id: &str,
    ) -> Result<(Written, Self), Refusal> {
        let translated = translated(call, upstream, &generation.config, to);
        let Translated {
            written,
            dropped,
            answers,
        } = match &*translated {
            Ok(translated) => translated.clone(),
            Err(refused) => return Err(Refusal::new(Code::BadRequest, refused.to_string())),
        };
        let (wire, ..) = to;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let context = ReplyContext {
            id: id.to_owned(),
            model: call.body.model().unwrap_or_default().to_owned(),
            created: now.map_or(0, |since| since.as_secs()),
            stream: call.body.streaming(),
            listed: call.body.listed(),
            prompt_tokens: match call.dialect {
                Dialect::AnthropicMessages if call.body.streaming() => call.body.input_tokens(),
                _ => 0,
            },
            origin: origin(upstream, wire),
        };
        let wants_header = call.headers().contains_key(DROPPED);
        let notes = Arc::new(Notes::new(wire, dropped, wants_header));
        let caller = call.dialect;
        let translation = Self {
            caller,
            wire,
            context,
            answers,
            notes,
        };
        Ok((written, translation))
    }

    /// The dialect in which the target's replies are judged; none where no dialect reads them, and
    /// they are judged in the caller's once they are translated.
    pub(super) fn spoken(&self) -> Option<Dialect> {
        self.wire.dialect()
    }

    /// Reports whether the caller has to be spared a chunk with the usage that it did not ask for.
    pub(super) fn adds_usage(&self, call: &Call) -> bool {
        self.context.stream && call.body.for_target().ask_for_usage()
    }

    /// Brings a success into the caller's dialect.
    fn reply(&self, reply: Response<Inbound>) -> Response<Inbound> {
        let streams = is_stream(reply.headers()) || is_framed(&reply);
        let context = self.context.clone();
        let inner = match &self.answers {
            Answers::Text => {
                translate::Reply::new(self.caller, self.wire, streams, context).map(Inner::Events)
            }
            answers @ (Answers::Count | Answers::Embeddings(_)) => Some(Inner::Document {
                answers: answers.clone(),
                caller: self.caller,
                doc: Vec::new(),
            }),
        };
        let Some(inner) = inner else {
            return reply; // there is none for a caller that nobody translates for
        };
        let body = |body| Passing {
            body,
            reply: inner,
            notes: Arc::clone(&self.notes),
            streams: self.context.stream,
            is_over: false,
        };
        let mut reply = reply.map(|inbound| Inbound::Decoded(Decoded(Box::pin(body(inbound)))));
        let headers = reply.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        let kind = match self.context.stream && !self.context.listed {
            true => "text/event-stream",
            false => "application/json",
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        reply
    }

    /// Undoes what hides the target's words from whoever judges them; nothing of most.
    pub(super) fn unwrapped(&self, reply: Response<Inbound>) -> Response<Inbound> {
        match self.spoken() {
            Some(_) => reply,
            // No dialect reads it: it is judged in the caller's words.
            None => self.reply(reply),
        }
    }

    /// Brings what became of an attempt into the caller's dialect.
    pub(super) async fn judged(
        &self,
        judged: Result<Response<Inbound>, Failure>,
    ) -> Result<Response<Inbound>, Failure> {
        match judged {
            Ok(reply) if reply.status().is_success() => {
                let streams = is_stream(reply.headers());
                let reply = match self.spoken() {
                    Some(_) => self.reply(super::decode::decoded(reply)),
                    None => reply, // it was, before it was judged
                };
                match streams {
                    true => Ok(reply),
                    false => self.whole(reply).await,
                }
            }
            Ok(reply) => Ok(reply),
            Err(failure) => Err(self.failure(failure).await),
        }
    }

    /// Reads a whole reply before it is the app's, so that one that can't be translated is a failure
    /// of the attempt, and another may follow.
    async fn whole(&self, reply: Response<Inbound>) -> Result<Response<Inbound>, Failure> {
        let (head, mut body) = reply.into_parts();
        let read = timeout(REST_TIME, body.frame()).await;
        let cause = match read {
            Err(_) => return Ok(Response::from_parts(head, body)),
            Ok(Some(Ok(frame))) => {
                let body = body.with_beginning(VecDeque::from([frame]));
                return Ok(Response::from_parts(head, body));
            }
            Ok(Some(Err(error))) => error,
            Ok(None) => Unfinished.into(),
        };
        let message = "the upstream's reply can't be read";
        let refusal = Refusal::new(Code::UpstreamFailed, message).caused_by(cause);
        Err(Failure {
            status: head.status.as_u16(),
            begun: Some(BegunReply::broken(Observed::of_error(
                false,
                self.notes.usage(),
            ))),
            ..Failure::refused(Class::MaybeDone, refusal)
        })
    }

    /// Brings an error answer into the caller's dialect: its status and message stay, its body does
    /// not.
    async fn failure(&self, failure: Failure) -> Failure {
        let Failure {
            reply: Ok(reply), ..
        } = failure
        else {
            return failure;
        };
        let (mut head, body) = reply.into_parts();
        let (text, _, _) = super::failure::read_ahead(body, None).await;
        let facts = failure::read(&text).unwrap_or_default();
        let status = match (head.status.as_u16(), facts.status) {
            (200..300, Some(status)) if status >= 400 => status,
            (200..300, _) => 502,
            (529, _) if self.caller != Dialect::AnthropicMessages => 503,
            (status, _) => status,
        };
        head.status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let code = facts.code.as_deref().or(facts.kind.as_deref());
        let message = match facts.message.is_empty() {
            true => "the provider answered with an error that says nothing",
            false => &facts.message,
        };
        let error = answer::error_body(self.caller, status, code.unwrap_or("api_error"), message);
        head.headers.remove(header::CONTENT_LENGTH);
        head.headers.remove(header::CONTENT_ENCODING);
        head.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let body = Inbound::Kept([Bytes::from(error)].into());
        Failure {
            reply: Ok(Response::from_parts(head, body)),
            ..failure
        }
    }
}
