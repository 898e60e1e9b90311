//! Tiers, and what one of them can do for a request as things stand.

use outrigger_sdk::{Request, Target, Unit};

use crate::signals::{Signal, Signals};

/// A tier: the name of an alias, with what the operator knows of it.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) model: String,
    /// Score at which it begins. The lowest has none.
    pub(crate) from: i32,
    pub(crate) window: Option<u64>,
    pub(crate) takes: Vec<String>,
}

/// Needs of a request that a tier has to meet.
#[derive(Debug)]
pub(crate) struct Needs {
    tools: bool,
    images: bool,
    input: u64,
    output: u64,
    /// Percents of a window that the input may take.
    fill: u64,
}

impl Needs {
    pub(crate) fn of(request: &Request, signals: &mut Signals, fill: u64) -> Self {
        Self {
            tools: signals.of(Signal::Tools, request) > 0,
            images: signals.of(Signal::Images, request) > 0,
            input: signals.of(Signal::InputTokens, request),
            output: signals.of(Signal::OutputTokens, request),
            fill,
        }
    }
}

/// The reason why a tier does not serve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Short {
    /// It has no target that can take the request, or nothing is known of it.
    Targets,
    /// It is not known to take tools.
    Tools,
    /// It is not known to take images.
    Images,
    /// The request takes too much of its window.
    Window,
    /// All of its targets are open or limited.
    Open,
}

impl Short {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Tools => "tools",
            Self::Images => "images",
            Self::Window => "window",
            Self::Open => "open",
        }
    }
}

/// A tier's targets for a request.
#[derive(Debug)]
pub(crate) struct Offer {
    /// In the order in which they would be tried.
    pub(crate) targets: Vec<Target>,
    /// None where it can serve the request.
    pub(crate) short: Option<Short>,
}

impl Tier {
    /// Looks at the tier's targets. The request names its model afterwards.
    pub(crate) fn offer(&self, request: &mut Request, needs: &Needs) -> Offer {
        request.set_model(&self.model);
        let targets = request.targets();
        let short = self.short(&targets, needs);
        Offer { targets, short }
    }

    fn short(&self, targets: &[Target], needs: &Needs) -> Option<Short> {
        // Of a name that is no alias there are no targets: then the operator has to know.
        if targets.is_empty() && self.window.is_none() {
            return Some(Short::Targets);
        }
        let takes = |what: &str| {
            self.takes.iter().any(|known| known == what)
                || (!targets.is_empty())
                    && targets
                        .iter()
                        .all(|target| target.can_take(what) == Some(true))
        };
        let windows = targets.iter().filter_map(|target| target.window);
        let window = windows.chain(self.window).min();
        let fits = |window: u64| {
            let share = window / 100 * needs.fill;
            needs.input <= share && needs.input.saturating_add(needs.output) <= window
        };
        match () {
            () if needs.tools && !takes("tools") => Some(Short::Tools),
            () if needs.images && !takes("images") => Some(Short::Images),
            () if !window.is_none_or(fits) => Some(Short::Window),
            () if !targets.is_empty() && !targets.iter().any(Target::is_healthy) => {
                Some(Short::Open)
            }
            () => None,
        }
    }
}

/// Returns what the exchange would cost as the request stands, in millionths of a dollar. `None`
/// where nothing has a price.
pub(crate) fn cost_of_its_own(request: &Request, needs: &Needs) -> Option<u64> {
    let targets = request.targets();
    let offer = Offer {
        targets,
        short: None,
    };
    // A name that is no alias has no targets, and may have a price.
    (offer.cost(needs, 100)).or_else(|| request.estimate(Unit::Microusd))
}

impl Offer {
    /// Returns what the exchange would cost with the input at this many percents of its price, in
    /// millionths of a dollar. `None` where the target that would be tried has no price.
    pub(crate) fn cost(&self, needs: &Needs, percent: u64) -> Option<u64> {
        let healthy = self.targets.iter().find(|target| target.is_healthy());
        let target = healthy.or(self.targets.first())?;
        let (whole, price) = (target.cost_microusd?, target.price.as_ref()?);
        let input = needs.input.saturating_mul(price.input_microusd) / 1_000_000;
        let saved = input.saturating_mul(100 - percent.min(100)) / 100;
        Some(whole.saturating_sub(saved))
    }
}
