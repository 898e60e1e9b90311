//! Attempts: requests to targets, one after another, until one is answered or none may follow.
//!
//! Each attempt renders the call anew. What went wrong says by its [`Class`] whether another may
//! follow, and which: over a new connection where a kept one was stale, or without the usage option
//! where the target refused that. Other targets of the plan are not tried yet.

use std::{future::Future, pin::pin, sync::Arc};

use http::{Request, Response, StatusCode, header};
use route::{Candidate, Class, Plan, Repeat};
use tokio::time::{Instant, timeout_at};

use super::{
    Worker,
    generation::Generation,
    render::{Outgoing, Rendered},
    settle::ExchangeGuard,
    usage_option,
};
use crate::{
    config::Upstream,
    refusal::{Code, Refusal},
    telemetry::metrics,
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

/// One request to one target.
pub(super) struct Attempt<'p> {
    pub(super) upstream: &'p Upstream,
    pub(super) candidate: &'p Candidate<'p>,
    /// Streams are to report their usage though the app did not want it, where the target is not
    /// known to refuse that.
    pub(super) asks_for_usage: bool,
    /// The label under which it is counted.
    reason: &'static str,
    over: Connection,
    /// By when the reply's head has to be there; none until it is sent.
    deadline: Option<Instant>,
}

/// An attempt that came to nothing, or to an error.
pub(super) struct Failure {
    class: Class,
    /// The app's answer, where nothing follows and no policy puts something in its place: the
    /// upstream's own, or ours.
    pub(super) reply: Result<Response<Inbound>, Refusal>,
}

impl Failure {
    /// A failure that the app gets in our words.
    pub(super) fn refused(class: Class, refusal: Refusal) -> Self {
        Self {
            class,
            reply: Err(refusal),
        }
    }

    /// The upstream's own answer.
    pub(super) fn answered(class: Class, reply: Response<Inbound>) -> Self {
        Self {
            class,
            reply: Ok(reply),
        }
    }

    /// Returns whether it is the upstream's, so that policies may put something in its place.
    pub(super) fn is_upstreams(&self) -> bool {
        self.class.is_upstreams()
    }

    /// The app's answer.
    pub(super) fn into_reply(self) -> Result<Response<Inbound>, Refusal> {
        self.reply
    }

    fn unsendable(refusal: Refusal) -> Self {
        Self::refused(Class::Unsendable, refusal)
    }

    fn of(error: SendError, upstream: &str) -> Self {
        let unreachable = || format!("no connection to the upstream `{upstream}`");
        let broken =
            || format!("the upstream `{upstream}` broke the exchange off before it answered");
        let (class, code, message) = match error {
            SendError::Connect(_) | SendError::ConnectTimeout(_) | SendError::Tls(_) => {
                (Class::Unreachable, Code::UpstreamConnect, unreachable())
            }
            SendError::Stale(_) => (Class::StaleConnection, Code::UpstreamFailed, broken()),
            SendError::Setup(_)
            | SendError::Closed(_)
            | SendError::Refused(_)
            | SendError::Protocol(_)
            | SendError::Body(_) => (Class::Broken, Code::UpstreamFailed, broken()),
        };
        Self::refused(class, Refusal::new(code, message).caused_by(error))
    }
}

impl<'p> Attempt<'p> {
    /// The first attempt of a plan.
    fn first(plan: &'p Plan<'p>, generation: &'p Generation) -> Result<Self, Refusal> {
        let candidate = plan.first();
        let upstream = generation.config.upstreams.get(&*candidate.upstream.name);
        // The plan's table is made of these very upstreams.
        let gone = || Refusal::new(Code::NoUpstream, "this upstream is not configured");
        Ok(Self {
            upstream: upstream.ok_or_else(gone)?,
            candidate,
            asks_for_usage: true,
            reason: "first",
            over: Connection::Kept,
            deadline: None,
        })
    }

