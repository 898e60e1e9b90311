//! Budgets of money, in nano-dollars.

use std::time::{Duration, Instant};

use super::{ONE, parts, slices::Slices};

/// Money for what is done beside the exchanges: taken out by estimate before, corrected after.
#[derive(Debug, Clone)]
pub struct MoneyBudget {
    bound: Bound,
    /// The money spent above the estimates, taken from what comes in next.
    owed: u64,
}

#[derive(Debug, Clone)]
enum Bound {
    /// A share of what exchanges cost within ten minutes.
    Share { share: u64, slices: Slices },
    /// An amount for every 24 hours.
    PerDay {
        amount: u64,
        spent: Vec<(Instant, u64)>,
    },
}

/// The time by which a day's spendings are summed, so that they are few: 97 at the most.
const QUARTER: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

impl MoneyBudget {
    /// A `share` (0.02 is a fiftieth) of what exchanges cost, available for ten minutes.
    pub fn share(share: f64, now: Instant) -> Self {
        Self {
            bound: Bound::Share {
                share: parts(share),
                slices: Slices::new(MINUTE, 0, now),
            },
            owed: 0,
        }
    }

    /// An amount for any 24 hours, in nano-dollars. The process's own: its restart begins a day.
    pub fn per_day(nano_usd: u64) -> Self {
        Self {
            bound: Bound::PerDay {
                amount: nano_usd,
                spent: Vec::new(),
            },
            owed: 0,
        }
    }

    /// Brings in the share of an exchange's cost. Nothing to a budget per day.
    pub fn deposit(&mut self, nano_usd: u64, now: Instant) {
        if let Bound::Share { share, slices } = &mut self.bound {
            let part = u128::from(nano_usd) * u128::from(*share) / u128::from(ONE);
            let part = u64::try_from(part).unwrap_or(u64::MAX);
            let repaid = part.min(self.owed);
            self.owed -= repaid;
            slices.advance(0, now);
            slices.add(part - repaid);
        }
    }

    /// Takes out what something will cost by estimate; returns false where there is less.
    pub fn withdraw(&mut self, nano_usd: u64, now: Instant) -> bool {
        let left = self.balance(now);
        if self.owed > 0 || left < nano_usd {
            return false;
        }
        self.spend(nano_usd, now);
        true
    }

    /// Corrects a withdrawal by what it did cost. More than was there is subtracted from what comes.
    pub fn settle(&mut self, estimate: u64, cost: u64, now: Instant) {
        let over = cost.saturating_sub(estimate);
        let under = estimate.saturating_sub(cost);
        let left = self.balance(now);
        match &mut self.bound {
            Bound::Share { slices, .. } => {
                slices.take(over.min(left));
                slices.add(under);
                self.owed = self.owed.saturating_add(over.saturating_sub(left));
            }
            Bound::PerDay { spent, .. } => {
                if let Some((_, last)) = spent.last_mut() {
                    *last = last.saturating_add(over).saturating_sub(under);
                } else if over > 0 {
                    spent.push((now, over));
                }
            }
        }
    }

    /// Returns what is left, in nano-dollars.
    pub fn balance(&mut self, now: Instant) -> u64 {
        match &mut self.bound {
            Bound::Share { slices, .. } => {
                slices.advance(0, now);
                slices.sum()
            }
            Bound::PerDay { amount, spent } => {
                spent.retain(|(began, _)| now.saturating_duration_since(*began) < DAY + QUARTER);
                let sum = spent
                    .iter()
                    .fold(0_u64, |sum, (_, part)| sum.saturating_add(*part));
                amount.saturating_sub(sum)
            }
        }
    }

    fn spend(&mut self, nano_usd: u64, now: Instant) {
        match &mut self.bound {
            Bound::Share { slices, .. } => {
                slices.take(nano_usd);
            }
            Bound::PerDay { spent, .. } => match spent.last_mut() {
                Some((began, part)) if now.saturating_duration_since(*began) < QUARTER => {
                    *part = part.saturating_add(nano_usd);
                }
                _ => spent.push((now, nano_usd)),
            },
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make their own instants")]
mod tests {
    use super::*;

    #[test]
    fn a_days_spendings_are_few_numbers_however_many_they_are() {
        let mut now = Instant::now();
        let mut budget = MoneyBudget::per_day(u64::MAX);
        for _ in 0..50_000 {
            assert!(budget.withdraw(1, now));
            now += Duration::from_secs(10);
        }
        let Bound::PerDay { spent, .. } = &budget.bound else {
            unreachable!()
        };
        assert!(spent.len() <= 98, "{}", spent.len());
    }
}
