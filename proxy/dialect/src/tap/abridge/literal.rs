//! Strings of a reply that is abridged: their beginnings are kept, and what the model wrote in them
//! is counted, escapes resolved.

use super::STRING;
use crate::tokens::Running;

/// A string whose beginning is kept.
pub(super) struct Literal {
    /// The place of its quote in what is kept.
    pub(super) start: usize,
    is_written: bool,
    /// True if the rest is not kept.
    is_cut: bool,
    /// True if there is a backslash in it.
    pub(super) escaped: bool,
    escape: Escape,
}

#[derive(Clone, Copy)]
enum Escape {
    No,
    Backslash,
    /// Digits so far, and their value.
    Unicode(u8, u32),
}

impl Literal {
    /// A literal whose quote was just kept at `start`.
    pub(super) fn new(start: usize, is_written: bool) -> Self {
        Self {
            start,
            is_written,
            is_cut: false,
            escaped: false,
            escape: Escape::No,
        }
    }

    /// Returns the number of bytes that belong to it, and whether it ended with them; then its
    /// quote is not kept yet.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        kept: &mut Vec<u8>,
        written: &mut Running,
    ) -> (usize, bool) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if !matches!(self.escape, Escape::No) {
                let (byte, _) = rest.split_at(1);
                if !self.is_cut {
                    kept.extend_from_slice(byte);
                }
                self.push_escaped(byte, written);
                at += 1;
                continue;
            }
            let end = memchr::memchr2(b'"', b'\\', rest);
            let run = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if !self.is_cut {
                self.keep(run, kept);
            }
            if self.is_written {
                written.feed(run);
            }
            at += run.len() + usize::from(end.is_some());
            match end.and_then(|end| rest.get(end)) {
                Some(b'\\') => {
                    (self.escaped, self.escape) = (true, Escape::Backslash);
                    self.is_cut |= self.room(kept) == 0;
                    if !self.is_cut {
                        kept.push(b'\\');
                    }
                }
                Some(_) => return (at, true),
                None => {}
            }
        }
        (at, false)
    }

    fn room(&self, kept: &[u8]) -> usize {
        (self.start + STRING).saturating_sub(kept.len())
    }

    /// Keeps what there is room for, to the end of a character.
    fn keep(&mut self, run: &[u8], kept: &mut Vec<u8>) {
        let room = self.room(kept).min(run.len());
        let (_, behind) = run.split_at(room);
        let goes_on = |byte: &&u8| matches!(byte, 0x80..=0xbf);
        let end = room + behind.iter().take(3).take_while(goes_on).count();
        kept.extend_from_slice(run.get(..end).unwrap_or_default());
        self.is_cut = end < run.len();
    }

    /// Takes a byte of an escape.
    fn push_escaped(&mut self, byte: &[u8], written: &mut Running) {
        let mut encoded = [0; 4];
        let byte = byte.first().copied().unwrap_or_default();
        let (escape, text) = match (self.escape, byte) {
            (Escape::Backslash, b'u') => (Escape::Unicode(0, 0), &b""[..]),
            (Escape::Backslash | Escape::No, b'n' | b'r') => (Escape::No, &b"\n"[..]),
            (Escape::Backslash | Escape::No, b't' | b'b' | b'f') => (Escape::No, &b"\t"[..]),
            (Escape::Backslash | Escape::No, byte) => {
                encoded[0] = byte;
                (Escape::No, &encoded[..1])
            }
            (Escape::Unicode(digits, value), _) => {
                let value = value << 4 | char::from(byte).to_digit(16).unwrap_or(0);
                // of a pair of surrogates the second adds nothing; the first stands for any emoji
                let letter = match value {
                    _ if digits < 3 => None,
                    0xd800..=0xdbff => Some('\u{1f600}'),
                    value => char::from_u32(value),
                };
                let escape = match digits {
                    0..3 => Escape::Unicode(digits + 1, value),
                    _ => Escape::No,
                };
                let text = letter.map(|letter| &*letter.encode_utf8(&mut encoded));
                (escape, text.unwrap_or_default().as_bytes())
            }
        };
        self.escape = escape;
        if self.is_written {
            written.feed(text);
        }
    }
}
