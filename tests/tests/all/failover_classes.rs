//! Classes of failure: who is tried next, what cools for how long, and what it cost, a test per
//! class.

use std::time::Duration;

use outrigger_tests::failover::{
    Setup, answered, ask, ask_for, assert_tokens, attempts, counted, counted_tokens, exchange,
    open, state, tried,
};
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, eventually, sidecar, wire};

/// Two providers that answer `from-a` and `from-b`.
fn two() -> (Provider, Provider) {
    (Provider::start("from-a"), Provider::start("from-b"))
}

#[test]
fn refused_before_work_the_next_target_answers_and_the_first_costs_nothing() {
    for api in Api::EVERY {
        for stream in [false, true] {
            let b = Provider::start("from-b");
            let nobody = sidecar::free_address();
            let text = Setup::alias(api, &[&b, &b], "").text().replacen(
                &b.address().to_string(),
                &nobody.to_string(),
                1,
            );
            let sidecar = outrigger_tests::Sidecar::start(&text);
            answered(&ask(&sidecar, api, stream), "from-b");
            // The same target may be tried once more: a refusal costs nothing and is quick.
            let mut tries = attempts(&exchange(&sidecar, 0));
            assert_eq!(tries.pop().as_deref(), Some("b/m success 200"), "{api:?}");
            assert!(!tries.is_empty() && tries.len() <= 2, "{api:?}: {tries:?}");
            assert!(tries.iter().all(|one| one == "a/m refused 0"), "{tries:?}");
            assert_eq!(b.keys(), ["key-of-b"], "{api:?}");
            if !stream || api != Api::Chat {
                assert_tokens(&sidecar, "b", (10, 5));
            }
            assert_tokens(&sidecar, "a", (0, 0));
        }
    }
}

#[test]
fn whoever_evicts_a_dead_target_is_answered_by_the_next_one() {
    let b = Provider::start("from-b");
    let nobody = sidecar::free_address();
    let setup = Setup::alias(Api::Chat, &[&b, &b], "");
    let text = (setup.text()).replacen(&b.address().to_string(), &nobody.to_string(), 1);
    let one_by_one = outrigger_tests::Sidecar::start(&text);
    for _ in 0..10 {
        answered(&ask(&one_by_one, Api::Chat, false), "from-b");
    }
    assert_eq!(state(&one_by_one, "a/m"), "open");
    let at_once = outrigger_tests::Sidecar::start(&text);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| answered(&ask(&at_once, Api::Chat, false), "from-b"));
        }
    });
}

#[test]
fn refused_before_work_an_alias_of_one_target_is_tried_once_more() {
    let nobody = sidecar::free_address();
    let other = Provider::start("unused");
    let text = Setup::alias(Api::Chat, &[&other], "")
        .text()
        .replace(&other.address().to_string(), &nobody.to_string());
    let sidecar = outrigger_tests::Sidecar::start(&text);
    let reply = ask(&sidecar, Api::Chat, false);
    assert!([502, 503].contains(&reply.status), "{}", reply.text());
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    tried(&sidecar, 0, &["a/m refused 0", "a/m refused 0"]);
    assert_tokens(&sidecar, "a", (0, 0));
}

#[test]
fn rate_goes_to_the_other_key_and_the_limited_one_rests_for_as_long_as_it_was_told() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.with_key("first", Act::Refuses(Fault::Rate(Some("30"))));
        let sidecar = Setup::new(api)
            .upstream("a", &a, "keys: [first, second]")
            .upstream("b", &b, "key: other")
            .model("fast: { targets: [a/m, b/m] }")
            .start();
        for _ in 0..4 {
            answered(&ask(&sidecar, api, false), "from-a");
        }
        let keys = a.keys();
        let firsts = keys.iter().filter(|key| *key == "first").count();
        assert_eq!((firsts, keys.len()), (1, 5), "{api:?}: {keys:?}");
        assert_eq!(b.count(), 0, "{api:?}: the target is not at fault");
        assert_tokens(&sidecar, "a", (40, 20));
    }
}

