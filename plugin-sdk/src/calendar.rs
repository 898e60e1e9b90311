//! Days, weeks and months, for windows that follow the calendar (proleptic Gregorian, no leap
//! seconds: Unix time).

use std::time::Duration;

use crate::limits::Window;

const DAY: i64 = 86_400_000;

/// Begin and end of the period of `window` that `now` falls in. `None` for windows that are no
/// calendar's.
pub(crate) fn period(window: Window, now: Duration) -> Option<(Duration, Duration)> {
    let (Window::Day(offset) | Window::Week(offset) | Window::Month(offset)) = window else {
        return None;
    };
    let shift = i64::from(offset) * 60_000;
    let now = i64::try_from(now.as_millis()).ok()?.checked_add(shift)?;
    let today = now.div_euclid(DAY);
    let (first, next) = match window {
        Window::Week(_) => {
            let monday = today - (today + 3).rem_euclid(7); // 1970-01-01 was a Thursday
            (monday, monday + 7)
        }
        Window::Month(_) => {
            let (year, month, _) = date(today);
            (day(year, month, 1), day(year, month + 1, 1))
        }
        _ => (today, today + 1),
    };
    let time = |days: i64| {
        let milliseconds = days.checked_mul(DAY)?.checked_sub(shift)?;
        Some(Duration::from_millis(
            u64::try_from(milliseconds).unwrap_or(0),
        ))
    };
    Some((time(first)?, time(next)?))
}

/// `2026-11-22T02:06:27Z` (RFC 3339), for a time since 1970.
pub(crate) fn rfc3339(time: Duration) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a count of days since 1970-01-01, as in
/// <https://howardhinnant.github.io/date_algorithms.html>.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153; // March is 0
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let january = if month <= 2 { 1 } else { 0 };
    (year + era * 400 + january, month, day)
}

/// Days since 1970-01-01 of a date; the month may be 13.
const fn day(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 12 {
        (year + 1, month - 12)
    } else {
        (year, month)
    };
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shown(window: Window, now: u64) -> (String, String) {
        let (start, end) = period(window, Duration::from_secs(now)).unwrap();
        (rfc3339(start), rfc3339(end))
    }

    fn pair(start: &str, end: &str) -> (String, String) {
        (start.into(), end.into())
    }

    #[test]
    fn days_and_dates_are_each_others_inverse_for_eight_centuries() {
        for number in -200_000..100_000 {
            let (year, month, of_month) = date(number);
            assert!((1..=12).contains(&month) && (1..=31).contains(&of_month));
            assert_eq!(day(year, month, of_month), number);
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn periods_begin_and_end_at_local_midnight_and_weeks_on_monday() {
        // Saturday 2028-02-26 23:30 UTC; February has 29 days.
        let now = 1_835_220_600;
        assert_eq!(rfc3339(Duration::from_secs(now)), "2028-02-26T23:30:00Z");
        assert_eq!(
            shown(Window::Day(0), now),
            pair("2028-02-26T00:00:00Z", "2028-02-27T00:00:00Z")
        );
        assert_eq!(
            shown(Window::Day(60), now),
            pair("2028-02-26T23:00:00Z", "2028-02-27T23:00:00Z")
        );
        assert_eq!(
            shown(Window::Week(0), now),
            pair("2028-02-21T00:00:00Z", "2028-02-28T00:00:00Z")
        );
        assert_eq!(
            shown(Window::Month(0), now),
            pair("2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z")
        );
        assert_eq!(
            shown(Window::Month(-180), now),
            pair("2028-02-01T03:00:00Z", "2028-03-01T03:00:00Z")
        );
        assert_eq!(
            shown(Window::Month(0), 1_861_000_000),
            pair("2028-12-01T00:00:00Z", "2029-01-01T00:00:00Z")
        );
        assert_eq!(period(Window::Bucket(1), Duration::ZERO), None);
    }
}
