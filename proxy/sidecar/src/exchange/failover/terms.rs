//! The terms under which an exchange tries targets: its alias, its clocks, and what bounds attempts.

use std::{sync::Arc, time::Duration};

use dialect::Kind;
use route::{AliasRow, Trail, TrailLimits};

use super::timing::Timing;
use crate::{
    config::{Alias, Limited},
    exchange::{
        failure::Failure, generation::Generation, places::guess_tokens, render::Outgoing,
        settle::ExchangeGuard,
    },
    state::targets::{AliasState, Place, now},
};

/// The terms under which an exchange tries targets.
pub(super) struct Terms<'g> {
    pub(super) generation: &'g Generation,
    pub(super) alias: &'g Alias,
    pub(super) state: &'g Arc<AliasState>,
    pub(super) places: &'g [Arc<Place>],
    pub(super) timing: Timing,
    /// The call's tokens, roughly.
    pub(super) tokens: u64,
}

/// Takes one more round, at the targets that a policy names, from the bounds and the budget of the
/// exchange's attempts. False: there is none, and the failure is the app's.
pub(in crate::exchange) fn may_try_now(
    failure: &Failure,
    outgoing: &Outgoing,
    trail: &mut Option<Trail>,
    guard: &ExchangeGuard,
) -> bool {
    let generation = Arc::clone(&guard.generation);
    let model = outgoing.call.body.model();
    let row = model.and_then(|model| generation.table.alias(model));
    let terms = Terms::of(&generation, row, outgoing, guard);
    let trail = trail.get_or_insert_with(|| {
        terms.state.deposit(now());
        Trail::new(terms.limits(outgoing), terms.timing.deadline)
    });
    (terms.state).with_budgets(|budgets| trail.try_now(&failure.meaning, now(), budgets))
}

impl<'g> Terms<'g> {
    pub(super) fn of(
        generation: &'g Generation,
        row: Option<&AliasRow>,
        outgoing: &Outgoing,
        guard: &ExchangeGuard,
    ) -> Self {
        let named = row.and_then(|row| {
            let (state, places) = generation.places.alias(row.id)?;
            Some((generation.config.models.get(&*row.name)?, state, places))
        });
        let (alias, state, places) = named.unwrap_or_else(|| generation.places.unnamed());
        Self {
            generation,
            alias,
            state,
            places,
            timing: Timing::of(alias, &outgoing.call, guard),
            tokens: guess_tokens(&outgoing.call),
        }
    }

    pub(super) fn limits(&self, outgoing: &Outgoing) -> TrailLimits {
        let retry = &self.alias.retry;
        let body = &outgoing.call.body;
        // A job that is made twice is charged twice, in all of its parts.
        let is_job = body.kind() == Kind::Batch || body.background();
        TrailLimits {
            attempts: self.alias.attempts,
            // Whoever may wait in the queue waits there, where it is fair.
            wait: match &self.state.queue {
                Some(_) => Duration::ZERO,
                None => retry.wait,
            },
            maybe_done: retry.maybe_done > 0.0 && !is_job,
            content_filter: retry.content_filter,
        }
    }

    /// Reports whether others wait for the alias's targets.
    pub(super) fn is_waited_for(&self) -> bool {
        let queue = self.state.queue.as_ref();
        queue.is_some_and(|queue| !queue.is_empty())
    }

    /// Reports whether another alias takes over where no target of this one is left.
    pub(super) const fn degrades(&self) -> bool {
        matches!(self.alias.limited, Limited::Degrade(_))
    }
}
