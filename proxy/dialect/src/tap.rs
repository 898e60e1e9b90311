//! Observes the bytes of a reply that no policy reads: its usage, why it ended, whether it ended at
//! all.
//!
//! A [`Tap`] delays and changes nothing. Its figures are read by the same [`Reply`] that serves
//! policies, without showing anything, so that a reply's end, usage and text are the same with a
//! policy and without: a stream event by event, a whole reply at its end, where it is of a usual
//! size. Of a whole reply that reports its usage the texts are left out, as nobody needs an
//! estimate then; what comes in one piece is read where it is, and not copied. One that is larger
//! is not kept but abridged, and what remains of it is read. An event that is larger than any but
//! media makes the tap blind: then the end is not known, and the stream is not called cut.

mod abridge;

use std::fmt;

use super::{
    Dialect, Malformed, Places, Usage,
    reply::{Figures, Reply, ReplyLimits, figures, is_events},
};
use abridge::Abridger;

/// An event that is larger is not read, nor what follows it.
const EVENT: usize = 4 << 20;

/// A whole reply of so much is kept until its end. Texts are smaller; vectors and media are not.
const KEPT: usize = 256 << 10;

/// Observes one reply.
pub struct Tap {
    dialect: Dialect,
    streaming: bool,
    /// A whole reply, as long as it is no larger than [`KEPT`].
    kept: Vec<u8>,
    /// The abridger of one that is larger.
    abridger: Option<Box<Abridger>>,
    /// The figures of a whole reply that reports its usage.
    figures: Option<Figures>,
    /// Reads a stream's events, or a whole reply that has to be read for its texts.
    reader: Option<Box<Reply>>,
    /// The length of the current line, in bytes.
    line: usize,
    /// True if the last byte was a `\r`: a `\n` now ends nothing.
    after_cr: bool,
    /// True if the last line was blank, or there was none.
    blank: bool,
    /// True once an event was too large to be read.
    blind: bool,
    content_seen: bool,
    /// True if something came that is more than a sign of life, and no event says so.
    advanced: bool,
}

impl Tap {
    /// Observes a reply in `dialect`.
    pub fn new(dialect: Dialect, streaming: bool) -> Self {
        let read = streaming && dialect.is_read();
        Self {
            dialect,
            streaming,
            kept: Vec::new(),
            abridger: None,
            figures: None,
            reader: read.then(|| events(dialect)),
            line: 0,
            after_cr: false,
            blank: true,
            blind: false,
            content_seen: false,
            advanced: false,
        }
    }

