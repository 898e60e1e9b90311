//! Entry of connections: the base URL that an app is given, the forward proxy that its environment
//! names, and connections that the pod's rules redirected. HTTP/1.1, or HTTP/2 in clear or over TLS
//! that is terminated here.
//!
//! One core serves all three: [`decide`] maps (destination, name) to terminate, tunnel or refuse.
//! `forward.rs` has the destination from a CONNECT, `transparent.rs` from the kernel;
//! `terminate.rs` terminates TLS and checks that every request names the host that its connection
//! was made for; `tunnel.rs` passes bytes on unchanged; `dial.rs` judges where a connection may go.
//! `framing.rs` checks each HTTP/1 message, over TLS too, and `message.rs` each request's method,
//! target and host.

use std::{io, net, sync::Arc, time::Duration};

use hyper::{Method, Request, Response, body::Incoming};
use policy::ConnectionId;
use rustls::{ServerConfig, server::ResolvesServerCert};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::{
    config::Config,
    exchange::{
        Answer, Worker,
        generation::{Phase, Shared},
    },
    overload::ConnectionPermit,
    refusal::{Code, Refusal},
    telemetry::metrics,
};

mod decide;
mod dial;
mod forward;
mod framing;
mod hello;
mod http;
mod http2;
mod message;
mod plain;
mod relay;
mod served;
mod slow;
mod terminate;
#[cfg(test)]
mod tests;
mod transparent;
mod tunnel;

use dial::Own;
use http::http;
pub(crate) use tunnel::tunnels;

/// Pause of a listener while the process has no descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Opens the listening socket that all workers share.
///
/// # Errors
/// The address can't be had.
pub(crate) fn bind(address: net::SocketAddr) -> io::Result<net::TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Listening sockets of one worker.
pub(crate) struct Listeners {
    base_url: net::TcpListener,
    forward_proxy: Option<net::TcpListener>,
    transparent: Vec<net::TcpListener>,
}

impl Listeners {
    /// Opens the addresses that `listen:` names. An IPv6 address for redirected connections may be
    /// missing where the machine has no IPv6, as long as another one is open.
    ///
    /// # Errors
    /// An address can't be had; the sentence names the key and the address.
    pub(crate) fn open(config: &Config) -> io::Result<Self> {
        let open = |key: &str, address: net::SocketAddr| {
            bind(address).map_err(|error| {
                let sentence = format!("`{key}` can't be listened on ({address}): {error}");
                io::Error::new(error.kind(), sentence)
            })
        };
        let base_url = open("listen.base_url", config.base_url)?;
        let forward_proxy = config.listen.forward_proxy;
        let forward_proxy = forward_proxy.map(|address| open("listen.forward_proxy", address));
        let mut transparent = Vec::new();
        let mut missing = None;
        for address in &config.listen.transparent {
            match open("listen.transparent", *address) {
                Ok(listener) => transparent.push(listener),
                Err(error) if address.is_ipv6() && has_no_family(&error) => {
                    tracing::warn!(%error, "this machine has no IPv6, so none is redirected");
                    missing = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if transparent.is_empty() => Err(error),
            _ => Ok(Self {
                base_url,
                forward_proxy: forward_proxy.transpose()?,
                transparent,
            }),
        }
    }

    /// Makes other handles of the same sockets, for another worker.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let clone = |listener: &net::TcpListener| listener.try_clone();
        Ok(Self {
            base_url: self.base_url.try_clone()?,
            forward_proxy: self.forward_proxy.as_ref().map(clone).transpose()?,
            transparent: self
                .transparent
                .iter()
                .map(clone)
                .collect::<io::Result<_>>()?,
        })
    }

    /// Returns `config` with the addresses that are bound: the system chose the port where the
    /// configuration names port 0.
    ///
    /// # Errors
    /// The system does not know its own sockets.
    pub(crate) fn resolve_ports(&self, mut config: Config) -> io::Result<Config> {
        config.base_url = self.base_url.local_addr()?;
        if let Some(forward) = &self.forward_proxy {
            config.listen.forward_proxy = Some(forward.local_addr()?);
        }
        let transparent = self.transparent.iter().map(net::TcpListener::local_addr);
        config.listen.transparent = transparent.collect::<io::Result<_>>()?;
        Ok(config)
    }
}

/// True if an address can't be bound because this machine lacks its family (`EADDRNOTAVAIL`,
/// `EAFNOSUPPORT`).
fn has_no_family(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    matches!(error.kind(), AddrNotAvailable | Unsupported)
}

/// State that all workers need to intercept connections.
pub(crate) struct Front {
    own: Own,
    tls: Option<Arc<ServerConfig>>,
}

impl Front {
    /// Sets up TLS with the certificates of `resolver`; without one, connections to claimed hosts
    /// are refused. `bound` is the configuration with the addresses that are listened on, which may
    /// not be reached through here.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub(crate) fn new(
        bound: &Config,
        resolver: Option<Arc<dyn ResolvesServerCert>>,
    ) -> Result<Self, rustls::Error> {
        let mut own = vec![bound.base_url, bound.admin];
        own.extend(bound.listen.forward_proxy);
        own.extend(&bound.listen.transparent);
        let tls = resolver.map(terminate::tls).transpose()?;
        Ok(Self {
            own: Own(own),
            tls: tls.map(Arc::new),
        })
    }
}

