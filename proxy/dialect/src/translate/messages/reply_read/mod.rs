//! Replies of `anthropic.messages`, read, whole and as a stream:
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>.
//!
//! Of a stream nothing is kept but the blocks that are open.

use super::super::{
    event::{Event, Finish, Sink},
    format::{ReadReply, ReplyContext},
    opaque::Origin,
    text::Text,
};
use crate::{
    Dialect, Malformed, Usage, failure, in_band,
    json::{Kind, outlined::Cursor},
    usage::{self, Report},
};

use blocks::{Open, complete, read_block};

mod blocks;

/// A reply has one choice.
const CHOICE: u32 = 0;
/// Reads one reply.
pub(super) struct Reader {
    origin: Origin,
    begun: bool,
    open: Vec<Open>,
    calls: u32,
    usage: Usage,
    finish: Option<Finish>,
    /// The text at which the model stopped.
    stop: Option<String>,
    /// The reason that is given for a refusal.
    explanation: Option<String>,
    ended: bool,
}

/// The members of an event, in whatever order they came.
#[derive(Default)]
struct Data<'a> {
    kind: Option<Text<'a>>,
    index: Option<u64>,
    message: Option<Cursor<'a>>,
    block: Option<Cursor<'a>>,
    delta: Option<Cursor<'a>>,
    usage: Option<Cursor<'a>>,
}

