//! Replies, read.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{
        super::{
            Reply, Wire,
            event::{Event, Finish},
            format::ReadReply,
        },
        reply_read::Reader,
    },
    brief, context,
};
use crate::{Dialect, arbitrary};

/// The events of a stream, given as the data of its events.
fn stream(events: &[Value]) -> Vec<String> {
    let (mut reader, mut seen) = (Reader::new(context(true)), Vec::new());
    for event in events {
        let mut sink = |event: Event<'_>| seen.push(brief(&event));
        let data = event.to_string();
        reader
            .read_event(b"", data.as_bytes(), &mut sink)
            .expect("it is sound");
    }
    seen
}

fn whole(doc: &Value) -> Vec<String> {
    let (mut reader, mut seen) = (Reader::new(context(false)), Vec::new());
    let mut sink = |event: Event<'_>| seen.push(brief(&event));
    reader
        .read_whole(doc.to_string().as_bytes(), &mut sink)
        .expect("it is sound");
    seen
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 5, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 10,
                  "output_tokens": 1}}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, kind: &str, member: &str, text: &str) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": {"type": kind, member: text}})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
               "usage": {"output_tokens": 15, "output_tokens_details": {"thinking_tokens": 4}}}),
        json!({"type": "message_stop"}),
    ]
}

fn tool_use(id: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": input})
}

#[test]
fn a_stream_is_what_the_model_says_in_its_order() {
    let [last, done] = end("tool_use");
    let seen = stream(&[
        start(),
        block(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        json!({"type": "ping"}),
        delta(0, "thinking_delta", "thinking", "hm"),
        delta(0, "signature_delta", "signature", "S=="),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "R"})),
        stop(1),
        block(2, json!({"type": "text", "text": ""})),
        delta(2, "text_delta", "text", "so"),
        stop(2),
        block(3, tool_use("toolu_1", json!({}))),
        delta(3, "input_json_delta", "partial_json", ""),
        delta(3, "input_json_delta", "partial_json", "{\"a\":"),
        delta(3, "input_json_delta", "partial_json", "1}"),
        stop(3),
        last,
        done,
    ]);
    assert_eq!(
        seen,
        [
            "begin msg_1 claude-x",
            "usage 35 20 10 1 0",
            "reasoning hm",
            "opaque Some(10) Signature S==",
            "opaque Some(10) Redacted R",
            "text so",
            "call 0 toolu_1 f",
            "arguments 0 {\"a\":",
            "arguments 0 1}",
            "call end 0",
            "usage 35 20 10 15 4",
            "finish Calls",
            "end",
        ]
    );
}

#[test]
fn a_whole_reply_is_the_same_events() {
    let seen = whole(&json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "S"},
            {"type": "text", "text": "so", "citations": [{"type": "char_location"}]},
            tool_use("toolu_1", json!({"a": 1})),
            tool_use("toolu_2", json!({})),
        ],
        "stop_reason": "stop_sequence", "stop_sequence": "X", "container": {"id": "c"},
        "usage": {"input_tokens": 5, "output_tokens": 7},
    }));
    assert_eq!(
        seen,
        [
            "dropped container",
            "begin msg_1 claude-x",
            "reasoning hm",
            "opaque Some(10) Signature S",
            "text so",
            "dropped citations",
            "call 0 toolu_1 f",
            "arguments 0 {\"a\":1}",
            "call end 0",
            "call 1 toolu_2 f",
            "arguments 1 {}",
            "call end 1",
            "usage 5 0 0 7 0",
            "finish StopSequence X",
            "end",
        ]
    );
}

#[test]
fn every_reason_is_read_and_one_that_is_not_known_is_an_end() {
    for (reason, expected) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::StopSequence),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::ContextWindow),
        ("tool_use", Finish::Calls),
        ("refusal", Finish::Refused),
        ("pause_turn", Finish::Pause),
        ("compaction", Finish::Pause),
        ("boredom", Finish::Stop),
    ] {
        let [last, done] = end(reason);
        let seen = stream(&[start(), last, done]);
        assert_eq!(seen[seen.len() - 2], format!("finish {expected:?}"));
    }
}

#[test]
fn a_turn_that_ends_with_calls_waits_for_their_results() {
    let [last, done] = end("end_turn");
    let seen = stream(&[
        start(),
        block(0, tool_use("a", json!({}))),
        stop(0),
        last,
        done,
    ]);
    assert_eq!(seen[seen.len() - 2], "finish Calls");
}

#[test]
fn calls_that_grow_side_by_side_are_told_apart_and_input_may_come_with_the_beginning() {
    let [last, done] = end("tool_use");
    let seen = stream(&[
        start(),
        block(0, tool_use("a", json!({"x": 1}))),
        block(1, tool_use("b", json!({"dropped": true}))),
        delta(1, "input_json_delta", "partial_json", "{}"),
        last,
        done,
    ]);
    let calls: Vec<_> = seen
        .iter()
        .filter(|event| event.starts_with("call") || event.starts_with("arguments"))
        .collect();
    assert_eq!(
        calls,
        [
            "call 0 a f",
            "call 1 b f",
            "arguments 1 {}",
            "arguments 0 {\"x\":1}",
            "call end 0",
            "call end 1"
        ]
    );
}