#[test]
fn rate_goes_to_another_target_at_once_where_no_other_key_is() {
    for api in Api::EVERY {
        for stream in [false, true] {
            let (a, b) = two();
            a.now(Act::Refuses(Fault::Rate(Some("30"))));
            let sidecar = Setup::alias(api, &[&a, &b], "").start();
            answered(&ask(&sidecar, api, stream), "from-b");
            tried(&sidecar, 0, &["a/m rate 429", "b/m success 200"]);
            answered(&ask(&sidecar, api, stream), "from-b");
            tried(&sidecar, 1, &["b/m success 200"]);
            assert_eq!(a.count(), 1, "{api:?}: its limit is kept to");
            assert_tokens(&sidecar, "a", (0, 0));
        }
    }
}

#[test]
fn rate_is_waited_for_here_where_the_end_is_near_and_nobody_else_can() {
    for api in Api::EVERY {
        let a = Provider::start("from-a");
        a.next([Act::Refuses(Fault::Rate(Some("1")))]);
        let sidecar = Setup::alias(api, &[&a], "").start();
        answered(&ask(&sidecar, api, false), "from-a");
        tried(&sidecar, 0, &["a/m rate 429", "a/m success 200"]);
        assert!(a.between(0, 1) >= Duration::from_secs(1), "{api:?}");
        assert_tokens(&sidecar, "a", (10, 5));
    }
}

#[test]
fn rate_that_ends_too_late_to_wait_for_is_the_callers_429_with_that_end() {
    let a = Provider::always("from-a", Act::Refuses(Fault::Rate(Some("40"))));
    let sidecar = Setup::alias(Api::Chat, &[&a], "").start();
    let reply = ask(&sidecar, Api::Chat, false);
    assert_eq!(reply.status, 429);
    let after: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((30..=50).contains(&after), "{after}");
    assert_eq!(a.count(), 1);
    tried(&sidecar, 0, &["a/m rate 429"]);
}

#[test]
fn rate_without_an_end_opens_nothing() {
    let (a, b) = two();
    a.next([Act::Refuses(Fault::Rate(None))]);
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
    assert_eq!(state(&sidecar, "a/m"), "closed");
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
}

#[test]
fn overload_goes_to_another_target() {
    for api in Api::EVERY {
        for stream in [false, true] {
            let (a, b) = two();
            a.now(Act::Refuses(Fault::Overload));
            let sidecar = Setup::alias(api, &[&a, &b], "").start();
            answered(&ask(&sidecar, api, stream), "from-b");
            let status = if api == Api::Messages { 529 } else { 503 };
            let first = format!("a/m overload {status}");
            tried(&sidecar, 0, &[&first, "b/m success 200"]);
            assert_eq!(counted(&sidecar, "a/m"), (1, 1), "{api:?}");
            assert_eq!(counted(&sidecar, "b/m"), (1, 0), "{api:?}");
            assert_tokens(&sidecar, "a", (0, 0));
            let attempts = |upstream| {
                let label = format!("upstream=\"{upstream}\"");
                sidecar.metric("outrigger_upstream_attempts_total", &[&label])
            };
            assert_eq!((attempts("a"), attempts("b")), (1.0, 1.0));
        }
    }
}

#[test]
fn money_goes_to_another_account_alone_and_siblings_of_one_account_are_not_tried() {
    for api in Api::EVERY {
        let (a, b) = two();
        let c = Provider::start("from-c");
        a.now(Act::Refuses(Fault::Money));
        let sidecar = Setup::new(api)
            .upstream(
                "a",
                &a,
                "account: poor, keys: [first, second, { key: third, account: poor }]",
            )
            .upstream("b", &b, "account: poor, key: fourth")
            .upstream("c", &c, "account: rich, key: fifth")
            .model("fast: { targets: [a/m, b/m, c/m] }")
            .start();
        answered(&ask(&sidecar, api, false), "from-c");
        let status = if api == Api::Messages { 400 } else { 429 };
        let first = format!("a/m money {status}");
        tried(&sidecar, 0, &[&first, "c/m success 200"]);
        answered(&ask(&sidecar, api, true), "from-c");
        tried(&sidecar, 1, &["c/m success 200"]);
        assert_eq!((a.count(), b.count()), (1, 0), "{api:?}");
        assert_tokens(&sidecar, "a", (0, 0));
    }
}

