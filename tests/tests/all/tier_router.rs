//! Tiers of models, as an app sees them: which one serves, what a conversation's next turns do, and
//! what follows a failure.

use outrigger_tests::failover::{Setup, answered, tried};
use outrigger_tests::replies::Api;
use outrigger_tests::wire::Reply;
use outrigger_tests::{Act, Fault, Provider, Sidecar};
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
