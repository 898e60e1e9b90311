//! Records of attempts for operators: tokens and money of every one, rows of targets, fields of log
//! lines, labels of metrics; and nothing of anybody's text.

use std::collections::BTreeSet;

use outrigger_tests::failover::{
    Setup, answered, ask, ask_for, attempts, exchange, nothing_is_in_flight,
};
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually, wire};

/// A limit that is never reached.
const WIDE: &str = "policies:\n  directory: \"{policies}\"\n  chain: [{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 1000000, every: 30d, algorithm: sliding }] } }]";

fn used(sidecar: &Sidecar) -> u64 {
    let state = wire::get(sidecar.admin, "/state").json();
    state["buckets"][0]["used"].as_u64().unwrap_or(0)
}

#[test]
fn a_limit_sees_the_tokens_of_every_attempt() {
    // Anthropic reports 10 tokens of input before the stream fails; the next takes 15.
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::FailsInside(Fault::Overload));
    let sidecar = Setup::alias(Api::Messages, &[&a, &b], "")
        .with(WIDE)
        .start();
    answered(&ask(&sidecar, Api::Messages, true), "from-b");
    eventually("both attempts are settled", || {
        (25..60).contains(&used(&sidecar))
    });
    let line = exchange(&sidecar, 0);
    assert!(line["input_tokens"].as_u64() >= Some(20), "{line}");
}

#[test]
fn a_limit_sees_nothing_of_what_was_refused() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::Refuses(Fault::Overload));
    let sidecar = Setup::alias(Api::Messages, &[&a, &b], "")
        .with(WIDE)
        .start();
    answered(&ask(&sidecar, Api::Messages, true), "from-b");
    eventually("one attempt is settled", || used(&sidecar) == 15);
}

#[test]
fn money_is_counted_at_the_upstream_that_may_have_charged_it() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::IsSilent);
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours, first_content_timeout: 300ms")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [a/gpt-4o, b/gpt-4o-mini] }")
        .start();
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
    let cost = |upstream: &str| {
        let label = format!("upstream=\"{upstream}\"");
        sidecar.metric("outrigger_cost_usd_total", &[&label])
    };
    // 10 and 5 tokens at 0.15 and 0.60 dollars a million.
    let of_b = (10.0 * 0.15 + 5.0 * 0.60) / 1e6;
    eventually("both are counted", || {
        cost("a") > 0.0 && (cost("b") - of_b).abs() < 1e-9
    });
    let line = exchange(&sidecar, 0);
    let whole = cost("a") + cost("b");
    let logged = line["cost_usd"].as_f64().unwrap_or(0.0);
    assert!((logged - whole).abs() < 1e-6, "{whole}: {line}");
}

#[test]
fn targets_are_listed_once_each_with_their_state_and_counts() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::Refuses(Fault::Overload));
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [a/m, b/m] }")
        .model("other: { targets: [b/m, a/large] }")
        .start();
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
    answered(
        &ask_for(&sidecar, Api::Chat, "other", "hi", false),
        "from-b",
    );
    let targets = wire::get(sidecar.admin, "/targets");
    assert_eq!(targets.status, 200);
    let rows = targets.json();
    let mut names = BTreeSet::new();
    for row in rows.as_array().expect("a list") {
        let name = row["target"].as_str().expect("a name");
        assert!(names.insert(name.to_owned()), "{name} twice: {rows}");
        let state = row["state"].as_str().unwrap_or("none");
        assert!(["closed", "open", "half_open"].contains(&state), "{row}");
        let figures = (row["attempts"].as_u64(), row["failures"].as_u64());
        let expected = match name {
            "a/m" => (1, 1),
            "b/m" => (2, 0),
            _ => (0, 0),
        };
        assert_eq!(figures, (Some(expected.0), Some(expected.1)), "{row}");
    }
    let expected: BTreeSet<String> = ["a/m", "b/m", "a/large"].map(str::to_owned).into();
    assert_eq!(names, expected, "{rows}");
    let post = wire::call(
        sidecar.admin,
        &wire::request("POST", "/targets", &[], b"{}"),
    );
    assert!(post.status >= 400, "{}", post.status);
}

#[test]
fn an_exchange_without_a_failure_lists_its_one_attempt_too() {
    let a = Provider::start("from-a");
    let sidecar = Setup::alias(Api::Chat, &[&a], "").start();
    answered(&ask(&sidecar, Api::Chat, true), "from-a");
    answered(&ask_for(&sidecar, Api::Chat, "a/m", "hi", true), "from-a");
    for number in [0, 1] {
        let line = exchange(&sidecar, number);
        assert_eq!(attempts(&line), ["a/m success 200"], "{line}");
    }
}

#[test]
fn nothing_of_prompts_replies_and_errors_is_in_what_attempts_leave_behind() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::Refuses(Fault::ContextLength));
    b.now(Act::FailsInside(Fault::Money));
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    for stream in [false, true] {
        let _ = ask_for(&sidecar, Api::Chat, "fast", "the-secret-prompt", stream);
    }
    nothing_is_in_flight(&sidecar);
    let targets = wire::get(sidecar.admin, "/targets").text();
    for text in [targets, sidecar.metrics(), sidecar.log()] {
        for secret in [
            "the-secret-prompt",
            "key-of-a",
            "maximum context length",
            "billing details",
        ] {
            assert!(!text.contains(secret), "`{secret}` in {text}");
        }
    }
}

#[test]
fn metrics_have_no_more_labels_than_the_configuration_has_names() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::Refuses(Fault::Overload));
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
    let lines = || sidecar.metrics().lines().count();
    let before = lines();
    for number in 0..50 {
        let prompt = format!("conversation {number}");
        ask_for(&sidecar, Api::Chat, "fast", &prompt, false);
    }
    // A breaker that opens may say so in a line or two of its own.
    assert!(lines() <= before + 20, "{}", sidecar.metrics());
}
