//! More than one request for an exchange on purpose: hedges, shadows, and a canary beside its
//! control.

use std::time::{Duration, Instant};

use outrigger_tests::failover::{
    Setup, answered, ask, ask_for, attempts, counted_tokens, exchange, nothing_is_in_flight,
};
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually};

/// Two accounts of a priced model, and these members of the alias.
fn two_accounts(a: &Provider, b: &Provider, more: &str) -> Setup {
    Setup::new(Api::Chat)
        .upstream("a", a, "key: ours")
        .upstream("b", b, "key: theirs")
        .model(&format!(
            "fast: {{ targets: [a/gpt-4o-mini, b/gpt-4o-mini], {more} }}"
        ))
}

fn ask_often(sidecar: &Sidecar, times: usize) {
    for number in 0..times {
        let prompt = format!("question {number}");
        answered(
            &ask_for(sidecar, Api::Chat, "fast", &prompt, false),
            "from-",
        );
    }
}

#[test]
fn without_hedges_a_slow_target_is_waited_for() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let sidecar = two_accounts(&a, &b, "attempts: 3").start();
    ask_often(&sidecar, 60);
    a.now(Act::after(Duration::from_secs(2), Act::Answers));
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
    assert_eq!(b.count(), 0);
}

#[test]
fn a_hedge_goes_to_another_account_and_the_loser_is_let_go_and_billed() {
    for stream in [false, true] {
        let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
        let more = "hedge: { share: 10%, delay: 500ms }";
        let sidecar = two_accounts(&a, &b, more).start();
        ask_often(&sidecar, 60);
        assert_eq!(b.count(), 0, "nobody was slow");
        let before = counted_tokens(&sidecar, "a");
        a.now(Act::after(Duration::from_secs(20), Act::Answers));
        let started = Instant::now();
        answered(&ask(&sidecar, Api::Chat, stream), "from-b");
        assert!(started.elapsed() < Duration::from_secs(15));
        assert_eq!(b.keys(), ["theirs"]);
        eventually("the loser is let go", || a.left_early() == [60]);
        let line = exchange(&sidecar, 60);
        let tried = attempts(&line);
        assert_eq!(tried.len(), 2, "{line}");
        assert!(
            tried.contains(&"b/gpt-4o-mini success 200".to_owned()),
            "{line}"
        );
        eventually("its input is billed", || {
            counted_tokens(&sidecar, "a").0 > before.0
        });
    }
}

#[test]
fn hedges_are_bounded_by_their_share_and_not_made_before_there_is_one() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    a.now(Act::after(Duration::from_millis(300), Act::Answers));
    let more = "hedge: { share: 10%, delay: 50ms }";
    let sidecar = two_accounts(&a, &b, more).start();
    ask_often(&sidecar, 9);
    assert_eq!(b.count(), 0, "a tenth of nine exchanges is none");
    ask_often(&sidecar, 41);
    assert!((1..=5).contains(&b.count()), "{} of 50", b.count());
}

