//! Surrogate pairs that are cut by the border of two deltas.
//!
//! Servers that slice text by UTF-16 unit send `"\ud83d"` and then `"\ude00"`. Policies are shown
//! the letter, with the second delta; what is written is what came, unless one of the two was
//! edited: then the letter is written as a whole.

use crate::json::Text;

/// The letter that a delta begins with although its literal does not hold all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) letter: char,
    /// Bytes of the literal that are its second half: none where something else follows the first.
    pub(super) taken: usize,
}

impl Head {
    /// A first half that nothing completes.
    pub(super) const LONE: Self = Self {
        letter: char::REPLACEMENT_CHARACTER,
        taken: 0,
    };

    /// The letter of `high` and what the literal `inside` begins with.
    pub(super) fn of(high: u16, inside: &[u8]) -> Self {
        let low = inside.get(..ESCAPE).and_then(unit);
        let mut letters = char::decode_utf16([Some(high), low].into_iter().flatten());
        match letters.next() {
            Some(Ok(letter)) => Self {
                letter,
                taken: ESCAPE,
            },
            _ => Self::LONE,
        }
    }
}

/// Bytes of `\uXXXX`.
const ESCAPE: usize = 6;

/// The first half of a pair that a literal ends with.
pub(super) fn tail(escaped: bool, inside: &[u8]) -> Option<u16> {
    if !escaped {
        return None;
    }
    let start = inside.len().checked_sub(ESCAPE)?;
    let high = unit(inside.get(start..)?)?;
    // behind an odd number of backslashes it is text
    let before = inside.get(..start)?.iter().rev();
    let backslashes = before.take_while(|byte| **byte == b'\\').count();
    (backslashes % 2 == 0 && matches!(high, 0xd800..=0xdbff)).then_some(high)
}

fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// The text of a literal as policies see it.
pub(super) fn shown(doc: &[u8], text: &Text, head: Option<Head>, tail: bool) -> String {
    let mut range = text.range.clone();
    if tail {
        range.end -= ESCAPE;
    }
    let Some(head) = head else {
        return Text { range, ..*text }.decode(doc).into_owned();
    };
    range.start += head.taken;
    let mut shown = String::from(head.letter);
    if range.len() >= 2 {
        shown += &Text { range, ..*text }.decode(doc);
    }
    shown
}

/// Reports whether a literal of the document ends in a first half.
pub(super) fn is_cut(doc: &[u8]) -> bool {
    memchr::memchr_iter(b'u', doc).any(|at| {
        let escape = at.checked_sub(1).map(|start| start..start + ESCAPE);
        let escape = escape.and_then(|range| doc.get(range));
        doc.get(at + ESCAPE - 1) == Some(&b'"')
            && escape
                .and_then(unit)
                .is_some_and(|unit| (0xd800..=0xdbff).contains(&unit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_a_first_half_that_is_an_escape() {
        for (inside, expected) in [
            (&br"a\ud83d"[..], Some(0xd83d)),
            (br"\uD83D", Some(0xd83d)),
            (br"\\ud83d", None),
            (br"\\\ud83d", Some(0xd83d)),
            (br"\ude00", None),
            (br"\u00e9", None),
            (br"", None),
        ] {
            assert_eq!(tail(true, inside), expected, "{inside:?}");
        }
    }

    #[test]
    fn a_head_is_the_letter_of_both_halves() {
        let head = Head::of(0xd83d, br"\ude00 x");
        assert_eq!((head.letter, head.taken), ('\u{1f600}', 6));
        assert_eq!(Head::of(0xd83d, b"x"), Head::LONE);
        assert_eq!(Head::of(0xd83d, br"\u00e9"), Head::LONE);
    }
}
