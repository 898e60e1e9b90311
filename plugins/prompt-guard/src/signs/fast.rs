//! The fast scan: words and what stands between them are passed over by tables, and only what may
//! begin a mark, or hides something, takes a closer look.

use super::{Scan, Tables, letters::is_cut};
use crate::{
    fold::{Folded, fold},
    matcher::Patterns,
};

/// The class of a byte for the fast scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Letter,
    /// It begins a letter of two bytes, if [`Fast::letters`] has it.
    Wide,
    /// It stands between words and begins no mark.
    Cut,
    /// It takes a closer look.
    Other,
}

/// Tables for the fast scan.
#[derive(Debug, Clone)]
pub(super) struct Fast {
    /// The class of each byte.
    kinds: Vec<Kind>,
    /// The folded letter of each code of two bytes that is one and begins no mark; else `'\0'`.
    letters: Vec<char>,
}

/// The first code of two bytes, and the first of three.
const TWO_BYTES: std::ops::Range<u32> = 0x80..0x800;

impl Fast {
    pub(super) fn new(marks: &Patterns) -> Self {
        let kind = |byte: u8| match byte {
            _ if marks.may_begin(char::from(byte)) && byte < 0x80 => Kind::Other,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Kind::Letter,
            b' '
            | b'\n'
            | b'"'..=b'#'
            | b'%'..=b'&'
            | b'('..=b'/'
            | b':'..=b'?'
            | b'['..=b'`'
            | b'{'..=b'~' => Kind::Cut,
            0xc2..=0xdf => Kind::Wide,
            _ => Kind::Other,
        };
        let letter = |code: u32| {
            let c = char::from_u32(code).unwrap_or_default();
            match fold(c) {
                Folded::One(folded)
                    if folded.is_alphabetic() && !is_cut(folded) && !marks.may_begin(folded) =>
                {
                    folded
                }
                _ => '\0',
            }
        };
        Self {
            kinds: (0..=u8::MAX).map(kind).collect(),
            letters: TWO_BYTES.map(letter).collect(),
        }
    }

    fn kind(&self, byte: u8) -> Kind {
        self.kinds
            .get(usize::from(byte))
            .copied()
            .unwrap_or(Kind::Other)
    }

    /// The folded letter that a text begins with, if it has two bytes.
    fn letter(&self, text: &[u8]) -> Option<char> {
        let [first, second, ..] = text else {
            return None;
        };
        let code = u32::from(first & 0x1f) << 6 | u32::from(second & 0x3f);
        let at = code.checked_sub(TWO_BYTES.start)? as usize;
        self.letters
            .get(at)
            .copied()
            .filter(|letter| *letter != '\0')
    }
}

impl Scan {
    /// Takes the next stretch: the same as each character by itself, but faster over words and what
    /// stands between them. That no mark begins with an ASCII letter makes it possible.
    pub(super) fn text(&mut self, tables: &Tables, text: &str) {
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at) {
            let rest = text.as_bytes().get(at..).unwrap_or_default();
            let kind = if self.matcher.is_idle() && self.hidden.is_idle() {
                tables.fast.kind(*byte)
            } else {
                Kind::Other
            };
            match kind {
                Kind::Letter => {
                    self.begin_word(tables, char::from(byte | 0x20));
                    at += self.word.take_all(rest);
                    let last = text
                        .as_bytes()
                        .get(at - 1)
                        .map(|byte| char::from(byte | 0x20));
                    self.passed(last);
                }
                Kind::Wide if let Some(letter) = tables.fast.letter(rest) => {
                    self.begin_word(tables, letter);
                    self.word.take(letter);
                    self.matcher.skip(Some(letter));
                    // It is not an ASCII letter, whatever it is read as.
                    self.hidden.last = None;
                    self.hidden.flag = 0;
                    at += 2;
                }
                Kind::Cut => {
                    let c = char::from(*byte);
                    self.cut(tables, c);
                    self.passed(Some(c));
                    at += 1;
                }
                Kind::Wide | Kind::Other => {
                    let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                        return;
                    };
                    self.feed(tables, c);
                    at += c.len_utf8();
                }
            }
        }
    }

    fn passed(&mut self, last: Option<char>) {
        self.hidden.last = last;
        self.hidden.flag = 0;
        self.matcher.skip(last);
    }
}
