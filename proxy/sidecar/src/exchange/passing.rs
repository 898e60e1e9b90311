//! The body of a request that passes unread: as it comes, within bounds.
//!
//! What the app does wrong (too much, too slow, broken framing, gone) reaches the upstream's connection as a broken body, and comes back from
//! there as that connection's failure. So it is noted here first: an exchange that fails is asked for the note before anybody else is blamed.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep};

use super::collect::{Incomplete, Pace, discard};
use crate::BoxError;

/// A note of what an app's body did wrong, shared by the body and its exchange.
#[derive(Debug, Clone, Default)]
pub(super) struct BodyFault(Arc<Mutex<Option<Incomplete>>>);

impl BodyFault {
    /// Takes the note, where there is one.
    pub(super) fn take(&self) -> Option<Incomplete> {
        self.0.lock().take()
    }

    fn note(&self, incomplete: Incomplete) {
        *self.0.lock() = Some(incomplete);
    }
}

/// An app's body within bounds. Only the app's own slowness counts: while the upstream takes nothing, nothing is asked for.
pub(super) struct Passing<B> {
    /// None once it was found too large.
    body: Option<B>,
    limit: usize,
    pace: Pace,
    came: usize,
    waited: Duration,
    /// Since when the next piece is waited for, and until when.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
    fault: BodyFault,
}

impl<B> Passing<B> {
    /// Lets `limit` bytes of `body` by, as slow as `pace` allows.
    pub(super) fn new(body: B, limit: usize, pace: Pace, fault: BodyFault) -> Self {
        Self {
            body: Some(body),
            limit,
            pace,
            came: 0,
            waited: Duration::ZERO,
            wait: None,
            fault,
        }
    }

    fn broken(&self, why: Incomplete) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.fault.note(why);
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
                this.came += frame.data_ref().map_or(0, Bytes::len);
                if this.came > this.limit {
                    // What the app is still writing is taken, so that it reads the answer and not a reset.
                    this.body.take().map(|rest| tokio::spawn(discard(rest)));
                    return this.broken(Incomplete::TooLarge);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => this.broken(Incomplete::Broken(error.into())),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let (pace, came, waited) = (this.pace, this.came, this.waited);
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
        let fault = BodyFault::default();
        let body = || Full::new(Bytes::from(vec![7; 101]));
        let over = Passing::new(body(), 100, PACE, fault.clone());
        assert!(over.collect().await.is_err());
        assert!(matches!(fault.take(), Some(Incomplete::TooLarge)));
        let within = Passing::new(body(), 101, PACE, fault.clone());
        assert_eq!(within.collect().await.unwrap().to_bytes().len(), 101);
        assert!(fault.take().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_body_is_noted_after_its_patience() {
        let fault = BodyFault::default();
        let never = futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
        let begun = Instant::now();
        let silent = Passing::new(StreamBody::new(never), 100, PACE, fault.clone());
        assert!(silent.collect().await.is_err());
        assert!(matches!(fault.take(), Some(Incomplete::Silent)));
        assert_eq!(begun.elapsed(), PACE.silence);
    }

    #[tokio::test]
    async fn a_broken_body_is_noted_with_its_cause() {
        let fault = BodyFault::default();
        let broken =
            futures_util::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("cut"))]);
        let broken = Passing::new(StreamBody::new(broken), 100, PACE, fault.clone());
        assert!(broken.collect().await.is_err());
        assert!(matches!(fault.take(), Some(Incomplete::Broken(_))));
    }
}
