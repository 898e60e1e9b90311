//! One exchange, from its first byte to its last.
//!
//! [`Worker::handle`] keeps the books, [`Worker::exchange`] lists the phases: read what is asked, ask the chain, choose where it
//! goes, send it, and let the reply come back up the chain. [`settle::Watch`] closes the books, whatever way it ends; [`live`]
//! is a reply on its way to the app.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dialect::{
    Dialect, answer, in_band, recognise, recognise::Surface, request::Body as RequestBody,
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use tokio::time::{Instant, timeout};

use crate::{
    config::{Config, Upstream},
    overload::{Held, Lane},
    policy::{Call, ReplyHead, Run},
    refusal::{Code, Refusal},
    state::{Stores, flights::Flights},
    telemetry::metrics,
    upstream::{Inbound, Payload, Pool, SendError},
};

mod aim;
mod ask;
mod bill;
mod collect;
mod decode;
mod encoding;
pub mod generation;
mod head;
mod identity;
mod kept;
mod later;
pub mod live;
mod observed;
mod passing;
mod refusals;
mod settle;
mod shed;
pub mod socket;
pub mod told;
mod usage_option;

use aim::{Outgoing, aim, call, outgoing};
use ask::{Asked, blocked, has_failed, missed, rescue};
use collect::{Pace, collect, decline, gather};
use encoding::{Codings, inflate};
use generation::{Phase, Shared};
use head::{is_stream, may_be_masked, unreadable};
use identity::{exchange_id, trace_id};
pub use live::Answer;
use observed::Observed;
use passing::{BodyFault, Passing};
use refusals::{
    incomplete_reply, incomplete_request, not_inflated, told, too_large, unreadable_reply,
};
use settle::Watch;

/// The exchange's id, for the app's log and the operator's.
const REQUEST_ID: &str = "x-request-id";

/// The name in coverage of the models of a batch that has several.
const MODELS: &str = "models";

/// Serves exchanges on one worker thread.
pub struct Worker {
    shared: Arc<Shared>,
    pool: Pool,
    stores: Stores,
    flights: Flights,
    lane: Arc<Lane>,
}

/// What comes back, before it is written.
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

impl Worker {
    /// Serves what `shared` holds, over connections of its own.
    pub fn new(shared: Arc<Shared>, pool: Pool, stores: Stores, flights: Flights) -> Self {
        Self {
            shared,
            pool,
            stores,
            flights,
            lane: Arc::default(),
        }
    }

    /// What this worker takes on.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// Serves one exchange. Never fails: a refusal is an answer too.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Answer>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + Unpin
            + 'static,
    {
        let surface = surface(&request);
        let dialect = dialect(surface, &request);
        let _admitted = match self.shared.gate.admit(&self.lane) {
            Ok(admitted) => admitted,
            Err(reason) => {
                if let Some(wait) = self.lane.wait(self.shared.gate.now()) {
                    tokio::time::sleep(wait).await;
                }
                return shed::answer(reason, dialect, request);
            }
        };
        let mut watch = Watch::start(&self.shared, exchange_id(request.headers()), dialect);
        watch.record.trace_id = trace_id(request.headers());
        let sent = match surface {
            Surface::Call(_) => self.exchange(request, &mut watch).await,
            // The rarer ones are boxed, so that a call does not take the room of the largest.
            Surface::NoPrompt => Box::pin(self.pass(request, None, &mut watch)).await,
            Surface::Unread(recognise::REALTIME) if recognise::is_websocket(request.headers()) => {
                Box::pin(self.socket(request, &mut watch)).await
            }
            Surface::Unread(reason) => Box::pin(self.pass(request, Some(reason), &mut watch)).await,
            Surface::Reply(_) => Box::pin(self.fetch(request, None, &mut watch)).await,
            Surface::UnreadReply(reason) => {
                Box::pin(self.fetch(request, Some(reason), &mut watch)).await
            }
        };
        live::answer(
            sent.unwrap_or_else(|refusal| refuse(refusal, &mut watch)),
            watch,
        )
    }

    /// Answers a request that may not become an exchange, in its dialect, and keeps the books on it.
    pub fn refuse<B>(&self, request: &Request<B>, refusal: Refusal) -> Response<Answer> {
        let seen = recognise::recognise(request.method(), request.uri().path(), request.headers());
        let dialect = dialect(seen, request);
        let mut watch = Watch::start(&self.shared, exchange_id(request.headers()), dialect);
        watch.record.trace_id = trace_id(request.headers());
        live::answer(refuse(refusal, &mut watch), watch)
    }

