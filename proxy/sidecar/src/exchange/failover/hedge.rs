//! Hedges: a second attempt beside a first one that is slower than nearly all of its target's, to
//! another account. The first of both to commit answers; the other is cancelled, and paid for as
//! what it is: perhaps done.
//!
//! Off by default. Where they are on, an exchange that is answered in time costs a look at a
//! percentile and a timer. What could be done twice by being asked twice is not hedged.

use std::time::Duration;

use http::Response;
use route::{Candidate, HedgeCall, ReservedHedge, Scope, Trail};
use tokio::time::sleep;

use super::{
    Terms,
    outcome::fail,
    spots::{Outside, Spot, Spots},
};
use crate::{
    exchange::{
        Worker,
        attempt::{Attempt, Transport, launch},
        failure::{Failure, Repeat},
        ledger::Observed,
        render::{Outgoing, Rendered},
        settle::ExchangeGuard,
        transmit::{Clocks, Speech},
    },
    state::targets::{Pass, now},
    upstream::Inbound,
};

mod account;

pub(in crate::exchange) use account::Hedges;
use account::{Reading, Winner, overtaken};

/// The first of two attempts, before it is made.
pub(super) struct First<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) rendered: Rendered,
    pub(super) clocks: Clocks,
    pub(super) holds: bool,
    /// The time after which a second one begins.
    pub(super) delay: Duration,
}

/// The spot of an attempt, and the permits to make it there.
pub(super) struct Entered<'a> {
    pub(super) spot: &'a mut Spot,
    pub(super) pass: &'a mut Pass,
}

/// A hedge that may begin.
struct Hedge<'p> {
    attempt: Attempt<'p>,
    rendered: Rendered,
    clocks: Clocks,
    spot: Spot,
    pass: Pass,
}

/// The time after which an attempt that begins now gets a hedge; none where it gets none.
pub(super) fn delay(
    terms: &Terms<'_>,
    pass: &Pass,
    trail: &Trail,
    guard: &ExchangeGuard,
) -> Option<Duration> {
    let budget = terms.state.hedges.as_ref()?;
    let is_first = trail.attempts() == 1;
    if !is_first || guard.hedges.as_deref().is_none_or(Hedges::is_made) {
        return None;
    }
    let p95 = (pass.target()).latency(|latency| latency.p95(terms.timing.class));
    let call = HedgeCall {
        p95,
        // Found out once the time has come: nearly always it does not.
        other_account: true,
        hosted_tools: false,
        server_state: false,
        remaining: trail.left(now()),
    };
    let budget = budget.lock();
    budget.delay(&call).filter(|_| budget.balance() > 0)
}

