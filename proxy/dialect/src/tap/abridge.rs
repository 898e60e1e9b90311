//! Abridges a reply that is too large to be kept, as it passes, to what the one reader needs of it.
//!
//! An [`Abridger`] is an incremental scanner that follows the dialect's description of a reply. It
//! copies members that have one, with long strings cut short and without values that have no text:
//! vectors, media, the insides of tool arguments and of unknown members become `[]` and `{}`. The
//! result is a small document in which every member keeps its place, and [`Reply`] reads that: so
//! usage and the finish reason are taken at their places and nowhere else, by the same functions as
//! in every other reply.
//!
//! Text that the model wrote is counted in passing, where the description says that it stands. It
//! checks nothing: a reply that is malformed in a part that was left out is read on, and one that
//! is malformed elsewhere is so when it is abridged, too.

mod literal;
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
use literal::Literal;

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
    /// True if another reply may follow the end of one.
    has_lines: bool,
    reader: Reply,
    kept: Vec<u8>,
    levels: Vec<Open>,
    within: Within,
    written: Running,
}

/// A container that is still open.
struct Open {
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

enum Within {
    /// The scanner is between strings.
    Between,
    /// The scanner is in a string.
    Literal(Literal),
    /// The scanner is in a container whose inside is not kept.
    Emptied(Emptied),
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
            has_lines: dialect.has_lines(),
            reader: Reply::whole(dialect, Places::NONE, limits).without_estimate(),
            kept: Vec::new(),
            levels: Vec::new(),
            within: Within::Between,
            written: Running::default(),
        }
    }

    /// Takes in what arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match &mut self.within {
                Within::Between => self.between(rest),
                Within::Literal(literal) => {
                    let (taken, ended) = literal.push(rest, &mut self.kept, &mut self.written);
                    if ended {
                        self.end_literal();
                    }
                    taken
                }
                Within::Emptied(emptied) => {
                    let (taken, ended) = emptied.push(rest);
                    if emptied.is_written {
                        (self.written).feed(rest.get(..taken).unwrap_or_default());
                    }
                    if ended {
                        self.within = Within::Between;
                    }
                    taken
                }
                Within::Over => return,
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Reads what was kept: the reply is at its end.
    pub(super) fn finish(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.within = Within::Over;
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
            if !matches!(self.within, Within::Between) {
                return at + 1;
            }
        }
        bytes.len()
    }

    fn keep(&mut self, bytes: &[u8]) {
        match self.kept.len() < MOST - STRING {
            true => self.kept.extend_from_slice(bytes),
            false => self.within = Within::Over,
        }
    }

    /// The treatment of the value at hand, if it is of this kind.
    fn treatment(&self, kind: Kind) -> Treatment {
        match self.levels.last() {
            None => treatment(self.rule, kind, Place::Assistant),
            Some(level) => level
                .rule
                .map_or(Treatment::Nothing, |rule| treatment(rule, kind, level.role)),
        }
    }

    fn begin_literal(&mut self) {
        let is_key = self.levels.last().is_some_and(|level| level.before_key);
        let treatment = match is_key {
            true => Treatment::Nothing,
            false => self.treatment(Kind::String),
        };
        let start = self.kept.len();
        self.keep(b"\"");
        if !matches!(self.within, Within::Over) {
            let is_written = matches!(treatment, Treatment::Written);
            self.within = Within::Literal(Literal::new(start, is_written));
        }
    }

    fn end_literal(&mut self) {
        let Within::Literal(literal) = std::mem::replace(&mut self.within, Within::Between) else {
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
        let (shape, rule, role) = match self.treatment(kind) {
            Treatment::Members(shape, role) => (Some(shape), None, role),
            Treatment::Each(rule, role) => (None, Some(rule), role),
            treatment @ (Treatment::Written | Treatment::Nothing) => {
                self.keep(if is_object { b"{}" } else { b"[]" });
                if !matches!(self.within, Within::Over) {
                    let is_written = matches!(treatment, Treatment::Written);
                    self.within = Within::Emptied(Emptied::new(bracket, is_written));
                }
                return;
            }
        };
        self.keep(&[bracket]);
        if self.levels.len() >= usize::from(DEPTH) {
            self.within = Within::Over;
        }
        self.levels.push(Open {
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
        if self.levels.is_empty() && self.has_lines {
            self.read_part();
            self.kept.clear();
        }
    }

    /// Reads what was kept of one of several replies.
    fn read_part(&mut self) {
        if self.reader.read_part(&self.kept).is_err() {
            self.within = Within::Over;
        }
    }

    fn comma(&mut self) {
        if let [level] = &self.levels[..]
            && !level.is_object
        {
            // Elements of a list that is the reply are replies themselves.
            self.kept.push(b']');
            let start = level.start;
            self.read_part();
            self.kept.truncate(start);
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

    /// Drops the element at hand, if there is no room for it and it may be missed.
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

/// The treatment of a value, by its rule and kind.
enum Treatment {
    /// An object's members have a description each.
    Members(&'static Shape, Place),
    /// All its values have the same.
    Each(&'static Rule, Place),
    /// The model wrote it: it is counted.
    Written,
    /// A value of no concern.
    Nothing,
}

fn treatment(rule: &'static Rule, kind: Kind, role: Place) -> Treatment {
    match (rule, kind) {
        (
            Rule::Same(rule) | Rule::First(rule) | Rule::Counted(_, rule) | Rule::Definition(rule),
            _,
        ) => treatment(rule, kind, role),
        (Rule::As(place, rule) | Rule::Always(place, rule), _) => treatment(rule, kind, *place),
        (Rule::OneOf(rules), _) => (rules.iter().find(|rule| takes(rule, kind)))
            .map_or(Treatment::Nothing, |rule| treatment(rule, kind, role)),
        (Rule::Object(shape) | Rule::Document(shape), Kind::Object) => {
            Treatment::Members(shape, role)
        }
        (Rule::Map(rule), Kind::Object) | (Rule::List(_, rule), Kind::Array) => {
            Treatment::Each(rule, role)
        }
        (Rule::Text(slot), Kind::String)
        | (Rule::Json(slot), Kind::String | Kind::Object | Kind::Array)
            if is_written(*slot, role) =>
        {
            Treatment::Written
        }
        (Rule::Signed, Kind::String) => Treatment::Written,
        _ => Treatment::Nothing,
    }
}

/// Reports whether the model wrote what stands in a slot of its reply.
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
struct Emptied {
    brackets: (u8, u8),
    open: usize,
    in_string: bool,
    /// True if the last byte was a backslash.
    escape: bool,
    is_written: bool,
}

impl Emptied {
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
