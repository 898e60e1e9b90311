//! Readings of a value that need no walk: its kind, its content, its likeness to numbers or base64.

use std::{borrow::Cow, ops::Range};

use super::Walked;
use crate::{
    Malformed,
    describe::shape::{Exempt, Level, Rule, is_base64},
    json::{Cursor, Key, Kind, Text},
};

pub(super) fn key_text(key: &Key<'_>) -> Text {
    Text {
        range: key.range(),
        escaped: key.is_escaped(),
    }
}

/// The content of a literal, unescaped: escapes must not change whether it looks like a word or
/// like base64.
pub(super) fn content<'a>(bytes: &'a [u8], text: &Text) -> Cow<'a, [u8]> {
    match text.escaped {
        true => Cow::Owned(text.decode(bytes).into_owned().into_bytes()),
        false => Cow::Borrowed(inside(bytes, &text.range)),
    }
}

/// The kind of content in a `data:` URL whose media type is no image: the member around it does not
/// decide then.
pub(super) fn url_kind(url: &[u8]) -> Option<Exempt> {
    let is = |name: &[u8]| {
        let start = url.get(5..5 + name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    match url.get(..5)?.eq_ignore_ascii_case(b"data:") && !is(b"image/") {
        true if is(b"audio/") => Some(Exempt::Audio),
        true => Some(Exempt::File),
        false => None,
    }
}

/// Reports whether all strings of a value look like base64.
pub(super) fn holds_no_text(source: &[u8]) -> bool {
    let mut done = 0;
    while let Some(at) = memchr::memchr(b'"', source.get(done..).unwrap_or_default()) {
        match Cursor::starting(source, done + at).text() {
            Ok(text) if is_base64(&content(source, &text)) => done = text.range.end,
            _ => return false,
        }
    }
    true
}

/// The source between the quotes of a literal; all of another value.
pub(super) fn inside<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    let all = bytes.get(range.clone()).unwrap_or_default();
    match all {
        [b'"', inside @ .., b'"'] => inside,
        all => all,
    }
}

/// Reports whether a value that is no list of messages makes the whole request none.
pub(super) fn is_conversation(rule: &Rule) -> bool {
    matches!(rule, Rule::List(Level::Message, _))
}

/// Reports whether the next value is a number, or lists of nothing but numbers, three deep at most.
/// Ends at the first value that is none.
pub(super) fn is_numbers(cursor: &Cursor<'_>) -> bool {
    fn look(cursor: &mut Cursor<'_>, depth: u8) -> Walked {
        match cursor.kind()? {
            Kind::Number => cursor.skip().map(drop),
            Kind::Array if depth < 3 => cursor.array(|_, value| look(value, depth + 1)),
            Kind::Object | Kind::Array | Kind::String | Kind::Boolean | Kind::Null => {
                Err(Malformed::new("a number is expected", cursor.at()))
            }
        }
    }
    let mut cursor = *cursor;
    let start = cursor.at();
    let is_list = cursor.kind() == Ok(Kind::Array);
    look(&mut cursor, 0).is_ok() && (!is_list || cursor.at() > start + 2)
}

/// Reports whether a rule takes a value of this kind.
pub(crate) fn takes(rule: &Rule, kind: Kind) -> bool {
    match rule {
        Rule::Text(_)
        | Rule::Word
        | Rule::Model
        | Rule::Media(_)
        | Rule::AnyMedia
        | Rule::Reference(_)
        | Rule::MediaType => kind == Kind::String,
        Rule::Json(_) => true,
        Rule::Plain => matches!(kind, Kind::Number | Kind::Boolean | Kind::Null),
        Rule::Opaque(_) => matches!(kind, Kind::String | Kind::Object | Kind::Array),
        Rule::Signature | Rule::Signed => kind == Kind::String,
        Rule::Numbers => matches!(kind, Kind::Number | Kind::Array),
        Rule::Tag => matches!(kind, Kind::String | Kind::Boolean),
        Rule::Object(_) | Rule::Document(_) | Rule::Map(_) => kind == Kind::Object,
        Rule::List(..) => kind == Kind::Array,
        Rule::OneOf(rules) => rules.iter().any(|rule| takes(rule, kind)),
        Rule::First(rule)
        | Rule::As(_, rule)
        | Rule::Always(_, rule)
        | Rule::Same(rule)
        | Rule::Counted(_, rule)
        | Rule::Definition(rule) => takes(rule, kind),
    }
}
