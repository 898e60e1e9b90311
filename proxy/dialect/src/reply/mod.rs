//! Decodes one reply, streamed or whole, and writes it as policies edited it, in the original
//! bytes.
//!
//! A [`Reply`] is a loop: [`push`](Reply::push) what arrived, take the [`deltas`](Reply::deltas) of
//! the events that are complete, [`write`](Reply::write) them with the policies' edits. Events that
//! no policy changed leave byte for byte; an edit is a splice into the event's JSON. It is no
//! client of the API: it keeps no conversation, and remembers texts only in the one dialect that
//! repeats them.
//!
//! The surprising choice: text that arrives while the policies have a batch is kept unread until
//! the batch is written. So nothing can be written that was not shown.

mod anthropic;
pub(crate) mod calls;
mod chat;
mod figures;
pub(super) mod format;
mod gemini;
mod halves;
mod interactions;
mod items;
mod lists;
mod plan;
mod read;
mod responses;
mod rest;
mod state;
mod synth;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::fmt;

use bytes::Bytes;

use super::{
    Delta, Dialect, Malformed, Places, Usage,
    answer::{self, Refused},
    sse::Frames,
    tokens::Running,
};
pub(crate) use figures::{Figures, figures};
use plan::Progress;
pub(crate) use read::is_events;
use read::without_mark;
use state::State;

/// The limits on a reply's memory.
#[derive(Debug, Clone, Copy)]
pub struct ReplyLimits {
    /// Bytes of one event.
    pub event: usize,
    /// Bytes of a whole reply, and of the texts that are kept for the Responses API's repeats.
    pub body: usize,
}

/// Decodes one reply and writes it with the policies' edits, in the original bytes.
pub struct Reply {
    state: State,
    frames: Frames,
    /// The progress of what the client received.
    sent: Progress,
    /// True while the deltas are in use: nothing more is read until they are written.
    out: bool,
    finished: bool,
    /// True if the stream's last event lacks its blank line.
    cut: bool,
    /// True once the stream's beginning was seen.
    sniffed: bool,
    /// True once `[DONE]` was seen: the rest is not for the client.
    done: bool,
    /// True once it was refused or broken off: nothing may follow.
    closed: bool,
    /// True if an event was read that is more than a sign of life.
    advanced: bool,
    /// The error after which nothing is shown or written, since that might be text that was never
    /// shown.
    failed: Option<Malformed>,
}

impl Reply {
    /// A reply that is a stream of events. Deltas are made of channels in `places` only.
    pub fn stream(dialect: Dialect, places: Places, limits: ReplyLimits) -> Self {
        Self::new(State::new(dialect, places, limits, true), limits.event)
    }

    /// A reply that is one JSON document.
    pub fn whole(dialect: Dialect, places: Places, limits: ReplyLimits) -> Self {
        Self::new(State::new(dialect, places, limits, false), limits.body)
    }

    /// Returns the same reader without [`Self::output_estimate`], for a caller that shows nothing:
    /// the estimate would be most of the work.
    #[must_use]
    pub(crate) fn without_estimate(mut self) -> Self {
        self.state.uncounted = true;
        self
    }

    fn new(state: State, limit: usize) -> Self {
        Self {
            state,
            frames: Frames::new(limit),
            sent: Progress::default(),
            out: false,
            finished: false,
            cut: false,
            sniffed: false,
            done: false,
            closed: false,
            advanced: false,
            failed: None,
        }
    }

