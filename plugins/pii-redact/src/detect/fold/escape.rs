//! Characters that are written with others: HTML entities, percent-encoding, `\u` escapes behind any
//! number of backslashes, Markdown's backslashes.

use super::super::text::{byte, hex4};

/// Entities by name. `\0`: shows nothing.
const ENTITIES: &[(&[u8], char)] = &[
    (b"nbsp", ' '),
    (b"ensp", ' '),
    (b"emsp", ' '),
    (b"thinsp", ' '),
    (b"numsp", ' '),
    (b"shy", '\0'),
    (b"zwj", '\0'),
    (b"zwnj", '\0'),
    (b"commat", '@'),
    (b"period", '.'),
    (b"hyphen", '-'),
    (b"dash", '-'),
    (b"minus", '-'),
    (b"ndash", '-'),
    (b"plus", '+'),
    (b"lpar", '('),
    (b"rpar", ')'),
    (b"lsqb", '['),
    (b"rsqb", ']'),
    (b"colon", ':'),
    (b"sol", '/'),
    (b"lowbar", '_'),
    (b"num", '#'),
    (b"amp", '&'),
];
/// Bytes of the longest entity, `&`, `#`, zeros and `;` included.
const ENTITY: usize = 12;
/// Backslashes before an escape inside of four strings, one in the other.
const BACKSLASHES: usize = 16;
/// Times that an `&` or a `%` may itself be written with one.
const NESTED: usize = 3;

/// The character that is written at `at`, and the bytes that it takes; `None` where none is.
pub(super) fn read(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    match byte(bytes, at) {
        b'&' => entity(bytes, at),
        b'%' => percent(bytes, at),
        b'\\' => backslash(bytes, at),
        _ => None,
    }
}

/// `&#52;`, `&#x34;`, `&nbsp;`, and those behind `&amp;`.
fn entity(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let mut from = at;
    for _ in 0..NESTED {
        let (c, length) = one_entity(bytes, from)?;
        if c != '&' {
            return Some((c, from + length - at));
        }
        // `&amp;#52;`: the name goes on where the `&` would be.
        from += length - 1;
    }
    None
}

fn one_entity(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = bytes.get(at + 1..)?;
    let length = rest.iter().take(ENTITY).position(|&b| b == b';')?;
    let name = rest.get(..length)?;
    let c = match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((c, length + 2))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let sum = digits.iter().try_fold(0u32, |n, &b| {
        n.checked_mul(radix)?
            .checked_add(char::from(b).to_digit(radix)?)
    })?;
    char::from_u32(sum).filter(|_| !digits.is_empty())
}

/// `%34`, `%2534`, and characters beyond ASCII as UTF-8.
fn percent(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let (first, mut end) = percent_byte(bytes, at)?;
    if first.is_ascii() {
        let c = char::from(first);
        return (c.is_ascii_graphic() || c == ' ').then_some((c, end - at));
    }
    let mut encoded = [first, 0, 0, 0];
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    for place in encoded.get_mut(1..length)? {
        let (next, after) = percent_byte(bytes, end)?;
        *place = next;
        end = after;
    }
    let text = str::from_utf8(encoded.get(..length)?).ok()?;
    Some((text.chars().next()?, end - at))
}

/// The byte that is percent-encoded at `at`, and one past its end.
fn percent_byte(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut from = at;
    if byte(bytes, from) != b'%' {
        return None;
    }
    for _ in 0..NESTED {
        let digits = bytes.get(from + 1..from + 3)?;
        let value = digits
            .iter()
            .try_fold(0, |n, &b| Some(n * 16 + char::from(b).to_digit(16)?))?;
        let hex = |i: usize| byte(bytes, from + i).is_ascii_hexdigit();
        if value != u32::from(b'%') || !hex(3) || !hex(4) {
            return Some((u8::try_from(value).ok()?, from + 3));
        }
        // `%2534`: its digits go on where the `%` would be.
        from += 2;
    }
    None
}

/// `\u0034`, `\uD835\uDFD2`, `\u{34}`, `\x34`, and a sign that Markdown or JSON escapes.
fn backslash(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let mut i = at;
    while byte(bytes, i) == b'\\' && i - at < BACKSLASHES {
        i += 1;
    }
    let c = match byte(bytes, i) {
        b'u' if byte(bytes, i + 1) == b'{' => {
            let rest = bytes.get(i + 2..)?;
            let length = rest.iter().take(7).position(|&b| b == b'}')?;
            let c = number(rest.get(..length)?, 16)?;
            i += length + 3;
            c
        }
        b'u' => {
            let code = hex4(bytes.get(i + 1..i + 5)?)?;
            i += 5;
            if (0xd800..0xdc00).contains(&code) {
                let mut low = i;
                while byte(bytes, low) == b'\\' && low - i < BACKSLASHES {
                    low += 1;
                }
                let second = hex4(bytes.get(low + 1..low + 5)?)?;
                let fits =
                    low > i && byte(bytes, low) == b'u' && (0xdc00..0xe000).contains(&second);
                i = low + 5;
                fits.then(|| char::from_u32(0x10000 + ((code - 0xd800) << 10) + second - 0xdc00))??
            } else {
                char::from_u32(code)?
            }
        }
        b'x' => {
            let c = number(bytes.get(i + 1..i + 3)?, 16)?;
            i += 3;
            c
        }
        sign @ (b'_' | b'.' | b'-' | b'@' | b'+' | b'(' | b')' | b'[' | b']' | b'#' | b'*'
        | b'/') => {
            i += 1;
            char::from(sign)
        }
        _ => return None,
    };
    // A quote, a backslash or a line break is JSON's own matter.
    let fits = !c.is_control() && !matches!(c, '"' | '\\');
    fits.then_some((c, i - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_is_read_with_its_length() {
        for (text, c) in [
            ("&#52;", '4'),
            ("&#x34;", '4'),
            ("&#0052;", '4'),
            ("&nbsp;", ' '),
            ("&commat;", '@'),
            ("&amp;#52;", '4'),
            ("&amp;amp;#52;", '4'),
            ("%34", '4'),
            ("%2534", '4'),
            ("%40", '@'),
            ("%EF%BC%94", '４'),
            (r"\u0034", '4'),
            (r"\\\\u0034", '4'),
            (r"\u{34}", '4'),
            (r"\x34", '4'),
            (r"\uD835\uDFD2", '𝟒'),
            (r"\\ud835\\udfd2", '𝟒'),
            (r"\_", '_'),
            (r"\\.", '.'),
            (r"\/", '/'),
        ] {
            assert_eq!(read(text.as_bytes(), 0), Some((c, text.len())), "{text}");
        }
        for text in [
            "&", "&;", "&#;", "&x", "% 3", "%0a", r"\n", r#"\""#, r"\u00", r"\u0022", r"\ud835",
            r"\d", "a",
        ] {
            assert_eq!(read(text.as_bytes(), 0), None, "{text}");
        }
    }
}
