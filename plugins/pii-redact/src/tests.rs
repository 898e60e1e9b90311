//! The policy as the proxy runs it: requests in, requests and replies out.

use outrigger_sdk::{
    Decision, Dialect, Place, Policy, Request, assert_config_errors, bench::Bench,
};
use serde_json::{Value, json};

use super::*;

mod config;
mod json_text;
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
