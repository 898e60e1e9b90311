//! Replies that are not fit, and the tier above that is tried in their place.

use outrigger_sdk::{
    AttemptReply, Delta, Place, Verdict,
    bench::{attempt_reply, rejected},
};

use super::*;

const REFUSAL: &str = "I'm sorry, but I can't assist with that request.";

fn escalating(extra: Value) -> Bench<TierRouter> {
    let rules = json!([{ "if": "effort", "over": 1, "add": 9 }]);
    let usual = json!({ "escalate": "all", "rules": rules });
    router(merged(merged(tiers_without_windows(), usual), extra))
}

fn request() -> Request {
    auto().with_targets([target("up/m"), target("up/n")])
}

fn of(extra: Value) -> Request {
    let up = Target {
        takes: vec!["tools".into()],
        ..target("up/m")
    };
    body(Dialect::OpenaiChat, extra)
        .with_caller("c1")
        .with_targets([up])
}

fn says(text: &str) -> Vec<Delta> {
    vec![Delta::new(0, Place::Assistant, text, true)]
}

fn escalated(why: &str) -> u64 {
    bench::counter_labelled("escalated", &[("tier", "large"), ("why", why)])
}

#[test]
fn a_reply_that_is_not_fit_goes_one_up_once_and_is_counted() {
    let bench = escalating(json!({}));
    let tool = json!([{ "type": "function", "function": { "name": "f" } }]);
    let plain = json!({});
    let schema = json!({ "type": "json_schema", "json_schema": { "schema": { "type": "object", "required": ["n"] } } });
    for (extra, text, why) in [
        (plain.clone(), " ", "empty"),
        (plain, REFUSAL, "refusal"),
        (json!({ "response_format": schema }), "{}", "schema"),
        (
            json!({ "tools": tool, "tool_choice": "required" }),
            "I would.",
            "tool",
        ),
    ] {
        let mut exchange = bench.request(of(extra));
        assert!(exchange.request.holds_reply(), "{why}");
        assert_eq!(exchange.attempt(says(text)), Verdict::reject(why));
        let up = Decision::try_now(["up/m"]);
        assert_eq!(exchange.fail_with(&rejected(why)), up);
        assert_eq!(escalated(why), 1);
        // The answer from above is the app's, whatever it says.
        assert_eq!(exchange.attempt(says(text)), Verdict::Accept);
        assert_eq!(exchange.fail_with(&rejected(why)), Decision::Forward);
    }
}

#[test]
fn a_stream_is_let_go_as_soon_as_it_is_known_to_be_fit() {
    let bench = escalating(json!({}));
    let begun = AttemptReply {
        streaming: true,
        ended: false,
        finish: None,
        ..attempt_reply()
    };
    let mut exchange = bench.request(request());
    let mut next = |text: &str| exchange.attempt_with(&begun, says(text));
    assert_eq!(next(""), Verdict::Wait);
    assert_eq!(next("I'm sorry"), Verdict::Wait);
    assert_eq!(next(" to hear that."), Verdict::Accept);
    assert_eq!(next(""), Verdict::Wait, "of another attempt");
}

#[test]
fn nothing_is_held_where_nothing_would_be_tried_again() {
    let tiers = json!([{ "model": "small" }, { "model": "large" }]);
    let holds =
        |bench: &Bench<TierRouter>, request: Request| bench.request(request).request.holds_reply();
    assert!(holds(&escalating(json!({})), request()));
    assert!(
        !holds(&router(tiers_without_windows()), request()),
        "not without `escalate`"
    );
    assert!(
        !holds(&escalating(json!({})), auto()),
        "not with nothing above"
    );
    assert!(!holds(
        &escalating(json!({ "tiers": tiers })),
        auto().with_targets([open()])
    ));
    let bounded = json!({ "rules": [{ "match": { "plan": "free" }, "at_most": "small" }] });
    let free = request().with_tag("plan", "free");
    assert!(!holds(&escalating(bounded), free), "not beyond `at_most`");
    let budget = escalating(json!({ "budget": { "below": "20%", "raise": 1 } }));
    assert!(holds(&budget, request().with_tag("budget_left", "20")));
    assert!(!holds(&budget, request().with_tag("budget_left", "19")));
    let only = escalating(json!({ "escalate": ["tool", "schema"] }));
    assert!(!holds(&only, request()), "not where no reason could arise");
    let pinned = Request::chat("gpt-5")
        .user("hi")
        .with_targets([target("up/m")]);
    assert!(!holds(&escalating(json!({})), pinned));
}

fn open() -> Target {
    Target {
        breaker: "open".into(),
        ..target("a/m")
    }
}

#[test]
fn a_tier_that_failed_is_not_judged_again_one_up() {
    let bench = escalating(json!({}));
    let mut exchange = bench.request(request());
    let overload = failure(vec![attempt("down/m", "overload", 503)]);
    assert_eq!(
        exchange.fail_with(&overload),
        Decision::try_now(["up/m", "up/n"])
    );
    assert_eq!(exchange.attempt(says("")), Verdict::Accept);
    assert_eq!(escalated("empty"), 0);
}

#[test]
fn what_another_policy_rejects_costs_nobody_twice_who_did_not_want_it() {
    let bench = router(tiers_without_windows());
    let mut exchange = bench.request(request());
    assert_eq!(exchange.fail_with(&rejected("rude")), Decision::Forward);
}

#[test]
fn a_conversation_that_escalated_never_moves_down_again() {
    let cheap = |request: Request| {
        let target = priced("up/m", 1_000_000, 4_000_000, 12_000);
        request.with_targets([target]).with_input_tokens(10_000)
    };
    // At this price of cached input any move down pays.
    let bench = escalating(json!({ "sticky": { "cached": "100%" } }));
    let turn = |before: usize| {
        let mut request = Request::chat("auto").user("prove it");
        for _ in 0..before {
            request = request.message("assistant", "so").user("go on");
        }
        cheap(request.with_caller("c1"))
    };
    let mut first = bench.request(turn(0));
    assert_eq!(first.request.model(), Some("small"));
    assert_eq!(first.attempt(says("")), Verdict::reject("empty"));
    assert_eq!(
        first.fail_with(&rejected("empty")),
        Decision::try_now(["up/m"])
    );
    let (tier, why) = routed(&bench, turn(1));
    assert_eq!(
        (&*tier, &*why),
        ("large", "large; score=0; because=escalated")
    );
    assert_eq!(model(&bench, turn(2)), "large");
}

#[test]
fn reasons_are_all_or_a_list_of_some() {
    assert_config_errors!(TierRouter,
        config { "escalate": [] } => "escalate: the list is empty",
        config { "escalate": "some" } => "escalate: expected `all`, or a list",
        config { "escalate": ["anger"] } => "escalate: expected `all`, or a list",
        config { "escalate": {} } => "escalate: expected `all`, or a list",
        config { "escalate": "all", "mode": "shadow" } => "escalate: has no effect",
    );
    let some = escalating(json!({ "escalate": ["refusal"] }));
    let mut exchange = some.request(request());
    assert_eq!(exchange.attempt(says("")), Verdict::Accept);
}
