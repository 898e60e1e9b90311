//! Signs of prompt injection: what they are, what they weigh, and the one pass that finds them in a
//! text.
//!
//! Signs add up while they stand near each other ([`NEAR`] words), so that a long text does not
//! become an attack by its length. It is no judge of meaning: a text that talks *about* attacks
//! shows signs as well, for which quoted ones weigh less. A text is read character by character, in
//! linear time, and may come in pieces.

use crate::{
    encoded,
    fold::{Folded, fold},
    matcher::Matcher,
    words::{Word, class},
};

mod hidden;
mod letters;
mod table;

use hidden::Hidden;
use letters::Line;
use table::{COUNT, MARKS};
pub use table::{Sign, Tables};

/// Words within which signs add up.
const NEAR: u32 = 400;

/// The suspicion that a text raises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suspicion {
    /// The highest sum of weights near each other.
    pub score: u32,
    signs: u32,
}

impl Suspicion {
    /// The signs that the score is made of.
    pub fn signs(self) -> impl Iterator<Item = Sign> {
        Sign::ALL
            .iter()
            .copied()
            .filter(move |sign| self.signs >> *sign as u32 & 1 == 1)
    }
}

/// The state of the scan of one text.
#[derive(Debug, Clone)]
pub struct Scan {
    /// Words so far.
    position: u32,
    /// The last place of each class, plus one.
    last: [u32; class::COUNT],
    word: Word,
    /// A word of single letters with a space between: `i g n o r e`.
    spelt: Word,
    spelt_letter: Option<char>,
    gap: u32,
    /// The beginning of a quotation.
    quote: Option<u32>,
    line: Line,
    /// True if quotations weigh less.
    lenient: bool,
    matcher: Matcher,
    /// Weight and place of each sign.
    found: [(u32, u32); COUNT],
    best: Suspicion,
    hidden: Hidden,
}

impl Scan {
    /// A fresh text. `lenient`: quoted instructions weigh less, for people ask about what they
    /// read.
    pub fn new(lenient: bool) -> Self {
        Self {
            position: 0,
            last: [0; class::COUNT],
            word: Word::default(),
            spelt: Word::default(),
            spelt_letter: None,
            gap: 0,
            quote: None,
            line: Line::default(),
            lenient,
            matcher: Matcher::default(),
            found: [(0, 0); COUNT],
            best: Suspicion::default(),
            hidden: Hidden::default(),
        }
    }

    /// Reads a whole text, and what it holds in base64.
    pub fn whole(tables: &Tables, text: &str, lenient: bool) -> Suspicion {
        let mut scan = Self::new(lenient);
        scan.text(tables, text);
        for hidden in encoded::texts(text) {
            scan.decoded(tables, &hidden);
        }
        scan.finish(tables)
    }

    /// Takes the next character.
    #[inline]
    pub fn feed(&mut self, tables: &Tables, c: char) {
        match fold(c) {
            Folded::One(folded) => self.drawn(tables, c, folded),
            Folded::Two(one, other) => {
                self.drawn(tables, c, one);
                self.drawn(tables, c, other);
            }
            Folded::Nothing(how) => self.hidden(tables, how),
            Folded::Tag(letter) => self.tag(tables, letter),
        }
    }

    /// Ends the text; returns what it is suspected of.
    pub fn finish(&mut self, tables: &Tables) -> Suspicion {
        self.letters(tables, '\n');
        self.end_spelt(tables);
        let mut hits = 0;
        self.matcher.finish(&tables.marks, 0, &mut |hit| {
            hits |= 1_u32 << (hit.pattern % 32)
        });
        self.marks(tables, hits);
        self.best
    }

    /// The suspicion so far.
    pub const fn so_far(&self) -> Suspicion {
        self.best
    }

    /// Notes the marks that were found: a bit for each of [`MARKS`].
    fn marks(&mut self, tables: &Tables, hits: u32) {
        for (at, (sign, weight, _)) in MARKS.iter().enumerate() {
            if hits >> at & 1 == 1 {
                self.sign(tables, *sign, *weight);
            }
        }
    }

    fn decoded(&mut self, tables: &Tables, text: &str) {
        let mut inner = Self::new(false);
        inner.text(tables, text);
        let inside = inner.finish(tables);
        if inside.score > 0 {
            self.sign(tables, Sign::Encoded, 6);
            for sign in inside.signs() {
                let weight = inner
                    .found
                    .get(sign as usize)
                    .map_or(0, |(weight, _)| *weight);
                self.sign(tables, sign, weight);
            }
        }
    }

    #[cold]
    fn sign(&mut self, tables: &Tables, sign: Sign, usual: u32) {
        let weight = tables.weight(sign, usual);
        let now = self.position;
        if let Some(found) = self.found.get_mut(sign as usize) {
            let near = found.0 > 0 && now - found.1 <= NEAR;
            *found = (if near { found.0.max(weight) } else { weight }, now);
        }
        let mut sum = Suspicion::default();
        for (sign, (weight, place)) in Sign::ALL.iter().zip(self.found) {
            if weight > 0 && now - place <= NEAR {
                sum.score += weight;
                sum.signs |= 1 << *sign as u32;
            }
        }
        if sum.score > self.best.score {
            self.best = sum;
        }
    }
}

const _: () = assert!(MARKS.len() <= 32, "marks are noted as bits of 32");

#[cfg(test)]
mod tests;
