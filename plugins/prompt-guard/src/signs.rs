//! Signs of prompt injection: what they are, what they weigh, and the one pass that finds them in a text.
//!
//! Signs add up while they stand near each other ([`NEAR`] words), so that a long text does not become an attack by its length. It is no
//! judge of meaning: a text that talks *about* attacks shows signs as well, for which quoted ones weigh less. A text is read character by character,
//! in linear time, and may come in pieces.

use crate::{
    encoded,
    fold::{Folded, Unseen, fold},
    matcher::{Hit, Matcher},
    words::{
        Word,
        class::{self, ORDERS, PROMPT, ROLE, URGENT},
    },
};

mod table;

use table::{COUNT, ENDS, MARKS, RULES, Rule};
pub use table::{Sign, Tables};

/// Words within which signs add up.
const NEAR: u32 = 400;

/// The class of a byte for the fast scan.
enum Kind {
    Letter,
    /// It stands between words and begins no mark.
    Cut,
    /// It takes a closer look.
    Other,
}

fn kind(tables: &Tables, byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
        b' '
        | b'\n'
        | b'"'..=b'#'
        | b'%'..=b'&'
        | b'('..=b'/'
        | b':'..=b'?'
        | b'['..=b'`'
        | b'{'..=b'~'
            if !tables.marks.may_begin(char::from(byte)) =>
        {
            Kind::Cut
        }
        _ => Kind::Other,
    }
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

/// The words of a line so far.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    words: u32,
    /// Classes of the first one, and of all.
    first: u64,
    all: u64,
}

/// The characters that were not drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Hidden {
    last: Option<char>,
    tags: u32,
    /// Tags that may still be a flag's: England's is six of them.
    flag: u32,
    selectors: u32,
    /// Zero-width characters in a row.
    zero_width: u32,
    /// Runs of them inside words.
    torn: u32,
}

impl Hidden {
    const fn is_idle(&self) -> bool {
        self.zero_width == 0 && self.selectors == 0
    }
}

impl Scan {
    /// A fresh text. `lenient`: quoted instructions weigh less, for people ask about what they read.
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