    fn repeated(self, repeat: Repeat) -> Self {
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
    /// Sends what goes out until it is answered, or no attempt may follow. A body that could not be
    /// sent again is gone before the wait for the answer.
    pub(super) async fn send(
        &self,
        mut outgoing: Outgoing,
        plan: &Plan<'_>,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        let generation = Arc::clone(&guard.generation);
        guard.take_on(&mut outgoing.call);
        let first = Attempt::first(plan, &generation);
        let mut attempt = first.map_err(Failure::unsendable)?;
        loop {
            let begun = Instant::now();
            let rendered = outgoing.render(&attempt, guard);
            let Rendered {
                request,
                probes_usage,
            } = rendered.map_err(Failure::unsendable)?;
            let now = Instant::now();
            guard.record.overhead += now - begun;
            let limit = attempt.upstream.first_content_timeout;
            let deadline = *attempt.deadline.get_or_insert_with(|| now + limit);
            let small = is_small(request.body());
            if !small {
                attempt.over = Connection::New;
            }
            let repeatable = small || probes_usage;
            if !repeatable {
                outgoing.forget_body();
            }
            let mut sent = self.send_once(&attempt, request, deadline, guard).await;
            if let Ok(reply) = sent {
                sent = match (probes_usage, attempt.asks_for_usage) {
                    // Boxed: no ordinary exchange is to take the room of it.
                    (true, _) => Box::pin(usage_option::learn(reply, guard)).await,
                    (false, true) => Ok(reply),
                    (false, false) => Ok(usage_option::learn_from_repeat(reply, guard)),
                };
            }
            let failure = match sent {
                Ok(reply) => match Class::of_status(reply.status().as_u16()) {
                    Some(class) => Failure::answered(class, reply),
                    None => return Ok(reply),
                },
                Err(failure) => failure,
            };
            match failure.class.may_follow() {
                Some(repeat) if repeatable => attempt = attempt.repeated(repeat),
                _ => return Err(failure),
            }
        }
    }

    /// One request, and the head of its reply.
    async fn send_once(
        &self,
        attempt: &Attempt<'_>,
        request: Request<Payload>,
        deadline: Instant,
        guard: &mut ExchangeGuard,
    ) -> Result<Response<Inbound>, Failure> {
        let upstream = attempt.upstream;
        let (name, limit) = (&upstream.name, upstream.first_content_timeout);
        let switches = request.headers().contains_key(header::UPGRADE);
        // Should the app leave before an answer comes, the upstream has it, and goes on with it.
        guard.ledger.charge.reached = true;
        guard.ledger.charge.served = true;
        // Pinned where it is made: it is large, and would be moved into its timeout.
        let sent = pin!(self.transport.send(upstream, request, attempt.over));
        let sent = timeout_at(deadline, sent).await;
        // Silent, it perhaps works on it; what an answer means is for who reads it to say.
        guard.ledger.charge.served = sent.is_err();
        let upstream = Arc::clone(&attempt.candidate.upstream.name);
        metrics::attempt(&upstream, attempt.reason);
        guard.record.upstream = Some(upstream);
        if !matches!(sent, Ok(Ok(_)))
            && let Some(fault) = guard.request_fault()
        {
            return Err(Failure::refused(Class::Caller, fault));
        }
        match sent {
            Ok(Ok(reply)) if reply.status() == StatusCode::SWITCHING_PROTOCOLS && !switches => {
                let message =
                    format!("the upstream `{name}` switched protocols, which nobody wanted");
                let refusal = Refusal::new(Code::UpstreamFailed, message);
                Err(Failure::refused(Class::Broken, refusal))
            }
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(Failure::of(error, name)),
            Err(_) => {
                let limit = limit.as_secs_f32();
                let message = format!("the upstream `{name}` did not answer within {limit} s");
                let refusal = Refusal::new(Code::UpstreamTimeout, message);
                Err(Failure::refused(Class::Silent, refusal))
            }
        }
    }
}

/// Returns whether a request's body may stay in memory until the reply's head comes, to be sent
/// once more.
fn is_small(body: &Payload) -> bool {
    matches!(body, Payload::Whole(bytes) if bytes.len() <= LARGEST_REPEATED)
}
