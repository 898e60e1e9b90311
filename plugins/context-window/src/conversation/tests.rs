#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::*;

/// The units of a conversation, as `role:messages`.
fn units_of(messages: Value) -> String {
    let conversation = Conversation::read(&messages.to_string());
    let unit = |unit: &Unit| {
        format!(
            "{:?}:{}-{}",
            unit.role,
            unit.messages.start,
            unit.messages.end - 1
        )
    };
    conversation
        .units
        .iter()
        .map(unit)
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

fn call(id: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } })
}

#[test]
fn chat_calls_and_their_results_are_one_unit() {
    let messages = json!([
        { "role": "system", "content": "s" },
        { "role": "user", "content": "a" },
        { "content": null, "tool_calls": [call("1"), call("2")], "role": "assistant" },
        { "tool_call_id": "2", "role": "tool", "content": "x" },
        { "role": "tool", "tool_call_id": "1", "content": "y" },
        { "role": "assistant", "content": "done", "tool_calls": null },
        { "role": "user", "content": [{ "type": "text", "text": "b" }] },
        { "role": "assistant", "content": null, "function_call": { "name": "old", "arguments": "{}" } },
        { "role": "function", "name": "old", "content": "z" },
    ]);
    assert_eq!(
        units_of(messages),
        "system:0-0 user:1-1 model:2-4 model:5-5 user:6-6 model:7-8"
    );
}

#[test]
fn blocks_of_anthropic_are_paired_even_where_the_user_speaks_beside_a_result() {
    let messages = json!([
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": [{ "type": "text", "text": "ok" }, { "type": "tool_use", "id": "t", "name": "f", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "text", "text": "r" }] }, { "type": "text", "text": "and now?" }] },
        { "role": "assistant", "content": "done" },
        { "role": "user", "content": "b" },
        { "role": "user", "content": "c" },
    ]);
    assert_eq!(
        units_of(messages.clone()),
        "user:0-0 model:1-2 model:3-3 user:4-5"
    );
    let conversation = Conversation::read(&messages.to_string());
    let texts: Vec<bool> = conversation.messages[2]
        .texts
        .iter()
        .map(|text| text.result)
        .collect();
    assert_eq!(texts, [true, false]);
}

#[test]
fn items_of_responses_are_paired_over_others_and_reasoning_stays_with_what_it_led_to() {
    let messages = json!([
        { "role": "user", "content": "a" },
        { "type": "reasoning", "id": "r1", "summary": [], "encrypted_content": "…" },
        { "type": "function_call", "call_id": "1", "name": "f", "arguments": "{}" },
        { "type": "function_call", "call_id": "2", "name": "f", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "1", "output": "x" },
        { "type": "function_call_output", "call_id": "2", "output": [{ "type": "input_text", "text": "y" }] },
        { "type": "web_search_call", "id": "w", "status": "completed" },
        { "type": "reasoning", "id": "r2", "summary": [] },
        { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "done" }] },
        { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "b" }] },
    ]);
    assert_eq!(
        units_of(messages),
        "user:0-0 model:1-5 model:6-6 model:7-8 user:9-9"
    );
}

#[test]
fn contents_of_gemini_are_paired_by_name() {
    let messages = json!([
        { "role": "user", "parts": [{ "text": "a" }] },
        { "role": "model", "parts": [{ "functionCall": { "name": "f", "args": {} } }] },
        { "role": "user", "parts": [{ "functionResponse": { "name": "f", "response": { "x": 1 } } }] },
        { "role": "model", "parts": [{ "functionCall": { "name": "f", "args": {} } }] },
        { "role": "function", "parts": [{ "functionResponse": { "name": "f", "response": { "x": 2 } } }] },
        { "role": "model", "parts": [{ "text": "done" }] },
    ]);
    assert_eq!(units_of(messages), "user:0-0 model:1-2 model:3-4 model:5-5");
}

#[test]
fn a_result_without_its_call_stays_with_what_is_before_it_and_an_open_call_binds_nothing() {
    let messages = json!([
        { "role": "tool", "tool_call_id": "gone", "content": "x" },
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": null, "tool_calls": [call("open")] },
        { "role": "user", "content": "b" },
        { "role": "assistant", "content": "c" },
    ]);
    assert_eq!(
        units_of(messages),
        "model:0-0 user:1-1 model:2-2 user:3-3 model:4-4"
    );
}

#[test]
fn ids_that_are_used_again_pair_with_the_nearest() {
    let step = |text: &str| {
        [
            json!({ "role": "assistant", "content": null, "tool_calls": [call("1")] }),
            json!({ "role": "tool", "tool_call_id": "1", "content": text }),
        ]
    };
    let messages: Vec<Value> = [step("a"), step("b"), step("c")].concat();
    assert_eq!(units_of(messages.into()), "model:0-1 model:2-3 model:4-5");
}

#[test]
fn what_is_no_list_of_objects_has_no_parts_that_could_go() {
    for json in ["\"hello\"", "null", "{}", "", "[", "[1, \"a\""] {
        let conversation = Conversation::read(json);
        assert!(
            conversation
                .messages
                .iter()
                .all(|message| message.calls.is_empty()),
            "{json}"
        );
    }
    assert_eq!(serde_json::from_str::<Value>("[1]").unwrap()[0], 1);
}
