//! TLS that is terminated here: the requests inside are exchanges of the upstream that claims the
//! host.
//!
//! The connection was made for one host, and every request in it has to name that host and no other
//! (421 otherwise): a request that policies judge by one name and a provider serves by another
//! would be two requests in one. The claim is looked up for each request, so that a reload applies
//! to connections that are open.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context as Poller, Poll},
};

use hyper::{Request, body::Incoming};
use policy::{ByHost, ConnectionId};
use rustls::{ServerConfig, server::ResolvesServerCert};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Context,
    decide::{RefuseReason, agrees},
    http,
};
use crate::{
    config::Config,
    exchange::generation::Phase,
    overload::ConnectionPermit,
    refusal::{Code, Refusal},
    telemetry::metrics,
};

/// Makes the server's side of TLS, with the certificates of `resolver`.
///
/// # Errors
/// None that a build can have: the provider lacks a protocol version.
pub(super) fn tls(resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Destination that a connection was made for.
pub(super) struct Dialled {
    /// The host, as [`crate::config::hosts::normal`] spells it.
    pub(super) host: String,
    pub(super) port: u16,
    /// Metric label of the listener that it came in by.
    pub(super) mode: &'static str,
}

/// Terminates the TLS of `stream`, of which `read` has been read, and serves the requests inside.
pub(super) async fn terminate(
    stream: TcpStream,
    read: Vec<u8>,
    dialled: Dialled,
    permit: Arc<ConnectionPermit>,
    context: Arc<Context>,
) {
    let Some(tls) = context.front.tls.clone() else {
        return refuse(&stream, RefuseReason::NoAuthority, dialled.mode, true).await;
    };
    if stream.set_nodelay(true).is_err() {
        return; // gone already
    }
    metrics::connection(dialled.mode, "terminate");
    let limits = context.shared.generation.load().config.limits.clone();
    let stream = Replayed {
        read,
        at: 0,
        stream,
    };
    let handshake = timeout(limits.header_timeout, TlsAcceptor::from(tls).accept(stream));
    let stream = tokio::select! {
        handshake = handshake => match handshake {
            Ok(Ok(stream)) => stream,
            failed => {
                metrics::connection_refused(dialled.mode, "handshake");
                let error = failed.map(|done| done.err());
                tracing::debug!(host = dialled.host, ?error, "no handshake with an app");
                return;
            }
        },
        () = context.shared.reached(Phase::Draining) => return,
    };
    let named = stream.get_ref().1.server_name();
    if named.map(crate::config::hosts::normal).as_deref() != Some(&*dialled.host) {
        // rustls and `hello.rs` read two names.
        metrics::connection_refused(dialled.mode, RefuseReason::Malformed.label());
        return;
    }
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let dialled = Arc::new(dialled);
    let shared = Arc::clone(&context.shared);
    let id = Some(ConnectionId(permit.id()));
    http(
        stream,
        http2,
        &limits,
        &shared,
        &permit,
        move |mut request| {
            let (context, dialled) = (Arc::clone(&context), Arc::clone(&dialled));
            async move {
                let claimed = claimed(&request, &dialled, &context.shared.generation.load().config);
                match claimed {
                    Ok(home) => {
                        request.extensions_mut().insert(home);
                        context.exchange(request, id).await
                    }
                    Err(refusal) => context.worker.refuse(&request, refusal),
                }
            }
        },
    )
    .await;
}

/// Returns the upstream that claims a request's host.
fn claimed(
    request: &Request<Incoming>,
    dialled: &Dialled,
    config: &Config,
) -> Result<ByHost, Refusal> {
    let target = request.uri().authority();
    if !agrees(target, request.headers(), &dialled.host, dialled.port, 443) {
        let message = "the request names another host than its connection was made for; send it over a connection of its own";
        return Err(Refusal::new(Code::Misdirected, message));
    }
    let home = config.hosts.tls(&dialled.host, dialled.port);
    home.cloned().ok_or_else(|| {
        let message = "this host's traffic is not read any more; send it over a new connection";
        Refusal::new(Code::Misdirected, message)
    })
}

/// Closes a connection; one that speaks TLS gets an alert first (RFC 8446 §6.2).
pub(super) async fn refuse(stream: &TcpStream, why: RefuseReason, mode: &'static str, tls: bool) {
    metrics::connection(mode, "refuse");
    metrics::connection_refused(mode, why.label());
    if !tls {
        return;
    }
    let alert = match why {
        RefuseReason::Mismatch | RefuseReason::NoName => 112, // unrecognized_name
        RefuseReason::NoAuthority | RefuseReason::Unreachable => 80, // internal_error
        RefuseReason::Malformed => 50,                        // decode_error
        _ => 49,                                              // access_denied
    };
    // Seven bytes into an empty socket.
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(&[21, 3, 3, 0, 2, 2, alert]);
    }
}

/// A stream some of which has been read already.
struct Replayed {
    read: Vec<u8>,
    at: usize,
    stream: TcpStream,
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Poller<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let rest = this.read.get(this.at..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let piece = rest.get(..rest.len().min(buffer.remaining()));
        let piece = piece.unwrap_or_default();
        buffer.put_slice(piece);
        this.at += piece.len();
        if this.at == this.read.len() {
            this.read = Vec::new();
            this.at = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Poller<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Poller<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Poller<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Poller<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
