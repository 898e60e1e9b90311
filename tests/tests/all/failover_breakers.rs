//! Breakers, and what users of other gateways complain about: herds, wedged probes, aborts that
//! count, ends that are guessed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outrigger_tests::failover::{
    Setup, answered, ask, ask_for, counted, nothing_is_in_flight, open, state, tried,
};
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually};

fn two() -> (Provider, Provider) {
    (Provider::start("from-a"), Provider::start("from-b"))
}

/// Fails `a` until its breaker is open.
fn opens(sidecar: &Sidecar, a: &Provider) {
    a.now(Act::Refuses(Fault::Overload));
    eventually("a run of failures opens it", || {
        ask(sidecar, Api::Chat, false);
        state(sidecar, "a/m") == "open"
    });
}

#[test]
fn a_run_of_failures_opens_the_target_and_it_is_not_asked_meanwhile() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    opens(&sidecar, &a);
    assert!(a.count() <= 6, "{} calls until it opened", a.count());
    let before = a.count();
    for _ in 0..20 {
        answered(&ask(&sidecar, Api::Chat, false), "from-b");
    }
    assert_eq!(a.count(), before, "an open target is left alone");
    assert_eq!(state(&sidecar, "b/m"), "closed");
    assert_eq!(counted(&sidecar, "a/m"), (before as u64, before as u64));
}

#[test]
fn half_of_the_calls_failing_opens_the_target_too() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    let mut calls = 0;
    eventually("an exact ratio opens it", || {
        // Never more than two in a row.
        let act = match calls % 3 {
            0 => Act::Answers,
            _ => Act::Refuses(Fault::Overload),
        };
        calls += 1;
        a.now(act);
        ask(&sidecar, Api::Chat, false);
        state(&sidecar, "a/m") == "open"
    });
    assert!(calls >= 10, "a ratio of fewer says nothing: {calls}");
}

#[test]
fn after_its_opening_one_request_probes_it_and_the_others_go_elsewhere() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    opens(&sidecar, &a);
    let before = a.count();
    // The probe takes its time: whoever comes meanwhile must not follow it.
    a.now(Act::after(Duration::from_millis(1500), Act::Answers));
    let started = Instant::now();
    let by_a = AtomicUsize::new(0);
    let stop = || started.elapsed() > Duration::from_secs(50) || by_a.load(Ordering::Relaxed) > 0;
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while !stop() {
                    let reply = ask(&sidecar, Api::Chat, false);
                    answered(&reply, "from-");
                    if reply.text().contains("from-a") {
                        by_a.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let calls = a.calls();
    assert!(calls.len() > before, "it was probed");
    let probe = calls[before].at;
    let herd = calls[before..]
        .iter()
        .filter(|call| call.at < probe + Duration::from_millis(1400))
        .count();
    assert_eq!(herd, 1, "one request at a time is let through");
    eventually("its success closes it", || {
        state(&sidecar, "a/m") == "closed"
    });
}

#[test]
fn a_probe_without_a_verdict_gives_its_turn_back() {
    for leaves in [false, true] {
        let (a, b) = two();
        let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
        opens(&sidecar, &a);
        let before = a.count();
        if leaves {
            a.now(Act::IsSilent);
            eventually("an app leaves amid the probe", || {
                let app = open(&sidecar, Api::Chat, false);
                std::thread::sleep(Duration::from_millis(50));
                drop(app);
                a.count() > before
            });
        } else {
            a.now(Act::Refuses(Fault::Invalid));
            eventually("the probe's request is at fault", || {
                ask(&sidecar, Api::Chat, false);
                a.count() > before
            });
        }
        a.now(Act::Answers);
        eventually("another probe finds it well", || {
            let reply = ask(&sidecar, Api::Chat, false);
            reply.text().contains("from-a")
        });
        eventually("it is closed", || state(&sidecar, "a/m") == "closed");
        nothing_is_in_flight(&sidecar);
    }
}

#[test]
fn a_probe_that_fails_opens_it_for_longer() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    opens(&sidecar, &a);
    let before = a.count();
    eventually("it is probed twice", || {
        answered(&ask(&sidecar, Api::Chat, false), "from-b");
        a.count() >= before + 2
    });
    let first = a.between(before - 1, before);
    let second = a.between(before, before + 1);
    assert!(second > first, "{first:?}, then {second:?}");
}

