//! The forward proxy that `HTTPS_PROXY` and `HTTP_PROXY` name.
//!
//! TLS in a CONNECT to a claimed host is terminated here; other hosts are dialled first, and
//! answered 200 only once there is a connection. Plain HTTP comes with the whole URL in its request
//! line: to a claimed host it is an exchange, to others it is passed on (`plain.rs`).
//!
//! HTTP/1 only: no client speaks HTTP/2 to a proxy in clear. A CONNECT that is refused closes its
//! connection, as the framing check takes what follows it for a tunnel's bytes.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, uri::Authority};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{
    Context,
    decide::{Action, RefuseReason, agrees, connect, decide},
    dial::{DialError, dial},
    framing::{Checked, header_lines},
    hello::Opening,
    http::{CLOSE_TIMEOUT, socket_of, wants_socket},
    plain::{self, Outbound},
    slow::{TrackedBody, TrackedStream},
    terminate::{Dialled, refuse, terminate},
    tunnel::{Tunnel, opening},
};
use crate::{
    config::{Others, hosts::normal},
    exchange::generation::Phase,
    overload::{ConnectionPermit, ConnectionSignal},
    refusal::{Code, Refusal},
    telemetry::metrics,
};

pub(super) const MODE: &str = "forward_proxy";

/// Serves one connection to the proxy's address.
pub(super) async fn serve(stream: TcpStream, permit: Arc<ConnectionPermit>, context: Arc<Context>) {
    // Without it, small events wait for the peer's delayed acknowledgement: 40 ms (measured).
    if stream.set_nodelay(true).is_err() {
        return; // gone already
    }
    let limits = context.shared.generation.load().config.limits.clone();
    let stream = TrackedStream::new(stream, permit.handle());
    let stream = TokioIo::new(Checked::new(stream, limits.headers, limits.header_timeout));
    let draining = context.shared.reached(Phase::Draining);
    let inside = Arc::clone(&permit);
    let service = service_fn(move |request| {
        let (context, permit) = (Arc::clone(&context), Arc::clone(&inside));
        let (busy, wants) = (permit.handle().exchange(), wants_socket(&request));
        async move {
            let answered = answer(request, Arc::clone(&permit), Arc::clone(&context));
            let mut answered = Box::pin(answered).await;
            if let Some(tunnel) = socket_of(&mut answered, wants) {
                context.connections.spawn(async move {
                    let _busy = permit.handle().exchange();
                    tunnel.run().await;
                });
            }
            Ok::<_, Infallible>(answered.map(|body| TrackedBody::new(body, busy)))
        }
    });
    let connection = http1::Builder::new()
        .max_buf_size(limits.headers.max(64 << 10))
        .max_headers(header_lines(limits.headers))
        .header_read_timeout(None)
        .serve_connection(stream, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // Errors are the peer's: it left, or sent a message that was answered with 400.
    tokio::select! {
        _ = connection.as_mut() => {}
        stalled = left(&permit) => {
            if !stalled {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(CLOSE_TIMEOUT, connection).await;
            }
        }
        () = draining => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Resolves once the connection is to end: at once (true), or in order (false).
async fn left(permit: &ConnectionPermit) -> bool {
    loop {
        match permit.signalled().await {
            ConnectionSignal::Parked => {} // a proxy's connection keeps little memory between two requests
            leave => return leave == ConnectionSignal::Stalled,
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    permit: Arc<ConnectionPermit>,
    context: Arc<Context>,
) -> Response<Outbound> {
    if request.method() == Method::CONNECT {
        let mut response = tunnel(request, permit, context).await;
        if !response.status().is_success() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        return response;
    }
    match request.uri().scheme_str() {
        Some("http") => plain(request, &context).await,
        Some(_) => said(
            StatusCode::BAD_REQUEST,
            "this is a forward proxy: of `https` URLs it takes a CONNECT to the host",
        ),
        None => said(
            StatusCode::BAD_REQUEST,
            "this is a forward proxy: name it in HTTPS_PROXY, and give apps `listen.base_url` as their base URL",
        ),
    }
}

/// Returns the host and port that a request's authority names.
fn destination(authority: Option<&Authority>, usual: Option<u16>) -> Option<(&str, u16)> {
    let authority = authority.filter(|authority| !authority.as_str().contains('@'))?;
    let port = match authority.port() {
        Some(_) => authority.port_u16(),
        // `host:` has no number to read, and is no host without a port either.
        None => usual.filter(|_| !authority.as_str().ends_with(':')),
    };
    let host = authority.host();
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    Some((host, port.filter(|port| *port > 0)?)).filter(|(host, _)| !host.is_empty())
}

/// Answers a CONNECT.
async fn tunnel(
    request: Request<Incoming>,
    permit: Arc<ConnectionPermit>,
    context: Arc<Context>,
) -> Response<Outbound> {
    let authority = request.uri().authority().cloned();
    let Some((target_host, port)) = destination(authority.as_ref(), None) else {
        return said(
            StatusCode::BAD_REQUEST,
            "a CONNECT names `host:port` and nothing besides",
        );
    };
    let host = normal(target_host);
    if !agrees(authority.as_ref(), request.headers(), &host, port, port) {
        return refused(
            StatusCode::MISDIRECTED_REQUEST,
            RefuseReason::Mismatch,
            "the CONNECT names one host, and its `host` header another",
        );
    }
    let (action, reach) = {
        let config = &context.shared.generation.load().config;
        let action = connect(&config.hosts, config.listen.others, &host, port);
        let tunnels = matches!(action, Action::Tunnel(_));
        (action, tunnels.then(|| config.listen.reach.clone()))
    };
    match action {
        Action::Terminate if context.front.tls.is_none() => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            RefuseReason::NoAuthority,
            "this host's TLS would be ended here, and the sidecar has no certificate authority",
        ),
        Action::Terminate => {
            let within = Arc::clone(&context);
            context
                .connections
                .spawn(claimed(request, host, port, permit, within));
            Response::new(Outbound::nothing())
        }
        Action::Refuse(why) => refused(
            StatusCode::FORBIDDEN,
            why,
            "no upstream claims this host, and the operator has others refused (`listen.others`)",
        ),
        Action::Tunnel(_) => {
            let reach = reach.unwrap_or_default();
            let Ok(tunnel_permit) = context.shared.admission.admit_tunnel() else {
                return said(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "this sidecar has as many connections as it may; try again in a second",
                );
            };
            let server = match dial(target_host, port, &context.front.own, &reach).await {
                Ok(server) => server,
                Err(error) => return unreached(&error),
            };
            tracing::debug!(host, port, "tunnelled");
            metrics::connection(MODE, "tunnel");
            let shared = Arc::clone(&context.shared);
            context.connections.spawn(async move {
                let Some((client, first)) = upgraded(request).await else {
                    return;
                };
                let tunnel = Tunnel {
                    client,
                    server,
                    first,
                    unjudged: Some((host, port)),
                };
                let _permit = tunnel_permit;
                let _busy = permit.handle().exchange(); // a tunnel has its own idle time-out
                tunnel.run(&shared).await;
            });
            Response::new(Outbound::nothing())
        }
    }
}

/// Serves the bytes after a CONNECT to a claimed host, which was answered 200: TLS for that host
/// and no other.
async fn claimed(
    request: Request<Incoming>,
    host: String,
    port: u16,
    permit: Arc<ConnectionPermit>,
    context: Arc<Context>,
) {
    let Some((client, first)) = upgraded(request).await else {
        return;
    };
    let patience = context
        .shared
        .generation
        .load()
        .config
        .limits
        .header_timeout;
    let draining = context.shared.reached(Phase::Draining);
    let (opening, first) = tokio::select! {
        read = opening(&client, first, patience) => match read {
            Ok((Some(opening), first)) => (opening, first),
            Ok((None, first)) if first.is_empty() => return,
            Ok((None, first)) => (Opening::NotTls, first),
            Err(_) => return,
        },
        () = draining => return,
    };
    let action = {
        let config = &context.shared.generation.load().config;
        decide(&config.hosts, Others::Refuse, Some(&host), port, &opening)
    };
    match action {
        Action::Terminate => {
            let mode = MODE;
            let dialled = Dialled { host, port, mode };
            terminate(client, first, dialled, permit, context).await;
        }
        Action::Refuse(why) => {
            tracing::debug!(
                reason = why.label(),
                mode = MODE,
                "a connection was refused"
            );
            refuse(&client, why, MODE, opening != Opening::NotTls).await;
        }
        Action::Tunnel(_) => {} // never, as others are refused here
    }
}

/// Returns the bare connection after a CONNECT, and the bytes that hyper had read of it.
async fn upgraded(request: Request<Incoming>) -> Option<(TcpStream, Vec<u8>)> {
    let upgraded = hyper::upgrade::on(request).await.ok()?;
    let parts = upgraded
        .downcast::<TokioIo<Checked<TrackedStream<TcpStream>>>>()
        .ok()?;
    let stream = parts.io.into_inner().into_inner().into_inner();
    Some((stream, parts.read_buf.to_vec()))
}

/// Answers plain HTTP.
async fn plain(mut request: Request<Incoming>, context: &Arc<Context>) -> Response<Outbound> {
    let authority = request.uri().authority().cloned();
    let Some((target_host, port)) = destination(authority.as_ref(), Some(80)) else {
        return said(StatusCode::BAD_REQUEST, "the URL names no host");
    };
    let host = normal(target_host);
    if !agrees(authority.as_ref(), request.headers(), &host, port, 80) {
        let message = "the request's URL names one host, and its `host` header another";
        let refusal = Refusal::new(Code::Misdirected, message);
        return (context.worker.refuse(&request, refusal)).map(Outbound::Exchange);
    }
    let (home, others, reach) = {
        let config = &context.shared.generation.load().config;
        let home = config.hosts.plain(&host, port).cloned();
        let reach = home.is_none().then(|| config.listen.reach.clone());
        (home, config.listen.others, reach.unwrap_or_default())
    };
    metrics::connection(MODE, "plain");
    if let Some(home) = home {
        request.extensions_mut().insert(home);
        return context
            .exchange(request, None)
            .await
            .map(Outbound::Exchange);
    }
    if others == Others::Refuse {
        return refused(
            StatusCode::FORBIDDEN,
            RefuseReason::Others,
            "no upstream claims this host, and the operator has others refused (`listen.others`)",
        );
    }
    let server = match dial(target_host, port, &context.front.own, &reach).await {
        Ok(server) => server,
        Err(error) => return unreached(&error),
    };
    match plain::relay(request, server, context).await {
        Ok(response) => response,
        Err(_) => said(
            StatusCode::BAD_GATEWAY,
            "the host broke the exchange off before it answered",
        ),
    }
}

fn unreached(error: &DialError) -> Response<Outbound> {
    if let Some(error) = error.cause() {
        tracing::debug!(%error, mode = MODE, "a destination was not reached");
    }
    let (status, words) = match error {
        DialError::Own => (
            StatusCode::FORBIDDEN,
            "this is the sidecar's own address; list it in NO_PROXY to talk to it directly".into(),
        ),
        DialError::Forbidden(kind) => (
            StatusCode::FORBIDDEN,
            format!(
                "this is a {kind} address, which the proxy does not reach unless the operator lists it under `listen.reach`"
            ),
        ),
        DialError::Name(_) => (
            StatusCode::BAD_GATEWAY,
            "the host's name is not known here".into(),
        ),
        DialError::Connect(_) => (
            StatusCode::BAD_GATEWAY,
            "the host takes no connection at this port".into(),
        ),
        DialError::Slow => (
            StatusCode::GATEWAY_TIMEOUT,
            "the host took no connection in time".to_owned(),
        ),
    };
    refused(status, error.why(), words)
}

/// Counts a refusal and makes its answer.
fn refused(status: StatusCode, why: RefuseReason, words: impl Into<String>) -> Response<Outbound> {
    metrics::connection(MODE, "refuse");
    metrics::connection_refused(MODE, why.label());
    tracing::debug!(
        reason = why.label(),
        mode = MODE,
        "a connection was refused"
    );
    said(status, words)
}

/// Makes an answer of the proxy's own, as plain text: there is no dialect at a proxy.
fn said(status: StatusCode, words: impl Into<String>) -> Response<Outbound> {
    let mut words = words.into();
    words.insert_str(0, "outrigger: ");
    words.push('\n');
    let mut response = Response::new(Outbound::Said(Some(Bytes::from(words))));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
