//! The room that providers say is left: their rate-limit headers.
//!
//! A provider that reports its limits with every reply makes most of its 429s unnecessary. Several
//! spellings are in use; each is a row here. Azure writes `-1`, and `0` of `0`, where it does not
//! know: that is no room reported, and not none left.

use std::time::Duration;

use http::HeaderMap;

/// The room that a reply's head reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Requests.
    pub requests: Option<Quantity>,
    /// Tokens; where input and output have limits of their own, the scarcer.
    pub tokens: Option<Quantity>,
}

/// One quantity that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// The amount that is left.
    pub remaining: u64,
    /// The amount that there is when nothing is used.
    pub limit: Option<u64>,
    /// The time until it is full again.
    pub resets_in: Option<Duration>,
}

impl Room {
    /// Reads what a head reports; `None` where that is nothing. `wall_now` is the time since the
    /// Unix epoch in seconds, by which dates are read.
    pub fn read(headers: &HeaderMap, wall_now: u64) -> Option<Self> {
        let _ = (headers, wall_now);
        None
    }
}
