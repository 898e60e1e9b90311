//! Replies as callers are given them.

use serde_json::{Value, json};

use super::{
    super::{reply_read::Reader, reply_write::Writer},
    Events, HOME, context, json,
};
use crate::{
    Usage,
    failure::ErrorFacts,
    translate::{
        event::{Event, Finish, Sink},
        format::{ReadReply, ReplyContext, WriteReply},
        opaque::{Opaque, OpaqueKind},
        text::Text,
    },
};

const USAGE: Usage = Usage {
    input: 12,
    cached: 4,
    written: 0,
    output: 9,
    reasoning: 3,
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

fn text(text: &str) -> Event<'_> {
    let text = Text::plain(text);
    Event::Text { choice: 0, text }
}

fn thought(text: &str) -> Event<'_> {
    let text = Text::plain(text);
    Event::Reasoning { choice: 0, text }
}

fn call<'a>(call: u32, id: Option<&'a str>) -> Event<'a> {
    Event::Call {
        choice: 0,
        call,
        id: id.map(Text::plain),
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

fn call_end(call: u32) -> Event<'static> {
    Event::CallEnd { choice: 0, call }
}

fn finish(reason: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        reason,
        stop: None,
    }
}

fn opaque() -> Event<'static> {
    Event::Opaque {
        choice: 0,
        opaque: Opaque::of(HOME, OpaqueKind::Signature, Text::plain("s+/=")),
    }
}

/// All that is said in one reply.
fn all() -> Vec<Event<'static>> {
    vec![
        Event::Begin {
            id: None,
            model: None,
        },
        thought("h"),
        thought("m"),
        opaque(),
        text("a\"\n"),
        text("b"),
        call(0, Some("toolu_1")),
        call(1, None),
        arguments(0, "{\"n\":\n"),
        arguments(1, ""),
        arguments(0, " 1.50}"),
        call_end(0),
        call_end(1),
        finish(Finish::Calls),
        Event::Usage(USAGE),
        Event::End,
    ]
}

fn written(context: ReplyContext, events: Vec<Event<'_>>) -> String {
    let mut writer = Writer::new(context);
    let mut out = Vec::new();
    for event in events {
        writer.take(event);
        out.extend(writer.take_written());
    }
    String::from_utf8(out).unwrap()
}

fn listed() -> ReplyContext {
    ReplyContext {
        listed: true,
        ..context(true)
    }
}

/// The chunks of a stream, each on one line.
fn chunks(stream: &str) -> Vec<Value> {
    assert!(stream.ends_with("\n\n"), "{stream}");
    let events = stream.trim_end().split("\n\n");
    events
        .map(|event| json(event.strip_prefix("data: ").unwrap()))
        .collect()
}

fn signature() -> String {
    let opaque = Opaque::of(HOME, OpaqueKind::Signature, Text::plain("s+/="));
    opaque.tagged_in_base64().decode().into_owned()
}

#[test]
fn a_whole_reply_has_its_parts_merged_and_its_signature_behind_the_thoughts() {
    assert_eq!(
        json(written(context(false), all())),
        json!({
            "candidates": [{
                "content": {"parts": [
                    {"thought": true, "text": "hm"},
                    {"text": "a\"\n", "thoughtSignature": signature()},
                    {"text": "b"},
                    {"functionCall": {"id": "toolu_1", "name": "f", "args": {"n": 1.5}}},
                    {"functionCall": {"name": "f", "args": {}}},
                ], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }],
            "usageMetadata": {"promptTokenCount": 12, "cachedContentTokenCount": 4, "candidatesTokenCount": 6, "thoughtsTokenCount": 3, "totalTokenCount": 21},
            "modelVersion": "alias",
            "responseId": "x1",
        })
    );
}

#[test]
fn texts_in_pieces_are_one_part_of_a_whole_reply() {
    let events = vec![
        text("a"),
        text("\"b"),
        text("c"),
        finish(Finish::Stop),
        Event::End,
    ];
    let reply = json(written(context(false), events));
    assert_eq!(
        reply["candidates"][0]["content"]["parts"],
        json!([{"text": "a\"bc"}])
    );
    assert_eq!(reply.get("usageMetadata"), None);
}

#[test]
fn a_stream_has_a_chunk_for_each_part_and_reason_and_usage_in_the_last() {
    let stream = written(context(true), all());
    let chunks = chunks(&stream);
    let parts: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            assert_eq!(chunk["modelVersion"], "alias");
            assert_eq!(chunk["responseId"], "x1");
            assert_eq!(chunk["candidates"][0]["index"], 0);
            assert_eq!(chunk["candidates"][0]["content"]["role"], "model");
            chunk["candidates"][0]["content"]["parts"].clone()
        })
        .collect();
    assert_eq!(
        Value::from(parts),
        json!([
            [{"thought": true, "text": "h"}],
            [{"thought": true, "text": "m"}],
            [{"text": "a\"\n", "thoughtSignature": signature()}],
            [{"text": "b"}],
            [{"functionCall": {"id": "toolu_1", "name": "f", "args": {"n": 1.5}}}],
            [{"functionCall": {"name": "f", "args": {}}}],
            [{"text": ""}],
        ])
    );
    let ends = chunks
        .iter()
        .filter(|chunk| chunk["usageMetadata"].is_object());
    assert_eq!(ends.count(), 1);
    assert_eq!(
        chunks.last().unwrap()["candidates"][0]["finishReason"],
        "STOP"
    );
    assert!(stream.contains("1.50"), "numbers stay");
}

