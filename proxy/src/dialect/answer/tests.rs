//! Shapes of answers, read back with another parser and with our own.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::*;
use crate::dialect::{
    Places,
    reply::{Reply, ReplyLimits},
};

const DIALECTS: [Dialect; 5] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::OpenaiCompletions,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
];
const TEXT: &str = "line\none, \"quoted\" \\ and é";
const LIMITS: ReplyLimits = ReplyLimits {
    event: 1 << 20,
    body: 1 << 20,
};

#[test]
fn error_bodies_have_the_shape_and_type_of_their_dialect() {
    let body = error_body(Dialect::OpenaiChat, 403, "policy_denied", TEXT);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["code"], "policy_denied");
    assert_eq!(body["error"]["message"], TEXT);
    assert!(body["error"]["param"].is_null());

    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (529, "overloaded_error"),
    ] {
        let body = error_body(Dialect::AnthropicMessages, status, "x", TEXT);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], kind);
    }
}

#[test]
fn an_error_event_names_itself_and_carries_the_typed_error() {
    let event = error_event(Dialect::GeminiGenerate, "overloaded_error", TEXT);
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["error"]["code"], 503);
    assert_eq!(event["error"]["status"], "UNAVAILABLE");
    assert_eq!(event["error"]["message"], TEXT);
    for dialect in DIALECTS {
        if dialect == Dialect::GeminiGenerate {
            continue; // no named event
        }
        let event = String::from_utf8(error_event(dialect, "api_error", TEXT)).unwrap();
        let data = event.strip_prefix("event: error\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data.strip_suffix("\n\n").unwrap()).unwrap();
        assert_eq!(data["type"], "error");
        assert_eq!(data["error"]["type"], "api_error");
        assert_eq!(data["error"]["message"], TEXT);
        assert_eq!(
            data.get("code").is_some(),
            dialect == Dialect::OpenaiResponses
        );
    }
}

#[test]
fn canned_replies_read_back_as_the_text_they_carry() {
    for dialect in DIALECTS {
        assert!(takes_text(dialect));
        let whole = reply_body(dialect, "m", "1", TEXT, 7);
        serde_json::from_slice::<Value>(&whole).unwrap();
        let mut reply = Reply::whole(dialect, Places::ALL, LIMITS);
        reply.push(&whole).unwrap();
        reply.finish().unwrap();
        let deltas = reply.deltas();
        assert_eq!(deltas.len(), 1);
        assert_eq!(deltas[0].text, TEXT);

        let events = reply_events(dialect, "m", "1", TEXT, 7);
        let mut reply = Reply::stream(dialect, Places::ALL, LIMITS);
        reply.push(&events).unwrap();
        reply.finish().unwrap();
        let text: String = reply.deltas().into_iter().map(|delta| delta.text).collect();
        assert_eq!(text, TEXT);
        assert!(reply.ended());
        assert_eq!(reply.usage(), Some(Usage::default()));
        assert!(reply.finish_reason().is_some());
        assert_eq!(reply.unseen(), []);
    }
}

#[test]
fn googles_errors_name_their_status_and_give_the_code_as_a_reason() {
    for (status, name) in [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ] {
        let body = error_body(Dialect::GeminiGenerate, status, "no_budget", TEXT);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], status);
        assert_eq!(body["error"]["status"], name);
        assert_eq!(body["error"]["message"], TEXT);
        assert_eq!(body["error"]["details"][0]["reason"], "NO_BUDGET");
    }
}

#[test]
fn a_listed_reply_is_read_as_one_and_an_embedding_takes_no_text() {
    let body = reply_body(Dialect::GeminiGenerate, "m", "1", TEXT, 7);
    let mut reply = Reply::whole(Dialect::GeminiGenerate, Places::ALL, LIMITS);
    reply.push(&listed(&body)).unwrap();
    reply.finish().unwrap();
    assert_eq!(reply.deltas()[0].text, TEXT);

    assert!(!takes_text(Dialect::OpenaiEmbeddings));
    let body = reply_body(Dialect::OpenaiEmbeddings, "m", "1", TEXT, 7);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["type"], "server_error");
}
