//! Whole replies of Converse.

use super::{
    super::super::{
        event::{Event, Sink},
        opaque::OpaqueKind,
        text::Text,
    },
    Reader,
    pieces::{ToolUse, end_call, give_reasoning, give_text, give_usage, stop_text},
};
use crate::{Malformed, json::outlined::Cursor};

impl Reader {
    /// Reads a document. One without a message is none, whatever its status.
    pub(super) fn read_document(
        &mut self,
        doc: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut content, mut reason, mut stop, mut usage) = (None, None, None, None);
        let mut cursor = Cursor::new(doc);
        cursor.object(|key, cursor| {
            match &*key.bytes() {
                b"output" => cursor.object_or_skip(|key, cursor| match key.is("message") {
                    true => cursor.object_or_skip(|key, cursor| {
                        if key.is("content") {
                            content = Some(*cursor);
                        }
                        Ok(())
                    }),
                    false => Ok(()),
                })?,
                b"stopReason" => reason = Text::read_or_skip(cursor, doc)?,
                b"additionalModelResponseFields" => stop = stop_text(doc, cursor)?,
                b"usage" => usage = Some(*cursor),
                _ => {}
            }
            Ok(())
        })?;
        cursor.end()?;
        let Some(mut content) = content else {
            return Err(Malformed::new("the reply has no message", 0));
        };
        self.begin(sink);
        content.array_or_skip(|_, cursor| {
            cursor.object_or_skip(|key, cursor| self.block(doc, &key.bytes(), cursor, sink))
        })?;
        if let Some(mut usage) = usage {
            give_usage(&mut usage, sink)?;
        }
        self.stop(reason.as_ref(), stop);
        self.end(sink);
        Ok(())
    }

    fn block<'a>(
        &mut self,
        doc: &'a [u8],
        kind: &[u8],
        cursor: &mut Cursor<'a>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        match kind {
            b"text" => give_text(doc, cursor, sink)?,
            b"toolUse" => {
                let tool = ToolUse::read(doc, cursor)?;
                match tool.name {
                    _ if tool.is_hosted => sink.take(Event::Dropped("server_tool_use")),
                    Some(name) => {
                        let call = self.call(tool.id, name, sink);
                        let (choice, has_arguments) = (0, tool.input.is_some());
                        if let Some(text) = tool.input {
                            sink.take(Event::Arguments { choice, call, text });
                        }
                        end_call(call, has_arguments, sink);
                    }
                    None => return Err(Malformed::new("a call has no name", 0)),
                }
            }
            b"reasoningContent" => self.reasoning(doc, cursor, sink)?,
            b"citationsContent" => {
                cursor.object_or_skip(|key, cursor| match key.is("content") {
                    true => cursor.array_or_skip(|_, cursor| {
                        cursor.object_or_skip(|key, cursor| match key.is("text") {
                            true => give_text(doc, cursor, sink),
                            false => Ok(()),
                        })
                    }),
                    false => Ok(()),
                })?;
                sink.take(Event::Dropped("citations"));
            }
            b"image" => sink.take(Event::Dropped("images")),
            b"audio" => sink.take(Event::Dropped("audio")),
            b"video" => sink.take(Event::Dropped("video")),
            b"document" => sink.take(Event::Dropped("documents")),
            b"toolResult" => sink.take(Event::Dropped("tool_result")),
            b"searchResult" => sink.take(Event::Dropped("search_results")),
            _ => {}
        }
        Ok(())
    }

    fn reasoning<'a>(
        &mut self,
        doc: &'a [u8],
        cursor: &mut Cursor<'a>,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut text, mut signature, mut redacted) = (None, None, None);
        cursor.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"reasoningText" => cursor.object_or_skip(|key, cursor| {
                    match &*key.bytes() {
                        b"text" => text = Some(*cursor),
                        b"signature" => signature = Text::read_or_skip(cursor, doc)?,
                        _ => {}
                    }
                    Ok(())
                })?,
                b"redactedContent" => redacted = Text::read_or_skip(cursor, doc)?,
                _ => {}
            }
            Ok(())
        })?;
        if let Some(mut text) = text {
            give_reasoning(doc, &mut text, sink)?;
        }
        for (kind, data) in [
            (OpaqueKind::Signature, signature),
            (OpaqueKind::Redacted, redacted),
        ] {
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                self.opaque(kind, data, sink);
            }
        }
        Ok(())
    }
}
