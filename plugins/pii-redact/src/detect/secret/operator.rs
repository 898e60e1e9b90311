//! Operators between a name and its value in an assignment: `=`, `:`, `:=`, a type.

use super::name::Found;
use super::read::{self, blanks, is_quote, literal, quote_at, space};
use super::value::Place;
use super::{Span, run};
use crate::detect::text::{before, byte};

/// The value behind the operator that begins at `at`, blanks before it included.
pub(super) fn assigned(bytes: &[u8], at: usize, name: &Found) -> Option<Span> {
    let start = blanks(bytes, at);
    let mut end = run(bytes, start, 4, |b| {
        matches!(
            b,
            b'=' | b':' | b'?' | b'+' | b'|' | b'.' | b'<' | b'-' | b'>'
        )
    });
    let operator = bytes.get(start..end)?;
    let operator = match operator {
        [b'=' | b':', b'-' | b'.' | b'<' | b'+', ..] => operator.get(..1)?,
        [b'=' | b':', b'=', b'-' | b'.' | b'+'] => operator.get(..2)?,
        _ => operator,
    };
    end = start + operator.len();
    let only_quoted = match operator {
        b"=" | b":" | b":=" | b"::=" | b":::=" | b"?=" | b"??=" | b"||=" | b"|=" | b"=>"
        | b"->" | b"<-" | b".=" | b"+=" | b":-" | b"?:" => false,
        // A row of a table.
        b"|" if before(bytes, start, 1) == b' ' && byte(bytes, end) == b' ' => false,
        b"==" | b"===" | b"!==" | b"::" | b"||" | b"??" => true,
        _ => return None,
    };
    if operator == b":" && bytes.get(end..end + 2) == Some(b"//") {
        return None;
    }
    let mut from = blanks(bytes, end);
    let tight = from == at + operator.len() && operator == b"=";
    if operator == b":" && !is_quote(byte(bytes, from)) {
        if let Some(equals) = type_end(bytes, from) {
            from = blanks(bytes, equals + 1);
            return literal(bytes, from, name, Place::Quoted);
        }
        from = block_scalar(bytes, from);
    }
    if byte(bytes, from) == b'[' || (byte(bytes, from) == b'{' && byte(bytes, from + 1) == b'"') {
        from = space(bytes, from + 1);
        return literal(bytes, from, name, Place::Quoted);
    }
    if let Some(found) = literal(bytes, from, name, Place::Quoted) {
        return Some(found);
    }
    if only_quoted || quote_at(bytes, from).is_some() {
        return None;
    }
    read::bare(
        bytes,
        from,
        name,
        if tight { Place::Tight } else { Place::Loose },
        operator == b":",
    )
}

/// The `=` behind a type: `name: &'static str = "v"`.
fn type_end(bytes: &[u8], at: usize) -> Option<usize> {
    let end = run(bytes, at, 40, |b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'<' | b'>'
                    | b'&'
                    | b'\''
                    | b' '
                    | b'_'
                    | b'?'
                    | b'.'
                    | b'['
                    | b']'
                    | b':'
                    | b'*'
                    | b'|'
            )
    });
    (end > at
        && byte(bytes, end) == b'='
        && matches!(byte(bytes, end + 1), b' ' | b'"' | b'\'')
        && before(bytes, end, 1) == b' ')
        .then_some(end)
}

/// One past YAML's sign of a block, its line break and the blanks behind it.
fn block_scalar(bytes: &[u8], at: usize) -> usize {
    if !matches!(byte(bytes, at), b'|' | b'>') {
        return at;
    }
    let end = run(bytes, at, 3, |b| matches!(b, b'|' | b'>' | b'-' | b'+'));
    let next = space(bytes, end);
    if next > blanks(bytes, end) { next } else { at }
}
