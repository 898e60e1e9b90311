//! The rate at which a queue drains.

use std::time::{Duration, Instant};

/// The time over which the rate is an average, in seconds.
const WINDOW: f64 = 10.0;

/// Exchanges that left before a rate is worth anything.
const LEAST_DEPARTURES: u32 = 8;

/// Tokens per second, as an exponentially weighted average over the time in which something waited.
#[derive(Debug)]
pub(super) struct DrainRate {
    tokens: f64,
    /// The part of the window that has been seen, in 0..1.
    seen: f64,
    departures: u32,
    last: Option<Instant>,
}

impl DrainRate {
    pub(super) const fn new() -> Self {
        Self {
            tokens: 0.0,
            seen: 0.0,
            departures: 0,
            last: None,
        }
    }

    /// Notes that time has passed. An empty queue drains nothing, whatever the rate: its time does
    /// not count.
    pub(super) fn advance(&mut self, now: Instant, is_waiting: bool) {
        let last = self.last.replace(now);
        let Some(last) = last.filter(|_| is_waiting) else {
            return;
        };
        let passed = now.saturating_duration_since(last).as_secs_f64();
        let kept = (-passed / WINDOW).exp();
        self.tokens *= kept;
        self.seen = self.seen.mul_add(kept, 1.0 - kept);
    }

    pub(super) fn depart(&mut self, tokens: u64) {
        self.departures = self.departures.saturating_add(1);
        self.tokens += tokens as f64;
    }

    /// Takes back a departure that came to nothing.
    pub(super) fn come_back(&mut self, tokens: u64) {
        self.departures = self.departures.saturating_sub(1);
        self.tokens = (self.tokens - tokens as f64).max(0.0);
    }

    /// Returns the time in which so many tokens leave. `None` while the rate is not known.
    pub(super) fn time_for(&self, tokens: u64) -> Option<Duration> {
        if tokens == 0 {
            return Some(Duration::ZERO);
        }
        if self.departures < LEAST_DEPARTURES || self.tokens <= 0.0 {
            return None;
        }
        let rate = self.tokens / (WINDOW * self.seen);
        Duration::try_from_secs_f64(tokens as f64 / rate).ok()
    }
}
