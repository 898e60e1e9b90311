//! Abridges a reply that is too large to be kept, as it passes, to what the one reader needs of it.
//!
//! An [`Abridger`] is an incremental scanner that follows the dialect's description of a reply. It copies members that have one, with
//! long strings cut short and without what holds no text: vectors, media, the insides of tool arguments and of unknown members become
//! `[]` and `{}`. What remains is a small document in which everything stands where it stood, and [`Reply`] reads that: so usage and
//! the finish reason are taken at their places and nowhere else, by the same functions as in every other reply.
//!
//! Text that the model wrote is counted in passing, where the description says that it stands. It checks nothing: a reply that is
//! malformed in a part that was left out is read on, and one that is malformed elsewhere is so when it is abridged, too.

#[cfg(test)]
mod tests;

use crate::{
    Dialect, Place, Places,
    describe::{
        shape::{Rule, Shape, Slot},
        walk::takes,
    },
    json::{DEPTH, Kind, Text},
    reply::{Reply, ReplyLimits},
    tokens::Running,
};

/// Bytes after which a string is cut. Words of the API are shorter.
const STRING: usize = 512;

/// Bytes kept from which on further elements of lists and unknown members are not.
const ROOM: usize = 64 << 10;

/// Bytes kept at most: a reply that needs more is not read to its end.
const MOST: usize = 128 << 10;

/// Abridges one whole reply.
pub(super) struct Abridger {
    /// The description of the reply.
    rule: &'static Rule,
    reader: Reply,
    kept: Vec<u8>,
    levels: Vec<Level>,
    step: Step,
    written: Running,
}

/// A container that is under way.
struct Level {
    is_object: bool,
    /// The description of an object whose members have names of their own.
    shape: Option<&'static Shape>,
    /// The rule of the value at hand; `None` if nothing describes it.
    rule: Option<&'static Rule>,
    /// The place of text whose slot is [`Slot::Role`].
    role: Place,
    /// The place in what is kept at which its first element begins.
    start: usize,
    /// The place at which the one at hand begins, with the comma before it.
    element: usize,
    before_key: bool,
}

enum Step {
    /// Between strings.
    Between,
    /// In a string.
    Literal(Literal),
    /// In a container whose inside is not kept.
    Passing(Passing),
    /// Nothing more is read.
    Over,
}

impl Abridger {
    /// An abridger of replies of a dialect that are described by `rule`.
    pub(super) fn new(dialect: Dialect, rule: &'static Rule) -> Self {
        let limits = ReplyLimits {
            event: MOST,
            body: MOST,
        };
        Self {
            rule,
            reader: Reply::whole(dialect, Places::NONE, limits).without_estimate(),
            kept: Vec::new(),
            levels: Vec::new(),
            step: Step::Between,
            written: Running::default(),
        }
    }

    /// Takes in what arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match &mut self.step {
                Step::Between => self.between(rest),
                Step::Literal(literal) => {
                    let (taken, ended) = literal.push(rest, &mut self.kept, &mut self.written);
                    if ended {
                        self.end_literal();
                    }
                    taken
                }
                Step::Passing(passing) => {
                    let (taken, ended) = passing.push(rest);
                    if passing.is_written {
                        (self.written).feed(rest.get(..taken).unwrap_or_default());
                    }
                    if ended {
                        self.step = Step::Between;
                    }
                    taken
                }
                Step::Over => return,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Reads what was kept: the reply is at its end.
    pub(super) fn finish(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.step = Step::Over;
        self.reader.set_written(self.written.clone());
        // What can't be read leaves what was read before it.
        let _ = self.reader.push(&kept).and_then(|()| self.reader.finish());
    }

    /// The reader of the reply; it knows what it read once the reply is at its end.
    pub(super) fn reader(&self) -> &Reply {
        &self.reader
    }

    /// Tokens of what the model wrote so far, by our estimate.
    pub(super) fn tokens(&self) -> u64 {
        self.written.tokens()
    }

