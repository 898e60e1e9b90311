#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use outrigger_sdk::{
    Decision, Outcome, Refusal, Request, Unit, assert_config_errors,
    bench::{self, Bench, Exchange, merged, outcome_with, set_clock},
};
use serde_json::{Value, json};

use crate::Budget;
use alerts::{alerted, webhook};

mod alerts;

const DAY: u64 = 86_400;

/// A thousand tokens of `dear` are a dollar, of `cheap` a tenth.
fn budget(config: Value) -> Bench<Budget> {
    bench::set_price("dear", 1000);
    bench::set_price("cheap", 100);
    Bench::new(config).unwrap()
}

fn request(tenant: &str, model: &str, usd: f64) -> Request {
    let tokens = usd * if model == "dear" { 1000.0 } else { 10_000.0 };
    Request::chat(model)
        .with_tag("tenant", tenant)
        .with_estimate(Unit::TotalTokens, tokens as u64)
}

fn cost(usd: f64) -> Outcome {
    outcome_with(|end| end.cost_microusd = Some((usd * 1e6) as u64))
}

/// Runs an exchange that costs what it was thought to.
fn spend(bench: &Bench<Budget>, tenant: &str, usd: f64) -> Exchange<Budget> {
    let mut exchange = bench.request(request(tenant, "dear", usd));
    let end = match exchange.decision {
        Decision::Forward => cost(usd),
        _ => outcome_with(|end| {
            end.target = String::new();
            end.status = 429;
        }),
    };
    exchange.end(&end);
    exchange
}

fn passes(bench: &Bench<Budget>, tenant: &str, usd: f64) -> bool {
    spend(bench, tenant, usd).is_forwarded()
}

fn daily() -> Value {
    json!({ "per": "tenant", "usd": 10, "every": "day" })
}

#[test]
fn what_is_left_of_the_budget_that_ends_first_is_a_tag() {
    let weekly = json!({ "per": "tenant", "usd": 100, "every": "week" });
    let bench = budget(json!({ "budgets": [weekly, daily()] }));
    let left = |exchange: &Exchange<Budget>| exchange.request.tag("budget_left");
    assert_eq!(left(&spend(&bench, "a", 6.0)).as_deref(), Some("40"));
    assert_eq!(left(&spend(&bench, "a", 3.99)).as_deref(), Some("0"));
    assert_eq!(left(&spend(&bench, "a", 0.5)).as_deref(), Some("0"));
    assert_eq!(left(&spend(&bench, "b", 0.1)).as_deref(), Some("99"));
}

#[test]
fn a_tenant_that_spent_its_budget_is_refused_until_the_period_ends_and_others_are_not() {
    let bench = budget(json!({ "budgets": [daily()] }));
    set_clock(Duration::from_secs(20_000 * DAY + 3600));
    assert!(passes(&bench, "a", 6.0) && passes(&bench, "a", 4.0));
    let over = spend(&bench, "a", 0.5);
    assert_eq!(
        *over.refusal(),
        Refusal::new(429, "there is no room for this request in the budget of 10 usd per tenant every day until 2024-10-05T00:00:00Z")
            .code("budget_exhausted")
    );
    assert_eq!(
        over.request.reply_header("x-should-retry").as_deref(),
        Some("false")
    );
    assert!(passes(&bench, "b", 10.0));
    set_clock(Duration::from_secs(20_001 * DAY));
    assert!(passes(&bench, "a", 10.0));
}

#[test]
fn what_an_exchange_cost_less_than_was_thought_is_there_again() {
    let bench = budget(json!({ "budgets": [daily()] }));
    let mut one = bench.request(request("a", "dear", 9.0));
    assert!(!passes(&bench, "a", 2.0), "it is reserved");
    one.end(&cost(1.0));
    assert!(passes(&bench, "a", 9.0) && !passes(&bench, "a", 0.1));
    assert_eq!(bench::reservations(), 0);
}

