//! Watches the bytes of a reply that no policy reads: what it cost, why it ended, whether it ended at all.
//!
//! A [`Tap`] delays and changes nothing and knows no JSON: it looks for a few literals at `memchr`'s speed and reads the small value
//! behind them, and lets the strings under one key count themselves. `"usage"` inside a string has its quotes escaped and is not found. Until the first content has gone by it lets a
//! [`Reply`] read along, so that a role-only chunk is not taken for content; then it drops it.

mod content;
mod watch;

use std::{fmt, sync::LazyLock};

use memchr::memmem::Finder;

use super::{
    Dialect, Places, Usage,
    json::Cursor,
    reply::{Reply, ReplyLimits},
    usage,
};
use content::Content;
use watch::{Needle, Watch};

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
    /// Gemini's word on a prompt that it does not answer.
    blocks: Option<Watch>,
    content: Option<Content>,
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
            usages: Watch::new(
                match dialect {
                    Dialect::GeminiGenerate => &USAGE_METADATA,
                    _ => &USAGE,
                },
                b"{",
            ),
            reasons: Watch::new(
                match dialect {
                    Dialect::AnthropicMessages => &STOP_REASON,
                    Dialect::OpenaiResponses => &REASON,
                    Dialect::GeminiGenerate => &GEMINI_REASON,
                    _ => &FINISH_REASON,
                },
                b"\"",
            ),
            blocks: (dialect == Dialect::GeminiGenerate).then(|| Watch::new(&BLOCK_REASON, b"\"")),
            content: written(dialect, streaming).map(Content::new),
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
        for watch in [Some(&mut self.reasons), self.blocks.as_mut()] {
            let Some(watch) = watch else { continue };
            watch.feed(bytes, |literal| {
                if let Ok(text) = Cursor::new(literal).text() {
                    *finish = Some(text.decode(literal).into_owned());
                }
            });
        }
        if let Some(content) = &mut self.content {
            content.feed(bytes);
        }
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

    /// Tokens of all that the model wrote so far, by our estimate: for replies whose usage never comes, and for limits that can't wait
    /// for it. 0 where the dialect is none that we read.
    pub fn output_estimate(&self) -> u64 {
        self.content.as_ref().map_or(0, Content::tokens)
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
        match self.dialect {
            // no terminator: the reason is all that tells
            Dialect::GeminiGenerate => !self.streaming || self.finish.is_some(),
            _ => !self.streaming || self.ended || self.ends().is_some(),
        }
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
            (dialect, _) if dialect.has_done() => {
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

static USAGE: Needle = LazyLock::new(|| Finder::new("\"usage\""));
static USAGE_METADATA: Needle = LazyLock::new(|| Finder::new("\"usageMetadata\""));
static FINISH_REASON: Needle = LazyLock::new(|| Finder::new("\"finish_reason\""));
static STOP_REASON: Needle = LazyLock::new(|| Finder::new("\"stop_reason\""));
static REASON: Needle = LazyLock::new(|| Finder::new("\"reason\""));
static GEMINI_REASON: Needle = LazyLock::new(|| Finder::new("\"finishReason\""));
static BLOCK_REASON: Needle = LazyLock::new(|| Finder::new("\"blockReason\""));
static DELTA: Needle = LazyLock::new(|| Finder::new("\"delta\""));
static MESSAGE: Needle = LazyLock::new(|| Finder::new("\"message\""));
static CONTENT: Needle = LazyLock::new(|| Finder::new("\"content\""));
static OUTPUT: Needle = LazyLock::new(|| Finder::new("\"output\""));
static TEXT: Needle = LazyLock::new(|| Finder::new("\"text\""));
static PARTS: Needle = LazyLock::new(|| Finder::new("\"parts\""));

/// The key whose value is what the model wrote.
fn written(dialect: Dialect, streaming: bool) -> Option<&'static Needle> {
    Some(match (dialect, streaming) {
        (Dialect::OpenaiCompletions, _) => &TEXT,
        (Dialect::GeminiGenerate, _) => &PARTS,
        (Dialect::OpenaiEmbeddings | Dialect::Other, _) => return None,
        (_, true) => &DELTA,
        (Dialect::OpenaiChat, false) => &MESSAGE,
        (Dialect::AnthropicMessages, false) => &CONTENT,
        (Dialect::OpenaiResponses, false) => &OUTPUT,
    })
}

#[cfg(test)]
mod tests;
