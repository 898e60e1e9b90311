//! JSON as it is written: enough to walk it without copying it. Values are ranges of the text that
//! holds them.
//!
//! Nothing is checked: the proxy hands out valid JSON
//! ([`Request::parameter_json`](crate::Request::parameter_json)), and what is malformed all the
//! same ends a walk early and breaks nothing. For values that are needed as a whole there is serde.
//!
//! ```
//! use outrigger_sdk::json::{Walk, decode, depth, end, escape, first, quote};
//!
//! let source = r#"{"kind":"a\u0062","list":[1, {"x":null}]}"#;
//! let mut members = Walk::new(source, &(0..source.len()));
//! while let Some((key, value)) = members.member() {
//!     match key {
//!         "kind" => assert_eq!(decode(&source[value]), "ab"),
//!         "list" => {
//!             assert_eq!(end(source.as_bytes(), value.start), value.end);
//!             let mut list = Walk::new(source, &value);
//!             let second = list.element().and_then(|_| list.element()).unwrap();
//!             assert_eq!(first(source, second.start), b'{');
//!         }
//!         other => panic!("{other}"),
//!     }
//! }
//! assert_eq!(depth(source), 3);
//!
//! // Writing: a whole literal, or what goes inside of one.
//! let mut inside = String::new();
//! escape("a\"b", &mut inside);
//! assert_eq!(quote("a\"b"), format!("\"{inside}\""));
//!
//! // Pieces: a key as it is written, an escape, the end of a string.
//! use outrigger_sdk::json::{decode_inside, string_end, unescape};
//! assert_eq!(decode_inside(r"a\tb"), "a\tb");
//! assert_eq!(unescape("u0041!"), Some(('A', 5)));
//! assert_eq!(string_end(br#""a\"b" c"#, 0), 6);
//! ```

use std::{borrow::Cow, ops::Range};

/// An iteration over the elements of an array, or the members of an object.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    /// Begins at the array or object at `range`.
    #[must_use]
    pub fn new(json: &'a str, range: &Range<usize>) -> Self {
        Self {
            json: json.get(..range.end).unwrap_or_default(),
            at: range.start + 1,
        }
    }

    /// Returns the next element of an array.
    pub fn element(&mut self) -> Option<Range<usize>> {
        self.blank();
        let start = self.at;
        if matches!(self.json.as_bytes().get(start), None | Some(b']' | b'}')) {
            return None;
        }
        self.at = end(self.json.as_bytes(), start);
        Some(start..self.at)
    }

    /// Returns the next member of an object: its key as it is written, without the quotes, and its
    /// value.
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

/// Returns the first byte of the value at `at`, which says of what kind it is; 0 where there is
/// none.
#[must_use]
pub fn first(json: &str, at: usize) -> u8 {
    json.as_bytes().get(at).copied().unwrap_or(0)
}

/// Returns the end of the value that begins at `at`; always behind it.
#[must_use]
pub fn end(bytes: &[u8], at: usize) -> usize {
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

/// Returns the end of the string that begins at `at`, behind its last quote.
#[must_use]
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

/// Counts the levels of nested arrays and objects, however many there are.
#[must_use]
pub fn depth(json: &str) -> u64 {
    let bytes = json.as_bytes();
    let (mut depth, mut deepest, mut at) = (0_u64, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Decodes a string that is given with its quotes.
#[must_use]
pub fn decode(literal: &str) -> Cow<'_, str> {
    let inside = literal
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    decode_inside(inside.unwrap_or_default())
}

/// Decodes what stands between the quotes of a string, as a key is returned by [`Walk::member`]. A
/// lone surrogate becomes U+FFFD.
#[must_use]
pub fn decode_inside(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut out = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (c, length) = unescape(after).unwrap_or((char::REPLACEMENT_CHARACTER, 5));
        out.push(c);
        rest = after.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Reads the escape that follows a backslash: its character, and the bytes that it takes. `None`
/// where none follows; a lone surrogate is none.
#[must_use]
pub fn unescape(text: &str) -> Option<(char, usize)> {
    let (first, rest) = text.as_bytes().split_first()?;
    let c = match first {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return code_point(rest),
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        _ => return None,
    };
    Some((c, 1))
}

/// Reads the digits behind `\u`, and the second half of a surrogate pair where the first one needs
/// it.
fn code_point(digits: &[u8]) -> Option<(char, usize)> {
    let high = unit(digits)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 5));
    }
    let low = unit(digits.get(4..)?.strip_prefix(b"\\u")?)?.checked_sub(0xdc00)?;
    let code = 0x10000 + ((high - 0xd800) << 10) + low;
    (low < 0x400).then_some((char::from_u32(code)?, 11))
}

fn unit(digits: &[u8]) -> Option<u32> {
    let mut digits = digits.get(..4)?.iter();
    digits.try_fold(0, |unit, byte| {
        Some(unit << 4 | char::from(*byte).to_digit(16)?)
    })
}

/// Writes a text as a string, with its quotes.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    out.push('"');
    escape(text, &mut out);
    out.push('"');
    out
}

/// Writes the inside of a string that decodes to `text`.
pub fn escape(text: &str, out: &mut String) {
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

    #[test]
    fn levels_are_counted_outside_of_strings() {
        for (json, deep) in [
            ("1", 0),
            ("{}", 1),
            (r#"{"a":[{"b":1}],"c":[]}"#, 3),
            (r#"["[[[", "\"[[", "\\"]"#, 1),
        ] {
            assert_eq!(depth(json), deep, "{json}");
        }
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
