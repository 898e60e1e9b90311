//! Finds a key in bytes that come in any split, and collects the value behind it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Longer values are not read.
pub(super) const OBJECT: usize = 2048;

/// A key in its quotes, ready to be searched for.
pub(crate) type Needle = LazyLock<Finder<'static>>;

/// Looks for a key and the first byte of its value. `"key"` inside a string has its quotes escaped and is not found.
pub(super) struct Seek {
    key: &'static Needle,
    /// What the value may begin with.
    begins: &'static [u8],
    /// The last bytes of what was searched, where the key may have begun.
    tail: Vec<u8>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Search,
    Colon,
    Begin,
}

impl Seek {
    pub(super) fn new(key: &'static Needle, begins: &'static [u8]) -> Self {
        Self {
            key,
            begins,
            tail: Vec::new(),
            step: Step::Search,
        }
    }

    /// How many of the bytes stand before the value; `None` where it does not begin among them.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match (rest.first(), self.step) {
                (_, Step::Search) => at += self.search(rest),
                (Some(b' ' | b'\t' | b'\n' | b'\r'), _) => at += 1,
                (Some(b':'), Step::Colon) => {
                    self.step = Step::Begin;
                    at += 1;
                }
                (Some(byte), Step::Begin) if self.begins.contains(byte) => {
                    self.step = Step::Search;
                    return Some(at);
                }
                _ => self.step = Step::Search,
            }
        }
        None
    }

    /// Returns how many bytes were searched.
    fn search(&mut self, bytes: &[u8]) -> usize {
        let key = self.key.needle().len();
        let before = self.tail.len();
        if before > 0 {
            self.tail.extend(bytes.iter().take(key - 1));
            if let Some(at) = self.key.find(&self.tail) {
                self.tail.clear();
                self.step = Step::Colon;
                return at + key - before;
            }
            self.tail.truncate(before);
        }
        if let Some(at) = self.key.find(bytes) {
            self.tail.clear();
            self.step = Step::Colon;
            return at + key;
        }
        let keep = bytes.len().min(key - 1);
        self.tail
            .extend_from_slice(bytes.get(bytes.len() - keep..).unwrap_or_default());
        let excess = self.tail.len().saturating_sub(key - 1);
        self.tail.drain(..excess);
        bytes.len()
    }
}

/// Collects the values of one key.
pub(super) struct Watch {
    seek: Seek,
    /// A value is under way.
    inside: bool,
    depth: usize,
    string: bool,
    escape: bool,
    pub(super) value: Vec<u8>,
}

impl Watch {
    pub(super) fn new(key: &'static Needle, begins: &'static [u8]) -> Self {
        Self {
            seek: Seek::new(key, begins),
            inside: false,
            depth: 0,
            string: false,
            escape: false,
            value: Vec::new(),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.inside {
                let Some(at) = self.seek.find(rest) else {
                    return;
                };
                rest = rest.get(at..).unwrap_or_default();
                self.value.clear();
                (self.depth, self.string, self.escape) = (0, false, false);
                self.inside = true;
            }
            let taken = self.collect(rest, &mut found);
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Returns how many bytes it took.
    fn collect(&mut self, bytes: &[u8], found: &mut impl FnMut(&[u8])) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match (byte, self.string) {
                _ if self.escape => self.escape = false,
                (b'\\', true) => self.escape = true,
                (b'"', _) => self.string = !self.string,
                (b'{' | b'[', false) => self.depth += 1,
                (b'}' | b']', false) => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.value.push(*byte);
            let ended = self.depth == 0 && !self.string;
            if ended {
                found(&self.value);
            }
            if ended || self.value.len() > OBJECT {
                self.inside = false;
                return at + 1;
            }
        }
        bytes.len()
    }
}
