//! Random numbers that name things: exchanges, traces, spans. Unique rather than secret.

use std::{
    num::NonZeroU64,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Returns the next number: of a seed of the process's own and a counter (splitmix64).
pub fn next() -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| getrandom::u64().unwrap_or_default());
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut mixed = SEED.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// The digits of a number, lower case. Each exchange needs some, and `format!` takes ten times as
/// long.
pub fn digits(number: u64) -> [u8; 16] {
    let mut digits = [b'0'; 16];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(number.to_be_bytes()) {
        *pair = [hex(byte >> 4), hex(byte & 15)];
    }
    digits
}

/// The digit of a number below 16.
const fn hex(nibble: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => b'a' + nibble - 10,
    }
}

/// A span's id, or one half of a trace's; never 0, which is none.
pub(super) fn span() -> NonZeroU64 {
    NonZeroU64::new(next()).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number_with_leading_zeros() {
        for number in [0, 1, 0xabc, u64::MAX, next()] {
            let digits = digits(number);
            assert_eq!(str::from_utf8(&digits), Ok(&*format!("{number:016x}")));
        }
    }
}
