//! Finds the words for an `@` and a `.`, sixteen bytes at a time: of each that few other words have
//! in them, the first and the third letter.

use super::super::text::byte;
use super::spelt;

/// Bytes that are looked at together.
const BLOCK: usize = 16;

/// Three letters of `dot`, `arroba` and `arobase`, `punkt`, in lower case; the first and the last
/// decide.
const PARTS: [&[u8; 3]; 3] = [b"dot", b"rob", b"unk"];

/// Notes each place where one of the words stands between blanks.
pub(in crate::detect) fn note_words(bytes: &[u8], noted: &mut Vec<usize>) {
    let mut note = |part: usize| {
        let blank = match byte(bytes, part) | 0x20 {
            b'd' => part.checked_sub(1),
            b'u' => part.checked_sub(2),
            _ => (2..=3)
                .find_map(|back| part.checked_sub(back).filter(|at| byte(bytes, *at) == b' ')),
        };
        if let Some(blank) = blank
            && byte(bytes, blank) == b' '
            && spelt::read(bytes, blank).is_some()
        {
            noted.push(blank);
        }
    };
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + BLOCK + 2) {
        if let (Some(here), Some(behind)) = (
            window.first_chunk::<BLOCK>(),
            window.get(2..).and_then(<[u8]>::first_chunk::<BLOCK>),
        ) {
            let mut bits = bits(here, behind);
            while bits != 0 {
                let found = at + bits.trailing_zeros() as usize;
                if is_part(bytes, found) {
                    note(found);
                }
                bits &= bits - 1;
            }
        }
        at += BLOCK;
    }
    (at..bytes.len().saturating_sub(2))
        .filter(|&at| is_part(bytes, at))
        .for_each(note);
}

fn is_part(bytes: &[u8], at: usize) -> bool {
    let text = bytes.get(at..at + 3).unwrap_or_default();
    PARTS.iter().any(|part| part.eq_ignore_ascii_case(text))
}

/// A bit for each place where a part may be, the first one's lowest.
#[cfg(target_feature = "simd128")]
fn bits(here: &[u8; BLOCK], behind: &[u8; BLOCK]) -> u32 {
    use core::arch::wasm32::{
        i8x16_bitmask, i8x16_eq, i8x16_splat, u64x2, v128, v128_and, v128_or,
    };
    let lower = |block: &[u8; BLOCK]| {
        let block = u128::from_le_bytes(*block);
        v128_or(u64x2(block as u64, (block >> 64) as u64), i8x16_splat(0x20))
    };
    let is = |block: v128, letter: u8| i8x16_eq(block, i8x16_splat(letter as i8));
    let (here, behind) = (lower(here), lower(behind));
    let [one, two, three] = PARTS.map(|part| v128_and(is(here, part[0]), is(behind, part[2])));
    u32::from(i8x16_bitmask(v128_or(v128_or(one, two), three)))
}

#[cfg(not(target_feature = "simd128"))]
fn bits(here: &[u8; BLOCK], behind: &[u8; BLOCK]) -> u32 {
    (0..BLOCK).fold(0, |bits, i| {
        let is = |part: &[u8; 3]| here[i] | 0x20 == part[0] && behind[i] | 0x20 == part[2];
        bits | u32::from(PARTS.iter().any(|part| is(part))) << i
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_noted_wherever_in_a_block_they_stand() {
        for word in [
            "ana at x dot com",
            "ana arroba x.com",
            "ana arobase x point fr",
            "ana at x Punkt de",
        ] {
            for before in 0..40 {
                let text = format!("{}{word} and so on", "-".repeat(before));
                let mut noted = Vec::new();
                note_words(text.as_bytes(), &mut noted);
                assert_eq!(noted.len(), 1, "{text}");
            }
        }
        let mut noted = Vec::new();
        note_words(
            b"a problem of anecdotes, drunk, probably at the spot of the carob",
            &mut noted,
        );
        assert!(noted.is_empty());
    }
}
