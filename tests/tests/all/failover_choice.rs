//! The choice of the target of an alias that is tried first: strategies, filters, and conversations
//! that stay where they were.

use std::collections::BTreeMap;
use std::time::Duration;

use outrigger_tests::failover::{Setup, answered, ask, ask_for, ask_with, counted, state, tried};
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar, Step, eventually, replies};
use serde_json::json;

fn three() -> [Provider; 3] {
    ["from-a", "from-b", "from-c"].map(Provider::start)
}

/// A conversation's next turn, and who answered.
fn turn(sidecar: &Sidecar, conversation: usize, turns: usize) -> String {
    let mut messages =
        vec![json!({"role": "system", "content": format!("You are {conversation}.")})];
    messages.push(json!({"role": "user", "content": format!("hello {conversation}")}));
    for turn in 0..turns {
        messages.push(json!({"role": "assistant", "content": "hm"}));
        messages.push(json!({"role": "user", "content": format!("and {turn}?")}));
    }
    let body = json!({"model": "fast", "messages": messages}).to_string();
    let reply = sidecar.post(Api::Chat.path(), body);
    answered(&reply, "from-");
    let text = reply.text();
    let who = ["from-a", "from-b", "from-c"].into_iter();
    who.filter(|who| text.contains(who)).collect()
}

/// Fails a provider until its target is open.
fn opens(sidecar: &Sidecar, provider: &Provider, target: &str, conversation: usize) {
    provider.now(Act::Refuses(Fault::Overload));
    eventually("it is open", || {
        turn(sidecar, conversation, 0);
        state(sidecar, target) == "open"
    });
}

#[test]
fn fallback_asks_in_the_order_of_the_list() {
    let [a, b, c] = three();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b, &c], "").start();
    for _ in 0..5 {
        answered(&ask(&sidecar, Api::Chat, false), "from-a");
    }
    a.now(Act::Refuses(Fault::Overload));
    b.now(Act::Refuses(Fault::Overload));
    answered(&ask(&sidecar, Api::Chat, false), "from-c");
    let all = ["a/m overload 503", "b/m overload 503", "c/m success 200"];
    tried(&sidecar, 5, &all);
}

#[test]
fn affinity_keeps_a_conversation_at_its_target_until_that_fails_and_brings_it_back() {
    for strategy in ["least_busy", "cheapest", "weighted"] {
        let all = three();
        let [a, b, c] = &all;
        let more = format!("strategy: {strategy}");
        let sidecar = Setup::alias(Api::Chat, &[a, b, c], &more).start();
        let homes: Vec<String> = (0..12).map(|n| turn(&sidecar, n, 0)).collect();
        let different: std::collections::BTreeSet<&String> = homes.iter().collect();
        assert!(different.len() > 1, "{strategy}: {homes:?}");
        for turns in 1..4 {
            for (number, home) in homes.iter().enumerate() {
                assert_eq!(&turn(&sidecar, number, turns), home, "{strategy}");
            }
        }
        // One fails: its conversations go elsewhere, the others stay.
        let (home, name) = (&homes[0], homes[0].replace("from-", "") + "/m");
        let lost = all.iter().find(|one| one.text() == home).unwrap();
        opens(&sidecar, lost, &name, 0);
        for (number, home) in homes.iter().enumerate() {
            let now = turn(&sidecar, number, 4);
            assert_eq!(now == *home, home != lost.text(), "{strategy}: {now}");
        }
        // It is well again: they come back.
        lost.now(Act::Answers);
        eventually("it is closed", || {
            turn(&sidecar, 0, 5);
            state(&sidecar, &name) == "closed"
        });
        for (number, home) in homes.iter().enumerate() {
            assert_eq!(&turn(&sidecar, number, 6), home, "{strategy}");
        }
    }
}

