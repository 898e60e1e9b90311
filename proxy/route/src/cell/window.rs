//! Exact counts of the outcomes of the last 30 s.

use std::time::Duration;

/// A bucket's length. Ten of them are 30 s, so that an outcome counts for 27 to 30 s.
const BUCKET: Duration = Duration::from_secs(3);
const BUCKETS: usize = 10;

/// The last bits of a bucket's number: two days, and no lease is longer than one.
pub(super) type Bucket = u16;

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

    /// Returns the bucket of what is counted now.
    pub(super) fn bucket_at(&self, age: Duration) -> Bucket {
        self.number(age) as Bucket
    }

    /// Takes a success back, which was counted in this bucket; nothing, once the bucket is over.
    pub(super) fn take_back_success(&mut self, bucket: Bucket) {
        let ago = u64::from((self.newest as Bucket).wrapping_sub(bucket));
        if ago < BUCKETS as u64 && ago <= self.newest {
            let bucket = &mut self.buckets[index(self.newest - ago)];
            bucket.successes = bucket.successes.saturating_sub(1);
        }
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

    fn number(&self, age: Duration) -> u64 {
        (age.as_secs() / BUCKET.as_secs()).max(self.newest)
    }

    fn bucket(&mut self, age: Duration) -> &mut Counts {
        let number = self.number(age);
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
