#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use outrigger_sdk::{
    Decision, Dialect, Outcome, Refusal, Request, Unit,
    bench::{self, Bench, Exchange, outcome_with, set_clock},
};
use serde_json::{Value, json};

use crate::TokenRateLimit;

mod config;

fn limiter(rules: Value) -> Bench<TokenRateLimit> {
    Bench::new(json!({ "rules": rules })).unwrap()
}

fn from(tenant: &str, tokens: u64) -> Request {
    let request = Request::chat("m").with_tag("tenant", tenant);
    request.with_estimate(Unit::TotalTokens, tokens)
}

fn forwarded(bench: &Bench<TokenRateLimit>, request: Request) -> bool {
    bench.request(request).is_forwarded()
}

fn took(input: u64, output: u64) -> Outcome {
    outcome_with(|end| {
        (end.usage.input_tokens, end.usage.output_tokens) = (input, output);
    })
}

fn tokens_per_tenant() -> Bench<TokenRateLimit> {
    limiter(json!([{ "per": "tenant", "tokens": 1000, "every": "1m" }]))
}

#[test]
fn a_tenant_that_used_up_its_tokens_waits_and_others_do_not() {
    let bench = tokens_per_tenant();
    assert!(forwarded(&bench, from("a", 900)));
    let late = bench.request(from("a", 200));
    let expected = Refusal::new(
        429,
        "the limit of 1000 tokens per tenant every 1m is used up: try again in 6 s",
    );
    assert_eq!(
        *late.refusal(),
        expected.retry_after(Duration::from_secs(6))
    );
    assert_eq!(late.refusal().code, "rate_limited");
    assert!(forwarded(&bench, from("b", 900)));
    set_clock(Duration::from_secs(6));
    assert!(forwarded(&bench, from("a", 200)));
    assert_eq!(bench::counter("refused"), 1);
}

#[test]
fn what_was_reserved_too_much_is_there_again_when_the_exchange_ends() {
    let bench = tokens_per_tenant();
    let mut exchange = bench.request(from("a", 900));
    assert!(!forwarded(&bench, from("a", 200)));
    exchange.end(&took(50, 50));
    assert!(forwarded(&bench, from("a", 900)));
}

#[test]
fn a_hundred_exchanges_at_once_pass_the_limit_by_no_more_than_one_is_estimated_wrong() {
    let bench = limiter(json!([{ "tokens": 1000, "every": "1h", "algorithm": "sliding" }]));
    let mut open: Vec<_> = (0..100).map(|_| bench.request(from("a", 95))).collect();
    open.retain(Exchange::is_forwarded);
    assert_eq!(open.len(), 10);
    for exchange in &mut open {
        exchange.end(&took(60, 40)); // each was 5 more than estimated
    }
    assert_eq!(bench::used("tokens/1h/sliding/all"), Some(1000));
    assert_eq!(bench::reservations(), 0);
}

#[test]
fn callers_without_the_tag_share_one_bucket_that_no_tenant_can_name() {
    let bench = tokens_per_tenant();
    let nobody = || Request::chat("m").with_estimate(Unit::TotalTokens, 600);
    assert!(forwarded(&bench, nobody()));
    assert!(!forwarded(&bench, nobody()));
    assert!(forwarded(&bench, from("-", 600)));
    let names = ["tokens/1m/bucket/tenant=%2D", "tokens/1m/bucket/tenant=-"];
    assert_eq!(bench::buckets(), names);
}

#[test]
fn keys_are_combined_and_values_never_run_into_each_other() {
    let bench = limiter(
        json!([{ "per": ["tenant", "header:X-Team", "model", "caller"], "requests": 1, "every": "1m" }]),
    );
    let request = |tenant, team, model, caller| {
        let request = Request::chat(model)
            .with_tag("tenant", tenant)
            .with_header("x-team", team);
        forwarded(&bench, request.with_caller(caller))
    };
    let values = ["a", "b", "a,b", "a,header:x-team=b", "%", "%25"];
    for tenant in values {
        for team in values {
            assert!(request(tenant, team, "m", "c"), "{tenant} {team}");
            assert!(!request(tenant, team, "m", "c"), "{tenant} {team}");
        }
    }
    assert!(request("a", "a", "n", "c") && request("a", "a", "m", "d"));
}

#[test]
fn several_rules_hold_at_once_and_take_all_or_nothing() {
    let bench = limiter(json!([
        { "per": "tenant", "tokens": 1000, "every": "1m" },
        { "requests": 2, "every": "1h" },
    ]));
    assert!(forwarded(&bench, from("a", 400)));
    assert!(
        !forwarded(&bench, from("a", 700)),
        "the tokens say no, and no request is taken"
    );
    assert!(forwarded(&bench, from("b", 400)));
    let third = bench.request(from("b", 400));
    assert_eq!(
        third.refusal().message,
        "the limit of 2 requests for all exchanges every 1h is used up: try again in 1800 s"
    );
    assert_eq!(bench::used("tokens/1m/bucket/tenant=b"), Some(400));
}

