//! A reply's flow from its upstream to the app, frame by frame.
//!
//! Without a decoder a frame costs its poll and a look at its bytes ([`Flow::relay`]): nearly every
//! reply of an empty chain is served by that. How policies rewrite what passes is in `rewrite.rs`.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use dialect::{
    answer,
    endpoint::{self, Endpoint},
    in_band::{Document, Errors},
    tap::Tap,
    usage_chunk::Filter,
};
use http_body::{Body, Frame};

use super::{
    super::{
        encoding,
        generation::Phase,
        ledger::{Observed, Reading},
        settle::ExchangeGuard,
    },
    Broken, Cut, Next,
    clock::{Clock, Expired, Window, timeouts},
    rewrite::Rewriter,
};
use crate::{refusal::Code, upstream::Inbound};

/// The state of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// The error event is out: one turn for it to be written, then the framing is broken.
    Breaking,
    Broken,
    /// It came to a good end: its own, or one that a policy made in the dialect's form.
    Ended,
}

/// A reply under way.
pub(super) struct Flow {
    pub(super) upstream: Inbound,
    /// Of events; else one document.
    pub(super) stream: bool,
    pub(super) clock: Clock,
    pub(super) state: State,
    /// Looks for an error in a stream that ends well.
    pub(super) errors: Option<Errors>,
    /// Takes out what tells a usage that the app did not ask for.
    pub(super) filter: Option<Filter>,
    /// Reads a reply that nobody rewrites.
    pub(super) reader: Reader,
    /// Has policies rewrite it.
    pub(super) rewriter: Option<Box<Rewriter>>,
    pub(super) guard: Box<ExchangeGuard>,
}

/// Learns from a reply in passing.
#[derive(Default)]
pub(super) struct Reader {
    /// Listens for usage and the stream's end; none where nobody can read it, or policies do.
    pub(super) tap: Option<Tap>,
    /// Undoes the reply's coding for the tap; what the app gets stays encoded.
    pub(super) coding: Option<encoding::Decoder>,
    /// Finds what a reply that no dialect describes reports of usage.
    pub(super) figures: Option<Box<endpoint::Reader>>,
    /// Looks for an error in the place of a whole reply.
    pub(super) document: Document,
    /// The upstream's body came to its end.
    pub(super) complete: bool,
}

impl Flow {
    pub(super) fn new(upstream: Inbound, guard: Box<ExchangeGuard>, stream: bool) -> Self {
        let window = stream.then(|| Box::pin(guard.shared.reached(Phase::Cut)) as Window);
        Self {
            clock: Clock::start(timeouts(&guard), guard.deadline, window),
            state: State::Open,
            errors: None,
            filter: None,
            reader: Reader::default(),
            rewriter: None,
            upstream,
            stream,
            guard,
        }
    }

