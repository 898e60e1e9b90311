//! Findings in JSON: it stays JSON on the way up, and holds the very values on the way back.

use super::*;

#[test]
fn arguments_get_values_back_as_json() {
    let bench = bench(json!({}));
    let key = format!(
        "-----BEGIN {0}-----\nabcd1234\n-----END {0}-----",
        "PRIVATE KEY"
    );
    let request = Request::chat("m").user(&key);
    let up = sent(&bench, request.clone());
    let arguments = format!(r#"{{"key":"{}"}}"#, content(&up, 0));
    let restored = bench
        .reply(&request, Place::ToolArguments, &arguments)
        .unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&restored).unwrap(),
        json!({ "key": key })
    );
    let patch = format!("*** key \"{}", content(&up, 0));
    assert_eq!(
        bench.reply(&request, Place::ToolArguments, &patch).unwrap(),
        format!("*** key \"{key}")
    );
}

#[test]
fn escapes_of_pasted_json_are_not_escaped_again_in_arguments() {
    let bench = bench(json!({}));
    let key = format!(
        "-----BEGIN {0}-----\nabcd1234\n-----END {0}-----",
        "PRIVATE KEY"
    );
    let pasted = json!({ "key": key }).to_string();
    let request = Request::chat("m").user(&pasted);
    let hidden = sent(&bench, request.clone());
    let hidden = content(&hidden, 0);
    assert_eq!(
        bench.reply(&request, Place::Assistant, hidden).unwrap(),
        pasted
    );
    for (arguments, expected) in [
        (hidden.to_owned(), json!({ "key": key })),
        (
            json!({ "note": hidden }).to_string(),
            json!({ "note": pasted }),
        ),
    ] {
        let restored = bench
            .reply(&request, Place::ToolArguments, &arguments)
            .unwrap();
        assert_eq!(serde_json::from_str::<Value>(&restored).unwrap(), expected);
    }
}

#[test]
fn a_bare_number_in_arguments_becomes_a_string() {
    let bench = bench(json!({}));
    let call = json!({ "model": "m", "messages": [{ "role": "assistant", "content": null, "tool_calls": [
        { "id": "c", "type": "function", "function": { "name": "f", "arguments": "{\"cpf\": 52998224725}" } }] }] });
    let up = sent(&bench, Request::from_json(Dialect::OpenaiChat, call));
    let arguments = up["messages"][0]["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .unwrap();
    let parsed: Value = serde_json::from_str(arguments).unwrap();
    assert!(parsed["cpf"].as_str().unwrap().starts_with("[[CPF_"));
}

/// Returns what goes up where a tool was called with these arguments.
fn arguments_up(bench: &Bench<PiiRedact>, arguments: &str) -> String {
    let call = json!({ "model": "m", "messages": [{ "role": "assistant", "content": null, "tool_calls": [
        { "id": "c", "type": "function", "function": { "name": "f", "arguments": arguments } }] }] });
    let up = sent(bench, Request::from_json(Dialect::OpenaiChat, call));
    let arguments = &up["messages"][0]["tool_calls"][0]["function"]["arguments"];
    arguments.as_str().unwrap().to_owned()
}

#[test]
fn json_that_goes_up_stays_json_wherever_a_finding_stands_in_it() {
    for mode in ["tokenize", "mask"] {
        let bench = bench(
            json!({ "mode": mode, "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{5}" }] }),
        );
        let inner = json!({ "cpf": 52_998_224_725_u64, "list": [4_111_111_111_111_111_u64], "mail": "ana@x.com" });
        for value in [
            json!({ "cpf": 52_998_224_725_u64 }),
            json!({ "cpf": ["x", 52_998_224_725_u64, -4_111_111_111_111_111_i64] }),
            json!({ "ana@x.com": { "EMP-12345": 1 } }),
            json!({ "path": "C:\\nana@x.com", "next": "line\nana@x.com\n" }),
            json!({ "body": inner.to_string(), "pretty": serde_json::to_string_pretty(&inner).unwrap() }),
            json!({ "body": json!({ "deeper": inner.to_string() }).to_string() }),
        ] {
            for source in [
                value.to_string(),
                serde_json::to_string_pretty(&value).unwrap(),
            ] {
                let up = arguments_up(&bench, &source);
                let parsed: Value =
                    serde_json::from_str(&up).unwrap_or_else(|error| panic!("{error}: {up}"));
                let mut texts = vec![parsed];
                while let Some(value) = texts.pop() {
                    match value {
                        Value::Object(map) => texts.extend(map.into_iter().map(|(_, value)| value)),
                        Value::Array(list) => texts.extend(list),
                        Value::String(text) if text.trim_start().starts_with('{') => {
                            texts.push(
                                serde_json::from_str(&text)
                                    .unwrap_or_else(|error| panic!("{error}: {text}")),
                            );
                        }
                        _ => {}
                    }
                }
                for gone in ["52998224725", "4111111111111111", "ana@x.com", "EMP-12345"] {
                    assert!(!up.contains(gone), "{up}");
                }
            }
        }
    }
}

