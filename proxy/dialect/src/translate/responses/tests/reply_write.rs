//! Replies as they are written.

use serde_json::{Value, json};

use super::{context, data_of, reply_read::STREAM, stream, whole, written};
use crate::{
    Usage,
    failure::ErrorFacts,
    translate::{
        event::{Event, Finish, Sink as _},
        format::{ReadReply as _, WriteReply as _},
        opaque::{Opaque, OpaqueKind},
        responses::{reply_read::Reader, reply_write::Writer},
        text::Text,
    },
};

fn text(text: &'static str) -> Event<'static> {
    let text = Text::plain(text);
    Event::Text { choice: 0, text }
}

fn call(call: u32, id: Option<&'static str>) -> Event<'static> {
    Event::Call {
        choice: 0,
        call,
        id: id.map(Text::plain),
        name: Text::plain("f"),
    }
}

fn arguments(call: u32, text: &'static str) -> Event<'static> {
    let text = Text::plain(text);
    Event::Arguments {
        choice: 0,
        call,
        text,
    }
}

fn finish(reason: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        reason,
        stop: None,
    }
}

fn everything() -> Vec<Event<'static>> {
    let thought = |text| Event::Reasoning {
        choice: 0,
        text: Text::plain(text),
    };
    vec![
        Event::Begin {
            id: None,
            model: None,
        },
        thought("Th"),
        thought("ink"),
        Event::Opaque {
            choice: 0,
            opaque: Opaque::of(super::HOME, OpaqueKind::Signature, Text::plain("sig")),
        },
        text("Hel"),
        text("lo\n"),
        Event::Refusal {
            choice: 0,
            text: Text::plain("No"),
        },
        call(0, Some("toolu_1")),
        call(1, Some("toolu_1")),
        arguments(0, "{\"a\""),
        arguments(0, ":1}"),
        Event::CallEnd { choice: 0, call: 0 },
        Event::CallEnd { choice: 0, call: 1 },
        Event::Usage(Usage {
            input: 36,
            cached: 10,
            written: 2,
            output: 87,
            reasoning: 64,
            estimated: false,
            details: Default::default(),
        }),
        finish(Finish::Calls),
        Event::End,
    ]
}

#[test]
fn a_stream_follows_the_grammar_of_the_api() {
    let events = data_of(&written(true, everything()));
    let names: Vec<_> = events
        .iter()
        .map(|event| {
            event["type"]
                .as_str()
                .unwrap()
                .strip_prefix("response.")
                .unwrap()
        })
        .collect();
    assert_eq!(
        names,
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "content_part.added",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(number));
    }
    let response = &events.last().unwrap()["response"];
    assert_eq!(
        response["output"],
        json!([
            {"id": "rs_x1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Think"}], "encrypted_content": "outrigger1-00c0ffees-sig"},
            {"id": "msg_x1_1", "type": "message", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "Hello\n", "annotations": [], "logprobs": []}, {"type": "refusal", "refusal": "No"}]},
            {"id": "fc_x1_2", "type": "function_call", "status": "completed", "arguments": "{\"a\":1}", "call_id": "toolu_1", "name": "f"},
            {"id": "fc_x1_3", "type": "function_call", "status": "completed", "arguments": "{}", "call_id": "call_x1_1", "name": "f"},
        ])
    );
    assert_eq!(
        (&response["id"], &response["model"], &response["status"]),
        (&json!("resp_x1"), &json!("fast"), &json!("completed"))
    );
    assert_eq!(
        response["usage"],
        json!({"input_tokens": 36, "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 2}, "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123})
    );
}

/// Puts a stream together as `accumulateResponse` of the SDK for Node does, with its checks.
fn accumulate(events: &[Value]) -> Value {
    let mut snapshot = Value::Null;
    for event in events {
        let kind = event["type"]
            .as_str()
            .unwrap()
            .strip_prefix("response.")
            .unwrap();
        if let Some(response) = event.get("response") {
            if kind == "completed" {
                assert_eq!(snapshot["output"], response["output"]);
            }
            snapshot = response.clone();
            continue;
        }
        let at = event["output_index"].as_u64().unwrap() as usize;
        let output = snapshot["output"].as_array_mut().unwrap();
        if kind == "output_item.added" {
            assert_eq!(at, output.len());
            output.push(event["item"].clone());
            continue;
        }
        let item = &mut output[at];
        if kind == "output_item.done" {
            assert_eq!(item["id"], event["item"]["id"]);
            *item = event["item"].clone();
            continue;
        }
        assert_eq!(item["id"], event["item_id"]);
        let (list, index) = match kind.starts_with("reasoning") {
            true => ("summary", &event["summary_index"]),
            false => ("content", &event["content_index"]),
        };
        if kind.ends_with("part.added") {
            let parts = item[list].as_array_mut().unwrap();
            assert_eq!(index, &json!(parts.len()));
            parts.push(event["part"].clone());
            continue;
        }
        let (target, member) = match kind.split('.').next().unwrap() {
            "function_call_arguments" => (item, "arguments"),
            "refusal" => (&mut item[list][index.as_u64().unwrap() as usize], "refusal"),
            _ => (&mut item[list][index.as_u64().unwrap() as usize], "text"),
        };
        if kind.ends_with(".delta") {
            let grown = [
                target[member].as_str().unwrap(),
                event["delta"].as_str().unwrap(),
            ]
            .concat();
            target[member] = json!(grown);
        } else if kind.ends_with("part.done") {
            assert_eq!(*target, event["part"]);
        } else {
            assert_eq!(target[member], event[member], "{kind}");
        }
    }
    snapshot
}

