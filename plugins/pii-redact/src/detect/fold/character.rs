//! Characters that stand for plainer ones: full-width, mathematical and circled letters and digits,
//! digits of other scripts, blanks and dashes of every width, and what shows nothing at all.
//!
//! Compatibility decompositions of the Unicode Character Database, version 16, as far as they are a
//! letter, a digit or a sign that personal data is written with.

/// The plain reading of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// It is read as nothing.
    Nothing,
    /// It is read as this one.
    As(char),
}

use Plain::{As, Nothing};

/// Letters of the mathematical alphabets that were in Unicode before those.
const LETTERLIKE: &[(u32, char)] = &[
    (0x2102, 'C'),
    (0x210a, 'g'),
    (0x210b, 'H'),
    (0x210c, 'H'),
    (0x210d, 'H'),
    (0x210e, 'h'),
    (0x2110, 'I'),
    (0x2111, 'I'),
    (0x2112, 'L'),
    (0x2113, 'l'),
    (0x2115, 'N'),
    (0x2119, 'P'),
    (0x211a, 'Q'),
    (0x211b, 'R'),
    (0x211c, 'R'),
    (0x211d, 'R'),
    (0x2124, 'Z'),
    (0x2128, 'Z'),
    (0x212c, 'B'),
    (0x212d, 'C'),
    (0x212f, 'e'),
    (0x2130, 'E'),
    (0x2131, 'F'),
    (0x2133, 'M'),
    (0x2134, 'o'),
    (0x2139, 'i'),
];

/// The plain reading of a character that has one.
pub(super) fn plain(c: char) -> Option<Plain> {
    let code = u32::from(c);
    let nth = |first: char, n: u32| char::from_u32(u32::from(first) + n).map(As);
    match code {
        0xad
        | 0x34f
        | 0x61c
        | 0x115f..=0x1160
        | 0x180b..=0x180e
        | 0x200b..=0x200f
        | 0x202a..=0x202e
        | 0x2060..=0x2064
        | 0x2066..=0x206f
        | 0x3164
        | 0xfe00..=0xfe0f
        | 0xfeff => Some(Nothing),
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Some(As(' ')),
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0xfe58 | 0xfe63 => Some(As('-')),
        0x2024 | 0xfe52 | 0x3002 | 0xff61 => Some(As('.')),
        0x2044 | 0x2215 => Some(As('/')),
        0xfe6b => Some(As('@')),
        0xfe55 => Some(As(':')),
        0xfe62 => Some(As('+')),
        0xff01..=0xff5e => nth('!', code - 0xff01),
        0x660..=0x669 => nth('0', code - 0x660),
        0x6f0..=0x6f9 => nth('0', code - 0x6f0),
        0x966..=0x96f => nth('0', code - 0x966),
        0x2070 | 0x2074..=0x2079 => nth('0', code - 0x2070),
        0x2080..=0x2089 => nth('0', code - 0x2080),
        0x24ea => Some(As('0')),
        0x2460..=0x2468 => nth('1', code - 0x2460),
        0x2776..=0x277e => nth('1', code - 0x2776),
        0x2780..=0x2788 => nth('1', code - 0x2780),
        0x24b6..=0x24cf => nth('A', code - 0x24b6),
        0x24d0..=0x24e9 => nth('a', code - 0x24d0),
        // Thirteen alphabets of twice 26 letters, then five sets of digits.
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            n @ 0..26 => nth('A', n),
            n => nth('a', n - 26),
        },
        0x1d7ce..=0x1d7ff => nth('0', (code - 0x1d7ce) % 10),
        0x1fbf0..=0x1fbf9 => nth('0', code - 0x1fbf0),
        0x2100..=0x213f => {
            let found = LETTERLIKE.iter().find(|(letter, _)| *letter == code);
            found.map(|&(_, plain)| As(plain))
        }
        _ => None,
    }
}

/// True for the first byte of characters some of which have a plain reading, in UTF-8.
pub(in crate::detect) const fn may_fold(lead: u8) -> bool {
    matches!(lead, 0xc2 | 0xd9 | 0xdb | 0xe0 | 0xe2 | 0xe3 | 0xef | 0xf0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dress_of_a_letter_or_digit_is_seen_through() {
        let read = |text: &str| -> String {
            text.chars()
                .filter_map(|c| match plain(c) {
                    Some(As(plain)) => Some(plain),
                    Some(Nothing) => None,
                    None => Some(c),
                })
                .collect()
        };
        for (dressed, bare) in [
            ("４１１１－１", "4111-1"),
            ("𝟒𝟙𝟣𝟭𝟷 𝐀𝑧𝓑ℎ", "41111 AzBh"),
            ("①②⓪ ⒶⓩⒷ", "120 AzB"),
            ("٤١ ۴۱ ४१ ⁴₁", "41 41 41 41"),
            ("4\u{200b}1\u{ad}1\u{feff}1\u{2060}", "4111"),
            ("4\u{a0}1\u{2009}1\u{202f}1\u{3000}1", "4 1 1 1 1"),
            ("1\u{2011}2–3−4", "1-2-3-4"),
            ("ａｎａ＠ｘ．ｃｏｍ", "ana@x.com"),
            ("é ß 中 😀", "é ß 中 😀"),
        ] {
            assert_eq!(read(dressed), bare);
        }
    }

    #[test]
    fn each_character_with_a_plain_reading_begins_with_a_byte_that_is_looked_for() {
        for c in (0x80..=0x0010_ffff).filter_map(char::from_u32) {
            let lead = c.encode_utf8(&mut [0; 4]).as_bytes()[0];
            let rare =
                matches!(u32::from(c), 0x34f | 0x61c | 0x115f..=0x1160 | 0x1680 | 0x180b..=0x180e);
            if plain(c).is_some() && !rare {
                assert!(may_fold(lead), "{c:?}");
            }
        }
    }
}
