//! Limits, over whatever store the proxy was given. What is reserved goes into the exchange's
//! claims, which settle it.

use std::time::Duration;

use policy::{Reservation, Reserved, Unit};

use super::{
    super::bindings::interfaces::limits as wit, Access, Capability, Nothing, State, Unavailable,
    Work, misuse,
};
/// The capability `limits`.
pub static LIMITS: Capability = Capability {
    name: "limits",
    about: "reserves from limits that hold over all its exchanges",
    access: Access::Named,
    waits: true,
    linked: linked!(limits since V0_2),
};

/// A store of limits. Amounts have no unit here: requests, tokens and money are all counted alike.
pub trait Limits: Send + Sync {
    /// Takes the requested amounts from all buckets or from none; the reservation is there where
    /// they were taken.
    fn reserve(&self, asks: Vec<Ask>) -> Work<'_, Result<Taken, Unavailable>>;
    /// Returns the state of buckets, and whether these amounts would have room. Takes nothing.
    fn peek(&self, asks: Vec<Ask>) -> Work<'_, Result<Vec<Standing>, Unavailable>>;
}

/// The state of buckets after a call, and what it took.
pub type Taken = (Vec<Standing>, Option<Box<dyn Reservation>>);

/// The largest amount, and the largest limit: 2^52, so that sums stay exact in Redis, whose scripts
/// count in doubles.
pub const MOST: u64 = 1 << 52;
/// The longest window of a bucket or a sliding one, in milliseconds: 34 years.
const LONGEST: u128 = 1 << 40;

/// One bucket that something is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Key of the bucket, the policy's namespace included.
    pub key: String,
    /// Amount that is taken; [`MOST`] at the most.
    pub amount: u64,
    /// Amount that the bucket contains when full; [`MOST`] at the most.
    pub limit: u64,
    /// Window in which it comes back.
    pub window: Window,
    /// True if the amount is counted and never refused.
    pub soft: bool,
}

impl Ask {
    /// Returns the bucket's name in stores and metrics: two windows of one key are two buckets.
    pub fn name(&self) -> String {
        self.named(&self.key)
    }

    /// Returns the bucket's name with another key.
    pub fn named(&self, key: &str) -> String {
        let (kind, span) = self.window.spelt();
        // `format!` takes twice as long.
        let mut name = String::with_capacity(key.len() + kind.len() + 16);
        name.push_str(key);
        name.push('#');
        name.push_str(kind);
        name.push_str(&span.to_string());
        name
    }

    /// Returns amount and limit, [`MOST`] at the most.
    pub fn bounded(&self) -> (u64, u64) {
        (self.amount.min(MOST), self.limit.min(MOST))
    }
}

/// The state of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// True if the ask has room. Where any ask of a call has none, nothing was taken for any of
    /// them.
    pub granted: bool,
    /// Amount that the bucket contains when full. While the store can't be reached: this replica's
    /// share.
    pub limit: u64,
    /// Amount settled and reserved, the call's own included where it was granted.
    pub used: u64,
    /// Time until the whole limit is there again, or the period ends.
    pub reset: Duration,
    /// Time until the ask would have room: zero where granted, none where it never will.
    pub wait: Option<Duration>,
}

/// The window in which a limit comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// A bucket that refills evenly: the whole limit in this time. Counted in milliseconds, one at
    /// least.
    Bucket(Duration),
    /// The time just past, of this length. Counted in milliseconds, one at least.
    Sliding(Duration),
    /// A calendar day.
    Day {
        /// Offset of local time from UTC, in minutes.
        offset: i32,
    },
    /// A week that begins on Monday.
    Week {
        /// Offset of local time from UTC, in minutes.
        offset: i32,
    },
    /// A calendar month.
    Month {
        /// Offset of local time from UTC, in minutes.
        offset: i32,
    },
}

impl Window {
    /// Returns the kind, and milliseconds or the offset in minutes: as scripts read it, and what
    /// distinguishes two windows of one name.
    pub fn spelt(self) -> (&'static str, i64) {
        match self {
            Self::Bucket(span) => ("bucket", milliseconds(span)),
            Self::Sliding(span) => ("sliding", milliseconds(span)),
            Self::Day { offset } => ("day", bounded(offset)),
            Self::Week { offset } => ("week", bounded(offset)),
            Self::Month { offset } => ("month", bounded(offset)),
        }
    }
}

fn milliseconds(span: Duration) -> i64 {
    i64::try_from(span.as_millis().clamp(1, LONGEST)).unwrap_or(i64::MAX)
}

/// Bounds an offset: no place on earth is further from UTC than a day.
fn bounded(offset: i32) -> i64 {
    i64::from(offset.clamp(-1440, 1440))
}

/// Bytes of a bucket's name.
const BUCKET: usize = 512;
/// Most asks of one call, and most calls of one exchange that are granted.
const ASKS: usize = 32;
const RESERVATIONS: usize = 64;
/// Money is counted in billionths of a dollar, so that the cheapest token is not rounded away.
const NANO: u64 = 1000;

/// Unit that each ask counts, and whether it ends a stream that outgrows it.
type Counts = Vec<(Unit, bool)>;
type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

