//! A reply that nobody rewrites: bytes as they come, and a tap that listens for usage and the stream's own end.
//!
//! Polled by hand, since every reply of an empty chain goes this way: a frame costs its poll and a look at its bytes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{
    answer,
    in_band::{Document, Errors},
    tap::Tap,
    usage_chunk::Filter,
};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    super::{
        Timeouts,
        encoding::Decoder,
        generation::Phase,
        observed::{Observed, Reading},
        settle::Watch,
        timeouts,
    },
    Broken, Cut, State, Window,
};
use crate::upstream::Inbound;

/// Bytes as they come. A tap listens for usage and the stream's end.
pub(super) struct Relay {
    pub(super) upstream: Inbound,
    tap: Option<Tap>,
    /// Looks for an error in a stream that ends well.
    errors: Option<Errors>,
    /// Looks for one in the place of a whole reply.
    document: Document,
    /// The upstream's body came to its end.
    complete: bool,
    /// Undoes the reply's coding for the tap; what the app gets stays encoded.
    decoder: Option<Decoder>,
    /// Takes out what tells a usage that the app did not ask for.
    filter: Option<Filter>,
    pub(super) stream: bool,
    waits: Timeouts,
    asked: Instant,
    last: Instant,
    timer: Pin<Box<Sleep>>,
    window: Option<Window>,
    state: State,
    watch: Watch,
}

