//! Runs of the characters of base64, read as whichever of its alphabets makes a text of them.
//!
//! Lines of 60 and more that end in a line break go on in the next, as in mails and PEM.

use super::text_of;

/// A shorter run is a word.
const SHORTEST: usize = 24;
/// A line of wrapped base64 has so many at least.
const LINE: usize = 60;

/// The value of each byte in base64, either alphabet, or [`NONE`].
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut byte = 0;
    while byte < 256 {
        values[byte] = match byte as u8 {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => NONE,
        };
        byte += 1;
    }
    values
};
const NONE: u8 = 0xff;

/// Shows the text of each run.
pub(super) fn each(text: &str, found: &mut impl FnMut(String)) {
    let mut rest = text.as_bytes();
    while let Some((run, after)) = next_run(rest) {
        rest = after;
        if let Some(text) = decoded(run) {
            found(text);
        }
    }
}

fn value(byte: u8) -> Option<u8> {
    let value = VALUES.get(usize::from(byte)).copied()?;
    (value != NONE).then_some(value)
}

/// The next run that is long enough, and what is behind it. In steps of its length: a word is
/// passed over without looking at each letter.
fn next_run(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    loop {
        let window = bytes.get(..SHORTEST)?;
        if let Some(cut) = window.iter().rposition(|byte| value(*byte).is_none()) {
            bytes = bytes.get(cut + 1..)?;
            continue;
        }
        let (mut end, mut line) = (0, 0);
        while let Some(byte) = bytes.get(end) {
            match byte {
                byte if value(*byte).is_some() => line += 1,
                b'\n' if line >= LINE && goes_on(bytes.get(end + 1..).unwrap_or_default()) => {
                    line = 0
                }
                b'\r' => {}
                _ => break,
            }
            end += 1;
        }
        return bytes.split_at_checked(end);
    }
}

/// True if a line is of such letters to its end, so that it may belong to the one before.
fn goes_on(line: &[u8]) -> bool {
    let behind = line.iter().position(|byte| value(*byte).is_none());
    behind.is_none_or(|end| end > 0 && matches!(line.get(end), Some(b'=' | b'\n' | b'\r')))
}

fn decoded(run: &[u8]) -> Option<String> {
    let letters = || run.iter().filter(|byte| value(**byte).is_some());
    if letters().all(|byte| matches!(byte, b'0' | b'1')) {
        return unpacked(letters().map(|byte| Some(byte - b'0')), 1);
    }
    if letters().all(u8::is_ascii_hexdigit) {
        return unpacked(letters().map(|byte| hex(*byte)), 4);
    }
    let base32 = |byte: &u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    };
    if letters().all(|byte| base32(byte).is_some())
        && let Some(text) = unpacked(letters().map(base32), 5)
    {
        return Some(text);
    }
    unpacked(letters().map(|byte| value(*byte)), 6)
}

/// The value of a hexadecimal digit.
pub(super) fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// The text of values of so many bits each. Gives up at the first byte that is in no text, so
/// binary data costs nothing.
fn unpacked(values: impl Iterator<Item = Option<u8>>, width: u32) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for value in values {
        bits = bits << width | u32::from(value?);
        count += width;
        if count >= 8 {
            count -= 8;
            let byte = (bits >> count & 0xff) as u8;
            if byte < b' ' && !byte.is_ascii_whitespace() || byte == 0x7f || byte >= 0xf8 {
                return None;
            }
            bytes.push(byte);
        }
    }
    // One word alone is a name, or another layer.
    text_of(&bytes).filter(|text| text.contains(' ') || is_run(text))
}

fn is_run(text: &str) -> bool {
    let letters = text.trim_end_matches(['=', '\n']).as_bytes();
    letters.len() >= SHORTEST && letters.iter().all(|byte| value(*byte).is_some())
}
