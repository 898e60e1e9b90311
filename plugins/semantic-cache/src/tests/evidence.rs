//! Comparisons of kept answers with new ones, and what they allow.

use outrigger_sdk::bench;
use serde_json::json;

use super::{ANSWER, FORGOT, RESET, answered, cache, chat, header, misses, says};

const OTHER: &str = "Refunds take five to ten days, depending on the bank that issued the card.";

fn compared(verdict: &str) -> u64 {
    bench::counter_labelled("compared", &[("verdict", verdict)])
}

#[test]
fn in_shadow_nothing_is_served_and_what_would_have_been_is_compared() {
    let bench = cache(json!({ "mode": "shadow", "trust": "earned", "explain": true }));
    assert_eq!(says(&bench, chat(RESET)), "miss; reason=none");
    for (question, answer) in [(FORGOT, ANSWER), (RESET, ANSWER), (FORGOT, OTHER)] {
        let exchange = answered(&bench, chat(question), answer);
        assert!(exchange.is_forwarded());
        let said = header(&exchange, "x-outrigger-cache");
        assert!(said.starts_with("shadow; age=0; similarity="), "{said}");
    }
    assert_eq!(
        (compared("agreed"), compared("disagreed"), misses("shadow")),
        (2, 1, 3)
    );
    assert_eq!(bench::kept().len(), 1);
}

#[test]
fn an_entry_is_served_when_its_answers_have_agreed_often_enough() {
    let bench = cache(json!({ "trust": "earned", "error": 0.5 }));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    let mut served = 0;
    for _ in 0..40 {
        served += u32::from(says(&bench, chat(FORGOT)) == "semantic");
    }
    // 6 agreements of 6 allow it always: 3 of n, and one half may be wrong
    assert_eq!(says(&bench, chat(FORGOT)), "semantic");
    assert!((24..=39).contains(&served), "{served}");
    assert_eq!(u64::from(served), 40 - misses("unearned"));
}

#[test]
fn an_entry_whose_answers_disagree_is_hardly_ever_served() {
    let bench = cache(json!({ "trust": "earned", "error": 0.000000001 }));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    for _ in 0..30 {
        assert!(answered(&bench, chat(FORGOT), OTHER).is_forwarded());
    }
    assert_eq!((compared("disagreed"), misses("unearned")), (30, 30));
}

#[test]
fn a_complaint_counts_against_the_entry() {
    let bench = cache(json!({ "trust": "earned", "error": 0.5 }));
    assert_eq!(says(&bench, chat(RESET)), "miss");
    for _ in 0..60 {
        says(&bench, chat(FORGOT));
    }
    assert_eq!(says(&bench, chat(FORGOT)), "semantic");
    let wrong = || chat(RESET).with_header("x-outrigger-cache", "wrong");
    for _ in 0..8 {
        assert_eq!(says(&bench, wrong()), "miss");
    }
    let served = (0..12).filter(|_| says(&bench, chat(FORGOT)) == "semantic");
    assert!(served.count() < 12, "it is compared again");
}
