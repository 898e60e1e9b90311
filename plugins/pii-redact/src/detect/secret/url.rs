//! Passwords in addresses: `scheme://user:password@host`, with any character in them that programs
//! put up with.

use super::makeup::Makeup;
use super::standin;
use super::value;
use super::{Span, span};
use crate::detect::text::{before, byte};

/// Bytes of the part before the host.
const REACH: usize = 300;

/// The password in the address whose `://` is at `at`.
pub(super) fn password(bytes: &[u8], at: usize) -> Option<Span> {
    if !before(bytes, at, 1).is_ascii_alphanumeric() || byte(bytes, at + 3) == b'[' {
        return None;
    }
    let start = at + 3;
    let (mut colon, mut host, mut slash) = (None, None, None);
    let mut end = start;
    while end - start < REACH {
        match byte(bytes, end) {
            0..=b' ' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | 0x7f => break,
            b':' if colon.is_none() && slash.is_none() => colon = Some(end),
            // Behind a slash an `@` is rather of the path, unless no host could stand before it.
            b'@' if slash.is_none_or(|slash| {
                colon.is_some_and(|colon| !is_port(bytes, colon + 1, slash))
            }) && is_host(bytes, end + 1) =>
            {
                host = Some(end);
            }
            b'/' | b'?' | b'#' if slash.is_none() => {
                slash = Some(end);
                if host.is_some() || colon.is_none() {
                    break;
                }
            }
            b',' if host.is_some() => break,
            _ => {}
        }
        end += 1;
    }
    let host = host?;
    let first = match colon.filter(|colon| *colon < host) {
        Some(colon) => colon + 1,
        // A token alone: `https://ghp_…@github.com`.
        None => return token(bytes, start, host),
    };
    let value = bytes.get(first..host)?;
    let makeup = Makeup::of(value);
    (value.len() >= 4 && !is_example(value) && !standin::is_placeholder(value, &makeup))
        .then(|| span(first, host))?
}

fn token(bytes: &[u8], start: usize, host: usize) -> Option<Span> {
    let value = bytes.get(start..host)?;
    let hex = value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit);
    (hex || value.len() >= 20
        && value::is_secret(value, super::name::Class::Weak, value::Place::Tight))
    .then(|| span(start, host))?
}

/// True if the password at `start` to `end` of an address is one that examples have.
fn is_example(value: &[u8]) -> bool {
    let words: [&[u8]; 16] = [
        b"pass",
        b"password",
        b"passwd",
        b"secret",
        b"token",
        b"pw",
        b"pwd",
        b"p",
        b"x",
        b"mypassword",
        b"passw0rd",
        b"xxx",
        b"mypass",
        b"senha",
        b"port",
        b"key",
    ];
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.starts_with(b"<")
        || value.starts_with(b"[") && value.ends_with(b"]")
        || value.starts_with(b"%s")
        || value.starts_with(b"*")
        || value.starts_with(b"{") && value.ends_with(b"}")
        || value.starts_with(b"$") && value.get(1..).is_some_and(value::is_identifier)
        || value.starts_with(b"%") && value.ends_with(b"%") && value.len() > 1
}

fn is_port(bytes: &[u8], start: usize, end: usize) -> bool {
    bytes.get(start..end).is_some_and(|port| {
        !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
    })
}

fn is_host(bytes: &[u8], at: usize) -> bool {
    let b = byte(bytes, at);
    b.is_ascii_alphanumeric() || matches!(b, b'[' | b'$' | b'{' | b'%' | b'_') || b >= 0x80
}

/// True for what stands between `user:` and `@` in an address, an example's too, and no mailbox.
/// `start` is behind the colon, which a user's name and `://` are before.
pub(in crate::detect) fn is_password(bytes: &[u8], start: usize) -> bool {
    let mut user = start - 1;
    while start - user < 64
        && (before(bytes, user, 1).is_ascii_alphanumeric()
            || matches!(before(bytes, user, 1), b'_' | b'-' | b'.' | b'+'))
    {
        user -= 1;
    }
    before(bytes, user, 1) == b'/'
        && before(bytes, user, 2) == b'/'
        && before(bytes, user, 3) == b':'
}