#[test]
fn a_home_that_is_loaded_beyond_the_others_lets_conversations_go_elsewhere() {
    let [a, b, c] = three();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b, &c], "strategy: least_busy").start();
    let all = [&a, &b, &c];
    let home = turn(&sidecar, 7, 0);
    let loaded = all.iter().find(|one| one.text() == home).unwrap();
    for provider in all {
        provider.now(Act::after(Duration::from_millis(600), Act::Answers));
    }
    // Many turns of one conversation at once.
    let answers = std::thread::scope(|scope| {
        let turns: Vec<_> = (0..24)
            .map(|_| scope.spawn(|| turn(&sidecar, 7, 1)))
            .collect();
        let answers = turns.into_iter().map(|turn| turn.join().unwrap());
        answers.fold(BTreeMap::<String, usize>::new(), |mut sums, who| {
            *sums.entry(who).or_default() += 1;
            sums
        })
    });
    let most = answers.get(loaded.text()).copied().unwrap_or(0);
    assert!((6..=16).contains(&most), "{answers:?}");
    assert_eq!(turn(&sidecar, 7, 2), home, "and it comes back");
}

#[test]
fn weighted_shares_by_weight_and_sticks_by_its_key() {
    let [a, b, _] = three();
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [{ target: a/m, weight: 9 }, { target: b/m, weight: 1 }], strategy: weighted, sticky: tenant }")
        .start();
    let mut of_a = 0;
    for tenant in 0..120 {
        let header = format!("x-outrigger-tenant: t{tenant}");
        let who = |reply: outrigger_tests::wire::Reply| reply.text().contains("from-a");
        let first = who(ask_with(&sidecar, Api::Chat, &[&header], false));
        let again = who(ask_with(&sidecar, Api::Chat, &[&header], false));
        assert_eq!(first, again, "tenant {tenant} stays");
        of_a += usize::from(first);
    }
    assert!((90..120).contains(&of_a), "{of_a} of 120 at nine tenths");
}

#[test]
fn cheapest_asks_the_least_price_first() {
    let [a, b, _] = three();
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [a/gpt-4o, b/gpt-4o-mini], strategy: cheapest }")
        .start();
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
    b.now(Act::Refuses(Fault::Overload));
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
}

#[test]
fn a_price_cap_leaves_out_the_target_at_which_the_exchange_would_cost_more() {
    let [a, b, _] = three();
    let alias = |cap: &str| {
        Setup::new(Api::Chat)
            .upstream("a", &a, "key: ours")
            .upstream("b", &b, "key: ours")
            .model(&format!(
                "fast: {{ targets: [a/gpt-4o, b/gpt-4o-mini], max_usd: {cap} }}"
            ))
            .start()
    };
    // 20,000 tokens: five cents at gpt-4o, a third of one at gpt-4o-mini.
    let long = "word ".repeat(20_000);
    let sidecar = alias("0.02");
    answered(
        &ask_for(&sidecar, Api::Chat, "fast", &long, false),
        "from-b",
    );
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
    let sidecar = alias("0.000001");
    let reply = ask_for(&sidecar, Api::Chat, "fast", &long, false);
    assert!(reply.status >= 400, "{}", reply.text());
    assert!(reply.text().contains("max_usd") || reply.text().contains("cost"));
}

#[test]
fn fastest_prefers_who_answers_sooner_and_failing_fast_is_not_fast() {
    let [a, b, c] = three();
    a.now(Act::after(Duration::from_millis(400), Act::Answers));
    b.now(Act::after(Duration::from_millis(20), Act::Answers));
    c.now(Act::Refuses(Fault::MaybeDone)); // at once
    let more = "strategy: fastest, retry: { maybe_done: 50% }";
    let sidecar = Setup::alias(Api::Chat, &[&a, &b, &c], more).start();
    for number in 0..40 {
        let prompt = format!("question {number}");
        ask_for(&sidecar, Api::Chat, "fast", &prompt, false);
    }
    let before = (a.count(), b.count(), c.count());
    for number in 0..40 {
        let prompt = format!("another question {number}");
        ask_for(&sidecar, Api::Chat, "fast", &prompt, false);
    }
    let calls = (
        a.count() - before.0,
        b.count() - before.1,
        c.count() - before.2,
    );
    assert!(calls.1 >= 30, "{calls:?}");
    assert!(calls.2 <= 5, "failures at once do not look fast: {calls:?}");
}