    /// An exchange that a dialect reads.
    async fn exchange<B>(&self, request: Request<B>, watch: &mut Watch) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
    {
        let generation = Arc::clone(&watch.generation);
        let config = &generation.config;
        let call = self.read(request, config, watch).await?; //                        what is asked
        let mut call = match self.ask(call, None, watch).await? {
            Asked::Forward(call) => call, //                                           may it go out, and how
            Asked::Answered(reply) => return Ok(reply),
            Asked::Served(reply) => return self.back(reply, config, watch).await,
        };
        let leads = std::mem::take(&mut call.books.leads);
        let keeps = std::mem::take(&mut call.books.keeps);
        let outgoing = aim(call, &generation, leads.len() + keeps.len() > 0, watch)?; // where it goes
        let sent = self.send(outgoing, watch).await;
        watch.held = None; // the upstream has it
        let reply = match sent {
            //                        the provider
            Ok(reply) if !has_failed(reply.status()) => reply,
            failed => match rescue(&failed, watch).await {
                //                          or who answers for it
                Some(answer) => return answer,
                None => failed?,
            },
        };
        let reply = if watch.decodes {
            decode::decoded(reply)
        } else {
            reply
        };
        let reply = self.shared(reply, leads, keeps, watch); //                        who else may have it
        self.back(reply, config, watch).await //                                       may it come back
    }

