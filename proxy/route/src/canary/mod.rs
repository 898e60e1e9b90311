//! A canary of a model: is it worse than what the alias's calls get otherwise?
//!
//! A [`Canary`] gives a share of the conversations to the canary and, from the rest, an equal share
//! to a control that runs at the same time; comparing with the past would take a provider's bad
//! hour for the model's. What came back is compared by *tests by betting*: each keeps a wealth that
//! begins at 1, stakes a part of it on the canary being worse in the next pair of samples, and can
//! be expected not to grow as long as the canary is not worse. By Ville's inequality it then ever
//! reaches `1 / alpha` with a probability of at most `alpha`, so that it may be looked at after
//! every sample (Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference",
//! arXiv 2210.01948). The metrics share an error of 5 %.
//!
//! Samples are paired in the order in which they come, one of each arm. Nothing is assumed of
//! how values are distributed, or that they stay as they are: only that in a pair the two arms had
//! the same circumstances. Calls of one conversation are alike, and all of one arm: ten failures of
//! one conversation are no ten pieces of evidence. So only its 1st, 4th, 16th, … sample counts. With
//! few conversations, or where few callers are what sticks, evidence comes slowly.
//!
//! At equal quality, 0.5 to 3 % of simulated canaries are rolled back (2,000 exchanges an arm, looked
//! at after each). At twice the failures, 96 % of those that fail 20 % instead of 10 % are within
//! 500 exchanges an arm; for 10 % instead of 5 % that takes 1,000, for 4 % instead of 2 % it takes
//! 2,500: failures are few, and no test sees more in them than there is.

mod evidence;
mod repeats;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::evidence::{Rates, Ratios};
use self::repeats::Repeats;
use crate::draw::{Purpose, draw};

/// The samples that each arm has before a rollback.
const LEAST_SAMPLES: u64 = 50;

/// The arm of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// Goes to the canary's target.
    Canary,
    /// Goes where the alias says, and is compared with the canary.
    Control,
    /// Goes where the alias says.
    Rest,
}

/// One exchange's outcome at its arm's target, before any failover: of one attempt.
///
/// Not samples, so that callers leave them out: a 429 and other limits, which are the account's
/// and not the model's; a caller who left; requests that were wrong; hedges and shadows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sample {
    /// The attempt failed: overload, no answer, an error in the stream, a reply that broke off.
    pub failed: bool,
    /// The time to the first content. `None` where none came or nobody measured it.
    pub first_content: Option<Duration>,
    /// The tokens of the reply, reasoning among them.
    pub output_tokens: Option<u64>,
    /// Nano dollars.
    pub cost: Option<u64>,
    /// The finish reason says that the reply is not what the model had to say: its length, a
    /// content filter. `None` where no finish was read.
    pub cut_short: Option<bool>,
}

/// The figure that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The share of exchanges that failed.
    Failures,
    /// The time to the first content: slower by more than a quarter.
    FirstContent,
    /// The output tokens of a reply: more by a quarter, or fewer than a half.
    OutputTokens,
    /// The cost of an exchange: dearer by more than a quarter.
    Cost,
    /// The share of replies that were cut short.
    Finishes,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 5] = [
        Self::Failures,
        Self::FirstContent,
        Self::OutputTokens,
        Self::Cost,
        Self::Finishes,
    ];

    /// Returns the name in metrics and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::FirstContent => "first_content",
            Self::OutputTokens => "output_tokens",
            Self::Cost => "cost",
            Self::Finishes => "finishes",
        }
    }

    /// The probability with which the metric rolls a canary back that is not worse by it. They sum
    /// to 5 %; failures, which need the most samples, have the most.
    const fn alpha(self) -> f64 {
        match self {
            Self::Failures => 0.03,
            Self::FirstContent | Self::Cost => 0.0075,
            Self::OutputTokens | Self::Finishes => 0.0025,
        }
    }
}

/// The state of a canary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// There is no evidence, or not enough, that the canary is worse.
    Undecided,
    /// The canary is worse, and gets no exchange until an operator resumes it.
    RolledBack(Rollback),
}

/// The figures on which a canary was rolled back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rollback {
    /// The first metric that was worse.
    pub metric: Metric,
    /// The canary's figure: a share in 0..=1, or the geometric mean in seconds, tokens or nano
    /// dollars.
    pub canary: f64,
    /// The control's.
    pub control: f64,
    /// The pairs of samples behind them.
    pub pairs: u64,
}

/// An alias's canary: its arms, and the evidence so far. Its size is constant.
#[derive(Debug, Clone)]
pub struct Canary {
    share: f64,
    samples: [u64; 2],
    repeats: Repeats,
    failures: Rates,
    first_content: Ratios,
    output_tokens: Ratios,
    cost: Ratios,
    finishes: Rates,
    rollback: Option<Rollback>,
}

impl Canary {
    /// Makes a canary of a share of the exchanges, in 0..=0.5: the control takes the same.
    pub fn new(share: f64) -> Self {
        const QUARTER_MORE: f64 = 1.25;
        const HALF: f64 = 0.5;
        Self {
            share: share.clamp(0.0, 0.5),
            samples: [0; 2],
            repeats: Repeats::new(),
            failures: Rates::new(),
            first_content: Ratios::new(QUARTER_MORE, None),
            output_tokens: Ratios::new(QUARTER_MORE, Some(HALF)),
            cost: Ratios::new(QUARTER_MORE, None),
            finishes: Rates::new(),
            rollback: None,
        }
    }