#[test]
fn deltas_add_up_to_what_is_repeated_and_to_the_whole_reply() {
    let streamed = accumulate(&data_of(&written(true, everything())));
    let whole: Value = serde_json::from_str(&written(false, everything())).unwrap();
    assert_eq!(streamed, whole);
}

#[test]
fn every_member_that_the_types_of_the_sdks_require_is_there() {
    let whole: Value = serde_json::from_str(&written(false, everything())).unwrap();
    for member in [
        "id",
        "created_at",
        "error",
        "incomplete_details",
        "instructions",
        "metadata",
        "model",
        "object",
        "output",
        "parallel_tool_calls",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
        "status",
        "text",
        "usage",
        "truncation",
        "reasoning",
    ] {
        assert!(whole.get(member).is_some(), "{member}");
    }
}

#[test]
fn every_finish_is_one_of_the_apis_statuses() {
    for reason in Finish::ALL {
        let (status, details) = match reason {
            Finish::Length | Finish::ContextWindow => {
                ("incomplete", json!({"reason": "max_output_tokens"}))
            }
            Finish::Filtered => ("incomplete", json!({"reason": "content_filter"})),
            Finish::Broken => ("failed", Value::Null),
            _ => ("completed", Value::Null),
        };
        let events = || vec![text("Hi"), finish(reason), Event::End];
        let whole: Value = serde_json::from_str(&written(false, events())).unwrap();
        let streamed = data_of(&written(true, events())).pop().unwrap();
        assert_eq!(streamed["type"], json!(format!("response.{status}")));
        assert_eq!(streamed["response"], whole);
        assert_eq!(
            (&whole["status"], &whole["incomplete_details"]),
            (&json!(status), &details)
        );
        assert_eq!(whole["error"].is_null(), reason != Finish::Broken);
        let is_refused = whole["output"][0]["content"][1]["type"] == json!("refusal");
        assert_eq!(is_refused, reason == Finish::Refused);
        assert_eq!(
            whole["output"][0]["status"] == json!("incomplete"),
            status == "incomplete"
        );
    }
}

#[test]
fn an_error_ends_a_stream_with_the_next_number_and_without_an_end() {
    let facts = || {
        Box::new(ErrorFacts {
            kind: Some("overloaded_error".into()),
            message: "Busy".into(),
            ..ErrorFacts::default()
        })
    };
    let events = data_of(&written(true, vec![text("Hi"), Event::Error(facts())]));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["type"], &last["sequence_number"]),
        (&json!("error"), &json!(events.len() - 1))
    );
    assert_eq!(
        (&last["code"], &last["message"]),
        (&json!("overloaded_error"), &json!("Busy"))
    );
    let whole: Value =
        serde_json::from_str(&written(false, vec![text("Hi"), Event::Error(facts())])).unwrap();
    assert_eq!(whole["error"]["message"], json!("Busy"));
    assert_eq!(written(false, vec![text("Hi")]), "");
}

#[test]
fn what_is_read_and_written_is_read_as_the_same() {
    for streams in [true, false] {
        let (mut reader, mut writer) = (Reader::new(context(true)), Writer::new(context(streams)));
        for data in STREAM {
            reader
                .read_event(b"", data.as_bytes(), &mut writer)
                .unwrap();
        }
        let out = String::from_utf8(writer.take_written()).unwrap();
        let lines = match streams {
            true => {
                let events: Vec<_> = out
                    .lines()
                    .filter_map(|line| line.strip_prefix("data: "))
                    .collect();
                stream(&events)
            }
            false => whole(&out),
        };
        let beginning = [
            "begin resp_x1 fast",
            "reasoning One.\n\nTwo.",
            "opaque Encrypted outrigger1-00c0ffeee-gAAA",
        ];
        assert_eq!(lines[..3], beginning);
        // halves of a character are whole again where their deltas are one text
        assert!(streams || lines[3] == "text Hi 😀");
        assert_eq!(
            lines[lines.len() - 3..],
            ["usage 36 10 2 87 64", "finish Calls", "end"]
        );
    }
}

#[test]
fn reasoning_that_nobody_can_read_is_an_item_of_its_own() {
    let opaque = Opaque::of(super::HOME, OpaqueKind::Redacted, Text::plain("r"));
    let events = vec![Event::Opaque { choice: 0, opaque }, text("Hi"), Event::End];
    let whole: Value = serde_json::from_str(&written(false, events)).unwrap();
    assert_eq!(
        whole["output"][0],
        json!({"id": "rs_x1_0", "type": "reasoning", "summary": [], "encrypted_content": "outrigger1-00c0ffeer-r"})
    );
}

#[test]
fn a_writer_gives_each_piece_when_it_is_taken() {
    let mut writer = Writer::new(context(true));
    writer.take(Event::Begin {
        id: None,
        model: None,
    });
    assert!(!writer.take_written().is_empty());
    writer.take(text("a"));
    assert!(!writer.take_written().is_empty());
    writer.take(text("b"));
    let out = String::from_utf8(writer.take_written()).unwrap();
    assert_eq!(
        out,
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":5,\
         \"item_id\":\"msg_x1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"b\",\"logprobs\":[]}\n\n"
    );
}
