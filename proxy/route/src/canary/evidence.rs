//! Tests by betting on pairs of samples, one of the canary and one of the control.

use std::collections::VecDeque;

/// The samples of one arm that can wait for the other arm's. Arms of equal size drift apart by
/// about the root of their number; a sample that finds no room is left out, whatever it says.
const MAX_UNPAIRED: usize = 64;

/// The part of the wealth that is not staked at the first pair but later: what was lost in a good
/// year would otherwise have to be won back before a bad hour is seen. A half of what is left is
/// staked anew whenever the number of pairs has doubled, from [`FIRST_RESTAKE`] on.
const RESERVE: f64 = 0.1;
const FIRST_RESTAKE: u64 = 1024;

/// Samples of the arm that is ahead.
#[derive(Debug, Clone)]
struct Unpaired {
    of_canary: bool,
    waiting: VecDeque<f64>,
}

impl Unpaired {
    const fn new() -> Self {
        Self {
            of_canary: false,
            waiting: VecDeque::new(),
        }
    }

    /// Returns the pair (canary, control) that a sample completes.
    fn pair(&mut self, of_canary: bool, value: f64) -> Option<(f64, f64)> {
        if self.of_canary == of_canary || self.waiting.is_empty() {
            self.of_canary = of_canary;
            if self.waiting.len() < MAX_UNPAIRED {
                self.waiting.push_back(value);
            }
            return None;
        }
        let other = self.waiting.pop_front()?;
        Some(if of_canary {
            (value, other)
        } else {
            (other, value)
        })
    }
}

/// The wealth of several bettors, of whom each stakes more or less boldly; their mean is what
/// counts, so that nobody has to know beforehand how bold is right.
#[derive(Debug, Clone)]
struct Bettors<const N: usize> {
    pairs: u64,
    wealth: [f64; N],
    reserve: f64,
}

impl<const N: usize> Bettors<N> {
    const fn new() -> Self {
        Self {
            pairs: 0,
            wealth: [(1.0 - RESERVE) / N as f64; N],
            reserve: RESERVE,
        }
    }

    /// Multiplies each bettor's wealth by its factor for a pair: at least 0, and by the null
    /// hypothesis 1 at most in expectation.
    fn settle(&mut self, factors: [f64; N]) {
        self.pairs += 1;
        for (wealth, factor) in self.wealth.iter_mut().zip(factors) {
            *wealth *= factor;
        }
        if self.pairs >= FIRST_RESTAKE && self.pairs.is_power_of_two() {
            self.reserve /= 2.0;
            for wealth in &mut self.wealth {
                *wealth += self.reserve / N as f64;
            }
        }
    }

    fn visit(&mut self, visit: &mut impl FnMut(&mut f64)) {
        visit_count(&mut self.pairs, visit);
        visit(&mut self.reserve);
        self.wealth.iter_mut().for_each(visit);
    }

    fn total(&self) -> f64 {
        self.reserve + self.wealth.iter().sum::<f64>()
    }
}

/// Visits a count as a number.
pub(super) fn visit_count(count: &mut u64, visit: &mut impl FnMut(&mut f64)) {
    let mut number = *count as f64;
    visit(&mut number);
    // Below 0 or no number at all becomes 0.
    *count = number as u64;
}

/// Evidence that something happens more often to the canary.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    unpaired: Unpaired,
    bettors: Bettors<3>,
    /// Times that it happened: canary, control.
    events: [u64; 2],
}

/// Evidence that a positive quantity is greater (or much smaller) for the canary.
#[derive(Debug, Clone)]
pub(super) struct Ratios {
    unpaired: Unpaired,
    greater: Bettors<4>,
    smaller: Bettors<4>,
    /// Logarithms of the ratios that are still good.
    margin: f64,
    least: Option<f64>,
    /// Sums of logarithms: canary, control.
    sums: [f64; 2],
}

impl Rates {
    /// The ratios of rates on which bettors bet.
    const RATIOS: [f64; 3] = [1.6, 2.0, 3.0];

    /// Events and samples that count as seen before the first: 2 % is a rate to begin with.
    const PRIOR: [f64; 2] = [0.5, 25.0];

    pub(super) const fn new() -> Self {
        Self {
            unpaired: Unpaired::new(),
            bettors: Bettors::new(),
            events: [0; 2],
        }
    }

    pub(super) fn observe(&mut self, of_canary: bool, happened: bool) {
        let value = f64::from(u8::from(happened));
        if let Some((canary, control)) = self.unpaired.pair(of_canary, value) {
            self.settle(canary > 0.5, control > 0.5);
        }
    }

