//! A stretch of text in its plain reading, and where each of its bytes came from.

use std::ops::Range;

use super::super::text::{before, byte, is_digit};
use super::character::{self, Plain};
use super::spacing::{self, Gap};
use super::{escape, lookalike, spelt};

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
            if at < spaced {
                at = self.one_by_one(bytes, at, spaced);
                continue;
            }
            let length = match b {
                b'0'..=b'9' | b'A'..=b'Z' if !byte(bytes, at + 1).is_ascii_alphanumeric() => {
                    spaced = spacing::spaced(bytes, at).unwrap_or(at);
                    if at < spaced {
                        continue;
                    }
                    0
                }
                b'\\' | b'&' | b'%' => self
                    .gap(bytes, at, joined)
                    .or_else(|| self.read(escape::read(bytes, at), at))
                    .unwrap_or_else(|| self.backslashes(bytes, at)),
                b' ' | b'-' | b'.' | b'/' | b'\n' | b'\r' | b'(' | b'[' | b'{' | b'<' | b'='
                | 0xc2 => self
                    .gap(bytes, at, joined)
                    .or_else(|| self.read(spelt::read(bytes, at), at))
                    .unwrap_or(0),
                _ => 0,
            };
            if length > 0 {
                at += length;
                continue;
            }
            if b.is_ascii() {
                self.text.push(char::from(b));
                self.from.push((at, at + 1));
                at += 1;
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
            _ => character::plain(c).or_else(|| lookalike::latin(c).map(Plain::As)),
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

    /// Adds what was read, and gives the bytes that it took.
    fn read(&mut self, read: Option<(char, usize)>, at: usize) -> Option<usize> {
        let (c, length) = read?;
        self.push(c, at, length);
        Some(length)
    }

    /// Adds the backslashes of an escape that means nothing here, if there are any: they hide no
    /// other.
    fn backslashes(&mut self, bytes: &[u8], at: usize) -> usize {
        let run = bytes.get(at..).unwrap_or_default();
        let count = run.iter().take_while(|b| **b == b'\\').count();
        for place in at..at + count {
            self.push('\\', place, 1);
        }
        count
    }

    /// Adds the gap inside of a number that begins at `at`, and gives its bytes.
    fn gap(&mut self, bytes: &[u8], at: usize, joined: bool) -> Option<usize> {
        let previous = before(bytes, at, 1);
        if !is_digit(previous) && previous != b')' && !previous.is_ascii_uppercase() {
            return None;
        }
        let (gap, length) = spacing::gap(bytes, at)?;
        self.loose.push(self.text.len());
        self.broken |= gap == Gap::Break;
        let ends = [byte(bytes, at), before(bytes, at + length, 1)];
        let separator = ends.iter().find(|b| matches!(b, b'-' | b'.' | b'/'));
        if let Some(separator) = separator {
            self.push(char::from(*separator), at, length);
        } else if gap == Gap::Blanks || !joined {
            self.push(' ', at, length);
        }
        Some(length)
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
