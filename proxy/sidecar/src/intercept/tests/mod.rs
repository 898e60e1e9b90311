//! Tests over real sockets: an app, a worker with all its listeners, and hosts on loopback. And of
//! the pure tables.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests; what is skipped is printed"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use policy::{ByHost, Chain};
use rustls::{
    pki_types::{PrivateKeyDer, ServerName},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::client::TlsStream;

use super::*;
use crate::{
    exchange::generation::{Generation, Lasting},
    state::{Clock, Stores, flights::Flights},
    upstream::Pool,
};

mod forward;
mod many_lines;
mod names;
mod relayed;
mod terminate;
mod transparent;
mod tunnel;

/// A request as a host saw it: path, `host`, body.
type Seen = Arc<Mutex<Vec<(String, String, Bytes)>>>;

/// A plain HTTP server on loopback that records its requests, and answers with the path.
async fn host() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            let answer = service_fn(move |request: Request<Incoming>| {
                let notes = Arc::clone(&notes);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let path = head.uri.to_string();
                    let host = head
                        .headers
                        .get("host")
                        .map(|host| host.to_str().unwrap().to_owned());
                    let extra = [
                        "upgrade",
                        "proxy-authorization",
                        "proxy-connection",
                        "x-hop",
                        "expect",
                    ];
                    let extra: Vec<_> = extra
                        .into_iter()
                        .filter(|name| head.headers.contains_key(*name))
                        // A WebSocket handshake is sent anew, on a connection of its own.
                        .filter(|name| head.headers.get(*name).is_none_or(|v| v != "websocket"))
                        .collect();
                    assert_eq!(
                        extra, [""; 0],
                        "what belongs to the connection ends at the proxy"
                    );
                    notes
                        .lock()
                        .push((path.clone(), host.unwrap_or_default(), body));
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(path))))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer),
            );
        }
    });
    (address, seen)
}

/// One certificate for every name that a test claims.
#[derive(Debug)]
struct OneCertificate(Arc<CertifiedKey>);

impl ResolvesServerCert for OneCertificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        hello.server_name()?;
        Some(Arc::clone(&self.0))
    }
}

const NAMES: [&str; 4] = [
    "api.openai.com",
    "api.anthropic.com",
    "localhost",
    "other.example",
];

fn certificate() -> (Arc<OneCertificate>, rustls::RootCertStore) {
    let made = rcgen::generate_simple_self_signed(NAMES.map(String::from)).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let certified = CertifiedKey::new(vec![made.cert.der().clone()], key);
    (Arc::new(OneCertificate(Arc::new(certified))), roots)
}

/// A worker with all its listeners open, and the addresses that an app needs to use them.
struct Rig {
    base_url: SocketAddr,
    forward: SocketAddr,
    transparent: SocketAddr,
    shared: Arc<Shared>,
    context: Arc<Context>,
    roots: rustls::RootCertStore,
    serving: tokio::task::JoinHandle<io::Result<()>>,
}

fn generation(yaml: &str) -> Generation {
    let listen = "forward_proxy: '127.0.0.1:0', transparent: '127.0.0.1:0'";
    let yaml = format!("admin: '127.0.0.1:0'\n{}", yaml.replace("LISTEN", listen));
    let yaml = yaml.replace("listen: {", "listen: { base_url: '127.0.0.1:0',");
    let config = crate::config::tests::read(&yaml);
    Generation::of(1, config, Chain::new(Vec::new()), &Lasting::default())
}

fn worker(shared: &Arc<Shared>) -> Arc<Worker> {
    let stores = Stores::new(&shared.generation.load().config.state, Clock::Wall).unwrap();
    let pool = Pool::default();
    Arc::new(Worker::new(
        Arc::clone(shared),
        pool,
        stores,
        Flights::default(),
    ))
}

/// Serves `yaml`, in which `listen: { LISTEN }` opens every listener.
async fn rig(yaml: &str) -> Rig {
    let (resolver, roots) = certificate();
    rig_with(yaml, Some(resolver), roots).await
}

async fn rig_with(
    yaml: &str,
    resolver: Option<Arc<dyn ResolvesServerCert>>,
    roots: rustls::RootCertStore,
) -> Rig {
    let generation = generation(yaml);
    let listeners = Listeners::open(&generation.config).unwrap();
    let bound = listeners.resolve_ports(generation.config.clone()).unwrap();
    let shared = Arc::new(Shared::new(generation));
    let front = Arc::new(Front::new(&bound, resolver).unwrap());
    let context = Arc::new(Context {
        worker: worker(&shared),
        shared: Arc::clone(&shared),
        front: Arc::clone(&front),
        connections: TaskTracker::new(),
    });
    let serving = tokio::spawn(serve(
        listeners,
        worker(&shared),
        Arc::clone(&shared),
        front,
    ));
    Rig {
        base_url: bound.base_url,
        forward: bound.listen.forward_proxy.unwrap(),
        transparent: bound.listen.transparent[0],
        shared,
        context,
        roots,
        serving,
    }
}

impl Rig {
    /// Sends `head` to the forward proxy; returns the status that comes, and the connection.
    async fn send(&self, head: &str) -> (u16, String, TcpStream) {
        let mut stream = TcpStream::connect(self.forward).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => answer.push(byte),
                Err(_) => break,
            }
        }
        let head = String::from_utf8(answer).unwrap();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.unwrap_or(0), head, stream)
    }

    async fn connect(&self, target: &str) -> (u16, TcpStream) {
        let head = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
        let (status, _, stream) = self.send(&head).await;
        (status, stream)
    }

    fn tls(&self, alpn: &[&str]) -> tokio_rustls::TlsConnector {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        tokio_rustls::TlsConnector::from(Arc::new(config))
    }

    /// Opens a connection through the proxy to `target`, and TLS for `name` inside it.
    async fn tunnel(
        &self,
        target: &str,
        name: &str,
        alpn: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let (status, stream) = self.connect(target).await;
        assert_eq!(status, 200);
        self.shake(stream, name, alpn).await
    }

    async fn shake(
        &self,
        stream: TcpStream,
        name: &str,
        alpn: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        self.tls(alpn).connect(name, stream).await
    }

    /// Loads the next generation.
    fn reload(&self, yaml: &str) {
        self.shared.replace(generation(yaml));
    }
}

/// Sends `request` over `stream` and reads until `ends`.
async fn over<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    request: &str,
    ends: &str,
) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let reading = async {
        while !String::from_utf8_lossy(&answer).contains(ends) {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(read) => answer.extend_from_slice(&piece[..read]),
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), reading).await;
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}
