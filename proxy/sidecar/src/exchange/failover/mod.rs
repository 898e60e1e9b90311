//! The attempts of an alias: one after another, until one commits or none may follow.
//!
//! `route` decides: its plan is the order of the candidates, its trail says what may follow a
//! failure, its breakers let an attempt pass or keep it out. Here it is done. [`spots`] enters the
//! breakers, [`timing`] bounds an attempt in time, [`left`] is what becomes of an exchange for which
//! no candidate is left: it waits, goes on with another alias, or is refused with the soonest end.
//! Each attempt renders the call anew from what policies left, which is kept until one commits.

use std::{sync::Arc, time::Duration};

use http::Response;
use route::{Class, Next, Plan, Scope, Trail};
use tokio::time::{Instant, sleep};

use super::{
    Worker,
    attempt::{Attempt, Transport},
    failure::Failure,
    render::Outgoing,
    settle::ExchangeGuard,
    transmit::BeforeContent,
};
use crate::{
    state::{
        queue::Turn,
        targets::{Pass, now},
    },
    upstream::Inbound,
};

mod canary;
mod hedge;
mod left;
mod outcome;
mod spots;
mod terms;
mod timing;

pub(super) use canary::Trial;
pub(super) use hedge::Hedges;
use hedge::{Entered, First};
use left::Left;
use outcome::{fail, learn_room};
use spots::{Outside, Spot, Spots};
use terms::Terms;
pub(super) use terms::may_try_now;

/// Plans that are made anew at once where each candidate was taken as it was to be entered.
const REPLANS: u32 = 3;

/// The end of the attempts of one plan.
enum Ended {
    Reply(Box<Response<Inbound>>),
    /// Nothing may follow.
    Failed(Box<Failure>),
    /// No candidate is left; what the last one came to, where there was one.
    Left(Option<Box<Failure>>),
}

impl<T: Transport> Worker<T> {
    /// Sends what goes out to one candidate after another, until a reply commits. The trail is the
    /// exchange's, over all rounds that policies have it make; none before the first.
    pub(super) async fn send_to_any(
        &self,
        outgoing: &mut Outgoing,
        trail: &mut Option<Trail>,
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
            if trail.is_none() {
                terms.state.deposit(now());
            }
            let (limits, deadline) = (terms.limits(outgoing), terms.timing.deadline);
            let trail = trail.get_or_insert_with(|| Trail::new(limits, deadline));
            trail.within(limits, deadline);
            if std::mem::take(&mut is_first) {
                if guard.hedges.is_none() {
                    guard.hedges = Hedges::of(terms.state);
                }
                if let Some(row) = row.filter(|_| guard.trial.is_none()) {
                    let call = &mut outgoing.call;
                    guard.trial =
                        Trial::begin(terms.alias, terms.state, row, call, &generation.config);
                }
            }
            guard.deadline = terms.timing.deadline_of_reply();
            let planned = generation.plan(&outgoing.call);
            let ended = match &planned {
                // Those who wait were here first.
                Ok(_) if turn.is_none() && terms.is_waited_for() => Ended::Left(None),
                // Boxed: neither a wire nor whoever waits in the queue is to take the room of it.
                Ok(plan) => {
                    let tried = self.try_plan(&terms, plan, trail, &mut turn, outgoing, guard);
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
        trail: &mut Trail,
        turn: &mut Option<Turn>,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) -> Ended {
        let mut spots = Spots::of(plan, terms.generation);
        let mut outside = Outside::Nothing;
        // Where that has none that admits an attempt: the failure may have been the target's last.
        let mut besides = Outside::Nothing;
        let mut reason = match guard.record.last {
            Some(_) => "retry",
            None => "first",
        };
        let mut last: Option<Box<Failure>> = None;
        loop {
            let entered = spots.enter(&outside, terms, now());
            let Some((mut spot, pass)) = entered.or_else(|| spots.enter(&besides, terms, now()))
            else {
                return Ended::Left(last);
            };
            // The next of the queue may look: this one is in.
            if let Some(turn) = turn.take() {
                turn.entered();
            }
            let begun = Instant::now();
            let entered = (&mut spot, pass);
            let sent = self.try_once(terms, &mut spots, entered, trail, reason, outgoing, guard);
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
            let (next, is_short) = terms.state.with_budgets(|budgets| {
                let is_short = trail.is_short_of_budget(&meaning, circumstances.now, budgets);
                (trail.after(&meaning, &circumstances, budgets), is_short)
            });
            if next == Next::Stop && is_short {
                terms.state.note_spent();
            }
            besides = match next {
                Next::Same { .. } if meaning.class == Class::Refused => {
                    Outside::Scope(Scope::Target, spot)
                }
                Next::Same { .. } => Outside::Scope(meaning.scope, spot),
                _ => Outside::All,
            };
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
                spots.wait_for(spot, &besides, terms).await;
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
        let mut attempt =
            Attempt::first(candidate, spot.key, terms.generation).map_err(Failure::unsendable)?;
        attempt.reason = reason;
        let class = terms.timing.class;
        let holds = guard.record.dialect.is_read();
        pass.awaits_content(class, now());
        if let Some(queue) = &terms.state.queue {
            pass.frees_for(queue);
        }
        let mut content_by = None;
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
            content_by.get_or_insert(clocks.content);
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
            false => {
                Attempt::first(spots.candidate(*spot), spot.key, terms.generation)
                    .map_err(Failure::unsendable)?
                    .upstream
            }
        };
        match sent {
            Ok(mut reply) => {
                learn_room(&pass, upstream, &reply);
                match reply.extensions_mut().remove::<BeforeContent>() {
                    // The content commits it, or its want fails it.
                    Some(BeforeContent) => guard.content_by = content_by,
                    None => pass.commit(took, now()),
                }
                guard.pass = Some(pass);
                Ok(reply)
            }
            Err(failure) => {
                fail(pass, upstream, &failure, took);
                guard.observed = failure.observed();
                Err(failure)
            }
        }
    }
}