    /// The next frame once the state is no longer open.
    pub(super) fn closed(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        match self.state {
            State::Open | State::Ended => Poll::Ready(None),
            State::Breaking => {
                self.state = State::Broken;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            State::Broken => Poll::Ready(Some(Err(Broken))),
        }
    }

    /// The next frame of a reply that nobody rewrites, as it came.
    pub(super) fn relay(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        if self.state != State::Open {
            return self.closed(context);
        }
        match Pin::new(&mut self.upstream).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    self.guard.record.reply_bytes += bytes.len() as u64;
                    self.read(bytes);
                }
                // A sign of life of a server that may be stuck winds no clock.
                let tap = self.reader.tap.as_mut();
                if tap.is_none_or(Tap::take_advanced) {
                    self.clock.came();
                }
                // A body of known length is not asked for its end.
                if self.upstream.is_end_stream() {
                    if let Some(tap) = &mut self.reader.tap {
                        tap.finish();
                    }
                    if self.filter.is_none() && !self.is_unterminated() {
                        self.complete();
                    }
                }
                match self.filter {
                    None => Poll::Ready(Some(Ok(frame))),
                    Some(_) => self.relay_filtered(frame, context),
                }
            }
            Poll::Pending => {
                let awaits_content = self.stream
                    && self.reader.tap.is_some()
                    && self.guard.record.first_token.is_none();
                let expired = ready!(self.clock.poll(context, awaits_content, None));
                Poll::Ready(self.break_off(expired.into()))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(self.break_off(Cut::Upstream(error))),
            Poll::Ready(None) => {
                if let Some(tap) = &mut self.reader.tap {
                    tap.finish();
                }
                if self.is_unterminated() {
                    return Poll::Ready(self.break_off(Cut::Unterminated));
                }
                self.complete();
                let rest = self.filter.take().map(|mut filter| filter.finish());
                let rest = rest.filter(|rest| !rest.is_empty());
                Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))))
            }
        }
    }

    /// Looks at what passes: as it is, or as it is once its coding is undone.
    fn read(&mut self, bytes: &Bytes) {
        let reader = &mut self.reader;
        let Some(tap) = &mut reader.tap else { return };
        let decoded;
        let inside = match &mut reader.coding {
            None => bytes,
            Some(coding) => match coding.push(bytes) {
                Ok(inside) => {
                    decoded = inside;
                    &decoded
                }
                Err(_) => {
                    reader.tap = None; // what can't be read is not counted as if it had been
                    return;
                }
            },
        };
        let last = self.upstream.is_end_stream();
        match last && !self.stream {
            true => tap.push_last(inside),
            false => tap.push(inside),
        }
        if let Some(figures) = &mut reader.figures {
            figures.push(inside);
        }
        if let Some(errors) = &mut self.errors {
            errors.push(inside);
        } else {
            (reader.document).push(self.guard.record.dialect, inside, last);
        }
        if self.guard.record.first_token.is_none() && (tap.content_seen() || !self.stream) {
            self.guard.content();
        }
    }

    /// The frame without what the app did not ask for; the next one where nothing is left.
    fn relay_filtered(&mut self, frame: Frame<Bytes>, context: &mut Context<'_>) -> Poll<Next> {
        match frame.into_data() {
            Ok(bytes) => {
                let bytes = self.filtered(bytes);
                if bytes.is_empty() {
                    // Polled again at once: the upstream may have more, and must be asked before
                    // this may wait.
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Err(trailers) => Poll::Ready(Some(Ok(trailers))),
        }
    }

    /// Without what tells a usage that the app did not ask for.
    pub(super) fn filtered(&mut self, bytes: Bytes) -> Bytes {
        match &mut self.filter {
            Some(filter) => filter.push(bytes),
            None => bytes,
        }
    }

    /// Returns whether nothing more is to be written.
    pub(super) fn is_end(&self) -> bool {
        self.rewriter.is_none()
            && self.filter.is_none()
            && self.upstream.is_end_stream()
            && !self.is_unterminated()
    }

    /// Returns whether a stream that nobody rewrites came to an end that is not its own.
    pub(super) fn is_unterminated(&self) -> bool {
        let known = self.guard.record.dialect.is_read();
        self.stream && known && self.reader.tap.as_ref().is_some_and(|tap| !tap.ended())
    }

    /// Returns whether the stream's last event was seen, whatever came of the body's end.
    fn is_over(&self) -> bool {
        let read = self.stream && self.guard.record.dialect.is_read();
        read && match (&self.rewriter, &self.reader.tap) {
            (Some(rewriter), _) => rewriter.decoder.ended(),
            (None, Some(tap)) => tap.ended() && tap.finish_reason().is_some(),
            (None, None) => false,
        }
    }

    /// Notes that a reply that nobody rewrites came to its end.
    pub(super) fn complete(&mut self) {
        self.reader.complete = true;
        self.guard.record.client_gone = false;
    }

    /// The last frame of a reply that ends before its end: the dialect's own word for it, where one
    /// can be written.
    pub(super) fn break_off(&mut self, cut: Cut) -> Next {
        let refusal = self.guard.cut(cut);
        self.state = State::Breaking;
        let tap = self.reader.tap.as_ref();
        // Into an encoded stream no event of ours can be put, nor behind a stream's end.
        let is_read = tap.is_some_and(|tap| !tap.ended()) && self.reader.coding.is_none();
        if self.rewriter.is_none() && !(self.stream && is_read) {
            self.state = State::Broken;
            return Some(Err(Broken));
        }
        // What was cut is ended first, so that the event after it is one.
        let kept = self.filter.take().map(|mut filter| filter.finish());
        let mut last = kept.map(Vec::from).unwrap_or_default();
        match &mut self.rewriter {
            // A policy's refusal is a proper end in the dialect's own way.
            Some(rewriter) if refusal.code == Code::PolicyDenied => {
                self.state = State::Ended;
                let refused = answer::Refused {
                    code: refusal.word(),
                    message: &refusal.message,
                };
                last.extend_from_slice(&rewriter.decoder.refuse(&refused));
            }
            Some(rewriter) => {
                let (kind, message) = (refusal.event_type(), &refusal.message);
                last.extend_from_slice(&rewriter.decoder.break_off(kind, message));
            }
            None => {
                last.extend_from_slice(self.reader.tap.as_ref().map_or(&b""[..], Tap::gap));
                last.extend_from_slice(&answer::error_event(
                    self.guard.record.dialect,
                    refusal.event_type(),
                    &refusal.message,
                ));
            }
        }
        Some(Ok(Frame::data(last.into())))
    }

    /// Notes what was seen of a reply that nobody rewrote.
    fn note_relayed(&mut self) {
        let (reader, dialect) = (&mut self.reader, self.guard.record.dialect);
        self.guard.observed.streaming = self.stream;
        let endpoint = self.guard.record.endpoint;
        if endpoint.is_none_or(Endpoint::is_sized_in_tokens) {
            self.guard.observed.bytes = self.guard.record.reply_bytes;
        }
        let in_stream = self.errors.as_mut().is_some_and(|errors| errors.found());
        if in_stream || reader.document.found(dialect) {
            self.guard.failed_in_band();
        }
        let Some(tap) = &reader.tap else { return };
        if let Some(figures) = &reader.figures {
            self.guard.note_figures(figures.figures(), reader.complete);
        }
        self.guard.record.finish = tap.finish_reason().map(str::to_owned);
        if dialect.is_read() {
            self.guard.observed = Observed {
                reading: match reader.complete {
                    true => Reading::Whole,
                    false => Reading::Part,
                },
                usage: tap.usage().or(self.guard.observed.usage),
                output: tap.output_estimate(),
                ..self.guard.observed
            };
        }
    }
}

impl From<Expired> for Cut {
    fn from(expired: Expired) -> Self {
        match expired {
            Expired::NoContent => Self::NoContent,
            Expired::Deadline => Self::Deadline,
            Expired::Drained => Self::Draining,
            // What policies hold is asked of them where it is due.
            Expired::Silent | Expired::Hold => Self::Silent,
        }
    }
}

/// An app that leaves in mid-reply is settled by what went by.
impl Drop for Flow {
    fn drop(&mut self) {
        if self.is_over() && !self.upstream.is_end_stream() {
            let none = Inbound::Kept(VecDeque::new());
            std::mem::replace(&mut self.upstream, none).finish_later();
        }
        match self.rewriter {
            Some(_) => self.note_rewritten(),
            None => self.note_relayed(),
        }
    }
}