#[test]
fn least_busy_spreads_what_is_in_flight() {
    let [a, b, c] = three();
    for provider in [&a, &b, &c] {
        provider.now(Act::after(Duration::from_millis(700), Act::Answers));
    }
    let sidecar = Setup::alias(Api::Chat, &[&a, &b, &c], "strategy: least_busy").start();
    std::thread::scope(|scope| {
        for number in 0..30 {
            let sidecar = &sidecar;
            scope.spawn(move || {
                let prompt = format!("question {number}");
                answered(
                    &ask_for(sidecar, Api::Chat, "fast", &prompt, false),
                    "from-",
                );
            });
        }
    });
    for provider in [&a, &b, &c] {
        assert!((5..=16).contains(&provider.count()), "{}", provider.count());
    }
}

#[test]
fn a_target_that_could_not_take_the_request_is_no_candidate() {
    let [a, b, _] = three();
    let sidecar = Setup::alias(Api::Chat, &[&a, &b], "")
        .with("model_facts: { \"a/m\": { tools: false, images: false }, \"b/m\": { tools: true, images: true } }")
        .start();
    let tools = json!({"model": "fast", "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]});
    let image = json!({"model": "fast", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "what is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]});
    for body in [tools, image] {
        answered(&sidecar.post(Api::Chat.path(), body.to_string()), "from-b");
        // Neither after a failure: it would lose its tools.
        b.next([Act::Refuses(Fault::Overload)]);
        sidecar.post(Api::Chat.path(), body.to_string());
        assert_eq!(a.count(), 0);
    }
    answered(&ask(&sidecar, Api::Chat, false), "from-a");
}

#[test]
fn a_targets_condition_keeps_exchanges_without_that_tag_away() {
    let [a, b, _] = three();
    let sidecar = Setup::new(Api::Chat)
        .upstream("a", &a, "key: ours")
        .upstream("b", &b, "key: ours")
        .model("fast: { targets: [{ target: a/m, where: { region: [eu, uk] } }, b/m] }")
        .start();
    let of = |region: &str| {
        let header = format!("x-outrigger-region: {region}");
        ask_with(&sidecar, Api::Chat, &[&header], false)
    };
    answered(&of("eu"), "from-a");
    answered(&of("uk"), "from-a");
    answered(&of("us"), "from-b");
    answered(&ask(&sidecar, Api::Chat, false), "from-b");
}

#[test]
fn an_alias_of_one_target_tries_that_again() {
    for api in Api::EVERY {
        let a = Provider::start("from-a");
        a.next([
            Act::Refuses(Fault::Overload),
            Act::FailsInside(Fault::Overload),
        ]);
        let sidecar = Setup::alias(api, &[&a], "").start();
        answered(&ask(&sidecar, api, true), "from-a");
        assert_eq!(a.count(), 3, "{api:?}");
        assert_eq!(counted(&sidecar, "a/m"), (3, 2), "{api:?}");
    }
}

#[test]
fn a_warm_prompt_cache_is_waited_for_and_a_cold_one_is_not() {
    let cached = |share: u64| {
        let body = format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"from-a"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":2000,"completion_tokens":5,"total_tokens":2005,"prompt_tokens_details":{{"cached_tokens":{share}}}}}}}"#
        );
        Act::Plays(vec![Step::Send(replies::json_body(&body))])
    };
    for (share, expected) in [(1900, "from-a"), (0, "from-b")] {
        let [a, b, _] = three();
        a.now(cached(share));
        let sidecar = Setup::alias(Api::Chat, &[&a, &b], "").start();
        for turns in 0..3 {
            assert_eq!(turn(&sidecar, 1, turns), "from-a");
        }
        a.next([Act::Refuses(Fault::Rate(Some("1")))]);
        assert_eq!(turn(&sidecar, 1, 3), expected, "{share} of 2000 cached");
    }
}
