//! Shadows: copies of a sampled share of exchanges to another target, whose replies no app sees.
//!
//! A [`ShadowBudget`] is a value: callers pass the wall clock's seconds, and begin no shadow that
//! it does not let them. What a day (of UTC) may cost is one process's own cap.

use crate::draw::{Purpose, draw};

const SECONDS_PER_DAY: u64 = 86_400;

/// The budget of an alias's shadows.
#[derive(Debug, Clone)]
pub struct ShadowBudget {
    share: f64,
    per_day: u64,
    /// Days since 1970. Only ever later: a clock that is set back does not pay out a day twice.
    day: u64,
    /// Nano dollars of this day: actual costs, and the estimates of what is in flight.
    spent: u64,
}

/// A shadow in flight: its estimate in nano dollars counts as spent on the day of its start. One
/// that is never settled leaves it so.
#[derive(Debug)]
#[must_use = "a shadow is settled by its actual cost"]
pub struct ReservedShadow {
    estimate: u64,
    day: u64,
}

/// The reason for which an exchange has no shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoShadow {
    /// The exchange is not of the share.
    NotSampled,
    /// The process is under load: shadows are what it drops first.
    Loaded,
    /// No price is known, so that no cap of money could hold.
    Unpriced,
    /// The day's money is spent, or reserved by shadows in flight.
    Money,
}

impl NoShadow {
    /// Returns the name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSampled => "not_sampled",
            Self::Loaded => "loaded",
            Self::Unpriced => "unpriced",
            Self::Money => "money",
        }
    }
}

impl ShadowBudget {
    /// Makes a budget. `share` of exchanges is in 0..=1, `per_day` in nano dollars.
    pub const fn new(share: f64, per_day: u64) -> Self {
        Self {
            share,
            per_day,
            day: 0,
            spent: 0,
        }
    }

    /// Returns whether an exchange is of the sampled share, by the hash of its id. Costs nothing:
    /// what a shadow needs can be prepared after this.
    pub fn samples(&self, hash: u64) -> bool {
        draw(hash, Purpose::Shadow) < self.share
    }

    /// Begins a shadow and reserves its estimated cost (nano dollars) of the day's money. `loaded`
    /// says that the process is short of memory or permits.
    pub fn begin(
        &mut self,
        hash: u64,
        estimate: Option<u64>,
        loaded: bool,
        wall_secs: u64,
    ) -> Result<ReservedShadow, NoShadow> {
        match self.samples(hash) {
            true => self.begin_chosen(estimate, loaded, wall_secs),
            false => Err(NoShadow::NotSampled),
        }
    }

    /// Begins a shadow that somebody chose, whatever the share.
    pub fn begin_chosen(
        &mut self,
        estimate: Option<u64>,
        loaded: bool,
        wall_secs: u64,
    ) -> Result<ReservedShadow, NoShadow> {
        if loaded {
            return Err(NoShadow::Loaded);
        }
        let estimate = estimate.ok_or(NoShadow::Unpriced)?;
        self.roll(wall_secs);
        let spent = self.spent.checked_add(estimate);
        let spent = spent.filter(|spent| *spent <= self.per_day);
        self.spent = spent.ok_or(NoShadow::Money)?;
        let day = self.day;
        Ok(ReservedShadow { estimate, day })
    }

    /// Puts a shadow's actual cost, in nano dollars, in the place of its estimate. One that began
    /// on an earlier day changes nothing of this one.
    pub fn settle(&mut self, shadow: ReservedShadow, actual: u64, wall_secs: u64) {
        self.roll(wall_secs);
        if shadow.day == self.day {
            let rest = self.spent.saturating_sub(shadow.estimate);
            self.spent = rest.saturating_add(actual);
        }
    }

    /// Returns what is left of the day's money, in nano dollars.
    pub fn left(&mut self, wall_secs: u64) -> u64 {
        self.roll(wall_secs);
        self.per_day.saturating_sub(self.spent)
    }

