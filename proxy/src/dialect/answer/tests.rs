//! Shapes of answers, read back with another parser and with our own.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::*;
use crate::dialect::{
    Places,
    reply::{Reply, ReplyLimits},
};

const DIALECTS: [Dialect; 3] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
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
    for dialect in DIALECTS {
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
