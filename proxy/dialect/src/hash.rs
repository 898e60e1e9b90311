//! A stable hash: the same number for the same bytes on every replica, in every version and on
//! every platform.
//!
//! It spreads keys over targets. It is no secret and no proof of anything: whoever chooses the
//! bytes can choose the number.

/// Odd numbers of 64 random bits: digits of π.
const KEYS: [u64; 3] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
];

/// The hash of `bytes`: folded multiplications over 16 bytes at a time, as in wyhash.
pub fn of(bytes: &[u8]) -> u64 {
    let mut state = KEYS[0] ^ bytes.len() as u64;
    let (whole, rest) = bytes.as_chunks::<16>();
    for chunk in whole {
        state = step(state, u128::from_le_bytes(*chunk));
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        state = step(state, u128::from_le_bytes(last));
    }
    finish(state)
}

/// The hash of two hashes, in their order.
pub const fn join(one: u64, other: u64) -> u64 {
    finish(fold(one ^ KEYS[1], other.rotate_left(32) ^ KEYS[2]))
}

const fn step(state: u64, block: u128) -> u64 {
    fold(block as u64 ^ KEYS[1], (block >> 64) as u64 ^ state)
}

const fn fold(one: u64, other: u64) -> u64 {
    let product = one as u128 * other as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Has every bit depend on every other: the last steps of `SplitMix64`.
const fn finish(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_same_in_every_version() {
        assert_eq!(of(b""), 0xe9e0_033e_3bad_af36);
        assert_eq!(of(b"openai/gpt-5-mini"), 0x50bf_fa55_6a77_4bca);
        assert_eq!(join(1, 2), 0x3f49_e010_8194_5381);
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let text = b"the quick brown fox jumps over the lazy dog";
        let mut seen = std::collections::HashSet::new();
        for end in 0..=text.len() {
            assert!(seen.insert(of(&text[..end])));
        }
        for at in 0..text.len() {
            let mut other = *text;
            other[at] ^= 1;
            assert!(seen.insert(of(&other)), "{at}");
        }
        assert!(seen.insert(of(b"a\0")) && seen.insert(of(b"a")));
        assert_ne!(join(1, 2), join(2, 1));
    }
}
