//! Signs of prompt injection: what they are, what they weigh, and the one pass that finds them in a
//! text.
//!
//! Signs add up while they stand near each other ([`NEAR`] words), so that a long text does not
//! become an attack by its length. Each has two weights: in data, which nobody who sits there
//! wrote, orders weigh more than in what a user says. It is no judge of meaning: a text that talks
//! *about* attacks shows signs as well, for which quoted ones and those near such talk weigh less.
//! A text is read character by character, in linear time, and may come in pieces.

use crate::{
    encoded,
    fold::{Folded, fold},
    matcher::Matcher,
    words::{CLASSES, Word, rotated},
};

mod fast;
mod hidden;
mod letters;
mod mention;
mod table;

use hidden::Hidden;
use letters::{Ended, Line, Open, REPORTED};
use mention::{About, Quotes};
use table::{COUNT, ENCODED, Weight};
pub use table::{Sign, Tables};

/// Words within which signs add up in what people write: prompts that argue are long.
const NEAR: u32 = 400;
/// The same in data: what was put into a document is a short passage of it.
const NEAR_IN_DATA: u32 = 80;
/// Signs that people show to each other as well add up to no more than this.
const FOR_PEOPLE: u32 = 8;
/// Next to signs for machines they add no more than those weigh, and in data, where most is said to
/// people, no more than this.
const SUPPORT_IN_DATA: u32 = 2;
/// A sign for machines counts as one from this weight on.
const CLEAR: u32 = 4;
/// Words turned round that make a text one that is read so.
const TELLING: u32 = 2;

/// A decoded text counts from this score on.
const TELLING_SCORE: u32 = 5;

/// The origin of a text, which decides what its signs weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A person wrote it to the model.
    User,
    /// It came with a tool's result or a document.
    Data,
    /// The model wrote it.
    Reply,
}

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

/// A sign that was found.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// 0 for none; the heaviest of its rules.
    weight: u32,
    /// The place where any of its rules fired last.
    place: u32,
    /// The places of the first and the last word of the heaviest.
    first: u32,
    last: u32,
}

impl Found {
    /// True if both are made of the same words, some of them: then they are not independent.
    const fn shares_words(self, other: Self) -> bool {
        let one_word = self.first == self.last || other.first == other.last;
        !one_word && self.first <= other.last && other.first <= self.last
    }
}

/// The state of the scan of one text.
#[derive(Debug, Clone)]
pub struct Scan {
    origin: Origin,
    /// Words so far; the end of a sentence counts as some.
    position: u32,
    /// The last two places of each class, plus one: a word that comes again hides no act.
    last: [[u32; 2]; CLASSES],
    word: Word,
    /// A word of single letters with a space between: `i g n o r e`.
    spelt: Word,
    spelt_letter: Option<char>,
    gap: u32,
    quotes: Quotes,
    line: Line,
    ended: Ended,
    /// Words since the last sign of punctuation.
    clause: u32,
    about: About,
    /// An override that waits for the next word, which may say that it is about something else than
    /// the model's orders.
    open: Option<Open>,
    /// The places of the last words that say what somebody else does.
    reported: [u32; REPORTED],
    /// Words that mean something rotated, and backwards.
    turned: [u32; 2],
    matcher: Matcher,
    found: [Found; COUNT],
    best: Suspicion,
    hidden: Hidden,
}

