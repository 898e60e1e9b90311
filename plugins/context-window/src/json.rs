//! As much of JSON as it takes to walk a conversation without copying it: values are ranges of the text that holds them.
//!
//! The host hands out valid JSON, so nothing is checked here; what is malformed all the same ends a walk early and breaks nothing.

use std::{borrow::Cow, ops::Range};

/// The elements of an array, or the members of an object.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// Walks the array or object at `range`.
    pub fn new(json: &'a str, range: &Range<usize>) -> Self {
        Self {
            json: json.get(..range.end).unwrap_or_default(),
            at: range.start + 1,
        }
    }

    /// The next element of an array.
    pub fn element(&mut self) -> Option<Range<usize>> {
        self.blank();
        let start = self.at;
        if matches!(self.json.as_bytes().get(start), None | Some(b']' | b'}')) {
            return None;
        }
        self.at = end(self.json.as_bytes(), start);
        Some(start..self.at)
    }

    /// The next member of an object: its key as it is written, and its value.
    pub fn member(&mut self) -> Option<(&'a str, Range<usize>)> {
        let key = self.element()?;
        let key = self.json.get(key.start + 1..key.end.checked_sub(1)?)?;
        Some((key, self.element()?))
    }

    /// Passes over white space and what stands between values.
    fn blank(&mut self) {
        let rest = self.json.as_bytes().get(self.at..).unwrap_or_default();
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':'));
        self.at += blank.count();
    }
}

/// The kind of value that begins at `at`, by its first byte.
pub fn first(json: &str, at: usize) -> u8 {
    json.as_bytes().get(at).copied().unwrap_or(0)
}

/// Where the value ends that begins at `at`; always behind it.
fn end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => {
            let (mut depth, mut at) = (0_usize, at);
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => {
                        at = string_end(bytes, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break;
                }
            }
            at
        }
        _ => {
            let rest = bytes.get(at + 1..).unwrap_or_default();
            let more = rest.iter().take_while(|byte| {
                !matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n')
            });
            at + 1 + more.count()
        }
    }
}

/// Where the string ends that begins at `at`, quotes included.
pub fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The text of a literal, quotes included in what is given.
pub fn decode(literal: &str) -> Cow<'_, str> {
    let inside = literal
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default();
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut chars = after.chars();
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let (c, length) = escaped(chars.as_str());
                out.push(c);
                rest = chars.as_str().get(length..).unwrap_or_default();
                continue;
            }
            Some(c) => out.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character behind `\u`, and how many bytes it takes. A lone surrogate is the character for those.
fn escaped(text: &str) -> (char, usize) {
    let unit = |text: &str| {
        text.get(..4)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
    };
    let Some(high) = unit(text) else {
        return (char::REPLACEMENT_CHARACTER, 0);
    };
    if (0xd800..0xdc00).contains(&high)
        && let Some(low @ 0xdc00..0xe000) = text
            .get(4..)
            .and_then(|rest| rest.strip_prefix("\\u"))
            .and_then(unit)
    {
        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return (
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
            10,
        );
    }
    (
        char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER),
        4,
    )
}

/// A text as a literal.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                out.push_str(if c < '\u{10}' { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(c as u32 & 15, 16));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_and_elements_are_found_whatever_stands_in_strings() {
        let json = r#" {"a" : [1, "x,]}\"" , {"b":null}], "c":-1.5e3 }"#;
        let mut walk = Walk::new(json, &(1..json.len()));
        let (key, value) = walk.member().unwrap();
        assert_eq!(key, "a");
        let mut list = Walk::new(json, &value);
        let elements: Vec<&str> = std::iter::from_fn(|| list.element())
            .map(|range| &json[range])
            .collect();
        assert_eq!(elements, ["1", r#""x,]}\"""#, r#"{"b":null}"#]);
        assert_eq!(
            walk.member().map(|(key, value)| (key, &json[value])),
            Some(("c", "-1.5e3"))
        );
        assert_eq!(walk.member(), None);
    }

    proptest! {
        #[test]
        fn literals_are_read_and_written_as_serde_json_does(text in any::<String>()) {
            let literal = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(decode(&literal), text.as_str());
            prop_assert_eq!(serde_json::from_str::<String>(&quote(&text)).unwrap(), text.as_str());
            let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            let literal = format!("\"{ascii}\"");
            prop_assert_eq!(decode(&literal), text.as_str());
        }

        #[test]
        fn what_is_no_json_breaks_nothing(text in "[\\[\\]{}\",:\\\\a é]{0,20}") {
            let mut walk = Walk::new(&text, &(0..text.len()));
            while walk.member().is_some() {}
            let _ = decode(&text);
        }
    }
}
