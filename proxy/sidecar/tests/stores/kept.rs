//! Properties of values and kept replies in every store.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use outrigger::state::replies::NotKept;
use sandbox::capabilities::values;

use super::{Rig, SECOND, conformance::in_every_store, until};

const NONE: Duration = Duration::ZERO;

in_every_store! {
    policies_with_the_same_key_do_not_see_each_others_values
    a_value_is_there_until_its_time
    a_counter_keeps_the_time_to_live_that_it_was_made_with
    only_numbers_are_added_to_and_none_overflows
    compare_and_set_writes_over_the_expected_value_alone
    one_of_a_hundred_wins_a_compare_and_set
    additions_of_many_are_all_counted
    keys_and_values_over_their_bounds_are_refused
    a_reply_is_found_as_it_was_kept
    replies_of_other_namespaces_and_keys_are_not_found
    a_reply_is_not_found_after_its_time
    a_reply_is_evicted_by_its_key_and_by_its_id
    a_reply_that_is_too_large_is_not_kept
}

fn text(value: &'static str) -> Bytes {
    Bytes::from_static(value.as_bytes())
}

async fn policies_with_the_same_key_do_not_see_each_others_values(rig: Rig) {
    let values = rig.values();
    values.set("a", "key", text("of a"), NONE).await.unwrap();
    values
        .set("", "akey", text("of nobody"), NONE)
        .await
        .unwrap();
    values
        .set("a:3", "key", text("of another"), NONE)
        .await
        .unwrap();
    assert_eq!(values.get("b", "key").await.unwrap(), None);
    assert_eq!(values.get("ak", "ey").await.unwrap(), None);
    assert_eq!(values.get("a", "3:key").await.unwrap(), None);
    assert_eq!(values.get("a", "key").await.unwrap(), Some(text("of a")));
    values.delete("b", "key").await.unwrap();
    values.delete("a", "key").await.unwrap();
    values.delete("a", "key").await.unwrap();
    assert_eq!(values.get("a", "key").await.unwrap(), None);
    // Any bytes, none of them too.
    for value in [&b"\0\xff\r\n"[..], b""] {
        values.set("a", "bytes", value.into(), NONE).await.unwrap();
        assert_eq!(values.get("a", "bytes").await.unwrap().unwrap(), value);
    }
}

async fn a_value_is_there_until_its_time(rig: Rig) {
    let values = rig.values();
    let soon = Duration::from_millis(300);
    values.set("p", "k", text("v"), soon).await.unwrap();
    assert!(values.get("p", "k").await.unwrap().is_some());
    rig.wait(soon).await;
    until("it expires", async || {
        values.get("p", "k").await.unwrap().is_none()
    })
    .await;
    let made = values
        .compare_and_set("p", "k", None, text("w"), NONE)
        .await;
    assert_eq!(made, Ok(true));
    // Written again without a time, it has none any more; and the longest time is one.
    values.set("p", "k", text("v"), soon).await.unwrap();
    values.set("p", "k", text("v"), NONE).await.unwrap();
    values
        .set("p", "long", text("v"), Duration::MAX)
        .await
        .unwrap();
    rig.wait(2 * soon).await;
    assert!(values.get("p", "k").await.unwrap().is_some());
    assert!(values.get("p", "long").await.unwrap().is_some());
}

async fn a_counter_keeps_the_time_to_live_that_it_was_made_with(rig: Rig) {
    let values = rig.values();
    assert_eq!(values.increment("p", "n", 5, SECOND).await, Ok(5));
    assert_eq!(values.increment("p", "n", -7, 3600 * SECOND).await, Ok(-2));
    rig.wait(SECOND).await;
    until("it expires", async || {
        values.get("p", "n").await.unwrap().is_none()
    })
    .await;
    assert_eq!(values.increment("p", "n", 1, NONE).await, Ok(1));
    assert_eq!(values.get("p", "n").await.unwrap(), Some(text("1")));
}

