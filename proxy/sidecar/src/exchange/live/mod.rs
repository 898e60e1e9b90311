//! A reply on its way to the app: whole, relayed as it comes, or rewritten event by event.
//!
//! One body for all that comes from an upstream, a store or another exchange: with a clock and a
//! state, and with a decoder where policies are to see what passes. While policies are at work the
//! whole flow is theirs, so that an app that leaves meanwhile drops it there, and it settles all
//! the same.
//!
//! Nothing is read from the upstream that the app does not take: each body here asks for the next
//! piece only when it is polled for one, so a slow app slows the provider and a stream holds what
//! one read brought. A stream never ends cleanly where its upstream did not (two official SDKs take
//! a cut stream for a whole one): it gets the dialect's in-band error event first, and then its
//! framing is broken.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{Delta, in_band::Errors, reply::Reply as Decoder, tap::Tap, usage_chunk::Filter};
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use policy::ReplyHead;

use super::{
    REQUEST_ID, Reply,
    encoding::{self, Codings},
    head::{is_stream, is_text},
    refusals::{note_refusal, unterminated},
    settle::ExchangeGuard,
    socket,
    whole::decoder_limits,
};
use crate::{
    BoxError,
    refusal::{Code, Refusal},
    upstream::{Inbound, credentials},
};

mod clock;
mod flow;
mod rewrite;
mod shown;

pub(super) use clock::timeouts;
use flow::Flow;
use rewrite::Rewriter;
use shown::stream_head;

/// The body of what the app is answered.
pub struct Answer(Kind);

enum Kind {
    Whole(Box<Whole>),
    Reply(ReplyBody),
}

/// An answer of our own, or a whole reply that policies have seen. It is settled once it is
/// written.
struct Whole {
    body: Option<Bytes>,
    /// None for what was turned away, which is not settled, and for a socket, which settles itself.
    _guard: Option<Box<ExchangeGuard>>,
}

/// The reply was broken off; the app was sent an in-band error where that was possible.
#[derive(Debug, thiserror::Error)]
#[error("the reply was broken off")]
pub struct Broken;

/// A reason for which a stream ends before its end.
enum Cut {
    Upstream(BoxError),
    Unterminated,
    Silent,
    NoContent,
    Deadline,
    Draining,
    Refusal(Refusal),
}

impl Cut {
    /// Reports whether it is the upstream's fault.
    const fn is_upstreams(&self) -> bool {
        match self {
            Self::Upstream(_) | Self::Unterminated | Self::Silent | Self::NoContent => true,
            Self::Deadline | Self::Draining | Self::Refusal(_) => false,
        }
    }

    fn refusal(self) -> Refusal {
        match self {
            Self::Upstream(cause) => {
                Refusal::new(Code::UpstreamFailed, "the upstream broke off in mid-stream")
                    .caused_by(cause)
            }
            Self::Unterminated => unterminated(),
            Self::Silent => Refusal::new(
                Code::UpstreamTimeout,
                "the upstream fell silent in mid-stream",
            ),
            Self::NoContent => Refusal::new(
                Code::UpstreamTimeout,
                "the upstream's stream brought no content in time",
            ),
            Self::Deadline => Refusal::new(
                Code::UpstreamTimeout,
                "the exchange's time is over before its reply's end",
            ),
            Self::Draining => Refusal::new(
                Code::Draining,
                "this sidecar shut down before the stream's end",
            ),
            Self::Refusal(refusal) => refusal,
        }
    }
}

impl ExchangeGuard {
    /// Notes how a reply was cut; the answer for the app.
    fn cut(&mut self, cut: Cut) -> Refusal {
        if cut.is_upstreams() {
            self.fail_target();
        }
        let refusal = self.request_fault().unwrap_or_else(|| cut.refusal());
        note_refusal(&mut self.record, &refusal);
        self.record.client_gone = false;
        refusal
    }
}

