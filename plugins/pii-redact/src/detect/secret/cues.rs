//! Finds the three-byte cues that a secret's name, form or prefix has in it, sixteen places at a
//! time.
//!
//! Each cue is in one of eight buckets. For each of its three bytes a pair of tables tells by the
//! two halves of a byte which buckets have it there; a place where one bucket has all three may be
//! a cue, and is then compared. Case is folded by setting the bit that small letters have.

/// Places that are looked at together.
const BLOCK: usize = 16;
/// The bytes of a cue.
pub(super) const CUE: usize = 3;
const WINDOW: usize = BLOCK + CUE - 1;

/// All cues, folded, in the buckets that let the fewest other places pass (measured on source code
/// and documentation: one place in seventy).
const BUCKETS: [&[&[u8; CUE]]; 8] = [
    &[b"key", b"ehe", b"eaa", b"kia", b"bea"],
    &[b"cre", b"bsk", b"kcp", b"mdp", b"gr1", b"4b1", b"a3t"],
    &[b"api", b"egr", b"enh", b"chl", b"aiz", b"enn", b"eyj"],
    &[b"tok", b"ta:", b"lav", b"cmv", b"aqv", b"hav"],
    &[
        b"lta", b"pwd", b"psw", b"ztk", b"tt3", b"zxl", b"tbb", b"g9r", b"oy2",
    ],
    &[
        b"uth", b"-us", b"-u ", b" -p", b" -a", b"56~", b"cca", b"bia",
    ],
    &[b"pas", b"ras", b"sia", b"zak"],
    &[
        b"ied", b"eto", b"://", b"ig=", b"0q~", b"1q~", b"2q~", b"3q~", b"4q~", b"5q~", b"6q~",
        b"7q~", b"8q~", b"9q~", b"sk0", b"sk1", b"sk2", b"sk3", b"sk4", b"sk5", b"sk6", b"sk7",
        b"sk8", b"sk9", b"ska", b"skb", b"skc", b"skd", b"ske", b"skf",
    ],
];

/// For each byte of a cue, by its low half and by its high half: a bit for each bucket.
const HALVES: [([u8; 16], [u8; 16]); CUE] = {
    let mut halves = [([0; 16], [0; 16]); CUE];
    let mut bucket = 0;
    while bucket < BUCKETS.len() {
        let mut cue = 0;
        while cue < BUCKETS[bucket].len() {
            let mut place = 0;
            while place < CUE {
                let byte = BUCKETS[bucket][cue][place];
                assert!(byte == fold(byte) && byte.is_ascii(), "a folded cue");
                halves[place].0[(byte & 15) as usize] |= 1 << bucket;
                halves[place].1[(byte >> 4) as usize] |= 1 << bucket;
                place += 1;
            }
            cue += 1;
        }
        bucket += 1;
    }
    halves
};

/// Folds case, and a few other bytes that no cue tells apart.
pub(super) const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// The place of a cue among the bits of [`HASHES`].
const fn hash(cue: [u8; CUE]) -> usize {
    (cue[0] as usize * 7 + cue[1] as usize * 31 + cue[2] as usize * 131) % 1024
}

/// A bit for the hash of every cue: most places that only may be one are none.
static HASHES: [u64; 16] = {
    let mut hashes = [0; 16];
    let mut bucket = 0;
    while bucket < BUCKETS.len() {
        let mut cue = 0;
        while cue < BUCKETS[bucket].len() {
            let hash = hash(*BUCKETS[bucket][cue]);
            hashes[hash / 64] |= 1 << (hash % 64);
            cue += 1;
        }
        bucket += 1;
    }
    hashes
};

/// The folded cue at `at`.
#[inline]
pub(super) fn cue(bytes: &[u8], at: usize) -> Option<[u8; CUE]> {
    let cue = bytes.get(at..)?.first_chunk::<CUE>()?.map(fold);
    let hash = hash(cue);
    if HASHES.get(hash / 64)? >> (hash % 64) & 1 == 0 {
        return None;
    }
    let listed = |bucket: &&[&[u8; CUE]]| bucket.contains(&&cue);
    BUCKETS.iter().any(listed).then_some(cue)
}

