//! Time to first content of one target: how long it takes of late, and how long it may take.
//!
//! The first is an average that follows the last ten seconds, in which a failure counts as a long
//! time: a target that fails fast never looks fast. The second is a quantile per class of calls, by
//! which the limit of an attempt is set once enough is known.

mod class;
mod histogram;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use class::{CallClass, Effort, SizeClass};
use histogram::{Histogram, Quantile};

/// The time after which a sample counts for 37 % of what it did.
const DECAY: Duration = Duration::from_secs(10);
/// The decay of the average of contents alone, to which the other returns in quiet times.
const LONG_DECAY: Duration = Duration::from_secs(300);
/// The least and the most that one sample counts for.
const WEIGHT: (f64, f64) = (0.02, 0.5);
/// The time that a failure counts as where the provider gives no end.
const PENALTY: Duration = Duration::from_secs(5);
/// The most that it counts as.
const LONGEST_PENALTY: Duration = Duration::from_secs(300);
/// Below so many samples nothing is known.
const COLD: u32 = 3;
/// A target that only ever failed is unknown again after so long.
const FORGOTTEN: Duration = Duration::from_secs(60);
/// From so many samples on a class has a quantile.
const ENOUGH: u32 = 20;
/// The factor from the quantile to the limit, and the limit's bounds.
const FACTOR: u32 = 3;
const SHORTEST_LIMIT: Duration = Duration::from_secs(10);
const LONGEST_LIMIT: Duration = Duration::from_secs(600);

/// The evidence of an attempt about a target's time to first content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// Content came, so long after the request.
    Content(Duration),
    /// The caller left before it, after so long.
    Left(Duration),
    /// It did not come within the attempt's limit.
    TimedOut(Duration),
    /// The attempt failed.
    Failed {
        /// The end that the provider gives.
        retry_after: Option<Duration>,
    },
}

/// Times to first content of one target. About 450 bytes, and 260 for each class of calls that it
/// has seen; there are 50.
#[derive(Debug, Clone)]
pub struct Latency {
    recent: Average,
    /// Of contents alone, over a longer time.
    usual: Average,
    classes: [Option<Box<Histogram>>; CallClass::COUNT],
}

/// An average in which samples lose weight with time.
#[derive(Debug, Clone, Copy, Default)]
struct Average {
    seconds: f64,
    samples: u32,
    at: Option<Instant>,
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl Latency {
    /// A target of which nothing is known.
    pub fn new() -> Self {
        Self {
            recent: Average::default(),
            usual: Average::default(),
            classes: [const { None }; CallClass::COUNT],
        }
    }

    /// Records what an attempt has shown.
    pub fn record(&mut self, class: CallClass, sample: Sample, now: Instant) {
        match sample {
            Sample::Content(time) => {
                self.histogram(class).add(time);
                self.recent.add(time, DECAY, now);
                self.usual.add(time, LONG_DECAY, now);
            }
            Sample::Left(time) => {
                self.histogram(class).add_ended(time);
                // It would have taken longer: no sign of a fast target, perhaps of a slow one.
                if time.as_secs_f64() > self.recent.seconds {
                    self.recent.add(time, DECAY, now);
                }
            }
            Sample::TimedOut(time) => {
                self.histogram(class).add_ended(time);
                self.penalise(time, now);
            }
            Sample::Failed { retry_after } => {
                self.penalise(retry_after.unwrap_or_default(), now);
            }
        }
    }

    /// Returns about how long first content takes now; `None` while too little is known. In quiet
    /// times that returns to what is usual for the target, so that a bad minute is not for ever.
    pub fn first_content(&self, now: Instant) -> Option<Duration> {
        if self.recent.samples < COLD {
            return None;
        }
        let quiet = now.saturating_duration_since(self.recent.at?);
        let seconds = if self.usual.samples > 0 {
            let weight = fading(quiet, DECAY);
            self.usual.seconds + (self.recent.seconds - self.usual.seconds) * weight
        } else if quiet < FORGOTTEN {
            self.recent.seconds
        } else {
            return None;
        };
        Some(Duration::from_secs_f64(seconds.max(0.0)))
    }

    /// Returns the time within which 95 % of the contents of calls of a class come; `None` below 20
    /// samples, and where more than 5 % of the waits ended before.
    pub fn p95(&self, class: CallClass) -> Option<Duration> {
        match self.quantile(class)? {
            Quantile::Exactly(time) => Some(time),
            Quantile::AtLeast(_) => None,
        }
    }

    /// Returns the limit for the first content of a call of a class: three times the 95th percentile
    /// within 10 s and 600 s, or `fixed` while too little is known. Where time-outs hide that
    /// percentile, the limit is not below `fixed` either: a limit must not prove itself.
    pub fn first_content_limit(&self, class: CallClass, fixed: Duration) -> Duration {
        match self.quantile(class) {
            Some(Quantile::Exactly(time)) => time
                .saturating_mul(FACTOR)
                .clamp(SHORTEST_LIMIT, LONGEST_LIMIT),
            Some(Quantile::AtLeast(time)) => time.min(LONGEST_LIMIT).max(fixed),
            None => fixed,
        }
    }

    /// Records a failure: never as less than what contents take.
    fn penalise(&mut self, time: Duration, now: Instant) {
        let usual = Duration::from_secs_f64(self.recent.seconds);
        self.recent
            .add(time.clamp(PENALTY, LONGEST_PENALTY).max(usual), DECAY, now);
    }

    fn quantile(&self, class: CallClass) -> Option<Quantile> {
        let histogram = self.classes[class.index()].as_ref()?;
        (histogram.sum() >= ENOUGH).then(|| histogram.quantile(0.95))
    }

    fn histogram(&mut self, class: CallClass) -> &mut Histogram {
        self.classes[class.index()].get_or_insert_default()
    }
}

impl Average {
    fn add(&mut self, time: Duration, decay: Duration, now: Instant) {
        self.samples = self.samples.saturating_add(1);
        let passed = self
            .at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
        // The first samples count alike, whenever they come.
        let weight = (1.0 - fading(passed, decay)).clamp(WEIGHT.0, WEIGHT.1);
        let weight = weight.max(1.0 / f64::from(self.samples));
        self.seconds += (time.as_secs_f64() - self.seconds) * weight;
    }
}

/// The part of a sample's weight that is left after a time.
fn fading(passed: Duration, decay: Duration) -> f64 {
    (-passed.as_secs_f64() / decay.as_secs_f64()).exp()
}
