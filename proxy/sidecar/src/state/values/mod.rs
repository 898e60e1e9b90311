//! Small values that policies keep beyond one exchange, each policy in a namespace of its own.
//!
//! [`Values`] is one interface over this process's memory and over Redis. What Redis does when it is away has no degrade of its own: the policy is
//! told that the store is unavailable, and decides.

use std::{fmt, time::Duration};

use bytes::Bytes;

pub(super) mod memory;
pub(super) mod shared;

/// One value, in bytes.
pub const VALUE: usize = 64 * 1024;
/// One key, in bytes.
pub const KEY: usize = 256;

/// Why a store did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueError {
    /// The key or the value is larger than [`KEY`] or [`VALUE`].
    TooLarge,
    /// No room until something expires or is deleted.
    Full,
    /// The present value is no decimal number, or the sum is out of its range.
    NotANumber,
    /// The store can't be reached, or did not answer in time: perhaps it was done. Memory always can.
    Unavailable,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "keys take {KEY} bytes and values {VALUE} at most"),
            Self::Full => f.write_str("the store is full; set a time to live or delete values"),
            Self::NotANumber => f.write_str("the value is not a number that can be added to"),
            Self::Unavailable => f.write_str("the store can't be reached"),
        }
    }
}

impl std::error::Error for ValueError {}

/// Values. Times to live are durations, zero meaning none.
pub struct Values(pub(super) Backend);

pub(super) enum Backend {
    Memory(memory::Memory),
    Shared(shared::Shared),
}

impl Values {
    /// Reads a value.
    ///
    /// # Errors
    /// The key is too large, or the store is unavailable.
    pub async fn get(&self, space: &str, key: &str) -> Result<Option<Bytes>, ValueError> {
        match &self.0 {
            Backend::Memory(memory) => memory.get(space, key),
            Backend::Shared(shared) => shared.get(space, key).await,
        }
    }

    /// Writes a value, whatever was there before.
    ///
    /// # Errors
    /// Too large, no room, or unavailable.
    pub async fn set(
        &self,
        space: &str,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<(), ValueError> {
        match &self.0 {
            Backend::Memory(memory) => memory.set(space, key, value, ttl),
            Backend::Shared(shared) => shared.set(space, key, value, ttl).await,
        }
    }

    /// Removes a value; it is no error when there is none.
    ///
    /// # Errors
    /// The key is too large, or the store is unavailable.
    pub async fn delete(&self, space: &str, key: &str) -> Result<(), ValueError> {
        match &self.0 {
            Backend::Memory(memory) => memory.delete(space, key),
            Backend::Shared(shared) => shared.delete(space, key).await,
        }
    }

    /// Adds to a decimal number and tells the sum; an absent value reads as 0. Only the first addition sets the time to live.
    ///
    /// # Errors
    /// The value is no number, the sum is out of range, there is no room, or the store is unavailable.
    pub async fn increment(
        &self,
        space: &str,
        key: &str,
        by: i64,
        ttl: Duration,
    ) -> Result<i64, ValueError> {
        match &self.0 {
            Backend::Memory(memory) => memory.increment(space, key, by, ttl),
            Backend::Shared(shared) => shared.increment(space, key, by, ttl).await,
        }
    }

    /// Writes a value where the present one is `expected` (`None`: where there is none), and tells whether it did.
    ///
    /// # Errors
    /// Too large, no room, or unavailable.
    pub async fn compare_and_set(
        &self,
        space: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, ValueError> {
        match &self.0 {
            Backend::Memory(memory) => memory.compare_and_set(space, key, expected, value, ttl),
            Backend::Shared(shared) => {
                shared
                    .compare_and_set(space, key, expected, value, ttl)
                    .await
            }
        }
    }

    /// Entries and bytes in this process's memory.
    pub(super) fn figures(&self) -> (u64, u64) {
        match &self.0 {
            Backend::Memory(memory) => (memory.len() as u64, memory.used() as u64),
            Backend::Shared(_) => (0, 0),
        }
    }
}
