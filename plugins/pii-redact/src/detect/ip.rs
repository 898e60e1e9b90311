//! IPv4 and IPv6 addresses. Loopback, unspecified and netmask addresses mean nobody and are left
//! alone.

use super::context::{Topic, near_topic};
use super::number::Groups;
use super::text::{before, byte, escape_before, is_word};
use super::{Kind, Kinds, Span};

/// The IPv4 address that the first groups of a number make.
pub(super) fn v4(bytes: &[u8], groups: &Groups, kinds: Kinds) -> Option<Span> {
    if !kinds.has(Kind::Ip) || groups.count < 4 || (1..4).any(|g| groups.separators[g] != b'.') {
        return None;
    }
    if groups.count > 4 && groups.separators[4] == b'.' {
        return None;
    }
    let mut octets = [0u32; 4];
    for (g, octet) in octets.iter_mut().enumerate() {
        let digits = groups.digits(bytes, g);
        if digits.len() > 3 || digits.len() > 1 && digits[0] == b'0' {
            return None;
        }
        *octet = digits.iter().fold(0, |n, &b| n * 10 + u32::from(b - b'0'));
        if *octet > 255 {
            return None;
        }
    }
    let (start, end) = (groups.starts[0], groups.end(3));
    if octets[0] == 0 || octets[0] == 127 || octets[0] == 255 || is_word(byte(bytes, end)) {
        return None;
    }
    if byte(bytes, end) == b'-' && byte(bytes, end + 1).is_ascii_alphabetic() {
        return None;
    }
    let pinned = matches!(before(bytes, start, 1), b'^' | b'~')
        || before(bytes, start, 1) == b'='
            && matches!(before(bytes, start, 2), b'=' | b'>' | b'<' | b'~');
    if pinned || near_topic(bytes, start) == Some(Topic::Version) || is_identifier(octets) {
        return None;
    }
    // Almost no address has four small numbers, and most versions have.
    let small = octets[0] != 10 && octets.iter().all(|&octet| octet < 32);
    let served = byte(bytes, end) == b':' && byte(bytes, end + 1).is_ascii_digit();
    if small && !served && !is_addressed(bytes, start) {
        return None;
    }
    // `Chrome/124.0.0.0`
    let product = before(bytes, start, 1) == b'/' && before(bytes, start, 2).is_ascii_alphabetic();
    if product && octets[1..] == [0, 0, 0] {
        return None;
    }
    Some(Span {
        start,
        end,
        kind: Kind::Ip,
    })
}

/// True for the object identifiers of four arcs that are written most: of the internet (SNMP,
/// certificates' extensions) and of X.500 names and certificates (`1.3.6.1`, `2.5.4.3`, `2.5.29.17`).
const fn is_identifier(arcs: [u32; 4]) -> bool {
    matches!(arcs, [1, 3, 6, 1] | [2, 5, 4 | 29, 0..=99] | [1, 3, 132, 0])
}

/// True if a word shortly before `at` speaks of a host.
fn is_addressed(bytes: &[u8], at: usize) -> bool {
    const WORDS: &[&[u8]] = &[
        b"ip", b"addr", b"host", b"from", b"client", b"server", b"peer", b"dns", b"gateway",
        b"ping", b"remote", b"src", b"dst", b"endere", b"direcc", b"adress",
    ];
    let near = bytes.get(at.saturating_sub(24)..at).unwrap_or_default();
    (0..near.len()).any(|i| {
        let begins = i == 0 || !near[i - 1].is_ascii_alphabetic();
        let rest = near.get(i..).unwrap_or_default();
        let starts = |word: &&[u8]| {
            rest.get(..word.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(word))
                && (word.len() > 2 || !byte(rest, word.len()).is_ascii_alphabetic())
        };
        begins && WORDS.iter().any(starts)
    })
}

/// The IPv6 address around the first colon at `at`.
pub(super) fn v6(bytes: &[u8], at: usize, kinds: Kinds) -> Option<Span> {
    let part = |b: u8| b.is_ascii_hexdigit() || b == b':';
    if !kinds.has(Kind::Ip) || !part(byte(bytes, at + 1)) || before(bytes, at, 1) == b':' {
        return None;
    }
    let mut start = at;
    while start > 0
        && at - start < 5
        && before(bytes, start, 1).is_ascii_hexdigit()
        && escape_before(bytes, start) == 0
    {
        start -= 1;
    }
    if is_word(before(bytes, start, 1)) && escape_before(bytes, start) == 0
        || at - start > 4
        || before(bytes, start, 1) == b':' && before(bytes, start, 2).is_ascii_hexdigit()
    {
        return None;
    }
    let (mut i, mut groups, mut colons, mut compressed, mut length, mut longest) =
        (start, 0, 0, 0, 0, 0);
    let mut head = 0u32;
    while i - start < 40 && part(byte(bytes, i)) {
        if bytes[i] == b':' {
            if groups == 8 && compressed == 0 {
                break; // a port
            }
            if byte(bytes, i + 1) == b':' {
                compressed += 1;
            } else if !byte(bytes, i + 1).is_ascii_hexdigit() {
                break; // the colon after an address belongs to the sentence
            }
            colons += 1;
            length = 0;
        } else {
            groups += usize::from(length == 0);
            length += 1;
            longest = longest.max(length);
            if length > 4 {
                return None;
            }
            if groups == 1 && colons == 0 {
                head = head * 16 + char::from(bytes[i]).to_digit(16)?;
            }
        }
        i += 1;
    }
    if is_word(byte(bytes, i)) || byte(bytes, i) == b':' && i - start < 3 {
        return None;
    }
    let mut end = i;
    // An IPv4 address in the last two groups.
    if byte(bytes, i) == b'.' && compressed == 1 && length > 0 {
        while byte(bytes, end).is_ascii_digit()
            || byte(bytes, end) == b'.' && byte(bytes, end + 1).is_ascii_digit()
        {
            end += 1;
        }
        return (end - i <= 12).then_some(Span {
            start,
            end,
            kind: Kind::Ip,
        });
    }
    let global = matches!(head, 0x2000..=0x3fff | 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..=0xffff | 0x64);
    let whole = compressed == 0 && colons == 7 && groups == 8 && longest > 2; // pairs are a fingerprint
    let short = compressed == 1 && (2..=7).contains(&colons) && groups >= 2 && global;
    (whole || short).then_some(Span {
        start,
        end,
        kind: Kind::Ip,
    })
}
