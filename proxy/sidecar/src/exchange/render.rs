//! Between the chain and the wire: the call that policies work on, and the requests that leave for
//! upstreams.
//!
//! An [`Outgoing`] is what policies left. It is rendered for one attempt at a time, as often as one
//! is made, and is not changed by that: model, path, credentials and the usage option are the
//! target's.

use std::sync::Arc;

use bytes::Bytes;
use dialect::{Dialect, answer, request::Body as RequestBody, translate::Wire};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header, request::Parts,
    uri::PathAndQuery,
};
use policy::{ByHost, Call, Estimates, Run};
use route::{NoRoute, Plan};
use tokio::time::Instant;

use super::{
    REQUEST_ID,
    attempt::Attempt,
    generation::{Generation, now},
    ledger::Charge,
    settle::ExchangeGuard,
    translation::{self, Notes, Translation},
    usage_option::Standing,
};
use crate::{
    config::{Endpoint, Upstream},
    cost::{Estimate, tags},
    refusal::{Code, Refusal},
    telemetry::trace::AttemptSpan,
    upstream::{
        Payload,
        credentials::{self, Unsendable},
    },
};

/// A call that leaves.
pub(super) struct Outgoing {
    pub(super) call: Box<Call>,
    /// The body, where it passes as it comes. The first attempt takes it, so that no other can
    /// follow.
    pub(super) stream: Option<Payload>,
    /// The protocol that the connection is to switch to.
    pub(super) upgrade: Option<HeaderValue>,
    /// Others are to have the reply, too.
    pub(super) shares: bool,
    /// An alias names it: its reply is read until it commits.
    pub(super) alias: bool,
    /// Its body was let go of.
    pub(super) is_gone: bool,
}

/// A request as it leaves for one target.
pub(super) struct Rendered {
    pub(super) request: Request<Payload>,
    /// A stream is to report its usage though the app did not want it, and the target is not known
    /// to take that.
    pub(super) probes_usage: bool,
    pub(super) terms: Terms,
    /// Brings the reply into the caller's dialect, where the target speaks another.
    pub(super) translation: Option<Box<Translation>>,
}

/// The part of an exchange that is its attempt's: what its reply is read and settled by.
pub(super) struct Terms {
    /// `upstream/model`.
    pub(super) target: String,
    /// Usage was asked for in the app's place.
    pub(super) strips_usage: bool,
    /// True if what comes encoded is decoded.
    pub(super) decodes: bool,
    /// The notes of its translation.
    pub(super) notes: Option<Arc<Notes>>,
    pub(super) charge: Charge,
    /// Its part of the exchange's trace, where that is sampled.
    pub(super) span: Option<Box<AttemptSpan>>,
}

/// The candidates for a call as policies left it.
pub(super) fn plan<'g>(generation: &'g Generation, call: &Call) -> Result<Plan<'g>, Refusal> {
    let planned = generation.plan(call);
    planned.map_err(|none| Refusal::new(code_of(&none), none.to_string()))
}

/// The code of a refusal because nothing can serve a request.
pub(super) fn code_of(none: &NoRoute) -> Code {
    match none {
        NoRoute::Unclaimed => Code::Misdirected,
        NoRoute::NobodySpeaks(_) | NoRoute::Excluded(..) | NoRoute::NoneLeft(_) => Code::NoUpstream,
    }
}

impl Outgoing {
    /// A call whose whole body is here.
    pub(super) fn whole(call: Box<Call>) -> Self {
        Self {
            call,
            stream: None,
            upgrade: None,
            shares: false,
            alias: false,
            is_gone: false,
        }
    }

    /// A call whose body passes as it comes.
    pub(super) fn streamed(call: Box<Call>, body: Payload) -> Self {
        Self {
            stream: Some(body),
            ..Self::whole(call)
        }
    }

    /// Removes what other models have signed of the reasoning in it. Returns false where there is
    /// nothing of it.
    pub(super) fn strip_signatures(&mut self) -> bool {
        self.call.body.strip_signatures()
    }

    /// Reports whether its body is gone, so that nothing can be sent any more.
    pub(super) const fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Lets go of a body that is not sent again.
    pub(super) fn forget_body(&mut self) {
        self.is_gone = true;
        self.call.body = RequestBody::wire(self.call.dialect, Bytes::new());
        self.call.encoded = None;
    }

