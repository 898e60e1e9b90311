//! Requests, written.

use serde_json::{Value, json};

use super::{
    super::super::{
        form::{
            Arguments, Cache, Call, Choice, Effort, Extra, ExtraKind, Media, MediaKind, Output,
            Part, Request, Role, Source, Tool, ToolResult, Turn,
        },
        opaque::{Opaque, OpaqueKind, Origin},
        takes::{Budget, Efforts, ModelTakes, ReasoningForm, ReasoningOff},
        text::Text,
    },
    HOME, read, through, with, write,
};

fn text(text: &str) -> Part<'_> {
    Part::Text {
        text: Text::plain(text),
        cache: None,
    }
}

fn turn<const N: usize>(role: Role, parts: [Part<'_>; N]) -> Turn<'_> {
    Turn {
        role,
        parts: Vec::from(parts),
    }
}

fn call<'a>(id: Option<&'a str>, name: &'a str) -> Part<'a> {
    Part::Call(Call {
        id: id.map(Text::plain),
        name: Text::plain(name),
        arguments: Arguments::Source(Text::plain("")),
        cache: None,
    })
}

fn result<'a>(id: Option<&'a str>, name: Option<&'a str>, said: &'a str) -> Part<'a> {
    Part::Result(ToolResult {
        id: id.map(Text::plain),
        name: name.map(Text::plain),
        content: vec![text(said)],
        value: None,
        is_error: false,
        cache: None,
    })
}

fn tool(name: &str) -> Tool<'_> {
    Tool {
        name: Text::plain(name),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

fn asked() -> Request<'static> {
    Request {
        turns: vec![turn(Role::User, [text("hi")])],
        ..Request::default()
    }
}

fn body(request: &Request<'_>, takes: &ModelTakes) -> (Value, Vec<&'static str>) {
    let (body, dropped) = write(request, takes).expect("it can be written");
    (body, dropped.fields().to_vec())
}

fn refused(request: &Request<'_>, takes: &ModelTakes) -> String {
    write(request, takes)
        .expect_err("it can't be written")
        .field
}

fn adaptive() -> ModelTakes {
    ModelTakes {
        reasoning: ReasoningForm::Adaptive,
        ..ModelTakes::default()
    }
}

fn budget() -> ModelTakes {
    ModelTakes {
        reasoning: ReasoningForm::Budget,
        output: Some(32_000),
        budget: Some(Budget {
            least: 1024,
            most: 31_999,
        }),
        ..ModelTakes::default()
    }
}

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
    let mut request = asked();
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

    let mut request = asked();
    request
        .turns
        .push(turn(Role::User, [result(None, Some("f"), "r")]));
    assert_eq!(refused(&request, &ModelTakes::default()), "tool result");
}

#[test]
fn tools_have_an_objects_schema_and_no_more_of_them_are_written_than_may_be_called() {
    let with_schema = |schema: &'static [u8]| Tool {
        parameters: Some(schema),
        ..tool("f")
    };
    for (tool, expected) in [
        (tool("f"), json!({"type": "object", "properties": {}})),
        (with_schema(b"{}"), json!({"type": "object"})),
        (
            with_schema(b" {\"required\":[]} "),
            json!({"type": "object", "required": []}),
        ),
        (
            with_schema(b"{\"type\":\"object\",\"x\":1e2}"),
            json!({"type": "object", "x": 1e2}),
        ),
    ] {
        let mut request = asked();
        request.tools.push(tool);
        let (written, _) = body(&request, &ModelTakes::default());
        assert_eq!(written["tools"][0]["input_schema"], expected);
    }
    let mut request = asked();
    request.tools = vec![tool("f"), tool("g"), tool("h")];
    request.choice = Some(Choice::Allowed {
        names: vec![Text::plain("h"), Text::plain("f")],
        required: true,
    });
    let (written, _) = body(&request, &ModelTakes::default());
    assert_eq!(written["tools"].as_array().unwrap().len(), 2);
    assert_eq!(written["tool_choice"], json!({"type": "any"}));
}

