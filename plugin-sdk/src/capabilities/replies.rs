//! Replies that outlive their exchange: kept ones, and those of exchanges that are under way. Needs
//! the grant `replies`.
//!
//! The proxy records and replays them, as a stream or whole as the caller asks, tool calls and
//! usage included. A policy names keys, and answers with what it found by
//! [`Decision::serve`](crate::Decision::serve). A key must differ for requests that may be answered
//! differently, and for callers who may not see each other's answers:
//! [`Request::fingerprint`](crate::Request::fingerprint),
//! [`Request::caller`](crate::Request::caller) and [`digest`](crate::digest) make one.
//!
//! ```
//! # use outrigger_sdk::{Decision, Policy, Request, digest, replies::{self, Found, Keeping}};
//! # use std::time::Duration;
//! # #[derive(serde::Deserialize)] struct Once {}
//! impl Policy for Once {
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         let Some(body) = request.fingerprint(&["/stream", "/stream_options"]) else {
//!             return Decision::Forward;
//!         };
//!         let (path, caller) = (request.path(), request.caller().unwrap_or_default());
//!         let key = digest([body.as_slice(), path.as_bytes(), caller.as_bytes()]);
//!         match replies::find(&key, true) {
//!             Ok(Found::Kept(_) | Found::UnderWay(_)) => return Decision::serve(key),
//!             Ok(Found::Absent) => {
//!                 let _ = replies::keep(&key, Keeping::new(Duration::from_secs(60)));
//!             }
//!             Err(_) => {}
//!         }
//!         Decision::Forward
//!     }
//! }
//! ```

use std::time::Duration;

pub use crate::abi::outrigger::policy::replies::{Entry, Error, Found, Keeping};
use crate::host::replies;

/// Looks for a reply under `key` (512 bytes at most). In `on_request` only.
///
/// With `share`, an exchange that finds nothing leads: others that look for the key while it is
/// under way find it, and may join.
///
/// # Errors
/// The store can't be reached, or the key is wrong.
pub fn find(key: &str, share: bool) -> Result<Found, Error> {
    replies::find(key, share)
}

/// Requests that this exchange's reply be kept under `key`. Refusals, errors, cut and truncated
/// replies never are. In `on_request` only.
///
/// # Errors
/// As [`find`].
pub fn keep(key: &str, keeping: Keeping) -> Result<(), Error> {
    replies::keep(key, keeping)
}

/// Forgets a kept reply; one that is not there is no error.
///
/// ```
/// # use outrigger_sdk::replies::{self, Entry, Keeping};
/// # use std::time::Duration;
/// replies::evict("a key")?;
/// let keeping = Keeping::new(Duration::from_secs(60)).tool_calls(true).max_bytes(100_000);
/// assert_eq!((keeping.ttl_ms, keeping.tool_calls), (60_000, true));
/// let entry = Entry { id: "1f".into(), age_ms: 5_000, expires_in_ms: 0 };
/// assert_eq!((entry.age(), entry.expires_in()), (Duration::from_secs(5), None));
/// # Ok::<(), replies::Error>(())
/// ```
///
/// # Errors
/// As [`find`].
pub fn evict(key: &str) -> Result<(), Error> {
    replies::evict(key)
}

impl Keeping {
    /// Keeps a reply for `ttl`, unless it has tool calls. No time at all shares it while it is
    /// under way, and keeps nothing.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            tool_calls: false,
            max_bytes: u32::MAX,
        }
    }

    /// Sets whether replies with tool calls are kept too.
    #[must_use]
    pub fn tool_calls(mut self, kept: bool) -> Self {
        self.tool_calls = kept;
        self
    }

    /// Bounds how large a reply is kept; the proxy has a bound of its own.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u32) -> Self {
        self.max_bytes = bytes;
        self
    }
}

impl Entry {
    /// Time since the reply was kept, or begun where it is under way.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.age_ms)
    }

    /// Time until it is forgotten; `None` where it will not be.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        (self.expires_in_ms > 0).then(|| Duration::from_millis(self.expires_in_ms))
    }
}