#[test]
fn what_may_not_be_done_twice_is_not_hedged() {
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let sidecar = Setup::new(Api::Responses)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: theirs")
        .model("fast: { targets: [a/gpt-4o-mini, b/gpt-4o-mini], hedge: { share: 10%, delay: 200ms } }")
        .start();
    for _ in 0..40 {
        answered(&ask(&sidecar, Api::Responses, false), "from-a");
    }
    a.now(Act::after(Duration::from_secs(1), Act::Answers));
    for extra in [
        r#""previous_response_id":"resp_0""#,
        r#""tools":[{"type":"web_search"}]"#,
    ] {
        let body = format!(r#"{{"model":"fast","input":"hi",{extra}}}"#);
        answered(&sidecar.post(Api::Responses.path(), body), "from-a");
    }
    assert_eq!(b.count(), 0);
}

/// An alias of `a` with a shadow of `s`.
fn shadowed(a: &Provider, s: &Provider, usd: &str) -> Sidecar {
    Setup::new(Api::Chat)
        .upstream("a", a, "key: ours")
        .upstream("s", s, "key: theirs")
        .model(&format!(
            "fast: {{ targets: [a/gpt-4o-mini], shadow: {{ target: s/gpt-4o, share: 100%, usd_per_day: {usd} }} }}"
        ))
        .start()
}

#[test]
fn a_shadow_gets_a_copy_and_the_app_sees_nothing_of_it() {
    let (a, s) = (Provider::start("from-a"), Provider::start("from-s"));
    let sidecar = shadowed(&a, &s, "5");
    for number in 1..=10 {
        let reply = ask(&sidecar, Api::Chat, number % 2 == 0);
        answered(&reply, "from-a");
        assert!(!reply.text().contains("from-s"));
    }
    eventually("copies came", || s.count() == 10);
    let (of_a, of_s) = (a.calls(), s.calls());
    assert_eq!(of_s[0].model(), "gpt-4o");
    assert_eq!(of_s[0].json()["messages"], of_a[0].json()["messages"]);
    assert_eq!(of_s[0].key(), "theirs");
    let compared = || {
        let labels = ["model=\"fast\"", "result=\"compared\""];
        sidecar.metric("outrigger_shadows_total", &labels)
    };
    eventually("each is compared", || compared() as u64 == 10);
    let cost = sidecar.metric("outrigger_shadow_cost_nanousd_total", &["model=\"fast\""]);
    assert!(cost > 0.0);
    assert_eq!(
        counted_tokens(&sidecar, "s"),
        (0, 0),
        "no exchange took them"
    );
    nothing_is_in_flight(&sidecar);
}

#[test]
fn a_shadow_that_fails_hangs_or_is_slow_is_nobodys_trouble() {
    for act in [
        Act::Refuses(Fault::MaybeDone),
        Act::Resets,
        Act::IsSilent,
        Act::after(Duration::from_secs(3), Act::Answers),
    ] {
        let (a, s) = (Provider::start("from-a"), Provider::always("from-s", act));
        let sidecar = shadowed(&a, &s, "5");
        let started = Instant::now();
        for _ in 0..20 {
            answered(&ask(&sidecar, Api::Chat, false), "from-a");
        }
        assert!(started.elapsed() < Duration::from_secs(20));
        let failures = outrigger_tests::failover::counted(&sidecar, "a/gpt-4o-mini").1;
        assert_eq!(failures, 0);
    }
}

#[test]
fn shadows_cost_no_more_in_a_day_than_they_may() {
    let (a, s) = (Provider::start("from-a"), Provider::start("from-s"));
    // A copy costs 10 × 2.5 and 5 × 10 dollars a million: 75 millionths, and more by estimate.
    let sidecar = shadowed(&a, &s, "0.01");
    ask_often(&sidecar, 200);
    std::thread::sleep(Duration::from_millis(500));
    let copies = s.count();
    assert!((1..=134).contains(&copies), "{copies} copies for a cent");
}

#[test]
fn a_canary_has_its_share_and_a_conversation_stays_on_its_side() {
    let (a, c) = (Provider::start("from-a"), Provider::start("from-c"));
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("c", &c, "key: ours")
        .model("fast: { targets: [a/m], canary: { target: c/m, share: 30% } }")
        .start();
    let mut of_c = 0;
    for number in 0..60 {
        let prompt = format!("conversation {number}");
        let who = || {
            let reply = ask_for(&sidecar, Api::Chat, "fast", &prompt, false);
            answered(&reply, "from-");
            reply.text().contains("from-c")
        };
        let first = who();
        assert_eq!(who(), first, "conversation {number}");
        of_c += usize::from(first);
    }
    assert!((6..=32).contains(&of_c), "{of_c} of 60 at 30 %");
}

#[test]
fn a_canary_that_fails_more_often_is_rolled_back_for_good_and_no_app_notices() {
    let a = Provider::start("from-a");
    let c = Provider::scripted("from-c", |_, number| match number % 3 {
        0 => Act::Refuses(Fault::Overload),
        _ => Act::Answers,
    });
    let setup = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("c", &c, "key: ours")
        .model(
            "fast: { targets: [a/m], canary: { target: c/m, share: 50% }, retry: { share: 100% } }",
        );
    let sidecar = setup.start();
    let mut number = 0;
    let mut ask_new = || {
        number += 1;
        let prompt = format!("conversation {number}");
        answered(
            &ask_for(&sidecar, Api::Chat, "fast", &prompt, false),
            "from-",
        );
    };
    (0..600).for_each(|_| ask_new());
    let rolled_back = || {
        sidecar
            .log_lines()
            .into_iter()
            .filter(|line| line["level"] == "WARN" || line["level"] == "ERROR")
            .any(|line| line.to_string().contains("canary"))
    };
    eventually("the rollback is logged", rolled_back);
    let after = c.count();
    (0..100).for_each(|_| ask_new());
    assert_eq!(c.count(), after, "nobody is sent there any more");
    // It sticks: a new generation of the same alias does not begin anew.
    let generation = sidecar.generation();
    let more = setup.model("another: { targets: [a/m] }");
    sidecar.reconfigure(&more.text());
    eventually("it is taken up", || sidecar.generation() > generation);
    (0..100).for_each(|_| ask_new());
    assert_eq!(c.count(), after, "nor after a reload");
}