    /// Writes the request for one attempt.
    pub(super) fn render(
        &mut self,
        attempt: &Attempt<'_>,
        guard: &ExchangeGuard,
    ) -> Result<Rendered, Refusal> {
        if let Some(wire) = attempt.candidate.wire {
            return self.render_translated(wire, attempt, guard);
        }
        let generation = &*guard.generation;
        let (call, upstream) = (&*self.call, attempt.upstream);
        // No copy where the target changes nothing.
        let mut edited: Option<RequestBody> = None;
        if let Some(model) = &attempt.candidate.model {
            edited
                .get_or_insert_with(|| call.body.for_target())
                .set_model(model);
        }
        let body = edited.as_ref().unwrap_or(&call.body);
        let model = body.model().unwrap_or_default();
        let (target, charge) = charge(call, body.size(), (upstream, model), guard);
        let standing = match asks_for_usage(attempt, guard) {
            true => (guard.shared.usage_option).standing(&target, Instant::now()),
            false => Standing::Refuses,
        };
        let strips_usage = standing != Standing::Refuses
            && (edited.get_or_insert_with(|| call.body.for_target())).ask_for_usage();
        // Whoever reads, counts or keeps needs what is inside. A reply that nobody looks into comes
        // as the app wants it.
        let decodes = self.shares
            || self.alias
            || strips_usage
            || guard.ledger.has_reservations()
            || generation.config.prices.reply_header
            || guard.run.as_ref().is_some_and(Run::rewrites);
        let body = edited.as_ref().unwrap_or(&call.body);
        let encoded = call.encoded.as_ref();
        let of_platform = platforms_own(attempt, body, call.headers());
        let is_written_anew = body.edited() || of_platform.is_some();
        let payload = match (self.stream.take(), of_platform, encoded) {
            (Some(stream), ..) => stream,
            (None, Some(bytes), _) => Payload::Whole(bytes),
            (None, None, Some(encoded)) if !is_written_anew => Payload::Whole(encoded.clone()),
            (None, None, _) => Payload::Whole(body.render()),
        };
        let endpoint = Endpoint {
            dialect: body.dialect(),
            path: &body.path(&call.path),
            model: body.model(),
            is_streaming: body.streaming(),
        };
        let mut head = head(call, &endpoint, attempt, decodes, guard)?;
        if encoded.is_some() && is_written_anew {
            head.headers.remove(header::CONTENT_ENCODING); // what is sent was written anew
        }
        if let Some(protocol) = &self.upgrade {
            let upgrade = HeaderValue::from_static("Upgrade");
            head.headers.insert(header::CONNECTION, upgrade);
            head.headers.insert(header::UPGRADE, protocol.clone());
        }
        let span = guard.begin_attempt(&mut head);
        Ok(Rendered {
            request: Request::from_parts(head, payload),
            probes_usage: strips_usage && standing == Standing::Unknown,
            terms: Terms {
                target,
                strips_usage,
                decodes,
                notes: None,
                charge,
                span,
            },
            translation: None,
        })
    }

    /// The same for a target that speaks another dialect.
    fn render_translated(
        &self,
        wire: Wire,
        attempt: &Attempt<'_>,
        guard: &ExchangeGuard,
    ) -> Result<Rendered, Refusal> {
        let (call, upstream, candidate) = (&*self.call, attempt.upstream, attempt.candidate);
        let model = candidate.model.as_deref().or_else(|| call.body.model());
        let model = model.unwrap_or_default();
        let to = (wire, model, &candidate.facts);
        let id = &guard.record.id;
        let (written, translation) = Translation::of(call, upstream, &guard.generation, to, id)?;
        let (target, charge) = charge(call, written.body.len(), (upstream, model), guard);
        let dialect = wire.dialect().unwrap_or(Dialect::Other);
        let mut body = Bytes::from(written.body);
        if upstream.platform(dialect).is_some() {
            let written = RequestBody::wire(dialect, body.clone());
            body = platforms_own(attempt, &written, &HeaderMap::new()).unwrap_or(body);
        }
        let endpoint = Endpoint {
            dialect,
            path: &written.path,
            model: Some(model),
            is_streaming: call.body.streaming(),
        };
        let mut head = head(call, &endpoint, attempt, true, guard)?;
        translation::add_headers(wire, &mut head.headers);
        head.method = Method::POST;
        let span = guard.begin_attempt(&mut head);
        Ok(Rendered {
            request: Request::from_parts(head, Payload::Whole(body)),
            probes_usage: false,
            terms: Terms {
                target,
                strips_usage: translation.adds_usage(call),
                decodes: true,
                notes: Some(Arc::clone(&translation.notes)),
                charge,
                span,
            },
            translation: Some(Box::new(translation)),
        })
    }
}

/// The body as the platform of an upstream wants it; none of most. One that is malformed is for its
/// provider to refuse.
fn platforms_own(attempt: &Attempt<'_>, body: &RequestBody, headers: &HeaderMap) -> Option<Bytes> {
    let platform = attempt.upstream.platform(body.dialect());
    let platform = platform.filter(|_| !attempt.candidate.dialled)?;
    let betas = headers.get_all("anthropic-beta").iter();
    let betas = betas.filter_map(|value| value.to_str().ok());
    let betas: Vec<_> = betas
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    body.render_for(platform, &betas).ok()
}

