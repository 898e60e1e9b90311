//! Kubernetes' manifests of secrets: every value below `data:` of a document whose `kind:` is
//! `Secret` is one, in base64, whatever its key.

use super::{Span, run, span};
use crate::detect::text::{before, byte};

/// Bytes between a manifest's `kind:` and its `data:`, either way round.
const REACH: usize = 1200;
/// The shortest value, in base64.
const SHORTEST: usize = 10;

/// Reads the manifests of a text, whose `data:` are met in order.
#[derive(Default)]
pub(super) struct Manifests {
    /// The last `kind: Secret` before, and the first behind the place in hand.
    kinds: [Option<usize>; 2],
    /// The bytes in which `kind:` was looked for.
    read: usize,
    /// The next line of the values in hand.
    line: usize,
    /// The column of their `data:`, plus one; 0 where none are in hand.
    column: usize,
}

impl Manifests {
    /// Takes the values in hand where `at` is in the `data:` of a secret.
    pub(super) fn enter(&mut self, bytes: &[u8], at: usize) {
        let Some(start) = at
            .checked_sub(2)
            .filter(|start| bytes.get(*start..at) == Some(b"da"))
        else {
            return;
        };
        let behind = run(bytes, at + 3, 40, |b| matches!(b, b' ' | b'\t' | b'\r'));
        let column = (1..=40)
            .take_while(|&back| matches!(before(bytes, start, back), b' ' | b'\t'))
            .count();
        if byte(bytes, behind) != b'\n' || !matches!(before(bytes, start, column + 1), b'\n' | 0) {
            return;
        }
        while self.read < bytes.len() && self.kinds[1].is_none_or(|kind| kind < at) {
            self.next_kind(bytes);
        }
        let is_near = |kind: &usize| {
            let (from, to) = ((*kind).min(at), (*kind).max(at));
            let between = bytes.get(from..to).unwrap_or_default();
            to - from < REACH && !between.windows(4).any(|line| line == b"\n---")
        };
        if self.kinds.iter().flatten().any(is_near) {
            self.line = behind + 1;
            self.column = column + 1;
        }
    }

    fn next_kind(&mut self, bytes: &[u8]) {
        let rest = bytes.get(self.read..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(rest, b"kind:") else {
            self.read = bytes.len();
            return;
        };
        let kind = self.read + found;
        self.read = kind + 5;
        let value = run(bytes, self.read, 8, |b| matches!(b, b' ' | b'"' | b'\''));
        let is_secret = bytes
            .get(value..value + 6)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"secret"));
        if is_secret && !byte(bytes, value + 6).is_ascii_alphanumeric() {
            self.kinds = [self.kinds[1], Some(kind)];
        }
    }

    /// The next value in hand, and the end of its line.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<Span> {
        while self.column > 0 {
            let first = run(bytes, self.line, 80, |b| matches!(b, b' ' | b'\t'));
            let end = self.line
                + memchr::memchr(b'\n', bytes.get(self.line..)?).unwrap_or(bytes.len() - self.line);
            let blank = matches!(byte(bytes, first), b'\n' | b'\r' | b'#');
            if self.line >= bytes.len() || first - self.line < self.column && !blank {
                self.column = 0;
                return None;
            }
            self.line = end + 1;
            let key = run(bytes, first, 80, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')
            });
            if blank || byte(bytes, key) != b':' || key == first {
                continue;
            }
            let mut start = run(bytes, key + 1, 20, |b| {
                matches!(b, b' ' | b'"' | b'\'' | b'\t')
            });
            if matches!(byte(bytes, start), b'|' | b'>') {
                // A block: its first line, and those that go on.
                start = run(bytes, self.line, 80, |b| matches!(b, b' ' | b'\t'));
            }
            let value = run(bytes, start, 64 * 1024, |b| {
                b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')
            });
            let close = run(bytes, value, 3, |b| b == b'=');
            let closed = matches!(byte(bytes, close), 0 | b'\n' | b'\r' | b' ' | b'"' | b'\'');
            if close - start >= SHORTEST && closed {
                self.line = self.line.max(close);
                return span(start, close);
            }
        }
        None
    }

    /// True while values are in hand.
    pub(super) const fn inside(&self) -> bool {
        self.column > 0
    }
    /// One past the last value's line.
    pub(super) const fn end(&self) -> usize {
        self.line
    }
}
