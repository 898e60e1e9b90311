//! Prices, estimates, tags: the cost of an exchange, the tokens that it will probably take, and the
//! tags by which both are attributed.
//!
//! The room is pure: usage, names, headers and the time come in, numbers come out. It reserves
//! nothing and keeps no totals. A limit, a budget or a cheaper model is a policy's decision.

pub mod learn;
pub mod money;
pub mod prices;
pub mod tags;
mod taken;
pub mod units;

pub use learn::Routes;
pub use money::NanoDollars;
pub use prices::{Price, Prices};
pub use taken::Taken;
pub use units::{Estimate, Units};
