//! Configurations that are refused at load.

use outrigger_sdk::{
    assert_config_errors,
    bench::{Bench, merged},
};
use serde_json::{Value, json};

use crate::TokenRateLimit;

fn error(config: Value) -> String {
    Bench::<TokenRateLimit>::new(config).unwrap_err()
}

#[test]
fn a_configuration_that_is_wrong_or_has_no_effect_is_refused_with_its_path() {
    let rule = |extra: Value| {
        let rule = merged(json!({ "per": "tenant", "every": "1m" }), extra);
        json!({ "rules": [{ "requests": 1, "every": "1s" }, rule] })
    };
    assert_config_errors!(TokenRateLimit,
        {} => "nothing is limited",
        rule {} => "rules[1]: a rule has one limit",
        rule { "tokens": 1, "usd": 1 } => "rules[1]: a rule has one limit",
        rule { "tokens": 0 } => "rules[1].tokens: expected a number of 1 or more",
        rule { "tokens": -5 } => "rules[1].tokens: expected a number of 1 or more",
        rule { "usd": 0 } => "rules[1].usd: expected dollars",
        rule { "usd": -1.5 } => "rules[1].usd: expected dollars",
        rule { "tokens": 1, "every": "0s" } => "rules[1]: `every` is no time",
        rule { "tokens": 1, "every": 60 } => "rules[1].every: expected",
        rule { "token": 1 } => "rules[1].token: unknown key",
        rule { "tokens": 1, "per": ["tenant", "team"] }
            => "rules[1].per[1]: nothing sets such a value",
        rule { "tokens": 1, "per": "header:authorization" }
            => "rules[1].per: the header `authorization` carries a credential",
        rule { "tokens": 1, "algorithm": "leaky" } => "rules[1].algorithm: unknown word",
        rule { "tokens": 1, "mode": "soft", "cut": true }
            => "rules[1]: `cut` has no effect with `mode: soft`",
        rule { "requests": 1, "cut": true } => "rules[1]: `cut` has no effect here",
        rule { "tokens": 1, "match": { "plam": "free" } }
            => "rules[1].match.plam: nothing sets such a value",
        rule { "tokens": 1, "match": { "plan": [] } } => "rules[1].match.plan: the list is empty",
        { "rules": [{ "requests": 1, "every": "1s" }], "unpriced": "allow" }
            => "unpriced: has no effect",
        { "models": { "free": [] } } => "models.free: the list is empty",
    );
}

#[test]
fn rules_that_contradict_or_repeat_each_other_are_refused_and_those_that_add_to_each_other_are_not()
{
    let two = |one: Value, two: Value| {
        let rule = |extra: Value| {
            merged(
                json!({ "per": ["tenant", "model"], "tokens": 10, "every": "60s" }),
                extra,
            )
        };
        Bench::<TokenRateLimit>::new(json!({ "rules": [rule(one), rule(two)] })).map(|_| ())
    };
    let contradicts = "rules[1]: contradicts rules[0], which has another limit for the same exchanges, unit and time: keep one";
    let swapped = json!({ "tokens": 20, "per": ["model", "tenant"], "every": "1m" });
    assert_eq!(two(json!({}), swapped), Err(contradicts.into()));
    assert_eq!(
        two(json!({}), json!({ "every": "1m" })),
        Err("rules[1]: says what rules[0] says: leave one out".into())
    );
    for other in [
        json!({ "tokens": 20, "every": "1h" }),
        json!({ "tokens": 20, "per": "tenant" }),
        json!({ "tokens": 20, "mode": "soft" }),
        json!({ "tokens": 20, "match": { "plan": "free" } }),
        json!({ "tokens": 20, "algorithm": "sliding" }),
    ] {
        assert_eq!(two(json!({}), other.clone()), Ok(()), "{other}");
    }
}

#[test]
fn a_rule_for_models_that_its_plans_may_not_use_is_refused() {
    let config = |plan: &str, models: Value| json!({ "rules": [{ "requests": 1, "every": "1m", "match": { "plan": plan, "model": models } }], "models": { "free": "fast" } });
    assert!(error(config("free", json!("smart"))).starts_with("rules[0].match: can never hold"));
    for possible in [
        config("free", json!(["smart", "fast"])),
        config("paid", json!("smart")),
        config("free", json!("s*")),
    ] {
        assert!(Bench::<TokenRateLimit>::new(possible).is_ok());
    }
}
