//! Arithmetic of one bucket, on integers; callers pass the time.
//!
//! `limits.lua` is this file once more, for buckets that live in Redis; a test runs both through
//! the same histories and compares them.
//!
//! - A *bucket* drains evenly and exactly: what a millisecond drains may be a fraction, so the
//!   remainder of each division is kept.
//! - A *sliding* window is cut into slices, a twentieth of it each. A slice counts until its last
//!   moment has left the window, so never more than the limit is let through in any window of that
//!   length; in return up to a twentieth of it comes back late.
//! - A *calendar* period is a number; when the number changes, the count starts again.
//!
//! Settlement comes later than the reservation. Units given back go to where they were taken. Units
//! used beyond the reservation are charged to a bucket and a sliding window when they become known,
//! and to the calendar period in which the reservation began (that of an ended period is over).

use std::collections::VecDeque;

use super::Window;

/// Slices of a sliding window.
const SLICES: u64 = 20;
const DAY: i64 = 86_400_000;

/// An amount and the number of the slice or period in which it was taken, 0 for a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) when: i64,
    pub(super) amount: u64,
}

/// Count of one bucket.
#[derive(Debug)]
pub(super) enum Meter {
    Bucket {
        span: u64,
        level: u64,
        at: u64,
        /// Remainder of the last drain, in amount × milliseconds; below `span`.
        rest: u64,
    },
    Sliding {
        span: u64,
        /// Number and count of each slice, oldest first.
        slices: VecDeque<(i64, u64)>,
        sum: u64,
    },
    Period {
        window: Window,
        number: i64,
        used: u64,
    },
}

impl Meter {
    pub(super) fn new(window: Window, now: u64) -> Self {
        let span = window.spelt().1.unsigned_abs();
        match window {
            Window::Bucket(_) => Self::Bucket {
                span,
                level: 0,
                at: now,
                rest: 0,
            },
            Window::Sliding(_) => Self::Sliding {
                span,
                slices: VecDeque::new(),
                sum: 0,
            },
            _ => Self::Period {
                window,
                number: period(window, now).0,
                used: 0,
            },
        }
    }

    /// Brings the count up to `now`. Where the clock went back, the count stands still until it has
    /// caught up. Must be called before any method below.
    pub(super) fn roll(&mut self, now: u64, limit: u64) {
        match self {
            Self::Bucket {
                span,
                level,
                at,
                rest,
            } => {
                let passed = now.saturating_sub(*at);
                *at = (*at).max(now);
                let drained = u128::from(passed) * u128::from(limit) + u128::from(*rest);
                let whole = drained / u128::from(*span);
                if whole >= u128::from(*level) {
                    (*level, *rest) = (0, 0);
                } else {
                    *level -= u64::try_from(whole).unwrap_or(*level);
                    *rest = u64::try_from(drained % u128::from(*span)).unwrap_or(0);
                }
            }
            Self::Sliding { span, slices, sum } => {
                while let Some((number, count)) = slices.front()
                    && ends(*number, *span) <= now
                {
                    *sum -= count;
                    slices.pop_front();
                }
            }
            Self::Period {
                window,
                number,
                used,
            } => {
                let present = period(*window, now).0;
                if present > *number {
                    (*number, *used) = (present, 0);
                }
            }
        }
    }

    /// Returns the units taken: settled and reserved.
    pub(super) fn used(&self) -> u64 {
        match self {
            Self::Bucket { level, .. } => *level,
            Self::Sliding { sum, .. } => *sum,
            Self::Period { used, .. } => *used,
        }
    }

    /// Counts an amount as taken now.
    pub(super) fn take(&mut self, now: u64, amount: u64) -> Part {
        let when = match self {
            Self::Bucket { level, .. } => {
                *level = level.saturating_add(amount);
                0
            }
            Self::Sliding { span, slices, sum } => {
                let present = slice(now, *span);
                let number = slices
                    .back()
                    .map_or(present, |(last, _)| present.max(*last));
                match slices.back_mut() {
                    Some((last, count)) if *last == number => *count = count.saturating_add(amount),
                    _ if amount > 0 => slices.push_back((number, amount)),
                    _ => {}
                }
                *sum = sum.saturating_add(amount);
                number
            }
            Self::Period { number, used, .. } => {
                *used = used.saturating_add(amount);
                *number
            }
        };
        Part { when, amount }
    }

    /// Gives back a part that was taken. Units that have refilled since are not given a second
    /// time.
    pub(super) fn give(&mut self, part: Part) {
        match self {
            Self::Bucket { level, rest, .. } => {
                *level = level.saturating_sub(part.amount);
                if *level == 0 {
                    *rest = 0;
                }
            }
            Self::Sliding { slices, sum, .. } => {
                if let Some(at) = slices.iter().position(|(number, _)| *number == part.when)
                    && let Some((_, count)) = slices.get_mut(at)
                {
                    let back = part.amount.min(*count);
                    *count -= back;
                    *sum -= back;
                    if *count == 0 {
                        slices.remove(at);
                    }
                }
            }
            Self::Period { number, used, .. } => {
                if *number == part.when {
                    *used = used.saturating_sub(part.amount);
                }
            }
        }
    }

