//! Spans and points of time as providers write them.

use std::time::Duration;

/// Reads a span such as `6m0s`, `7.66s`, `20ms`, `1h30m`, `26 seconds` or `38`, which counts
/// seconds, at the beginning of a text; returns the length of it, too. `None` where none begins
/// there. What is longer than a century is cut there.
pub fn duration_of(text: &str) -> Option<(Duration, usize)> {
    let _ = text;
    None
}

/// Reads a date and time of RFC 3339, or a date with ` at HH:MM UTC` behind it: its time since the
/// Unix epoch, fractions of seconds left out. `None` for what is neither, or before the epoch.
pub fn timestamp_of(text: &str) -> Option<Duration> {
    let _ = text;
    None
}
