//! Short names for combinations of several values.

use sha2::{Digest, Sha256};

/// A name for these parts, in their order: 64 hexadecimal digits.
///
/// Parts keep their borders (`ab`, `c` is not `a`, `bc`), and nobody who chooses their text can
/// make two names the same. It hides them from a reader, but not from one who can guess them: it
/// has no key.
///
/// ```
/// use outrigger_sdk::digest;
/// assert_eq!(digest(["acme", "gpt-5"]).len(), 64);
/// assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
/// ```
#[must_use]
pub fn digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_hash_of_lengths_and_parts() {
        // SHA-256 of nothing, and of eight zero bytes: FIPS 180-4.
        assert_eq!(
            digest([""; 0]),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            digest([""]),
            "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"
        );
    }

    #[test]
    fn parts_keep_their_borders_and_their_order() {
        let names = [
            digest(["ab", "c"]),
            digest(["a", "bc"]),
            digest(["abc"]),
            digest(["abc", ""]),
            digest(["c", "ab"]),
        ];
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
