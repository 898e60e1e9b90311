//! Answers in short, so that two can be compared without keeping either.
//!
//! A [`Signature`] is a min-hash of an answer's words and pairs of words (Broder 1997): the share of
//! places in which two signatures agree estimates the share of what the answers have in common. It
//! holds no text.

/// Numbers of a signature.
const PLACES: usize = 32;
/// Bytes of a signature.
pub(crate) const BYTES: usize = PLACES * 4;

/// Estimated share in common from which two answers say the same.
const SAME: f64 = 0.5;
/// Estimated share in common below which they do not.
const OTHER: f64 = 0.3;

/// An answer's min-hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature([u32; PLACES]);

/// The outcome of a comparison of two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Agreed,
    Disagreed,
    /// They have too much in common to be different, and too little to be the same.
    Unsure,
}

impl Verdict {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Disagreed => "disagreed",
            Self::Unsure => "unsure",
        }
    }
}

impl Signature {
    /// `None` for a text without words.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut least = [u32::MAX; PLACES];
        let mut before = None;
        let words = text.split(|c: char| !c.is_alphanumeric());
        for word in words.filter(|word| !word.is_empty()) {
            let hash = hash(word);
            take(&mut least, hash);
            if let Some(before) = before {
                take(&mut least, mix(hash ^ u64::rotate_left(before, 23)));
            }
            before = Some(hash);
        }
        before.map(|_| Self(least))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|place| place.to_le_bytes())
            .collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut places = [0; PLACES];
        if bytes.len() != BYTES {
            return None;
        }
        for (place, bytes) in places.iter_mut().zip(bytes.chunks_exact(4)) {
            *place = u32::from_le_bytes(bytes.try_into().ok()?);
        }
        Some(Self(places))
    }

    pub(crate) fn compare(&self, other: &Self) -> Verdict {
        let same = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        match same as f64 / PLACES as f64 {
            share if share >= SAME => Verdict::Agreed,
            share if share < OTHER => Verdict::Disagreed,
            _ => Verdict::Unsure,
        }
    }
}

fn take(least: &mut [u32; PLACES], hash: u64) {
    for (place, seed) in least.iter_mut().zip(1_u64..) {
        let value = mix(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        *place = (*place).min((value >> 32) as u32);
    }
}

/// FNV-1a of a word in lower case.
fn hash(word: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for letter in word.chars().flat_map(char::to_lowercase) {
        hash = (hash ^ u64::from(u32::from(letter))).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}

/// The finalizer of splitmix64.
const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_answer_agrees_with_its_own_rewording_and_not_with_another() {
        let one = "Open the settings, choose Security, and press Reset password. You get a mail.";
        let like =
            "Open the settings, choose \"Security\" and press \"Reset password\": you get a mail";
        let other = "Refunds take five to ten days, depending on the bank that issued the card.";
        let of = |text: &str| Signature::of(text).unwrap();
        assert_eq!(of(one).compare(&of(like)), Verdict::Agreed);
        assert_eq!(of(one).compare(&of(other)), Verdict::Disagreed);
        assert_eq!(Signature::of(" .,! "), None);
        let bytes = of(one).to_bytes();
        assert_eq!(Signature::from_bytes(&bytes), Some(of(one)));
        assert_eq!(Signature::from_bytes(&bytes[1..]), None);
    }
}
