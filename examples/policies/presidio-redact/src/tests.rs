#![expect(clippy::unwrap_used, reason = "tests")]

use std::{cell::RefCell, rc::Rc, time::Duration};

use outrigger_sdk::{
    Decision, Dialect, Place, Refusal, Request, assert_config_errors,
    bench::{Bench, counter, json, merged, on_fetch, set_clock},
    fetch::{Answer, Call, Error},
};
use serde_json::Value;

use crate::{PresidioRedact, analyzer::CALL_BYTES};

const URL: &str = "http://presidio.example/analyze";
/// The texts that the analyzer of these tests takes for a person, an address or a mail address.
const KNOWN: [(&str, &str); 4] = [
    ("Ana Souza", "PERSON"),
    ("Souza Street 4", "LOCATION"),
    ("日本太郎😀", "PERSON"),
    ("ana@x.com", "EMAIL_ADDRESS"),
];

fn answered(status: u16, body: &Value) -> Result<Answer, Error> {
    Ok(Answer {
        status,
        headers: Vec::new(),
        body: body.to_string().into(),
    })
}

fn hits(text: &str) -> Value {
    let count = |text: &str| text.chars().count();
    let hit = |(value, name): &(&str, &str)| {
        let start = count(&text[..text.find(value)?]);
        Some(
            json!({ "entity_type": name, "start": start, "end": start + count(value), "score": 0.85 }),
        )
    };
    KNOWN.iter().filter_map(hit).collect()
}

/// Has an analyzer answer, and returns the questions that it gets.
fn analyzer() -> Rc<RefCell<Vec<Call>>> {
    let calls = Rc::<RefCell<Vec<Call>>>::default();
    let note = Rc::clone(&calls);
    on_fetch(move |call| {
        note.borrow_mut().push(call.clone());
        let question: Value = serde_json::from_slice(&call.body).unwrap();
        let found = match &question["text"] {
            Value::String(text) => hits(text),
            texts => {
                let texts = texts.as_array().unwrap().iter();
                texts.map(|text| hits(text.as_str().unwrap())).collect()
            }
        };
        answered(200, &found)
    });
    calls
}

