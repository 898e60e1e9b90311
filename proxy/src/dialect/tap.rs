//! Watches the bytes of a reply that no policy reads: what it cost, why it ended, whether it ended at all.
//!
//! A [`Tap`] delays and changes nothing. A stream is read by the same [`Reply`] that serves policies, event by event and without
//! a place to show, so that what ends a stream, what it cost and what it said are the same with a policy and without. An event that is
//! larger than any but media makes it blind: then the end is not known, and the stream is not called cut.
//!
//! A whole reply may be as large as replies get and is not kept: there it looks for a few literals at `memchr`'s speed and reads the small
//! value behind them, and lets the strings under one key count themselves.

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

/// A whole reply of so much is kept, and its text counted only where nobody reports its usage. A larger one is counted as it passes.
const LATE: usize = 16 << 10;

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
    /// What [`Self::content`] has yet to count.
    late: Vec<u8>,
    /// Reads a stream's events.
    reader: Option<Box<Reply>>,
    /// Bytes of the line under way.
    line: usize,
    /// The last byte was a `\r`: a `\n` now ends nothing.
    after_cr: bool,
    /// The last line was blank, or there was none.
    blank: bool,
    /// The text is counted as it passes.
    counting: bool,
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
        let read = streaming && dialect.description().is_some();
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
            content: written(dialect).map(Content::new),
            late: Vec::new(),
            reader: read.then(|| Box::new(Reply::stream(dialect, Places::NONE, limits))),
            line: 0,
            after_cr: false,
            blank: true,
            counting: false,
            blind: false,
            content_seen: false,
        }
    }

    /// Sees what passes.
    pub fn watch(&mut self, bytes: &[u8]) {
        if self.dialect == Dialect::Other {
            self.content_seen |= !bytes.is_empty();
        }
        if self.streaming {
            self.read(|reader| reader.push(bytes));
            return self.lines(bytes);
        }
        self.content_seen |= !bytes.trim_ascii().is_empty();
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
        let Some(content) = &mut self.content else {
            return;
        };
        if self.late.len() + bytes.len() <= LATE && !self.counting {
            self.late.extend_from_slice(bytes);
        } else {
            self.counting = true;
            content.feed(&std::mem::take(&mut self.late));
            content.feed(bytes);
        }
    }

    /// Says that the upstream's body ended: an event that lacks its blank line counts.
    pub fn finish(&mut self) {
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
    /// for it. 0 where the dialect is none that we read, and for a small whole reply that reports its usage.
    pub fn output_estimate(&self) -> u64 {
        match (&self.reader, &self.content) {
            (Some(reader), _) => reader.output_estimate(),
            (None, Some(content)) if self.counting => content.tokens(),
            (None, Some(_)) if self.usage.is_some_and(|u| u.input > 0 && u.output > 0) => 0,
            (None, Some(_)) => written(self.dialect).map_or(0, |needle| {
                let mut content = Content::new(needle);
                content.feed(&self.late);
                content.tokens()
            }),
            (None, None) => 0,
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
        let read = self.reader.as_ref().filter(|_| !self.blind);
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

/// The key of a whole reply whose value is what the model wrote.
fn written(dialect: Dialect) -> Option<&'static Needle> {
    Some(match dialect {
        Dialect::OpenaiCompletions => &TEXT,
        Dialect::GeminiGenerate => &PARTS,
        Dialect::AnthropicBatches | Dialect::OpenaiEmbeddings | Dialect::Other => return None,
        Dialect::OpenaiChat => &MESSAGE,
        Dialect::AnthropicMessages => &CONTENT,
        Dialect::OpenaiResponses => &OUTPUT,
    })
}

#[cfg(test)]
mod tests;
