//! The semantic cache where something goes wrong, or somebody means harm: false entries, the same
//! question many times at once, embedders that change, stores that are lost or full, a judge outside.
//!
//! The embedder is a script that puts all questions close together, so that nothing but the policy
//! keeps them apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outrigger_tests::redis::Redis;
use outrigger_tests::replies::{self, Api};
use outrigger_tests::wire::{self, Reply};
use outrigger_tests::{Seen, Sidecar, Step, Upstream, eventually};
use serde_json::{Value, json};

const SERVES: &str = "mode: serve, trust: at_once, without_temperature: true, explain: true";
const RESET: &str = "How do I reset my password?";
const FORGOT: &str = "I forgot my password, how do I change it?";
const KIOSK: &str = "How do I reset my password at the kiosk?";

/// Vectors that are nearly the same.
fn vectors(seen: &Seen) -> Vec<Step> {
    let body = seen.json();
    let texts = body["input"].as_array().unwrap();
    let vector = |text: &Value| {
        let mut vector = vec![1.0; 8];
        vector[0] = 1.1 + text.as_str().unwrap().len() as f64 / 1000.0;
        json!({ "index": 0, "embedding": vector })
    };
    let data: Vec<Value> = texts.iter().map(vector).collect();
    vec![Step::Send(replies::json_body(
        &json!({ "data": data }).to_string(),
    ))]
}

fn embedder() -> Upstream {
    Upstream::start(|seen, _| vectors(seen))
}

/// A reply that says which of its calls this was.
fn answer(seen: &Seen, number: usize) -> Vec<Step> {
    let text = format!("answer {number}");
    if seen.streams() {
        replies::stream(&Api::Chat.events(&[&text]))
    } else {
        vec![Step::Send(replies::json_body(&Api::Chat.whole(&text)))]
    }
}

fn provider() -> Upstream {
    Upstream::start(answer)
}

fn config(provider: &Upstream, embedder: &Upstream, policy: &str, state: &str) -> String {
    named("semantic-cache", "", provider, embedder, policy, state)
}

fn named(
    name: &str,
    grants: &str,
    provider: &Upstream,
    embedder: &Upstream,
    policy: &str,
    state: &str,
) -> String {
    let (at, embeds) = (provider.address, embedder.address);
    format!(
        "workers: 2\n{state}upstreams:\n  openai: {{ dialect: openai, url: \"http://{at}/v1\" }}\n  local: {{ dialect: openai, url: \"http://{embeds}/v1\" }}\nembeddings: {{ target: local/m, timeout: 5s }}\npolicies:\n  directory: \"{{policies}}\"\n  chain: [{{ use: {name}, grants: [replies, embeddings, values{grants}], config: {{ {policy} }}, limits: {{ cpu: 1s, wall: 10s }} }}]\n"
    )
}

fn request(question: &str, stream: bool, headers: &[&str]) -> Vec<u8> {
    let headers: Vec<&str> = (["content-type: application/json"].into_iter())
        .chain(headers.iter().copied())
        .collect();
    let body = Api::Chat.ask("m", question, stream).to_string();
    wire::request("POST", Api::Chat.path(), &headers, body.as_bytes())
}

