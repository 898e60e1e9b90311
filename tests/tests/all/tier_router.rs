//! Tiers of models, as an app sees them: which one serves, what a conversation's next turns do, and
//! what follows a failure.

use std::io::Write as _;
use std::process::Command;

use outrigger_tests::failover::{Setup, answered, tried};
use outrigger_tests::replies::{Api, json_body};
use outrigger_tests::wire::Reply;
use outrigger_tests::{Act, Fault, Provider, Seen, Sidecar, Step, Upstream};
use serde_json::{Value, json};

const CHAIN: &str = "policies:\n  directory: \"{policies}\"\n  chain:\n    - { use: tier-router, grants: [values], \
    config: { models: auto, tiers: [{ model: small }, { model: large }], rules: [{ if: effort, over: 1, add: 9 }] } }";

/// The tier `small` is `a`, `large` is `b`.
fn with(rest: &str, [a, b]: &[Provider; 2]) -> Sidecar {
    Setup::new(Api::Chat)
        .upstream("a", a, "key: ours")
        .upstream("b", b, "key: ours")
        .model("small: { targets: [a/mini] }")
        .model("large: { targets: [b/maxi] }")
        .with(CHAIN)
        .with(rest)
        .start()
}

fn two() -> [Provider; 2] {
    ["from-a", "from-b"].map(Provider::start)
}

/// Asks a conversation's next turn, with as many turns before it.
fn turn(sidecar: &Sidecar, first: &str, before: usize, effort: Option<&str>) -> Reply {
    let mut messages = vec![json!({ "role": "user", "content": first })];
    for _ in 0..before {
        messages.push(json!({ "role": "assistant", "content": "yes" }));
        messages.push(json!({ "role": "user", "content": "go on" }));
    }
    let mut body = json!({ "model": "auto", "max_completion_tokens": 10, "messages": messages });
    if let Some(effort) = effort {
        body["reasoning_effort"] = Value::from(effort);
    }
    sidecar.post(Api::Chat.path(), body.to_string())
}

fn tier(reply: &Reply) -> &str {
    reply.header("x-outrigger-tier").unwrap_or_default()
}

#[test]
fn a_conversation_stays_on_the_tier_that_its_first_turn_went_to() {
    let providers = two();
    let sidecar = with("", &providers);
    let plain = turn(&sidecar, "hello", 0, None);
    answered(&plain, "from-a");
    assert_eq!(tier(&plain), "small; score=0; because=nothing");
    answered(&turn(&sidecar, "a proof", 0, Some("high")), "from-b");
    let next = turn(&sidecar, "a proof", 1, None);
    answered(&next, "from-b");
    assert_eq!(tier(&next), "large; score=0; because=kept");
    answered(&turn(&sidecar, "hello", 1, None), "from-a");
}

#[test]
fn a_tier_that_fails_goes_one_up_and_one_that_is_open_is_passed_over() {
    let providers = two();
    let sidecar = with("", &providers);
    providers[0].now(Act::Refuses(Fault::Money));
    answered(&turn(&sidecar, "hello", 0, None), "from-b");
    tried(&sidecar, 0, &["a/mini money 429", "b/maxi success 200"]);
    let next = turn(&sidecar, "hello", 1, None);
    answered(&next, "from-b");
    assert_eq!(tier(&next), "large; score=0; because=kept");
    let other = turn(&sidecar, "good day", 0, None);
    answered(&other, "from-b");
    assert_eq!(tier(&other), "large; score=0; because=small:open");
}

#[test]
fn a_conversation_moves_down_where_that_costs_less_than_its_prompt_cache_saves() {
    let long = "word ".repeat(10_000);
    for (mini, expected) in [
        (0.1, "small; score=0; because=cheaper"),
        (0.5, "large; score=0; because=kept"),
    ] {
        let prices = tempfile::NamedTempFile::new().unwrap();
        let models = format!(
            "models:\n  mini: {{ input: {mini}, output: 1 }}\n  maxi: {{ input: 1.25, output: 10 }}\n"
        );
        std::fs::write(prices.path(), models).unwrap();
        let file = prices.path().display();
        let providers = two();
        let sidecar = with(&format!("prices: {{ file: \"{file}\" }}"), &providers);
        answered(&turn(&sidecar, &long, 0, Some("high")), "from-b");
        assert_eq!(tier(&turn(&sidecar, &long, 1, None)), expected);
    }
}

