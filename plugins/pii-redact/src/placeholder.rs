//! Placeholders: the texts that stand for values while the model has the text.
//!
//! A placeholder is `[[`, the kind, `_`, six or eight characters and `]]`: `[[EMAIL_7f3a2c]]`, 24
//! bytes at the most. The six are a keyed hash of the value without its spelling (case, spaces,
//! punctuation), so the same value has the same six in every turn, and nobody without the key can
//! guess them; two more distinguish spellings, so that each is put back exactly as it was written.
//! Two values of one exchange never share a placeholder: the later one is hashed again.

use std::cell::OnceCell;

use crate::{byte_set::ByteSet, detect::Kind};

mod index;
mod labels;
mod message;
mod tag;

use index::Index;
use labels::Labels;
use message::{Message, siphash};
use tag::{Characters, Tag};

/// Bytes of the longest placeholder.
pub(crate) const LONGEST: usize = 24;

/// Bytes of the longest label that leaves room for brackets, `_` and eight characters.
pub(crate) const LONGEST_LABEL: usize = 11;

/// The most bytes of a placeholder with this label.
pub(crate) const fn longest(label: &str) -> usize {
    label.len() + LONGEST - LONGEST_LABEL
}

/// The table of one exchange: which placeholder stands for which text. A text is found by its
/// placeholder, so one index serves both ways; the texts lie one behind the other, and an entry is
/// a few bytes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Vault {
    key: [u64; 2],
    /// The placeholders in the order in which they were given out.
    issued: Vec<Issued>,
    /// The texts behind them, in the same order.
    texts: String,
    /// Their places, by a hash of the tag.
    by_tag: Index,
    /// Their places, by tag in order: a reply is searched for these.
    ordered: OnceCell<Vec<u32>>,
    labels: Labels,
}

/// A placeholder that was given out for a text.
#[derive(Debug, Clone, Copy)]
struct Issued {
    characters: Characters,
    /// One past the text's last byte among all texts; it begins where the one before it ends.
    end: u32,
    /// The number of its label.
    label: u16,
    /// JSON strings around the text.
    depth: u16,
}

/// The text behind a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'v> {
    /// The text as it was written.
    pub(crate) text: &'v str,
    /// Number of JSON strings, one inside the other, that it was written in: its escapes are
    /// theirs.
    pub(crate) depth: u32,
    /// Letters of the tag that are its label; the key's characters follow them.
    pub(crate) label: usize,
}

impl Vault {
    /// An empty table whose hashes are made with `key`: any bytes, the first sixteen of a random
    /// key or a passphrase of any length.
    pub(crate) fn new(key: &[u8]) -> Self {
        let fold = |salt: u64| siphash([0x6f75_7472_6967_6765 ^ salt, 0x7069_692d_7265_6461], key);
        Self {
            key: [fold(1), fold(2)],
            ..Self::default()
        }
    }

    /// True if no placeholder was given out.
    pub(crate) const fn is_empty(&self) -> bool {
        self.issued.is_empty()
    }

    /// Sets another key; what was given out before keeps its placeholder.
    pub(crate) fn set_key(&mut self, key: &[u8]) {
        self.key = Self::new(key).key;
    }

    /// Makes room for so many more placeholders, and bytes of text behind them, at once.
    pub(crate) fn reserve(&mut self, more: usize, bytes: usize) {
        self.issued.reserve_exact(more);
        self.texts.reserve_exact(bytes);
        self.widen(more);
    }

    fn widen(&mut self, more: usize) {
        let (issued, labels) = (&self.issued, &self.labels);
        self.by_tag.reserve(more, |at| {
            issued.get(at).map_or(0, |issued| issued.hash(labels))
        });
    }

