//! Tests that what one replica learns of targets is known to the others.

use std::{sync::Arc, time::Duration};

use outrigger::{
    config::{Alias, AliasTarget, Canary, Target},
    state::{
        Clock, Stores,
        targets::{AliasState, Pass, Place, now},
    },
};
use redis::Commands;
use route::{Class, Failure, State};

use super::{Rig, SECOND, ready, servers::Server, until};

const SECRET: &str = "sk-secret";

/// The place of `a/m` with a key.
fn place(stores: &Stores) -> Place {
    place_of(stores, "m")
}

fn place_of(stores: &Stores, model: &str) -> Place {
    let targets = stores.targets();
    Place {
        target: targets.target(&format!("a/{model}")),
        keys: vec![targets.key("a", Some(SECRET), "poor", Some(model))],
    }
}

fn fails(place: &Place, failure: &Failure) {
    let pass = Pass::enter(place, &place.keys[0], 1, 9 * SECOND, now());
    pass.ok().unwrap().fail(failure, None, now());
}

fn limited(seconds: u64) -> Failure {
    Failure {
        retry_after: Some(Duration::from_secs(seconds)),
        ..Failure::of(Class::Rate)
    }
}

fn state(place: &Place) -> State {
    place.state(now())
}

fn alias(stores: &Stores, canary: &str, attempts: u8) -> Arc<AliasState> {
    let target = |model: &str| Target {
        upstream: "a".to_owned(),
        model: model.to_owned(),
    };
    let terms = Alias {
        canary: Some(Canary {
            target: target(canary),
            share: 0.05,
            conditions: Vec::new(),
        }),
        attempts,
        ..Alias::of(vec![AliasTarget::of(target("m"))])
    };
    stores.targets().alias("fast", &terms)
}

async fn each(test: impl AsyncFn(&Rig)) {
    test(&Rig::redis().await).await;
    test(&Rig::cluster().await).await;
}

#[tokio::test]
async fn what_one_replica_opens_is_open_at_the_others_until_the_same_end() {
    each(async |rig| {
        let other = rig.replica().await;
        let (here, there) = (place(&rig.stores), place(&other));
        fails(&here, &limited(40));
        until("the other has it", async || state(&there) == State::Open).await;
        let [here, there] = [here.figures(), there.figures()];
        assert_eq!(there.cause, Some("rate"));
        // A share of it longer, so that they do not probe together.
        let (own, others) = (here.target.open_ms.unwrap(), there.target.open_ms.unwrap());
        assert!((39_000..=53_000).contains(&others), "{others}");
        assert!(own <= 46_000, "what is its own is not news: {own}");
        assert_eq!((there.target.attempts, there.target.failures), (0, 0));
        assert_eq!(there.keys[0].account.state.state, "closed");
    })
    .await;
}

#[tokio::test]
async fn a_429_without_an_end_bounds_what_the_others_have_in_flight() {
    each(async |rig| {
        let other = rig.replica().await;
        let there = place(&other);
        fails(&place(&rig.stores), &Failure::of(Class::Rate));
        until("the other has it", async || {
            there.figures().keys[0].limit.is_some()
        })
        .await;
        assert_eq!(state(&there), State::Closed);
    })
    .await;
}

