//! Line breaks inside of a number: as files, JSON, mails and HTML write them, with what stands
//! before the next line's text.
//!
//! A number may begin on any line and have a group on each; what makes it one is for its check
//! digits or the words before it to say. Tables are told from it by their size.

use super::super::check::iban_length;
use super::super::text::{before, begins, byte, is_digit};

/// Most digits of a number on several lines.
const DIGITS: usize = 32;
/// Bytes on either side of a break that the lines of one number have at most.
const BLOCK: usize = 96;
/// Blanks before the next line's text.
const INDENT: usize = 16;
/// Backslashes before the `n` of a line break in strings one inside the other.
const BACKSLASHES: usize = 8;
/// Marks that a quoted mail, a comment or a list has before each line's text.
const MARKS: [&[u8]; 6] = [b"> ", b">", b"// ", b"# ", b"* ", b"- "];

/// Bytes of the line break at `at`, with the mark of the line behind it and its indentation; 0
/// where there is none.
pub(super) fn length(bytes: &[u8], at: usize) -> usize {
    // A soft hyphen shows here; a mail in quoted-printable (RFC 2045 §6.7) and a shell go on.
    let soft = match (byte(bytes, at), byte(bytes, at + 1)) {
        (0xc2, 0xad) => 2,
        (b'=' | b'\\', b'\n' | b'\r') => 1,
        _ => 0,
    };
    let ending = ending(bytes, at + soft);
    if ending == 0 {
        return 0;
    }
    let mut i = blanks(bytes, at + soft + ending);
    for _ in 0..6 {
        let rest = bytes.get(i..).unwrap_or_default();
        let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(mark)) else {
            break;
        };
        i = blanks(bytes, i + mark.len());
    }
    i - at
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    let mut i = at;
    while matches!(byte(bytes, i), b' ' | b'\t') && i - at < INDENT {
        i += 1;
    }
    i
}

/// Bytes of what ends a line: a break of three kinds, as JSON writes it, or HTML's.
fn ending(bytes: &[u8], at: usize) -> usize {
    match byte(bytes, at) {
        b'\n' => 1,
        b'\r' => 1 + usize::from(byte(bytes, at + 1) == b'\n'),
        b'\\' => {
            let escape = |from: usize, letter: u8| {
                let mut i = from;
                while byte(bytes, i) == b'\\' && i - from < BACKSLASHES {
                    i += 1;
                }
                (i > from && byte(bytes, i) == letter).then_some(i + 1)
            };
            let carriage = escape(at, b'r').unwrap_or(at);
            let end = escape(carriage, b'n').unwrap_or(carriage);
            end - at
        }
        b'<' => {
            let rest = bytes.get(at..).unwrap_or_default();
            let tags: [&[u8]; 3] = [b"<br>", b"<br/>", b"<br />"];
            let tag = tags.iter().find(|tag| {
                rest.get(..tag.len())
                    .is_some_and(|text| text.eq_ignore_ascii_case(tag))
            });
            tag.map_or(0, |tag| {
                let end = at + tag.len();
                tag.len()
                    + if byte(bytes, end) == b'<' {
                        0
                    } else {
                        ending(bytes, end)
                    }
            })
        }
        _ => 0,
    }
}

