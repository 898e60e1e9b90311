//! Takes what comes of [`Body::ask_for_usage`](super::request::Body::ask_for_usage) out of a stream
//! whose caller did not request it: the chunk without choices that reports the usage, and the
//! `"usage":null` of all others. Every other byte leaves as it came.
//!
//! A server that reports its usage beside a choice does so unrequested as well: that stays. Events
//! are looked into only where `"usage"` stands in them; pieces that are whole events without it are
//! handed on, not copied. The start of an event may be kept back until its rest arrives.

use std::{fmt, ops::Range, sync::LazyLock};

use bytes::Bytes;
use memchr::memmem::Finder;

use super::{
    json::{Cursor, Kind},
    sse::{Event, Frames},
};

/// A larger event is no usage chunk; the stream then passes as it is.
const LARGEST: usize = 1 << 20;

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));

/// The filter for one stream.
pub struct Filter {
    frames: Frames,
    /// True once an event was too large: nothing is taken out any more.
    passes: bool,
}

/// The treatment of an event.
enum Fate {
    Stays,
    Goes,
    /// Leaves without this range.
    Loses(Range<usize>),
}

impl Default for Filter {
    fn default() -> Self {
        Self::new()
    }
}

impl Filter {
    /// A filter at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            frames: Frames::new(LARGEST),
            passes: false,
        }
    }

    /// The bytes for the caller of what arrived, in any split. Empty where nothing is complete.
    pub fn push(&mut self, bytes: Bytes) -> Bytes {
        let nothing_kept = self.frames.bytes().is_empty();
        if nothing_kept && (self.passes || is_whole(&bytes) && USAGE.find(&bytes).is_none()) {
            return bytes;
        }
        self.frames.push(&bytes);
        self.complete()
    }

    /// Returns the bytes that were kept back, at the stream's end or before something of our own is
    /// written.
    pub fn finish(&mut self) -> Bytes {
        self.frames.finish();
        self.complete()
    }

    fn complete(&mut self) -> Bytes {
        let mut fates = Vec::new();
        let mut end = loop {
            match self.frames.next() {
                Ok(Some(event)) => match fate(&event, self.frames.bytes()) {
                    Fate::Stays => {}
                    Fate::Goes => fates.push(event.raw),
                    Fate::Loses(range) => fates.push(range),
                },
                Ok(None) => break self.frames.complete(),
                Err(_) => {
                    self.passes = true;
                    break self.frames.give_all();
                }
            }
        };
        if fates.is_empty() {
            return self.frames.take();
        }
        let bytes = self.frames.bytes();
        end = end.min(bytes.len());
        let (mut out, mut copied) = (Vec::with_capacity(end), 0);
        for range in fates {
            out.extend_from_slice(bytes.get(copied..range.start).unwrap_or_default());
            copied = range.end;
        }
        out.extend_from_slice(bytes.get(copied..end).unwrap_or_default());
        self.frames.discard();
        out.into()
    }
}

impl fmt::Debug for Filter {
    /// Shows sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter")
            .field("kept", &self.frames.bytes().len())
            .finish_non_exhaustive()
    }
}

/// Reports whether the bytes end where an event does.
fn is_whole(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n")
}

fn fate(event: &Event, bytes: &[u8]) -> Fate {
    let raw = bytes.get(event.raw.clone()).unwrap_or_default();
    if event.data_lines == 0 || USAGE.find(raw).is_none() {
        return Fate::Stays;
    }
    let (doc, at) = event.document(bytes);
    match read(&doc, at) {
        // nothing is cut out of data on several lines, but the chunk itself goes
        Fate::Loses(_) if event.data_lines > 1 => Fate::Stays,
        fate @ (Fate::Stays | Fate::Goes | Fate::Loses(_)) => fate,
    }
}

/// Reads a chunk whose JSON begins at `at`.
fn read(doc: &[u8], at: usize) -> Fate {
    let (mut usage, mut choices, mut error) = (false, false, false);
    let (mut null, mut before) = (None, None);
    let mut cursor = Cursor::starting(doc, at);
    let walked = cursor.object(|key, value| {
        let kind = value.kind()?;
        let start = key.range().start;
        if key.is("usage") {
            value.skip()?;
            match kind {
                Kind::Object => usage = true,
                Kind::Null => null = Some((before, start..value.at())),
                Kind::Array | Kind::String | Kind::Number | Kind::Boolean => {}
            }
        } else if key.is("choices") {
            value.array_or_skip(|_, _| {
                choices = true;
                Ok(())
            })?;
        } else {
            error |= key.is("error") && kind != Kind::Null;
            value.skip()?;
        }
        before = Some(value.at());
        Ok(())
    });
    if walked.is_err() || cursor.end().is_err() {
        return Fate::Stays;
    }
    match null {
        _ if usage && !choices && !error => Fate::Goes,
        // with the comma before it, or where it is the first, with the one after it
        Some((Some(before), member)) => Fate::Loses(before..member.end),
        Some((None, member)) => Fate::Loses(member.start..after_comma(doc, member.end)),
        None => Fate::Stays,
    }
}

/// The offset behind the comma that may follow, and the blanks after it.
fn after_comma(doc: &[u8], at: usize) -> usize {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let rest = doc.get(at..).unwrap_or_default();
    let blanks = rest.iter().take_while(blank).count();
    match rest.get(blanks) {
        Some(b',') => {
            let rest = rest.get(blanks + 1..).unwrap_or_default();
            at + blanks + 1 + rest.iter().take_while(blank).count()
        }
        _ => at,
    }
}

#[cfg(test)]
mod tests;