impl Relay {
    /// `watched`: the reply is a success that can be read, encoded or not; then `decoder` undoes that.
    pub(super) fn new(
        upstream: Inbound,
        watch: Watch,
        stream: bool,
        watched: bool,
        decoder: Option<Decoder>,
    ) -> Self {
        let (now, waits) = (Instant::now(), timeouts(&watch));
        let dialect = watch.record.dialect;
        let mut relay = Self {
            tap: watched.then(|| Tap::new(dialect, stream)),
            errors: (watched && stream).then(|| Errors::new(dialect)),
            document: Document::default(),
            complete: false,
            filter: (watched && stream && watch.strips_usage && decoder.is_none())
                .then(Filter::new),
            decoder: decoder.filter(|_| watched),
            window: stream.then(|| Box::pin(watch.shared.reached(Phase::Cut)) as Window),
            timer: Box::pin(sleep_until(now + waits.idle.min(waits.first_content))),
            state: State::Open,
            asked: now,
            last: now,
            upstream,
            stream,
            waits,
            watch,
        };
        // A body that is empty is not polled: nobody would hear of its end.
        if relay.upstream.is_end_stream() && !relay.unterminated() {
            relay.settle();
        }
        relay
    }

    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.state {
            State::Open => {}
            State::Breaking => {
                self.state = State::Over;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            State::Over => return Poll::Ready(Some(Err(Broken))),
        }
        match Pin::new(&mut self.upstream).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.last = Instant::now();
                if let Some(bytes) = frame.data_ref() {
                    self.watch.record.reply_bytes += bytes.len() as u64;
                    self.read(bytes);
                    if let Some(tap) = &self.tap
                        && self.watch.record.first_token.is_none()
                        && (tap.content_seen() || !self.stream)
                    {
                        self.watch.content();
                    }
                }
                if self.upstream.is_end_stream()
                    && let Some(tap) = &mut self.tap
                {
                    tap.finish();
                }
                // A body of known length is not asked for its end.
                if self.upstream.is_end_stream() && !self.unterminated() && self.filter.is_none() {
                    self.settle();
                }
                self.filtered(frame, context)
            }
            Poll::Ready(Some(Err(error))) => self.break_off(Cut::Upstream(error)),
            Poll::Ready(None) => {
                if let Some(tap) = &mut self.tap {
                    tap.finish();
                }
                if self.unterminated() {
                    return self.break_off(Cut::Unterminated);
                }
                self.settle();
                let rest = self.filter.take().map(|mut filter| filter.finish());
                let rest = rest.filter(|rest| !rest.is_empty());
                Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))))
            }
            Poll::Pending => self.poll_clocks(context),
        }
    }

    /// Looks at what passes: as it is, or as it is once its coding is undone.
    fn read(&mut self, bytes: &Bytes) {
        let Some(tap) = &mut self.tap else { return };
        let inside = match &mut self.decoder {
            None => bytes.clone(),
            Some(decoder) => match decoder.push(bytes) {
                Ok(inside) => inside,
                Err(_) => {
                    self.tap = None; // what can't be read is not counted as if it had been
                    return;
                }
            },
        };
        tap.watch(&inside);
        if let Some(errors) = &mut self.errors {
            errors.watch(&inside);
        } else {
            let last = self.upstream.is_end_stream();
            (self.document).watch(self.watch.record.dialect, &inside, last);
        }
    }

    /// The frame without what the app did not ask for; the next one where nothing is left.
    fn filtered(
        &mut self,
        frame: Frame<Bytes>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some(filter) = &mut self.filter else {
            return Poll::Ready(Some(Ok(frame)));
        };
        match frame.into_data() {
            Ok(bytes) => {
                let bytes = filter.push(bytes);
                if bytes.is_empty() {
                    // Polled again at once: the upstream may have more, and must be asked before this may wait.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Err(trailers) => Poll::Ready(Some(Ok(trailers))),
        }
    }

    fn poll_clocks(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(window) = &mut self.window
            && window.as_mut().poll(context).is_ready()
        {
            self.window = None;
            return self.break_off(Cut::Draining);
        }
        ready!(self.timer.as_mut().poll(context));
        let no_content =
            self.stream && self.tap.is_some() && self.watch.record.first_token.is_none();
        let silent_at = self.last + self.waits.idle;
        let content_at = self.asked + self.waits.first_content;
        let now = Instant::now();
        if now >= silent_at {
            return self.break_off(Cut::Silent);
        }
        if no_content && now >= content_at {
            return self.break_off(Cut::NoContent);
        }
        let next = if no_content {
            silent_at.min(content_at)
        } else {
            silent_at
        };
        self.timer.as_mut().reset(next);
        // Registers the timer for the new instant; it can't be ready yet.
        let _ = self.timer.as_mut().poll(context);
        Poll::Pending
    }

    /// Whether nothing more is to be written.
    pub(super) fn is_end(&self) -> bool {
        self.filter.is_none() && self.upstream.is_end_stream() && !self.unterminated()
    }

    /// Whether a stream came to an end that is not its own.
    pub(super) fn unterminated(&self) -> bool {
        let known = self.watch.record.dialect.is_read();
        self.stream && known && self.tap.as_ref().is_some_and(|tap| !tap.ended())
    }

    fn break_off(&mut self, cut: Cut) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let refusal = self.watch.cut(cut);
        let ended = self.tap.as_ref().is_some_and(Tap::ended);
        // Into an encoded stream no event of ours can be put.
        if !self.stream || self.tap.is_none() || self.decoder.is_some() || ended {
            self.state = State::Over;
            return Poll::Ready(Some(Err(Broken)));
        }
        self.state = State::Breaking;
        // What was cut is ended first, so that the event after it is one.
        let held = self.filter.take().map(|mut filter| filter.finish());
        let mut event = held.map(Vec::from).unwrap_or_default();
        event.extend_from_slice(self.tap.as_ref().map_or(&b""[..], Tap::gap));
        event.extend_from_slice(&answer::error_event(
            self.watch.record.dialect,
            refusal.event_type(),
            &refusal.message,
        ));
        Poll::Ready(Some(Ok(Frame::data(event.into()))))
    }

    fn settle(&mut self) {
        self.complete = true;
        self.watch.record.client_gone = false;
    }
}

/// An app that leaves in mid-stream is settled by what went by.
impl Drop for Relay {
    fn drop(&mut self) {
        self.watch.observed.streaming = self.stream;
        self.watch.observed.bytes = self.watch.record.reply_bytes;
        let dialect = self.watch.record.dialect;
        if self.errors.as_mut().is_some_and(Errors::found) || self.document.found(dialect) {
            self.watch.failed_in_band();
        }
        let Some(tap) = &self.tap else { return };
        self.watch.record.finish = tap.finish_reason().map(str::to_owned);
        if self.watch.record.dialect.is_read() {
            self.watch.observed = Observed {
                reading: match self.complete {
                    true => Reading::Whole,
                    false => Reading::Part,
                },
                usage: tap.usage().or(self.watch.observed.usage),
                output: tap.output_estimate(),
                ..self.watch.observed
            };
        }
    }
}
