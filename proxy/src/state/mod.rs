//! What outlives an exchange.
//!
//! For now [`values`]: small values that policies keep, in memory.

pub mod values;
