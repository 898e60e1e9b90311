//! Reads the events and documents of a reply as far as they are complete.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;

use super::{Reply, chat, format, halves, plan, state::State};
use crate::{
    Malformed,
    json::Cursor,
    sse::{self, Event},
};

impl Reply {
    /// Reads what can be read, unless a batch is unwritten.
    pub(super) fn read(&mut self) -> Result<(), Malformed> {
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
        let open = self.state.dialect.features().has_done && self.state.is_open(ending.choice);
        ending.finish && (ending.content || open)
    }

    /// Reads whether an event's choices have content or end.
    fn endings(&self, event: &Event) -> Vec<plan::Ending> {
        let Some(read) = format::of(self.state.dialect).endings else {
            return Vec::new();
        };
        if event.data_lines == 0 {
            return Vec::new();
        }
        let (doc, at) = event.document(self.frames.bytes());
        // what can't be read ends nothing
        read(&doc, at).unwrap_or_default()
    }

    fn data(&self, event: &Event) -> &[u8] {
        let bytes = self.frames.bytes();
        bytes.get(event.fields.clone()).unwrap_or_default()
    }

    fn within_limits(&self) -> Result<(), Malformed> {
        match self.state.over {
            Some(what) => Err(Malformed::new(what, 0)),
            None => Ok(()),
        }
    }

    fn read_event(&mut self, event: Event) {
        self.advanced |= !event.keeps_alive(self.frames.bytes());
        if event.data_lines == 0 {
            if !is_silent(self.data(&event)) {
                self.state.cannot_read("event", event.fields.len());
            }
            return;
        }
        let (state, bytes) = (&mut self.state, self.frames.bytes());
        let (deltas, channels) = (state.deltas.len(), state.channels.len());
        let (source, start) = event.document(bytes);
        let (doc, data) = (&*source, start..source.len());
        let name = bytes.get(event.name).unwrap_or_default();
        state.begin();
        let ended = state.parsed.ended;
        let text = doc.get(data.clone()).unwrap_or_default().trim_ascii();
        let read = match text {
            b"" => Ok(()),
            // some servers end the other dialects with it, too
            b"[DONE]" => {
                if state.dialect.features().has_done {
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
        let joined = match source {
            Cow::Owned(joined) => Some(joined),
            Cow::Borrowed(_) => None,
        };
        state.end(event.fields, joined);
    }

    fn read_whole(&mut self) -> Result<(), Malformed> {
        if self.frames.bytes().len() > self.state.limits.body {
            return Err(Malformed::new(
                "the reply is larger than `limits` allow",
                self.state.limits.body,
            ));
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
        let read = match state.dialect.features().has_lines {
            true => read_documents(state, doc, at),
            false => read_document(state, doc, at),
        };
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

/// Reads the one document that stands from byte `at` on.
fn read_document(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.begin();
    let read = (format::of(state.dialect).whole)(state, doc, at);
    state.news = true;
    let described = state.dialect.description().map(|row| row.reply);
    read.and_then(|()| match described.filter(|_| state.reads_rest(doc)) {
        Some(rule) => state.read_rest(doc, at, rule),
        None => Ok(()),
    })
}

/// Reads one document after another, as JSON Lines have them: <https://jsonlines.org>.
fn read_documents(state: &mut State, doc: &[u8], mut at: usize) -> Result<(), Malformed> {
    loop {
        let rest = doc.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_ascii_start().len();
        if at == doc.len() {
            return Ok(());
        }
        let mut cursor = Cursor::lenient(doc, at);
        let end = cursor.skip()?.end;
        read_document(state, doc.get(..end).unwrap_or(doc), at)?;
        at = end;
    }
}

/// A document without its byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reports whether a body is a stream of events.
pub(crate) fn is_events(body: &[u8]) -> bool {
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
