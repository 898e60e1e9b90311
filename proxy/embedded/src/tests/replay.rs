//! The embedded model answers the same request in both forms: each must be the replay's form of the
//! other.

use std::collections::BTreeMap;

use dialect::{
    Dialect, Places,
    replay::{stream_of, whole_of},
    reply::{Reply, ReplyLimits},
};
use serde_json::{Value, json};

const DIALECTS: [(Dialect, &str); 3] = [
    (Dialect::OpenaiChat, "/v1/chat/completions"),
    (Dialect::OpenaiResponses, "/v1/responses"),
    (Dialect::AnthropicMessages, "/v1/messages"),
];

const TEXT: &str =
    "Grüße \"an\" \\ <EMAIL_1>\n\u{1F600} und\ttabs\u{0001}, damit es mehr als ein Stück wird";

const LIMITS: ReplyLimits = ReplyLimits {
    event: 16 << 20,
    body: 16 << 20,
};

async fn send(path: &str, body: &Value) -> Vec<u8> {
    let (status, reply) = super::send(path, body).await;
    assert_eq!(status, 200);
    reply.into_bytes()
}

fn value(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap()
}

/// The reply decoder's reading of a reply: each channel's choice, place and text, then usage and
/// the finish reason.
fn decoded(
    dialect: Dialect,
    streaming: bool,
    bytes: &[u8],
) -> (Vec<(u32, &'static str, String)>, String) {
    let mut reply = match streaming {
        true => Reply::stream(dialect, Places::ALL, LIMITS),
        false => Reply::whole(dialect, Places::ALL, LIMITS),
    };
    reply.push(bytes).unwrap();
    reply.finish().unwrap();
    let mut channels = BTreeMap::<u32, (u32, &'static str, String)>::new();
    for delta in reply.deltas() {
        let fresh = || (delta.choice, delta.place.name(), String::new());
        let channel = channels.entry(delta.channel).or_insert_with(fresh);
        channel.2.push_str(&delta.text);
    }
    assert!(reply.ended());
    // only what grows: a member that is shown once has its line ends made spaces in a stream, and
    // may stand in several chunks
    channels.retain(|channel, _| *channel < 1 << 31);
    let mut channels: Vec<_> = channels.into_values().collect();
    channels.retain(|(_, _, text)| !text.is_empty());
    channels.sort();
    let end = format!("{:?} {:?}", reply.usage(), reply.finish_reason());
    (channels, end)
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

/// Every answer has ids and a time of its own, and the streams of chats do not say that there are
/// no annotations.
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
            let whole = send(path, &body).await;
            body["stream"] = true.into();
            let mut stream = send(path, &body).await;
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
                "the reply ends before its end",
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_whole_reply_becomes_a_stream_that_says_the_same_in_pieces() {
    for (dialect, path) in DIALECTS {
        for body in requests() {
            let whole = send(path, &body).await;
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
            let whole = send(path, &body).await;
            body["stream"] = true.into();
            let theirs = kinds(&send(path, &body).await);
            let ours = kinds(&stream_of(dialect, &whole, true).unwrap().concat());
            assert_eq!(ours, theirs, "{path} {body}");
        }
    }
}

/// The kind and members of each event; pieces of one text are one, and pings nothing.
fn kinds(stream: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    let stream = str::from_utf8(stream).unwrap();
    for event in stream.trim_end().split("\n\n") {
        let (name, data) = match event.strip_prefix("event: ") {
            Some(rest) => rest.split_once("\ndata: ").unwrap(),
            None => ("", event.strip_prefix("data: ").unwrap()),
        };
        if data == "[DONE]" {
            kinds.push("[DONE]".to_owned());
            continue;
        }
        let data = value(data.as_bytes());
        let names = |value: &Value| {
            let members = value.as_object().into_iter().flatten();
            members
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
                .join(",")
        };
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