#[test]
fn a_rule_applies_where_its_conditions_hold() {
    let bench = limiter(json!([
        { "per": "tenant", "requests": 1, "every": "1m", "match": { "plan": "free" } },
        { "per": "tenant", "requests": 2, "every": "1m", "match": { "plan": ["paid", "trial"], "model": "gpt-*" } },
    ]));
    let count = |plan: &str, model: &str| {
        let request = || {
            Request::chat(model)
                .with_tag("tenant", plan)
                .with_tag("plan", plan)
        };
        (0..5).filter(|_| forwarded(&bench, request())).count()
    };
    assert_eq!(
        [
            count("free", "x"),
            count("paid", "gpt-5"),
            count("paid", "x"),
            count("", "x")
        ],
        [1, 2, 5, 5]
    );
}

#[test]
fn each_unit_is_counted_by_its_own_estimate() {
    for (unit, of, limit) in [
        ("requests", Unit::Requests, 3),
        ("tokens", Unit::TotalTokens, 300),
        ("input_tokens", Unit::InputTokens, 300),
        ("output_tokens", Unit::OutputTokens, 300),
    ] {
        let bench = limiter(json!([{ unit: limit, "every": "1m", "algorithm": "sliding" }]));
        let request = || Request::chat("m").with_estimate(of, limit / 3);
        let passed = (0..5).filter(|_| forwarded(&bench, request())).count();
        assert_eq!(passed, 3, "{unit}");
    }
}

#[test]
fn money_is_counted_at_the_models_price_and_a_model_without_one_is_refused_or_let_through() {
    bench::set_price("priced", 100);
    let rules = json!([{ "usd": 0.05, "every": "1m" }]);
    let bench = limiter(rules.clone());
    let request = |model| Request::chat(model).with_estimate(Unit::TotalTokens, 300);
    assert!(forwarded(&bench, request("priced")));
    assert!(
        !forwarded(&bench, request("priced")),
        "0.03 and 0.03 is more than 0.05"
    );
    let unpriced = bench.request(request("m"));
    assert_eq!(
        (unpriced.refusal().status, unpriced.refusal().code.as_str()),
        (403, "unpriced_model")
    );
    let bench =
        Bench::<TokenRateLimit>::new(json!({ "rules": rules, "unpriced": "allow" })).unwrap();
    let mut unpriced = bench.request(request("m"));
    assert_eq!(unpriced.decision, Decision::Forward);
    // The model that served it had a price after all.
    unpriced.end(&outcome_with(|end| end.cost_microusd = Some(20_000)));
    assert_eq!(bench::used("usd/1m/bucket/all"), Some(50_000));
}

#[test]
fn an_openai_sdk_reads_how_the_limits_stand_from_every_answer() {
    let bench = limiter(json!([
        { "per": "tenant", "tokens": 1000, "every": "1m" },
        { "tokens": 600_000, "every": "1h" },
        { "requests": 10, "every": "1h" },
    ]));
    let headers = |request| {
        let exchange = bench.request(request);
        let header = |name: &str| exchange.request.reply_header(name).unwrap_or_default();
        let all = [
            "limit-tokens",
            "remaining-tokens",
            "reset-tokens",
            "limit-requests",
            "remaining-requests",
            "reset-requests",
        ];
        all.map(|name| header(&format!("x-ratelimit-{name}")))
    };
    assert_eq!(
        headers(from("a", 250)),
        ["1000", "750", "15s", "10", "9", "6m0s"]
    );
    assert_eq!(
        headers(from("a", 900)),
        ["1000", "750", "15s", "10", "9", "6m0s"],
        "a refusal has them too"
    );
}

#[test]
fn an_anthropic_sdk_reads_them_under_its_own_names() {
    set_clock(Duration::from_secs(1_795_313_187));
    let bench = limiter(
        json!([{ "input_tokens": 1000, "every": "1m" }, { "requests": 10, "every": "1m" }]),
    );
    let body = json!({ "model": "m", "messages": [] });
    let exchange =
        bench.request(Request::from_json(Dialect::AnthropicMessages, body).with_input_tokens(500));
    let header = |name: &str| {
        exchange
            .request
            .reply_header(&format!("anthropic-ratelimit-{name}"))
            .unwrap()
    };
    assert_eq!(header("input-tokens-limit"), "1000");
    assert_eq!(header("input-tokens-remaining"), "500");
    assert_eq!(header("input-tokens-reset"), "2026-11-22T02:06:57Z");
    assert_eq!(header("requests-remaining"), "9");
    assert_eq!(exchange.request.reply_headers().len(), 6);
}

