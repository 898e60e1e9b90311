//! WebSockets: refused where a policy would have to see into them, a tunnel where none does.
//!
//! No dialect reads their messages. A client that is answered 426 goes on over HTTP, where policies
//! see what it says: agents do that on their own. Where nobody reads or judges, or the operator has
//! policies skip what they can't see, the upgrade goes out as it came and bytes pass both ways
//! until one side ends, nothing moves for an hour, or the process goes.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use dialect::{Dialect, recognise::REALTIME, request::Body as RequestBody};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use super::{
    Answer, Reply, Worker,
    attempt::Transport,
    chain::{Decided, missed},
    failure::Failure,
    generation::{Phase, Shared},
    ledger::{Observed, Reading},
    live,
    render::{Outgoing, call, plan},
    settle::ExchangeGuard,
};
use crate::{
    refusal::{Code, Refusal},
    upstream::{Inbound, credentials},
};

/// A socket through which nothing moved for so long ends.
const IDLE: Duration = Duration::from_secs(3600);
/// The same, once the process drains.
const IDLE_DRAINING: Duration = Duration::from_secs(2);
/// The same, once one side has ended: the other is only to read what is left and end as well.
const IDLE_HALF: Duration = Duration::from_secs(10);
/// The longest that the two connections may take to become the socket's, once both sides have
/// agreed.
const HANDED_OVER: Duration = Duration::from_secs(10);

/// Both ends of a socket, before they are joined.
pub(super) struct Ends {
    client: OnUpgrade,
    server: OnUpgrade,
}

impl<T: Transport> Worker<T> {
    /// An exchange that wants to be a WebSocket.
    pub(super) async fn open_socket<B>(
        &self,
        mut request: Request<B>,
        guard: &mut ExchangeGuard,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Data = Bytes> + Send,
    {
        self.refuse_while_draining()?;
        let generation = Arc::clone(&guard.generation);
        if let Some(policy) = generation.chain.blocks_unread(REALTIME) {
            missed(&generation.chain, REALTIME, 1);
            let message = format!(
                "the policy `{}` can't see into a WebSocket: ask over HTTP; the operator may set `on_unseen: {{ realtime: skip }}` for the policy",
                policy.name
            );
            return Err(Refusal::new(Code::UpgradeRequired, message));
        }
        if !request.body().is_end_stream() {
            let message = "a request for a WebSocket has no body";
            return Err(Refusal::new(Code::BadRequest, message));
        }
        let client = on(&mut request);
        let (parts, _) = request.into_parts();
        let protocol = parts.headers.get(header::UPGRADE).cloned();
        let body = RequestBody::wire(Dialect::Other, Bytes::new());
        let call = call(parts, body, guard);
        let call = match self.on_request(call, Some((REALTIME, 1)), guard).await? {
            Decided::Forward(call) => call,
            Decided::Answered(reply) => return Ok(reply),
            Decided::Served(reply) => return Ok(Reply::Relay(reply)),
        };
        let plan = plan(&generation, &call)?;
        let mut outgoing = Outgoing {
            upgrade: protocol,
            ..Outgoing::whole(call)
        };
        let sent = self.send(&mut outgoing, &plan, guard).await;
        let mut reply = sent.or_else(Failure::into_reply)?;
        if reply.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Reply::Relay(reply));
        }
        let server = on(&mut reply);
        guard.ledger.charge.served = true;
        Ok(Reply::Switched(
            reply.map(|_: Inbound| Ends { client, server }),
        ))
    }
}

/// The answer that makes a connection a socket's; the [`Tunnel`] is among its extensions, for
/// whoever serves the connection.
pub(super) fn switched(
    response: Response<Ends>,
    mut guard: Box<ExchangeGuard>,
) -> Response<Answer> {
    guard.record.status = response.status().as_u16();
    guard.record.streaming = true;
    let (mut head, ends) = response.into_parts();
    let protocol = head.headers.remove(header::UPGRADE);
    credentials::strip_hop_by_hop(&mut head.headers);
    head.headers
        .insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    head.headers
        .extend(protocol.map(|protocol| (header::UPGRADE, protocol)));
    for (name, value) in std::mem::take(&mut guard.reply_headers) {
        head.headers.insert(name, value);
    }
    head.extensions.clear();
    head.extensions
        .insert(Tunnel(Arc::new(Mutex::new(Some((ends, guard))))));
    Response::from_parts(head, live::without_settlement(Bytes::new()))
}

