//! Properties of replies that are found by meaning, in memory and in the vector sets of Redis 8.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use outrigger::{
    config::{State, StateMemory},
    state::{Clock, Stores, Unavailable, replies::NotKept},
};
use policy::{Near, Partition, Vector};
use sandbox::capabilities::replies::{Neighbour, Replies as _};

use super::{Rig, SECOND, ready, servers, until};

const MINUTE: Duration = Duration::from_secs(60);
const NONE: Duration = Duration::ZERO;
/// Loss of a cosine by a byte a number.
const ROUGH: f32 = 0.01;

macro_rules! in_every_store_of_vectors {
    ($($test:ident)*) => {
        mod memory { $(#[tokio::test] async fn $test() { super::$test(super::Rig::memory().await).await })* }
        mod standalone { $(#[tokio::test] async fn $test() { if let Some(rig) = super::Rig::redis_8().await { super::$test(rig).await } })* }
        mod cluster { $(#[tokio::test] async fn $test() { if let Some(rig) = super::Rig::cluster_8().await { super::$test(rig).await } })* }
    };
}

in_every_store_of_vectors! {
    what_is_near_is_found_nearest_first_as_it_was_kept
    nothing_is_near_where_nothing_was_kept
    no_more_and_nothing_farther_than_wanted_is_found
    what_is_gone_is_not_found
    what_has_expired_does_not_hide_what_has_not
    a_reply_that_is_kept_again_is_found_by_its_new_vector_alone
    partitions_policies_embedders_and_dimensions_never_meet
    a_reply_is_evicted_with_those_that_are_near_it
    many_are_kept_and_found_at_once
}

/// A vector in a plane, at an angle to the first axis.
fn at(degrees: f32) -> Arc<Vector> {
    of("up/model", 16, degrees)
}

fn of(embedder: &str, dimensions: usize, degrees: f32) -> Arc<Vector> {
    let mut numbers = vec![0.0; dimensions];
    (numbers[0], numbers[1]) = (degrees.to_radians().cos(), degrees.to_radians().sin());
    Arc::new(Vector::new(embedder.into(), numbers).unwrap())
}

/// A vector of its own axis.
fn axis(number: usize) -> Arc<Vector> {
    let mut numbers = vec![0.0; 100];
    numbers[number] = 1.0;
    Arc::new(Vector::new("up/model".into(), numbers).unwrap())
}

const HERE: Partition = Partition([1; 32]);

fn near(partition: Partition, vector: Arc<Vector>, note: &'static [u8]) -> Near {
    Near {
        partition,
        vector,
        note: Bytes::from_static(note),
    }
}

async fn keep(stores: &Stores, key: &str, degrees: f32, ttl: Duration) -> String {
    let near = near(HERE, at(degrees), b"");
    keep_near(stores, "cache", key, ttl, &near).await.unwrap()
}

async fn keep_near(
    stores: &Stores,
    space: &str,
    key: &str,
    ttl: Duration,
    near: &Near,
) -> Result<String, NotKept> {
    let bytes = Bytes::from(format!("the reply of {key}"));
    let replies = stores.replies();
    replies.put_near(space, key, bytes, ttl, Some(near)).await
}

async fn find(stores: &Stores, degrees: f32, least: f32, count: usize) -> Vec<Neighbour> {
    let found = stores.nearest("cache", HERE, at(degrees), least, count);
    found.await.unwrap()
}

fn keys(found: &[Neighbour]) -> Vec<&str> {
    found.iter().map(|near| near.key.as_str()).collect()
}

async fn what_is_near_is_found_nearest_first_as_it_was_kept(rig: Rig) {
    let note: &[u8] = b"\0a \"note\"\xff\r\n";
    let first = near(HERE, at(10.0), note);
    let id = keep_near(&rig.stores, "cache", "ten", MINUTE, &first)
        .await
        .unwrap();
    let large = Near {
        note: Bytes::from(vec![b'n'; 4096]),
        ..near(HERE, at(30.0), b"")
    };
    let long = "k".repeat(512);
    keep_near(&rig.stores, "cache", &long, NONE, &large)
        .await
        .unwrap();
    keep(&rig.stores, "sixty", 60.0, MINUTE).await;
    rig.advance(10 * SECOND);
    let found = find(&rig.replica().await, 12.0, 0.5, 16).await;
    assert_eq!(keys(&found), ["ten", &long, "sixty"]);
    for (found, degrees) in found.iter().zip([2.0_f32, 18.0, 48.0]) {
        let expected = degrees.to_radians().cos();
        assert!((found.similarity - expected).abs() < ROUGH, "{found:?}");
    }
    assert_eq!(
        (&found[0].id, &found[0].note[..], found[0].age),
        (&id, note, 10 * SECOND)
    );
    assert_eq!(found[0].expires_in, Some(50 * SECOND));
    assert_eq!(found[1].note, large.note);
    assert_eq!((found[1].expires_in, found[2].note.len()), (None, 0));
    // It is found by its key as any other is.
    let reply = rig.stores.replies().get("cache", "ten").await.unwrap();
    assert_eq!(reply.unwrap().bytes, "the reply of ten");
}

async fn nothing_is_near_where_nothing_was_kept(rig: Rig) {
    assert!(find(&rig.stores, 0.0, -1.0, 16).await.is_empty());
    let replies = rig.stores.replies();
    let bytes = Bytes::from_static(b"by its key alone");
    replies.put("cache", "k", bytes, MINUTE).await.unwrap();
    assert!(find(&rig.stores, 0.0, -1.0, 16).await.is_empty());
}

async fn no_more_and_nothing_farther_than_wanted_is_found(rig: Rig) {
    for degrees in 0..40 {
        keep(
            &rig.stores,
            &degrees.to_string(),
            degrees as f32 * 4.0,
            MINUTE,
        )
        .await;
    }
    let found = find(&rig.stores, 0.0, -1.0, 5).await;
    assert_eq!(keys(&found), ["0", "1", "2", "3", "4"]);
    assert!(find(&rig.stores, 0.0, -1.0, 0).await.is_empty());
    // The cosine of 8 degrees is 0.990, that of 12 degrees 0.978.
    let found = find(&rig.stores, 0.0, 0.985, 16).await;
    assert_eq!(keys(&found), ["0", "1", "2"]);
    let found = find(&rig.stores, 0.0, 1.0, 16).await;
    assert!(found.len() <= 1);
    let found = find(&rig.stores, 180.0, 0.999, 16).await;
    assert!(found.is_empty(), "{found:?}");
}

async fn what_is_gone_is_not_found(rig: Rig) {
    let replies = rig.stores.replies();
    let id = keep(&rig.stores, "by id", 0.0, MINUTE).await;
    keep(&rig.stores, "by key", 1.0, MINUTE).await;
    keep(&rig.stores, "replaced", 2.0, MINUTE).await;
    keep(&rig.stores, "expired", 3.0, 10 * SECOND).await;
    keep(&rig.stores, "stays", 4.0, MINUTE).await;
    assert_eq!(find(&rig.stores, 0.0, 0.9, 16).await.len(), 5);
    assert!(replies.evict_id(&id).await.unwrap());
    assert!(replies.evict("cache", "by key").await.unwrap());
    let bytes = Bytes::from_static(b"without a vector");
    replies
        .put("cache", "replaced", bytes, MINUTE)
        .await
        .unwrap();
    rig.advance(10 * SECOND);
    for _ in 0..2 {
        assert_eq!(keys(&find(&rig.stores, 0.0, 0.9, 16).await), ["stays"]);
    }
    if rig.state.redis.is_none() {
        assert_eq!(rig.stores.snapshot().await.vectors.entries, 1);
    }
}

async fn what_has_expired_does_not_hide_what_has_not(rig: Rig) {
    keep(&rig.stores, "far", 20.0, MINUTE).await;
    for n in 0..60 {
        keep(&rig.stores, &n.to_string(), 0.1 * n as f32, 10 * SECOND).await;
    }
    rig.advance(10 * SECOND);
    assert_eq!(keys(&find(&rig.stores, 0.0, 0.5, 2).await), ["far"]);
}

async fn a_reply_that_is_kept_again_is_found_by_its_new_vector_alone(rig: Rig) {
    let id = keep(&rig.stores, "k", 0.0, MINUTE).await;
    assert_eq!(keep(&rig.stores, "k", 90.0, MINUTE).await, id);
    assert!(find(&rig.stores, 0.0, 0.9, 16).await.is_empty());
    assert_eq!(keys(&find(&rig.stores, 90.0, 0.9, 16).await), ["k"]);
    // In another partition, too.
    let moved = near(Partition([2; 32]), at(90.0), b"");
    keep_near(&rig.stores, "cache", "k", MINUTE, &moved)
        .await
        .unwrap();
    assert!(find(&rig.stores, 90.0, 0.9, 16).await.is_empty());
    let found = rig
        .stores
        .nearest("cache", moved.partition, at(90.0), 0.9, 16);
    assert_eq!(keys(&found.await.unwrap()), ["k"]);
}

async fn partitions_policies_embedders_and_dimensions_never_meet(rig: Rig) {
    let mut kept = Vec::new();
    for (space, partition, embedder, dimensions) in [
        ("cache", 1, "up/model", 16),
        ("cache", 2, "up/model", 16),
        ("cache", 1, "up/model2", 16),
        ("cache", 1, "up/model", 17),
        ("other", 1, "up/model", 16),
        ("cach", 1, "up/model", 16),
    ] {
        let place = (space, Partition([partition; 32]), embedder, dimensions);
        let key = format!("{space} {partition} {embedder} {dimensions}");
        let near = near(place.1, of(embedder, dimensions, 0.0), b"");
        keep_near(&rig.stores, space, &key, MINUTE, &near)
            .await
            .unwrap();
        kept.push((place, key));
    }
    for ((space, partition, embedder, dimensions), key) in &kept {
        let vector = of(embedder, *dimensions, 0.0);
        let found = rig.stores.nearest(space, *partition, vector, -1.0, 16);
        assert_eq!(keys(&found.await.unwrap()), [key]);
    }
}

async fn a_reply_is_evicted_with_those_that_are_near_it(rig: Rig) {
    let replies = rig.stores.replies();
    let id = keep(&rig.stores, "0", 0.0, MINUTE).await;
    for degrees in [5, 10, 40, 90] {
        keep(&rig.stores, &degrees.to_string(), degrees as f32, MINUTE).await;
    }
    let elsewhere = near(Partition([2; 32]), at(0.0), b"");
    keep_near(&rig.stores, "cache", "elsewhere", MINUTE, &elsewhere)
        .await
        .unwrap();
    assert_eq!(replies.evict_kin(&id, 0.97).await, Ok(3));
    assert_eq!(keys(&find(&rig.stores, 0.0, -1.0, 16).await), ["40", "90"]);
    assert!(replies.get("cache", "5").await.unwrap().is_none());
    assert!(replies.get("cache", "elsewhere").await.unwrap().is_some());
    assert_eq!(replies.evict_kin(&id, 0.97).await, Ok(0));
    assert_eq!(replies.evict_kin("no id", 0.97).await, Ok(0));
    // A reply without a vector has no kin.
    let bytes = Bytes::from_static(b"by its key alone");
    let id = replies.put("cache", "k", bytes, MINUTE).await.unwrap();
    assert_eq!(replies.evict_kin(&id, -1.0).await, Ok(1));
}

async fn many_are_kept_and_found_at_once(rig: Rig) {
    async fn find(stores: &Stores, n: usize) -> Vec<Neighbour> {
        let found = stores.nearest("cache", HERE, axis(n), 0.9, 2);
        found.await.unwrap()
    }
    let replicas = [rig.replica().await, rig.replica().await];
    let tasks = (0..100).map(|n| {
        let stores = replicas[n % 2].clone();
        tokio::spawn(async move {
            let near = near(HERE, axis(n), b"");
            keep_near(&stores, "cache", &n.to_string(), MINUTE, &near)
                .await
                .unwrap();
            assert_eq!(keys(&find(&stores, n).await), [n.to_string()]);
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    for n in 0..100 {
        assert_eq!(keys(&find(&rig.stores, n).await), [n.to_string()]);
    }
}

#[tokio::test]
async fn vectors_are_bounded_in_bytes_and_the_oldest_leave() {
    let memory = StateMemory {
        vectors: 64 << 10,
        ..StateMemory::default()
    };
    let state = State {
        memory,
        ..State::default()
    };
    let rig = Rig::of(state, None).await;
    for n in 0..1000 {
        keep(&rig.stores, &n.to_string(), 0.1 * n as f32, MINUTE).await;
    }
    let figures = rig.stores.snapshot().await;
    assert!(figures.vectors.bytes <= 64 << 10, "{figures:?}");
    assert!((150..400).contains(&figures.vectors.entries), "{figures:?}");
    assert_eq!(figures.replies.entries, 1000);
    assert!(find(&rig.stores, 0.0, 0.999_9, 16).await.is_empty());
    let found = find(&rig.stores, 99.9, 0.999_9, 1).await;
    assert_eq!(keys(&found), ["999"]);
}

#[tokio::test]
async fn a_reply_that_memory_evicts_takes_its_vector_along() {
    let memory = StateMemory {
        replies: 256 << 10,
        ..StateMemory::default()
    };
    let state = State {
        memory,
        ..State::default()
    };
    let rig = Rig::of(state, None).await;
    for n in 0..5000 {
        keep(&rig.stores, &n.to_string(), 0.01 * n as f32, MINUTE).await;
    }
    let figures = rig.stores.snapshot().await;
    assert!(figures.replies.entries < 2000, "{figures:?}");
    assert_eq!(figures.replies.entries, figures.vectors.entries);
    for near in find(&rig.stores, 25.0, 0.5, 16).await {
        let reply = rig.stores.replies().get("cache", &near.key).await.unwrap();
        assert!(reply.is_some(), "{near:?}");
    }
}

#[tokio::test]
async fn a_set_lives_as_long_as_its_longest_element_and_forgets_the_dead() {
    let Some(rig) = Rig::redis_8().await else {
        return;
    };
    let mut redis = rig.server.as_ref().unwrap().connection();
    let prefix = &rig.state.redis.as_ref().unwrap().prefix;
    let find_sets = |redis: &mut redis::Connection| -> Vec<String> {
        redis::cmd("KEYS")
            .arg(format!("{prefix}:v:*"))
            .query(redis)
            .unwrap()
    };
    keep(&rig.stores, "long", 0.0, 600 * SECOND).await;
    keep(&rig.stores, "short", 5.0, Duration::from_millis(50)).await;
    let sets = find_sets(&mut redis);
    let ttl: i64 = redis::cmd("PTTL").arg(&sets).query(&mut redis).unwrap();
    assert!((500_000..=600_000).contains(&ttl), "{sets:?} {ttl}");
    let count = |redis: &mut redis::Connection| -> u64 {
        redis::cmd("VCARD").arg(&sets).query(redis).unwrap()
    };
    assert_eq!(count(&mut redis), 2);
    // The server forgets the reply; whoever meets its element next removes that.
    tokio::time::sleep(Duration::from_millis(60)).await;
    until("the dead element is removed", async || {
        find(&rig.stores, 5.0, 0.9, 1).await.len() == 1 && count(&mut redis) == 1
    })
    .await;
    assert_eq!(sets.len(), 1);
    keep(&rig.stores, "short", 5.0, Duration::from_millis(50)).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    for n in 0..20 {
        keep(&rig.stores, &n.to_string(), 90.0, MINUTE).await;
    }
    until("those that are kept remove some of the dead", async || {
        keep(&rig.stores, "again", 90.0, MINUTE).await;
        count(&mut redis) == 22
    })
    .await;
}

#[tokio::test]
async fn a_lookup_without_its_server_fails_at_once_is_counted_and_heals() {
    let Some(mut server) = servers::Server::with_vectors() else {
        return;
    };
    let rig = Rig::of(server.state(), None).await;
    keep(&rig.stores, "k", 0.0, MINUTE).await;
    assert_eq!(find(&rig.stores, 0.0, 0.9, 1).await.len(), 1);
    server.kill();
    until("the store is known to be away", async || {
        rig.stores.nearest("cache", HERE, at(0.0), 0.9, 1).await == Err(Unavailable)
    })
    .await;
    let near = near(HERE, at(1.0), b"");
    let kept = keep_near(&rig.stores, "cache", "j", MINUTE, &near).await;
    assert_eq!(kept, Err(NotKept::Unavailable));
    assert!(metric("outrigger_store_faults_total{store=\"vectors\",reason=\"gone\"}") >= 1);
    server.restart();
    assert!(rig.stores.ready(30 * SECOND).await);
    keep(&rig.stores, "k", 0.0, MINUTE).await;
    assert_eq!(find(&rig.stores, 0.0, 0.9, 1).await.len(), 1);
}

#[tokio::test]
async fn a_server_without_vector_sets_finds_nothing_and_fails_nothing() {
    let rig = Rig::redis().await;
    let unsupported = "outrigger_store_faults_total{store=\"vectors\",reason=\"unsupported\"}";
    let mut redis = rig.server.as_ref().unwrap().connection();
    if redis::cmd("VCARD")
        .arg("none")
        .query::<u64>(&mut redis)
        .is_ok()
    {
        println!("NOT TESTED: this redis-server has vector sets");
        return;
    }
    let before = metric(unsupported);
    for n in 0..5 {
        keep(&rig.stores, &n.to_string(), 0.0, MINUTE).await;
        assert!(find(&rig.stores, 0.0, 0.5, 16).await.is_empty());
    }
    assert!(metric(unsupported) > before);
    let replies = rig.stores.replies();
    assert!(replies.get("cache", "0").await.unwrap().is_some());
    let id = keep(&rig.stores, "0", 0.0, MINUTE).await;
    assert_eq!(replies.evict_kin(&id, 0.5).await, Ok(1));
    // Another replica finds out by itself.
    let clock = Clock::Manual(Arc::clone(&rig.clock));
    let other = ready(&rig.state, clock).await;
    assert!(find(&other, 0.0, 0.5, 16).await.is_empty());
}

fn metric(name: &str) -> u64 {
    let text = outrigger::telemetry::metrics::render();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or(0)
}
