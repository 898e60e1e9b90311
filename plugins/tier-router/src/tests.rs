#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use outrigger_sdk::{
    Decision, Dialect, Price, Request, Target, assert_config_errors,
    bench::{self, Bench, Exchange, attempt, failure, merged, target},
};
use serde_json::{Value, json};

use crate::TierRouter;

mod conversations;
mod escalation;
mod shadow;

/// Three tiers that take everything, and whose windows the operator wrote.
pub(crate) fn config(extra: Value) -> Value {
    let tier = |model: &str, window: u64| json!({ "model": model, "window": window, "takes": ["tools", "images"] });
    let tiers = [
        tier("small", 128_000),
        tier("medium", 200_000),
        tier("large", 1_000_000),
    ];
    merged(json!({ "models": "auto", "tiers": tiers }), extra)
}

pub(crate) fn router(extra: Value) -> Bench<TierRouter> {
    Bench::new(config(extra)).unwrap()
}

pub(crate) fn auto() -> Request {
    Request::chat("auto").user("hi").with_caller("c1")
}

fn header(exchange: &Exchange<TierRouter>) -> String {
    exchange
        .request
        .reply_header("x-outrigger-tier")
        .unwrap_or_default()
}

/// The tier's model, and the explanation.
pub(crate) fn routed(bench: &Bench<TierRouter>, request: Request) -> (String, String) {
    let exchange = bench.request(request);
    assert!(exchange.is_forwarded());
    let model = exchange.request.model().unwrap_or_default().to_owned();
    (model, header(&exchange))
}

pub(crate) fn model(bench: &Bench<TierRouter>, request: Request) -> String {
    routed(bench, request).0
}

fn body(dialect: Dialect, extra: Value) -> Request {
    let plain = match dialect {
        Dialect::OpenaiResponses => json!({ "model": "auto", "input": "hi" }),
        _ => json!({ "model": "auto", "messages": [{ "role": "user", "content": "hi" }] }),
    };
    Request::from_json(dialect, merged(plain, extra))
}

#[test]
fn structure_decides_and_the_header_says_what() {
    let bench = router(json!({}));
    let tool = json!({ "type": "function", "function": { "name": "f" } });
    let chat = |extra| body(Dialect::OpenaiChat, extra);
    for (request, tier, why) in [
        (chat(json!({})), "small", "small; score=0; because=nothing"),
        (chat(json!({ "tools": [tool] })), "medium", "medium; score=2; because=tools"),
        (chat(json!({ "response_format": { "type": "text" } })), "small", "small; score=0; because=nothing"),
        (chat(json!({ "response_format": { "type": "json_schema" } })), "small", "small; score=1; because=schema"),
        (chat(json!({ "reasoning_effort": "high" })), "large", "large; score=5; because=effort"),
        (chat(json!({ "reasoning_effort": "low" })), "small", "small; score=0; because=nothing"),
        (chat(json!({ "max_completion_tokens": 5000 })), "small", "small; score=1; because=output_tokens"),
        (chat(json!({})).with_input_tokens(30_000), "medium", "medium; score=3; because=input_tokens"),
        (
            chat(json!({ "tools": vec![tool.clone(); 9], "response_format": { "type": "json_object" } }))
                .with_input_tokens(2001),
            "large",
            "large; score=5; because=tools,schema,input_tokens",
        ),
    ] {
        assert_eq!(routed(&bench, request), (tier.to_owned(), why.to_owned()));
    }
    assert_eq!(bench::counter_labelled("routed", &[("tier", "small")]), 5);
}

#[test]
fn effort_schema_images_and_code_are_read_in_every_dialect() {
    let bench = router(json!({ "sticky": { "for": "0s" } }));
    let chat = Dialect::OpenaiChat;
    for (dialect, extra, reason) in [
        (
            Dialect::OpenaiResponses,
            json!({ "reasoning": { "effort": "medium" } }),
            "effort",
        ),
        (
            Dialect::OpenaiResponses,
            json!({ "text": { "format": { "type": "json_schema" } } }),
            "schema",
        ),
        (
            Dialect::AnthropicMessages,
            json!({ "thinking": { "type": "enabled", "budget_tokens": 5000 } }),
            "effort",
        ),
        (
            Dialect::AnthropicMessages,
            json!({ "output_config": { "effort": "high" } }),
            "effort",
        ),
        (
            Dialect::AnthropicMessages,
            json!({ "output_format": { "type": "json_schema" } }),
            "schema",
        ),
        (
            chat,
            json!({ "messages": [{ "role": "user", "content": "why?\n```\nlet x = 1;\n```" }] }),
            "code",
        ),
        (
            chat,
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://a.example/b.png" } }] }] }),
            "images",
        ),
    ] {
        let (_, why) = routed(&bench, body(dialect, extra));
        assert!(
            why.ends_with(&format!("because={reason}")),
            "{reason}: {why}"
        );
    }
}

