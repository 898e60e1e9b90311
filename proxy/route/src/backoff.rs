//! Pauses between attempts.

use std::time::Duration;

/// The longest pause before the first repetition; it doubles with each that follows.
const BASE: Duration = Duration::from_millis(250);
/// The longest pause of all.
const LONGEST: Duration = Duration::from_secs(8);

/// Returns a pause before the repetition of number `retry`, counted from 0: a share of 250 ms ·
/// 2^`retry`, 8 s at most. The share is `random`, in `0.0..=1.0`: calls that failed together do not
/// come again together ("full jitter").
pub fn full_jitter(retry: u32, random: f64) -> Duration {
    let longest = BASE.saturating_mul(1 << retry.min(16)).min(LONGEST);
    longest.mul_f64(if random.is_finite() {
        random.clamp(0.0, 1.0)
    } else {
        0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_doubles_up_to_eight_seconds() {
        let longest: Vec<_> = (0..7)
            .map(|retry| full_jitter(retry, 1.0).as_millis())
            .collect();
        assert_eq!(longest, [250, 500, 1000, 2000, 4000, 8000, 8000]);
        assert_eq!(full_jitter(u32::MAX, 1.0), LONGEST);
    }

    #[test]
    fn a_pause_is_a_random_share_of_the_longest() {
        assert_eq!(full_jitter(2, 0.25), Duration::from_millis(250));
        assert_eq!(full_jitter(2, 0.0), Duration::ZERO);
        assert_eq!(full_jitter(2, f64::NAN), Duration::ZERO);
        assert_eq!(full_jitter(2, 7.0), Duration::from_secs(1));
    }
}
