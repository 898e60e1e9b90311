//! What an alias tries: one attempt after another, until one commits or none may follow.
//!
//! `route` decides: its plan is the order of the candidates, its trail says what may follow a
//! failure, its breakers let an attempt pass or keep it out. Here it is done. [`spots`] enters the
//! breakers, [`timing`] bounds an attempt in time, [`left`] is what becomes of an exchange for which
//! no candidate is left: it waits, goes on with another alias, or is refused with the soonest end.
//! Each attempt renders the call anew from what policies left, which is kept until one commits.

use std::{sync::Arc, time::Duration};

use http::Response;
use route::{AliasRow, Class, Failure as Meaning, Next, Plan, Sample, Scope, Trail, TrailLimits};
use tokio::time::{Instant, sleep};

use super::{
    Worker,
    attempt::{Attempt, Transport},
    failure::Failure,
    generation::{Generation, now as wall_now},
    places::guess_tokens,
    render::Outgoing,
    settle::ExchangeGuard,
};
use crate::{
    config::{Alias, Upstream},
    state::{
        queue::Turn,
        targets::{AliasState, Pass, Place, now},
    },
    upstream::Inbound,
};

mod canary;
mod hedge;
mod left;
mod spots;
mod timing;

pub(super) use canary::Trial;
pub(super) use hedge::Hedges;
use hedge::{Entered, First};
use left::Left;
use spots::{Outside, Spot, Spots};
use timing::Timing;

/// Plans that are made anew at once where each candidate was taken as it was to be entered.
const REPLANS: u32 = 3;

/// The terms under which an exchange tries targets.
struct Terms<'g> {
    generation: &'g Generation,
    alias: &'g Alias,
    state: &'g Arc<AliasState>,
    places: &'g [Arc<Place>],
    timing: Timing,
    /// The call's tokens, roughly.
    tokens: u64,
}

/// The end of the attempts of one plan.
enum Ended {
    Reply(Box<Response<Inbound>>),
    /// Nothing may follow.
    Failed(Box<Failure>),
    /// No candidate is left; what the last one came to, where there was one.
    Left(Option<Box<Failure>>),
}

impl<T: Transport> Worker<T> {
    /// Sends what goes out to one candidate after another, until a reply commits.
    pub(super) async fn send_to_any(
        &self,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        let generation = Arc::clone(&guard.generation);
        guard.take_on(&mut outgoing.call);
        outgoing.alias = true;
        let mut queued: Option<left::Queued> = None;
        let mut turn: Option<Turn> = None;
        let mut is_first = true;
        let mut replans = 0;
        loop {
            let model = outgoing.call.body.model();
            let row = model.and_then(|model| generation.table.alias(model));
            let terms = Terms::of(&generation, row, outgoing, guard);
            if std::mem::take(&mut is_first) {
                terms.state.deposit(now());
                if guard.hedges.is_none() {
                    guard.hedges = Hedges::of(terms.state);
                }
                if let Some(row) = row.filter(|_| guard.trial.is_none()) {
                    let call = &mut outgoing.call;
                    guard.trial = Trial::begin(terms.alias, terms.state, row, call);
                }
            }
            guard.deadline = terms.timing.deadline_of_reply();
            let planned = generation.plan(&outgoing.call);
            let ended = match &planned {
                // Those who wait were here first.
                Ok(_) if turn.is_none() && terms.is_waited_for() => Ended::Left(None),
                // Boxed: neither a wire nor whoever waits in the queue is to take the room of it.
                Ok(plan) => {
                    let tried = self.try_plan(&terms, plan, &mut turn, outgoing, guard);
                    Box::pin(tried).await
                }
                Err(_) => Ended::Left(None),
            };
            let failure = match ended {
                Ended::Reply(reply) => return Ok(*reply),
                Ended::Failed(failure) => return Err(left::finish(*failure, None)),
                Ended::Left(failure) => failure,
            };
            // As it is now: another exchange may have been first at a place that the plan had.
            let none = generation.plan(&outgoing.call).err();
            let is_lost = none.is_none() && failure.is_none() && !terms.is_waited_for();
            if is_lost && replans < REPLANS {
                replans += 1;
                tokio::task::yield_now().await;
                continue;
            }
            let waits = left::Waits {
                queued: &mut queued,
                before: turn.take(),
            };
            let left = left::without_candidates(&terms, none, failure, waits, outgoing);
            match left.await {
                Left::Turn(next) => turn = Some(next),
                Left::Degraded => {
                    if let Some(trial) = &guard.trial {
                        trial.withdraw(&mut outgoing.call);
                    }
                }
                Left::Failed(failure) => return Err(*failure),
            }
        }
    }

