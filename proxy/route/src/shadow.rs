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
        if !self.samples(hash) {
            return Err(NoShadow::NotSampled);
        }
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
