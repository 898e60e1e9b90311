//! The little of JSON that putting values into its strings needs: how deep a place is quoted, and
//! escapes.
//!
//! A text is read as a parser would: what begins with a bracket or a quote is JSON, and the text of
//! each of its strings is a text of its own, which may be JSON again. An object may also begin
//! within prose (`curl -d '{"a":…`), and ends where it is no JSON any more. So a quotation in plain
//! words (`he said \"…`) opens no string, however many backslashes stand before its quotes.

mod escape;

pub(crate) use escape::{escape, fit, is_number, needs_care, unescape, written};
pub(crate) use outrigger_sdk::json::quote;

/// Strings, one inside the other, that are followed. What is quoted deeper is taken for prose.
const DEEPEST: usize = 8;
/// Lists and objects, one inside the other, that are followed.
const NESTED: u32 = 64;

/// The state of a reader at one place of a text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Depth {
    /// The text, then what the open string of each decodes to.
    levels: Vec<Level>,
    /// Bytes of the escapes that have begun and not ended.
    pending: usize,
    /// Bytes of the number or word under way.
    scalar: usize,
    /// True if nothing opens in the text: it need not be read.
    prose: bool,
}

/// One text, of which everything so far was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Level {
    state: State,
    /// An object: 1, a list: 0; the innermost lowest.
    stack: u64,
    nested: u32,
    escape: Escape,
    /// True if the JSON is all of the text, from its beginning.
    rooted: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space has come.
    #[default]
    Start,
    /// The same of a string's text, which may be a JSON string once more. A whole text that begins
    /// with a quote is a quotation.
    Inner,
    /// No JSON; an object may begin.
    Prose,
    /// No JSON, and none is looked for.
    Plain,
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    After,
    Scalar,
    /// Inside a string; `true`: it is a key.
    String(bool),
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    /// `\u`, so many digits of it, and their value.
    Hex(u8, u16),
}

/// The effect of a byte.
enum Step {
    Nothing,
    Opened,
    Closed,
    /// It completed this byte of the string's text.
    Inside(u8),
}

impl Depth {
    /// A reader that will be shown `text` and nothing behind it.
    pub(crate) fn of_whole(text: &str) -> Self {
        let list = text.trim_ascii_start().starts_with('[');
        Self {
            prose: !list && memchr::memchr(b'{', text.as_bytes()).is_none(),
            ..Self::default()
        }
    }

    /// Goes on over more text.
    pub(crate) fn read(&mut self, text: &str) {
        if self.prose {
            return;
        }
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let mut rest = text.as_bytes();
        while let Some((&byte, behind)) = rest.split_first() {
            if self.levels.len() == 1 && !self.in_prose() {
                rest = self.outside(rest);
                continue;
            }
            if self.in_prose() {
                let means = match self.levels.len() {
                    1 => memchr::memchr(b'{', rest),
                    _ => memchr::memchr3(b'"', b'\\', b'{', rest),
                };
                let prose = means.unwrap_or(rest.len());
                if prose > 0 {
                    rest = rest.get(prose..).unwrap_or_default();
                    continue;
                }
            }
            self.byte(byte);
            rest = behind;
        }
    }

