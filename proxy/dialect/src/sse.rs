//! Server-sent events, framed as they arrive: bytes in at any split, complete events out, every
//! byte accounted for.
//!
//! [`Frames`] finds where events begin and end and where their `event:` name and `data:` stand; it
//! neither decodes nor drops anything, so the raw events and the unfinished rest, put together, are
//! the bytes that came. Every byte is looked at once, however small the pieces. A `\r` that ends
//! the bytes so far is not yet a line end: the `\n` that may follow belongs to it. The format:
//! WHATWG HTML, "Parsing an event stream".

use std::{borrow::Cow, fmt, ops::Range};

use bytes::{Buf as _, Bytes, BytesMut};

use super::{Malformed, json::Cursor};

/// The events of one stream. Ranges of its [`Event`]s count from the first byte that was not yet
/// taken.
pub struct Frames {
    buffer: BytesMut,
    limit: usize,
    /// The offset before which there is no line end.
    scanned: usize,
    /// The offset at which the current line begins.
    line: usize,
    /// The current event; its `raw` grows.
    event: Event,
    /// True at the stream's first line, the only one that may begin with a byte order mark.
    first: bool,
    finished: bool,
    /// The offset up to which bytes were looked at for `grew`.
    known: usize,
    /// True if data came of an event that is not complete and no ping.
    grew: bool,
}

/// Bytes of a ping's data with a number, and room for more.
const PING: usize = 64;

/// One event: everything up to and with the blank line that ends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// All of it.
    pub raw: Range<usize>,
    /// The same without a byte order mark.
    pub fields: Range<usize>,
    /// The value of its last `event:` line; empty where it has none.
    pub name: Range<usize>,
    /// The value of its first `data:` line; empty where it has none.
    pub data: Range<usize>,
    /// The number of its `data:` lines.
    pub data_lines: u32,
    /// True if the stream ended before its blank line.
    pub cut: bool,
}

impl Event {
    /// Its data, of an event that has some: a document, and the offset at which the data begins
    /// there. `bytes` are those of its frames; data on several lines is [`joined`].
    pub(crate) fn document<'a>(&self, bytes: &'a [u8]) -> (Cow<'a, [u8]>, usize) {
        let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
        match self.data_lines {
            1 => (Cow::Borrowed(part(0..self.data.end)), self.data.start),
            _ => (Cow::Owned(joined(part(self.fields.clone()))), 0),
        }
    }
}

impl Event {
    /// Reports whether it keeps the connection and says nothing: comments, no data, or a ping.
    /// `bytes` are those of its frames.
    pub(crate) fn keeps_alive(&self, bytes: &[u8]) -> bool {
        let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        let (name, data) = (part(&self.name), part(&self.data));
        if self.data_lines <= 1 && data.trim_ascii().is_empty() || is_ping(name.trim_ascii()) {
            return true;
        }
        let mut found = false;
        let ends = self.data_lines == 1 && data.len() <= PING && data.ends_with(b"}");
        let read = ends.then(|| {
            Cursor::new(data).object(|key, value| {
                if key.is("type")
                    && let Some(text) = value.text_or_skip()?
                {
                    found |= is_ping(text.decode(data).as_bytes());
                }
                Ok(())
            })
        });
        matches!(read, Some(Ok(()))) && found
    }
}

/// Reports whether an event of this name or type is a ping: Anthropic's, or the Responses API's.
fn is_ping(name: &[u8]) -> bool {
    matches!(name, b"ping" | b"keepalive")
}

