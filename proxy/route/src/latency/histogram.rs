//! Times to first content, counted by their size: 256 bytes whatever the number of samples.

use std::time::Duration;

/// Four to each doubling from 16 ms to 13 minutes, so that an edge is off by a quarter at the most.
const BUCKETS: usize = 64;
/// All counts are halved at this sum: a provider's last thousand calls say more than its last month.
const HALVED_AT: u32 = 1024;

#[derive(Debug, Clone)]
pub(super) struct Histogram {
    /// Contents that came, by the time.
    came: [u16; BUCKETS],
    /// Waits that ended before, by how long they had lasted.
    ended: [u16; BUCKETS],
    sum: u32,
}

/// The time that a share of contents takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantile {
    /// It is known.
    Exactly(Duration),
    /// Too many waits ended before: it is no less than this.
    AtLeast(Duration),
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            came: [0; BUCKETS],
            ended: [0; BUCKETS],
            sum: 0,
        }
    }
}

impl Histogram {
    /// Counts a content that came.
    pub(super) fn add(&mut self, time: Duration) {
        self.came[bucket(time)] += 1;
        self.grow();
    }

    /// Counts a wait that ended without one, which would have lasted at least as long.
    pub(super) fn add_ended(&mut self, time: Duration) {
        self.ended[bucket(time)] += 1;
        self.grow();
    }

    /// Returns the number of samples that count.
    pub(super) const fn sum(&self) -> u32 {
        self.sum
    }

    /// Returns the time within which a share of `share` of all contents come, by the product-limit
    /// estimate (Kaplan, Meier): a wait that ended counts among those that take longer.
    pub(super) fn quantile(&self, share: f64) -> Quantile {
        let mut at_risk = f64::from(self.sum);
        let mut later = 1.0;
        let mut longest = 0;
        for index in 0..BUCKETS {
            let (came, ended) = (f64::from(self.came[index]), f64::from(self.ended[index]));
            if came > 0.0 {
                let before = later;
                later *= 1.0 - came / at_risk;
                if later <= 1.0 - share + 1e-9 {
                    // Contents of a bucket are taken to be spread evenly over it.
                    let part = (before - (1.0 - share)) / (before - later);
                    let (from, to) = (lower_edge(index), lower_edge(index + 1));
                    return Quantile::Exactly(from + (to - from).mul_f64(part.clamp(0.0, 1.0)));
                }
            }
            if came + ended > 0.0 {
                longest = index;
            }
            at_risk -= came + ended;
        }
        Quantile::AtLeast(lower_edge(longest))
    }

    fn grow(&mut self) {
        self.sum += 1;
        if self.sum >= HALVED_AT {
            for count in self.came.iter_mut().chain(&mut self.ended) {
                *count /= 2;
            }
            self.sum = self
                .came
                .iter()
                .chain(&self.ended)
                .map(|count| u32::from(*count))
                .sum();
        }
    }
}

/// The number of the bucket: the first is below 16 ms, the last is 786 s and above.
fn bucket(time: Duration) -> usize {
    let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let Some(doublings) = millis.checked_ilog2().and_then(|log| log.checked_sub(4)) else {
        return 0;
    };
    let quarter = (millis >> (doublings + 2)) & 3;
    (1 + doublings as usize * 4 + quarter as usize).min(BUCKETS - 1)
}

fn lower_edge(bucket: usize) -> Duration {
    let Some(above) = bucket.checked_sub(1) else {
        return Duration::ZERO;
    };
    Duration::from_millis(((4 + above % 4) as u64) << (above / 4 + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_its_lower_edge_and_not_its_upper() {
        for index in 0..BUCKETS {
            assert_eq!(bucket(lower_edge(index)), index);
            assert_eq!(
                bucket(lower_edge(index + 1) - Duration::from_millis(1)),
                index
            );
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_quantile_is_within_a_bucket_of_the_exact_one() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|step| histogram.add(Duration::from_millis(step * 2)));
        for share in [0.5, 0.9, 0.95, 0.99] {
            let Quantile::Exactly(time) = histogram.quantile(share) else {
                panic!("{share}")
            };
            let exact = share * 2.0;
            assert!(
                (time.as_secs_f64() / exact - 1.0).abs() < 0.15,
                "{share}: {time:?}"
            );
        }
    }

    #[test]
    fn waits_that_ended_early_do_not_make_contents_look_early_or_late() {
        let (mut all, mut some) = (Histogram::default(), Histogram::default());
        for step in 0..500_u64 {
            let time = Duration::from_millis(1000 + (step * 7919) % 1000);
            all.add(time);
            // Every third caller leaves before, at times that have nothing to do with the content's.
            let patience = Duration::from_millis((step * 104_729) % 2000);
            if step % 3 == 0 && patience < time {
                some.add_ended(patience)
            } else {
                some.add(time)
            }
        }
        let exactly = |histogram: &Histogram| match histogram.quantile(0.95) {
            Quantile::Exactly(time) => time.as_secs_f64(),
            Quantile::AtLeast(time) => panic!("at least {time:?}"),
        };
        assert!((exactly(&some) / exactly(&all) - 1.0).abs() < 0.05);
    }

    #[test]
    fn counts_are_of_the_last_thousand_samples() {
        let mut histogram = Histogram::default();
        (0..100_000).for_each(|_| histogram.add(Duration::from_millis(100)));
        (0..1024).for_each(|_| histogram.add(Duration::from_secs(10)));
        (0..4096).for_each(|_| histogram.add(Duration::from_secs(10)));
        let Quantile::Exactly(time) = histogram.quantile(0.05) else {
            panic!()
        };
        assert!(time > Duration::from_secs(8), "{time:?}");
        assert!(histogram.sum() < HALVED_AT);
    }
}
