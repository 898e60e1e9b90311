//! Words: put together from letters, and matched with the rules.

use super::{
    Scan, Sign, Tables,
    table::{ENDING, ENDS, RULES, Rule},
};
use crate::words::{
    Word,
    class::{ORDERS, PROMPT, ROLE, URGENT},
};

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
    first: u64,
    all: u64,
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

    /// `system prompt:`, `new instructions for the assistant:`: what stands before a colon, at the
    /// beginning of a line.
    fn heading(&mut self, tables: &Tables) {
        let Line { words, first, all } = self.line;
        if words <= 3 && first & ROLE != 0 {
            self.sign(tables, Sign::RoleLine, 4);
        }
        if words <= 6 && all & URGENT != 0 && all & (ORDERS | PROMPT) != 0 {
            self.sign(tables, Sign::Authority, 6);
        }
    }

    pub(super) fn end_spelt(&mut self, tables: &Tables) {
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
        let (mut rules, mut rest) = (0, classes & ENDS);
        while rest != 0 {
            rules |= ENDING[rest.trailing_zeros() as usize];
            rest &= rest - 1;
        }
        while rules != 0 {
            let Rule(sign, weight, needs, within) = &RULES[rules.trailing_zeros() as usize];
            rules &= rules - 1;
            if let Some(first) = self.in_order(needs)
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
                // A word of two classes stands for one of them, but at the rule's end it may be
                // both (`systemprompt`).
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
}

/// True if a character beyond ASCII stands between words.
fn is_cut(c: char) -> bool {
    matches!(c, '\u{2000}'..='\u{2bff}' | '\u{3000}'..='\u{303f}' | '\u{a1}'..='\u{bf}' | '\u{1f000}'..='\u{1faff}')
}
