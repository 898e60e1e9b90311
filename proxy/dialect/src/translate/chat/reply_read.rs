//! Replies of `openai.chat`, chunks and whole, in the spellings of the servers that speak it.

use super::{
    super::{
        event::{Event, Finish, Sink},
        format::{ReadReply, ReplyContext},
        text::Text,
    },
    calls::{Calls, Piece},
};
use crate::{
    Dialect, Malformed, Usage, failure, in_band,
    json::{Kind, outlined::Cursor},
    usage,
};

/// The most choices of one reply.
const MOST_CHOICES: usize = 256;

/// Reads one reply. A finish is given at the end: some servers write a reason into every chunk.
pub(super) struct Reader {
    begun: bool,
    calls: Calls,
    choices: Vec<Choice>,
    usage: Usage,
    ended: bool,
}

#[derive(Debug)]
struct Choice {
    number: u32,
    finish: Option<Finish>,
}

/// The members of a chunk, in whatever order they came.
#[derive(Default)]
struct Chunk<'a> {
    id: Option<Text<'a>>,
    model: Option<Text<'a>>,
    choices: Option<Cursor<'a>>,
    usage: Option<Cursor<'a>>,
}

impl Reader {
    pub(super) fn new(_: ReplyContext) -> Self {
        Self {
            begun: false,
            calls: Calls::default(),
            choices: Vec::new(),
            usage: Usage::default(),
            ended: false,
        }
    }

