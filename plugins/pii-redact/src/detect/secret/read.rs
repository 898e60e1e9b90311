//! Reads a value from its first byte to its end: a literal, a bare word, the text of an element.

use super::name::{Class, Found};
use super::value::{self, Place};
use super::{Span, run, span};
use crate::detect::text::{before, byte};

/// Bytes of a value that are looked at before it is taken for one.
const TASTE: usize = 64;

const LONGEST: usize = 4096;

pub(super) const fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

pub(super) const fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// One past the blanks at `at`, ten at most.
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, 10, is_blank)
}

/// One past the white space at `at`; escaped line breaks count.
pub(super) fn space(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end - at < 80 {
        match byte(bytes, end) {
            b' ' | b'\t' | b'\n' | b'\r' => end += 1,
            b'\\' if matches!(byte(bytes, end + 1), b'n' | b'r' | b't') => end += 2,
            _ => break,
        }
    }
    end
}

/// The quote of a literal that begins at `at`, with its prefix, and the backslashes before the quote.
pub(super) fn quote_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut start = at;
    if matches!(
        byte(bytes, start),
        b'r' | b'b' | b'f' | b'u' | b'L' | b'@' | b'N' | b'c'
    ) && matches!(byte(bytes, start + 1), b'"' | b'\'' | b'#')
    {
        start += 1;
    }
    if byte(bytes, start) == b'#' && byte(bytes, start + 1) == b'"' {
        start += 1;
    }
    let quote = run(bytes, start, 8, |b| b == b'\\');
    is_quote(byte(bytes, quote)).then_some((quote, quote - start))
}

/// Calls that give their literal unchanged: `Some("v")`.
const WRAPPERS: &[&[u8]] = &[
    b"Some",
    b"from",
    b"new",
    b"String",
    b"str",
    b"Secret",
    b"SecretStr",
    b"SecretString",
    b"SecureString",
    b"Password",
    b"bytes",
    b"b64decode",
    b"encode",
    b"toString",
    b"trim",
];

/// The quoted value at `at`.
pub(super) fn literal(bytes: &[u8], at: usize, name: &Found, place: Place) -> Option<Span> {
    let mut at = at;
    if byte(bytes, at).is_ascii_alphabetic() {
        let end = run(bytes, at, 32, |b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b' ')
        });
        if byte(bytes, end) == b'(' {
            let called = bytes.get(at..end)?;
            let last = called.rsplit(|b| !b.is_ascii_alphanumeric()).next()?;
            if WRAPPERS.contains(&last) {
                at = end + 1;
            }
        }
    }
    let (quote, slashes) = quote_at(bytes, at)?;
    let mark = byte(bytes, quote);
    let start = quote + 1;
    // Triple quotes.
    let start = if byte(bytes, start) == mark && byte(bytes, start + 1) == mark {
        start + 2
    } else {
        start
    };
    let ends = |at: usize| {
        let b = byte(bytes, at);
        b < b' '
            || b == mark
                && (0..=slashes)
                    .all(|back| (before(bytes, at, back + 1) == b'\\') == (back < slashes))
            || b == b'\\' && slashes == 0 && matches!(byte(bytes, at + 1), b'n' | b'r')
            || slashes > 0
                && b == b'\\'
                && run(bytes, at, 8, |b| b == b'\\') - at == slashes
                && byte(bytes, at + slashes) == mark
    };
    let start = start + scheme(bytes, start);
    let end = extent(bytes, start, name.class, place, ends)?;
    judged(bytes, start, end, name.class, place)
}

/// The end of the value at `start`. One that is long is judged by its beginning before it is gone
/// through: a text may have a name at every few bytes.
fn extent(
    bytes: &[u8],
    start: usize,
    class: Class,
    place: Place,
    ends: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut end = start;
    while end - start < TASTE && !ends(end) {
        end += 1;
    }
    if end - start == TASTE {
        judged(bytes, start, end, class, place)?;
        while end - start < LONGEST && !ends(end) {
            end += 1;
        }
    }
    Some(end)
}

fn judged(bytes: &[u8], start: usize, end: usize, class: Class, place: Place) -> Option<Span> {
    let taste = bytes.get(start..end.min(start + TASTE))?;
    value::is_secret(taste, class, place).then(|| span(start, end))?
}

