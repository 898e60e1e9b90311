//! The very same question while it is being answered.

use outrigger_sdk::{Decision, bench, bench::counter};
use serde_json::json;

use super::{ANSWER, FORGOT, RESET, answered, cache, chat, header, misses, says};

#[test]
fn the_same_question_joins_the_exchange_that_is_getting_its_answer() {
    let bench = cache(json!({}));
    let first = bench.request(chat(RESET));
    assert!(first.is_forwarded());
    for _ in 0..3 {
        let other = bench.request(chat(RESET));
        assert!(matches!(other.decision, Decision::Serve(_)));
        assert_eq!(header(&other, "x-outrigger-cache"), "joined");
    }
    assert_eq!((counter("joined"), misses("none")), (3, 1));
}

#[test]
fn a_question_in_other_words_waits_for_nobody() {
    let bench = cache(json!({}));
    let _first = bench.request(chat(RESET));
    let other = bench.request(chat(FORGOT));
    assert!(other.is_forwarded());
    assert_eq!(header(&other, "x-outrigger-cache"), "miss");
}

#[test]
fn what_is_near_already_is_served_and_nobody_is_waited_for() {
    let bench = cache(json!({}));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    // a question that is near and whose exchange never ends
    let _stuck = bench.request(chat(FORGOT).with_header("cache-control", "no-cache"));
    assert_eq!(says(&bench, chat(FORGOT)), "semantic");
}

#[test]
fn nothing_is_joined_in_shadow_or_where_it_is_turned_off() {
    for config in [json!({ "mode": "shadow" }), json!({ "share": false })] {
        let bench = cache(config);
        let question = "How do I pay?";
        let _first = bench.request(chat(question));
        assert!(answered(&bench, chat(question), ANSWER).is_forwarded());
        assert_eq!(counter("joined"), 0);
        bench::advance(std::time::Duration::from_secs(86_401));
    }
}
