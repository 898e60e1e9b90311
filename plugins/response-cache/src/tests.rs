#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use outrigger_sdk::{
    Decision, Dialect, Request, assert_config_errors,
    bench::{self, Bench, Exchange, merged, outcome, outcome_with, set_clock},
};
use serde_json::{Value, json};

use crate::ResponseCache;

mod adversary;
mod exclude;
mod keys;
mod pure;

fn cache(config: Value) -> Bench<ResponseCache> {
    Bench::new(config).unwrap()
}

fn body(extra: Value) -> Value {
    merged(
        json!({ "model": "m", "temperature": 0, "messages": [{ "role": "user", "content": "hi" }] }),
        extra,
    )
}

fn chat(extra: Value) -> Request {
    Request::from_json(Dialect::OpenaiChat, body(extra))
        .with_tag("tenant", "acme")
        .with_caller("c1")
}

fn header(exchange: &Exchange<ResponseCache>, name: &str) -> String {
    exchange.request.reply_header(name).unwrap_or_default()
}

/// The answer's header about the cache.
fn says(exchange: &Exchange<ResponseCache>) -> String {
    let said = header(exchange, "x-outrigger-cache");
    let served = matches!(exchange.decision, Decision::Serve(_));
    assert_eq!(served, said == "hit" || said == "joined", "{said}");
    said
}

/// Runs an exchange to its good end.
fn run(bench: &Bench<ResponseCache>, request: Request) -> Exchange<ResponseCache> {
    let mut exchange = bench.request(request);
    let from_store = matches!(exchange.decision, Decision::Serve(_));
    exchange.end(&outcome_with(|end| end.from_store = from_store));
    exchange
}

fn ran(bench: &Bench<ResponseCache>, request: Request) -> String {
    says(&run(bench, request))
}

/// The reason why a request is not cached.
fn reason(bench: &Bench<ResponseCache>, request: Request) -> String {
    let exchange = run(bench, request);
    assert_eq!(says(&exchange), "bypass");
    header(&exchange, "x-outrigger-cache-reason")
}

#[test]
fn an_equal_request_is_answered_with_the_kept_reply_for_its_time_and_says_so() {
    let bench = cache(json!({ "ttl": "10m" }));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    set_clock(Duration::from_secs(90));
    let hit = run(&bench, chat(json!({})));
    assert_eq!(says(&hit), "hit");
    assert_eq!(
        (header(&hit, "age"), header(&hit, "x-outrigger-cache-entry")),
        ("90".into(), "entry-1".into())
    );
    assert_eq!(hit.decision, Decision::serve(bench::kept()[0].clone()));
    set_clock(Duration::from_secs(600));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    assert_eq!((bench::counter("hits"), bench::counter("misses")), (1, 2));
}

#[test]
fn how_an_answer_is_sent_and_whose_it_is_in_the_providers_accounts_make_no_difference() {
    let bench = cache(json!({}));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    let other = json!({ "stream": true, "stream_options": { "include_usage": true }, "user": "u", "metadata": { "a": "b" } });
    assert_eq!(ran(&bench, chat(other)), "hit");
    let spelt = r#"{ "messages":[{"content":"hi","role":"user"}], "temperature": 0, "model":"m" }"#;
    let spelt = Request::from_text(Dialect::OpenaiChat, spelt)
        .with_tag("tenant", "acme")
        .with_caller("c1");
    assert_eq!(ran(&bench, spelt), "hit");
}

#[test]
fn gemini_names_the_stream_in_its_path_and_that_makes_no_difference_either() {
    let bench = cache(json!({}));
    let ask = |path: &str| {
        let body = json!({ "contents": [], "generationConfig": { "temperature": 0 } });
        ran(
            &bench,
            Request::from_json(Dialect::GeminiGenerate, body).with_path("POST", path),
        )
    };
    assert_eq!(ask("/v1beta/models/g:generateContent?x=1"), "miss");
    assert_eq!(
        ask("/v1beta/models/g:streamGenerateContent?alt=sse&x=1"),
        "hit"
    );
    assert_eq!(ask("/v1beta/models/h:generateContent?x=1"), "miss");
}

#[test]
fn identical_exchanges_in_flight_share_one_and_go_on_alone_where_it_fails() {
    let bench = cache(json!({}));
    let mut leader = bench.request(chat(json!({})));
    let mut joiners: Vec<_> = (0..3)
        .map(|_| bench.request(chat(json!({ "stream": true }))))
        .collect();
    assert_eq!(joiners.iter().map(says).collect::<Vec<_>>(), ["joined"; 3]);
    assert_eq!((bench::counter("joined"), bench::counter("misses")), (3, 1));
    leader.end(&outcome_with(|end| {
        end.status = 502;
        end.error = Some("upstream_failed".into());
    }));
    assert!(bench::kept().is_empty());
    joiners[0].end(&outcome()); // called the upstream itself
    assert_eq!(bench::kept().len(), 1);
}

