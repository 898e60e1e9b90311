//! Requests as they are written.

use serde_json::{Value, json};

use super::{super::super::form::*, HOME, read, request_properties::SAMPLES, write, write_for};
use crate::translate::{
    opaque::{Opaque, OpaqueKind, Origin},
    takes::{Efforts, ModelTakes, ReasoningForm, ReasoningOff},
    target::Quirks,
    text::Text,
};

fn said(role: Role, text: &'static str) -> Turn<'static> {
    let text = Text::plain(text);
    Turn {
        role,
        parts: vec![Part::Text { text, cache: None }],
    }
}

fn tool() -> Tool<'static> {
    Tool {
        name: Text::plain("f"),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
    }
}

fn extra(kind: ExtraKind, field: &'static str, value: &'static str) -> Request<'static> {
    Request {
        extras: vec![Extra {
            kind,
            field,
            value: value.as_bytes(),
        }],
        ..Request::default()
    }
}

#[test]
fn a_document_that_is_read_and_written_keeps_its_meaning() {
    for doc in SAMPLES {
        let (request, dropped) = read(doc).unwrap();
        assert!(dropped.is_empty(), "{dropped:?}");
        let (written, dropped) = write(&request).unwrap();
        assert!(dropped.is_empty(), "{dropped:?}");
        let text = written.to_string();
        let (again, _) = read(&text).unwrap();
        assert_eq!(write(&again).unwrap().0, written, "{doc}");
    }
}

#[test]
fn a_conversation_is_items() {
    let (request, _) = read(SAMPLES[0]).unwrap();
    let (body, _) = write(&request).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "gpt-5", "instructions": "A\n\nB", "stream": true, "store": false,
            "input": [
                {"role": "user", "content": [
                    {"type": "input_text", "text": "Weather?"},
                    {"type": "input_image", "detail": "low", "image_url": "https://h/a.png"},
                    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}]},
                {"role": "assistant", "content": [
                    {"type": "output_text", "text": "Let me", "annotations": []},
                    {"type": "refusal", "refusal": "No."}]},
                {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{\"city\": 1.50}"},
                {"type": "function_call", "call_id": "call_2", "name": "time", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
                {"type": "function_call_output", "call_id": "call_2", "output": [
                    {"type": "input_text", "text": "noon"},
                    {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA=="}]},
                {"role": "user", "content": "And?"}],
        })
    );
}

#[test]
fn options_are_written_in_the_apis_own_names() {
    let (request, _) = read(SAMPLES[1]).unwrap();
    let (body, _) = write(&request).unwrap();
    assert_eq!(
        body,
        json!({
            "model": "gpt-5", "input": [{"role": "user", "content": "x"}], "store": false,
            "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}],
            "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false,
            "text": {"format": {"type": "json_schema", "name": "n", "description": "e", "schema": {"a": 1}, "strict": true}, "verbosity": "low"},
            "max_output_tokens": 100, "reasoning": {"effort": "high", "summary": "detailed"},
            "include": ["reasoning.encrypted_content"], "temperature": 0.30, "top_p": 0.9,
            "safety_identifier": "s", "metadata": {"k": "v"}, "service_tier": "flex",
            "prompt_cache_key": "c", "max_tool_calls": 3, "truncation": "auto",
        })
    );
}

#[test]
fn a_tool_is_lenient_unless_its_caller_says_otherwise() {
    let request = Request {
        tools: vec![tool()],
        ..Request::default()
    };
    let (body, _) = write(&request).unwrap();
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false}])
    );
}

#[test]
fn a_choice_without_tools_is_not_written_and_a_forced_one_is_refused() {
    let mut request = Request {
        choice: Some(Choice::None),
        parallel: Some(true),
        ..Request::default()
    };
    let (body, _) = write(&request).unwrap();
    assert_eq!(body.get("tool_choice"), None);
    assert_eq!(body.get("parallel_tool_calls"), None);
    request.choice = Some(Choice::Required);
    assert_eq!(write(&request).unwrap_err().field, "tool_choice");
}