#[tokio::test]
async fn what_is_well_at_one_replica_is_probed_early_by_the_others() {
    each(async |rig| {
        let other = rig.replica().await;
        let (here, there) = (place(&rig.stores), place(&other));
        fails(&here, &limited(40));
        until("the other has it", async || state(&there) == State::Open).await;
        here.reset();
        until("it may probe", async || state(&there) == State::HalfOpen).await;
        assert_eq!(state(&here), State::Closed);
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_is_new_and_a_target_that_is_new_learn_what_is_known() {
    each(async |rig| {
        fails(&place_of(&rig.stores, "early"), &limited(40));
        let late = rig.replica().await;
        let there = place_of(&late, "early");
        until("the new one has it", async || state(&there) == State::Open).await;
        fails(&place_of(&rig.stores, "unknown"), &limited(40));
        let there = place_of(&late, "later");
        fails(&place_of(&rig.stores, "later"), &limited(40));
        until("it was read", async || state(&there) == State::Open).await;
        let there = place_of(&late, "unknown");
        until("it is looked up", async || state(&there) == State::Open).await;
    })
    .await;
}

#[tokio::test]
async fn a_canary_that_one_replica_rolls_back_is_back_at_all_until_one_is_resumed() {
    each(async |rig| {
        let other = rig.replica().await;
        let (here, there) = (alias(&rig.stores, "new", 3), alias(&other, "new", 3));
        here.roll_back_canary("test");
        until("the other has it", async || there.canary_rolled_back()).await;
        // Other terms of the alias do not bring it back, and another target is another trial.
        let again = alias(&other, "new", 4);
        assert!(again.canary_rolled_back());
        let third = rig.replica().await;
        let late = alias(&third, "new", 4);
        until("one that comes later has it", async || {
            late.canary_rolled_back()
        })
        .await;
        assert!(again.resume_canary());
        until("all are resumed", async || !here.canary_rolled_back()).await;
        let newer = alias(&other, "newer", 4);
        here.roll_back_canary("test");
        fails(&place(&rig.stores), &limited(40));
        let there = place(&other);
        until("all was read", async || state(&there) == State::Open).await;
        assert!(!newer.canary_rolled_back());
    })
    .await;
}

#[tokio::test]
async fn while_the_store_is_away_each_learns_alone_and_what_it_learnt_is_shared_afterwards() {
    let server = Arc::new(Server::alone(&[]));
    let rig = Rig::of(server.state(), Some(Arc::clone(&server))).await;
    let other = rig.replica().await;
    let (here, there) = (place(&rig.stores), place(&other));
    server.pause();
    fails(&here, &limited(50));
    assert_eq!((state(&here), state(&there)), (State::Open, State::Closed));
    fails(&there, &Failure::of(Class::Overload));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(state(&there), State::Closed);
    server.go_on();
    until("the other has it", async || state(&there) == State::Open).await;
}

#[tokio::test]
async fn what_a_store_has_lost_does_not_hide_what_comes_then() {
    let server = Arc::new(Server::alone(&[]));
    let rig = Rig::of(server.state(), Some(Arc::clone(&server))).await;
    let other = rig.replica().await;
    fails(&place_of(&rig.stores, "one"), &limited(50));
    let there = place_of(&other, "one");
    until("the other has it", async || state(&there) == State::Open).await;
    let _: () = server.connection().flushall().unwrap();
    fails(&place_of(&rig.stores, "two"), &limited(50));
    let there = place_of(&other, "two");
    until("the other has it", async || state(&there) == State::Open).await;
}

#[tokio::test]
async fn the_store_has_names_and_digests_expires_and_stays_small() {
    let server = Arc::new(Server::alone(&[]));
    let stores = ready(&server.state(), Clock::Wall).await;
    for number in 0..600 {
        let place = place_of(&stores, &number.to_string());
        fails(&place, &limited(100));
        for _ in 0..5 {
            fails(
                &place_of(&stores, &format!("x{number}")),
                &Failure::of(Class::Overload),
            );
        }
    }
    let mut connection = server.connection();
    let keys: Vec<String> = connection.keys("*").unwrap();
    let mut known = Vec::new();
    until("it is published", async || {
        let keys: Vec<String> = connection.keys("*:known").unwrap();
        known = match keys.first() {
            Some(key) => connection.hgetall(key).unwrap(),
            None => Vec::<(String, String)>::new(),
        };
        known.len() == 1024
    })
    .await;
    drop(keys);
    tokio::time::sleep(SECOND).await;
    let keys: Vec<String> = connection.keys("*").unwrap();
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in &keys {
        let left: i64 = connection.ttl(key).unwrap();
        assert!(left > 24 * 60 * 60, "{key}: {left}");
        let slot = key
            .split_once('{')
            .and_then(|(_, rest)| rest.split_once('}'));
        assert_eq!(slot.map(|(tag, _)| tag), Some("targets"));
    }
    assert!(!format!("{keys:?}{known:?}").contains(SECRET));
    assert!(
        known
            .iter()
            .any(|(name, _)| name.starts_with("state:key_model:a#"))
    );
}
