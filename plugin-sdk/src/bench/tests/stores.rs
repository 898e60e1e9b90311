//! The bench's limits and replies, as policies use them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    Decision, Hooks, Outcome, Policy, Request, Unit,
    bench::{self, Bench, Exchange, outcome, outcome_with, set_clock},
    limits::{self, Ask, Standing, Window},
    replies::{self, Found, Keeping},
};

/// Reserves what its request's tags say, and keeps the answer.
#[derive(serde::Deserialize)]
struct Taker {
    limit: u64,
    #[serde(default)]
    window: String,
    #[serde(default)]
    soft: bool,
    #[serde(skip)]
    standings: Option<Result<Vec<Standing>, limits::Error>>,
}

impl Taker {
    fn ask(&self, bucket: &str) -> Ask {
        let minute = Duration::from_secs(60);
        let window = match self.window.as_str() {
            "sliding" => Window::sliding(minute),
            "day" => Window::Day(60),
            _ => Window::bucket(minute),
        };
        let ask = Ask::new(bucket, Unit::TotalTokens, self.limit, window);
        if self.soft { ask.soft() } else { ask }
    }
}

impl Policy for Taker {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::END);

    fn on_request(&mut self, request: &mut Request) -> Decision {
        let asks: Vec<Ask> = request
            .tag("buckets")
            .unwrap_or("a".into())
            .split(' ')
            .map(|bucket| self.ask(bucket))
            .collect();
        self.standings = Some(limits::reserve(&asks));
        Decision::Forward
    }

    fn on_end(&mut self, _: &Outcome) {
        self.standings = Some(limits::peek(&[self.ask("a").amount(0)]));
    }
}

fn taker(config: Value) -> Bench<Taker> {
    Bench::new(config).unwrap()
}

fn ask(bench: &Bench<Taker>, tokens: u64, buckets: &str) -> Exchange<Taker> {
    let request = Request::chat("m").with_estimate(Unit::TotalTokens, tokens);
    bench.request(request.with_tag("buckets", buckets))
}

/// State of the first ask: its grant, its bucket's used amount, and the times until the bucket is
/// whole again and until there is room.
fn stood(exchange: &Exchange<Taker>) -> (bool, u64, u64, u64) {
    let standings = exchange.policy.standings.as_ref().unwrap();
    let first = &standings.as_ref().unwrap()[0];
    (first.granted, first.used, first.reset_ms, first.wait_ms)
}

fn took(input: u64, output: u64) -> Outcome {
    outcome_with(|end| {
        (end.usage.input_tokens, end.usage.output_tokens) = (input, output);
    })
}

fn at(seconds: u64) {
    set_clock(Duration::from_secs(seconds));
}

#[test]
fn a_bucket_refills_evenly_and_says_when_there_is_room() {
    let bench = taker(json!({ "limit": 600 }));
    assert_eq!(stood(&ask(&bench, 600, "a")), (true, 600, 60_000, 0));
    assert_eq!(stood(&ask(&bench, 100, "a")), (false, 600, 60_000, 10_000));
    at(10);
    assert_eq!(stood(&ask(&bench, 100, "a")), (true, 600, 60_000, 0));
    at(40);
    assert_eq!(bench::used("a"), Some(300));
    assert_eq!(
        stood(&ask(&bench, 601, "a")),
        (false, 300, 30_000, u64::MAX)
    );
    at(4000);
    assert_eq!(
        bench::used("a"),
        Some(0),
        "it never holds more than its limit"
    );
}

#[test]
fn a_sliding_window_forgets_what_was_taken_before_it_and_nothing_sooner() {
    let bench = taker(json!({ "limit": 100, "window": "sliding" }));
    assert!(stood(&ask(&bench, 60, "a")).0);
    at(30);
    assert_eq!(stood(&ask(&bench, 40, "a")), (true, 100, 60_000, 0));
    assert_eq!(stood(&ask(&bench, 50, "a")), (false, 100, 60_000, 30_000));
    assert_eq!(stood(&ask(&bench, 70, "a")), (false, 100, 60_000, 60_000));
    set_clock(Duration::from_millis(59_999));
    assert!(!stood(&ask(&bench, 1, "a")).0);
    at(60);
    assert_eq!(stood(&ask(&bench, 60, "a")), (true, 100, 60_000, 0));
}

