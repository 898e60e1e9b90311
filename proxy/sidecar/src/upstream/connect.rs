//! Connections to a provider: TCP, then TLS where the scheme says so, both within one time limit.
//!
//! The limit is ours because hyper-util's covers TCP alone, and divides it among addresses. TLS
//! trusts the roots that are compiled in (a container may have none) or, where the operator named a
//! file, that file's roots and no others.

use std::{
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{TryFutureExt, future::Either};
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{Connection, HttpConnector},
    rt::TokioIo,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tower_service::Service;

use super::BoxError;
use crate::flat_write::poll_write_flat;

/// Reasons for which an upstream can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file of trusted roots can't be read, or is not PEM.
    #[error("`roots` file {path} can't be read as PEM; name a readable file of certificates")]
    Roots {
        /// The file.
        path: PathBuf,
        /// The error in it.
        source: BoxError,
    },
    /// The file holds no certificate.
    #[error(
        "`roots` file {path} holds no certificate that can be trusted; put the authority's PEM in it"
    )]
    NoRoots {
        /// The file.
        path: PathBuf,
    },
    /// TLS could not be set up.
    #[error("tls could not be set up")]
    Tls(#[source] rustls::Error),
}

/// Makes the client's side of TLS, without ALPN: TLS 1.2 and 1.3, the roots in `roots` or else the
/// built-in ones.
///
/// # Errors
/// The file can't be read or holds no certificate.
pub fn tls(roots: Option<&Path>) -> Result<ClientConfig, SetupError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unreadable = |source: rustls::pki_types::pem::Error| SetupError::Roots {
                path: path.into(),
                source: source.into(),
            };
            let found: Vec<_> = CertificateDer::pem_file_iter(path)
                .map_err(unreadable)?
                .collect::<Result<_, _>>()
                .map_err(unreadable)?;
            if store.add_parsable_certificates(found).0 == 0 {
                return Err(SetupError::NoRoots { path: path.into() });
            }
        }
    }
    // The provider is named here, so that no process-wide default has to be installed first.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(store)
        .with_no_client_auth())
}

/// No connection came within the time limit.
#[derive(Debug, thiserror::Error)]
#[error("no connection within the time limit")]
pub(crate) struct TooSlow;

/// Connects within `limit`, TLS handshake included.
#[derive(Clone)]
pub(crate) struct Connector {
    kind: Kind,
    limit: Duration,
}

#[derive(Clone)]
enum Kind {
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
}

impl Connector {
    /// Makes a connector for `http` upstreams.
    pub(crate) fn plain(limit: Duration) -> Self {
        let kind = Kind::Plain(tcp());
        Self { kind, limit }
    }

    /// Makes a connector for `https` upstreams, which offers HTTP/2, then HTTP/1.1; or, with
    /// `http1`, that alone.
    pub(crate) fn tls(config: ClientConfig, limit: Duration, http1: bool) -> Self {
        let mut tcp = tcp();
        tcp.enforce_http(false); // it would refuse the `https` scheme otherwise
        let over_tls = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only();
        let kind = Kind::Tls(match http1 {
            true => over_tls.enable_http1().wrap_connector(tcp),
            false => over_tls.enable_all_versions().wrap_connector(tcp),
        });
        Self { kind, limit }
    }
}

/// Silence after which the kernel asks for a sign of life; shorter than what translators of
/// addresses and load balancers remember an idle connection for (a minute at the least, mostly), so
/// that they go on remembering it.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
/// Time between two such probes.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
/// Lost probes after which an idle connection is dead: 30 s after its last byte. There is no such
/// limit on what is sent (TCP_USER_TIMEOUT), as it would end requests to a busy server that reads
/// nothing for a while, too; the upstream's time limits bound those.
const KEEPALIVE_PROBES: u32 = 3;

