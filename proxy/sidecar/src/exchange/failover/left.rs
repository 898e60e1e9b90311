//! An exchange for which no candidate is left: it waits, goes on with another alias, or is refused
//! with the soonest end.

use std::time::{Duration, Instant};

use http::{HeaderValue, Response};
use route::{Class, Entry, NoRoute, NoneLeft, Priority, Verdict};

use super::Terms;
use crate::{
    config::{self, Limited},
    exchange::{failure::Failure, render::Outgoing},
    refusal::{Code, Refusal},
    state::{
        queue::{NoTurn, Turn},
        targets::now,
    },
    upstream::Inbound,
};

/// Longest wait that SDKs are to make by themselves.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The wait of an exchange, over all of its turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    since: Instant,
    until: Instant,
}

/// The fate of an exchange.
pub(super) enum Left {
    /// Its turn has come.
    Turn(Turn),
    /// It names another alias now.
    Degraded,
    Failed(Box<Failure>),
}

/// The waits of an exchange in the queue.
pub(super) struct Waits<'w> {
    /// All of them together, once there was one.
    pub(super) queued: &'w mut Option<Queued>,
    /// Its last turn, where it could not enter a place.
    pub(super) before: Option<Turn>,
}

/// Decides what becomes of an exchange for which no candidate is left. `none` says why, and
/// `failure` is what the last attempt came to.
pub(super) async fn without_candidates(
    terms: &Terms<'_>,
    none: Option<NoRoute>,
    failure: Option<Box<Failure>>,
    waits: Waits<'_>,
    outgoing: &mut Outgoing,
) -> Left {
    let excluded = match &none {
        Some(NoRoute::NoneLeft(none)) => Some(&**none),
        _ => None,
    };
    let verdict = excluded.map(NoneLeft::verdict);
    let failed = failure.as_ref().map(|failure| failure.meaning.class);
    let is_taken = none.is_none() && failure.is_none();
    let is_limited = verdict == Some(Verdict::Limited) || failed == Some(Class::Rate) || is_taken;
    let soonest = soonest(terms, excluded, failure.as_deref());
    match &terms.alias.limited {
        Limited::Queue(bounds) if may_wait(terms, none.as_ref(), failure.as_deref()) => {
            match wait(terms, bounds, soonest, waits, outgoing).await {
                Ok(turn) => return Left::Turn(turn),
                Err(full) => {
                    let failure = match failure {
                        Some(failure) => finish(*failure, soonest),
                        None => refused(none, full.or(soonest)),
                    };
                    return Left::Failed(Box::new(failure));
                }
            }
        }
        Limited::Degrade(other)
            if (is_limited || verdict == Some(Verdict::Open) || failed.is_some())
                // Whoever excludes targets knows those of this alias, and not the other's.
                && outgoing.call.claims.exclude.is_empty()
                && now() < terms.timing.deadline =>
        {
            if outgoing.call.body.set_model(other) {
                return Left::Degraded;
            }
        }
        Limited::Queue(_) | Limited::Degrade(_) | Limited::Refuse => {}
    }
    Left::Failed(Box::new(match failure {
        Some(failure) => finish(*failure, soonest),
        None => refused(none, soonest),
    }))
}

/// Reports whether an exchange may wait in the queue: for a limit, or for a place that somebody else
/// has taken meanwhile. After a limit without an end that is one more retry: without its budget, those
/// who wait would be tried as fast as the provider refuses them.
fn may_wait(terms: &Terms<'_>, none: Option<&NoRoute>, failure: Option<&Failure>) -> bool {
    let is_limited = |none: &NoRoute| match none {
        NoRoute::NoneLeft(none) => none.verdict() == Verdict::Limited,
        NoRoute::NobodySpeaks(_) | NoRoute::Unclaimed | NoRoute::Excluded(..) => false,
    };
    match failure {
        None => none.is_none_or(is_limited),
        // Its attempts are used up while there are places.
        Some(_) if !none.is_some_and(is_limited) => false,
        Some(failure) => {
            (failure.meaning.retry_after).is_some_and(|end| !end.is_zero())
                || (terms.state).with_budgets(|budgets| budgets.retries.withdraw(now()))
        }
    }
}

