//! Surrogate pairs that are cut by the border of two deltas.
//!
//! Servers that slice text by UTF-16 unit send `"\ud83d"` and then `"\ude00"`. Policies are shown
//! the letter, with the second delta; what is written is what came, unless one of the two was
//! edited: then the letter is written as a whole.

use super::plan::{Channel, Site, What};
use crate::json::{Text, quote};

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

/// Text for a delta that shares a surrogate pair with its neighbour.
pub(super) struct Halved {
    /// The second half of a pair whose first was written as it came.
    low: Vec<u8>,
    text: String,
}

impl Halved {
    pub(super) fn is_empty(&self) -> bool {
        self.low.is_empty() && self.text.is_empty()
    }

    /// The text for a place without a literal to continue: half a letter is none.
    pub(super) fn plain(&self) -> &str {
        &self.text
    }

    pub(super) fn literal(&self) -> Vec<u8> {
        let mut literal = b"\"".to_vec();
        literal.extend_from_slice(&self.low);
        let mut quoted = Vec::new();
        quote(&self.text, &mut quoted);
        literal.extend_from_slice(quoted.get(1..).unwrap_or_default());
        literal
    }
}

/// The text to write instead of such a delta; `None` where it stays as it came.
pub(super) fn halved(
    channel: &mut Channel,
    site: &Site,
    doc: &[u8],
    edit: Option<&str>,
    edited_next: bool,
) -> Option<Halved> {
    let written = std::mem::take(&mut channel.half_written);
    let missing = site.head.is_some() && !written;
    if edit.is_none() && !missing && !(site.tail && (channel.edited || edited_next)) {
        channel.half_written = site.tail;
        return None;
    }
    let text = edit.map_or_else(|| text_of(site, doc), str::to_owned);
    match site.head.filter(|_| written) {
        Some(head) => match text.strip_prefix(head.letter) {
            Some(rest) => Some(Halved {
                low: (doc.get(site.at.clone()).unwrap_or_default())
                    .get(1..=head.taken)
                    .unwrap_or_default()
                    .to_vec(),
                text: rest.to_owned(),
            }),
            None => Some(Halved {
                low: Vec::new(),
                text,
            }),
        },
        None => Some(Halved {
            low: Vec::new(),
            text,
        }),
    }
}

/// The text of a site's delta.
pub(super) fn text_of(site: &Site, doc: &[u8]) -> String {
    if site.what == What::Close {
        return site
            .head
            .map(|head| head.letter.to_string())
            .unwrap_or_default();
    }
    let text = Text {
        range: site.at.clone(),
        escaped: site.escaped,
    };
    shown(doc, &text, site.head, site.tail)
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
