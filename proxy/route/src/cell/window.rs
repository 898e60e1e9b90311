//! Exact counts of the outcomes of the last 30 s.

use std::time::Duration;

/// A bucket's length. Ten of them are 30 s, so that an outcome counts for 27 to 30 s.
const BUCKET: Duration = Duration::from_secs(3);
const BUCKETS: usize = 10;

/// Successes and failures by bucket: counts and no averages, so that the rate of calls does not
/// change what a share means.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// The number of the newest bucket since the cell began.
    newest: u64,
    buckets: [Counts; BUCKETS],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) successes: u32,
    pub(super) failures: u32,
}

impl Window {
    /// Counts a success, `age` after the cell began.
    pub(super) fn add_success(&mut self, age: Duration) {
        let bucket = self.bucket(age);
        bucket.successes = bucket.successes.saturating_add(1);
    }

    /// Counts a failure.
    pub(super) fn add_failure(&mut self, age: Duration) {
        let bucket = self.bucket(age);
        bucket.failures = bucket.failures.saturating_add(1);
    }

    /// Returns the sums as of the last outcome.
    pub(super) fn sums(&self) -> Counts {
        self.buckets
            .iter()
            .fold(Counts::default(), |sums, bucket| Counts {
                successes: sums.successes.saturating_add(bucket.successes),
                failures: sums.failures.saturating_add(bucket.failures),
            })
    }

    /// Forgets all outcomes.
    pub(super) fn clear(&mut self) {
        self.buckets = [Counts::default(); BUCKETS];
    }

    fn bucket(&mut self, age: Duration) -> &mut Counts {
        let number = (age.as_secs() / BUCKET.as_secs()).max(self.newest);
        let passed = (number - self.newest).min(BUCKETS as u64);
        for later in 1..=passed {
            self.buckets[index(self.newest + later)] = Counts::default();
        }
        self.newest = number;
        &mut self.buckets[index(number)]
    }
}

fn index(number: u64) -> usize {
    (number % BUCKETS as u64) as usize
}