/// Makes the TCP connector. Without TCP_NODELAY chunks came 41 ms late (measured). Keep-alive finds
/// peers that vanished under an hour-long stream, and under a connection that waits for a request.
fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE_AFTER));
    tcp.set_keepalive_interval(Some(KEEPALIVE_EVERY));
    tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    tcp
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Use that was made of a connection so far, by which a request that failed on it is judged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Reply heads that came over it.
    heads: AtomicU64,
    /// True if a byte came since the latest request began to go out.
    answered: AtomicBool,
    /// True if it was made before a request was there for it.
    spare: AtomicBool,
}

impl Usage {
    /// Notes that the head of a reply came.
    pub(crate) fn head_came(&self) {
        self.0.heads.fetch_add(1, Relaxed);
    }

    /// Notes that it was made before a request was there for it.
    pub(crate) fn note_spare(&self) {
        self.0.spare.store(true, Relaxed);
    }

    /// True if a reply came over it.
    pub(crate) fn served(&self) -> bool {
        self.0.heads.load(Relaxed) > 0
    }

    /// True if it was there before the latest request, whose peer may have closed it meanwhile.
    pub(crate) fn reused(&self) -> bool {
        self.served() || self.0.spare.load(Relaxed)
    }

    /// True if both are of one connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// True if any byte of an answer to the latest request came (HTTP/1.1, where there is one at a
    /// time).
    pub(crate) fn answered(&self) -> bool {
        self.0.answered.load(Relaxed)
    }
}

/// A connection that counts its use.
pub(crate) struct TrackedConnection {
    stream: TokioIo<Stream>,
    usage: Usage,
    /// Reply heads that had come when the latest request began to go out.
    begun_after: Option<u64>,
}

impl TrackedConnection {
    fn new(stream: Stream) -> Self {
        Self {
            stream: TokioIo::new(stream),
            usage: Usage::default(),
            begun_after: None,
        }
    }

    /// Returns the use that is made of it.
    pub(crate) fn usage(&self) -> Usage {
        self.usage.clone()
    }

    /// True if both ends agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.stream.inner().connected().is_negotiated_h2()
    }

    /// Notes that bytes went out. They begin a request where the head of the last reply has come;
    /// later ones belong to the same request.
    fn wrote(&mut self, written: &Poll<io::Result<usize>>) {
        if !matches!(written, Poll::Ready(Ok(1..))) {
            return;
        }
        let heads = self.usage.0.heads.load(Relaxed);
        if self.begun_after != Some(heads) {
            self.begun_after = Some(heads);
            self.usage.0.answered.store(false, Relaxed);
        }
    }
}

impl AsyncRead for TrackedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.usage.0.answered.store(true, Relaxed);
        }
        read
    }
}

impl AsyncWrite for TrackedConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&written);
        written
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = poll_write_flat(Pin::new(&mut self.stream), context, slices);
        self.wrote(&written);
        written
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TrackedConnection>;
    type Error = BoxError;
    type Future =
        Pin<Box<dyn Future<Output = Result<TokioIo<TrackedConnection>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(())) // always ready: names are resolved on the runtime's blocking threads
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = match &mut self.kind {
            Kind::Plain(tcp) => {
                Either::Left(tcp.call(to).map_ok(MaybeHttpsStream::Http).err_into())
            }
            Kind::Tls(tls) => Either::Right(tls.call(to)),
        };
        let limit = self.limit;
        Box::pin(async move {
            let connected = tokio::time::timeout(limit, connecting).await;
            let stream = connected.map_err(|_| TooSlow)??;
            Ok(TokioIo::new(TrackedConnection::new(stream)))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn a_connection_whose_peer_vanished_is_found_within_half_a_minute() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}", listener.local_addr().unwrap());
        let mut connector = Connector::plain(Duration::from_secs(1));
        let made = connector.call(to.parse().unwrap()).await.unwrap();
        let MaybeHttpsStream::Http(tcp) = made.into_inner().stream.into_inner() else {
            panic!("no tls was to be used");
        };
        let tcp = tcp.into_inner();
        let socket = socket2::SockRef::from(&tcp);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_EVERY);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
    }
}
