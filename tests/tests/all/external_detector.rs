//! Names and addresses that an analyzer outside finds: the example policy `presidio-redact`, with a
//! scripted analyzer and with the real one.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use outrigger_tests::clients::{self, Job, Sdk};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Seen, Sidecar, Step, Upstream};
use serde_json::{Value, json};

use super::config;
use super::standard_policies::parrot;

const ANA: &str = "Ana Souza";
const TARO: &str = "日本太郎😀";
const MAIL: &str = "maria.souza@example.com";

/// The policy in the chain; `more` of its configuration begins with a comma.
fn presidio(port: u16, more: &str) -> String {
    format!(
        "{{ use: presidio-redact, grants: [{{ fetch: [\"127.0.0.1:{port}\"] }}], config: {{ url: \"http://127.0.0.1:{port}/analyze\"{more} }} }}"
    )
}

/// Finds the two persons, in a list of texts.
fn analyzer() -> Upstream {
    Upstream::start(|seen, _| answer(&found(seen)))
}

fn answer(body: &Value) -> Vec<Step> {
    vec![Step::Send(replies::json_body(&body.to_string()))]
}

fn found(seen: &Seen) -> Value {
    let question = seen.json();
    let texts = question["text"].as_array().unwrap().iter();
    let count = |text: &str| text.chars().count();
    texts
        .map(|text| {
            let text = text.as_str().unwrap();
            let hit = |name: &&str| {
                let start = count(&text[..text.find(*name)?]);
                Some(json!({ "entity_type": "PERSON", "start": start, "end": start + count(name), "score": 0.85 }))
            };
            [ANA, TARO].iter().filter_map(hit).collect::<Value>()
        })
        .collect()
}

fn prompt() -> String {
    format!("😀 Write to {TARO} and {ANA} at {MAIL}, \"please\".")
}

#[test]
fn names_are_hidden_from_the_provider_and_come_back_before_and_after_pii_redact() {
    let (upstream, analyzer) = (parrot(), analyzer());
    let presidio = presidio(analyzer.address.port(), ", on_error: refuse");
    let pii = "{ use: pii-redact }";
    for (chain, mail_leaves) in [
        (format!("[{pii}, {presidio}]"), false),
        (format!("[{presidio}, {pii}]"), true),
    ] {
        let sidecar = Sidecar::start(&config(&upstream, &chain));
        for sdk in [Sdk::OpenaiPython, Sdk::AnthropicPython] {
            assert!(sdk.installed());
            let jobs: Vec<Job> = sdk
                .apis()
                .iter()
                .flat_map(|api| {
                    [true, false].map(|stream| Job {
                        stream,
                        ..Job::new(*api, sidecar.base, "m", &prompt())
                    })
                })
                .collect();
            for (job, outcome) in jobs.iter().zip(clients::run(sdk, &jobs)) {
                assert_eq!(outcome.error, None, "{sdk:?} {:?}", job.api);
                assert_eq!(outcome.text, prompt(), "{:?} {}", job.api, job.stream);
            }
        }
        let analyzed = analyzer.last().json().to_string();
        assert_eq!(analyzed.contains(MAIL), mail_leaves, "{analyzed}");
        for name in [ANA, TARO] {
            assert!(!sidecar.log().contains(name) && !sidecar.metrics().contains(name));
        }
    }
    for seen in upstream.seen() {
        let body = String::from_utf8(seen.body).unwrap();
        assert!(
            body.contains("[[PERSON_") && body.contains("[[EMAIL_"),
            "{body}"
        );
        for value in [ANA, TARO, MAIL] {
            assert!(!body.contains(value), "{value}: {body}");
        }
    }
}

#[test]
fn names_in_tool_arguments_and_results_are_hidden_and_json_stays_json() {
    let (upstream, analyzer) = (parrot(), analyzer());
    let chain = presidio(analyzer.address.port(), ", on_error: refuse");
    let sidecar = Sidecar::start(&config(&upstream, &format!("[{chain}]")));
    let arguments = json!({ "who": ANA, "note": format!("\"{TARO}\"\n") }).to_string();
    let request = json!({"model": "m", "messages": [
        {"role": "system", "content": format!("The user is {ANA}.")},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "find", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "c1", "content": arguments},
        {"role": "user", "content": format!("Repeat {ANA}")},
    ]});
    let reply = sidecar.post(Api::Chat.path(), request.to_string());
    let content = reply.json()["choices"][0]["message"]["content"].clone();
    assert_eq!(content, format!("Repeat {ANA}"));
    let seen = upstream.last().json();
    let messages = &seen["messages"];
    for source in [
        &messages[1]["tool_calls"][0]["function"]["arguments"],
        &messages[2]["content"],
    ] {
        let value: Value = serde_json::from_str(source.as_str().unwrap()).unwrap();
        assert!(value["who"].as_str().unwrap().starts_with("[[PERSON_"));
        let note = value["note"].as_str().unwrap();
        assert!(
            note.starts_with("\"[[PERSON_") && note.ends_with("]]\"\n"),
            "{note}"
        );
    }
    let placeholder = messages[3]["content"].as_str().unwrap()["Repeat ".len()..].to_owned();
    assert_eq!(seen.to_string().matches(&placeholder).count(), 4, "{seen}");
    assert_eq!(analyzer.count(), 1, "texts go in lists");
}

