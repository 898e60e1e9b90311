//! Buckets, in memory: the contract's arithmetic on the test's clock.

use std::{collections::BTreeMap, time::Duration};

use super::{Outcome, with};
use crate::Unit;
pub(crate) use crate::limits::{Ask, Error, Standing, Window};

/// All buckets, and the reservations of exchanges that have not ended.
#[derive(Clone, Default)]
pub(super) struct Limits {
    buckets: BTreeMap<String, Bucket>,
    reserved: Vec<Reservation>,
    taken: u64,
}

/// One exchange's part of one bucket, until it is settled.
#[derive(Clone)]
struct Reservation {
    exchange: u64,
    bucket: String,
    unit: Unit,
    take: u64,
    amount: u64,
}

#[derive(Clone)]
struct Bucket {
    unit: Unit,
    limit: u64,
    window: Window,
    /// Amount that a refilling bucket lacks, times its window's milliseconds: always whole numbers.
    lack: u128,
    seen: u64,
    /// Number, time and amount of what was taken in the other windows.
    takes: Vec<(u64, u64, u64)>,
}

impl Bucket {
    fn new(ask: &Ask, now: u64) -> Self {
        Self {
            unit: ask.unit,
            limit: ask.limit,
            window: ask.window,
            lack: 0,
            seen: now,
            takes: Vec::new(),
        }
    }

    /// Gives back what has come back by `now`.
    fn pass(&mut self, now: u64) {
        let passed = now.saturating_sub(self.seen);
        self.seen = now;
        self.lack = self
            .lack
            .saturating_sub(u128::from(passed) * u128::from(self.limit));
        let since = match self.window {
            Window::Bucket(_) => return,
            Window::Sliding(span) => (now + 1).saturating_sub(span),
            calendar => period(calendar, now).0,
        };
        self.takes.retain(|(_, at, _)| *at >= since);
    }

    fn used(&self) -> u64 {
        match self.window {
            Window::Bucket(span) => whole(self.lack.div_ceil(span.into())),
            _ => self.takes.iter().map(|(_, _, amount)| amount).sum(),
        }
    }

    fn take(&mut self, number: u64, now: u64, amount: u64) {
        match self.window {
            Window::Bucket(span) => self.lack += u128::from(amount) * u128::from(span),
            _ => self.takes.push((number, now, amount)),
        }
    }

    /// Puts the truth in the place of what was reserved.
    fn settle(&mut self, number: u64, reserved: u64, truth: u64) {
        if let Window::Bucket(span) = self.window {
            let [reserved, truth] = [reserved, truth].map(|n| u128::from(n) * u128::from(span));
            self.lack = (self.lack + truth).saturating_sub(reserved);
        }
        for (_, _, amount) in self.takes.iter_mut().filter(|(of, ..)| *of == number) {
            *amount = truth;
        }
    }

    fn has_room(&self, amount: u64) -> bool {
        self.used()
            .checked_add(amount)
            .is_some_and(|sum| sum <= self.limit)
    }

    fn standing(&self, now: u64, amount: u64, granted: bool) -> Standing {
        Standing {
            granted,
            limit: self.limit,
            used: self.used(),
            reset_ms: self.until(now, self.limit),
            wait_ms: match granted {
                true => 0,
                false => self.until(now, amount),
            },
        }
    }

    /// Milliseconds until there is room for `amount`.
    fn until(&self, now: u64, amount: u64) -> u64 {
        let Some(most) = self.limit.checked_sub(amount) else {
            return u64::MAX;
        };
        match self.window {
            Window::Bucket(span) => {
                let over = self
                    .lack
                    .saturating_sub(u128::from(most) * u128::from(span));
                whole(over.div_ceil(self.limit.into()))
            }
            Window::Sliding(span) => {
                let mut used = self.used();
                let mut leaving = self.takes.iter();
                let mut at = now;
                while used > most {
                    let Some((_, taken, amount)) = leaving.next() else {
                        break;
                    };
                    used -= amount;
                    at = taken + span;
                }
                at - now
            }
            calendar => period(calendar, now).1 - now,
        }
    }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn period(window: Window, now: u64) -> (u64, u64) {
    match crate::calendar::period(window, Duration::from_millis(now)) {
        Some((start, end)) => (whole(start.as_millis()), whole(end.as_millis())),
        None => (0, u64::MAX),
    }
}

impl Limits {
    /// The bucket that an ask names, as it stands; one that was of another kind begins anew.
    fn bucket(&mut self, ask: &Ask, now: u64) -> &mut Bucket {
        let bucket = self
            .buckets
            .entry(ask.bucket.clone())
            .or_insert_with(|| Bucket::new(ask, now));
        if (bucket.unit, bucket.window) != (ask.unit, ask.window) {
            *bucket = Bucket::new(ask, now);
        }
        bucket.limit = ask.limit;
        bucket.pass(now);
        bucket
    }

