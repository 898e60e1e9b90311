//! The policy as the proxy runs it: requests in, requests and replies out.

use outrigger_sdk::{
    Decision, Dialect, Place, Policy, Request, assert_config_errors, bench::Bench,
};
use serde_json::{Value, json};

use super::*;

mod memory;

fn bench(config: Value) -> Bench<PiiRedact> {
    Bench::new(config).unwrap()
}

fn sent(bench: &Bench<PiiRedact>, request: Request) -> Value {
    let exchange = bench.request(request);
    assert_eq!(exchange.decision, Decision::Forward);
    exchange.request.body_json()
}

fn content(body: &Value, message: usize) -> &str {
    body["messages"][message]["content"].as_str().unwrap()
}

/// The placeholders in a text.
fn placeholders(text: &str) -> Vec<&str> {
    text.split("[[")
        .skip(1)
        .map(|rest| rest.split_once("]]").unwrap().0)
        .collect()
}

#[test]
fn nothing_found_leaves_no_host_and_the_reply_gets_everything_back() {
    let bench = bench(json!({}));
    let text = "Ana <Ana@x.com>, CPF 529.982.247-25, card 4111 1111 1111 1111, IP 203.0.113.7";
    let request = Request::chat("m").user(text);
    let up = sent(&bench, request.clone());
    let hidden = content(&up, 0);
    for value in ["Ana@x.com", "529.982.247-25", "4111", "203.0.113.7"] {
        assert!(!hidden.contains(value), "{hidden}");
    }
    assert_eq!(placeholders(hidden).len(), 4);
    for place in [Place::Assistant, Place::Reasoning, Place::Refusal] {
        assert_eq!(bench.reply(&request, place, hidden).unwrap(), text);
    }
}

#[test]
fn every_place_of_a_conversation_is_covered_and_a_value_has_one_placeholder() {
    let bench = bench(json!({}));
    let body = json!({ "model": "m", "user": "ana@x.com", "messages": [
        { "role": "system", "content": "You help ana@x.com." },
        { "role": "user", "content": [{ "type": "text", "text": "I am ana@x.com." }] },
        { "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{\"to\":\"ana\\u0040x.com\"}" } }] },
        { "role": "tool", "tool_call_id": "c", "content": "sent to ana@x.com" }
    ]});
    let up = sent(&bench, Request::from_json(Dialect::OpenaiChat, body)).to_string();
    assert!(!up.contains("ana@") && !up.contains("u0040"), "{up}");
    let mut all = placeholders(&up);
    assert!(all.len() >= 4, "{up}");
    all.dedup();
    assert_eq!(all.len(), 1, "{up}");
}

#[test]
fn turns_of_a_conversation_keep_their_placeholders() {
    let bench = bench(json!({}));
    let first = sent(&bench, Request::chat("m").user("ana@x.com"));
    let second = sent(
        &bench,
        Request::chat("m")
            .user("ana@x.com")
            .message("assistant", "hello")
            .user("and bob@x.com"),
    );
    assert_eq!(content(&first, 0), content(&second, 0));
    assert_ne!(content(&second, 0), content(&second, 2));
}

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
fn placeholders_of_the_model_s_making_pass() {
    let bench = bench(json!({}));
    let request = Request::chat("m").user("ana@x.com");
    for text in ["[EMAIL_99] [[EMAIL_aaaaaa]] [[", "no brackets", "[[EMAIL_"] {
        assert_eq!(bench.reply(&request, Place::Assistant, text).unwrap(), text);
    }
}

#[test]
fn a_refusal_names_kinds_and_never_values() {
    let exchange = bench(json!({ "mode": "refuse" }))
        .request(Request::chat("m").user("ana@x.com, 203.0.113.7"));
    let refusal = exchange.refusal();
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (403, "personal_data")
    );
    assert!(refusal.message.contains("email, ip") && !refusal.message.contains("ana"));
    let clean = bench(json!({ "mode": "refuse" })).request(Request::chat("m").user("hello"));
    assert_eq!(clean.decision, Decision::Forward);
}

#[test]
fn masks_do_not_come_back_and_need_no_reply_hook() {
    let bench = bench(json!({ "mode": "mask" }));
    assert_eq!(
        content(&sent(&bench, Request::chat("m").user("to ana@x.com")), 0),
        "to [[EMAIL]]"
    );
    assert_eq!(bench.policy().hooks(), Hooks::REQUEST);
}

#[test]
fn secrets_come_back_unless_they_are_not_to() {
    let key = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let request = Request::chat("m").user(&key);
    let kept = bench(json!({}));
    let hidden = sent(&kept, request.clone());
    assert_eq!(
        kept.reply(&request, Place::Assistant, content(&hidden, 0))
            .unwrap(),
        key
    );
    let gone = bench(json!({ "restore_secrets": false }));
    let hidden = sent(&gone, request.clone());
    assert!(content(&hidden, 0).starts_with("[[SECRET_"));
    assert_eq!(
        gone.reply(&request, Place::Assistant, content(&hidden, 0))
            .unwrap(),
        content(&hidden, 0)
    );
}

#[test]
fn replies_are_screened_for_what_was_not_in_the_request() {
    let masking = bench(json!({ "replies": "mask" }));
    let request = Request::chat("m").user("ana@x.com");
    let up = sent(&masking, request.clone());
    let text = format!(
        "{} knows bob@x.com and the number +55 11 98765-4321, as far as we know.",
        content(&up, 0)
    );
    assert_eq!(
        masking.reply(&request, Place::Assistant, &text).unwrap(),
        "ana@x.com knows [[EMAIL]] and the number [[PHONE]], as far as we know."
    );
    let refusing = bench(json!({ "mode": "mask", "replies": "refuse" }));
    assert_eq!(
        refusing
            .reply(&Request::chat("m"), Place::Assistant, "ask bob@x.com")
            .unwrap_err()
            .code,
        "personal_data"
    );
}