/// State that one worker's connections share.
struct Context {
    worker: Arc<Worker>,
    shared: Arc<Shared>,
    front: Arc<Front>,
    connections: TaskTracker,
}

impl Context {
    /// Serves a request that may become an exchange; `connection` is the one that it came on, if
    /// that is known.
    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn would move its arguments once more"
    )]
    fn exchange(
        &self,
        request: Request<Incoming>,
        connection: Option<ConnectionId>,
    ) -> impl Future<Output = Response<Answer>> {
        async move {
            if request.method() == Method::CONNECT {
                // Closes the connection: the framing check takes what follows for a tunnel's bytes.
                let refusal = Refusal::new(
                    Code::BadFraming,
                    "this is no forward proxy: name `listen.forward_proxy` in HTTPS_PROXY",
                );
                return self.worker.refuse(&request, refusal);
            }
            if let Err(refusal) = message::check(&request) {
                return self.worker.refuse(&request, refusal);
            }
            self.worker.handle(request, connection).await
        }
    }
}

/// Kind of a listener, by which its connections are served.
#[derive(Clone, Copy)]
enum ListenerKind {
    BaseUrl,
    ForwardProxy,
    Transparent,
}

/// Serves connections until the process drains. Returns when the last of them has ended.
///
/// # Errors
/// A listener can't be used by this runtime.
pub(crate) async fn serve(
    listeners: Listeners,
    worker: Arc<Worker>,
    shared: Arc<Shared>,
    front: Arc<Front>,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    let context = Arc::new(Context {
        worker,
        shared,
        front,
        connections: connections.clone(),
    });
    let forward = listeners
        .forward_proxy
        .map(|l| (l, ListenerKind::ForwardProxy));
    let redirected = listeners.transparent.into_iter();
    let besides = forward
        .into_iter()
        .chain(redirected.map(|l| (l, ListenerKind::Transparent)));
    for (listener, kind) in besides {
        let listener = TcpListener::from_std(listener)?;
        connections.spawn(accept(listener, kind, Arc::clone(&context)));
    }
    accept(
        TcpListener::from_std(listeners.base_url)?,
        ListenerKind::BaseUrl,
        context,
    )
    .await;
    connections.close();
    connections.wait().await;
    Ok(())
}

async fn accept(listener: TcpListener, kind: ListenerKind, context: Arc<Context>) {
    let mut draining = std::pin::pin!(context.shared.reached(Phase::Draining));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut draining => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let Ok(permit) = context.shared.admission.admit_connection() else {
                    // Only clients that speak HTTP in clear get an answer.
                    if !matches!(kind, ListenerKind::Transparent) {
                        slow::turn_away(&stream);
                    }
                    continue;
                };
                let own = Arc::clone(&context);
                // Spawned as separate futures, so that an idle connection takes the memory of its
                // own kind only.
                match kind {
                    ListenerKind::BaseUrl => {
                        drop(context.connections.spawn(connection(stream, permit, own)));
                    }
                    ListenerKind::ForwardProxy => {
                        let permit = Arc::new(permit);
                        drop(
                            context
                                .connections
                                .spawn(forward::serve(stream, permit, own)),
                        );
                    }
                    ListenerKind::Transparent => {
                        let to = transparent::destination(&stream);
                        let serving = transparent::serve(stream, to, Arc::new(permit), own);
                        drop(context.connections.spawn(serving));
                    }
                }
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to the base URL.
async fn connection(stream: TcpStream, permit: ConnectionPermit, context: Arc<Context>) {
    // Without it, small events wait for the peer's delayed acknowledgement: 40 ms (measured).
    if stream.set_nodelay(true).is_err() {
        return; // gone already
    }
    metrics::connection("base_url", "plain");
    let limits = context.shared.generation.load().config.limits.clone();
    let shared = Arc::clone(&context.shared);
    let id = Some(ConnectionId(permit.id()));
    http(stream, false, &limits, &shared, &permit, move |request| {
        let context = Arc::clone(&context);
        async move { context.exchange(request, id).await }
    })
    .await;
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
