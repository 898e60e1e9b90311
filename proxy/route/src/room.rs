//! The room that providers say is left: their rate-limit headers.
//!
//! A provider that reports its limits with every reply makes most of its 429s unnecessary. Several
//! spellings are in use; each is a row here. Azure writes `-1`, and `0` of `0`, where it does not
//! know: that is no room reported, and not none left.

use std::{cmp::Reverse, time::Duration};

use dialect::failure::{duration_of, timestamp_of};
use http::{HeaderMap, HeaderName};

/// The room that a reply's head reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Requests.
    pub requests: Option<Quantity>,
    /// Tokens of prompts, or of prompts and replies together; the scarcer of both.
    pub tokens: Option<Quantity>,
    /// Tokens of replies, where they have a limit of their own. Nobody knows beforehand how many a
    /// call takes: this tells only that none are left.
    pub output: Option<Quantity>,
}

/// One quantity that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// The amount that is left.
    pub remaining: u64,
    /// The amount that there is when nothing is used.
    pub limit: Option<u64>,
    /// The time until it is full again.
    pub resets_in: Option<Duration>,
    /// True if it comes back evenly until then, and not all at once.
    pub refills: bool,
}

/// A reset further away than that is no minute's limit, and is not waited for.
pub(crate) const FURTHEST: Duration = Duration::from_secs(60 * 60);

/// The unit of a quantity.
#[derive(Debug, Clone, Copy)]
enum Of {
    Requests,
    Tokens,
    Output,
}

/// The names of the headers that report one quantity.
struct Spelling {
    of: Of,
    remaining: HeaderName,
    limit: HeaderName,
    reset: HeaderName,
}

/// A row of one quantity.
macro_rules! spelling {
    ($of:ident, $remaining:literal, $limit:literal, $reset:literal) => {
        Spelling {
            of: Of::$of,
            remaining: HeaderName::from_static($remaining),
            limit: HeaderName::from_static($limit),
            reset: HeaderName::from_static($reset),
        }
    };
}

#[rustfmt::skip]
static SPELLINGS: [Spelling; 9] = [
    // OpenAI, Azure, Groq
    spelling!(Requests, "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests"),
    spelling!(Tokens, "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens"),
    // Anthropic
    spelling!(Requests, "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-reset"),
    spelling!(Tokens, "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-reset"),
    spelling!(Tokens, "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-reset"),
    spelling!(Output, "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-reset"),
    // Cerebras
    spelling!(Requests, "x-ratelimit-remaining-requests-day", "x-ratelimit-limit-requests-day", "x-ratelimit-reset-requests-day"),
    spelling!(Tokens, "x-ratelimit-remaining-tokens-minute", "x-ratelimit-limit-tokens-minute", "x-ratelimit-reset-tokens-minute"),
    // OpenRouter, Together
    spelling!(Requests, "x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset"),
];

impl Room {
    /// Reads what a head reports; `None` where that is nothing. `wall_now` is the time since the
    /// Unix epoch in seconds, by which dates are read.
    pub fn read(headers: &HeaderMap, wall_now: u64) -> Option<Self> {
        // Most heads report nothing: a look at the names is a tenth of looking each of them up.
        let is_named = |name: &HeaderName| name.as_str().contains("ratelimit");
        if !headers.keys().any(is_named) {
            return None;
        }
        let mut room = Self::default();
        for spelling in &SPELLINGS {
            let quantity = spelling.read(headers, wall_now);
            let slot = match spelling.of {
                Of::Requests => &mut room.requests,
                Of::Tokens => &mut room.tokens,
                Of::Output => &mut room.output,
            };
            *slot = scarcer(*slot, quantity);
        }
        (room != Self::default()).then_some(room)
    }

    /// The same, at a provider whose limits come back evenly
    /// ([`ProviderRules::refills_evenly`](crate::ProviderRules::refills_evenly)).
    #[must_use]
    pub fn refilling(mut self) -> Self {
        let all = [&mut self.requests, &mut self.tokens, &mut self.output];
        for quantity in all.into_iter().flatten() {
            quantity.refills = true;
        }
        self
    }
}

impl Quantity {
    /// The time until it is full again, where that is known and worth waiting for. Without it a
    /// quantity is as good as unknown: it might be full by now.
    pub(crate) fn resets_soon(&self) -> Option<Duration> {
        self.resets_in.filter(|reset| *reset <= FURTHEST)
    }
}

impl Spelling {
    fn read(&self, headers: &HeaderMap, wall_now: u64) -> Option<Quantity> {
        let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
        let remaining = text(&self.remaining)?.parse().ok()?;
        let limit = text(&self.limit).map(str::parse::<u64>);
        // a limit of -1 or 0 is not known, and then what is left is not, either
        if limit
            .as_ref()
            .is_some_and(|limit| matches!(limit, Ok(0) | Err(_)))
        {
            return None;
        }
        Some(Quantity {
            remaining,
            limit: limit.and_then(Result::ok),
            resets_in: text(&self.reset).and_then(|reset| until(reset, wall_now)),
            refills: false,
        })
    }
}

/// The quantity of which less is left, among those that are full again soon: a day's limit of which
/// little is left must not hide a minute's.
fn scarcer(one: Option<Quantity>, other: Option<Quantity>) -> Option<Quantity> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let rank = |quantity: &Quantity| {
                let Quantity {
                    remaining,
                    resets_in,
                    ..
                } = *quantity;
                (
                    quantity.resets_soon().is_none(),
                    remaining,
                    Reverse(resets_in),
                )
            };
            Some(if rank(&other) < rank(&one) {
                other
            } else {
                one
            })
        }
        (one, other) => one.or(other),
    }
}

/// The time until a reset: a span, a date of RFC 3339, or seconds or milliseconds since the epoch.
fn until(reset: &str, wall_now: u64) -> Option<Duration> {
    /// More seconds than any span has, and fewer than since the epoch; and the same of milliseconds.
    const EPOCH: [u64; 2] = [1_000_000_000, 1_000_000_000_000];
    let now = Duration::from_secs(wall_now);
    if let Ok(number) = reset.parse::<u64>()
        && number >= EPOCH[0]
    {
        let at = match number >= EPOCH[1] {
            true => Duration::from_millis(number),
            false => Duration::from_secs(number),
        };
        return Some(at.saturating_sub(now));
    }
    match timestamp_of(reset) {
        Some(at) => Some(at.saturating_sub(now)),
        None => duration_of(reset)
            .filter(|(_, length)| *length == reset.len())
            .map(|(span, _)| span),
    }
}

#[cfg(test)]
mod tests;
