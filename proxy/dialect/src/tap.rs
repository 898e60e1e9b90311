//! Watches the bytes of a reply that no policy reads: what it cost, why it ended, whether it ended at all.
//!
//! A [`Tap`] delays and changes nothing. A stream is read by the same [`Reply`] that serves policies, event by event and without
//! a place to show, so that what ends a stream, what it cost and what it said are the same with a policy and without. An event that is
//! larger than any but media makes it blind: then the end is not known, and the stream is not called cut.
//!
//! A whole reply is read by it too, at its end, where it is of a usual size. One that is larger is not kept: there the tap looks for a few
//! literals at `memchr`'s speed and reads the small value behind them, and lets the strings under one key count themselves.

mod content;
mod watch;

use std::{fmt, sync::LazyLock};

use memchr::memmem::Finder;

use super::{
    Dialect, Malformed, Places, Usage,
    json::Cursor,
    reply::{Reply, ReplyLimits},
    usage,
};
use content::Content;
use watch::{Needle, Watch};

/// An event that is larger is not read, nor what follows it.
const EVENT: usize = 4 << 20;

/// A whole reply of so much is kept until its end. Texts are smaller; vectors and media are not.
const KEPT: usize = 256 << 10;

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
    /// A whole reply, as long as it is no larger than [`KEPT`].
    kept: Vec<u8>,
    /// Reads a stream's events, or a reply that was kept.
    reader: Option<Box<Reply>>,
    /// Bytes of the line under way.
    line: usize,
    /// The last byte was a `\r`: a `\n` now ends nothing.
    after_cr: bool,
    /// The last line was blank, or there was none.
    blank: bool,
    /// A whole reply is too large to be kept: it is looked through as it passes.
    passing: bool,
    /// An event was too large to be read.
    blind: bool,
    content_seen: bool,
}

impl Tap {
    /// Watches a reply in `dialect`.
    pub fn new(dialect: Dialect, streaming: bool) -> Self {
        let limits = ReplyLimits {
            event: EVENT,
            body: EVENT,
        };
        let read = streaming && dialect.is_read();
        let keys = keys(dialect);
        Self {
            dialect,
            streaming,
            usage: None,
            finish: None,
            usages: Watch::new(keys.usage, b"{"),
            reasons: Watch::new(keys.finish, b"\""),
            blocks: keys.blocked.map(|key| Watch::new(key, b"\"")),
            content: keys.text.map(Content::new),
            kept: Vec::new(),
            reader: read.then(|| Box::new(Reply::stream(dialect, Places::NONE, limits))),
            line: 0,
            after_cr: false,
            blank: true,
            passing: false,
            blind: false,
            content_seen: false,
        }
    }

    /// Sees what passes.
    pub fn watch(&mut self, bytes: &[u8]) {
        if !self.dialect.is_read() {
            self.content_seen |= !bytes.is_empty();
        }
        if self.streaming {
            self.read(|reader| reader.push(bytes));
            return self.lines(bytes);
        }
        self.content_seen |= !bytes.trim_ascii().is_empty();
        if !self.passing {
            if self.kept.len() + bytes.len() <= KEPT {
                return self.kept.extend_from_slice(bytes);
            }
            self.passing = true;
            let kept = std::mem::take(&mut self.kept);
            self.look_through(&kept);
        }
        self.look_through(bytes);
    }

