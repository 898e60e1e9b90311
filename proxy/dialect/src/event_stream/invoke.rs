//! `InvokeModelWithResponseStream` of Claude, as the stream of `anthropic.messages` that is in it.
//!
//! Every frame `chunk` holds `{"bytes": "…"}`: one event of the Messages API in base64. It goes out
//! as that API sends it, unread but for its type and its grammar. Measurements that Bedrock adds to
//! `message_stop` stay. The documents:
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_PayloadPart.html>.

use std::fmt;

use super::{Decoder, Exception, Frame, Message};
use crate::{
    Malformed,
    json::{outlined::Cursor, unescape_literal},
};

/// One streamed reply: frames in, server-sent events out.
#[derive(Default)]
pub struct InvokeStream {
    decoder: Decoder,
    /// The event at hand, decoded: kept for its room.
    event: Vec<u8>,
    end: Option<End>,
}

/// The end of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The API's own: `message_stop`.
    Whole,
    /// A failure in the place of the rest.
    Failed,
}

impl InvokeStream {
    /// A stream at its beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that came, in any split; appends the events in them to `out`. What comes behind
    /// the reply's end is dropped.
    ///
    /// # Errors
    /// A frame or an event is malformed: the reply must not look whole. What was appended is good.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        if self.end.is_some() {
            return Ok(());
        }
        self.decoder.push(bytes);
        while self.end.is_none()
            && let Some(frame) = self.decoder.next()?
        {
            self.end = write(&frame, &mut self.event, out)?;
        }
        Ok(())
    }

    /// Checks that the reply ended as its API ends one, or in an error event.
    ///
    /// # Errors
    /// It was cut off, inside a frame or before `message_stop`.
    pub fn finish(&mut self) -> Result<(), Malformed> {
        if self.end.is_some() {
            return Ok(());
        }
        self.decoder.finish()?;
        let what = "the stream ended before `message_stop`";
        Err(Malformed::new(what, self.decoder.before))
    }

    /// Reports whether `message_stop` came.
    pub fn is_whole(&self) -> bool {
        self.end == Some(End::Whole)
    }
}

/// Appends a frame's event; returns the end that it is.
fn write(
    frame: &Frame<'_>,
    event: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<Option<End>, Malformed> {
    if let Some(exception) = Exception::of(frame) {
        exception.write_messages_event(out);
        return Ok(Some(End::Failed));
    }
    match frame.message() {
        Message::Event("chunk") => {
            event.clear();
            decode_chunk(frame.payload(), event)?;
            let stops = write_event(event, out)?;
            Ok(stops.then_some(End::Whole))
        }
        // Such as `initial-response`: they say nothing of the reply.
        Message::Event(_) => Ok(None),
        Message::Exception(_) | Message::Error { .. } | Message::Unknown => {
            Err(Malformed::new("a frame is of no known message type", 0))
        }
    }
}

/// Decodes the bytes in a chunk's document.
fn decode_chunk(document: &[u8], event: &mut Vec<u8>) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(document);
    let mut found = None;
    cursor.object(|key, value| {
        if key.is("bytes") {
            found = Some(value.text()?);
        }
        Ok(())
    })?;
    cursor.end()?;
    let text = found.ok_or(Malformed::new("a chunk has no `bytes`", 0))?;
    let inside = text.range.start + 1..text.range.end.saturating_sub(1);
    let inside = document.get(inside).unwrap_or_default();
    let decoded = match text.escaped {
        true => base64(unescape_literal(inside).as_bytes(), event),
        false => base64(inside, event),
    };
    decoded.ok_or(Malformed::new("`bytes` is no base64", text.range.start))
}

/// Appends an event under the name that is its type; returns whether the reply ends with it.
fn write_event(event: &[u8], out: &mut Vec<u8>) -> Result<bool, Malformed> {
    let mut cursor = Cursor::new(event);
    let mut name = None;
    cursor.object(|key, value| {
        if key.is("type") {
            name = Some(value.text()?);
        }
        Ok(())
    })?;
    cursor.end()?;
    let name = name.map(|name| name.decode(event));
    let name = name.as_deref().unwrap_or_default();
    // Letters alone: a line feed in it would end the line.
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        return Err(Malformed::new("an event has no type", 0));
    }
    for part in [b"event: ", name.as_bytes(), b"\ndata: "] {
        out.extend_from_slice(part);
    }
    let start = out.len();
    out.extend_from_slice(event.trim_ascii());
    // They stand between members only, where a space means the same and ends no line.
    if memchr::memchr2(b'\n', b'\r', event).is_some() {
        let written = out.get_mut(start..).unwrap_or_default();
        for byte in written.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')) {
            *byte = b' ';
        }
    }
    out.extend_from_slice(b"\n\n");
    Ok(name == "message_stop")
}

/// The values of base64's letters (RFC 4648 §4); 64 of what is none.
const VALUES: [u8; 256] = {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [64; 256];
    let mut at = 0;
    while at < letters.len() {
        values[letters[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Decodes padded base64 behind `out`; `None` where it is none.
fn base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (groups, []) = text.as_chunks::<4>() else {
        return None;
    };
    let Some((last, groups)) = groups.split_last() else {
        return Some(());
    };
    out.reserve(text.len() / 4 * 3);
    for group in groups {
        let [a, b, c, _] = three(*group)?;
        out.extend_from_slice(&[a, b, c]);
    }
    let (group, length) = match *last {
        [a, b, b'=', b'='] => ([a, b, b'A', b'A'], 1),
        [a, b, c, b'='] => ([a, b, c, b'A'], 2),
        group => (group, 3),
    };
    let bytes = three(group)?;
    // Bits of the last letter that belong to no byte are to be none.
    if bytes.get(length..)?.iter().any(|byte| *byte != 0) {
        return None;
    }
    out.extend_from_slice(bytes.get(..length)?);
    Some(())
}

/// Decodes base64, for tests of what was recorded in it.
#[cfg(test)]
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    base64(text, &mut out).map(|()| out)
}

/// The three bytes of four letters, and a zero.
fn three(group: [u8; 4]) -> Option<[u8; 4]> {
    let [a, b, c, d] = group.map(|letter| VALUES.get(usize::from(letter)).copied().unwrap_or(64));
    if (a | b | c | d) & 64 != 0 {
        return None;
    }
    let bits = u32::from(a) << 26 | u32::from(b) << 20 | u32::from(c) << 14 | u32::from(d) << 8;
    Some(bits.to_be_bytes())
}

impl fmt::Debug for InvokeStream {
    /// Shows no text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvokeStream")
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_read_as_rfc_4648_writes_it_and_refused_otherwise() {
        for (text, expected) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYg==", Some("foob")),
            ("Zm9vYmE=", Some("fooba")),
            ("Zm9vYmFy", Some("foobar")),
            ("Zg", None),
            ("Zg=", None),
            ("Zh==", None),
            ("Zg==Zg==", None),
            ("====", None),
            ("Zm9-", None),
            ("Zm 9", None),
        ] {
            let mut out = Vec::new();
            let read = base64(text.as_bytes(), &mut out).map(|()| out);
            assert_eq!(
                read,
                expected.map(|text| text.as_bytes().to_vec()),
                "{text}"
            );
        }
    }
}
