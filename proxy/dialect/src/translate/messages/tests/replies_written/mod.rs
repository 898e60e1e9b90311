//! Replies, written.

mod client;
mod endings;
mod properties;

use serde_json::{Value, json};

use super::{
    super::{
        super::{
            Reply, Wire,
            event::{Event, Finish, Sink},
            format::WriteReply,
            opaque::{Opaque, OpaqueKind, Origin},
            text::Text,
        },
        reply_whole::Whole,
        reply_write::Stream,
    },
    context,
};
use crate::{Dialect, Usage};
use client::put_together;

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: Text::plain(text),
    }
}

fn reasoning(text: &str) -> Event<'_> {
    Event::Reasoning {
        choice: 0,
        text: Text::plain(text),
    }
}

fn opaque(kind: OpaqueKind) -> Event<'static> {
    Event::Opaque {
        choice: 0,
        opaque: Opaque::of(Origin(5), kind, Text::plain("D")),
    }
}

fn call(call: u32, id: &str) -> Event<'_> {
    Event::Call {
        choice: 0,
        call,
        id: Some(Text::plain(id)),
        name: Text::plain("f"),
    }
}

fn arguments(call: u32, text: &str) -> Event<'_> {
    Event::Arguments {
        choice: 0,
        call,
        text: Text::plain(text),
    }
}

fn finish(reason: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        reason,
        stop: None,
    }
}

fn call_end(call: u32) -> Event<'static> {
    Event::CallEnd { choice: 0, call }
}

fn stream<'e>(events: impl IntoIterator<Item = Event<'e>>) -> Vec<u8> {
    let mut writer = Stream::new(context(true));
    events.into_iter().for_each(|event| writer.take(event));
    writer.take_written()
}

fn whole<'e>(events: impl IntoIterator<Item = Event<'e>>) -> Value {
    let mut writer = Whole::new(context(false));
    events.into_iter().for_each(|event| writer.take(event));
    serde_json::from_slice(&writer.take_written()).expect("it is JSON")
}

/// The data of a stream's events, each of which has to be named by its type.
fn data(stream: &[u8]) -> Vec<Value> {
    let stream = str::from_utf8(stream).expect("it is UTF-8");
    let events = stream.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').expect("two lines");
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
        data
    });
    events.collect()
}

#[test]
fn a_stream_is_written_as_the_documentation_has_it() {
    let bytes = stream([
        Event::Begin {
            id: None,
            model: None,
        },
        text("a\n"),
        text("b"),
        call(0, "call_1"),
        arguments(0, "{\"x\""),
        arguments(0, ":1}"),
        call_end(0),
        Event::Usage(Usage {
            input: 30,
            cached: 10,
            output: 4,
            ..Usage::default()
        }),
        finish(Finish::Calls),
        Event::End,
    ]);
    let expected = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_ex1","type":"message","role":"assistant","model":"my-model","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"container":null,"usage":{"input_tokens":77,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":null}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\n"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_1","name":"f","caller":{"type":"direct"},"input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"x\""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"stop_details":null,"container":null},"usage":{"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":10,"output_tokens":4}}

event: message_stop
data: {"type":"message_stop"}

"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_stream_put_together_is_the_whole_reply() {
    let events = || {
        [
            Event::Begin {
                id: None,
                model: None,
            },
            reasoning("h"),
            reasoning("m"),
            opaque(OpaqueKind::Signature),
            opaque(OpaqueKind::Redacted),
            text("s"),
            text("o"),
            opaque(OpaqueKind::Thought),
            call(0, "a"),
            call(1, "b"),
            arguments(1, "{\"n\":"),
            arguments(0, "{\"m\":1e2}"),
            arguments(1, "2}"),
            call_end(1),
            call_end(0),
            text("and"),
            Event::Usage(Usage {
                input: 9,
                output: 8,
                reasoning: 3,
                ..Usage::default()
            }),
            finish(Finish::Calls),
            Event::End,
        ]
    };
    let expected = whole(events());
    assert_eq!(put_together(&stream(events())), expected);
    let kinds: Vec<_> = expected["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "thinking",
            "redacted_thinking",
            "text",
            "thinking",
            "tool_use",
            "tool_use",
            "text"
        ]
    );
    assert_eq!(expected["content"][5]["input"], json!({"n": 2}));
}

