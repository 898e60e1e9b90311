//! Requests, read and written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ModelTakes, Quirks, carried};
use crate::arbitrary;

fn plain(body: &Value) -> Value {
    let (written, dropped) =
        carried(&body.to_string(), &ModelTakes::default(), &Quirks::NONE).unwrap();
    assert_eq!(dropped, Vec::<&str>::new());
    written
}

fn refused(body: &Value) -> (String, bool) {
    let refused = carried(&body.to_string(), &ModelTakes::default(), &Quirks::NONE).unwrap_err();
    (refused.field, refused.is_malformed)
}

#[test]
fn a_conversation_with_tools_keeps_its_meaning() {
    let body = json!({
        "model": "m", "messages": [
            {"role": "system", "content": "be \u{e9} \"short\"\n"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.00}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": [
                {"type": "text", "text": "two"}, {"type": "text", "text": "three"},
            ]},
            {"role": "assistant", "content": "done"},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "d", "strict": true,
            "parameters": {"type": "object", "properties": {"a": {"type": "number", "multipleOf": 0.5}}},
        }}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false,
        "temperature": 0.70, "top_p": 1, "stop": ["a", "b"], "max_tokens": 100, "user": "u", "seed": 3, "n": 2,
        "frequency_penalty": 0.5, "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": true}},
    });
    let mut written = plain(&body);
    assert_eq!(
        written["messages"][2]["tool_calls"][0]["function"]["arguments"],
        "{\"a\": 1.00}"
    );
    let stop = written.as_object_mut().unwrap();
    assert_eq!(stop.remove("model"), Some(json!("m")));
    let mut expected = body;
    expected.as_object_mut().unwrap().remove("model");
    assert_eq!(written, expected);
}

#[test]
fn older_forms_are_read_as_what_took_their_place() {
    let written = plain(&json!({"messages": [
        {"role": "developer", "content": "x"},
        {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": ""}},
        {"role": "function", "name": "f", "content": "r"},
    ], "functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"}, "stop": "a",
       "max_tokens": 5, "max_completion_tokens": 6, "n": 1, "logprobs": false, "store": false, "modalities": ["text"]}));
    assert_eq!(written["messages"][0]["role"], "system");
    let call = &written["messages"][1]["tool_calls"][0]["function"];
    assert_eq!(call, &json!({"name": "f", "arguments": "{}"}));
    assert_eq!(written["messages"][2]["role"], "tool");
    assert_eq!(written["tool_choice"]["function"]["name"], "f");
    assert_eq!(
        (&written["stop"], &written["max_tokens"]),
        (&json!(["a"]), &json!(6))
    );
    for absent in ["n", "logprobs", "store", "modalities"] {
        assert_eq!(written.get(absent), None, "{absent}");
    }
}

