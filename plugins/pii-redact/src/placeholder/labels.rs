//! The labels of what was given out: most words of a text are ruled out by their first letters.

use super::tag::Tag;
use crate::byte_set::ByteSet;

/// The labels of an exchange.
#[derive(Debug, Default, Clone)]
pub(super) struct Labels {
    labels: Vec<Tag>,
    /// By a label's first letter, the letters that come second in one, a bit for each.
    seconds: [u32; 26],
    /// The first letters, in either case.
    firsts: ByteSet,
}

impl Labels {
    /// The number of a label, which is added where it is new.
    pub(super) fn number(&mut self, label: &str) -> u16 {
        let known = self.labels.iter().position(|known| known.is_of(label));
        let number = known.unwrap_or_else(|| self.add(Tag::of(label)));
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    fn add(&mut self, label: Tag) -> usize {
        let letters = label.label();
        let seconds = match *letters {
            [_, second, ..] => 1 << (second & 31),
            _ => u32::MAX,
        };
        if let Some(first) = letters.first() {
            if let Some(known) = self.seconds.get_mut(place(*first)) {
                *known |= seconds;
            }
            let cases = [*first, first.to_ascii_uppercase()];
            self.firsts = self.firsts.with(ByteSet::of(&cases));
        }
        self.labels.push(label);
        self.labels.len() - 1
    }

    /// The letters of the label of this number.
    pub(super) fn letters(&self, number: u16) -> &[u8] {
        let label = self.labels.get(usize::from(number));
        label.map_or(&[], Tag::label)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.labels.iter().map(Tag::label)
    }

    /// True if some tag begins with `start`; `None` where its characters must be looked for.
    pub(super) fn have_beginning(&self, start: &[u8]) -> Option<bool> {
        let among = |label: &&[u8]| label.starts_with(start) || start.starts_with(label);
        match self.iter().find(among) {
            None => Some(false),
            Some(label) if label.len() >= start.len() => Some(true),
            Some(_) => None,
        }
    }

    /// The first letters of labels, in either case.
    pub(super) const fn firsts(&self) -> ByteSet {
        self.firsts
    }

    /// True if some tag may begin where a text goes on with `rest`, in any case.
    pub(super) fn may_begin(&self, rest: &[u8]) -> bool {
        let (first, second) = match *rest {
            [] => return true,
            [first] => (first, None),
            [first, second, ..] => (first, Some(second)),
        };
        let seconds = self.seconds.get(place(first)).copied().unwrap_or_default();
        // A digit or a letter in either case; what is neither takes more than a look.
        let seconds = match second.filter(u8::is_ascii_alphanumeric) {
            Some(second) => seconds & 1 << (second & 31),
            None => seconds,
        };
        if seconds == 0 {
            return false;
        }
        let agrees = |label: &[u8]| {
            let mut both = label.iter().zip(rest);
            // Behind something that is no letter, it takes more than a look.
            both.find(|(letter, b)| !b.eq_ignore_ascii_case(letter))
                .is_none_or(|(_, b)| !b.is_ascii_alphanumeric())
        };
        self.iter().any(agrees)
    }
}

/// The number of a letter, in any case; of anything else, one above 25.
fn place(letter: u8) -> usize {
    usize::from(letter.to_ascii_lowercase().wrapping_sub(b'a'))
}
