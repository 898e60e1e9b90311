//! The state of one alias: what its exchanges share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use parking_lot::Mutex;
use route::{
    Arm, Budgets, Canary, HedgeBudget, RetryBudget, ShadowBudget,
    canary::{Sample, Verdict},
};

use super::super::queue::Queue;
use crate::{
    config::{self, Alias, Limited},
    telemetry::metrics,
};

/// The state that the exchanges of one alias share. It is begun anew when the alias's own terms
/// change, except for what was learnt or spent under those of them that stayed: that is one with the former state's,
/// which exchanges in flight still change.
pub struct AliasState {
    name: Box<str>,
    pub(super) terms: Alias,
    retries: Arc<Mutex<(RetryBudget, RetryBudget)>>,
    /// Bounds second attempts beside slow ones; none where they are off.
    pub hedges: Option<Mutex<HedgeBudget>>,
    /// A target on trial; none where there is none.
    pub canary: Option<Arc<Mutex<Canary>>>,
    /// The target on trial gets nothing more: by the evidence of this process, or of another.
    is_rolled_back: Arc<AtomicBool>,
    /// Another canary is on trial under this name, or none: exchanges in flight with this one tell
    /// nobody of it.
    is_retired: AtomicBool,
    /// Bounds copies; none where there are none.
    pub shadows: Option<Arc<Mutex<ShadowBudget>>>,
    /// The exchanges that wait; none where none may.
    pub queue: Option<Queue>,
}

impl AliasState {
    /// The state of an alias under these terms. `before` is that under the former ones.
    pub(super) fn new(name: &str, terms: &Alias, before: Option<&Self>, now: Instant) -> Self {
        let retry = &terms.retry;
        let retries = before.filter(|before| before.terms.retry == *retry);
        let canary = before.filter(|before| before.terms.canary == terms.canary);
        let shadow = before.filter(|before| before.terms.shadow == terms.shadow);
        let budgets = || {
            Arc::new(Mutex::new((
                RetryBudget::new(retry.share, retry.per_second, now),
                RetryBudget::maybe_done(retry.maybe_done, now),
            )))
        };
        let canary_of = |canary: &config::Canary| Arc::new(Mutex::new(Canary::new(canary.share)));
        let shadow_of = |shadow: &config::Shadow| {
            let nanos = (shadow.usd_per_day * 1e9) as u64;
            Arc::new(Mutex::new(ShadowBudget::new(shadow.share, nanos)))
        };
        let hedge = terms.hedge.as_ref();
        let state = Self {
            name: name.into(),
            terms: terms.clone(),
            retries: retries.map_or_else(budgets, |before| Arc::clone(&before.retries)),
            hedges: hedge.map(|hedge| Mutex::new(HedgeBudget::new(hedge.share, hedge.delay))),
            canary: match canary {
                Some(before) => before.canary.clone(),
                None => terms.canary.as_ref().map(canary_of),
            },
            is_rolled_back: canary
                .map_or_else(Arc::default, |before| Arc::clone(&before.is_rolled_back)),
            is_retired: AtomicBool::new(false),
            shadows: match shadow {
                Some(before) => before.shadows.clone(),
                None => terms.shadow.as_ref().map(shadow_of),
            },
            queue: match &terms.limited {
                Limited::Queue(bounds) => Some(Queue::new(name, bounds)),
                Limited::Refuse | Limited::Degrade(_) => None,
            },
        };
        if state.canary.is_some() {
            metrics::canary_rolled_back(name, state.canary_rolled_back());
        }
        state
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

    /// The arm of an exchange in the trial of a target; none where there is no trial.
    pub fn canary_arm(&self, hash: u64) -> Option<Arm> {
        let canary = self.canary.as_ref()?;
        match self.canary_rolled_back() {
            true => None,
            false => Some(canary.lock().arm(hash)),
        }
    }

    /// Adds what one exchange of the trial showed, and rolls back where that makes it evident that
    /// the target on trial is worse. `hash` is what chose the arm.
    pub fn observe_canary(&self, arm: Arm, hash: u64, sample: &Sample) {
        let Some(canary) = &self.canary else { return };
        let verdict = {
            let mut canary = canary.lock();
            canary.observe(arm, hash, sample);
            canary.verdict()
        };
        if let Verdict::RolledBack(rollback) = verdict
            && self.turn_back()
        {
            tracing::error!(
                model = &*self.name,
                metric = rollback.metric.name(),
                canary = rollback.canary,
                control = rollback.control,
                pairs = rollback.pairs,
                "canary rolled back; it gets nothing until it is resumed on the admin address"
            );
        }
    }

    /// Reports whether the target on trial was rolled back.
    pub fn canary_rolled_back(&self) -> bool {
        self.is_rolled_back.load(Relaxed)
    }

    /// Rolls the target on trial back, for a cause that is not this process's own evidence.
    pub fn roll_back_canary(&self, cause: &str) {
        if self.canary.is_some() && self.turn_back() {
            tracing::error!(
                model = &*self.name,
                cause,
                "canary rolled back; it gets nothing until it is resumed on the admin address"
            );
        }
    }

    /// Begins the trial anew at an operator's word, without its evidence so far. Returns false
    /// where there is none.
    pub fn resume_canary(&self) -> bool {
        let Some(canary) = &self.canary else {
            return false;
        };
        canary.lock().resume();
        if self.is_rolled_back.swap(false, Relaxed) {
            tracing::info!(model = &*self.name, "canary resumed");
        }
        metrics::canary_rolled_back(&self.name, false);
        true
    }

    /// Takes back what its gauge says of its canary.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Relaxed);
        if self.canary_rolled_back() {
            metrics::canary_rolled_back(&self.name, false);
        }
    }

    /// The one trial, whatever other terms of the alias have changed since it began.
    pub(super) const fn trial(&self) -> &Arc<AtomicBool> {
        &self.is_rolled_back
    }

    /// Reports whether that was news to anybody.
    fn turn_back(&self) -> bool {
        let was_back = self.is_rolled_back.swap(true, Relaxed);
        let is_news = !was_back && !self.is_retired.load(Relaxed);
        if is_news {
            metrics::canary_rolled_back(&self.name, true);
        }
        is_news
    }
}
