//! Patterns at work: all of them at once, in one pass, in time that is linear in the text.
//!
//! Thompson's machine: a character moves every position that a match may have reached, and a set
//! has each position once. So it needs no whole text, only the next character; [`Matcher::oldest`]
//! says from where on a match may be under way.

use crate::{
    fold::{Folded, fold},
    pattern::{Ascii, Node, Set, is_word_byte},
};

/// Instructions of all patterns together: about 40 bytes each.
const LARGEST: usize = 20_000;

#[derive(Debug, Clone)]
enum Step {
    /// Takes one character.
    Take(Set),
    /// Goes on at both.
    Split(u32, u32),
    Begin,
    End,
    Boundary(bool),
    /// The pattern of this number has matched.
    Match(u16),
}

/// Patterns, ready to run. Their numbers are their places in the list that it was made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns {
    steps: Vec<Step>,
    starts: Vec<Start>,
    /// ASCII that any match may begin with.
    ascii: Ascii,
    /// The same beyond ASCII, by the lower bits of a code: a bit that is not set begins none.
    beyond: Beyond,
}

/// Bits of [`Beyond`]: a power of two.
const BITS: u32 = 4096;

/// Characters beyond ASCII by the lower bits of their codes.
#[derive(Debug, Clone, Default)]
struct Beyond(Vec<u64>);

impl Beyond {
    fn has(&self, code: u32) -> bool {
        let code = code % BITS;
        self.0
            .get((code / 64) as usize)
            .is_some_and(|bits| bits >> (code % 64) & 1 == 1)
    }

    fn add(&mut self, set: &Set) {
        self.0.resize((BITS / 64) as usize, 0);
        let all = ('\u{80}', char::MAX);
        let ranges = if set.negated {
            &[all]
        } else {
            set.beyond.as_slice()
        };
        for (from, to) in ranges {
            let (from, to) = (u32::from(*from), u32::from(*to));
            for code in from..=to.min(from + BITS) {
                let code = code % BITS;
                if let Some(bits) = self.0.get_mut((code / 64) as usize) {
                    *bits |= 1 << (code % 64);
                }
            }
        }
    }
}

/// The beginning of a pattern, and the characters it may begin with.
#[derive(Debug, Clone)]
struct Start {
    step: u32,
    ascii: Ascii,
    /// Sets that know more than ASCII.
    beyond: Vec<Set>,
}

impl Start {
    fn may_take(&self, c: char) -> bool {
        match u32::from(c) {
            code @ 0..128 => self.ascii.has(code),
            _ => self.beyond.iter().any(|set| set.has(c)),
        }
    }
}

impl Patterns {
    /// Makes the machine for several patterns.
    ///
    /// # Errors
    /// Their counts make them too large.
    pub(crate) fn new(nodes: &[Node]) -> Result<Self, String> {
        let mut patterns = Self::default();
        for (number, node) in (0..).zip(nodes) {
            let mut start = Start {
                step: patterns.next(),
                ascii: Ascii::default(),
                beyond: Vec::new(),
            };
            patterns.add(node)?;
            patterns.steps.push(Step::Match(number));
            beginnings(node, &mut start.beyond);
            for byte in 0..128_u8 {
                if start.beyond.iter().any(|set| set.has(char::from(byte))) {
                    start.ascii.add(byte.into());
                }
            }
            start
                .beyond
                .retain(|set| set.negated || !set.beyond.is_empty());
            patterns.ascii.merge(start.ascii, false);
            for set in &start.beyond {
                patterns.beyond.add(set);
            }
            patterns.starts.push(start);
        }
        Ok(patterns)
    }

