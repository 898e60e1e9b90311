//! Every candidate is limited: a queue that is fair and bounded, another alias, or a refusal.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use outrigger_tests::failover::{Setup, answered, ask, ask_for, nothing_is_in_flight, open, tried};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::wire::{self, Reply};
use outrigger_tests::{Act, Fault, Provider, Sidecar, Step, eventually};

/// A provider that takes so many calls in each window, says so in its headers, and answers 429 with
/// the window's end to all others.
fn limited(calls: u32, window: Duration) -> Provider {
    let state = Mutex::new((Instant::now(), 0));
    Provider::scripted("from-a", move |seen, _| {
        let (left, ends) = {
            let mut state = state.lock().unwrap();
            if state.0.elapsed() >= window {
                *state = (Instant::now(), 0);
            }
            state.1 += 1;
            let ends = window.saturating_sub(state.0.elapsed());
            (calls.checked_sub(state.1), ends)
        };
        let millis = ends.as_millis().max(1);
        let reset = format!("x-ratelimit-reset-requests: {millis}ms");
        let limit = format!("x-ratelimit-limit-requests: {calls}");
        let remaining = format!("x-ratelimit-remaining-requests: {}", left.unwrap_or(0));
        let json = "content-type: application/json";
        let api = Api::of(seen.path());
        let reply = match left {
            Some(_) => replies::whole(
                "200 OK",
                &[json, &limit, &remaining, &reset],
                &api.whole("from-a"),
            ),
            None => replies::whole(
                "429 Too Many Requests",
                &[
                    json,
                    &limit,
                    &remaining,
                    &reset,
                    &format!("retry-after-ms: {millis}"),
                ],
                &outrigger_tests::provider::error_body(api, Fault::Rate(None)),
            ),
        };
        Act::Plays(vec![Step::Send(reply)])
    })
}

/// Asks with tags.
fn ask_as(sidecar: &Sidecar, tags: &[&str], prompt: &str) -> Reply {
    let mut headers = vec!["content-type: application/json"];
    headers.extend(tags);
    let body = Api::Chat.ask("fast", prompt, false).to_string();
    wire::call(
        sidecar.base,
        &wire::request("POST", Api::Chat.path(), &headers, body.as_bytes()),
    )
}

#[test]
fn with_a_queue_callers_of_a_limited_provider_see_no_429_and_it_sees_no_more_calls_than_it_allows()
{
    let a = limited(10, Duration::from_secs(1));
    let sidecar = Setup::alias(Api::Chat, &[&a], "limited: { queue: { wait: 20s } }").start();
    // One first, so that the limit is known.
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
    std::thread::scope(|scope| {
        for number in 0..60 {
            let sidecar = &sidecar;
            scope.spawn(move || {
                let reply = ask_for(sidecar, Api::Chat, "fast", &number.to_string(), false);
                answered(&reply, "from-a");
            });
        }
    });
    // Sixty-one good ones, and little more.
    assert!(a.count() <= 61 + 12, "{} calls", a.count());
    nothing_is_in_flight(&sidecar);
}

/// Asks as a number of callers at once, each of whom notes its name once it is answered.
fn callers<'s>(
    scope: &'s std::thread::Scope<'s, '_>,
    sidecar: &'s Sidecar,
    done: &'s Mutex<Vec<&'static str>>,
    count: usize,
    (name, tag, prompt): (&'static str, &'static str, &'s str),
) {
    for number in 0..count {
        scope.spawn(move || {
            let prompt = format!("{name} {number} {prompt}");
            answered(&ask_as(sidecar, &[tag], &prompt), "from-a");
            done.lock().unwrap().push(name);
        });
    }
}

#[test]
fn the_queue_is_fair_by_tenant_however_many_come_for_one() {
    let a = limited(2, Duration::from_millis(300));
    let more = "limited: { queue: { wait: 20s } }";
    let sidecar = Setup::alias(Api::Chat, &[&a], more).start();
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
    let (long, done) = ("word ".repeat(6_000), Mutex::default());
    std::thread::scope(|scope| {
        let heavy = ("heavy", "x-outrigger-tenant: heavy", long.as_str());
        callers(scope, &sidecar, &done, 20, heavy);
        std::thread::sleep(Duration::from_millis(700));
        let light = ("light", "x-outrigger-tenant: light", long.as_str());
        callers(scope, &sidecar, &done, 3, light);
    });
    let order = done.into_inner().unwrap();
    let last = order.iter().rposition(|name| *name == "light").unwrap();
    // Some six of the heavy one's had gone; each of the light one's waits for its turn alone.
    assert!(last <= 17, "who came last does not leave last: {order:?}");
    assert!(order[..last].contains(&"heavy"), "{order:?}");
}

