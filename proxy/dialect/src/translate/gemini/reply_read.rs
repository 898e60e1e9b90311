//! The reader of `gemini.generate` replies: chunks of a stream, a whole reply, and the array of
//! chunks that a stream without `alt=sse` is.
//!
//! There is no mark of the end: a reply is complete when every candidate that was seen has its
//! `finishReason`, and a call may come behind a `STOP`. So the finishes are given when nothing more
//! comes, and not before.

use super::finish::{self, is_unspecified};
use crate::{
    Dialect, Malformed, Usage, failure,
    json::{Kind, outlined::Cursor},
    translate::{
        event::{Event, Finish, Sink},
        format::{ReadReply, ReplyContext},
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
    usage,
};

/// The most candidates of one reply; the API makes 8.
const MOST: usize = 64;

/// Reads one reply.
pub(super) struct Reader {
    context: ReplyContext,
    begun: bool,
    /// True once nothing more is to be given.
    done: bool,
    candidates: Vec<Candidate>,
    /// The calls so far.
    calls: u32,
    usage: Usage,
    /// The prompt was refused, so that there are no candidates.
    blocked: bool,
    /// The fields that were left out, each once.
    dropped: Vec<&'static str>,
}

/// The state of a candidate.
struct Candidate {
    index: u32,
    finish: Option<Finish>,
    called: bool,
}

/// The members of a chunk, in the order in which they are wanted.
#[derive(Default)]
struct Chunk<'a> {
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    candidates: Option<Cursor<'a>>,
    usage: Option<Cursor<'a>>,
    feedback: Option<Cursor<'a>>,
    has_error: bool,
}

/// The members of a part.
#[derive(Default)]
struct Part<'a> {
    text: Option<Text<'a>>,
    thought: bool,
    signature: Option<Text<'a>>,
    call: Option<Cursor<'a>>,
    other: Option<&'static str>,
}

