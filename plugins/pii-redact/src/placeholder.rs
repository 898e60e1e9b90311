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

use index::Index;

/// Letters and digits that no font, language model or Markdown confuses: no `l`, `o`, `0`, `1`.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Bytes of the longest placeholder.
pub(crate) const LONGEST: usize = 24;

/// Bytes of the longest label that leaves room for brackets, `_` and eight characters.
pub(crate) const LONGEST_LABEL: usize = 11;

/// Bytes of the longest tag: a placeholder without its brackets.
const LONGEST_TAG: usize = LONGEST - 4;

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
}

/// A placeholder that was given out for a text.
#[derive(Debug, Clone)]
struct Issued {
    tag: Tag,
    /// A hash of kind and text.
    exact: u64,
    entry: Entry,
}

/// A placeholder in lower case and without brackets: `email_7f3a2c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag {
    bytes: [u8; LONGEST_TAG],
    length: u8,
}

/// The text behind a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The text as it was written.
    pub(crate) text: String,
    /// Number of JSON strings, one inside the other, that it was written in: its escapes are
    /// theirs.
    pub(crate) depth: u32,
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
        let tags = |at: usize| self.issued.get(at).map_or(0, |issued| issued.tag.hash());
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
            let hash = tag.hash();
            if self.place_of(&tag, hash).is_none() {
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
        self.issued.push(Issued {
            tag,
            exact,
            entry: Entry {
                text: text.to_owned(),
                depth,
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

    /// Returns `email_7f3a2c`, or two more characters where the text isn't spelt in the plainest
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

    fn place_of(&self, tag: &Tag, hash: u64) -> Option<usize> {
        let is = |at: usize| self.issued.get(at).is_some_and(|issued| issued.tag == *tag);
        self.by_tag.find(hash, is)
    }

    /// The entry of a tag (in lower case, without brackets).
    pub(crate) fn entry(&self, tag: &str) -> Option<&Entry> {
        let tag = Tag::read(tag)?;
        let at = self.place_of(&tag, tag.hash())?;
        self.issued.get(at).map(|issued| &issued.entry)
    }

    /// True if some tag begins with `start`.
    pub(crate) fn has_beginning(&self, start: &str) -> bool {
        let tag = |at: u32| {
            let issued = self.issued.get(at as usize);
            issued.map_or(&[][..], |issued| issued.tag.text())
        };
        let ordered = self.ordered.get_or_init(|| {
            let mut places: Vec<u32> = (0..).take(self.issued.len()).collect();
            places.sort_unstable_by(|one, other| tag(*one).cmp(tag(*other)));
            places
        });
        let at = ordered.partition_point(|place| tag(*place) < start.as_bytes());
        let next = ordered.get(at);
        next.is_some_and(|place| tag(*place).starts_with(start.as_bytes()))
    }
}

impl Tag {
    /// The beginning of a tag: `email_`.
    fn of(label: &str) -> Self {
        let mut tag = Self {
            bytes: [0; LONGEST_TAG],
            length: 0,
        };
        for b in label.bytes().take(LONGEST_LABEL) {
            tag.push(b.to_ascii_lowercase());
        }
        tag.push(b'_');
        tag
    }

    /// A tag as it is written; `None` where it is longer than any.
    fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; LONGEST_TAG];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).ok()?;
        Some(Self { bytes, length })
    }

    fn push(&mut self, b: u8) {
        if let Some(place) = self.bytes.get_mut(usize::from(self.length)) {
            *place = b;
            self.length += 1;
        }
    }

    fn push_characters(&mut self, mut hash: u64, count: usize) {
        for _ in 0..count {
            self.push(ALPHABET[(hash & 31) as usize]);
            hash >>= 5;
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// The label's bytes. The characters behind it have no `_`.
    fn label(&self) -> &[u8] {
        let end = self.text().iter().rposition(|&b| b == b'_');
        self.text().get(..end.unwrap_or(0)).unwrap_or_default()
    }

    fn is_of(&self, label: &str) -> bool {
        let label = label.as_bytes();
        let label = label.get(..LONGEST_LABEL).unwrap_or(label);
        self.label().eq_ignore_ascii_case(label)
    }

    /// The characters are a hash already: enough to find it by.
    fn hash(&self) -> u64 {
        let mixed = self.bytes.iter().fold(0u64, |hash, &b| {
            (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        mixed ^ mixed >> 32
    }

    /// Writes `[[EMAIL_7f3a2c]]`.
    fn dress(&self, out: &mut String) {
        out.push_str("[[");
        let label = self.label().len();
        for (place, &b) in self.text().iter().enumerate() {
            let b = if place < label {
                b.to_ascii_uppercase()
            } else {
                b
            };
            out.push(char::from(b));
        }
        out.push_str("]]");
    }
}

/// A label, a zero byte and a text: what is hashed. Short ones, as nearly all are, take no memory.
struct Message {
    short: [u8; 112],
    length: usize,
    /// All of it, where it is longer.
    long: Vec<u8>,
    text: usize,
}

impl Message {
    fn of(label: &str) -> Self {
        let mut message = Self {
            short: [0; 112],
            length: 0,
            long: Vec::new(),
            text: 0,
        };
        message.extend(label.bytes().chain([0]));
        message.text = message.length;
        message
    }

    fn extend(&mut self, bytes: impl Iterator<Item = u8>) {
        for b in bytes {
            match self.short.get_mut(self.length) {
                Some(place) => *place = b,
                None => {
                    if self.long.is_empty() {
                        self.long.extend(self.short);
                    }
                    self.long.push(b);
                }
            }
            self.length += 1;
        }
    }

    fn bytes(&self) -> &[u8] {
        match self.short.get(..self.length) {
            Some(short) => short,
            None => &self.long,
        }
    }

    /// Without the label.
    fn text(&self) -> &[u8] {
        self.bytes().get(self.text..).unwrap_or_default()
    }

    fn hash(&self, key: [u64; 2], attempt: u64) -> u64 {
        siphash([key[0] ^ attempt, key[1]], self.bytes())
    }
}

/// True if a byte belongs to the value and not to its spelling. In a number no punctuation does.
fn is_meaning(b: u8, punctuation: bool) -> bool {
    b >= 0x80 || b.is_ascii_alphanumeric() || punctuation && b > b' '
}

/// SipHash-2-4 (Aumasson and Bernstein): a keyed hash that can't be guessed or steered without the
/// key.
fn siphash(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks();
    for word in words {
        absorb(&mut v, u64::from_le_bytes(*word));
    }
    let rest = rest
        .iter()
        .rev()
        .fold(0, |word, &b| word << 8 | u64::from(b));
    absorb(&mut v, rest | (bytes.len() as u64) << 56);
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn siphash_agrees_with_the_published_vector() {
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(
            siphash([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908], &message),
            0xa129_ca61_49be_45e5
        );
    }

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
        let tag = loud[2..loud.len() - 2].to_ascii_lowercase();
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
        assert_eq!(
            vault
                .entry(first.trim_matches(['[', ']']).to_ascii_lowercase().as_str())
                .unwrap()
                .text,
            "10.0.0.1"
        );
    }
}