fn texts(call: &Call) -> Vec<String> {
    let question: Value = serde_json::from_slice(&call.body).unwrap();
    let texts = question["text"].as_array().unwrap().iter();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn bench(config: &Value) -> Bench<PresidioRedact> {
    let basis = json!({ "url": URL, "on_error": "refuse" });
    Bench::new(merged(basis, config.clone())).unwrap()
}

fn code(decision: &Decision) -> (u16, &str) {
    match decision {
        Decision::Refuse(Refusal { status, code, .. }) => (*status, code),
        _ => (200, "forwarded"),
    }
}

fn message(request: &Request, at: usize) -> String {
    let body = request.body_json();
    body["messages"][at]["content"].as_str().unwrap().to_owned()
}

#[test]
fn what_the_analyzer_finds_is_hidden_and_comes_back_wherever_the_reply_is_cut() {
    analyzer();
    let request = Request::chat("m").user("I am 日本太郎😀, not Ana Souza.");
    let bench = bench(&json!({}));
    let exchange = bench.request(request.clone());
    let sent = message(&exchange.request, 0);
    assert!(
        sent.starts_with("I am [[PERSON_") && sent.ends_with("]]."),
        "{sent}"
    );
    assert!(!sent.contains("Ana") && !sent.contains('日'), "{sent}");
    assert_eq!(counter("redacted"), 2);
    let reply = bench.reply(&request, Place::Assistant, &sent).unwrap();
    assert_eq!(reply, "I am 日本太郎😀, not Ana Souza.");
}

#[test]
fn a_mask_stays() {
    analyzer();
    let exchange = bench(&json!({ "mode": "mask" })).request(Request::chat("m").user("Ana Souza!"));
    assert_eq!(message(&exchange.request, 0), "[[PERSON]]!");
    let (hooks, rewrites) = {
        use outrigger_sdk::Policy;
        let policy = bench(&json!({ "mode": "mask" })).policy();
        (policy.hooks(), policy.rewrites())
    };
    assert_eq!(
        (hooks, rewrites.is_empty()),
        (outrigger_sdk::Hooks::REQUEST, true)
    );
}

#[test]
fn only_the_kinds_and_scores_that_are_configured_are_hidden() {
    for (config, expected) in [
        (json!({}), "[[PERSON]], ana@x.com"),
        (
            json!({ "entities": ["EMAIL_ADDRESS"] }),
            "Ana Souza, [[EMAIL]]",
        ),
        (json!({ "score_threshold": 0.9 }), "Ana Souza, ana@x.com"),
    ] {
        analyzer();
        let config = merged(json!({ "mode": "mask" }), config);
        let exchange = bench(&config).request(Request::chat("m").user("Ana Souza, ana@x.com"));
        assert_eq!(message(&exchange.request, 0), expected, "{config}");
    }
}

#[test]
fn the_question_is_presidios() {
    let calls = analyzer();
    let config =
        json!({ "headers": { "authorization": "Bearer k" }, "language": "pt", "timeout": "300ms" });
    let _ = bench(&config).request(
        Request::chat("m")
            .message("system", "s")
            .user("a")
            .user("a")
            .user("."),
    );
    let call = calls.borrow()[0].clone();
    assert_eq!((call.url.as_str(), call.timeout_ms), (URL, 300));
    assert!(call.headers.iter().any(|header| header.value == "Bearer k"));
    let question: Value = serde_json::from_slice(&call.body).unwrap();
    let expected = json!({ "text": ["a", "s"], "language": "pt", "entities": ["LOCATION", "PERSON"], "score_threshold": 0.5 });
    assert_eq!(question, expected);
    let _ = bench(&json!({ "batch": false })).request(Request::chat("m").user("b"));
    let question: Value = serde_json::from_slice(&calls.borrow()[1].body).unwrap();
    assert_eq!(question["text"], "b");
}

#[test]
fn an_analyzer_that_fails_is_treated_as_configured_and_counted() {
    type Failure = fn() -> Result<Answer, Error>;
    let failures: [Failure; 9] = [
        || Err(Error::Timeout),
        || Err(Error::Failed("no route".into())),
        || answered(500, &json!([[]])),
        || answered(200, &json!({ "error": "no" })),
        || answered(200, &json!([])),
        || {
            answered(
                200,
                &json!([[{ "entity_type": "PERSON", "start": 0, "end": 99, "score": 1 }]]),
            )
        },
        || {
            answered(
                200,
                &json!([[{ "entity_type": "PERSON", "start": 3, "end": 2, "score": 1 }]]),
            )
        },
        || {
            answered(
                200,
                &json!([[{ "entity_type": "PERSON", "start": -1, "end": 2, "score": 1 }]]),
            )
        },
        || {
            Ok(Answer {
                status: 200,
                headers: Vec::new(),
                body: b"\xff<html>".to_vec(),
            })
        },
    ];
    for failure in failures {
        on_fetch(move |_| failure());
        let decided = |on_error: &str| {
            let config = json!({ "on_error": on_error });
            let exchange = bench(&config).request(Request::chat("m").user("Ana"));
            assert_eq!(message(&exchange.request, 0), "Ana");
            let (status, code) = code(&exchange.decision);
            (status, code.to_owned())
        };
        assert_eq!(decided("refuse"), (503, "analyzer_failed".into()));
        assert_eq!(decided("pass"), (200, "forwarded".into()));
    }
    assert_eq!(counter("failed"), 18);
}

#[test]
fn all_calls_together_take_no_longer_than_configured_and_what_was_found_counts() {
    let now = Rc::new(RefCell::new(Duration::ZERO));
    let calls = Rc::<RefCell<Vec<u32>>>::default();
    let (clock, note) = (Rc::clone(&now), Rc::clone(&calls));
    on_fetch(move |call| {
        note.borrow_mut().push(call.timeout_ms);
        *clock.borrow_mut() += Duration::from_millis(200);
        set_clock(*clock.borrow());
        let question: Value = serde_json::from_slice(&call.body).unwrap();
        answered(200, &hits(question["text"].as_str().unwrap()))
    });
    let config = json!({ "batch": false, "timeout": "500ms", "on_error": "pass", "mode": "mask" });
    let mut request = Request::chat("m");
    for n in 0..5 {
        request = request.user(&format!("{n}: Ana Souza"));
    }
    let exchange = bench(&config).request(request);
    assert_eq!(*calls.borrow(), [500, 300, 100]);
    assert!(exchange.is_forwarded());
    assert_eq!(message(&exchange.request, 4), "4: [[PERSON]]");
    assert_eq!(message(&exchange.request, 0), "0: Ana Souza");
    assert_eq!(counter("failed"), 1);
}

#[test]
fn calls_are_bounded_in_bytes_and_number_and_the_latest_text_is_read_first() {
    let long = "a ".repeat(CALL_BYTES / 2 - 10);
    let request = || {
        let request = Request::chat("m").user("first").user(&long);
        request.user(&format!("{long}b")).user("last")
    };
    let calls = analyzer();
    assert!(bench(&json!({})).request(request()).is_forwarded());
    let sizes: Vec<usize> = calls
        .borrow()
        .iter()
        .map(|call| texts(call).len())
        .collect();
    assert_eq!(sizes, [2, 2]);
    assert_eq!(texts(&calls.borrow()[0])[0], "last");
    for (bound, expected) in [
        (json!({ "max_calls": 1 }), vec![2]),
        (json!({ "max_bytes": 20_000 }), vec![2]),
        (json!({ "max_bytes": 1_000 }), vec![1]),
    ] {
        let calls = analyzer();
        let refused = bench(&bound).request(request());
        assert_eq!(code(&refused.decision), (413, "too_much_to_analyze"));
        calls.borrow_mut().clear();
        let passed = bench(&merged(bound, json!({ "on_error": "pass" }))).request(request());
        assert!(passed.is_forwarded());
        let sizes: Vec<usize> = calls
            .borrow()
            .iter()
            .map(|call| texts(call).len())
            .collect();
        assert_eq!(sizes, expected);
    }
    assert_eq!(counter("too_large"), 6);
}

#[test]
fn placeholders_of_a_policy_before_it_stay() {
    analyzer();
    let text = "[[EMAIL_7f3a2c]] is of Ana Souza [[CARD]]";
    let exchange = bench(&json!({ "mode": "mask" })).request(Request::chat("m").user(text));
    assert_eq!(
        message(&exchange.request, 0),
        "[[EMAIL_7f3a2c]] is of [[PERSON]] [[CARD]]"
    );
}

#[test]
fn a_reply_that_can_not_be_restored_is_refused_as_by_pii_redact() {
    let decide = |config: Value, text: &str, member: &str, value: Value| {
        analyzer();
        let body = json!({ "model": "m", "input": text, member: value });
        let request = Request::from_json(Dialect::OpenaiResponses, body);
        let decision = bench(&config).request(request).decision;
        code(&decision).1.to_owned()
    };
    let pass = || json!({ "later_replies": "pass" });
    for (config, text, member, value, expected) in [
        (
            json!({}),
            "Ana Souza",
            "background",
            json!(true),
            "reply_not_restorable",
        ),
        (json!({}), "hi", "background", json!(true), "forwarded"),
        (
            json!({}),
            "hi",
            "previous_response_id",
            json!("r"),
            "reply_not_restorable",
        ),
        (pass(), "Ana Souza", "background", json!(true), "forwarded"),
    ] {
        assert_eq!(
            decide(config, text, member, value),
            expected,
            "{text} {member}"
        );
    }
}

#[test]
fn a_configuration_that_could_not_work_is_refused() {
    assert_config_errors!(PresidioRedact,
        { "url": "presidio", "on_error": "refuse" } => "url: … https://",
        { "url": URL } => "the key `on_error` is missing",
        { "url": URL, "on_error": "skip" } => "on_error: …",
        { "url": URL, "on_error": "pass", "entities": [] } => "entities: … PERSON",
        { "url": URL, "on_error": "pass", "score_threshold": 1.5 } => "score_threshold: … 0 to 1",
        { "url": URL, "on_error": "pass", "places": ["users"] } => "places: … tool-result",
        { "url": URL, "on_error": "pass", "language": "" } => "language: …",
        { "url": URL, "on_error": "pass", "key": "short" } => "… 16 characters",
        { "url": URL, "on_error": "pass", "mode": "mask", "key": "a key of some length" } => "… mode: tokenize",
    );
}