    /// Takes what stands between strings; returns how many bytes.
    fn between(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => match self.kept.last() {
                    Some(b' ') | None => {}
                    Some(_) => self.keep(b" "),
                },
                b'"' => self.begin_literal(),
                b'{' => self.open(Kind::Object, *byte),
                b'[' => self.open(Kind::Array, *byte),
                b'}' | b']' => self.close(*byte),
                b',' => self.comma(),
                other => self.keep(&[*other]),
            }
            if !matches!(self.step, Step::Between) {
                return at + 1;
            }
        }
        bytes.len()
    }

    fn keep(&mut self, bytes: &[u8]) {
        match self.kept.len() < MOST - STRING {
            true => self.kept.extend_from_slice(bytes),
            false => self.step = Step::Over,
        }
    }

    /// The part of the value at hand, if it is of this kind.
    fn reading(&self, kind: Kind) -> Reading {
        match self.levels.last() {
            None => reading(self.rule, kind, Place::Assistant),
            Some(level) => level
                .rule
                .map_or(Reading::Nothing, |rule| reading(rule, kind, level.role)),
        }
    }

    fn begin_literal(&mut self) {
        let is_key = self.levels.last().is_some_and(|level| level.before_key);
        let reading = match is_key {
            true => Reading::Nothing,
            false => self.reading(Kind::String),
        };
        let start = self.kept.len();
        self.keep(b"\"");
        if !matches!(self.step, Step::Over) {
            self.step = Step::Literal(Literal {
                start,
                is_written: matches!(reading, Reading::Written),
                is_cut: false,
                escaped: false,
                escape: Escape::No,
            });
        }
    }

    fn end_literal(&mut self) {
        let Step::Literal(literal) = std::mem::replace(&mut self.step, Step::Between) else {
            return;
        };
        self.kept.push(b'"');
        if let Some(level) = self.levels.last_mut().filter(|level| level.before_key) {
            level.before_key = false;
            if let Some(shape) = level.shape {
                let key = Text {
                    range: literal.start..self.kept.len(),
                    escaped: literal.escaped,
                };
                let member = shape.find(key.decode(&self.kept).as_bytes());
                level.rule = member.map(|(_, member)| &member.rule);
            }
        }
    }

    fn open(&mut self, kind: Kind, bracket: u8) {
        let is_object = kind == Kind::Object;
        let (shape, rule, role) = match self.reading(kind) {
            Reading::Members(shape, role) => (Some(shape), None, role),
            Reading::Each(rule, role) => (None, Some(rule), role),
            reading @ (Reading::Written | Reading::Nothing) => {
                self.keep(if is_object { b"{}" } else { b"[]" });
                if !matches!(self.step, Step::Over) {
                    let is_written = matches!(reading, Reading::Written);
                    self.step = Step::Passing(Passing::new(bracket, is_written));
                }
                return;
            }
        };
        self.keep(&[bracket]);
        if self.levels.len() >= usize::from(DEPTH) {
            self.step = Step::Over;
        }
        self.levels.push(Level {
            is_object,
            shape,
            rule,
            role,
            start: self.kept.len(),
            element: self.kept.len(),
            before_key: is_object,
        });
    }

    fn close(&mut self, bracket: u8) {
        self.make_room();
        self.levels.pop();
        self.keep(&[bracket]);
    }

    fn comma(&mut self) {
        if let [level] = &self.levels[..]
            && !level.is_object
        {
            // Elements of a list that is the reply are replies themselves.
            self.kept.push(b']');
            if self.reader.read_part(&self.kept).is_err() {
                self.step = Step::Over;
            }
            self.kept.truncate(level.start);
            return;
        }
        self.make_room();
        let kept = self.kept.len();
        let Some(level) = self.levels.last_mut() else {
            return self.keep(b",");
        };
        level.element = kept;
        level.before_key = level.is_object;
        if kept > level.start {
            self.keep(b",");
        }
    }

    /// Lets go of the element at hand, if there is no room for it and it may be missed.
    fn make_room(&mut self) {
        let Some(level) = self.levels.last() else {
            return;
        };
        let may_be_missed = !level.is_object || level.shape.is_some() && level.rule.is_none();
        if self.kept.len() > ROOM && may_be_missed {
            self.kept.truncate(level.element);
        }
    }
}

