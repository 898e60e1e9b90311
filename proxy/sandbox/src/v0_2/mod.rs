//! Version 0.2 of the contract, over the host functions of the current one.
//!
//! Deployed policies go on loading: their types are generated from the contract as it was, every
//! function calls the current one, and only what differs is converted. The differences: dialects,
//! units, places and hooks were closed sets, so the place `other` reaches such a policy as
//! `metadata`, and a policy that reads `metadata` reads both; and nothing said which text is JSON
//! source.

mod bindings;
mod convert;
mod host;

pub(super) use bindings::outrigger::policy::{self as interfaces, types};
