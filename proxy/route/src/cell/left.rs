//! The room that a provider's limits leave until they are reset.

use std::time::{Duration, Instant};

use super::slots::Load;
use crate::{Quantity, Room, room::FURTHEST};

/// One call is taken to need this part of a limit at the most. Estimates go by bytes, and are far
/// too large of a picture: whether a call fits that is larger than that is the provider's to say,
/// and it must not keep all others out until its reply begins.
const LARGEST_PART: u64 = 4;
/// Providers round what they report of replies' tokens to so many: once none are left, there may be
/// some again when so many have come back.
const OUTPUT_STEP: u64 = 1000;

/// Requests and tokens that are left, as of the last reply, without what was sent since.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Left {
    requests: Option<Amount>,
    tokens: Option<Amount>,
    /// Of replies; none unless nothing of it was left.
    output: Option<Amount>,
}

#[derive(Debug, Clone, Copy)]
enum Amount {
    /// All of it comes back at once.
    Window(Window),
    /// It comes back evenly.
    Bucket(Bucket),
}

/// A fixed window. Once it is over, the next begins with the first request of it, and allows as much:
/// whoever is sent before the provider says so is counted against that.
#[derive(Debug, Clone, Copy)]
struct Window {
    left: u64,
    reset: Instant,
    /// The amount of a whole window, where it is known.
    size: Option<u64>,
    /// The longest time to a reset that was reported: a window is no shorter.
    length: Duration,
}

/// A token bucket, kept as the time at which it is full again: what is in it follows from that.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The amount in it when it is full.
    size: u64,
    /// The time in which it fills.
    fills_in: Duration,
    full: Instant,
}

impl Left {
    /// `unanswered` is subtracted: the provider may not have counted it yet. Without a time of its
    /// reset, a quantity is as good as unknown: it might have been reset by now.
    pub(super) fn of(room: &Room, unanswered: Load, before: &Self, now: Instant) -> Self {
        let amount = |quantity: Option<Quantity>, unanswered, before: Option<Amount>| {
            let quantity = quantity?;
            let resets_in = quantity.resets_soon()?;
            if let Some(bucket) = Bucket::of(&quantity, resets_in, unanswered, now) {
                return Some(Amount::Bucket(bucket));
            }
            let known = match before {
                Some(Amount::Window(window))
                    if window.size.is_some() && window.size == quantity.limit =>
                {
                    window.length
                }
                _ => Duration::ZERO,
            };
            Some(Amount::Window(Window {
                left: quantity.remaining.saturating_sub(unanswered),
                reset: now + resets_in,
                size: quantity.limit.filter(|size| *size > 0),
                length: resets_in.max(known),
            }))
        };
        let limit = room.tokens.and_then(|tokens| tokens.limit);
        let most = largest(limit).saturating_mul(unanswered.requests);
        let none_left = room.output.filter(|output| output.remaining == 0);
        Self {
            requests: amount(room.requests, unanswered.requests, before.requests),
            tokens: amount(room.tokens, unanswered.tokens.min(most), before.tokens),
            output: amount(none_left, 0, before.output),
        }
    }

    /// Subtracts a request that is sent, and returns the tokens that it counts for.
    pub(super) fn take(&mut self, tokens: u64, now: Instant) -> u64 {
        let tokens = tokens.min(largest(self.tokens.and_then(Amount::size)));
        for (amount, taken) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            match amount {
                Some(Amount::Window(window)) => window.take(taken, now),
                Some(Amount::Bucket(bucket)) => bucket.take(taken, now),
                None => {}
            }
        }
        tokens
    }

    /// Returns when there is room for a request of so many tokens, where a limit has none now.
    pub(super) fn short_until(&self, now: Instant, tokens: u64) -> Option<Instant> {
        let short = |amount: Option<Amount>, needed| {
            let needed = largest(amount?.size()).min(needed);
            let until = match amount? {
                Amount::Window(window) => (window.left < needed).then_some(window.reset)?,
                Amount::Bucket(bucket) => bucket.has(needed)?,
            };
            (now < until).then_some(until)
        };
        short(self.requests, 1)
            .max(short(self.tokens, tokens))
            .max(short(self.output, OUTPUT_STEP))
    }

    /// Returns the tokens of the largest call that there is room for; `None` where any has.
    pub(super) fn fits(&self, now: Instant) -> Option<u64> {
        let (_, left) = self.amounts(now);
        let largest = largest(self.tokens?.size());
        left.filter(|left| *left < largest)
    }

    /// Returns the requests and the tokens.
    pub(super) fn amounts(&self, now: Instant) -> (Option<u64>, Option<u64>) {
        let left = |amount: Option<Amount>| match amount? {
            Amount::Window(window) if now < window.reset => Some(window.left),
            Amount::Window(window) => window.size,
            Amount::Bucket(bucket) => Some(bucket.left(now)),
        };
        (left(self.requests), left(self.tokens))
    }
}

impl Amount {
    /// The amount that there is when nothing is used, where it is known.
    const fn size(self) -> Option<u64> {
        match self {
            Self::Window(window) => window.size,
            Self::Bucket(bucket) => Some(bucket.size),
        }
    }
}

impl Window {
    fn take(&mut self, amount: u64, now: Instant) {
        if now >= self.reset {
            let Some(size) = self.size else { return };
            (self.left, self.reset) = (size, now + self.length);
        }
        self.left = self.left.saturating_sub(amount);
    }
}

impl Bucket {
    /// The bucket of a quantity that comes back evenly, where its size is known and something is
    /// missing that says how fast it fills.
    fn of(quantity: &Quantity, resets_in: Duration, unanswered: u64, now: Instant) -> Option<Self> {
        let size = quantity.limit.filter(|_| quantity.refills)?;
        let missing = size.checked_sub(quantity.remaining).filter(|m| *m > 0)?;
        if resets_in.is_zero() {
            return None;
        }
        let mut bucket = Self {
            size,
            fills_in: part(resets_in, size, missing),
            full: now,
        };
        bucket.take(missing.saturating_add(unanswered), now);
        Some(bucket)
    }

    fn take(&mut self, amount: u64, now: Instant) {
        let time = part(self.fills_in, amount, self.size);
        // what is not there is owed, but no more than there ever is
        self.full = (self.full.max(now) + time).min(now + 2 * self.fills_in);
    }

    /// Returns when it has so much, or is full if that is more than it ever has; `None` where it
    /// always had.
    fn has(&self, amount: u64) -> Option<Instant> {
        let spare = part(self.fills_in, self.size.saturating_sub(amount), self.size);
        self.full.checked_sub(spare)
    }

    fn left(&self, now: Instant) -> u64 {
        let missing = self.full.saturating_duration_since(now);
        let (missing, all) = (missing.as_nanos(), self.fills_in.as_nanos().max(1));
        let missing = (u128::from(self.size) * missing).div_ceil(all);
        let missing = u64::try_from(missing).unwrap_or(u64::MAX);
        self.size.saturating_sub(missing)
    }
}

/// The most that one call is taken to need of a limit.
fn largest(limit: Option<u64>) -> u64 {
    limit.map_or(u64::MAX, |limit| (limit / LARGEST_PART).max(1))
}

/// `time` × `share` ÷ `whole`, at most [`FURTHEST`].
fn part(time: Duration, share: u64, whole: u64) -> Duration {
    let nanos = time.as_nanos().saturating_mul(u128::from(share)) / u128::from(whole.max(1));
    u64::try_from(nanos)
        .map_or(FURTHEST, Duration::from_nanos)
        .min(FURTHEST)
}
