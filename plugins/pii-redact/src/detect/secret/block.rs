//! Private-key blocks.

use super::{Span, run, span};
use crate::detect::text::byte;

/// `-----BEGIN … PRIVATE KEY-----` to its end line, or as far as it looks like a key where that is
/// missing.
pub(super) fn block(bytes: &[u8], at: usize) -> Option<Span> {
    const LONGEST: usize = 32 * 1024;
    let head = bytes.get(at..(at + 64).min(bytes.len()))?;
    if !head.starts_with(b"-----BEGIN ") {
        return None;
    }
    let line = head.windows(5).skip(6).position(|w| w == b"-----")? + 6;
    let title = head.get(11..line)?;
    if !title.windows(11).any(|w| w == b"PRIVATE KEY") {
        return None;
    }
    // Headers (`Proc-Type: 4,ENCRYPTED`), base64 and line breaks, escaped or not; then five dashes.
    let body = at + line + 5;
    let inside = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'+' | b'/'
                    | b'='
                    | b'\n'
                    | b'\r'
                    | b'\t'
                    | b' '
                    | b'\\'
                    | b','
                    | b':'
                    | b'"'
                    | b'>'
                    | b'.'
            )
    };
    let is_key = |end: usize| {
        let body = bytes.get(body..end).unwrap_or_default();
        body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic)
    };
    let mut end = run(bytes, body, LONGEST, inside);
    while byte(bytes, end) == b'-' && byte(bytes, end + 1) != b'-' && end - body < LONGEST {
        end = run(bytes, end + 1, LONGEST, inside); // a lone dash: `Proc-Type`
    }
    if bytes
        .get(end..)
        .is_some_and(|rest| rest.starts_with(b"-----END "))
    {
        if !is_key(end) {
            return None; // a template, or the words of a program
        }
        let close = end + 9;
        let close = run(bytes, close, 48, |b| {
            b.is_ascii_uppercase() || b == b' ' || b.is_ascii_digit()
        });
        return span(at, run(bytes, close, 5, |b| b == b'-'));
    }
    while end > body && !bytes[end - 1].is_ascii_alphanumeric() && bytes[end - 1] != b'=' {
        end -= 1;
    }
    is_key(end).then(|| span(at, end))?
}