async fn only_numbers_are_added_to_and_none_overflows(rig: Rig) {
    let values = rig.values();
    for word in ["seven", "", "+7", "007", "1.5", " 1", "9223372036854775808"] {
        values.set("p", "word", text(word), NONE).await.unwrap();
        let sum = values.increment("p", "word", 1, NONE).await;
        assert_eq!(sum, Err(values::Error::NotANumber), "{word}");
    }
    let most = i64::MAX.to_string();
    values
        .set("p", "most", most.clone().into(), NONE)
        .await
        .unwrap();
    let sum = values.increment("p", "most", 1, NONE).await;
    assert_eq!(sum, Err(values::Error::NotANumber));
    assert_eq!(values.get("p", "most").await.unwrap().unwrap(), most);
    // Beyond what a double holds.
    assert_eq!(
        values.increment("p", "most", -2, NONE).await,
        Ok(i64::MAX - 2)
    );
    assert_eq!(
        values.increment("p", "least", i64::MIN, NONE).await,
        Ok(i64::MIN)
    );
}

async fn compare_and_set_writes_over_the_expected_value_alone(rig: Rig) {
    let values = rig.values();
    let swap = |expected: Option<&'static [u8]>, value| {
        values.compare_and_set("p", "k", expected, text(value), NONE)
    };
    assert_eq!(swap(Some(b"x"), "1").await, Ok(false));
    assert_eq!(swap(Some(b""), "1").await, Ok(false));
    assert_eq!(swap(None, "1").await, Ok(true));
    assert_eq!(swap(None, "2").await, Ok(false));
    assert_eq!(swap(Some(b"1"), "").await, Ok(true));
    assert_eq!(swap(None, "3").await, Ok(false));
    assert_eq!(swap(Some(b""), "3").await, Ok(true));
    assert_eq!(values.get("p", "k").await.unwrap(), Some(text("3")));
}

async fn one_of_a_hundred_wins_a_compare_and_set(rig: Rig) {
    let tries = (0..100).map(|n| {
        let stores = rig.stores.clone();
        tokio::spawn(async move {
            let value = Bytes::from(format!("{n}"));
            let values = super::values(&stores);
            let set = values.compare_and_set("p", "once", None, value, NONE);
            set.await.unwrap()
        })
    });
    let won = join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won.as_ref().unwrap());
    assert_eq!(won.count(), 1);
}

async fn additions_of_many_are_all_counted(rig: Rig) {
    let replicas = [rig.replica().await, rig.replica().await];
    let tries = (0..200).map(|n| {
        let stores = replicas[n % 2].clone();
        tokio::spawn(async move {
            super::values(&stores)
                .increment("p", "sum", 3, NONE)
                .await
                .unwrap()
        })
    });
    join_all(tries).await;
    assert_eq!(rig.values().increment("p", "sum", 0, NONE).await, Ok(600));
}

async fn keys_and_values_over_their_bounds_are_refused(rig: Rig) {
    let values = rig.values();
    let (long, large) = ("k".repeat(257), Bytes::from(vec![0; 65_537]));
    let refused = Err(values::Error::TooLarge);
    assert_eq!(values.set("p", &long, text("v"), NONE).await, refused);
    assert_eq!(values.set("p", "k", large.clone(), NONE).await, refused);
    assert_eq!(values.delete("p", &long).await, refused);
    assert_eq!(values.get("p", &long).await, Err(values::Error::TooLarge));
    assert_eq!(
        values.increment("p", &long, 1, NONE).await,
        Err(values::Error::TooLarge)
    );
    let set = values.compare_and_set("p", "k", None, large, NONE).await;
    assert_eq!(set, Err(values::Error::TooLarge));
    let (long, large) = ("k".repeat(256), Bytes::from(vec![0; 65_536]));
    assert_eq!(values.set("p", &long, large, NONE).await, Ok(()));
}

async fn a_reply_is_found_as_it_was_kept(rig: Rig) {
    let replies = rig.stores.replies();
    assert_eq!(replies.get("cache", "k").await.unwrap(), None);
    let bytes = Bytes::from_iter((0..100_000_u32).map(|n| (n % 251) as u8));
    let id = replies
        .put("cache", "k", bytes.clone(), 60 * SECOND)
        .await
        .unwrap();
    rig.advance(10 * SECOND);
    let found = rig
        .replica()
        .await
        .replies()
        .get("cache", "k")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((&found.bytes, &found.id), (&bytes, &id));
    assert_eq!(
        (found.age, found.expires_in),
        (10 * SECOND, Some(50 * SECOND))
    );
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    // A new one under the key takes its place, and keeps its id.
    assert_eq!(
        replies.put("cache", "k", text("new"), NONE).await.unwrap(),
        id
    );
    let found = replies.get("cache", "k").await.unwrap().unwrap();
    assert_eq!(
        (found.bytes, found.age, found.expires_in),
        (text("new"), NONE, None)
    );
    let figures = rig.stores.snapshot().await.replies;
    assert!(figures.hits >= 1 && figures.misses == 1);
}

