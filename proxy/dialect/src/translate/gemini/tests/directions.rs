//! Requests of other dialects for Gemini, and Gemini's for them, through both ends.

use serde_json::{Value, json};

use super::{HOME, google, json};
use crate::{
    Dialect,
    translate::{
        self, Dropped, Quirks, Target, Wire,
        opaque::{Opaque, OpaqueKind},
        takes::ModelTakes,
        text::Text,
    },
};

fn sent(caller: Dialect, body: &Value, target: &Target<'_>) -> (Value, Dropped) {
    let body = body.to_string();
    let (written, dropped) = translate::request(caller, body.as_bytes(), false, target).unwrap();
    (json(&written.body), dropped)
}

fn tag() -> String {
    let opaque = Opaque::of(HOME, OpaqueKind::Thought, Text::plain("c2ln"));
    opaque.tagged().decode().into_owned()
}

#[test]
fn a_round_of_tools_in_messages_reaches_gemini_with_its_signature() {
    let body = json!({
        "model": "m", "max_tokens": 100,
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": tag()},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Rio"}},
                {"type": "tool_use", "id": "t2", "name": "feel", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t2", "content": "warm", "is_error": true},
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "{\"sun\":1}"}]},
                {"type": "text", "text": "well?"},
            ]},
        ],
        "tools": [{"name": "look", "input_schema": {"type": "object", "additionalProperties": false}}],
        "tool_choice": {"type": "auto"},
    });
    let (sent, dropped) = sent(Dialect::AnthropicMessages, &body, &google("gemini-3-pro"));
    assert_eq!(
        sent["contents"],
        json!([
            {"role": "user", "parts": [{"text": "weather?"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "t1", "name": "look", "args": {"city": "Rio"}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "t2", "name": "feel", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "t1", "name": "look", "response": {"sun": 1}}},
                {"functionResponse": {"id": "t2", "name": "feel", "response": {"error": "warm"}}},
            ]},
            {"role": "user", "parts": [{"text": "well?"}]},
        ])
    );
    assert_eq!(sent["systemInstruction"], json!({"parts": [{"text": "s"}]}));
    assert_eq!(sent["generationConfig"]["maxOutputTokens"], 100);
    assert_eq!(
        sent["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"],
        json!({"type": "object", "additionalProperties": false})
    );
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn a_round_of_tools_in_chat_reaches_gemini() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"n\": 1}"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
        ],
        "stop": ["x"], "n": 2, "seed": 7,
    });
    let (sent, _) = sent(Dialect::OpenaiChat, &body, &google("gemini-2.5-flash"));
    assert_eq!(
        sent["contents"],
        json!([
            {"role": "user", "parts": [{"text": "q"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}},
                {"functionCall": {"id": "c2", "name": "f", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"result": "one"}}},
                {"functionResponse": {"id": "c2", "name": "f", "response": {"result": "two"}}},
            ]},
        ])
    );
    assert_eq!(
        sent["generationConfig"],
        json!({"stopSequences": ["x"], "candidateCount": 2, "seed": 7})
    );
}

#[test]
fn a_round_of_tools_without_ids_reaches_every_other_dialect_with_ids() {
    let body = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"text": "q"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"n": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": 2}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}}]}],
        "generationConfig": {"maxOutputTokens": 100},
    });
    let takes = ModelTakes::default();
    for wire in [Wire::Chat, Wire::Responses, Wire::Messages] {
        let target = Target {
            wire,
            model: "m",
            origin: HOME,
            strict: true,
            takes: &takes,
            quirks: &Quirks::NONE,
        };
        let (sent, _) = sent(Dialect::GeminiGenerate, &body, &target);
        let text = sent.to_string();
        assert_eq!(text.matches("call_1_0").count(), 2, "{wire:?}: {text}");
        assert!(text.contains(r#""type":"integer""#), "{wire:?}: {text}");
        assert!(!text.contains("OBJECT"), "{wire:?}: {text}");
        assert!(text.contains(r#"{\"r\":2}"#), "{wire:?}: {text}");
    }
}
