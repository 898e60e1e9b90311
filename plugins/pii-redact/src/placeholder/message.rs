//! The message that the characters of a placeholder are made of, and the hash that makes them.

/// A label, a zero byte and a text: what is hashed. Short ones, as nearly all are, take no memory.
pub(super) struct Message {
    short: [u8; 112],
    length: usize,
    /// All of it, where it is longer.
    long: Vec<u8>,
    text: usize,
}

impl Message {
    pub(super) fn of(label: &str) -> Self {
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

    pub(super) fn extend(&mut self, bytes: impl Iterator<Item = u8>) {
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
    pub(super) fn text(&self) -> &[u8] {
        self.bytes().get(self.text..).unwrap_or_default()
    }

    pub(super) fn hash(&self, key: [u64; 2], attempt: u64) -> u64 {
        siphash([key[0] ^ attempt, key[1]], self.bytes())
    }
}

/// SipHash-2-4 (Aumasson and Bernstein): a keyed hash that can't be guessed or steered without the
/// key.
pub(super) fn siphash(key: [u64; 2], bytes: &[u8]) -> u64 {
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
}
