//! The embedded model's bodies: one piece, or events at a pace.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::{self, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// Events as they are written.
#[derive(Default)]
pub(super) struct Events(VecDeque<Bytes>);

impl Events {
    /// Adds an event without a name (`openai.chat`).
    pub(super) fn data(&mut self, data: fmt::Arguments<'_>) {
        self.0.push_back(format!("data: {data}\n\n").into());
    }

    /// Adds an event with a name.
    pub(super) fn named(&mut self, name: &str, data: fmt::Arguments<'_>) {
        let mut event = String::with_capacity(256);
        // Writing to a string does not fail.
        let _ = write!(event, "event: {name}\ndata: {data}\n\n");
        self.0.push_back(event.into());
    }
}

/// A reply's body: pieces that are all known, each released when it is due.
pub struct Body {
    pieces: VecDeque<Bytes>,
    delay: Duration,
    /// The wait before the next piece; made when the first is polled for, so that a body needs no
    /// runtime to be built.
    wait: Option<Pin<Box<Sleep>>>,
    /// True if the length is announced.
    whole: bool,
}

impl Body {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            pieces: VecDeque::from([bytes]),
            delay: Duration::ZERO,
            wait: None,
            whole: true,
        }
    }

    pub(super) fn events(events: Events, delay: Duration) -> Self {
        Self {
            pieces: events.0,
            delay,
            wait: None,
            whole: false,
        }
    }

    /// The next piece, when it is due; `None` at the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.pieces.is_empty() {
            return Poll::Ready(None);
        }
        if self.delay > Duration::ZERO {
            let delay = self.delay;
            let wait = self
                .wait
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(delay)));
            ready!(wait.as_mut().poll(cx));
            wait.as_mut().reset(Instant::now() + delay);
        } else {
            // A reader that is always ready must not keep a worker from everybody else for a
            // hundred thousand events.
            ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
        }
        Poll::Ready(self.pieces.pop_front())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    /// The error of a body that never breaks off.
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.get_mut().poll_piece(cx);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The exact length of a whole reply; a stream announces none, like a provider's.
    fn size_hint(&self) -> SizeHint {
        if self.whole {
            let length = self.pieces.iter().map(Bytes::len).sum::<usize>();
            SizeHint::with_exact(length as u64)
        } else {
            SizeHint::default()
        }
    }
}

impl fmt::Debug for Body {
    /// Omits the text, which is a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} pieces)", self.pieces.len())
    }
}