    /// Makes attempts at the candidates of a plan.
    async fn try_plan(
        &self,
        terms: &Terms<'_>,
        plan: &Plan<'_>,
        turn: &mut Option<Turn>,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) -> Ended {
        let mut spots = Spots::of(plan, terms.generation);
        let mut trail = Trail::new(terms.limits(), terms.timing.deadline);
        let mut outside = Outside::Nothing;
        let mut reason = match guard.record.last {
            Some(_) => "retry",
            None => "first",
        };
        let mut last: Option<Box<Failure>> = None;
        loop {
            let Some((mut spot, pass)) = spots.enter(&outside, terms, now()) else {
                return Ended::Left(last);
            };
            // The next of the queue may look: this one is in.
            if let Some(turn) = turn.take() {
                turn.entered();
            }
            let begun = Instant::now();
            let entered = (&mut spot, pass);
            let sent = self.try_once(terms, &mut spots, entered, &trail, reason, outgoing, guard);
            let sent = sent.await;
            if let Some(trial) = &mut guard.trial {
                trial.note(&guard.record.target, &sent);
            }
            let failure = match sent {
                Ok(reply) => return Ended::Reply(Box::new(reply)),
                Err(failure) => failure,
            };
            let circumstances = spots.circumstances(spot, terms, outgoing, begun.elapsed());
            let meaning = failure.meaning;
            let next = terms.state.with_budgets(|budgets| {
                let next = trail.after(&meaning, &circumstances, budgets);
                (next, budgets.retries.allows(circumstances.now))
            });
            let (next, has_budget) = next;
            if next == Next::Stop && !has_budget {
                terms.state.note_spent();
            }
            let pause;
            (outside, reason, pause) = match next {
                Next::Same { after } => (Outside::OtherTargets(spot), "retry", after),
                Next::Other { outside } => {
                    (Outside::Scope(outside, spot), "failover", Duration::ZERO)
                }
                Next::LargerWindow => (Outside::SmallerWindows(spot), "failover", Duration::ZERO),
                Next::Stripped if outgoing.strip_signatures() => {
                    (Outside::AllBut(spot), "stripped", Duration::ZERO)
                }
                Next::Stripped | Next::Stop => {
                    let may_wait = matches!(meaning.class, Class::Rate | Class::Overload);
                    return match may_wait || terms.degrades() && failure.is_upstreams() {
                        true => Ended::Left(Some(Box::new(failure))),
                        false => Ended::Failed(Box::new(failure)),
                    };
                }
            };
            last = Some(Box::new(failure));
            if !pause.is_zero() {
                sleep(pause).await;
                spots.wait_for(spot, terms).await;
            }
        }
    }