#[test]
fn periods_follow_the_time_zone() {
    let bench = budget(json!({ "budgets": [daily()], "timezone": "-03:00" }));
    let first = 20_000 * DAY;
    set_clock(Duration::from_secs(first + 3600));
    assert!(passes(&bench, "a", 10.0));
    set_clock(Duration::from_secs(first + 3 * 3600 - 1));
    assert!(!passes(&bench, "a", 1.0));
    set_clock(Duration::from_secs(first + 3 * 3600));
    assert!(passes(&bench, "a", 1.0));
}

#[test]
fn weeks_months_and_tokens_are_counted_too_and_all_budgets_hold_at_once() {
    let bench = budget(json!({ "budgets": [
        { "per": ["tenant", "feature"], "usd": 1, "every": "week" },
        { "per": "tenant", "tokens": 1500, "every": "month" },
    ] }));
    let ask = |feature: &str| {
        bench
            .request(request("a", "dear", 1.0).with_tag("feature", feature))
            .is_forwarded()
    };
    assert!(ask("chat") && !ask("chat"), "a dollar a week for a feature");
    assert!(
        !ask("search"),
        "fifteen hundred tokens a month for a tenant"
    );
    assert_eq!(bench::used("usd/week/feature=search,tenant=a"), Some(0));
}

#[test]
fn an_exhausted_budget_may_go_on_with_a_cheaper_model_and_counts_what_that_costs() {
    let line = merged(daily(), json!({ "downgrade": "cheap" }));
    let bench = budget(json!({ "budgets": [line] }));
    assert!(passes(&bench, "a", 10.0));
    let mut exchange = bench.request(request("a", "dear", 1.0));
    assert_eq!(exchange.decision, Decision::Forward);
    assert_eq!(exchange.request.model(), Some("cheap"));
    assert_eq!(
        exchange
            .request
            .reply_header("x-outrigger-budget")
            .as_deref(),
        Some("downgraded")
    );
    let bucket = "usd/day/downgrade/tenant=a";
    assert_eq!(
        bench::used(bucket),
        Some(10_100_000),
        "reserved at the cheaper price"
    );
    exchange.end(&cost(0.05));
    assert_eq!(
        (bench::used(bucket), bench::counter("downgraded")),
        (Some(10_050_000), 1)
    );
}

#[test]
fn a_downgrade_can_have_an_end_of_its_own() {
    let down = merged(daily(), json!({ "downgrade": "cheap" }));
    let bench =
        budget(json!({ "budgets": [down, { "per": "tenant", "usd": 10.5, "every": "day" }] }));
    assert!(passes(&bench, "a", 10.0));
    let cheap = spend(&bench, "a", 0.5);
    assert_eq!(
        (cheap.decision.clone(), cheap.request.model()),
        (Decision::Forward, Some("cheap"))
    );
    assert!(
        spend(&bench, "a", 1.0)
            .refusal()
            .message
            .contains("10.50 usd")
    );
}

#[test]
fn of_several_downgrades_the_first_has_its_way() {
    bench::set_price("tiny", 1);
    let bench = budget(json!({ "budgets": [
        { "per": "tenant", "usd": 1, "every": "day", "downgrade": "cheap" },
        { "per": "tenant", "usd": 1, "every": "week", "downgrade": "tiny" },
    ] }));
    assert!(passes(&bench, "a", 1.0));
    assert_eq!(spend(&bench, "a", 1.0).request.model(), Some("cheap"));
}

#[test]
fn a_budget_applies_where_its_conditions_hold() {
    let line = merged(daily(), json!({ "match": { "plan": "free" } }));
    let bench = budget(json!({ "budgets": [line] }));
    let ask = |plan: &str| {
        bench
            .request(request("a", "dear", 11.0).with_tag("plan", plan))
            .is_forwarded()
    };
    assert!(ask("paid") && !ask("free"));
}

