//! Requests that pass unread, and their bodies: as they come, within bounds.
//!
//! A fault of the app's (too much, too slow, broken framing, gone) reaches the upstream's
//! connection as a broken body, and comes back from there as that connection's failure. So it is
//! noted here first: an exchange that fails is asked for the note before anybody else is blamed.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use dialect::{
    Dialect,
    endpoint::{self, Requested},
    request::Body as RequestBody,
};
use http::{HeaderMap, Request};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep};

use super::{
    Reply, Worker,
    attempt::Transport,
    chain::{Decided, blocked},
    collect::{Incomplete, Pace, decline, discard},
    failure::Failure,
    refusals::too_large,
    render::{Outgoing, call, plan},
    settle::ExchangeGuard,
};
use crate::{BoxError, refusal::Refusal, upstream::Payload};

/// The progress of an app's body that passes unread, shared by the body and its exchange.
#[derive(Debug, Clone, Default)]
pub(super) struct BodyProgress(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    received: AtomicU64,
    fault: Mutex<Option<Incomplete>>,
    model: Mutex<Option<String>>,
}

impl BodyProgress {
    /// The bytes that came so far.
    pub(super) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Takes the note of what went wrong, where there is one.
    pub(super) fn take_fault(&self) -> Option<Incomplete> {
        self.0.fault.lock().take()
    }

    /// Takes the model that the body named, where it was found.
    pub(super) fn take_model(&self) -> Option<String> {
        self.0.model.lock().take()
    }
}

/// An app's body within bounds. Only the app's own slowness counts: while the upstream takes
/// nothing, nothing is asked for.
struct Passing<B> {
    /// None once it was found too large.
    body: Option<B>,
    limit: usize,
    pace: Pace,
    waited: Duration,
    /// Since when the next piece is waited for, and until when.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
    /// Looks for the model in its first bytes.
    requested: Option<Requested>,
    progress: BodyProgress,
}

impl<B> Passing<B> {
    /// Lets `limit` bytes of `body` by, as slow as `pace` allows.
    fn new(body: B, limit: usize, pace: Pace, progress: BodyProgress) -> Self {
        Self {
            body: Some(body),
            limit,
            pace,
            waited: Duration::ZERO,
            wait: None,
            requested: None,
            progress,
        }
    }

    /// Looks for the model in what passes.
    fn look(&mut self, bytes: &[u8]) {
        let Some(requested) = &mut self.requested else {
            return;
        };
        match requested.push(bytes) {
            endpoint::Progress::Open => return,
            endpoint::Progress::Found(model) => *self.progress.0.model.lock() = Some(model),
            endpoint::Progress::Over => {}
        }
        self.requested = None;
    }

    fn broken(&self, why: Incomplete) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        *self.progress.0.fault.lock() = Some(why);
        Poll::Ready(Some(Err("the app's body broke off".into())))
    }
}