/// A socket that begins once its answer is written. Dropped without having run, it closes both
/// ends.
#[derive(Clone)]
pub struct Tunnel(Arc<Mutex<Option<Ready>>>);

/// Both ends, and the exchange that is settled with them.
type Ready = (Ends, Box<ExchangeGuard>);

impl Tunnel {
    /// Passes bytes both ways until the socket ends. The exchange is settled then.
    pub async fn run(self) {
        let taken = self.0.lock().take();
        let Some((ends, mut guard)) = taken else {
            return;
        };
        let shared = Arc::clone(&guard.shared);
        let moved = Arc::new(Moved::new());
        let both = async { tokio::try_join!(ends.client, ends.server) };
        let Ok(Ok((client, server))) = timeout(HANDED_OVER, both).await else {
            guard.record.error = Some("upgrade_failed".into());
            return;
        };
        let mut client = Noted::new(TokioIo::new(client), &moved, Side::Client);
        let mut server = Noted::new(TokioIo::new(server), &moved, Side::Server);
        let whole = tokio::select! {
            ended = copy_bidirectional(&mut client, &mut server) => ended.is_ok(),
            () = moved.ceased(IDLE) => false,
            () = async {
                moved.ended.notified().await;
                moved.ceased(IDLE_HALF).await;
            } => true,
            () = drained(&shared, &moved) => false,
        };
        if !whole {
            guard.record.error = Some("socket_cut".into());
        }
        guard.record.client_gone = false;
        let (sent, received) = (moved.sent.load(Relaxed), moved.received.load(Relaxed));
        guard.record.request_bytes = sent;
        guard.record.reply_bytes = received;
        // Nobody read what it cost: four bytes are a token, rather than none.
        guard.ledger.charge.expected.input = sent / 4;
        guard.ledger.charge.served = true;
        guard.observed = Observed {
            reading: Reading::Part,
            output: received / 4,
            bytes: received,
            ..Observed::default()
        };
    }
}

/// Resolves when a socket must end because the process does.
async fn drained(shared: &Shared, moved: &Moved) {
    let quiet = async {
        shared.reached(Phase::Draining).await;
        moved.ceased(IDLE_DRAINING).await;
    };
    tokio::select! {
        () = quiet => {}
        () = shared.reached(Phase::Cut) => {}
    }
}

/// Bytes that went through, and when something last did, in milliseconds after the beginning.
struct Moved {
    begun: Instant,
    last: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    /// One side has ended.
    ended: Notify,
}

impl Moved {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            ended: Notify::new(),
        }
    }

    fn note(&self, from: Side, bytes: usize) {
        let count = match from {
            Side::Client => &self.sent,
            Side::Server => &self.received,
        };
        count.fetch_add(bytes as u64, Relaxed);
        let since = u64::try_from(self.begun.elapsed().as_millis());
        self.last.store(since.unwrap_or(u64::MAX), Relaxed);
    }

    /// Resolves once nothing has moved for `limit`.
    async fn ceased(&self, limit: Duration) {
        loop {
            let last = self.begun + Duration::from_millis(self.last.load(Relaxed));
            let quiet = last.elapsed();
            if quiet >= limit {
                return;
            }
            sleep(limit - quiet).await;
        }
    }
}

/// The side that bytes come from.
#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

/// One end, of which is noted what comes from it.
struct Noted<S> {
    stream: S,
    moved: Arc<Moved>,
    side: Side,
}

impl<S> Noted<S> {
    fn new(stream: S, moved: &Arc<Moved>, side: Side) -> Self {
        let moved = Arc::clone(moved);
        Self {
            stream,
            moved,
            side,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            self.moved.note(self.side, read);
        } else if polled.is_ready() && buffer.remaining() > 0 {
            self.moved.ended.notify_one();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_socket_is_idle_only_after_nothing_has_moved_either_way_for_its_time() {
        let moved = Moved::new();
        let begun = Instant::now();
        let ceased = async {
            moved.ceased(IDLE).await;
            begun.elapsed()
        };
        let moves = async {
            for side in [Side::Client, Side::Server] {
                sleep(IDLE / 2).await;
                moved.note(side, 1);
            }
        };
        let (ended, ()) = tokio::join!(ceased, moves);
        assert_eq!(ended, IDLE * 2);
        let counted = (moved.sent.load(Relaxed), moved.received.load(Relaxed));
        assert_eq!(counted, (1, 1));
    }
}
