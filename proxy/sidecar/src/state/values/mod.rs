//! Small values that policies keep beyond one exchange, each policy in a namespace of its own.
//!
//! The port of the capability over this process's memory and over Redis. There is no
//! `state.degrade` for values: while Redis is away the policy gets an error, and decides.

pub(super) mod memory;
pub(super) mod shared;

/// Largest value, in bytes.
pub const VALUE: usize = 64 * 1024;
/// Largest key, in bytes.
pub const KEY: usize = 256;
