//! One exchange through the configured chain, offline: the sidecar's own worker with policies that
//! are observed and an upstream that is a file.
//!
//! Whatever a sidecar would do (recognise, block what no policy can see, tag, plan, translate,
//! splice) is done here by the same code; what differs is the transport, and that stores begin
//! empty and `fetch` is denied.

use std::{collections::VecDeque, path::Path, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use outrigger::{
    config::{Config, Kind, State, Upstream},
    exchange::{
        Transport, Worker,
        generation::{Generation, Shared},
    },
    reload::offline,
    state::Stores,
    upstream::{Connection, Inbound, Payload, Pool, SendError, embeddings::Embedder},
};
use parking_lot::Mutex;
use policy::Chain;
use sandbox::{Host, Loader, Options};
use tokio::sync::Notify;

mod diff;
mod meters;
mod print;
mod spy;

use meters::Counted;
pub(crate) use print::{Palette, print};
use spy::{Did, Notes};

use crate::cli::compiler;

/// The upstream of a trial.
#[derive(Debug, Clone)]
pub(crate) enum Provider {
    /// Nobody: the exchange ends where its request goes out.
    Nobody,
    /// The model inside the binary, which repeats what it gets.
    Echo,
    /// A file.
    Canned(Canned),
}

/// A reply of the upstream.
#[derive(Debug, Clone)]
pub(crate) struct Canned {
    pub(crate) status: StatusCode,
    pub(crate) bytes: Bytes,
    /// True if it is a stream of events.
    pub(crate) is_stream: bool,
}

/// A request that went out.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) upstream: String,
    pub(crate) uri: String,
    pub(crate) bytes: usize,
}

/// The fate of the exchange.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The path that was requested.
    pub(crate) path: String,
    pub(crate) notes: Vec<spy::Note>,
    /// Policies of the chain, in order, with the metrics that each counted.
    pub(crate) metrics: Vec<(String, Vec<(String, f64)>)>,
    pub(crate) sent: Vec<Sent>,
    /// The answer to the app; none where it would have waited for an upstream that is not here.
    pub(crate) answer: Option<Answered>,
}

/// The answer to the app.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// It was broken off.
    pub(crate) is_broken: bool,
}

impl Outcome {
    /// Reports whether a policy, or the sidecar on account of one, refused the request or the reply.
    pub(crate) fn is_refused(&self) -> bool {
        let by_policy = |note: &spy::Note| matches!(note.did, Did::Refused(_));
        let own_error = |answer: &Answered| {
            answer.is_broken || (self.sent.is_empty() && answer.status.as_u16() >= 400)
        };
        self.notes.iter().any(by_policy) || self.answer.as_ref().is_some_and(own_error)
    }
}