    /// Writes the placeholder for `text`, which is of the kind `label` (at most [`LONGEST_LABEL`]
    /// capitals and underscores) and holds the JSON escapes of `depth` strings around it: the same
    /// for the same text.
    pub(crate) fn issue_to(&mut self, out: &mut String, label: &str, text: &str, depth: u32) {
        let number = self.labels.number(label);
        let depth = u16::try_from(depth).unwrap_or(u16::MAX);
        let value = Value::of(label, text);
        let mut attempt = 0;
        // A text that is known has the first of these that is not another's.
        let (tag, hash) = loop {
            let tag = value.tag(self.key, attempt);
            let hash = tag::hash(tag.text());
            let Some(at) = self.place_of(tag.text(), hash) else {
                break (tag, hash);
            };
            if self.is_issued(at, (number, depth), text) {
                tag.dress(out);
                return;
            }
            attempt += 1;
        };
        if self.by_tag.is_full() {
            self.widen(self.issued.len().max(8));
        }
        tag.dress(out);
        self.by_tag.add(hash, self.issued.len());
        self.ordered.take();
        self.texts.push_str(text);
        self.issued.push(Issued {
            characters: tag.characters(),
            end: u32::try_from(self.texts.len()).unwrap_or(u32::MAX),
            label: number,
            depth,
        });
    }

    /// The same as a text of its own.
    #[cfg(test)]
    pub(crate) fn issue(&mut self, label: &str, text: &str, depth: u32) -> String {
        let mut placeholder = String::new();
        self.issue_to(&mut placeholder, label, text, depth);
        placeholder
    }

    /// Writes what [`Vault::issue_to`] would, without remembering the text: for values that are not
    /// to come back.
    pub(crate) fn name_to(&self, out: &mut String, label: &str, text: &str) {
        Value::of(label, text).tag(self.key, 0).dress(out);
    }

    fn place_of(&self, tag: &[u8], hash: u64) -> Option<usize> {
        let is_it = |at: usize| {
            let issued = self.issued.get(at);
            issued.is_some_and(|issued| issued.is_written(&self.labels, tag))
        };
        self.by_tag.find(hash, is_it)
    }

    /// True if the placeholder at `at` stands for this very text.
    fn is_issued(&self, at: usize, of: (u16, u16), text: &str) -> bool {
        let issued = self.issued.get(at);
        issued.is_some_and(|issued| (issued.label, issued.depth) == of)
            && self.text_at(at) == Some(text)
    }

    fn text_at(&self, at: usize) -> Option<&str> {
        let end = self.issued.get(at)?.end as usize;
        let before = at.checked_sub(1).and_then(|before| self.issued.get(before));
        let start = before.map_or(0, |issued| issued.end as usize);
        self.texts.get(start..end)
    }

    /// The entry of a tag (letters and digits in lower case).
    pub(crate) fn entry(&self, tag: &[u8]) -> Option<Entry<'_>> {
        let at = self.place_of(tag, tag::hash(tag))?;
        let issued = self.issued.get(at)?;
        Some(Entry {
            text: self.text_at(at)?,
            depth: u32::from(issued.depth),
            label: self.labels.letters(issued.label).len(),
        })
    }

    /// True if some tag begins with `start`.
    pub(crate) fn has_beginning(&self, start: &[u8]) -> bool {
        if let Some(has) = self.labels.have_beginning(start) {
            return has;
        }
        let letters = |place: u32| {
            let issued = self.issued.get(place as usize);
            let letters = issued.map(|issued| issued.letters(&self.labels));
            letters.into_iter().flatten()
        };
        let ordered = self.ordered.get_or_init(|| {
            let mut places: Vec<u32> = (0..).take(self.issued.len()).collect();
            places.sort_unstable_by(|one, other| letters(*one).cmp(letters(*other)));
            places
        });
        let wanted = || start.iter().copied();
        let at = ordered.partition_point(|place| letters(*place).lt(wanted()));
        let next = ordered.get(at);
        next.is_some_and(|place| letters(*place).take(start.len()).eq(wanted()))
    }

    /// The letters that a tag may begin with, in either case.
    pub(crate) const fn firsts(&self) -> ByteSet {
        self.labels.firsts()
    }

    /// True if some tag may begin where a text goes on with `rest`, in any case: false for nearly
    /// all words.
    pub(crate) fn may_begin(&self, rest: &[u8]) -> bool {
        self.labels.may_begin(rest)
    }
}

impl Issued {
    /// The letters and digits of the tag.
    fn letters<'l>(&'l self, labels: &'l Labels) -> impl Iterator<Item = u8> + use<'l> {
        let label = labels.letters(self.label).iter();
        label.chain(self.characters.text()).copied()
    }

    /// True if these are the letters and digits of the tag.
    fn is_written(&self, labels: &Labels, tag: &[u8]) -> bool {
        // The characters differ nearly always.
        tag.strip_suffix(self.characters.text())
            .is_some_and(|label| label == labels.letters(self.label))
    }

