#![expect(clippy::unwrap_used, reason = "tests")]

use outrigger_sdk::bench::{self, Bench, Exchange, attempt, failure};
use serde_json::{Value, json};

use super::*;

fn bench() -> Bench<Degrade> {
    let config = json!({
        "keep": "1h", "first": ["a/large"], "cheaper": ["b/small", "c/small"],
        "texts": [{ "contains": "opening hours", "text": "Monday to Friday, 9 to 17." }],
        "message": "We can't answer right now.", "retry_after": "30s",
    });
    Bench::new(config).unwrap()
}

fn ask(text: &str) -> Exchange<Degrade> {
    bench().request(Request::chat("chat").user(text))
}

fn overloaded() -> Failure {
    failure(vec![attempt("a/large", "overload", 503)])
}

#[test]
fn what_was_answered_before_is_served_and_what_is_being_answered_is_joined() {
    let mut first = ask("hi");
    assert!(first.is_forwarded());
    assert!(matches!(ask("hi").decision, Decision::Serve(_)), "joined");
    first.end(&bench::outcome());
    let streamed = json!({ "model": "chat", "stream": true, "messages": [{ "role": "user", "content": "hi" }] });
    let streamed = Request::from_json(outrigger_sdk::Dialect::OpenaiChat, streamed);
    assert!(matches!(
        bench().request(streamed).decision,
        Decision::Serve(_)
    ));
    assert!(ask("hello").is_forwarded());
}

#[test]
fn the_first_choice_is_tried_first_even_where_the_store_is_away() {
    assert_eq!(ask("hi").request.preferred(), ["a/large"]);
    bench::stores_fail(true);
    let exchange = ask("hi");
    assert!(exchange.is_forwarded());
    assert_eq!(exchange.request.preferred(), ["a/large"]);
}

#[test]
fn something_cheaper_is_tried_once_then_a_text_answers_then_nothing_is_left_but_an_error() {
    let mut exchange = ask("What are your Opening Hours?");
    let steps: Vec<Decision> = (0..3).map(|_| exchange.fail_with(&overloaded())).collect();
    let error = Refusal::new(503, "We can't answer right now.").code("degraded");
    assert_eq!(
        steps,
        [
            Decision::try_now(["b/small", "c/small"]),
            Decision::reply("Monday to Friday, 9 to 17."),
            error.retry_after(Duration::from_secs(30)).into(),
        ]
    );
}

/// The refusal of a request that all targets failed for.
fn refused(body: Value, attempts: Vec<Attempt>) -> Refusal {
    let request = Request::from_json(outrigger_sdk::Dialect::OpenaiChat, body);
    let mut exchange = bench().request(request);
    let failure = failure(attempts);
    exchange.fail_with(&failure);
    match exchange.fail_with(&failure) {
        Decision::Refuse(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_agent_is_given_no_fixed_text_and_the_error_names_the_soonest_end() {
    let body = json!({
        "model": "chat", "messages": [{ "role": "user", "content": "opening hours" }],
        "tools": [{ "type": "function", "function": { "name": "f" } }],
    });
    let limited = |ms| Attempt {
        retry_after_ms: Some(ms),
        ..attempt("a/large", "rate", 429)
    };
    let wait = |attempts| refused(body.clone(), attempts).retry_after_ms;
    assert_eq!(wait(vec![limited(9000), limited(4000)]), Some(4000));
    assert_eq!(wait(vec![limited(5)]), Some(1000), "a second at least");
}

#[test]
fn the_apps_own_mistake_stays_as_the_provider_says_it() {
    let mut exchange = ask("hi");
    assert_eq!(exchange.fail(400, "upstream_status"), Decision::Forward);
    let decision = exchange.fail(500, "upstream_status");
    assert_eq!(decision, Decision::try_now(["b/small", "c/small"]));
}
