//! The hold of a reply's beginning: whether what came so far is content, an error in the place of
//! it, or nothing that would bind anyone.
//!
//! A provider says `200` before it knows whether it can answer: lifecycle events come first, and an
//! error may follow them. As long as nothing but those came, another target can still take the
//! call. A [`Hold`] reads what arrives and keeps none of it for others: the caller keeps the bytes,
//! bounds them ([`Hold::events`], [`Hold::bytes`]), and sends them on once there is content.
//!
//! Events are read by the same [`Reply`] that serves policies and taps, and errors by [`in_band`],
//! so that content and errors mean the same at every place. Whatever can't be read is content: it
//! is the app's as it came. A whole reply has no beginning: it is waited for up to its end, unless
//! it is larger than errors are. Gemini's list of chunks is read element by element, as it streams.

mod elements;
#[cfg(test)]
mod tests;

use std::fmt;

use super::{
    Dialect, Malformed, Places, Usage,
    failure::{self, ErrorFacts},
    in_band,
    reply::{Reply, ReplyLimits, is_events},
    sse::{Event, Frames},
};
use elements::Elements;

/// Events up to which a beginning may be waited for: more than any provider's lifecycle has.
pub const EVENTS: u32 = 64;
/// Bytes up to which a beginning may be waited for: `response.created` echoes tools and
/// instructions.
pub const BYTES: usize = 256 << 10;

/// A whole reply that is larger is no error.
const DOCUMENT: usize = 64 << 10;
/// Bytes by which a stream of events is known: as many as `event:` has.
const FIELD: usize = 6;
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The state of a reply, by what came so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing but lifecycle events, comments, pings and blank lines.
    Wait,
    /// Content, an end, or what can't be read: it is the app's.
    Content,
    /// An error in the place of a reply.
    Error(Box<ErrorFacts>),
}

/// Reads the beginning of one reply.
pub struct Hold {
    dialect: Dialect,
    streaming: bool,
    form: Form,
    bytes: usize,
    events: u32,
    verdict: Option<Verdict>,
}

/// The form of the reply.
enum Form {
    /// Not yet known from these bytes.
    Unknown(Vec<u8>),
    /// A stream of events, and its reader.
    Events(Frames, Box<Reply>),
    /// One document, as far as it came.
    Document(Vec<u8>),
    /// A list of chunks.
    Elements(Elements),
}

impl Hold {
    /// A hold over a reply in `dialect`, which says of itself that it streams or does not.
    pub fn new(dialect: Dialect, streaming: bool) -> Self {
        Self {
            dialect,
            streaming,
            form: Form::Unknown(Vec::new()),
            bytes: 0,
            events: 0,
            verdict: (!dialect.is_read()).then_some(Verdict::Content),
        }
    }

    /// Takes the bytes that arrived, in any split. A verdict other than [`Verdict::Wait`] is final:
    /// what follows does not change it.
    pub fn push(&mut self, bytes: &[u8]) -> Verdict {
        self.bytes += bytes.len();
        self.read(bytes, false)
    }

    /// Notes that the body ended. [`Verdict::Wait`] means that it did so before anything of a reply
    /// came.
    pub fn finish(&mut self) -> Verdict {
        self.read(&[], true)
    }

    /// The usage that the reply has reported so far.
    pub fn usage(&self) -> Option<Usage> {
        match &self.form {
            Form::Events(_, reader) => reader.usage(),
            Form::Unknown(_) | Form::Document(_) | Form::Elements(_) => None,
        }
    }

    /// The number of events that came, without comments and pings.
    pub const fn events(&self) -> u32 {
        self.events
    }

