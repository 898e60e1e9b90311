//! Replies that are kept under vectors of one partition.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use outrigger::state::Stores;
use policy::{Near, Partition, Vector};
use sandbox::capabilities::replies::Replies as _;

const PARTITION: Partition = Partition([7; 32]);
const KEPT: usize = 10_000;
const DIMENSIONS: usize = 384;

/// Stores with ten thousand replies, and a vector that is near none of them.
pub(crate) async fn kept() -> (Stores, Arc<Vector>) {
    let (stores, mut numbers) = (Stores::in_memory(), numbers());
    for n in 0..KEPT {
        let near = Near {
            partition: PARTITION,
            vector: vector(&mut numbers),
            note: Bytes::from_static(b"what was the question?"),
        };
        let (key, reply) = (n.to_string(), Bytes::from_static(b"an answer"));
        let replies = stores.replies();
        let hour = Duration::from_secs(3600);
        let kept = replies.put_near("bench", &key, reply, hour, Some(&near));
        kept.await.unwrap();
    }
    (stores, vector(&mut numbers))
}

/// Looks for what is near a vector.
pub(crate) async fn find(stores: &Stores, vector: &Arc<Vector>) {
    let vector = Arc::clone(vector);
    let found = stores.nearest("bench", PARTITION, vector, 0.9, 4).await;
    assert!(found.unwrap().is_empty());
}

/// A vector whose cosine with any other is about 0.5.
pub(crate) fn vector(numbers: &mut impl FnMut() -> f32) -> Arc<Vector> {
    let own = (0..DIMENSIONS).map(|n| numbers() + if n % 2 == 0 { 0.3 } else { -0.3 });
    Arc::new(Vector::new("bench".into(), own.collect()).unwrap())
}

/// Numbers from -0.5 to 0.5 that look random.
pub(crate) fn numbers() -> impl FnMut() -> f32 {
    let mut state = 88_172_645_463_325_252_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    }
}