    fn read(&mut self, doc: &[u8], is_whole: bool, sink: &mut dyn Sink) -> Result<(), Malformed> {
        let mut chunk = Chunk::default();
        let mut cursor = Cursor::lenient(doc, 0);
        cursor.object(|key, cursor| {
            match &*key.bytes() {
                b"id" => chunk.id = Text::read_or_skip(cursor, doc)?,
                b"model" => chunk.model = Text::read_or_skip(cursor, doc)?,
                b"choices" => chunk.choices = Some(*cursor),
                b"usage" => chunk.usage = Some(*cursor),
                b"x_groq" => cursor.object_or_skip(|key, cursor| {
                    if key.is("usage") {
                        chunk.usage = Some(*cursor);
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        let is_named = |text: &Text<'_>| !text.is_empty();
        if !std::mem::replace(&mut self.begun, true) {
            sink.take(Event::Begin {
                id: chunk.id.filter(is_named),
                model: chunk.model.filter(is_named),
            });
        }
        if let Some(mut choices) = chunk.choices {
            choices.array_or_skip(|_, cursor| self.choice(doc, cursor, is_whole, sink))?;
        }
        if let Some(mut counts) = chunk.usage {
            usage::read(counts.inlined(), Dialect::OpenaiChat, &mut self.usage)?;
            if self.usage != Usage::default() {
                sink.take(Event::Usage(self.usage));
            }
        }
        Ok(())
    }

    fn choice<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        is_whole: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut index, mut message, mut finish) = (0, None, None);
        cursor.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"index" => index = cursor.count()?.unwrap_or(0),
                b"delta" | b"message" => message = Some(*cursor),
                b"finish_reason" => finish = Text::read_or_skip(cursor, doc)?,
                b"logprobs" if cursor.kind()? != Kind::Null => {
                    sink.take(Event::Dropped("logprobs"));
                }
                _ => {}
            }
            Ok(())
        })?;
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        if !self.choices.iter().any(|choice| choice.number == number) {
            if self.choices.len() >= MOST_CHOICES {
                return Err(Malformed::new("a reply has too many choices", 0));
            }
            let finish = None;
            self.choices.push(Choice { number, finish });
        }
        if let Some(mut message) = message
            && message.kind()? == Kind::Object
        {
            self.message(doc, &mut message, number, is_whole, sink)?;
        }
        if let Some(reason) = finish.filter(|reason| !reason.is_empty()) {
            let mut choices = self.choices.iter_mut();
            if let Some(choice) = choices.find(|choice| choice.number == number) {
                choice.finish = Some(finish_of(&reason.decode()));
            }
        }
        Ok(())
    }

    fn message<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        choice: u32,
        is_whole: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut content, mut details, mut calls, mut function) = (None, None, None, None);
        let (mut reasoning, mut refusal) = (None, None);
        cursor.object(|key, cursor| {
            let is_there = cursor.kind()? != Kind::Null;
            match &*key.bytes() {
                b"content" => content = Some(*cursor),
                b"reasoning_content" | b"reasoning" => {
                    // both, where a server serves old and new clients
                    let text = Text::read_or_skip(cursor, doc)?;
                    reasoning = reasoning.take().or(text.filter(|text| !text.is_empty()));
                }
                b"reasoning_details" => details = Some(*cursor),
                b"refusal" => refusal = Text::read_or_skip(cursor, doc)?,
                b"tool_calls" => calls = Some(*cursor),
                b"function_call" => function = Some(*cursor),
                b"annotations" if is_there && !is_empty_list(cursor) => {
                    sink.take(Event::Dropped("annotations"));
                }
                b"audio" if is_there => sink.take(Event::Dropped("audio")),
                b"images" if is_there && !is_empty_list(cursor) => {
                    sink.take(Event::Dropped("images"));
                }
                _ => {}
            }
            Ok(())
        })?;
        let has_reasoning = reasoning.is_some();
        if let Some(text) = reasoning {
            sink.take(Event::Reasoning { choice, text });
        }
        if let Some(mut details) = details {
            details.array_or_skip(|_, cursor| detail(doc, cursor, choice, has_reasoning, sink))?;
        }
        if let Some(mut content) = content {
            said(doc, &mut content, choice, sink)?;
        }
        if let Some(text) = refusal.filter(|text| !text.is_empty()) {
            sink.take(Event::Refusal { choice, text });
        }
        if let Some(mut calls) = calls {
            calls.array_or_skip(|_, cursor| {
                let piece = piece(doc, cursor)?;
                self.calls.take(choice, &piece, is_whole, sink)
            })?;
        }
        if let Some(mut function) = function
            && function.kind()? == Kind::Object
        {
            let piece = called(doc, &mut function, Piece::default())?;
            self.calls.take(choice, &piece, false, sink)?;
        }
        Ok(())
    }

    /// Gives the end.
    fn end(&mut self, sink: &mut dyn Sink) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let is_sound = self.calls.end(sink);
        for choice in &self.choices {
            let has_calls = self.calls.any(choice.number);
            let reason = match choice.finish {
                _ if !is_sound => Finish::Broken,
                // many servers say `stop` behind a call
                Some(Finish::Stop) | None if has_calls => Finish::Calls,
                Some(reason) => reason,
                None => Finish::Stop,
            };
            sink.take(Event::Finish {
                choice: choice.number,
                reason,
                stop: None,
            });
        }
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
            self.end(sink);
            return Ok(());
        }
        if name == b"error" || is_error(data) {
            let facts = failure::read(data).unwrap_or_default();
            sink.take(Event::Error(Box::new(facts)));
            return Ok(());
        }
        self.read(data, false, sink)
    }

    fn read_whole(&mut self, doc: &[u8], sink: &mut dyn Sink) -> Result<(), Malformed> {
        if is_error(doc) {
            let facts = failure::read(doc).unwrap_or_default();
            sink.take(Event::Error(Box::new(facts)));
            return Ok(());
        }
        self.read(doc, true, sink)?;
        if self.choices.is_empty() {
            return Err(Malformed::new("the reply has no choice", 0));
        }
        self.end(sink);
        Ok(())
    }

    /// Some servers end a stream without `[DONE]`: it is whole where each choice has its reason.
    fn finish(&mut self, sink: &mut dyn Sink) {
        let finished = |choice: &Choice| choice.finish.is_some();
        if !self.choices.is_empty() && self.choices.iter().all(finished) {
            self.end(sink);
        }
    }
}

