//! The embedded model: an upstream inside the binary that repeats its input.
//!
//! It stands in for a provider where there is none: a first run, a demonstration, a test. It
//! answers with the text of the last message that it was sent (the user's, or a tool's result),
//! verbatim, so that one can *see* what a policy hid from it. It is no part of the fast path, and
//! reads its requests into trees as nothing else in an exchange does; the shapes it writes are
//! those of the real APIs, checked with their SDKs.
//!
//! It does more than echo in these cases:
//!
//! - **Tool calls**, when `tools` are offered and either `tool_choice` forces one or the last user
//!   message says `call NAME`. Required string arguments are filled with the text; without any the
//!   arguments are `{"text": …}`. `call NAME {"city": "Rome"}` gives them itself.
//! - **Structured output**, where a schema is given (`response_format`, `text.format`,
//!   `output_config.format`, `responseSchema`): an instance that fits it, its strings the text; any
//!   object where only JSON is requested.
//! - **Reasoning**, when requested (`reasoning_effort`, `reasoning`, `thinking`): `I was told: `
//!   and the text.
//! - **Several choices** (`n`, 16 at most), **usage** (an estimate: four bytes are a token, an
//!   image is 85), streamed or whole.
//! - **Pace**, by a query behind the model's name, `anything?chunk=3&events=100&delay_ms=5`:
//!   `chunk` characters in a piece (default 12); `events` pieces exactly, for which the text is
//!   repeated or cut; `delay_ms` before each event of the stream; `first_ms` before the answer's
//!   head; `status` answers with that error instead. `max_tokens` is not honoured: the echo stays
//!   whole. Of `gemini.generate` and Converse, whose model stands in the path, the query is written
//!   percent-encoded.
//! - **Embeddings** in which texts that share words lie close together, and an order of documents
//!   by them; **moderations** in which a text is of the categories that it names.
//! - **Pictures** of one grey pixel and **speech** of silence; a transcription says the size of what
//!   it could not hear.
//! - **Failures** of a share of the calls, where the caller has [`Faults`] for it: refusals, broken
//!   streams and silence in the forms of the real providers.

mod audio;
mod body;
mod chat;
mod completions;
mod conversation;
mod converse;
mod embeddings;
mod endpoint;
mod faults;
mod gemini;
mod images;
mod instance;
mod interactions;
mod messages;
mod moderations;
mod request;
mod rerank;
mod responses;
mod tools;

use std::{
    error::Error,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use dialect::answer as own;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;

pub use body::Body;
pub use faults::{Broken, FaultClass, Faults};

use self::{
    body::Events,
    endpoint::{Content, ENDPOINTS, Endpoint, Provider, Shape},
    faults::Failing,
    request::{Invalid, Request},
};

/// The largest request, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// Answers as a provider would. What it can't read is answered with the dialect's own error; with
/// `faults` a share of what it can read fails as they say.
pub async fn answer<B>(request: http::Request<B>, faults: Option<&Faults>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let whole_path = head.uri.path_and_query().map_or(path, |path| path.as_str());
    let google = path.starts_with("/v1beta") || head.headers.contains_key("x-goog-api-client");
    let anthropic = head.headers.contains_key("anthropic-version");
    let Some(endpoint) = Endpoint::at(path) else {
        if path.ends_with("/models") || path.contains("/models/") {
            return models(path, anthropic, google);
        }
        let shape = match (anthropic, google) {
            (true, _) => Shape::Messages,
            (_, true) => Shape::Gemini,
            _ => Shape::Chat,
        };
        let ends: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.end).collect();
        let why = format!(
            "the embedded model has no such endpoint; it has {} and /models",
            ends.join(", ")
        );
        return refuse(shape, StatusCode::NOT_FOUND, &why);
    };
    let shape = endpoint.shape;
    if head.method != Method::POST {
        let why = "this endpoint takes POST";
        return refuse(shape, StatusCode::METHOD_NOT_ALLOWED, why);
    }
    let body = pin!(body);
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        let why = "the request's body broke off or is too large";
        return refuse(shape, StatusCode::BAD_REQUEST, why);
    };
    let body = body.to_bytes();
    let request = match request::read(shape, &body, whole_path) {
        Ok(request) => request,
        Err(Invalid(why)) => return refuse(shape, StatusCode::BAD_REQUEST, &why),
    };
    let failing = match faults.and_then(|faults| faults.of_next_call().zip(Some(faults))) {
        None => None,
        Some((failing, faults)) => {
            faults.wait(failing.class).await;
            match failing.class {
                FaultClass::Silent => None,
                FaultClass::Cut => Some(failing),
                FaultClass::ErrorIn200 if endpoint.streams(&request) => Some(failing),
                class => return faults::refused(shape, class, faults),
            }
        }
    };
    if request.pace.first > Duration::ZERO {
        tokio::time::sleep(request.pace.first).await;
    }
    if let Some(status) = request.pace.status {
        let why = "the request asked the embedded model for this error";
        return refuse(shape, status, why);
    }
    let reply = match endpoint.content(&request) {
        Content::Whole(whole) => json(StatusCode::OK, whole),
        Content::Stream(events) => {
            let events = match failing {
                Some(failing) => faults::spoilt(shape, events, failing),
                None => events,
            };
            self::events(events, &request)
        }
    };
    broken_off(reply, failing)
}