#[test]
fn a_day_ends_at_local_midnight() {
    let bench = taker(json!({ "limit": 100, "window": "day" }));
    at(22 * 3600 + 1800); // half past eleven, an hour east of Greenwich
    assert_eq!(stood(&ask(&bench, 100, "a")), (true, 100, 1_800_000, 0));
    assert_eq!(
        stood(&ask(&bench, 1, "a")),
        (false, 100, 1_800_000, 1_800_000)
    );
    at(23 * 3600);
    assert_eq!(stood(&ask(&bench, 1, "a")), (true, 1, 86_400_000, 0));
}

#[test]
fn all_asks_of_a_call_are_granted_or_none_takes_anything() {
    let bench = taker(json!({ "limit": 100 }));
    let _open = ask(&bench, 80, "a");
    let refused = ask(&bench, 30, "b a c");
    let standings = refused.policy.standings.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(
        standings
            .iter()
            .map(|s| (s.granted, s.used))
            .collect::<Vec<_>>(),
        [(true, 0), (false, 80), (true, 0)]
    );
    let twice = ask(&bench, 60, "b b");
    let standings = twice.policy.standings.as_ref().unwrap().as_ref().unwrap();
    assert!(standings[0].granted && !standings[1].granted);
    assert_eq!(
        bench::used("b"),
        Some(0),
        "both would have been more than it has"
    );
    assert_eq!(bench::reservations(), 1);
}

#[test]
fn a_soft_ask_is_counted_and_never_says_no() {
    let bench = taker(json!({ "limit": 100, "soft": true }));
    let exchange = ask(&bench, 130, "a");
    assert!(stood(&exchange).0);
    let standings = exchange
        .policy
        .standings
        .as_ref()
        .unwrap()
        .as_ref()
        .unwrap();
    assert!(standings[0].over() && standings[0].remaining() == 0);
    assert_eq!(bench::used("a"), Some(130));
}

#[test]
fn an_exchange_settles_to_what_it_took_before_the_policys_end_hook() {
    let bench = taker(json!({ "limit": 1000 }));
    let (mut one, mut two) = (ask(&bench, 500, "a"), ask(&bench, 300, "a"));
    one.end(&took(40, 2));
    assert_eq!(stood(&one).1, 342);
    two.end(&took(500, 100));
    assert_eq!((stood(&two).1, bench::reservations()), (642, 0));
    let mut refused = ask(&bench, 300, "a");
    refused.end(&outcome_with(|end| {
        end.target.clear();
        (end.usage.input_tokens, end.usage.output_tokens) = (0, 0);
    }));
    assert_eq!(bench::used("a"), Some(642), "nothing was sent to a model");
}

#[test]
fn money_is_estimated_at_the_models_price_and_without_one_it_is_not_reserved() {
    let ask = [Ask::new("usd", Unit::Microusd, 1000, Window::Month(0))];
    let request = |model| Request::chat(model).with_input_tokens(90);
    bench::set_price("priced", 2);
    let bench = taker(json!({ "limit": 1 }));
    let _priced = bench.request(request("priced"));
    assert_eq!(limits::reserve(&ask).unwrap()[0].used, 2 * (90 + 256));
    let _unpriced = bench.request(request("other"));
    assert_eq!(limits::reserve(&ask), Err(limits::Error::Unpriced));
    bench::stores_fail(true);
    assert_eq!(limits::peek(&ask), Err(limits::Error::Unavailable));
}

#[test]
#[should_panic(expected = "for `on_request` only")]
fn reserving_outside_of_on_request_is_found_out() {
    let mut exchange = taker(json!({ "limit": 1 })).request(Request::chat("m"));
    exchange.end(&outcome());
    let _ = limits::reserve(&[]);
}

/// Begins an exchange, looks for `key` in it, and requests that its reply be kept.
fn look(key: &str, keeping: Keeping) -> (Found, Exchange<Taker>) {
    let exchange = taker(json!({ "limit": 1_000_000 })).request(Request::chat("m"));
    let found = replies::find(key, true).unwrap();
    replies::keep(key, keeping).unwrap();
    (found, exchange)
}

