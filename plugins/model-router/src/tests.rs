#![expect(clippy::unwrap_used, reason = "tests")]

use outrigger_sdk::{
    Decision, Dialect, Places, Policy, Refusal, Request, assert_config_errors,
    bench::{Bench, merged},
};
use serde_json::{Value, json};

use crate::ModelRouter;

mod targets;

fn router(rules: Value) -> Bench<ModelRouter> {
    Bench::new(json!({ "rules": rules })).unwrap()
}

/// The model that the request goes to under these rules.
fn model(rules: Value, request: Request) -> String {
    let exchange = router(rules).request(request);
    assert_eq!(exchange.decision, Decision::Forward);
    exchange.request.body_json()["model"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A rule with this match sends to `hit`; what is left stays on `m`.
fn hits(conditions: Value, request: Request) -> bool {
    model(json!([{ "match": conditions, "model": "hit" }]), request) == "hit"
}

fn body(extra: Value) -> Request {
    let hi = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    Request::from_json(Dialect::OpenaiChat, merged(hi, extra))
}

#[test]
fn the_first_rule_that_matches_decides_and_without_one_the_request_stays_as_it_is() {
    let rules = json!([
        { "match": { "model": "a*" }, "model": "first" },
        { "match": { "model": "ab" }, "model": "second" },
    ]);
    assert_eq!(model(rules.clone(), Request::chat("ab")), "first");
    let untouched = body(json!({ "temperature": 1 }));
    let exchange = router(rules).request(untouched.clone());
    assert_eq!(exchange.request.body_json(), untouched.body_json());
}

#[test]
fn every_condition_of_a_rule_has_to_hold() {
    let rule = json!({ "model": "m", "tags": { "plan": "free" } });
    assert!(hits(
        rule.clone(),
        Request::chat("m").with_tag("plan", "free")
    ));
    assert!(!hits(
        rule.clone(),
        Request::chat("m").with_tag("plan", "paid")
    ));
    assert!(!hits(rule.clone(), Request::chat("m")));
    assert!(!hits(rule, Request::chat("n").with_tag("plan", "free")));
}

#[test]
fn headers_match_in_any_case_of_the_name_and_by_any_value() {
    let request = || {
        Request::chat("m")
            .with_header("X-Team", "ops")
            .with_header("x-team", "search-eu")
    };
    assert!(hits(
        json!({ "headers": { "x-team": ["search-*", "ads"] } }),
        request()
    ));
    assert!(!hits(json!({ "headers": { "x-team": "ads" } }), request()));
    assert!(!hits(json!({ "headers": { "x-other": "*" } }), request()));
}

#[test]
fn streaming_and_tools_match_what_the_request_says() {
    for yes in [true, false] {
        assert_eq!(
            hits(json!({ "streaming": yes }), body(json!({ "stream": true }))),
            yes
        );
        assert_eq!(hits(json!({ "streaming": yes }), body(json!({}))), !yes);
        let tools = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
        assert_eq!(hits(json!({ "tools": yes }), body(tools)), yes);
        assert_eq!(
            hits(json!({ "tools": yes }), body(json!({ "tools": [] }))),
            !yes
        );
    }
}

#[test]
fn both_ends_of_a_token_range_belong_to_it() {
    for (tokens, expected) in [(9, false), (10, true), (20, true), (21, false)] {
        let request = || body(json!({})).with_input_tokens(tokens);
        assert_eq!(
            hits(
                json!({ "input_tokens": { "min": 10, "max": 20 } }),
                request()
            ),
            expected,
            "{tokens}"
        );
        assert_eq!(
            hits(json!({ "input_tokens": { "min": 10 } }), request()),
            tokens >= 10
        );
        assert_eq!(
            hits(json!({ "input_tokens": { "max": 20 } }), request()),
            tokens <= 20
        );
    }
}

#[test]
fn a_pattern_is_looked_for_in_its_own_place_in_every_dialect() {
    let rule = || json!({ "passages": { "user": r"(?i)\btranslate\b" } });
    assert!(hits(
        rule(),
        Request::chat("m").user("x").user("Please Translate this")
    ));
    assert!(!hits(
        rule(),
        Request::chat("m")
            .message("system", "translate")
            .user("hello")
    ));
    assert!(!hits(rule(), Request::chat("m").user("translated")));
    let responses = json!({ "model": "m", "instructions": "be brief", "input": "translate this" });
    assert!(hits(
        rule(),
        Request::from_json(Dialect::OpenaiResponses, responses.clone())
    ));
    let both = json!({ "passages": { "user": "translate", "system": "brief" } });
    assert!(hits(
        both.clone(),
        Request::from_json(Dialect::OpenaiResponses, responses)
    ));
    let messages = json!({ "model": "m", "system": "be long", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "translate" }] }] });
    assert!(hits(
        rule(),
        Request::from_json(Dialect::AnthropicMessages, messages.clone())
    ));
    assert!(!hits(
        both,
        Request::from_json(Dialect::AnthropicMessages, messages)
    ));
}

