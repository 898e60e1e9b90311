//! A tunnel: bytes from one socket to the other unchanged, ends and resets included, until both
//! sides have ended.
//!
//! An idle tunnel costs two sockets and a few hundred bytes: bytes in progress pass through one
//! buffer of the worker's, and only those that a slow peer does not take at once are buffered by
//! the tunnel itself.
//!
//! A tunnel that began before its client's first bytes were seen judges them when they come: a
//! hello for a host that an upstream claims ends it, or every app could bypass the policies by a
//! CONNECT to an address.

use std::{
    cell::RefCell,
    io,
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    decide::{Action, RefuseReason, decide},
    hello::{self, Opening},
};
use crate::{
    config::Others,
    exchange::generation::{Phase, Shared},
    telemetry::metrics,
};

/// Time without any byte after which a tunnel ends.
const IDLE: Duration = Duration::from_secs(3600);
/// The same, once the process drains.
const IDLE_DRAINING: Duration = Duration::from_secs(2);
/// Most bytes of one read.
const PIECE: usize = 64 << 10;
/// Reads in a row after which the worker's other tasks have their turn.
const TURN: u32 = 16;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE].into());
}

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Returns the number of open tunnels, for which a drain waits besides exchanges.
pub(crate) fn tunnels() -> usize {
    OPEN.load(Ordering::Relaxed)
}

struct Open;
impl Open {
    fn new() -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        metrics::tunnel(true);
        Self
    }
}
impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
        metrics::tunnel(false);
    }
}

/// Both ends of a tunnel.
pub(super) struct Tunnel {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    /// Bytes that the client has sent already.
    pub(super) first: Vec<u8>,
    /// The host that the client dialled and its port, where its first bytes have not been judged
    /// yet.
    pub(super) unjudged: Option<(String, u16)>,
}

/// Reasons for which a tunnel ends before its ends do.
#[derive(Debug)]
enum End {
    Broken,
    Refused(RefuseReason),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// Time of the last byte, in milliseconds after the tunnel began.
struct Activity {
    begun: Instant,
    last: AtomicU64,
}

impl Activity {
    fn now(&self) {
        let since = self.begun.elapsed().as_millis();
        self.last
            .store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    /// Resolves once nothing has moved for `limit`.
    async fn ceased(&self, limit: Duration) {
        loop {
            let last = self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed));
            let quiet = last.elapsed();
            if quiet >= limit {
                return;
            }
            sleep(limit - quiet).await;
        }
    }
}

impl Tunnel {
    /// Runs until both sides have ended, one broke off, nothing moved for long, or the process cuts
    /// what is left.
    pub(super) async fn run(self, shared: &Arc<Shared>) {
        let _open = Open::new();
        let Self {
            client,
            server,
            first,
            unjudged,
        } = self;
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let activity = Activity {
            begun: Instant::now(),
            last: AtomicU64::new(0),
        };
        let there = async {
            let first = match unjudged {
                Some((host, port)) => judged(&client, first, &host, port, shared).await?,
                None => first,
            };
            send(&server, &first, &activity).await?;
            count("sent", first.len());
            drop(first);
            pump(&client, &server, "sent", &activity).await?;
            Ok(())
        };
        let back = async {
            pump(&server, &client, "received", &activity).await?;
            Ok::<_, End>(())
        };
        let ended = tokio::select! {
            ended = async { tokio::try_join!(there, back) } => ended.map(drop),
            () = activity.ceased(IDLE) => Err(End::Broken),
            () = async {
                shared.reached(Phase::Draining).await;
                activity.ceased(IDLE_DRAINING).await;
            } => Err(End::Broken),
            () = shared.reached(Phase::Cut) => Err(End::Broken),
        };
        let Err(end) = ended else { return };
        if let End::Refused(why) = end {
            metrics::connection_refused("forward_proxy", why.label());
            tracing::debug!(reason = why.label(), "a tunnel was cut");
        }
        // A broken connection must not look like a clean end.
        for side in [&client, &server] {
            let _ = SockRef::from(side).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Waits for the client's first bytes and judges them, before any of them is passed on.
async fn judged(
    client: &TcpStream,
    first: Vec<u8>,
    host: &str,
    port: u16,
    shared: &Shared,
) -> Result<Vec<u8>, End> {
    let patience = shared.generation.load().config.limits.header_timeout;
    if first.is_empty() {
        spoken(client).await;
    }
    let (opening, first) = opening(client, first, patience).await?;
    let Some(opening) = opening else {
        return Ok(first); // it ended before it said anything
    };
    let config = &shared.generation.load().config;
    match decide(&config.hosts, Others::Tunnel, Some(host), port, &opening) {
        Action::Tunnel(passed) => metrics::passed(passed.label()),
        // A reload claimed the host just now.
        Action::Terminate => return Err(End::Refused(RefuseReason::Mismatch)),
        Action::Refuse(why) => return Err(End::Refused(why)),
    }
    Ok(first)
}

/// Resolves once there is something to read, even if it is the end. (`readable` alone also resolves
/// for nothing: seen with sockets just accepted.)
pub(super) async fn spoken(stream: &TcpStream) {
    let _ = stream.peek(&mut [0; 1]).await;
}

/// Reads until it is clear how the client begins. `None` where it ended before that was clear,
/// which is no TLS in any case.
///
/// # Errors
/// The connection broke. A hello that does not come to its end within `patience` is malformed.
pub(super) async fn opening(
    client: &TcpStream,
    mut bytes: Vec<u8>,
    patience: Duration,
) -> io::Result<(Option<Opening>, Vec<u8>)> {
    let reading = async {
        loop {
            if let Some(opening) = hello::read(&bytes) {
                return Ok::<_, io::Error>(Some(opening));
            }
            client.readable().await?;
            bytes.reserve(2048);
            match client.try_read_buf(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    let opening = match timeout(patience, reading).await {
        Ok(read) => read?,
        Err(_) => Some(Opening::Malformed),
    };
    Ok((opening, bytes))
}

fn count(direction: &'static str, bytes: usize) {
    metrics::tunnelled(direction, bytes as u64);
}

/// Moves bytes until `from` ends, and passes the end on to `to`.
async fn pump(
    from: &TcpStream,
    to: &TcpStream,
    direction: &'static str,
    activity: &Activity,
) -> io::Result<()> {
    let mut turn = 0;
    loop {
        from.readable().await?;
        let moved = BUFFER.with_borrow_mut(|buffer| {
            let read = from.try_read(buffer).map_err(|error| (false, error))?;
            let bytes = buffer.get(..read).unwrap_or_default();
            let written = match to.try_write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err((true, error)),
            };
            let left = bytes.get(written..).unwrap_or_default();
            Ok((read, left.to_vec()))
        });
        match moved {
            Ok((0, _)) => break,
            Ok((read, left)) => {
                activity.now();
                count(direction, read);
                send(to, &left, activity).await?;
            }
            Err((false, error)) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err((_, error)) => return Err(error),
        }
        turn += 1;
        if turn % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    match SockRef::from(to).shutdown(Shutdown::Write) {
        Err(error) if error.kind() != io::ErrorKind::NotConnected => Err(error),
        _ => Ok(()),
    }
}

async fn send(to: &TcpStream, mut bytes: &[u8], activity: &Activity) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => {
                activity.now();
                bytes = bytes.get(written..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
