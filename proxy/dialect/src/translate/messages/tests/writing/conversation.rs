//! Conversations, written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{
        super::super::{
            form::{Arguments, Cache, Call, Media, MediaKind, Part, Request, Role, Source, Turn},
            opaque::{Opaque, OpaqueKind, Origin},
            takes::ModelTakes,
            text::Text,
        },
        HOME, read, through, with, write,
    },
    body, call, question, refused, result, text, tool, turn,
};

#[test]
fn a_request_keeps_its_meaning_through_the_form() {
    let doc = json!({
        "model": "claude-x", "max_tokens": 4000, "stream": true, "temperature": 0.5, "top_k": 3,
        "top_p": 0.9, "stop_sequences": ["x"], "metadata": {"user_id": "u"}, "inference_geo": "eu",
        "service_tier": "standard_only",
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true,
                   "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "\u{e9}\n\"q\""},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
                {"type": "image", "source": {"type": "url", "url": "https://h/a"}},
                {"type": "document", "title": "T",
                 "source": {"type": "base64", "media_type": "application/pdf", "data": "JV"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "so"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, null]}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true,
                 "content": [{"type": "text", "text": "no"}], "cache_control": {"type": "ephemeral"}},
            ]},
        ],
    });
    let (body, dropped) = through(&doc, &ModelTakes::default());
    assert_eq!(body, doc);
    assert!(dropped.is_empty());
}

#[test]
fn thinking_of_the_target_itself_goes_home_and_all_other_is_left_out_and_counted() {
    let origin = |origin, kind| Part::Reasoning {
        text: Some(Text::plain("t")),
        opaque: Some(Opaque::of(origin, kind, Text::plain("x"))),
    };
    let unsigned = Part::Reasoning {
        text: Some(Text::plain("t")),
        opaque: None,
    };
    for (part, expected) in [
        (
            origin(HOME, OpaqueKind::Signature),
            Some(json!({"type": "thinking", "thinking": "t", "signature": "x"})),
        ),
        (
            origin(HOME, OpaqueKind::Redacted),
            Some(json!({"type": "redacted_thinking", "data": "x"})),
        ),
        (origin(HOME, OpaqueKind::Thought), None),
        (origin(Origin(9), OpaqueKind::Signature), None),
        (unsigned, None),
    ] {
        let request = Request {
            turns: vec![
                turn(Role::User, [text("q")]),
                turn(Role::Assistant, [part, text("a")]),
                turn(Role::User, [text("q")]),
            ],
            ..Request::default()
        };
        let (body, dropped) = body(&request, &ModelTakes::default());
        let said = json!({"type": "text", "text": "a"});
        match expected {
            Some(thought) => {
                assert_eq!(body["messages"][1]["content"], json!([thought, said]));
                assert!(dropped.is_empty());
            }
            None => {
                assert_eq!(body["messages"][1]["content"], json!([said]));
                assert_eq!(dropped, ["reasoning"]);
            }
        }
    }
}

#[test]
fn neighbours_are_one_message_with_results_first_and_nothing_empty() {
    let request = Request {
        turns: vec![
            turn(Role::User, [text("a")]),
            turn(Role::System, [text("b")]),
            turn(Role::Assistant, [text(""), text(" \n")]),
            turn(Role::User, [text("c")]),
            turn(Role::Assistant, [text("d"), call(Some("1"), "f")]),
            turn(Role::Assistant, [call(Some("2"), "f")]),
            turn(Role::User, [text("e"), result(Some("1"), None, "r1")]),
            turn(Role::User, [result(Some("2"), None, "")]),
        ],
        tools: vec![tool("f")],
        ..Request::default()
    };
    let (body, dropped) = body(&request, &ModelTakes::default());
    let said = |text: &str| json!({"type": "text", "text": text});
    let called = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [said("a"), said("b"), said("c")]},
            {"role": "assistant", "content": [said("d"), called("1"), called("2")]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": [said("r1")]},
                {"type": "tool_result", "tool_use_id": "2"},
                said("e"),
            ]},
        ])
    );
    assert_eq!(dropped, ["role"]);
}

