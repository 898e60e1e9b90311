//! Errors inside a reply whose status says that all went well: an `error` event or member of a
//! stream, an error in the place of a document.
//!
//! Servers end such streams with `[DONE]` as any other, so the end says nothing. Only the forms and
//! places that the dialects document are read: an `error` within what a model wrote is none.

use std::{fmt, sync::LazyLock};

use memchr::memmem::Finder;

use super::{
    Dialect, Malformed,
    json::{Cursor, Kind},
    sse::{Event, Frames},
};

/// A larger event is no error.
const LARGEST: usize = 256 << 10;
/// A larger document that came in several pieces is not looked into: errors are short.
const LARGEST_DOCUMENT: usize = 64 << 10;

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("error"));
static FAILED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("failed"));

/// Looks for an error in the place of a document as it passes.
#[derive(Default)]
pub struct Document {
    bytes: Vec<u8>,
    found: bool,
    /// True if it is too large, or was read.
    done: bool,
}

impl Document {
    /// Takes the bytes that pass, in any split; `last` means that nothing follows. A document in
    /// one piece is not copied.
    pub fn push(&mut self, dialect: Dialect, bytes: &[u8], last: bool) {
        if self.done {
            return;
        }
        if last && self.bytes.is_empty() {
            self.found = is_error(dialect, bytes);
            self.done = true;
        } else if self.bytes.len() + bytes.len() > LARGEST_DOCUMENT {
            self.bytes = Vec::new();
            self.done = true;
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Reports whether it was an error.
    pub fn found(&mut self, dialect: Dialect) -> bool {
        if !std::mem::replace(&mut self.done, true) {
            self.found = is_error(dialect, &self.bytes);
        }
        self.found
    }
}

/// Looks for an error in a stream as it passes.
pub struct Errors {
    dialect: Dialect,
    frames: Frames,
    found: bool,
    /// True once an event was too large: nothing is looked for any more.
    blind: bool,
}

impl Errors {
    /// A scanner at the beginning of a stream.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            frames: Frames::new(LARGEST),
            found: false,
            blind: !dialect.is_read(),
        }
    }

    /// Takes the bytes that pass, in any split.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.found || self.blind {
            return;
        }
        // Nearly always: whole events without a word of an error.
        let whole = bytes.ends_with(b"\n\n") || bytes.ends_with(b"\r\n\r\n");
        if self.frames.bytes().is_empty() && whole && !mentions(bytes) {
            return;
        }
        self.frames.push(bytes);
        self.look();
    }

    /// Reports whether there was an error. What is left at the stream's end counts as an event.
    pub fn found(&mut self) -> bool {
        if !self.found && !self.blind && !self.frames.bytes().is_empty() {
            self.frames.finish();
            self.look();
        }
        self.found
    }

    fn look(&mut self) {
        loop {
            match self.frames.next() {
                Ok(Some(event)) => {
                    self.found |= event_is_error(self.dialect, &event, self.frames.bytes());
                }
                Ok(None) => break,
                Err(_) => {
                    self.blind = true;
                    self.frames.give_all();
                    break;
                }
            }
        }
        self.frames.discard();
    }
}

