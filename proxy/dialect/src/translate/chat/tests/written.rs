//! Replies as callers get them.

use serde_json::{Value, json};

use super::{
    super::super::{
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
    Event, Finish, Origin, documents, events, finish, whole, write,
};
use crate::{Dialect, Usage, json::Cursor, usage};

const USAGE: Usage = Usage {
    input: 20,
    cached: 5,
    written: 3,
    output: 9,
    reasoning: 4,
    estimated: false,
    details: crate::Details {
        written_long: 0,
        audio_input: 0,
        audio_cached: 0,
        audio_output: 0,
        searches: 0,
        tier: crate::Tier::Standard,
        cost: None,
    },
};

fn reply() -> Vec<Event<'static>> {
    let text = |text: &'static str| Text::plain(text);
    vec![
        Event::Begin {
            id: None,
            model: Some(text("theirs")),
        },
        Event::Reasoning {
            choice: 0,
            text: text("bé"),
        },
        Event::Reasoning {
            choice: 0,
            text: text("cause"),
        },
        Event::Opaque {
            choice: 0,
            opaque: Opaque::of(Origin(1), OpaqueKind::Signature, text("sig")),
        },
        Event::Text {
            choice: 0,
            text: text("a \"b\"\n"),
        },
        Event::Text {
            choice: 0,
            text: Text::Literal(b"\"\\ud83d\""),
        },
        Event::Text {
            choice: 0,
            text: Text::Literal(b"\"\\ude00\""),
        },
        Event::Call {
            choice: 0,
            call: 0,
            id: Some(text("c0")),
            name: text("f"),
        },
        Event::Call {
            choice: 0,
            call: 1,
            id: None,
            name: text("g"),
        },
        Event::Arguments {
            choice: 0,
            call: 0,
            text: text("{\"x\""),
        },
        Event::Arguments {
            choice: 0,
            call: 0,
            text: text(":1}"),
        },
        Event::CallEnd { choice: 0, call: 0 },
        Event::CallEnd { choice: 0, call: 1 },
        finish(Finish::Calls),
        Event::Usage(USAGE),
        Event::End,
    ]
}

#[test]
fn what_is_written_is_read_as_the_same_reply() {
    let expected = [
        r#"begin Some("chatcmpl-x1") Some("asked")"#,
        "reasoning bé",
        "reasoning cause",
        "dropped reasoning_details",
        "text 0 a \"b\"\n",
        "call 0 c0 f",
        "call 1 call_x1_1 g",
    ];
    let stream = write(true, reply());
    let text = String::from_utf8(stream.clone()).unwrap();
    let lines: Vec<_> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
        .collect();
    assert_eq!(lines.last(), Some(&"[DONE]"));
    let seen = events(&lines.join("\n"));
    let heads: Vec<_> = seen
        .iter()
        .filter(|event| !event.contains('\u{fffd}'))
        .take(7)
        .collect();
    assert_eq!(heads, expected.iter().collect::<Vec<_>>());
    assert!(seen.contains(&"usage 20/5/3 9/4".to_owned()));
    assert!(seen.contains(&"arguments 1 {}".to_owned()));

    let doc: Value = serde_json::from_slice(&write(false, reply())).unwrap();
    let message = &doc["choices"][0]["message"];
    assert_eq!(message["content"], "a \"b\"\n\u{1f600}");
    assert_eq!(message["reasoning_content"], "bécause");
    assert_eq!(message["reasoning_details"][0]["length"], "bécause".len());
    assert_eq!(
        message["tool_calls"][0]["function"]["arguments"],
        "{\"x\":1}"
    );
    assert_eq!(
        message["tool_calls"][1],
        json!({"id": "call_x1_1", "type": "function", "function": {"name": "g", "arguments": "{}"}})
    );
    assert!(whole(&doc.to_string()).contains(&"finish 0 Calls".to_owned()));
}

#[test]
fn a_signature_comes_back_with_the_text_that_it_signs() {
    let doc: Value = serde_json::from_slice(&write(false, reply())).unwrap();
    let mut message = doc["choices"][0]["message"].clone();
    message["reasoning_content"] = json!("bécause and more");
    let body = json!({"messages": [message]}).to_string();
    let form = super::FORMAT.read_request.unwrap()(body.as_bytes(), &mut super::Dropped::default())
        .unwrap();
    let shown = format!("{:?}", form.turns[0].parts);
    assert!(
        shown.contains("bécause\"") && shown.contains(" and more"),
        "{shown}"
    );
    assert!(
        shown.contains("Some(Origin(1))") && shown.contains("Signature"),
        "{shown}"
    );
}

#[test]
fn every_finish_is_a_reason_of_the_api() {
    for reason in Finish::ALL {
        let documents = documents(&write(true, vec![finish(reason)]));
        let written = documents.last().unwrap()["choices"][0]["finish_reason"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            ["stop", "length", "tool_calls", "content_filter"].contains(&&*written),
            "{reason:?}"
        );
        let whole: Value =
            serde_json::from_slice(&write(false, vec![finish(reason), Event::End])).unwrap();
        assert_eq!(whole["choices"][0]["finish_reason"], written);
    }
}

#[test]
fn usage_is_read_back_as_it_was() {
    let documents = documents(&write(true, reply()));
    let counts = documents.last().unwrap()["usage"].to_string();
    let mut read = Usage::default();
    usage::read(
        &mut Cursor::new(counts.as_bytes()),
        Dialect::OpenaiChat,
        &mut read,
    )
    .unwrap();
    assert_eq!(read, USAGE);
}

#[test]
fn a_failure_ends_a_stream_without_its_mark() {
    let facts = crate::failure::ErrorFacts {
        message: "busy".into(),
        ..Default::default()
    };
    let stream = write(true, vec![Event::Error(Box::new(facts))]);
    let text = String::from_utf8(stream).unwrap();
    assert!(text.contains("event: error") && text.contains("busy") && !text.contains("[DONE]"));
}