#[test]
fn headers_can_be_left_to_the_provider() {
    let config = json!({ "rules": [{ "requests": 1, "every": "1m" }], "headers": false });
    let bench = Bench::<TokenRateLimit>::new(config).unwrap();
    assert_eq!(
        bench.request(Request::chat("m")).request.reply_headers(),
        []
    );
}

#[test]
fn a_request_that_can_never_be_served_is_refused_as_such_and_not_to_come_back() {
    let exchange = tokens_per_tenant().request(from("a", 1001));
    let refusal = exchange.refusal();
    assert_eq!((refusal.status, refusal.retry_after_ms), (429, None));
    assert!(
        refusal
            .message
            .starts_with("this request alone may take more than the limit of 1000 tokens")
    );
    assert_eq!(
        exchange.request.reply_header("x-should-retry").as_deref(),
        Some("false")
    );
}

#[test]
fn a_soft_rule_only_reports() {
    let bench =
        limiter(json!([{ "per": "tenant", "tokens": 1000, "every": "1m", "mode": "soft" }]));
    let warning = |exchange: Exchange<TokenRateLimit>| {
        assert_eq!(exchange.decision, Decision::Forward);
        exchange.request.reply_header("x-outrigger-soft-limit")
    };
    assert_eq!(warning(bench.request(from("a", 900))), None);
    assert_eq!(
        warning(bench.request(from("a", 900))).unwrap(),
        "exceeded; 1000 tokens per tenant every 1m"
    );
    assert_eq!(
        (bench::counter("soft_exceeded"), bench::log_lines().len()),
        (1, 1)
    );
    assert_eq!(
        bench.request(from("b", 1)).request.reply_headers(),
        [],
        "no limits that do not hold"
    );
    bench::stores_fail(true);
    assert!(
        forwarded(&bench, from("a", 1)),
        "nothing but a soft limit wanted it counted"
    );
}

#[test]
fn a_store_that_is_gone_refuses_what_can_not_be_counted() {
    let bench = tokens_per_tenant();
    bench::stores_fail(true);
    let exchange = bench.request(from("a", 1));
    assert_eq!(
        (exchange.refusal().status, exchange.refusal().code.as_str()),
        (503, "limits_unavailable")
    );
    bench::stores_fail(false);
    assert!(forwarded(&bench, from("a", 1)));
}

#[test]
fn a_plan_may_use_the_models_on_its_list() {
    let bench = Bench::<TokenRateLimit>::new(json!({ "models": { "free": ["fast", "gpt-*-mini"], "*": ["fast", "smart"], "-": "fast" } })).unwrap();
    let allowed =
        |plan: &str, model: &str| forwarded(&bench, Request::chat(model).with_tag("plan", plan));
    assert!(allowed("free", "fast") && allowed("free", "gpt-5-mini") && !allowed("free", "smart"));
    assert!(allowed("paid", "smart") && !allowed("paid", "gpt-5-mini"));
    assert!(allowed("", "fast") && !allowed("", "smart"));
    let refusal = bench.request(Request::chat("smart").with_tag("plan", "free"));
    assert_eq!(
        (refusal.refusal().status, refusal.refusal().code.as_str()),
        (403, "model_not_allowed")
    );
    let none = || Request::from_json(Dialect::Other, json!({})).with_tag("plan", "free");
    assert!(forwarded(&bench, none().with_path("GET", "/v1/models")) && !forwarded(&bench, none()));
    let open = Bench::<TokenRateLimit>::new(json!({ "models": { "free": "fast" } })).unwrap();
    assert!(forwarded(
        &open,
        Request::chat("smart").with_tag("plan", "paid")
    ));
}

#[test]
fn a_request_that_its_plan_refuses_takes_nothing() {
    let bench = Bench::<TokenRateLimit>::new(
        json!({ "rules": [{ "requests": 1, "every": "1m" }], "models": { "*": "fast" } }),
    )
    .unwrap();
    assert!(!forwarded(&bench, Request::chat("smart")));
    assert!(forwarded(&bench, Request::chat("fast")));
}

#[test]
fn rules_that_cut_say_so_to_the_host_and_names_of_buckets_fit_it() {
    let rules = json!([{ "per": ["tenant", "plan", "region", "feature"], "output_tokens": 5, "every": "366d", "algorithm": "sliding", "cut": true,
        "match": { "plan": "*" } }]);
    let policy = limiter(rules).policy();
    let long = "x".repeat(1000);
    let request = ["tenant", "plan", "region", "feature"]
        .iter()
        .fold(Request::chat("m"), |request, tag| {
            request.with_tag(tag, &long)
        });
    let ask = policy.rules[0].ask(&request);
    assert!(
        ask.cut && !ask.soft && ask.bucket.len() <= 512,
        "{}",
        ask.bucket.len()
    );
}
