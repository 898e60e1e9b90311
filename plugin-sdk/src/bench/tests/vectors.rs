//! The bench's embedder, and kept replies that are found by their questions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Decision, Dialect, Places, Policy, Request,
    bench::{self, Bench, Exchange, outcome},
    embeddings::{self, Vector},
    replies::{self, Error, Keeping, Neighbour, Partition},
};

/// Reads passages, and lets everything pass: the tests call the rest.
#[derive(serde::Deserialize)]
struct Reads {}

impl Policy for Reads {
    const READS: Places = Places::all();

    fn on_request(&mut self, _: &mut Request) -> Decision {
        Decision::Forward
    }
}

fn begin(request: Request) -> Exchange<Reads> {
    let bench: Bench<Reads> = Bench::new(json!({})).unwrap();
    bench.request(request)
}

fn begin_with(text: &str) -> Exchange<Reads> {
    begin(Request::chat("m").user(text))
}

fn vector(text: &str) -> Vector {
    embeddings::embed(&[text]).unwrap()[0]
}

fn cosine(one: &str, other: &str) -> f32 {
    let (one, other) = (vector(one).numbers(), vector(other).numbers());
    one.iter().zip(&other).map(|(one, other)| one * other).sum()
}

fn ids(exchange: &Exchange<Reads>) -> Vec<u32> {
    exchange
        .request
        .last_user()
        .map(|passage| passage.id)
        .collect()
}

fn partition(exchange: &Exchange<Reads>, of: &str) -> Result<Partition, Error> {
    replies::partition(&ids(exchange), &["/stream"], &[of])
}

/// Keeps the reply to a question under it.
fn kept(text: &str, of: &str) {
    let mut exchange = begin_with(text);
    let partition = partition(&exchange, of).unwrap();
    let minute = Keeping::new(Duration::from_secs(60));
    replies::keep_near(text, minute, partition, vector(text), b"noted").unwrap();
    exchange.end(&outcome());
}

fn near(text: &str, of: &str, least: f32) -> Vec<String> {
    let exchange = begin_with(text);
    let partition = partition(&exchange, of).unwrap();
    let found = replies::nearest(partition, vector(text), least, 16).unwrap();
    found.into_iter().map(|near| near.key).collect()
}

#[test]
fn texts_that_share_words_and_parts_of_words_are_near() {
    let _exchange = begin_with("hi");
    assert!(cosine("Reset my password", "reset MY password!") > 0.999);
    let same = cosine("how do I reset my password", "how can I reset the password");
    let inflected = cosine("resetting passwords", "reset password");
    let other = cosine("how do I reset my password", "weather in Lisbon");
    assert!(
        same > 0.5 && inflected > 0.3 && other < 0.2,
        "{same} {inflected} {other}"
    );
    for text in ["?!", " ", "a", "naïve 日本語"] {
        let length: f32 = vector(text).numbers().iter().map(|n| n * n).sum();
        assert!((length - 1.0).abs() < 1e-5, "{text:?}");
    }
}

#[test]
fn a_test_gives_texts_their_vectors_and_makes_the_embedder_fail() {
    bench::vectors([("a", [3.0, 4.0])]);
    let _exchange = begin_with("hi");
    assert_eq!(vector("a").numbers(), [0.6, 0.8]);
    assert_eq!(vector("b").numbers().len(), 256);
    assert_eq!(bench::embedded(), ["a", "b"]);
    bench::embedder_fails(true);
    assert_eq!(
        embeddings::embed(&["a"]),
        Err(embeddings::Error::Unavailable)
    );
    bench::embedder_fails(false);
    assert!(embeddings::embed(&["a"]).is_ok());
}

#[test]
fn texts_that_no_embedder_takes_are_errors_and_too_many_vectors_a_fault() {
    let _exchange = begin_with("hi");
    for texts in [&[][..], &["a", ""], &["a"; 17]] {
        let error = embeddings::embed(texts).unwrap_err();
        assert!(matches!(error, embeddings::Error::Invalid(_)), "{texts:?}");
    }
    for _ in 0..4 {
        embeddings::embed(&["a"; 16]).unwrap();
    }
    let more = || embeddings::embed(&["a"]).is_ok();
    assert!(std::panic::catch_unwind(more).is_err());
}

