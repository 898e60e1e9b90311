#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use outrigger_sdk::{
    Decision, Delta, Dialect, Place, Request, assert_config_errors,
    bench::{self, Bench, Exchange, merged, outcome, outcome_with},
};
use serde_json::{Value, json};

use crate::SemanticCache;

mod evidence;
mod judge;
mod partitions;
mod sharing;

const RESET: &str = "How do I reset my password?";
const FORGOT: &str = "I forgot my password, how do I change it?";
const DELETE: &str = "How do I delete my account?";
const ANSWER: &str = "Open the settings, choose Security and press the button to reset.";

/// A cache that serves at once, and questions of which the embedder says that all are near.
fn cache(config: Value) -> Bench<SemanticCache> {
    bench::vectors([
        (RESET, [1.0, 0.0]),
        (FORGOT, [0.94, 0.34]),
        (DELETE, [0.95, 0.31]),
    ]);
    let serving = json!({ "mode": "serve", "trust": "at_once", "without_temperature": true });
    Bench::new(merged(serving, config)).unwrap()
}

fn chat(question: &str) -> Request {
    of(json!([{ "role": "system", "content": "Help." }, { "role": "user", "content": question }]))
}

fn of(messages: Value) -> Request {
    with(messages, json!({}))
}

fn with(messages: Value, extra: Value) -> Request {
    let body = merged(json!({ "model": "m", "messages": messages }), extra);
    Request::from_json(Dialect::OpenaiChat, body)
        .with_tag("tenant", "acme")
        .with_caller("c1")
}

fn header(exchange: &Exchange<SemanticCache>, name: &str) -> String {
    exchange.request.reply_header(name).unwrap_or_default()
}

/// Runs an exchange to its end, with this answer if a model is called.
fn answered(
    bench: &Bench<SemanticCache>,
    request: Request,
    answer: &str,
) -> Exchange<SemanticCache> {
    let mut exchange = bench.request(request);
    let from_store = matches!(exchange.decision, Decision::Serve(_));
    if !from_store {
        let (begin, end) = answer.split_at(answer.len() / 2);
        for (text, last) in [(begin, false), (end, true)] {
            exchange
                .reply(vec![Delta::new(0, Place::Assistant, text, last)])
                .unwrap();
        }
    }
    exchange.end(&outcome_with(|end| end.from_store = from_store));
    exchange
}

/// The answer's header about the cache.
fn says(bench: &Bench<SemanticCache>, request: Request) -> String {
    let exchange = answered(bench, request, ANSWER);
    let said = header(&exchange, "x-outrigger-cache");
    let served = matches!(exchange.decision, Decision::Serve(_));
    assert_eq!(
        served,
        said.starts_with("semantic") || said.starts_with("hit"),
        "{said}"
    );
    said
}

fn misses(reason: &str) -> u64 {
    bench::counter_labelled("misses", &[("reason", reason)])
}

#[test]
fn a_question_in_other_words_is_answered_with_the_kept_reply_and_says_so() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    bench::advance(Duration::from_secs(90));
    let hit = answered(&bench, chat(FORGOT), ANSWER);
    assert_eq!(hit.decision, Decision::serve(bench::kept()[0].clone()));
    assert_eq!(
        ["x-outrigger-cache", "age", "x-outrigger-cache-entry"].map(|name| header(&hit, name)),
        ["semantic", "90", "entry-1"]
    );
    assert_eq!(says(&bench, chat(RESET)), "hit", "the very same");
    assert_eq!(bench::counter_labelled("hits", &[("kind", "semantic")]), 1);
    assert_eq!(bench::counter_labelled("hits", &[("kind", "exact")]), 1);
    bench::advance(Duration::from_secs(86_400));
    assert_eq!(says(&bench, chat(FORGOT)), "miss", "its time is over");
}

