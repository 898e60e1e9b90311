//! Replies of `openai.responses`, events and whole.
//!
//! Every text comes up to four times: in deltas, when it is done, when its part and its item are,
//! and in the response at the end. What was seen is not said again, and what was not is said where
//! it is seen first: some servers send no deltas, some nothing but the end. Of the texts nothing is
//! kept but the arguments of a call whose name is not known yet.

use super::super::{
    event::{Event, Finish, Sink},
    format::{ReadReply, ReplyContext},
    text::Text,
};
use crate::{
    Dialect, Malformed, Usage, failure,
    json::{Kind, outlined::Cursor},
    usage,
};
use items::{Items, Piece, Place};

mod items;
mod walk;

/// Reads one reply.
pub(super) struct Reader {
    begun: bool,
    ended: bool,
    usage: Usage,
    items: Items,
}

/// The members of an event, in whatever order they came.
#[derive(Default)]
struct Members<'a> {
    kind: Option<Text<'a>>,
    place: Place<'a>,
    content: u64,
    summary: u64,
    delta: Option<Text<'a>>,
    /// `text`, `refusal` or `arguments`, whichever the type has.
    full: Option<Text<'a>>,
    name: Option<Text<'a>>,
    item: Option<Cursor<'a>>,
    part: Option<Cursor<'a>>,
    response: Option<Cursor<'a>>,
    has_error: bool,
}

/// The members of a response that are no items.
#[derive(Default)]
struct Response<'a> {
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    status: Option<Text<'a>>,
    reason: Option<Text<'a>>,
    output: Option<Cursor<'a>>,
    usage: Option<Cursor<'a>>,
    has_error: bool,
}

impl Reader {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            begun: false,
            ended: false,
            usage: Usage::default(),
            items: Items::new(context.origin),
        }
    }

    fn begin(&mut self, response: Option<&mut Response<'_>>, sink: &mut dyn Sink) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let (id, model) = match response {
            Some(response) => (response.id.take(), response.model.take()),
            None => (None, None),
        };
        let is_named = |text: &Text<'_>| !text.is_empty();
        sink.take(Event::Begin {
            id: id.filter(is_named),
            model: model.filter(is_named),
        });
    }

    fn fail(&mut self, data: &[u8], sink: &mut dyn Sink) {
        self.ended = true;
        let facts = failure::read(data).unwrap_or_default();
        sink.take(Event::Error(Box::new(facts)));
    }

    fn event(&mut self, name: &[u8], data: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let mut event = members(data)?;
        let kind = event.kind.take();
        let kind = kind.as_ref().map(Text::decode);
        let kind = match &kind {
            Some(kind) => kind.as_bytes(),
            None => name,
        };
        if kind == b"error" || kind.is_empty() && event.has_error {
            self.fail(data, sink);
            return Ok(());
        }
        let Some(kind) = kind.strip_prefix(b"response.") else {
            return Ok(());
        };
        let end = match kind {
            b"created" | b"in_progress" | b"queued" => None,
            b"completed" | b"done" => Some("completed"),
            b"incomplete" => Some("incomplete"),
            b"failed" => Some("failed"),
            b"cancelled" => Some("cancelled"),
            _ => {
                self.begin(None, sink);
                return self.piece(kind, event, data, sink);
            }
        };
        let mut response = match event.response {
            Some(mut cursor) => read_response(&mut cursor, data)?,
            None => Response::default(),
        };
        self.begin(Some(&mut response), sink);
        match end {
            Some(status) => self.end(response, status, data, sink),
            None => Ok(()),
        }
    }

    /// A piece of the output.
    fn piece<'a>(
        &mut self,
        kind: &[u8],
        mut event: Members<'a>,
        data: &'a [u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (content, summary) = (event.content, event.summary);
        let (piece, is_whole) = match kind {
            b"output_text.delta" => (Piece::Text(content), false),
            b"output_text.done" => (Piece::Text(content), true),
            b"refusal.delta" => (Piece::Refusal(content), false),
            b"refusal.done" => (Piece::Refusal(content), true),
            b"reasoning_summary_text.delta" => (Piece::Summary(summary), false),
            b"reasoning_summary_text.done" => (Piece::Summary(summary), true),
            b"reasoning_text.delta" => (Piece::Thought(content), false),
            b"reasoning_text.done" => (Piece::Thought(content), true),
            b"function_call_arguments.delta" => (Piece::Arguments, false),
            b"function_call_arguments.done" => (Piece::Arguments, true),
            b"output_item.added" | b"output_item.done" => {
                let is_done = kind == b"output_item.done";
                let Some(item) = &mut event.item else {
                    return Ok(());
                };
                return self
                    .items
                    .event(item, data, event.place.output, is_done, sink);
            }
            b"content_part.done" | b"reasoning_summary_part.done" => {
                let (item, index) = match kind {
                    b"content_part.done" => (None, content),
                    _ => (Some(Piece::Summary(summary)), summary),
                };
                let Some(part) = &mut event.part else {
                    return Ok(());
                };
                return self
                    .items
                    .part(part, data, &event.place, (item, index), sink);
            }
            b"output_text.annotation.added" => {
                self.items.drop("annotations", sink);
                return Ok(());
            }
            _ => {
                // Of other items, which are counted where they begin, or of what is new.
                if event.delta.is_some() {
                    let name = match kind.starts_with(b"audio.") {
                        true => "audio",
                        false => "output of other tools",
                    };
                    self.items.drop(name, sink);
                }
                return Ok(());
            }
        };
        let text = match is_whole {
            true => event.full,
            false => event.delta,
        };
        let at = self.items.at(&event.place, piece)?;
        if piece == Piece::Arguments {
            self.items.name(at, None, event.name.as_ref(), sink);
        }
        if let Some(text) = text {
            self.items.say(at, piece, text, is_whole, sink);
        }
        if piece == Piece::Arguments && is_whole {
            self.items.end_arguments(at, sink);
        }
        Ok(())
    }

    fn end<'a>(
        &mut self,
        mut response: Response<'a>,
        status: &str,
        data: &'a [u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        if response.has_error {
            self.fail(data, sink);
            return Ok(());
        }
        if let Some(output) = &mut response.output {
            self.items.output(output, data, sink)?;
        }
        let is_complete = self.items.end(sink);
        if let Some(counts) = &mut response.usage {
            usage::read(counts.inlined(), Dialect::OpenaiResponses, &mut self.usage)?;
            if self.usage != Usage::default() {
                sink.take(Event::Usage(self.usage));
            }
        }
        let own = response.status.as_ref().map(Text::decode);
        let status = match own.as_deref() {
            Some(own @ ("incomplete" | "failed" | "cancelled")) => own,
            _ => status,
        };
        let is_filter = |reason: &Text<'_>| reason.is("content_filter");
        let reason = match status {
            "failed" | "cancelled" => Finish::Broken,
            "incomplete" if response.reason.as_ref().is_some_and(is_filter) => Finish::Filtered,
            "incomplete" => Finish::Length,
            _ if !is_complete => Finish::Broken,
            _ if self.items.refused() => Finish::Refused,
            _ if self.items.has_calls() => Finish::Calls,
            _ => Finish::Stop,
        };
        self.ended = true;
        sink.take(Event::Finish {
            choice: 0,
            reason,
            stop: None,
        });
        sink.take(Event::End);
        Ok(())
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
        // `[DONE]` is another dialect's, and ends nothing here.
        if self.ended || data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        self.event(name, data, sink)
    }

    fn read_whole(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        let mut cursor = Cursor::lenient(doc, 0);
        if cursor.kind()? != Kind::Object {
            return match failure::read(doc) {
                Some(_) => {
                    self.fail(doc, sink);
                    Ok(())
                }
                None => Err(Malformed::new("the reply is no object", 0)),
            };
        }
        let mut response = read_response(&mut cursor, doc)?;
        cursor.end()?;
        if response.has_error {
            self.fail(doc, sink);
            return Ok(());
        }
        if response.output.is_none() {
            return Err(Malformed::new("the reply has no output", 0));
        }
        let status = response.status.as_ref().map(Text::decode);
        if matches!(status.as_deref(), Some("queued" | "in_progress")) {
            return Err(Malformed::new("the reply is not complete", 0));
        }
        self.begin(Some(&mut response), sink);
        self.end(response, "completed", doc, sink)
    }
}

