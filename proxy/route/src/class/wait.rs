//! The end of a failure, as the provider gives it: in the head, in a member of the error, or in the
//! words of its message.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;

use super::{Answer, Class, Failure, ProviderRules};

/// The longest end that is believed. Providers also give the end of a month; a request a day finds
/// out what a payment changed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The end of a failure, from now on.
pub(super) fn retry_after(
    failure: &Failure,
    rules: ProviderRules,
    answer: &Answer<'_>,
    wall_now: u64,
) -> Option<Duration> {
    if matches!(failure.class, Class::Request | Class::Caller | Class::Own) {
        return None;
    }
    let in_head = in_head(answer.headers, wall_now);
    let wait = in_head.or_else(|| {
        let error = answer.error?;
        let until = (error.resets_at).map(|at| at.saturating_sub(Duration::from_secs(wall_now)));
        // a date that is over gives no end
        let until = until.filter(|wait| !wait.is_zero());
        // Google gives a minute's end for a day's quota, too.
        let is_of_minute = failure.class != Class::Money
            || answer
                .error
                .is_none_or(|error| !error.is_per_day() && !error.limit_is_zero);
        let in_words = rules.says_wait() && failure.class != Class::Money;
        let in_words = error.retry_after_in_message.filter(|_| in_words);
        until
            .or(error.retry_after.filter(|_| is_of_minute))
            .or(in_words)
    });
    wait.map(|wait| wait.min(LONGEST))
}

/// The end that a head gives: in milliseconds where it has that, in seconds, or as a date (RFC 9110
/// §10.2.3).
pub(super) fn in_head(headers: &HeaderMap, wall_now: u64) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| Some(text.parse::<f64>().ok()?).filter(|number| *number >= 0.0);
    let span = |seconds: f64| Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST));
    for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
        if let Some(millis) = text(name).and_then(number) {
            return span(millis / 1e3);
        }
    }
    let value = text("retry-after")?;
    if let Some(seconds) = number(value) {
        return span(seconds);
    }
    let until = date(value)?;
    // by the provider's own clock, where it says what that is
    let now = text("date").and_then(date);
    Some(until.saturating_sub(now.unwrap_or(Duration::from_secs(wall_now))))
}

/// The time of an HTTP date since the Unix epoch.
fn date(text: &str) -> Option<Duration> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH).unwrap_or_default())
}
