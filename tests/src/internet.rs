//! The internet's TLS servers, and an app's TLS client that looks at what certificate it was given.
//!
//! A server ends TLS and hands what is inside to a scripted [`Upstream`](crate::Upstream), byte by
//! byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use tokio::{runtime::Builder, sync::watch};
use tokio_rustls::TlsAcceptor;

use crate::wire;

/// The longest that a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// An authority that the world trusts, and its TLS servers.
pub struct Internet {
    authority: CertifiedIssuer<'static, KeyPair>,
    /// Servers end when this does.
    alive: watch::Sender<()>,
}

impl Internet {
    /// Starts one without servers.
    pub fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = rcgen::DnType::CommonName;
        params
            .distinguished_name
            .push(name, "the world's authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let alive = watch::Sender::new(());
        Self { authority, alive }
    }

    /// The authority's certificate, as PEM.
    pub fn roots(&self) -> String {
        self.authority.pem()
    }

    /// Serves TLS as `names` on `listener`, and hands what is inside to `to`. Returns the
    /// certificate that it shows.
    pub fn serve(
        &self,
        listener: TcpListener,
        names: &[&str],
        to: SocketAddr,
    ) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let leaf = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.authority)
            .unwrap();
        let shown = leaf.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![shown.clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        listener.set_nonblocking(true).unwrap();
        let mut alive = self.alive.subscribe();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let accepting = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::spawn(through(acceptor.clone(), stream, to));
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = alive.changed() => {}
                }
            });
        });
        shown
    }
}

/// Ends TLS on `outside` and relays what is in it.
async fn through(acceptor: TlsAcceptor, outside: tokio::net::TcpStream, to: SocketAddr) {
    let Ok(mut outside) = acceptor.accept(outside).await else {
        return;
    };
    if let Ok(mut inside) = tokio::net::TcpStream::connect(to).await {
        let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
    }
}

/// An app's TLS connection.
pub struct Tls {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Tls {
    /// Shakes hands over `stream` with whoever answers as `name`, trusting the PEM certificates in
    /// `roots` alone.
    ///
    /// # Errors
    /// Whatever the handshake failed with.
    pub fn over(stream: TcpStream, name: &str, roots: &str) -> std::io::Result<Self> {
        let mut store = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(roots.as_bytes()) {
            store.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(store)
            .with_no_client_auth();
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self { stream })
    }

    /// The peer's own certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.stream.conn.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    }

    /// Sends a request; the reply's status, head and body, which ends by its length, or else with
    /// the connection.
    pub fn ask(&mut self, request: &[u8]) -> (u16, String, Vec<u8>) {
        self.stream.write_all(request).unwrap();
        let mut reply = Vec::new();
        let end = loop {
            if let Some(at) = wire::find(&reply, b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more(&mut reply), "it ended in the head: {reply:?}");
        };
        let mut body = reply.split_off(end);
        let head = String::from_utf8(reply).unwrap();
        let length = wire::header(&head, "content-length").map(|n| n.parse::<usize>().unwrap());
        while length.is_none_or(|length| body.len() < length) && self.more(&mut body) {}
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, body)
    }

    /// Reads some more; `false` at the end, a close_notify or not.
    fn more(&mut self, into: &mut Vec<u8>) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(n) => {
                into.extend_from_slice(&piece[..n]);
                true
            }
            Err(why) if why.kind() == std::io::ErrorKind::UnexpectedEof => false,
            Err(why) => panic!("reading a reply: {why}"),
        }
    }
}