fn members(data: &[u8]) -> Result<Members<'_>, Malformed> {
    let mut event = Members::default();
    let mut cursor = Cursor::lenient(data, 0);
    cursor.object(|key, cursor| {
        match &*key.bytes() {
            b"type" => event.kind = Text::read_or_skip(cursor, data)?,
            b"item_id" => event.place.id = Text::read_or_skip(cursor, data)?,
            b"output_index" => event.place.output = cursor.count()?,
            b"content_index" => event.content = cursor.count()?.unwrap_or(0),
            b"summary_index" => event.summary = cursor.count()?.unwrap_or(0),
            b"delta" => event.delta = Text::read_or_skip(cursor, data)?,
            b"text" | b"refusal" | b"arguments" => event.full = Text::read_or_skip(cursor, data)?,
            b"name" => event.name = Text::read_or_skip(cursor, data)?,
            b"item" => event.item = Some(*cursor),
            b"part" => event.part = Some(*cursor),
            b"response" => event.response = Some(*cursor),
            b"error" => event.has_error = cursor.kind()? != Kind::Null,
            _ => {}
        }
        Ok(())
    })?;
    cursor.end()?;
    Ok(event)
}

fn read_response<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Response<'a>, Malformed> {
    let mut response = Response::default();
    cursor.object_or_skip(|key, cursor| {
        match &*key.bytes() {
            b"id" => response.id = Text::read_or_skip(cursor, doc)?,
            b"model" => response.model = Text::read_or_skip(cursor, doc)?,
            b"status" => response.status = Text::read_or_skip(cursor, doc)?,
            b"incomplete_details" => cursor.object_or_skip(|key, cursor| {
                if key.is("reason") {
                    response.reason = Text::read_or_skip(cursor, doc)?;
                }
                Ok(())
            })?,
            b"output" if cursor.kind()? == Kind::Array => response.output = Some(*cursor),
            b"usage" => response.usage = Some(*cursor),
            b"error" => response.has_error = cursor.kind()? != Kind::Null,
            _ => {}
        }
        Ok(())
    })?;
    Ok(response)
}
