//! Puts values back into a reply, wherever the stream is cut.
//!
//! A model may bend a placeholder: other case, other brackets or none, Markdown's marks, escapes,
//! spaces and what can't be seen. [`symbol`] reads a text as what it means, whatever it is written
//! as; [`read`] finds the letters of a placeholder among its dress. Only the end of the text waits
//! that may still become a placeholder *of this exchange*: `[E` waits where an `EMAIL` was hidden,
//! and goes on where only a card was. Placeholders that were never given out pass as they are.

mod read;
mod symbol;

use std::borrow::Cow;

use self::{
    read::{Reading, read},
    symbol::{Symbol, Writing, piece},
};
use crate::{
    byte_set::{BLOCK, ByteSet},
    json,
    placeholder::{Entry, Vault},
};

/// One channel of a reply: the text in hand, and how deep its JSON is quoted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Channel {
    pending: String,
    before: Before,
    depth: json::Depth,
}

/// The text before a place.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A word may begin.
    #[default]
    Free,
    /// A word may go on: its last letter or digit, or underscores behind that.
    Word,
}

/// The meaning of a byte to the search for beginnings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Nothing,
    Word,
    Underscore,
    /// A bracket, or the beginning of an escape.
    Dress,
    /// The first byte of characters among which are brackets and letters.
    Lead,
}

/// Bytes that may begin a placeholder and are no plain letter of it.
const DRESS: ByteSet = ByteSet::of(b"[{(<\\%&\xe2\xe3\xef\xf0");

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Nothing; 256];
    let mut b = 0;
    while b < 256 {
        classes[b] = match b as u8 {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => Class::Word,
            b'_' => Class::Underscore,
            b'[' | b'{' | b'(' | b'<' | b'\\' | b'%' | b'&' => Class::Dress,
            0xe2 | 0xe3 | 0xef | 0xf0 => Class::Lead,
            _ => Class::Nothing,
        };
        b += 1;
    }
    classes
};

impl Channel {
    /// Takes what arrived and returns what may go; on `last`, all of it. `None` where `text` may go
    /// as it came.
    ///
    /// In JSON, values are escaped to the depth of the strings around them, and get quotes outside
    /// of any. `arguments` says that it is JSON if it looks so.
    pub(crate) fn push(
        &mut self,
        vault: &Vault,
        text: &str,
        last: bool,
        arguments: bool,
    ) -> Option<String> {
        let mut pending = std::mem::take(&mut self.pending);
        let all = match pending.is_empty() {
            true => Cow::Borrowed(text),
            false => {
                pending.push_str(text);
                Cow::Owned(pending)
            }
        };
        // None as long as all is as it came.
        let mut out = matches!(all, Cow::Owned(_)).then(String::new);
        let (mut done, mut at, mut end) = (0, 0, all.len());
        while let Some(begin) = self.begin(vault, &all, at) {
            at = begin;
            match read(vault, &all, at, self.before == Before::Word, last) {
                Reading::Whole(value, after, writing) => {
                    let out = out.get_or_insert_default();
                    self.release(&all[done..at], out);
                    self.value(value, writing, arguments, out);
                    self.before = Before::Free;
                    (at, done) = (after, after);
                }
                Reading::Open => {
                    end = at;
                    break;
                }
                Reading::Other => at += self.pass(&all, at),
            }
        }
        if out.is_none() && end == all.len() {
            self.depth.read(&all);
            return None;
        }
        let mut out = out.unwrap_or_default();
        self.release(&all[done..end], &mut out);
        all[end..].clone_into(&mut self.pending);
        Some(out)
    }