#[test]
fn in_shadow_the_request_stays_and_the_money_that_it_would_save_is_counted() {
    let prices = tempfile::NamedTempFile::new().unwrap();
    let models = "models:\n  mini: { input: 0.1, output: 1 }\n  maxi: { input: 10, output: 10 }\n";
    std::fs::write(prices.path(), models).unwrap();
    let providers = two();
    let chain = CHAIN.replace("models: auto", "models: large, mode: shadow");
    let chain = chain.replace("{ model: large }", "{ model: huge }");
    let [a, b] = &providers;
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", a, "key: ours")
        .upstream("b", b, "key: ours")
        .model("small: { targets: [a/mini] }")
        .model("large: { targets: [b/maxi] }")
        .model("huge: { targets: [b/maxi] }")
        .with(&chain)
        .with(&format!(
            "prices: {{ file: \"{}\" }}",
            prices.path().display()
        ))
        .start();
    let body = json!({ "model": "large", "max_completion_tokens": 100, "messages": [{ "role": "user", "content": "word ".repeat(1_000) }] });
    let reply = sidecar.post(Api::Chat.path(), body.to_string());
    answered(&reply, "from-b");
    assert_eq!(b.calls()[0].json()["messages"], body["messages"]);
    let header = tier(&reply);
    let start = "small; score=0; because=nothing; mode=shadow; saved_microusd=";
    assert!(header.starts_with(start), "{header}");
    let saved = sidecar.metric(
        "outrigger_policy_tier_router_shadow_saved_microusd_total",
        &["small"],
    );
    // About a thousand tokens at 9.90 dollars a million, and up to a hundred at 9.
    assert!((9_000.0..15_000.0).contains(&saved), "{saved}");
}

/// Labelled texts, as an operator collects them.
const LABELLED: [(&str, &str); 6] = [
    ("prove that the sum of two even numbers is even", "hard"),
    ("prove by induction that the sum is n squared", "hard"),
    ("prove that there are infinitely many primes", "hard"),
    ("when does the shop open today", "easy"),
    ("when does the shop close on sunday", "easy"),
    ("does the shop open on a holiday", "easy"),
];

#[test]
fn labelled_texts_and_a_verdict_move_what_structure_leaves_undecided() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (text, label) in LABELLED {
        let line = json!({ "text": text, "label": label });
        writeln!(file, "{line}").unwrap();
    }
    let embedder = Sidecar::start("upstreams: { openai: { kind: embedded } }\n");
    let output = Command::new("python3")
        .arg(outrigger_tests::root().join("plugins/tier-router/centroids.py"))
        .arg(file.path())
        .args(["--url", &format!("http://{}/v1/embeddings", embedder.base)])
        .args([
            "--model",
            "any",
            "--embedder",
            "e/any",
            "--add",
            "hard=9",
            "--check",
            "--margin",
            "0.2",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("2 of 2 texts"), "{said}");
    let meaning = String::from_utf8(output.stdout)
        .unwrap()
        .replace('\n', "\n        ");

    let word = |seen: &Seen, _| {
        let question = seen.json()["messages"][1]["content"].clone();
        let hard = question
            .as_str()
            .is_some_and(|text| text.contains("lawful"));
        let said = if hard { "Hard" } else { "easy" };
        vec![Step::Send(json_body(&Api::Chat.whole(said)))]
    };
    let judge = Upstream::start(word);
    let at = judge.address;
    let chain = format!(
        "policies:\n  directory: \"{{policies}}\"\n  chain:\n    - use: tier-router-judge\n      grants: [values, embeddings, {{ fetch: [\"{at}\"] }}]\n      \
        config:\n        models: auto\n        tiers: [{{ model: small }}, {{ model: large }}]\n        rules: [{{ if: effort, over: 1, add: 9 }}]\n        \
        verdict: {{ url: \"http://{at}/v1/chat/completions\", model: nano, timeout: 5s, band: [0, 0] }}\n        {meaning}\n\
        embeddings: {{ target: e/any, timeout: 5s }}"
    );
    let providers = two();
    let [a, b] = &providers;
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", a, "key: ours")
        .upstream("b", b, "key: ours")
        .model("small: { targets: [a/mini] }")
        .model("large: { targets: [b/maxi] }")
        .with(&chain);
    let text = sidecar
        .text()
        .replacen("upstreams:\n", "upstreams:\n  e: { kind: embedded }\n", 1);
    let sidecar = Sidecar::start(&text);
    for (text, expected) in [
        (
            "please prove that the sum of primes is even",
            "large; score=9; because=meaning:hard",
        ),
        ("lawful or unlawful", "large; score=2; because=verdict"),
    ] {
        assert_eq!(tier(&turn(&sidecar, text, 0, None)), expected);
    }
    assert_eq!(
        tier(&turn(&sidecar, "when does the shop open", 0, None)),
        "small; score=0; because=meaning:easy"
    );
}