async fn replies_of_other_namespaces_and_keys_are_not_found(rig: Rig) {
    let replies = rig.stores.replies();
    replies.put("cache", "key", text("v"), NONE).await.unwrap();
    for (space, key) in [
        ("cach", "ekey"),
        ("cachek", "ey"),
        ("cache", "ke"),
        ("", "cachekey"),
        ("CACHE", "key"),
    ] {
        assert_eq!(
            replies.get(space, key).await.unwrap(),
            None,
            "{space} {key}"
        );
    }
}

async fn a_reply_is_not_found_after_its_time(rig: Rig) {
    let replies = rig.stores.replies();
    replies
        .put("cache", "k", text("v"), 10 * SECOND)
        .await
        .unwrap();
    rig.advance(10 * SECOND - Duration::from_millis(1));
    assert!(replies.get("cache", "k").await.unwrap().is_some());
    rig.advance(Duration::from_millis(1));
    assert_eq!(replies.get("cache", "k").await.unwrap(), None);
}

async fn a_reply_is_evicted_by_its_key_and_by_its_id(rig: Rig) {
    let replies = rig.stores.replies();
    let id = replies.put("cache", "a", text("v"), NONE).await.unwrap();
    replies.put("cache", "b", text("v"), NONE).await.unwrap();
    assert!(replies.evict_id(&id).await.unwrap());
    assert!(!replies.evict_id(&id).await.unwrap());
    assert!(!replies.evict_id("no id").await.unwrap());
    assert_eq!(replies.get("cache", "a").await.unwrap(), None);
    assert!(replies.evict("cache", "b").await.unwrap());
    assert!(!replies.evict("cache", "b").await.unwrap());
    assert_eq!(replies.get("cache", "b").await.unwrap(), None);
}

async fn a_reply_that_is_too_large_is_not_kept(rig: Rig) {
    let large = Bytes::from(vec![0; 16 * 1024 * 1024 + 1]);
    let kept = rig.stores.replies().put("cache", "k", large, NONE).await;
    assert_eq!(kept, Err(NotKept::TooLarge));
}

#[tokio::test]
async fn a_record_that_is_damaged_of_another_version_or_of_another_key_is_dropped_and_counted() {
    let rig = Rig::redis().await;
    let replies = rig.stores.replies();
    let mut redis = rig.server.as_ref().unwrap().connection();
    let prefix = &rig.state.redis.as_ref().unwrap().prefix;
    let id = replies
        .put("cache", "k", text("a reply"), NONE)
        .await
        .unwrap();
    let other = replies
        .put("cache", "other", text("another's"), NONE)
        .await
        .unwrap();
    let place = |id: &str| format!("{prefix}:r:{id}");
    let read = |redis: &mut redis::Connection, id: &str| -> Option<Vec<u8>> {
        redis::cmd("GET").arg(place(id)).query(redis).unwrap()
    };
    let (whole, others) = (
        read(&mut redis, &id).unwrap(),
        read(&mut redis, &other).unwrap(),
    );
    let mut newer = whole.clone();
    newer[3] += 1;
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let counted = |reason: &str| {
        let line =
            format!("outrigger_store_dropped_total{{store=\"replies\",reason=\"{reason}\"}} ");
        let text = outrigger::telemetry::metrics::render();
        let value = text
            .lines()
            .find_map(|l| l.strip_prefix(&line)?.parse::<u64>().ok());
        value.unwrap_or(0)
    };
    for (bytes, reason) in [
        (newer, "version"),
        (flipped, "damaged"),
        (whole[..20].to_vec(), "damaged"),
        (b"hello".to_vec(), "damaged"),
        (others, "damaged"),
    ] {
        let before = counted(reason);
        let _: () = redis::cmd("SET")
            .arg(place(&id))
            .arg(&bytes)
            .query(&mut redis)
            .unwrap();
        assert_eq!(replies.get("cache", "k").await.unwrap(), None, "{bytes:?}");
        assert_eq!(counted(reason), before + 1, "{reason}");
        assert_eq!(read(&mut redis, &id), None);
    }
    let _: () = redis::cmd("SET")
        .arg(place(&id))
        .arg(&whole)
        .query(&mut redis)
        .unwrap();
    assert!(replies.get("cache", "k").await.unwrap().is_some());
}
