//! Requests, read.

mod refusals;

use serde_json::json;

use super::{
    super::super::{
        form::{
            Arguments, Cache, Choice, Effort, ExtraKind, MediaKind, Output, Part, Role, Source,
        },
        opaque::{Opaque, OpaqueKind, Origin},
        text::Text,
    },
    read, with,
};

#[test]
fn instructions_keep_the_borders_of_their_blocks_and_lead_the_conversation() {
    let doc = json!({
        "system": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "b"},
        ],
        "messages": [
            {"role": "system", "content": "c"},
            {"role": "user", "content": "hi"},
            {"role": "system", "content": "now in French"},
        ],
    })
    .to_string();
    let (request, _) = read(&doc).unwrap();
    let system: Vec<_> = request.system.iter().map(said).collect();
    assert_eq!(
        system,
        [
            ("a".to_owned(), Some(Cache { long: true })),
            ("b".to_owned(), None),
            ("c".to_owned(), None)
        ]
    );
    let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::System]);
    assert!(request.max_output.is_none(), "as where tokens are counted");
}

fn said(part: &Part<'_>) -> (String, Option<Cache>) {
    match part {
        Part::Text { text, cache } => (text.decode().into_owned(), *cache),
        other => panic!("{other:?}"),
    }
}

#[test]
fn results_of_tools_are_texts_and_images_and_say_that_they_failed() {
    let doc = with(json!({"messages": [
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": 1.0e2},
             "caller": {"type": "direct"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": [
                {"type": "text", "text": "t"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
            ]},
            {"type": "tool_result", "tool_use_id": "toolu_2", "content": "plain"},
            {"type": "tool_result", "tool_use_id": "toolu_3"},
        ]},
    ]}))
    .to_string();
    let (request, dropped) = read(&doc).unwrap();
    assert!(dropped.is_empty());
    let Part::Call(call) = &request.turns[0].parts[0] else {
        panic!("no call");
    };
    assert!(matches!(
        call.arguments,
        Arguments::Value(br#"{"n":100.0}"#)
    ));
    let results: Vec<_> = request.turns[1]
        .parts
        .iter()
        .map(|part| match part {
            Part::Result(result) => (result.is_error, result.content.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(results, [(true, 2), (false, 1), (false, 0)]);
}

#[test]
fn numbers_and_arguments_stay_as_they_are_spelled() {
    let doc = r#"{"temperature":1.0e-1,"max_tokens":1e3,"messages":[{"role":"assistant","content":
        [{"type":"tool_use","id":"i","name":"f","input":{ "n": 12345678901234567890.10 }}]}]}"#;
    let (request, _) = read(doc).unwrap();
    assert_eq!(request.temperature, Some(&b"1.0e-1"[..]));
    assert_eq!(request.max_output, Some(&b"1e3"[..]));
    let Part::Call(call) = &request.turns[0].parts[0] else {
        panic!("no call");
    };
    let arguments = call.arguments.object().unwrap();
    assert_eq!(&*arguments, br#"{ "n": 12345678901234567890.10 }"#);
}

#[test]
fn thinking_is_a_signature_or_whatever_we_handed_out_in_its_place() {
    let thought = Opaque::of(Origin(7), OpaqueKind::Thought, Text::plain("G=="));
    let doc = with(json!({"messages": [{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "so", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        {"type": "thinking", "thinking": "", "signature": thought.tagged().decode()},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
    ]}]}))
    .to_string();
    let (request, _) = read(&doc).unwrap();
    let read: Vec<_> = request.turns[0]
        .parts
        .iter()
        .map(|part| match part {
            Part::Reasoning { text, opaque } => (
                text.as_ref().map(|text| text.decode().into_owned()),
                opaque.as_ref().map(|opaque| {
                    (
                        opaque.origin,
                        opaque.kind,
                        opaque.data.decode().into_owned(),
                    )
                }),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    let kinds = [
        (Some("so"), Some((None, OpaqueKind::Signature, "S"))),
        (None, Some((None, OpaqueKind::Redacted, "R"))),
        (None, Some((Some(Origin(7)), OpaqueKind::Thought, "G=="))),
        (Some("unsigned"), None),
    ];
    let expected = kinds.map(|(text, opaque)| {
        (
            text.map(str::to_owned),
            opaque.map(|(origin, kind, data)| (origin, kind, data.to_owned())),
        )
    });
    assert_eq!(read, expected);
}

#[test]
fn media_are_bytes_addresses_files_and_texts() {
    let doc = with(json!({"messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        {"type": "document", "title": "T", "context": "C",
         "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "p"}]}},
    ]}]}))
    .to_string();
    let (request, _) = read(&doc).unwrap();
    let parts: Vec<_> = request.turns[0]
        .parts
        .iter()
        .map(|part| match part {
            Part::Media(media) => {
                let source = match &media.source {
                    Source::Base64 { media_type, data } => format!("{media_type} {data}"),
                    Source::Url { url, .. } => url.decode().into_owned(),
                    Source::File(id) => format!("file {}", id.decode()),
                    Source::Text(text) => format!("text {}", text.decode()),
                };
                let title = media
                    .title
                    .as_ref()
                    .map(|title| title.decode().into_owned());
                let kind = if media.kind == MediaKind::Image {
                    "i"
                } else {
                    "d"
                };
                format!("{kind} {source}{}", title.unwrap_or_default())
            }
            part => said(part).0,
        })
        .collect();
    assert_eq!(
        parts,
        [
            "i https://h/a.png",
            "i file f1",
            "C",
            "d application/pdf JVBET",
            "d text D",
            "p"
        ]
    );
}