    /// Replaces what was taken in parts by `truth`.
    pub(super) fn settle(&mut self, now: u64, parts: &[Part], truth: u64) {
        let mut left = truth;
        for part in parts {
            let kept = part.amount.min(left);
            left -= kept;
            self.give(Part {
                when: part.when,
                amount: part.amount - kept,
            });
        }
        match (self, parts.last()) {
            (Self::Period { number, .. }, Some(last)) if last.when != *number => {}
            (meter, _) if left > 0 => drop(meter.take(now, left)),
            _ => {}
        }
    }

    /// Returns the milliseconds until the whole limit is available again, or the period ends.
    pub(super) fn reset(&self, now: u64, limit: u64) -> u64 {
        match self {
            Self::Bucket { level, .. } => self.drains(*level, limit).unwrap_or(u64::MAX),
            Self::Sliding { span, slices, .. } => slices
                .back()
                .map_or(0, |(number, _)| ends(*number, *span).saturating_sub(now)),
            Self::Period { window, number, .. } => {
                let (present, end) = period(*window, now);
                // The clock went back: the period that is counted has not begun again, and ends
                // when it ends.
                if present == *number {
                    end.saturating_sub(now)
                } else {
                    0
                }
            }
        }
    }

    /// Returns the milliseconds until an amount has room, as things stand; `None` where it never
    /// will.
    pub(super) fn wait(&self, now: u64, limit: u64, amount: u64) -> Option<u64> {
        if amount > limit {
            return None;
        }
        let excess = self.used().saturating_add(amount).saturating_sub(limit);
        if excess == 0 {
            return Some(0);
        }
        match self {
            Self::Bucket { .. } => self.drains(excess, limit),
            Self::Sliding { span, slices, .. } => {
                let mut freed = 0_u64;
                slices.iter().find_map(|(number, count)| {
                    freed = freed.saturating_add(*count);
                    (freed >= excess).then(|| ends(*number, *span).saturating_sub(now))
                })
            }
            Self::Period { .. } => Some(self.reset(now, limit)),
        }
    }

    /// Returns the milliseconds until this much has drained from a bucket; `None` where nothing
    /// drains.
    fn drains(&self, amount: u64, limit: u64) -> Option<u64> {
        let Self::Bucket { span, rest, .. } = self else {
            return None;
        };
        if amount == 0 {
            return Some(0);
        }
        let needed = u128::from(amount) * u128::from(*span) - u128::from(*rest);
        (limit > 0).then(|| u64::try_from(needed.div_ceil(u128::from(limit))).unwrap_or(u64::MAX))
    }
}

/// Returns the length of a slice, in milliseconds.
fn slice_length(span: u64) -> u64 {
    span.div_ceil(SLICES).max(1)
}

/// Returns the number of the slice that a moment is in.
fn slice(now: u64, span: u64) -> i64 {
    i64::try_from(now / slice_length(span)).unwrap_or(i64::MAX)
}

/// Returns the time at which a slice's last moment has left the window.
fn ends(number: i64, span: u64) -> u64 {
    let length = slice_length(span);
    number
        .unsigned_abs()
        .saturating_add(1)
        .saturating_mul(length)
        .saturating_add(span)
}

/// Returns the number of the calendar period that a moment is in, and the time at which it ends.
fn period(window: Window, now: u64) -> (i64, u64) {
    let offset = window.spelt().1 * 60_000;
    let local = i64::try_from(now).unwrap_or(i64::MAX / 2) + offset;
    let day = local.div_euclid(DAY);
    let (number, last) = match window {
        Window::Week { .. } => {
            // 1970-01-01 was a Thursday.
            let week = (day + 3).div_euclid(7);
            (week, (week + 1) * 7 - 3)
        }
        Window::Month { .. } => {
            let month = month_of(day);
            (month, first_day(month + 1))
        }
        _ => (day, day + 1),
    };
    (
        number,
        u64::try_from((last * DAY).saturating_sub(offset)).unwrap_or(0),
    )
}

/// Returns the months since year 0 of the day that is so many days after 1970-01-01. Howard
/// Hinnant, *chrono-compatible low-level date algorithms*.
fn month_of(day: i64) -> i64 {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    // Years of this algorithm begin in March.
    (year_of_era + era * 400) * 12 + from_march + 2
}

/// Returns the first day of a month, in days after 1970-01-01.
fn first_day(month: i64) -> i64 {
    let shifted = month - 2;
    let (year, from_march) = (shifted.div_euclid(12), shifted.rem_euclid(12));
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let of_year = (153 * from_march + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
