//! Clocks: one deadline for an exchange, and separate limits for a connection, a head, the first
//! content and silence, none of which a ping feeds.

use std::time::{Duration, Instant};

use outrigger_tests::failover::{Setup, answered, ask, ask_with, counted, tried};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Act, Fault, Provider, Step, eventually};

fn two() -> (Provider, Provider) {
    (Provider::start("from-a"), Provider::start("from-b"))
}

/// An alias whose first target has these limits.
fn limited(api: Api, a: &Provider, b: &Provider, limits: &str) -> Setup {
    Setup::new(api)
        .upstream("a", a, &format!("key: ours, {limits}"))
        .upstream("b", b, "key: ours")
        .model("fast: { targets: [a/m, b/m] }")
}

#[test]
fn a_head_that_does_not_come_in_time_is_failed_over() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.now(Act::IsSilent);
        let sidecar = limited(api, &a, &b, "head_timeout: 300ms").start();
        answered(&ask(&sidecar, api, true), "from-b");
        tried(&sidecar, 0, &["a/m maybe_done 0", "b/m success 200"]);
        eventually("the silent one is let go", || a.left_early() == [0]);
    }
}

#[test]
fn content_that_does_not_come_in_time_is_failed_over_whatever_came_before() {
    for api in Api::EVERY {
        let (a, b) = two();
        a.now(Act::HangsInside);
        let sidecar = limited(api, &a, &b, "first_content_timeout: 300ms").start();
        answered(&ask(&sidecar, api, true), "from-b");
        tried(&sidecar, 0, &["a/m maybe_done 200", "b/m success 200"]);
        eventually("the hanging one is let go", || a.left_early() == [0]);
    }
}

#[test]
fn pings_comments_and_blank_lines_feed_no_clock() {
    for api in [Api::Chat, Api::Messages] {
        for keep_alive in [
            ": ping\n\n",
            "\n\n",
            "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        ] {
            let (a, b) = two();
            let opening = api.events(&["never"]);
            let mut steps = vec![Step::Send(replies::stream_head())];
            let opens = opening.iter().take(api.opening_events());
            steps.extend(opens.map(|event| Step::Send(replies::chunk(event.as_bytes()))));
            for _ in 0..200 {
                steps.push(Step::Linger(Duration::from_millis(50)));
                steps.push(Step::Send(replies::chunk(keep_alive.as_bytes())));
            }
            a.now(Act::Plays(steps));
            let limits = "first_content_timeout: 600ms, idle_timeout: 600ms";
            let sidecar = limited(api, &a, &b, limits).start();
            let started = Instant::now();
            answered(&ask(&sidecar, api, true), "from-b");
            assert!(started.elapsed() < Duration::from_secs(8), "{keep_alive:?}");
        }
    }
}

#[test]
fn silence_after_content_is_the_apps_error_and_no_other_target_speaks() {
    let (a, b) = two();
    let events = Api::Chat.events(&["from-a"]);
    let mut steps = vec![Step::Send(replies::stream_head())];
    let sent = events.iter().take(2);
    steps.extend(sent.map(|event| Step::Send(replies::chunk(event.as_bytes()))));
    steps.push(Step::Hold);
    a.now(Act::Plays(steps));
    let sidecar = limited(Api::Chat, &a, &b, "idle_timeout: 400ms").start();
    let reply = ask(&sidecar, Api::Chat, true);
    let text = reply.text();
    assert!(text.contains("from-a") && text.contains("error"), "{text}");
    assert_eq!(b.count(), 0);
    assert_eq!(counted(&sidecar, "a/m").1, 1);
}

#[test]
fn an_exchange_has_one_deadline_and_each_attempt_what_is_left_of_it() {
    let (a, b) = two();
    a.now(Act::IsSilent);
    b.now(Act::IsSilent);
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours, head_timeout: 400ms")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [a/m, b/m], deadline: 1s, attempts: 2 }")
        .start();
    let started = Instant::now();
    let reply = ask(&sidecar, Api::Chat, false);
    let took = started.elapsed();
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert!(took >= Duration::from_millis(900), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!((a.count(), b.count()), (1, 1));
    let second = b.calls()[0].at - a.calls()[0].at;
    assert!(second >= Duration::from_millis(350), "{second:?}");
    eventually("nobody is left waiting", || {
        a.left_early().len() == a.count() && b.left_early().len() == b.count()
    });
}