impl Reader {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            begun: false,
            done: false,
            candidates: Vec::new(),
            calls: 0,
            usage: Usage::default(),
            blocked: false,
            dropped: Vec::new(),
        }
    }

    /// Reads a chunk, or a list of them.
    fn document(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let mut cursor = Cursor::lenient(doc, 0);
        match cursor.kind()? == Kind::Array {
            true => cursor.array(|_, cursor| self.chunk(doc, cursor, sink))?,
            false => self.chunk(doc, &mut cursor, sink)?,
        }
        cursor.end()
    }

    fn chunk<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let mut chunk = Chunk::default();
        let start = *cursor;
        cursor.object(|key, cursor| {
            let (place, is_null) = (*cursor, cursor.kind()? == Kind::Null);
            match &*key.bytes() {
                _ if is_null => {}
                b"responseId" => chunk.id = Text::read_or_skip(cursor, doc)?,
                b"modelVersion" => chunk.model = Text::read_or_skip(cursor, doc)?,
                b"candidates" => chunk.candidates = Some(place),
                b"usageMetadata" => chunk.usage = Some(place),
                b"promptFeedback" => chunk.feedback = Some(place),
                b"error" => chunk.has_error = true,
                _ => {}
            }
            Ok(())
        })?;
        if self.done {
            return Ok(());
        }
        if chunk.has_error {
            let error = doc.get(start.at()..cursor.at()).unwrap_or_default();
            sink.take(Event::Error(Box::new(
                failure::read(error).unwrap_or_default(),
            )));
            self.done = true;
            return Ok(());
        }
        if !std::mem::replace(&mut self.begun, true) {
            let (id, model) = (chunk.id, chunk.model);
            sink.take(Event::Begin { id, model });
        }
        if let Some(mut feedback) = chunk.feedback {
            feedback.object_or_skip(|key, cursor| {
                if key.is("blockReason") {
                    let reason = cursor.text_or_skip()?;
                    let reason = reason.map(|reason| reason.decode(doc));
                    self.blocked |= reason.is_some_and(|reason| !is_unspecified(&reason));
                }
                Ok(())
            })?;
        }
        if let Some(mut candidates) = chunk.candidates {
            candidates.array_or_skip(|position, cursor| match cursor.kind()? == Kind::Object {
                true => self.candidate(doc, cursor, position, sink),
                false => Ok(()),
            })?;
        }
        if let Some(mut counts) = chunk.usage {
            usage::read(counts.inlined(), Dialect::GeminiGenerate, &mut self.usage)?;
            if self.usage != Usage::default() {
                sink.take(Event::Usage(self.usage));
            }
        }
        Ok(())
    }

    fn candidate<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        position: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let mut index = u32::try_from(position).unwrap_or(u32::MAX);
        let (mut finish, mut content) = (None, None);
        cursor.object(|key, cursor| {
            let kind = cursor.kind()?;
            match &*key.bytes() {
                _ if kind == Kind::Null => {}
                b"index" => {
                    let number = cursor.integer()?;
                    index = number.and_then(|n| u32::try_from(n).ok()).unwrap_or(index);
                }
                b"content" => content = Some(*cursor),
                b"finishReason" => {
                    let reason = cursor.text_or_skip()?;
                    let reason = reason.map(|reason| reason.decode(doc));
                    finish = reason
                        .filter(|reason| !is_unspecified(reason))
                        .map(|reason| finish::read(&reason));
                }
                b"citationMetadata" => self.drop_member("citations", sink),
                b"groundingMetadata" | b"groundingAttributions" => {
                    self.drop_member("grounding", sink);
                }
                b"urlContextMetadata" => self.drop_member("urlContextMetadata", sink),
                b"logprobsResult" => self.drop_member("logprobs", sink),
                // ratings, counts and words about the finish say nothing that is not said
                _ => {}
            }
            Ok(())
        })?;
        let known = self
            .candidates
            .iter()
            .position(|known| known.index == index);
        let at = match known {
            Some(at) => at,
            None if self.candidates.len() >= MOST => {
                return Err(Malformed::new(
                    "a reply has too many candidates",
                    cursor.at(),
                ));
            }
            None => {
                self.candidates.push(Candidate {
                    index,
                    finish: None,
                    called: false,
                });
                self.candidates.len() - 1
            }
        };
        let calls = self.calls;
        if let Some(mut content) = content {
            content.object_or_skip(|key, cursor| match key.is("parts") {
                true => cursor.array_or_skip(|_, cursor| self.part(doc, cursor, index, sink)),
                false => Ok(()),
            })?;
        }
        let called = self.calls > calls;
        if let Some(candidate) = self.candidates.get_mut(at) {
            candidate.finish = finish.or(candidate.finish);
            candidate.called |= called;
        }
        Ok(())
    }

    fn part<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        choice: u32,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let mut part = Part::default();
        cursor.object_or_skip(|key, cursor| {
            let (place, is_null) = (*cursor, cursor.kind()? == Kind::Null);
            match &*key.bytes() {
                _ if is_null => {}
                b"text" => {
                    part.text = Text::read_or_skip(cursor, doc)?.filter(|text| !text.is_empty())
                }
                b"thought" => part.thought = cursor.boolean()?.unwrap_or(false),
                b"thoughtSignature" | b"thought_signature" => {
                    part.signature =
                        Text::read_or_skip(cursor, doc)?.filter(|text| !text.is_empty());
                }
                b"functionCall" => part.call = Some(place),
                b"inlineData" | b"fileData" => part.other = Some("inlineData"),
                b"executableCode" | b"codeExecutionResult" | b"toolCall" | b"toolResponse" => {
                    part.other = Some("executableCode");
                }
                _ => {}
            }
            Ok(())
        })?;
        let origin = self.context.origin;
        let opaque = part.signature.map(|signature| Event::Opaque {
            choice,
            opaque: Opaque::of(origin, OpaqueKind::Thought, signature),
        });
        // what seals a thought follows it, and what seals another part precedes it
        match (part.thought, part.text) {
            (true, text) => {
                if let Some(text) = text {
                    sink.take(Event::Reasoning { choice, text });
                }
                opaque.into_iter().for_each(|opaque| sink.take(opaque));
            }
            (false, text) => {
                opaque.into_iter().for_each(|opaque| sink.take(opaque));
                if let Some(text) = text {
                    sink.take(Event::Text { choice, text });
                }
            }
        }
        if let Some(field) = part.other {
            self.drop_member(field, sink);
        }
        match part.call {
            Some(mut call) => self.call(doc, &mut call, choice, sink),
            None => Ok(()),
        }
    }

    /// Reads a call, which is complete where it stands.
    fn call<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        choice: u32,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut id, mut name, mut args) = (None, None, None);
        cursor.object_or_skip(|key, cursor| {
            let kind = cursor.kind()?;
            match &*key.bytes() {
                b"id" => id = Text::read_or_skip(cursor, doc)?.filter(|id| !id.is_empty()),
                b"name" => name = Text::read_or_skip(cursor, doc)?,
                b"args" if kind == Kind::Object => args = doc.get(cursor.skip()?),
                _ => {}
            }
            Ok(())
        })?;
        let Some(name) = name else {
            return Err(Malformed::new("a call has no name", cursor.at()));
        };
        let call = self.calls;
        self.calls = call.saturating_add(1);
        sink.take(Event::Call {
            choice,
            call,
            id,
            name,
        });
        let text = Text::Plain(String::from_utf8_lossy(args.unwrap_or(b"{}")));
        sink.take(Event::Arguments { choice, call, text });
        sink.take(Event::CallEnd { choice, call });
        Ok(())
    }

    fn drop_member(&mut self, field: &'static str, sink: &mut dyn Sink) {
        if !self.dropped.contains(&field) {
            self.dropped.push(field);
            sink.take(Event::Dropped(field));
        }
    }

    /// Gives the finishes, where every candidate has one.
    fn end(&mut self, sink: &mut dyn Sink) {
        if self.done || self.candidates.is_empty() && !self.blocked {
            return;
        }
        if self.candidates.iter().any(|known| known.finish.is_none()) {
            return;
        }
        self.done = true;
        if self.candidates.is_empty() {
            sink.take(finished(0, Finish::Filtered));
        }
        for candidate in &self.candidates {
            let reason = match (candidate.finish, candidate.called) {
                (Some(Finish::Stop) | None, true) => Finish::Calls,
                (reason, _) => reason.unwrap_or(Finish::Stop),
            };
            sink.take(finished(candidate.index, reason));
        }
        sink.take(Event::End);
    }
}

fn finished(choice: u32, reason: Finish) -> Event<'static> {
    Event::Finish {
        choice,
        reason,
        stop: None,
    }
}

impl ReadReply for Reader {
    fn read_event(
        &mut self,
        _name: &[u8],
        data: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        match data.trim_ascii() {
            b"" | b"[DONE]" => Ok(()), // gateways add it
            data => self.document(data, sink),
        }
    }

    fn read_whole(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        self.document(doc, sink)?;
        if doc.trim_ascii_start().first() == Some(&b'{') {
            // one document is complete, whatever it leaves out
            for candidate in &mut self.candidates {
                candidate.finish.get_or_insert(Finish::Stop);
            }
        }
        self.end(sink);
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        self.end(sink);
    }
}