#[test]
fn only_places_that_some_rule_looks_at_are_read() {
    let reads = |rules| router(rules).policy().reads();
    assert_eq!(
        reads(json!([{ "match": { "model": "a" }, "model": "b" }])),
        Places::empty()
    );
    assert_eq!(
        reads(json!([{ "match": { "passages": { "system": "a" } }, "model": "b" }])),
        Places::SYSTEM
    );
    let split = |by| json!([{ "split": { "by": by, "models": [{ "model": "a", "weight": 1 }] } }]);
    assert_eq!(reads(split("conversation")), Places::USER);
    assert_eq!(reads(split("user")), Places::empty());
}

#[test]
fn a_refusal_has_the_usual_status_and_code_unless_the_rule_gives_others() {
    let refuse = |refuse: Value| {
        router(json!([{ "refuse": refuse }]))
            .request(Request::chat("m"))
            .decision
    };
    assert_eq!(
        refuse(json!({ "message": "no" })),
        Decision::refuse(403, "no")
    );
    assert_eq!(
        refuse(json!({ "status": 400, "code": "too_long", "message": "shorter" })),
        Refusal::new(400, "shorter").code("too_long").into()
    );
}

fn split(by: Value, request: Request) -> String {
    let models = json!([{ "model": "a", "weight": 70 }, { "model": "b", "weight": 30 }]);
    model(
        json!([{ "split": { "by": by, "models": models } }]),
        request,
    )
}

#[test]
fn the_same_key_gets_the_same_model_and_many_keys_get_their_shares() {
    let of = |key: u32| {
        split(
            json!("header:x-user"),
            Request::chat("m").with_header("x-user", &format!("u{key}")),
        )
    };
    let first: Vec<String> = (0..400).map(of).collect();
    assert_eq!(first, (0..400).map(of).collect::<Vec<_>>());
    let b = first.iter().filter(|model| *model == "b").count();
    assert!(
        (90..=150).contains(&b),
        "{b} of 400, where 120 are expected"
    );
}

#[test]
fn a_conversation_keeps_its_model_from_turn_to_turn_and_others_may_get_another() {
    let talk = |topic: u32| {
        Request::chat("m")
            .message("system", "s")
            .user(&format!("topic {topic}"))
    };
    for topic in 0..50 {
        let later = talk(topic).message("assistant", "well").user("and then?");
        assert_eq!(
            split(json!("conversation"), talk(topic)),
            split(json!("conversation"), later)
        );
    }
    let chosen: std::collections::BTreeSet<String> = (0..50)
        .map(|topic| split(json!("conversation"), talk(topic)))
        .collect();
    assert_eq!(chosen.len(), 2);
}

#[test]
fn a_conversation_keeps_its_model_while_its_system_prompt_changes_and_is_known_by_all_of_its_first_message()
 {
    let ask = |hash: u32, topic: u32, turns: usize| {
        let mut messages = vec![json!({ "role": "user", "content": [
            { "type": "text", "text": "<system-reminder>the same in every conversation</system-reminder>" },
            { "type": "text", "text": format!("topic {topic}") },
        ] })];
        for _ in 0..turns {
            messages.push(json!({ "role": "assistant", "content": "well" }));
            messages.push(json!({ "role": "user", "content": "and then?" }));
        }
        let system = json!([{ "type": "text", "text": format!("x-request-hash: {hash}") }, { "type": "text", "text": "You help." }]);
        let body = json!({ "model": "m", "max_tokens": 9, "system": system, "messages": messages });
        split(
            json!("conversation"),
            Request::from_json(Dialect::AnthropicMessages, body),
        )
    };
    for topic in 0..50 {
        let first = ask(0, topic, 0);
        assert!((1..5).all(|turn| ask(topic * 10 + turn, topic, turn as usize) == first));
    }
    let chosen: std::collections::BTreeSet<String> =
        (0..50).map(|topic| ask(0, topic, 0)).collect();
    assert_eq!(
        chosen.len(),
        2,
        "the second block tells conversations apart"
    );
}

#[test]
fn a_model_is_matched_with_or_without_its_upstream() {
    let routed = |glob: &str, model: &str| {
        let config = json!({ "rules": [{ "match": { "model": glob }, "model": "small" }] });
        let exchange = Bench::<ModelRouter>::new(config)
            .unwrap()
            .request(Request::chat(model));
        exchange.request.model() == Some("small")
    };
    assert!(routed("gpt-4*", "openai/gpt-4o") && routed("gpt-4*", "gpt-4o"));
    assert!(!routed("gpt-4*", "openai/o3") && !routed("azure/gpt-4*", "openai/gpt-4o"));
}

