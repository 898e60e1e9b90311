//! Vectors by the hash of their text: the model's answer to a text is the same each time.

use std::sync::Arc;

use policy::Vector;
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};
use ring::digest::{Context, SHA256};

/// A hash of an embedder and a text.
pub(super) type Key = [u8; 16];

/// Bytes that an entry costs beyond its numbers.
const OVERHEAD: u64 = 160;
/// Numbers of a vector, by guess, for the number of entries that fit.
const USUAL: u64 = 384;

/// Vectors, bounded in bytes; those that are read least are forgotten first.
pub(super) struct Vectors(Cache<Key, Arc<Vector>, Weight>);

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Arc<Vector>> for Weight {
    fn weight(&self, _: &Key, vector: &Arc<Vector>) -> u64 {
        size_of_val(vector.numbers()) as u64 + OVERHEAD
    }
}

impl Vectors {
    /// Makes an empty cache of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = bytes as u64;
        let entries = (bytes / (4 * USUAL + OVERHEAD)).clamp(1, 65_536) as usize;
        let options = OptionsBuilder::new()
            .shards(1) // in several, each would have a part of the bytes
            .estimated_items_capacity(entries)
            .weight_capacity(bytes)
            .build();
        Self(match options {
            Ok(options) => {
                Cache::with_options(options, Weight, Default::default(), Default::default())
            }
            // Fails only without a capacity, which is given.
            Err(_) => Cache::with_weighter(entries, bytes, Weight),
        })
    }

    /// Finds a vector.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Vector>> {
        self.0.get(key)
    }

    /// Keeps a vector.
    pub(super) fn insert(&self, key: Key, vector: Arc<Vector>) {
        self.0.insert(key, vector);
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

/// The hash of parts, kept apart by their lengths; half of a SHA-256.
pub(super) fn hashed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut hash = Context::new(&SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut key = Key::default();
    let hash = hash.finish();
    (key.iter_mut().zip(hash.as_ref())).for_each(|(byte, hashed)| *byte = *hashed);
    key
}
