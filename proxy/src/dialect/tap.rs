//! Watches the bytes of a reply that no policy reads: what it cost, why it ended, whether it ended at all.
//!
//! A [`Tap`] delays and changes nothing and knows no JSON: it looks for a few literals at `memchr`'s speed and reads the small value
//! behind them. `"usage"` inside a string has its quotes escaped and is not found. Until the first content has gone by it lets a
//! [`Reply`] read along, so that a role-only chunk is not taken for content; then it drops it.

use std::{fmt, sync::LazyLock};

use memchr::memmem::Finder;

use super::{
    Dialect, Places, Usage,
    json::Cursor,
    reply::{Reply, ReplyLimits},
    usage,
};

/// Longer `usage` objects are not read.
const OBJECT: usize = 2048;
/// How much of a line's beginning tells what it is.
const HEAD: usize = 64;
/// A reply that shows no content for so long is not read along any further.
const PROBE: usize = 256 << 10;

/// Watches one reply.
pub struct Tap {
    dialect: Dialect,
    streaming: bool,
    usage: Option<Usage>,
    finish: Option<String>,
    usages: Watch,
    reasons: Watch,
    /// The beginning of the line under way, and its length, which may be larger.
    head: [u8; HEAD],
    line: usize,
    /// The last byte was a `\r`: a `\n` now ends nothing.
    after_cr: bool,
    /// The last line was blank, or there was none.
    blank: bool,
    ended: bool,
    content_seen: bool,
    probe: Option<Box<Reply>>,
    probed: usize,
}

impl Tap {
    /// Watches a reply in `dialect`.
    pub fn new(dialect: Dialect, streaming: bool) -> Self {
        let limits = ReplyLimits {
            event: PROBE,
            body: PROBE,
        };
        Self {
            dialect,
            streaming,
            usage: None,
            finish: None,
            usages: Watch::new(&USAGE, b'{'),
            reasons: Watch::new(
                match dialect {
                    Dialect::AnthropicMessages => &STOP_REASON,
                    Dialect::OpenaiResponses => &REASON,
                    _ => &FINISH_REASON,
                },
                b'"',
            ),
            head: [0; HEAD],
            line: 0,
            after_cr: false,
            blank: true,
            ended: false,
            content_seen: false,
            probe: streaming.then(|| Box::new(Reply::stream(dialect, Places::NONE, limits))),
            probed: 0,
        }
    }

    /// Sees what passes.
    pub fn watch(&mut self, bytes: &[u8]) {
        if self.dialect == Dialect::Other {
            self.content_seen |= !bytes.is_empty();
        }
        let (dialect, usage) = (self.dialect, &mut self.usage);
        self.usages.feed(bytes, |object| {
            let mut read = usage.unwrap_or_default();
            if usage::read(&mut Cursor::new(object), dialect, &mut read) == Ok(true) {
                *usage = Some(read);
            }
        });
        let finish = &mut self.finish;
        self.reasons.feed(bytes, |literal| {
            if let Ok(text) = Cursor::new(literal).text() {
                *finish = Some(text.decode(literal).into_owned());
            }
        });
        if self.streaming {
            self.read_along(bytes);
            self.lines(bytes);
        } else {
            self.content_seen |= !bytes.trim_ascii().is_empty();
        }
    }

    /// What the provider said it cost, so far.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Why the model stopped, as the dialect spells it; as far as that is known without reading.
    pub fn finish_reason(&self) -> Option<&str> {
        self.finish.as_deref()
    }

    /// Whether there was real content: text, reasoning, a tool call; not role-only chunks and pings.
    pub fn content_seen(&self) -> bool {
        self.content_seen
    }

    /// Whether the stream's terminator was seen. A whole reply has none: true.
    pub fn ended(&self) -> bool {
        !self.streaming || self.ended || self.ends().is_some()
    }

    /// Whether the last byte was not the end of a line.
    pub fn mid_line(&self) -> bool {
        self.line > 0
    }

