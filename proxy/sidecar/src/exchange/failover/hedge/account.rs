//! The account of an exchange with a hedge: the budget that it is taken from, and what each of the
//! two attempts came to.

use std::{sync::Arc, time::Duration};

use route::ReservedHedge;
use tokio::time::Instant;

use crate::{
    cost::{NanoDollars, Taken},
    exchange::{
        attempt::{Attempt, Performed, attempted},
        ledger::{Charge, Observed, Spent},
        render::Rendered,
        settle::ExchangeGuard,
        translation::Notes,
    },
    state::targets::AliasState,
    telemetry::{Attempted, EarlierAttempt, Record, metrics, trace::AttemptSpan},
};

/// The class of an attempt that another one overtook.
const OVERTAKEN: &str = "hedged";

/// The part of an exchange that is its hedge's, for as long as the exchange goes on. There is one
/// where the alias has hedges, whether this exchange gets one or not.
pub(in crate::exchange) struct Hedges {
    state: Arc<AliasState>,
    /// None before there is a hedge: one exchange has one at most.
    reserved: Option<ReservedHedge>,
    in_flight: Option<InFlight>,
    winner: Winner,
    /// It is the exchange's last attempt: what that took, it took.
    is_last: bool,
    /// The tokens it took, where it is not.
    cost: Option<NanoDollars>,
}

/// A hedge that has neither answered nor lost.
struct InFlight {
    /// `upstream/model`.
    target: String,
    upstream: Arc<str>,
    begun: Instant,
    span: Option<Box<AttemptSpan>>,
}

/// The attempt that committed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Winner {
    None,
    First,
    Hedge,
}

impl Winner {
    /// The word in metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::First => "first",
            Self::Hedge => "hedge",
        }
    }
}

impl Hedges {
    /// For an exchange of this alias; none where it has no hedges.
    pub(in crate::exchange::failover) fn of(state: &Arc<AliasState>) -> Option<Box<Self>> {
        state.hedges.as_ref()?;
        Some(Box::new(Self {
            state: Arc::clone(state),
            reserved: None,
            in_flight: None,
            winner: Winner::None,
            is_last: false,
            cost: None,
        }))
    }

    /// Notes that the exchange has a hedge, which is taken out of the budget.
    pub(super) fn reserve(&mut self, hedge: ReservedHedge) {
        self.reserved = Some(hedge);
    }

    /// Reports whether the exchange has, or had, a hedge.
    pub(super) const fn is_made(&self) -> bool {
        self.reserved.is_some()
    }

    /// Lists a hedge that was under way when the app left.
    pub(in crate::exchange) fn left(&mut self, record: &mut Record, spent: Spent) {
        let Some(hedge) = self.in_flight.take() else {
            return;
        };
        self.cost = spent.cost;
        record
            .earlier
            .push(hedge.ended(overtaken(hedge.begun), spent));
    }

    /// Pays the exchange into the budget, and what its hedge took out of it. `total` is the cost of
    /// all of the exchange, and `last` that of the attempt that answered.
    pub(in crate::exchange) fn settle(
        self,
        total: Option<NanoDollars>,
        last: &Taken,
        charge: &Charge,
    ) {
        let Some(budget) = &self.state.hedges else {
            return;
        };
        let own = match self.is_last {
            true => last.cost(charge.price.as_ref()),
            false => self.cost,
        };
        let own = own.unwrap_or_default().0;
        let mut budget = budget.lock();
        if let Some(reserved) = self.reserved {
            metrics::hedge(self.state.name(), self.winner.name());
            budget.settle(reserved, own);
        }
        budget.deposit(total.map(|total| total.0.saturating_sub(own)));
    }
}

impl InFlight {
    fn ended(&self, end: Attempted, spent: Spent) -> EarlierAttempt {
        metrics::attempt_result(&self.upstream, end.class);
        EarlierAttempt {
            target: self.target.clone(),
            upstream: Some(Arc::clone(&self.upstream)),
            end,
            usage: spent.usage,
            cost: spent.cost,
            span: self.span.clone(),
        }
    }
}