#[test]
fn instructions_alone_are_the_users() {
    let request = Request {
        system: vec![text("s")],
        ..Request::default()
    };
    let (body, dropped) = body(&request, &ModelTakes::default());
    assert_eq!(body.get("system"), None);
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "s"}]}])
    );
    assert_eq!(dropped, ["role"]);
    assert_eq!(
        refused(&Request::default(), &ModelTakes::default()),
        "messages"
    );
}

#[test]
fn a_reply_that_was_begun_is_refused_by_models_that_refuse_it() {
    let mut request = question();
    request.turns.push(turn(Role::Assistant, [text("{ ")]));
    let (written, _) = body(&request, &ModelTakes::default());
    assert_eq!(written["messages"][1]["content"][0]["text"], "{");
    let takes = ModelTakes {
        refuses_prefill: true,
        ..ModelTakes::default()
    };
    assert_eq!(refused(&request, &takes), "messages");
}

#[test]
fn ids_are_letters_and_digits_and_calls_without_one_are_found_by_name() {
    let request = Request {
        turns: vec![
            turn(Role::User, [text("q")]),
            turn(
                Role::Assistant,
                [
                    call(Some("functions.f:0"), "f"),
                    call(None, "g"),
                    call(None, "h"),
                    call(None, "g"),
                ],
            ),
            turn(
                Role::User,
                [
                    result(None, Some("g"), "1"),
                    result(None, Some("g"), "2"),
                    result(None, Some("h"), "3"),
                    result(Some("functions.f:0"), None, "4"),
                ],
            ),
        ],
        ..Request::default()
    };
    let (written, _) = body(&request, &ModelTakes::default());
    let ids = |message: usize, member: &str| -> Vec<String> {
        let blocks = written["messages"][message]["content"].as_array().unwrap();
        blocks
            .iter()
            .map(|block| block[member].as_str().unwrap().to_owned())
            .collect()
    };
    let calls = ids(1, "id");
    let plain = |id: &String| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    assert!(calls.iter().all(plain), "{calls:?}");
    let results = ids(2, "tool_use_id");
    assert_eq!(results, [1, 3, 2, 0].map(|at: usize| calls[at].clone()));

    let mut request = question();
    request
        .turns
        .push(turn(Role::User, [result(None, Some("f"), "r")]));
    assert_eq!(refused(&request, &ModelTakes::default()), "tool result");
}

#[test]
fn calls_of_a_conversation_whose_tools_are_gone_need_one_that_can_t_be_called() {
    let mut request = question();
    request
        .turns
        .push(turn(Role::Assistant, [call(Some("1"), "f")]));
    request
        .turns
        .push(turn(Role::User, [result(Some("1"), None, "r")]));
    let (written, _) = body(&request, &ModelTakes::default());
    assert_eq!(written["tools"].as_array().unwrap().len(), 1);
    assert_eq!(written["tool_choice"], json!({"type": "none"}));
}

#[test]
fn media_that_the_dialect_does_not_take_are_refused_by_name() {
    let base64 = |media_type: &'static str| Source::Base64 {
        media_type: media_type.into(),
        data: "AA".into(),
    };
    let file = || Source::File(Text::plain("f"));
    for (kind, source, field) in [
        (MediaKind::Image, base64("image/tiff"), Some("image")),
        (MediaKind::Image, base64("image/jpg"), None),
        (MediaKind::Image, file(), Some("file_id")),
        (MediaKind::Document, base64("text/csv"), Some("file")),
        (MediaKind::Document, base64("application/pdf"), None),
        (MediaKind::Audio, base64("audio/wav"), Some("input_audio")),
        (MediaKind::Video, base64("video/mp4"), Some("video")),
    ] {
        let media = Part::Media(Media {
            kind,
            source,
            detail: Some(Text::plain("high")),
            title: None,
            cache: None,
        });
        let request = Request {
            turns: vec![turn(Role::User, [media])],
            ..Request::default()
        };
        match field {
            Some(field) => assert_eq!(refused(&request, &ModelTakes::default()), field),
            None => assert_eq!(body(&request, &ModelTakes::default()).1, ["detail"]),
        }
    }
}

