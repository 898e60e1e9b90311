//! The forms in which languages and formats assign a value to a name: where the value begins, and
//! what ends it.
//!
//! `name = "v"`, `:=`, `?=`, `=>`, `name: string = "v"`, `["name"] = "v"`, `set("name", "v")`,
//! `name("v")`, `--name v`, `<name>v</name>`, `key="name" value="v"`, `"name": "n", "value": "v"`,
//! `IDENTIFIED BY 'v'`, `name is v`.

use super::name::Found;
use super::operator::assigned;
use super::read::{bare, blanks, element, is_quote, literal, quote_at, space};
use super::value::Place;
use super::{Span, command, prose, run};
use crate::detect::text::{before, byte};

/// The value that is assigned to a name.
pub(super) fn value_of(bytes: &[u8], name: &Found) -> Option<Span> {
    let opened = opening(bytes, name.start);
    let closed = run(bytes, name.end, 10, |b| {
        is_quote(b) || matches!(b, b'\\' | b']' | b')' | b'*')
    });
    let mut at = closed;
    if closed > name.end
        && byte(bytes, at - 1) == b'\\'
        && matches!(byte(bytes, at), b'n' | b'r' | b't')
    {
        at -= 1; // the backslash of a line break
    }
    let quoted = (name.end..at).any(|at| is_quote(byte(bytes, at)));
    let behind = blanks(bytes, at);
    match byte(bytes, behind) {
        b'=' | b':' | b'?' | b'+' | b'|' | b'.' | b'<' | b'-' | b'>' => {
            if opened == Opening::Tag && byte(bytes, at) == b'>' {
                return element(bytes, at + 1, name);
            }
            if let Some(span) = assigned(bytes, at, name) {
                return Some(span);
            }
            if byte(bytes, behind) == b'>' || byte(bytes, behind) == b'<' {
                return paired(bytes, behind, name).or_else(|| {
                    (quoted && byte(bytes, behind) == b'>')
                        .then(|| element(bytes, behind + 1, name))?
                });
            }
            None
        }
        b',' if quoted => {
            let next = space(bytes, behind + 1);
            literal(bytes, next, name, Place::Quoted).or_else(|| paired(bytes, behind, name))
        }
        b'(' if !quoted => literal(bytes, blanks(bytes, behind + 1), name, Place::Quoted),
        b'/' | b'v' | b'V' | b',' | b'\n' | b'\r' | b'\\' | b'{'
            if quoted || pairs(bytes, name.start) =>
        {
            paired(bytes, behind, name)
        }
        _ if behind > at || opened == Opening::Flag => spaced(bytes, name, opened, behind),
        _ => None,
    }
}

/// The text before a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// `<name`
    Tag,
    /// `--name`, `-name`
    Flag,
    Other,
}

fn opening(bytes: &[u8], start: usize) -> Opening {
    match (before(bytes, start, 1), before(bytes, start, 2)) {
        (b'<', _) | (b':', b'a'..=b'z')
            if (1..=24).find_map(|back| match before(bytes, start, back) {
                b'<' => Some(true),
                b'a'..=b'z' | b':' => None,
                _ => Some(false),
            }) == Some(true) =>
        {
            Opening::Tag
        }
        (b'-', b' ' | b'-' | b'"' | b'\'' | 0 | b'\n' | b',' | b'[') => Opening::Flag,
        // Docker's `ENV name value`, and shells that set so.
        (b' ', b'V' | b'v') if is_command(bytes, start) => Opening::Flag,
        _ => Opening::Other,
    }
}

/// True for `ENV ` or `setenv ` at the beginning of a line that the name at `start` is on.
fn is_command(bytes: &[u8], start: usize) -> bool {
    let head = bytes.get(..start).unwrap_or_default();
    [b"ENV ".as_slice(), b"setenv ", b"SetEnv "]
        .iter()
        .any(|command| {
            head.strip_suffix(*command).is_some_and(|head| {
                head.last()
                    .is_none_or(|b| matches!(b, b'\n' | b' ' | b'\t'))
            })
        })
}