impl fmt::Debug for Document {
    /// Shows sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Errors {
    /// Shows sizes only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errors")
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

/// Reports whether a whole reply says of itself that it failed.
pub fn is_error(dialect: Dialect, body: &[u8]) -> bool {
    if !dialect.is_read() || !mentions(body) {
        return false;
    }
    let mut cursor = Cursor::new(body);
    let mut found = false;
    let read = match cursor.kind() {
        // Gemini's stream without `alt=sse`
        Ok(Kind::Array) => cursor.array(|_, value| {
            found |= document(dialect, body, value)?;
            Ok(())
        }),
        Ok(Kind::Object) => document(dialect, body, &mut cursor).map(|error| found = error),
        _ => Ok(()),
    };
    read.is_ok() && found
}

fn mentions(bytes: &[u8]) -> bool {
    ERROR.find(bytes).is_some() || FAILED.find(bytes).is_some()
}

/// Reports whether an event says that the reply failed; `bytes` are those of its frames.
pub(crate) fn event_is_error(dialect: Dialect, event: &Event, bytes: &[u8]) -> bool {
    let raw = bytes.get(event.raw.clone()).unwrap_or_default();
    if event.data_lines == 0 || !mentions(raw) {
        return false;
    }
    let name = bytes.get(event.name.clone()).unwrap_or_default();
    if name.trim_ascii() == b"error" {
        return true;
    }
    let (doc, at) = event.document(bytes);
    document(dialect, &doc, &mut Cursor::starting(&doc, at)) == Ok(true)
}

/// Reports whether an object is an error, or holds one in the place of its own.
fn document(dialect: Dialect, doc: &[u8], cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
    let mut found = false;
    cursor.object_or_skip(|key, value| {
        if key.is("error") {
            // an item that is fetched may be a call that failed, and says so in words
            let is_items = dialect == Dialect::OpenaiConversations && value.kind()? != Kind::Object;
            found |= is_given(value)? && !is_items;
        } else if key.is("type") || key.is("object") {
            if let Some(text) = value.text_or_skip()? {
                found |= matches!(&*text.decode(doc), "error" | "response.failed");
            }
        } else if key.is("status") && dialect.features().has_status {
            if let Some(text) = value.text_or_skip()? {
                found |= text.decode(doc) == "failed";
            }
        } else if key.is("interaction") && dialect.features().has_event_types {
            // an end, of which the interaction itself says that it failed
            found |= document(dialect, doc, value)?;
        } else if key.is("choices") && value.kind()? == Kind::Array {
            value.array(|_, choice| {
                found |= choice_failed(doc, choice)?;
                Ok(())
            })?;
        } else {
            value.skip()?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// Reports whether a choice ended in an error, in OpenRouter's form.
fn choice_failed(doc: &[u8], cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
    let mut found = false;
    cursor.object_or_skip(|key, value| {
        if key.is("error") {
            found |= is_given(value)?;
        } else if key.is("finish_reason") {
            if let Some(text) = value.text_or_skip()? {
                found |= text.decode(doc) == "error";
            }
        } else {
            value.skip()?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// Reports whether a value is more than `null`, `false`, an empty string or an empty object.
fn is_given(cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
    match cursor.kind()? {
        Kind::Object => {
            let mut any = false;
            cursor.object(|_, value| {
                any = true;
                value.skip().map(drop)
            })?;
            Ok(any)
        }
        Kind::String => Ok(cursor.skip()?.len() > 2),
        Kind::Boolean => Ok(cursor.boolean()? == Some(true)),
        Kind::Null => cursor.skip().map(|_| false),
        Kind::Array | Kind::Number => cursor.skip().map(|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dialect: Dialect, stream: &str) -> bool {
        let mut first = None;
        for piece in 1..stream.len().max(2) {
            let mut errors = Errors::new(dialect);
            for bytes in stream.as_bytes().chunks(piece) {
                errors.push(bytes);
            }
            let found = errors.found();
            assert_eq!(*first.get_or_insert(found), found, "pieces of {piece}");
        }
        first.unwrap_or_default()
    }

    #[test]
    fn an_error_in_a_stream_is_found_although_it_ends_well() {
        for (dialect, event) in [
            (
                Dialect::OpenaiChat,
                "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::OpenaiChat,
                "data: {\"error\":\"overloaded\"}\r\n\r\ndata: [DONE]\r\n\r\n",
            ),
            (
                Dialect::OpenaiChat,
                "event: error\ndata: {\"message\":\"x\"}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::OpenaiChat,
                "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}]}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::OpenaiCompletions,
                "data: {\ndata: \"error\":{\"code\":1}}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::OpenaiResponses,
                "data: {\"type\":\"error\",\"code\":\"server_error\"}\n\n",
            ),
            (
                Dialect::OpenaiResponses,
                "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\"}}\n\n",
            ),
            (
                Dialect::AnthropicMessages,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
            ),
            (
                Dialect::GeminiGenerate,
                "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}",
            ),
            (
                Dialect::GeminiInteractions,
                "event: error\ndata: {\"event_type\":\"error\",\"error\":{\"message\":\"x\"}}\n\n",
            ),
            (
                Dialect::GeminiInteractions,
                "data: {\"event_type\":\"interaction.completed\",\"interaction\":{\"status\":\"failed\"}}\n\n",
            ),
        ] {
            assert!(found(dialect, event), "{event}");
        }
    }

    #[test]
    fn a_word_of_errors_in_what_was_said_is_none() {
        for (dialect, event) in [
            (
                Dialect::OpenaiChat,
                "data: {\"choices\":[{\"delta\":{\"content\":\"an \\\"error\\\": failed\"}}],\"error\":null}\n\ndata: [DONE]\n\n",
            ),
            (
                Dialect::OpenaiChat,
                ": event: error\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"error\":{\"a\":1}}]}}]}\n\n",
            ),
            (
                Dialect::OpenaiResponses,
                "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"error\":null,\"output\":[{\"type\":\"mcp_call\",\"error\":\"x\"}]}}\n\n",
            ),
            (
                Dialect::AnthropicMessages,
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"error\"}}\n\n",
            ),
            (
                Dialect::GeminiInteractions,
                "data: {\"event_type\":\"step.start\",\"step\":{\"type\":\"function_result\",\"status\":\"failed\",\"error\":{\"a\":1}}}\n\n",
            ),
            (Dialect::Other, "event: error\ndata: {\"error\":1}\n\n"),
        ] {
            assert!(!found(dialect, event), "{event}");
        }
    }

    #[test]
    fn a_document_that_is_an_error_is_one_whatever_its_status() {
        for (dialect, body, error) in [
            (Dialect::OpenaiChat, r#"{"error":{"message":"no"}}"#, true),
            (Dialect::OpenaiChat, r#"{"error":null,"choices":[]}"#, false),
            (Dialect::OpenaiChat, r#"{"error":{},"choices":[]}"#, false),
            (
                Dialect::OpenaiResponses,
                r#"{"status":"failed","error":{"code":"server_error"}}"#,
                true,
            ),
            (
                Dialect::GeminiInteractions,
                r#"{"id":"v1_7","status":"failed","steps":[]}"#,
                true,
            ),
            (
                Dialect::OpenaiResponses,
                r#"{"status":"completed","error":null,"output":[{"error":"failed"}]}"#,
                false,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"type":"error","error":{"type":"api_error"}}"#,
                true,
            ),
            (
                Dialect::GeminiGenerate,
                r#"[{"candidates":[]},{"error":{"code":500}}]"#,
                true,
            ),
            (Dialect::GeminiGenerate, r#"{"text":"error"}"#, false),
            (
                Dialect::OpenaiConversations,
                r#"{"type":"mcp_call","error":"no such tool","status":"failed"}"#,
                false,
            ),
            (
                Dialect::OpenaiConversations,
                r#"{"error":{"message":"no such conversation"}}"#,
                true,
            ),
            (
                Dialect::AnthropicBatches,
                "{\"custom_id\":\"a\",\"result\":{\"type\":\"errored\",\"error\":{\"type\":\"error\"}}}\n{\"custom_id\":\"b\"}\n",
                false,
            ),
            (Dialect::OpenaiChat, "an error page", false),
        ] {
            assert_eq!(is_error(dialect, body.as_bytes()), error, "{body}");
            for piece in 1..=body.len() {
                let mut document = Document::default();
                let mut left = body.len();
                for bytes in body.as_bytes().chunks(piece) {
                    left -= bytes.len();
                    document.push(dialect, bytes, left == 0);
                }
                assert_eq!(document.found(dialect), error, "{body} in {piece}");
            }
        }
    }
}
