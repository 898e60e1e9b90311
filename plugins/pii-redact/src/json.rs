//! The little of JSON that putting values into its strings needs: how deep a place is quoted, and escapes.

/// How many strings, one inside the other, are open where the text has come to.
///
/// In `{"a":"{\"b\":\"` it is two: a quote behind no backslash opens the first, one behind a single backslash the second, behind three the third.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    open: u32,
    backslashes: u32,
}

impl Depth {
    /// Goes on over more text.
    pub fn read(&mut self, text: &str) {
        for b in text.bytes() {
            match b {
                b'\\' => self.backslashes = (self.backslashes + 1).min(64),
                b'"' => {
                    let level = match self.backslashes {
                        0 => Some(1),
                        1 => Some(2),
                        3 => Some(3),
                        7 => Some(4),
                        _ => None, // an escaped quote that is no border
                    };
                    if let Some(level) = level {
                        self.open = if level <= self.open {
                            level - 1
                        } else if level == self.open + 1 {
                            level
                        } else {
                            self.open
                        };
                    }
                    self.backslashes = 0;
                }
                _ => self.backslashes = 0,
            }
        }
    }

    /// Open strings: 0 outside of any.
    pub const fn open(self) -> u32 {
        self.open
    }
}

/// Escapes a text for as many strings around it.
pub fn escape(text: &str, depth: u32) -> String {
    let mut escaped = text.to_owned();
    for _ in 0..depth {
        if !escaped
            .bytes()
            .any(|b| matches!(b, b'"' | b'\\') || b < b' ')
        {
            break;
        }
        let mut next = String::with_capacity(escaped.len() + 16);
        for c in escaped.chars() {
            match c {
                '"' => next.push_str("\\\""),
                '\\' => next.push_str("\\\\"),
                '\n' => next.push_str("\\n"),
                '\r' => next.push_str("\\r"),
                '\t' => next.push_str("\\t"),
                c if c < ' ' => {
                    next.push_str("\\u00");
                    next.push(if c as u32 >= 16 { '1' } else { '0' });
                    next.extend(char::from_digit(c as u32 & 15, 16));
                }
                c => next.push(c),
            }
        }
        escaped = next;
    }
    escaped
}

/// Resolves JSON escapes, as many times as strings stood around the text. What is no escape stays as it is.
pub fn unescape(text: &str, depth: u32) -> String {
    let mut text = text.to_owned();
    for _ in 0..depth {
        if !text.contains('\\') {
            break;
        }
        text = unescape_once(&text);
    }
    text
}

/// Fits a text that was written inside `from` strings into `to` strings. A text with bare line breaks or quotes was written between
/// quotes that are not JSON's; it is escaped once at least, so that the JSON around it stays whole.
pub fn fit(text: &str, from: u32, to: u32) -> String {
    let bare = needs_care(text) && !is_escaped(text);
    if bare {
        escape(text, to.saturating_sub(from).max(to.min(1)))
    } else if to >= from {
        escape(text, to - from)
    } else {
        unescape(text, from - to)
    }
}

/// Whether a text reads otherwise inside a JSON string than outside.
pub fn needs_care(text: &str) -> bool {
    text.bytes().any(|b| b < b' ' || matches!(b, b'"' | b'\\'))
}

/// Whether a text can be the inside of a JSON string: it holds escapes, and nothing that would have to be one.
pub fn is_escaped(text: &str) -> bool {
    let mut backslashes = 0;
    let inside = text.bytes().all(|b| {
        let bare = b < b' ' || b == b'"' && backslashes == 0;
        backslashes = if b == b'\\' { backslashes + 1 } else { 0 };
        !bare
    });
    inside && text.contains('\\')
}

fn unescape_once(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        let simple = match chars.next() {
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some(c @ ('"' | '\\' | '/')) => Some(c),
            _ => None,
        };
        if let Some(c) = simple {
            out.push(c);
            rest = chars.as_str();
            continue;
        }
        let unit = |s: &str| {
            s.strip_prefix('u')
                .and_then(|s| s.get(..4))
                .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        };
        let (code, length) = match unit(rest) {
            Some(high @ 0xd800..0xdc00) => match rest
                .get(5..)
                .and_then(|s| s.strip_prefix('\\'))
                .and_then(unit)
            {
                Some(low @ 0xdc00..0xe000) => {
                    (Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 11)
                }
                _ => (None, 0),
            },
            Some(code) => (Some(code), 5),
            None => (None, 0),
        };
        match code.and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => out.push('\\'),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(text: &str) -> u32 {
        let mut depth = Depth::default();
        depth.read(text);
        depth.open()
    }

    #[test]
    fn quotes_behind_backslashes_open_and_close_inner_strings() {
        assert_eq!(depth(r#"{"a":1,"b":"#), 0);
        assert_eq!(depth(r#"{"a":"x"#), 1);
        assert_eq!(depth(r#"{"a":"he said \"hi\" to "#), 1);
        assert_eq!(depth(r#"{"a":"{\"b\":\""#), 2);
        assert_eq!(depth(r#"{"a":"{\"b\":\"{\\\"c\\\":\\\""#), 3);
        assert_eq!(depth(r#"{"a":"{\"b\":\"x\"}","c":""#), 1);
    }

    #[test]
    fn what_is_escaped_is_unescaped_to_itself_at_every_depth() {
        let text = "a \"b\" \\ c\n\u{1}é😀";
        for depth in 0..4 {
            assert_eq!(unescape(&escape(text, depth), depth), text);
        }
        assert_eq!(
            unescape(r"ana\u0040x \ud83d\ude00 \q \u12", 1),
            r"ana@x 😀 \q \u12"
        );
    }
}
