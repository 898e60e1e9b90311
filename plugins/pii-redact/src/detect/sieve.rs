//! Finds the bytes that set off a scan, sixteen at a time.
//!
//! A [`ByteSet`] gives a bit for each byte of a block, and the bits of a block are gone through
//! before the next is read.

use super::{Kind, Kinds};
use crate::byte_set::{BLOCK, ByteSet};

/// Goes through the bytes of a text that set off a scan for some kinds: of a run of digits, the
/// first.
pub(super) struct Sieve<'t> {
    blocks: &'t [[u8; BLOCK]],
    /// Behind the last whole block, filled up with zeros.
    tail: [u8; BLOCK],
    /// Every wanted byte.
    wanted: ByteSet,
    /// Those of which the first of a run alone is wanted.
    digits: ByteSet,
    /// The block in hand, by its number.
    block: usize,
    /// A bit for each byte of it that is wanted.
    bits: u32,
}

impl<'t> Sieve<'t> {
    pub(super) fn new(bytes: &'t [u8], kinds: Kinds) -> Self {
        let mut wanted = match kinds.exceeds(Kinds::NONE) {
            true => const { ByteSet::of(super::DRESSED) },
            false => ByteSet::NONE,
        };
        if kinds.has(Kind::Email) || kinds.has(Kind::Secret) {
            wanted = wanted.with(const { ByteSet::of(br"@\%") });
        }
        if kinds.has(Kind::Ip) || kinds.has(Kind::Secret) {
            wanted = wanted.with(const { ByteSet::of(b":") });
        }
        if kinds.has(Kind::Secret) {
            wanted = wanted.with(const { ByteSet::of(b"=-_.") });
        }
        if kinds.has(Kind::Cnpj) {
            wanted = wanted.with(const { ByteSet::of(b"/") });
        }
        let mut digits = ByteSet::NONE;
        if kinds.exceeds(Kinds::NONE.with(Kind::Email).with(Kind::Secret)) {
            digits = const { ByteSet::of(b"0123456789") };
            wanted = wanted.with(digits);
        }
        let (blocks, rest) = bytes.as_chunks();
        let mut tail = [0; BLOCK];
        for (place, byte) in tail.iter_mut().zip(rest) {
            *place = *byte;
        }
        let mut sieve = Self {
            blocks,
            tail,
            wanted,
            digits,
            block: 0,
            bits: 0,
        };
        sieve.read(0);
        sieve
    }

    /// The first wanted byte at or after `at`, which is in the block in hand or behind it.
    #[inline]
    pub(super) fn next(&mut self, at: usize) -> Option<usize> {
        if at / BLOCK != self.block {
            self.read(at / BLOCK);
        }
        let mut bits = self.bits & u32::MAX << (at % BLOCK);
        while bits == 0 {
            if self.block >= self.blocks.len() {
                return None;
            }
            let next = self.block + 1;
            let behind = self.blocks.get(next..).unwrap_or_default();
            let holds = |block: &[u8; BLOCK]| self.wanted.bits(*block) != 0;
            self.read(next + behind.iter().position(holds).unwrap_or(behind.len()));
            bits = self.bits;
        }
        Some(self.block * BLOCK + bits.trailing_zeros() as usize)
    }

    /// Takes another block in hand.
    fn read(&mut self, number: usize) {
        let block = self.blocks.get(number).unwrap_or(&self.tail);
        self.block = number;
        self.bits = self.wanted.bits(*block);
        if self.bits != 0 {
            let digits = self.digits.bits(*block);
            let before = number.checked_sub(1).and_then(|at| self.blocks.get(at));
            let runs_on = before.is_some_and(|block| super::is_digit(block[BLOCK - 1]));
            self.bits &= !(digits & (digits << 1 | u32::from(runs_on)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes that set off a scan for any kind, found one by one.
    fn plain(bytes: &[u8]) -> Vec<usize> {
        let digit = |at: usize| bytes[at].is_ascii_digit();
        let wanted = |&at: &usize| match bytes[at] {
            b'0'..=b'9' => at == 0 || !digit(at - 1),
            byte => br"@:=-_./".contains(&byte) || super::super::DRESSED.contains(&byte),
        };
        (0..bytes.len()).filter(wanted).collect()
    }

    fn sieved(bytes: &[u8], kinds: Kinds) -> Vec<usize> {
        let mut sieve = Sieve::new(bytes, kinds);
        let (mut at, mut found) = (0, Vec::new());
        while let Some(next) = sieve.next(at) {
            found.push(next);
            at = next + 1;
        }
        found
    }

    #[test]
    fn each_byte_that_has_a_scan_is_found_and_no_other() {
        for byte in 0..=u8::MAX {
            let has = super::super::CLASS[usize::from(byte)] != super::super::NONE;
            assert_eq!(!sieved(&[byte], Kinds::ALL).is_empty(), has, "{byte:#x}");
        }
    }

    #[test]
    fn bytes_of_kinds_that_are_not_looked_for_are_passed_over() {
        let text = br"a@b 12 \ % : = - _ . /";
        let of = |kind: Kind| -> String {
            let found = sieved(text, Kinds::NONE.with(kind));
            found.iter().map(|&at| char::from(text[at])).collect()
        };
        assert_eq!(of(Kind::Email), r"@\%");
        assert_eq!(of(Kind::Phone), r"1\%");
        assert_eq!(of(Kind::Ip), r"1\%:");
        assert_eq!(of(Kind::Cnpj), r"1\%/");
        assert_eq!(of(Kind::Secret), r"@\%:=-_.");
        assert!(sieved(text, Kinds::NONE).is_empty());
    }

    proptest! {
        #[test]
        fn blocks_hide_nothing(bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'a'), b'0'..=b'9'], 0..100,
        )) {
            prop_assert_eq!(sieved(&bytes, Kinds::ALL), plain(&bytes));
        }
    }
}
