//! One exchange, from its first byte to its last.
//!
//! [`Worker::handle`] accounts for it, [`Worker::exchange`] lists the phases: read the call, lead
//! it down the chain, plan where it may go, make attempts until one is answered, and let the reply
//! come back up the chain. [`settle::ExchangeGuard`] settles it, however it ends; [`live`] is the
//! reply's body.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dialect::{
    Dialect, endpoint::Endpoint, recognise, recognise::Surface, request::Body as RequestBody,
};
use http::{HeaderName, Request, Response, header};
use http_body::Body;
use policy::{Call, ConnectionId, Run};
use tokio::time::Instant;

use crate::{
    BoxError,
    config::Config,
    overload::{BodyPermit, WorkerLoad},
    refusal::{Code, Refusal},
    state::{Stores, flights::Flights},
    upstream::{Inbound, Pool},
};

mod attempt;
mod chain;
mod collect;
mod decode;
mod encoding;
mod failover;
mod failure;
mod frames;
pub mod generation;
mod head;
mod identity;
mod judge;
mod kept;
mod later;
mod ledger;
pub mod live;
mod models;
mod passing;
pub mod places;
mod refusals;
mod render;
pub mod report;
mod settle;
mod shadow;
mod shed;
pub mod socket;
#[cfg(test)]
mod tests;
mod tracing;
mod translation;
mod transmit;
mod unread;
pub mod upstreams;
mod usage_option;
mod whole;

pub use attempt::Transport;
use chain::{Decided, Rescued, blocked, missed, rescue};
use collect::{Pace, decline, gather};
use encoding::{Codings, Unknown, inflate};
use generation::{Phase, Shared};
use head::{Course, course};
use identity::{exchange_id, trace_id};
pub use live::Answer;
use refusals::{incomplete_request, not_inflated, refuse, too_large, unreadable_reply};
use render::{Outgoing, call, plan};
use settle::ExchangeGuard;
use shadow::Copies;

/// The exchange's id, for the app's log and the operator's.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name in coverage of the models of a batch that has several.
const MODELS: &str = "models";

/// Serves exchanges on one worker thread.
pub struct Worker<T = Pool> {
    shared: Arc<Shared>,
    transport: Arc<T>,
    stores: Stores,
    flights: Flights,
    load: Arc<WorkerLoad>,
    copies: Copies,
}

/// The end of what was sent.
enum Sent {
    /// An upstream's reply.
    Reply(Response<Inbound>),
    /// A policy's answer in its place.
    Answered(Reply),
}

/// A reply before it is written.
enum Reply {
    /// An answer of our own, or a whole reply that policies have seen.
    Whole(Response<Bytes>),
    /// Relayed as it comes.
    Relay(Response<Inbound>),
    /// A stream that policies rewrite.
    Rewrite(Response<Inbound>),
    /// The connection becomes a WebSocket's.
    Switched(Response<socket::Ends>),
}

impl<T: Transport> Worker<T> {
    /// Serves what `shared` holds, over connections of its own.
    pub fn new(shared: Arc<Shared>, transport: T, stores: Stores, flights: Flights) -> Self {
        Self {
            shared,
            transport: Arc::new(transport),
            stores,
            flights,
            load: Arc::default(),
            copies: Copies::default(),
        }
    }

    /// The admission of new work to this worker.
    pub fn load(&self) -> &Arc<WorkerLoad> {
        &self.load
    }

