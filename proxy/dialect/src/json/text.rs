//! String literals: how long they are, what they say, how to write one.

use std::{borrow::Cow, ops::Range};

/// The place of a string literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// Its bytes, quotes included.
    pub range: Range<usize>,
    /// True if there is a backslash in it.
    pub escaped: bool,
}

impl Text {
    /// Resolves the escapes. `bytes` are those that the cursor walked; other bytes give other text.
    pub(crate) fn decode<'a>(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        let inner = self.range.start.saturating_add(1)..self.range.end.saturating_sub(1);
        let raw = bytes.get(inner).unwrap_or_default();
        if self.escaped {
            Cow::Owned(unescape(raw))
        } else {
            String::from_utf8_lossy(raw)
        }
    }
}

const ONES: u64 = u64::MAX / 255;

/// The bytes of a word that are less than `below`, by their high bits; true of the lowest one,
/// which is all that is used.
#[inline]
const fn less(word: u64, below: u64) -> u64 {
    word.wrapping_sub(ONES * below) & !word & (ONES << 7)
}

/// The bytes of a word that are `byte`, in the same way.
#[inline]
const fn equal(word: u64, byte: u8) -> u64 {
    less(word ^ (ONES * byte as u64), 1)
}

/// The length of a literal's inside, where it is plain and short, as most are.
#[inline]
pub(super) fn short(inside: &[u8]) -> Option<usize> {
    let (words, _) = inside.as_chunks::<8>();
    for (index, word) in words.iter().take(4).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = less(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            let length = index * 8 + found.trailing_zeros() as usize / 8;
            return (inside.get(length) == Some(&b'"')).then_some(length);
        }
    }
    None
}

/// The length of a literal's inside: up to the first quote that an even number of backslashes
/// precedes. `None` where there is none.
pub(super) fn end(inside: &[u8]) -> Option<usize> {
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
        // No run of backslashes reaches beyond an escaped quote.
        let escaped = match before {
            [.., last, b'\\'] if *last != b'\\' => true,
            [.., b'\\'] => before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1,
            _ => false,
        };
        if !escaped {
            return Some(inside.len() - after.len());
        }
        rest = after.get(1..)?;
    }
}

/// The number of bytes from the first on that are neither quote, backslash nor control character.
///
/// Most strings are short, so the first 32 bytes are looked at in words; long ones are `memchr`'s.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> usize {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(4).enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = less(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return index * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let start = words.len().min(4) * 8;
    let rest = bytes.get(start..).unwrap_or_default();
    if rest.len() < 8 {
        return start + rest.iter().position(special).unwrap_or(rest.len());
    }
    let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let run = rest.get(..end).unwrap_or_default();
    // without a branch per byte, so that it is vectorised
    if run.iter().fold(false, |seen, byte| seen | (*byte < 0x20)) {
        return start + run.iter().position(special).unwrap_or(end);
    }
    start + end
}

/// Resolves the escapes of a literal's inside.
pub(crate) fn unescape(raw: &[u8]) -> String {
    // bytes first, so that UTF-8 is checked once and not a run at a time
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(at);
        text.extend_from_slice(before);
        let (letter, taken) = match escape.get(1) {
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => code_point(escape),
            Some(byte) if byte.is_ascii() => (char::from(*byte), 2),
            _ => (char::REPLACEMENT_CHARACTER, 1),
        };
        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(taken..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    String::from_utf8(text)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The character of `\uXXXX`, or of a pair of surrogates, and how many bytes it took.
fn code_point(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = str::from_utf8(escape.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(high) = unit(2) else {
        return (char::REPLACEMENT_CHARACTER, escape.len().min(6));
    };
    if let (0xd800..=0xdbff, Some(b"\\u"), Some(low @ 0xdc00..=0xdfff)) =
        (high, escape.get(6..8), unit(8))
    {
        let point = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (
            char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER),
            12,
        );
    }
    (
        char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
        6,
    )
}

/// Appends a JSON string literal with no more escapes than RFC 8259 §7 asks for.
pub(crate) fn quote(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (run, after) = rest.split_at(plain(rest));
        out.extend_from_slice(run);
        let Some((byte, after)) = after.split_first() else {
            break;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            _ => {
                let hex = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
                out.extend_from_slice(b"\\u00");
                out.extend([hex(byte >> 4) as u8, hex(byte & 15) as u8]);
            }
        }
        rest = after;
    }
    out.push(b'"');
}