#[test]
fn what_is_not_shared_is_not_joined_and_what_has_no_time_is_not_kept() {
    let bench = cache(json!({ "share": false }));
    let _open = bench.request(chat(json!({})));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    let bench = cache(json!({ "ttl": "0s" }));
    assert_eq!(ran(&bench, chat(json!({ "seed": 1 }))), "miss");
    assert_eq!(ran(&bench, chat(json!({ "seed": 1 }))), "miss");
}

#[test]
fn replies_that_are_no_answer_are_never_served_again() {
    let bench = cache(json!({}));
    for end in [
        outcome_with(|end| {
            end.status = 429;
            end.error = Some("rate_limited".into());
        }),
        outcome_with(|end| end.finish = "length".into()),
        outcome_with(|end| end.error = Some("client_gone".into())),
        outcome_with(|end| end.finish = "tool_calls".into()),
    ] {
        let mut exchange = bench.request(chat(json!({})));
        assert_eq!(says(&exchange), "miss");
        exchange.end(&end);
    }
}

#[test]
fn the_app_may_ask_for_no_answer_from_the_cache_or_for_a_young_one() {
    let bench = cache(json!({}));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    set_clock(Duration::from_secs(60));
    let ask = |name: &str, value: &str| ran(&bench, chat(json!({})).with_header(name, value));
    assert_eq!(ask("cache-control", "max-age=60"), "hit");
    assert_eq!(ask("Cache-Control", "No-Store"), "bypass");
    assert_eq!(ask("x-outrigger-cache", "bypass"), "bypass");
    assert_eq!(ask("x-outrigger-cache", "what?"), "bypass");
    assert_eq!(ask("cf-aig-skip-cache", "true"), "bypass");
    assert_eq!(ask("cf-aig-skip-cache", "false"), "hit");
    assert_eq!(ask("helicone-cache-enabled", "false"), "bypass");
    assert_eq!(ask("cache-control", "private, max-age=59"), "miss");
    assert_eq!(
        ask("cache-control", "max-age=10"),
        "hit",
        "the answer was renewed"
    );
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("cache-control", "max-age=0"),
        ("cache-control", "max-age=soon"),
        ("x-outrigger-cache", "refresh"),
        ("x-portkey-cache-force-refresh", "true"),
    ] {
        set_clock(bench_now() + Duration::from_secs(7));
        assert_eq!(ask(name, value), "miss", "{name}: {value}");
        let renewed = run(&bench, chat(json!({})));
        assert_eq!(header(&renewed, "age"), "0", "{name}: {value}");
    }
}

fn bench_now() -> Duration {
    outrigger_sdk::clock::now()
}

#[test]
fn headers_that_are_meant_for_a_gateway_do_not_go_up() {
    let bench = cache(json!({}));
    let request = chat(json!({}))
        .with_header("x-outrigger-cache", "refresh")
        .with_header("cf-aig-skip-cache", "false")
        .with_header("x-app", "1");
    let sent = bench.request(request).request.headers();
    assert_eq!(
        sent.iter()
            .map(|header| header.name.as_str())
            .collect::<Vec<_>>(),
        ["x-app"]
    );
}

#[test]
fn replies_with_tool_calls_are_kept_where_that_is_allowed() {
    let bench = cache(json!({ "tool_calls": true }));
    let mut exchange = bench.request(chat(json!({})));
    exchange.end(&outcome_with(|end| end.finish = "tool_calls".into()));
    assert_eq!(ran(&bench, chat(json!({}))), "hit");
}

#[test]
fn a_store_that_is_gone_costs_the_hit_and_not_the_answer() {
    let bench = cache(json!({}));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    bench::stores_fail(true);
    assert_eq!(reason(&bench, chat(json!({}))), "store");
    bench::stores_fail(false);
    assert_eq!(ran(&bench, chat(json!({}))), "hit");
}

#[test]
fn a_configuration_that_is_wrong_or_has_no_effect_is_refused_with_its_path() {
    assert_config_errors!(ResponseCache,
        { "tll": "1h" } => "tll: unknown key",
        { "ttl": "soon" } => "ttl: expected a whole number and its unit",
        { "ttl": "0s", "share": false } => "nothing would be kept or shared",
        { "partition": ["tenant", "team"] } => "partition[1]: nothing sets such a value",
        { "ignore": ["/user", "metadata"] } => "ignore[1]: expected a JSON pointer",
        { "ignore": ["/messages"] } => "ignore[0]: without `/messages`",
        { "ignore": ["/messages/0/content"] } => "ignore[0]: without `/messages/0/content`",
        { "vary": ["a b"] } => "vary[0]: expected the name of a header",
        { "max_temperature": -1 } => "max_temperature: expected a number from 0 to 2",
        { "max_bytes": 0 } => "max_bytes: 0 keeps nothing",
        { "members": ["top_z", "web_search_options"] }
            => "members[1]: with `web_search_options` an answer depends on more",
        { "members": [""] } => "members[0]: expected the name",
        { "match": { "model": "" } } => "match.model: `` is no glob",
    );
}