#[test]
fn a_near_question_that_differs_is_a_miss_by_its_reason() {
    let bench = cache(json!({ "explain": true }));
    assert_eq!(says(&bench, chat(RESET)), "miss; reason=none");
    let delete = says(&bench, chat(DELETE));
    assert_eq!(
        (delete.as_str(), misses("opposite")),
        ("miss; reason=opposite", 1)
    );
    let hit = says(&bench, chat(FORGOT));
    assert!(hit.starts_with("semantic; age=0; similarity=0.9"), "{hit}");
    assert!(hit.ends_with("; id=entry-1"), "{hit}");
}

#[test]
fn what_is_not_near_enough_is_not_looked_at() {
    let bench = cache(json!({ "threshold": 0.95 }));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    assert_eq!(says(&bench, chat(FORGOT)), "miss");
    assert_eq!(misses("none"), 2);
}

#[test]
fn questions_that_no_kept_answer_may_answer_are_left_alone() {
    let bench = cache(json!({ "explain": true }));
    let long = "why ".repeat(600);
    let user = |text: &str| json!({ "role": "user", "content": text });
    let turns: Vec<Value> = (0..9).map(|_| user("And why?")).collect();
    let picture = json!([{ "type": "text", "text": "What is it?" },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,aaaa" } }]);
    let tools = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    for (request, reason) in [
        (chat("What is the weather today?"), "fresh"),
        (chat("Where is my order?"), "personal"),
        (chat("Cancel my subscription"), "act"),
        (chat("  "), "question"),
        (chat(r#"{"a": 1}"#), "question"),
        (chat(&long), "question"),
        (
            of(json!([user("Hi"), { "role": "assistant", "content": "The" }])),
            "question",
        ),
        (of(json!(turns)), "turns"),
        (
            of(json!([{ "role": "user", "content": picture }])),
            "images",
        ),
        (with(json!([user(RESET)]), tools), "tools"),
        (
            with(json!([user(RESET)]), json!({ "temperature": 1 })),
            "temperature",
        ),
        (
            with(json!([user(RESET)]), json!({ "web_search_options": {} })),
            "state",
        ),
        (
            chat(RESET).with_header("cache-control", "no-store"),
            "asked",
        ),
        (
            chat(RESET).with_header("x-outrigger-cache", "bypass"),
            "asked",
        ),
    ] {
        assert_eq!(says(&bench, request), format!("bypass; reason={reason}"));
        assert!(bench::counter_labelled("bypassed", &[("reason", reason)]) > 0);
    }
    assert!(bench::kept().is_empty() && bench::embedded().is_empty());
}

#[test]
fn an_embedder_or_a_store_that_fails_costs_the_hit_and_not_the_answer() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    bench::embedder_fails(true);
    assert_eq!(says(&bench, chat(FORGOT)), "miss");
    bench::embedder_fails(false);
    bench::stores_fail(true);
    assert_eq!(says(&bench, chat(FORGOT)), "miss");
    assert_eq!((misses("embedder"), misses("store")), (1, 1));
    bench::stores_fail(false);
    assert_eq!(says(&bench, chat(FORGOT)), "semantic");
}

#[test]
fn the_app_may_ask_for_a_new_answer_or_a_young_one() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    bench::advance(Duration::from_secs(60));
    let asks = |name: &str, value: &str| says(&bench, chat(FORGOT).with_header(name, value));
    assert_eq!(asks("cache-control", "max-age=60"), "semantic");
    assert_eq!(asks("cache-control", "max-age=59"), "miss");
    assert_eq!(misses("age"), 1);
    assert_eq!(asks("cache-control", "no-cache"), "miss");
    assert_eq!(
        (asks("cf-aig-skip-cache", "true"), misses("refresh")),
        ("bypass".into(), 1)
    );
}

#[test]
fn a_wrong_answer_is_evicted_with_its_kin_and_a_new_one_is_kept() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    assert_eq!(says(&bench, chat(DELETE)), "miss");
    let hit = answered(&bench, chat(FORGOT), ANSWER);
    let (entry, kept) = (header(&hit, "x-outrigger-cache-entry"), bench::kept());
    assert_eq!(kept.len(), 2);
    let wrong = chat(FORGOT)
        .with_header("x-outrigger-cache", "wrong")
        .with_header("x-outrigger-cache-entry", &entry);
    let again = answered(&bench, wrong, ANSWER);
    assert!(again.is_forwarded());
    let sent = again.request.headers();
    assert!(
        sent.iter()
            .all(|header| !header.name.starts_with("x-outrigger")),
        "{sent:?}"
    );
    let now = bench::kept();
    assert_eq!(now.len(), 2, "one went, one came");
    assert_eq!(now.iter().filter(|key| kept.contains(key)).count(), 1);
    assert_eq!((bench::counter("evicted"), misses("wrong")), (2, 1));
    assert_eq!(says(&bench, chat(RESET)), "semantic", "by the new one");
}

#[test]
fn replies_that_are_no_answer_are_not_served_again() {
    let bench = cache(json!({}));
    for change in [
        outcome_with(|end| end.finish = "length".into()),
        outcome_with(|end| end.finish = "tool_calls".into()),
        outcome_with(|end| end.error = Some("client_gone".into())),
    ] {
        let mut exchange = bench.request(chat(RESET));
        assert!(exchange.is_forwarded());
        exchange.end(&change);
    }
    assert!(bench::kept().is_empty());
    let mut exchange = bench.request(chat(RESET));
    exchange.end(&outcome());
    assert_eq!(bench::kept().len(), 1);
}

#[test]
fn a_configuration_that_is_wrong_or_has_no_effect_is_refused_with_its_path() {
    assert_config_errors!(SemanticCache,
        { "treshold": 0.9 } => "treshold: unknown key",
        { "threshold": 0 } => "threshold: expected a cosine",
        { "threshold": 1 } => "threshold: expected a cosine",
        { "threshold": 1.2 } => "threshold: expected a cosine",
        { "threshold": -0.5 } => "threshold: expected a cosine",
        { "error": 0 } => "error: expected a share",
        { "error": 0.9 } => "error: expected a share",
        { "partition": [] } => "partition: without a key",
        { "partition": ["team"] } => "partition[0]: nothing sets such a value",
        { "ttl": "0s" } => "ttl: `0s` keeps nothing",
        { "max_bytes": 0 } => "max_bytes: 0 keeps nothing",
        { "max_turns": 0 } => "max_turns: 0 lets no question in",
        { "max_question_bytes": 4096 } => "max_question_bytes: expected 1 to 2048",
        { "mode": "on" } => "mode",
        { "trust": "never" } => "trust",
        { "verify": "model" } => "verify",
        { "verify": { "model": { "url": "http://j/v1" } } } => "verify.model: the key `model` is missing",
        { "verify": { "model": { "url": "j/v1", "model": "m" } } } => "verify.model.url: expected an address",
        { "verify": { "model": { "url": "http://j/v1", "model": "" } } } => "verify.model.model: expected the name",
        { "verify": { "model": { "url": "http://j/v1", "model": "m", "timeout": "0s" } } } => "verify.model.timeout: expected more than 0",
        { "verify": { "model": { "url": "http://j/v1", "model": "m", "timeout": "6s" } } } => "verify.model.timeout: expected more than 0",
        { "verify": { "model": { "url": "http://j/v1", "model": "m", "ask": "never" } } } => "verify.model.ask",
        { "verify": { "model": { "url": "http://j/v1", "model": "m", "parameters": { "n": 2 } } } } => "verify.model.parameters.n: ",
        { "verify": { "model": { "url": "http://j/v1", "model": "m", "parameters": { "top_p": 0.5 } } } } => "verify.model.parameters.top_p",
        { "share": "always" } => "share",
        { "ignore": ["/messages"] } => "ignore[0]: without `/messages`",
        { "members": ["web_search_options"] } => "members[0]: with `web_search_options`",
        { "vary": ["a b"] } => "vary[0]: expected the name of a header",
        { "max_temperature": 3 } => "max_temperature: expected a number from 0 to 2",
    );
}