impl<T: Transport> Worker<T> {
    /// Makes an attempt, and another one beside it once that is slow. Afterwards `entered` is that
    /// of the one that came to what is returned, with the time that it took.
    pub(super) async fn make_hedged(
        &self,
        first: First<'_>,
        entered: Entered<'_>,
        terms: &Terms<'_>,
        spots: &mut Spots<'_>,
        outgoing: &mut Outgoing,
        guard: &mut ExchangeGuard,
    ) -> (Result<Response<Inbound>, Failure>, Duration) {
        let First {
            attempt,
            rendered,
            clocks,
            holds,
            delay,
        } = first;
        let Rendered {
            request,
            probes_usage,
            terms: own,
            translation,
        } = rendered;
        let begun = launch(attempt, own, guard);
        let dialect = guard.record.dialect;
        let speech = Speech {
            dialect,
            holds,
            translation: translation.as_deref(),
        };
        let made = self.perform(attempt.upstream, request, attempt.over, clocks, speech);
        let mut made = Box::pin(made);
        let mut done = tokio::select! {
            biased;
            done = &mut made => Some(done),
            () = sleep(delay) => None,
        };
        let hedge = match done {
            Some(_) => None,
            None => prepare(*entered.spot, terms, spots, outgoing, guard),
        };
        let Some(hedge) = hedge else {
            let done = match done.take() {
                Some(done) => done,
                None => made.await,
            };
            let sent = self.conclude(attempt, probes_usage, begun, done, guard);
            return (sent.await, begun.elapsed());
        };
        let Hedge {
            attempt: second,
            rendered,
            clocks,
            spot,
            pass,
        } = hedge;
        let since = guard.begin_hedge(&second, &rendered);
        let reading = Reading {
            strips_usage: rendered.terms.strips_usage,
            decodes: rendered.terms.decodes,
            notes: rendered.terms.notes.clone(),
        };
        let upstream = second.upstream;
        let request = rendered.request;
        let speech = Speech {
            dialect,
            holds,
            translation: rendered.translation.as_deref(),
        };
        let beside = self.perform(upstream, request, second.over, clocks, speech);
        let mut beside = Box::pin(beside);
        let done = tokio::select! {
            biased;
            done = &mut made => match done.judged {
                Ok(_) => {
                    drop((beside, pass));
                    guard.lose_hedge(overtaken(since), true, &Observed::default(), Winner::First);
                    let sent = self.conclude(attempt, probes_usage, begun, done, guard);
                    return (sent.await, begun.elapsed());
                }
                // The hedge goes on alone.
                Err(failure) => {
                    guard.ledger.charge.served = done.may_be_served;
                    let took = begun.elapsed();
                    let seen = failure.observed();
                    guard.take_over_hedge(failure.attempted(took), &seen, reading);
                    let lost = std::mem::replace(entered.pass, pass);
                    fail(lost, attempt.upstream, &failure, took);
                    beside.await
                }
            },
            done = &mut beside => match done.judged {
                Ok(_) => {
                    drop(made);
                    guard.take_over_hedge(overtaken(begun), &Observed::default(), reading);
                    drop(std::mem::replace(entered.pass, pass));
                    done
                }
                // The first one goes on alone.
                Err(failure) => {
                    let took = since.elapsed();
                    let seen = failure.observed();
                    let end = failure.attempted(took);
                    guard.lose_hedge(end, done.may_be_served, &seen, Winner::None);
                    fail(pass, upstream, &failure, took);
                    let done = made.await;
                    if done.judged.is_ok() {
                        guard.won(Winner::First);
                    }
                    let sent = self.conclude(attempt, probes_usage, begun, done, guard);
                    return (sent.await, begun.elapsed());
                }
            },
        };
        *entered.spot = spot;
        let took = since.elapsed();
        guard.conclude_hedge(&done, took);
        // It asked for nothing that could be left out, and is no first attempt to be mended.
        let judged = done.judged.map_err(|failure| Failure {
            repeat: None,
            ..failure
        });
        (judged, took)
    }
}

/// Enters a spot of another account, and takes the hedge out of the budget; none where there is no
/// such spot, where the call may not be made twice, or where the budget has nothing left.
fn prepare<'a, 'p: 'a>(
    first: Spot,
    terms: &Terms<'a>,
    spots: &mut Spots<'p>,
    outgoing: &mut Outgoing,
    guard: &mut ExchangeGuard,
) -> Option<Hedge<'a>> {
    if !outgoing.call.body.is_repeatable() {
        return None;
    }
    let other = Outside::Scope(Scope::Account, first);
    let (spot, mut pass) = spots.enter(&other, terms, now())?;
    let candidate = spots.candidate(spot);
    let begun = begin(candidate, spot.key, terms, outgoing, guard);
    let Some((attempt, rendered, reserved)) = begun else {
        spots.forget(spot);
        return None;
    };
    guard.hedges.as_mut()?.reserve(reserved);
    pass.awaits_content(terms.timing.class, now());
    if let Some(queue) = &terms.state.queue {
        pass.frees_for(queue);
    }
    Some(Hedge {
        clocks: terms.timing.clocks(attempt.upstream, pass.target(), true),
        attempt,
        rendered,
        spot,
        pass,
    })
}

/// Renders the hedge to a candidate, and takes it out of the budget.
fn begin<'a>(
    candidate: &'a Candidate<'a>,
    key: usize,
    terms: &Terms<'a>,
    outgoing: &mut Outgoing,
    guard: &ExchangeGuard,
) -> Option<(Attempt<'a>, Rendered, ReservedHedge)> {
    let attempt = Attempt::first(candidate, key, terms.generation).ok()?;
    let mut attempt = attempt.because("hedge");
    let mut rendered = outgoing.render(&attempt, guard).ok()?;
    if rendered.probes_usage {
        // It is not for hedges to find out what a target takes.
        let plain = attempt.repeated(Repeat::WithoutUsageOption);
        attempt = plain.because("hedge");
        rendered = outgoing.render(&attempt, guard).ok()?;
    }
    let model = candidate.model.as_deref().unwrap_or_default();
    let upstream = &candidate.upstream.name;
    let (estimate, price) = (terms.generation).expected(&outgoing.call, upstream, model);
    let cost = price.map(|price| price.cost(&estimate.usage()).0);
    let reserved = terms.state.hedges.as_ref()?.lock().begin(cost)?;
    Some((attempt, rendered, reserved))
}