    /// Looks for what a reply that is not kept tells.
    fn look_through(&mut self, bytes: &[u8]) {
        let (dialect, usage) = (self.dialect, &mut self.usage);
        self.usages.feed(bytes, |object| {
            let mut read = usage.unwrap_or_default();
            let report = usage::read(&mut Cursor::new(object), dialect, &mut read);
            if report.is_ok_and(|report| report != usage::Report::Blank) {
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
    }

    /// Says that the upstream's body ended: an event that lacks its blank line counts, and a whole reply that was kept is read.
    pub fn finish(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        if !kept.is_empty() && self.dialect.description().is_some() {
            let limits = ReplyLimits {
                event: KEPT,
                body: KEPT,
            };
            let reader = Reply::whole(self.dialect, Places::NONE, limits);
            self.read_kept(reader.without_estimate(), &kept);
            let told = |usage: Usage| usage.input > 0 && usage.output > 0;
            if !self.usage().is_some_and(told) {
                self.read_kept(Reply::whole(self.dialect, Places::NONE, limits), &kept);
            }
            return;
        }
        self.read(Reply::finish);
    }

    fn read_kept(&mut self, reader: Reply, kept: &[u8]) {
        self.reader = Some(Box::new(reader));
        self.read(|reader| reader.push(kept));
        self.read(Reply::finish);
    }

    fn read(&mut self, step: impl FnOnce(&mut Reply) -> Result<(), Malformed>) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        let mut read = step(reader);
        reader.deltas();
        read = read.and(reader.write(&[]).map(drop));
        self.content_seen |= reader.content_seen();
        self.blind |= read.is_err();
        if self.blind {
            // what it cost so far stays known
            self.content_seen = true;
        }
    }

    /// What the provider said it cost, so far.
    pub fn usage(&self) -> Option<Usage> {
        match &self.reader {
            Some(reader) => reader.usage(),
            None => self.usage,
        }
    }

    /// Tokens of all that the model wrote so far, by our estimate: for replies whose usage never comes, and for limits that can't wait
    /// for it. 0 where the dialect is none that we read, and for a whole reply that was kept and reports its usage.
    pub fn output_estimate(&self) -> u64 {
        match (&self.reader, &self.content) {
            (Some(reader), _) => reader.output_estimate(),
            (None, content) => content.as_ref().map_or(0, Content::tokens),
        }
    }

    /// Why the model stopped, as the dialect spells it; as far as that is known without reading.
    pub fn finish_reason(&self) -> Option<&str> {
        match &self.reader {
            Some(reader) => reader.finish_reason(),
            None => self.finish.as_deref(),
        }
    }

    /// Whether there was real content: text, reasoning, a tool call; not role-only chunks and pings.
    pub fn content_seen(&self) -> bool {
        self.content_seen
    }

    /// Whether the stream's terminator was seen. A whole reply has none: true.
    pub fn ended(&self) -> bool {
        let read = (self.reader.as_ref()).filter(|_| self.streaming && !self.blind);
        read.is_none_or(|reader| reader.ended())
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

    fn lines(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
            rest = rest.get(1..).unwrap_or_default();
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            self.blank = self.line + at == 0;
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
        self.line += rest.len();
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

static USAGE: Needle = LazyLock::new(|| Finder::new("\"usage\""));
static USAGE_METADATA: Needle = LazyLock::new(|| Finder::new("\"usageMetadata\""));
static FINISH_REASON: Needle = LazyLock::new(|| Finder::new("\"finish_reason\""));
static STOP_REASON: Needle = LazyLock::new(|| Finder::new("\"stop_reason\""));
static REASON: Needle = LazyLock::new(|| Finder::new("\"reason\""));
static GEMINI_REASON: Needle = LazyLock::new(|| Finder::new("\"finishReason\""));
static BLOCK_REASON: Needle = LazyLock::new(|| Finder::new("\"blockReason\""));
static MESSAGE: Needle = LazyLock::new(|| Finder::new("\"message\""));
static CONTENT: Needle = LazyLock::new(|| Finder::new("\"content\""));
static OUTPUT: Needle = LazyLock::new(|| Finder::new("\"output\""));
static TEXT: Needle = LazyLock::new(|| Finder::new("\"text\""));
static PARTS: Needle = LazyLock::new(|| Finder::new("\"parts\""));

/// Keys of a whole reply.
pub(crate) struct Keys {
    /// Of its usage.
    pub(super) usage: &'static Needle,
    /// Of the word on why it ended.
    pub(super) finish: &'static Needle,
    /// Of the word on a prompt that is not answered.
    pub(super) blocked: Option<&'static Needle>,
    /// Of what the model wrote.
    pub(super) text: Option<&'static Needle>,
}

/// Those of a dialect.
fn keys(dialect: Dialect) -> &'static Keys {
    dialect.description().map_or(&NO_TEXT, |row| row.keys)
}

/// Of `openai.chat`.
pub(super) static CHAT: Keys = Keys {
    usage: &USAGE,
    finish: &FINISH_REASON,
    blocked: None,
    text: Some(&MESSAGE),
};
/// Of `openai.completions`.
pub(super) static COMPLETIONS: Keys = Keys {
    usage: &USAGE,
    finish: &FINISH_REASON,
    blocked: None,
    text: Some(&TEXT),
};
/// Of `openai.responses`.
pub(super) static RESPONSES: Keys = Keys {
    usage: &USAGE,
    finish: &REASON,
    blocked: None,
    text: Some(&OUTPUT),
};
/// Of `anthropic.messages`.
pub(super) static MESSAGES: Keys = Keys {
    usage: &USAGE,
    finish: &STOP_REASON,
    blocked: None,
    text: Some(&CONTENT),
};
/// Of `gemini.generate`.
pub(super) static GEMINI: Keys = Keys {
    usage: &USAGE_METADATA,
    finish: &GEMINI_REASON,
    blocked: Some(&BLOCK_REASON),
    text: Some(&PARTS),
};
/// Of replies in which a model writes nothing.
pub(super) static NO_TEXT: Keys = Keys {
    usage: &USAGE,
    finish: &FINISH_REASON,
    blocked: None,
    text: None,
};

#[cfg(test)]
mod tests;