#[test]
fn a_model_without_a_price_is_refused_unless_it_is_allowed_and_counted_where_it_had_one_after_all()
{
    let bench = budget(json!({ "budgets": [daily()] }));
    let exchange = bench.request(request("a", "unknown", 1.0));
    let refusal = exchange.refusal();
    assert_eq!(
        (refusal.status, refusal.code.as_str()),
        (403, "unpriced_model")
    );
    assert!(refusal.message.contains("`unknown` has no price"));
    let bench = budget(json!({ "budgets": [daily()], "unpriced": "allow" }));
    let mut exchange = bench.request(request("a", "unknown", 1.0));
    assert_eq!(exchange.decision, Decision::Forward);
    exchange.end(&cost(10.5));
    let refused = bench.request(request("a", "unknown", 1.0));
    assert_eq!(refused.refusal().status, 429, "it is used up all the same");
}

#[test]
fn a_budget_in_tokens_needs_no_price() {
    let bench = budget(json!({ "budgets": [{ "tokens": 1000, "every": "day" }] }));
    assert_eq!(
        bench.request(request("a", "unknown", 0.01)).decision,
        Decision::Forward
    );
}

#[test]
fn a_request_that_is_larger_than_the_whole_budget_is_refused_as_such_and_alerts_nobody() {
    let sent = webhook(200);
    let bench = budget(json!({ "budgets": [daily()], "alerts": { "url": "https://hooks.test/" } }));
    assert!(
        spend(&bench, "a", 11.0)
            .refusal()
            .message
            .starts_with("this request alone may take more than the budget of 10 usd")
    );
    assert_eq!(sent.borrow().len(), 0);
}

#[test]
fn a_breaker_opens_where_money_goes_too_fast_and_closes_after_its_time() {
    let bench = budget(
        json!({ "breakers": [{ "per": "tenant", "usd": 5, "every": "10m", "for": "30m" }] }),
    );
    assert!(passes(&bench, "a", 4.0));
    let tripped = spend(&bench, "a", 2.0);
    assert_eq!(tripped.refusal().code, "budget_exhausted");
    assert_eq!(bench::counter("breaker_opened"), 1);
    assert!(
        !passes(&bench, "a", 0.1),
        "it is open, though there would be room"
    );
    assert!(passes(&bench, "b", 1.0));
    set_clock(Duration::from_secs(1799));
    assert!(!passes(&bench, "a", 0.1));
    set_clock(Duration::from_secs(1800));
    assert!(passes(&bench, "a", 4.0));
    assert_eq!(bench::counter("breaker_opened"), 1);
}

#[test]
fn a_breaker_may_downgrade_for_its_time() {
    let bench = budget(
        json!({ "breakers": [{ "per": "tenant", "usd": 5, "every": "10m", "for": "30m", "downgrade": "cheap" }] }),
    );
    let model = |usd| spend(&bench, "a", usd).request.model().unwrap().to_owned();
    assert_eq!(
        [model(5.0), model(1.0), model(0.1)],
        ["dear", "cheap", "cheap"]
    );
    set_clock(Duration::from_secs(1800));
    assert_eq!(model(1.0), "dear");
}

#[test]
fn gauges_show_what_is_spent_and_where_it_leads() {
    let bench = budget(json!({ "budgets": [daily(), { "tokens": 100_000, "every": "week" }] }));
    set_clock(Duration::from_secs(20_000 * DAY + 6 * 3600));
    spend(&bench, "a", 4.0);
    let tenant = [("budget", "usd/day"), ("tenant", "a")];
    let of = |name: &str| bench::gauge(name, &tenant).unwrap();
    assert_eq!(
        [
            of("spent_usd"),
            of("limit_usd"),
            of("remaining_usd"),
            of("forecast_usd")
        ],
        [4.0, 10.0, 6.0, 16.0]
    );
    assert_eq!(
        of("period_end_seconds"),
        (20_001 * DAY) as f64,
        "since 1970: an alert leaves out what is over"
    );
    assert_eq!(
        bench::gauge("spent_tokens", &[("budget", "tokens/week")]),
        Some(15.0),
        "what the usage says"
    );
    set_clock(Duration::from_secs(20_001 * DAY));
    spend(&bench, "a", 1.0);
    assert_eq!(
        of("forecast_usd"),
        100.0,
        "nothing is forecast from less than a hundredth of the day"
    );
}