impl Scan {
    /// A fresh text.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            position: 0,
            last: [[0; 2]; CLASSES],
            word: Word::default(),
            spelt: Word::default(),
            spelt_letter: None,
            gap: 0,
            quotes: Quotes::default(),
            line: Line::default(),
            ended: Ended::default(),
            clause: 0,
            about: About::default(),
            open: None,
            reported: [0; REPORTED],
            turned: [0; 2],
            matcher: Matcher::default(),
            found: [Found::default(); COUNT],
            best: Suspicion::default(),
            hidden: Hidden::default(),
        }
    }

    /// Reads a whole text, and what it holds in encodings.
    pub fn whole(tables: &Tables, text: &str, origin: Origin) -> Suspicion {
        let mut scan = Self::new(origin);
        scan.text(tables, text);
        encoded::each(text, &mut |hidden| scan.decoded(tables, hidden));
        scan.finish(tables);
        let [rotations, reversals] = scan.turned;
        if rotations >= TELLING {
            scan.decoded(tables, &rotated(text));
        }
        if reversals >= TELLING {
            scan.decoded(tables, &text.chars().rev().collect::<String>());
        }
        scan.best
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
        self.close(tables, 0);
        let mut hits = 0;
        self.matcher.finish(&tables.marks, 0, &mut |hit| {
            hits |= 1_u64 << (hit.pattern % 64)
        });
        self.marks(tables, hits);
        self.best
    }

    /// The suspicion so far.
    pub const fn so_far(&self) -> Suspicion {
        self.best
    }

    /// Notes the marks that were found: a bit for each.
    fn marks(&mut self, tables: &Tables, mut hits: u64) {
        while hits != 0 {
            if let Some(mark) = tables.kinds.get(hits.trailing_zeros() as usize) {
                self.sign(tables, mark.sign, mark.weight, self.position);
            }
            hits &= hits - 1;
        }
    }

    /// Reads what was encoded: its signs count, and that it was.
    fn decoded(&mut self, tables: &Tables, text: &str) {
        let origin = match self.origin {
            Origin::User => Origin::Reply,
            origin => origin,
        };
        let mut inner = Self::new(origin);
        inner.text(tables, text);
        let inside = inner.finish(tables);
        // Addresses have escapes, and words that say little.
        if inside.score >= TELLING_SCORE {
            self.sign(tables, Sign::Encoded, ENCODED, self.position);
            for sign in inside.signs() {
                let found = inner.found.get(sign as usize).copied().unwrap_or_default();
                self.note(sign, found.weight, self.position);
            }
        }
    }

    /// Notes a sign whose first word stands at `first`.
    #[cold]
    fn sign(&mut self, tables: &Tables, sign: Sign, weight: Weight, first: u32) {
        let usual = match self.origin {
            Origin::User | Origin::Reply => weight.user,
            Origin::Data => weight.data,
        };
        let weight = tables.weight(sign, usual);
        self.note(sign, self.discounted(weight, first), first);
    }

    fn note(&mut self, sign: Sign, weight: u32, first: u32) {
        let (now, origin) = (self.position, self.origin);
        let reach = match origin {
            Origin::User | Origin::Reply => NEAR,
            Origin::Data => NEAR_IN_DATA,
        };
        if let Some(found) = self.found.get_mut(sign as usize) {
            let near = found.weight > 0 && now - found.place <= reach;
            if near && found.weight > weight {
                found.place = now;
            } else {
                *found = Found {
                    weight,
                    place: now,
                    first,
                    last: now,
                };
            }
        }
        let counts = |found: &Found| found.weight > 0 && now - found.place <= reach;
        let machines =
            |(sign, found): &(&Sign, &Found)| sign.is_for_machines(origin) && counts(found);
        let mut sum = Suspicion::default();
        let (mut people, mut most, mut clear) = (0, 0, false);
        for (sign, found) in Sign::ALL
            .iter()
            .zip(&self.found)
            .filter(|(_, found)| counts(found))
        {
            let weight = found.weight;
            most = weight.max(most);
            sum.signs |= 1 << *sign as u32;
            if !sign.is_for_machines(origin) {
                people += weight;
                continue;
            }
            clear |= weight >= CLEAR;
            let mut others = Sign::ALL.iter().zip(&self.found).filter(machines);
            let counted = others.any(|(other, at)| {
                let heavier = (at.weight, *other as u32) > (weight, *sign as u32);
                heavier && found.shares_words(*at)
            });
            sum.score += if counted { 0 } else { weight };
        }
        people = people.min(match (clear, self.origin) {
            (false, _) => FOR_PEOPLE.saturating_sub(sum.score),
            (true, Origin::Data) => sum.score.min(SUPPORT_IN_DATA),
            (true, Origin::User | Origin::Reply) => sum.score,
        });
        sum.score = (sum.score + people).max(most);
        if sum.score > self.best.score {
            self.best = sum;
        }
    }
}

const _: () = assert!(COUNT <= 32, "signs are noted as bits of 32");

#[cfg(test)]
mod tests;