#[test]
fn the_choice_of_tools_says_whether_several_may_be_called() {
    let none = || None;
    let auto = || Some(Choice::Auto);
    let choices: [(fn() -> Option<Choice<'static>>, Option<bool>, Value); 8] = [
        (none, None, json!(null)),
        (none, Some(true), json!(null)),
        (
            none,
            Some(false),
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
        (auto, Some(true), json!({"type": "auto"})),
        (|| Some(Choice::None), Some(false), json!({"type": "none"})),
        (|| Some(Choice::Required), None, json!({"type": "any"})),
        (
            || Some(Choice::Function(Text::plain("f"))),
            Some(false),
            json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}),
        ),
        (
            || {
                Some(Choice::Allowed {
                    names: vec![Text::plain("f")],
                    required: false,
                })
            },
            None,
            json!({"type": "auto"}),
        ),
    ];
    for (choice, parallel, expected) in choices {
        let mut request = asked();
        request.tools = vec![tool("f")];
        (request.choice, request.parallel) = (choice(), parallel);
        assert_eq!(
            body(&request, &ModelTakes::default()).0["tool_choice"],
            expected
        );
    }
    let mut request = asked();
    request.choice = Some(Choice::Required);
    assert_eq!(refused(&request, &ModelTakes::default()), "tool_choice");
    request.tools = vec![tool("f")];
    let takes = ModelTakes {
        refuses_forced_tools: true,
        ..ModelTakes::default()
    };
    assert_eq!(refused(&request, &takes), "tool_choice");
}

