//! Sentences that say a secret: `my password is hunter2!`, `a senha do banco é …`, `the token for
//! staging: …`.

use super::name::{Class, Found};
use super::value::{self, Place};
use super::{Span, span};
use crate::detect::text::{before, byte};

/// Words that join a noun and its value, in English, Portuguese, Spanish, German and French.
#[rustfmt::skip] // a table
const COPULAS: &[&str] = &["is", "was", "=", "are", "é", "es", "ist", "lautet", "est", "era", "será", "becomes", "will", "now", "be", "to", "wie", "is:", "é:", "es:", "ist:", "est:", "lautet:", "->", "→", "→:", "fica", "ficou", "war", "sera", "\\u00e9", "heißt"];
/// Bytes between the noun and its value.
const REACH: usize = 72;
/// Words between them.
const WORDS: usize = 7;

/// The value that the sentence behind a name says. `at` is behind the space.
pub(super) fn said(bytes: &[u8], name: &Found, at: usize) -> Option<Span> {
    // `pass` is a verb.
    if name.class == Class::Weak
        || name.end - name.start == 4
            && name.class == Class::Password
            && byte(bytes, name.end - 1) | 0x20 == b's'
        || before(bytes, at, 1) != b' '
    {
        return None;
    }
    if let Some(found) = used(bytes, name, at) {
        return Some(found);
    }
    let (mut next, mut words) = (at, 0);
    while words < WORDS && next - at < REACH {
        let mut end = next;
        while end - next < 32 && !matches!(byte(bytes, end), 0..=b' ' | b'"' | b'\'' | b'`' | b'(')
        {
            end += 1;
        }
        let word = bytes.get(next..end)?;
        let joins = word.len() <= 7
            && COPULAS
                .iter()
                .any(|copula| word.eq_ignore_ascii_case(copula.as_bytes()));
        let colon = word.len() > 1 && word.ends_with(b":");
        if word.is_empty()
            || !joins
                && !colon
                && !word.iter().all(|b| {
                    b.is_ascii_alphabetic()
                        || *b >= 0x80
                        || matches!(b, b'-' | b'\'' | b'@' | b'.' | b'_' | b'/')
                })
        {
            return None;
        }
        if byte(bytes, end) != b' ' && !(joins || colon) {
            return None;
        }
        let mut behind = end;
        while behind - end < 3 && matches!(byte(bytes, behind), b' ' | b'\t') {
            behind += 1;
        }
        if (joins || colon)
            && behind > end
            && let Some(found) = value_at(bytes, behind, name)
        {
            return Some(found);
        }
        if behind == end || word.ends_with(b".") {
            return None;
        }
        next = behind;
        words += 1;
    }
    None
}

/// `with password v`: the value right behind the noun, where the word before it says that the noun
/// is a value's name. It must look like nothing else.
fn used(bytes: &[u8], name: &Found, at: usize) -> Option<Span> {
    let head = bytes
        .get(name.start.saturating_sub(8)..name.start)?
        .strip_suffix(b" ")?;
    let word = head.rsplit(|b| !b.is_ascii_alphabetic()).next()?;
    let uses = [
        b"with".as_slice(),
        b"use",
        b"using",
        b"and",
        b"con",
        b"com",
        b"mit",
        b"avec",
        b"und",
        b"et",
        b"y",
        b"e",
    ];
    if !name.alone || !uses.iter().any(|use_| word.eq_ignore_ascii_case(use_)) {
        return None;
    }
    let found = value_at(bytes, at, name)?;
    let value = bytes.get(found.start..found.end)?;
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && value.len() >= 8;
    let odd = has(|b| !b.is_ascii_alphanumeric())
        || has(u8::is_ascii_lowercase) && super::makeup::Makeup::of(value).surprises(28);
    (mixed && odd).then_some(found)
}

fn value_at(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let quote = byte(bytes, at);
    let quoted =
        matches!(quote, b'"' | b'\'' | b'`') || quote == b'*' && byte(bytes, at + 1) == b'*';
    let mut start = at;
    while start - at < 3 && matches!(byte(bytes, start), b'"' | b'\'' | b'`' | b'*' | b'(')
        || bytes.get(start..start + 3) == Some("“".as_bytes())
    {
        start += if byte(bytes, start) < 0x80 { 1 } else { 3 };
    }
    let mut end = start;
    while end - start < 256 {
        let b = byte(bytes, end);
        if b <= b' '
            || quoted && b == quote
            || matches!(b, b'"' | b'`' | b'<')
            || matches!(
                bytes.get(end..end + 3),
                Some(b"\xe2\x80\x9d" | b"\xe2\x80\x99")
            )
            || b == b'\\' && matches!(byte(bytes, end + 1), b'n' | b'"' | b'r' | b't' | b'\\')
        {
            break;
        }
        end += 1;
    }
    while end > start
        && matches!(
            before(bytes, end, 1),
            b'.' | b',' | b';' | b':' | b')' | b'\'' | b'*'
        )
        || end > start + 5 && matches!(before(bytes, end, 1), b'?')
    {
        end -= 1;
    }
    // Exclamation marks that only end the sentence look like those of the value: they go along.
    let value = bytes.get(start..end)?;
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let spoken = name.class == Class::Password
        && (digits > 0 && value.iter().any(u8::is_ascii_alphabetic)
            || quoted
            || digits >= 4 && digits == value.len()
            || value
                .iter()
                .any(|b| matches!(b, b'!' | b'@' | b'#' | b'$' | b'%' | b'&' | b'*')));
    let place = if quoted { Place::Quoted } else { Place::Prose };
    let date = value
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b'/' | b'-' | b'.' | b':' | b'%'))
        && digits < value.len();
    let code = value.iter().any(|b| matches!(b, b'(' | b'{' | b'[')) && !quoted;
    (!date
        && !code
        && (spoken || name.class == Class::Token)
        && value::is_secret(value, name.class, place))
    .then(|| span(start, end))?
}
