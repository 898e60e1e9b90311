//! Health, readiness, metrics, policies, generation, targets, and a page of them: read-only answers
//! on an address of its own.
//!
//! They are served by a thread of their own, so that a busy worker does not look like a dead pod to
//! whoever scrapes; [`Facts::alive`] reports whether the workers are alive. Nothing here knows a
//! prompt or a key, and nothing but two calls below `/state` and two below `/targets` changes
//! anything.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;

use crate::{state::Stores, telemetry::metrics};
use origin::{ChangeIntent, Origins};

mod origin;
mod page;
mod state;
mod targets;

pub(crate) use targets::TargetFacts;

/// An answer of this address.
type Reply = Response<Full<Bytes>>;

/// Facts from which the admin answers are made; the running proxy implements it.
pub(crate) trait Facts: Send + Sync + 'static {
    /// Reports whether the workers' event loops turn. Default true.
    fn alive(&self) -> bool {
        true
    }
    /// The phase of the proxy's life: exchanges are taken while it is [`Phase::Serving`].
    fn phase(&self) -> Phase;
    /// The generation in force.
    fn generation(&self) -> Generation;
    /// The chain, in order.
    fn policies(&self) -> Vec<PolicyFacts>;
    /// Every target that an alias names. Default none.
    fn targets(&self) -> Vec<TargetFacts> {
        Vec::new()
    }
    /// Brings the gauges up to date that change by time alone. Default: there are none.
    fn refresh_gauges(&self) {}
    /// Closes the breakers of a target, its keys and accounts; of every target where none is named.
    /// Returns the number of targets. Default none.
    fn reset_targets(&self, target: Option<&str>) -> usize {
        let _ = target;
        0
    }
    /// Resumes an alias's canary. Returns whether it was rolled back; none where there is none.
    /// Default none.
    fn resume_canary(&self, model: &str) -> Option<bool> {
        let _ = model;
        None
    }
    /// State that outlives exchanges. Default none.
    fn stores(&self) -> Option<&Stores> {
        None
    }
    /// Reports whether the calls that change something are on. Default false.
    fn takes_changes(&self) -> bool {
        false
    }
}

/// Phase of the proxy's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Taking exchanges.
    Serving,
    /// Ending the exchanges in progress.
    Draining,
}

/// The generation in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Generation {
    /// Number from 1; 0 before the first.
    pub number: u64,
    /// Milliseconds since 1970.
    pub since_ms: u64,
    /// Reason why the last reload was not taken up, or was taken up in part; none after a good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Keys of the configuration whose change waits for a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_needed: Vec<String>,
}

/// One policy of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PolicyFacts {
    /// The chain's name for it.
    pub name: String,
    /// Its own version; none where it was never loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Digest of the file that serves, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The id of the key that signed it, where signatures are required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// `request`, `reply`, `end`.
    pub hooks: Vec<&'static str>,
    /// Places of requests that it is shown.
    pub reads: Vec<&'static str>,
    /// Places of replies that it is shown.
    pub rewrites: Vec<&'static str>,
    /// Capabilities as the configuration writes them.
    pub grants: Vec<String>,
    /// Effect of its faults: `block` or `skip`.
    pub on_error: &'static str,
    /// Effect on what it can't see, as the configuration writes it: `block`, `skip`, or
    /// `{ default: block, image: block }`.
    pub on_unseen: String,
    /// Its state.
    pub state: State,
    /// Reason why it does not serve, or why a newer file was not taken up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time at which the file that serves was loaded, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_ms: Option<u64>,
    /// Exchanges that it was part of, since it was loaded.
    pub calls: u64,
    /// Those in which it faulted.
    pub faults: u64,
}

/// State of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Called.
    Serving,
    /// Not called, after repeated faults.
    Quarantined,
}

/// Time after which a slow or silent client's connection is closed.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// Connections at once. One more closes the one that has been silent for longest, so that no number
/// of them keeps a probe out.
const CONNECTIONS: usize = 64;

/// Binds the address.
///
/// # Errors
/// One sentence with the address in it: the port is in use, or is not this user's to take.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let explained = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "it is in use; end what holds it, or write another address under `admin`".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine does not have it; write one of its own under `admin`".to_owned()
            }
            io::ErrorKind::PermissionDenied => {
                "permission is denied; write a port above 1023 under `admin`".to_owned()
            }
            _ => error.to_string(),
        };
        io::Error::new(error.kind(), format!("can't listen on {address}: {why}"))
    };
    let listener = TcpListener::bind(address).map_err(explained)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves on a thread of its own until the process ends. It answers to addresses, `localhost` and
