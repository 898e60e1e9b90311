//! Words: put together from letters, and matched with the rules.

use super::{
    Origin, Scan, Tables,
    table::{Heading, Rule},
};
use crate::words::{Mask, Word};

/// The words that the end of a sentence counts for: what is said in two seldom is one act.
const SENTENCE: u32 = 4;
/// The same of a comma: `ignore my last mail, the instructions are below`.
const COMMA: u32 = 4;
/// Words within which talk about attacks makes an instruction one that is mentioned.
const MENTIONED: u32 = 30;
/// A word of negation forbids what so many words behind it ask for.
const NEGATED: u32 = 2;
/// A verb is an order among the first words of a clause only.
const ORDERED: u32 = 2;

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

/// Quotations: the place of the first word of each that is open, and the last that was closed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quotes {
    double: Option<u32>,
    single: Option<u32>,
    /// A word ended, or goes on, with an apostrophe.
    apostrophe: bool,
    /// Back quotes in a row, and the block of code that three begin.
    backs: u32,
    fence: Option<u32>,
    closed: (u32, u32),
    /// The text is JSON, whose quotation marks mean nothing.
    json: Option<bool>,
}

impl Quotes {
    /// True if a word is quoted. What begins with the text quotes nothing: it is the text.
    fn have(self, place: u32) -> bool {
        let (begin, end) = self.closed;
        let mut open = [self.double, self.single, self.fence].into_iter().flatten();
        open.any(|begin| begin > 1 && place >= begin) || begin > 1 && (begin..=end).contains(&place)
    }

    /// Opens a quotation behind `place`, or closes it there.
    fn toggle(&mut self, open: Option<u32>, place: u32) -> Option<u32> {
        match open {
            None => Some(place + 1),
            Some(begin) => {
                self.closed = (begin, place);
                None
            }
        }
    }

    /// Takes a character between words; `place` is that of the word before it.
    fn take(&mut self, c: char, place: u32) {
        if std::mem::take(&mut self.apostrophe) && self.single.is_some() {
            self.single = self.toggle(self.single, place);
        }
        if self.json.is_none() && !c.is_whitespace() {
            self.json = Some(place == 0 && matches!(c, '{' | '['));
        }
        match c {
            '"' if self.json == Some(true) => {}
            '"' => self.double = self.toggle(self.double, place),
            '`' => {
                self.backs += 1;
                if self.backs == 3 {
                    self.double = None;
                    self.fence = self.toggle(self.fence, place);
                } else {
                    self.double = self.toggle(self.double, place);
                }
            }
            '\n' => (self.double, self.single) = (None, None),
            _ => {}
        }
        if c != '`' {
            self.backs = 0;
        }
    }
}

impl Scan {
    /// Takes the next stretch: the same as each character by itself, but faster over words and what
    /// stands between them. That no mark begins with an ASCII letter makes it possible.
    pub(super) fn text(&mut self, tables: &Tables, text: &str) {
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
                    self.quotes.apostrophe = false;
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

    /// Puts words together and looks each up.
    pub(super) fn letters(&mut self, tables: &Tables, c: char) {
        let letter = match c {
            'a'..='z' => c,
            // Digits that pass for letters. A number becomes no word by it.
            '0' => 'o',
            '1' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            '8' => 'b',
            '9' => 'g',
            '\'' => return self.apostrophe(),
            c if c.is_ascii_digit() => '\0',
            c if !c.is_ascii() && !is_cut(c) => c,
            c => return self.cut(tables, c),
        };
        if self.word.length == 0 && self.gap > 1 {
            self.end_spelt(tables);
        }
        self.quotes.apostrophe = false;
        self.word.take(letter);
        if self.word.length == 1 {
            self.spelt_letter = Some(letter);
        }
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
    fn cut(&mut self, tables: &Tables, c: char) {
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
        let Some(set) = tables.words.find(word) else {
            return;
        };
        let set = usize::from(set);
        let mask = tables.words.sets().get(set).copied().unwrap_or_default();
        if self.line.words == 1 {
            self.line.first = mask;
        }
        self.line.all |= mask;
        let known = &tables.known;
        let ordered =
            mask & known.act != 0 && (self.clause <= ORDERED || self.since(known.must) <= ORDERED);
        let mut rest = mask;
        while rest != 0 {
            self.saw(rest.trailing_zeros() as usize);
            rest &= rest - 1;
        }
        if ordered {
            self.saw(usize::from(known.imperative));
        }
        self.turned[0] += u32::from(mask >> known.rotated & 1 == 1);
        self.turned[1] += u32::from(mask >> known.backwards & 1 == 1);
        for number in tables.ending.get(set).into_iter().flatten() {
            let Some(rule) = tables.rules.get(usize::from(*number)) else {
                continue;
            };
            if let Some(first) = self.in_order(rule)
                && self.position - first <= rule.within
                && !(rule.sign.is_undone() && self.is_negated(tables, first))
            {
                self.sign(tables, rule.sign, rule.weight, first);
            }
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
    pub(super) fn discounted(&self, tables: &Tables, weight: u32, first: u32) -> u32 {
        if self.origin == Origin::Reply {
            return weight;
        }
        let mut tenths = 10;
        if self.quotes.have(first) {
            tenths = if self.origin == Origin::User { 3 } else { 6 };
        }
        if self.since(tables.known.mention) <= MENTIONED {
            tenths = tenths * 6 / 10;
        }
        weight * tenths / 10
    }
}

/// True if a character beyond ASCII stands between words.
fn is_cut(c: char) -> bool {
    matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{a1}'..='\u{bf}' | '\u{964}' | '\u{965}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{1f000}'..='\u{1faff}')
}
