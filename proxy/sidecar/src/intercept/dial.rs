//! Connections to a destination that an app named: resolves it, judges the addresses, connects to a
//! judged one.
//!
//! Addresses are judged after name resolution: however an address is spelt, and whatever a name
//! resolves to a moment later, the connection goes to an address that was judged.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::LazyLock,
    time::Duration,
};

use dashmap::DashSet;
use tokio::{net::TcpStream, time::timeout};

use super::decide::RefuseReason;
use crate::{
    config::{Reach, hosts::normal},
    upstream::addresses::forbidden,
};

/// Longest time for a connection, names and all their addresses included.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest time for one address of several.
const ONE_OF_MANY: Duration = Duration::from_secs(3);

/// Addresses on which Outrigger itself listens.
#[derive(Debug, Clone, Default)]
pub(super) struct Own(pub(super) Vec<SocketAddr>);

impl Own {
    /// True if a connection to `address` would end at Outrigger.
    pub(super) fn has(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        self.0.iter().any(|own| {
            let at = own.ip().to_canonical();
            // Connecting to the unspecified address reaches this machine, and a listener on it is
            // reached at every address.
            own.port() == address.port()
                && (at == ip || ip.is_unspecified() || at.is_unspecified() && is_local(ip))
        })
    }
}

/// True if `ip` is one of this machine's: a socket may be bound to those only.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// Reasons for which there is no connection.
#[derive(Debug)]
pub(super) enum DialError {
    /// The destination is Outrigger.
    Own,
    /// All it resolves to are addresses of this kind.
    Forbidden(&'static str),
    /// The name is not known.
    Name(io::Error),
    /// Nothing answers at the addresses.
    Connect(io::Error),
    /// No connection in time.
    Slow,
}

impl DialError {
    pub(super) const fn why(&self) -> RefuseReason {
        match self {
            Self::Own => RefuseReason::Loop,
            Self::Forbidden(_) => RefuseReason::Forbidden,
            Self::Name(_) | Self::Connect(_) | Self::Slow => RefuseReason::Unreachable,
        }
    }

    /// Returns the cause for the operator's log.
    pub(super) const fn cause(&self) -> Option<&io::Error> {
        match self {
            Self::Name(cause) | Self::Connect(cause) => Some(cause),
            Self::Own | Self::Forbidden(_) | Self::Slow => None,
        }
    }
}

/// Connects to `host` (without brackets), at an address that may be reached.
pub(super) async fn dial(
    host: &str,
    port: u16,
    own: &Own,
    reach: &[Reach],
) -> Result<TcpStream, DialError> {
    let all = async {
        let found = tokio::net::lookup_host((host, port))
            .await
            .map_err(DialError::Name)?;
        connect(&judge(&normal(host), found, own, reach)?).await
    };
    timeout(CONNECT, all).await.unwrap_or(Err(DialError::Slow))
}

/// Returns the addresses that may be reached.
pub(super) fn judge(
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
    own: &Own,
    reach: &[Reach],
) -> Result<Vec<SocketAddr>, DialError> {
    let mut refused = None;
    let kept: Vec<_> = found
        .filter(|address| {
            let granted = || reach.iter().any(|reach| reach.grants(host, *address));
            let why = if own.has(*address) {
                Some(DialError::Own)
            } else {
                forbidden(address.ip())
                    .filter(|_| !granted())
                    .map(DialError::Forbidden)
            };
            let free = why.is_none();
            refused = refused.take().or(why);
            free
        })
        .collect();
    match (kept.is_empty(), refused) {
        (false, _) => Ok(kept),
        (true, Some(why)) => Err(why),
        (true, None) => Err(DialError::Name(io::ErrorKind::NotFound.into())),
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    let mut last = DialError::Slow;
    for address in addresses {
        let limit = if addresses.len() > 1 {
            ONE_OF_MANY
        } else {
            CONNECT
        };
        match timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = DialError::Connect(error),
            Err(_) => {}
        }
    }
    Err(last)
}

/// Both ends of the connections that tunnels of redirected connections have dialled. No two
/// connections of a machine have both ends in common.
static DIALLED: LazyLock<DashSet<(SocketAddr, SocketAddr)>> = LazyLock::new(DashSet::new);

/// Entry in [`DIALLED`], removed when dropped.
pub(super) struct DialledEntry((SocketAddr, SocketAddr));

impl DialledEntry {
    fn new(stream: &TcpStream) -> io::Result<Self> {
        let ends = (stream.local_addr()?, stream.peer_addr()?);
        DIALLED.insert(ends);
        Ok(Self(ends))
    }
}

impl Drop for DialledEntry {
    fn drop(&mut self) {
        DIALLED.remove(&self.0);
    }
}

/// True if a redirected connection was dialled here: rules that don't exempt the proxy's user
/// redirect it back, and it would be dialled again until no file descriptor is left. To be called
/// once something of the connection was seen, as its entry exists by then.
pub(super) fn came_back(from: SocketAddr, to: SocketAddr) -> bool {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    DIALLED.contains(&(plain(from), plain(to)))
}

/// Connects to exactly the address that a redirected connection was going to.
pub(super) async fn dial_original(
    address: SocketAddr,
    own: &Own,
) -> Result<(TcpStream, DialledEntry), DialError> {
    original(address, own)?;
    match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(connected) => connected
            .and_then(|stream| Ok((DialledEntry::new(&stream)?, stream)))
            .map(|(entry, stream)| (stream, entry))
            .map_err(DialError::Connect),
        Err(_) => Err(DialError::Slow),
    }
}

/// Judges the address that a redirected connection was going to. Private addresses are allowed: the
/// app could have gone there by itself, under the same network policies. Loopback and metadata
/// addresses are not: seen from the sidecar, they can be another's.
pub(super) fn original(address: SocketAddr, own: &Own) -> Result<(), DialError> {
    if own.has(address) {
        return Err(DialError::Own);
    }
    let ip = address.ip().to_canonical();
    let metadata = [
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254].into()),
    ];
    match forbidden(ip) {
        Some(why @ ("loopback" | "link-local" | "unspecified" | "multicast")) => {
            Err(DialError::Forbidden(why))
        }
        _ if metadata.contains(&ip) => Err(DialError::Forbidden("metadata")),
        _ if ip == IpAddr::V4(Ipv4Addr::BROADCAST) => Err(DialError::Forbidden("broadcast")),
        _ => Ok(()),
    }
}