/// The request's head for one target: its path, its credentials, and of the app's headers those
/// that are for it.
fn head(
    call: &Call,
    endpoint: &Endpoint<'_>,
    attempt: &Attempt<'_>,
    decodes: bool,
    guard: &ExchangeGuard,
) -> Result<Parts, Refusal> {
    let generation = &*guard.generation;
    let unsendable =
        |error: &dyn std::fmt::Display| Refusal::new(Code::BadRequest, error.to_string());
    // The plan's table is made of these very upstreams.
    let gone = || Refusal::new(Code::NoUpstream, "this upstream is not configured");
    let resolved = generation.upstreams.find(&attempt.candidate.upstream.name);
    let resolved = resolved.ok_or_else(gone)?;
    let path = match attempt.candidate.dialled {
        true => PathAndQuery::try_from(endpoint.path).map_err(|_| Unsendable::Uri),
        false => resolved.path(attempt.upstream, endpoint),
    };
    let path = path.map_err(|error| unsendable(&error))?;
    let is_foreign = attempt.candidate.wire.is_some();
    let is_stripped = |name: &HeaderName| {
        is_foreign && !translation::is_carried(name)
            || tags::is_stripped(&generation.tags, resolved.reads, name)
    };
    let (method, headers) = (&call.method, call.headers());
    let auth = attempt.upstream.auth_for(endpoint.dialect);
    let credential = resolved.credential(attempt.key, auth);
    let outgoing = credential.and_then(|credential| {
        credentials::outgoing(
            attempt.upstream,
            credential,
            method,
            headers,
            is_stripped,
            path,
        )
    });
    let mut head = outgoing.map_err(|error| unsendable(&error))?;
    if decodes {
        let identity = HeaderValue::from_static("identity");
        head.headers.insert(header::ACCEPT_ENCODING, identity);
    }
    if let Some(id) = &guard.id {
        head.headers.entry(REQUEST_ID).or_insert_with(|| id.clone());
    }
    Ok(head)
}

/// An attempt's target, what it is expected to take, and what that costs there.
fn charge(
    call: &Call,
    bytes: usize,
    (upstream, model): (&Upstream, &str),
    guard: &ExchangeGuard,
) -> (String, Charge) {
    let generation = &guard.generation;
    let (expected, price) = match guard.ledger.has_reservations() {
        true => generation.expected(call, &upstream.name, model),
        // No policy wanted an estimate: where no usage comes back, four bytes are a token (20 % off
        // on the average).
        false => {
            let input = bytes as u64 / 4;
            let price = generation.prices.price(&upstream.name, model, now());
            (Estimate { input, output: 0 }, price)
        }
    };
    let charge = Charge {
        expected,
        price,
        ..Charge::default()
    };
    ([&upstream.name, "/", model].concat(), charge)
}

/// Returns whether a stream is to report its usage though the app did not want it. With an empty
/// chain nothing is added: a wire.
fn asks_for_usage(attempt: &Attempt<'_>, guard: &ExchangeGuard) -> bool {
    attempt.asks_for_usage
        && attempt.upstream.usage
        && guard.record.streaming
        && guard.run.is_some()
}

pub(super) fn call(mut parts: Parts, body: RequestBody, guard: &ExchangeGuard) -> Box<Call> {
    let home = parts.extensions.remove::<ByHost>();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let tags = tags::read(&guard.generation.tags, &parts.headers);
    let mut call = Box::new(Call::new(
        guard.record.id.clone(),
        guard.record.dialect,
        parts.method,
        path.to_owned(),
        parts.headers,
        body,
    ));
    if home.is_some() {
        call.requested_model = call.body.model().map(Into::into);
    }
    call.home = home;
    call.connection = guard.connection;
    call.tagged(tags);
    call.identified_by(Arc::clone(&guard.generation.config.caller));
    call.estimated_by(Arc::clone(&guard.generation) as Arc<dyn Estimates>);
    call
}

/// A policy's own reply in the caller's dialect.
pub(super) fn replied(text: &str, guard: &ExchangeGuard) -> Response<Bytes> {
    let model = guard.record.model.as_deref().unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let created = now.map_or(0, |since| since.as_secs());
    let (kind, body) = if guard.record.streaming {
        let events =
            answer::reply_events(guard.record.dialect, model, &guard.record.id, text, created);
        ("text/event-stream", events)
    } else {
        let body = answer::reply_body(guard.record.dialect, model, &guard.record.id, text, created);
        let body = if guard.listed {
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