#[test]
fn a_model_that_is_not_the_routers_own_is_left_alone() {
    let bench = router(json!({}));
    for pinned in ["small", "gpt-5", "autos"] {
        let request = body(
            Dialect::OpenaiChat,
            json!({ "model": pinned, "reasoning_effort": "high" }),
        );
        assert_eq!(routed(&bench, request), (pinned.to_owned(), String::new()));
    }
}

#[test]
fn rows_of_the_table_add_and_bound_for_signals_and_for_callers() {
    let bench = router(json!({ "rules": [
        { "if": "tools", "at_least": "medium" },
        { "if": "input_tokens", "over": 100, "add": 2 },
        { "match": { "feature": "triage" }, "add": -3 },
        { "match": { "plan": "free" }, "at_most": "medium" },
        { "match": { "header:x-tier": "large" }, "at_least": "large" },
    ] }));
    let long = || auto().with_input_tokens(101);
    assert_eq!(model(&bench, auto()), "small");
    assert_eq!(model(&bench, long()), "medium");
    let (tier, why) = routed(&bench, long().with_tag("feature", "triage"));
    assert_eq!(
        (&*tier, &*why),
        ("small", "small; score=-1; because=input_tokens,feature")
    );
    assert_eq!(
        model(&bench, auto().with_header("x-tier", "large")),
        "large"
    );
    let both = auto()
        .with_header("x-tier", "large")
        .with_tag("plan", "free");
    assert_eq!(model(&bench, both), "large", "the lower bound wins");
    let tools = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    assert_eq!(model(&bench, body(Dialect::OpenaiChat, tools)), "medium");
}

#[test]
fn borders_are_the_operators_and_rise_as_a_budget_nears_its_end() {
    let tiers = json!([
        { "model": "small", "window": 100_000 },
        { "model": "large", "window": 100_000, "from": 1 },
    ]);
    let budget = json!({ "below": "20%", "raise": 2 });
    let bench = router(json!({ "tiers": tiers, "budget": budget }));
    let long = || auto().with_input_tokens(3_000);
    assert_eq!(model(&bench, long()), "large");
    for (left, tier) in [
        ("20", "large"),
        ("19.5", "small"),
        ("0", "small"),
        ("soon", "large"),
    ] {
        assert_eq!(
            model(&bench, long().with_tag("budget_left", left)),
            tier,
            "{left}"
        );
    }
    let (_, why) = routed(&bench, long().with_tag("budget_left", "3"));
    assert_eq!(why, "small; score=1; because=input_tokens,budget");
    let hard = body(Dialect::OpenaiChat, json!({ "reasoning_effort": "high" }));
    assert_eq!(model(&bench, hard.with_tag("budget_left", "3")), "large");
}

#[test]
fn a_tier_serves_nothing_that_it_is_not_known_to_take() {
    let tiers = json!([
        { "model": "small", "window": 10_000 },
        { "model": "medium", "window": 100_000, "takes": ["tools"] },
        { "model": "large" },
    ]);
    let bench =
        router(json!({ "tiers": tiers, "rules": [{ "if": "messages", "over": 99, "add": 1 }] }));
    let chat = |extra| body(Dialect::OpenaiChat, extra);
    let tools = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    let picture = json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://a.example/b.png" } }] }] });
    for (request, expected) in [
        (
            chat(json!({})).with_input_tokens(7_000),
            "small; score=0; because=nothing",
        ),
        (
            chat(json!({})).with_input_tokens(7_001),
            "medium; score=0; because=small:window",
        ),
        (
            chat(json!({ "max_completion_tokens": 9_900 })).with_input_tokens(101),
            "medium; score=0; because=small:window",
        ),
        (chat(tools), "medium; score=0; because=small:tools"),
        (
            chat(picture),
            "large; score=0; because=small:images,medium:images",
        ),
        (
            chat(json!({})).with_input_tokens(900_000),
            "large; score=0; because=small:window,medium:window",
        ),
    ] {
        assert_eq!(routed(&bench, request).1, expected);
    }
}

/// Targets stand for whatever model a request of the bench names.
fn tiers_without_windows() -> Value {
    json!({ "tiers": [{ "model": "small" }, { "model": "large" }] })
}