/// Ways for an analyzer to fail, by the word that the text begins with.
const FAILURES: [&str; 8] = [
    "slow",
    "error",
    "reset",
    "garbage",
    "object",
    "short",
    "beyond",
    "backwards",
];

fn fail(seen: &Seen) -> Vec<Step> {
    let question = seen.json();
    let text = question["text"][0].as_str().unwrap();
    let one = |start: usize, end: usize| json!([[{ "entity_type": "PERSON", "start": start, "end": end, "score": 1 }]]);
    match text.split(' ').next().unwrap() {
        "slow" => vec![Step::Linger(Duration::from_secs(20))],
        "error" => vec![Step::Send(replies::whole("500 Oops", &[], "[[]]"))],
        "reset" => vec![Step::Reset],
        "garbage" => vec![Step::Send(replies::json_body("<html>"))],
        "object" => answer(&json!({ "error": "no" })),
        "short" => answer(&json!([])),
        // What counts bytes or UTF-16 units goes beyond the code points.
        "beyond" => answer(&one(0, text.chars().count() + 1)),
        _ => answer(&one(4, 2)),
    }
}

#[test]
fn an_analyzer_that_fails_is_treated_as_configured_within_the_time() {
    let (upstream, analyzer) = (parrot(), Upstream::start(|seen, _| fail(seen)));
    for (on_error, expected) in [("refuse", 503), ("pass", 200)] {
        let more = format!(", timeout: 500ms, on_error: {on_error}");
        let chain = presidio(analyzer.address.port(), &more);
        let sidecar = Sidecar::start(&config(&upstream, &format!("[{chain}]")));
        for (n, name) in FAILURES.iter().enumerate() {
            let text = format!("{name} {TARO} 😀é");
            let started = Instant::now();
            let reply = sidecar.post(
                Api::Chat.path(),
                Api::Chat.ask("m", &text, false).to_string(),
            );
            assert!(started.elapsed() < Duration::from_secs(3), "{name}");
            assert_eq!(reply.status, expected, "{name}: {}", reply.text());
            match expected {
                200 => assert_eq!(reply.json()["choices"][0]["message"]["content"], text),
                _ => assert_eq!(reply.json()["error"]["code"], "analyzer_failed", "{name}"),
            }
            let failed = sidecar.metric("outrigger_policy_presidio_redact_failed_total", &[]);
            assert_eq!(failed, (n + 1) as f64, "{name}");
        }
        assert!(!sidecar.log().contains(TARO));
    }
    assert_eq!(
        upstream.count(),
        FAILURES.len(),
        "what was refused went nowhere"
    );
}

/// The real `presidio-analyzer` with its pattern recognisers, in a process of its own.
struct Real {
    child: Child,
    port: u16,
}

impl Real {
    /// Starts it where it is installed, and says so where it is not: with all that it needs it is
    /// some 400 MB, so `tests/setup.sh` leaves it out.
    fn start() -> Option<Self> {
        let folder = outrigger_tests::target().join("presidio");
        if !folder.join("presidio_analyzer").exists() {
            eprintln!(
                "NOT TESTED: presidio-analyzer is not installed: python3 -m pip install --target target/presidio presidio-analyzer==2.2.366"
            );
            return None;
        }
        let mut child = Command::new("python3")
            .arg(outrigger_tests::root().join("tests/clients/analyzer.py"))
            .env("PYTHONPATH", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { child, port })
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn the_real_presidio_is_understood_one_text_at_a_time_and_in_lists() {
    let Some(analyzer) = Real::start() else {
        return;
    };
    let upstream = parrot();
    let values = [
        MAIL,
        "4111 1111 1111 1111",
        "DE89 3704 0044 0532 0130 00",
        "192.168.3.4",
        "212-555-0199",
    ];
    let text = format!("😀é日 {}. [[EMAIL_7f3a2c]]", values.join("; "));
    for batch in [true, false] {
        let more = format!(
            ", batch: {batch}, timeout: 5s, on_error: refuse, score_threshold: 0.4, entities: [EMAIL_ADDRESS, CREDIT_CARD, IBAN_CODE, IP_ADDRESS, PHONE_NUMBER]"
        );
        let chain = presidio(analyzer.port, &more);
        let sidecar = Sidecar::start(&config(&upstream, &format!("[{chain}]")));
        let request = json!({"model": "m", "messages": [
            {"role": "system", "content": format!("é Escalate to {MAIL}.")},
            {"role": "user", "content": text},
        ]});
        let reply = sidecar.post(Api::Chat.path(), request.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["choices"][0]["message"]["content"], text);
        let seen = upstream.last().json();
        let sent = seen["messages"][1]["content"].as_str().unwrap();
        for value in values {
            assert!(!seen.to_string().contains(value), "{value}: {seen}");
        }
        let mut from = 0;
        for part in [
            "😀é日 [[EMAIL_",
            "]]; [[CARD_",
            "]]; [[IBAN_",
            "]]; [[IP_",
            "]]; [[PHONE_",
            "]]. [[EMAIL_7f3a2c]]",
        ] {
            let at = sent[from..].find(part);
            from += at.unwrap_or_else(|| panic!("{part} is not in {sent}")) + part.len();
        }
    }
    // A language that it has no recogniser for is a failure.
    let chain = presidio(analyzer.port, ", on_error: refuse, language: xx");
    let sidecar = Sidecar::start(&config(&upstream, &format!("[{chain}]")));
    let reply = sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask("m", "hi", false).to_string(),
    );
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (503, Some("analyzer_failed"))
    );
}
