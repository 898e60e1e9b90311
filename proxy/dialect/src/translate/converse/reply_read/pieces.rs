//! Pieces that streams and whole replies share.

use super::super::super::{
    event::{Event, Sink},
    text::Text,
};
use crate::{
    Malformed, Usage,
    json::{Kind, outlined::Cursor},
};

/// The most tokens that one reply is believed to have taken.
const MOST_TOKENS: u64 = 1_000_000_000;

/// A call's head, and its input where the reply is whole.
#[derive(Default)]
pub(super) struct ToolUse<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) input: Option<Text<'a>>,
    /// The provider itself runs the tool.
    pub(super) is_hosted: bool,
}

impl<'a> ToolUse<'a> {
    pub(super) fn read(doc: &'a [u8], cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let mut tool = Self::default();
        cursor.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"toolUseId" => tool.id = Text::read_or_skip(cursor, doc)?,
                b"name" => tool.name = Text::read_or_skip(cursor, doc)?,
                b"input" if cursor.kind()? != Kind::Null => {
                    let range = cursor.skip()?;
                    let source = doc.get(range).unwrap_or_default();
                    tool.input = Some(Text::Plain(String::from_utf8_lossy(source)));
                }
                b"type" => {
                    let kind = Text::read_or_skip(cursor, doc)?;
                    tool.is_hosted = kind.is_some_and(|kind| kind.is("server_tool_use"));
                }
                _ => {}
            }
            Ok(())
        })?;
        tool.name = tool.name.filter(|name| !name.is_empty());
        Ok(tool)
    }
}

/// Ends a call; one without arguments takes none.
pub(super) fn end_call(call: u32, has_arguments: bool, sink: &mut dyn Sink) {
    let choice = 0;
    if !has_arguments {
        let text = Text::plain("{}");
        sink.take(Event::Arguments { choice, call, text });
    }
    sink.take(Event::CallEnd { choice, call });
}

pub(super) fn give_text<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    let text = Text::read_or_skip(cursor, doc)?;
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        sink.take(Event::Text { choice: 0, text });
    }
    Ok(())
}

pub(super) fn give_reasoning<'a>(
    doc: &'a [u8],
    cursor: &mut Cursor<'a>,
    sink: &mut dyn Sink,
) -> Result<(), Malformed> {
    let text = Text::read_or_skip(cursor, doc)?;
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        sink.take(Event::Reasoning { choice: 0, text });
    }
    Ok(())
}

/// Gives the usage: fresh, cached and written tokens of the prompt exclude each other
/// (`TokenUsage`).
pub(super) fn give_usage(cursor: &mut Cursor<'_>, sink: &mut dyn Sink) -> Result<(), Malformed> {
    let mut usage = Usage::default();
    cursor.object_or_skip(|key, cursor| {
        let slot = match &*key.bytes() {
            b"inputTokens" => &mut usage.input,
            b"outputTokens" => &mut usage.output,
            b"cacheReadInputTokens" => &mut usage.cached,
            b"cacheWriteInputTokens" => &mut usage.written,
            _ => return Ok(()),
        };
        *slot = cursor
            .count()?
            .filter(|count| *count <= MOST_TOKENS)
            .unwrap_or(0);
        Ok(())
    })?;
    usage.input += usage.cached + usage.written;
    if usage != Usage::default() {
        sink.take(Event::Usage(usage));
    }
    Ok(())
}

/// The text at which the model stopped, in the fields of its own reply that the request named.
pub(super) fn stop_text(doc: &[u8], cursor: &mut Cursor<'_>) -> Result<Option<String>, Malformed> {
    let mut stop = None;
    cursor.object_or_skip(|key, cursor| {
        let mut take = |cursor: &mut Cursor<'_>| {
            let text = cursor.text_or_skip()?;
            stop = stop
                .take()
                .or(text.map(|text| text.decode(doc).into_owned()));
            Ok(())
        };
        match &*key.bytes() {
            b"stop_sequence" => take(cursor),
            b"delta" => cursor.object_or_skip(|key, cursor| match key.is("stop_sequence") {
                true => take(cursor),
                false => Ok(()),
            }),
            _ => Ok(()),
        }
    })?;
    Ok(stop)
}
