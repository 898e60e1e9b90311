//! Requests of which something is dropped or refused.

use serde_json::json;

use super::super::{
    super::super::form::{ExtraKind, Role},
    read, with,
};

#[test]
fn what_changes_cost_or_taste_only_is_dropped_by_name() {
    let block = json!({"type": "text", "text": "x", "citations": [{"type": "char_location"}]});
    for (members, expected) in [
        (json!({"speed": "fast"}), vec!["speed"]),
        (json!({"speed": "standard"}), vec![]),
        (json!({"fallbacks": "default"}), vec!["fallbacks"]),
        (json!({"diagnostics": {}}), vec!["diagnostics"]),
        (json!({"diagnostics": null, "container": null}), vec![]),
        (
            json!({"messages": [{"role": "user", "content": [block]}]}),
            vec!["citations"],
        ),
        (json!({"mcp_servers": []}), vec![]),
        (
            json!({"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}),
            vec!["context_management"],
        ),
        (
            json!({"output_config": {"task_budget": {"type": "tokens", "total": 1}}}),
            vec!["task_budget"],
        ),
    ] {
        let doc = with(members).to_string();
        assert_eq!(read(&doc).unwrap().1.fields(), expected, "{doc}");
    }
}

#[test]
fn what_changes_the_meaning_is_an_extra_that_no_other_dialect_takes() {
    for (members, kind) in [
        (
            json!({"mcp_servers": [{"url": "x"}]}),
            ExtraKind::HostedTool,
        ),
        (json!({"container": "c"}), ExtraKind::State),
        (json!({"inference_geo": "eu"}), ExtraKind::InferenceGeo),
        (json!({"betas": ["b"]}), ExtraKind::Betas),
    ] {
        let doc = with(members).to_string();
        assert_eq!(read(&doc).unwrap().0.extras[0].kind, kind);
    }
}

#[test]
fn what_is_not_known_is_refused_by_its_place() {
    let user =
        |block: serde_json::Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (members, field) in [
        (json!({"new_thing": 1}), "new_thing"),
        (
            user(json!({"type": "hologram"})),
            "messages[0].content[0].type",
        ),
        (
            user(json!({"type": "search_result"})),
            "messages[0].content[0].type",
        ),
        (
            user(json!({"type": "server_tool_use"})),
            "messages[0].content[0].type",
        ),
        (
            user(json!({"type": "text", "text": "a", "mood": 1})),
            "messages[0].content[0].mood",
        ),
        (
            user(json!({"type": "image", "source": {"type": "smell"}})),
            "messages[0].content[0].source.type",
        ),
        (
            user(
                json!({"type": "tool_result", "tool_use_id": "i", "content": [{"type": "tool_reference"}]}),
            ),
            "messages[0].content[0].content[0].type",
        ),
        (
            json!({"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}),
            "tools[1].type",
        ),
        (
            json!({"tools": [{"name": "f", "input_schema": {}, "x": 1}]}),
            "tools[0].x",
        ),
        (json!({"thinking": {"type": "deep"}}), "thinking.type"),
        (json!({"metadata": {"team": "a"}}), "metadata.team"),
        (
            json!({"context_management": {"edits": [{"type": "compact_20260112"}]}}),
            "context_management.edits[0].type",
        ),
        (
            json!({"output_config": {"format": {"type": "grammar"}}}),
            "output_config.format.type",
        ),
    ] {
        let doc = with(members).to_string();
        let refused = read(&doc).unwrap_err();
        assert_eq!(
            (refused.field.as_str(), refused.is_malformed),
            (field, false),
            "{refused}"
        );
    }
}

#[test]
fn what_its_own_dialect_would_refuse_is_malformed_by_its_place() {
    let role = |role: &str, block: serde_json::Value| json!({"messages": [{"role": role, "content": [block]}]});
    for (members, field) in [
        (json!({"messages": null}), "messages"),
        (json!({"messages": "hi"}), "messages"),
        (json!({"messages": ["hi"]}), "messages[0]"),
        (json!({"messages": [{"content": "a"}]}), "messages[0].role"),
        (
            json!({"messages": [{"role": "tool", "content": "a"}]}),
            "messages[0].role",
        ),
        (
            json!({"messages": [{"role": "user"}]}),
            "messages[0].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": 1}]}),
            "messages[0].content",
        ),
        (
            role("user", json!({"text": "a"})),
            "messages[0].content[0].type",
        ),
        (
            role("user", json!({"type": "text", "text": 1})),
            "messages[0].content[0].text",
        ),
        (
            role("user", json!({"type": "text"})),
            "messages[0].content[0].text",
        ),
        (
            role(
                "user",
                json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
            ),
            "messages[0].content[0].type",
        ),
        (
            role("assistant", json!({"type": "image"})),
            "messages[0].content[0].type",
        ),
        (
            role("system", json!({"type": "image"})),
            "messages[0].content[0].type",
        ),
        (
            role(
                "assistant",
                json!({"type": "tool_use", "id": "a", "name": "f", "input": []}),
            ),
            "messages[0].content[0].input",
        ),
        (
            role("user", json!({"type": "tool_result"})),
            "messages[0].content[0].tool_use_id",
        ),
        (
            role(
                "user",
                json!({"type": "image", "source": {"type": "text", "data": "a"}}),
            ),
            "messages[0].content[0].source.type",
        ),
        (json!({"system": 1}), "system"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"max_tokens": "many"}), "max_tokens"),
        (json!({"stream": 1}), "stream"),
        (json!({"stop_sequences": "x"}), "stop_sequences"),
        (json!({"stop_sequences": [1]}), "stop_sequences[0]"),
        (json!({"tools": {}}), "tools"),
        (json!({"tools": [{"input_schema": {}}]}), "tools[0].name"),
        (json!({"tool_choice": "auto"}), "tool_choice"),
        (json!({"tool_choice": {"type": "tool"}}), "tool_choice.name"),
        (
            json!({"thinking": {"type": "enabled"}}),
            "thinking.budget_tokens",
        ),
        (
            json!({"output_config": {"effort": "huge"}}),
            "output_config.effort",
        ),
        (json!({"service_tier": "gold"}), "service_tier"),
    ] {
        let doc = with(members).to_string();
        let refused = read(&doc).unwrap_err();
        assert_eq!(
            (refused.field.as_str(), refused.is_malformed),
            (field, true),
            "{refused} {doc}"
        );
    }
    for doc in [
        "",
        "[]",
        "null",
        "{\"messages\":[]} x",
        "{\"messages\":[",
        "{}",
    ] {
        assert!(read(doc).unwrap_err().is_malformed, "{doc}");
    }
}

#[test]
fn the_last_of_two_members_counts() {
    let doc = r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}],
        "messages":[{"role":"user","role":"assistant","content":"c"}],"top_k":1,"top_k":2}"#;
    let (request, _) = read(doc).unwrap();
    assert_eq!(request.turns.len(), 1);
    assert_eq!(request.turns[0].role, Role::Assistant);
    assert_eq!(request.top_k, Some(&b"2"[..]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(doc in crate::arbitrary::mutated()) {
        let doc = String::from_utf8_lossy(&doc).into_owned();
        let _ = read(&doc);
        let _ = read(&format!(r#"{{"messages":[{{"role":"user","content":[{doc}]}}],"tools":[{doc}]}}"#));
    }
}

#[test]
fn a_request_that_is_cut_anywhere_is_malformed() {
    let doc = with(json!({"system": [{"type": "text", "text": "s"}], "tools": [{"name": "f", "input_schema": {}}]}))
        .to_string();
    for cut in 0..doc.len() {
        assert!(read(&doc[..cut]).unwrap_err().is_malformed, "{cut}");
    }
}