#[test]
fn a_tier_whose_targets_are_open_unknown_or_too_small_is_passed_over() {
    let bench = router(tiers_without_windows());
    let open = Target {
        breaker: "open".into(),
        ..target("a/m")
    };
    let limited = Target {
        retry_after_ms: Some(10),
        ..target("b/m")
    };
    let narrow = Target {
        window: Some(1_000),
        ..target("c/m")
    };
    let wide = Target {
        window: Some(100_000),
        ..target("d/m")
    };
    let request = |targets: &[&Target], tokens| {
        let targets = targets.iter().map(|target| (*target).clone());
        auto().with_targets(targets).with_input_tokens(tokens)
    };
    for (targets, tokens, expected) in [
        (&[&wide][..], 900, "small; score=0; because=nothing"),
        (&[&open, &wide], 900, "small; score=0; because=nothing"),
        (
            &[&narrow, &wide],
            701,
            "large; score=0; because=small:window",
        ),
        (&[], 10, "large; score=0; because=small:targets"),
        // Both tiers are open here: the proxy waits for the cheaper one.
        (&[&open, &limited], 10, "small; score=0; because=small:open"),
    ] {
        assert_eq!(routed(&bench, request(targets, tokens)).1, expected);
    }
    let labels = [("tier", "small"), ("why", "open")];
    assert_eq!(bench::counter_labelled("passed_over", &labels), 1);
}

#[test]
fn a_tier_that_fails_goes_one_up_once_and_what_is_the_requests_own_fault_passes() {
    let bench = router(tiers_without_windows());
    let request = || auto().with_targets([target("up/m"), target("up/n")]);
    let mut exchange = bench.request(request());
    let overload = failure(vec![attempt("down/m", "overload", 503)]);
    let up = Decision::try_now(["up/m", "up/n"]);
    assert_eq!(exchange.fail_with(&overload), up);
    assert_eq!(exchange.fail_with(&overload), Decision::Forward);
    assert_eq!(
        bench::counter_labelled("failed_up", &[("tier", "large")]),
        1
    );
    for class in ["request", "caller", "own"] {
        let mut exchange = bench.request(request());
        let failed = failure(vec![attempt("down/m", class, 400)]);
        assert_eq!(exchange.fail_with(&failed), Decision::Forward, "{class}");
    }
    let mut highest = bench.request(request().with_header("x", "y"));
    highest.policy.next = None;
    assert_eq!(highest.fail_with(&overload), Decision::Forward);
}

#[test]
fn the_explanation_can_be_left_out() {
    let bench = router(json!({ "explain": false }));
    assert_eq!(routed(&bench, auto()), ("small".to_owned(), String::new()));
}

#[test]
fn configurations_that_would_mean_nothing_are_refused() {
    assert_config_errors!(TierRouter,
        config { "tiers": [{ "model": "a" }] } => "tiers: with fewer than two",
        config { "tiers": [{ "model": "a" }, { "model": "a" }] } => "tiers[1].model: is listed twice",
        config { "tiers": [{ "model": "a", "from": 0 }, { "model": "b" }] } => "tiers[0].from: the lowest",
        config { "tiers": [{ "model": "a" }, { "model": "b", "from": 4 }, { "model": "c", "from": 4 }] } => "tiers[2].from: is not above",
        config { "tiers": [{ "model": "ä" }, { "model": "b" }] } => "tiers[0].model: goes into a header",
        config { "models": "small" } => "models: names the tier `small`",
        config { "fill": "170%" } => "fill: expected a share",
        config { "rules": [{ "add": 1 }] } => "rules[0]: applies to every request",
        config { "rules": [{ "match": { "plan": "a" }, "over": 2, "add": 1 }] } => "rules[0]: `over` is a bound",
        config { "rules": [{ "if": "tools" }] } => "rules[0]: write one of `add`",
        config { "rules": [{ "if": "tools", "add": 0 }] } => "rules[0]: `add: 0`",
        config { "rules": [{ "if": "tools", "at_least": "huge" }] } => "rules[0]: `huge` is none of `tiers`",
        config { "budget": { "below": "20%", "raise": 0 } } => "budget.raise: expected 1 or more",
    );
}

#[cfg(not(feature = "judge"))]
#[test]
fn opinions_are_in_the_module_that_has_the_grants_for_them() {
    assert_config_errors!(TierRouter,
        config { "meaning": {} } => "meaning: is in the module `tier-router-judge`",
        config { "verdict": {} } => "verdict: is in the module `tier-router-judge`",
    );
}

fn priced(name: &str, input: u64, output: u64, cost: u64) -> Target {
    let price = Price {
        input_microusd: input,
        output_microusd: output,
    };
    Target {
        price: Some(price),
        cost_microusd: Some(cost),
        ..target(name)
    }
}

fn at(seconds: u64) {
    bench::set_clock(Duration::from_secs(seconds));
}