/// `hosts`.
///
/// # Errors
/// The thread or its runtime could not be made.
pub(crate) fn spawn(
    listener: TcpListener,
    hosts: Vec<String>,
    facts: Arc<dyn Facts>,
) -> io::Result<()> {
    let origins = Arc::new(Origins::new(hosts));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let serve = move || runtime.block_on(serve(listener, origins, facts));
    std::thread::Builder::new()
        .name("admin".into())
        .stack_size(256 << 10)
        .spawn(serve)?;
    Ok(())
}

async fn serve(listener: TcpListener, origins: Arc<Origins>, facts: Arc<dyn Facts>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "admin address not served"),
    };
    let mut open: VecDeque<Open> = VecDeque::with_capacity(CONNECTIONS);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of file descriptors, mostly: try again when some may be free.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        open.retain(|known| !known.task.is_finished());
        if open.len() >= CONNECTIONS {
            // Where all are being answered the oldest has had its time: answers take a moment.
            let silent = |known: &Open| !known.answering.load(Relaxed);
            let ended = open.iter().position(silent).unwrap_or(0);
            if let Some(ended) = open.remove(ended) {
                ended.task.abort();
            }
        }
        let answering = Arc::new(AtomicBool::new(false));
        let answers = Arc::clone(&answering);
        let (origins, facts) = (Arc::clone(&origins), Arc::clone(&facts));
        let task = tokio::spawn(async move {
            let service = hyper::service::service_fn(|request: Request<Incoming>| {
                let (origins, facts) = (Arc::clone(&origins), Arc::clone(&facts));
                let answers = Arc::clone(&answers);
                answers.store(true, Relaxed);
                async move {
                    let reply = reply(request, &origins, &*facts).await;
                    answers.store(false, Relaxed);
                    Ok::<_, Infallible>(reply)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service);
            // A client's broken connection is the client's.
            let _ = connection.await;
        });
        open.push_back(Open { task, answering });
    }
}

/// A connection, oldest first.
struct Open {
    task: tokio::task::JoinHandle<()>,
    /// A request of it is being answered.
    answering: Arc<AtomicBool>,
}

async fn reply(request: Request<Incoming>, origins: &Origins, facts: &dyn Facts) -> Reply {
    if let Some(refused) = origins.refuse(&request) {
        return refused;
    }
    let (head, body) = request.into_parts();
    let (method, path) = (&head.method, head.uri.path());
    let intent = ChangeIntent::of(method, &head.headers);
    let is_below = |root: &str| {
        let rest = path.strip_prefix(root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if is_below("/state") {
        state::answer(method, path, head.uri.query(), intent, facts).await
    } else if is_below("/targets") {
        targets::answer(method, path, intent, body, facts).await
    } else {
        answer(method, path, facts)
    }
}

/// Answers one request. Pure but for `facts` and the metrics.
fn answer(method: &Method, path: &str, facts: &dyn Facts) -> Reply {
    let known = matches!(
        path,
        "/" | page::STYLE | "/healthz" | "/readyz" | "/metrics" | "/policies" | "/generation"
    );
    if !known {
        let paths = page::ADDRESSES.map(|(path, _)| path).join(", ");
        let message = format!("there are {paths}, and a page of them at /");
        return error(StatusCode::NOT_FOUND, &message);
    }
    if method != Method::GET && method != Method::HEAD {
        let message = "ask with GET; nothing is changed here";
        let mut refused = error(StatusCode::METHOD_NOT_ALLOWED, message);
        refused
            .headers_mut()
            .insert(header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/" => page::page(facts),
        page::STYLE => page::style(),
        "/healthz" if facts.alive() => json(StatusCode::OK, &serde_json::json!({ "status": "ok" })),
        "/healthz" => json(
            StatusCode::SERVICE_UNAVAILABLE,
            &serde_json::json!({ "status": "stuck" }),
        ),
        "/readyz" => {
            #[derive(Serialize)]
            struct Ready {
                status: Phase,
                generation: Generation,
                inflight: usize,
            }
            let phase = facts.phase();
            let status = if phase == Phase::Serving {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            json(
                status,
                &Ready {
                    status: phase,
                    generation: facts.generation(),
                    inflight: metrics::inflight(),
                },
            )
        }
        "/policies" => json(StatusCode::OK, &facts.policies()),
        "/generation" => json(StatusCode::OK, &facts.generation()),
        _ => {
            facts.refresh_gauges();
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            respond(StatusCode::OK, kind, metrics::render())
        }
    }
}

/// The refusal of a change where changes are off.
fn changes_are_off() -> Reply {
    let message = "changes are off; set `state: { admin_changes: true }`";
    error(StatusCode::FORBIDDEN, message)
}

/// An answer for whoever can act on `message`.
fn error(status: StatusCode, message: &str) -> Reply {
    json(status, &serde_json::json!({ "error": message }))
}

fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_string(value) {
        Ok(text) => respond(status, "application/json", text + "\n"),
        Err(_) => respond(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            String::new(),
        ),
    }
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Reply {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    response
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
