//! Vectors under which kept replies are found by meaning.
//!
//! The store of [`replies`](super::replies) owns what is here: a vector leads to a reply, and counts
//! for as long as that reply says that it is its own. So there are no two stores to keep in step: a
//! vector without its reply is never seen, and is removed where it is met.
//!
//! What is searched is one region: a policy's vectors of one partition, one embedder and one number
//! of dimensions. [`memory`] reads them all; [`shared`] has them in the vector sets of Redis 8.

use policy::Region;
use ring::digest::{Context, SHA256};

use super::joined;

pub(super) mod memory;
mod quantised;
mod rows;
pub(super) mod shared;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

/// Names a policy's region, in memory and in Redis.
pub(super) type RegionId = [u8; 16];

/// Hashes a policy's namespace and a region.
pub(super) fn region_id(space: &str, region: &Region) -> RegionId {
    let mut hash = Context::new(&SHA256);
    hash.update(&joined(space, ""));
    hash.update(&region.name());
    let mut id = RegionId::default();
    for (to, from) in id.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    id
}