#[test]
fn the_nearest_replies_are_found_within_their_partition_and_their_time() {
    bench::vectors([
        ("zero", [1.0, 0.0]),
        ("near", [0.9, 0.1]),
        ("far", [0.1, 0.9]),
    ]);
    for text in ["far", "near"] {
        kept(text, "acme");
    }
    kept("zero", "other");
    assert_eq!(near("zero", "acme", 0.9), ["near"]);
    assert_eq!(near("zero", "acme", 0.0), ["near", "far"]);
    assert_eq!(near("zero", "other", 0.0), ["zero"]);
    assert_eq!(near("words", "acme", -1.0), [""; 0], "of another length");

    let exchange = begin_with("zero");
    let partition = partition(&exchange, "acme").unwrap();
    bench::advance(Duration::from_secs(20));
    let found = replies::nearest(partition, vector("zero"), 0.0, 1).unwrap();
    let [
        Neighbour {
            similarity,
            key,
            entry,
            note,
        },
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    assert!((similarity - 0.9939).abs() < 1e-3);
    assert_eq!((key.as_str(), note.as_slice()), ("near", &b"noted"[..]));
    assert_eq!(entry.age(), Duration::from_secs(20));

    replies::evict("near").unwrap();
    assert_eq!(near("zero", "acme", 0.0), ["far"]);
    bench::advance(Duration::from_secs(40));
    assert_eq!(near("zero", "acme", 0.0), [""; 0]);
}

#[test]
fn requests_meet_only_where_all_but_their_question_is_the_same() {
    let body = |change: fn(&mut Value)| {
        let mut body = json!({
            "model": "m", "temperature": 0,
            "messages": [{ "role": "system", "content": "s" }, { "role": "user", "content": "q" }],
        });
        change(&mut body);
        Request::from_json(Dialect::OpenaiChat, body)
    };
    let meets = |request: Request, of: &str| {
        let exchange = begin(request);
        let partition = partition(&exchange, of).unwrap();
        let found = replies::nearest(partition, vector("q"), 0.9, 1).unwrap();
        !found.is_empty()
    };
    let mut first = begin(body(|_| {}));
    let minute = Keeping::new(Duration::from_secs(60));
    let named = partition(&first, "acme").unwrap();
    replies::keep_near("k", minute, named, vector("q"), b"").unwrap();
    first.end(&outcome());

    assert!(meets(body(|_| {}), "acme"));
    assert!(meets(
        body(|b| b["messages"][1]["content"] = json!("else")),
        "acme"
    ));
    assert!(meets(body(|b| b["stream"] = json!(true)), "acme"));
    let spelt = r#"{"messages":[{"content":"s","role":"system"},{"role":"user","content":"q"}],
        "temperature":0, "model":"m"}"#;
    assert!(meets(
        Request::from_text(Dialect::OpenaiChat, spelt),
        "acme"
    ));
    assert!(!meets(body(|_| {}), "else"));
    assert!(!meets(body(|_| {}).with_path("POST", "/v2"), "acme"));
    for change in [
        |b: &mut Value| b["model"] = json!("n"),
        |b: &mut Value| b["temperature"] = json!(1),
        |b: &mut Value| b["tools"] = json!([]),
        |b: &mut Value| b["messages"][0]["content"] = json!("t"),
        |b: &mut Value| b["messages"][1]["name"] = json!("x"),
    ] {
        assert!(!meets(body(change), "acme"));
    }
}

#[test]
fn a_partition_that_names_nothing_is_an_error() {
    let exchange = begin_with("q");
    let (ids, none): (_, [&str; 0]) = (ids(&exchange), []);
    let twice = r#"{"model":"m","n":1,"n":1,"messages":[{"role":"user","content":"q"}]}"#;
    for error in [
        replies::partition(&[], &none, &["acme"]),
        replies::partition(&ids, &none, &none),
        replies::partition(&ids, &none, &["acme", ""]),
    ] {
        assert!(matches!(error, Err(Error::Invalid(_))), "{error:?}");
    }
    let ambiguous = begin(Request::from_text(Dialect::OpenaiChat, twice));
    assert!(matches!(
        partition(&ambiguous, "acme"),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn what_no_store_takes_is_an_error_and_a_number_that_was_not_given_a_fault() {
    let exchange = begin_with("q");
    let (named, made) = (partition(&exchange, "acme").unwrap(), vector("q"));
    for least in [1.1, -1.1, f32::NAN] {
        let found = replies::nearest(named, made, least, 1);
        assert!(matches!(found, Err(Error::Invalid(_))), "{least}");
    }
    let minute = Keeping::new(Duration::from_secs(60));
    let large = replies::keep_near("k", minute, named, made, &[0; 4097]);
    assert!(matches!(large, Err(Error::Invalid(_))));
    bench::stores_fail(true);
    assert_eq!(
        replies::nearest(named, made, 0.5, 1),
        Err(Error::Unavailable)
    );
    bench::stores_fail(false);
    let _other = begin_with("q");
    let strange = || replies::nearest(named, made, 0.5, 1).is_ok();
    assert!(std::panic::catch_unwind(strange).is_err());
}

#[test]
#[should_panic(expected = "declares no READS")]
fn a_question_of_a_policy_that_reads_nothing_is_found_out() {
    #[derive(serde::Deserialize)]
    struct Blind {}
    impl Policy for Blind {
        fn on_request(&mut self, _: &mut Request) -> Decision {
            let _ = replies::partition(&[0], &[""; 0], &["acme"]);
            Decision::Forward
        }
    }
    let bench: Bench<Blind> = Bench::new(json!({})).unwrap();
    let _ = bench.request(Request::chat("m").user("q"));
}