#[test]
fn stops_choices_and_logprobs_are_refused_by_name() {
    let request = Request {
        stop: vec![Text::plain("END")],
        ..Request::default()
    };
    assert_eq!(write(&request).unwrap_err().field, "stop");
    for (kind, field, value) in [
        (ExtraKind::Choices, "n", "2"),
        (ExtraKind::Logprobs, "logprobs", "true"),
        (ExtraKind::Safety, "safetySettings", "[]"),
    ] {
        assert_eq!(write(&extra(kind, field, value)).unwrap_err().field, field);
    }
}

#[test]
fn what_costs_only_taste_is_dropped_and_counted() {
    for (kind, field, value) in [
        (ExtraKind::Seed, "seed", "7"),
        (ExtraKind::LogitBias, "logit_bias", "{}"),
        (ExtraKind::ServiceTier, "service_tier", r#""standard_only""#),
        (ExtraKind::Metadata, "metadata.team", r#""x""#),
        (ExtraKind::Betas, "anthropic-beta", "[]"),
    ] {
        let (body, dropped) = write(&extra(kind, field, value)).unwrap();
        assert_eq!(dropped, [field]);
        assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    }
    let request = Request {
        top_k: Some(b"40"),
        user: Some(Text::plain("u".repeat(65))),
        ..Request::default()
    };
    assert_eq!(write(&request).unwrap().1, ["top_k", "user"]);
}

#[test]
fn storing_is_off_unless_the_caller_wants_it() {
    let (body, _) = write(&Request::default()).unwrap();
    assert_eq!(body["store"], json!(false));
    let (body, _) = write(&extra(ExtraKind::Store, "store", "true")).unwrap();
    assert_eq!(body["store"], json!(true));
}

#[test]
fn the_most_tokens_stay_within_what_the_api_and_the_model_take() {
    let takes = ModelTakes {
        output: Some(1000),
        ..ModelTakes::default()
    };
    for (max, expected, dropped) in [
        ("1", json!(16), vec!["max_tokens"]),
        ("16", json!(16), vec![]),
        ("999", json!(999), vec![]),
        ("32000", json!(1000), vec![]),
        ("1e2", json!(1e2), vec![]),
    ] {
        let request = Request {
            max_output: Some(max.as_bytes()),
            ..Request::default()
        };
        let (body, lost) = write_for(&request, &takes, &Quirks::OPENAI).unwrap();
        assert_eq!((&body["max_output_tokens"], lost), (&expected, dropped));
    }
}

#[test]
fn reasoning_is_asked_for_as_the_model_takes_it() {
    let efforts = |names: &str| {
        let all = names.split(' ');
        all.fold(Efforts::default(), |all, name| all.with(name).unwrap())
    };
    let known = |form| ModelTakes {
        reasoning: form,
        efforts: efforts("low medium high"),
        ..ModelTakes::default()
    };
    let include = json!(["reasoning.encrypted_content"]);
    let wanted = |effort, budget, shown| Reasoning {
        effort,
        budget,
        shown,
        summary: None,
    };
    let unknown = ModelTakes::default();
    let effort = known(ReasoningForm::Effort);
    let off = ModelTakes {
        reasoning_off: ReasoningOff::Refused,
        efforts: efforts("none low"),
        ..effort
    };
    let none = known(ReasoningForm::None);
    for (takes, reasoning, expected, included, dropped) in [
        (
            &unknown,
            wanted(None, None, None),
            Value::Null,
            false,
            vec![],
        ),
        (
            &unknown,
            wanted(None, Some(4096), Some(true)),
            Value::Null,
            false,
            vec!["reasoning"],
        ),
        (
            &unknown,
            wanted(Some(Effort::High), None, None),
            json!({"effort": "high"}),
            true,
            vec![],
        ),
        (
            &unknown,
            wanted(Some(Effort::None), None, None),
            json!({"effort": "none"}),
            false,
            vec![],
        ),
        (&effort, wanted(None, None, None), Value::Null, true, vec![]),
        (
            &effort,
            wanted(None, Some(4096), Some(true)),
            json!({"effort": "low", "summary": "auto"}),
            true,
            vec![],
        ),
        (
            &effort,
            wanted(Some(Effort::Max), None, None),
            json!({"effort": "high"}),
            true,
            vec![],
        ),
        (
            &effort,
            wanted(Some(Effort::Adaptive), None, Some(true)),
            json!({"summary": "auto"}),
            true,
            vec![],
        ),
        (
            &off,
            wanted(Some(Effort::None), None, None),
            json!({"effort": "low"}),
            true,
            vec![],
        ),
        (
            &none,
            wanted(Some(Effort::High), None, Some(true)),
            Value::Null,
            false,
            vec!["reasoning"],
        ),
        (
            &none,
            wanted(Some(Effort::None), None, None),
            Value::Null,
            false,
            vec![],
        ),
    ] {
        let shown = format!("{reasoning:?}");
        let request = Request {
            reasoning,
            ..Request::default()
        };
        let (body, lost) = write_for(&request, takes, &Quirks::OPENAI).unwrap();
        let got = body.get("reasoning").cloned().unwrap_or_default();
        assert_eq!((got, lost), (expected, dropped), "{shown}");
        assert_eq!(body.get("include") == Some(&include), included, "{shown}");
    }
}

#[test]
fn sampling_that_the_model_refuses_is_dropped_and_a_default_is_no_loss() {
    let takes = ModelTakes {
        refuses_sampling_with_reasoning: true,
        reasons_by_default: true,
        reasoning: ReasoningForm::Effort,
        ..ModelTakes::default()
    };
    let mut request = Request {
        temperature: Some(b"0.2"),
        top_p: Some(b"1.0"),
        ..Request::default()
    };
    let (body, dropped) = write_for(&request, &takes, &Quirks::OPENAI).unwrap();
    assert_eq!((body.get("temperature"), body.get("top_p")), (None, None));
    assert_eq!(dropped, ["temperature"]);
    request.reasoning.effort = Some(Effort::None);
    let (body, dropped) = write_for(&request, &takes, &Quirks::OPENAI).unwrap();
    assert_eq!(body["temperature"], json!(0.2));
    assert!(dropped.is_empty());
}

#[test]
fn opaque_reasoning_goes_home_and_nowhere_else() {
    let reasoning = |opaque| Request {
        turns: vec![Turn {
            role: Role::Assistant,
            parts: vec![Part::Reasoning {
                text: Some(Text::plain("T")),
                opaque,
            }],
        }],
        ..Request::default()
    };
    let home = Opaque::of(HOME, OpaqueKind::Encrypted, Text::plain("gAAA"));
    let (body, dropped) = write(&reasoning(Some(home))).unwrap();
    assert_eq!(
        body["input"],
        json!([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "T"}], "encrypted_content": "gAAA"}])
    );
    assert!(dropped.is_empty());
    for opaque in [
        None,
        Some(Opaque::of(
            Origin(1),
            OpaqueKind::Encrypted,
            Text::plain("x"),
        )),
        Some(Opaque::of(HOME, OpaqueKind::Signature, Text::plain("x"))),
        Some(Opaque::read(OpaqueKind::Encrypted, Text::plain("untagged"))),
    ] {
        let (body, dropped) = write(&reasoning(opaque)).unwrap();
        assert_eq!(body["input"], json!([]));
        assert_eq!(dropped, ["reasoning"]);
    }
    let takes = ModelTakes {
        wants_reasoning_back: true,
        ..ModelTakes::default()
    };
    let (body, dropped) = write_for(&reasoning(None), &takes, &Quirks::NONE).unwrap();
    assert_eq!(
        body["input"],
        json!([{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "T"}]}])
    );
    assert!(dropped.is_empty());
}