    /// Takes from all, or from none; `exchange` is none for a look.
    fn ask(&mut self, asks: &[(&Ask, u64)], now: u64, exchange: Option<u64>) -> Vec<Standing> {
        let before = self.clone();
        let mut granted = Vec::new();
        for (ask, amount) in asks {
            self.taken += 1;
            let take = self.taken;
            let bucket = self.bucket(ask, now);
            granted.push(ask.soft || bucket.has_room(*amount));
            bucket.take(take, now, *amount);
            self.reserved.extend(exchange.map(|exchange| Reservation {
                exchange,
                bucket: ask.bucket.clone(),
                unit: ask.unit,
                take,
                amount: *amount,
            }));
        }
        if exchange.is_none() || granted.contains(&false) {
            *self = before;
        }
        let stand = |((ask, amount), granted): (&(&Ask, u64), bool)| {
            self.bucket(ask, now).standing(now, *amount, granted)
        };
        asks.iter().zip(granted).map(stand).collect()
    }

    /// Ends an exchange: its reservations become what it took.
    pub(super) fn settle(&mut self, exchange: u64, outcome: &Outcome, now: u64) {
        let (ended, going) = std::mem::take(&mut self.reserved)
            .into_iter()
            .partition(|reservation| reservation.exchange == exchange);
        self.reserved = going;
        for reservation in ended as Vec<Reservation> {
            let truth = truth(&reservation, outcome);
            if let Some(bucket) = self.buckets.get_mut(&reservation.bucket) {
                bucket.pass(now);
                bucket.settle(reservation.take, reservation.amount, truth);
            }
        }
    }
}

/// Amount that an exchange took. A request counts where it was sent to a model or a reply was
/// served; tokens and money only where it was sent to a model; money without a price stays as it
/// was reserved.
fn truth(reservation: &Reservation, outcome: &Outcome) -> u64 {
    let usage = &outcome.usage;
    match reservation.unit {
        Unit::Requests if outcome.from_store || !outcome.target.is_empty() => reservation.amount,
        Unit::Requests => 0,
        _ if outcome.from_store || outcome.target.is_empty() => 0,
        Unit::InputTokens => usage.input_tokens,
        Unit::OutputTokens => usage.output_tokens,
        Unit::TotalTokens => usage.input_tokens + usage.output_tokens,
        Unit::Microusd => outcome.cost_microusd.unwrap_or(reservation.amount),
    }
}

fn take_or_peek(asks: &[Ask], exchange: Option<u64>) -> Result<Vec<Standing>, Error> {
    if with(|world| world.stores_fail) {
        return Err(Error::Unavailable);
    }
    let mut amounts = Vec::new();
    for ask in asks {
        let empty = matches!(ask.window, Window::Bucket(0) | Window::Sliding(0));
        if ask.bucket.is_empty() || ask.bucket.len() > 512 || ask.limit == 0 || empty {
            return Err(Error::Invalid(format!(
                "`{}` is no bucket: it needs a name of 512 bytes at most, a limit and a window",
                ask.bucket
            )));
        }
        let amount = match ask.amount {
            Some(amount) => amount,
            None => super::current()
                .1
                .estimate(ask.unit)
                .ok_or(Error::Unpriced)?,
        };
        amounts.push((ask, amount));
    }
    let now = super::clock::now_ms();
    Ok(with(|world| world.limits.ask(&amounts, now, exchange)))
}

pub(crate) fn reserve(asks: &[Ask]) -> Result<Vec<Standing>, Error> {
    take_or_peek(asks, Some(super::deciding("limits::reserve")))
}

pub(crate) fn peek(asks: &[Ask]) -> Result<Vec<Standing>, Error> {
    take_or_peek(asks, None)
}

/// Amount taken from a bucket, settled and reserved; `None` where no ask named it.
#[must_use]
pub fn used(bucket: &str) -> Option<u64> {
    let now = super::clock::now_ms();
    with(|world| {
        let bucket = world.limits.buckets.get_mut(bucket)?;
        bucket.pass(now);
        Some(bucket.used())
    })
}

/// The names of all buckets that asks named, sorted.
#[must_use]
pub fn buckets() -> Vec<String> {
    with(|world| world.limits.buckets.keys().cloned().collect())
}

/// Number of reservations of exchanges that have not ended.
#[must_use]
pub fn reservations() -> usize {
    with(|world| world.limits.reserved.len())
}
