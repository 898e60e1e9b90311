//! Keys: equal for requests that may share a reply, and for no others.

use outrigger_sdk::{Dialect, Request, bench::Bench};
use serde_json::{Value, json};

use super::{body, cache, chat, ran};
use crate::ResponseCache;

#[test]
fn tenants_and_keys_are_apart_unless_the_operator_puts_them_together() {
    let whose = |bench: &Bench<ResponseCache>, tenant: &str, caller: &str| {
        ran(
            bench,
            Request::from_json(Dialect::OpenaiChat, body(json!({})))
                .with_tag("tenant", tenant)
                .with_caller(caller),
        )
    };
    let bench = cache(json!({}));
    assert_eq!(
        ["a", "b", ""].map(|tenant| whose(&bench, tenant, "k")),
        ["miss"; 3]
    );
    assert_eq!(
        ["k2", ""].map(|caller| whose(&bench, "a", caller)),
        ["miss"; 2]
    );
    assert_eq!(whose(&bench, "b", "k"), "hit");
    let bench = cache(json!({ "partition": "tenant" }));
    assert_eq!(
        (
            whose(&bench, "a", "k").as_str(),
            whose(&bench, "a", "k2").as_str()
        ),
        ("miss", "hit")
    );
    assert_eq!(whose(&bench, "b", "k"), "miss");
}

#[test]
fn headers_that_change_an_answer_change_the_key_and_the_operator_may_name_more() {
    let bench = cache(json!({ "vary": ["X-Prompt-Version"] }));
    assert_eq!(ran(&bench, chat(json!({}))), "miss");
    for name in [
        "host",
        "anthropic-beta",
        "OpenAI-Organization",
        "x-prompt-version",
    ] {
        assert_eq!(
            ran(&bench, chat(json!({})).with_header(name, "1")),
            "miss",
            "{name}"
        );
    }
    assert_eq!(
        ran(&bench, chat(json!({})).with_header("user-agent", "1")),
        "hit"
    );
    let two = || {
        chat(json!({}))
            .with_header("anthropic-beta", "a")
            .with_header("anthropic-beta", "b")
    };
    assert_eq!([ran(&bench, two()), ran(&bench, two())], ["miss", "hit"]);
    assert_eq!(
        ran(&bench, chat(json!({})).with_header("anthropic-beta", "ab")),
        "miss"
    );
}

#[test]
fn a_key_is_short_and_says_nothing() {
    let key = cache(json!({})).policy().key(&chat(json!({}))).unwrap();
    assert!(
        key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{key}"
    );
}

#[test]
fn what_is_left_out_of_a_key_is_part_of_it() {
    let request = || chat(json!({ "seed": 1 }));
    let key = |config: Value| cache(config).policy().key(&request()).unwrap();
    assert_ne!(key(json!({})), key(json!({ "ignore": ["/seed"] })));
    assert_eq!(
        key(json!({ "ignore": ["/seed", "/user"] })),
        key(json!({ "ignore": ["/user", "/seed"] }))
    );
}
