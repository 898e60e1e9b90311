//! Errors in a dialect's shape: whole answers, and events inside a stream.

use super::Draft;
use crate::{Dialect, describe::Provider};

/// The body of an error answer.
pub fn error_body(dialect: Dialect, status: u16, code: &str, message: &str) -> Vec<u8> {
    let draft = Draft::new();
    let draft = match dialect.provider() {
        Some(Provider::Anthropic) => draft
            .raw(r#"{"type":"error","error":{"type":"#)
            .text(anthropic_type(status))
            .raw(r#","message":"#)
            .text(message)
            .raw("}}"),
        Some(Provider::Google) => google_error(draft, status, Some(code), message),
        Some(Provider::Openai) | None => draft
            .raw(r#"{"error":{"message":"#)
            .text(message)
            .raw(r#","type":"#)
            .text(openai_type(status))
            .raw(r#","param":null,"code":"#)
            .text(code)
            .raw("}}"),
    };
    draft.0
}

/// The error type of a status: <https://docs.anthropic.com/en/api/errors>.
const fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Writes an error by <https://google.aip.dev/193>; the reason is read by Google's clients.
fn google_error(draft: Draft, status: u16, code: Option<&str>, message: &str) -> Draft {
    let draft = draft
        .raw(r#"{"error":{"code":"#)
        .number(u64::from(status))
        .raw(r#","message":"#)
        .text(message)
        .raw(r#","status":"#)
        .text(google_status(status));
    match code {
        Some(code) => draft
            .raw(r#","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"#)
            .text(&code.to_ascii_uppercase())
            .raw(r#","domain":"outrigger"}]}}"#),
        None => draft.raw("}}"),
    }
}

/// The canonical name of a status (google/rpc/code.proto).
const fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        501 => "UNIMPLEMENTED",
        504 => "DEADLINE_EXCEEDED",
        502 | 503 | 505.. => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}

const fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// An error inside a stream: an event that raises in the official SDKs of all dialects (a bare
/// `data: {"error":…}` does not; of interactions they hand it on). `gemini.generate`'s is the error's JSON on a line of its own, as that API
/// sends it: its SDKs raise at that, and at no named event. `error_type` is `api_error`,
/// `overloaded_error` or their like.
pub fn error_event(dialect: Dialect, error_type: &str, message: &str) -> Vec<u8> {
    error_event_numbered(dialect, error_type, message, 0)
}

/// The same with the number that the Responses API gives every event.
pub(crate) fn error_event_numbered(
    dialect: Dialect,
    error_type: &str,
    message: &str,
    sequence: u64,
) -> Vec<u8> {
    if dialect.features().has_event_types {
        return Draft::new()
            .event("error")
            .raw(r#"{"event_type":"error","error":{"code":"#)
            .text(error_type)
            .raw(r#","message":"#)
            .text(message)
            .raw("}}")
            .end()
            .0;
    }
    if dialect.provider() == Some(Provider::Google) {
        let status = match error_type {
            "overloaded_error" => 503,
            "permission_error" | "policy_refused" => 403,
            "rate_limit_error" => 429,
            _ => 500,
        };
        return google_error(Draft::new(), status, None, message).end().0;
    }
    let draft = Draft::new()
        .event("error")
        .raw(r#"{"type":"error","error":{"type":"#)
        .text(error_type)
        .raw(r#","message":"#)
        .text(message)
        .raw("}");
    let draft = match dialect.features().numbers_events {
        true => draft
            .raw(r#","code":"#)
            .text(error_type)
            .raw(r#","message":"#)
            .text(message)
            .raw(r#","param":null,"sequence_number":"#)
            .number(sequence),
        false => draft,
    };
    draft.raw("}").end().0
}
