//! The parts that two requests must have in common to share an answer.

use std::collections::HashMap;

use cache_rules::Control;
use outrigger_sdk::{
    Dialect, Request,
    bench::{self, Bench},
};
use serde_json::{Value, json};

use super::{FORGOT, RESET, cache, of, says, with};
use crate::SemanticCache;

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

/// Requests, each of which is compared with all others: two million pairs, of which every second
/// request differs from the one before in one thing at most.
const REQUESTS: usize = 2_000;
/// Values of each thing, some of which are parts of others, or look like what separates them.
const VALUES: [&str; 4] = ["a", "aa", "a\",\"", "á"];

/// All that a reply's key is made of, by number: whose it is and how it is sent, then the body.
const OUTSIDE: usize = 5;
const THINGS: usize = 13;

fn random(things: [usize; THINGS]) -> Request {
    let value = |thing: usize| VALUES[things[thing]];
    let number = |thing: usize| things[thing] + 1;
    let body = json!({
        "model": value(5),
        "messages": [
            { "role": "system", "content": value(6) },
            { "role": "user", "content": value(7) },
            { "role": "assistant", "content": "Yes?" },
            { "role": "user", "content": format!("How do I {}?", value(8)) },
        ],
        "tools": [{ "type": "function", "function": { "name": "f", "description": value(9) } }],
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": { "title": value(10) } } },
        "max_tokens": number(11),
        "seed": number(12),
    });
    Request::from_json(Dialect::OpenaiChat, body)
        .with_tag("tenant", value(0))
        .with_caller(value(1))
        .with_header("openai-organization", value(2))
        .with_header("x-mine", value(3))
        .with_path("POST", &format!("/v1/chat/completions?v={}", things[4]))
}

#[test]
fn no_two_of_two_million_pairs_that_differ_share_a_key_or_more_than_they_should() {
    let config = json!({ "tool_calls": true, "without_temperature": true, "vary": ["x-mine"] });
    let policy = Bench::<SemanticCache>::new(config).unwrap().policy();
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) as usize % below
    };
    let (mut keys, mut partitions) = (HashMap::new(), HashMap::new());
    let mut things = [0; THINGS];
    for at in 0..REQUESTS {
        match at % 2 {
            0 => things = things.map(|_| next(VALUES.len())),
            _ => things[next(THINGS)] = next(VALUES.len()),
        }
        let Ok((search, _)) = policy.read(&random(things), &Control::default()) else {
            panic!("it is left alone: {things:?}");
        };
        let whose = things.first_chunk::<OUTSIDE>().copied().unwrap();
        assert_eq!(*keys.entry(search.key).or_insert(things), things);
        assert_eq!(*partitions.entry(search.parts).or_insert(whose), whose);
    }
    let distinct = |of: usize| (REQUESTS / 2..REQUESTS).contains(&of);
    assert!(
        distinct(keys.len()) && partitions.len() < REQUESTS / 2,
        "{}",
        partitions.len()
    );
}