#[test]
fn money_is_no_other_keys_trouble_where_that_key_has_an_account_of_its_own() {
    let a = Provider::start("from-a");
    a.with_key("poor", Act::Refuses(Fault::Money));
    let sidecar = Setup::new(Api::Chat)
        .upstream(
            "a",
            &a,
            "keys: [{ key: poor, account: one }, { key: rich, account: two }]",
        )
        .model("fast: { targets: [a/m] }")
        .start();
    for _ in 0..4 {
        answered(&ask(&sidecar, Api::Chat, false), "from-a");
    }
    let poor = a.keys().iter().filter(|key| *key == "poor").count();
    assert_eq!((poor, a.count()), (1, 5));
}

#[test]
fn key_goes_to_the_other_key_and_a_revoked_one_is_left_out_and_alarmed() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.with_key("sk-withdrawn", Act::Refuses(Fault::Key));
        let sidecar = Setup::new(api)
            .upstream("a", &a, "keys: [sk-withdrawn, good]")
            .upstream("b", &b, "key: other")
            .model("fast: { targets: [a/m, b/m] }")
            .start();
        for _ in 0..4 {
            answered(&ask(&sidecar, api, false), "from-a");
        }
        let keys = a.keys();
        let revoked = keys.iter().filter(|key| *key == "sk-withdrawn").count();
        assert_eq!((revoked, keys.len()), (1, 5), "{api:?}: {keys:?}");
        assert_eq!(b.count(), 0, "{api:?}");
        assert_eq!(state(&sidecar, "a/m"), "closed", "{api:?}");
        let alarms = || {
            let mut lines = sidecar.log_lines();
            lines.retain(|line| line["level"] == "WARN" || line["level"] == "ERROR");
            lines.retain(|line| line.to_string().contains("key"));
            lines.len()
        };
        eventually("the operator is alarmed", || alarms() > 0);
        assert_eq!(alarms(), 1, "once: {}", sidecar.log());
        assert!(!sidecar.log().contains("sk-withdrawn"), "not by its text");
    }
}

#[test]
fn maybe_done_is_tried_once_more_elsewhere_and_not_a_third_time() {
    for api in Api::EVERY {
        let (a, b) = two();
        let c = Provider::start("from-c");
        a.now(Act::Refuses(Fault::MaybeDone));
        let alias = Setup::alias(api, &[&a, &b, &c], "");
        let sidecar = alias.start();
        answered(&ask(&sidecar, api, true), "from-b");
        tried(&sidecar, 0, &["a/m maybe_done 500", "b/m success 200"]);

        b.now(Act::Refuses(Fault::MaybeDone));
        let sidecar = alias.start();
        let reply = ask(&sidecar, api, false);
        assert_eq!(reply.status, 500, "{api:?}: {}", reply.text());
        assert_eq!(reply.header("x-should-retry"), Some("false"));
        let both = ["a/m maybe_done 500", "b/m maybe_done 500"];
        tried(&sidecar, 0, &both);
        assert_eq!(c.count(), 0, "{api:?}");
    }
}

#[test]
fn maybe_done_is_not_repeated_where_its_budget_is_nothing() {
    for act in [
        Act::Refuses(Fault::MaybeDone),
        Act::Resets,
        Act::BreaksInside,
    ] {
        let (a, b) = two();
        a.now(act.clone());
        let more = "retry: { maybe_done: 0% }";
        let sidecar = Setup::alias(Api::Chat, &[&a, &b], more).start();
        let reply = ask(&sidecar, Api::Chat, true);
        let whole = reply.status == 200 && reply.end == wire::End::Complete;
        assert!(!whole || reply.text().contains("error"), "{act:?}");
        assert_eq!((a.count(), b.count()), (1, 0), "{act:?}");
    }
}