    /// Returns the arm of an exchange, by the hash of what it sticks to. The same for the same hash
    /// as long as the share stays; [`Arm::Rest`] once the canary is rolled back.
    pub fn arm(&self, hash: u64) -> Arm {
        if self.rollback.is_some() {
            return Arm::Rest;
        }
        let drawn = draw(hash, Purpose::Canary);
        if drawn < self.share {
            Arm::Canary
        } else if drawn < 2.0 * self.share {
            Arm::Control
        } else {
            Arm::Rest
        }
    }

    /// Adds a sample; `hash` is what the arm was chosen by. One of [`Arm::Rest`], or of a canary
    /// that is rolled back, changes nothing.
    pub fn observe(&mut self, arm: Arm, hash: u64, sample: &Sample) {
        let is_canary = match arm {
            Arm::Canary => true,
            Arm::Control => false,
            Arm::Rest => return,
        };
        if self.rollback.is_some() || !self.repeats.counts(hash) {
            return;
        }
        self.samples[usize::from(!is_canary)] += 1;
        self.failures.observe(is_canary, sample.failed);
        if let Some(cut_short) = sample.cut_short {
            self.finishes.observe(is_canary, cut_short);
        }
        if let Some(duration) = sample.first_content {
            self.first_content
                .observe(is_canary, duration.as_secs_f64());
        }
        if let Some(tokens) = sample.output_tokens {
            self.output_tokens.observe(is_canary, count(tokens));
        }
        if let Some(cost) = sample.cost {
            self.cost.observe(is_canary, count(cost));
        }
        self.rollback = Metric::ALL
            .into_iter()
            .find_map(|metric| self.judge(metric));
    }

    /// Returns the verdict so far.
    pub const fn verdict(&self) -> Verdict {
        match self.rollback {
            None => Verdict::Undecided,
            Some(rollback) => Verdict::RolledBack(rollback),
        }
    }

    /// Returns the samples that counted so far, of the canary and of the control.
    pub const fn samples(&self) -> [u64; 2] {
        self.samples
    }

    /// Returns a metric's figures so far, rolled back or not.
    pub fn figures(&self, metric: Metric) -> Rollback {
        let [canary, control] = match metric {
            Metric::Failures => self.failures.figures(),
            Metric::FirstContent => self.first_content.figures(),
            Metric::OutputTokens => self.output_tokens.figures(),
            Metric::Cost => self.cost.figures(),
            Metric::Finishes => self.finishes.figures(),
        };
        let (pairs, _) = self.evidence(metric);
        Rollback {
            metric,
            canary,
            control,
            pairs,
        }
    }

    /// Returns the evidence as plain numbers, all finite: what a restart or another process needs to
    /// go on from here. Samples that wait for their pair are not among them.
    pub fn numbers(&self) -> Vec<f64> {
        let mut numbers = Vec::new();
        let mut copy = self.clone();
        copy.visit(&mut |number| numbers.push(*number));
        numbers
    }

    /// Makes a canary that goes on from the numbers of another one. `None` where they are none.
    pub fn with_numbers(share: f64, numbers: &[f64]) -> Option<Self> {
        let mut canary = Self::new(share);
        let mut expected = 0;
        canary.visit(&mut |number| {
            *number = numbers.get(expected).copied().unwrap_or_default();
            expected += 1;
        });
        (expected == numbers.len() && numbers.iter().all(|number| number.is_finite()))
            .then_some(canary)
    }

    /// Visits each number of the evidence, in an order that stays.
    fn visit(&mut self, visit: &mut impl FnMut(&mut f64)) {
        for count in &mut self.samples {
            evidence::visit_count(count, visit);
        }
        for rates in [&mut self.failures, &mut self.finishes] {
            rates.visit(visit);
        }
        for ratios in [
            &mut self.first_content,
            &mut self.output_tokens,
            &mut self.cost,
        ] {
            ratios.visit(visit);
        }
        // The metric's place, from 1 on; 0 is none.
        let place = |metric: Metric| f64::from(metric as u8 + 1);
        let mut rolled_back = self.rollback.map_or(0.0, |rollback| place(rollback.metric));
        visit(&mut rolled_back);
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| place(*metric) == rolled_back);
        self.rollback = metric.map(|metric| self.figures(metric));
    }

    /// Begins anew, when an operator says so: the only way back from a rollback.
    pub fn resume(&mut self) {
        *self = Self::new(self.share);
    }

    fn judge(&self, metric: Metric) -> Option<Rollback> {
        let (pairs, wealth) = self.evidence(metric);
        let is_worse = pairs >= LEAST_SAMPLES && wealth * metric.alpha() >= 1.0;
        is_worse.then(|| self.figures(metric))
    }

    /// Returns a metric's pairs of samples and its wealth.
    fn evidence(&self, metric: Metric) -> (u64, f64) {
        match metric {
            Metric::Failures => self.failures.evidence(),
            Metric::FirstContent => self.first_content.evidence(),
            Metric::OutputTokens => self.output_tokens.evidence(),
            Metric::Cost => self.cost.evidence(),
            Metric::Finishes => self.finishes.evidence(),
        }
    }
}

/// Tokens and nano dollars of one exchange are below 2^53.
const fn count(number: u64) -> f64 {
    number as f64
}
