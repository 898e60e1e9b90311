//! Budgets of what is done beside the exchanges themselves: retries, hedges, shadows.
//!
//! Each is a window of ten slices. What exchanges bring in is spent within the window or lost, so
//! that a quiet night saves nothing up for a storm.

mod money;
mod slices;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use money::MoneyBudget;
use slices::Slices;

/// A retry, in the unit in which shares are exact.
const ONE: u64 = 1_000_000;

/// The number of attempts that may follow failures: a share of the exchanges of the last ten
/// slices, and a floor. Over any time it lets through at most the share of the exchanges and the
/// floor of that time and of the window before it.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    /// The deposit of an exchange.
    share: u64,
    /// The balance that each slice begins with.
    floor: u64,
    slices: Slices,
}

impl RetryBudget {
    /// The length of a slice: the burst is what came in within ten seconds, as in Finagle.
    const SLICE: Duration = Duration::from_secs(1);
    /// The same for what may have cost money.
    const SLICE_MAYBE_DONE: Duration = Duration::from_secs(6);
    /// The floor for what may have cost money: one in a minute, so that an alias with few exchanges
    /// is not without any.
    const FLOOR_MAYBE_DONE: u64 = ONE / 10;

    /// A budget of a `share` of exchanges (0.2 is a fifth) and of `per_second` beside it, that of
    /// ten seconds available at once.
    pub fn new(share: f64, per_second: f64, now: Instant) -> Self {
        let floor = parts(per_second);
        Self {
            share: parts(share),
            floor,
            slices: Slices::new(Self::SLICE, floor, now),
        }
    }

    /// A budget of retries of what may have been done and charged for: a `share` of the exchanges of
    /// the last minute, or one a minute where that is less than one. A share of 0 switches them off.
    pub fn maybe_done(share: f64, now: Instant) -> Self {
        let share = parts(share);
        let floor = if share == 0 {
            0
        } else {
            Self::FLOOR_MAYBE_DONE
        };
        Self {
            share,
            floor,
            slices: Slices::new(Self::SLICE_MAYBE_DONE, floor, now),
        }
    }

    /// Brings in an exchange's share. Once per exchange, whatever its attempts.
    pub fn deposit(&mut self, now: Instant) {
        self.slices.advance(self.floor, now);
        self.slices.add(self.share);
    }

    /// Takes out one retry; returns false where there is none.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        self.slices.advance(self.floor, now);
        self.slices.take(ONE)
    }

    /// Returns whether there is a retry.
    pub fn allows(&mut self, now: Instant) -> bool {
        self.balance(now) >= 1.0
    }

    /// Returns the number of retries that are left.
    pub fn balance(&mut self, now: Instant) -> f64 {
        self.slices.advance(self.floor, now);
        self.slices.sum() as f64 / ONE as f64
    }
}

/// A configured number, which is finite and not negative, in millionths.
fn parts(number: f64) -> u64 {
    (number.clamp(0.0, 1e6) * ONE as f64).round() as u64
}