    /// True if one of them is in a text.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        let (mut matcher, mut hit) = (Matcher::default(), false);
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at) {
            // Most characters begin nothing.
            if matches!(byte, b' '..=b'~')
                && matcher.is_idle()
                && !self.may_begin(char::from(byte.to_ascii_lowercase()))
            {
                matcher.last = Some(char::from(byte.to_ascii_lowercase()));
                at += 1;
                continue;
            }
            let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else {
                break;
            };
            matcher.feed_written(self, c, at, &mut |_| hit = true);
            if hit {
                return true;
            }
            at += c.len_utf8();
        }
        matcher.finish(self, at, &mut |_| hit = true);
        hit
    }

    /// True if there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    fn next(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, node: &Node) -> Result<(), String> {
        if self.steps.len() > LARGEST {
            return Err(
                "the patterns are too large: use smaller counts in `{…}`, or fewer patterns".into(),
            );
        }
        match node {
            Node::Set(set) => self.steps.push(Step::Take(set.clone())),
            Node::Begin => self.steps.push(Step::Begin),
            Node::End => self.steps.push(Step::End),
            Node::Boundary(is) => self.steps.push(Step::Boundary(*is)),
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.add(node))?,
            Node::Either(nodes) => {
                let mut ends = Vec::new();
                for (at, node) in nodes.iter().enumerate() {
                    if at + 1 == nodes.len() {
                        self.add(node)?;
                        break;
                    }
                    let split = self.open();
                    self.add(node)?;
                    ends.push(self.open());
                    self.set(split, split + 1, self.next());
                }
                for end in ends {
                    self.set(end, self.next(), self.next());
                }
            }
            Node::Repeat(node, least, most) => {
                for _ in 0..*least {
                    self.add(node)?;
                }
                match most {
                    None => {
                        let split = self.open();
                        self.add(node)?;
                        let back = self.open();
                        self.set(back, split, split);
                        self.set(split, split + 1, self.next());
                    }
                    Some(most) => {
                        let mut splits = Vec::new();
                        for _ in *least..*most {
                            splits.push(self.open());
                            self.add(node)?;
                        }
                        for split in splits {
                            self.set(split, split + 1, self.next());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a split whose targets are not known yet.
    fn open(&mut self) -> u32 {
        self.steps.push(Step::Split(0, 0));
        self.next() - 1
    }

    fn set(&mut self, split: u32, one: u32, other: u32) {
        if let Some(step) = self.steps.get_mut(split as usize) {
            *step = Step::Split(one, other);
        }
    }

    /// True if any match may begin with a character.
    #[inline]
    pub(crate) fn may_begin(&self, c: char) -> bool {
        match u32::from(c) {
            code @ 0..128 => self.ascii.has(code),
            code => self.beyond.has(code) && self.starts.iter().any(|start| start.may_take(c)),
        }
    }
}

/// Collects what a node may begin with. Returns whether what follows it may begin as well.
fn beginnings(node: &Node, sets: &mut Vec<Set>) -> bool {
    match node {
        Node::Set(set) => sets.push(set.clone()),
        Node::Sequence(nodes) => {
            nodes.iter().all(|node| beginnings(node, sets));
        }
        Node::Either(nodes) => nodes.iter().for_each(|node| {
            beginnings(node, sets);
        }),
        Node::Repeat(node, ..) => {
            beginnings(node, sets);
        }
        Node::Begin | Node::End | Node::Boundary(_) => {}
    }
    node.is_empty()
}

/// A pattern that was found, and from where to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The pattern's place in the list.
    pub(crate) pattern: u16,
    /// The beginning of the match: the earliest one.
    pub(crate) start: usize,
    /// Its end.
    pub(crate) end: usize,
}

/// The machine that finds the matches of one text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matcher {
    /// Steps to go on from, with the beginning of each match; the oldest first.
    pending: Vec<(u32, usize)>,
    /// Steps that take a character.
    takers: Vec<(u32, usize)>,
    /// The generation in which each step was last in the set.
    marks: Vec<u32>,
    mark: u32,
    last: Option<char>,
    stack: Vec<u32>,
}

impl Matcher {
    /// Shows the next character, which stands at `at`. A match is reported when the character after
    /// it is known.
    #[inline]
    pub(crate) fn feed(
        &mut self,
        patterns: &Patterns,
        c: char,
        at: usize,
        found: &mut impl FnMut(Hit),
    ) {
        if !self.pending.is_empty() || patterns.may_begin(c) {
            self.advance(patterns, Some(c), at, found);
        }
        self.last = Some(c);
    }

    /// Shows the next character as it is written.
    pub(crate) fn feed_written(
        &mut self,
        patterns: &Patterns,
        c: char,
        at: usize,
        found: &mut impl FnMut(Hit),
    ) {
        match fold(c) {
            Folded::One(c) | Folded::Tag(c) => self.feed(patterns, c, at, found),
            Folded::Two(one, other) => {
                self.feed(patterns, one, at, found);
                self.feed(patterns, other, at, found);
            }
            Folded::Nothing(_) => {}
        }
    }

    /// Ends the text at `at`.
    pub(crate) fn finish(&mut self, patterns: &Patterns, at: usize, found: &mut impl FnMut(Hit)) {
        self.advance(patterns, None, at, found);
    }

    /// True if no match is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Passes over characters that no match may begin with, while none is under way; `last` is the
    /// last of them.
    pub(crate) fn skip(&mut self, last: Option<char>) {
        self.last = last;
    }

    /// The beginning of the oldest match that may be under way.
    pub(crate) fn oldest(&self) -> Option<usize> {
        self.pending.first().map(|(_, start)| *start)
    }

    fn advance(
        &mut self,
        patterns: &Patterns,
        next: Option<char>,
        at: usize,
        found: &mut impl FnMut(Hit),
    ) {
        self.marks.resize(patterns.steps.len(), 0);
        self.mark = self.mark.wrapping_add(1);
        if self.mark == 0 {
            self.marks.fill(0);
            self.mark = 1;
        }
        let pending = std::mem::take(&mut self.pending);
        for (step, start) in &pending {
            self.reach(patterns, *step, *start, next, at, found);
        }
        if let Some(c) = next {
            for start in patterns.starts.iter().filter(|start| start.may_take(c)) {
                self.reach(patterns, start.step, at, next, at, found);
            }
        }
        self.pending = pending;
        self.pending.clear();
        if let Some(c) = next {
            for (step, start) in self.takers.drain(..) {
                if let Some(Step::Take(set)) = patterns.steps.get(step as usize)
                    && set.has(c)
                {
                    self.pending.push((step + 1, start));
                }
            }
        }
        self.takers.clear();
    }

    /// Follows everything that takes no character.
    fn reach(
        &mut self,
        patterns: &Patterns,
        step: u32,
        start: usize,
        next: Option<char>,
        at: usize,
        found: &mut impl FnMut(Hit),
    ) {
        self.stack.push(step);
        while let Some(step) = self.stack.pop() {
            let Some(mark) = self.marks.get_mut(step as usize) else {
                continue;
            };
            if std::mem::replace(mark, self.mark) == self.mark {
                continue;
            }
            match patterns.steps.get(step as usize) {
                Some(Step::Take(_)) => self.takers.push((step, start)),
                Some(Step::Split(one, other)) => self.stack.extend([*other, *one]),
                Some(Step::Begin) if self.last.is_none() => self.stack.push(step + 1),
                Some(Step::End) if next.is_none() => self.stack.push(step + 1),
                Some(Step::Boundary(is)) if (is_word(self.last) != is_word(next)) == *is => {
                    self.stack.push(step + 1)
                }
                Some(Step::Match(pattern)) => found(Hit {
                    pattern: *pattern,
                    start,
                    end: at,
                }),
                _ => {}
            }
        }
    }
}

fn is_word(c: Option<char>) -> bool {
    c.and_then(|c| u8::try_from(c).ok())
        .is_some_and(|byte| byte.is_ascii() && is_word_byte(byte))
}

#[cfg(test)]
mod tests;
