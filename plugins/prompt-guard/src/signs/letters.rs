//! Words: put together from letters, and matched with the rules.

use super::{
    Origin, Scan, Sign, Tables,
    table::{Heading, Known, Rule, Weight},
};
use crate::words::{Mask, Word, digit_as_letter};

/// The words that the end of a sentence counts for: what is said in two seldom is one act.
const SENTENCE: u32 = 4;
/// The same of a comma: `ignore my last mail, the instructions are below`.
const COMMA: u32 = 4;
/// Words before a verb that may say that it is the reader who is meant: "I want you to ignore".
const MEANT: u32 = 4;
/// Tenths that an override keeps where its object goes on: "the instructions about the invoice".
const TOPICAL: u32 = 5;
/// The words that a clause begins with, an order's verb among them.
const BEGINNING: u32 = 2;
/// So many words that report are remembered.
pub(super) const REPORTED: usize = 8;
/// A word of negation forbids what so many words behind it ask for.
const NEGATED: u32 = 2;
/// A verb is an order among the first words of a clause only.
const ORDERED: u32 = 2;

/// The words of a line so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    words: u32,
    /// Classes of the first one, and of all.
    first: Mask,
    all: Mask,
}

/// The end of a sentence, seen and not counted yet where it may be none (`v2.0`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ended {
    #[default]
    No,
    /// A full stop: a space behind it ends the sentence.
    Stop,
    /// A line break: an empty line ends the sentence.
    Line,
    Counted,
}

/// An override whose last word was just read: its weight, its first word and its last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    weight: Weight,
    first: u32,
    last: u32,
}

impl Scan {
    /// Takes note of a letter that comes, where it is a word's first.
    pub(super) fn begin_word(&mut self, tables: &Tables, letter: char) {
        if self.word.length == 0 {
            if self.gap > 1 {
                self.end_spelt(tables);
            }
            self.spelt_letter = Some(match letter {
                '0'..='9' => letter_of(letter),
                _ => letter,
            });
        }
        self.quotes.apostrophe = false;
    }

    /// Puts words together and looks each up.
    pub(super) fn letters(&mut self, tables: &Tables, c: char) {
        let letter = match c {
            'a'..='z' => c,
            '0'..='9' => letter_of(c),
            '@' => 'a',
            '$' => 's',
            '\'' => return self.apostrophe(),
            c if !c.is_ascii() && !is_cut(c) => c,
            c => return self.cut(tables, c),
        };
        self.begin_word(tables, letter);
        self.word.take(letter);
    }

    /// One that stands before a word opens a quotation, one behind it may close it, and one inside
    /// belongs to it.
    fn apostrophe(&mut self) {
        if self.word.length > 0 {
            self.quotes.apostrophe = true;
        } else {
            self.quotes.single = self.quotes.toggle(self.quotes.single, self.position);
        }
    }

    /// A character between words.
    pub(super) fn cut(&mut self, tables: &Tables, c: char) {
        match std::mem::take(&mut self.word) {
            Word { length: 0, .. } => self.gap += 1,
            Word { length: 1, .. } => {
                self.position += u32::from(self.spelt.length == 0);
                if let Some(letter) = self.spelt_letter {
                    self.spelt.take(letter);
                }
                self.gap = 1;
                self.ended = Ended::No;
            }
            word => {
                self.end_spelt(tables);
                self.found_word(tables, word);
                self.gap = 1;
            }
        }
        self.quotes.take(c, self.position);
        match c {
            '\n' => {
                self.headings(tables);
                self.line = Line::default();
                self.clause = 0;
                self.ended = match self.ended {
                    Ended::No => Ended::Line,
                    Ended::Stop | Ended::Line => self.end_sentence(),
                    Ended::Counted => Ended::Counted,
                };
            }
            '.' | '!' | '?' => {
                self.line = Line::default();
                self.clause = 0;
                self.ended = Ended::Stop;
            }
            ' ' if self.ended == Ended::Stop => self.ended = self.end_sentence(),
            ':' | ']' | '>' | '*' => {
                self.headings(tables);
                self.clause = 0;
            }
            ';' => {
                self.position += SENTENCE;
                self.clause = 0;
            }
            ',' | '\u{60c}' | '\u{3001}' => {
                self.position += COMMA;
                self.clause = 0;
            }
            _ => {}
        }
    }

    fn end_sentence(&mut self) -> Ended {
        self.position += SENTENCE;
        Ended::Counted
    }

    /// `system prompt:`, `new instructions for the assistant:`: a line that is short so far.
    fn headings(&mut self, tables: &Tables) {
        let line = self.line;
        if line.all == 0 {
            return;
        }
        for heading in &tables.headings {
            let Heading {
                sign,
                weight,
                most,
                first,
                all,
            } = heading;
            if line.words <= *most
                && (*first == 0 || line.first & first != 0)
                && all.iter().all(|classes| line.all & classes != 0)
            {
                self.sign(tables, *sign, *weight, self.position);
            }
        }
    }

    pub(super) fn end_spelt(&mut self, tables: &Tables) {
        let spelt = std::mem::take(&mut self.spelt);
        if spelt.length >= 2 {
            self.found_word(tables, spelt);
        }
    }