/// Returns the unit of this name in the contract.
pub(super) fn unit(name: &str) -> Option<Unit> {
    Some(match name {
        "requests" => Unit::Requests,
        "input-tokens" => Unit::InputTokens,
        "output-tokens" => Unit::OutputTokens,
        "total-tokens" => Unit::TotalTokens,
        "microusd" => Unit::Microusd,
        _ => return None,
    })
}

fn scale(unit: Unit) -> u64 {
    if unit == Unit::Microusd { NANO } else { 1 }
}

fn window(window: &wit::Window) -> Result<Window, &'static str> {
    let span = |ms: u64| match ms {
        0 => Err("a window of no time"),
        ms => Ok(Duration::from_millis(ms)),
    };
    let offset = |minutes: i32| match minutes {
        -1440..=1440 => Ok(minutes),
        _ => Err("an offset from UTC of more than a day"),
    };
    Ok(match *window {
        wit::Window::Bucket(ms) => Window::Bucket(span(ms)?),
        wit::Window::Sliding(ms) => Window::Sliding(span(ms)?),
        wit::Window::Day(minutes) => Window::Day {
            offset: offset(minutes)?,
        },
        wit::Window::Week(minutes) => Window::Week {
            offset: offset(minutes)?,
        },
        wit::Window::Month(minutes) => Window::Month {
            offset: offset(minutes)?,
        },
    })
}

impl State {
    /// Returns the store's asks, and what each counts.
    fn asks(&self, asks: &[wit::Ask]) -> Result<(Vec<Ask>, Counts), wit::Error> {
        let invalid = |why: &str| Err(wit::Error::Invalid(why.to_owned()));
        if asks.is_empty() || asks.len() > ASKS {
            return invalid("a call has 1 to 32 asks");
        }
        let mut made = Vec::with_capacity(asks.len());
        let mut units = Vec::with_capacity(asks.len());
        for ask in asks {
            if ask.bucket.is_empty() || ask.bucket.len() > BUCKET {
                return invalid("a bucket's name has 1 to 512 bytes");
            }
            if ask.limit == 0 {
                return invalid("a limit of 0 lets nothing pass");
            }
            let Some(unit) = unit(&ask.unit) else {
                return invalid("the unit of an ask is none that this host counts");
            };
            let amount = match (ask.amount, &self.call) {
                (Some(amount), _) => amount.saturating_mul(scale(unit)),
                (None, Some(call)) => match call.estimate(unit) {
                    Some(amount) => amount,
                    None => return Err(wit::Error::Unpriced),
                },
                (None, None) => 0,
            };
            let window = match window(&ask.window) {
                Ok(window) => window,
                Err(why) => return invalid(why),
            };
            made.push(Ask {
                key: format!("{}:{}:{}", self.shared.name, unit.name(), ask.bucket),
                amount,
                limit: ask.limit.saturating_mul(scale(unit)),
                window,
                soft: ask.soft,
            });
            units.push((unit, ask.cut));
        }
        Ok((made, units))
    }
}

fn standings(standings: Vec<Standing>, units: &[(Unit, bool)]) -> Vec<wit::Standing> {
    let stand = |(standing, (unit, _)): (Standing, &(Unit, bool))| {
        let scale = scale(*unit);
        wit::Standing {
            granted: standing.granted,
            limit: standing.limit / scale,
            used: standing.used.div_ceil(scale),
            reset_ms: millis(standing.reset),
            wait_ms: standing.wait.map_or(u64::MAX, millis),
        }
    };
    standings.into_iter().zip(units).map(stand).collect()
}

/// Converts to milliseconds, rounded up: a policy that waits that long finds room.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl wit::Host for State {
    async fn reserve(&mut self, asks: Vec<wit::Ask>) -> Answer<Vec<wit::Standing>> {
        self.live()?;
        if self.lent()?.claims.reserved.len() >= RESERVATIONS {
            return misuse("reserve: an exchange has 64 reservations at most");
        }
        let (asks, units) = match self.asks(&asks) {
            Ok(asks) => asks,
            Err(why) => return Ok(Err(why)),
        };
        let shared = self.shared.clone();
        let Ok((found, reservation)) = self.within(shared.host.limits.reserve(asks)).await? else {
            return Ok(Err(wit::Error::Unavailable));
        };
        let standings = standings(found, &units);
        if let Some(reservation) = reservation {
            self.lent()?
                .claims
                .reserved
                .push(Reserved { reservation, units });
        }
        Ok(Ok(standings))
    }

    async fn peek(&mut self, asks: Vec<wit::Ask>) -> Answer<Vec<wit::Standing>> {
        self.live()?;
        let (asks, units) = match self.asks(&asks) {
            Ok(asks) => asks,
            Err(why) => return Ok(Err(why)),
        };
        let shared = self.shared.clone();
        let found = self.within(shared.host.limits.peek(asks)).await?;
        Ok(match found {
            Ok(found) => Ok(standings(found, &units)),
            Err(_) => Err(wit::Error::Unavailable),
        })
    }
}

impl Limits for Nothing {
    fn reserve(&self, _: Vec<Ask>) -> Work<'_, Result<Taken, Unavailable>> {
        Work::now(Err(Unavailable))
    }

    fn peek(&self, _: Vec<Ask>) -> Work<'_, Result<Vec<Standing>, Unavailable>> {
        Work::now(Err(Unavailable))
    }
}
