//! The body of a reply that comes from an upstream, a store or another exchange.
//!
//! One body for all: with a clock and a state, and with a decoder where policies are to see what passes. While policies are at work the whole
//! flow is theirs, so that an app that leaves meanwhile drops it there, and it settles all the same.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{Delta, in_band::Errors, reply::Reply as Decoder, tap::Tap, usage_chunk::Filter};
use http_body::{Body, Frame, SizeHint};
use policy::ReplyHead;

use super::{
    super::{encoding, settle::ExchangeGuard},
    Broken, Cut, decoder_limits,
    flow::Flow,
    rewrite::Rewriter,
};
use crate::upstream::Inbound;

/// A frame for the app; none at a good end.
pub(super) type Next = Option<Result<Frame<Bytes>, Broken>>;

/// The body of a reply that comes from an upstream, a store or another exchange.
pub(super) struct ReplyBody {
    /// None while policies are at work.
    flow: Option<Box<Flow>>,
    work: Option<Work>,
}

/// Policies at work on what was read.
type Work = Pin<Box<dyn Future<Output = (Box<Flow>, Result<Bytes, Cut>)> + Send>>;

/// Work for policies.
pub(super) enum Task {
    /// To look at what came.
    Show(Vec<Delta>),
    /// To let go of text that they have kept back for as long as they may.
    Release,
}

/// The outcome of a look at the upstream.
pub(super) enum Turn {
    Frame(Next),
    Work(Task),
}

impl ReplyBody {
    /// A reply that nobody rewrites. `readable`: it is a success that can be read, encoded or not; then `coding` undoes that.
    pub(super) fn relayed(
        upstream: Inbound,
        guard: ExchangeGuard,
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
    pub(super) fn rewritten(upstream: Inbound, head: Arc<ReplyHead>, guard: ExchangeGuard) -> Self {
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

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        match &mut self.flow {
            // Every reply of an empty chain is served by this alone.
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
    pub(super) fn is_end(&self) -> bool {
        self.flow.as_ref().is_some_and(|flow| flow.is_end())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let whole = self.flow.as_ref().filter(|flow| !flow.stream);
        whole.map_or_else(SizeHint::default, |flow| flow.upstream.size_hint())
    }
}
