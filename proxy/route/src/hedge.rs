//! Hedges: a second attempt beside the first, to another account, where the first is slower than
//! nearly all of its target's.
//!
//! A [`HedgeBudget`] is a value: exchanges and money are paid in as exchanges end, hedges are taken
//! out of both. It begins empty and saves [`BURST`] hedges at most. So from the start on, hedges
//! are never more than the share of the exchanges that ended, nor (by estimates, and but for what
//! hedges in flight cost above theirs) of their money; over any other window, [`BURST`] more.

use std::time::Duration;

/// The hedges that can be saved up, and the average costs of an exchange that can.
const BURST: u64 = 10;

/// Millionths in one: balances are whole numbers of them, so that no share is lost to rounding.
const MILLION: u64 = 1_000_000;

/// The facts of an exchange that decide on its hedge.
#[derive(Debug, Clone, Copy)]
pub struct HedgeCall {
    /// The 95th percentile of the target's time to first content, for calls like this one. `None`
    /// before there are enough samples.
    pub p95: Option<Duration>,
    /// Is there a candidate on another account? Hedging on the same one only spends its limits.
    pub other_account: bool,
    /// Does the call name tools that the provider runs? They would run twice.
    pub hosted_tools: bool,
    /// Does the call read or write state that the provider keeps (`store`, `previous_response_id`,
    /// a conversation, a file)?
    pub server_state: bool,
    /// The time that is left of the exchange's deadline.
    pub remaining: Duration,
}

/// The budget of an alias's hedges.
#[derive(Debug, Clone)]
pub struct HedgeBudget {
    /// In millionths.
    share: u64,
    floor: Duration,
    /// Millionths of a hedge.
    hedges: u64,
    /// Millionths of a nano dollar. Below zero once hedges cost more than their estimates.
    money: i128,
    /// Exchanges that ended with a cost, and the sum of the costs in nano dollars.
    costs: (u64, u128),
}

/// A hedge in flight: its estimate in nano dollars is taken out of the budget. One that is never
/// settled leaves it so.
#[derive(Debug)]
#[must_use = "a hedge is settled by its actual cost"]
pub struct ReservedHedge {
    estimate: u64,
}

impl HedgeBudget {
    /// Makes an empty budget. `share` is of exchanges and of money, in 0..=1; `floor` is the least
    /// delay, and the delay while the 95th percentile is not known.
    pub fn new(share: f64, floor: Duration) -> Self {
        Self {
            share: millionths(share),
            floor,
            hedges: 0,
            money: 0,
            costs: (0, 0),
        }
    }

    /// Returns the time from the first attempt's start to the hedge, or `None` where there may be
    /// none: no other account, hosted tools or state at the provider, or no time left by then.
    pub fn delay(&self, call: &HedgeCall) -> Option<Duration> {
        let delay = call.p95.unwrap_or(self.floor).max(self.floor);
        let repeatable = !call.hosted_tools && !call.server_state;
        (repeatable && call.other_account && delay < call.remaining).then_some(delay)
    }

    /// Pays in what an exchange that ended adds. Its cost, in nano dollars, is that of all of its
    /// attempts but the hedge; `None` where a price is not known.
    pub fn deposit(&mut self, cost: Option<u64>) {
        self.hedges = (self.hedges + self.share).min(BURST * MILLION);
        let Some(cost) = cost else { return };
        self.costs.0 += 1;
        self.costs.1 += u128::from(cost);
        let average = self.costs.1 / u128::from(self.costs.0);
        let most = average.saturating_mul(u128::from(BURST * MILLION));
        let earned = i128::from(cost) * i128::from(self.share);
        self.money = (self.money + earned).min(i128::try_from(most).unwrap_or(i128::MAX));
    }

    /// Takes a hedge and its estimated cost, in nano dollars, out of the budget. `None` where the
    /// budget has not enough of either, or no price is known: what can't be counted is not spent.
    pub fn begin(&mut self, estimate: Option<u64>) -> Option<ReservedHedge> {
        let estimate = estimate?;
        let money = i128::from(estimate) * i128::from(MILLION);
        if self.hedges < MILLION || self.money < money {
            return None;
        }
        self.hedges -= MILLION;
        self.money -= money;
        Some(ReservedHedge { estimate })
    }

    /// Puts a hedge's actual cost, in nano dollars, in the place of its estimate.
    pub fn settle(&mut self, hedge: ReservedHedge, actual: u64) {
        let difference = i128::from(hedge.estimate) - i128::from(actual);
        self.money += difference * i128::from(MILLION);
    }

    /// Gives back a hedge that was reserved and never sent.
    pub fn cancel(&mut self, hedge: ReservedHedge) {
        self.hedges = (self.hedges + MILLION).min(BURST * MILLION);
        self.settle(hedge, 0);
    }

    /// Returns the whole hedges that could begin now, by their number alone.
    pub const fn balance(&self) -> u64 {
        self.hedges / MILLION
    }
}

/// Returns a share in 0..=1 as whole millionths, rounded down.
fn millionths(share: f64) -> u64 {
    // Half of one ten-thousandth of a millionth, so that 0.02 is 20,000 and not 19,999.
    (share.clamp(0.0, 1.0) * MILLION as f64 + 0.000_05) as u64
}