#[test]
fn what_its_provider_alone_can_read_is_handed_out_with_its_origin() {
    for kind in [
        OpaqueKind::Signature,
        OpaqueKind::Encrypted,
        OpaqueKind::Thought,
    ] {
        let reply = whole([
            opaque(kind),
            call(0, "a"),
            call_end(0),
            finish(Finish::Calls),
            Event::End,
        ]);
        let block = &reply["content"][0];
        assert_eq!(
            (&block["type"], &block["thinking"]),
            (&json!("thinking"), &json!(""))
        );
        let back = Opaque::read(
            OpaqueKind::Signature,
            Text::plain(block["signature"].as_str().unwrap()),
        );
        assert_eq!((back.origin, back.kind), (Some(Origin(5)), kind));
    }
}

#[test]
fn calls_without_an_id_get_one_each() {
    let bare = |call| Event::Call {
        choice: 0,
        call,
        id: None,
        name: Text::plain("f"),
    };
    let reply = whole([bare(0), bare(1), finish(Finish::Calls), Event::End]);
    assert_eq!(reply["content"][0]["id"], "toolu_ex1_0");
    assert_eq!(reply["content"][1]["id"], "toolu_ex1_1");
}

#[test]
fn arguments_that_are_no_json_are_not_taken_for_a_call_that_can_be_made() {
    let events = |source| {
        [
            call(0, "a"),
            arguments(0, source),
            call_end(0),
            finish(Finish::Length),
            Event::End,
        ]
    };
    assert_eq!(whole(events("{\"a\":"))["content"][0]["input"], "{\"a\":");
    assert_eq!(whole(events(" \n"))["content"][0]["input"], json!({}));
}

#[test]
fn a_whole_reply_is_written_at_its_end_and_not_before() {
    let mut writer = Whole::new(context(false));
    for event in [text("a"), finish(Finish::Stop)] {
        writer.take(event);
        assert!(writer.take_written().is_empty());
    }
    writer.take(Event::End);
    assert!(!writer.take_written().is_empty());
}

#[test]
fn a_reply_of_chat_is_one_of_messages() {
    let chunks = [
        json!({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
        json!({"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "so"}}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ""}},
            {"index": 1, "id": "call_2", "function": {"name": "g", "arguments": "{}"}}]}}]}),
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "function": {"arguments": "{\"a\":1}"}}]}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 3,
               "prompt_tokens_details": {"cached_tokens": 5}}}),
    ];
    let mut bytes = String::new();
    for chunk in chunks {
        bytes += &format!("data: {chunk}\n\n");
    }
    bytes += "data: [DONE]\n\n";
    let mut reply =
        Reply::new(Dialect::AnthropicMessages, Wire::Chat, true, context(true)).unwrap();
    let written = reply.push(bytes.as_bytes()).unwrap();
    assert!(reply.is_whole());
    let message = put_together(&written);
    let blocks = message["content"].as_array().unwrap();
    assert_eq!(
        blocks[0],
        json!({"type": "thinking", "thinking": "hm", "signature": ""})
    );
    assert_eq!(blocks[1]["text"], "so");
    assert_eq!(
        (&blocks[2]["id"], &blocks[2]["input"]),
        (&json!("call_1"), &json!({"a": 1}))
    );
    assert_eq!(
        (&blocks[3]["id"], &blocks[3]["input"]),
        (&json!("call_2"), &json!({}))
    );
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["usage"]["input_tokens"], 15);
}