#[test]
fn a_number_is_hidden_with_all_that_belongs_to_it() {
    let bench =
        bench(json!({ "mode": "mask", "custom": [{ "name": "badge", "pattern": "77[0-9]{4}" }] }));
    for (source, up) in [
        (r#"{"n": -4111111111111111}"#, r#"{"n": "[[CARD]]"}"#),
        (r#"{"n":12770001.50e3,"m":1}"#, r#"{"n":"[[BADGE]]","m":1}"#),
        (
            r#"{"in":"[{\"n\":\n4111111111111111\n}]"}"#,
            r#"{"in":"[{\"n\":\n\"[[CARD]]\"\n}]"}"#,
        ),
    ] {
        assert_eq!(arguments_up(&bench, source), up);
    }
}

#[test]
fn a_reply_that_is_json_gets_values_back_as_json() {
    let bench = bench(json!({}));
    let key = format!(
        "-----BEGIN {0}-----\nabcd\"1234\n-----END {0}-----",
        "PRIVATE KEY"
    );
    let request = Request::chat("m").user(&key);
    let up = sent(&bench, request.clone());
    let hidden = content(&up, 0);
    let reply = json!({ "answer": { "key": hidden }, "raw": json!({ "key": hidden }).to_string() })
        .to_string();
    let restored = bench.reply(&request, Place::Assistant, &reply).unwrap();
    let restored: Value = serde_json::from_str(&restored).unwrap();
    assert_eq!(restored["answer"]["key"], *key);
    let raw: Value = serde_json::from_str(restored["raw"].as_str().unwrap()).unwrap();
    assert_eq!(raw["key"], *key);
    let block =
        format!("Here it is:\n```json\n{{\"key\": \"{hidden}\"}}\n```\nThe key is \"{hidden}\".");
    let restored = bench.reply(&request, Place::Assistant, &block).unwrap();
    let escaped = json!(key).to_string();
    assert_eq!(
        restored,
        format!("Here it is:\n```json\n{{\"key\": {escaped}}}\n```\nThe key is \"{key}\".")
    );
}

#[test]
fn keys_speak_for_the_values_of_a_tool_call() {
    let input = json!({ "ssn": "536221234", "phone": 11_987_654_321_u64, "order_id": "2125550100", "password": "hunter22!" });
    let anthropic = json!({ "model": "m", "max_tokens": 9, "messages": [
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "f", "input": input }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": "ok" }] }
    ]});
    let openai = json!({ "model": "m", "messages": [{ "role": "assistant", "content": null, "tool_calls": [
        { "id": "c", "type": "function", "function": { "name": "f", "arguments": input.to_string() } }] }] });
    for (dialect, body) in [
        (Dialect::AnthropicMessages, anthropic),
        (Dialect::OpenaiChat, openai),
    ] {
        let bench = bench(json!({}));
        let up = sent(&bench, Request::from_json(dialect, body)).to_string();
        for gone in ["536221234", "11987654321", "hunter22!"] {
            assert!(!up.contains(gone), "{dialect:?}: {gone} in {up}");
        }
        assert!(up.contains("2125550100"), "{dialect:?}: {up}");
    }
}

#[test]
fn a_list_of_numbers_stays_json() {
    let bench = bench(json!({ "mode": "mask" }));
    let up = sent(
        &bench,
        Request::chat("m").user("[52998224725, 4111111111111111, 7]"),
    );
    assert_eq!(content(&up, 0), r#"["[[CPF]]", "[[CARD]]", 7]"#);
    let up = sent(&bench, Request::chat("m").user("[my CPF: 52998224725]"));
    assert_eq!(content(&up, 0), "[my CPF: [[CPF]]]");
}