fn call(id: Option<&'static str>, name: &'static str) -> Part<'static> {
    Part::Call(Call {
        id: id.map(Text::plain),
        name: Text::plain(name),
        arguments: Arguments::Value(br#"{"a":1.10}"#),
        cache: None,
    })
}

fn result(id: Option<&'static str>, name: &'static str) -> Part<'static> {
    Part::Result(ToolResult {
        id: id.map(Text::plain),
        name: Some(Text::plain(name)),
        content: vec![],
        value: Some(br#"{"ok":true}"#),
        is_error: false,
        cache: None,
    })
}

#[test]
fn calls_without_ids_are_given_some_and_their_results_the_same() {
    let request = Request {
        turns: vec![
            Turn {
                role: Role::Assistant,
                parts: vec![call(None, "f"), call(None, "g"), call(None, "f")],
            },
            Turn {
                role: Role::User,
                parts: vec![result(None, "g"), result(None, "f"), result(None, "f")],
            },
        ],
        ..Request::default()
    };
    let (body, _) = write(&request).unwrap();
    let ids: Vec<_> = body["input"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["call_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["call_0", "call_1", "call_2", "call_1", "call_0", "call_2"]
    );
    assert_eq!(body["input"][0]["arguments"], json!(r#"{"a":1.10}"#));
    assert_eq!(body["input"][3]["output"], json!(r#"{"ok":true}"#));
    let orphan = Request {
        turns: vec![Turn {
            role: Role::User,
            parts: vec![result(None, "f")],
        }],
        ..Request::default()
    };
    assert_eq!(write(&orphan).unwrap_err().field, "tool result");
}

#[test]
fn ids_that_are_too_long_are_shortened_alike_in_both_places() {
    const LONG: &str = "call_0123456789_0123456789_0123456789_0123456789_0123456789_0123456789";
    let request = Request {
        turns: vec![
            Turn {
                role: Role::Assistant,
                parts: vec![call(Some(LONG), "f")],
            },
            Turn {
                role: Role::User,
                parts: vec![result(Some(LONG), "f")],
            },
        ],
        ..Request::default()
    };
    let (body, _) = write(&request).unwrap();
    let id = body["input"][0]["call_id"].as_str().unwrap();
    assert!(id.len() <= 64);
    assert_eq!(body["input"][1]["call_id"].as_str(), Some(id));
}

#[test]
fn instructions_in_the_middle_stay_there_under_the_servers_name_for_them() {
    let request = Request {
        turns: vec![
            said(Role::User, "a"),
            said(Role::System, "b"),
            said(Role::Assistant, ""),
        ],
        ..Request::default()
    };
    for (quirks, role) in [(Quirks::OPENAI, "developer"), (Quirks::NONE, "system")] {
        let (body, _) = write_for(&request, &ModelTakes::default(), &quirks).unwrap();
        assert_eq!(
            body["input"],
            json!([{"role": "user", "content": "a"}, {"role": role, "content": "b"}])
        );
    }
}

#[test]
fn media_that_the_provider_can_not_reach_are_refused() {
    let media = |role, kind, source| Request {
        turns: vec![Turn {
            role,
            parts: vec![Part::Media(Media {
                kind,
                source,
                detail: None,
                title: None,
                cache: None,
            })],
        }],
        ..Request::default()
    };
    let bytes = || Source::Base64 {
        media_type: "application/pdf".into(),
        data: "AA".into(),
    };
    let file = || Source::File(Text::plain("file_1"));
    for (role, kind, source, field) in [
        (Role::User, MediaKind::Image, file(), "image"),
        (Role::User, MediaKind::Document, file(), "document"),
        (Role::User, MediaKind::Audio, bytes(), "audio"),
        (Role::User, MediaKind::Video, bytes(), "video"),
        (
            Role::Assistant,
            MediaKind::Image,
            bytes(),
            "assistant message",
        ),
    ] {
        assert_eq!(write(&media(role, kind, source)).unwrap_err().field, field);
    }
    let (body, _) = write(&media(Role::User, MediaKind::Document, bytes())).unwrap();
    assert_eq!(
        body["input"][0]["content"],
        json!([{"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}])
    );
    let text = Source::Text(Text::plain("words"));
    let (body, _) = write(&media(Role::User, MediaKind::Document, text)).unwrap();
    assert_eq!(
        body["input"][0]["content"],
        json!([{"type": "input_text", "text": "words"}])
    );
}
