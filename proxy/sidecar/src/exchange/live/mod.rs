//! A reply on its way to the app: whole, relayed as it comes, or rewritten event by event.
//!
//! What the app does not take is not read from the upstream: each body here asks for the next piece only when it is polled for one, so a slow app
//! slows the provider and a stream holds what one read brought. A stream never ends cleanly where its upstream did not (two official SDKs
//! take a cut stream for a whole one): it gets the dialect's in-band error event first, and then its framing is broken.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

mod body;
mod clock;
mod flow;
mod rewrite;

use body::ReplyBody;
pub(super) use clock::timeouts;
use dialect::reply::{Reply as Decoder, ReplyLimits};
use policy::{ReplyHead, chain::Stop};

use super::{
    REQUEST_ID, Reply,
    decode::decoder,
    encoding::Codings,
    is_stream,
    observed::{Observed, Reading},
    refusals::{failed, log_refusal, unreadable_reply},
    settle::ExchangeGuard,
    socket,
};
use crate::{
    config::Limits,
    refusal::{Code, Refusal},
    upstream::credentials,
};

/// The body of what the app is answered.
pub struct Answer(Kind);

enum Kind {
    Whole(Box<Whole>),
    Reply(ReplyBody),
}

/// An answer of our own, or a whole reply that policies have seen. It is settled once it is written.
struct Whole {
    body: Option<Bytes>,
    /// None for what was turned away, which is not settled, and for a socket, which settles itself.
    _guard: Option<ExchangeGuard>,
}

/// The reply was broken off; the app was sent an in-band error where that was possible.
#[derive(Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reply was broken off")
    }
}

impl Error for Broken {}

/// A reason for which a stream ends before its end.
enum Cut {
    Upstream(Box<dyn Error + Send + Sync>),
    Unterminated,
    Silent,
    NoContent,
    Draining,
    Refusal(Refusal),
}

impl Cut {
    fn refusal(self) -> Refusal {
        match self {
            Self::Upstream(cause) => {
                Refusal::new(Code::UpstreamFailed, "the upstream broke off in mid-stream")
                    .caused_by(cause)
            }
            Self::Unterminated => Refusal::new(
                Code::UpstreamFailed,
                "the upstream ended the stream before its end",
            ),
            Self::Silent => Refusal::new(
                Code::UpstreamTimeout,
                "the upstream fell silent in mid-stream",
            ),
            Self::NoContent => Refusal::new(
                Code::UpstreamTimeout,
                "the upstream's stream brought no content in time",
            ),
            Self::Draining => Refusal::new(
                Code::Draining,
                "this sidecar shut down before the stream's end",
            ),
            Self::Refusal(refusal) => refusal,
        }
    }
}

