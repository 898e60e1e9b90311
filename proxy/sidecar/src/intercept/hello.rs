//! Reader of a client's first bytes: TLS or not, and for which host.
//!
//! Pure, over the bytes that have come so far, none of which is consumed: a tunnel passes them on
//! unchanged. A parser of our own rather than rustls' `Acceptor`, because that refuses hellos that
//! rustls could not answer (TLS 1.0, no signature algorithms) and a tunnel has to pass. Before TLS
//! is terminated, rustls reads the same hello again, and both must have read the same name. A hello
//! that two parsers could read differently (two names, lengths that disagree) is
//! [`Opening::Malformed`].

use crate::config::hosts::normal;

/// Bytes within which a hello has to be complete. With post-quantum key shares hellos have about 2
/// KiB.
pub(super) const LARGEST: usize = 32 << 10;
/// TLS' record type for handshakes.
const HANDSHAKE: u8 = 22;
/// TLS' handshake type for a ClientHello.
const CLIENT_HELLO: u8 = 1;

/// First message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opening {
    /// TLS for this host, as [`normal`] spells it.
    Name(String),
    /// TLS without a host, or for an address.
    NoName,
    /// Something else.
    NotTls,
    /// Bytes that begin as TLS does, and are no hello that all parsers would read alike.
    Malformed,
}

/// Reads the bytes that a client sent so far; `None` while they don't suffice.
pub(super) fn read(bytes: &[u8]) -> Option<Opening> {
    match bytes {
        [] | [HANDSHAKE] => return None,
        [HANDSHAKE, 3, ..] => {}
        _ => return Some(Opening::NotTls),
    }
    let mut hello = Vec::new();
    let mut rest = bytes;
    loop {
        // RFC 8446 §5.1: type, version, length of 16 bits. A hello may come in several records.
        let (length, after) = match rest {
            [HANDSHAKE, 3, _, a, b, after @ ..] => {
                (usize::from(u16::from_be_bytes([*a, *b])), after)
            }
            [_, _, _, _, _, ..] => return Some(Opening::Malformed),
            _ => break,
        };
        if length == 0 || length > 1 << 14 {
            return Some(Opening::Malformed);
        }
        let part = after.get(..length.min(after.len())).unwrap_or_default();
        hello.extend_from_slice(part);
        if let opening @ Some(_) = read_handshake(&hello) {
            return opening;
        }
        if part.len() < length {
            break;
        }
        rest = after.get(length..).unwrap_or_default();
    }
    (bytes.len() >= LARGEST).then_some(Opening::Malformed)
}

/// Reads a handshake message (RFC 8446 §4: type, length of 24 bits); `None` while it is incomplete.
fn read_handshake(handshake: &[u8]) -> Option<Opening> {
    match handshake {
        [CLIENT_HELLO, a, b, c, body @ ..] => {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if length > LARGEST {
                return Some(Opening::Malformed);
            }
            let body = body.get(..length)?;
            Some(server_name(body).unwrap_or(Opening::Malformed))
        }
        [] | [CLIENT_HELLO, ..] => None,
        _ => Some(Opening::Malformed),
    }
}

/// Reads a hello's `server_name` (RFC 6066 §3); `None` where its lengths disagree.
fn server_name(hello: &[u8]) -> Option<Opening> {
    let mut hello = Reader(hello);
    hello.take(2 + 32)?; // version, random
    hello.short()?; // session
    hello.long()?; // cipher suites
    hello.short()?; // compression
    if hello.0.is_empty() {
        return Some(Opening::NoName);
    }
    let mut extensions = Reader(hello.long()?);
    if !hello.0.is_empty() {
        return None;
    }
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.take(2)?;
        let body = extensions.long()?;
        if kind == [0, 0] && found.replace(body).is_some() {
            return None;
        }
    }
    let Some(body) = found else {
        return Some(Opening::NoName);
    };
    let mut names = Reader(body);
    let mut name = Reader(names.long()?);
    // There is one name, of the only type that is defined.
    let (kind, host) = (name.take(1)?, name.long()?);
    if kind != [0] || !name.0.is_empty() || !names.0.is_empty() {
        return None;
    }
    let host = normal(str::from_utf8(host).ok()?);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Some(Opening::NoName);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!host.is_empty() && host.bytes().all(plain)).then_some(Opening::Name(host))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
    /// Takes the bytes after a length of 8 bits.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(length.into())
    }
    /// Takes the bytes after a length of 16 bits.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length: [u8; 2] = self.take(2)?.try_into().ok()?;
        self.take(u16::from_be_bytes(length).into())
    }
}