fn ask_as(sidecar: &Sidecar, question: &str, headers: &[&str]) -> Reply {
    let reply = wire::call(sidecar.base, &request(question, false, headers));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

fn ask(sidecar: &Sidecar, question: &str) -> Reply {
    ask_as(sidecar, question, &[])
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

fn says(sidecar: &Sidecar, question: &str, headers: &[&str]) -> String {
    said(&ask_as(sidecar, question, headers))
}

/// Asks until the very same question is answered from the store: nobody waits for a reply to be kept.
fn settled(sidecar: &Sidecar, question: &str, headers: &[&str]) -> Reply {
    let mut found = None;
    eventually("the reply is kept", || {
        let reply = ask_as(sidecar, question, headers);
        let there = said(&reply) == "hit";
        found = there.then_some(reply);
        there
    });
    found.unwrap()
}

fn text(reply: &Reply) -> String {
    let content = &reply.json()["choices"][0]["message"]["content"];
    content.as_str().unwrap_or_default().to_owned()
}

/// The sum of the policy's counters of a name, of lines that hold all of these words.
fn counted(sidecar: &Sidecar, name: &str, words: &[&str]) -> f64 {
    let metrics = sidecar.metrics();
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| line.contains(&format!("semantic_cache{name}")));
    lines
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[test]
fn twenty_same_questions_at_once_are_one_call_to_the_model() {
    for stream in [false, true] {
        let (go, waits) = (Arc::new(AtomicBool::new(false)), Duration::from_millis(5));
        let open = Arc::clone(&go);
        let provider = Upstream::start(move |seen, number| {
            while !open.load(Ordering::Relaxed) {
                std::thread::sleep(waits);
            }
            answer(seen, number)
        });
        let embedder = embedder();
        let sidecar = Sidecar::start(&config(&provider, &embedder, SERVES, ""));
        let base = sidecar.base;
        let calls: Vec<_> = (0..20)
            .map(|_| std::thread::spawn(move || wire::call(base, &request(RESET, stream, &[]))))
            .collect();
        eventually("all but one have joined", || {
            counted(&sidecar, "_joined", &[]) == 19.0
        });
        go.store(true, Ordering::Relaxed);
        let replies: Vec<Reply> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        assert!(
            replies
                .iter()
                .all(|reply| reply.text().contains("answer 0"))
        );
        let joined = replies.iter().filter(|reply| said(reply) == "joined");
        assert_eq!(
            (joined.count(), provider.count()),
            (19, 1),
            "stream {stream}"
        );
        assert_eq!(embedder.count(), 1, "one text, one vector");
    }
}

#[test]
fn a_tenants_false_answer_is_never_anybody_elses() {
    let (provider, embedder) = (provider(), embedder());
    let policy = format!("{SERVES}, partition: [tenant, caller]");
    let state = "state: { admin_changes: true }\n";
    let sidecar = Sidecar::start(&config(&provider, &embedder, &policy, state));
    let evil = ["x-outrigger-tenant: evil", "authorization: Bearer e"];
    let others = [
        ["x-outrigger-tenant: good", "authorization: Bearer g"],
        ["x-outrigger-tenant: evil", "authorization: Bearer g"],
        ["x-outrigger-tenant: good", "authorization: Bearer e"],
    ];
    let false_answer = text(&settled(&sidecar, RESET, &evil));
    assert_eq!(says(&sidecar, FORGOT, &evil), "semantic", "its own");
    let mut own = Vec::new();
    for other in &others {
        // neither by meaning nor by the very same words
        for question in [FORGOT, RESET] {
            let reply = ask_as(&sidecar, question, other);
            assert!(said(&reply).starts_with("miss none") || said(&reply) == "semantic");
            assert_ne!(text(&reply), false_answer, "{other:?}");
        }
        own.push(text(&settled(&sidecar, FORGOT, other)));
    }
    // What it says is wrong, and what an operator evicts of it with all that is like it, is its own.
    let entry = ask_as(&sidecar, RESET, &others[0]);
    let entry = entry.header("x-outrigger-cache-entry").unwrap();
    let named = format!("x-outrigger-cache-entry: {entry}");
    let wrong = [evil[0], evil[1], "x-outrigger-cache: wrong", &named];
    assert_eq!(says(&sidecar, FORGOT, &wrong), "miss wrong");
    let kept = settled(&sidecar, FORGOT, &evil);
    let id = kept.header("x-outrigger-cache-entry").unwrap();
    let path = format!("/state/replies/{id}?kin=0.5");
    let delete = wire::request("DELETE", &path, &["x-outrigger-admin: 1"], b"");
    assert_eq!(wire::call(sidecar.admin, &delete).status, 200);
    let calls = provider.count();
    for (other, own) in others.iter().zip(own) {
        assert_eq!(text(&ask_as(&sidecar, FORGOT, other)), own);
    }
    assert_eq!(provider.count(), calls);
    assert_ne!(says(&sidecar, FORGOT, &evil), "hit", "gone with its kin");
}

#[test]
fn an_embedder_that_changes_or_gives_no_vectors_costs_hits_and_no_answer() {
    let provider = provider();
    let embedder = Upstream::start(|seen, number| {
        let odd = match number {
            1 => json!([{ "embedding": [1.1, 1.0, 1.0] }]).to_string(),
            2 => r#"[{"embedding":[1.1,NaN,1]}]"#.to_owned(),
            3 => "[]".to_owned(),
            4 => r#"[{"embedding":[0,0,0]}]"#.to_owned(),
            5 => r#"[{"embedding":"AACAPw=="}]"#.to_owned(),
            _ => return vectors(seen),
        };
        let body = format!(r#"{{"data":{odd}}}"#);
        vec![Step::Send(replies::json_body(&body))]
    });
    let sidecar = Sidecar::start(&config(&provider, &embedder, SERVES, ""));
    settled(&sidecar, RESET, &[]);
    let calls = provider.count();
    let asks = [
        // another number of dimensions
        ("How do I reset a password?", "miss none"),
        (FORGOT, "miss embedder"),
        ("I lost my password, how do I reset it?", "miss embedder"),
        ("How can I reset my password?", "miss embedder"),
        ("How can I change my password?", "miss embedder"),
    ];
    for (question, expected) in asks {
        assert_eq!(says(&sidecar, question, &[]), expected, "{question}");
    }
    assert_eq!(
        says(&sidecar, FORGOT, &[]),
        "semantic",
        "it gives vectors again"
    );
    let failed = counted(&sidecar, "_misses", &["reason=\"embedder\""]);
    assert_eq!((failed, provider.count()), (4.0, calls + 5));
}

#[test]
fn a_question_that_is_empty_or_huge_is_left_alone() {
    let (provider, embedder) = (provider(), embedder());
    let sidecar = Sidecar::start(&config(&provider, &embedder, SERVES, ""));
    let (long, huge) = ("how ".repeat(600), "how ".repeat(300_000));
    for (question, expected) in [
        ("", "bypass question"),
        (" \n ", "bypass question"),
        (&long, "bypass question"),
        (&huge, "bypass size"),
    ] {
        assert_eq!(says(&sidecar, question, &[]), expected);
    }
    assert_eq!((provider.count(), embedder.count()), (4, 0));
}

#[test]
fn a_redis_that_is_lost_in_the_midst_costs_hits_and_no_answer() {
    let Some(redis) = Redis::with_vectors() else {
        return;
    };
    let (provider, embedder) = (provider(), embedder());
    let state = format!("state: {{ redis: \"{}\", timeout: 1s }}\n", redis.url());
    let sidecar = Sidecar::start(&config(&provider, &embedder, SERVES, &state));
    settled(&sidecar, RESET, &[]);
    eventually("it is found by meaning", || {
        // "hit", if the store was too slow before and the question has an entry of its own
        ["semantic", "hit"].contains(&says(&sidecar, FORGOT, &[]).as_str())
    });
    drop(redis);
    let lost = || counted(&sidecar, "_misses", &["reason=\"store\""]);
    let (calls, before) = (provider.count(), lost());
    for question in [RESET, FORGOT, RESET] {
        assert_eq!(says(&sidecar, question, &[]), "miss store");
    }
    assert_eq!(provider.count(), calls + 3);
    assert_eq!(lost(), before + 3.0);
}

#[test]
fn under_pressure_the_oldest_go_and_what_is_served_is_still_right() {
    let embedder = embedder();
    let state = "state: { memory: { replies: 1MiB } }\n";
    let long = format!("answer {} ", "x".repeat(100_000));
    let large = Upstream::start(move |seen, _| {
        let body = seen.json();
        let question = body["messages"][0]["content"].as_str().unwrap().to_owned();
        let body = Api::Chat.whole(&format!("{question} {long}"));
        vec![Step::Send(replies::json_body(&body))]
    });
    let sidecar = Sidecar::start(&config(&large, &embedder, SERVES, state));
    let question = |n: usize| format!("How do I reset password {n} of the safe?");
    for n in 0..40 {
        let reply = ask(&sidecar, &question(n));
        assert!(text(&reply).starts_with(&question(n)), "{}", said(&reply));
    }
    eventually("the last one is kept", || {
        says(&sidecar, &question(39), &[]) == "hit"
    });
    let calls = large.count();
    let reply = ask(&sidecar, &question(0));
    assert_eq!(
        (said(&reply), large.count()),
        ("miss number".to_owned(), calls + 1)
    );
    assert!(text(&reply).starts_with(&question(0)));
    let figures = wire::get(sidecar.admin, "/state").json();
    let entries = figures["replies"]["entries"].as_u64().unwrap();
    assert!((1..=12).contains(&entries), "{figures}");
}

#[test]
fn a_kept_stream_is_served_whole_and_a_call_of_a_tool_is_not_kept() {
    let embedder = embedder();
    let provider = Upstream::start(|seen, number| {
        let body = seen.json();
        if body["messages"][0]["content"] == RESET {
            return answer(seen, number);
        }
        let call = json!({ "id": "c", "type": "function", "index": 0, "function": { "name": "f", "arguments": "{}" } });
        let choice = json!({ "index": 0, "delta": { "role": "assistant", "tool_calls": [call] }, "finish_reason": null });
        let end = json!({ "index": 0, "delta": {}, "finish_reason": "tool_calls" });
        let chunk = |choice: &Value| {
            let chunk = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
            format!("data: {chunk}\n\n")
        };
        replies::stream(&[chunk(&choice), chunk(&end), "data: [DONE]\n\n".to_owned()])
    });
    let policy = format!("{SERVES}, share: false");
    let sidecar = Sidecar::start(&config(&provider, &embedder, &policy, ""));
    let stream = |question: &str| wire::call(sidecar.base, &request(question, true, &[]));
    assert!(stream(RESET).text().contains("[DONE]"));
    eventually("the stream is kept", || said(&stream(RESET)) == "hit");
    let whole = ask(&sidecar, FORGOT);
    assert_eq!(said(&whole), "semantic");
    assert!(text(&whole).starts_with("answer "), "{}", whole.text());
    let again = stream(FORGOT);
    assert_eq!(said(&again), "semantic");
    assert!(again.text().contains("chat.completion.chunk") && again.text().contains("[DONE]"));

    let calls = provider.count();
    for _ in 0..3 {
        let reply = stream("How do I bake bread?");
        assert_eq!(said(&reply).split(' ').next(), Some("miss"));
        assert!(reply.text().contains("tool_calls"));
    }
    assert_eq!(provider.count(), calls + 3);
}

#[test]
fn a_judge_outside_decides_on_what_the_checks_doubt_and_its_failure_is_a_miss() {
    let (provider, embedder) = (provider(), embedder());
    let judge = Upstream::start(|seen, number| {
        assert_eq!(seen.key(), "judge-key");
        match number {
            0 => vec![Step::Close],
            1 => vec![Step::Send(replies::json_body(
                &Api::Chat.whole("Yes, why not?"),
            ))],
            _ => vec![Step::Send(replies::json_body(&Api::Chat.whole("YES")))],
        }
    });
    let at = judge.address;
    let policy = format!(
        "{SERVES}, verify: {{ model: {{ url: \"http://{at}/v1/chat/completions\", model: nano, timeout: 5s, headers: {{ authorization: Bearer judge-key }} }} }}"
    );
    let grants = format!(", {{ fetch: [\"{at}\"] }}");
    let name = "semantic-cache-judge";
    let sidecar = Sidecar::start(&named(name, &grants, &provider, &embedder, &policy, ""));
    settled(&sidecar, RESET, &[]);
    eventually("the beginning of its answer is kept, too", || {
        sidecar.metric("outrigger_plugin_calls_total", &["phase=\"end\""]) >= 1.0
    });
    assert_eq!(says(&sidecar, KIOSK, &[]), "miss unjudged");
    assert_eq!(says(&sidecar, FORGOT, &[]), "miss unjudged");
    let disable = "How do I disable my password?";
    assert_eq!(says(&sidecar, disable, &[]), "miss opposite");
    assert_eq!(judge.count(), 2);
    // a question that has no entry of its own yet
    let other = "How do I reset my password at the terminal?";
    let served = ask(&sidecar, other);
    assert_eq!(said(&served), "semantic");
    assert_eq!(says(&sidecar, other, &[]), "semantic");
    assert_eq!(judge.count(), 3, "judged once");
    let sent = judge.last().json();
    let data = sent["messages"][1]["content"].as_str().unwrap().to_owned();
    let data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["new_question"], other);
    assert_eq!(data["stored_answer"], text(&served));
    for (verdict, times) in [("yes", 2.0), ("failed", 1.0), ("unclear", 1.0)] {
        let word = format!("verdict=\"{verdict}\"");
        assert_eq!(
            counted(&sidecar, "_judge_judged", &[&word]),
            times,
            "{verdict}"
        );
    }
    assert!(!sidecar.log().contains("judge-key"));
}