/// Dresses a reply for the app.
pub(super) fn answer(reply: Reply, mut guard: ExchangeGuard) -> Response<Answer> {
    let id = HeaderValue::try_from(guard.record.id.as_str());
    let added = std::mem::take(&mut guard.reply_headers);
    let mut response = match reply {
        Reply::Whole(response) => {
            guard.record.reply_bytes = response.body().len() as u64;
            guard.record.status = response.status().as_u16();
            guard.record.client_gone = false;
            response.map(|body| {
                Answer(Kind::Whole(Box::new(Whole {
                    body: Some(body),
                    _guard: Some(guard),
                })))
            })
        }
        Reply::Relay(response) => {
            guard.record.status = response.status().as_u16();
            let stream = is_stream(response.headers());
            guard.record.streaming = stream;
            // Nobody can count the tokens of what nobody can decode; it passes as it is.
            let codings = Codings::of(response.headers());
            let readable = codings.is_ok() && response.status().is_success();
            let coding = decoder(response.headers()).filter(|_| readable);
            response.map(|upstream| {
                let body = ReplyBody::relayed(upstream, guard, stream, readable, coding);
                Answer(Kind::Reply(body))
            })
        }
        Reply::Switched(response) => return socket::switched(response, guard),
        Reply::Rewrite(response) => {
            guard.record.status = response.status().as_u16();
            guard.record.streaming = true;
            let (mut head, upstream) = response.into_parts();
            head.headers.remove(header::CONTENT_LENGTH);
            let shown = ReplyHead {
                status: head.status.as_u16(),
                headers: head.headers.clone(),
                streaming: true,
                dialect: guard.record.dialect,
            };
            let body = ReplyBody::rewritten(upstream, Arc::new(shown), guard);
            Response::from_parts(head, Answer(Kind::Reply(body)))
        }
    };
    credentials::strip_hop_by_hop(response.headers_mut());
    for (name, value) in added {
        response.headers_mut().insert(name, value);
    }
    if let Ok(id) = id {
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
    response
}

/// A body whose end settles nothing.
pub(super) fn without_settlement(body: Bytes) -> Answer {
    Answer(Kind::Whole(Box::new(Whole {
        body: Some(body),
        _guard: None,
    })))
}

/// Shows a whole reply to the policies, and returns it as they left it.
pub(super) async fn whole(
    body: Bytes,
    head: &Arc<ReplyHead>,
    limits: &Limits,
    guard: &mut ExchangeGuard,
) -> Result<Bytes, Refusal> {
    let begun = Instant::now();
    let places = guard.generation.chain.rewrites();
    let mut decoder = Decoder::whole(guard.record.dialect, places, decoder_limits(limits));
    let read = decoder.push(&body).and_then(|()| decoder.finish());
    if let Err(malformed) = read {
        guard.observed.bytes = body.len() as u64;
        guard.missed("malformed", body.len() as u64);
        return match guard.generation.chain.blocks_unseen_reply() {
            Some(policy) => Err(unreadable_reply(&policy.name, "malformed").caused_by(malformed)),
            None => Ok(body),
        };
    }
    // Known before a policy may refuse it: it was generated all the same.
    guard.observed = Observed {
        reading: match decoder.unreadable() {
            Some(_) => Reading::Unread,
            None => Reading::Whole,
        },
        bytes: body.len() as u64,
        ..guard.observed
    };
    guard.note(&decoder);
    // An error's body is the app's to read, whatever it is.
    let success = (200..300).contains(&head.status);
    if let (Some(reason), Some(policy)) = (
        decoder.unreadable().filter(|_| success),
        guard.generation.chain.blocks_unseen_reply(),
    ) {
        let refusal = unreadable_reply(&policy.name, reason);
        guard.missed_of(&decoder);
        return Err(refusal);
    }
    let chain = &guard.generation.chain;
    if let Some((policy, kind)) = chain.blocks_in_reply(decoder.unseen()).filter(|_| success) {
        let refusal = unreadable_reply(&policy.name, kind);
        guard.missed_of(&decoder);
        return Err(refusal);
    }
    if !decoder.ended() && success {
        guard.missed_of(&decoder);
        return Err(Cut::Unterminated.refusal());
    }
    let deltas = decoder.deltas();
    let Some(run) = guard.run.as_mut().filter(|_| !deltas.is_empty()) else {
        guard.missed_of(&decoder);
        return Ok(body);
    };
    let edits = run.on_reply(head, deltas).await.map_err(stopped)?;
    let body = if edits.is_empty() {
        body
    } else {
        decoder.write(&edits).map_err(|malformed| {
            Refusal::new(
                Code::PolicyFailed,
                "a policy's text does not fit its place in the reply",
            )
            .caused_by(malformed)
        })?
    };
    guard.missed_of(&decoder);
    guard.record.overhead += begun.elapsed();
    Ok(body)
}

fn decoder_limits(limits: &Limits) -> ReplyLimits {
    ReplyLimits {
        event: limits.event,
        body: limits.reply_body,
    }
}

fn stopped(stop: Stop) -> Refusal {
    match stop {
        Stop::Refused(_, _, denial) => Refusal::denied(denial),
        Stop::Failed(policy, fault) => failed(&policy.name, fault),
        // Replies are not replaced by replies: the contract has no such return.
        Stop::Replied(..) | Stop::Served(..) => {
            Refusal::new(Code::PolicyFailed, "a policy replaced a reply by another")
        }
    }
}

impl ExchangeGuard {
    /// Takes over what a decoder learnt.
    fn note(&mut self, decoder: &Decoder) {
        self.observed.usage = decoder.usage().or(self.observed.usage);
        self.observed.output = decoder.output_estimate();
        self.record.finish = decoder
            .finish_reason()
            .map(str::to_owned)
            .or(self.record.finish.take());
    }

    /// Takes over what no policy could be shown.
    fn missed_of(&mut self, decoder: &Decoder) {
        for (what, bytes) in decoder.unseen() {
            self.missed(what, *bytes);
        }
    }

    /// Notes what no policy can be shown of the reply.
    pub(super) fn missed(&mut self, what: &'static str, bytes: u64) {
        if let Some(run) = &mut self.run {
            run.missed(what, bytes);
        }
    }

    /// Notes that the reply said of itself that it failed, where nothing else went wrong.
    pub(super) fn failed_in_band(&mut self) {
        self.observed.failed = true;
        let error = || "upstream_error_as_success".into();
        self.record.error.get_or_insert_with(error);
    }

    /// Notes how a reply was cut; the answer for the app.
    fn cut(&mut self, cut: Cut) -> Refusal {
        let refusal = self.request_fault().unwrap_or_else(|| cut.refusal());
        self.record.error = Some(refusal.word().to_owned().into());
        log_refusal(&self.record.id, &refusal);
        self.record.client_gone = false;
        refusal
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.0 {
            Kind::Whole(whole) => Poll::Ready(
                whole
                    .body
                    .take()
                    .filter(|body| !body.is_empty())
                    .map(|body| Ok(Frame::data(body))),
            ),
            Kind::Reply(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(whole) => whole.body.as_ref().is_none_or(Bytes::is_empty),
            Kind::Reply(body) => body.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(whole) => {
                SizeHint::with_exact(whole.body.as_ref().map_or(0, Bytes::len) as u64)
            }
            Kind::Reply(body) => body.size_hint(),
        }
    }
}
