//! Limits that hold over all exchanges of this policy, and over all replicas that share a store.
//! Needs the grant `limits`.
//!
//! An exchange's tokens and cost are not known before it ends. So it reserves an estimate while the
//! request is decided about, and the proxy settles each reservation to the truth when the exchange
//! ends, however it ends. A policy that reserves in `on_request` has nothing to give back.
//!
//! ```
//! # use outrigger_sdk::{Decision, Policy, Refusal, Request, limits::{self, Ask, Unit, Window}};
//! # use std::time::Duration;
//! # #[derive(serde::Deserialize)] struct Share {}
//! impl Policy for Share {
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         let team = request.tag("tenant").unwrap_or_default();
//!         let minute = Window::bucket(Duration::from_secs(60));
//!         let ask = Ask::new(team, Unit::TotalTokens, 100_000, minute);
//!         match limits::reserve(&[ask]).as_deref() {
//!             Ok([standing]) if standing.granted => Decision::Forward,
//!             Ok(_) => Decision::refuse(429, "your team has used up its minute: try again later"),
//!             Err(error) => error.refusal(request, "limit", "limits").into(),
//!         }
//!     }
//! }
//! ```

use std::time::Duration;

pub use crate::abi::outrigger::policy::limits::{Error, Standing, Window};
use crate::{Refusal, Request, calendar, host::limits, log};

/// Unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// Exchanges.
    Requests,
    /// Tokens of the prompt.
    InputTokens,
    /// Tokens of the reply, reasoning included.
    OutputTokens,
    /// Both.
    TotalTokens,
    /// Money, in millionths of a dollar.
    Microusd,
}

impl Unit {
    /// The contract's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input-tokens",
            Self::OutputTokens => "output-tokens",
            Self::TotalTokens => "total-tokens",
            Self::Microusd => "microusd",
        }
    }
}

/// Amount to take from one bucket.
///
/// ```
/// # use outrigger_sdk::limits::{Ask, Unit, Window};
/// # use std::time::Duration;
/// let hour = Window::sliding(Duration::from_secs(3600));
/// let ask = Ask::new("acme", Unit::OutputTokens, 50_000, hour).amount(800).soft().cut();
/// assert_eq!((ask.amount, ask.soft, ask.cut), (Some(800), true, true));
/// assert_eq!((ask.unit, ask.window), (Unit::OutputTokens, hour));
/// assert_eq!(Window::Day(0).period(Duration::ZERO), Some((Duration::ZERO, 24 * Duration::from_secs(3600))));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Name in the policy's own namespace; 512 bytes at most. One bucket has one unit, limit and
    /// window at a time.
    pub bucket: String,
    /// Its unit.
    pub unit: Unit,
    /// `None`: the proxy's estimate of what this exchange will take.
    pub amount: Option<u64>,
    /// The most that the bucket gives in a window.
    pub limit: u64,
    /// Time in which the limit comes back.
    pub window: Window,
    /// Is counted and always granted.
    pub soft: bool,
    /// A stream that takes more than it reserved is ended where the limit has no more to give.
    pub cut: bool,
}

/// Takes the amounts from all buckets, or from none. In `on_request` only.
///
/// Returns the state of each bucket afterwards, in the order of the asks: nothing was taken where
/// one is not granted.
///
/// # Errors
/// The store can't be reached, the model has no price and a limit is in money, or an ask is wrong.
pub fn reserve(asks: &[Ask]) -> Result<Vec<Standing>, Error> {
    limits::reserve(asks)
}