    /// Settles a pair. A bettor expects the rate of both arms so far, divided so that the canary's
    /// is a multiple of the control's; the factor is the likelihood of that against the undivided
    /// rate for both. Its expectation is 1 at most whenever the canary's rate is not the greater,
    /// whatever the rates are and however they change (Turner, Ly & Grünwald, arXiv 2106.02693).
    fn settle(&mut self, canary: bool, control: bool) {
        let seen = 2.0 * self.bettors.pairs as f64;
        let events = (self.events[0] + self.events[1]) as f64;
        let rate = (events + Self::PRIOR[0]) / (seen + Self::PRIOR[1]);
        let surprise = |happened| {
            if happened {
                1.0 / rate
            } else {
                -1.0 / (1.0 - rate)
            }
        };
        let (canary_surprise, control_surprise) = (surprise(canary), surprise(control));
        self.bettors.settle(Self::RATIOS.map(|ratio| {
            let shift = rate * (ratio - 1.0) / (ratio + 1.0);
            let shift = shift.min(0.9 * (1.0 - rate));
            (1.0 + shift * canary_surprise) * (1.0 - shift * control_surprise)
        }));
        self.events[0] += u64::from(canary);
        self.events[1] += u64::from(control);
    }

    pub(super) fn visit(&mut self, visit: &mut impl FnMut(&mut f64)) {
        self.bettors.visit(visit);
        for count in &mut self.events {
            visit_count(count, visit);
        }
    }

    /// Returns the number of pairs, and the wealth.
    pub(super) fn evidence(&self) -> (u64, f64) {
        (self.bettors.pairs, self.bettors.total())
    }

    /// Returns the rates: canary, control.
    pub(super) const fn figures(&self) -> [f64; 2] {
        let pairs = self.bettors.pairs;
        let pairs = if pairs == 0 { 1.0 } else { pairs as f64 };
        [self.events[0] as f64 / pairs, self.events[1] as f64 / pairs]
    }
}

impl Ratios {
    /// The parts of their wealth that bettors stake.
    const STAKES: [f64; 4] = [0.1, 0.25, 0.5, 0.9];

    /// `margin` is the greatest ratio that is not worse, and `least`, where there is one, the
    /// smallest.
    pub(super) fn new(margin: f64, least: Option<f64>) -> Self {
        Self {
            unpaired: Unpaired::new(),
            greater: Bettors::new(),
            smaller: Bettors::new(),
            margin: margin.ln(),
            least: least.map(f64::ln),
            sums: [0.0; 2],
        }
    }

    pub(super) fn observe(&mut self, of_canary: bool, value: f64) {
        // A thousandth of a second is the least that differs; tokens and nano dollars have 1.
        let value = value.max(0.001).ln();
        if let Some((canary, control)) = self.unpaired.pair(of_canary, value) {
            self.settle(canary, control);
        }
    }

    /// Settles a pair of logarithms. The payoff is an odd and bounded function of the difference
    /// beyond the margin: where the canary's values are the control's times the margin at most,
    /// it is 0 at most in expectation, whatever their distribution; and no single value, however
    /// large, says more than any other large one.
    fn settle(&mut self, canary: f64, control: f64) {
        let difference = canary - control;
        let payoff = (difference - self.margin).tanh();
        self.greater
            .settle(Self::STAKES.map(|stake| 1.0 + stake * payoff));
        if let Some(least) = self.least {
            let payoff = (least - difference).tanh();
            self.smaller
                .settle(Self::STAKES.map(|stake| 1.0 + stake * payoff));
        }
        self.sums[0] += canary;
        self.sums[1] += control;
    }

    pub(super) fn visit(&mut self, visit: &mut impl FnMut(&mut f64)) {
        self.greater.visit(visit);
        self.smaller.visit(visit);
        self.sums.iter_mut().for_each(visit);
    }

    /// Returns the number of pairs, and the wealth.
    pub(super) fn evidence(&self) -> (u64, f64) {
        let (greater, smaller) = (self.greater.total(), self.smaller.total());
        let wealth = match self.least {
            None => greater,
            Some(_) => f64::midpoint(greater, smaller),
        };
        (self.greater.pairs, wealth)
    }

    /// Returns the geometric means: canary, control.
    pub(super) fn figures(&self) -> [f64; 2] {
        let pairs = self.greater.pairs.max(1) as f64;
        self.sums.map(|sum| (sum / pairs).exp())
    }
}
