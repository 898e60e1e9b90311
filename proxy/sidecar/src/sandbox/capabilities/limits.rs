//! Limits, over whatever store the proxy was given. What is reserved goes into the exchange's books, which settle it.

use std::time::Duration;

use super::{super::bindings::limits as wit, State, misuse};
use crate::{
    cost::Unit,
    policy::Reserved,
    state::{Ask, Standing, Window},
};

/// Bytes of a bucket's name.
const BUCKET: usize = 512;
/// Asks of one call, and calls of one exchange that were granted.
const ASKS: usize = 32;
const RESERVATIONS: usize = 64;
/// Money is counted in billionths of a dollar, so that the cheapest token is not rounded away.
const NANO: u64 = 1000;

/// What each ask counts, and whether it ends a stream that outgrows it.
type Counts = Vec<(Unit, bool)>;
type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

/// The unit of this name in the contract.
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
    /// The store's asks, and what each counts.
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
    let told = |(standing, (unit, _)): (Standing, &(Unit, bool))| {
        let scale = scale(*unit);
        wit::Standing {
            granted: standing.granted,
            limit: standing.limit / scale,
            used: standing.used.div_ceil(scale),
            reset_ms: millis(standing.reset),
            wait_ms: standing.wait.map_or(u64::MAX, millis),
        }
    };
    standings.into_iter().zip(units).map(told).collect()
}

/// Rounded up: who waits that long finds room.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

impl wit::Host for State {
    async fn reserve(&mut self, asks: Vec<wit::Ask>) -> Answer<Vec<wit::Standing>> {
        self.live()?;
        if self.lent()?.books.reserved.len() >= RESERVATIONS {
            return misuse("reserve: an exchange has 64 reservations at most");
        }
        let (asks, units) = match self.asks(&asks) {
            Ok(asks) => asks,
            Err(why) => return Ok(Err(why)),
        };
        let stores = self.shared.host.stores.clone();
        let Ok((found, reservation)) = self.within(stores.reserve(&asks)).await? else {
            return Ok(Err(wit::Error::Unavailable));
        };
        let told = standings(found, &units);
        if let Some(reservation) = reservation {
            self.lent()?
                .books
                .reserved
                .push(Reserved { reservation, units });
        }
        Ok(Ok(told))
    }

    async fn peek(&mut self, asks: Vec<wit::Ask>) -> Answer<Vec<wit::Standing>> {
        self.live()?;
        let (asks, units) = match self.asks(&asks) {
            Ok(asks) => asks,
            Err(why) => return Ok(Err(why)),
        };
        let stores = self.shared.host.stores.clone();
        let found = self.within(stores.peek(&asks)).await?;
        Ok(match found {
            Ok(found) => Ok(standings(found, &units)),
            Err(_) => Err(wit::Error::Unavailable),
        })
    }
}
