//! Attempts: requests to targets, one after another, until one is answered or none may follow.
//!
//! Each attempt renders the call anew. Here are what mends an attempt at its own target: over a new
//! connection where a kept one was stale, without the usage option where the target refused that.
//! An alias's further attempts are in `failover/`.

use std::{future::Future, sync::Arc, time::Duration};

use http::{Request, Response};
use route::{Candidate, Class, Plan};
use tokio::time::Instant;

use super::{
    Worker,
    failure::{Failure, Repeat, judge},
    generation::Generation,
    render::{Outgoing, Rendered, Terms},
    settle::ExchangeGuard,
    transmit::{Clocks, Sent, Speech},
    usage_option,
};
use crate::{
    config::Upstream,
    refusal::{Code, Refusal},
    state::targets,
    telemetry::{Attempted, metrics},
    upstream::{Connection, Inbound, Payload, Pool, SendError},
};

/// A larger body is not kept to be sent again, as a model may take minutes to answer: like one that
/// passes, it goes over a new connection.
const LARGEST_REPEATED: usize = 1 << 20;

/// Sends requests to upstreams: the [`Pool`], or what a test puts in its place.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and waits for the head of the reply. Dropping the future cancels the
    /// request.
    fn send(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        over: Connection,
    ) -> impl Future<Output = Result<Response<Inbound>, SendError>> + Send;
}

impl Transport for Pool {
    fn send(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        over: Connection,
    ) -> impl Future<Output = Result<Response<Inbound>, SendError>> + Send {
        Self::send(self, upstream, request, over)
    }
}

/// A request that was sent, and what became of it.
pub(super) struct Performed {
    /// The upstream perhaps works on it, or has.
    pub(super) may_be_served: bool,
    /// Something came from the upstream.
    pub(super) answered: bool,
    pub(super) judged: Result<Response<Inbound>, Failure>,
}

/// One request to one target.
pub(super) struct Attempt<'p> {
    pub(super) upstream: &'p Upstream,
    pub(super) candidate: &'p Candidate<'p>,
    /// The number of the upstream's key that it carries; of no meaning where callers send their
    /// own.
    pub(super) key: usize,
    /// Streams are to report their usage though the app did not want it, where the target is not
    /// known to refuse that.
    pub(super) asks_for_usage: bool,
    /// The label under which it is counted.
    pub(super) reason: &'static str,
    pub(super) over: Connection,
    /// By when the reply's head has to be there; none until it is sent.
    deadline: Option<Instant>,
}

impl<'p> Attempt<'p> {
    /// The first attempt at a target.
    ///
    /// # Errors
    /// The upstream is gone, which it can't be: the plan's table is made of these very upstreams.
    pub(super) fn first(
        candidate: &'p Candidate<'p>,
        key: usize,
        generation: &'p Generation,
    ) -> Result<Self, Refusal> {
        let upstream = generation.config.upstreams.get(&*candidate.upstream.name);
        let gone = || Refusal::new(Code::NoUpstream, "this upstream is not configured");
        Ok(Self {
            upstream: upstream.ok_or_else(gone)?,
            candidate,
            key,
            asks_for_usage: true,
            reason: "first",
            over: Connection::Kept,
            deadline: None,
        })
    }

    /// The same, counted under another label.
    pub(super) fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// The attempt that mends a failure at the same target.
    pub(super) fn repeated(self, repeat: Repeat) -> Self {
        match repeat {
            Repeat::OverNewConnection => Self {
                reason: "stale_connection",
                over: Connection::New,
                ..self
            },
            Repeat::WithoutUsageOption => Self {
                asks_for_usage: false,
                reason: "stream_options",
                over: Connection::Kept,
                deadline: None,
                ..self
            },
        }
    }
}