    fn roll(&mut self, wall_secs: u64) {
        let day = wall_secs / SECONDS_PER_DAY;
        if day > self.day {
            self.day = day;
            self.spent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{NoShadow, SECONDS_PER_DAY, ShadowBudget};

    const NOON: u64 = 20_000 * SECONDS_PER_DAY + SECONDS_PER_DAY / 2;
    const MIDNIGHT: u64 = 20_001 * SECONDS_PER_DAY;

    #[test]
    fn the_share_is_sampled_by_the_exchange() {
        let budget = ShadowBudget::new(0.01, 1);
        let sampled = (0..100_000).filter(|hash| budget.samples(*hash)).count();
        assert!((900..1_100).contains(&sampled), "{sampled}");
        assert!((0..1_000).all(|hash| !ShadowBudget::new(0.0, 1).samples(hash)));
        assert!((0..1_000).all(|hash| ShadowBudget::new(1.0, 1).samples(hash)));
    }

    #[test]
    fn each_reason_for_no_shadow_has_its_name() {
        let mut none = ShadowBudget::new(0.0, 100);
        let mut all = ShadowBudget::new(1.0, 100);
        let reasons = [
            none.begin(1, Some(1), false, NOON).err(),
            all.begin(1, Some(1), true, NOON).err(),
            all.begin(1, None, false, NOON).err(),
            all.begin(1, Some(101), false, NOON).err(),
            all.begin(1, Some(u64::MAX), false, NOON).err(),
        ];
        let names = reasons.map(|reason| reason.map(NoShadow::name));
        let expected = ["not_sampled", "loaded", "unpriced", "money", "money"];
        assert_eq!(names, expected.map(Some));
        assert!(all.begin(1, Some(100), false, NOON).is_ok());
    }

    #[test]
    fn a_settled_shadow_gives_back_what_it_did_not_cost() {
        let mut budget = ShadowBudget::new(1.0, 100);
        let shadow = budget.begin(1, Some(100), false, NOON);
        assert_eq!(budget.left(NOON), 0);
        if let Ok(shadow) = shadow {
            budget.settle(shadow, 30, NOON);
        }
        assert_eq!(budget.left(NOON), 70);
    }

    #[test]
    fn each_day_of_utc_has_its_own_money_and_no_day_has_it_twice() {
        let mut budget = ShadowBudget::new(1.0, 100);
        let yesterday = budget.begin(1, Some(100), false, MIDNIGHT - 1);
        assert!(budget.begin(2, Some(1), false, MIDNIGHT - 1).is_err());
        assert_eq!(budget.left(MIDNIGHT), 100);
        let today = budget.begin(3, Some(60), false, MIDNIGHT);
        assert!(today.is_ok());
        if let Ok(shadow) = yesterday {
            budget.settle(shadow, 0, MIDNIGHT);
        }
        assert_eq!(budget.left(MIDNIGHT), 40);
        assert_eq!(budget.left(MIDNIGHT - 1), 40, "the clock was set back");
    }

    proptest! {
        #[test]
        fn no_day_costs_more_than_its_cap_and_what_was_in_flight(
            cap in 0_u64..1_000,
            steps in vec((any::<bool>(), 0_u64..300, 0_u64..300, 0_u64..20_000), 1..300),
        ) {
            let mut budget = ShadowBudget::new(1.0, cap);
            let mut in_flight = Vec::new();
            let (mut now, mut day, mut cost, mut excess) = (NOON, NOON / SECONDS_PER_DAY, 0, 0);
            for (begin, estimate, actual, seconds) in steps {
                now += seconds;
                if now / SECONDS_PER_DAY > day {
                    (day, cost, excess) = (now / SECONDS_PER_DAY, 0, 0);
                }
                if begin {
                    if let Ok(shadow) = budget.begin(1, Some(estimate), false, now) {
                        in_flight.push((shadow, day, estimate));
                    }
                } else if let Some((shadow, began, estimate)) = in_flight.pop() {
                    budget.settle(shadow, actual, now);
                    if began == day {
                        cost += actual;
                        excess += actual.saturating_sub(estimate);
                    }
                }
                let of_today = in_flight.iter().filter(|(_, began, _)| *began == day);
                let reserved = of_today.map(|(_, _, estimate)| estimate).sum::<u64>();
                prop_assert!(cost + reserved <= cap + excess);
                prop_assert_eq!(budget.left(now), cap.saturating_sub(cost + reserved));
            }
        }
    }
}
