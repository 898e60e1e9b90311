//! E-mail addresses, found from their `@`.

use super::text::{before, byte, unescaped};
use super::{Kind, Kinds, Span, secret};

/// RFC 5321 §4.5.3.1: 64 bytes before the `@`, 255 after. Escapes take up to seven bytes a
/// character.
const LOCAL: usize = 96;
const DOMAIN: usize = 255;

/// Ends of domains that are file names in truth.
const FILES: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"html", b"json", b"jsx", b"tsx",
    b"txt", b"ico", b"js", b"yaml", b"yml", b"toml", b"lock",
];

const fn is_local(code: u32) -> bool {
    matches!(code, 0x30..=0x39 | 0x41..=0x5a | 0x61..=0x7a | 0x2e | 0x5f | 0x2b | 0x2d)
        || is_latin(code)
}

/// Letters of Latin-1 and Latin Extended-A and B.
const fn is_latin(code: u32) -> bool {
    matches!(code, 0xc0..=0x24f) && code != 0xd7 && code != 0xf7
}

/// The character that ends before `at`, with escapes resolved, and its length.
fn previous(bytes: &[u8], at: usize) -> (u32, usize) {
    let last = before(bytes, at, 1);
    if last >= 0x80 {
        let lead = before(bytes, at, 2);
        return if matches!(lead, 0xc3..=0xc9) {
            (u32::from(lead & 0x1f) << 6 | u32::from(last & 0x3f), 2)
        } else {
            (0, 1)
        };
    }
    let escape = super::text::escape_before(bytes, at);
    if escape == 0 {
        return (u32::from(last), 1);
    }
    let mut start = at - escape;
    while before(bytes, start, 1) == b'\\' && at - start < 12 {
        start -= 1;
    }
    if escape == 1 {
        return (0, at - start); // \n and the like: a boundary
    }
    (unescaped(bytes, start).0, at - start)
}

/// The address around the `@` at `at`, which is `length` bytes long.
pub(super) fn at(bytes: &[u8], at: usize, length: usize, kinds: Kinds) -> Option<Span> {
    let mut start = at;
    // The longest escape, `\u00e9`, has six bytes.
    let near = bytes.get(at.saturating_sub(LOCAL + 8)..at)?;
    let escapes = memchr::memchr2(b'\\', b'%', near).is_some();
    while at - start < LOCAL && start > 0 {
        let last = before(bytes, start, 1);
        if !escapes && last.is_ascii() {
            if !is_local(u32::from(last)) {
                break;
            }
            start -= 1;
            continue;
        }
        let (code, length) = previous(bytes, start);
        let percent = before(bytes, start, 3) == b'%'
            && before(bytes, start, 1).is_ascii_hexdigit()
            && before(bytes, start, 2).is_ascii_hexdigit();
        if !is_local(code) || percent {
            break;
        }
        start -= length;
    }
    if before(bytes, start, 1) == b':' && secret::is_password(bytes, start) {
        return None; // `scheme://user:password@host`
    }
    // Leading punctuation belongs to the sentence.
    while start < at && matches!(bytes[start], b'.' | b'-' | b'+') {
        start += 1;
    }
    if start == at || before(bytes, at, 1) == b'.' || !kinds.has(Kind::Email) {
        return None;
    }
    let end = domain(bytes, at + length)?;
    let local = bytes.get(start..at)?;
    let remote =
        local.eq_ignore_ascii_case(b"git") || local.eq_ignore_ascii_case(b"hg") || local == b"svn";
    (!remote).then_some(Span {
        start,
        end,
        kind: Kind::Email,
    })
}

/// One past the domain that begins at `start`, if it is one: two labels at least, and an alphabetic
/// end that is no file type.
fn domain(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut i, mut label, mut dots, mut end, mut letters) = (start, start, 0, None, true);
    let mut digits_first = false;
    while i - start < DOMAIN {
        let (code, length) = match byte(bytes, i) {
            lead @ 0xc3..=0xc9 => (
                u32::from(lead & 0x1f) << 6 | u32::from(byte(bytes, i + 1) & 0x3f),
                2,
            ),
            0x80.. => (0, 1), // a part of some other character, whatever its value
            _ => unescaped(bytes, i),
        };
        let is_letter = matches!(code, 0x41..=0x5a | 0x61..=0x7a) || is_latin(code);
        let is_inner = is_letter || matches!(code, 0x30..=0x39 | 0x2d);
        if code == 0x2e || !is_inner {
            let text = bytes.get(label..i)?;
            let named = letters && text.len() >= 2 && text.len() <= 24
                || text.len() > 4
                    && text
                        .get(..4)
                        .is_some_and(|p| p.eq_ignore_ascii_case(b"xn--"));
            if dots > 0 && named && !FILES.iter().any(|f| f.eq_ignore_ascii_case(text)) {
                end = Some(i);
            }
            if code != 0x2e || text.is_empty() {
                break;
            }
            if dots == 0 {
                digits_first = text.iter().all(u8::is_ascii_digit);
            } else if dots == 1 && digits_first && text.iter().any(u8::is_ascii_digit) {
                return None; // pkg@1.2.3-rc.beta
            }
            dots += 1;
            i += length;
            label = i;
            letters = true;
            continue;
        }
        letters &= is_letter;
        i += length;
    }
    end
}
