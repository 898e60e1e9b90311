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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{BURST, Duration, HedgeBudget, HedgeCall, MILLION};

    const SECOND: Duration = Duration::from_secs(1);

    const CALL: HedgeCall = HedgeCall {
        p95: None,
        other_account: true,
        hosted_tools: false,
        server_state: false,
        remaining: Duration::from_secs(60),
    };

    #[test]
    fn a_hedge_waits_for_the_targets_p95_and_never_less_than_configured() {
        let budget = HedgeBudget::new(0.02, 2 * SECOND);
        let delay = |p95| budget.delay(&HedgeCall { p95, ..CALL });
        assert_eq!(delay(None), Some(2 * SECOND));
        assert_eq!(delay(Some(SECOND)), Some(2 * SECOND));
        assert_eq!(delay(Some(5 * SECOND)), Some(5 * SECOND));
        assert_eq!(
            delay(Some(60 * SECOND)),
            None,
            "there is no time left by then"
        );
    }

    #[test]
    fn what_would_happen_twice_or_on_the_same_account_is_never_hedged() {
        let budget = HedgeBudget::new(0.02, SECOND);
        let calls = [
            HedgeCall {
                other_account: false,
                ..CALL
            },
            HedgeCall {
                hosted_tools: true,
                ..CALL
            },
            HedgeCall {
                server_state: true,
                ..CALL
            },
        ];
        assert!(calls.iter().all(|call| budget.delay(call).is_none()));
        assert!(budget.delay(&CALL).is_some());
    }

    #[test]
    fn the_first_hedge_comes_after_as_many_exchanges_as_the_share_says() {
        let mut budget = HedgeBudget::new(0.02, SECOND);
        for _ in 0..49 {
            budget.deposit(Some(100));
        }
        assert!(budget.begin(Some(0)).is_none());
        budget.deposit(Some(100));
        assert!(
            budget.begin(Some(101)).is_none(),
            "dearer than the share of the money"
        );
        assert!(
            budget.begin(None).is_none(),
            "nobody knows what it would cost"
        );
        assert!(budget.begin(Some(100)).is_some());
        assert!(budget.begin(Some(0)).is_none());
    }

    #[test]
    fn a_quiet_time_saves_ten_hedges_and_no_more() {
        let mut budget = HedgeBudget::new(0.5, SECOND);
        for _ in 0..100_000 {
            budget.deposit(Some(100));
        }
        assert_eq!(budget.balance(), BURST);
        let mut hedges = 0;
        while budget.begin(Some(10)).is_some() {
            hedges += 1;
        }
        assert_eq!(hedges, BURST);
    }

    #[test]
    fn a_hedge_that_cost_more_than_its_estimate_is_paid_by_later_exchanges() {
        let mut budget = HedgeBudget::new(0.1, SECOND);
        let mut hedge_after = |exchanges, estimate, actual| {
            for _ in 0..exchanges {
                budget.deposit(Some(1_000));
            }
            let hedge = budget.begin(Some(estimate));
            let began = hedge.is_some();
            if let Some(hedge) = hedge {
                budget.settle(hedge, actual);
            }
            began
        };
        assert!(hedge_after(20, 500, 5_000));
        assert!(!hedge_after(20, 500, 500));
        assert!(hedge_after(15, 500, 500));
    }

    #[test]
    fn a_hedge_that_was_never_sent_is_given_back() {
        let mut budget = HedgeBudget::new(1.0, SECOND);
        budget.deposit(Some(100));
        let hedge = budget.begin(Some(100));
        assert_eq!(budget.balance(), 0);
        if let Some(hedge) = hedge {
            budget.cancel(hedge);
        }
        assert!(budget.begin(Some(100)).is_some());
    }

    proptest! {
        #[test]
        fn hedges_stay_within_their_share_of_exchanges_and_money(
            share in 1_u64..200_000,
            steps in vec((any::<bool>(), 0_u64..1_000_000, 0_u64..1_000_000), 1..2_000),
        ) {
            let mut budget = HedgeBudget::new(share as f64 / MILLION as f64, SECOND);
            let (mut exchanges, mut spent) = (0_u64, 0_u64);
            let (mut hedges, mut hedged) = (0_u64, 0_u64);
            for (hedge, estimate, actual) in steps {
                if !hedge {
                    exchanges += 1;
                    spent += actual;
                    budget.deposit(Some(actual));
                } else if let Some(reserved) = budget.begin(Some(estimate)) {
                    let actual = actual.min(estimate);
                    hedges += 1;
                    hedged += actual;
                    budget.settle(reserved, actual);
                }
                prop_assert!(hedges * MILLION <= exchanges * share);
                prop_assert!(hedged * MILLION <= spent * share);
            }
        }
    }
}
