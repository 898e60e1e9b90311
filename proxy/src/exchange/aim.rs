//! Between the chain and the wire: the call that policies work on, and the request that leaves for an upstream.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request::Parts, uri::PathAndQuery};
use tokio::time::Instant;

use super::{REQUEST_ID, settle::Watch};
use crate::{
    config::{Config, Upstream},
    dialect::{answer, request::Body as Asked},
    policy::{Call, Run},
    refusal::{Code, Refusal},
    route,
    upstream::{Payload, credentials},
};

/// What is to be sent, and where.
pub(super) struct Outgoing<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) request: Request<Payload>,
}

/// Where it goes, and as what.
pub(super) fn aim<'a>(
    call: Box<Call>,
    config: &'a Config,
    watch: &mut Watch,
) -> Result<Outgoing<'a>, Refusal> {
    let begun = Instant::now();
    let outgoing = outgoing(*call, None, config, watch);
    watch.record.overhead += begun.elapsed();
    outgoing
}

pub(super) fn outgoing<'a>(
    mut call: Call,
    payload: Option<Payload>,
    config: &'a Config,
    watch: &mut Watch,
) -> Result<Outgoing<'a>, Refusal> {
    let family = route::family(call.dialect, call.headers());
    let route::Choice { upstream, model } =
        route::choose(config, family, call.dialect, call.body.model())
            .map_err(|none| Refusal::new(Code::NoUpstream, none.to_string()))?;
    if let Some(model) = model {
        call.body.set_model(&model);
    }
    watch.record.target = format!(
        "{}/{}",
        upstream.name,
        call.body.model().unwrap_or_default()
    );
    if watch.run.as_ref().is_some_and(Run::rewrites) {
        // Policies read text, not gzip: what the app would take is not asked for.
        call.set_header(
            header::ACCEPT_ENCODING,
            Some(HeaderValue::from_static("identity")),
        );
    }
    let path = upstream.path(&call.path);
    let unsendable =
        |error: &dyn std::fmt::Display| Refusal::new(Code::BadRequest, error.to_string());
    let path = PathAndQuery::try_from(path).map_err(|error| unsendable(&error))?;
    let id = HeaderValue::try_from(call.id.as_str());
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = call.method.clone();
    let (headers, body, _tags) = call.into_parts();
    head.headers = headers;
    let mut head =
        credentials::outgoing(upstream, head, path).map_err(|error| unsendable(&error))?;
    if let Ok(id) = id {
        head.headers.entry(REQUEST_ID).or_insert(id);
    }
    let payload = payload.unwrap_or_else(|| Payload::Whole(body.render()));
    let request = Request::from_parts(head, payload);
    Ok(Outgoing { upstream, request })
}

pub(super) fn call(parts: Parts, body: Asked, watch: &Watch) -> Box<Call> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Box::new(Call::new(
        watch.record.id.clone(),
        watch.record.dialect,
        parts.method,
        path.to_owned(),
        parts.headers,
        body,
    ))
}

/// A policy's own reply in the caller's dialect.
pub(super) fn replied(text: &str, watch: &Watch) -> Response<Bytes> {
    let model = watch.record.model.as_deref().unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let created = now.map_or(0, |since| since.as_secs());
    let (kind, body) = if watch.record.streaming {
        let events =
            answer::reply_events(watch.record.dialect, model, &watch.record.id, text, created);
        ("text/event-stream", events)
    } else {
        let body = answer::reply_body(watch.record.dialect, model, &watch.record.id, text, created);
        ("application/json", body)
    };
    let mut response = Response::new(Bytes::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