#[test]
fn a_higher_priority_leaves_the_queue_first() {
    let a = limited(1, Duration::from_millis(300));
    let sidecar = Setup::alias(Api::Chat, &[&a], "limited: { queue: { wait: 20s } }")
        .with("tags: { priority: { headers: [x-priority] } }")
        .start();
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
    let done = Mutex::default();
    std::thread::scope(|scope| {
        callers(scope, &sidecar, &done, 8, ("low", "x-priority: low", ""));
        std::thread::sleep(Duration::from_millis(500));
        callers(scope, &sidecar, &done, 4, ("high", "x-priority: high", ""));
    });
    let order = done.into_inner().unwrap();
    let first = order.iter().position(|name| *name == "high").unwrap();
    let last = order.iter().rposition(|name| *name == "high").unwrap();
    let between = order[first..last].iter().filter(|name| **name == "low");
    assert!(first <= 4 && between.count() <= 1, "{order:?}");
}

#[test]
fn a_caller_who_leaves_the_queue_frees_its_place() {
    let a = Provider::start("from-a");
    let more = "limited: { queue: { exchanges: 1, wait: 30s } }";
    let sidecar = Setup::alias(Api::Chat, &[&a], more).start();
    a.now(Act::Refuses(Fault::Rate(Some("25"))));
    let waits = open(&sidecar, Api::Chat, false);
    eventually("the limit is known", || a.count() == 1);
    std::thread::sleep(Duration::from_millis(200));
    let full = ask(&sidecar, Api::Chat, false);
    assert_eq!(full.status, 429, "{}", full.text());
    assert!(full.header("retry-after").is_some(), "{}", full.head);
    drop(waits);
    // The place is free: another may wait in it.
    let waits = Mutex::new(None);
    eventually("somebody else waits", || {
        let mut next = open(&sidecar, Api::Chat, false);
        let refused = !next.rest(Duration::from_millis(300)).is_empty();
        *waits.lock().unwrap() = Some(next);
        !refused
    });
    assert_eq!(a.count(), 1, "nobody was sent there meanwhile");
}

#[test]
fn a_wait_ends_and_one_that_could_not_end_in_time_does_not_begin() {
    let a = Provider::always("from-a", Act::Refuses(Fault::Rate(Some("40"))));
    let more = "limited: { queue: { wait: 2s } }";
    let sidecar = Setup::alias(Api::Chat, &[&a], more).start();
    for _ in 0..3 {
        let started = Instant::now();
        let reply = ask(&sidecar, Api::Chat, false);
        assert_eq!(reply.status, 429, "{}", reply.text());
        assert!(started.elapsed() < Duration::from_secs(10));
        let after: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((20..=50).contains(&after), "{after}");
    }
    assert_eq!(a.count(), 1);
    let a = Provider::always("from-a", Act::Refuses(Fault::Rate(Some("1"))));
    let sidecar = Setup::alias(Api::Chat, &[&a], more).start();
    let started = Instant::now();
    assert_eq!(ask(&sidecar, Api::Chat, false).status, 429);
    assert!(started.elapsed() < Duration::from_secs(15), "not for ever");
    assert!(a.count() <= 5, "{} calls", a.count());
}

#[test]
fn limited_exchanges_degrade_to_another_alias() {
    for api in Api::EVERY {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        a.now(Act::Refuses(Fault::Rate(Some("40"))));
        let sidecar = Setup::new(api)
            .upstream("a", &a, "key: ours")
            .upstream("b", &b, "key: ours")
            .model("fast: { targets: [a/m], limited: { degrade: spare } }")
            .model("spare: { targets: [b/small] }")
            .start();
        for _ in 0..3 {
            answered(&ask(&sidecar, api, true), "from-b");
        }
        assert_eq!((a.count(), b.count()), (1, 3), "{api:?}");
        assert_eq!(b.calls()[0].model(), "small");
        tried(&sidecar, 1, &["b/small success 200"]);
    }
}

#[test]
fn nobody_is_sent_to_a_provider_before_the_end_of_its_limit() {
    let a = Provider::start("from-a");
    let more = "limited: { queue: { wait: 20s } }";
    let sidecar = Setup::alias(Api::Chat, &[&a], more).start();
    a.next([Act::Refuses(Fault::Rate(Some("3")))]);
    std::thread::scope(|scope| {
        let ask = |stream| answered(&ask(&sidecar, Api::Chat, stream), "from-a");
        scope.spawn(move || ask(false));
        eventually("the limit is known", || a.count() == 1);
        std::thread::sleep(Duration::from_millis(300));
        for number in 0..50 {
            scope.spawn(move || ask(number % 2 == 0));
        }
    });
    for number in 1..a.count() {
        let after = a.between(0, number);
        assert!(after >= Duration::from_millis(2_950), "{after:?}");
    }
    assert_eq!(a.count(), 52, "each once, but the first");
    nothing_is_in_flight(&sidecar);
}