#[test]
fn patterns_and_exceptions_of_the_operator_s_own_are_kept() {
    let bench = bench(
        json!({ "detect": ["email"], "custom": [{ "name": "badge", "pattern": "EMP-[0-9]+" }], "allow": ["@acme.com"] }),
    );
    let request = Request::chat("m").user("EMP-77, help@acme.com, ana@x.com, 203.0.113.7");
    let up = sent(&bench, request.clone());
    let hidden = content(&up, 0);
    assert!(
        hidden.contains("[[BADGE_") && hidden.contains("[[EMAIL_"),
        "{hidden}"
    );
    assert!(hidden.contains("help@acme.com") && hidden.contains("203.0.113.7"));
    assert!(
        bench
            .reply(&request, Place::Assistant, hidden)
            .unwrap()
            .starts_with("EMP-77, ")
    );
}

#[test]
fn the_operator_s_key_makes_placeholders_that_every_process_shares() {
    let config = json!({ "key": "correct horse battery" });
    let one = sent(&bench(config.clone()), Request::chat("m").user("ana@x.com"));
    let other = sent(&bench(config), Request::chat("m").user("ana@x.com"));
    let foreign = sent(
        &bench(json!({ "key": "correct horse staple!" })),
        Request::chat("m").user("ana@x.com"),
    );
    assert_eq!(content(&one, 0), content(&other, 0));
    assert_ne!(content(&one, 0), content(&foreign, 0));
}

#[test]
fn a_wrong_configuration_is_refused_with_its_key() {
    assert_config_errors!(PiiRedact,
        { "modes": "mask" } => "… modes",
        { "mode": "hide" } => "… mode",
        { "detect": [] } => "… detect",
        { "detect": ["names"] } => "… credit_card",
        { "custom": [{ "name": "x", "pattern": "a*" }] } => "… empty string",
        { "custom": [{ "name": "x", "pattern": "[" }] } => "… can't be read",
        { "custom": [{ "name": "x", "regex": "a" }] } => "… regex",
        { "allow": [""] } => "… allow",
        { "key": "short" } => "… 16 characters",
        { "mode": "mask", "key": "correct horse battery" } => "… no effect",
        { "replies": "on" } => "… replies",
        { "mode": "report", "replies": "mask" } => "… mode: report",
        { "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{4}", "examples": { "match": ["EMP-12345"] } }] } => "… `EMP-1234` alone",
        { "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{4}", "examples": { "match": ["BMP-1234"] } }] } => "… finds nothing",
        { "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{4}", "examples": { "no_match": ["see EMP-1234"] } }] } => "… no_match",
        { "custom": [{ "name": "badge", "pattern": "EMP", "examples": { "matches": [] } }] } => "… matches",
        { "mode": "mask", "later_replies": "pass" } => "… no effect",
    );
}

#[test]
fn a_pattern_whose_examples_hold_is_loaded() {
    let custom = json!([{ "name": "badge", "pattern": "EMP-[0-9]{5}",
        "examples": { "match": ["EMP-12345"], "no_match": ["EMP-1", "IMP-12345"] } }]);
    let bench = bench(json!({ "mode": "mask", "custom": custom }));
    let up = sent(&bench, Request::chat("m").user("I am EMP-12345"));
    assert_eq!(content(&up, 0), "I am [[BADGE]]");
}

#[test]
fn findings_are_counted_by_kind_and_by_place_and_named_in_the_log_line() {
    use outrigger_sdk::bench::counter;
    for mode in ["report", "refuse", "mask", "tokenize"] {
        let before = |name: &str| counter(name);
        let (emails, users, results) = (
            before("found_email"),
            before("found_in_user"),
            before("found_in_tool_result"),
        );
        let body = json!({ "model": "m", "messages": [
            { "role": "user", "content": "ana@x.com and bob@x.com, 529.982.247-25" },
            { "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
            { "role": "tool", "tool_call_id": "c", "content": "sent to ana@x.com" }
        ]});
        let request = Request::from_json(Dialect::OpenaiChat, body.clone());
        let done = bench(json!({ "mode": mode })).request(request);
        assert_eq!(counter("found_email") - emails, 3, "{mode}");
        assert_eq!(counter("found_in_user") - users, 3, "{mode}");
        assert_eq!(counter("found_in_tool_result") - results, 1, "{mode}");
        assert_eq!(
            done.request.tag("pii_found").as_deref(),
            Some("email:user=2 email:tool-result=1 cpf:user=1"),
            "{mode}"
        );
        if mode == "report" {
            assert_eq!(done.decision, Decision::Forward);
            assert_eq!(done.request.body_json(), body);
        }
    }
    assert_eq!(
        bench(json!({ "mode": "report" })).policy().hooks(),
        Hooks::REQUEST
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

#[test]
fn what_is_written_in_disguise_is_hidden_and_comes_back_as_it_was_written() {
    let bench = bench(json!({}));
    let text = "Write to ana (at) example (dot) com, card ４１１１ 1111 1111 1111, CPF 529.982.247\u{200b}-25.";
    let request = Request::chat("m").user(text);
    let up = sent(&bench, request.clone());
    let hidden = content(&up, 0);
    assert_eq!(placeholders(hidden).len(), 3, "{hidden}");
    assert!(!hidden.contains("example") && !hidden.contains("1111") && !hidden.contains("529"));
    assert_eq!(
        bench.reply(&request, Place::Assistant, hidden).unwrap(),
        text
    );
}