    /// What must be written before an event of our own, so that it does not become part of one that was cut.
    pub fn gap(&self) -> &'static [u8] {
        match (self.mid_line(), self.blank) {
            (true, _) => b"\n\n",
            (false, false) => b"\n",
            (false, true) => b"",
        }
    }

    fn read_along(&mut self, bytes: &[u8]) {
        let Some(probe) = &mut self.probe else { return };
        let read = probe.push(bytes);
        probe.deltas();
        let written = probe.write(&[]);
        self.probed += bytes.len();
        self.content_seen |= probe.content_seen();
        if self.content_seen || read.is_err() || written.is_err() || self.probed > PROBE {
            self.content_seen = true;
            self.probe = None;
        }
    }

    fn lines(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
            rest = rest.get(1..).unwrap_or_default();
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            self.keep(rest.get(..at).unwrap_or_default());
            if let Some(finish) = self.ends() {
                self.ended = true;
                if let (Dialect::OpenaiResponses, None) = (self.dialect, &self.finish) {
                    self.finish = Some(finish.to_owned());
                }
            }
            self.blank = self.line == 0;
            self.line = 0;
            let after = match (rest.get(at), rest.get(at + 1)) {
                (Some(b'\r'), Some(b'\n')) => at + 2,
                (Some(b'\r'), None) => {
                    self.after_cr = true;
                    at + 1
                }
                _ => at + 1,
            };
            rest = rest.get(after..).unwrap_or_default();
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(free) = self.head.get_mut(self.line..) {
            let length = free.len().min(bytes.len());
            if let (Some(to), Some(from)) = (free.get_mut(..length), bytes.get(..length)) {
                to.copy_from_slice(from);
            }
        }
        self.line += bytes.len();
    }

    /// Whether the line under way says that the stream ends, and how.
    fn ends(&self) -> Option<&'static str> {
        let line = self.head.get(..self.line.min(HEAD))?;
        let (name, data) = match line {
            [b'e', b'v', b'e', b'n', b't', b':', name @ ..] => (name.trim_ascii(), false),
            [b'd', b'a', b't', b'a', b':', data @ ..] => (data.trim_ascii(), true),
            _ => return None,
        };
        let name = match (self.dialect, data) {
            (Dialect::OpenaiChat | Dialect::Other, _) => {
                return (data && name == b"[DONE]").then_some("");
            }
            (_, true) => typed(name)?,
            (_, false) => name,
        };
        match (self.dialect, name) {
            (Dialect::AnthropicMessages, b"message_stop") => Some(""),
            (Dialect::OpenaiResponses, b"response.completed") => Some("completed"),
            (Dialect::OpenaiResponses, b"response.failed") => Some("failed"),
            (Dialect::OpenaiResponses, b"response.incomplete") => Some("incomplete"),
            _ => None,
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("dialect", &self.dialect)
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}

/// The type of an object that begins with it.
fn typed(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data;
    for token in [&b"{"[..], b"\"type\"", b":", b"\""] {
        rest = rest.trim_ascii_start().strip_prefix(token)?;
    }
    rest.get(..memchr::memchr(b'"', rest)?)
}

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
static FINISH_REASON: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("\"finish_reason\""));
static STOP_REASON: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"stop_reason\""));
static REASON: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"reason\""));

/// Looks for a key and collects the value behind it, over any borders.
struct Watch {
    key: &'static LazyLock<Finder<'static>>,
    /// What the value must begin with.
    begins: u8,
    /// The last bytes of what was searched, where the key may have begun.
    tail: Vec<u8>,
    step: Step,
    value: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Step {
    Search,
    Colon,
    Begin,
    Value {
        depth: usize,
        string: bool,
        escape: bool,
    },
}

impl Watch {
    fn new(key: &'static LazyLock<Finder<'static>>, begins: u8) -> Self {
        Self {
            key,
            begins,
            tail: Vec::new(),
            step: Step::Search,
            value: Vec::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8], mut found: impl FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = match self.step {
                Step::Search => self.search(rest),
                Step::Colon | Step::Begin => self.expect(rest),
                Step::Value { .. } => self.collect(rest, &mut found),
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// Each step returns how many bytes it took.
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

    fn expect(&mut self, bytes: &[u8]) -> usize {
        match (bytes.first(), self.step) {
            (Some(b' ' | b'\t' | b'\n' | b'\r'), _) => 1,
            (Some(b':'), Step::Colon) => {
                self.step = Step::Begin;
                1
            }
            (Some(byte), Step::Begin) if *byte == self.begins => {
                self.value.clear();
                self.step = Step::Value {
                    depth: 0,
                    string: false,
                    escape: false,
                };
                0
            }
            _ => {
                self.step = Step::Search;
                0
            }
        }
    }

    fn collect(&mut self, bytes: &[u8], found: &mut impl FnMut(&[u8])) -> usize {
        let Step::Value {
            mut depth,
            mut string,
            mut escape,
        } = self.step
        else {
            return 0;
        };
        for (at, byte) in bytes.iter().enumerate() {
            match (byte, string) {
                _ if escape => escape = false,
                (b'\\', true) => escape = true,
                (b'"', _) => string = !string,
                (b'{' | b'[', false) => depth += 1,
                (b'}' | b']', false) => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.value.push(*byte);
            let ended = depth == 0 && !string;
            if ended {
                found(&self.value);
            }
            if ended || self.value.len() > OBJECT {
                self.step = Step::Search;
                return at + 1;
            }
        }
        self.step = Step::Value {
            depth,
            string,
            escape,
        };
        bytes.len()
    }
}

#[cfg(test)]
mod tests;
