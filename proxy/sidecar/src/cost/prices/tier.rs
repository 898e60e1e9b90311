//! Prices that depend on how an exchange was served: by tier, and fees beside its tokens.
//!
//! The table of prices has the standard ones; here is by how much others differ, as of its day.

use dialect::Tier;

use super::NanoDollars;

/// The factors of tiers, each as numerator and denominator, so that what comes of them is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiers {
    /// Of priority processing.
    pub priority: (u32, u32),
    /// Of flex processing, and of batches.
    pub discounted: (u32, u32),
}

impl Default for Tiers {
    /// All tiers cost the same: what an operator wrote is what is charged.
    fn default() -> Self {
        Self {
            priority: (1, 1),
            discounted: (1, 1),
        }
    }
}

impl Tiers {
    /// The factors of a listed model. Half for flex and batches, whoever the provider
    /// (<https://platform.openai.com/docs/pricing>,
    /// <https://platform.claude.com/docs/en/about-claude/pricing>,
    /// <https://ai.google.dev/gemini-api/docs/pricing>); Anthropic's priority tier has the standard
    /// prices.
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let row = PRIORITY.iter().find(|(start, _)| name.starts_with(start));
        Self {
            priority: row.map_or((1, 1), |(_, factor)| *factor),
            discounted: (1, 2),
        }
    }

    pub(super) const fn factor(&self, tier: Tier) -> (u32, u32) {
        match tier {
            Tier::Standard => (1, 1),
            Tier::Priority => self.priority,
            Tier::Flex | Tier::Batch => self.discounted,
        }
    }
}

/// Priority processing, by the beginning of the model's name; the first that fits counts
/// (<https://platform.openai.com/docs/pricing>, <https://ai.google.dev/gemini-api/docs/pricing>).
const PRIORITY: &[(&str, (u32, u32))] = &[
    ("gpt-4.1-nano", (2, 1)),
    ("gpt-4.1", (7, 4)),
    ("gpt-4o-mini", (5, 3)),
    ("gpt-4o-2024-05-13", (7, 4)),
    ("gpt-4o", (17, 10)),
    ("o3", (7, 4)),
    ("o4-mini", (20, 11)),
    ("gpt-5-mini", (9, 5)),
    ("gpt-5.5", (5, 2)),
    ("gpt-", (2, 1)),
    ("gemini-", (9, 5)),
];

/// The price of one search of the web: Anthropic takes 10 $ for 1,000
/// (<https://platform.claude.com/docs/en/about-claude/pricing>). Of no other provider does the
/// usage say how many there were.
pub(super) fn search(model: &str) -> NanoDollars {
    match model.contains("claude") {
        true => NanoDollars(10_000_000),
        false => NanoDollars(0),
    }
}