/// True if the name is itself a value: of `name:` or `key=`, so that its own value may be the next one.
fn pairs(bytes: &[u8], start: usize) -> bool {
    let mut at = start;
    while start - at < 6 && matches!(before(bytes, at, 1), b' ' | b'"' | b'\'' | b'\\') {
        at -= 1;
    }
    if !matches!(before(bytes, at, 1), b':' | b'=') {
        return false;
    }
    let ends = |word: &[u8]| {
        bytes.get(..at - 1).is_some_and(|head| {
            let head = head.strip_suffix(b"\"").unwrap_or(head);
            let head = head.strip_suffix(b"\\").unwrap_or(head);
            head.len() >= word.len()
                && head
                    .get(head.len() - word.len()..)
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(word))
        })
    };
    ends(b"name") || ends(b"key") || ends(b"Variable")
}

/// Names of the place where the value of a pair stands.
const VALUES: &[&[u8]] = &[
    b"value",
    b"val",
    b"string",
    b"default",
    b"content",
    b"secret",
    b"stringvalue",
    b"defaultvalue",
    b"plaintext",
];

/// The value of a pair, of whose first half the name was the value: `"name": "n", "value": "v"`.
fn paired(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let mut next = at;
    // The end of the first half: quotes, a comma, a closing tag.
    for _ in 0..4 {
        next = space(bytes, next);
        match byte(bytes, next) {
            b',' | b';' | b'>' | b'"' | b'\'' | b'-' | b'{' => next += 1,
            b'<' | b'/' => {
                next += 1;
                if before(bytes, next, 1) == b'/' || byte(bytes, next) == b'/' {
                    next = run(bytes, next, 40, |b| b != b'>' && b != b'\n');
                    if byte(bytes, next) != b'>' {
                        return None;
                    }
                    next += 1;
                }
            }
            _ => {}
        }
        let word = run(bytes, next, 8, |b| is_quote(b) || b == b'\\');
        let end = run(bytes, word, 16, |b| b.is_ascii_alphanumeric() || b == b'_');
        if end == word {
            continue;
        }
        let found = bytes.get(word..end)?;
        if !VALUES.iter().any(|value| found.eq_ignore_ascii_case(value)) {
            return None;
        }
        let close = run(bytes, end, 8, |b| is_quote(b) || b == b'\\');
        return match byte(bytes, blanks(bytes, close)) {
            b'>' => element(bytes, blanks(bytes, close) + 1, name),
            b':' | b'=' => assigned(bytes, close, name),
            _ => None,
        };
    }
    None
}

/// The value behind a name and a space: a quoted value, the value of a flag, a sentence.
fn spaced(bytes: &[u8], name: &Found, opened: Opening, at: usize) -> Option<Span> {
    if opened == Opening::Flag {
        return literal(bytes, at, name, Place::Quoted)
            .or_else(|| bare(bytes, at, name, Place::Tight, false))
            .filter(|found| byte(bytes, found.start) != b'-');
    }
    if quote_at(bytes, at).is_some() && before(bytes, at, 1) == b' ' {
        // `pass` is a verb, too.
        let verb = name.end - name.start == 4 && byte(bytes, name.end - 1) | 0x20 == b's';
        return (!verb).then(|| literal(bytes, at, name, Place::Quoted))?;
    }
    // `var x string = "v"`, `password to: "v"`
    let end = run(bytes, at, 24, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'*' | b'[' | b']' | b'.')
    });
    if end > at
        && byte(bytes, end) == b' '
        && matches!(byte(bytes, end + 1), b'=')
        && byte(bytes, end + 2) == b' '
    {
        return literal(bytes, blanks(bytes, end + 2), name, Place::Quoted);
    }
    let rest = bytes.get(at..)?;
    if rest.starts_with(b"or ") {
        return literal(bytes, at + 3, name, Place::Quoted);
    }
    if before(bytes, at, 1) == b'\t' {
        let word = |b: u8| !matches!(b, b'*' | b':' | b'|' | b'<');
        return bare(bytes, at, name, Place::Loose, true)
            .filter(|found| (found.start..found.end).all(|at| word(byte(bytes, at))));
    }
    prose::said(bytes, name, at).or_else(|| command::netrc(bytes, name, at))
}
