//! Spans and points of time as providers write them.

use std::time::Duration;

/// The longest span that is read; more is cut there.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The seconds of a unit, by its spelling.
const UNITS: [(&str, f64); 20] = [
    ("ms", 1e-3),
    ("milliseconds", 1e-3),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ns", 1e-9),
    ("s", 1.0),
    ("sec", 1.0),
    ("secs", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
    ("d", 86_400.0),
    ("day", 86_400.0),
    ("days", 86_400.0),
];

/// Reads a span at the beginning of a text: `6m0s`, `7.66s`, `20ms`, `1h30m`, `26 seconds`, or
/// `38`, which counts seconds. Returns it and the length of what was read; `None` where no span
/// begins there.
pub fn duration_of(text: &str) -> Option<(Duration, usize)> {
    let (mut seconds, mut length) = (0.0, 0);
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let digits = rest.len() - rest.trim_start_matches(is_of_number).len();
        // the full stop behind a span ends a sentence
        let number = rest.get(..digits)?.trim_end_matches('.');
        let Ok(count) = number.parse::<f64>() else {
            break;
        };
        let behind = rest.get(number.len()..).unwrap_or_default();
        let blank = behind.len() - behind.trim_start_matches(' ').len();
        let word = behind.get(blank..).unwrap_or_default();
        let letters = word.find(|c: char| !c.is_alphabetic());
        let word = word
            .get(..letters.unwrap_or(word.len()))
            .unwrap_or_default();
        let unit = UNITS.iter().find(|(name, _)| *name == word);
        match unit {
            Some((_, unit)) => {
                seconds += count * unit;
                length += number.len() + blank + word.len();
            }
            None if length == 0 => {
                seconds = count;
                length = number.len();
                break;
            }
            None => break,
        }
    }
    (length > 0).then(|| {
        let span = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST);
        (span.min(LONGEST), length)
    })
}

fn is_of_number(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

/// Reads a date and time at the beginning of a text, in the form of RFC 3339 §5.6 or as
/// `2026-12-01 at 00:00 UTC`: its time since the Unix epoch, fractions of a second left out. `None`
/// for what is neither, and for times before the epoch.
pub fn timestamp_of(text: &str) -> Option<Duration> {
    let bytes = text.as_bytes();
    let (year, month, day) = (
        number(bytes, 0, 4)?,
        number(bytes, 5, 2)?,
        number(bytes, 8, 2)?,
    );
    let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    if !dashes || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let rest = text.get(10..)?;
    let clock = match rest.strip_prefix(" at ") {
        Some(clock) => clock,
        None => rest.strip_prefix(['T', 't', ' '])?,
    };
    let bytes = clock.as_bytes();
    let (hour, minute) = (number(bytes, 0, 2)?, number(bytes, 3, 2)?);
    let second = match bytes.get(5) {
        Some(b':') => number(bytes, 6, 2)?,
        _ => 0,
    };
    if bytes.get(2) != Some(&b':') || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let clock_length = if bytes.get(5) == Some(&b':') { 8 } else { 5 };
    let zone = clock.get(clock_length..)?.trim_start_matches(is_of_number);
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let seconds = seconds - offset(zone.trim_start())?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// The seconds by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let bytes = zone.as_bytes();
    let sign = match bytes.first()? {
        b'Z' | b'z' | b'U' | b'u' => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    Some(sign * (number(bytes, 1, 2)? * 3600 + number(bytes, 4, 2)? * 60))
}

/// The number that `length` digits are.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<i64> {
    let digits = bytes.get(at..at + length)?;
    digits.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + i64::from(byte - b'0'))
    })
}

/// Days from the Unix epoch to a date of the Gregorian calendar, in years that begin in March, so
/// that the leap day comes last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_in_every_spelling_of_the_providers() {
        for (text, millis, length) in [
            ("6m0s", 360_000, 4),
            ("1s", 1000, 2),
            ("20ms", 20, 4),
            ("7.66s", 7660, 5),
            ("2m59.56s", 179_560, 8),
            ("1h2m3s later", 3_723_000, 6),
            ("38", 38_000, 2),
            ("0.5", 500, 3),
            ("26 seconds.", 26_000, 10),
            ("1 minute", 60_000, 8),
            ("20s. Visit", 20_000, 3),
            ("30.", 30_000, 2),
            ("500µs", 0, 6),
            ("5 apples", 5000, 1),
        ] {
            let read = duration_of(text).map(|(span, read)| (span.as_millis(), read));
            assert_eq!(read, Some((millis, length)), "{text}");
        }
        for text in ["", "s", "-1", ".", "soon", "..5"] {
            assert_eq!(duration_of(text), None, "{text}");
        }
        let longest = "9".repeat(400);
        assert_eq!(duration_of(&longest), Some((LONGEST, 400)));
    }

    #[test]
    fn a_date_is_read_as_rfc_3339_writes_it_and_as_anthropic_says_it() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2026-12-01T00:00:00Z", Some(1_796_083_200)),
            ("2026-12-01t00:00:00.250+00:00", Some(1_796_083_200)),
            ("2026-12-01T02:00:00+02:00", Some(1_796_083_200)),
            ("2026-11-30T19:30:00-04:30", Some(1_796_083_200)),
            ("2026-12-01 at 00:00 UTC.", Some(1_796_083_200)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-12-01", None),
            ("2026-12-01T25:00:00Z", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(timestamp_of(text).map(|at| at.as_secs()), seconds, "{text}");
        }
    }
}
