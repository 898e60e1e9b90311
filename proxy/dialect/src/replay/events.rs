//! Recorded streams taken apart into events, and replies cut into new ones.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;

use super::members::source;
use crate::{
    Malformed,
    json::outlined::Cursor,
    sse::{self, Frames},
};

/// The length, in bytes of source, from which on a text is cut: after the next space, as a model's
/// words come.
const PIECE: usize = 24;
/// Longest piece of a text without spaces.
const LONGEST: usize = 64;
/// The number of pieces above which a text has longer ones.
const PIECES: usize = 256;

/// One event of a recording.
pub(super) struct Event<'a> {
    pub(super) name: &'a [u8],
    /// The data without whitespace around it.
    pub(super) data: Cow<'a, [u8]>,
}

impl Event<'_> {
    pub(super) fn is_done(&self) -> bool {
        *self.data == *b"[DONE]"
    }
}

/// The events that have data.
pub(super) fn events(stream: &[u8]) -> Result<Vec<Event<'_>>, Malformed> {
    let mut frames = Frames::new(usize::MAX);
    frames.push(stream);
    frames.finish();
    let mut events = Vec::new();
    while let Some(event) = frames.next()? {
        // Nothing is taken from the frames: their ranges are the stream's.
        let part = |range: Range<usize>| stream.get(range).unwrap_or_default();
        let data = match event.data_lines {
            0 => continue,
            1 => Cow::Borrowed(part(event.data).trim_ascii()),
            _ => Cow::Owned(sse::joined(part(event.fields)).trim_ascii().to_vec()),
        };
        // The stream broke off in the middle of it: the events before it show that the end is
        // missing.
        let broken = event.cut && *data != *b"[DONE]" && !is_document(&data);
        if !data.is_empty() && !broken {
            events.push(Event {
                name: part(event.name),
                data,
            });
        }
    }
    Ok(events)
}

fn is_document(data: &[u8]) -> bool {
    let mut cursor = Cursor::new(data);
    cursor.skip().and_then(|_| cursor.end()).is_ok()
}

/// Appends an event; an empty name is none.
pub(super) fn event(out: &mut Vec<Bytes>, name: &str, data: &[u8]) {
    let mut event = match name {
        "" => source!["data: ", data, "\n\n"],
        _ => source!["event: ", name, "\ndata: ", data, "\n\n"],
    };
    // Line feeds in JSON are whitespace, and a line of data has none.
    let start = event.len() - data.len() - 2;
    let end = event.len() - 2;
    for byte in event.get_mut(start..end).unwrap_or_default() {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.push(event.into());
}

/// Cuts a string's inside into pieces that are strings' insides. Neither a character, nor an
/// escape, nor a pair of surrogates is cut.
pub(super) fn pieces(inside: &[u8]) -> Vec<&[u8]> {
    let least = inside.len() / PIECES;
    let (enough, longest) = (PIECE.max(least), LONGEST.max(least + PIECE));
    let mut pieces = Vec::with_capacity(inside.len() / enough + 1);
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = inside.get(at..).filter(|rest| !rest.is_empty()) {
        at += letter(rest);
        let long = at - start;
        if long >= longest || long >= enough && rest.first() == Some(&b' ') {
            pieces.extend(inside.get(start..at));
            start = at;
        }
    }
    pieces.extend(inside.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

/// The length of the first letter's source, in bytes.
fn letter(source: &[u8]) -> usize {
    let surrogate = |at: usize, kinds: &[u8]| {
        source.get(at..at + 2) == Some(br"\u")
            && matches!(source.get(at + 2), Some(b'd' | b'D'))
            && source.get(at + 3).is_some_and(|kind| kinds.contains(kind))
    };
    let bytes = match source {
        [b'\\', b'u', ..] if surrogate(0, b"89abAB") && surrogate(6, b"cdefCDEF") => 12,
        [b'\\', b'u', ..] => 6,
        [b'\\', ..] => 2,
        [0xf0..=0xff, ..] => 4,
        [0xe0..=0xef, ..] => 3,
        [0xc0..=0xdf, ..] => 2,
        _ => 1,
    };
    bytes.min(source.len())
}