    fn hash(&self, labels: &Labels) -> u64 {
        let mut tag = Tag::lettered(labels.letters(self.label));
        tag.extend(self.characters);
        tag::hash(tag.text())
    }
}

/// A text and what it means, of which a tag's characters are made.
struct Value<'t> {
    label: &'t str,
    text: &'t str,
    /// The label, and the text without its spelling.
    plain: Message,
}

impl<'t> Value<'t> {
    fn of(label: &'t str, text: &'t str) -> Self {
        let number = Kind::ALL
            .iter()
            .any(|kind| kind.is_number() && kind.label() == label);
        let mut plain = Message::of(label);
        let meaning = text.bytes().filter(|&b| is_meaning(b, !number));
        plain.extend(meaning.map(|b| b.to_ascii_lowercase()));
        Self { label, text, plain }
    }

    /// Returns `email7f3a2c`, or two more characters where the text isn't spelt in the plainest
    /// form.
    fn tag(&self, key: [u64; 2], attempt: u64) -> Tag {
        let mut tag = Tag::of(self.label);
        tag.push_characters(self.plain.hash(key, attempt + 1), 6);
        if self.plain.text() != self.text.as_bytes() {
            let mut exact = Message::of(self.label);
            exact.extend(self.text.bytes());
            tag.push_characters(exact.hash(key, 0), 2);
        }
        tag
    }
}

/// True if a byte belongs to the value and not to its spelling. In a number no punctuation does.
fn is_meaning(b: u8, punctuation: bool) -> bool {
    b >= 0x80 || b.is_ascii_alphanumeric() || punctuation && b > b' '
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_the_same_placeholder_in_every_table_of_a_key() {
        let mut one = Vault::new(b"key");
        let mut other = Vault::new(b"key");
        other.issue("EMAIL", "bob@x.com", 0);
        assert_eq!(
            one.issue("EMAIL", "ana@x.com", 0),
            other.issue("EMAIL", "ana@x.com", 0)
        );
        assert_eq!(
            one.issue("EMAIL", "ana@x.com", 0),
            one.issue("EMAIL", "ana@x.com", 0)
        );
        assert_ne!(
            one.issue("EMAIL", "ana@x.com", 0),
            Vault::new(b"other").issue("EMAIL", "ana@x.com", 0)
        );
    }

    #[test]
    fn spellings_of_a_value_share_six_characters_and_are_still_distinct() {
        let mut vault = Vault::new(b"key");
        let (plain, loud) = (
            vault.issue("EMAIL", "ana@x.com", 0),
            vault.issue("EMAIL", "Ana@X.com", 0),
        );
        assert_eq!(plain[..14], loud[..14]);
        assert_ne!(plain, loud);
        let tag = [b"email", &loud.as_bytes()[8..16]].concat();
        assert_eq!(vault.entry(&tag).unwrap().text, "Ana@X.com");
    }

    #[test]
    fn a_placeholder_has_at_most_24_bytes() {
        assert_eq!(
            Vault::new(b"k").issue("ABCDEFGHIJK", "X 1", 0).len(),
            LONGEST
        );
    }

    #[test]
    fn many_values_never_share_a_placeholder() {
        let mut vault = Vault::new(b"key");
        let mut all: Vec<String> = (0..40_000)
            .map(|n| {
                vault.issue(
                    "IP",
                    &format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255),
                    0,
                )
            })
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40_000);
        let first = vault.issue("IP", "10.0.0.1", 0);
        let tag = [b"ip", &first.as_bytes()[5..first.len() - 2]].concat();
        assert_eq!(vault.entry(&tag).unwrap().text, "10.0.0.1");
    }

    #[test]
    fn labels_of_the_same_letters_share_no_placeholder() {
        let mut vault = Vault::new(b"key");
        let (one, other) = (vault.issue("A_B", "x1", 0), vault.issue("AB", "x1", 0));
        assert!(one.starts_with("[[A_B_") && other.starts_with("[[AB_"));
        assert_ne!(one[6..], other[5..]);
        assert_eq!(one, vault.issue("A_B", "x1", 0));
        assert!(vault.has_beginning(b"ab") && !vault.has_beginning(b"a_"));
    }
}