/// True if the digits before `end` and those from `start` on, with a break between them, may be of
/// one number: it begins and ends as one does, no cell of a table is on either side, and what is
/// numbers alone around the break is no larger.
pub(super) fn parts_number(bytes: &[u8], end: usize, start: usize) -> bool {
    let of_number = |b: u8| {
        is_digit(b)
            || matches!(
                b,
                b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b'\n' | b'\r' | b'>'
            )
    };
    let mut digits = 0;
    let mut left = end;
    while end - left < BLOCK && digits <= DIGITS {
        let b = before(bytes, left, 1);
        let escape = matches!(b, b'n' | b'r') && before(bytes, left, 2) == b'\\' || b == b'\\';
        if !of_number(b) && !escape {
            break;
        }
        digits += usize::from(is_digit(b));
        left -= 1;
    }
    let mut right = start;
    while right - start < BLOCK && digits <= DIGITS {
        let b = byte(bytes, right);
        let escape = b == b'\\' || matches!(b, b'n' | b'r') && before(bytes, right, 1) == b'\\';
        if !of_number(b) && !escape {
            break;
        }
        digits += usize::from(is_digit(b));
        right += 1;
    }
    let cell = |b: u8| matches!(b, b',' | b';' | b'\t' | b'|');
    let (previous, next) = (before(bytes, left, 1), byte(bytes, right));
    // A number is not the end of a word, and the next line's time or date is no part of it.
    let within = matches!(previous, b'=' | b'_' | b'$' | b'%' | b'@' | b'#')
        || previous.is_ascii_digit()
        || previous.is_ascii_lowercase();
    let begins = !is_digit(byte(bytes, left)) || !within;
    let parted = byte(bytes, start + 4);
    let date = matches!(parted, b'-' | b'/') && byte(bytes, start + 7) == parted;
    let tabbed = |b: u8| matches!(b, b'\t' | b'|');
    // A comma with a blank is prose's.
    let in_row = tabbed(previous)
        || tabbed(next)
        || cell(previous) && byte(bytes, left) != b' '
        || cell(next) && byte(bytes, right + 1) != b' ';
    begins && !date && !in_row && digits <= DIGITS && next != b':'
}

/// True if an account's number (ISO 13616) has begun before `at` and lacks letters or digits yet:
/// `GB29 NWBK`.
pub(super) fn is_account(bytes: &[u8], at: usize) -> bool {
    let (mut from, mut count) = (at, 0);
    while at - from < BLOCK {
        let b = before(bytes, from, 1);
        if b.is_ascii_uppercase() || is_digit(b) {
            count += 1;
        } else if !matches!(b, b' ' | b'\n' | b'\r' | b'>') {
            return false;
        }
        from -= 1;
        if let Some(length) = account(bytes, from) {
            return count < length;
        }
    }
    false
}

/// The length of the account's number that begins at `at`.
fn account(bytes: &[u8], at: usize) -> Option<usize> {
    let [one, two, three, four] = *bytes.get(at..)?.first_chunk()?;
    let begins = one.is_ascii_uppercase() && is_digit(three) && is_digit(four) && begins(bytes, at);
    begins.then(|| iban_length(one, two))?
}

/// True if the account's number whose check digits begin at `start` has a break in it.
pub(super) fn breaks_account(bytes: &[u8], start: usize) -> bool {
    let Some((from, length)) = start
        .checked_sub(2)
        .and_then(|from| Some((from, account(bytes, from)?)))
    else {
        return false;
    };
    let (mut at, mut count) = (from, 0);
    while count < length && at - from < BLOCK {
        let b = byte(bytes, at);
        if self::length(bytes, at) > 0 || super::lookalike::length(bytes, at) > 0 {
            return true;
        }
        if b.is_ascii_alphanumeric() {
            count += 1;
        } else if !matches!(b, b' ' | b'-' | b'.') {
            return false;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_are_read_with_what_the_next_line_begins_with() {
        for text in [
            "\n", "\r\n", "\n> ", "\r\n> > ", "\n    ", r"\n", r"\\n", r"\r\n", r"\\r\\n", "=\r\n",
            "\\\n", "\u{ad}\n", "<br>", "<br />\n", "\n// ", "\n- ",
        ] {
            let whole = format!("{text}1");
            assert_eq!(length(whole.as_bytes(), 0), text.len(), "{text:?}");
        }
        for text in [" ", "n", r"\t", "\u{ad}1", "=1", "<b>", "", r"\"] {
            assert_eq!(length(text.as_bytes(), 0), 0, "{text:?}");
        }
    }

    #[test]
    fn an_account_is_known_from_its_beginning_on() {
        assert!(is_account(b"to GB29 NWBK", 12) && is_account(b"GB29\nNWBK", 9));
        assert!(!is_account(b"XX29 NWBK", 9) && !is_account(b"NWBK", 4));
        assert!(breaks_account(b"GB29 NWBK\n6016 1331", 2));
        assert!(!breaks_account(b"GB29 NWBK 6016 1331 9268 19\n", 2));
    }
}