#[test]
fn what_the_dialect_itself_refuses_is_refused_by_name() {
    let user = json!({"role": "user", "content": "x"});
    for (body, field) in [
        (json!({}), "messages"),
        (json!({"messages": "x"}), "messages"),
        (json!({"messages": [{"content": "x"}]}), "messages[0].role"),
        (
            json!({"messages": [{"role": "bot", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            json!({"messages": [user, {"role": "user", "content": 5}]}),
            "messages[1].content",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "messages[0].tool_call_id",
        ),
        (
            json!({"messages": [user], "temperature": "hot"}),
            "temperature",
        ),
        (json!({"messages": [user], "stream": "yes"}), "stream"),
        (
            json!({"messages": [user], "tools": [{"type": "function"}]}),
            "tools[0].function",
        ),
        (
            json!({"messages": [user], "tool_choice": "maybe"}),
            "tool_choice",
        ),
        (
            json!({"messages": [user], "reasoning_effort": "huge"}),
            "reasoning_effort",
        ),
        (
            json!({"messages": [user], "response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
    ] {
        assert_eq!(refused(&body), (field.to_owned(), true));
    }
}

#[test]
fn what_has_a_meaning_that_is_not_known_is_refused_by_name() {
    let user = json!({"role": "user", "content": "x"});
    for (body, field) in [
        (json!({"messages": [user], "new_thing": 1}), "new_thing"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}),
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x", "mood": "y"}]}),
            "messages[0].mood",
        ),
        (
            json!({"messages": [user], "tools": [{"type": "web_search"}]}),
            "tools[0].type",
        ),
        (
            json!({"messages": [user], "tools": [{"type": "custom", "custom": {"name": "x"}}]}),
            "tools[0].type",
        ),
        (
            json!({"messages": [user], "web_search_options": {}}),
            "web_search_options",
        ),
        (
            json!({"messages": [user], "modalities": ["text", "audio"]}),
            "modalities",
        ),
        (json!({"messages": [user], "logprobs": true}), "logprobs"),
        (
            json!({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}),
            "messages[0].audio",
        ),
    ] {
        assert_eq!(refused(&body), (field.to_owned(), false));
    }
}

#[test]
fn what_a_model_refuses_is_left_out_or_refused() {
    let body = json!({"messages": [{"role": "user", "content": "x"}], "temperature": 0.5, "top_p": 0.9, "top_k": 4,
        "presence_penalty": 1, "thinking": {"type": "enabled", "budget_tokens": 9000}, "logit_bias": {"1": 2}, "min_p": 0.1});
    let takes = ModelTakes {
        refuses_temperature: true,
        refuses_penalties: true,
        ..ModelTakes::default()
    };
    let (written, mut dropped) = carried(&body.to_string(), &takes, &Quirks::NONE).unwrap();
    dropped.sort_unstable();
    assert_eq!(
        dropped,
        [
            "logit_bias",
            "min_p",
            "presence_penalty",
            "reasoning",
            "temperature",
            "top_k"
        ]
    );
    assert_eq!(
        (&written["top_p"], written.get("temperature")),
        (&json!(0.9), None)
    );

    let body = json!({"messages": [{"role": "user", "content": "x"}], "stop": "a"});
    let takes = ModelTakes {
        refuses_stop: true,
        ..ModelTakes::default()
    };
    let refused = carried(&body.to_string(), &takes, &Quirks::NONE).unwrap_err();
    assert_eq!(refused.field, "stop");
}

#[test]
fn ids_of_nine_letters_are_the_same_for_the_same_call() {
    let quirks = Quirks {
        nine_letter_ids: true,
        ..Quirks::NONE
    };
    let body = json!({"messages": [
        {"role": "assistant", "tool_calls": [
            {"id": "toolu_01ABC", "function": {"name": "f", "arguments": "{}"}},
            {"id": "abc123DEF", "function": {"name": "f", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "toolu_01ABC", "content": "x"},
        {"role": "tool", "tool_call_id": "abc123DEF", "content": "x"},
    ]});
    let (written, _) = carried(&body.to_string(), &ModelTakes::default(), &quirks).unwrap();
    let messages = &written["messages"];
    let first = messages[0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(first.len() == 9 && first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(messages[1]["tool_call_id"], first);
    assert_eq!(messages[0]["tool_calls"][1]["id"], "abc123DEF");
    assert_eq!(messages[2]["tool_call_id"], "abc123DEF");
}

#[test]
fn reasoning_goes_back_to_the_models_that_want_it() {
    let body = json!({"messages": [
        {"role": "assistant", "content": "a", "reasoning_content": "because"},
        {"role": "assistant", "content": "b"},
    ]});
    let (written, dropped) =
        carried(&body.to_string(), &ModelTakes::default(), &Quirks::NONE).unwrap();
    assert_eq!(
        (written["messages"][0].get("reasoning_content"), &*dropped),
        (None, &["reasoning"][..])
    );
    let takes = ModelTakes {
        wants_reasoning_back: true,
        ..ModelTakes::default()
    };
    let (written, dropped) = carried(&body.to_string(), &takes, &Quirks::NONE).unwrap();
    assert_eq!(written["messages"][0]["reasoning_content"], "because");
    assert_eq!(written["messages"][1]["reasoning_content"], "");
    assert_eq!(dropped, Vec::<&str>::new());
}

/// Reads and writes a request; what is written is JSON.
fn attempt(body: &str) -> bool {
    let target = super::Target {
        wire: super::Wire::Chat,
        model: "m",
        origin: super::Origin(1),
        strict: false,
        takes: &ModelTakes::default(),
        quirks: &Quirks::NONE,
    };
    let read = super::FORMAT.read_request.unwrap();
    let dropped = &mut super::Dropped::default();
    let Ok(form) = read(body.as_bytes(), dropped) else {
        return false;
    };
    let written = (super::FORMAT.write_request)(&form, &target, dropped);
    if let Ok(written) = &written {
        let mut cursor = crate::json::Cursor::new(&written.body);
        cursor.skip().and_then(|_| cursor.end()).unwrap();
    }
    written.is_ok()
}

proptest! {
    #[test]
    fn no_document_panics(doc in arbitrary::mutated(), cut in 0..400_usize) {
        let value = String::from_utf8_lossy(&doc).into_owned();
        attempt(&value);
        for near in [
            format!(r#"{{"messages":[{{"role":"user","content":{value}}}]}}"#),
            format!(r#"{{"messages":[{{"role":"assistant","tool_calls":{value},"content":{value}}}]}}"#),
            format!(r#"{{"messages":[],"tools":[{value}],"tool_choice":{value}}}"#),
        ] {
            attempt(&near);
            let end = near.char_indices().map(|(at, _)| at).nth(cut);
            let cut = end.and_then(|end| near.get(..end)).unwrap_or_default();
            prop_assert!(!attempt(cut));
        }
    }
}