#[test]
fn what_no_other_dialect_has_is_dropped_by_name() {
    let [last, done] = end("end_turn");
    let seen = stream(&[
        start(),
        block(
            0,
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        ),
        delta(0, "input_json_delta", "partial_json", "{\"q\":1}"),
        stop(0),
        block(1, json!({"type": "a_new_block"})),
        stop(1),
        json!({"type": "content_block_delta", "index": 9, "delta": {"type": "citations_delta", "citation": {}}}),
        json!({"type": "a_new_event", "x": [1]}),
        last,
        done,
    ]);
    let dropped: Vec<_> = seen
        .iter()
        .filter(|event| event.starts_with("dropped"))
        .collect();
    assert_eq!(
        dropped,
        [
            "dropped server_tool_use",
            "dropped block",
            "dropped citations"
        ]
    );
    assert_eq!(seen.last().unwrap(), "end");
}

#[test]
fn the_reason_of_a_refusal_is_its_text() {
    let done = json!({"type": "message_stop"});
    let last = json!({"type": "message_delta", "delta": {"stop_reason": "refusal",
        "stop_details": {"type": "refusal", "category": "bio", "explanation": "no"}}, "usage": {}});
    let seen = stream(&[start(), last, done]);
    assert_eq!(
        seen[seen.len() - 3..],
        ["refusal no", "finish Refused", "end"]
    );
}

#[test]
fn an_error_is_read_in_every_place_and_nothing_follows_it() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    assert_eq!(
        stream(std::slice::from_ref(&error)),
        ["error overloaded_error busy"]
    );
    assert_eq!(whole(&error), ["error overloaded_error busy"]);
    let bare = json!({"error": {"message": "m", "type": "t"}});
    assert_eq!(stream(std::slice::from_ref(&bare)), ["error t m"]);
    let (mut reader, mut seen) = (Reader::new(context(true)), Vec::new());
    let mut sink = |event: Event<'_>| seen.push(brief(&event));
    reader.read_event(b"error", b"busy", &mut sink).unwrap();
    assert_eq!(seen, ["error - busy"]);
}

#[test]
fn a_stream_whose_gateway_ends_it_with_done_is_whole_if_it_says_why_it_ended() {
    for (reason, is_whole) in [(Some("end_turn"), true), (None, false)] {
        let (mut reader, mut seen) = (Reader::new(context(true)), Vec::new());
        let mut sink = |event: Event<'_>| seen.push(brief(&event));
        let mut events = vec![start()];
        events.extend(reason.map(|reason| end(reason)[0].clone()));
        for event in events {
            let event = event.to_string();
            reader.read_event(b"", event.as_bytes(), &mut sink).unwrap();
        }
        reader.read_event(b"", b"[DONE]", &mut sink).unwrap();
        assert_eq!(seen.last().unwrap() == "end", is_whole);
    }
}

#[test]
fn what_is_no_reply_is_malformed() {
    let nothing = &mut |_: Event<'_>| {};
    for doc in [
        "",
        "{}",
        "[]",
        "{\"content\":1}",
        "{\"content\":[]",
        "{\"content\":[{\"type\":\"tool_use\"}]}",
    ] {
        let mut reader = Reader::new(context(false));
        assert!(reader.read_whole(doc.as_bytes(), nothing).is_err(), "{doc}");
    }
    let orphan = delta(3, "input_json_delta", "partial_json", "{").to_string();
    for data in ["", "{", "x", "{} {}", &orphan] {
        let mut reader = Reader::new(context(true));
        assert!(
            reader.read_event(b"", data.as_bytes(), nothing).is_err(),
            "{data}"
        );
    }
}

/// A stream as it comes over the wire.
fn wire(events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        bytes.extend_from_slice(format!("event: {kind}\ndata: {event}\n\n").as_bytes());
    }
    bytes
}

#[test]
fn a_stream_that_is_cut_anywhere_does_not_look_whole() {
    let [last, done] = end("tool_use");
    let bytes = wire(&[
        start(),
        block(0, json!({"type": "text", "text": ""})),
        delta(0, "text_delta", "text", "caf\u{e9}"),
        stop(0),
        block(1, tool_use("a", json!({}))),
        delta(1, "input_json_delta", "partial_json", "{\"a\":1}"),
        stop(1),
        last,
        done,
    ]);
    // Without its last line feed an event is no event, and a stream's end may be without it.
    for cut in 0..bytes.len() - 1 {
        for caller in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            let mut reply = Reply::new(caller, Wire::Messages, true, context(true)).unwrap();
            let pushed = reply.push(&bytes[..cut]);
            let finished = reply.finish();
            assert!(!reply.is_whole(), "{cut} {pushed:?} {finished:?}");
        }
    }
    let mut reply = Reply::new(Dialect::OpenaiChat, Wire::Messages, true, context(true)).unwrap();
    reply.push(&bytes).unwrap();
    assert!(reply.is_whole());
}

proptest! {
    #[test]
    fn any_document_is_read_or_malformed(doc in arbitrary::mutated()) {
        let nothing = &mut |_: Event<'_>| {};
        let _ = Reader::new(context(false)).read_whole(&doc, nothing);
        let _ = Reader::new(context(true)).read_event(b"content_block_start", &doc, nothing);
    }

    #[test]
    fn events_in_any_order_are_read_and_never_end_twice(order in prop::collection::vec(0..9_usize, 0..24)) {
        let [last, done] = end("end_turn");
        let events = [
            start(), block(0, json!({"type": "text", "text": "a"})), block(1, tool_use("a", json!({}))),
            delta(0, "text_delta", "text", "b"), delta(1, "input_json_delta", "partial_json", "{}"),
            stop(0), stop(1), last, done,
        ];
        let (mut reader, mut ends) = (Reader::new(context(true)), 0);
        for at in order {
            let data = events[at].to_string();
            let mut sink = |event: Event<'_>| ends += usize::from(matches!(event, Event::End));
            let _ = reader.read_event(b"", data.as_bytes(), &mut sink);
        }
        prop_assert!(ends < 2);
    }
}
