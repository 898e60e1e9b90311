//! One reader's view of a flight: the reply from its first byte on, as an HTTP body.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::buffer::Membership;

/// The reply as one of its readers gets it. The last one to be dropped stops the upstream.
pub struct FlightBody {
    membership: Membership,
    /// Bytes that are still to come, where the reply's length is known.
    left: Option<u64>,
    /// True after an end or an error: nothing follows.
    over: bool,
}

impl FlightBody {
    pub(super) fn new(membership: Membership, size: Option<u64>) -> Self {
        Self {
            membership,
            left: size,
            over: false,
        }
    }
}

impl Body for FlightBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.over {
            return Poll::Ready(None);
        }
        // A body of two megabytes that are all there must not keep the worker from its other tasks.
        let budget = ready!(tokio::task::coop::poll_proceed(context));
        let membership = &self.membership;
        let read = ready!(membership.flight.poll_read(membership.reader, context));
        budget.made_progress();
        match &read {
            Some(Ok(chunk)) => {
                let bytes = chunk.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(bytes));
            }
            Some(Err(_)) | None => self.over = true,
        }
        Poll::Ready(read.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        let membership = &self.membership;
        self.over || self.left == Some(0) || membership.flight.has_all(membership.reader)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for FlightBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightBody")
            .field("flight", &self.membership.flight.id)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Reasons for which a reader does not get all of the reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Broken {
    /// The upstream broke off; all readers get this.
    #[error("the shared upstream call broke off")]
    Upstream(#[source] Arc<dyn Error + Send + Sync>),
    /// This reader fell behind by more than is buffered.
    #[error("this reader of a shared reply fell too far behind")]
    Lagged,
    /// The flight was stopped: its runtime shut down.
    #[error("the shared upstream call was stopped")]
    Stopped,
}