/// The end of an attempt that another one overtook.
pub(super) fn overtaken(begun: Instant) -> Attempted {
    Attempted {
        class: OVERTAKEN,
        status: 0,
        took: begun.elapsed(),
        retry_after: None,
    }
}

/// The reading of a hedge's reply.
pub(super) struct Reading {
    pub(super) strips_usage: bool,
    pub(super) decodes: bool,
    pub(super) notes: Option<Arc<Notes>>,
}

impl ExchangeGuard {
    /// Notes that a hedge is sent. Should the app leave now, it is settled with the other.
    pub(super) fn begin_hedge(&mut self, attempt: &Attempt<'_>, rendered: &Rendered) -> Instant {
        let begun = Instant::now();
        let upstream = Arc::clone(&attempt.candidate.upstream.name);
        metrics::attempt(&upstream, attempt.reason);
        self.ledger.hedge = Some(Charge {
            reached: true,
            served: true,
            ..rendered.terms.charge
        });
        if let Some(trial) = &mut self.trial {
            trial.leave_out();
        }
        if let Some(hedges) = &mut self.hedges {
            hedges.in_flight = Some(InFlight {
                target: rendered.terms.target.clone(),
                upstream,
                begun,
                span: rendered.terms.span.clone(),
            });
        }
        begun
    }

    /// Lists the hedge among the attempts that came to nothing.
    pub(super) fn lose_hedge(
        &mut self,
        end: Attempted,
        may_be_served: bool,
        seen: &Observed,
        winner: Winner,
    ) {
        if let Some(charge) = &mut self.ledger.hedge {
            charge.served = may_be_served;
        }
        let spent = self.ledger.conclude_hedge(seen);
        let Some(hedges) = &mut self.hedges else {
            return;
        };
        hedges.cost = spent.cost;
        hedges.winner = winner;
        if let Some(hedge) = hedges.in_flight.take() {
            self.record.earlier.push(hedge.ended(end, spent));
        }
    }

    /// Makes the hedge the attempt that the exchange is read and settled by. `end` and `seen` are
    /// those of the first one.
    pub(super) fn take_over_hedge(&mut self, end: Attempted, seen: &Observed, reading: Reading) {
        let hedge = self.hedges.as_mut().and_then(|all| all.in_flight.take());
        let Some(hedge) = hedge else { return };
        self.ledger.exchange_with_hedge();
        let spent = self.ledger.conclude_hedge(seen);
        let target = std::mem::replace(&mut self.record.target, hedge.target);
        let upstream = self.record.upstream.replace(hedge.upstream);
        let span = std::mem::replace(&mut self.record.span, hedge.span);
        if let Some(upstream) = &upstream {
            metrics::attempt_result(upstream, end.class);
        }
        self.record.earlier.push(EarlierAttempt {
            target,
            upstream,
            end,
            usage: spent.usage,
            cost: spent.cost,
            span,
        });
        if let Some(hedges) = &mut self.hedges {
            hedges.is_last = true;
        }
        self.attempt_begun = Some(hedge.begun);
        self.strips_usage = reading.strips_usage;
        self.decodes = reading.decodes;
        self.translation = reading.notes;
    }

    /// Notes what became of a hedge that was taken over.
    pub(super) fn conclude_hedge(&mut self, done: &Performed, took: Duration) {
        self.ledger.charge.served = done.may_be_served;
        self.record.last = Some(attempted(&done.judged, took, self));
        match &done.judged {
            Ok(_) => self.won(Winner::Hedge),
            Err(failure) => {
                let taken = failure.observed().taken(&self.ledger);
                let cost = taken.cost(self.ledger.charge.price.as_ref());
                if let Some(hedges) = &mut self.hedges {
                    (hedges.is_last, hedges.cost) = (false, cost);
                }
            }
        }
    }

    pub(super) fn won(&mut self, winner: Winner) {
        if let Some(hedges) = &mut self.hedges {
            hedges.winner = winner;
        }
    }
}