    /// Serves one exchange; `connection` is the one that it came on, if that is known. Never fails: a
    /// refusal is an answer too.
    pub async fn handle<B>(
        &self,
        request: Request<B>,
        connection: Option<ConnectionId>,
    ) -> Response<Answer>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let codings = Codings::of(request.headers());
        let surface = surface(&request, codings);
        let dialect = dialect(surface, &request);
        let _admitted = match self.shared.admission.admit_exchange(&self.load) {
            Ok(admitted) => admitted,
            Err(reason) => {
                if let Some(wait) = self.load.refusal_delay(self.shared.admission.now()) {
                    tokio::time::sleep(wait).await;
                }
                return shed::answer(reason, dialect, request);
            }
        };
        let mut guard = self.begin(&request, dialect);
        guard.connection = connection;
        let sent = match surface {
            Surface::Call(_) => {
                let codings = codings.unwrap_or_default(); // unknown ones are no call
                self.exchange(request, codings, &mut guard).await
            }
            // The rarer ones are boxed, so that a call does not take the room of the largest.
            Surface::NoPrompt => match self.list_models(&request, &mut guard) {
                Some(listed) => listed,
                None => Box::pin(self.pass_unread(request, None, &mut guard)).await,
            },
            Surface::Unread(recognise::REALTIME) if recognise::is_websocket(request.headers()) => {
                Box::pin(self.open_socket(request, &mut guard)).await
            }
            Surface::Unread(reason) => {
                Box::pin(self.pass_unread(request, Some(reason), &mut guard)).await
            }
            Surface::Reply(_) => Box::pin(self.fetch_reply(request, None, &mut guard)).await,
            Surface::UnreadReply(reason) => {
                Box::pin(self.fetch_reply(request, Some(reason), &mut guard)).await
            }
        };
        live::answer(
            sent.unwrap_or_else(|refusal| refuse(refusal, &mut guard)),
            guard,
        )
    }

    /// Answers a request that may not become an exchange, in its dialect, and settles it.
    pub fn refuse<B>(&self, request: &Request<B>, refusal: Refusal) -> Response<Answer> {
        let seen = recognise::recognise(request.method(), request.uri().path(), request.headers());
        let dialect = dialect(seen, request);
        let mut guard = self.begin(request, dialect);
        live::answer(refuse(refusal, &mut guard), guard)
    }

    /// Begins to account for a request.
    fn begin<B>(&self, request: &Request<B>, dialect: Dialect) -> Box<ExchangeGuard> {
        let headers = request.headers();
        let mut guard = ExchangeGuard::start(&self.shared, exchange_id(headers), dialect);
        guard.record.trace_id = trace_id(headers);
        if let Some(tracer) = &self.shared.tracer {
            guard.trace = tracer.begin(headers);
            let own = guard.trace.as_ref().map(|trace| trace.id());
            guard.record.trace_id = own.or(guard.record.trace_id.take());
        }
        if !dialect.is_read() {
            guard.record.endpoint = Some(Endpoint::at(request.uri().path()));
        } else {
            guard.record.path = request.uri().path_and_query().cloned();
        }
        guard
    }

    /// An exchange that a dialect reads.
    async fn exchange<B>(
        &self,
        request: Request<B>,
        codings: Codings,
        guard: &mut ExchangeGuard,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let generation = Arc::clone(&guard.generation);
        if !generation.chain.policies().is_empty() {
            // Its instances are made from here on. The wait is the sidecar's part of the time.
            let begun = Instant::now();
            self.load.turn().await;
            guard.record.overhead += begun.elapsed();
        }
        // Read the body, and index its passages where a policy reads them.
        let config = &generation.config;
        let call = self.read_call(request, codings, config, guard).await?;
        // Down the chain; an empty one forwards every call as it is.
        let mut call = match self.on_request(call, None, guard).await? {
            Decided::Forward(call) => call,
            Decided::Answered(reply) => return Ok(reply),
            Decided::Served(reply) => return self.return_reply(reply, guard).await,
        };
        let leads = std::mem::take(&mut call.claims.leads);
        let keeps = std::mem::take(&mut call.claims.keeps);
        let shares = leads.len() + keeps.len() > 0;
        let outgoing = Outgoing {
            shares,
            ..Outgoing::whole(call)
        };
        // The upstream's reply, or a policy's in the place of a failure.
        let mut reply = match self.send_planned(outgoing, guard).await? {
            Sent::Reply(reply) => reply,
            Sent::Answered(answer) => return Ok(answer),
        };
        if guard.decodes {
            reply = decode::decoded(reply);
        }
        // To whoever asked the same, and to the store, where a policy wants that.
        if shares {
            reply = self.share_reply(reply, leads, keeps, guard);
        }
        // Up the chain, or past it.
        self.return_reply(reply, guard).await
    }

    /// Sends a call where its plan says: to the one target of a wire, or to one after another of an
    /// alias. Where that fails, policies may put an answer in its place, or have others tried.
    async fn send_planned(
        &self,
        mut outgoing: Outgoing,
        guard: &mut ExchangeGuard,
    ) -> Result<Sent, Refusal> {
        let generation = Arc::clone(&guard.generation);
        let mut trail = None;
        loop {
            let call = &outgoing.call;
            let named = call
                .body
                .model()
                .and_then(|model| generation.table.alias(model));
            if named.is_some()
                && let Some(counted) = translation::count_by_estimate(&generation, call)
            {
                return Ok(Sent::Answered(Reply::Whole(counted)));
            }
            let holds = guard.run.as_ref().is_some_and(Run::judges);
            let sent = match named.is_none() && call.claims.prefer.is_empty() && !holds {
                true => {
                    let plan = plan(&generation, call)?;
                    self.send(&mut outgoing, &plan, guard).await
                }
                false => self.send_to_any(&mut outgoing, &mut trail, guard).await,
            };
            let sent = match holds {
                true => judge::attempt(sent, guard).await,
                false => sent,
            };
            let failure = match sent {
                Ok(reply) => {
                    if reply.status().is_success() {
                        self.copy(named, &mut outgoing, guard);
                    }
                    guard.body_permit = None; // the upstream has it
                    return Ok(Sent::Reply(reply));
                }
                Err(failure) => failure,
            };
            match rescue(&failure, guard).await {
                Some(Rescued::Answer(answer)) => {
                    judge::conclude(&failure, guard);
                    return answer.map(Sent::Answered);
                }
                Some(Rescued::TryNow(targets))
                    if !outgoing.is_gone()
                        && failover::may_try_now(&failure, &outgoing, &mut trail, guard) =>
                {
                    judge::conclude(&failure, guard);
                    outgoing.call.claims.prefer = targets;
                }
                Some(Rescued::TryNow(_)) | None => {
                    guard.body_permit = None;
                    return failure.into_reply().map(Sent::Reply);
                }
            }
        }
    }

    /// Reads the call: the whole body, and the index of its passages where a policy reads them.
    async fn read_call<B>(
        &self,
        request: Request<B>,
        codings: Codings,
        config: &Config,
        guard: &mut ExchangeGuard,
    ) -> Result<Box<Call>, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        self.refuse_while_draining()?;
        let (mut parts, body) = request.into_parts();
        let limits = &config.limits;
        if body.size_hint().lower() > limits.request_body as u64 {
            decline(&parts.headers, body).await;
            return Err(too_large(limits.request_body));
        }
        let is_wire = guard.generation.chain.policies().is_empty();
        let permit = guard
            .body_permit
            .insert(BodyPermit::new(&self.shared.admission));
        let pace = Pace::of(limits);
        let body = gather(body, limits.request_body, pace, |more| permit.grow(more))
            .await
            .map_err(|incomplete| incomplete_request(incomplete, limits.request_body))?;
        let begun = Instant::now();
        guard.record.request_bytes = body.len() as u64;
        let (body, encoded) = match codings.decoder(limits.request_body) {
            None => (body, None),
            Some(decoder) => match inflate(&body, decoder, |more| permit.grow(more)).await {
                Ok(inside) if is_wire => (inside, Some(body)),
                Ok(inside) => {
                    parts.headers.remove(header::CONTENT_ENCODING);
                    (inside, None)
                }
                // Nobody here has to read it: whether it can be is the provider's affair.
                Err(_) if is_wire => (Bytes::new(), Some(body)),
                Err(undecodable) => return Err(not_inflated(undecodable, limits.request_body)),
            },
        };
        let mut body = RequestBody::wire(guard.record.dialect, body).at(path_of(&parts));
        guard.record.model = body.model().map(str::to_owned);
        guard.record.streaming = body.streaming();
        guard.listed = body.listed();
        let chain = &guard.generation.chain;
        if chain.asks() && body.ambiguous() {
            // A policy would judge one of the two, and the provider might serve the other.
            return Err(Refusal::new(
                Code::BadRequest,
                "the body names `model` or `stream` twice; send each once",
            ));
        }
        if body.has_several_models() {
            // A policy that judges models could be given none of them.
            let bytes = body.size() as u64;
            match chain.blocks_unjudged(MODELS) {
                Some(policy) => return Err(blocked(chain, policy, MODELS, bytes)),
                None => missed(chain, MODELS, bytes),
            }
        }
        if !chain.reads().is_empty() {
            if let Err(malformed) = body.index() {
                return Err(Refusal::new(
                    Code::BadRequest,
                    format!(
                        "the body is no {} request that a policy could read: {malformed}",
                        guard.record.dialect.name()
                    ),
                ));
            }
            for (what, bytes) in body.unseen() {
                if let Some(policy) = chain.blocks_unseen_request(what) {
                    return Err(blocked(chain, policy, what, *bytes));
                }
            }
        }
        let mut call = call(parts, body, guard);
        call.encoded = encoded;
        guard.record.overhead += begun.elapsed();
        Ok(call)
    }

    /// Lets a reply come back up the chain.
    async fn return_reply(
        &self,
        reply: Response<Inbound>,
        guard: &mut ExchangeGuard,
    ) -> Result<Reply, Refusal> {
        guard.ledger.charge.served =
            reply.status().is_success() && guard.record.from_store.is_none();
        match course(&reply, guard) {
            Course::Relay => Ok(Reply::Relay(reply)),
            Course::RelayUnseen(reason) => {
                guard.missed(reason, reply.body().size_hint().lower());
                Ok(Reply::Relay(reply))
            }
            Course::Unreadable(reason) => {
                guard.missed(reason, reply.body().size_hint().lower());
                match guard.generation.chain.blocks_unseen_reply(reason) {
                    Some(policy) => Err(unreadable_reply(&policy.name, reason)),
                    None => Ok(Reply::Relay(reply)),
                }
            }
            Course::Rewrite => Ok(Reply::Rewrite(reply)),
            Course::Collect => whole::collect_reply(reply, guard).await.map(Reply::Whole),
        }
    }

    fn refuse_while_draining(&self) -> Result<(), Refusal> {
        if self.shared.phase() == Phase::Serving {
            return Ok(());
        }
        Err(
            Refusal::new(Code::Draining, "this sidecar is shutting down")
                .worth_retrying_after(Duration::from_secs(1)),
        )
    }
}

