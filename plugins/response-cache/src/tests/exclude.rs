//! Requests that are never answered from the cache.

use outrigger_sdk::{Decision, Dialect, Request};
use serde_json::{Value, json};

use super::{cache, chat, ran, reason, run, says};

#[test]
fn a_warm_request_is_not_cached_and_one_without_a_temperature_only_where_that_is_allowed() {
    let bench = cache(json!({}));
    let warm = |temperature: Value| chat(json!({ "temperature": temperature }));
    for cold in [json!(0), json!(0.3), json!(0.0)] {
        assert_eq!(ran(&bench, warm(cold.clone())), "miss", "{cold}");
    }
    for temperature in [json!(0.31), json!(1), json!(null), json!("0")] {
        assert_eq!(
            reason(&bench, warm(temperature.clone())),
            "temperature",
            "{temperature}"
        );
    }
    let bench = cache(json!({ "without_temperature": true, "max_temperature": 1 }));
    assert_eq!(ran(&bench, warm(json!(null))), "miss");
    assert_eq!(ran(&bench, warm(json!(1))), "miss");
    assert_eq!(reason(&bench, warm(json!(1.1))), "temperature");
    let embeddings = Request::from_json(
        Dialect::OpenaiEmbeddings,
        json!({ "model": "e", "input": "x" }),
    );
    assert_eq!(ran(&cache(json!({})), embeddings), "miss");
}

#[test]
fn what_is_more_than_text_or_looks_something_up_is_not_cached() {
    let bench = cache(json!({}));
    let tool = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    let image = json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:" } }] }] });
    for (extra, expected) in [
        (tool.clone(), "tools"),
        (json!({ "functions": [{ "name": "f" }] }), "tools"),
        (image, "images"),
        (json!({ "modalities": ["text", "audio"] }), "audio"),
        (json!({ "audio": { "voice": "v" } }), "audio"),
        (json!({ "web_search_options": {} }), "state"),
        (json!({ "conversation": "conv_1" }), "state"),
        (json!({ "previous_response_id": "resp_1" }), "state"),
        (json!({ "prompt": { "id": "p" } }), "state"),
    ] {
        assert_eq!(reason(&bench, chat(extra.clone())), expected, "{extra}");
    }
    assert_eq!(
        ran(
            &bench,
            chat(json!({ "modalities": ["text"], "background": false, "conversation": null }))
        ),
        "miss"
    );
    assert_eq!(
        reason(&bench, chat(json!({})).with_path("GET", "/v1/models")),
        "endpoint"
    );
    assert_eq!(
        reason(&bench, Request::from_json(Dialect::Other, json!({}))),
        "endpoint"
    );
    let bench = cache(json!({ "tool_calls": true }));
    assert_eq!(ran(&bench, chat(tool)), "miss");
    assert_eq!(
        reason(&bench, chat(json!({ "tools": [{ "type": "web_search" }] }))),
        "tools"
    );
    let gemini = |tool: Value| {
        let body =
            json!({ "contents": [], "tools": [tool], "generationConfig": { "temperature": 0 } });
        says(&run(
            &bench,
            Request::from_json(Dialect::GeminiGenerate, body),
        ))
    };
    assert_eq!(
        [
            gemini(json!({ "googleSearch": {} })),
            gemini(json!({ "functionDeclarations": [] }))
        ],
        ["bypass", "miss"]
    );
}

#[test]
fn a_body_that_two_readers_read_differently_is_not_cached() {
    let twice = r#"{"model":"m","temperature":0,"messages":[],"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(
        reason(
            &cache(json!({})),
            Request::from_text(Dialect::OpenaiChat, twice)
        ),
        "ambiguous"
    );
}

#[test]
fn requests_outside_of_the_conditions_are_left_alone() {
    let bench = cache(json!({ "match": { "model": "eval-*" } }));
    let exchange = run(&bench, chat(json!({})));
    assert_eq!(
        (exchange.decision, exchange.request.reply_headers()),
        (Decision::Forward, vec![])
    );
    assert_eq!(ran(&bench, chat(json!({ "model": "eval-1" }))), "miss");
}