impl Frames {
    /// `limit` is the largest event in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            scanned: 0,
            line: 0,
            event: Event::default(),
            first: true,
            finished: false,
            known: 0,
            grew: false,
        }
    }

    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Notes that nothing more arrives: the rest counts as an event, too.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// All that was not yet taken.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The number of bytes that [`Frames::next`] has returned as events and nobody has taken.
    pub fn complete(&self) -> usize {
        self.event.raw.start
    }

    /// Takes the bytes of the events that were given out; their ranges mean nothing from then on.
    pub fn take(&mut self) -> Bytes {
        let end = self.settle();
        if end == 0 {
            return Bytes::new();
        }
        self.buffer.split_to(end).freeze()
    }

    /// Forgets them.
    pub fn discard(&mut self) {
        let end = self.settle();
        self.buffer.advance(end);
    }

    /// Gives out all that there is, which is no stream of events; returns its length.
    pub(super) fn give_all(&mut self) -> usize {
        let end = self.buffer.len();
        self.event.raw = end..end;
        self.event.fields = end..end;
        (self.scanned, self.line) = (end, end);
        end
    }

    /// Takes back `event` and all that was given out after it; it comes again.
    pub(super) fn take_back(&mut self, event: &Event) {
        self.rewind(event.raw.start);
        self.first = event.fields.start != event.raw.start;
    }

    /// Takes back what was given out behind `event`.
    pub(super) fn take_back_after(&mut self, event: &Event) {
        self.rewind(event.raw.end);
    }

    fn rewind(&mut self, to: usize) {
        self.event = Event {
            raw: to..to,
            fields: to..to,
            ..Event::default()
        };
        (self.scanned, self.line) = (to, to);
    }

    /// Forgets what was not given out, which nobody is to have.
    pub(super) fn drop_rest(&mut self) {
        let end = self.complete();
        self.buffer.truncate(end);
        self.rewind(end);
    }

    fn settle(&mut self) -> usize {
        let end = self.event.raw.start;
        let back = |range: &mut Range<usize>| {
            *range = range.start.saturating_sub(end)..range.end.saturating_sub(end);
        };
        back(&mut self.event.raw);
        back(&mut self.event.fields);
        back(&mut self.event.name);
        back(&mut self.event.data);
        self.scanned -= end;
        self.line -= end;
        self.known = self.known.saturating_sub(end);
        end
    }

    /// Returns the next complete event.
    ///
    /// # Errors
    /// The current event is larger than the limit.
    #[allow(clippy::should_implement_trait, reason = "it is fallible and lends")]
    pub fn next(&mut self) -> Result<Option<Event>, Malformed> {
        loop {
            let rest = self.buffer.get(self.scanned..).unwrap_or_default();
            let (end, after) = match memchr::memchr2(b'\n', b'\r', rest) {
                Some(found) => {
                    let end = self.scanned + found;
                    match (rest.get(found), rest.get(found + 1)) {
                        (Some(b'\r'), Some(b'\n')) => (end, end + 2),
                        (Some(b'\r'), None) if !self.finished => {
                            self.scanned = end;
                            return self.unfinished();
                        }
                        _ => (end, end + 1),
                    }
                }
                None if self.finished => return self.cut(),
                None => {
                    self.scanned = self.buffer.len();
                    return self.unfinished();
                }
            };
            let blank = self.field(self.line..end);
            self.note_growth(end);
            self.line = after;
            self.scanned = after;
            if blank {
                return self.give(after, false).map(Some);
            }
        }
    }

    fn give(&mut self, end: usize, cut: bool) -> Result<Event, Malformed> {
        let mut event = std::mem::take(&mut self.event);
        self.event.raw = end..end;
        self.event.fields = end..end;
        event.raw.end = end;
        event.fields.end = end;
        event.cut = cut;
        if event.raw.len() > self.limit {
            return Err(self.too_large());
        }
        Ok(event)
    }

    fn unfinished(&mut self) -> Result<Option<Event>, Malformed> {
        if self.buffer.len() - self.event.raw.start > self.limit {
            return Err(self.too_large());
        }
        let end = self.buffer.len();
        self.note_growth(end);
        self.known = end;
        Ok(None)
    }

    /// Notes whether data came in the current line, which ends at `end` so far. Until there is more
    /// of it than a ping has, it may be one.
    fn note_growth(&mut self, end: usize) {
        let data = match self.event.data_lines {
            0 => self.line + b"data:".len(),
            _ => self.event.data.start,
        };
        if self.grew || end.saturating_sub(data) <= PING {
            return;
        }
        let part = |range: Range<usize>| self.buffer.get(range).unwrap_or_default();
        let came = part(self.line.max(self.known)..end);
        self.grew = part(self.line..end).starts_with(b"data:")
            && !came.trim_ascii().is_empty()
            && !is_ping(part(self.event.name.clone()).trim_ascii());
    }

    /// Returns whether data came of an event that is no ping since the last call, complete or not.
    pub(crate) fn take_grew(&mut self) -> bool {
        std::mem::take(&mut self.grew)
    }

    fn too_large(&self) -> Malformed {
        Malformed::new(
            "an event is larger than `limits` allow",
            self.event.raw.start,
        )
    }

    /// The rest when the stream has ended.
    fn cut(&mut self) -> Result<Option<Event>, Malformed> {
        let end = self.buffer.len();
        if end == self.event.raw.start {
            return Ok(None);
        }
        self.field(self.line..end);
        self.line = end;
        self.scanned = end;
        self.give(end, true).map(Some)
    }

    /// Notes a line's field; returns whether the line is blank.
    fn field(&mut self, mut line: Range<usize>) -> bool {
        let mut bytes = self.buffer.get(line.clone()).unwrap_or_default();
        if std::mem::take(&mut self.first)
            && let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf")
        {
            bytes = rest;
            line.start += 3;
            self.event.fields.start = line.start;
        }
        if let Some(value) = value_of(bytes, b"data") {
            if self.event.data_lines == 0 {
                self.event.data = line.start + value..line.end;
            }
            self.event.data_lines += 1;
        } else if let Some(value) = value_of(bytes, b"event") {
            self.event.name = line.start + value..line.end;
        }
        bytes.is_empty()
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("bytes", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

/// The offset at which the field's value begins, if the line is this field.
fn value_of(line: &[u8], field: &[u8]) -> Option<usize> {
    match line.strip_prefix(field)? {
        [] => Some(field.len()),
        [b':', b' ', ..] => Some(field.len() + 2),
        [b':', ..] => Some(field.len() + 1),
        _ => None,
    }
}

/// The lines of an event's fields: each line's bytes without and with its end.
pub(crate) fn lines(fields: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = fields;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let after = match rest.get(end..) {
            Some([b'\r', b'\n', ..]) => end + 2,
            Some([_, ..]) => end + 1,
            _ => end,
        };
        let (line, behind) = rest.split_at_checked(after)?;
        rest = behind;
        Some((line.get(..end)?, line))
    })
}

/// The value of a `data:` line.
pub(crate) fn data_of(line: &[u8]) -> Option<&[u8]> {
    line.get(value_of(line, b"data")?..)
}

/// The data of an event with several `data:` lines. They are joined by spaces instead of line
/// feeds: within JSON the two mean the same, and the result can stand on one line.
pub(crate) fn joined(fields: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(fields.len());
    for value in lines(fields).filter_map(|(line, _)| data_of(line)) {
        if !data.is_empty() {
            data.push(b' ');
        }
        data.extend_from_slice(value);
    }
    data
}

#[cfg(test)]
mod tests;