impl<T: Transport> Worker<T> {
    /// Sends what goes out to the one target that can serve it. Only what mends the attempt itself
    /// is repeated; every answer is the app's. A body that could not be sent again is gone before
    /// the wait for the answer.
    pub(super) async fn send(
        &self,
        outgoing: &mut Outgoing,
        plan: &Plan<'_>,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        let generation = Arc::clone(&guard.generation);
        guard.take_on(&mut outgoing.call);
        let candidate = plan.first();
        let upstream = generation.upstreams.find(&candidate.upstream.name);
        let key = upstream.map_or(0, |upstream| upstream.choose_key(targets::now()));
        let mut attempt =
            Attempt::first(candidate, key, &generation).map_err(Failure::unsendable)?;
        // A policy's word bounds this one, too.
        guard.deadline = (outgoing.call.claims.deadline).map(|time| guard.begun + time);
        loop {
            let begun = Instant::now();
            let rendered = outgoing.render(&attempt, guard);
            let rendered = rendered.map_err(Failure::unsendable)?;
            let now = Instant::now();
            guard.record.overhead += now - begun;
            let small = is_small(rendered.request.body());
            if !small {
                attempt.over = Connection::New;
            }
            let repeatable = small || rendered.probes_usage;
            if !repeatable {
                outgoing.forget_body();
            }
            let limit = attempt.upstream.first_content_timeout;
            let head = *attempt.deadline.get_or_insert_with(|| now + limit);
            let clocks = Clocks {
                deadline: guard.deadline,
                ..Clocks::of_head(head)
            };
            let sent = self.make(&attempt, rendered, clocks, false, guard).await;
            let failure = match sent {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            match failure.repeat {
                Some(repeat) if repeatable => attempt = attempt.repeated(repeat),
                _ if failure.is_the_apps() => {
                    return failure.into_reply().map_err(Failure::unsendable);
                }
                _ => return Err(failure),
            }
        }
    }

    /// Makes one attempt: sends the request, and judges what became of it. `holds` as in
    /// [`Speech`].
    pub(super) async fn make(
        &self,
        attempt: &Attempt<'_>,
        rendered: Rendered,
        clocks: Clocks,
        holds: bool,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        let Rendered {
            request,
            probes_usage,
            terms,
            translation,
        } = rendered;
        let begun = launch(attempt, terms, guard);
        let speech = Speech {
            dialect: guard.record.dialect,
            holds,
            translation: translation.as_deref(),
        };
        let done = self.perform(attempt.upstream, request, attempt.over, clocks, speech);
        let done = done.await;
        self.conclude(attempt, probes_usage, begun, done, guard)
            .await
    }

    /// Sends a request, and judges what became of it; the exchange's account is not touched.
    pub(super) async fn perform(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        over: Connection,
        clocks: Clocks,
        speech: Speech<'_>,
    ) -> Performed {
        let sent = self.transmit(upstream, request, over, clocks, speech).await;
        // Silent, it perhaps works on it; what an answer means is for who reads it to say.
        let may_be_served = sent.may_be_served();
        let answered = matches!(sent, Sent::Reply(_) | Sent::InBand(..));
        let judged = judge(sent, upstream, speech.spoken(), speech.holds).await;
        Performed {
            may_be_served,
            answered,
            judged: match speech.translation {
                None => judged,
                Some(translation) => Box::pin(translation.judged(judged)).await,
            },
        }
    }

    /// Takes over what became of the attempt that was launched last.
    pub(super) async fn conclude(
        &self,
        attempt: &Attempt<'_>,
        probes_usage: bool,
        begun: Instant,
        done: Performed,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        guard.ledger.charge.served = done.may_be_served;
        let judged = match guard.request_fault().filter(|_| !done.answered) {
            Some(fault) => Err(Failure::refused(Class::Caller, fault)),
            None => done.judged,
        };
        let judged = match (probes_usage, attempt.asks_for_usage) {
            // Boxed: no ordinary exchange is to take the room of it.
            (true, _) => Box::pin(usage_option::learn(judged, guard)).await,
            (false, true) => judged,
            (false, false) => {
                usage_option::learn_from_repeat(&judged, guard);
                judged
            }
        };
        guard.record.last = Some(attempted(&judged, begun.elapsed(), guard));
        if let (Ok(_), Some(notes)) = (&judged, &guard.translation) {
            guard.reply_headers.extend(notes.header());
        }
        judged
    }
}

/// Notes that an attempt is sent now.
pub(super) fn launch(attempt: &Attempt<'_>, terms: Terms, guard: &mut ExchangeGuard) -> Instant {
    let begun = Instant::now();
    guard.adopt(terms);
    guard.attempt_begun = Some(begun);
    // Should the app leave before an answer comes, the upstream has it, and goes on with it.
    guard.ledger.charge.reached = true;
    guard.ledger.charge.served = true;
    let name = Arc::clone(&attempt.candidate.upstream.name);
    metrics::attempt(&name, attempt.reason);
    guard.record.upstream = Some(name);
    begun
}

/// The line of the attempt that was made last, counted.
pub(super) fn attempted(
    judged: &Result<Response<Inbound>, Failure>,
    took: Duration,
    guard: &ExchangeGuard,
) -> Attempted {
    let attempted = match judged {
        Ok(reply) => Attempted {
            class: "success",
            status: reply.status().as_u16(),
            took,
            retry_after: None,
        },
        Err(failure) => failure.attempted(took),
    };
    if let Some(upstream) = &guard.record.upstream {
        metrics::attempt_result(upstream, attempted.class);
    }
    attempted
}

/// Returns whether a request's body may stay in memory until the reply's head comes, to be sent
/// once more.
fn is_small(body: &Payload) -> bool {
    matches!(body, Payload::Whole(bytes) if bytes.len() <= LARGEST_REPEATED)
}
