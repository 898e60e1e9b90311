//! Letters of other scripts that look like Latin ones: an address or a code with one of them among
//! its own reads the same.
//!
//! From the confusables of Unicode's Technical Standard 39, the Cyrillic, Greek and Armenian letters
//! that most fonts draw alike. They are common where those scripts are written, so they are looked
//! for beside an `@` and inside of codes alone.

use super::super::text::{before, byte};

/// Letters, in the order of their code points, and what they look like.
#[rustfmt::skip] // a table
const LOOKALIKES: &[(char, char)] = &[
    ('ı', 'i'), ('ɑ', 'a'), ('ɡ', 'g'),
    ('Α', 'A'), ('Β', 'B'), ('Ε', 'E'), ('Ζ', 'Z'), ('Η', 'H'), ('Ι', 'I'), ('Κ', 'K'), ('Μ', 'M'), ('Ν', 'N'), ('Ο', 'O'), ('Ρ', 'P'), ('Τ', 'T'), ('Υ', 'Y'), ('Χ', 'X'),
    ('α', 'a'), ('ε', 'e'), ('ι', 'i'), ('κ', 'k'), ('ν', 'v'), ('ο', 'o'), ('ρ', 'p'), ('τ', 't'), ('υ', 'u'), ('χ', 'x'), ('ϲ', 'c'), ('ϳ', 'j'), ('Ϲ', 'C'),
    ('Ѕ', 'S'), ('І', 'I'), ('Ј', 'J'), ('А', 'A'), ('В', 'B'), ('Е', 'E'), ('К', 'K'), ('М', 'M'), ('Н', 'H'), ('О', 'O'), ('Р', 'P'), ('С', 'C'), ('Т', 'T'), ('У', 'Y'), ('Х', 'X'),
    ('а', 'a'), ('в', 'b'), ('е', 'e'), ('к', 'k'), ('м', 'm'), ('н', 'h'), ('о', 'o'), ('р', 'p'), ('с', 'c'), ('т', 't'), ('у', 'y'), ('х', 'x'), ('ѕ', 's'), ('і', 'i'), ('ј', 'j'),
    ('ѵ', 'v'), ('һ', 'h'), ('Ӏ', 'I'), ('ӏ', 'l'), ('ԁ', 'd'), ('ԛ', 'q'), ('Ԛ', 'Q'), ('ԝ', 'w'), ('Ԝ', 'W'),
    ('հ', 'h'), ('ո', 'n'), ('ս', 'u'), ('օ', 'o'),
];

/// The Latin letter that one of another script looks like.
pub(super) fn latin(c: char) -> Option<char> {
    let found = LOOKALIKES.iter().find(|(letter, _)| *letter == c);
    found.map(|&(_, latin)| latin)
}

/// Bytes of the look-alike that begins at `at`, 0 where none does.
pub(in crate::detect) fn length(bytes: &[u8], at: usize) -> usize {
    let lead @ 0xc4..=0xd6 = byte(bytes, at) else {
        return 0;
    };
    let code = u32::from(lead & 0x1f) << 6 | u32::from(byte(bytes, at + 1) & 0x3f);
    match char::from_u32(code).and_then(latin) {
        Some(_) => 2,
        None => 0,
    }
}

/// True if a look-alike ends before `at`.
fn ends(bytes: &[u8], at: usize) -> bool {
    before(bytes, at, 1) >= 0x80
        && at
            .checked_sub(2)
            .is_some_and(|from| length(bytes, from) > 0)
}

/// Letters and digits of a code that are looked at on either side of a run of its digits.
const CODE: usize = 16;
/// Fewest digits beside a look-alike that are a code's.
const DIGITS: usize = 2;

/// True if the code around the digit run from `start` to `end` has a look-alike in it.
pub(super) fn in_code(bytes: &[u8], start: usize, end: usize) -> bool {
    let (left, right) = (before(bytes, start, 1), byte(bytes, end));
    let joins = |b: u8| b.is_ascii_alphabetic() || b >= 0x80;
    if end - start < DIGITS || !joins(left) && !joins(right) {
        return false;
    }
    let (mut from, mut to) = (start, end);
    while start - from < CODE && before(bytes, from, 1).is_ascii_alphanumeric() {
        from -= 1;
    }
    while to - end < CODE && byte(bytes, to).is_ascii_alphanumeric() {
        to += 1;
    }
    ends(bytes, from) || length(bytes, to) > 0
}

/// True if the address around the `@` from `at` to `end` has a look-alike in it, or ends in a
/// domain whose dots are spelt out.
pub(in crate::detect) fn in_address(bytes: &[u8], at: usize, end: usize) -> bool {
    let (mut from, mut to) = (at, end);
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    while at - from < 64 && is_part(before(bytes, from, 1)) {
        from -= 1;
    }
    while to - end < 64 && is_part(byte(bytes, to)) {
        to += 1;
    }
    ends(bytes, from)
        || length(bytes, to) > 0
        || byte(bytes, to) == b' ' && matches!(super::spelt::read(bytes, to), Some(('.', _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_look_latin_are_read_so_and_no_others() {
        let read = |text: &str| -> String { text.chars().map(|c| latin(c).unwrap_or(c)).collect() };
        assert_eq!(read("аnа@ехаmрlе.соm"), "ana@example.com");
        assert_eq!(read("ΑΝΑ ВΕ"), "ANA BE");
        assert_eq!(read("жёлтый ß ç"), "жёлtый ß ç");
        for (letter, plain) in LOOKALIKES {
            assert_eq!(length(letter.to_string().as_bytes(), 0), 2, "{letter}");
            assert!(!letter.is_ascii() && plain.is_ascii_alphabetic());
        }
    }

    #[test]
    fn codes_and_addresses_with_a_lookalike_are_known() {
        let code = |text: &str| {
            let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
            let end = super::super::super::text::digits_end(text.as_bytes(), start);
            in_code(text.as_bytes(), start, end)
        };
        assert!(code("DЕ89 3704") && code("RЅSMRA85T10") && code("12345678Ζ"));
        assert!(!code("DE89 3704") && !code("v2 и") && !code("год 2024"));
        let address = |text: &str| {
            let at = text.find('@').unwrap_or_default();
            in_address(text.as_bytes(), at, at + 1)
        };
        assert!(address("аna@x.com") && address("ana@х.com") && address("ana@x ponto com"));
        assert!(!address("ana@x.com") && !address("x@y z"));
    }
}
