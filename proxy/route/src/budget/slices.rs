//! A window of ten slices of time, each with what came in then and is not spent yet.

use std::time::{Duration, Instant};

const COUNT: usize = 10;

#[derive(Debug, Clone)]
pub(super) struct Slices {
    length: Duration,
    /// The newest slice's beginning.
    began: Instant,
    newest: usize,
    amounts: [u64; COUNT],
}

impl Slices {
    /// Slices that begin with `floor` each, those before `now` too.
    pub(super) fn new(length: Duration, floor: u64, now: Instant) -> Self {
        Self {
            length,
            began: now,
            newest: 0,
            amounts: [floor; COUNT],
        }
    }

    /// Goes on to `now`: what is older than the window is lost, and new slices begin with `floor`.
    pub(super) fn advance(&mut self, floor: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.began);
        if passed < self.length {
            return;
        }
        let slices = (passed.as_nanos() / self.length.as_nanos()) as u64;
        if slices >= COUNT as u64 {
            self.amounts = [floor; COUNT];
            self.began = now;
            return;
        }
        for _ in 0..slices {
            self.newest = (self.newest + 1) % COUNT;
            self.amounts[self.newest] = floor;
            self.began += self.length;
        }
    }

    /// Adds to the newest slice.
    pub(super) fn add(&mut self, amount: u64) {
        let newest = &mut self.amounts[self.newest];
        *newest = newest.saturating_add(amount);
    }

    /// Takes `amount` out, of the oldest slices first, or nothing where there is less.
    pub(super) fn take(&mut self, mut amount: u64) -> bool {
        if self.sum() < amount {
            return false;
        }
        for older in 1..=COUNT {
            let slice = &mut self.amounts[(self.newest + older) % COUNT];
            let part = amount.min(*slice);
            *slice -= part;
            amount -= part;
        }
        true
    }

    /// Returns what is left of all slices.
    pub(super) fn sum(&self) -> u64 {
        self.amounts
            .iter()
            .fold(0, |sum, amount| sum.saturating_add(*amount))
    }
}