impl Reader {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            origin: context.origin,
            begun: false,
            open: Vec::new(),
            calls: 0,
            usage: Usage::default(),
            finish: None,
            stop: None,
            explanation: None,
            ended: false,
        }
    }

    fn begin(&mut self, id: Option<Text<'_>>, model: Option<Text<'_>>, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.begun, true) {
            sink.take(Event::Begin { id, model });
        }
    }

    /// Takes what an event says, by its type.
    fn event(
        &mut self,
        name: &[u8],
        doc: &[u8],
        mut data: Data<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let kind = data.kind.take();
        let kind = kind.as_ref().map(Text::decode);
        let kind = kind.as_ref().map_or(name, |kind| kind.as_bytes());
        match kind {
            b"message_start" => self.message_start(doc, data.message, sink)?,
            b"content_block_start" => {
                self.begin(None, None, sink);
                if let Some(mut block) = data.block {
                    let block = read_block(doc, &mut block)?;
                    let index = data.index.unwrap_or(0);
                    self.start(doc, index, &block, sink)?;
                }
            }
            b"content_block_delta" => {
                self.begin(None, None, sink);
                if let Some(mut delta) = data.delta {
                    self.grow(doc, data.index, &mut delta, sink)?;
                }
            }
            b"content_block_stop" => self.stop(data.index, sink),
            b"message_delta" => {
                if let Some(mut delta) = data.delta {
                    self.message(doc, &mut delta, sink)?;
                }
                self.count(data.usage, sink)?;
            }
            b"message_stop" => self.end(sink),
            _ => {} // `ping`, and what is to come
        }
        Ok(())
    }

    fn message_start(
        &mut self,
        doc: &[u8],
        message: Option<Cursor<'_>>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut id, mut model, mut counts) = (None, None, None);
        if let Some(mut message) = message {
            message.object_or_skip(|key, cursor| {
                match &*key.bytes() {
                    b"id" => id = given(cursor, doc)?,
                    b"model" => model = given(cursor, doc)?,
                    b"usage" => counts = Some(*cursor),
                    _ => {}
                }
                Ok(())
            })?;
        }
        self.begin(id, model, sink);
        self.count(counts, sink)
    }

    fn count(&mut self, counts: Option<Cursor<'_>>, sink: &mut dyn Sink) -> Result<(), Malformed> {
        if let Some(mut counts) = counts {
            let report = usage::read(
                counts.inlined(),
                Dialect::AnthropicMessages,
                &mut self.usage,
            )?;
            if report != Report::Blank {
                sink.take(Event::Usage(self.usage));
            }
        }
        Ok(())
    }

    /// Takes the members of a message that say why it ended.
    fn message(
        &mut self,
        doc: &[u8],
        cursor: &mut Cursor<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        cursor.object_or_skip(|key, cursor| self.member(&key.bytes(), doc, cursor, sink))
    }

    fn member(
        &mut self,
        key: &[u8],
        doc: &[u8],
        cursor: &mut Cursor<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let start = *cursor;
        match key {
            b"stop_reason" => {
                if let Some(reason) = given(&mut { start }, doc)? {
                    self.finish = Some(finish_of(&reason.decode()));
                }
            }
            b"stop_sequence" => {
                if let Some(stop) = given(&mut { start }, doc)? {
                    self.stop = Some(stop.decode().into_owned());
                }
            }
            b"stop_details" => {
                let mut details = start;
                details.object_or_skip(|key, cursor| {
                    if key.is("explanation")
                        && let Some(text) = given(cursor, doc)?
                    {
                        self.explanation = Some(text.decode().into_owned());
                    }
                    Ok(())
                })?;
            }
            b"container" if cursor.kind()? != Kind::Null => {
                sink.take(Event::Dropped("container"));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.begin(None, None, sink);
        for open in self.open.drain(..) {
            complete(open, sink);
        }
        let reason = match self.finish {
            // servers of other makes
            Some(Finish::Stop) | None if self.calls > 0 => Finish::Calls,
            Some(reason) => reason,
            None => Finish::Stop,
        };
        if let (Finish::Refused, Some(text)) = (reason, self.explanation.take()) {
            sink.take(Event::Refusal {
                choice: CHOICE,
                text: Text::plain(text),
            });
        }
        sink.take(Event::Finish {
            choice: CHOICE,
            reason,
            stop: self
                .stop
                .take()
                .filter(|_| reason == Finish::StopSequence)
                .map(Text::plain),
        });
        sink.take(Event::End);
    }
}

impl ReadReply for Reader {
    fn read_event(
        &mut self,
        name: &[u8],
        data: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            // gateways that end every stream so
            if self.finish.is_some() {
                self.end(sink);
            }
            return Ok(());
        }
        if name == b"error" || is_error(data) {
            let facts = failure::read(data).unwrap_or_default();
            sink.take(Event::Error(Box::new(facts)));
            return Ok(());
        }
        let mut members = Data::default();
        let mut cursor = Cursor::lenient(data, 0);
        cursor.object(|key, cursor| {
            match &*key.bytes() {
                b"type" => members.kind = given(cursor, data)?,
                b"index" => members.index = cursor.count()?,
                b"message" => members.message = Some(*cursor),
                b"content_block" => members.block = Some(*cursor),
                b"delta" => members.delta = Some(*cursor),
                b"usage" => members.usage = Some(*cursor),
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        self.event(name, data, members, sink)
    }

    fn read_whole(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        if is_error(doc) {
            let facts = failure::read(doc).unwrap_or_default();
            sink.take(Event::Error(Box::new(facts)));
            return Ok(());
        }
        let (mut id, mut model, mut content, mut counts) = (None, None, None, None);
        let mut cursor = Cursor::lenient(doc, 0);
        cursor.object(|key, cursor| {
            match &*key.bytes() {
                b"id" => id = given(cursor, doc)?,
                b"model" => model = given(cursor, doc)?,
                b"content" => content = Some(*cursor),
                b"usage" => counts = Some(*cursor),
                key => self.member(key, doc, cursor, sink)?,
            }
            Ok(())
        })?;
        cursor.end()?;
        let Some(mut content) = content else {
            return Err(Malformed::new("the reply has no content", 0));
        };
        self.begin(id, model, sink);
        content.array(|index, cursor| {
            let block = read_block(doc, cursor)?;
            self.start(doc, index as u64, &block, sink)?;
            self.stop(Some(index as u64), sink);
            Ok(())
        })?;
        self.count(counts, sink)?;
        self.end(sink);
        Ok(())
    }
}

/// Takes a string that is not empty, or skips another value.
fn given<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Option<Text<'a>>, Malformed> {
    Ok(Text::read_or_skip(cursor, doc)?.filter(|text| !text.is_empty()))
}

fn is_error(doc: &[u8]) -> bool {
    memchr::memmem::find(doc, b"\"error\"").is_some()
        && in_band::is_error(Dialect::AnthropicMessages, doc)
}

/// The reason of a finish. One that is not known is an end like any other.
fn finish_of(reason: &str) -> Finish {
    match reason {
        "stop_sequence" => Finish::StopSequence,
        "max_tokens" => Finish::Length,
        "model_context_window_exceeded" => Finish::ContextWindow,
        "tool_use" => Finish::Calls,
        "refusal" => Finish::Refused,
        "pause_turn" | "compaction" => Finish::Pause,
        _ => Finish::Stop,
    }
}