/// Runs one exchange through the chain of `config`, which was read from `file`.
///
/// # Errors
/// The chain can't be loaded, a sentence per policy.
pub(crate) fn run(
    file: &Path,
    config: Config,
    request: Request<Full<Bytes>>,
    provider: Provider,
) -> Result<Outcome, String> {
    let path = request.uri().to_string();
    let mut config = config;
    // What a shared store has is nobody's to take from here.
    config.state = State::default();
    let stores = Stores::in_memory();
    let counted = Counted::default();
    let host = stores.lent(Host {
        metrics: Arc::new(counted.clone()),
        embeddings: Arc::new(Embedder::offline(&config)),
        ..Host::none()
    });
    let generation = load(file, config, host)?;
    let notes = Notes::default();
    let names: Vec<String> = (generation.chain.policies().iter())
        .map(|policy| policy.name.to_string())
        .collect();
    let observed = generation.chain.policies().iter();
    let observed = observed
        .map(|loaded| spy::observed(loaded, &notes))
        .collect();
    let generation = Generation {
        chain: Chain::new(observed),
        ..generation
    };
    let upstream = Upstreams {
        provider,
        embedded: Arc::default(),
        sent: Arc::default(),
        waits: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let answer = runtime.block_on(exchange(generation, upstream.clone(), stores, request));
    let metrics = names.into_iter().map(|name| {
        let own = counted.of(&name);
        (name, own)
    });
    Ok(Outcome {
        path,
        metrics: metrics.collect(),
        notes: std::mem::take(&mut notes.lock()),
        sent: std::mem::take(&mut upstream.sent.lock()),
        answer,
    })
}

fn load(file: &Path, config: Config, host: Host) -> Result<Generation, String> {
    let options = Options {
        slots: 64,
        memory: config.policies.memory,
    };
    let loader = |cache| Loader::new(options, cache, compiler(), host.clone());
    let loader = loader(Some(config.policies.cache.clone()))
        .or_else(|_| loader(None))
        .map_err(|error| error.to_string())?;
    offline(file, config, loader).map_err(|sentences| sentences.join("\n"))
}

/// Serves the request until its answer is whole, or until it waits for an upstream that is not
/// here.
async fn exchange(
    generation: Generation,
    upstream: Upstreams,
    stores: Stores,
    request: Request<Full<Bytes>>,
) -> Option<Answered> {
    let waits = Arc::clone(&upstream.waits);
    let flights = stores.flights().clone();
    let shared = Arc::new(Shared::new(generation));
    let worker = Worker::new(shared, upstream, stores, flights);
    let serve = async {
        let (head, mut body) = worker.handle(request, None).await.into_parts();
        let (mut bytes, mut is_broken) = (Vec::new(), false);
        while let Some(frame) = body.frame().await {
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => bytes.extend_from_slice(&data),
                Ok(Err(_)) => {} // trailers
                Err(_) => {
                    is_broken = true;
                    break;
                }
            }
        }
        Answered {
            status: head.status,
            body: bytes.into(),
            is_broken,
        }
    };
    tokio::select! {
        answered = serve => Some(answered),
        () = waits.notified() => None,
    }
}

/// Every upstream.
#[derive(Clone)]
struct Upstreams {
    provider: Provider,
    /// Reaches the model inside the binary, and nothing else.
    embedded: Arc<Pool>,
    sent: Arc<Mutex<Vec<Sent>>>,
    /// Notified where a request is sent that nobody answers.
    waits: Arc<Notify>,
}

impl Transport for Upstreams {
    fn send(
        &self,
        upstream: &Upstream,
        request: Request<Payload>,
        over: Connection,
    ) -> impl Future<Output = Result<Response<Inbound>, SendError>> + Send {
        let own = self.clone();
        let inside = Upstream {
            kind: Kind::Embedded,
            ..upstream.clone()
        };
        let is_inside = matches!(upstream.kind, Kind::Embedded);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await;
            let body = body.map_err(SendError::Body)?.to_bytes();
            own.sent.lock().push(Sent {
                upstream: inside.name.clone(),
                uri: head.uri.to_string(),
                bytes: body.len(),
            });
            let canned = match own.provider {
                Provider::Canned(canned) => canned,
                Provider::Nobody if !is_inside => {
                    own.waits.notify_one();
                    return std::future::pending().await;
                }
                Provider::Nobody | Provider::Echo => {
                    let request = Request::from_parts(head, Payload::Whole(body));
                    return own.embedded.send(&inside, request, over).await;
                }
            };
            let kind = match canned.is_stream {
                true => "text/event-stream",
                false => "application/json",
            };
            let mut response = Response::new(Inbound::Kept(pieces(&canned)));
            *response.status_mut() = canned.status;
            let kind = http::HeaderValue::from_static(kind);
            response
                .headers_mut()
                .insert(http::header::CONTENT_TYPE, kind);
            Ok(response)
        }
    }
}

/// The pieces that a reply comes in: a stream event by event, anything else at once.
fn pieces(canned: &Canned) -> VecDeque<Bytes> {
    let mut pieces = VecDeque::new();
    let mut rest = canned.bytes.clone();
    let first_event = |bytes: &Bytes| {
        let end = bytes.windows(2).position(|two| two == b"\n\n")? + 2;
        (canned.is_stream && end < bytes.len()).then_some(end)
    };
    while let Some(end) = first_event(&rest) {
        pieces.push_back(rest.split_to(end));
    }
    pieces.push_back(rest);
    pieces
}
