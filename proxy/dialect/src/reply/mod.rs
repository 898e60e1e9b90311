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
pub(super) mod calls;
mod chat;
pub(super) mod format;
mod gemini;
mod halves;
mod items;
mod plan;
mod responses;
mod rest;
mod state;
mod synth;
#[cfg(test)]
mod tests;
mod write;

use std::{fmt, sync::LazyLock};

use bytes::Bytes;
use memchr::memmem::Finder;

use super::{
    Delta, Dialect, Malformed, Places, Usage, answer,
    sse::{self, Event, Frames},
    tokens::Running,
};
use plan::Progress;
use state::State;

pub use super::answer::Refused;

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
            return Err(Malformed {
                what: "there must be one edit per delta, or none at all",
                at: 0,
            });
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
    /// `response.completed` and its like, in Gemini's the last `finishReason`; of a whole reply,
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

    /// Reads what can be read, unless a batch is unwritten.
    fn read(&mut self) -> Result<(), Malformed> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if self.out {
            return Ok(());
        }
        let read = self.read_all();
        self.failed = read.as_ref().err().cloned();
        read
    }

    fn read_all(&mut self) -> Result<(), Malformed> {
        if self.state.streaming && !self.sniffed {
            let begin = without_mark(self.frames.bytes()).trim_ascii_start().first();
            self.sniffed = begin.is_some();
            // a document under the label of a stream, which no event begins like
            self.state.streaming = !matches!(begin, Some(b'{' | b'['));
        }
        if !self.state.streaming {
            return self.read_whole();
        }
        while let Some(event) = self.frames.next()? {
            if self.must_wait(&event)? {
                break;
            }
            self.cut = event.cut;
            self.read_event(event);
            self.within_limits()?;
            if self.done {
                self.frames.drop_rest();
            }
        }
        if self.finished {
            let end = self.frames.complete();
            self.state.begin();
            self.state.news = true;
            self.state.close_all(|_| true);
            self.state.end(end..end, None);
        }
        Ok(())
    }

    /// Reports whether an event can be read only with what follows it, and that is not there yet: a
    /// finish reason, which other content may follow, or half a surrogate pair. Then it is taken
    /// back.
    fn must_wait(&mut self, event: &Event) -> Result<bool, Malformed> {
        if self.finished || self.state.places.is_empty() {
            return Ok(false);
        }
        let is_cut = halves::is_cut(self.data(event));
        let mut finished = match self.state.goes_on {
            true => Vec::new(),
            false if finishes(self.data(event)) => self.endings(event),
            false => Vec::new(),
        };
        finished.retain(|ending| self.ends_something(ending));
        if !is_cut && finished.is_empty() {
            return Ok(false);
        }
        loop {
            let Some(next) = self.frames.next()? else {
                self.frames.take_back(event);
                return Ok(true);
            };
            if next.data_lines == 0 {
                continue;
            }
            let endings = self.endings(&next);
            let goes_on = endings.iter().any(|ending| {
                ending.content && finished.iter().any(|known| known.choice == ending.choice)
            });
            let more = endings
                .into_iter()
                .filter(|ending| self.ends_something(ending));
            let known = finished.len();
            finished.extend(more);
            if goes_on {
                self.state.goes_on = true;
            } else if known > 0 && finished.len() > known {
                continue;
            }
            self.frames.take_back_after(event);
            return Ok(false);
        }
    }

    /// Reports whether a finish reason would end a channel, and what follows is worth reading
    /// first: where `[DONE]` comes there is always an event behind, elsewhere only content says
    /// that more may come.
    fn ends_something(&self, ending: &plan::Ending) -> bool {
        let open = self.state.dialect.has_done() && self.state.is_open(ending.choice);
        ending.finish && (ending.content || open)
    }

    /// Reads whether an event's choices have content or end.
    fn endings(&self, event: &Event) -> Vec<plan::Ending> {
        let Some(read) = format::of(self.state.dialect).endings else {
            return Vec::new();
        };
        let bytes = self.frames.bytes();
        let endings = match event.data_lines {
            0 => return Vec::new(),
            1 => read(
                bytes.get(..event.data.end).unwrap_or_default(),
                event.data.start,
            ),
            _ => {
                let fields = bytes.get(event.fields.clone()).unwrap_or_default();
                read(&sse::joined(fields), 0)
            }
        };
        // what can't be read ends nothing
        endings.unwrap_or_default()
    }

    fn data(&self, event: &Event) -> &[u8] {
        let bytes = self.frames.bytes();
        bytes.get(event.fields.clone()).unwrap_or_default()
    }

    fn within_limits(&self) -> Result<(), Malformed> {
        match self.state.over {
            Some(what) => Err(Malformed { what, at: 0 }),
            None => Ok(()),
        }
    }

    fn read_event(&mut self, event: Event) {
        if event.data_lines == 0 {
            if !is_silent(self.data(&event)) {
                self.state.cannot_read("event", event.fields.len());
            }
            return;
        }
        let (state, bytes) = (&mut self.state, self.frames.bytes());
        let (deltas, channels) = (state.deltas.len(), state.channels.len());
        let joined = match event.data_lines {
            1 => None,
            _ => Some(sse::joined(
                bytes.get(event.fields.clone()).unwrap_or_default(),
            )),
        };
        let (doc, data) = match &joined {
            None => (bytes.get(..event.data.end).unwrap_or_default(), event.data),
            Some(joined) => (&joined[..], 0..joined.len()),
        };
        let name = bytes.get(event.name).unwrap_or_default();
        state.begin();
        let ended = state.parsed.ended;
        let text = doc.get(data.clone()).unwrap_or_default().trim_ascii();
        let read = match text {
            b"" => Ok(()),
            // some servers end the other dialects with it, too
            b"[DONE]" => {
                if state.dialect.has_done() {
                    chat::done(state);
                    self.done = true;
                }
                Ok(())
            }
            _ => (format::of(state.dialect).event)(state, doc, data.clone(), name),
        };
        let described = state.dialect.description().map(|row| row.event);
        let read = read.and_then(|()| match described.filter(|_| state.reads_rest(text)) {
            Some(rule) => state.read_rest(doc, data.start, rule),
            None => Ok(()),
        });
        if read.is_err() {
            state.forget(deltas, channels);
            state.parsed.ended = ended; // what can't be read ends nothing
            state.cannot_read("event", data.len());
        }
        state.note_report();
        // a byte order mark stays where it is
        state.end(event.fields, joined);
    }

    fn read_whole(&mut self) -> Result<(), Malformed> {
        if self.frames.bytes().len() > self.state.limits.body {
            return Err(Malformed {
                what: "the reply is larger than `limits` allow",
                at: self.state.limits.body,
            });
        }
        if !self.finished || self.state.parsed.ended {
            return Ok(());
        }
        if self.state.dialect.description().is_some() && is_events(self.frames.bytes()) {
            // under another label, or none
            self.state.streaming = true;
            return self.read_all();
        }
        let end = self.frames.give_all();
        let (state, doc) = (&mut self.state, self.frames.bytes());
        let at = doc.len() - without_mark(doc).len();
        state.parsed.ended = true;
        state.begin();
        let read = (format::of(state.dialect).whole)(state, doc, at);
        state.news = true;
        let described = state.dialect.description().map(|row| row.reply);
        let read = read.and_then(|()| match described.filter(|_| state.reads_rest(doc)) {
            Some(rule) => state.read_rest(doc, at, rule),
            None => Ok(()),
        });
        if read.is_err() {
            state.forget(0, 0);
            match state.dialect.is_read() {
                false => state.count_unseen("body", doc.len()),
                true => state.cannot_read("body", doc.trim_ascii().len()),
            }
        }
        state.note_report();
        state.end(0..end, None);
        self.within_limits()
    }
}

/// A document without its byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reports whether a body is a stream of events.
pub(super) fn is_events(body: &[u8]) -> bool {
    let body = without_mark(body).trim_ascii_start();
    let fields: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    fields.iter().any(|field| body.starts_with(field))
}

/// Reports whether an event's lines have no content: comments, and fields that are no data.
fn is_silent(fields: &[u8]) -> bool {
    sse::lines(fields).all(|(line, _)| {
        let known: [&[u8]; 4] = [b":", b"event:", b"id:", b"retry:"];
        line.trim_ascii().is_empty() || known.iter().any(|field| line.starts_with(field))
    })
}

/// Reports whether a finish reason other than `null` may stand in an event; most events are spared
/// a second look by that.
fn finishes(event: &[u8]) -> bool {
    static REASON: LazyLock<Finder> = LazyLock::new(|| Finder::new("inish"));
    REASON.find_iter(event).any(|at| {
        let rest = event.get(at..).unwrap_or_default();
        let value = rest.iter().position(|byte| *byte == b':');
        let value = value.and_then(|colon| rest.get(colon + 1..));
        value.is_none_or(|value| value.trim_ascii_start().first() != Some(&b'n'))
    })
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
