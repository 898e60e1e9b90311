//! Tool calls that a provider does not number: which of them a piece belongs to.
//!
//! The API documents an `index` for each piece. Servers that send none send each call in a chunk of
//! its own, or its pieces one after the other. So a call begins where a new id or another name
//! stands, or where the arguments before are a complete JSON document; all else goes on with the
//! call before. Where only the first chunk of a call has its number, the chunks without one go on
//! with the call that has it: see `number_calls` in `chat.rs`.

/// The calls of a reply, some of which have no number of the provider's.
#[derive(Debug, Default)]
pub(super) struct Calls {
    begun: Vec<Call>,
    /// By choice: the latest call that has a number of the provider's.
    numbered: Vec<(u32, u32)>,
    /// The number of calls that began before the event at hand, and what was numbered then.
    before: usize,
    numbered_before: Vec<(u32, u32)>,
    /// Calls that it goes on with: the index of each in `begun`, its source before, and whether it
    /// had a name.
    continued: Vec<(usize, Source, bool)>,
}

#[derive(Debug)]
struct Call {
    choice: u32,
    /// Its position among the calls of the choice that were begun in one chunk.
    position: usize,
    number: u32,
    id: Vec<u8>,
    name: Vec<u8>,
    source: Source,
}

/// A piece of a call, as it stands in a chunk.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) choice: u32,
    pub(super) position: usize,
    /// Raw bytes of its strings; empty where it has none.
    pub(super) id: &'a [u8],
    pub(super) name: &'a [u8],
}

impl Calls {
    /// Begins an event.
    pub(super) fn begin(&mut self) {
        self.before = self.begun.len();
        self.numbered_before.clone_from(&self.numbered);
        self.continued.clear();
    }

    /// Undoes what the event brought, as it turned out to be broken.
    pub(super) fn undo(&mut self) {
        self.begun.truncate(self.before);
        self.numbered.clone_from(&self.numbered_before);
        while let Some((index, source, was_named)) = self.continued.pop() {
            if let Some(call) = self.begun.get_mut(index) {
                call.source = source;
                if !was_named {
                    call.name.clear();
                }
            }
        }
    }

    /// Notes a piece that the provider numbered.
    pub(super) fn note_numbered(&mut self, choice: u32, number: u32) {
        match self.numbered.iter_mut().find(|(of, _)| *of == choice) {
            Some((_, latest)) => *latest = number,
            None => self.numbered.push((choice, number)),
        }
    }

    /// Returns the call that a piece without number, id and name goes on with, where every call of
    /// the choice began with a number.
    pub(super) fn numbered(&self, piece: Piece<'_>) -> Option<u32> {
        let bare = piece.id.is_empty() && piece.name.is_empty() && piece.position == 0;
        if !bare || self.begun.iter().any(|call| call.choice == piece.choice) {
            return None;
        }
        let mut numbered = self.numbered.iter();
        let (_, latest) = numbered.find(|(of, _)| *of == piece.choice)?;
        Some(*latest)
    }

    /// The number of the piece's call, after its `arguments`; and whether they are complete. `next`
    /// is the choice's first free number.
    pub(super) fn number(&mut self, piece: Piece<'_>, arguments: &str, next: u32) -> (u32, bool) {
        let known = |call: &Call| match piece.id {
            [] => call.position == piece.position,
            id => call.id == id,
        };
        let index = (self.begun.iter())
            .rposition(|call| call.choice == piece.choice && known(call))
            .unwrap_or(usize::MAX);
        let found = self.begun.get_mut(index).filter(|call| {
            let is_named =
                |name: &[u8]| name.is_empty() || call.name.is_empty() || call.name == name;
            !call.source.complete() && (!piece.id.is_empty() || is_named(piece.name))
        });
        if let Some(call) = found {
            let was_named = !call.name.is_empty();
            self.continued.push((index, call.source, was_named));
            if call.name.is_empty() {
                call.name = piece.name.to_vec();
            }
            call.source.feed(arguments);
            return (call.number, call.source.complete());
        }
        let mut source = Source::default();
        source.feed(arguments);
        let complete = source.complete();
        let begun = self.begun.iter().filter(|call| call.choice == piece.choice);
        let free = begun.map(|call| call.number + 1).max().unwrap_or(0);
        let number = free.max(next);
        self.begun.push(Call {
            choice: piece.choice,
            position: piece.position,
            number,
            id: piece.id.to_vec(),
            name: piece.name.to_vec(),
            source,
        });
        (number, complete)
    }
}

/// Finds where a JSON object or array in pieces is complete.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Source {
    depth: usize,
    string: bool,
    escape: bool,
    complete: bool,
}

impl Source {
    pub(crate) fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if std::mem::take(&mut self.escape) => {}
                b'\\' if self.string => self.escape = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.complete |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    pub(crate) fn complete(&self) -> bool {
        self.complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece<'a>(id: &'a str, name: &'a str) -> Piece<'a> {
        Piece {
            id: id.as_bytes(),
            name: name.as_bytes(),
            ..Piece::default()
        }
    }

    #[test]
    fn a_complete_document_ends_a_call() {
        let mut calls = Calls::default();
        assert_eq!(calls.number(piece("", "f"), "{\"a\":\"}", 0), (0, false));
        assert_eq!(calls.number(piece("", ""), "\"}", 0), (0, true));
        assert_eq!(calls.number(piece("", "f"), "{}", 0), (1, true));
        assert_eq!(calls.number(piece("", ""), "{}", 0), (2, true));
    }

    #[test]
    fn a_new_id_or_another_name_begins_a_call_and_a_known_id_goes_on() {
        let mut calls = Calls::default();
        assert_eq!(calls.number(piece("a", "f"), "{", 0), (0, false));
        assert_eq!(calls.number(piece("b", "f"), "{", 0), (1, false));
        assert_eq!(calls.number(piece("a", ""), "}", 0), (0, true));
        assert_eq!(calls.number(piece("", "g"), "{", 0), (2, false));
        assert_eq!(calls.number(piece("", "g"), "}", 0), (2, true));
    }

    #[test]
    fn a_call_without_a_number_takes_the_first_free_one() {
        let mut calls = Calls::default();
        assert_eq!(calls.number(piece("", "f"), "{}", 3), (3, true));
    }

    #[test]
    fn a_broken_event_leaves_no_number_and_no_name() {
        let mut calls = Calls::default();
        calls.begin();
        calls.note_numbered(0, 0);
        calls.begin();
        calls.note_numbered(0, 5);
        calls.note_numbered(1, 0);
        calls.undo();
        assert_eq!(calls.numbered(Piece::default()), Some(0));
        let of_another = Piece {
            choice: 1,
            ..Piece::default()
        };
        assert_eq!(calls.numbered(of_another), None);

        let mut calls = Calls::default();
        calls.begin();
        assert_eq!(calls.number(piece("", ""), "{", 0), (0, false));
        calls.begin();
        calls.number(piece("", "g"), "\"a\":1}", 0);
        calls.undo();
        calls.begin();
        assert_eq!(calls.number(piece("", "f"), "}", 0), (0, true));
    }
}
