//! The end of a failure, as the provider gives it.

use std::time::Duration;

use super::{Answer, Failure, ProviderRules};

/// The longest end that is believed: of a longer one, a day's trial costs one request.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn retry_after(
    failure: &Failure,
    rules: ProviderRules,
    answer: &Answer<'_>,
    wall_now: u64,
) -> Option<Duration> {
    let _ = (failure, rules, wall_now);
    answer
        .error
        .and_then(|error| error.retry_after)
        .map(|wait| wait.min(LONGEST))
}
