//! Errors by the words of their message alone.

use super::{ErrorFacts, duration_of, timestamp_of};

/// The words before a wait.
const WAITS: [&str; 5] = [
    "try again in ",
    "retry in ",
    "retry after ",
    "try again after ",
    "please wait ",
];
/// The words before a date, at Anthropic.
const DATE: &str = "regain access on ";
/// The words by which Google says that there never was a quota.
const ZERO: &str = "limit: 0";

/// Reads the facts that a message has.
pub(super) fn read(message: &str, facts: &mut ErrorFacts) {
    let lower = message.to_ascii_lowercase();
    let after = |words: &str| {
        let at = memchr::memmem::find(lower.as_bytes(), words.as_bytes())?;
        lower.get(at + words.len()..)
    };
    let waits = WAITS.iter().filter_map(|words| after(words));
    facts.retry_after_in_message = waits.filter_map(duration_of).map(|(wait, _)| wait).next();
    facts.resets_at = facts.resets_at.or(after(DATE).and_then(timestamp_of));
    facts.limit_is_zero |= lower.match_indices(ZERO).any(|(at, _)| {
        let next = lower.as_bytes().get(at + ZERO.len());
        next.is_none_or(|byte| !byte.is_ascii_digit() && *byte != b'.')
    });
}