#[test]
fn calls_of_a_conversation_whose_tools_are_gone_need_one_that_can_t_be_called() {
    let mut request = asked();
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
fn the_most_tokens_are_the_callers_or_the_models_or_a_few_thousand() {
    for (asked_for, output, expected) in [
        (None, None, 8192),
        (None, Some(64_000), 64_000),
        (Some(&b"100"[..]), Some(64_000), 100),
        (Some(b"1e2"), None, 100),
        (Some(b"99999"), Some(64_000), 64_000),
    ] {
        let mut request = asked();
        request.max_output = asked_for;
        let takes = ModelTakes {
            output,
            ..ModelTakes::default()
        };
        assert_eq!(body(&request, &takes).0["max_tokens"], expected);
    }
    let mut request = asked();
    request.max_output = Some(b"-1");
    assert_eq!(refused(&request, &ModelTakes::default()), "max_tokens");
}

#[test]
fn reasoning_is_said_in_the_form_that_the_model_takes() {
    let efforts = Efforts::default()
        .with("low")
        .and_then(|set| set.with("high"));
    let some = ModelTakes {
        efforts: efforts.unwrap(),
        ..adaptive()
    };
    let unsteered = ModelTakes {
        reasoning: ReasoningForm::None,
        ..ModelTakes::default()
    };
    let off = |reasoning_off| ModelTakes {
        reasoning_off,
        ..some
    };
    let named = |effort| (Some(effort), None);
    let none = json!(null);
    for (takes, (effort, tokens), thinking, config, dropped) in [
        (adaptive(), (None, None), none.clone(), none.clone(), false),
        (
            adaptive(),
            named(Effort::Minimal),
            json!({"type": "adaptive"}),
            json!({"effort": "low"}),
            false,
        ),
        (
            adaptive(),
            named(Effort::Max),
            json!({"type": "adaptive"}),
            json!({"effort": "max"}),
            false,
        ),
        (
            adaptive(),
            named(Effort::Adaptive),
            json!({"type": "adaptive"}),
            none.clone(),
            false,
        ),
        (
            adaptive(),
            (None, Some(16_000)),
            json!({"type": "adaptive"}),
            json!({"effort": "high"}),
            false,
        ),
        (
            adaptive(),
            named(Effort::None),
            json!({"type": "disabled"}),
            none.clone(),
            false,
        ),
        (
            adaptive(),
            (None, Some(0)),
            json!({"type": "disabled"}),
            none.clone(),
            false,
        ),
        (
            some,
            named(Effort::Medium),
            json!({"type": "adaptive"}),
            json!({"effort": "low"}),
            false,
        ),
        (
            off(ReasoningOff::Refused),
            named(Effort::None),
            none.clone(),
            json!({"effort": "low"}),
            true,
        ),
        (
            off(ReasoningOff::BetweenTools),
            named(Effort::None),
            json!({"type": "between_tools"}),
            none.clone(),
            true,
        ),
        (
            budget(),
            named(Effort::Low),
            json!({"type": "enabled", "budget_tokens": 4096}),
            none.clone(),
            false,
        ),
        (
            budget(),
            (None, Some(2000)),
            json!({"type": "enabled", "budget_tokens": 2000}),
            none.clone(),
            false,
        ),
        (
            budget(),
            (None, Some(1)),
            json!({"type": "enabled", "budget_tokens": 1024}),
            none.clone(),
            false,
        ),
        (
            budget(),
            (None, Some(99_999)),
            json!({"type": "enabled", "budget_tokens": 30_976}),
            none.clone(),
            false,
        ),
        (
            budget(),
            named(Effort::Adaptive),
            json!({"type": "enabled", "budget_tokens": 8192}),
            none.clone(),
            false,
        ),
        (
            ModelTakes::default(),
            named(Effort::High),
            json!({"type": "enabled", "budget_tokens": 16_384}),
            none.clone(),
            false,
        ),
        (
            ModelTakes::default(),
            named(Effort::Adaptive),
            json!({"type": "adaptive"}),
            none.clone(),
            false,
        ),
        (
            unsteered,
            named(Effort::High),
            none.clone(),
            none.clone(),
            true,
        ),
        (
            unsteered,
            named(Effort::None),
            none.clone(),
            none.clone(),
            false,
        ),
    ] {
        let mut request = asked();
        (request.reasoning.effort, request.reasoning.budget) = (effort, tokens);
        let (written, fields) = body(&request, &takes);
        let context = format!("{effort:?} {tokens:?} {takes:?}");
        assert_eq!(written["thinking"], thinking, "{context}");
        assert_eq!(written["output_config"], config, "{context}");
        assert_eq!(!fields.is_empty(), dropped, "{context}");
    }
}

#[test]
fn a_budget_leaves_room_to_answer_or_is_none() {
    for (max, expected) in [
        (&b"1024"[..], json!({"type": "disabled"})),
        (b"2047", json!({"type": "disabled"})),
        (b"2048", json!({"type": "enabled", "budget_tokens": 1024})),
        (b"9000", json!({"type": "enabled", "budget_tokens": 7976})),
    ] {
        let mut request = asked();
        request.max_output = Some(max);
        request.reasoning.effort = Some(Effort::High);
        assert_eq!(body(&request, &budget()).0["thinking"], expected);
    }
}

#[test]
fn a_budget_is_none_where_the_last_calls_were_not_thought_out_by_the_target() {
    let thought = |origin| Part::Reasoning {
        text: Some(Text::plain("t")),
        opaque: Some(Opaque::of(origin, OpaqueKind::Signature, Text::plain("x"))),
    };
    let mut request = asked();
    request.reasoning.effort = Some(Effort::Low);
    request.tools = vec![tool("f")];
    request.turns.push(turn(
        Role::Assistant,
        [thought(Origin(9)), call(Some("1"), "f")],
    ));
    request
        .turns
        .push(turn(Role::User, [result(Some("1"), None, "r")]));
    let (written, dropped) = body(&request, &budget());
    assert_eq!(written["thinking"], json!({"type": "disabled"}));
    assert_eq!(dropped, ["reasoning"]);
    let (written, _) = body(&request, &adaptive());
    assert_eq!(
        written["thinking"],
        json!({"type": "adaptive"}),
        "it asks for none"
    );

    request.turns[1] = turn(Role::Assistant, [thought(HOME), call(Some("1"), "f")]);
    let (written, dropped) = body(&request, &budget());
    assert_eq!(written["thinking"]["type"], "enabled");
    assert!(dropped.is_empty());
}

#[test]
fn a_forced_tool_is_refused_with_a_budget_and_taken_with_adaptive_thinking() {
    let mut request = asked();
    request.reasoning.effort = Some(Effort::Low);
    request.tools = vec![tool("f")];
    request.choice = Some(Choice::Required);
    assert_eq!(refused(&request, &budget()), "tool_choice");
    assert_eq!(
        body(&request, &adaptive()).0["tool_choice"],
        json!({"type": "any"})
    );
}

#[test]
fn sampling_that_the_model_refuses_is_dropped_and_counted() {
    let takes = ModelTakes::default();
    let strict = ModelTakes {
        refuses_temperature: true,
        refuses_top_p: true,
        refuses_top_k: true,
        ..takes
    };
    let not_both = ModelTakes {
        refuses_temperature_with_top_p: true,
        ..takes
    };
    let case = |temperature: Option<&'static [u8]>,
                top_p: Option<&'static [u8]>,
                top_k: Option<&'static [u8]>| (temperature, top_p, top_k);
    for (takes, (temperature, top_p, top_k), reasons, dropped) in [
        (
            takes,
            case(Some(b"0.7"), Some(b"0.9"), Some(b"5")),
            false,
            vec![],
        ),
        (
            takes,
            case(Some(b"1.2"), None, None),
            false,
            vec!["temperature"],
        ),
        (
            strict,
            case(Some(b"0.7"), Some(b"0.9"), Some(b"5")),
            false,
            vec!["temperature", "top_p", "top_k"],
        ),
        (
            strict,
            case(Some(b"1.0"), Some(b"0.99"), None),
            false,
            vec![],
        ),
        (
            not_both,
            case(Some(b"0.7"), Some(b"0.9"), None),
            false,
            vec!["top_p"],
        ),
        (
            not_both,
            case(Some(b"1.7"), Some(b"0.9"), None),
            false,
            vec!["temperature"],
        ),
        (
            takes,
            case(Some(b"0.7"), Some(b"0.9"), Some(b"5")),
            true,
            vec!["temperature", "top_p", "top_k"],
        ),
        (takes, case(Some(b"1"), Some(b"0.95"), None), true, vec![]),
    ] {
        let mut request = asked();
        (request.temperature, request.top_p, request.top_k) = (temperature, top_p, top_k);
        request.reasoning.effort = reasons.then_some(Effort::Low);
        assert_eq!(body(&request, &takes).1, dropped);
    }
}

#[test]
fn what_the_dialect_has_no_place_for_is_refused_by_name() {
    let takes = ModelTakes {
        refuses_json_schema: true,
        refuses_stop: true,
        ..ModelTakes::default()
    };
    let mut request = asked();
    request.output = Output::JsonObject;
    assert_eq!(refused(&request, &ModelTakes::default()), "response_format");
    request.output = Output::Schema {
        name: None,
        description: None,
        schema: b"{}",
        strict: None,
    };
    assert_eq!(refused(&request, &takes), "response_format");

    let mut request = asked();
    request.stop = vec![Text::plain("x")];
    assert_eq!(refused(&request, &takes), "stop");
    request.stop = vec![Text::plain("\n\n")];
    assert_eq!(refused(&request, &ModelTakes::default()), "stop");

    for (kind, field, outcome) in [
        (ExtraKind::Choices, "n", Err("n")),
        (ExtraKind::Logprobs, "logprobs", Err("logprobs")),
        (ExtraKind::Safety, "safetySettings", Err("safetySettings")),
        (
            ExtraKind::State,
            "previous_response_id",
            Err("previous_response_id"),
        ),
        (ExtraKind::Seed, "seed", Ok("seed")),
        (
            ExtraKind::FrequencyPenalty,
            "frequency_penalty",
            Ok("frequency_penalty"),
        ),
        (ExtraKind::ServiceTier, "service_tier", Ok("service_tier")),
        (ExtraKind::Metadata, "metadata", Ok("metadata")),
    ] {
        let mut request = asked();
        request.extras.push(Extra {
            kind,
            field,
            value: b"2",
        });
        match outcome {
            Ok(dropped) => assert_eq!(body(&request, &ModelTakes::default()).1, [dropped]),
            Err(name) => assert_eq!(refused(&request, &ModelTakes::default()), name),
        }
    }
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
    let mut request = asked();
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
