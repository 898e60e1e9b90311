//! Connections that the pod's rules redirected here: the kernel knows where each was going, and its
//! ClientHello names the host.
//!
//! A connection that was not redirected is refused: it has no destination but ourselves, and
//! serving it would make a loop or an open relay. A claimed host's TLS is terminated; the rest goes
//! to exactly where it was going.
//!
//! A client that sends nothing may be waiting for its server to speak first. After [`SILENCE`] its
//! server is dialled; the side that speaks first then decides: a hello that was late loses nothing,
//! as nothing has reached the client so far.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::SockRef;
use tokio::{net::TcpStream, time::timeout};

use super::{
    Context,
    decide::{Action, RefuseReason, TunnelReason, decide},
    dial::{DialError, DialledEntry, came_back, dial_original},
    hello::Opening,
    terminate::{Dialled, refuse, terminate},
    tunnel::{Tunnel, opening, spoken},
};
use crate::{
    config::Others, exchange::generation::Phase, overload::ConnectionPermit, telemetry::metrics,
};

const MODE: &str = "transparent";
/// Time for which a client may send nothing before its server is dialled.
const SILENCE: Duration = Duration::from_millis(300);

/// Returns where a connection was going before it was redirected.
///
/// # Errors
/// It was not redirected (`ENOENT`, `ENOPROTOOPT`), or the kernel tracks no connections.
pub(super) fn destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    let socket = SockRef::from(stream);
    let found = match stream.local_addr()?.ip().to_canonical() {
        std::net::IpAddr::V4(_) => socket.original_dst_v4()?,
        std::net::IpAddr::V6(_) => socket.original_dst_v6()?,
    };
    found
        .as_socket()
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Serves one connection that was going to `to`.
pub(super) async fn serve(
    stream: TcpStream,
    to: io::Result<SocketAddr>,
    permit: Arc<ConnectionPermit>,
    context: Arc<Context>,
) {
    let draining = context.shared.reached(Phase::Draining);
    let begun = tokio::select! {
        begun = begin(&stream, to, &context) => begun,
        () = draining => return,
    };
    match begun {
        Begun::Refused(why, tls) => {
            tracing::debug!(
                reason = why.label(),
                mode = MODE,
                "a connection was refused"
            );
            refuse(&stream, why, MODE, tls).await;
        }
        Begun::Gone => {}
        Begun::Terminate(first, dialled) => {
            terminate(stream, first, dialled, permit, context).await
        }
        Begun::Tunnel(first, (server, _entry), passed) => {
            let Ok(_tunnel_permit) = context.shared.admission.admit_tunnel() else {
                return; // the app sees a close: what it speaks is not known
            };
            metrics::connection(MODE, "tunnel");
            metrics::passed(passed.label());
            let tunnel = Tunnel {
                client: stream,
                server,
                first,
                unjudged: None,
            };
            let _busy = permit.handle().exchange(); // a tunnel has its own idle time-out
            tunnel.run(&context.shared).await;
        }
    }
}

/// A connection as its first bytes show it.
enum Begun {
    Terminate(Vec<u8>, Dialled),
    Tunnel(Vec<u8>, (TcpStream, DialledEntry), TunnelReason),
    /// Refused, and whether it spoke TLS.
    Refused(RefuseReason, bool),
    Gone,
}

fn unreached(error: &DialError, tls: bool) -> Begun {
    if let Some(error) = error.cause() {
        tracing::debug!(%error, mode = MODE, "a destination was not reached");
    }
    Begun::Refused(error.why(), tls)
}

async fn begin(stream: &TcpStream, to: io::Result<SocketAddr>, context: &Context) -> Begun {
    let own = &context.front.own;
    let to = match to {
        Ok(to) if stream.local_addr().is_ok_and(|local| local != to) && !own.has(to) => to,
        _ => return Begun::Refused(RefuseReason::Loop, false),
    };
    let (limits, others) = {
        let config = &context.shared.generation.load().config;
        (config.limits.clone(), config.listen.others)
    };
    let Ok(from) = stream.peer_addr() else {
        return Begun::Gone;
    };
    let mut dialled = None;
    if timeout(SILENCE, spoken(stream)).await.is_err() {
        if others == Others::Refuse {
            // Only a claimed host's client may stay, and in TLS the client speaks first.
            if timeout(limits.header_timeout, spoken(stream))
                .await
                .is_err()
            {
                return Begun::Refused(RefuseReason::Malformed, false);
            }
        } else if came_back(from, to) {
            return Begun::Refused(RefuseReason::Loop, false);
        } else {
            let server = match dial_original(to, own).await {
                Ok(server) => server,
                Err(error) => return unreached(&error, false),
            };
            tokio::select! {
                biased;
                () = spoken(stream) => dialled = Some(server),
                () = spoken(&server.0) => {
                    return Begun::Tunnel(Vec::new(), server, TunnelReason::Silent);
                }
            }
        }
    }
    let (opening, first) = match opening(stream, Vec::new(), limits.header_timeout).await {
        Ok((Some(opening), first)) => (opening, first),
        Ok((None, first)) if first.is_empty() => return Begun::Gone,
        Ok((None, first)) => (Opening::NotTls, first),
        Err(_) => return Begun::Gone,
    };
    let tls = opening != Opening::NotTls;
    if came_back(from, to) {
        return Begun::Refused(RefuseReason::Loop, tls);
    }
    let action = {
        let config = &context.shared.generation.load().config;
        decide(
            &config.hosts,
            config.listen.others,
            None,
            to.port(),
            &opening,
        )
    };
    match (action, opening) {
        (Action::Terminate, Opening::Name(host)) => Begun::Terminate(
            first,
            Dialled {
                host,
                port: to.port(),
                mode: MODE,
            },
        ),
        (Action::Terminate, _) => Begun::Refused(RefuseReason::NoName, tls), // never: only a name is claimed
        (Action::Refuse(why), _) => Begun::Refused(why, tls),
        (Action::Tunnel(passed), opening) => {
            if let Opening::Name(host) = opening {
                tracing::debug!(host, "tunnelled");
            }
            let server = match dialled {
                Some(server) => Ok(server),
                None => dial_original(to, own).await,
            };
            match server {
                Ok(server) => Begun::Tunnel(first, server, passed),
                Err(error) => unreached(&error, tls),
            }
        }
    }
}
