//! Turns of conversations: the tier of the first one stays.

use super::*;

/// A turn of a conversation that began with `first`, with as many turns before it.
fn turn(first: &str, before: usize) -> Request {
    let mut request = Request::chat("auto")
        .message("system", "Be brief.")
        .user(first);
    for _ in 0..before {
        request = request.message("assistant", "yes").user("go on");
    }
    request.with_caller("c1")
}

fn with_effort(request: Request) -> Request {
    let mut body = request.body_json();
    body["reasoning_effort"] = json!("high");
    Request::from_json(Dialect::OpenaiChat, body).with_caller("c1")
}

#[test]
fn the_tier_of_the_first_turn_is_that_of_the_others() {
    let bench = router(json!({}));
    assert_eq!(model(&bench, with_effort(turn("a proof", 0))), "large");
    let (tier, why) = routed(&bench, turn("a proof", 1));
    assert_eq!((&*tier, &*why), ("large", "large; score=0; because=kept"));
    assert_eq!(model(&bench, turn("another", 1)), "small");
    let other = turn("a proof", 1).with_caller("c2");
    assert_eq!(model(&bench, other), "small", "of another caller");
}

#[test]
fn a_first_turn_is_decided_anew_whatever_began_alike() {
    let bench = router(json!({}));
    assert_eq!(model(&bench, with_effort(turn("hi", 0))), "large");
    assert_eq!(model(&bench, turn("hi", 0)), "small");
    assert_eq!(model(&bench, turn("hi", 1)), "small");
}

#[test]
fn a_conversation_moves_up_at_once_and_stays_there() {
    let bench = router(json!({}));
    assert_eq!(model(&bench, turn("a", 0)), "small");
    assert_eq!(model(&bench, with_effort(turn("a", 1))), "large");
    assert_eq!(model(&bench, turn("a", 2)), "large");
    assert_eq!(bench::counter_labelled("moved", &[("direction", "up")]), 1);
}

#[test]
fn it_is_forgotten_after_its_time_and_where_the_store_fails() {
    let bench = router(json!({ "sticky": { "for": "1h" } }));
    assert_eq!(model(&bench, with_effort(turn("a", 0))), "large");
    bench::stores_fail(true);
    assert_eq!(model(&bench, turn("a", 1)), "small");
    assert!(bench::counter("store_failed") > 0);
    bench::stores_fail(false);
    assert_eq!(model(&bench, turn("a", 1)), "large");
    at(3_601);
    assert_eq!(model(&bench, turn("a", 1)), "small");
}

#[test]
fn stickiness_can_be_off_and_then_no_text_is_read() {
    let bench =
        router(json!({ "sticky": { "for": "0s" }, "rules": [{ "if": "effort", "add": 9 }] }));
    assert_eq!(model(&bench, with_effort(turn("a", 0))), "large");
    assert_eq!(model(&bench, turn("a", 1)), "small");
    assert!(outrigger_sdk::Policy::reads(&bench.policy()).is_empty());
}

/// The bench has one list of targets for all models, so both tiers have the same prices, and the
/// prompt cache alone makes the difference.
#[test]
fn a_move_down_that_costs_more_than_the_lost_cache_saves_is_not_made() {
    let tiers =
        json!([{ "model": "small", "window": 128_000 }, { "model": "large", "window": 128_000 }]);
    let bench = router(json!({ "tiers": tiers, "rules": [{ "if": "effort", "add": 9 }] }));
    let same = || [priced("a/m", 1_000_000, 4_000_000, 12_000)];
    let long = |request: Request| request.with_targets(same()).with_input_tokens(10_000);
    assert_eq!(model(&bench, long(with_effort(turn("a", 0)))), "large");
    let (_, why) = routed(&bench, long(turn("a", 1)));
    assert_eq!(why, "large; score=0; because=kept");
}

#[test]
fn the_tier_to_which_a_failure_led_is_kept() {
    let bench = router(tiers_without_windows());
    let targets = || [target("up/m")];
    let mut exchange = bench.request(turn("a", 0).with_targets(targets()));
    assert_eq!(exchange.request.model(), Some("small"));
    let overload = failure(vec![attempt("down/m", "overload", 503)]);
    assert_eq!(exchange.fail_with(&overload), Decision::try_now(["up/m"]));
    assert_eq!(model(&bench, turn("a", 1).with_targets(targets())), "large");
}