#[test]
fn maybe_done_has_a_small_budget_of_its_own() {
    let (a, b) = two();
    a.now(Act::Refuses(Fault::MaybeDone));
    // No breaker in between: a failure now and then.
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "retry: { maybe_done: 2% }").start();
    let mut repeated = 0;
    for round in 0..60 {
        a.now(Act::Answers);
        for _ in 0..4 {
            answered(&ask(&sidecar, Api::Chat, false), "from-");
        }
        a.now(Act::Refuses(Fault::MaybeDone));
        let before = b.count();
        ask(&sidecar, Api::Chat, false);
        repeated += usize::from(b.count() > before);
        // 2 % of five exchanges a round, and one a minute.
        assert!(repeated <= 3 + round / 10, "{repeated} in {round} rounds");
    }
    assert!(repeated >= 1, "the first is repeated");
}

#[test]
fn maybe_done_is_counted_as_what_it_may_have_cost() {
    let (a, b) = two();
    a.now(Act::IsSilent);
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours, first_content_timeout: 300ms")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [a/m, b/m] }")
        .start();
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
    tried(&sidecar, 0, &["a/m maybe_done 0", "b/m success 200"]);
    let (input, _) = counted_tokens(&sidecar, "a");
    assert!(input > 0, "what was sent and timed out is estimated");
    assert_tokens(&sidecar, "b", (10, 5));
    assert_eq!(exchange(&sidecar, 0)["tokens_estimated"], true);
    eventually("the silent provider is let go", || a.left_early() == [0]);
}

#[test]
fn request_errors_are_the_apps_byte_for_byte_and_nobody_else_is_asked() {
    for api in Api::EVERY {
        for fault in [Fault::Invalid, Fault::UnknownModel] {
            let (a, b) = two();
            a.now(Act::Refuses(fault));
            let sidecar = Setup::alias(api, &[&a, &b], "").start();
            let reply = ask(&sidecar, api, true);
            let direct = wire::call(
                a.address(),
                &wire::request(
                    "POST",
                    &api.address("m", true),
                    &[],
                    api.ask("m", "hi", true).to_string().as_bytes(),
                ),
            );
            assert_eq!(reply.status, direct.status, "{api:?} {fault:?}");
            assert_eq!(reply.text(), direct.text(), "{api:?} {fault:?}");
            assert_eq!((a.count(), b.count()), (2, 0), "{api:?} {fault:?}");
            assert_eq!(counted(&sidecar, "a/m").1, 0, "{api:?}: no failure");
            let first = format!("a/m request {}", direct.status);
            tried(&sidecar, 0, &[&first]);
            assert_tokens(&sidecar, "a", (0, 0));
        }
    }
}

#[test]
fn a_caller_who_leaves_counts_neither_way() {
    for stream in [false, true] {
        let (a, b) = two();
        a.now(Act::IsSilent);
        let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
        for number in 1..=12 {
            let app = open(&sidecar, Api::Chat, stream);
            eventually("it is asked", || a.count() == number);
            drop(app);
            eventually("it is let go", || a.left_early().len() == number);
        }
        assert_eq!(b.count(), 0, "nobody waits for an answer");
        assert_eq!(state(&sidecar, "a/m"), "closed");
        assert_eq!(counted(&sidecar, "a/m").1, 0);
        a.now(Act::Answers);
        answered(&ask(&sidecar, Api::Chat, stream), "from-a");
        tried(&sidecar, 0, &["a/m caller 0"]);
    }
}

#[test]
fn a_models_name_that_no_alias_has_is_asked_once() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    a.now(Act::Refuses(Fault::Overload));
    let reply = ask_for(&sidecar, Api::Chat, "a/m", "hi", false);
    assert_eq!(reply.status, 503);
    assert_eq!((a.count(), b.count()), (1, 0), "a wire");
}
