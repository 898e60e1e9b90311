//! The state of the limits, in the headers that the app's SDK knows.
//!
//! OpenAI's are `x-ratelimit-limit-tokens`, with times like `1m30s`; Anthropic's are
//! `anthropic-ratelimit-tokens-limit`, with instants. Of several limits in one unit the tightest is
//! reported. Money has no such header.

use std::time::Duration;

use outrigger_sdk::{Dialect, Request, Unit, clock, limits::Standing};

use crate::rules::Rule;

const UNITS: [(Unit, &str); 4] = [
    (Unit::Requests, "requests"),
    (Unit::TotalTokens, "tokens"),
    (Unit::InputTokens, "input-tokens"),
    (Unit::OutputTokens, "output-tokens"),
];

/// Adds the headers to the answer.
pub(crate) fn set<'a>(
    request: &mut Request,
    standings: impl Iterator<Item = (&'a Rule, &'a Standing)>,
) {
    let standings: Vec<(&Rule, &Standing)> = standings.collect();
    let anthropic = request.dialect() == Dialect::AnthropicMessages;
    for (unit, word) in UNITS {
        let tightest = standings
            .iter()
            .filter(|(rule, _)| rule.unit() == unit)
            .min_by_key(|(_, standing)| (standing.granted, standing.remaining()));
        let Some((_, standing)) = tightest else {
            continue;
        };
        let reset = match anthropic {
            true => clock::rfc3339(clock::now().saturating_add(rounded_up(standing.reset()))),
            false => time(standing.reset()),
        };
        for (what, value) in [
            ("limit", standing.limit.to_string()),
            ("remaining", standing.remaining().to_string()),
            ("reset", reset),
        ] {
            let name = match anthropic {
                true => format!("anthropic-ratelimit-{word}-{what}"),
                false => format!("x-ratelimit-{what}-{word}"),
            };
            request.set_reply_header(&name, &value);
        }
    }
}

fn rounded_up(time: Duration) -> Duration {
    Duration::from_secs(u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
}

/// Writes a time as OpenAI does: `350ms`, `6s`, `1m30s`, `2h0m0s`.
fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{}ms", time.as_millis());
    }
    let seconds = rounded_up(time).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_openai_writes_them_and_never_too_short() {
        for (milliseconds, expected) in [
            (0, "0ms"),
            (350, "350ms"),
            (1_000, "1s"),
            (5_001, "6s"),
            (90_000, "1m30s"),
            (360_000, "6m0s"),
            (7_200_000, "2h0m0s"),
        ] {
            assert_eq!(time(Duration::from_millis(milliseconds)), expected);
        }
    }
}