/// Returns the state of the buckets; takes nothing. In any hook.
///
/// ```
/// # use outrigger_sdk::{Decision, Policy, Request, bench::Bench, limits::{self, Ask, Unit, Window}};
/// # use std::time::Duration;
/// # #[derive(serde::Deserialize)] struct Look {}
/// # impl Policy for Look {
/// #     fn on_request(&mut self, _: &mut Request) -> Decision {
/// let ask = Ask::new("acme", Unit::Requests, 100, Window::bucket(Duration::from_secs(60)));
/// if let Ok([standing]) = limits::peek(&[ask]).as_deref() {
///     assert_eq!((standing.remaining(), standing.over()), (100, false));
///     assert!(standing.reset().is_zero() && standing.wait() == Some(Duration::ZERO));
/// }
/// #         Decision::Forward
/// #     }
/// # }
/// # assert!(Bench::<Look>::new(()).unwrap().request(Request::chat("m")).is_forwarded());
/// ```
///
/// # Errors
/// As [`reserve`].
pub fn peek(asks: &[Ask]) -> Result<Vec<Standing>, Error> {
    limits::peek(asks)
}

impl Error {
    /// The refusal of a request that can't be counted, and so must not pass: 403 `unpriced_model`,
    /// or 503 `ALL_unavailable`. What is the policy's own fault is logged.
    ///
    /// `one` and `all` name what would have counted it: `limit` and `limits`, say.
    #[must_use]
    pub fn refusal(&self, request: &Request, one: &str, all: &str) -> Refusal {
        let message = match self {
            Self::Unpriced => {
                let model = request.model().unwrap_or("-");
                let message = format!(
                    "the model `{model}` has no price, and a {one} in money applies: ask for a model that has one"
                );
                return Refusal::new(403, message).code("unpriced_model");
            }
            Self::Unavailable => format!("the {all} can't be asked for now: try again later"),
            Self::Invalid(what) => {
                log::error(&format!("a {one} could not be asked for: {what}"));
                format!("the {all} could not be asked for: tell the operator")
            }
        };
        Refusal::new(503, message).code(format!("{all}_unavailable"))
    }
}

impl Ask {
    /// Asks for the proxy's estimate of what this exchange will take of `unit`, from a bucket that
    /// gives `limit` of it in a `window`.
    ///
    /// A bucket's name is this policy's own, 512 bytes at most; one name goes with one unit, limit
    /// and window.
    #[must_use]
    pub fn new(bucket: impl Into<String>, unit: Unit, limit: u64, window: Window) -> Self {
        Self {
            bucket: bucket.into(),
            unit,
            amount: None,
            limit,
            window,
            soft: false,
            cut: false,
        }
    }

    /// Asks for this much instead of the estimate. What is settled at the end is the truth all the
    /// same.
    #[must_use]
    pub fn amount(mut self, amount: u64) -> Self {
        self.amount = Some(amount);
        self
    }

    /// Makes the ask soft: its amount is counted and always granted, and [`Standing::over`] reports
    /// where the limit would have refused.
    #[must_use]
    pub fn soft(mut self) -> Self {
        self.soft = true;
        self
    }

    /// Makes the proxy end a stream, in its dialect's form, that takes more than it reserved where
    /// the limit has no more to give.
    #[must_use]
    pub fn cut(mut self) -> Self {
        self.cut = true;
        self
    }
}

impl Window {
    /// A bucket that refills evenly: the whole limit in this time.
    #[must_use]
    pub fn bucket(time: Duration) -> Self {
        Self::Bucket(milliseconds(time))
    }

    /// The time that ends now.
    #[must_use]
    pub fn sliding(time: Duration) -> Self {
        Self::Sliding(milliseconds(time))
    }

    /// Begin and end of the calendar period that `now` falls in; both since 1970. `None` for a
    /// bucket and a sliding window.
    #[must_use]
    pub fn period(self, now: Duration) -> Option<(Duration, Duration)> {
        calendar::period(self, now)
    }
}

impl Standing {
    /// Remainder of the limit.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Reports whether more is taken than the limit allows, as a soft ask may.
    #[must_use]
    pub fn over(&self) -> bool {
        self.used > self.limit
    }

    /// Time until the whole limit is there again, or the period ends.
    #[must_use]
    pub fn reset(&self) -> Duration {
        Duration::from_millis(self.reset_ms)
    }

    /// Time until the ask would have room; `None` where it never will, because it is larger than
    /// the limit.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        (self.wait_ms != u64::MAX).then(|| Duration::from_millis(self.wait_ms))
    }
}

/// Converts to milliseconds, at least one: a window of no time gives nothing.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