    fn found_word(&mut self, tables: &Tables, word: Word) {
        self.position += 1;
        self.line.words += 1;
        self.clause += 1;
        self.ended = Ended::No;
        let set = tables.words.find(word).map(usize::from);
        let mask = set.and_then(|set| tables.words.sets().get(set).copied());
        if self.open.is_some() {
            self.close(tables, mask.unwrap_or_default());
        }
        let (Some(set), Some(mask)) = (set, mask) else {
            return;
        };
        if self.line.words == 1 {
            self.line.first = mask;
        }
        self.line.all |= mask;
        let known = &tables.known;
        let ordered =
            mask & known.act != 0 && (self.clause <= ORDERED || self.since(known.must) <= ORDERED);
        for class in bits(mask) {
            self.saw(class);
        }
        if ordered {
            self.saw(usize::from(known.imperative));
        }
        if self.is_reported(known, mask) {
            self.reported.rotate_right(1);
            self.reported[0] = self.position;
        }
        self.turned[0] += u32::from(mask >> known.rotated & 1 == 1);
        self.turned[1] += u32::from(mask >> known.backwards & 1 == 1);
        for number in tables.ending.get(set).into_iter().flatten() {
            let Some(rule) = tables.rules.get(usize::from(*number)) else {
                continue;
            };
            let Some(first) = self.in_order(rule) else {
                continue;
            };
            if self.position - first > rule.within || self.any_since(rule.unless, first) {
                continue;
            }
            match rule.sign {
                None => self.about.note(self.position),
                Some((sign, _)) if sign.is_undone() && self.is_negated(tables, first) => {}
                Some((Sign::Override, weight)) => {
                    let last = self.position;
                    self.open = Some(match self.open {
                        Some(open) => Open {
                            weight: open.weight.or(weight),
                            first: open.first.min(first),
                            last,
                        },
                        None => Open {
                            weight,
                            first,
                            last,
                        },
                    });
                }
                Some((sign, weight)) => self.sign(tables, sign, weight, first),
            }
        }
    }

    /// Notes an override that was waiting for the word behind it, which is of these classes.
    pub(super) fn close(&mut self, tables: &Tables, next: Mask) {
        // "Ignore all previous" goes on: "instructions about the invoice".
        if next & tables.known.orders != 0 {
            return;
        }
        if let Some(open) = self.open.take() {
            let topical = next & tables.known.topic != 0 && self.position - open.last <= 2;
            let weight = if topical {
                open.weight.share(TOPICAL)
            } else {
                open.weight
            };
            self.sign(tables, Sign::Override, weight, open.first);
        }
    }

    /// Notes a word of a class here.
    fn saw(&mut self, class: usize) {
        if let Some([last, before]) = self.last.get_mut(class) {
            *before = std::mem::replace(last, self.position);
        }
    }

    /// True if the word at `first` is forbidden rather than wanted: "do not ignore".
    fn is_negated(&self, tables: &Tables, first: u32) -> bool {
        let negations = self.last.get(usize::from(tables.known.negation));
        let mut places = negations.into_iter().flatten();
        places.any(|place| *place > 0 && *place < first && first - place <= NEGATED)
    }

    /// True if a verb here is no order to the reader: it neither begins a clause nor has a "you"
    /// before it, as in "they ignore", "how to reveal", "the tool prints".
    fn is_reported(&self, known: &Known, mask: Mask) -> bool {
        let near = |classes: Mask, most: u32| {
            bits(classes).any(|class| {
                let place = self.last.get(class).map_or(0, |[last, _]| *last);
                place > 0 && place < self.position && self.position - place <= most
            })
        };
        mask & known.verbs != 0
            && !near(known.you, MEANT)
            && (near(known.reporter, 1) || self.clause > BEGINNING && !near(known.joins, 1))
    }

    /// True if a word of one of the classes stands at `first` or behind it.
    fn any_since(&self, classes: Mask, first: u32) -> bool {
        bits(classes).any(|class| {
            self.last
                .get(class)
                .is_some_and(|[last, _]| *last >= first && *last > 0)
        })
    }

    /// The words since the last one of a class.
    fn since(&self, class: u8) -> u32 {
        match self.last.get(usize::from(class)) {
            None | Some([0, _]) => u32::MAX,
            Some([place, _]) => self.position - place,
        }
    }

    /// The place of the first word of a rule, if they stand in its order.
    fn in_order(&self, rule: &Rule) -> Option<u32> {
        let mut after = self.position + 1;
        for (at, need) in rule.needs.iter().enumerate().rev() {
            let mut latest = 0;
            for class in need {
                // A word of two classes stands for one of them, but at the rule's end it may be
                // both (`systemprompt`).
                let both = at + 2 >= rule.needs.len();
                let places = self.last.get(usize::from(*class)).into_iter().flatten();
                for place in places.copied() {
                    if place < after || both && place == self.position {
                        latest = latest.max(place);
                    }
                }
            }
            if latest == 0 {
                return None;
            }
            after = latest;
        }
        Some(after)
    }

    /// A weight where its first word stands: less where it is quoted and where attacks are talked
    /// about, for people ask about what they read.
    pub(super) fn discounted(&self, weight: u32, first: u32) -> u32 {
        if self.origin == Origin::Reply {
            return weight;
        }
        let mut tenths = self.about.tenths(self.position);
        if self.quotes.have(first, self.position) {
            tenths = tenths * 2 / 10;
        }
        if first > 0 && self.reported.contains(&first) {
            tenths = tenths * 4 / 10;
        }
        weight * tenths / 10
    }
}

/// The letter that a digit is read as, or `'\0'`.
fn letter_of(digit: char) -> char {
    let letter = u8::try_from(digit).ok().and_then(digit_as_letter);
    letter.map_or('\0', char::from)
}

/// The numbers of the classes in a set.
fn bits(mut mask: Mask) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let class = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(class)
    })
}

/// True if a character beyond ASCII stands between words.
pub(super) fn is_cut(c: char) -> bool {
    matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{a1}'..='\u{bf}' | '\u{964}' | '\u{965}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{1f000}'..='\u{1faff}')
}