    /// Takes the bytes that arrived in one read.
    ///
    /// # Errors
    /// An event or the body is larger than the limits; then the reply can only be refused or broken
    /// off. JSON that can't be read is no error: it passes, counted as unseen.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if self.closed || self.done {
            return Ok(());
        }
        self.frames.push(bytes);
        self.read()
    }

    /// Reads a document that is one part of a whole reply, for a caller that shows nothing: where
    /// the reply is a list of documents that is too long to be kept.
    ///
    /// # Errors
    /// It is malformed.
    pub(super) fn read_part(&mut self, doc: &[u8]) -> Result<(), Malformed> {
        let (state, at) = (&mut self.state, doc.len() - without_mark(doc).len());
        state.begin();
        let read = (format::of(state.dialect).whole)(state, doc, at);
        state.parsed.ended = false;
        read
    }

    /// Takes over the estimate of a caller that counted the model's output, for a reader made by
    /// [`Self::without_estimate`].
    pub(super) fn set_written(&mut self, written: Running) {
        self.state.written = written;
    }

    /// Notes that the upstream's body ended. A whole reply is shown only now. Channels that are
    /// still open end here.
    ///
    /// # Errors
    /// As [`Reply::push`].
    pub fn finish(&mut self) -> Result<(), Malformed> {
        if self.finished || self.closed {
            return Ok(());
        }
        self.finished = true;
        self.frames.finish();
        self.read()
    }

    /// Returns the deltas of the events that are complete, in their order. They are in use until
    /// [`Reply::write`]; bytes that are pushed meanwhile wait.
    pub fn deltas(&mut self) -> Vec<Delta> {
        if self.closed || self.failed.is_some() {
            return Vec::new();
        }
        self.out = true;
        std::mem::take(&mut self.state.deltas)
    }

    /// Returns the bytes for the client of the events that [`Reply::deltas`] covered (none, if it
    /// was not called). `edits` has one entry per delta, `None` where it stays as it came; an empty
    /// list leaves all as they came.
    ///
    /// # Errors
    /// There is not one edit per delta; an edit is no JSON where JSON is needed; or what waited is
    /// over the limits.
    pub fn write(&mut self, edits: &[Option<String>]) -> Result<Bytes, Malformed> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if !std::mem::take(&mut self.out) || self.closed {
            return Ok(Bytes::new());
        }
        let written = self.write_batch(edits);
        self.failed = written.as_ref().err().cloned();
        written
    }

    fn write_batch(&mut self, edits: &[Option<String>]) -> Result<Bytes, Malformed> {
        let shown = self.state.sites.iter().map(|site| site.delta);
        let shown = shown.filter(|delta| *delta != usize::MAX).count();
        if !edits.is_empty() && edits.len() != shown {
            return Err(Malformed::new(
                "there must be one edit per delta, or none at all",
                0,
            ));
        }
        let end = self.frames.complete();
        let written = self
            .state
            .write(self.frames.bytes(), end, self.cut, edits)?;
        if self.sent != self.state.parsed {
            self.sent.clone_from(&self.state.parsed);
        }
        let bytes = match written {
            None => self.frames.take(),
            Some(written) => {
                self.frames.discard();
                written.into()
            }
        };
        self.read()?;
        Ok(bytes)
    }

    /// Writes an event for text of `channel` that a policy kept back and releases while the
    /// upstream is silent. May not be called between [`Reply::deltas`] and [`Reply::write`]. Empty
    /// where the channel has ended: the text was written with its end.
    pub fn release(&mut self, channel: u32, text: &str) -> Bytes {
        if self.closed || self.out || text.is_empty() || !self.state.streaming {
            return Bytes::new();
        }
        self.state.release(channel, text).into()
    }

    /// Ends the reply in the dialect's own form because a policy refused it. Nothing may follow;
    /// what was not yet written is dropped. For a whole reply it is an error body.
    pub fn refuse(&mut self, refusal: &Refused<'_>) -> Bytes {
        if std::mem::replace(&mut self.closed, true) {
            return Bytes::new();
        }
        if !self.state.streaming {
            let body = answer::error_body(self.state.dialect, 403, refusal.code, refusal.message);
            return body.into();
        }
        if self.sent.ended {
            return Bytes::new();
        }
        let written = synth::refusal(&self.state, &self.sent, refusal);
        self.after_gap(written)
    }

    /// Returns the dialect's error event, for a stream that can't be completed; the caller then
    /// aborts the framing. What arrived before may be shown and written first; what was not is
    /// dropped. For a whole reply it is an error body.
    pub fn break_off(&mut self, error_type: &str, message: &str) -> Bytes {
        if std::mem::replace(&mut self.closed, true) {
            return Bytes::new();
        }
        let dialect = self.state.dialect;
        if !self.state.streaming {
            return answer::error_body(dialect, 502, error_type, message).into();
        }
        let sequence = self.sent.sequence;
        self.after_gap(answer::error_event_numbered(
            dialect, error_type, message, sequence,
        ))
    }

    fn after_gap(&self, event: Vec<u8>) -> Bytes {
        // a cut event was written if nothing of the stream is left
        match self.cut && self.frames.bytes().is_empty() {
            true => [b"\n\n", &event[..]].concat().into(),
            false => event.into(),
        }
    }

    /// Reports whether the dialect's terminator was seen: `[DONE]`, `message_stop`,
    /// `response.completed`, `interaction.completed` and their like, in Gemini's the last `finishReason`; of a whole reply,
    /// whether it is complete.
    pub fn ended(&self) -> bool {
        self.state.parsed.ended
    }

    /// The usage that the provider reported so far. A report covers what was written before it:
    /// Anthropic's first one comes with the beginning. Output after the latest report is added, by
    /// estimate.
    pub fn usage(&self) -> Option<Usage> {
        let usage = self.state.usage?;
        let after = self.output_estimate().saturating_sub(self.state.reported);
        Some(match after {
            0 => usage,
            after => Usage {
                output: usage.output.saturating_add(after),
                estimated: true,
                ..usage
            },
        })
    }

    /// Tokens of all that the model wrote so far, by our estimate: texts in any place, shown or
    /// not, arguments and thoughts. For replies whose usage never comes, and for limits that can't
    /// wait for it.
    pub fn output_estimate(&self) -> u64 {
        self.state.written.tokens()
    }

    /// The reason why the model stopped, as the dialect spells it: `stop`, `end_turn`, `completed`,
    /// …
    pub fn finish_reason(&self) -> Option<&str> {
        self.state.finish.as_deref()
    }

    /// Reports whether there was real content: text, reasoning, a tool call; not role-only chunks
    /// and pings.
    pub fn content_seen(&self) -> bool {
        self.state.content_seen
    }

    /// Returns whether an event other than comments, blank lines and pings was read since the last
    /// call, or more data of one that is not complete yet, for clocks that such signs of life must
    /// not wind. Of a whole reply: false.
    pub fn take_advanced(&mut self) -> bool {
        let grew = self.frames.take_grew();
        std::mem::take(&mut self.advanced) || grew
    }

    /// Content that no policy was shown, in bytes under a label: the kinds that are exempt
    /// (`signed_reasoning`, `encrypted`, `audio`, `image`, `file`, `logprobs`), `event` and `body`
    /// for what could not be read, `field` and `tool_arguments` for what could not be taken apart.
    pub fn unseen(&self) -> &[(&'static str, u64)] {
        &self.state.unseen
    }

    /// The name in coverage of content that could not be read: not the dialect's, and not empty. It
    /// is in what [`Reply::write`] returns all the same, for those who let it pass.
    pub fn unreadable(&self) -> Option<&'static str> {
        self.state.unreadable
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("dialect", &self.state.dialect)
            .field("streaming", &self.state.streaming)
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}
