//! The time that a search among vectors takes in Redis 8, over loopback. By hand: `cargo test -p
//! outrigger --release --test stores -- --ignored --nocapture the_time`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use policy::{Near, Partition, Vector};
use sandbox::capabilities::replies::Replies as _;

use super::Rig;

const HERE: Partition = Partition([1; 32]);

#[tokio::test]
#[ignore = "it measures, and nothing is wrong with a slow machine"]
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement in real time"
)]
async fn the_time_that_redis_takes_to_find_what_is_near_among_10_000_over_loopback() {
    let Some(rig) = Rig::redis_8().await else {
        return;
    };
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut vector = || {
        let own = (0..384).map(|n| random() + if n % 2 == 0 { 0.3 } else { -0.3 });
        Arc::new(Vector::new("up/model".into(), own.collect()).unwrap())
    };
    let mut missed = 0;
    for n in 0..10_000 {
        let near = Near {
            partition: HERE,
            vector: vector(),
            note: Bytes::from_static(b"what was the question?"),
        };
        let key = n.to_string();
        let reply = Bytes::from_static(b"an answer");
        let replies = rig.stores.replies();
        let kept = replies.put_near("cache", &key, reply, Duration::from_secs(600), Some(&near));
        missed += usize::from(kept.await.is_err());
    }
    let mut times = Vec::new();
    while times.len() < 1000 {
        let begun = std::time::Instant::now();
        match rig.stores.nearest("cache", HERE, vector(), 0.5, 4).await {
            Ok(found) if found.len() == 4 => times.push(begun.elapsed()),
            _ => missed += 1,
        }
        assert!(missed < 1000, "it is always too slow");
    }
    times.sort_unstable();
    println!(
        "nearest of 10,000: p50 {:?}, p90 {:?}, p99 {:?}; {missed} missed",
        times[500], times[900], times[990]
    );
}
