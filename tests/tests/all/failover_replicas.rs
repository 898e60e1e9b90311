//! Replicas that share what they learn through Redis, and learn alone without it.

use std::time::{Duration, Instant};

use outrigger_tests::failover::{Setup, answered, ask, state};
use outrigger_tests::redis::Redis;
use outrigger_tests::replies::Api;
use outrigger_tests::{Act, Fault, Provider, Sidecar, eventually};

fn replicas(a: &Provider, b: &Provider, redis: &Redis) -> [Sidecar; 2] {
    let state = format!("state: {{ redis: \"{}\", timeout: 500ms }}", redis.url());
    let setup = Setup::alias(Api::Chat, &[a, b], "").with(&state);
    [setup.start(), setup.start()]
}

#[test]
fn what_one_replica_learns_of_a_limit_the_other_keeps_to_within_a_second() {
    let redis = Redis::start();
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let [one, other] = replicas(&a, &b, &redis);
    // Both know their way.
    answered(&ask(&one, Api::Chat, false), "from-a");
    answered(&ask(&other, Api::Chat, false), "from-a");
    a.now(Act::Refuses(Fault::Rate(Some("50"))));
    answered(&ask(&one, Api::Chat, false), "from-b");
    let calls = a.count();
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..10 {
        answered(&ask(&other, Api::Chat, false), "from-b");
    }
    assert_eq!(a.count(), calls, "the other did not have to learn it");
}

#[test]
fn a_target_that_one_replica_opened_is_open_at_the_other() {
    let redis = Redis::start();
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let [one, other] = replicas(&a, &b, &redis);
    a.now(Act::Refuses(Fault::Overload));
    eventually("one opens it", || {
        ask(&one, Api::Chat, false);
        state(&one, "a/m") == "open"
    });
    eventually("the other has it", || state(&other, "a/m") != "closed");
    a.now(Act::Answers);
    for replica in [&one, &other] {
        eventually("both find it well again", || {
            ask(replica, Api::Chat, false);
            state(replica, "a/m") == "closed"
        });
    }
}

#[test]
fn a_key_that_one_replica_found_revoked_is_not_tried_by_the_other() {
    let redis = Redis::start();
    let a = Provider::start("from-a");
    a.with_key("withdrawn", Act::Refuses(Fault::Key));
    let setup = Setup::new(Api::Chat)
        .upstream("a", &a, "keys: [withdrawn, good]")
        .model("fast: { targets: [a/m] }")
        .with(&format!("state: {{ redis: \"{}\" }}", redis.url()));
    let (one, other) = (setup.start(), setup.start());
    for _ in 0..4 {
        answered(&ask(&one, Api::Chat, false), "from-a");
    }
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..10 {
        answered(&ask(&other, Api::Chat, false), "from-a");
    }
    let withdrawn = a.keys().iter().filter(|key| *key == "withdrawn").count();
    assert_eq!(withdrawn, 1);
    assert!(
        !redis.dump().contains("withdrawn"),
        "keys are not in the store"
    );
}

#[test]
fn without_redis_each_replica_learns_alone_and_no_exchange_waits_for_it() {
    let redis = Redis::start();
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let both = replicas(&a, &b, &redis);
    for replica in &both {
        answered(&ask(replica, Api::Chat, false), "from-a");
    }
    drop(redis);
    a.now(Act::Refuses(Fault::Rate(Some("50"))));
    let before = a.count();
    let started = Instant::now();
    for replica in &both {
        for _ in 0..10 {
            answered(&ask(replica, Api::Chat, false), "from-b");
        }
    }
    assert_eq!(a.count(), before + 2, "each has learnt it by itself");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn replicas_share_again_once_redis_is_back() {
    let mut redis = Redis::start();
    let (a, b) = (Provider::start("from-a"), Provider::start("from-b"));
    let [one, other] = replicas(&a, &b, &redis);
    redis.crash_and_restart();
    for replica in [&one, &other] {
        eventually("the store is used again", || {
            answered(&ask(replica, Api::Chat, false), "from-a");
            replica.metric("outrigger_store_up", &[]) > 0.0
        });
    }
    a.now(Act::Refuses(Fault::Rate(Some("55"))));
    answered(&ask(&one, Api::Chat, false), "from-b");
    let calls = a.count();
    std::thread::sleep(Duration::from_secs(2));
    answered(&ask(&other, Api::Chat, false), "from-b");
    assert_eq!(a.count(), calls, "the other did not have to learn it");
}
