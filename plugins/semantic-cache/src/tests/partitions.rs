//! The parts that two requests must have in common to share an answer.

use outrigger_sdk::{Request, bench};
use serde_json::{Value, json};

use super::{FORGOT, RESET, cache, of, says, with};

fn messages(question: &str) -> Value {
    json!([{ "role": "system", "content": "Help." }, { "role": "user", "content": question }])
}

fn other(change: Value) -> Request {
    with(messages(FORGOT), change)
}

#[test]
fn requests_that_differ_in_anything_but_their_question_do_not_meet() {
    let before = json!([{ "role": "system", "content": "Help." },
        { "role": "user", "content": "Hi" }, { "role": "assistant", "content": "Yes?" },
        { "role": "user", "content": FORGOT }]);
    let prompt = json!([{ "role": "system", "content": "Be rude." },
        { "role": "user", "content": FORGOT }]);
    let schema = json!({ "response_format": { "type": "json_object" } });
    let bench = cache(json!({}));
    assert_eq!(says(&bench, of(messages(RESET))), "miss");
    for (what, request) in [
        ("model", other(json!({ "model": "n" }))),
        ("temperature", other(json!({ "temperature": 0 }))),
        ("max_tokens", other(json!({ "max_tokens": 10 }))),
        ("seed", other(json!({ "seed": 1 }))),
        ("format", other(schema)),
        ("turns", of(before)),
        ("prompt", of(prompt)),
        ("tenant", other(json!({})).with_tag("tenant", "other")),
        ("caller", other(json!({})).with_caller("c2")),
        (
            "header",
            other(json!({})).with_header("openai-organization", "o"),
        ),
        (
            "path",
            other(json!({})).with_path("POST", "/v1/chat/completions?v=2"),
        ),
    ] {
        assert_eq!(says(&bench, request), "miss", "{what}");
        assert_eq!(says(&bench, of(messages(FORGOT))), "semantic", "{what}");
    }
}

#[test]
fn how_an_answer_is_sent_makes_no_difference() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, of(messages(RESET))), "miss");
    let streamed = json!({ "stream": true, "user": "u", "metadata": { "a": "b" } });
    assert_eq!(says(&bench, other(streamed)), "semantic");
}

#[test]
fn a_false_entry_stays_in_its_partition() {
    let bench = cache(json!({ "partition": ["tenant"] }));
    let mine = |tenant: &str, question: &str| of(messages(question)).with_tag("tenant", tenant);
    assert_eq!(says(&bench, mine("evil", RESET)), "miss");
    assert_eq!(says(&bench, mine("good", FORGOT)), "miss");
    assert_eq!(says(&bench, mine("evil", FORGOT)), "semantic");
    // and one tenant's complaint evicts nothing of another's
    let wrong = mine("evil", RESET).with_header("x-outrigger-cache", "wrong");
    assert_eq!(says(&bench, wrong), "miss");
    assert_eq!(says(&bench, mine("good", RESET)), "semantic");
}

#[test]
fn vectors_of_another_length_are_never_near() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, of(messages(RESET))), "miss");
    bench::vectors([(FORGOT, [1.0, 0.0, 0.0])]);
    assert_eq!(says(&bench, of(messages(FORGOT))), "miss");
}
