//! Placeholders: the texts that stand for values while the model has the text.
//!
//! A placeholder is `[[`, the kind, `_`, six or eight characters and `]]`: `[[EMAIL_7f3a2c]]`, 24
//! bytes at the most. The six are a keyed hash of the value without its spelling (case, spaces,
//! punctuation), so the same value has the same six in every turn, and nobody without the key can
//! guess them; two more distinguish spellings, so that each is put back exactly as it was written.
//! Two values of one exchange never share a placeholder: the later one is hashed again.

use std::cell::OnceCell;

use crate::detect::Kind;

mod index;
mod labels;
mod message;
mod tag;

use index::Index;
use labels::Labels;
use message::{Message, siphash};
use tag::Tag;

/// Bytes of the longest placeholder.
pub(crate) const LONGEST: usize = 24;

/// Bytes of the longest label that leaves room for brackets, `_` and eight characters.
pub(crate) const LONGEST_LABEL: usize = 11;

/// The table of one exchange: which placeholder stands for which text.
#[derive(Debug, Default, Clone)]
pub(crate) struct Vault {
    key: [u64; 2],
    /// The placeholders in the order in which they were given out.
    issued: Vec<Issued>,
    /// Where they are, by a hash of kind and text; the text is compared.
    by_text: Index,
    /// Where they are, by a hash of the tag.
    by_tag: Index,
    /// Where they are, by tag in order: what a reply is searched for.
    ordered: OnceCell<Vec<u32>>,
    labels: Labels,
}

/// A placeholder that was given out for a text.
#[derive(Debug, Clone)]
struct Issued {
    tag: Tag,
    /// A hash of kind and text.
    exact: u64,
    entry: Entry,
}

/// The text behind a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The text as it was written.
    pub(crate) text: String,
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

    /// Makes room for so many more placeholders at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.issued.reserve(more);
        let hashes = |at: usize| self.issued.get(at).map_or(0, |issued| issued.exact);
        self.by_text.reserve(more, hashes);
        let hash = |issued: &Issued| tag::hash(issued.tag.text());
        let tags = |at: usize| self.issued.get(at).map_or(0, hash);
        self.by_tag.reserve(more, tags);
    }

    /// Writes the placeholder for `text`, which is of the kind `label` (at most [`LONGEST_LABEL`]
    /// capitals and underscores) and holds the JSON escapes of `depth` strings around it: the same
    /// for the same text.
    pub(crate) fn issue_to(&mut self, out: &mut String, label: &str, text: &str, depth: u32) {
        let exact = self.hash(label, text.as_bytes(), 0);
        let known = self.by_text.find(exact, |at| {
            self.issued.get(at).is_some_and(|issued| {
                issued.exact == exact
                    && issued.entry.text == text
                    && issued.entry.depth == depth
                    && issued.tag.is_of(label)
            })
        });
        if let Some(issued) = known.and_then(|at| self.issued.get(at)) {
            issued.tag.dress(out);
            return;
        }
        let mut attempt = 0;
        let (tag, hash) = loop {
            let tag = self.tag(label, text, exact, attempt);
            let hash = tag::hash(tag.text());
            if self.place_of(tag.text(), hash).is_none() {
                break (tag, hash);
            }
            attempt += 1;
        };
        if self.by_text.is_full() || self.by_tag.is_full() {
            self.reserve(self.issued.len().max(8));
        }
        tag.dress(out);
        self.by_text.add(exact, self.issued.len());
        self.by_tag.add(hash, self.issued.len());
        self.ordered.take();
        self.labels.add(label);
        self.issued.push(Issued {
            tag,
            exact,
            entry: Entry {
                text: text.to_owned(),
                depth,
                label: tag.label().len(),
            },
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
        let exact = self.hash(label, text.as_bytes(), 0);
        self.tag(label, text, exact, 0).dress(out);
    }

    /// Returns `email7f3a2c`, or two more characters where the text isn't spelt in the plainest
    /// form.
    fn tag(&self, label: &str, text: &str, exact: u64, attempt: u64) -> Tag {
        let number = Kind::ALL
            .iter()
            .any(|kind| kind.is_number() && kind.label() == label);
        let meaning = text.bytes().filter(|&b| is_meaning(b, !number));
        let meaning = meaning.map(|b| b.to_ascii_lowercase());
        let mut plain = Message::of(label);
        plain.extend(meaning);
        let value = plain.hash(self.key, attempt + 1);
        let is_plain = plain.text() == text.as_bytes();
        let mut tag = Tag::of(label);
        tag.push_characters(value, 6);
        if !is_plain {
            tag.push_characters(exact, 2);
        }
        tag
    }

    fn hash(&self, label: &str, text: &[u8], attempt: u64) -> u64 {
        let mut message = Message::of(label);
        message.extend(text.iter().copied());
        message.hash(self.key, attempt)
    }

    fn place_of(&self, tag: &[u8], hash: u64) -> Option<usize> {
        self.by_tag.find(hash, |at| self.tag_at(at) == tag)
    }

    fn tag_at(&self, at: usize) -> &[u8] {
        let issued = self.issued.get(at);
        issued.map_or(&[], |issued| issued.tag.text())
    }

    /// The entry of a tag (letters and digits in lower case).
    pub(crate) fn entry(&self, tag: &[u8]) -> Option<&Entry> {
        let at = self.place_of(tag, tag::hash(tag))?;
        self.issued.get(at).map(|issued| &issued.entry)
    }

    /// True if some tag begins with `start`.
    pub(crate) fn has_beginning(&self, start: &[u8]) -> bool {
        if let Some(has) = self.labels.have_beginning(start) {
            return has;
        }
        let tag = |place: &u32| self.tag_at(*place as usize);
        let ordered = self.ordered.get_or_init(|| {
            let mut places: Vec<u32> = (0..).take(self.issued.len()).collect();
            places.sort_unstable_by(|one, other| tag(one).cmp(tag(other)));
            places
        });
        let at = ordered.partition_point(|place| tag(place) < start);
        let next = ordered.get(at);
        next.is_some_and(|place| tag(place).starts_with(start))
    }

    /// True if some tag may begin where a text goes on with `rest`, in any case: false for nearly
    /// all words.
    pub(crate) fn may_begin(&self, rest: &[u8]) -> bool {
        self.labels.may_begin(rest)
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