impl<B> Body for Passing<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some((since, _)) = this.wait.take() {
                    this.waited += since.elapsed();
                }
                let more = frame.data_ref().map_or(0, Bytes::len) as u64;
                let received = &this.progress.0.received;
                if received.fetch_add(more, Ordering::Relaxed) + more > this.limit as u64 {
                    // What the app is still writing is taken, so that it reads the answer and not a
                    // reset.
                    this.body.take().map(|rest| tokio::spawn(discard(rest)));
                    return this.broken(Incomplete::TooLarge);
                }
                if let Some(bytes) = frame.data_ref() {
                    this.look(bytes);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => this.broken(Incomplete::Broken(error.into())),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let (pace, waited) = (this.pace, this.waited);
                let came = usize::try_from(this.progress.received()).unwrap_or(usize::MAX);
                let (_, patience) = this.wait.get_or_insert_with(|| {
                    let patience = pace.patience(came, waited);
                    (Instant::now(), Box::pin(sleep(patience)))
                });
                match patience.as_mut().poll(context) {
                    Poll::Ready(()) => this.broken(Incomplete::Silent),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl<T: Transport> Worker<T> {
    /// An exchange that nobody reads: a listing, a cancellation, or a prompt in a form that no
    /// dialect knows (`unread`).
    pub(super) async fn pass_unread<B>(
        &self,
        request: Request<B>,
        unread: Option<&'static str>,
        guard: &mut ExchangeGuard,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        self.refuse_while_draining()?;
        let generation = Arc::clone(&guard.generation);
        // A body of unknown length is not nothing.
        let unread = unread.map(|reason| (reason, request.body().size_hint().lower().max(1)));
        if let Some((reason, bytes)) = unread
            && let Some(policy) = generation.chain.blocks_unread(reason)
        {
            return Err(blocked(&generation.chain, policy, reason, bytes));
        }
        let (parts, body) = request.into_parts();
        let endpoint = guard.record.endpoint;
        guard.record.model = endpoint.and_then(|endpoint| endpoint.model_in(parts.uri.path()));
        let payload = payload(&parts.headers, body, guard).await?;
        let mut call = call(
            parts,
            RequestBody::wire(Dialect::Other, Bytes::new()),
            guard,
        );
        if unread.is_some() {
            call = match self.on_request(call, unread, guard).await? {
                Decided::Forward(call) => call,
                Decided::Answered(reply) => return Ok(reply),
                // What no dialect reads has no form in which it could be replayed.
                Decided::Served(reply) => return Ok(Reply::Relay(reply)),
            };
        }
        let plan = plan(&generation, &call)?;
        let mut outgoing = Outgoing::streamed(call, payload);
        let sent = self.send(&mut outgoing, &plan, guard).await;
        let reply = sent.or_else(Failure::into_reply)?;
        // What it took nobody can tell: what policies reserved for it stands.
        guard.ledger.charge.served = unread.is_some() && reply.status().is_success();
        Ok(Reply::Relay(reply))
    }
}

/// The body of a request that nobody reads, to be sent as it comes, within its limit and its pace.
///
/// # Errors
/// Its head says that it is over the limit.
pub(super) async fn payload<B>(
    headers: &HeaderMap,
    body: B,
    guard: &mut ExchangeGuard,
) -> Result<Payload, Refusal>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let limits = &guard.generation.config.limits;
    let limit = limits.request_body;
    if body.size_hint().lower() > limit as u64 {
        decline(headers, body).await;
        return Err(too_large(limit));
    }
    if body.is_end_stream() {
        return Ok(Payload::empty());
    }
    let progress = guard.passing.insert(BodyProgress::default()).clone();
    let charged = guard
        .record
        .endpoint
        .filter(|endpoint| endpoint.is_charged());
    let passing = Passing {
        requested: charged.and_then(|_| Requested::of(headers)),
        ..Passing::new(body, limit, Pace::of(limits), progress)
    };
    Ok(Payload::Stream(Box::pin(passing)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;

    const PACE: Pace = Pace {
        silence: Duration::from_secs(5),
        rate: 1024,
    };

    #[tokio::test]
    async fn a_body_over_the_limit_is_noted_as_too_large() {
        let progress = BodyProgress::default();
        let body = || Full::new(Bytes::from(vec![7; 101]));
        let over = Passing::new(body(), 100, PACE, progress.clone());
        assert!(over.collect().await.is_err());
        assert!(matches!(progress.take_fault(), Some(Incomplete::TooLarge)));
        let progress = BodyProgress::default();
        let within = Passing::new(body(), 101, PACE, progress.clone());
        assert_eq!(within.collect().await.unwrap().to_bytes().len(), 101);
        assert!(progress.take_fault().is_none() && progress.received() == 101);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_is_noted_after_its_patience() {
        let progress = BodyProgress::default();
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
        let begun = Instant::now();
        let silent = Passing::new(StreamBody::new(never), 100, PACE, progress.clone());
        assert!(silent.collect().await.is_err());
        assert!(matches!(progress.take_fault(), Some(Incomplete::Silent)));
        assert_eq!(begun.elapsed(), PACE.silence);
    }

    #[tokio::test]
    async fn a_broken_body_is_noted_with_its_cause() {
        let progress = BodyProgress::default();
        let broken =
            futures_util::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("cut"))]);
        let broken = Passing::new(StreamBody::new(broken), 100, PACE, progress.clone());
        assert!(broken.collect().await.is_err());
        assert!(matches!(progress.take_fault(), Some(Incomplete::Broken(_))));
    }
}
