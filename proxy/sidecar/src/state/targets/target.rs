//! The state of one target.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use route::Latency;
use serde::Serialize;

use super::{Breaker, now};

/// The weight of one exchange in the moving average of what was cached.
const CACHED_WEIGHT: f32 = 0.25;
/// The time for which providers keep a prompt at the least: five minutes from its last use.
const CACHED_FOR: Duration = Duration::from_secs(300);

/// The state of `upstream/model`.
pub struct TargetState {
    pub(super) breaker: Arc<Breaker>,
    latency: Mutex<Latency>,
    /// The moving average of the part of prompts that was cached, and since when it is that.
    cached: Mutex<Option<(f32, Instant)>>,
    pub(super) attempts: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) in_flight: AtomicU32,
}

/// A target, as the admin address shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetFigures {
    /// `upstream/model`.
    pub target: String,
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// Attempts since it was first configured.
    pub attempts: u64,
    /// Those that failed.
    pub failures: u64,
    /// Attempts and replies under way.
    pub in_flight: u32,
    /// Milliseconds until it is probed, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<u64>,
    /// The moving average of the time to its first content, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_content_ms: Option<u64>,
}

impl TargetState {
    pub(super) fn new(breaker: Arc<Breaker>) -> Self {
        Self {
            breaker,
            latency: Mutex::new(Latency::new()),
            cached: Mutex::default(),
            attempts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
        }
    }

    /// Its name: `upstream/model`.
    pub fn name(&self) -> &str {
        self.breaker.name()
    }

    /// Its breaker.
    pub const fn breaker(&self) -> &Arc<Breaker> {
        &self.breaker
    }

    /// Attempts and replies under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Reads or changes what is known of its latency.
    pub fn latency<R>(&self, act: impl FnOnce(&mut Latency) -> R) -> R {
        act(&mut self.latency.lock())
    }

    /// Notes the part of a prompt that the provider had in its cache.
    pub fn note_cached(&self, share: f32, now: Instant) {
        let mut cached = self.cached.lock();
        let before = cached.map_or(share, |(before, _)| before);
        *cached = Some((before + (share - before) * CACHED_WEIGHT, now));
    }

    /// Reports whether the provider had most of the last prompts in its cache, and probably still
    /// has.
    pub fn has_cached(&self, now: Instant) -> bool {
        let cached = *self.cached.lock();
        cached.is_some_and(|(share, since)| {
            share >= 0.5 && now.saturating_duration_since(since) < CACHED_FOR
        })
    }

    /// The figures for the admin address.
    pub fn figures(&self) -> TargetFigures {
        let now = now();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let until = self.breaker.read(route::Cell::open_until);
        let until = until.and_then(|until| until.checked_duration_since(now));
        TargetFigures {
            target: self.breaker.name().to_owned(),
            state: self.breaker.state(now).name(),
            attempts: self.attempts.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            in_flight: self.in_flight(),
            open_ms: until.filter(|left| !left.is_zero()).map(millis),
            first_content_ms: self
                .latency(|latency| latency.first_content(now))
                .map(millis),
        }
    }
}