/// Recognises a request by its head, of which `codings` were read, and by what comes after it.
fn surface<B: Body>(request: &Request<B>, codings: Result<Codings, Unknown>) -> Surface {
    let headers = request.headers();
    match recognise::recognise(request.method(), request.uri().path(), headers) {
        // The query of Gemini's says more than others', but not what it is.
        Surface::Call(_) if codings.is_err() => Surface::Unread("encoding"),
        // HTTP/2 bodies need no length.
        Surface::NoPrompt
            if !request.body().is_end_stream() && !headers.contains_key(header::CONTENT_LENGTH) =>
        {
            Surface::Unread(recognise::BODY)
        }
        surface => surface,
    }
}

/// The dialect that an exchange is counted under, and answered in.
fn dialect<B>(surface: Surface, request: &Request<B>) -> Dialect {
    match surface {
        Surface::Call(dialect) | Surface::Reply(dialect) => dialect,
        Surface::Unread(recognise::REALTIME) => recognise::dialect_at(request.uri().path()),
        Surface::NoPrompt | Surface::Unread(_) | Surface::UnreadReply(_) => Dialect::Other,
    }
}

/// Path and query as they came.
fn path_of(parts: &http::request::Parts) -> &str {
    parts.uri.path_and_query().map_or("/", |path| path.as_str())
}
