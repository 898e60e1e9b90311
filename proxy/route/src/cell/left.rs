//! The room that a provider's limits leave until they are reset.

use std::time::{Duration, Instant};

use super::slots::Load;
use crate::{Quantity, Room};

/// A reset further away than that is no minute's limit, and is not waited for.
const FURTHEST: Duration = Duration::from_secs(60 * 60);

/// Requests and tokens that are left, as of the last reply, without what was sent since.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Left {
    requests: Option<Amount>,
    tokens: Option<Amount>,
}

#[derive(Debug, Clone, Copy)]
struct Amount {
    left: u64,
    reset: Instant,
}

impl Left {
    /// `unanswered` is subtracted: the provider may not have counted it yet. Without a time of its
    /// reset, a quantity is as good as unknown: it might have been reset by now.
    pub(super) fn of(room: &Room, unanswered: Load, now: Instant) -> Self {
        let amount = |quantity: Option<Quantity>, unanswered: u64| {
            let Quantity {
                remaining,
                resets_in,
                ..
            } = quantity?;
            let reset = now + resets_in.filter(|reset| *reset <= FURTHEST)?;
            Some(Amount {
                left: remaining.saturating_sub(unanswered),
                reset,
            })
        };
        Self {
            requests: amount(room.requests, unanswered.requests),
            tokens: amount(room.tokens, unanswered.tokens),
        }
    }

    /// Subtracts a request that is sent.
    pub(super) fn take(&mut self, tokens: u64) {
        for (amount, taken) in [(&mut self.requests, 1), (&mut self.tokens, tokens)] {
            if let Some(amount) = amount {
                amount.left = amount.left.saturating_sub(taken);
            }
        }
    }

    /// Returns the reset of the limit that has no room for a request of so many tokens.
    pub(super) fn short_until(&self, now: Instant, tokens: u64) -> Option<Instant> {
        let short = |amount: Option<Amount>, needed: u64| {
            Some(
                amount
                    .filter(|amount| now < amount.reset && amount.left < needed)?
                    .reset,
            )
        };
        short(self.requests, 1).max(short(self.tokens, tokens))
    }

    /// Returns the requests and the tokens.
    pub(super) fn amounts(&self, now: Instant) -> (Option<u64>, Option<u64>) {
        let left = |amount: Option<Amount>| Some(amount.filter(|amount| now < amount.reset)?.left);
        (left(self.requests), left(self.tokens))
    }
}