#[test]
fn a_reply_is_found_under_way_and_then_kept_for_its_time() {
    let minute = Keeping::new(Duration::from_secs(60));
    let (found, mut leader) = look("k", minute);
    assert_eq!(found, Found::Absent);
    at(5);
    let (Found::UnderWay(entry), mut joiner) = look("k", minute) else {
        panic!("the leader is under way")
    };
    assert_eq!(
        (entry.age(), entry.expires_in()),
        (Duration::from_secs(5), None)
    );
    leader.end(&outcome());
    joiner.end(&outcome_with(|end| end.from_store = true));
    at(25);
    let (Found::Kept(entry), _) = look("k", minute) else {
        panic!("the reply was kept")
    };
    assert_eq!(
        (entry.age().as_secs(), entry.expires_in().unwrap().as_secs()),
        (20, 40)
    );
    assert_eq!(bench::kept(), ["k"]);
    at(65);
    assert_eq!(look("k", minute).0, Found::Absent);
}

#[test]
fn what_must_not_be_kept_is_not_and_leaves_nobody_waiting() {
    let minute = Keeping::new(Duration::from_secs(60));
    let ends = [
        outcome_with(|end| end.status = 429),
        outcome_with(|end| end.finish = "length".into()),
        outcome_with(|end| end.finish = "tool_calls".into()),
        outcome_with(|end| end.finish = String::new()),
        outcome_with(|end| end.error = Some("upstream_cut".into())),
    ];
    for end in ends {
        let (found, mut exchange) = look("k", minute);
        assert_eq!(found, Found::Absent);
        exchange.end(&end);
    }
    look("k", Keeping::new(Duration::ZERO)).1.end(&outcome());
    assert!(
        bench::kept().is_empty(),
        "no time to live: shared, not kept"
    );
    let calls = outcome_with(|end| end.finish = "tool_calls".into());
    look("k", minute.tool_calls(true)).1.end(&calls);
    assert_eq!(bench::kept(), ["k"]);
    replies::evict("k").unwrap();
    assert!(bench::kept().is_empty());
}

#[test]
fn reply_headers_gauges_and_the_shape_of_a_body_can_be_looked_at() {
    let mut request = Request::from_text(
        crate::Dialect::OpenaiChat,
        r#"{"model":"m","messages":[{"content":"x"}]}"#,
    )
    .with_caller("c1")
    .with_path("GET", "/v1/models?limit=1");
    assert_eq!(
        (request.method().as_str(), request.path().as_str()),
        ("GET", "/v1/models?limit=1")
    );
    assert_eq!(
        (request.caller(), Request::chat("m").caller()),
        (Some("c1".into()), None)
    );
    assert_eq!(request.depth(), 3);
    request.set_reply_header("X-A", "1");
    request.set_reply_header("x-a", "2");
    assert_eq!(request.reply_header("X-a").as_deref(), Some("2"));
    assert_eq!(request.reply_headers().len(), 1);
    crate::metrics::gauge("left", &[("tenant", "acme")], 2.0);
    crate::metrics::gauge("left", &[("tenant", "acme")], 1.5);
    assert_eq!(bench::gauge("left", &[("tenant", "acme")]), Some(1.5));
    assert_eq!(bench::gauge("left", &[]), None);
}

#[test]
fn a_fingerprint_follows_edits_and_keeps_the_spelling_of_what_was_not_edited() {
    let of = |text: &str| Request::from_text(crate::Dialect::OpenaiChat, text);
    let none: [&str; 0] = [];
    let (one, same) = (
        of(r#"{"model":"m","t":1.0}"#),
        of(r#"{ "t":1.0,"model":"m"}"#),
    );
    assert_eq!(one.fingerprint(&none), same.fingerprint(&none));
    assert_ne!(
        one.fingerprint(&none),
        of(r#"{"model":"m","t":1.00}"#).fingerprint(&none)
    );
    assert_ne!(one.fingerprint(&none), one.fingerprint(&["/t"]));
    let mut edited = of(r#"{"model":"m","t":1.0}"#);
    edited.set_model("n");
    assert_ne!(one.fingerprint(&none), edited.fingerprint(&none));
    assert_eq!(of(r#"{"model":"m","model":"m"}"#).fingerprint(&none), None);
}