/// The response to the app: a reply with the headers that are ours, and its body with its account.
pub(super) fn answer(reply: Reply, mut guard: Box<ExchangeGuard>) -> Response<Answer> {
    let id = guard.id.take();
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
            let coding =
                (codings.ok().filter(|_| readable)).and_then(|codings| codings.decoder(usize::MAX));
            let endpoint = guard.record.endpoint.filter(|_| readable);
            let endpoint = endpoint.filter(|_| is_text(response.headers()));
            let figures = endpoint.and_then(|endpoint| endpoint.reader(stream));
            response.map(|upstream| {
                let mut body = ReplyBody::relayed(upstream, guard, stream, readable, coding);
                if let Some(flow) = &mut body.flow {
                    flow.reader.figures = figures.map(Box::new);
                }
                Answer(Kind::Reply(body))
            })
        }
        Reply::Switched(response) => return socket::switched(response, guard),
        Reply::Rewrite(response) => {
            guard.record.status = response.status().as_u16();
            guard.record.streaming = true;
            let (mut head, upstream) = response.into_parts();
            head.headers.remove(header::CONTENT_LENGTH);
            let shown = stream_head(&head, guard.record.dialect);
            let body = ReplyBody::rewritten(upstream, Arc::new(shown), guard);
            Response::from_parts(head, Answer(Kind::Reply(body)))
        }
    };
    credentials::strip_hop_by_hop(response.headers_mut());
    for (name, value) in added {
        response.headers_mut().insert(name, value);
    }
    if let Some(id) = id {
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

/// A frame for the app; none at a good end.
type Next = Option<Result<Frame<Bytes>, Broken>>;

/// The body of a reply that comes from an upstream, a store or another exchange.
struct ReplyBody {
    /// None while policies are at work.
    flow: Option<Box<Flow>>,
    work: Option<Work>,
}

/// Policies at work on what was read.
type Work = Pin<Box<dyn Future<Output = (Box<Flow>, Result<Bytes, Cut>)> + Send>>;

/// Work for policies.
enum Task {
    /// To look at what came.
    Show(Vec<Delta>),
    /// To let go of text that they have kept back for as long as they may.
    Release,
}

/// The outcome of a look at the upstream.
enum Turn {
    Frame(Next),
    Work(Task),
}

impl ReplyBody {
    /// A reply that nobody rewrites. `readable`: it is a success that can be read, encoded or not;
    /// then `coding` undoes that.
    fn relayed(
        upstream: Inbound,
        guard: Box<ExchangeGuard>,
        stream: bool,
        readable: bool,
        coding: Option<encoding::Decoder>,
    ) -> Self {
        let dialect = guard.record.dialect;
        let filters = readable && stream && guard.strips_usage && coding.is_none();
        let mut flow = Flow::new(upstream, guard, stream);
        flow.errors = (readable && stream).then(|| Errors::new(dialect));
        flow.filter = filters.then(Filter::new);
        flow.reader.tap = readable.then(|| Tap::new(dialect, stream));
        flow.reader.coding = coding.filter(|_| readable);
        // A body that is empty is not polled: nobody would hear of its end.
        if flow.upstream.is_end_stream() && !flow.is_unterminated() {
            flow.complete();
        }
        Self::of(flow)
    }

    /// A stream that policies rewrite.
    fn rewritten(upstream: Inbound, head: Arc<ReplyHead>, guard: Box<ExchangeGuard>) -> Self {
        let (dialect, chain) = (guard.record.dialect, &guard.generation.chain);
        let limits = decoder_limits(&guard.generation.config.limits);
        let rewriter = Rewriter {
            decoder: Decoder::stream(dialect, chain.rewrites(), limits),
            head,
            covered: 0,
            finished: false,
        };
        let filter = guard.strips_usage.then(Filter::new);
        let mut flow = Flow::new(upstream, guard, true);
        flow.errors = Some(Errors::new(dialect));
        flow.filter = filter;
        flow.rewriter = Some(Box::new(rewriter));
        Self::of(flow)
    }

    fn of(flow: Flow) -> Self {
        Self {
            flow: Some(Box::new(flow)),
            work: None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        match &mut self.flow {
            // Nearly every reply of an empty chain is served by this.
            Some(flow) if flow.rewriter.is_none() => flow.relay(context),
            _ => self.poll_rewritten(context),
        }
    }

    fn poll_rewritten(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        loop {
            if let Some(flow) = &mut self.flow {
                match ready!(flow.rewrite(context)) {
                    Turn::Frame(next) => return Poll::Ready(next),
                    Turn::Work(task) => {
                        let flow = self.flow.take();
                        self.work = flow.map(|flow| Box::pin(flow.work(task)) as Work);
                    }
                }
            }
            let Some(work) = &mut self.work else {
                return Poll::Ready(None);
            };
            let (flow, done) = ready!(work.as_mut().poll(context));
            self.work = None;
            if let Some(next) = self.flow.insert(flow).written(done) {
                return Poll::Ready(next);
            }
        }
    }

    /// Returns whether nothing more is to be written.
    fn is_end(&self) -> bool {
        self.flow.as_ref().is_some_and(|flow| flow.is_end())
    }

    fn size_hint(&self) -> SizeHint {
        let whole = self.flow.as_ref().filter(|flow| !flow.stream);
        whole.map_or_else(SizeHint::default, |flow| flow.upstream.size_hint())
    }
}
