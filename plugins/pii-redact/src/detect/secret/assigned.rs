//! Values that are assigned to a name which speaks of a secret.

use super::{Kind, Kinds, Makeup, Span, is_token, longest_word, run, span};
use crate::detect::text::{before, byte, is_word};

/// The evidence that the name before an assignment gives about the value.
#[derive(PartialEq)]
enum Name {
    Password,
    Key,
}

/// The value that follows the `=` or `:` at `at`, where the name before speaks of a secret.
pub(in crate::detect) fn assigned(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Secret) || matches!(byte(bytes, at + 1), b':' | b'=' | b'/') {
        return None;
    }
    let mut name_end = at;
    while at - name_end < 6
        && matches!(
            before(bytes, name_end, 1),
            b' ' | b'"' | b'\'' | b'\\' | b'`'
        )
    {
        name_end -= 1;
    }
    let mut name_start = name_end;
    while name_end - name_start < 48
        && (is_word(before(bytes, name_start, 1))
            || matches!(before(bytes, name_start, 1), b'-' | b'.'))
    {
        name_start -= 1;
    }
    let name = name_of(bytes.get(name_start..name_end)?)?;
    let mut start = at + 1;
    if byte(bytes, start) == b'>' {
        start += 1;
    }
    let tight = start == at + 1;
    while byte(bytes, start) == b' ' && start - at < 6 {
        start += 1;
    }
    let tight = tight && start == at + 1;
    while byte(bytes, start) == b'\\' && start - at < 12 {
        start += 1;
    }
    let quote = byte(bytes, start);
    let quoted = matches!(quote, b'"' | b'\'' | b'`');
    if quoted {
        start += 1;
    }
    for scheme in [
        b"Bearer ".as_slice(),
        b"Basic ",
        b"bearer ",
        b"Token ",
        b"token ",
    ] {
        if bytes
            .get(start..)
            .is_some_and(|rest| rest.starts_with(scheme))
        {
            start += scheme.len();
        }
    }
    let belongs = |b: u8| match b {
        b'"' | b'\'' | b'`' | b'\\' | b' ' | b',' | b';' | b'<' | b'>' | b'(' | b')' | b'{'
        | b'}' | b'[' | b']' | b'&' | b'$' => {
            quoted
                && name == Name::Password
                && b != quote
                && !matches!(b, b'\\' | b'{' | b'<' | b' ')
        }
        _ => b > b' ' && b < 0x7f,
    };
    let end = run(bytes, start, 160, belongs);
    let long = end - start == 160;
    let closed = !quoted || long || matches!(byte(bytes, end), b'\\') || byte(bytes, end) == quote;
    let value = bytes.get(start..end)?;
    let makeup = Makeup::of(value);
    let fits = closed
        && match name {
            Name::Password => {
                (6..=128).contains(&value.len())
                    && (quoted
                        || tight && bytes[at] == b'='
                        || bytes[at] == b':' && byte(bytes, end) != b'(')
                    && makeup.digits > 0
                    && makeup.letters() > 0
                    && makeup.distinct() >= 5
            }
            Name::Key => {
                let plain = value.iter().all(|&b| {
                    is_token(b)
                        || matches!(
                            b,
                            b'+' | b'/'
                                | b'='
                                | b'.'
                                | b'~'
                                | b'!'
                                | b'@'
                                | b'#'
                                | b'%'
                                | b'^'
                                | b'*'
                        )
                });
                let words = longest_word(value) < 12 && makeup.upper * makeup.lower == 0;
                plain
                    && value.len() >= 16
                    && makeup.digits >= 2
                    && makeup.letters() >= 2
                    && makeup.distinct() >= 9
                    && !words
                    && !is_uuid(value)
                    && !value.starts_with(b"http")
                    && byte(bytes, end) != b'('
            }
        };
    fits.then(|| span(start, run(bytes, end, 4096, belongs)))?
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36 && [8, 13, 18, 23].iter().all(|&i| value[i] == b'-')
}

fn name_of(name: &[u8]) -> Option<Name> {
    if name.len() < 3 {
        return None;
    }
    let has = |at: usize, stem: &[u8]| {
        name.get(at..at + stem.len())
            .is_some_and(|part| part.eq_ignore_ascii_case(stem))
    };
    (0..name.len()).find_map(|i| match name[i] | 0x20 {
        b'p' if has(i, b"passw")
            || has(i, b"passwd")
            || has(i, b"pwd")
            || has(i, b"passphrase") =>
        {
            Some(Name::Password)
        }
        b's' if has(i, b"senha") => Some(Name::Password),
        b'c' if has(i, b"contrase") => Some(Name::Password),
        b's' if has(i, b"secret") || has(i, b"signing_key") => Some(Name::Key),
        b't' if has(i, b"token") => Some(Name::Key),
        b'c' if has(i, b"credential") => Some(Name::Key),
        b'a' if has(i, b"api_key")
            || has(i, b"apikey")
            || has(i, b"api-key")
            || has(i, b"access_key")
            || has(i, b"accesskey")
            || has(i, b"access-key")
            || has(i, b"auth_key")
            || has(i, b"authorization")
            || has(i, b"accountkey") =>
        {
            Some(Name::Key)
        }
        b'p' if has(i, b"private_key") || has(i, b"privatekey") || has(i, b"private-key") => {
            Some(Name::Key)
        }
        b'e' if has(i, b"encryption_key") => Some(Name::Key),
        b'c' if has(i, b"client_key") => Some(Name::Key),
        _ => None,
    })
}
