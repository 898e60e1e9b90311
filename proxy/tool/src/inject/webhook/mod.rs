//! The mutating admission webhook: HTTPS for one caller, the API server, that answers its reviews
//! with [`answer`].
//!
//! It holds no state and calls nobody, so any number of replicas do. It is called for every pod of
//! the labelled namespaces (`failurePolicy: Fail`), so nothing a caller does may make it big or
//! slow: bodies, connections and their time are bounded. It does not authenticate its caller: what
//! it answers is no secret and changes nothing.
//!
//! Shutdown: at the signal it first only says so (`/readyz` answers 503), goes on until endpoints
//! have been updated, and then ends connection by connection.

use std::{
    convert::Infallible, future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::{answer, settings::Settings};

mod certificate;

/// Longest review: an object of etcd's 1.5 MiB, and the former one beside it.
const LONGEST: usize = 3 << 20;
/// Connections at once; more wait.
const CONNECTIONS: usize = 256;
/// The longest that the TLS handshake may take, and a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// The longest that a request's body may take: the API server's own patience is 30 s at most.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// A connection is ended after so long, idle or not; the API server opens the next.
const LIFETIME: Duration = Duration::from_secs(300);
/// Interval at which the certificate's files are read.
const REFRESH: Duration = Duration::from_secs(1);

/// Address, certificate and key of the server.
#[derive(Debug, Clone)]
pub struct Address {
    /// The address to listen on; all interfaces of a pod: `0.0.0.0:8443`.
    pub listen: SocketAddr,
    /// PEM: the certificate and what signed it.
    pub cert: PathBuf,
    /// PEM: its key.
    pub key: PathBuf,
    /// Time that it goes on after the signal to end.
    pub linger: Duration,
}

/// Serves until `shutdown` completes, and some seconds on.
///
/// # Errors
/// One sentence: the certificate can't be used, or the address is not to be had.
pub async fn serve(address: Address, settings: Settings, shutdown: impl Future) -> io::Result<()> {
    let files = certificate::Files::new(address.cert, address.key);
    let certificate = files.live()?;
    let acceptor = TlsAcceptor::from(certificate.config()?);
    let listener = TcpListener::bind(address.listen).await.map_err(|error| {
        let says = format!(
            "can't listen on {}: {error}; write another address with --listen",
            address.listen
        );
        io::Error::new(error.kind(), says)
    })?;
    let at = listener.local_addr()?;
    info!(%at, mode = settings.mode.name(), image = %settings.image, "webhook serving");
    let (phase, seen) = watch::channel(Phase::Serving);
    let host = Host {
        settings: Arc::new(settings),
        phase: seen,
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let reload = async {
        loop {
            sleep(REFRESH).await;
            certificate.refresh();
        }
    };
    let leaving = async {
        shutdown.await;
        phase.send_replace(Phase::Leaving);
        info!(linger_s = address.linger.as_secs(), "webhook ending");
        sleep(address.linger).await;
    };
    tokio::select! {
        () = accept(&listener, &acceptor, &host, &room) => {}
        () = reload => {}
        () = leaving => {}
    }
    drop(listener);
    phase.send_replace(Phase::Ending);
    // All permits: every connection has ended.
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = timeout(BODY_WITHIN, room.acquire_many(all)).await;
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Still there, though no longer ready.
    Leaving,
    /// Ends each connection after the answer under way.
    Ending,
}

#[derive(Clone)]
struct Host {
    settings: Arc<Settings>,
    phase: watch::Receiver<Phase>,
}

async fn accept(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
    host: &Host,
    room: &Arc<Semaphore>,
) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, mostly: try again when some may be free.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (acceptor, host) = (acceptor.clone(), host.clone());
        tokio::spawn(async move {
            connection(stream, acceptor, host).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, host: Host) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(HEAD_WITHIN, acceptor.accept(stream)).await else {
        return;
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(16 << 10)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    let mut phase = host.phase.clone();
    let service = service_fn(move |request| {
        let host = host.clone();
        async move { Ok::<_, Infallible>(respond(request, &host).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A caller's broken connection is the caller's.
        _ = connection.as_mut() => return,
        _ = phase.wait_for(|phase| *phase == Phase::Ending) => {}
        () = sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(BODY_WITHIN, connection).await;
}

type Reply = Response<Full<Bytes>>;

fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let kind = http::HeaderValue::from_static(kind);
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

fn say(status: StatusCode, text: impl Into<String>) -> Reply {
    reply(status, "text/plain; charset=utf-8", text.into() + "\n")
}

async fn respond(request: Request<Incoming>, host: &Host) -> Reply {
    let ready = *host.phase.borrow() == Phase::Serving;
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => say(StatusCode::OK, "ok"),
        (&Method::GET | &Method::HEAD, "/readyz") if ready => say(StatusCode::OK, "ok"),
        (&Method::GET | &Method::HEAD, "/readyz") => say(StatusCode::SERVICE_UNAVAILABLE, "ending"),
        (&Method::POST, "/mutate" | "/inject" | "/") => {
            review(request.into_body(), &host.settings).await
        }
        (_, "/mutate" | "/inject" | "/healthz" | "/readyz") => say(
            StatusCode::METHOD_NOT_ALLOWED,
            "ask /healthz and /readyz with GET, post to /mutate",
        ),
        _ => say(
            StatusCode::NOT_FOUND,
            "there are /mutate, /healthz and /readyz",
        ),
    }
}

async fn review(body: Incoming, settings: &Settings) -> Reply {
    let body = match timeout(BODY_WITHIN, Limited::new(body, LONGEST).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return say(
                StatusCode::PAYLOAD_TOO_LARGE,
                "a review of more than 3 MiB is not read",
            );
        }
        Ok(Err(_)) => return say(StatusCode::BAD_REQUEST, "the body broke off"),
        Err(_) => {
            return say(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come within 10 s",
            );
        }
    };
    let answer = match answer(&body, settings) {
        Ok(answer) => answer,
        Err(why) => {
            warn!(%why, "review not understood");
            return say(StatusCode::BAD_REQUEST, why);
        }
    };
    if answer.refused.is_empty() {
        let (pod, warnings) = (&answer.pod, answer.warnings.join("; "));
        info!(%pod, operations = answer.operations, warnings, "reviewed");
    } else {
        warn!(pod = %answer.pod, why = answer.refused.join("; "), "refused");
    }
    reply(StatusCode::OK, "application/json", answer.body)
}

#[cfg(test)]
mod tests;