    /// An exchange that nobody reads: a listing, a cancellation, or a prompt in a form that no dialect knows (`unread`).
    async fn pass<B>(
        &self,
        request: Request<B>,
        unread: Option<&'static str>,
        watch: &mut Watch,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + Unpin
            + 'static,
    {
        self.open()?;
        let generation = Arc::clone(&watch.generation);
        // A body of unknown length is not nothing.
        let unread = unread.map(|reason| (reason, request.body().size_hint().lower().max(1)));
        if let (Some((reason, bytes)), Some(link)) = (unread, generation.chain.blocks_unread()) {
            return Err(blocked(&generation.chain, link, reason, bytes));
        }
        let (parts, body) = request.into_parts();
        let limits = &generation.config.limits;
        let limit = limits.request_body;
        if body.size_hint().lower() > limit as u64 {
            decline(&parts.headers, body).await;
            return Err(too_large(limit));
        }
        let mut call = call(
            parts,
            RequestBody::wire(Dialect::Other, Bytes::new()),
            watch,
        );
        if unread.is_some() {
            call = match self.ask(call, unread, watch).await? {
                Asked::Forward(call) => call,
                Asked::Answered(reply) => return Ok(reply),
                // What no dialect reads has no form in which it could be replayed.
                Asked::Served(reply) => return Ok(Reply::Relay(reply)),
            };
        }
        let payload = match body.is_end_stream() {
            true => Payload::empty(),
            false => {
                let fault = watch.body_fault.insert(BodyFault::default()).clone();
                let passing = Passing::new(body, limit, Pace::of(limits), fault);
                Payload::Stream(Box::pin(passing))
            }
        };
        let outgoing = outgoing(*call, Some(payload), &generation, false, watch)?;
        let reply = self.send(outgoing, watch).await?;
        // What it took nobody can tell: what policies reserved for it stands.
        watch.bill.served = unread.is_some() && reply.status().is_success();
        Ok(Reply::Relay(reply))
    }

    /// Reads what is asked: the whole body, and the index of its passages where a policy reads them.
    async fn read<B>(
        &self,
        request: Request<B>,
        config: &Config,
        watch: &mut Watch,
    ) -> Result<Box<Call>, Refusal>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Unpin,
    {
        self.open()?;
        let (mut parts, body) = request.into_parts();
        let limits = &config.limits;
        if body.size_hint().lower() > limits.request_body as u64 {
            decline(&parts.headers, body).await;
            return Err(too_large(limits.request_body));
        }
        let is_wire = watch.generation.chain.links().is_empty();
        let held = watch.held.insert(Held::new(&self.shared.gate));
        let pace = Pace::of(limits);
        let body = gather(body, limits.request_body, pace, |more| held.grow(more))
            .await
            .map_err(|incomplete| incomplete_request(incomplete, limits.request_body))?;
        let begun = Instant::now();
        watch.record.request_bytes = body.len() as u64;
        let codings = Codings::of(&parts.headers).unwrap_or_default(); // unknown ones are no call
        let (body, encoded) = match codings.decoder(limits.request_body) {
            None => (body, None),
            Some(decoder) => match inflate(&body, decoder, |more| held.grow(more)).await {
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
        let mut body = RequestBody::wire(watch.record.dialect, body).at(path_of(&parts));
        watch.record.model = body.model().map(str::to_owned);
        watch.record.streaming = body.streaming();
        watch.listed = body.listed();
        let chain = &watch.generation.chain;
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
            match chain.blocks_unjudged() {
                Some(link) => return Err(blocked(chain, link, MODELS, bytes)),
                None => missed(chain, MODELS, bytes),
            }
        }
        if !chain.reads().is_empty() {
            if let Err(malformed) = body.index() {
                return Err(Refusal::new(
                    Code::BadRequest,
                    format!(
                        "the body is no {} request that a policy could read: {malformed}",
                        watch.record.dialect.name()
                    ),
                ));
            }
            for (what, bytes) in body.unseen() {
                if let Some(link) = chain.blocks_unseen_request(what) {
                    return Err(blocked(chain, link, what, *bytes));
                }
            }
        }
        let mut call = call(parts, body, watch);
        call.encoded = encoded;
        watch.record.overhead += begun.elapsed();
        Ok(call)
    }

    /// Sends it, and waits for the head of the reply.
    async fn send(
        &self,
        outgoing: Outgoing<'_>,
        watch: &mut Watch,
    ) -> Result<Response<Inbound>, Refusal> {
        let Outgoing {
            upstream,
            request,
            plain,
        } = outgoing;
        let reply = self.attempt(upstream, request, "first", watch).await?;
        match plain {
            Some(plain) => {
                Box::pin(self.without_usage_option(reply, upstream, *plain, watch)).await
            }
            None => Ok(reply),
        }
    }

    /// One request to the upstream, counted under `reason`.
    async fn attempt(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        reason: &'static str,
        watch: &mut Watch,
    ) -> Result<Response<Inbound>, Refusal> {
        let wait = upstream.first_content_timeout;
        let switches = request.headers().contains_key(header::UPGRADE);
        // Should the app leave before an answer comes, the upstream has it, and goes on with it.
        watch.bill.asked = true;
        watch.bill.served = true;
        let sent = timeout(wait, self.pool.send(upstream, request)).await;
        watch.bill.served = sent.is_err(); // silent, it perhaps works on it; what an answer means is for who reads it to say
        let asked: Arc<str> = upstream.name.as_str().into();
        metrics::attempt(&asked, reason);
        watch.record.upstream = Some(asked);
        let name = &upstream.name;
        if !matches!(sent, Ok(Ok(_)))
            && let Some(fault) = watch.request_fault()
        {
            return Err(fault); // the app's, whatever became of the upstream's connection
        }
        let reply = match sent {
            Ok(Ok(reply)) => reply,
            Ok(Err(
                error @ (SendError::Connect(_) | SendError::ConnectTimeout(_) | SendError::Tls(_)),
            )) => {
                let message = format!("no connection to the upstream `{name}`");
                return Err(Refusal::new(Code::UpstreamConnect, message).caused_by(error));
            }
            Ok(Err(error)) => {
                let message =
                    format!("the upstream `{name}` broke the exchange off before it answered");
                return Err(Refusal::new(Code::UpstreamFailed, message).caused_by(error));
            }
            Err(_) => {
                let message = format!(
                    "the upstream `{name}` did not answer within {} s",
                    wait.as_secs_f32()
                );
                return Err(Refusal::new(Code::UpstreamTimeout, message));
            }
        };
        if reply.status() == StatusCode::SWITCHING_PROTOCOLS && !switches {
            let message = format!("the upstream `{name}` switched protocols, which nobody wanted");
            return Err(Refusal::new(Code::UpstreamFailed, message));
        }
        Ok(reply)
    }

    /// Lets a reply come back up the chain.
    async fn back(
        &self,
        reply: Response<Inbound>,
        config: &Config,
        watch: &mut Watch,
    ) -> Result<Reply, Refusal> {
        watch.bill.served = reply.status().is_success() && watch.record.from_store.is_none();
        let shown = watch.run.as_ref().is_some_and(Run::rewrites);
        // A stream that may have to be cut is looked at event by event.
        let shown = shown || watch.bill.cuts() && is_stream(reply.headers());
        let masked = may_be_masked(&reply, watch);
        // A head that is to tell the cost waits for the body that tells the usage.
        let plain = !is_stream(reply.headers()) && unreadable(reply.headers()).is_none();
        // So does one that may say that it is not finished yet.
        let told = (config.prices.reply_header || watch.bill.background) && plain;
        // What an error quotes of the request is restored.
        let quotes = !reply.status().is_success()
            && shown
            && !is_stream(reply.headers())
            && unreadable(reply.headers()).is_none()
            && reply.headers().contains_key(header::CONTENT_TYPE);
        if !reply.status().is_success() && !quotes || !shown && !masked && !told {
            if shown {
                watch.missed("error_status", reply.body().size_hint().lower());
            }
            return Ok(Reply::Relay(reply));
        }
        if let Some(reason) = unreadable(reply.headers()) {
            watch.missed(reason, reply.body().size_hint().lower());
            return match watch.generation.chain.blocks_unseen_reply() {
                Some(link) => Err(unreadable_reply(&link.name, reason)),
                None => Ok(Reply::Relay(reply)),
            };
        }
        if is_stream(reply.headers()) {
            return Ok(Reply::Rewrite(reply));
        }
        let (mut head, body) = reply.into_parts();
        let mut body = collect(body, config.limits.reply_body, timeouts(watch).idle)
            .await
            .map_err(incomplete_reply)?;
        if head.status.is_success() {
            watch.content();
        }
        let failed = in_band::is_error(watch.record.dialect, &body);
        if failed {
            watch.failed_in_band();
        }
        if masked && failed && head.status.is_success() {
            watch.bill.served = false; // an error, whatever it called itself
            head.status = StatusCode::BAD_GATEWAY; // the status that it should have had; its bytes stay as they are
        } else if shown {
            let head = Arc::new(ReplyHead {
                status: head.status.as_u16(),
                headers: head.headers.clone(),
                streaming: false,
                dialect: watch.record.dialect,
            });
            body = live::whole(body, &head, &config.limits, watch).await?;
        } else {
            watch.observed = Observed::whole(watch.record.dialect, &body, failed);
        }
        if watch.bill.background {
            watch.unfinished = later::unfinished(&body);
            if watch.unfinished.is_some() {
                // It is not there yet, and these bytes are none of it.
                watch.observed = Observed::default();
            }
        }
        let mut whole = Response::from_parts(head, body);
        if config.prices.reply_header && plain && watch.fetched.is_none() {
            watch.tell_cost();
        }
        let length = HeaderValue::from(whole.body().len());
        whole.headers_mut().insert(header::CONTENT_LENGTH, length);
        Ok(Reply::Whole(whole))
    }

    fn open(&self) -> Result<(), Refusal> {
        if self.shared.phase() == Phase::Serving {
            return Ok(());
        }
        Err(
            Refusal::new(Code::Draining, "this sidecar is shutting down")
                .worth_retrying_after(Duration::from_secs(1)),
        )
    }
}

/// What a request is: by its head, and by what comes after it.
fn surface<B: Body>(request: &Request<B>) -> Surface {
    let headers = request.headers();
    match recognise::recognise(request.method(), request.uri().path(), headers) {
        // The query of Gemini's says more than others', but not what it is.
        Surface::Call(_) if Codings::of(headers).is_err() => Surface::Unread("encoding"),
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

/// A refusal as the app gets it, noted in the books.
fn refuse(refusal: Refusal, watch: &mut Watch) -> Reply {
    watch.record.error = Some(refusal.word().to_owned().into());
    told(&watch.record.id, &refusal);
    let listed = watch.listed;
    let answer = refusal.answer(watch.record.dialect);
    // An upstream's word on its own connection ends there; this is ours.
    let close = answer.headers().get(header::CONNECTION).cloned();
    let close = close.map(|close| (header::CONNECTION, close));
    watch.reply_headers.extend(close);
    Reply::Whole(answer.map(|body| match listed {
        true => answer::listed(&body).into(),
        false => Bytes::from(body),
    }))
}

/// The waits that the exchange's upstream allows.
#[derive(Clone, Copy)]
struct Timeouts {
    first_content: Duration,
    idle: Duration,
}

fn timeouts(watch: &Watch) -> Timeouts {
    let upstream = watch
        .record
        .upstream
        .as_ref()
        .and_then(|name| watch.generation.config.upstreams.get(&**name));
    upstream.map_or(
        Timeouts {
            first_content: Duration::from_secs(120),
            idle: Duration::from_secs(120),
        },
        |upstream| Timeouts {
            first_content: upstream.first_content_timeout,
            idle: upstream.idle_timeout,
        },
    )
}
