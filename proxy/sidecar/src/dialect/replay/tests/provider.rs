//! The embedded model answers the same request in both forms: each must be what the replay makes of the other.

use http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;

use super::*;
use crate::upstream::{Inbound, Payload, embedded};

const DIALECTS: [(Dialect, &str); 3] = [
    (Dialect::OpenaiChat, "/v1/chat/completions"),
    (Dialect::OpenaiResponses, "/v1/responses"),
    (Dialect::AnthropicMessages, "/v1/messages"),
];

const TEXT: &str =
    "Grüße \"an\" \\ <EMAIL_1>\n\u{1F600} und\ttabs\u{0001}, damit es mehr als ein Stück wird";

async fn ask(path: &str, body: &Value) -> Vec<u8> {
    let request = Request::post(path).body(Payload::Whole(body.to_string().into()));
    let reply = embedded::answer(request.unwrap())
        .await
        .map(Inbound::Embedded);
    assert_eq!(reply.status(), 200);
    reply
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .to_vec()
}

/// Requests that make it write everything it can.
fn requests() -> Vec<Value> {
    let schema =
        json!({"type": "object", "required": ["who"], "properties": {"who": {"type": "string"}}});
    let mut requests = Vec::new();
    for (reasons, calls) in [(false, false), (true, false), (false, true), (true, true)] {
        let text = match calls {
            true => format!("call find call mail {TEXT}"),
            false => TEXT.to_owned(),
        };
        let tool = |name: &str| {
            json!({"type": "function", "name": name, "parameters": schema, "input_schema": schema,
                "function": {"name": name, "parameters": schema}})
        };
        let mut body = json!({"model": "m", "max_tokens": 9, "n": 2, "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": text}], "input": text});
        if calls {
            body["tools"] = json!([tool("find"), tool("mail")]);
        }
        if reasons {
            body["reasoning_effort"] = "low".into();
            body["reasoning"] = json!({"effort": "low"});
            body["thinking"] = json!({"type": "enabled"});
        }
        requests.push(body);
    }
    requests
}

/// Every answer has ids and a time of its own, and the streams of chats do not tell that there are no annotations.
fn alike(mut reply: Value) -> Value {
    fn forget(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| {
                    !matches!(
                        &**name,
                        "id" | "created" | "created_at" | "call_id" | "annotations"
                    )
                });
                members.values_mut().for_each(forget);
            }
            Value::Array(elements) => elements.iter_mut().for_each(forget),
            _ => {}
        }
    }
    forget(&mut reply);
    reply
}

#[tokio::test]
async fn the_whole_of_a_provider_s_stream_is_what_the_provider_writes_whole() {
    for (dialect, path) in DIALECTS {
        for mut body in requests() {
            let whole = ask(path, &body).await;
            body["stream"] = true.into();
            let mut stream = ask(path, &body).await;
            if dialect == Dialect::OpenaiResponses {
                // The reply repeats the request's tools and reasoning alike.
                assert!(stream.ends_with(b"\n\n"));
            }
            let made = whole_of(dialect, &stream).unwrap();
            assert_eq!(alike(value(&made)), alike(value(&whole)), "{path} {body}");
            assert_eq!(
                decoded(dialect, false, &made),
                decoded(dialect, true, &stream),
                "{path}"
            );
            let last = stream.len() - 20;
            stream.truncate(last);
            assert_eq!(
                whole_of(dialect, &stream).unwrap_err().what,
                INCOMPLETE,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_whole_reply_becomes_a_stream_that_says_the_same_in_pieces() {
    for (dialect, path) in DIALECTS {
        for body in requests() {
            let whole = ask(path, &body).await;
            let events = stream_of(dialect, &whole, true).unwrap();
            assert!(events.len() > 6, "{path} came in {} events", events.len());
            let stream = events.concat();
            assert_eq!(
                value(&whole_of(dialect, &stream).unwrap()),
                value(&whole),
                "{path}"
            );
            assert_eq!(
                decoded(dialect, true, &stream),
                decoded(dialect, false, &whole),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn streams_have_the_events_of_the_provider_s_in_their_order() {
    for (dialect, path) in DIALECTS {
        for mut body in requests() {
            body["n"] = 1.into(); // the provider's choices take turns
            let whole = ask(path, &body).await;
            body["stream"] = true.into();
            let theirs = kinds(&ask(path, &body).await);
            let ours = kinds(&stream_of(dialect, &whole, true).unwrap().concat());
            assert_eq!(ours, theirs, "{path} {body}");
        }
    }
}

/// What each event is and has; pieces of one text are one, and pings nothing.
fn kinds(stream: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    for event in super::super::events::events(stream).unwrap() {
        if event.is_done() {
            kinds.push("[DONE]".to_owned());
            continue;
        }
        let data = value(&event.data);
        let names = |value: &Value| {
            let members = value.as_object().into_iter().flatten();
            members
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
                .join(",")
        };
        let name = str::from_utf8(event.name).unwrap();
        let kind = match data.pointer("/choices/0/delta") {
            Some(delta) => {
                assert_eq!(data["usage"], Value::Null);
                let called = names(&delta["tool_calls"][0]);
                let annotations = |kind: String| kind.replace("annotations,", "");
                annotations(format!(
                    "{} {called} {}",
                    names(delta),
                    data["choices"][0]["finish_reason"]
                ))
            }
            None => format!("{name} {} {}", names(&data), names(&data["delta"])),
        };
        if kind != "ping type " && kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}
