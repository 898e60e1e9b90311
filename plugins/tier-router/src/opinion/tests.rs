//! Opinions of others, and what becomes of a request where they have none.

use std::time::Duration;

use outrigger_sdk::{
    Request, assert_config_errors,
    bench::{self, Canned},
    fetch,
};
use serde_json::{Value, json};

use crate::{
    TierRouter,
    tests::{auto, config, model, routed, router},
};

fn meaning(embedder: &str) -> Value {
    json!({ "meaning": { "embedder": embedder, "margin": 0.1, "labels": [
        { "name": "easy", "add": -1, "centroid": [2.0, 0.0, 0.0] },
        { "name": "hard", "add": 3, "centroid": [0.0, 2.0, 0.0] },
    ] } })
}

fn said(text: &str) -> Request {
    Request::chat("auto").user(text).with_caller("c1")
}

fn failed(why: &str) -> u64 {
    bench::counter_labelled("meaning_failed", &[("why", why)])
}

#[test]
fn a_label_that_the_last_turn_is_near_to_adds_to_the_score() {
    let bench = router(meaning("bench/words"));
    bench::vectors([
        ("prove it", vec![0.1, 0.9, 0.0]),
        ("good day", vec![1.0, 0.0, 0.0]),
        ("between", vec![1.0, 1.05, 0.0]),
    ]);
    let why = |text| routed(&bench, said(text)).1;
    assert_eq!(why("prove it"), "medium; score=3; because=meaning:hard");
    assert_eq!(why("good day"), "small; score=-1; because=meaning:easy");
    assert_eq!(why("between"), "small; score=0; because=nothing");
    for label in ["easy", "hard", "none"] {
        assert_eq!(
            bench::counter_labelled("meant", &[("label", label)]),
            1,
            "{label}"
        );
    }
}

#[test]
fn without_a_vector_in_the_centroids_space_structure_decides_and_it_is_counted() {
    let other = router(meaning("openai/text-embedding-3-small"));
    assert_eq!(model(&other, said("prove it")), "small");
    assert_eq!(failed("embedder"), 1);
    let bench = router(meaning("bench/words"));
    bench::vectors([("prove it", vec![0.0, 1.0])]);
    assert_eq!(model(&bench, said("prove it")), "small");
    assert_eq!(failed("embedder"), 2, "of two dimensions");
    bench::embedder_fails(true);
    assert_eq!(model(&bench, said("prove it")), "small");
    assert_eq!(failed("unavailable"), 1);
    assert_eq!(model(&bench, said(" ")), "small");
    assert_eq!(failed("unavailable"), 1, "no call for an empty text");
}

fn verdict(extra: Value) -> Value {
    let headers = json!({ "authorization": "Bearer k" });
    let verdict = json!({ "url": "https://judge.example/v1/chat/completions", "model": "nano", "headers": headers });
    json!({ "verdict": bench::merged(verdict, extra) })
}

fn verdicts(of: &str) -> u64 {
    bench::counter_labelled("verdicts", &[("verdict", of)])
}

fn says(text: &str) -> Canned {
    let message = json!({ "choices": [{ "message": { "content": text } }] });
    Canned::url("https://judge.example/*")
        .json(message)
        .times(1)
}

#[test]
fn a_model_is_asked_about_what_structure_leaves_undecided() {
    let bench = router(verdict(json!({})));
    bench::canned([says("Hard."), says("easy"), says("I'd say hard or easy")]);
    assert_eq!(
        routed(&bench, said("prove it")).1,
        "medium; score=2; because=verdict"
    );
    assert_eq!(
        routed(&bench, said("prove it")).1,
        "small; score=0; because=nothing"
    );
    assert_eq!(
        routed(&bench, said("prove it")).1,
        "small; score=0; because=nothing"
    );
    assert_eq!(
        (verdicts("hard"), verdicts("easy"), verdicts("unclear")),
        (1, 1, 1)
    );
    let long = said("prove it").with_input_tokens(30_000);
    assert_eq!(
        routed(&bench, long).1,
        "medium; score=3; because=input_tokens"
    );
    let calls = bench::fetched();
    assert_eq!((calls.len(), calls[0].timeout_ms), (3, 300));
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap_or_default();
    assert_eq!(body["model"], "nano");
    assert_eq!(body["messages"][1]["content"], "prove it");
    assert_eq!(body["max_tokens"], 8);
    assert!(
        calls[0]
            .headers
            .iter()
            .any(|header| header.value == "Bearer k")
    );
}

#[test]
fn a_model_that_fails_or_is_slow_leaves_the_decision_to_structure() {
    let bench = router(verdict(json!({ "timeout": "1s" })));
    let to = || Canned::url("https://judge.example/*").times(1);
    bench::canned([
        to().status(500),
        to().body("no"),
        to().fail(fetch::Error::Timeout),
        to().delay(Duration::from_secs(2)),
    ]);
    for _ in 0..4 {
        assert_eq!(model(&bench, said("prove it")), "small");
    }
    assert_eq!(verdicts("failed"), 4);
}

#[test]
fn a_conversation_that_stays_is_not_judged_again() {
    let bench = router(verdict(json!({})));
    bench::canned([says("hard")]);
    assert_eq!(model(&bench, said("prove it")), "medium");
    let next = said("prove it")
        .message("assistant", "so")
        .user("thanks")
        .with_caller("c1");
    assert_eq!(model(&bench, next), "medium");
    assert_eq!(bench::fetched().len(), 1);
}

#[test]
fn keys_are_not_in_what_a_debugger_shows() {
    let bench = router(verdict(json!({})));
    assert!(!format!("{:?}", bench.policy()).contains("Bearer"));
}

#[test]
fn opinions_that_could_mean_nothing_are_refused() {
    let _ = auto();
    let labels = |one: Value, other: Value| json!([{ "name": "a", "add": 1, "centroid": one }, { "name": "b", "add": 1, "centroid": other }]);
    assert_config_errors!(TierRouter,
        config { "meaning": { "embedder": "", "labels": [] } } => "meaning.embedder: is empty",
        config { "meaning": { "embedder": "a/b", "margin": 1, "labels": [] } } => "meaning.margin: expected",
        config { "meaning": { "embedder": "a/b", "labels": [] } } => "meaning.labels: with fewer than two",
        config { "meaning": { "embedder": "a/b", "labels": labels(json!([1]), json!([1, 2])) } } => "meaning.labels[1].centroid: has another number",
        config { "meaning": { "embedder": "a/b", "labels": labels(json!([1]), json!([0])) } } => "meaning.labels[1].centroid: has no direction",
        config { "meaning": { "embedder": "a/b", "labels": [{ "name": "ä", "add": 1, "centroid": [1] }, { "name": "b", "add": 1, "centroid": [1] }] } } => "meaning.labels[0].name: expected",
        config { "verdict": { "url": "judge", "model": "m" } } => "verdict.url: expected an address",
        config { "verdict": { "url": "http://a", "model": "m", "timeout": "6s" } } => "verdict.timeout: expected a time",
        config { "verdict": { "url": "http://a", "model": "m", "band": [2, 1] } } => "verdict.band: begins above",
        config { "verdict": { "url": "http://a", "model": "m", "add": 0 } } => "verdict.add: `0`",
    );
}