#[test]
fn a_stream_as_one_array_is_one_document() {
    let array = json(written(listed(), all()));
    let events = chunks(&written(context(true), all()));
    assert_eq!(array, Value::from(events));
    let empty = json(written(listed(), vec![finish(Finish::Stop), Event::End]));
    assert_eq!(empty.as_array().unwrap().len(), 1);
}

#[test]
fn every_finish_is_a_reason_of_the_enumeration() {
    let enumeration = [
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "IMAGE_SAFETY",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "IMAGE_PROHIBITED_CONTENT",
        "NO_IMAGE",
        "IMAGE_RECITATION",
        "IMAGE_OTHER",
    ];
    for reason in Finish::ALL {
        let events = || vec![text("a"), finish(reason), Event::End];
        let whole = json(written(context(false), events()));
        let stream = chunks(&written(context(true), events()));
        for reply in [&whole, stream.last().unwrap()] {
            let name = reply["candidates"][0]["finishReason"].as_str().unwrap();
            assert!(enumeration.contains(&name), "{reason:?}: {name}");
        }
        assert_eq!(
            whole["candidates"][0]["finishReason"],
            match reason {
                Finish::Stop | Finish::StopSequence | Finish::Calls => "STOP",
                Finish::Length | Finish::ContextWindow => "MAX_TOKENS",
                Finish::Filtered | Finish::Refused => "SAFETY",
                Finish::Pause | Finish::Broken => "OTHER",
            }
        );
    }
}

#[test]
fn arguments_that_are_no_object_make_the_call_malformed() {
    for (source, reason, expected) in [
        ("[1]", Finish::Calls, "MALFORMED_FUNCTION_CALL"),
        ("{\"n\":", Finish::Length, "MAX_TOKENS"),
    ] {
        let events = || {
            let events = [
                call(0, None),
                arguments(0, source),
                call_end(0),
                finish(reason),
                Event::End,
            ];
            Vec::from(events)
        };
        let reply = json(written(context(false), events()));
        assert_eq!(reply["candidates"][0]["finishReason"], expected);
        assert_eq!(
            reply["candidates"][0]["content"]["parts"],
            json!([{"text": ""}])
        );
    }
}

#[test]
fn a_failure_is_an_event_of_the_apis_own_and_nothing_follows() {
    let facts = || {
        Box::new(ErrorFacts {
            kind: Some("overloaded_error".to_owned()),
            message: "busy".to_owned(),
            ..ErrorFacts::default()
        })
    };
    let events = || vec![text("a"), Event::Error(facts()), text("b"), Event::End];
    let stream = written(context(true), events());
    let error = json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}});
    let last = stream.trim_end().rsplit("\n\n").next().unwrap();
    assert_eq!(json(last), error);
    assert!(!stream.contains("finishReason"));
    let array = json(written(listed(), events()));
    assert_eq!(array[1], error);
    assert_eq!(
        written(context(false), events()),
        "",
        "a whole reply is none"
    );
}

#[test]
fn a_signature_that_nothing_follows_stands_at_an_empty_text() {
    let events = vec![opaque(), opaque(), finish(Finish::Stop), Event::End];
    let reply = json(written(context(false), events));
    let part = json!({"text": "", "thoughtSignature": signature()});
    assert_eq!(
        reply["candidates"][0]["content"]["parts"],
        json!([part, part])
    );
}

#[test]
fn choices_are_candidates_in_their_order() {
    let events = vec![
        Event::Text {
            choice: 1,
            text: Text::plain("b"),
        },
        text("a"),
        finish(Finish::Stop),
        Event::Finish {
            choice: 1,
            reason: Finish::Length,
            stop: None,
        },
        Event::End,
    ];
    let reply = json(written(context(false), events));
    for (at, reason) in [(0, "STOP"), (1, "MAX_TOKENS")] {
        let candidate = &reply["candidates"][at];
        assert_eq!(candidate["index"], at);
        assert_eq!(candidate["finishReason"], reason);
    }
}

#[test]
fn what_is_written_is_read_again_as_it_was_said() {
    let read = |written: &str, stream: bool| {
        let mut events = Events::default();
        let mut reader = Reader::new(context(stream));
        match stream {
            true => {
                for chunk in chunks(written) {
                    let chunk = chunk.to_string();
                    reader
                        .read_event(b"", chunk.as_bytes(), &mut events)
                        .unwrap();
                }
            }
            false => reader.read_whole(written.as_bytes(), &mut events).unwrap(),
        }
        reader.finish(&mut events);
        events.0
    };
    for stream in [false, true] {
        let events = read(&written(context(stream), all()), stream);
        let joined = events.join("\n");
        for expected in [
            "text 0 b",
            "call 0/0 toolu_1 f",
            "call 0/1 - f",
            "usage 12 4 9 3",
            "finish 0 Calls\nend",
        ] {
            assert!(joined.contains(expected), "{expected} in {joined}");
        }
    }
}
