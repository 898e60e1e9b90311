//! Tags: what of a placeholder stays when a model has bent its dress.

use super::{LONGEST, LONGEST_LABEL};

/// Letters and digits that no font, language model or Markdown confuses: no `l`, `o`, `0`, `1`.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Bytes of the longest tag: a placeholder without its brackets and the `_` before the characters.
const LONGEST_TAG: usize = LONGEST - 5;

/// The characters of a tag: six or eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Characters([u8; 8]);

impl Characters {
    /// A zero byte fills what is shorter.
    pub(super) fn text(&self) -> &[u8] {
        let length = self.0.iter().position(|b| *b == 0);
        self.0.get(..length.unwrap_or(8)).unwrap_or_default()
    }
}

/// A placeholder's letters and digits in lower case, and nothing of its dress: `email7f3a2c`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    bytes: [u8; LONGEST_TAG],
    length: u8,
    /// Letters of the label; the characters follow them.
    label: u8,
    /// The places of `_` in the label as it is written, a bit for each.
    underscores: u16,
}

impl Tag {
    /// The beginning of a tag: `email`, or `uknino` of `UK_NINO`.
    pub(super) fn of(label: &str) -> Self {
        let mut tag = Self {
            bytes: [0; LONGEST_TAG],
            length: 0,
            label: 0,
            underscores: 0,
        };
        for (place, b) in label.bytes().take(LONGEST_LABEL).enumerate() {
            match b {
                b'_' => tag.underscores |= 1 << place,
                _ => tag.push(b.to_ascii_lowercase()),
            }
        }
        tag.label = tag.length;
        tag
    }

    /// The same from the label's letters; where it had underscores is not known then.
    pub(super) fn lettered(letters: &[u8]) -> Self {
        let mut tag = Self::of("");
        letters.iter().for_each(|b| tag.push(*b));
        tag.label = tag.length;
        tag
    }

    fn push(&mut self, b: u8) {
        if let Some(place) = self.bytes.get_mut(usize::from(self.length)) {
            *place = b;
            self.length += 1;
        }
    }

    pub(super) fn push_characters(&mut self, mut hash: u64, count: usize) {
        for _ in 0..count {
            self.push(ALPHABET[(hash & 31) as usize]);
            hash >>= 5;
        }
    }

    /// Adds characters that were read from another tag.
    pub(super) fn extend(&mut self, characters: Characters) {
        characters.text().iter().for_each(|b| self.push(*b));
    }

    /// The text that follows the label.
    pub(super) fn characters(&self) -> Characters {
        let mut characters = [0; 8];
        let text = self.text().get(usize::from(self.label)..);
        for (place, b) in characters.iter_mut().zip(text.unwrap_or_default()) {
            *place = *b;
        }
        Characters(characters)
    }

    pub(super) fn text(&self) -> &[u8] {
        let text = self.bytes.get(..usize::from(self.length));
        text.unwrap_or_default()
    }

    /// The label's letters.
    pub(super) fn label(&self) -> &[u8] {
        let label = self.bytes.get(..usize::from(self.label));
        label.unwrap_or_default()
    }

    /// True if the tag is of this very label: `AB` is not `A_B`, though their letters are the same.
    pub(super) fn is_of(&self, label: &str) -> bool {
        let other = Self::of(label);
        self.underscores == other.underscores && self.label() == other.label()
    }

    /// Writes `[[EMAIL_7f3a2c]]`.
    pub(super) fn dress(&self, out: &mut String) {
        let (label, characters) = self.text().split_at(self.label().len());
        out.push_str("[[");
        let mut underscores = self.underscores;
        for &b in label {
            while underscores & 1 == 1 {
                out.push('_');
                underscores >>= 1;
            }
            underscores >>= 1;
            out.push(char::from(b.to_ascii_uppercase()));
        }
        out.push('_');
        out.extend(characters.iter().copied().map(char::from));
        out.push_str("]]");
    }
}

/// A hash of a tag. Its characters are one already: enough to find it by.
pub(super) fn hash(tag: &[u8]) -> u64 {
    let mixed = tag.iter().fold(0u64, |hash, &b| {
        (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_written_as_it_is_named_and_told_by_its_letters() {
        for (label, letters) in [
            ("EMAIL", "email"),
            ("UK_NINO", "uknino"),
            ("A__B_C", "abc"),
            ("ABCDEFGHI_J", "abcdefghij"),
        ] {
            let mut tag = Tag::of(label);
            tag.push_characters(0, 8);
            assert_eq!(tag.label(), letters.as_bytes());
            assert_eq!(tag.text(), [letters.as_bytes(), b"aaaaaaaa"].concat());
            let mut dressed = String::new();
            tag.dress(&mut dressed);
            assert_eq!(dressed, format!("[[{label}_aaaaaaaa]]"));
        }
        assert!(Tag::of("A_B").is_of("a_b"));
        assert!(!Tag::of("A_B").is_of("AB"));
    }
}
