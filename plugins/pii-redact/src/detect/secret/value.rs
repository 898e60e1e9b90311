//! Judges a value by itself: chance or words, a placeholder or not.

use super::makeup::Makeup;
use super::name::Class;
use super::standin::is_placeholder;

/// True for a name as programs have them: `api_token`, `config.password`, `Self::KEY`.
pub(super) fn is_identifier(value: &[u8]) -> bool {
    value
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'$'))
        && !value.first().is_some_and(u8::is_ascii_digit)
}

/// True for a member of something: `config.token2`.
fn is_member(value: &[u8]) -> bool {
    let digits = value
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_digit())
        .count();
    let name = value.get(..value.len() - digits).unwrap_or_default();
    name.contains(&b'.') && is_identifier(name) && !name.iter().any(u8::is_ascii_digit)
}

/// True for a path or an address.
pub(super) fn is_location(value: &[u8]) -> bool {
    let starts = |prefix: &[u8]| {
        value.len() >= prefix.len()
            && value
                .get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    [
        b"http:".as_slice(),
        b"https:",
        b"file:",
        b"arn:",
        b"ref:",
        b"./",
        b"../",
        b"~/",
        b"/run/",
        b"/etc/",
        b"/var/",
        b"/home/",
        b"/usr/",
        b"/opt/",
        b"/tmp/",
        b"/users/",
        b"projects/",
        b"vault:",
        b"secret/",
        b"secrets/",
        b"op://",
        b"data:",
        b"urn:",
        b"env:",
        b"enc[",
        b"file://",
    ]
    .iter()
    .any(|prefix| starts(prefix))
        || value.get(1..3) == Some(b":\\")
        || [
            b".pem".as_slice(),
            b".key",
            b".json",
            b".yaml",
            b".yml",
            b".txt",
            b".crt",
            b".cer",
            b".p12",
            b".pfx",
            b".js",
            b".ts",
            b".py",
            b".go",
            b".java",
            b".html",
            b".md",
            b".com",
            b".jks",
            b".env",
        ]
        .iter()
        .any(|end| value.ends_with(end))
}

/// True for an UUID.
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// The place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Between quotes, or tags.
    Quoted,
    /// Right behind `=`, as in a shell or a connection string, or behind a flag.
    Tight,
    /// With a space between, in code or a configuration, or after a colon.
    Loose,
    /// In a sentence that says so.
    Prose,
}

/// True if `value`, which stands at a place like `place` under a name of `class`, is a secret.
pub(super) fn is_secret(value: &[u8], class: Class, place: Place) -> bool {
    let makeup = Makeup::of(value);
    // The dearer questions come last: most values are words.
    let fits = match class {
        Class::Password => is_password(value, &makeup, place),
        Class::Token => is_token(value, &makeup, place),
        Class::Weak => is_strong(value, &makeup),
    };
    fits && !is_placeholder(value, &makeup)
        && (makeup.marks == 0 || !is_location(value))
        && !super::known::is_one(value)
}

/// Words that are the password of nobody; with a few digits behind them, too.
#[rustfmt::skip] // a table
const TRIVIAL: &[&[u8]] = &[
    b"password", b"passwd", b"pass", b"pwd", b"secret", b"token", b"test", b"foo", b"bar", b"user", b"username", b"none", b"null", b"true", b"false", b"string", b"key", b"apikey", b"mypassword", b"passphrase", b"senha", b"passwort", b"step", b"field", b"input", b"label", b"value", b"var", b"arg",
];

fn is_password(value: &[u8], makeup: &Makeup, place: Place) -> bool {
    if !(4..=256).contains(&value.len()) || value.contains(&b' ') {
        return false;
    }
    let marks = value
        .iter()
        .filter(|b| {
            matches!(
                b,
                b'!'..=b'*' | b'+' | b'?' | b'@' | b'^' | b'~' | b'=' | b'|' | b'`'
            ) || **b >= 0x80
        })
        .count();
    let word = value.split(u8::is_ascii_digit).next().unwrap_or_default();
    let rest = value.get(word.len()..).unwrap_or_default();
    if rest.len() <= 4
        && rest.iter().all(u8::is_ascii_digit)
        && TRIVIAL
            .iter()
            .any(|trivial| trivial.eq_ignore_ascii_case(word))
    {
        return false;
    }
    if makeup.letters() == 0 {
        return makeup.digits >= 6 && makeup.marks <= 1 && place != Place::Tight
            || makeup.digits > 3 && marks > 0;
    }
    let screams = makeup.lower == 0 && value.contains(&b'_') && makeup.upper > makeup.digits;
    let indexed = value.ends_with(b"]") && value.contains(&b'[') && place != Place::Quoted;
    if screams || indexed {
        return false;
    }
    let named = value.iter().all(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/' | b'[' | b']')
    });
    match place {
        Place::Quoted | Place::Prose => {
            let words = makeup.digits == 0 && named;
            makeup.distinct() >= 4
                && (value.len() >= 6
                    || value.len() == 5
                        && (place == Place::Quoted || makeup.digits > 0 && marks > 0))
                && if words {
                    makeup.surprises(34) && makeup.bits() >= 28
                } else {
                    makeup.digits > 0 || marks > 0 && value.len() >= 6 && !value.ends_with(b":")
                }
        }
        Place::Tight => {
            makeup.distinct() >= 4
                && (makeup.digits > 0
                    || marks > 0 && value.len() >= 6
                    || makeup.surprises(38) && makeup.bits() >= 28)
                && !calls(value)
                && !is_member(value)
                && value.len() >= 5
        }
        Place::Loose => {
            let inner = value
                .iter()
                .skip(1)
                .any(|b| matches!(b, b'@' | b'#' | b'$' | b'%' | b'&' | b'^' | b'*'));
            let marked = inner && !named || makeup.surprises(38) && makeup.bits() >= 30;
            value.len() >= 6
                && makeup.distinct() >= 5
                && (makeup.digits > 0 || marked)
                && !calls(value)
                && (makeup.surprises(19) || makeup.digits > 1 || marks > 0)
                && !(named
                    && value.iter().any(|b| matches!(b, b'.' | b':' | b'['))
                    && makeup.digits < 3)
        }
    }
}

