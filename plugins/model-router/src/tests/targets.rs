//! Rules that choose among targets.

use outrigger_sdk::{
    Price, Request, Target,
    bench::{Exchange, target},
};
use serde_json::{Value, json};

use super::router;
use crate::ModelRouter;

fn choose(targets: Value, known: Vec<Target>) -> Exchange<ModelRouter> {
    let request = Request::chat("fast").with_targets(known);
    router(json!([{ "targets": targets }])).request(request)
}

fn preferred(targets: Value, known: Vec<Target>) -> Vec<String> {
    choose(targets, known).request.preferred()
}

fn priced(name: &str, input: u64, cost: u64) -> Target {
    Target {
        price: Some(Price {
            input_microusd: input,
            output_microusd: input,
        }),
        cost_microusd: Some(cost),
        ..target(name)
    }
}

#[test]
fn what_only_some_may_take_leaves_out_the_others_and_what_is_not_known() {
    let near = |name, region: &str| Target {
        region: Some(region.into()),
        ..target(name)
    };
    let known = vec![near("a/m", "eu"), near("b/m", "us"), target("c/m")];
    let exchange = choose(json!({ "only": { "region": ["eu", "uk"] } }), known.clone());
    assert_eq!(exchange.request.excluded(), ["b/m", "c/m"]);
    assert!(exchange.request.preferred().is_empty(), "the alias's order");
    let none = choose(json!({ "only": { "region": "jp" } }), known);
    assert_eq!(none.request.excluded(), ["a/m", "b/m", "c/m"]);
}

#[test]
fn targets_are_tried_in_the_order_of_a_figure_and_those_without_it_last() {
    let known = vec![
        target("a/m"),
        priced("b/m", 2, 1),
        priced("c/m", 1, 1),
        priced("d/m", 9, 0),
    ];
    assert_eq!(
        preferred(json!({ "by": "price" }), known),
        ["d/m", "c/m", "b/m", "a/m"]
    );
    let busy = |name, in_flight, first| Target {
        in_flight,
        first_token_ms: first,
        ..target(name)
    };
    let known = vec![
        busy("a/m", 3, None),
        busy("b/m", 1, Some(900)),
        busy("c/m", 2, Some(20)),
    ];
    assert_eq!(
        preferred(json!({ "by": "load" }), known.clone()),
        ["b/m", "c/m", "a/m"]
    );
    assert_eq!(
        preferred(json!({ "by": "first_token" }), known),
        ["c/m", "b/m", "a/m"]
    );
}

#[test]
fn every_condition_has_to_hold_and_a_preference_alone_keeps_the_order_of_the_alias() {
    let able = |name, window, takes: &[&str]| Target {
        window,
        takes: takes.iter().map(|what| (*what).to_owned()).collect(),
        ..target(name)
    };
    let known = vec![
        able("a/m", Some(9), &["tools", "images"]),
        able("b/m", Some(20), &["tools"]),
        able("c/m", None, &["tools", "images"]),
        able("d/m", Some(20), &["tools", "images"]),
        able("e/m", Some(10), &["tools", "images"]),
    ];
    let wide = json!({ "prefer": { "window": 10, "takes": ["tools", "images"] } });
    assert_eq!(preferred(wide, known.clone()), ["d/m", "e/m"]);
    let named = json!({ "prefer": { "target": ["e/*", "b/m"] } });
    assert_eq!(preferred(named, known), ["b/m", "e/m"]);
}

#[test]
fn the_healthy_come_first_and_what_would_cost_too_much_last() {
    let open = Target {
        breaker: "open".into(),
        ..priced("a/m", 1, 1)
    };
    let limited = Target {
        retry_after_ms: Some(1),
        ..priced("b/m", 1, 2)
    };
    let known = vec![
        open,
        limited,
        priced("c/m", 1, 20_000),
        priced("d/m", 1, 10_000),
    ];
    let config = json!({ "prefer": { "healthy": true, "max_usd": 0.01 }, "by": "price" });
    assert_eq!(preferred(config, known), ["d/m", "a/m", "b/m", "c/m"]);
}

#[test]
fn a_rule_that_sends_to_a_model_chooses_among_its_targets() {
    let request = Request::chat("m").with_targets([target("a/m"), target("b/m")]);
    let rules = json!([{ "model": "fast", "targets": { "prefer": { "target": "b/*" } } }]);
    let exchange = router(rules).request(request);
    assert_eq!(exchange.request.model(), Some("fast"));
    assert_eq!(exchange.request.preferred(), ["b/m"]);
}

#[test]
fn requests_with_images_match_and_others_do_not() {
    let image =
        json!([{ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": image }] });
    let with = Request::from_json(outrigger_sdk::Dialect::OpenaiChat, body);
    for yes in [true, false] {
        let rule = json!({ "images": yes });
        assert_eq!(super::hits(rule.clone(), with.clone()), yes);
        assert_eq!(super::hits(rule, Request::chat("m").user("hi")), !yes);
    }
}
