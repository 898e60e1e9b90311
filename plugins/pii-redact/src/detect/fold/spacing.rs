//! Blanks and line breaks inside of a number.

use super::super::text::{before, byte, is_digit};
use super::{breaks, lookalike};

/// Blanks between two groups of a number that are still one gap.
const BLANKS: usize = 4;
/// Fewest letters and digits of a number that is written with a blank behind each.
const SPACED: usize = 7;
/// Most of them: an IBAN's.
const MOST_SPACED: usize = 34;

/// A gap inside of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Several blanks.
    Blanks,
    /// A line break, which is read as a blank or as nothing; the dash before it, if there is one,
    /// is the separator.
    Break,
}

/// True if the digit run from `start` to `end` goes on behind an odd gap, is a digit of a
/// spaced-out number, or is in a code with a letter of another script.
pub(in crate::detect) fn is_oddly_spaced(bytes: &[u8], start: usize, end: usize) -> bool {
    // `(11)  3456-7890`
    let close = end + usize::from(byte(bytes, end) == b')');
    let odd = match byte(bytes, close) {
        b' ' | b'\n' | b'\r' | b'\\' | b'-' | b'.' | b'/' | b'=' | b'<' | 0xc2 => {
            gap(bytes, close).is_some()
                || close - start == 1 && spaced(bytes, spaced_start(bytes, start)).is_some()
        }
        _ => false,
    };
    odd || before(bytes, start, 1).is_ascii_uppercase() && breaks::breaks_account(bytes, start)
        || lookalike::in_code(bytes, start, end)
}

/// The gap at `at`, behind a digit or an account's letter, and its bytes; the number goes on behind
/// it.
pub(super) fn gap(bytes: &[u8], at: usize) -> Option<(Gap, usize)> {
    let dash = usize::from(matches!(byte(bytes, at), b'-' | b'.' | b'/'));
    let mut i = at + dash;
    while byte(bytes, i) == b' ' && i - at < BLANKS {
        i += 1;
    }
    let broken = breaks::length(bytes, i);
    // The sign between two groups may be on the next line.
    let begun = usize::from(
        broken > 0 && dash == 0 && matches!(byte(bytes, i + broken), b'-' | b'.' | b'/'),
    );
    let behind = i + broken + begun;
    let next = byte(bytes, behind);
    let account = || breaks::is_account(bytes, at);
    if broken > 0 {
        let parts = match is_digit(before(bytes, at, 1)) || before(bytes, at, 1) == b')' {
            true if is_digit(next) || next == b'(' => breaks::parts_number(bytes, at, behind),
            true => next.is_ascii_uppercase() && account(),
            false => (is_digit(next) || next.is_ascii_uppercase()) && account(),
        };
        return parts.then_some((Gap::Break, behind - at));
    }
    let blanks = i - at - dash;
    let fits = is_digit(next) || next.is_ascii_uppercase() && account();
    (blanks > 1 && dash == 0 && fits).then_some((Gap::Blanks, blanks))
}

/// The first of the capitals that stand one by one before the digit at `at`, as in `A B 1 2`.
fn spaced_start(bytes: &[u8], at: usize) -> usize {
    let mut from = at;
    while at - from < 8
        && matches!(before(bytes, from, 1), b' ' | b'-' | b'.')
        && before(bytes, from, 2).is_ascii_uppercase()
        && !before(bytes, from, 3).is_ascii_alphanumeric()
    {
        from -= 2;
    }
    from
}

/// One past the number whose letters and digits stand one by one from `at` on, with one separator
/// after each: `5 2 9 . 9 8 2`.
pub(super) fn spaced(bytes: &[u8], at: usize) -> Option<usize> {
    let is_part = |b: u8| is_digit(b) || b.is_ascii_uppercase();
    let alone = |back| {
        is_part(before(bytes, at, back)) && !before(bytes, at, back + 1).is_ascii_alphanumeric()
    };
    let separated = matches!(before(bytes, at, 1), b' ' | b'-' | b'.' | b'/' | b'_');
    // It was looked at from its first character already.
    if !is_part(byte(bytes, at))
        || before(bytes, at, 1).is_ascii_alphanumeric()
        || separated && alone(2)
    {
        return None;
    }
    let (mut i, mut parts, mut digits, mut end) = (at, 0, 0, at);
    while is_part(byte(bytes, i)) && !byte(bytes, i + 1).is_ascii_alphanumeric() {
        if parts == MOST_SPACED {
            return None;
        }
        parts += 1;
        digits += usize::from(is_digit(byte(bytes, i)));
        end = i + 1;
        i += 1;
        let gap = i;
        while i - gap < 3 && matches!(byte(bytes, i), b' ' | b'-' | b'.' | b'/' | b'_') {
            i += 1;
        }
        if i == gap {
            break;
        }
    }
    (parts >= SPACED && digits >= SPACED - 1).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::super::super::text::digits_end;
    use super::*;

    #[test]
    fn gaps_are_those_of_a_number_in_prose() {
        for (text, kind) in [
            ("my card 4111  1111", Some(Gap::Blanks)),
            ("my card 4111\n1111 x", Some(Gap::Break)),
            (r"my card 4111\n1111 x", Some(Gap::Break)),
            ("my ssn 536-\n22", Some(Gap::Break)),
            ("4111\n1111\n", Some(Gap::Break)),
            ("4111\r\n> 1111", Some(Gap::Break)),
            ("my card 4111\n2024-01-02", None),
            ("my card 4111\n11:30", None),
            ("a,4111\n1111,b", None),
            ("my card 4111 1111", None),
            ("my card 4111\nand", None),
            ("my card 4111       1111", None),
        ] {
            let at = text.find(['4', '5']).unwrap_or_default();
            let end = digits_end(text.as_bytes(), at);
            assert_eq!(
                gap(text.as_bytes(), end).map(|(gap, _)| gap),
                kind,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_spaced_out_number_has_one_character_at_a_time() {
        let length = |text: &str| spaced(text.as_bytes(), 0);
        assert_eq!(length("5 2 9 9 8 2 2 4 7 2 5 and"), Some(21));
        assert_eq!(length("5 2 9 . 9 8 2 . 2 4 7 - 2 5"), Some(27));
        assert!(is_oddly_spaced(b"A B 1 2 3 4 5 6 C", 4, 5));
        assert!(!is_oddly_spaced(b"A B 1 2 3 4 5 6 C", 6, 7)); // noted once
        assert_eq!(length("5-2-9-9-8-2-2-4-7-2-5"), Some(21));
        assert_eq!(length("1 2 3 4 5"), None);
        assert_eq!(length("A B C D E F G H I J"), None);
    }
}