#[test]
fn a_store_that_is_gone_refuses_what_can_not_be_counted_and_the_end_is_quiet() {
    let bench = alerted();
    bench::stores_fail(true);
    let exchange = spend(&bench, "a", 1.0);
    assert_eq!(
        (exchange.refusal().status, exchange.refusal().code.as_str()),
        (503, "budget_unavailable")
    );
}

#[test]
fn a_configuration_that_is_wrong_or_has_no_effect_is_refused_with_its_path() {
    let with = |extra: Value| json!({ "budgets": [{ "tokens": 1, "every": "day" }, merged(daily(), extra)] });
    let alerts = |alerts: Value| json!({ "budgets": [daily()], "alerts": alerts });
    let breaker = |extra: Value| json!({ "breakers": [merged(json!({ "usd": 1, "every": "1m", "for": "1m" }), extra)] });
    assert_config_errors!(Budget,
        {} => "nothing is limited",
        with { "usd": 0 } => "budgets[1].usd: expected dollars",
        with { "usd": -1 } => "budgets[1].usd: expected dollars",
        with { "tokens": 5 } => "budgets[1]: write one limit",
        with { "every": "year" }
            => "budgets[1].every: unknown word; expected `day`, `week` or `month`",
        with { "per": "team" } => "budgets[1].per: nothing sets such a value",
        with { "match": { "plam": "x" } } => "budgets[1].match.plam: nothing sets",
        with { "downgrade": "" } => "budgets[1].downgrade: the model's name is empty",
        with { "limit": 1 } => "budgets[1].limit: unknown key",
        { "budgets": [daily(), daily()] } => "budgets[1]: says what budgets[0] says",
        { "budgets": [daily(), { "per": "tenant", "usd": 9, "every": "day" }] }
            => "budgets[1]: contradicts budgets[0]",
        { "budgets": [daily(), { "per": "tenant", "usd": 10, "every": "day", "downgrade": "cheap" }] }
            => "budgets[1].downgrade: can never take effect",
        breaker { "every": "0s" } => "breakers[0]: `every` and `for` are times",
        breaker { "for": "0s" } => "breakers[0]: `every` and `for` are times",
        { "breakers": [{ "usd": 1, "every": "1m" }] } => "breakers[0]: the key `for` is missing",
        alerts {} => "alerts: the key `url` is missing",
        alerts { "url": "hooks.test" } => "alerts.url: expected an address",
        alerts { "url": "https://x/", "at": [] } => "alerts.at: the list is empty",
        alerts { "url": "https://x/", "at": [0.8, 80] } => "alerts.at[1]: expected a share",
        alerts { "url": "https://x/", "at": [1, 1.0] } => "alerts.at[1]: is listed twice",
        { "budgets": [daily()], "timezone": "Europe/Berlin" } => "timezone: expected the offset",
        { "budgets": [daily()], "timezone": "+15:00" } => "timezone: expected the offset",
        { "budgets": [daily()], "timezone": "ä02:00" } => "timezone: expected the offset",
        { "breakers": [{ "usd": 1, "every": "1m", "for": "1m" }], "timezone": "+01:00" }
            => "timezone: says when budgets begin anew",
        { "breakers": [{ "usd": 1, "every": "1m", "for": "1m" }], "alerts": { "url": "https://x/" } }
            => "alerts: tell how budgets stand",
        { "budgets": [{ "tokens": 1, "every": "day" }], "unpriced": "allow" }
            => "unpriced: has no effect",
    );
}
