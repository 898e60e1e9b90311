//! Failures that Bedrock reports inside a reply of status 200.

use super::{Frame, Message};
use crate::{
    answer::Draft,
    failure::{self, ErrorFacts},
    json::{outlined::Cursor, quote},
};

/// The statuses that the exceptions have where they come in the place of a reply, and the error
/// types of `anthropic.messages` that mean the same:
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html>.
const EXCEPTIONS: &[(&str, u16, &str)] = &[
    ("accessDenied", 403, "permission_error"),
    ("internalServer", 500, "api_error"),
    ("modelNotReady", 429, "overloaded_error"),
    ("modelStreamError", 424, "api_error"),
    ("modelTimeout", 408, "timeout_error"),
    ("resourceNotFound", 404, "not_found_error"),
    ("serviceQuotaExceeded", 400, "rate_limit_error"),
    ("serviceUnavailable", 503, "overloaded_error"),
    ("throttling", 429, "rate_limit_error"),
    ("validation", 400, "invalid_request_error"),
];

/// A failure inside a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception<'a> {
    /// Its name: `throttlingException`.
    name: &'a str,
    /// Its message, which may be empty.
    message: String,
}

impl<'a> Exception<'a> {
    /// The failure that a frame is, if it is one.
    pub(crate) fn of(frame: &Frame<'a>) -> Option<Self> {
        match frame.message() {
            Message::Exception(name) => Some(Self {
                name,
                message: message_of(frame.payload()),
            }),
            Message::Error { code, message } => Some(Self {
                name: code,
                message: message.to_owned(),
            }),
            Message::Event(_) | Message::Unknown => None,
        }
    }

    /// Its row: status and type. An unknown one has no status.
    fn row(&self) -> (Option<u16>, &'static str) {
        let bare = |known: &str| {
            let end = self.name.get(known.len()..);
            let begins = self.name.get(..known.len());
            begins.is_some_and(|name| name.eq_ignore_ascii_case(known))
                && matches!(end, Some("" | "Exception"))
        };
        let row = EXCEPTIONS.iter().find(|(known, ..)| bare(known));
        row.map_or((None, "api_error"), |(_, status, kind)| {
            (Some(*status), kind)
        })
    }

    /// Its facts, read as those of any other error.
    pub(crate) fn facts(&self) -> ErrorFacts {
        let mut document = b"{\"__type\":".to_vec();
        quote(self.name, &mut document);
        document.extend_from_slice(b",\"message\":");
        quote(&self.message, &mut document);
        document.push(b'}');
        let mut facts = failure::read(&document).unwrap_or_default();
        facts.status = self.row().0;
        facts
    }

    /// Appends it as the error event of `anthropic.messages`. Its type is one that clients know; the
    /// exception's own name stands where Anthropic puts codes, which is where
    /// [`failure::read`] finds it.
    pub(super) fn write_messages_event(&self, out: &mut Vec<u8>) {
        let draft = Draft(std::mem::take(out))
            .event("error")
            .raw(r#"{"type":"error","error":{"type":"#)
            .text(self.row().1)
            .raw(r#","message":"#)
            .text(&self.message)
            .raw(r#","details":{"error_code":"#)
            .text(self.name);
        *out = draft.raw("}}}").end().0;
    }
}

/// The message in an exception's document.
fn message_of(document: &[u8]) -> String {
    let mut message = String::new();
    // What is malformed further on has said what it had to say.
    let _ = Cursor::lenient(document, 0).object_or_skip(|key, value| {
        if (key.is("message") || key.is("Message"))
            && let Some(text) = value.text_or_skip()?
        {
            message = text.decode(document).into_owned();
        }
        Ok(())
    });
    message
}
