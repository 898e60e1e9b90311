//! Answers to questions that were asked before in other words: the policy, a real model behind
//! `embeddings`, in memory and in a Redis with vector sets.

use outrigger_tests::embedder::Embedder;
use outrigger_tests::redis::Redis;
use outrigger_tests::replies::{self, Api};
use outrigger_tests::wire::{self, Reply};
use outrigger_tests::{Sidecar, Step, Upstream, eventually};
use serde_json::json;

/// MiniLM's threshold, as the policy's page has it.
const SERVES: &str =
    "mode: serve, trust: at_once, without_temperature: true, explain: true, threshold: 0.6";

/// Answers with a text that says which of its calls this was, as a stream where that is wanted.
fn counting() -> Upstream {
    Upstream::start(|seen, number| {
        let number = number.to_string();
        if seen.json()["stream"] == true {
            replies::stream(&Api::Chat.events(&["answer ", &number]))
        } else {
            let text = format!("answer {number}");
            vec![Step::Send(replies::json_body(&Api::Chat.whole(&text)))]
        }
    })
}

fn config(upstream: &Upstream, embedder: &str, policy: &str, state: &str) -> String {
    let at = upstream.address;
    format!(
        "workers: 2\n{state}upstreams:\n  openai: {{ dialect: openai, url: \"http://{at}/v1\" }}\n  local: {{ dialect: openai, url: \"{embedder}\" }}\nembeddings: {{ target: local/all-MiniLM-L6-v2, timeout: 5s }}\npolicies:\n  directory: \"{{policies}}\"\n  chain: [{{ use: semantic-cache, grants: [replies, embeddings, values], config: {{ {policy} }}, limits: {{ cpu: 1s, wall: 10s }} }}]\n"
    )
}

/// Asks under a system prompt, with more headers.
fn turn(sidecar: &Sidecar, system: &str, question: &str, stream: bool, headers: &[&str]) -> Reply {
    let body = json!({
        "model": "m",
        "stream": stream,
        "messages": [
            { "role": "system", "content": system },
            { "role": "user", "content": question },
        ],
    });
    let headers: Vec<&str> = ["content-type: application/json"]
        .into_iter()
        .chain(headers.iter().copied())
        .collect();
    let reply = wire::call(
        sidecar.base,
        &wire::request(
            "POST",
            Api::Chat.path(),
            &headers,
            body.to_string().as_bytes(),
        ),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

fn ask(sidecar: &Sidecar, question: &str) -> Reply {
    turn(sidecar, "Be short.", question, false, &[])
}

/// The first word of what the policy says of a reply, and its reason where it has one.
fn said(reply: &Reply) -> String {
    let header = reply.header("x-outrigger-cache").unwrap_or_default();
    let mut parts = header.split("; ");
    let word = parts.next().unwrap_or_default();
    match parts.find_map(|part| part.strip_prefix("reason=")) {
        Some(reason) => format!("{word} {reason}"),
        None => word.to_owned(),
    }
}

/// Asks until the very same question is answered from the store: nobody waits for a reply to be kept.
fn settled(sidecar: &Sidecar, question: &str) -> Reply {
    let mut found = None;
    eventually("the reply is kept", || {
        let reply = ask(sidecar, question);
        let there = said(&reply) == "hit";
        found = there.then_some(reply);
        there
    });
    found.unwrap()
}

const RESET: &str = "How do I reset my password?";
const FORGOT: &str = "I forgot my password, how do I change it?";

fn other_words_are_served_and_other_questions_are_not(state: &str) {
    let Some(embedder) = Embedder::start() else {
        return;
    };
    let upstream = counting();
    let sidecar = Sidecar::start(&config(&upstream, &embedder.url, SERVES, state));
    assert_eq!(said(&ask(&sidecar, RESET)), "miss none");
    let first = settled(&sidecar, RESET);
    let calls = upstream.count();
    let served = ask(&sidecar, FORGOT);
    assert_eq!(said(&served), "semantic");
    assert_eq!(served.text(), first.text());
    assert!(served.header("age").is_some() && served.header("x-outrigger-cache-entry").is_some());
    let streamed = turn(&sidecar, "Be short.", FORGOT, true, &[]);
    assert_eq!(said(&streamed), "semantic");
    assert!(streamed.text().contains("[DONE]"), "{}", streamed.text());
    assert_eq!(upstream.count(), calls);

    // Another system prompt, another caller: never the same answer.
    for (system, headers) in [
        ("Be long.", &[][..]),
        ("Be short.", &["authorization: Bearer other"][..]),
    ] {
        let reply = turn(&sidecar, system, FORGOT, false, headers);
        assert_eq!(said(&reply), "miss none", "{system} {headers:?}");
    }
    // Near by the vectors, and another question all the same.
    for (one, other) in [
        (
            "How do I enable two-factor authentication?",
            "How do I disable two-factor authentication?",
        ),
        (
            "How do I convert 100 USD to EUR?",
            "How do I convert 200 USD to EUR?",
        ),
        (
            "Can I take ibuprofen with alcohol?",
            "Can I take ibuprofen without alcohol?",
        ),
    ] {
        settled(&sidecar, one);
        let reply = ask(&sidecar, other);
        assert!(
            said(&reply).starts_with("miss "),
            "{other}: {}",
            said(&reply)
        );
    }
    // Wrong, says whoever got it: gone, with what answers the like.
    let wrong = ["x-outrigger-cache: wrong"];
    let reply = turn(&sidecar, "Be short.", FORGOT, false, &wrong);
    assert_eq!(said(&reply), "miss wrong");
    assert_ne!(reply.text(), first.text());
    let seen = upstream.last();
    assert_eq!(seen.header("x-outrigger-cache"), None);
    assert_ne!(ask(&sidecar, RESET).text(), first.text());
}

#[test]
fn in_memory_other_words_are_served_and_other_questions_are_not() {
    other_words_are_served_and_other_questions_are_not("");
}

#[test]
fn in_a_redis_with_vector_sets_other_words_are_served_and_other_questions_are_not() {
    let Some(redis) = Redis::with_vectors() else {
        return;
    };
    let state = format!("state: {{ redis: \"{}\", timeout: 1s }}\n", redis.url());
    other_words_are_served_and_other_questions_are_not(&state);
}

#[test]
fn in_shadow_nothing_is_served_and_answers_are_compared() {
    let Some(embedder) = Embedder::start() else {
        return;
    };
    let upstream = counting();
    let policy = "without_temperature: true, explain: true, threshold: 0.6";
    let sidecar = Sidecar::start(&config(&upstream, &embedder.url, policy, ""));
    ask(&sidecar, RESET);
    eventually("what would have been served is said", || {
        said(&ask(&sidecar, FORGOT)) == "shadow"
    });
    eventually("the answers are compared", || {
        sidecar.metrics().contains("compared")
    });
    assert!(upstream.count() >= 2);
}

#[test]
fn without_an_embedder_that_answers_every_question_goes_on() {
    let upstream = counting();
    let sidecar = Sidecar::start(&config(&upstream, "http://127.0.0.1:1/v1", SERVES, ""));
    for calls in 1..=2 {
        let reply = ask(&sidecar, ["How do I pay?", "What does it cost?"][calls - 1]);
        assert_eq!(said(&reply), "miss embedder");
        assert_eq!(upstream.count(), calls);
    }
}