#[test]
fn the_end_user_is_the_same_key_in_every_dialect() {
    let openai = |user: &str| split(json!("user"), body(json!({ "user": user })));
    let anthropic = |user: &str| {
        let body = json!({ "model": "m", "metadata": { "user_id": user }, "messages": [] });
        split(
            json!("user"),
            Request::from_json(Dialect::AnthropicMessages, body),
        )
    };
    let users: Vec<String> = (0..50).map(|at| format!("u{at}")).collect();
    assert!(users.iter().all(|user| openai(user) == anthropic(user)));
    assert!(users.iter().any(|user| openai(user) == "b"));
}

#[test]
fn without_a_key_requests_are_dealt_at_random() {
    for by in [
        json!(null),
        json!("tag:absent"),
        json!("user"),
        json!("conversation"),
    ] {
        let chosen: Vec<String> = (0..100)
            .map(|_| split(by.clone(), Request::chat("m")))
            .collect();
        assert!(
            chosen.contains(&"a".into()) && chosen.contains(&"b".into()),
            "{by}"
        );
    }
}

#[test]
fn a_configuration_that_is_wrong_or_has_no_effect_is_refused_with_its_path() {
    let rule =
        |rule: Value| json!({ "rules": [{ "match": { "model": "x" }, "model": "y" }, rule] });
    assert_config_errors!(ModelRouter,
        {} => "the key `rules` is missing",
        { "rules": [] } => "rules: the list is empty",
        { "rules": [{ "model": "a" }, { "match": { "model": "x" }, "model": "b" }] }
            => "rules[1].match: can never be reached, because rules[0]",
        { "rules": [{ "match": {}, "model": "a" }, { "model": "b" }] }
            => "rules[1].match: can never be reached, because rules[0]",
        rule { "match": { "models": "x" }, "model": "y" }
            => "rules[1].match.models: unknown key; expected `model`",
        rule { "match": { "model": [] }, "model": "y" }
            => "rules[1].match.model: the list is empty",
        rule { "match": { "model": "gpt-[45]" }, "model": "y" }
            => "rules[1].match.model: `gpt-[45]` is no glob",
        rule { "match": { "model": 5 }, "model": "y" }
            => "rules[1].match.model: expected a glob or a list of globs",
        rule { "match": { "headers": { "x-team": "" } }, "model": "y" }
            => "rules[1].match.headers.x-team: `` is no glob",
        rule { "match": { "passages": {} }, "model": "y" }
            => "rules[1].match.passages: no pattern is given",
        rule { "match": { "passages": { "user": "(a" } }, "model": "y" }
            => "rules[1].match.passages.user: `(a` is no regular expression: ",
        rule { "match": { "input_tokens": {} }, "model": "y" }
            => "rules[1].match.input_tokens: the range has no end",
        rule { "match": { "input_tokens": { "min": 2, "max": 1 } }, "model": "y" }
            => "rules[1].match.input_tokens: no number is in the range",
        rule {} => "rules[1]: the rule does nothing",
        rule { "targets": {} } => "rules[1].targets: no target is chosen",
        rule { "targets": { "only": {} } } => "rules[1].targets.only: every target would do",
        rule { "targets": { "by": "luck" } } => "rules[1].targets.by: ",
        rule { "targets": { "only": { "max_usd": 0 } } }
            => "rules[1].targets.only.max_usd: expected dollars",
        rule { "targets": { "prefer": { "zone": "eu" } } }
            => "rules[1].targets.prefer.zone: unknown key",
        rule { "targets": { "by": "price" }, "refuse": { "message": "b" } }
            => "rules[1]: what is refused has no targets",
        rule { "model": "a", "refuse": { "message": "b" } }
            => "rules[1]: the rule has several actions",
        rule { "model": " " } => "rules[1].model: the model's name is empty",
        rule { "refuse": { "status": 200, "message": "b" } }
            => "rules[1].refuse.status: 200 does not refuse",
        rule { "refuse": { "code": "Too Long", "message": "b" } }
            => "rules[1].refuse.code: a code is",
        rule { "refuse": {} } => "rules[1].refuse: the key `message` is missing",
        rule { "split": { "models": [] } } => "rules[1].split: `models` is empty",
        rule { "split": { "models": [{ "model": "a", "weight": 0 }] } }
            => "rules[1].split: the weights of `models` sum up to 0",
        rule { "split": { "models": [{ "model": "a", "weight": -1 }] } }
            => "rules[1].split.models[0].weight: expected u32",
        rule { "split": { "by": "cookie:x", "models": [{ "model": "a", "weight": 1 }] } }
            => "rules[1].split.by: `cookie:x` is no key",
    );
}