#[test]
fn all_cooled_down_is_a_429_with_the_soonest_end_and_without_another_call() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.now(Act::Refuses(Fault::Rate(Some("50"))));
        b.now(Act::Refuses(Fault::Rate(Some("20"))));
        let sidecar = Setup::alias(api, &[&a, &b], "").start();
        for number in 0..10 {
            let reply = ask(&sidecar, api, number % 2 == 0);
            let text = reply.text();
            assert_eq!(reply.status, 429, "{api:?}: {text}");
            let after = reply.header("retry-after").unwrap_or("none");
            let after: u64 = after.parse().unwrap_or_else(|_| panic!("{after}"));
            assert!((10..=25).contains(&after), "{api:?}: {after} s");
            if number > 0 {
                assert!(text.contains("a/m") && text.contains("b/m"), "{text}");
            }
        }
        // 105 provider 429s must not become 1,765.
        assert_eq!((a.count(), b.count()), (1, 1), "{api:?}");
    }
}

#[test]
fn all_that_was_tried_and_failed_says_that_the_sdk_need_not_repeat_it() {
    let (a, b) = two();
    a.now(Act::Refuses(Fault::Overload));
    b.now(Act::Refuses(Fault::Overload));
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "attempts: 2").start();
    let reply = ask(&sidecar, Api::Chat, true);
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    tried(&sidecar, 0, &["a/m overload 503", "b/m overload 503"]);
}

#[test]
fn aborts_are_neither_failures_nor_successes_of_a_breaker() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    // Four failures are no run of five, whatever leaves in between.
    a.now(Act::Refuses(Fault::Overload));
    for _ in 0..4 {
        ask(&sidecar, Api::Chat, false);
    }
    a.now(Act::IsSilent);
    for number in 5..=10 {
        let app = open(&sidecar, Api::Chat, true);
        eventually("it is asked", || a.count() == number);
        drop(app);
        eventually("it is let go", || a.left_early().len() == number - 4);
    }
    assert_eq!(state(&sidecar, "a/m"), "closed", "aborts are no failures");
    a.now(Act::Refuses(Fault::Overload));
    ask(&sidecar, Api::Chat, false);
    assert_eq!(state(&sidecar, "a/m"), "open", "nor are they successes");
}

#[test]
fn a_stream_that_is_closed_after_its_last_event_is_a_success() {
    let (a, b) = two();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
    opens(&sidecar, &a);
    let (before, failures) = counted(&sidecar, "a/m");
    a.now(Act::Answers);
    let reads_to_its_last_event = || {
        let mut app = open(&sidecar, Api::Chat, true);
        let (_, head) = app.head().expect("a head");
        let mut seen = String::new();
        while !seen.contains("[DONE]") {
            let piece = app.chunk().expect("a chunk").unwrap_or_default();
            seen.push_str(&String::from_utf8_lossy(&piece));
        }
        drop((app, head));
        seen
    };
    // The first that goes there is the probe, and only a success closes the breaker.
    eventually("it is probed", || {
        reads_to_its_last_event().contains("from-a")
    });
    eventually("it is closed", || state(&sidecar, "a/m") == "closed");
    for number in 2..=8 {
        assert!(reads_to_its_last_event().contains("from-a"));
        let expected = (before + number, failures);
        eventually("it is counted", || counted(&sidecar, "a/m") == expected);
    }
}

#[test]
fn one_slow_target_does_not_hold_what_another_models_exchanges_need() {
    let (a, b) = two();
    a.now(Act::IsSilent);
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: ours")
        .model("slow: { targets: [a/m] }")
        .model("fast: { targets: [b/m] }")
        .with("overload: { exchanges: 64 }")
        .start();
    let body = Api::Chat.ask("slow", "hi", true).to_string();
    let hanging: Vec<_> = (0..60)
        .map(|_| {
            let mut app = outrigger_tests::wire::Connection::open(sidecar.base);
            app.send(&outrigger_tests::wire::request(
                "POST",
                Api::Chat.path(),
                &["content-type: application/json"],
                body.as_bytes(),
            ));
            app
        })
        .collect();
    eventually("they hang", || a.count() >= 20);
    for _ in 0..20 {
        answered(&ask_for(&sidecar, Api::Chat, "fast", "hi", false), "from-b");
    }
    drop(hanging);
    nothing_is_in_flight(&sidecar);
}