/// A bit for each place of the window that may be a cue, the first one's lowest.
#[cfg(target_feature = "simd128")]
#[inline]
fn bits(window: &[u8; WINDOW]) -> u32 {
    use core::arch::wasm32::{
        i8x16_bitmask, i8x16_ne, i8x16_splat, i8x16_swizzle, u8x16_shr, u64x2, v128, v128_and,
        v128_or,
    };
    let words = |of: u128| -> v128 { u64x2(of as u64, (of >> 64) as u64) };
    let table = |of: [u8; 16]| words(u128::from_le_bytes(of));
    let mut all = i8x16_splat(-1);
    for (place, (low, high)) in HALVES.iter().enumerate() {
        let Some(block) = window.get(place..).and_then(<[u8]>::first_chunk) else {
            return 0;
        };
        let bytes = v128_or(words(u128::from_le_bytes(*block)), i8x16_splat(0x20));
        let low = i8x16_swizzle(table(*low), v128_and(bytes, i8x16_splat(15)));
        let high = i8x16_swizzle(table(*high), u8x16_shr(bytes, 4));
        all = v128_and(all, v128_and(low, high));
    }
    u32::from(i8x16_bitmask(i8x16_ne(all, i8x16_splat(0))))
}

/// The same where a byte is looked up at a time.
#[cfg(not(target_feature = "simd128"))]
fn bits(window: &[u8; WINDOW]) -> u32 {
    let buckets = |place: usize, byte: u8| {
        let (low, high) = HALVES[place];
        low[usize::from(fold(byte) & 15)] & high[usize::from(fold(byte) >> 4)]
    };
    (0..BLOCK).fold(0, |bits, at| {
        let all = (0..CUE).fold(u8::MAX, |all, place| {
            all & buckets(place, window[at + place])
        });
        bits | u32::from(all != 0) << at
    })
}

/// Goes through the places of a text that may be cues.
pub(super) struct Cues<'t> {
    bytes: &'t [u8],
    /// The first place of the block in hand.
    block: usize,
    /// A bit for each place of it that may be a cue.
    bits: u32,
}

impl<'t> Cues<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        let mut cues = Self {
            bytes,
            block: 0,
            bits: 0,
        };
        cues.read(0);
        cues
    }

    /// The first place at or after `at` and before `end` that may be a cue. `at` never goes down.
    #[inline]
    pub(super) fn next(&mut self, at: usize, end: usize) -> Option<usize> {
        if at >= self.block + BLOCK {
            self.read(at - at % BLOCK);
        }
        let mut bits = self.bits & u32::MAX << (at.saturating_sub(self.block));
        while bits == 0 {
            let next = self.block + BLOCK;
            if next >= end {
                return None;
            }
            self.read(next);
            bits = self.bits;
        }
        let found = self.block + bits.trailing_zeros() as usize;
        (found < end).then_some(found)
    }

    fn read(&mut self, block: usize) {
        self.block = block;
        let rest = self.bytes.get(block..).unwrap_or_default();
        self.bits = match rest.first_chunk() {
            Some(window) => bits(window),
            None => {
                let mut window = [0; WINDOW];
                for (place, byte) in window.iter_mut().zip(rest) {
                    *place = *byte;
                }
                bits(&window)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cues(bytes: &[u8]) -> Vec<usize> {
        let mut cues = Cues::new(bytes);
        let (mut at, mut found) = (0, Vec::new());
        while let Some(next) = cues.next(at, bytes.len()) {
            found.extend(cue(bytes, next).map(|_| next));
            at = next + 1;
        }
        found
    }

    #[test]
    fn each_cue_is_found_in_any_case_and_at_any_place() {
        for cue in BUCKETS.iter().flat_map(|bucket| bucket.iter()) {
            for place in 0..40 {
                let mut text = vec![b'.'; 48];
                text[place..place + CUE].copy_from_slice(*cue);
                assert_eq!(cues(&text), [place]);
                assert_eq!(cues(&text.to_ascii_uppercase()), [place]);
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_hide_no_cue(text in "(key|PAS|tok|://|[a-z: é]){0,40}") {
            let bytes = text.as_bytes();
            let plain: Vec<usize> = (0..bytes.len()).filter(|&at| cue(bytes, at).is_some()).collect();
            prop_assert_eq!(cues(bytes), plain);
        }
    }
}
