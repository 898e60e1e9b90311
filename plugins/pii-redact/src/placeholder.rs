//! Placeholders: the texts that stand for values while the model has the text.
//!
//! A placeholder is `[[`, the kind, `_`, six or eight characters and `]]`: `[[EMAIL_7f3a2c]]`, 24
//! bytes at the most. The six are a keyed hash of the value without its spelling (case, spaces,
//! punctuation), so the same value has the same six in every turn, and nobody without the key can
//! guess them; two more distinguish spellings, so that each is put back exactly as it was written.
//! Two values of one exchange never share a placeholder: the later one is hashed again.

use std::collections::BTreeMap;

use crate::detect::Kind;

/// Letters and digits that no font, language model or Markdown confuses: no `l`, `o`, `0`, `1`.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Bytes of the longest placeholder.
pub(crate) const LONGEST: usize = 24;

/// Bytes of the longest label that leaves room for brackets, `_` and eight characters.
pub(crate) const LONGEST_LABEL: usize = 11;

/// The table of one exchange: which placeholder stands for which text.
#[derive(Debug, Default, Clone)]
pub(crate) struct Vault {
    key: [u64; 2],
    /// Entries by tag, in lower case and without brackets (`email_7f3a2c`): what a reply is
    /// searched for, in order.
    entries: BTreeMap<String, Entry>,
    /// The placeholders that were given out, by a hash of kind and text; the text is compared.
    issued: BTreeMap<u64, Vec<Issued>>,
}

/// A placeholder that was given out for a text.
#[derive(Debug, Clone)]
struct Issued {
    label: String,
    text: String,
    depth: u32,
    placeholder: String,
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
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sets another key; what was given out before keeps its placeholder.
    pub(crate) fn set_key(&mut self, key: &[u8]) {
        self.key = Self::new(key).key;
    }

    /// The placeholder for `text`, which is of the kind `label` (at most [`LONGEST_LABEL`] capitals
    /// and underscores) and holds the JSON escapes of `depth` strings around it: the same for the
    /// same text.
    pub(crate) fn issue(&mut self, label: &str, text: &str, depth: u32) -> String {
        let exact = self.hash(label, text.as_bytes(), 0);
        let same = |issued: &&Issued| {
            issued.text == text && issued.label == label && issued.depth == depth
        };
        if let Some(issued) = self.issued.get(&exact).into_iter().flatten().find(same) {
            return issued.placeholder.clone();
        }
        let mut attempt = 0;
        let tag = loop {
            let tag = self.tag(label, text, exact, attempt);
            if !self.entries.contains_key(&tag) {
                break tag;
            }
            attempt += 1;
        };
        let placeholder = dress(&tag);
        let entry = Entry {
            text: text.to_owned(),
            depth,
        };
        self.entries.insert(tag, entry);
        self.issued.entry(exact).or_default().push(Issued {
            label: label.to_owned(),
            text: text.to_owned(),
            depth,
            placeholder: placeholder.clone(),
        });
        placeholder
    }

    /// Returns what [`Vault::issue`] would, without remembering the text: for values that are not
    /// to come back.
    pub(crate) fn name(&self, label: &str, text: &str) -> String {
        dress(&self.tag(label, text, self.hash(label, text.as_bytes(), 0), 0))
    }

    /// Returns `email_7f3a2c`, or two more characters where the text isn't spelt in the plainest
    /// form.
    fn tag(&self, label: &str, text: &str, exact: u64, attempt: u64) -> String {
        let number = Kind::ALL
            .iter()
            .any(|kind| kind.is_number() && kind.label() == label);
        let mut plain = Vec::with_capacity(text.len());
        plain.extend(text.bytes().filter(|&b| is_meaning(b, !number)));
        plain.make_ascii_lowercase();
        let value = self.hash(label, &plain, attempt + 1);
        let mut tag = label.to_ascii_lowercase();
        tag.truncate(LONGEST_LABEL);
        tag.push('_');
        push_characters(&mut tag, value, 6);
        if plain != text.as_bytes() {
            push_characters(&mut tag, exact, 2);
        }
        tag
    }

    fn hash(&self, label: &str, text: &[u8], attempt: u64) -> u64 {
        let bytes = [label.as_bytes(), text].join(&0);
        siphash([self.key[0] ^ attempt, self.key[1]], &bytes)
    }

    /// The entry of a tag (in lower case, without brackets).
    pub(crate) fn entry(&self, tag: &str) -> Option<&Entry> {
        self.entries.get(tag)
    }

    /// True if some tag begins with `start`.
    pub(crate) fn has_beginning(&self, start: &str) -> bool {
        self.entries
            .range::<str, _>((std::ops::Bound::Included(start), std::ops::Bound::Unbounded))
            .next()
            .is_some_and(|(tag, _)| tag.starts_with(start))
    }
}

/// True if a byte belongs to the value and not to its spelling. In a number no punctuation does.
fn is_meaning(b: u8, punctuation: bool) -> bool {
    b >= 0x80 || b.is_ascii_alphanumeric() || punctuation && b > b' '
}

fn push_characters(tag: &mut String, mut hash: u64, count: usize) {
    for _ in 0..count {
        tag.push(char::from(ALPHABET[(hash & 31) as usize]));
        hash >>= 5;
    }
}

/// `[[EMAIL_7f3a2c]]` of `email_7f3a2c`.
fn dress(tag: &str) -> String {
    let mut placeholder = String::with_capacity(LONGEST);
    placeholder.push_str("[[");
    placeholder.push_str(tag);
    // The characters have no `_`.
    let label = tag.bytes().rposition(|b| b == b'_').unwrap_or(0);
    if let Some(label) = placeholder.get_mut(2..2 + label) {
        label.make_ascii_uppercase();
    }
    placeholder.push_str("]]");
    placeholder
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