    /// Takes the next stretch: the same as each character by itself, but faster over words and what stands between them. That no mark
    /// begins with an ASCII letter makes it possible.
    fn text(&mut self, tables: &Tables, text: &str) {
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at) {
            let kind = if self.matcher.is_idle() && self.hidden.is_idle() {
                kind(tables, *byte)
            } else {
                Kind::Other
            };
            match kind {
                Kind::Letter => {
                    if self.word.length == 0 {
                        if self.gap > 1 {
                            self.end_spelt(tables);
                        }
                        self.spelt_letter = Some(char::from(byte | 0x20));
                    }
                    at += self
                        .word
                        .take_all(text.as_bytes().get(at..).unwrap_or_default());
                    let last = text
                        .as_bytes()
                        .get(at - 1)
                        .map(|byte| char::from(byte | 0x20));
                    self.passed(last);
                }
                Kind::Cut => {
                    let c = char::from(*byte);
                    self.cut(tables, c);
                    self.passed(Some(c));
                    at += 1;
                }
                Kind::Other => {
                    let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                        return;
                    };
                    self.feed(tables, c);
                    at += c.len_utf8();
                }
            }
        }
    }

    fn passed(&mut self, last: Option<char>) {
        self.hidden.last = last;
        self.hidden.flag = 0;
        self.matcher.skip(last);
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

    fn drawn(&mut self, tables: &Tables, c: char, folded: char) {
        if !self.hidden.is_idle() {
            if self.hidden.zero_width > 0
                && c.is_ascii_alphabetic()
                && self
                    .hidden
                    .last
                    .is_some_and(|last| last.is_ascii_alphabetic())
            {
                self.hidden.torn += 1;
                if self.hidden.torn == 3 {
                    self.sign(tables, Sign::ZeroWidth, 5);
                }
            }
            self.hidden.zero_width = 0;
            self.hidden.selectors = 0;
        }
        self.hidden.flag = if c == '\u{1f3f4}' { 7 } else { 0 };
        self.hidden.last = Some(c);
        self.letters(tables, folded);
        let mut hits = 0;
        let mut note = |hit: Hit| hits |= 1_u32 << (hit.pattern % 32);
        self.matcher.feed(&tables.marks, folded, 0, &mut note);
        if hits != 0 {
            self.marks(tables, hits);
        }
    }

    fn hidden(&mut self, tables: &Tables, how: Unseen) {
        match how {
            Unseen::ZeroWidth => {
                self.hidden.zero_width += 1;
                if self.hidden.zero_width == 8 {
                    self.sign(tables, Sign::HiddenText, 10);
                }
            }
            Unseen::Selector => {
                self.hidden.selectors += 1;
                if self.hidden.selectors == 4 {
                    self.sign(tables, Sign::HiddenText, 10);
                }
            }
            Unseen::Override => self.sign(tables, Sign::Direction, 6),
            Unseen::Mark => {}
        }
    }

    fn tag(&mut self, tables: &Tables, letter: char) {
        if self.hidden.flag > 1 {
            self.hidden.flag -= 1;
            return;
        }
        self.hidden.tags += 1;
        if self.hidden.tags == 2 {
            self.sign(tables, Sign::HiddenText, 10);
        }
        self.letters(tables, letter);
    }

    /// Puts words together and looks each up.
    fn letters(&mut self, tables: &Tables, c: char) {
        let letter = match c {
            'a'..='z' => c,
            // Digits that pass for letters. A number becomes no word by it.
            '0' => 'o',
            '1' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            '\'' => return,
            c if c.is_ascii_digit() || !c.is_ascii() && !is_cut(c) => '\0',
            c => return self.cut(tables, c),
        };
        if self.word.length == 0 && self.gap > 1 {
            self.end_spelt(tables);
        }
        self.word.take(letter);
        if self.word.length == 1 {
            self.spelt_letter = Some(letter);
        }
    }

    /// A character between words.
    fn cut(&mut self, tables: &Tables, c: char) {
        match std::mem::take(&mut self.word) {
            Word { length: 0, .. } => self.gap += 1,
            Word { length: 1, .. } => {
                self.position += u32::from(self.spelt.length == 0);
                if let Some(letter) = self.spelt_letter {
                    self.spelt.take(letter);
                }
                self.gap = 1;
            }
            word => {
                self.end_spelt(tables);
                self.found_word(tables, word);
                self.gap = 1;
            }
        }
        if c == '"' || c == '`' {
            self.quote = match self.quote {
                None => Some(self.position + 1),
                Some(_) => None,
            };
        } else if c == '\n' {
            self.quote = None;
            self.line = Line::default();
        } else if c == ':' {
            self.heading(tables);
        } else if matches!(c, '.' | '!' | '?') {
            self.line = Line::default();
        }
    }

    /// `system prompt:`, `new instructions for the assistant:`: what stands before a colon, at the beginning of a line.
    fn heading(&mut self, tables: &Tables) {
        let Line { words, first, all } = self.line;
        if words <= 3 && first & ROLE != 0 {
            self.sign(tables, Sign::RoleLine, 4);
        }
        if words <= 6 && all & URGENT != 0 && all & (ORDERS | PROMPT) != 0 {
            self.sign(tables, Sign::Authority, 6);
        }
    }

    fn end_spelt(&mut self, tables: &Tables) {
        let spelt = std::mem::take(&mut self.spelt);
        if spelt.length >= 4 {
            self.found_word(tables, spelt);
        }
    }

    fn found_word(&mut self, tables: &Tables, word: Word) {
        self.position += 1;
        let classes = word.classes(&tables.words);
        if self.line.words == 0 {
            self.line.first = classes;
        }
        self.line.words += 1;
        self.line.all |= classes;
        if classes == 0 {
            return;
        }
        let mut rest = classes;
        while rest != 0 {
            if let Some(last) = self.last.get_mut(rest.trailing_zeros() as usize) {
                *last = self.position;
            }
            rest &= rest - 1;
        }
        if classes & ENDS == 0 {
            return;
        }
        for Rule(sign, weight, needs, within) in RULES {
            if needs.last().is_some_and(|last| last & classes != 0)
                && let Some(first) = self.in_order(needs)
                && self.position - first <= *within
            {
                let quoted = self.lenient && self.quote.is_some_and(|quote| first >= quote);
                let weight = if quoted { weight * 6 / 10 } else { *weight };
                self.sign(tables, *sign, weight);
            }
        }
    }

    /// The place of the first of these words, if they stand in this order.
    fn in_order(&self, needs: &[u64]) -> Option<u32> {
        let mut after = self.position + 1;
        for (at, need) in needs.iter().enumerate().rev() {
            let mut latest = 0;
            let mut rest = *need;
            while rest != 0 {
                let place = self
                    .last
                    .get(rest.trailing_zeros() as usize)
                    .copied()
                    .unwrap_or(0);
                // A word of two classes stands for one of them, but at the rule's end it may be both (`systemprompt`).
                if place < after || place == self.position && at + 2 >= needs.len() {
                    latest = latest.max(place);
                }
                rest &= rest - 1;
            }
            if latest == 0 {
                return None;
            }
            after = latest;
        }
        Some(after)
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

/// True if a character beyond ASCII stands between words.
fn is_cut(c: char) -> bool {
    matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{a1}'..='\u{bf}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests;
