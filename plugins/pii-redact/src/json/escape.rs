//! Escapes, and numbers.

use outrigger_sdk::json;

/// True if a text is a number as JSON writes it.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (text, exponent) = match text.split_once(['e', 'E']) {
        Some((text, exponent)) => (text, exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        None => (text, "0"),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let leading = whole.len() > 1 && whole.starts_with('0');
    digits(whole) && !leading && digits(part) && digits(exponent)
}

/// Escapes a text for as many strings around it.
pub(crate) fn escape(text: &str, depth: u32) -> String {
    let mut escaped = text.to_owned();
    for _ in 0..depth {
        if !needs_care(&escaped) {
            break;
        }
        let mut next = String::with_capacity(escaped.len() + 16);
        json::escape(&escaped, &mut next);
        escaped = next;
    }
    escaped
}

/// Resolves JSON escapes, as many times as strings stood around the text. What is no escape stays
/// as it is.
pub(crate) fn unescape(text: &str, depth: u32) -> String {
    let mut text = text.to_owned();
    for _ in 0..depth {
        if !text.contains('\\') {
            break;
        }
        text = unescape_once(&text);
    }
    text
}

/// Fits a text that was written inside `from` strings into `to` strings.
pub(crate) fn fit(text: &str, from: u32, to: u32) -> String {
    match to.checked_sub(from) {
        Some(more) => escape(text, more),
        None => unescape(text, from - to),
    }
}

/// Counts the strings among the `open` ones around a text in which it was written as JSON demands.
/// A text with bare line breaks or quotes was written between quotes that are not JSON's.
pub(crate) fn written(text: &str, open: u32) -> u32 {
    if !needs_care(text) {
        return open;
    }
    let mut text = text.to_owned();
    for depth in 0..open {
        if !is_inside(&text) {
            return depth;
        }
        text = unescape_once(&text);
    }
    open
}

/// True if a text reads otherwise inside a JSON string than outside.
pub(crate) fn needs_care(text: &str) -> bool {
    text.bytes().any(|b| b < b' ' || matches!(b, b'"' | b'\\'))
}

/// True if a text can be the inside of a JSON string: whole escapes, and nothing that would have to
/// be one.
fn is_inside(text: &str) -> bool {
    let mut escaped = false;
    let inside = text.bytes().all(|b| {
        let bare = b < b' ' || b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        !bare
    });
    inside && !escaped
}

fn unescape_once(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match json::unescape(rest) {
            Some((c, length)) => {
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

    #[test]
    fn numbers_are_those_of_json() {
        for number in ["0", "-1", "52998224725", "1.5", "1e9", "-0.5E-3"] {
            assert!(is_number(number), "{number}");
        }
        for other in [
            "",
            "-",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "529.982.247-25",
            "0x1",
            "1 ",
        ] {
            assert!(!is_number(other), "{other}");
        }
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
