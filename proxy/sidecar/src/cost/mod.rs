//! What an exchange costs, what it will probably take, and whom it is booked to: prices, estimates, tags.
//!
//! The room is pure: usage, names, headers and the time come in, numbers come out. It reserves nothing and keeps no books. What a
//! policy makes of a number (a limit, a budget, a cheaper model) is the policy's.

pub mod caller;
pub mod learn;
pub mod money;
pub mod prices;
pub mod tags;
mod taken;
pub mod units;

pub use learn::{Learned, Routes};
pub use money::NanoDollars;
pub use prices::{Price, Priced, Prices};
pub use tags::Tags;
pub use taken::Taken;
pub use units::{Estimate, Unit, Units};