/// Waits for a turn in the alias's queue.
async fn wait(
    terms: &Terms<'_>,
    bounds: &config::Queue,
    soonest: Option<Duration>,
    waits: Waits<'_>,
    outgoing: &mut Outgoing,
) -> Result<Turn, Option<Duration>> {
    let Some(queue) = &terms.state.queue else {
        return Err(None);
    };
    let call = &outgoing.call;
    let present = now();
    let before = waits.queued.map(|queued| queued.since);
    let Queued { until, .. } = *waits.queued.get_or_insert_with(|| Queued {
        since: present,
        until: (present + queue.longest_wait()).min(terms.timing.deadline),
    });
    // Nobody waits for an end that comes too late.
    if soonest.is_some_and(|end| present + end > until) {
        return Err(soonest);
    }
    let priority = call.tag(&bounds.priority).and_then(Priority::named);
    let entry = Entry {
        tenant: call.tag(&bounds.tenant).unwrap_or_default(),
        priority: priority.unwrap_or(Priority::Normal),
        tokens: call.body.input_tokens(),
        bytes: call.body.size() as u64,
        deadline: until,
    };
    queue
        .wait(entry, before, terms.places, waits.before)
        .await
        .map_err(|none| match none {
            NoTurn::Full(full) => full.retry_after,
            NoTurn::TooLong => None,
        })
}

/// The time until the soonest end of what keeps the candidates out.
fn soonest(
    terms: &Terms<'_>,
    excluded: Option<&NoneLeft>,
    failure: Option<&Failure>,
) -> Option<Duration> {
    let present = now();
    let ends = terms
        .places
        .iter()
        .map(|place| place.admits(present, terms.tokens));
    let ends = ends.filter_map(|admits| match admits {
        route::Admits::No { until } => until,
        route::Admits::Yes | route::Admits::Probe => None,
    });
    let end = excluded.and_then(NoneLeft::soonest).or_else(|| ends.min());
    let left = end.map(|end| end.saturating_duration_since(present));
    left.or_else(|| failure?.meaning.retry_after)
}

/// The last failure, as the app gets it: our attempts are used up, and an SDK's own would multiply
/// them, except where the provider says when there is room again.
pub(super) fn finish(failure: Failure, soonest: Option<Duration>) -> Failure {
    let is_rate = failure.meaning.class == Class::Rate;
    let wait = soonest.filter(|_| is_rate);
    let is_upstreams = failure.is_upstreams();
    let reply = match failure.reply {
        Ok(reply) if is_upstreams => Ok(with_end(reply, wait)),
        Ok(reply) => Ok(reply),
        Err(refusal) => Err(refusal.with_attempts_used_up(wait)),
    };
    Failure { reply, ..failure }
}

fn with_end(mut reply: Response<Inbound>, wait: Option<Duration>) -> Response<Inbound> {
    let again = wait.is_some_and(|wait| wait <= LONGEST_WAIT);
    let headers = reply.headers_mut();
    let value = HeaderValue::from_static(if again { "true" } else { "false" });
    headers.insert("x-should-retry", value);
    if let Some(wait) = wait {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert("retry-after", HeaderValue::from(seconds));
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert("retry-after-ms", HeaderValue::from(millis));
    }
    reply
}

/// The refusal of a request for which there is no candidate from the first.
fn refused(none: Option<NoRoute>, soonest: Option<Duration>) -> Failure {
    let Some(none) = none else {
        // A candidate came back while the queue was full.
        let refusal = Refusal::new(
            Code::TargetsLimited,
            "every target of this model is limited",
        );
        return Failure::refused(
            Class::Rate,
            refusal.worth_retrying_after(Duration::from_secs(1)),
        );
    };
    let verdict = match &none {
        NoRoute::NoneLeft(none) => none.verdict(),
        NoRoute::NobodySpeaks(_) | NoRoute::Unclaimed | NoRoute::Excluded(..) => Verdict::Barred,
    };
    let (class, code) = match verdict {
        Verdict::Limited => (Class::Rate, Code::TargetsLimited),
        Verdict::Open | Verdict::Tried => (Class::Overload, Code::TargetsOpen),
        Verdict::Unfit => (Class::Request, Code::NoTargetFits),
        Verdict::Barred => (Class::Own, super::super::render::code_of(&none)),
    };
    let refusal = Refusal::new(code, none.to_string());
    let refusal = match (class, soonest) {
        (Class::Rate | Class::Overload, Some(wait)) => refusal.worth_retrying_after(wait),
        _ => refusal,
    };
    Failure::refused(class, refusal)
}
