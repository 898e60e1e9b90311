//! Small values that policies keep beyond one exchange, each policy in a namespace of its own.
//!
//! [`Values`] is the port of the capability over this process's memory and over Redis. There is no
//! `state.degrade` for values: while Redis is away the policy gets an error, and decides.

use std::time::Duration;

use bytes::Bytes;

use sandbox::capabilities::{
    Work,
    values::{self, Answer},
};

pub use sandbox::capabilities::values::Error as ValueError;

pub(super) mod memory;
pub(super) mod shared;

/// Largest value, in bytes.
pub const VALUE: usize = 64 * 1024;
/// Largest key, in bytes.
pub const KEY: usize = 256;

/// Store of small values. Times to live are durations, zero meaning none.
pub struct Values(pub(super) Backend);

pub(super) enum Backend {
    Memory(memory::Memory),
    Shared(shared::Shared),
}

/// Memory answers at once.
impl values::Values for Values {
    fn get<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, Option<Bytes>> {
        match &self.0 {
            Backend::Memory(memory) => Work::now(memory.get(space, key)),
            Backend::Shared(shared) => Work::later(shared.get(space, key)),
        }
    }

    fn set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, ()> {
        match &self.0 {
            Backend::Memory(memory) => Work::now(memory.set(space, key, value, ttl)),
            Backend::Shared(shared) => Work::later(shared.set(space, key, value, ttl)),
        }
    }

    fn delete<'a>(&'a self, space: &'a str, key: &'a str) -> Answer<'a, ()> {
        match &self.0 {
            Backend::Memory(memory) => Work::now(memory.delete(space, key)),
            Backend::Shared(shared) => Work::later(shared.delete(space, key)),
        }
    }

    fn increment<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        by: i64,
        ttl: Duration,
    ) -> Answer<'a, i64> {
        match &self.0 {
            Backend::Memory(memory) => Work::now(memory.increment(space, key, by, ttl)),
            Backend::Shared(shared) => Work::later(shared.increment(space, key, by, ttl)),
        }
    }

    fn compare_and_set<'a>(
        &'a self,
        space: &'a str,
        key: &'a str,
        expected: Option<&'a [u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> Answer<'a, bool> {
        match &self.0 {
            Backend::Memory(memory) => {
                Work::now(memory.compare_and_set(space, key, expected, value, ttl))
            }
            Backend::Shared(shared) => {
                Work::later(shared.compare_and_set(space, key, expected, value, ttl))
            }
        }
    }
}

impl Values {
    /// Returns entries and bytes in this process's memory.
    pub(super) fn figures(&self) -> (u64, u64) {
        match &self.0 {
            Backend::Memory(memory) => (memory.len() as u64, memory.used() as u64),
            Backend::Shared(_) => (0, 0),
        }
    }
}
