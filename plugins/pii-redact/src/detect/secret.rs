//! Keys, tokens, passwords and private-key blocks.
//!
//! Providers' keys are recognised by their prefix, from its last character backwards; other values
//! by the name that they are assigned to.

use super::text::{byte, is_word};
use super::{Kind, Kinds, Span};

mod assigned;
mod block;
mod prefixed;

pub(super) use assigned::assigned;
pub(super) use prefixed::{capital, joined, telegram};

const fn is_token(b: u8) -> bool {
    is_word(b) || b == b'-'
}

/// The composition of a run of characters.
#[derive(Default)]
struct Makeup {
    digits: usize,
    upper: usize,
    lower: usize,
    /// A bit for each character, modulo 128.
    seen: u128,
}

impl Makeup {
    fn of(run: &[u8]) -> Self {
        let mut makeup = Self::default();
        for &b in run {
            match b {
                b'0'..=b'9' => makeup.digits += 1,
                b'A'..=b'Z' => makeup.upper += 1,
                b'a'..=b'z' => makeup.lower += 1,
                _ => {}
            }
            makeup.seen |= 1 << (b & 0x7f);
        }
        makeup
    }
    fn distinct(&self) -> u32 {
        self.seen.count_ones()
    }
    fn letters(&self) -> usize {
        self.upper + self.lower
    }
}

fn span(start: usize, end: usize) -> Option<Span> {
    Some(Span {
        start,
        end,
        kind: Kind::Secret,
    })
}

/// The run from `at` of bytes that `belongs` accepts, at most `most` long; gives its end.
fn run(bytes: &[u8], at: usize, most: usize, belongs: impl Fn(u8) -> bool) -> usize {
    let mut end = at;
    while end - at < most && belongs(byte(bytes, end)) {
        end += 1;
    }
    end
}

/// The longest part between dashes and underscores that holds a digit.
fn longest_word(key: &[u8]) -> usize {
    key.split(|b| matches!(b, b'-' | b'_'))
        .filter(|part| part.iter().any(u8::is_ascii_digit))
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}
