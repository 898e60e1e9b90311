//! Sets of bytes that are looked for sixteen at a time.
//!
//! A byte is looked up by its two halves: a table has, for each low half, a bit for every high half
//! with which it is in the set; there is one for ASCII, and one for all else. In wasm that is two
//! shuffles each for a block of sixteen.

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 16;

/// A set of bytes, of ASCII and of the others: for each low half a byte, the first one lowest, with
/// a bit for every high half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ByteSet {
    ascii: u128,
    other: u128,
}

impl ByteSet {
    /// No byte.
    pub(crate) const NONE: Self = Self { ascii: 0, other: 0 };

    /// These bytes.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        let (mut set, mut at) = (Self::NONE, 0);
        while at < bytes.len() {
            let bit = 1 << ((bytes[at] & 15) * 8 + (bytes[at] >> 4 & 7));
            if bytes[at].is_ascii() {
                set.ascii |= bit;
            } else {
                set.other |= bit;
            }
            at += 1;
        }
        set
    }

    /// The bytes of either set.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self {
            ascii: self.ascii | other.ascii,
            other: self.other | other.other,
        }
    }

    /// A bit for each byte of the block that is in the set, the first byte's lowest.
    #[cfg(target_feature = "simd128")]
    #[inline]
    pub(crate) fn bits(self, block: [u8; BLOCK]) -> u32 {
        use core::arch::wasm32::{
            i8x16_bitmask, i8x16_ne, i8x16_splat, i8x16_swizzle, u8x16, u8x16_shr, u64x2, v128_and,
            v128_or,
        };
        let words = |of: u128| u64x2(of as u64, (of >> 64) as u64);
        let bytes = words(u128::from_le_bytes(block));
        let ascii = u8x16(1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0);
        let other = u8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128);
        let (low, high) = (v128_and(bytes, i8x16_splat(15)), u8x16_shr(bytes, 4));
        let of = |table: u128, bits| {
            v128_and(i8x16_swizzle(words(table), low), i8x16_swizzle(bits, high))
        };
        let found = v128_or(of(self.ascii, ascii), of(self.other, other));
        u32::from(i8x16_bitmask(i8x16_ne(found, i8x16_splat(0))))
    }

    /// The same where a byte is looked up at a time.
    #[cfg(not(target_feature = "simd128"))]
    pub(crate) fn bits(self, block: [u8; BLOCK]) -> u32 {
        let has = |byte: u8| {
            let table = if byte.is_ascii() {
                self.ascii
            } else {
                self.other
            };
            table >> ((byte & 15) * 8 + (byte >> 4 & 7)) & 1 == 1
        };
        (0..).zip(block).fold(0, |bits, (place, byte)| {
            bits | u32::from(has(byte)) << place
        })
    }
}
