//! The operator's configuration: patterns, exceptions, keys, and what is refused.

use super::*;

#[test]
fn patterns_and_exceptions_of_the_operator_s_own_are_kept() {
    let bench = bench(
        json!({ "detect": ["email"], "custom": [{ "name": "badge", "pattern": "EMP-[0-9]+" }], "allow": ["@acme.com"] }),
    );
    let request = Request::chat("m").user("EMP-77, help@acme.com, ana@x.com, 203.0.113.7");
    let up = sent(&bench, request.clone());
    let hidden = content(&up, 0);
    assert!(
        hidden.contains("[[BADGE_") && hidden.contains("[[EMAIL_"),
        "{hidden}"
    );
    assert!(hidden.contains("help@acme.com") && hidden.contains("203.0.113.7"));
    assert!(
        bench
            .reply(&request, Place::Assistant, hidden)
            .unwrap()
            .starts_with("EMP-77, ")
    );
}

#[test]
fn the_operator_s_key_makes_placeholders_that_every_process_shares() {
    let config = json!({ "key": "correct horse battery" });
    let one = sent(&bench(config.clone()), Request::chat("m").user("ana@x.com"));
    let other = sent(&bench(config), Request::chat("m").user("ana@x.com"));
    let foreign = sent(
        &bench(json!({ "key": "correct horse staple!" })),
        Request::chat("m").user("ana@x.com"),
    );
    assert_eq!(content(&one, 0), content(&other, 0));
    assert_ne!(content(&one, 0), content(&foreign, 0));
}

#[test]
fn a_wrong_configuration_is_refused_with_its_key() {
    assert_config_errors!(PiiRedact,
        { "modes": "mask" } => "… modes",
        { "mode": "hide" } => "… mode",
        { "detect": [] } => "… detect",
        { "detect": ["names"] } => "… credit_card",
        { "custom": [{ "name": "x", "pattern": "a*" }] } => "… empty string",
        { "custom": [{ "name": "x", "pattern": "[" }] } => "… can't be read",
        { "custom": [{ "name": "x", "regex": "a" }] } => "… regex",
        { "allow": [""] } => "… allow",
        { "key": "short" } => "… 16 characters",
        { "mode": "mask", "key": "correct horse battery" } => "… no effect",
        { "replies": "on" } => "… replies",
        { "mode": "report", "replies": "mask" } => "… mode: report",
        { "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{4}", "examples": { "match": ["EMP-12345"] } }] } => "… `EMP-1234` alone",
        { "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{4}", "examples": { "match": ["BMP-1234"] } }] } => "… finds nothing",
        { "custom": [{ "name": "badge", "pattern": "EMP-[0-9]{4}", "examples": { "no_match": ["see EMP-1234"] } }] } => "… no_match",
        { "custom": [{ "name": "badge", "pattern": "EMP", "examples": { "matches": [] } }] } => "… matches",
        { "mode": "mask", "later_replies": "pass" } => "… no effect",
    );
}

#[test]
fn a_pattern_whose_examples_hold_is_loaded() {
    let custom = json!([{ "name": "badge", "pattern": "EMP-[0-9]{5}",
        "examples": { "match": ["EMP-12345"], "no_match": ["EMP-1", "IMP-12345"] } }]);
    let bench = bench(json!({ "mode": "mask", "custom": custom }));
    let up = sent(&bench, Request::chat("m").user("I am EMP-12345"));
    assert_eq!(content(&up, 0), "I am [[BADGE]]");
}
