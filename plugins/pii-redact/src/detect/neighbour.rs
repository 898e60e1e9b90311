//! Tells a number in a list from a part of a decimal number, by the whole token's grammar.
//!
//! `12,52998224725` may be a row of two cells or a fraction. A fraction stands in prose: blanks, a
//! sign or a currency before its whole part, and a blank, a unit or the end of the sentence behind
//! it. A cell stands between delimiters, brackets or the ends of a line.

use super::text::{before, byte, is_digit};

/// Digits of the longest whole part before a decimal comma.
const WHOLE: usize = 3;

/// True if the digits from `start` to `end` are the fraction of a decimal number.
pub(super) fn is_fraction(bytes: &[u8], start: usize, end: usize) -> bool {
    let point = before(bytes, start, 1);
    if !matches!(point, b',' | b'.') || !is_digit(before(bytes, start, 2)) {
        return false;
    }
    if point == b'.' {
        return true;
    }
    // Several groups, as in the next cell's `529 982 247 25`, are no fraction.
    if matches!(byte(bytes, end), b' ' | b'-' | b'.' | b'/') && is_digit(byte(bytes, end + 1)) {
        return false;
    }
    let mut whole = start - 1;
    while is_digit(before(bytes, whole, 1)) && start - whole <= WHOLE + 1 {
        whole -= 1;
    }
    let digits = start - 1 - whole;
    digits <= WHOLE
        && (digits == 1 || byte(bytes, whole) != b'0')
        && !delimits(before(bytes, whole, 1))
        && !is_digit(before(bytes, whole, 2)) // a group of another number
        && !delimits(byte(bytes, end))
}

/// True if the number that ends before `end`, with these groups' lengths, is an amount of money in
/// thousands: `1.234.567,89`, `12 345 678,9`.
pub(super) fn is_amount(bytes: &[u8], lengths: &[usize], separator: u8, end: usize) -> bool {
    let Some((first, thousands)) = lengths.split_first() else {
        return false;
    };
    if !matches!(separator, b'.' | b' ') || *first > 3 || thousands.iter().any(|&l| l != 3) {
        return false;
    }
    let cents = (1..=2).find(|&n| !is_digit(byte(bytes, end + 1 + n)));
    !thousands.is_empty()
        && byte(bytes, end) == b','
        && is_digit(byte(bytes, end + 1))
        && cents.is_some_and(|n| !delimits(byte(bytes, end + 1 + n)))
}

/// True if a number is of money or a measure, by the sign before it or the one behind it.
pub(super) fn is_measure(bytes: &[u8], start: usize, end: usize) -> bool {
    let before_blank = |at: usize| match before(bytes, at, 1) {
        b' ' => at - 1,
        _ => at,
    };
    let lead = before_blank(start);
    let tail = end + usize::from(byte(bytes, end) == b' ');
    let ends_with = |sign: &[u8]| {
        let from = lead.checked_sub(sign.len());
        from.and_then(|from| bytes.get(from..lead)) == Some(sign)
    };
    let follows = |sign: &[u8]| bytes.get(tail..tail + sign.len()) == Some(sign);
    let percent = byte(bytes, tail) == b'%'
        && !(byte(bytes, tail + 1).is_ascii_hexdigit()
            && byte(bytes, tail + 2).is_ascii_hexdigit());
    [
        b"$".as_slice(),
        "€".as_bytes(),
        "£".as_bytes(),
        b"EUR",
        b"USD",
        b"BRL",
        b"GBP",
    ]
    .iter()
    .any(|sign| ends_with(sign))
        || percent
        || [
            "€".as_bytes(),
            "£".as_bytes(),
            b"EUR",
            b"USD",
            b"BRL",
            b"GBP",
            b"\xc2\xb0",
        ]
        .iter()
        .any(|sign| follows(sign))
}

/// True for what parts the values of a list, or stands around one; 0 is the text's end.
const fn delimits(b: u8) -> bool {
    matches!(
        b,
        0 | b'\n'
            | b'\r'
            | b'\t'
            | b','
            | b';'
            | b'|'
            | b'['
            | b']'
            | b'('
            | b')'
            | b'{'
            | b'}'
            | b'"'
            | b'\''
            | b'\\'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(text: &str) -> bool {
        let start = text.rfind("52998224725").unwrap_or_default();
        is_fraction(text.as_bytes(), start, start + 11)
    }

    #[test]
    fn a_fraction_stands_in_prose_and_a_cell_between_delimiters() {
        for text in [
            "0.52998224725",
            "pi is 3,52998224725 m",
            "-23,52998224725 e",
        ] {
            assert!(fraction(text), "{text}");
        }
        for text in [
            "12,52998224725,Ana",
            "12,52998224725\n",
            "[12,52998224725]",
            "(7,52998224725)",
            "a,1234,52998224725 x",
            "a, 52998224725",
            "007,52998224725 x",
            "1;2,52998224725;",
            "529.982.247-25,52998224725 x",
            "286 045 699,52998224725 x",
        ] {
            assert!(!fraction(text), "{text}");
        }
        let grouped = "-45,222 160 551 x";
        assert!(!is_fraction(grouped.as_bytes(), 4, 7));
    }

    #[test]
    fn an_amount_has_groups_of_three_and_cents() {
        let amount = |text: &str, lengths: &[usize]| {
            let end = text.find(',').unwrap_or_default();
            is_amount(text.as_bytes(), lengths, b'.', end)
        };
        assert!(amount("612.345.678,90 EUR", &[3, 3, 3]));
        assert!(!amount("612.345.678,90,x", &[3, 3, 3]));
        assert!(!amount("612.345.678,901", &[3, 3, 3]));
        assert!(!amount("2125.550.100,5 ", &[4, 3, 3]));
    }
}
