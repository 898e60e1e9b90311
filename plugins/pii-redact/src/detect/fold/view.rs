//! A stretch of text in its plain reading, and where each of its bytes came from.

use std::ops::Range;

use super::super::text::{before, byte, is_digit};
use super::character::{self, Plain};
use super::escape;
use super::spacing::{self, Gap};

/// The plain reading of a stretch of a text.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) text: String,
    /// For each byte of it, the first byte that it was read from, and one past the last.
    from: Vec<(usize, usize)>,
    /// Places in it where blanks or breaks were left out, in order.
    loose: Vec<usize>,
    /// True if some of them were line breaks.
    broken: bool,
}

impl View {
    /// Reads the text from `start` to `end`; line breaks inside of a number as a blank, or, where
    /// they are `joined`, as nothing.
    pub(super) fn fold(&mut self, text: &str, start: usize, end: usize, joined: bool) {
        self.text.clear();
        self.from.clear();
        self.loose.clear();
        self.broken = false;
        let bytes = text.as_bytes();
        let (mut at, mut spaced) = (start, start);
        while at < end {
            let b = byte(bytes, at);
            if at >= spaced && (is_digit(b) || b.is_ascii_uppercase()) {
                spaced = spacing::spaced(bytes, at).unwrap_or(at);
            }
            if at < spaced {
                at = self.one_by_one(bytes, at, spaced);
                continue;
            }
            if (is_digit(before(bytes, at, 1)) || before(bytes, at, 1) == b')')
                && let Some((gap, length)) = spacing::gap(bytes, at)
            {
                self.gap(bytes, at, gap, length, joined);
                at += length;
                continue;
            }
            let read = match b {
                b' ' | b'(' | b'[' | b'{' | b'<' => escape::spelt(bytes, at),
                _ => escape::read(bytes, at),
            };
            if let Some((c, length)) = read {
                self.push(c, at, length);
                at += length;
                continue;
            }
            if b == b'\\' {
                // An escape that means nothing here: its backslashes hide no other.
                while byte(bytes, at) == b'\\' && at < end {
                    self.push('\\', at, 1);
                    at += 1;
                }
                continue;
            }
            let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                break;
            };
            self.push(c, at, c.len_utf8());
            at += c.len_utf8();
        }
    }

    /// The original place of a part of the view.
    pub(super) fn original(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let (first, _) = self.from.get(start)?;
        let (_, last) = self.from.get(end.checked_sub(1)?)?;
        Some(*first..*last)
    }

    /// True if blanks or breaks were left out inside of this part.
    pub(super) fn is_loose(&self, start: usize, end: usize) -> bool {
        let behind = self.loose.partition_point(|&place| place <= start);
        self.loose.get(behind).is_some_and(|&place| place < end)
    }

    /// True if a line break inside of a number was read.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Adds a character, in its plain reading, that was read from so many bytes.
    fn push(&mut self, c: char, at: usize, length: usize) {
        let plain = match c {
            '\0' => Some(Plain::Nothing),
            _ if c.is_ascii() => None,
            _ => character::plain(c),
        };
        let c = match plain {
            Some(Plain::Nothing) => return,
            Some(Plain::As(plain)) => plain,
            None => c,
        };
        self.text.push(c);
        for _ in 0..c.len_utf8() {
            self.from.push((at, at + length));
        }
    }

    fn gap(&mut self, bytes: &[u8], at: usize, gap: Gap, length: usize, joined: bool) {
        self.loose.push(self.text.len());
        self.broken |= gap == Gap::Break;
        let separator = byte(bytes, at);
        if matches!(separator, b'-' | b'.' | b'/') {
            self.push(char::from(separator), at, length);
        } else if gap == Gap::Blanks || !joined {
            self.push(' ', at, length);
        }
    }

    /// Adds a character of a spaced-out number, with the gap behind it, and gives what follows.
    fn one_by_one(&mut self, bytes: &[u8], at: usize, end: usize) -> usize {
        self.push(char::from(byte(bytes, at)), at, 1);
        let from = at + 1;
        let mut next = from;
        while matches!(byte(bytes, next), b' ' | b'-' | b'.' | b'/' | b'_') {
            next += 1;
        }
        if from >= end {
            return from;
        }
        self.loose.push(self.text.len());
        // Between groups there is more than a blank: their separator is kept.
        let sign = bytes.get(from..next).unwrap_or_default();
        if sign.len() > 1 {
            let sign = sign.iter().find(|b| **b != b' ').copied().unwrap_or(b' ');
            self.push(char::from(sign), from, next - from);
        }
        next
    }
}