/// The length of an authentication scheme, with its space: `Bearer `.
fn scheme(bytes: &[u8], at: usize) -> usize {
    let end = run(bytes, at, 12, |b| b.is_ascii_alphabetic() || b == b'-');
    let word = bytes.get(at..end).unwrap_or_default();
    let known: [&[u8]; 10] = [
        b"bearer",
        b"basic",
        b"token",
        b"api-token",
        b"apikey",
        b"bot",
        b"key",
        b"sso-key",
        b"apitoken",
        b"negotiate",
    ];
    let known = known.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    if known && byte(bytes, end) == b' ' {
        blanks(bytes, end) - at
    } else {
        0
    }
}

/// The value without quotes at `at`.
pub(super) fn bare(
    bytes: &[u8],
    at: usize,
    name: &Found,
    place: Place,
    colon: bool,
) -> Option<Span> {
    let start = at + scheme(bytes, at);
    let password = name.class == Class::Password;
    let ends = |at: usize| match byte(bytes, at) {
        0..=b' ' | b'"' | b'\'' | b'`' | b';' | b'<' | 0x7f => true,
        b'\\' => {
            !byte(bytes, at + 1).is_ascii_alphanumeric()
                || matches!(byte(bytes, at + 1), b'n' | b'r' | b't' | b'u')
        }
        b'>' | b'[' | b']' | b'{' | b'}' | b'&' | b'(' | b')' => {
            !password
                || place != Place::Tight && matches!(byte(bytes, at), b')' | b']' | b'}')
                || byte(bytes, at) == b'&' && is_parameter(bytes, at + 1)
        }
        b',' => {
            !password
                || matches!(byte(bytes, at + 1), 0..=b' ' | b'"' | b'\'')
                || is_parameter(bytes, at + 1)
        }
        _ => false,
    };
    let mut end = extent(bytes, start, name.class, place, ends)?;
    // What follows shows that this was code.
    if place == Place::Loose && matches!(byte(bytes, end), b'(' | b'[' | b'{') && end > start {
        return None;
    }
    // A bracket without its other half closes something around.
    let opens = bytes.get(start..end)?.contains(&b'(');
    let whole = end;
    while end > start
        && (matches!(before(bytes, end, 1), b'.' | b',' | b':' | b'\\')
            || !opens && before(bytes, end, 1) == b')')
    {
        end -= 1;
    }
    if whole - end >= 3 || bytes.get(end..end + 3) == Some("…".as_bytes()) {
        return None; // cut short: `ghp_a1b2…`
    }
    let taste = bytes.get(start..end.min(start + TASTE))?;
    if !colon
        && place == Place::Loose
        && byte(bytes, end) == b';'
        && value::is_identifier(taste)
        && name.class == Class::Password
    {
        return None; // `password = pw2;`
    }
    if is_screaming(taste) {
        return None;
    }
    judged(bytes, start, end, name.class, place)
}

/// `MY_TOKEN_2`: the name of a variable.
fn is_screaming(value: &[u8]) -> bool {
    value
        .iter()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
        && value.contains(&b'_')
        && value.iter().filter(|b| b.is_ascii_digit()).count() * 3 < value.len()
}

/// True for `name=` or `name:` at `at`: another parameter.
fn is_parameter(bytes: &[u8], at: usize) -> bool {
    let end = run(bytes, at, 32, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
    });
    end > at && matches!(byte(bytes, end), b'=' | b':')
}

/// The text of the element that begins at `at`.
pub(super) fn element(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let mut start = space(bytes, at);
    if bytes.get(start..)?.starts_with(b"<![CDATA[") {
        start += 9;
    }
    let mut end = run(bytes, start, LONGEST, |b| b != b'<');
    if byte(bytes, end) != b'<' {
        return None;
    }
    if before(bytes, end, 3) == b']' && before(bytes, end, 1) == b'>' {
        end -= 3;
    }
    while end > start && matches!(before(bytes, end, 1), b' ' | b'\t' | b'\n' | b'\r') {
        end -= 1;
    }
    judged(bytes, start, end, name.class, Place::Quoted)
}