/// The part that a value has in an abridged reply.
enum Reading {
    /// An object's members have a description each.
    Members(&'static Shape, Place),
    /// All its values have the same.
    Each(&'static Rule, Place),
    /// The model wrote it: it is counted.
    Written,
    /// It is of no concern.
    Nothing,
}

fn reading(rule: &'static Rule, kind: Kind, role: Place) -> Reading {
    match (rule, kind) {
        (
            Rule::Same(rule) | Rule::First(rule) | Rule::Counted(_, rule) | Rule::Definition(rule),
            _,
        ) => reading(rule, kind, role),
        (Rule::As(place, rule) | Rule::Always(place, rule), _) => reading(rule, kind, *place),
        (Rule::OneOf(rules), _) => (rules.iter().find(|rule| takes(rule, kind)))
            .map_or(Reading::Nothing, |rule| reading(rule, kind, role)),
        (Rule::Object(shape) | Rule::Document(shape), Kind::Object) => {
            Reading::Members(shape, role)
        }
        (Rule::Map(rule), Kind::Object) | (Rule::List(_, rule), Kind::Array) => {
            Reading::Each(rule, role)
        }
        (Rule::Text(slot), Kind::String)
        | (Rule::Json(slot), Kind::String | Kind::Object | Kind::Array)
            if is_written(*slot, role) =>
        {
            Reading::Written
        }
        (Rule::Signed, Kind::String) => Reading::Written,
        _ => Reading::Nothing,
    }
}

/// Tells whether the model wrote what stands in a slot of its reply.
fn is_written(slot: Slot, role: Place) -> bool {
    let place = match slot {
        Slot::Is(place) => place,
        Slot::Role => role,
        Slot::Seal => Place::Reasoning,
        Slot::Type => Place::Other,
    };
    match place {
        Place::Assistant | Place::ToolArguments | Place::Reasoning | Place::Refusal => true,
        Place::System
        | Place::User
        | Place::ToolResult
        | Place::ToolDefinition
        | Place::Metadata
        | Place::Other => false,
    }
}

/// A container of which only the brackets are kept: its end is where those of its kind are even.
struct Passing {
    brackets: (u8, u8),
    open: usize,
    in_string: bool,
    /// The last byte was a backslash.
    escape: bool,
    is_written: bool,
}

impl Passing {
    fn new(bracket: u8, is_written: bool) -> Self {
        Self {
            // in ASCII two behind it, both times
            brackets: (bracket, bracket + 2),
            open: 1,
            in_string: false,
            escape: false,
            is_written,
        }
    }

    /// Returns how many bytes belong to it, and whether it ended with them.
    fn push(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = usize::from(std::mem::take(&mut self.escape));
        while let Some(rest) = bytes.get(at..) {
            let found = match self.in_string {
                true => memchr::memchr2(b'"', b'\\', rest),
                false => memchr::memchr3(b'"', self.brackets.0, self.brackets.1, rest),
            };
            let Some((found, byte)) = found.and_then(|at| Some((at, rest.get(at)?))) else {
                break;
            };
            at += found + 1;
            match *byte {
                b'"' => self.in_string = !self.in_string,
                b'\\' if at == bytes.len() => self.escape = true,
                b'\\' => at += 1,
                byte if byte == self.brackets.0 => self.open += 1,
                _ => self.open -= 1,
            }
            if self.open == 0 {
                return (at, true);
            }
        }
        (bytes.len(), false)
    }
}

/// A string whose beginning is kept.
struct Literal {
    /// The place of its quote in what is kept.
    start: usize,
    is_written: bool,
    /// What follows is not kept.
    is_cut: bool,
    /// There is a backslash in it.
    escaped: bool,
    escape: Escape,
}

#[derive(Clone, Copy)]
enum Escape {
    No,
    Backslash,
    /// Digits so far, and their value.
    Unicode(u8, u32),
}

impl Literal {
    /// Returns how many bytes belong to it, and whether it ended with them; then its quote is not kept yet.
    fn push(&mut self, bytes: &[u8], kept: &mut Vec<u8>, written: &mut Running) -> (usize, bool) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if !matches!(self.escape, Escape::No) {
                let (byte, _) = rest.split_at(1);
                if !self.is_cut {
                    kept.extend_from_slice(byte);
                }
                self.push_escaped(byte, written);
                at += 1;
                continue;
            }
            let end = memchr::memchr2(b'"', b'\\', rest);
            let run = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if !self.is_cut {
                self.keep(run, kept);
            }
            if self.is_written {
                written.feed(run);
            }
            at += run.len() + usize::from(end.is_some());
            match end.and_then(|end| rest.get(end)) {
                Some(b'\\') => {
                    (self.escaped, self.escape) = (true, Escape::Backslash);
                    self.is_cut |= self.room(kept) == 0;
                    if !self.is_cut {
                        kept.push(b'\\');
                    }
                }
                Some(_) => return (at, true),
                None => {}
            }
        }
        (at, false)
    }

    fn room(&self, kept: &[u8]) -> usize {
        (self.start + STRING).saturating_sub(kept.len())
    }

    /// Keeps what there is room for, to the end of a character.
    fn keep(&mut self, run: &[u8], kept: &mut Vec<u8>) {
        let room = self.room(kept).min(run.len());
        let (_, behind) = run.split_at(room);
        let goes_on = |byte: &&u8| matches!(byte, 0x80..=0xbf);
        let end = room + behind.iter().take(3).take_while(goes_on).count();
        kept.extend_from_slice(run.get(..end).unwrap_or_default());
        self.is_cut = end < run.len();
    }

    /// Takes a byte of an escape.
    fn push_escaped(&mut self, byte: &[u8], written: &mut Running) {
        let mut encoded = [0; 4];
        let byte = byte.first().copied().unwrap_or_default();
        let (escape, text) = match (self.escape, byte) {
            (Escape::Backslash, b'u') => (Escape::Unicode(0, 0), &b""[..]),
            (Escape::Backslash | Escape::No, b'n' | b'r') => (Escape::No, &b"\n"[..]),
            (Escape::Backslash | Escape::No, b't' | b'b' | b'f') => (Escape::No, &b"\t"[..]),
            (Escape::Backslash | Escape::No, byte) => {
                encoded[0] = byte;
                (Escape::No, &encoded[..1])
            }
            (Escape::Unicode(digits, value), _) => {
                let value = value << 4 | char::from(byte).to_digit(16).unwrap_or(0);
                // of a pair of surrogates the second adds nothing; the first stands for any emoji
                let letter = match value {
                    _ if digits < 3 => None,
                    0xd800..=0xdbff => Some('\u{1f600}'),
                    value => char::from_u32(value),
                };
                let escape = match digits {
                    0..3 => Escape::Unicode(digits + 1, value),
                    _ => Escape::No,
                };
                let text = letter.map(|letter| &*letter.encode_utf8(&mut encoded));
                (escape, text.unwrap_or_default().as_bytes())
            }
        };
        self.escape = escape;
        if self.is_written {
            written.feed(text);
        }
    }
}
