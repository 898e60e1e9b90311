//! Characters: those that are drawn, and those that are not.

use super::{
    Scan, Sign, Tables,
    table::{HIDDEN, TORN, TURNED},
};
use crate::{fold::Unseen, matcher::Hit};

/// The characters that were not drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hidden {
    pub(super) last: Option<char>,
    tags: u32,
    /// Tags that may still be a flag's: England's is six of them.
    pub(super) flag: u32,
    selectors: u32,
    /// Zero-width characters in a row.
    zero_width: u32,
    /// Runs of them inside words.
    torn: u32,
}

impl Hidden {
    pub(super) const fn is_idle(&self) -> bool {
        self.zero_width == 0 && self.selectors == 0
    }
}

impl Scan {
    pub(super) fn drawn(&mut self, tables: &Tables, c: char, folded: char) {
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
                    self.sign(tables, Sign::ZeroWidth, TORN, self.position);
                }
            }
            self.hidden.zero_width = 0;
            self.hidden.selectors = 0;
        }
        self.hidden.flag = if c == '\u{1f3f4}' { 7 } else { 0 };
        self.hidden.last = Some(c);
        self.letters(tables, folded);
        let mut hits = 0;
        let mut note = |hit: Hit| hits |= 1_u64 << (hit.pattern % 64);
        self.matcher.feed(&tables.marks, folded, 0, &mut note);
        if hits != 0 {
            self.marks(tables, hits);
        }
    }

    pub(super) fn hidden(&mut self, tables: &Tables, how: Unseen) {
        match how {
            Unseen::ZeroWidth => {
                self.hidden.zero_width += 1;
                if self.hidden.zero_width == 8 {
                    self.sign(tables, Sign::HiddenText, HIDDEN, self.position);
                }
            }
            Unseen::Selector => {
                self.hidden.selectors += 1;
                if self.hidden.selectors == 4 {
                    self.sign(tables, Sign::HiddenText, HIDDEN, self.position);
                }
            }
            Unseen::Override => self.sign(tables, Sign::Direction, TURNED, self.position),
            Unseen::Mark => {}
        }
    }

    pub(super) fn tag(&mut self, tables: &Tables, letter: char) {
        if self.hidden.flag > 1 {
            self.hidden.flag -= 1;
            return;
        }
        self.hidden.tags += 1;
        if self.hidden.tags == 2 {
            self.sign(tables, Sign::HiddenText, HIDDEN, self.position);
        }
        self.letters(tables, letter);
    }
}
