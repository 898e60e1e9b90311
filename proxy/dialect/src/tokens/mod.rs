//! Tokens without a tokenizer: an estimate from a few counts, taken in one pass over the bytes.
//!
//! The pass is an automaton (`automaton.rs`) whose costs (`cost.rs`, `rows.rs`) were fitted to the
//! o200k vocabulary: on average 2 to 8 % off for code, JSON, CSV, markup, identifiers, base64 and
//! hex, and for prose in 60 languages, those in scripts that the vocabulary hardly knows among
//! them, where "four characters a token" is 20 % off in English and 60 % in Hindi; the table is in
//! `proxy/sidecar/data/tokens/README.md`. Exact counting would cost 50 to 70 MB of tables in every
//! pod. Other vocabularies differ by a factor per model and [`Kind`] of content, which is learned
//! from the usage that providers report, not here.
//!
//! Images, sound and files are estimated by the providers' published rules (`media.rs`).
//!
//! A step waits for the one before it, so a long text is walked in four places in parallel.

mod automaton;
mod class;
mod cost;
mod image;
mod image_size;
pub(crate) mod media;
mod rows;
mod state;
#[cfg(test)]
mod tests;

use automaton::{Step, TOKEN, due, kind, look};

/// Kinds of content whose factors differ between vocabularies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Words in Latin letters, and signs.
    Latin,
    /// Digits and capitals: numbers, base64, hex.
    Dense,
    /// Cyrillic letters.
    Cyrillic,
    /// Greek, Hebrew, Arabic and other alphabets.
    Alphabetic,
    /// Scripts of India and of South East Asia.
    Indic,
    /// Chinese, Japanese and Korean.
    Cjk,
    /// Emoji and other symbols.
    Symbols,
    /// Images, sound, files, and what every message costs: by rule.
    Rule,
}

/// The number of kinds.
pub const KINDS: usize = 8;

/// Tokens by [`Kind`]. A text is attributed in pieces of 64 bytes, each to the kind that it ends
/// in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u64; KINDS]);

/// 128ths of a token, by kind.
#[derive(Clone, Copy, Default)]
struct Sums([u64; KINDS]);

impl Sums {
    fn add(&mut self, last: Step, sum: u32) {
        self.0[kind(last) as usize % KINDS] += u64::from(sum);
    }

    /// In whole tokens, whose sum is that of the parts, rounded.
    fn counts(&self) -> Counts {
        let (mut counts, mut rest) = (Counts::default(), TOKEN / 2);
        for (count, sum) in counts.0.iter_mut().zip(self.0) {
            let sum = sum + rest;
            (*count, rest) = (sum / TOKEN, sum % TOKEN);
        }
        counts
    }
}

impl Counts {
    /// So many tokens of one kind.
    pub const fn of(kind: Kind, tokens: u64) -> Self {
        let mut counts = [0; KINDS];
        counts[kind as usize] = tokens;
        Self(counts)
    }

    /// Tokens of all kinds.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().fold(0, u64::saturating_add)
    }

    /// Tokens of each kind, in the order of [`Kind`].
    pub const fn each(&self) -> &[u64; KINDS] {
        &self.0
    }

    /// Adds those of another text.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Estimates the tokens of a text.
pub fn estimate(text: &str) -> u64 {
    estimate_bytes(text.as_bytes())
}

/// Estimates the tokens of text that is UTF-8, or nearly.
pub(crate) fn estimate_bytes(bytes: &[u8]) -> u64 {
    count(bytes).total()
}

/// Estimates the tokens of text that is UTF-8, or nearly, by kind.
pub fn count(bytes: &[u8]) -> Counts {
    const PARTS: usize = 4;
    const PIECE: usize = 64;
    let length = match bytes.len() < 2 * PARTS * PIECE {
        true => 0,
        false => bytes.len() / PARTS / PIECE * PIECE,
    };
    let (parts, rest) = bytes.split_at(length * PARTS);
    let mut sums = Sums::default();
    let part = |number| {
        let start = number * length;
        let part = parts.get(start..start + length).unwrap_or_default();
        part.chunks_exact(PIECE)
    };
    let mut last = [0; PARTS];
    for (((a, b), c), d) in part(0).zip(part(1)).zip(part(2)).zip(part(3)) {
        let mut piece = [0; PARTS];
        for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
            for ((last, sum), byte) in last.iter_mut().zip(&mut piece).zip([a, b, c, d]) {
                *last = look(*last, *byte);
                *sum += due(*last);
            }
        }
        for (last, sum) in last.iter().zip(piece) {
            sums.add(*last, sum);
        }
    }
    let mut last = last[PARTS - 1];
    for piece in rest.chunks(PIECE) {
        let sum = walk(&mut last, piece);
        sums.add(last, sum);
    }
    sums.counts()
}

/// An estimate that grows with the text of a stream.
///
/// Texts of several channels may be fed in turn; a border between two of them costs a token's error
/// at most.
#[derive(Debug, Clone, Default)]
pub struct Running {
    last: Step,
    sum: u64,
}

impl Running {
    /// Adds text, in any split.
    pub fn feed(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(1 << 16) {
            self.sum += u64::from(walk(&mut self.last, piece));
        }
    }

    /// Tokens of all that was fed.
    pub fn tokens(&self) -> u64 {
        self.sum.saturating_add(TOKEN / 2) / TOKEN
    }
}

/// Goes on to the step behind `bytes`, and returns what they cost in 128ths of a token.
#[inline]
fn walk(last: &mut Step, bytes: &[u8]) -> u32 {
    let mut sum = 0;
    for byte in bytes {
        *last = look(*last, *byte);
        sum += due(*last);
    }
    sum
}