    /// Goes on outside of strings, to the first one's beginning or to prose: most bytes of dense
    /// JSON. Returns what is behind that.
    fn outside<'t>(&mut self, text: &'t [u8]) -> &'t [u8] {
        let [level] = self.levels.as_mut_slice() else {
            return text;
        };
        let mut read = 0;
        for byte in text {
            read += 1;
            let opened = matches!(level.step(*byte), Step::Opened);
            self.scalar = match level.state {
                State::Scalar => self.scalar + 1,
                _ => 0,
            };
            if opened {
                self.open_string();
                break;
            }
            if matches!(level.state, State::Prose | State::Plain) {
                break;
            }
        }
        text.get(read..).unwrap_or_default()
    }

    fn open_string(&mut self) {
        let state = match self.levels.len() < DEEPEST {
            true => State::Inner,
            false => State::Plain,
        };
        self.levels.push(Level {
            state,
            ..Level::default()
        });
    }

    /// True if the place is in prose, or inside a string of it, and in no escape: few bytes mean
    /// anything there.
    fn in_prose(&self) -> bool {
        let Some((last, around)) = self.levels.split_last() else {
            return false;
        };
        // Where the JSON began within prose, a line break ends it.
        matches!(last.state, State::Prose | State::Plain)
            && self.pending == 0
            && around.iter().all(|level| level.rooted)
    }

    /// Goes on over a value that stands for itself: no byte of it opens or closes anything.
    pub(crate) fn skip_value(&mut self) {
        if self.prose {
            return;
        }
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        self.drop_escape();
        self.byte(b'x');
    }

    /// Open strings: 0 outside of any.
    pub(crate) fn open(&self) -> u32 {
        u32::try_from(self.levels.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// True if the place is in JSON and in no string of it: a value here needs quotes of its own. A
    /// list that is in no object is rather prose (`[see below]`), unless the text is known to be
    /// JSON.
    pub(crate) fn is_bare(&self, known: bool) -> bool {
        self.levels.last().is_some_and(|level| {
            let json = level.stack != 0 || known && level.rooted && level.nested > 0;
            json && matches!(
                level.state,
                State::Value | State::ValueOrEnd | State::Scalar
            )
        })
    }

    /// Bytes of the escape that has begun before the place and not ended.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Bytes before the place of the number or word that it is in.
    pub(crate) fn scalar(&self) -> usize {
        self.scalar
    }

    /// Takes the beginning of an escape as if it had not come.
    pub(crate) fn drop_escape(&mut self) {
        self.pending = 0;
        for level in &mut self.levels {
            level.escape = Escape::None;
        }
    }

    fn byte(&mut self, mut byte: u8) {
        let mut at = 0;
        while let Some(level) = self.levels.get_mut(at) {
            match level.step(byte) {
                Step::Nothing => break,
                Step::Closed => {
                    self.levels.truncate(at + 1);
                    break;
                }
                Step::Opened => {
                    self.levels.truncate(at + 1);
                    self.open_string();
                    break;
                }
                Step::Inside(inner) => {
                    byte = inner;
                    at += 1;
                }
            }
        }
        let escaping = |level: &Level| level.escape != Escape::None;
        self.pending = match self.levels.iter().any(escaping) {
            true => self.pending + 1,
            false => 0,
        };
        let last = self.levels.last();
        self.scalar = match last.is_some_and(|level| level.state == State::Scalar) {
            true => self.scalar + 1,
            false => 0,
        };
    }
}

impl Level {
    fn step(&mut self, byte: u8) -> Step {
        let blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        match (self.state, byte) {
            (State::String(key), _) => return self.inside(key, byte),
            (State::Plain, _) => {}
            (State::Inner, b'"') => {
                self.rooted = true;
                return self.string(false);
            }
            (State::Start | State::Inner, b'{' | b'[') => {
                self.rooted = true;
                self.enter(byte == b'{');
            }
            (State::Start | State::Inner, _) if blank => {}
            (State::Prose, b'{') => self.enter(true),
            (State::Start | State::Inner | State::Prose, _) => self.state = State::Prose,
            (State::Scalar, _) if is_scalar(byte) => {}
            (State::Scalar, _) => {
                self.state = State::After;
                return self.step(byte);
            }
            (_, _) if blank => {}
            (State::Value | State::ValueOrEnd, b'{' | b'[') => self.enter(byte == b'{'),
            (State::Value | State::ValueOrEnd, b'"') => return self.string(false),
            (State::KeyOrEnd | State::Key, b'"') => return self.string(true),
            (State::ValueOrEnd, b']') | (State::KeyOrEnd, b'}') => self.leave(),
            (State::Value | State::ValueOrEnd, _) if is_scalar(byte) => self.state = State::Scalar,
            (State::Colon, b':') => self.state = State::Value,
            (State::After, b',') if self.in_object() => self.state = State::Key,
            (State::After, b',') => self.state = State::Value,
            (State::After, b'}') if self.in_object() => self.leave(),
            (State::After, b']') if !self.in_object() => self.leave(),
            _ => {
                self.fail();
                return self.step(byte);
            }
        }
        Step::Nothing
    }

    fn in_object(self) -> bool {
        self.stack & 1 == 1
    }

    fn enter(&mut self, object: bool) {
        if self.nested == NESTED {
            self.fail();
            self.state = State::Plain;
            return;
        }
        self.stack = self.stack << 1 | u64::from(object);
        self.nested += 1;
        self.state = match object {
            true => State::KeyOrEnd,
            false => State::ValueOrEnd,
        };
    }

    fn leave(&mut self) {
        self.stack >>= 1;
        self.nested = self.nested.saturating_sub(1);
        match self.nested {
            0 => self.fail(),
            _ => self.state = State::After,
        }
    }

    /// It was JSON up to here.
    fn fail(&mut self) {
        *self = Self {
            state: State::Prose,
            ..Self::default()
        };
    }

    fn string(&mut self, key: bool) -> Step {
        self.state = State::String(key);
        Step::Opened
    }

    fn inside(&mut self, key: bool, byte: u8) -> Step {
        match (self.escape, byte) {
            (Escape::None, b'"') => {
                self.state = match key {
                    true => State::Colon,
                    false => State::After,
                };
                if self.nested == 0 {
                    self.fail();
                }
                return Step::Closed;
            }
            (Escape::None, b'\\') => self.escape = Escape::Begun,
            // JSON has no bare line break in a string; where it is all of the text, a parser may
            // put up with it.
            (Escape::None, ..b' ') if !self.rooted => {
                self.fail();
                return Step::Closed;
            }
            (Escape::None, _) => return Step::Inside(byte),
            (Escape::Begun, b'u') => self.escape = Escape::Hex(0, 0),
            (Escape::Begun, _) => {
                self.escape = Escape::None;
                return Step::Inside(match byte {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    _ => byte,
                });
            }
            (Escape::Hex(digits, value), _) => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    self.escape = Escape::None;
                    return self.inside(key, byte);
                };
                let value = value << 4 | u16::try_from(digit).unwrap_or_default();
                self.escape = Escape::Hex(digits + 1, value);
                if digits == 3 {
                    self.escape = Escape::None;
                    // Beyond ASCII nothing opens or closes anything.
                    return Step::Inside(u8::try_from(value).unwrap_or(b'x'));
                }
            }
        }
        Step::Nothing
    }
}

/// True if a byte can be part of a number, `true`, `false` or `null`.
pub(crate) const fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cfg(test)]
mod tests;