    /// The number of bytes that came.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn read(&mut self, bytes: &[u8], last: bool) -> Verdict {
        if self.verdict.is_none() {
            self.verdict = self.take(bytes, last);
        }
        self.verdict.clone().unwrap_or(Verdict::Wait)
    }

    /// Takes in what arrived; returns the verdict, once there is one.
    fn take(&mut self, bytes: &[u8], last: bool) -> Option<Verdict> {
        match &mut self.form {
            Form::Unknown(kept) => {
                kept.extend_from_slice(bytes);
                let form = self.recognise(last)?;
                let Form::Unknown(kept) = std::mem::replace(&mut self.form, form) else {
                    return None;
                };
                self.take(&kept, last)
            }
            Form::Events(frames, _) => {
                frames.push(bytes);
                if last {
                    frames.finish();
                }
                self.take_events()
            }
            Form::Document(kept) => {
                kept.extend_from_slice(bytes);
                match kept.len() > DOCUMENT {
                    true => Some(Verdict::Content),
                    false if last => document(self.dialect, kept),
                    false => None,
                }
            }
            Form::Elements(elements) => {
                let dialect = self.dialect;
                elements.push(bytes, &mut self.events, |doc| element(dialect, doc))
            }
        }
    }

    /// Recognises the form by the reply's first bytes; `None` while there are too few.
    fn recognise(&mut self, last: bool) -> Option<Form> {
        let Form::Unknown(kept) = &mut self.form else {
            return None;
        };
        let bare = kept.trim_ascii_start();
        let is_marked = bare.starts_with(MARK);
        let begin = bare.get(if is_marked { MARK.len() } else { 0 }..);
        let begin = begin.unwrap_or_default().trim_ascii_start();
        if begin.is_empty() {
            // Servers send blank lines for minutes to keep a connection.
            *kept = if is_marked { MARK.to_vec() } else { Vec::new() };
            return None;
        }
        if !last && MARK.starts_with(begin) {
            return None;
        }
        let form = match begin.first() {
            Some(b'[') if self.dialect == Dialect::GeminiGenerate => {
                Form::Elements(Elements::default())
            }
            Some(b'{' | b'[') => Form::Document(Vec::new()),
            Some(_) if !self.streaming && !last && begin.len() < FIELD => return None,
            Some(_) if self.streaming || is_events(begin) => {
                let limits = ReplyLimits {
                    event: BYTES,
                    body: BYTES,
                };
                let reader = Reply::stream(self.dialect, Places::NONE, limits).without_estimate();
                Form::Events(Frames::new(BYTES), Box::new(reader))
            }
            _ => Form::Document(Vec::new()),
        };
        let blank = kept.len() - begin.len();
        kept.drain(..blank);
        Some(form)
    }

    fn take_events(&mut self) -> Option<Verdict> {
        let Form::Events(frames, reader) = &mut self.form else {
            return None;
        };
        let verdict = loop {
            match frames.next() {
                Ok(Some(event)) => {
                    let bytes = frames.bytes();
                    self.events += u32::from(!event.keeps_alive(bytes));
                    let verdict = read_event(self.dialect, reader, &event, bytes);
                    if verdict.is_some() {
                        break verdict;
                    }
                }
                Ok(None) => break None,
                // larger than what is waited for
                Err(_) => break Some(Verdict::Content),
            }
        };
        frames.discard();
        verdict
    }
}

/// Reads one event of a stream.
fn read_event(
    dialect: Dialect,
    reader: &mut Reply,
    event: &Event,
    bytes: &[u8],
) -> Option<Verdict> {
    if in_band::event_is_error(dialect, event, bytes) {
        let facts = failure::read_event(event, bytes).unwrap_or_default();
        return Some(Verdict::Error(Box::new(facts)));
    }
    let raw = bytes.get(event.raw.clone()).unwrap_or_default();
    let is_read = read_on(reader, raw, event.cut);
    let is_content = is_read.is_err() || has_content(reader) || is_of_tool(event, bytes);
    is_content.then_some(Verdict::Content)
}

fn read_on(reader: &mut Reply, raw: &[u8], cut: bool) -> Result<(), Malformed> {
    reader.push(raw)?;
    if raw.ends_with(b"\r") {
        // a line end that the next byte might belong to; here the event is known to be over
        reader.push(b"\n")?;
    }
    if cut {
        reader.finish()?;
    }
    reader.deltas();
    reader.write(&[]).map(drop)
}

/// Reports whether there was content, an end, or something that nobody can read.
fn has_content(reader: &Reply) -> bool {
    reader.content_seen()
        || reader.ended()
        || reader.finish_reason().is_some()
        || !reader.unseen().is_empty()
}

/// Reports whether an event is of a tool that the provider itself runs, such as
/// `response.web_search_call.in_progress`: apps show these.
fn is_of_tool(event: &Event, bytes: &[u8]) -> bool {
    let name = bytes.get(event.name.clone()).unwrap_or_default();
    memchr::memmem::find(name, b"_call.").is_some()
}

/// Reads a document that is the reply. An empty one is none.
fn document(dialect: Dialect, bytes: &[u8]) -> Option<Verdict> {
    let doc = bytes.strip_prefix(MARK).unwrap_or(bytes);
    if doc.trim_ascii().is_empty() {
        return None;
    }
    Some(match in_band::is_error(dialect, doc) {
        true => Verdict::Error(Box::new(failure::read(doc).unwrap_or_default())),
        false => Verdict::Content,
    })
}

/// Reads an element of a list of chunks.
fn element(dialect: Dialect, doc: &[u8]) -> Option<Verdict> {
    if in_band::is_error(dialect, doc) {
        return document(dialect, doc);
    }
    let limits = ReplyLimits {
        event: BYTES,
        body: BYTES,
    };
    let mut reader = Reply::whole(dialect, Places::NONE, limits).without_estimate();
    let is_read = reader.read_part(doc);
    (is_read.is_err() || has_content(&reader)).then_some(Verdict::Content)
}

/// Reads a whole reply that came in one piece; `None` where it is no document, or an empty one.
pub fn read_document(dialect: Dialect, bytes: &[u8]) -> Option<Verdict> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') if dialect.is_read() => document(dialect, bytes),
        _ => None,
    }
}

impl fmt::Debug for Hold {
    /// Shows sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("dialect", &self.dialect)
            .field("bytes", &self.bytes)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
