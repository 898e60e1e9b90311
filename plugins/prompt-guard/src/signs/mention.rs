//! Talk about instructions, and quotations: what is mentioned is not given.

/// Words within which talk about instructions makes one that is mentioned.
const MENTIONED: u32 = 60;
/// A quotation has no more words; what is longer is a document.
const QUOTED: u32 = 80;

/// Talk about instructions: the place of the last word of it, and how often there was some.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    place: u32,
    times: u32,
}

impl About {
    pub(super) fn note(&mut self, place: u32) {
        if place - self.place > MENTIONED {
            self.times = 0;
        }
        self.times += u32::from(self.times == 0 || place - self.place > 1);
        self.place = place;
    }

    #[cfg(test)]
    pub(super) fn is_noted(self) -> bool {
        self.times > 0
    }

    /// The tenths that a weight keeps.
    pub(super) fn tenths(self, place: u32) -> u32 {
        match self.times {
            0 => 10,
            _ if place - self.place > MENTIONED => 10,
            1 => 6,
            2 => 4,
            _ => 3,
        }
    }
}

/// Quotations: the place of the first word of each that is open, and the last that was closed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quotes {
    pub(super) double: Option<u32>,
    pub(super) single: Option<u32>,
    /// A word ended, or goes on, with an apostrophe.
    pub(super) apostrophe: bool,
    /// Back quotes in a row, and the block of code that three begin.
    pub(super) backs: u32,
    pub(super) code_block: Option<u32>,
    pub(super) closed: (u32, u32),
    /// The text is JSON, whose quotation marks mean nothing.
    pub(super) json: Option<bool>,
}

impl Quotes {
    /// True if a word is quoted, where the text is at `now`. What begins with the text quotes
    /// nothing: it is the text.
    pub(super) fn have(self, place: u32, now: u32) -> bool {
        let (begin, end) = self.closed;
        let mut open = [self.double, self.single, self.code_block]
            .into_iter()
            .flatten();
        open.any(|begin| begin > 1 && place >= begin && now - begin <= QUOTED)
            || begin > 1 && (begin..=end).contains(&place)
    }

    /// Opens a quotation behind `place`, or closes it there.
    pub(super) fn toggle(&mut self, open: Option<u32>, place: u32) -> Option<u32> {
        match open {
            None => Some(place + 1),
            Some(begin) => {
                self.closed = (begin, place);
                None
            }
        }
    }

    /// Takes a character between words; `place` is that of the word before it.
    pub(super) fn take(&mut self, c: char, place: u32) {
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
                    self.code_block = self.toggle(self.code_block, place);
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