    /// The first place from `from` on where a placeholder may begin: of the letters that one begins
    /// with, those that begin a word.
    fn begin(&mut self, vault: &Vault, text: &str, from: usize) -> Option<usize> {
        let bytes = text.as_bytes();
        let wanted = vault.firsts().with(DRESS);
        let mut at = from;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let block = rest.first_chunk().copied().unwrap_or_else(|| {
                let mut block = [0; BLOCK];
                block.iter_mut().zip(rest).for_each(|(to, b)| *to = *b);
                block
            });
            let mut bits = wanted.bits(block);
            while bits != 0 {
                let place = at + bits.trailing_zeros() as usize;
                if self.may_begin(vault, bytes, from, place) {
                    self.before = self.before(bytes, from, place);
                    return Some(place);
                }
                bits &= bits - 1;
            }
            at += BLOCK;
        }
        self.before = self.before(bytes, from, bytes.len());
        None
    }

    fn may_begin(&self, vault: &Vault, bytes: &[u8], from: usize, at: usize) -> bool {
        let Some((&b, behind)) = bytes.get(at..).and_then(<[u8]>::split_first) else {
            return false;
        };
        match CLASSES[usize::from(b)] {
            Class::Nothing | Class::Underscore => false,
            Class::Word => {
                vault.may_begin(bytes.get(at..).unwrap_or_default())
                    && self.before(bytes, from, at) == Before::Free
            }
            Class::Dress => may_dress(vault, b, behind),
            // `⟦⟨`, `【〈`, full width, mathematical letters.
            Class::Lead => matches!(
                (b, behind.first()),
                (0xe2, Some(0x9f))
                    | (0xe3, Some(0x80))
                    | (0xef, Some(0xbc | 0xbd))
                    | (0xf0, Some(0x9d))
            ),
        }
    }

    /// The text before `at`, where `self.before` is what was before `from`.
    fn before(&self, bytes: &[u8], from: usize, at: usize) -> Before {
        let read = bytes.get(from..at).unwrap_or_default();
        let last = read.iter().rev().find(|b| **b != b'_');
        match last.map(|b| CLASSES[usize::from(*b)]) {
            None => self.before,
            Some(Class::Word) => Before::Word,
            Some(_) => Before::Free,
        }
    }

    /// Bytes at `at`, where no placeholder begins, behind which to look on.
    fn pass(&mut self, text: &str, at: usize) -> usize {
        let Some(piece) = piece(text, at, true) else {
            return 1;
        };
        match (piece.symbol, piece.writing) {
            (Symbol::Letter(_), _) => self.before = Before::Word,
            (Symbol::Underscore, _) => {}
            // The backslash may be the text's, and the bracket a placeholder's.
            (Symbol::Open(_), Writing::Backslashes(_)) => {
                self.before = Before::Free;
                return 1;
            }
            _ => self.before = Before::Free,
        }
        piece.length
    }

    fn release(&mut self, text: &str, out: &mut String) {
        self.depth.read(text);
        out.push_str(text);
    }

    fn value(&mut self, value: Entry<'_>, writing: Writing, arguments: bool, out: &mut String) {
        let open = self.depth.open();
        let encode: Option<fn(&str) -> String> = match writing {
            Writing::Percent => Some(percent_encode),
            Writing::Reference => Some(reference),
            Writing::Plain | Writing::Backslashes(_) => None,
        };
        if self.depth.is_bare(arguments) {
            let text = json::unescape(value.text, value.depth);
            match json::is_number(&text) {
                true => out.push_str(&text),
                false => out.push_str(&json::escape(&json::quote(&text), open)),
            }
        } else {
            match encode {
                None => out.push_str(&json::fit(value.text, value.depth, open)),
                Some(encode) => {
                    let text = encode(&json::unescape(value.text, value.depth));
                    out.push_str(&json::escape(&text, open));
                }
            }
        }
        self.depth.skip_value();
    }
}

/// True if a bracket or escape that begins with `b` and goes on with `rest` may matter: false at a
/// glance for most.
fn may_dress(vault: &Vault, b: u8, rest: &[u8]) -> bool {
    let Some(&next) = rest.first() else {
        return true;
    };
    match (b, next) {
        (b'\\', _) => true,
        (b'%', _) => next.is_ascii_hexdigit(),
        (b'&', _) => next == b'#' || next.is_ascii_alphabetic(),
        // One parenthesis goes with no placeholder.
        (b'(', _) if next.is_ascii_alphanumeric() => false,
        _ => match CLASSES[usize::from(next)] {
            Class::Word => vault.may_begin(rest),
            Class::Nothing => {
                !next.is_ascii() || next.is_ascii_whitespace() || matches!(next, b'*' | b'`' | b'~')
            }
            Class::Underscore | Class::Dress | Class::Lead => true,
        },
    }
}

/// The value as an address needs it: what RFC 3986 reserves is percent-encoded, but for `@` and
/// `:`, which mean nothing behind the host (§3.3).
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for b in text.bytes() {
        match b {
            b'-' | b'.' | b'_' | b'~' | b'@' | b':' => out.push(char::from(b)),
            _ if b.is_ascii_alphanumeric() => out.push(char::from(b)),
            _ => {
                out.push('%');
                for digit in [b >> 4, b & 15] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                    out.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    out
}

/// The value as the text of HTML needs it.
fn reference(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod properties;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
