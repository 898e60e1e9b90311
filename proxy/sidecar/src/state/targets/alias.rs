//! The state of one alias: what its exchanges share.

use std::time::Instant;

use parking_lot::Mutex;
use route::{Budgets, Canary, HedgeBudget, RetryBudget, ShadowBudget};

use super::super::queue::Queue;
use crate::{
    config::{Alias, Limited},
    telemetry::metrics,
};

/// What the exchanges of one alias share. It is begun anew when the alias's own terms change, and
/// only then.
pub struct AliasState {
    name: Box<str>,
    terms: Alias,
    retries: Mutex<(RetryBudget, RetryBudget)>,
    /// Bounds second attempts beside slow ones; none where they are off.
    pub hedges: Option<Mutex<HedgeBudget>>,
    /// A target on trial; none where there is none.
    pub canary: Option<Mutex<Canary>>,
    /// Bounds copies; none where there are none.
    pub shadows: Option<Mutex<ShadowBudget>>,
    /// The exchanges that wait; none where none may.
    pub queue: Option<Queue>,
}

impl AliasState {
    pub(super) fn new(name: &str, terms: &Alias, now: Instant) -> Self {
        let retry = &terms.retry;
        let budgets = (
            RetryBudget::new(retry.share, retry.per_second, now),
            RetryBudget::maybe_done(retry.maybe_done, now),
        );
        let hedge = terms.hedge.as_ref();
        let shadow = terms.shadow.as_ref();
        Self {
            name: name.into(),
            terms: terms.clone(),
            retries: Mutex::new(budgets),
            hedges: hedge.map(|hedge| Mutex::new(HedgeBudget::new(hedge.share, hedge.delay))),
            canary: (terms.canary.as_ref()).map(|canary| Mutex::new(Canary::new(canary.share))),
            shadows: shadow.map(|shadow| {
                let nanos = (shadow.usd_per_day * 1e9) as u64;
                Mutex::new(ShadowBudget::new(shadow.share, nanos))
            }),
            queue: match &terms.limited {
                Limited::Queue(bounds) => Some(Queue::new(name, bounds)),
                Limited::Refuse | Limited::Degrade(_) => None,
            },
        }
    }

    /// Reports whether it is of these terms.
    pub fn is_of(&self, terms: &Alias) -> bool {
        self.terms == *terms
    }

    /// The alias's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brings in the share of an exchange that begins.
    pub fn deposit(&self, now: Instant) {
        let (retries, maybe_done) = &mut *self.retries.lock();
        retries.deposit(now);
        maybe_done.deposit(now);
    }

    /// Decides something that retries are taken for.
    pub fn with_budgets<R>(&self, decide: impl FnOnce(&mut Budgets<'_>) -> R) -> R {
        let (retries, maybe_done) = &mut *self.retries.lock();
        decide(&mut Budgets {
            retries,
            maybe_done,
        })
    }

    /// Notes that a retry was wanted, and the budget had none.
    pub fn note_spent(&self) {
        metrics::retry_budget_spent(&self.name);
    }
}
