//! The embedded model's bodies: one piece, or events at a pace.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use dialect::event_stream;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::{embeddings::base64, faults::Broken};

/// Events as they are written.
pub(super) struct Events {
    /// Their media type.
    pub(super) media: &'static str,
    all: VecDeque<Bytes>,
    /// Number of events before the first content.
    lifecycle: usize,
}

impl Default for Events {
    /// Server-sent events.
    fn default() -> Self {
        Self::of("text/event-stream; charset=utf-8")
    }
}

impl Events {
    /// Pieces of this media type.
    pub(super) const fn of(media: &'static str) -> Self {
        Self {
            media,
            all: VecDeque::new(),
            lifecycle: 0,
        }
    }

    /// AWS's binary frames.
    pub(super) const fn frames() -> Self {
        Self::of(event_stream::MEDIA_TYPE)
    }

    /// Notes that the first so many events carry no content yet.
    pub(super) const fn open_with(&mut self, events: usize) {
        self.lifecycle = events;
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Drops everything from the first content on.
    pub(super) fn keep_lifecycle(&mut self) {
        self.all.truncate(self.lifecycle);
    }

    /// Drops the second half of what comes after the first content.
    pub(super) fn keep_half(&mut self) {
        let content = self.all.len().saturating_sub(self.lifecycle);
        self.all.truncate(self.lifecycle + content.div_ceil(2));
    }

    /// Adds a piece as it is.
    pub(super) fn bytes(&mut self, piece: Bytes) {
        self.all.push_back(piece);
    }

    /// Adds a frame with an event of this type.
    pub(super) fn frame(&mut self, kind: &str, payload: &str) {
        self.message("event", ":event-type", kind, payload);
    }

    /// Adds a frame with an exception of this type.
    pub(super) fn exception(&mut self, kind: &str, payload: &str) {
        self.message("exception", ":exception-type", kind, payload);
    }

    fn message(&mut self, message: &str, name: &str, kind: &str, payload: &str) {
        let headers = [
            (name, kind),
            (":content-type", "application/json"),
            (":message-type", message),
        ];
        let mut frame = Vec::with_capacity(payload.len() + 128);
        // A piece is far smaller than a frame may be.
        let _ = event_stream::encode(&headers, payload.as_bytes(), &mut frame);
        self.all.push_back(frame.into());
    }

    /// The same events, the data of each in a frame `chunk`.
    pub(super) fn framed(self) -> Self {
        let mut frames = Self::frames();
        for event in &self.all {
            let data = event.windows(6).position(|bytes| bytes == b"data: ");
            let data = data.and_then(|at| event.get(at + 6..)).unwrap_or_default();
            let data = base64(data.trim_ascii_end());
            frames.frame("chunk", &format!(r#"{{"bytes":"{data}"}}"#));
        }
        frames.open_with(self.lifecycle);
        frames
    }

    /// Adds an event without a name (`openai.chat`).
    pub(super) fn data(&mut self, data: fmt::Arguments<'_>) {
        self.all.push_back(format!("data: {data}\n\n").into());
    }

    /// Adds an event with a name.
    pub(super) fn named(&mut self, name: &str, data: fmt::Arguments<'_>) {
        let mut event = String::with_capacity(256);
        // Writing to a string does not fail.
        let _ = write!(event, "event: {name}\ndata: {data}\n\n");
        self.all.push_back(event.into());
    }
}

/// A reply's body: pieces that are all known, each released when it is due.
pub struct Body {
    pieces: VecDeque<Bytes>,
    delay: Duration,
    /// The wait before the next piece; made when the first is polled for, so that a body needs no
    /// runtime to be built.
    wait: Option<Pin<Box<Sleep>>>,
    /// The length that is announced, less what has been released.
    announced: Option<u64>,
    /// True if it breaks off where its pieces end.
    breaks: bool,
}

impl Body {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            announced: Some(bytes.len() as u64),
            pieces: VecDeque::from([bytes]),
            delay: Duration::ZERO,
            wait: None,
            breaks: false,
        }
    }

    pub(super) fn events(events: Events, delay: Duration) -> Self {
        Self {
            pieces: events.all,
            delay,
            wait: None,
            announced: None,
            breaks: false,
        }
    }

    /// The same, broken off where its pieces end; of a whole reply half is left, and its length is
    /// still announced.
    pub(super) fn broken_off(mut self) -> Self {
        if self.announced.is_some() {
            for piece in &mut self.pieces {
                piece.truncate(piece.len() / 2);
            }
        }
        self.breaks = true;
        self
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
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let body = self.get_mut();
        let Some(piece) = ready!(body.poll_piece(cx)) else {
            let breaks = mem::take(&mut body.breaks);
            return Poll::Ready(breaks.then_some(Err(Broken)));
        };
        if let Some(announced) = &mut body.announced {
            *announced = announced.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.breaks
    }

    /// The exact length of a whole reply; a stream announces none, like a provider's.
    fn size_hint(&self) -> SizeHint {
        self.announced
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl fmt::Debug for Body {
    /// Omits the text, which is a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} pieces)", self.pieces.len())
    }
}