    /// Takes the bytes that pass.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.dialect.is_read() {
            self.content_seen |= !bytes.is_empty();
            self.advanced |= !bytes.is_empty();
        }
        if self.streaming {
            self.read(|reader| reader.push(bytes));
            self.advanced |= self.blind && !bytes.is_empty();
            return self.lines(bytes);
        }
        let is_blank = bytes.trim_ascii().is_empty();
        self.content_seen |= !is_blank;
        self.advanced |= !is_blank;
        if self.dialect.is_read() {
            self.take(bytes);
        }
    }

    /// Takes in what arrived of a whole reply.
    fn take(&mut self, bytes: &[u8]) {
        if let Some(abridger) = &mut self.abridger {
            abridger.push(bytes);
        } else if self.reader.is_some() {
            self.read(|reader| reader.push(bytes));
        } else if self.kept.len() + bytes.len() <= KEPT {
            self.kept.extend_from_slice(bytes);
        } else if let Some(row) = self.dialect.description() {
            let kept = std::mem::take(&mut self.kept);
            let begin: Vec<u8> = kept.iter().chain(bytes).take(64).copied().collect();
            match is_events(&begin) {
                // under another label, or none
                true => self.reader = Some(events(self.dialect)),
                false => self.abridger = Some(Box::new(Abridger::new(self.dialect, row.reply))),
            }
            self.take(&kept);
            self.take(bytes);
        }
    }

    /// Notes that the upstream's body ended: an event that lacks its blank line counts, and a whole
    /// reply is read.
    pub fn finish(&mut self) {
        if let Some(abridger) = &mut self.abridger {
            return abridger.finish();
        }
        let kept = std::mem::take(&mut self.kept);
        match kept.is_empty() {
            true => self.read(Reply::finish),
            false => self.read_whole(&kept),
        }
    }

    /// Takes the last bytes that pass, and ends as [`Self::finish`] does.
    pub fn push_last(&mut self, bytes: &[u8]) {
        let is_begun = !self.kept.is_empty() || self.abridger.is_some() || self.reader.is_some();
        if self.streaming
            || is_begun
            || !self.dialect.is_read()
            || !(1..=KEPT).contains(&bytes.len())
        {
            self.push(bytes);
            return self.finish();
        }
        self.content_seen |= !bytes.trim_ascii().is_empty();
        self.read_whole(bytes);
    }

    /// Reads a whole reply: for its figures alone, or for its texts, too, where their estimate has
    /// to stand for a usage that is not reported.
    fn read_whole(&mut self, doc: &[u8]) {
        let is_complete = |usage: Usage| usage.input > 0 && usage.output > 0;
        let limits = ReplyLimits {
            event: KEPT,
            body: KEPT,
        };
        let reader = |dialect| Reply::whole(dialect, Places::NONE, limits);
        match figures(self.dialect, doc) {
            Some(figures) if figures.usage.is_some_and(is_complete) => {
                self.figures = Some(figures);
                return;
            }
            Some(_) => {}
            None => self.read_texts(reader(self.dialect).without_estimate(), doc),
        }
        if !self.usage().is_some_and(is_complete) {
            self.read_texts(reader(self.dialect), doc);
        }
    }

    fn read_texts(&mut self, reader: Reply, doc: &[u8]) {
        self.reader = Some(Box::new(reader));
        self.read(|reader| reader.push(doc));
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

    /// The reader of it, once there is something to read.
    fn reader(&self) -> Option<&Reply> {
        let abridged = self.abridger.as_deref().map(Abridger::reader);
        abridged.or(self.reader.as_deref())
    }

    /// The usage that the provider reported so far.
    pub fn usage(&self) -> Option<Usage> {
        match &self.figures {
            Some(figures) => figures.usage,
            None => self.reader()?.usage(),
        }
    }

    /// Tokens of all that the model wrote so far, by our estimate: for replies whose usage never
    /// comes, and for limits that can't wait for it. 0 where the dialect is none that we read, and
    /// for a whole reply that was kept and reports its usage.
    pub fn output_estimate(&self) -> u64 {
        match (&self.abridger, &self.reader) {
            (Some(abridger), _) => abridger.tokens(),
            (None, reader) => reader.as_ref().map_or(0, |reader| reader.output_estimate()),
        }
    }

    /// The reason why the model stopped, as the dialect spells it; as far as that is known without
    /// reading.
    pub fn finish_reason(&self) -> Option<&str> {
        match &self.figures {
            Some(figures) => figures.finish.as_deref(),
            None => self.reader()?.finish_reason(),
        }
    }

    /// Reports whether there was real content: text, reasoning, a tool call; not role-only chunks
    /// and pings.
    pub fn content_seen(&self) -> bool {
        self.content_seen
    }

    /// Returns whether more than comments, blank lines and pings came since the last call, for the
    /// idle clock: those are signs of life of a server that may be stuck. An event counts once it
    /// is complete, and each piece of its data as soon as that is longer than a ping's: an image may
    /// take its time. Of a stream that is not read, all bytes count, and of a whole reply those that
    /// are not blank.
    pub fn take_advanced(&mut self) -> bool {
        let read = self.reader.as_mut().filter(|_| self.streaming);
        let advanced = read.is_some_and(|reader| reader.take_advanced());
        std::mem::take(&mut self.advanced) || advanced
    }

    /// Reports whether the stream's terminator was seen. A whole reply has none: true.
    pub fn ended(&self) -> bool {
        let read = (self.reader.as_ref()).filter(|_| self.streaming && !self.blind);
        read.is_none_or(|reader| reader.ended())
    }

    /// The bytes that must be written before an event of our own, so that it does not become part
    /// of one that was cut.
    pub fn gap(&self) -> &'static [u8] {
        match (self.line > 0, self.blank) {
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

/// A reader of a stream's events.
fn events(dialect: Dialect) -> Box<Reply> {
    let limits = ReplyLimits {
        event: EVENT,
        body: EVENT,
    };
    Box::new(Reply::stream(dialect, Places::NONE, limits))
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("dialect", &self.dialect)
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