/// The reply, broken off where that is its failure.
fn broken_off(reply: Response<Body>, failing: Option<Failing>) -> Response<Body> {
    match failing {
        Some(failing) if failing.class == FaultClass::Cut => reply.map(Body::broken_off),
        _ => reply,
    }
}

/// The one model there is, in the shape of whoever asks; any name is that model.
fn models(path: &str, anthropic: bool, google: bool) -> Response<Body> {
    let named = path.rsplit_once("/models/").map(|(_, name)| name);
    let one = |name: &str| {
        if google {
            return gemini::model(name);
        }
        let name = quote(name);
        if anthropic {
            format!(
                r#"{{"type":"model","id":{name},"display_name":{name},"created_at":"2026-01-01T00:00:00Z","lifecycle":"active"}}"#
            )
        } else {
            format!(
                r#"{{"id":{name},"object":"model","created":1767225600,"owned_by":"outrigger"}}"#
            )
        }
    };
    let body = match (named, anthropic) {
        (Some(name), _) => one(name),
        (None, _) if google => format!(r#"{{"models":[{}]}}"#, one("embedded")),
        (None, false) => format!(r#"{{"object":"list","data":[{}]}}"#, one("embedded")),
        (None, true) => format!(
            r#"{{"data":[{}],"has_more":false,"first_id":"embedded","last_id":"embedded"}}"#,
            one("embedded")
        ),
    };
    json(StatusCode::OK, body)
}

/// The dialect's own error.
fn refuse(shape: Shape, status: StatusCode, why: &str) -> Response<Body> {
    let (code, quoted) = (status.as_u16(), quote(why));
    let body = match shape.provider() {
        Provider::Google => {
            let body = own::error_body(shape.google(), code, "EMBEDDED", why);
            String::from_utf8(body).unwrap_or_default()
        }
        Provider::Anthropic => {
            let kind = match code {
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                529 => "overloaded_error",
                500.. => "api_error",
                _ => "invalid_request_error",
            };
            format!(
                r#"{{"type":"error","error":{{"type":"{kind}","message":{quoted}}},"request_id":"{}"}}"#,
                id("req_")
            )
        }
        Provider::Amazon => {
            let kind = match code {
                403 => "AccessDeniedException",
                404 => "ResourceNotFoundException",
                408 => "ModelTimeoutException",
                424 => "ModelErrorException",
                429 => "ThrottlingException",
                503 => "ServiceUnavailableException",
                500.. => "InternalServerException",
                _ => "ValidationException",
            };
            return amazon(status, kind, format!(r#"{{"message":{quoted}}}"#));
        }
        Provider::Openai => {
            let kind = match code {
                429 => "rate_limit_error",
                500.. => "server_error",
                _ => "invalid_request_error",
            };
            format!(
                r#"{{"error":{{"message":{quoted},"type":"{kind}","param":null,"code":null}}}}"#
            )
        }
    };
    json(status, body)
}

/// An error whose kind stands in a header.
fn amazon(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut reply = json(status, body);
    let headers = reply.headers_mut();
    headers.insert("x-amzn-errortype", HeaderValue::from_static(kind));
    reply
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::from(body)));
    *response.status_mut() = status;
    dressed(response, HeaderValue::from_static("application/json"))
}

fn events(events: Events, request: &Request) -> Response<Body> {
    let media = HeaderValue::from_static(events.media);
    let mut response = dressed(
        Response::new(Body::events(events, request.pace.delay)),
        media,
    );
    let cache = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

/// `request-id` is the name that one family's SDK reads; `x-request-id`, the other's, is the
/// exchange's own to give.
fn dressed(mut response: Response<Body>, content_type: HeaderValue) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::try_from(id("req_")) {
        headers.insert("request-id", id);
    }
    response
}

/// An id that this process gives out once.
fn id(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!(
        "{prefix}embedded{:016x}",
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Unix time, in seconds.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// `text` as a JSON string.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