#[test]
fn no_more_than_four_marks_for_the_cache_are_set() {
    let marked = || Part::Text {
        text: Text::plain("a"),
        cache: Some(Cache { long: false }),
    };
    let request = Request {
        turns: vec![Turn {
            role: Role::User,
            parts: (0..5).map(|_| marked()).collect(),
        }],
        ..Request::default()
    };
    let (written, dropped) = body(&request, &ModelTakes::default());
    let blocks = written["messages"][0]["content"].as_array().unwrap();
    let marks = blocks
        .iter()
        .filter(|block| block.get("cache_control").is_some());
    assert_eq!(marks.count(), 4);
    assert_eq!(dropped, ["cache_control"]);
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    let mut request = question();
    request.turns.push(turn(
        Role::Assistant,
        [Part::Call(Call {
            id: Some(Text::plain("1")),
            name: Text::plain("f"),
            arguments: Arguments::Source(Text::plain("{\"a\":")),
            cache: None,
        })],
    ));
    assert_eq!(
        refused(&request, &ModelTakes::default()),
        "tool call arguments"
    );
}

#[test]
fn a_request_that_was_read_is_written_the_same_again() {
    let doc = with(json!({"system": "s"})).to_string();
    let (request, _) = read(&doc).unwrap();
    let once = write(&request, &ModelTakes::default()).unwrap().0;
    assert_eq!(through(&once, &ModelTakes::default()).0, once);
}

/// A message of any blocks that its speaker can say.
fn message() -> impl Strategy<Value = Value> {
    let said = || prop::sample::select(vec!["", " ", "a", "\n\"b\\"]);
    let text = || said().prop_map(|said| json!({"type": "text", "text": said}));
    let id = || prop::sample::select(vec!["1", "2", "a:b"]);
    let result = (id(), said())
        .prop_map(|(id, said)| json!({"type": "tool_result", "tool_use_id": id, "content": said}));
    let call =
        id().prop_map(|id| json!({"type": "tool_use", "id": id, "name": "f", "input": {"a": 1}}));
    let thought =
        said().prop_map(|said| json!({"type": "thinking", "thinking": said, "signature": "s"}));
    let users = prop::collection::vec(prop_oneof![text(), result], 0..4)
        .prop_map(|blocks| json!({"role": "user", "content": blocks}));
    let models = prop::collection::vec(prop_oneof![text(), call, thought], 0..4)
        .prop_map(|blocks| json!({"role": "assistant", "content": blocks}));
    let instructions = said().prop_map(|said| json!({"role": "system", "content": said}));
    prop_oneof![3 => users, 3 => models, 1 => instructions]
}

proptest! {
    #[test]
    fn any_conversation_alternates_and_says_something_in_every_block(
        messages in prop::collection::vec(message(), 0..8),
    ) {
        let doc = with(json!({"messages": messages})).to_string();
        let (request, _) = read(&doc).unwrap();
        let Ok((written, _)) = write(&request, &ModelTakes::default()) else {
            let turns = request.turns.iter().flat_map(|turn| &turn.parts);
            let says_nothing = turns.chain(&request.system).all(|part| match part {
                Part::Text { text, .. } => text.decode().trim().is_empty(),
                Part::Reasoning { .. } => true,
                _ => false,
            });
            prop_assert!(says_nothing);
            return Ok(());
        };
        let mut last = Value::Null;
        for message in written["messages"].as_array().unwrap() {
            prop_assert_ne!(&message["role"], &last);
            last = message["role"].clone();
            let blocks = message["content"].as_array().unwrap();
            prop_assert!(!blocks.is_empty());
            let results = blocks.iter().map(|block| block["type"] == "tool_result");
            prop_assert!(results.is_sorted_by(|one, other| one >= other));
            for block in blocks {
                let text = block["text"].as_str();
                prop_assert!(text.is_none_or(|text| !text.trim().is_empty()));
            }
        }
    }
}
