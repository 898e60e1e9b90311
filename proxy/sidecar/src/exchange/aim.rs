//! Between the chain and the wire: the call that policies work on, and the request that leaves for an upstream.

use std::sync::Arc;

use bytes::Bytes;
use dialect::{
    answer,
    request::{Body as Asked, Mark},
};
use http::{HeaderValue, Request, Response, header, request::Parts, uri::PathAndQuery};
use tokio::time::Instant;

use super::{
    REQUEST_ID,
    generation::{Generation, home, now},
    settle::Watch,
    usage_option::Standing,
};
use crate::{
    config::{ByHost, Upstream},
    cost::tags,
    policy::{Call, ConnectionId, Estimates, Run},
    refusal::{Code, Refusal},
    route,
    upstream::{Payload, credentials},
};

/// What is to be sent, and where.
pub(super) struct Outgoing<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) request: Request<Payload>,
    /// The same without what was added for the stream's usage, where the upstream is not known to take that.
    pub(super) plain: Option<Box<Request<Payload>>>,
}

/// Where it goes, and as what.
pub(super) fn aim<'a>(
    call: Box<Call>,
    generation: &'a Generation,
    shares: bool,
    watch: &mut Watch,
) -> Result<Outgoing<'a>, Refusal> {
    let begun = Instant::now();
    let outgoing = outgoing(*call, None, generation, shares, watch);
    watch.record.overhead += begun.elapsed();
    outgoing
}

pub(super) fn outgoing<'a>(
    mut call: Call,
    payload: Option<Payload>,
    generation: &'a Generation,
    shares: bool,
    watch: &mut Watch,
) -> Result<Outgoing<'a>, Refusal> {
    let config = &generation.config;
    let family = route::family(call.dialect, call.headers());
    let home = home(&call);
    let route::Choice {
        upstream,
        model,
        dialled,
    } = route::choose(config, family, call.dialect, call.body.model(), home).map_err(|none| {
        let code = match none {
            route::NoRoute::Unclaimed => Code::Misdirected,
            _ => Code::NoUpstream,
        };
        Refusal::new(code, none.to_string())
    })?;
    if let Some(model) = model {
        call.body.set_model(&model);
    }
    watch.record.target = [&upstream.name, "/", call.body.model().unwrap_or_default()].concat();
    let unasked = account(&mut call, upstream, generation, watch);
    // Whoever reads, counts or keeps needs what is inside. A reply that nobody looks into comes as the app wants it.
    watch.decodes = shares
        || watch.strips_usage
        || watch.bill.has_reservations()
        || config.prices.reply_header
        || watch.run.as_ref().is_some_and(Run::rewrites);
    if watch.decodes {
        call.set_header(
            header::ACCEPT_ENCODING,
            Some(HeaderValue::from_static("identity")),
        );
    }
    let path = call.body.path(&call.path);
    let path = match dialled {
        true => path.into_owned(),
        false => upstream.path(&path),
    };
    let unsendable =
        |error: &dyn std::fmt::Display| Refusal::new(Code::BadRequest, error.to_string());
    let path = PathAndQuery::try_from(path).map_err(|error| unsendable(&error))?;
    let id = HeaderValue::try_from(call.id.as_str());
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = call.method.clone();
    let came = call.encoded.take();
    let (headers, mut body) = call.into_parts();
    head.headers = headers;
    let encoded = match body.edited() {
        true if came.is_some() => {
            head.headers.remove(header::CONTENT_ENCODING); // what is sent was written anew
            None
        }
        _ => came,
    };
    let mut head =
        credentials::outgoing(upstream, head, path).map_err(|error| unsendable(&error))?;
    if let Ok(id) = id {
        head.headers.entry(REQUEST_ID).or_insert(id);
    }
    let payload =
        payload.unwrap_or_else(|| Payload::Whole(encoded.unwrap_or_else(|| body.render())));
    let plain = unasked.map(|mark| {
        body.roll_back(mark);
        let payload = Payload::Whole(body.render());
        Box::new(Request::from_parts(head.clone(), payload))
    });
    let request = Request::from_parts(head, payload);
    Ok(Outgoing {
        upstream,
        request,
        plain,
    })
}

/// Takes over what the exchange will be settled by: what was reserved, tags, and what this target costs. Returns the body as it was before
/// its stream was asked for usage, where the target may refuse that.
fn account(
    call: &mut Call,
    upstream: &Upstream,
    generation: &Generation,
    watch: &mut Watch,
) -> Option<Mark> {
    watch.linear = 0;
    let reserved = std::mem::take(&mut call.books.reserved);
    watch.bill.kind = call.body.kind();
    watch.bill.background = call.body.background();
    watch.bill.choices = 1;
    if reserved.is_empty() {
        // Nobody asked for an estimate: where no usage comes back, four bytes are a token (facts: 20 % off on the average).
        watch.bill.expected.input = call.body.size() as u64 / 4;
    } else {
        watch.bill.expected = generation.expected(call).0;
        watch.linear = call.body.input_tokens();
        watch.bill.choices = call.body.choices();
    }
    let model = call.body.model().unwrap_or_default();
    watch.bill.price = generation.prices.price(&upstream.name, model, now());
    watch.bill.reserve(reserved);
    watch.record.reserved = watch.bill.units();
    watch.record.tags = call.tags().clone();
    let reads = generation
        .reads
        .iter()
        .find(|(name, _)| *name == upstream.name);
    let reads = reads.map(|(_, reads)| *reads).unwrap_or_default();
    for name in tags::stripped(&generation.tags, call.headers(), reads) {
        call.set_header(name, None);
    }
    // With an empty chain nothing is added: a wire.
    watch.strips_usage = false;
    if !upstream.usage || !watch.record.streaming || watch.run.is_none() {
        return None;
    }
    let known = &watch.shared.usage_option;
    let standing = known.standing(&watch.record.target, Instant::now());
    if standing == Standing::Refuses {
        return None;
    }
    let mark = call.body.mark();
    watch.strips_usage = call.body.ask_for_usage();
    (watch.strips_usage && standing == Standing::Unknown).then_some(mark)
}

pub(super) fn call(mut parts: Parts, body: Asked, watch: &Watch) -> Box<Call> {
    let home = parts.extensions.remove::<ByHost>();
    let connection = parts.extensions.remove::<ConnectionId>();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let tags = tags::read(&watch.generation.tags, &parts.headers);
    let mut call = Box::new(Call::new(
        watch.record.id.clone(),
        watch.record.dialect,
        parts.method,
        path.to_owned(),
        parts.headers,
        body,
    ));
    if home.is_some() {
        call.asked = call.body.model().map(Into::into);
    }
    call.home = home;
    call.connection = connection;
    call.tagged(tags);
    call.identified_by(Arc::clone(&watch.generation.config.caller));
    call.estimated_by(Arc::clone(&watch.generation) as Arc<dyn Estimates>);
    call
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
        let body = if watch.listed {
            answer::listed(&body)
        } else {
            body
        };
        ("application/json", body)
    };
    let mut response = Response::new(Bytes::from(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