/// True for what code has in place of a value: a call, an index, a pointer.
fn calls(value: &[u8]) -> bool {
    value.iter().any(|b| matches!(b, b'(' | b'{'))
        || value.windows(2).any(|pair| pair == b"->" || pair == b"::")
        || value.starts_with(b"&")
}

/// The characters that machines make keys of.
fn is_plain(value: &[u8]) -> bool {
    value.iter().all(|&b| {
        b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'_' | b'-'
                    | b'.'
                    | b'+'
                    | b'/'
                    | b'='
                    | b'~'
                    | b'!'
                    | b'@'
                    | b'#'
                    | b'%'
                    | b'^'
                    | b'*'
                    | b':'
                    | b'$'
                    | b'|'
                    | b'&'
                    | b'?'
                    | b'\\'
            )
    })
}

fn is_token(value: &[u8], makeup: &Makeup, place: Place) -> bool {
    if is_uuid(value) {
        return makeup.distinct() >= 6;
    }
    if !is_plain(value) || makeup.length < 10 {
        // Somebody's own words as a key: with the marks of a password.
        return place == Place::Quoted
            && makeup.length >= 8
            && makeup.marks > 0
            && !value.contains(&b' ')
            && makeup.digits > 0
            && makeup.letters() > 3
            && makeup.surprises(31);
    }
    if makeup.letters() == 0 {
        return makeup.digits >= 15 && makeup.marks <= 1 && makeup.distinct() >= 5;
    }
    if makeup.digits == 0 {
        let least = if makeup.length >= 20 { 31 } else { 36 };
        return makeup.length >= 16
            && makeup.distinct() >= 9
            && makeup.surprises(least)
            && makeup.marks <= 2;
    }
    if makeup.distinct() < 7 {
        return false;
    }
    // The form of a bot's token, which is found by itself.
    if value
        .iter()
        .position(|b| *b == b':')
        .is_some_and(|colon| value.iter().take(colon).all(u8::is_ascii_digit))
    {
        return false;
    }
    if place == Place::Loose && calls(value) {
        return false;
    }
    let hex = makeup.hex == makeup.length;
    let mixed =
        makeup.marks == 0 && makeup.digits >= 3 && makeup.letters() >= 3 && makeup.turns >= 3;
    makeup.surprises(if makeup.length < 16 { 29 } else { 26 }) && makeup.bits() >= 28
        || mixed && makeup.surprises(24)
        || mixed
            && makeup.length >= 32
            && makeup.digits * 4 >= makeup.length
            && makeup.surprises(18)
        || hex && makeup.length >= 24
        || makeup.length >= 20 && longest_chance(value) >= 16
}

/// A value that chance alone can have made.
fn is_strong(value: &[u8], makeup: &Makeup) -> bool {
    let hex = makeup.hex + value.iter().filter(|b| **b == b'-').count() == makeup.length;
    is_plain(value)
        && makeup.length >= 20
        && makeup.digits >= 2
        && makeup.letters() >= 6
        && !hex
        && makeup.distinct() >= 12
        && makeup.surprises(31)
        && !value.contains(&b':')
        && makeup.marks * 6 <= makeup.length
}

/// The same under the name of a service, where the value may be a hash by its looks.
pub(super) fn is_of_service(value: &[u8]) -> bool {
    let makeup = Makeup::of(value);
    if is_placeholder(value, &makeup) || is_location(value) || is_uuid(value) {
        return false;
    }
    let hex = makeup.hex == makeup.length && (makeup.upper == 0 || makeup.lower == 0);
    is_strong(value, &makeup)
        || hex && makeup.length >= 24 && makeup.distinct() >= 8 && makeup.letters() >= 4
}

/// The longest part between marks that chance has made.
fn longest_chance(value: &[u8]) -> usize {
    value
        .split(|b| !b.is_ascii_alphanumeric())
        .filter(|part| {
            part.len() >= 12 && {
                let makeup = Makeup::of(part);
                makeup.digits > 0 && makeup.letters() > 0 && makeup.surprises(28)
            }
        })
        .map(<[u8]>::len)
        .max()
        .unwrap_or(0)
}