fn is_error(doc: &[u8]) -> bool {
    memchr::memmem::find(doc, b"\"error\"").is_some() && in_band::is_error(Dialect::OpenaiChat, doc)
}

fn is_empty_list(cursor: &Cursor<'_>) -> bool {
    let mut is_empty = true;
    let read = cursor.clone().array_or_skip(|_, _| {
        is_empty = false;
        Ok(())
    });
    read.is_ok() && is_empty
}

/// The reason of a finish. One that is not known is an end like any other.
fn finish_of(reason: &str) -> Finish {
    match reason {
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::Calls,
        "content_filter" => Finish::Filtered,
        "error" | "insufficient_system_resource" => Finish::Broken,
        _ => Finish::Stop,
    }
}

/// An entry of `reasoning_details` (OpenRouter): its text is in `reasoning`, too, nearly always.
fn detail<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    choice: u32,
    is_known: bool,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| {
        match &*key.bytes() {
            b"text" | b"summary" if !is_known => {
                let text = Text::read_or_skip(cursor, doc)?;
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    sink.take(Event::Reasoning { choice, text });
                }
            }
            b"signature" | b"data" if cursor.kind()? == Kind::String => {
                sink.take(Event::Dropped("reasoning_details"));
            }
            _ => {}
        }
        Ok(())
    })
}

/// Content: a string, or Mistral's list of parts.
fn said<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    choice: u32,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    if cursor.kind()? == Kind::String {
        let text = Text::read(cursor, doc)?;
        if !text.is_empty() {
            sink.take(Event::Text { choice, text });
        }
        return Ok(());
    }
    cursor.array_or_skip(|_, cursor| {
        cursor.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"text" => {
                    let text = Text::read_or_skip(cursor, doc)?;
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        sink.take(Event::Text { choice, text });
                    }
                }
                b"thinking" => thought(doc, cursor, choice, sink)?,
                _ => {}
            }
            Ok(())
        })
    })
}

/// Mistral's reasoning: a string, or parts of text.
fn thought<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    choice: u32,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    if cursor.kind()? == Kind::String {
        let text = Text::read(cursor, doc)?;
        sink.take(Event::Reasoning { choice, text });
        return Ok(());
    }
    cursor.array_or_skip(|_, cursor| {
        cursor.object_or_skip(|key, cursor| {
            if key.is("text")
                && let Some(text) = Text::read_or_skip(cursor, doc)?
            {
                sink.take(Event::Reasoning { choice, text });
            }
            Ok(())
        })
    })
}

fn piece<'a>(doc: &'a [u8], cursor: &mut Cursor<'a>) -> Result<Piece<'a>, Malformed> {
    let mut piece = Piece::default();
    let mut function = None;
    cursor.object_or_skip(|key, cursor| {
        match &*key.bytes() {
            b"index" => piece.index = cursor.integer()?,
            b"id" => piece.id = Text::read_or_skip(cursor, doc)?,
            b"function" => function = Some(*cursor),
            _ => {}
        }
        Ok(())
    })?;
    match function {
        Some(mut function) => called(doc, &mut function, piece),
        None => Ok(piece),
    }
}

/// A function's name and arguments; some servers send these as the value itself.
fn called<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    mut piece: Piece<'a>,
) -> Result<Piece<'a>, Malformed> {
    cursor.object_or_skip(|key, cursor| {
        match (&*key.bytes(), cursor.kind()?) {
            (b"name", Kind::String) => piece.name = Some(Text::read(cursor, doc)?),
            (b"arguments", Kind::String) => piece.arguments = Some(Text::read(cursor, doc)?),
            (b"arguments", Kind::Object) => {
                let range = cursor.skip()?;
                let source = doc.get(range).unwrap_or_default();
                piece.arguments = Some(Text::Plain(String::from_utf8_lossy(source)));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(piece)
}