#[test]
fn options_become_the_forms() {
    let doc = with(json!({
        "system": "s", "stream": true, "top_k": 4, "stop_sequences": ["x"],
        "metadata": {"user_id": "u"}, "service_tier": "standard_only",
        "tools": [{"type": "custom", "name": "f", "description": "d", "strict": true,
                   "input_schema": {"type": "object"}, "allowed_callers": ["direct"]}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema", "schema": {"a": 1}}},
    }))
    .to_string();
    let (request, dropped) = read(&doc).unwrap();
    assert!(dropped.is_empty());
    assert!(request.stream);
    assert_eq!(request.parallel, Some(false));
    assert!(matches!(&request.choice, Some(Choice::Function(name)) if name.is("f")));
    assert!(matches!(
        request.output,
        Output::Schema {
            schema: br#"{"a":1}"#,
            ..
        }
    ));
    assert_eq!(request.reasoning.effort, Some(Effort::Xhigh));
    assert_eq!(request.reasoning.shown, Some(false));
    assert_eq!(
        request.extra(ExtraKind::ServiceTier).unwrap().value,
        b"\"default\""
    );
    assert_eq!(
        request.tools[0].parameters,
        Some(&br#"{"type":"object"}"#[..])
    );
    assert_eq!(request.tools[0].strict, Some(true));
}

#[test]
fn thinking_and_effort_are_one() {
    for (members, effort, budget) in [
        (json!({}), None, None),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}),
            None,
            Some(2048),
        ),
        (
            json!({"thinking": {"type": "adaptive"}}),
            Some(Effort::Adaptive),
            None,
        ),
        (
            json!({"thinking": {"type": "disabled"}}),
            Some(Effort::None),
            None,
        ),
        (
            json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}),
            Some(Effort::None),
            None,
        ),
        (
            json!({"output_config": {"effort": "max"}}),
            Some(Effort::Max),
            None,
        ),
        (
            json!({"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}),
            Some(Effort::Low),
            None,
        ),
    ] {
        let doc = with(members).to_string();
        let (request, _) = read(&doc).unwrap();
        assert_eq!(
            (request.reasoning.effort, request.reasoning.budget),
            (effort, budget),
            "{doc}"
        );
    }
}

#[test]
fn a_mark_of_the_whole_request_stands_behind_its_last_block() {
    let doc = with(json!({"cache_control": {"type": "ephemeral"}})).to_string();
    let (request, _) = read(&doc).unwrap();
    assert_eq!(
        said(&request.turns[0].parts[0]).1,
        Some(Cache { long: false })
    );
}