#[test]
fn a_callers_header_shortens_the_deadline_and_is_not_sent_on() {
    for value in ["700ms", "0.7s", "1", "1s"] {
        let a = Provider::always("from-a", Act::IsSilent);
        let sidecar = Setup::alias(Api::Chat, &[&a], "deadline: 50s").start();
        let header = format!("x-outrigger-timeout: {value}");
        let started = Instant::now();
        let reply = ask_with(&sidecar, Api::Chat, &[&header], false);
        assert_eq!(reply.status, 504, "{value}: {}", reply.text());
        assert!(started.elapsed() < Duration::from_secs(20), "{value}");
        let sent = &a.calls()[0];
        assert_eq!(sent.header("x-outrigger-timeout"), None, "{}", sent.head);
    }
}

#[test]
fn a_callers_header_does_not_lengthen_the_deadline_and_nonsense_is_its_own_error() {
    let a = Provider::always("from-a", Act::IsSilent);
    let sidecar = Setup::alias(Api::Chat, &[&a], "deadline: 1s").start();
    let started = Instant::now();
    let reply = ask_with(&sidecar, Api::Chat, &["x-outrigger-timeout: 100s"], false);
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert!(started.elapsed() < Duration::from_secs(20));
    a.now(Act::Answers);
    let reply = ask_with(&sidecar, Api::Chat, &["x-outrigger-timeout: soon"], false);
    assert!([200, 400].contains(&reply.status), "{}", reply.text());
}

#[test]
fn an_end_beyond_the_deadline_is_not_waited_for() {
    let a = Provider::always("from-a", Act::Refuses(Fault::Rate(Some("3"))));
    let sidecar = Setup::alias(Api::Chat, &[&a], "").start();
    let started = Instant::now();
    let reply = ask_with(&sidecar, Api::Chat, &["x-outrigger-timeout: 1s"], false);
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert!(started.elapsed() < Duration::from_millis(2900), "no wait");
    assert_eq!(a.count(), 1);
}

#[test]
fn a_black_hole_among_three_targets_stops_costing_anyone_time() {
    let (a, b) = two();
    let c = Provider::start("from-c");
    a.now(Act::IsSilent);
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours, head_timeout: 500ms")
        .upstream("b", &b, "key: ours")
        .upstream("c", &c, "key: ours")
        .model("fast: { targets: [a/m, b/m, c/m], retry: { maybe_done: 100% } }")
        .start();
    for _ in 0..10 {
        answered(&ask(&sidecar, Api::Chat, false), "from-");
    }
    let calls = a.count();
    assert!((5..=8).contains(&calls), "{calls} until it was left alone");
    let started = Instant::now();
    for _ in 0..50 {
        answered(&ask(&sidecar, Api::Chat, false), "from-");
    }
    // A probe now and then; the rest waits for nothing.
    let probes = u32::try_from(a.count() - calls).unwrap();
    let probing = Duration::from_millis(600) * probes;
    assert!(probes <= 6, "{probes}");
    assert!(started.elapsed() < probing + Duration::from_secs(15));
}

#[test]
fn what_is_held_for_long_is_kept_alive_by_comments() {
    // Beyond 15 s of lifecycle the app gets comments, which commit the 200.
    let a = Provider::start("from-a");
    let events = Api::Messages.events(&["from-a"]);
    let (opening, rest) = events.split_at(Api::Messages.opening_events());
    let sent = |events: &[String]| -> Vec<Step> {
        let chunk = |event: &String| Step::Send(replies::chunk(event.as_bytes()));
        events.iter().map(chunk).collect()
    };
    let mut steps = vec![Step::Send(replies::stream_head())];
    steps.extend(sent(opening));
    steps.push(Step::Linger(Duration::from_secs(18)));
    steps.extend(sent(rest));
    steps.push(Step::Send(replies::last_chunk()));
    a.now(Act::Plays(steps));
    let sidecar = Setup::alias(Api::Messages, &[&a], "").start();
    let mut app = outrigger_tests::failover::open(&sidecar, Api::Messages, true);
    let started = Instant::now();
    let (status, _) = app.head().expect("a head");
    assert_eq!(status, 200);
    let early = started.elapsed() < Duration::from_millis(17_500);
    assert!(early, "the head came with the first comment");
    let mut seen = String::new();
    while let Ok(Some(piece)) = app.chunk() {
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
    let events: String = events.concat();
    let without_comments: String = seen
        .split_inclusive("\n\n")
        .filter(|event| !event.starts_with(':'))
        .collect();
    assert_eq!(without_comments, events);
}