    /// Makes one attempt, and what mends it at its own target. Where a hedge came to what is
    /// returned, the spot is its.
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller, and each is of another kind"
    )]
    async fn try_once(
        &self,
        terms: &Terms<'_>,
        spots: &mut Spots<'_>,
        (spot, mut pass): (&mut Spot, Pass),
        trail: &Trail,
        reason: &'static str,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        let first_spot = *spot;
        let candidate = spots.candidate(first_spot);
        let mut attempt = Attempt::first(candidate, spot.key, terms.generation)?;
        attempt.reason = reason;
        let class = terms.timing.class;
        let holds = Some(guard.record.dialect).filter(|dialect| dialect.is_read());
        pass.awaits_content(class, now());
        if let Some(queue) = &terms.state.queue {
            pass.frees_for(queue);
        }
        let (mut sent, took) = loop {
            let begun = Instant::now();
            let rendered = outgoing
                .render(&attempt, guard)
                .map_err(Failure::unsendable)?;
            guard.record.overhead += begun.elapsed();
            let begun = Instant::now();
            let clocks = terms
                .timing
                .clocks(attempt.upstream, pass.target(), trail.is_last());
            let (sent, took) = match hedge::delay(terms, &pass, trail, guard) {
                None => {
                    let sent = self.make(&attempt, rendered, clocks, holds, guard).await;
                    (sent, begun.elapsed())
                }
                Some(delay) => {
                    let first = First {
                        attempt: &attempt,
                        rendered,
                        clocks,
                        holds,
                        delay,
                    };
                    let entered = Entered {
                        spot,
                        pass: &mut pass,
                    };
                    // Boxed: few exchanges have one, and none else is to take the room of it.
                    let made = self.make_hedged(first, entered, terms, spots, outgoing, guard);
                    Box::pin(made).await
                }
            };
            match sent {
                Err(Failure {
                    repeat: Some(repeat),
                    ..
                }) => attempt = attempt.repeated(repeat),
                sent => break (sent, took),
            }
        };
        if let Err(failure) = &mut sent
            && failure.is_timeout()
            && terms.timing.deadline <= now()
        {
            // The exchange's own end, which a caller may set: nothing against the target.
            failure.meaning.scope = Scope::Nothing;
        }
        let upstream = match *spot == first_spot {
            true => attempt.upstream,
            false => Attempt::first(spots.candidate(*spot), spot.key, terms.generation)?.upstream,
        };
        match sent {
            Ok(reply) => {
                learn_room(&pass, upstream, &reply);
                pass.commit(took, now());
                guard.pass = Some(pass);
                Ok(reply)
            }
            Err(failure) => {
                fail(pass, upstream, &failure, took);
                guard.observed = failure.seen.unwrap_or_default();
                Err(failure)
            }
        }
    }
}

/// Ends a failed attempt's permits.
fn fail(pass: Pass, upstream: &Upstream, failure: &Failure, took: Duration) {
    if let Ok(reply) = &failure.reply {
        learn_room(&pass, upstream, reply);
    }
    pass.fail(&failure.meaning, sample(failure, took), now());
}

/// Takes over the room that a reply's head reports.
fn learn_room(pass: &Pass, upstream: &Upstream, reply: &Response<Inbound>) {
    let room = route::Room::read(reply.headers(), wall_now());
    let room = room.map(|room| match upstream.refills_evenly {
        true => room.refilling(),
        false => room,
    });
    if let Some(room) = room {
        pass.learn_room(&room, now());
    }
}

/// What a failure shows of the time to first content; nothing of one that is not the target's.
fn sample(failure: &Failure, took: Duration) -> Option<Sample> {
    let Meaning {
        class,
        scope,
        retry_after,
        ..
    } = failure.meaning;
    match class {
        Class::MaybeDone if failure.is_timeout() && scope == Scope::Nothing => {
            Some(Sample::Left(took))
        }
        Class::MaybeDone if failure.is_timeout() => Some(Sample::TimedOut(took)),
        Class::Refused | Class::Overload | Class::MaybeDone | Class::Rate => {
            Some(Sample::Failed { retry_after })
        }
        Class::Money | Class::Key | Class::Request | Class::Caller | Class::Own => None,
    }
}

impl<'g> Terms<'g> {
    fn of(
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

    fn limits(&self) -> TrailLimits {
        let retry = &self.alias.retry;
        TrailLimits {
            attempts: self.alias.attempts,
            // Whoever may wait in the queue waits there, where it is fair.
            wait: match &self.state.queue {
                Some(_) => Duration::ZERO,
                None => retry.wait,
            },
            maybe_done: retry.maybe_done > 0.0,
            content_filter: retry.content_filter,
        }
    }

    /// Reports whether others wait for the alias's targets.
    fn is_waited_for(&self) -> bool {
        let queue = self.state.queue.as_ref();
        queue.is_some_and(|queue| !queue.is_empty())
    }

    /// Reports whether another alias takes over where no target of this one is left.
    const fn degrades(&self) -> bool {
        matches!(self.alias.limited, crate::config::Limited::Degrade(_))
    }
}
