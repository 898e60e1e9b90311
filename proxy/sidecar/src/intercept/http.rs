//! HTTP on one connection.
//!
//! hyper keeps two buffers of 8 KiB for each HTTP/1 connection, busy or not. An app that pools
//! connections leaves hundreds of them idle, so one that was idle for a moment is *parked*: hyper
//! is taken off the connection, and started anew with the next byte. Parking happens between two
//! messages only. The rest of a streamed reply is written without hyper, too: see `relay.rs`.
//! hyper is taken off likewise where a head has more lines than it takes by default, and begins
//! anew with room for as many as the limit allows: no other connection pays for that room.
//! HTTP/2 connections are not parked: their state is the connection's.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use dialect::recognise::is_websocket;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Version, header};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    framing::{Checked, PREFACE_METHOD, header_lines},
    http2::serve_http2,
    relay::{self, Outcome, Progress, Relay, allows_relay, is_chunked},
    served::{Heads, Served},
    slow::{TrackedBody, TrackedStream},
};
use crate::{
    config::Limits,
    exchange::{
        Answer,
        generation::{Phase, Shared},
        socket::Tunnel,
    },
    overload::{ConnectionPermit, ConnectionSignal},
};

/// Longest time that an idle connection may take to end in order.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are read of a parked connection before hyper is started for it.
const FIRST: usize = 64;

/// Serves HTTP on `stream` with `answer`, until it ends, `permit` is signalled to end or the
/// process drains. `http2` is true if the two ends agreed on HTTP/2.
pub(super) async fn http<S, A, R>(
    stream: S,
    http2: bool,
    limits: &Limits,
    shared: &Shared,
    permit: &ConnectionPermit,
    answer: A,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Answer>> + Send + 'static,
{
    let (handle, answer) = (permit.handle(), &answer);
    let stream = TrackedStream::new(stream, handle.clone());
    let mut parked = match http2 {
        true => Checked::http2(stream, limits.headers, limits.header_timeout),
        false => Checked::new(stream, limits.headers, limits.header_timeout),
    };
    let mut draining = pin!(shared.reached(Phase::Draining).fuse());
    let socket: Arc<Mutex<Option<Tunnel>>> = Arc::default();
    let mut begun = Vec::new();
    let (mut first, mut last) = (true, false);
    loop {
        // The first four bytes tell HTTP/2 from HTTP/1.
        while begun.is_empty() || first && is_part_of_preface(&begun) {
            let mut bytes = [0; FIRST];
            let read = tokio::select! {
                read = read(&mut parked, &mut bytes) => read,
                () = &mut draining => return,
                signal = permit.signalled() => match signal {
                    ConnectionSignal::Parked => continue, // hyper has left already
                    ConnectionSignal::Stalled | ConnectionSignal::Idle => return,
                },
            };
            match read {
                Ok(bytes) if !bytes.is_empty() => begun.extend_from_slice(bytes),
                _ => return, // gone, or too slow with its first head
            }
        }
        let progress = Arc::new(Progress::default());
        let is_http2 = first && begun.starts_with(PREFACE_METHOD);
        first = false;
        let heads = match parked.many_lines_from() {
            Some(_) => Heads::Many,
            None => Heads::Few,
        };
        let stream = TokioIo::new(Served {
            stream: parked,
            heads,
            begun: std::mem::take(&mut begun),
            handle: handle.clone(),
            progress: Arc::clone(&progress),
        });
        if is_http2 {
            return Box::pin(serve_http2(stream, limits, draining, permit, answer)).await;
        }
        // Boxed, as is the connection itself: nothing of them is left while parked.
        let service = service_fn(|request: Request<Incoming>| {
            let (busy, wants) = (handle.exchange(), wants_socket(&request));
            let relays = allows_relay(&request);
            let (answered, socket) = (answer(request), Arc::clone(&socket));
            let progress = Arc::clone(&progress);
            progress.requested();
            // Boxed, so that a connection between two exchanges does not keep the memory that one
            // needs; mapped, as a block that awaited it would store it twice.
            Box::pin(answered.map(move |mut answered| {
                if let Some(tunnel) = socket_of(&mut answered, wants) {
                    *socket.lock() = Some(tunnel);
                }
                progress.replied(relays && is_chunked(&answered));
                let lent = |body| relay::Lent::new(TrackedBody::new(body, busy), progress);
                Ok::<_, Infallible>(answered.map(lent))
            }))
        });
        let mut server = http1(limits, heads);
        let connection = server.keep_alive(!last).serve_connection(stream, service);
        let mut connection = Box::new(connection.with_upgrades());
        let ended = loop {
            let mut notices = Notices {
                permit,
                shared,
                draining: draining.as_mut(),
                signalled: pin!(permit.signalled()),
                registered: false,
            };
            let event = poll_fn(|context| {
                if let Poll::Ready(ended) = poll_part(&mut connection, &progress, context) {
                    return Poll::Ready(Event::Ended(ended));
                }
                if progress.is_relay_due() && !last {
                    return Poll::Ready(Event::Ended(Ended::Relayed));
                }
                notices.poll(context).map(Event::Notice)
            });
            match event.await {
                Event::Ended(ended) => break ended,
                Event::Notice(Notice::Draining) => {
                    Pin::new(&mut *connection).graceful_shutdown();
                    last = true;
                    break poll_fn(|context| poll_part(&mut connection, &progress, context)).await;
                }
                Event::Notice(Notice::Signalled(ConnectionSignal::Stalled)) => return,
                Event::Notice(Notice::Signalled(ConnectionSignal::Idle)) => {
                    Pin::new(&mut *connection).graceful_shutdown();
                    last = true;
                    let rest = poll_fn(|context| poll_part(&mut connection, &progress, context));
                    match tokio::time::timeout(CLOSE_TIMEOUT, rest).await {
                        Ok(Ended::Deferred) => break Ended::Deferred,
                        _ => return,
                    }
                }
                Event::Notice(Notice::Signalled(ConnectionSignal::Parked)) => {
                    if handle.rests() && progress.is_flushed() {
                        break Ended::Parked;
                    }
                }
            }
        };
        if matches!(ended, Ended::Over) {
            drop(connection);
            let socket = socket.lock().take();
            if let Some(tunnel) = socket {
                let _busy = handle.exchange(); // a WebSocket counts as one exchange
                tokio::select! {
                    () = Box::pin(tunnel.run()) => {} // boxed, as few connections become one
                    () = stalled(permit) => {}
                }
            }
            return;
        }
        let (parts, body) = progress.take_body(|| connection.into_parts());
        let Some(parts) = parts else {
            return; // never: it was not upgraded
        };
        let http1::Parts { io, read_buf, .. } = parts;
        let served = io.into_inner();
        parked = served.stream;
        begun = [&*read_buf, &*served.begun].concat();
        drop(read_buf); // hyper's whole buffer
        if matches!(ended, Ended::Relayed) {
            // Never, by `Progress`; but whose bytes these are would not be guessed.
            let Some(body) = body.filter(|_| begun.is_empty()) else {
                return;
            };
            let relay = Relay::new(body);
            let rest = relay_rest(relay, &mut parked, shared, permit, draining.as_mut());
            match Box::pin(rest).await {
                Some(early) => begun = early,
                None => return,
            }
        }
        handle.unpark();
    }
}

/// Reasons for which hyper's part in a connection is interrupted, or over.
enum Event {
    Ended(Ended),
    Notice(Notice),
}

/// Outcome of hyper's part in a connection.
enum Ended {
    /// For good, or because the connection is a WebSocket's now.
    Over,
    Parked,
    /// The rest of a reply is to be relayed.
    Relayed,
    /// A head that was deferred begins the next part.
    Deferred,
}

/// Polls hyper's part in a connection until that is over, or a head is deferred. Errors are the
/// peer's: it left, or sent a message that was answered with 400.
fn poll_part<C: Future + Unpin, B>(
    connection: &mut C,
    progress: &Progress<B>,
    context: &mut Context<'_>,
) -> Poll<Ended> {
    // Polled again where a head is deferred: its turn may have ended before it ended the
    // connection.
    for _ in 0..2 {
        if Pin::new(&mut *connection).poll(context).is_ready() {
            return Poll::Ready(Ended::Over);
        }
        if !progress.is_restart_due() {
            return Poll::Pending;
        }
    }
    Poll::Ready(Ended::Deferred)
}

/// Notices for a connection from outside.
enum Notice {
    Draining,
    Signalled(ConnectionSignal),
}

/// Both sources of notices for a connection. They know the connection's task since they were first
/// polled; until there is notices, another poll would only lock their lists.
struct Notices<'a, D, F> {
    permit: &'a ConnectionPermit,
    shared: &'a Shared,
    /// Fused, as a connection goes on after it.
    draining: Pin<&'a mut D>,
    signalled: Pin<&'a mut F>,
    registered: bool,
}

impl<D, F> Notices<'_, D, F>
where
    D: Future<Output = ()>,
    F: Future<Output = ConnectionSignal>,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Notice> {
        let none = !self.permit.is_signalled() && self.shared.phase() < Phase::Draining;
        if self.registered && none {
            return Poll::Pending;
        }
        self.registered = true;
        if self.draining.as_mut().poll(context).is_ready() {
            return Poll::Ready(Notice::Draining);
        }
        self.signalled.as_mut().poll(context).map(Notice::Signalled)
    }
}

/// Relays the rest of a reply; returns what the client sent of its next request, or `None` where
/// the connection is not to be used any more.
async fn relay_rest<S: AsyncRead + AsyncWrite + Unpin>(
    mut relay: Relay<TrackedBody<Answer>>,
    stream: &mut Checked<TrackedStream<S>>,
    shared: &Shared,
    permit: &ConnectionPermit,
    mut draining: Pin<&mut impl Future<Output = ()>>,
) -> Option<Vec<u8>> {
    #[cfg(test)]
    (shared.relayed).fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let handle = permit.handle();
    let mut last = false;
    loop {
        let mut notices = Notices {
            permit,
            shared,
            draining: draining.as_mut(),
            signalled: pin!(permit.signalled()),
            registered: false,
        };
        let ended = poll_fn(|context| {
            let polled = relay.poll(stream, context);
            handle.between_messages(stream.between_messages());
            match polled {
                Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
                Poll::Pending => notices.poll(context).map(Err),
            }
        });
        match ended.await {
            Ok(Outcome::Broken) => return None,
            Ok(Outcome::Whole) if !last => return Some(relay.into_early()),
            Ok(Outcome::Whole) => {
                let _ = poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await;
                return None;
            }
            Err(Notice::Draining) => last = true,
            Err(Notice::Signalled(ConnectionSignal::Parked)) => {}
            Err(Notice::Signalled(ConnectionSignal::Stalled)) => return None,
            Err(Notice::Signalled(ConnectionSignal::Idle)) => {
                let rest = poll_fn(|context| relay.poll(stream, context));
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, rest).await;
                return None;
            }
        }
    }
}

/// True if too few bytes have come to tell whether HTTP/2 begins.
fn is_part_of_preface(begun: &[u8]) -> bool {
    begun.len() < PREFACE_METHOD.len() && PREFACE_METHOD.starts_with(begun)
}

/// True if bytes that are not HTTP may follow a request: those of a WebSocket. The framing check
/// does not look at them.
pub(super) fn wants_socket<B>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2
        && request.method() == Method::GET
        && is_websocket(request.headers())
}

/// Returns the WebSocket tunnel that a connection becomes with this answer. Where one was wanted
/// and there is none, the connection ends with the answer, as the bytes that follow were not
/// checked.
pub(super) fn socket_of<B>(answer: &mut Response<B>, wanted: bool) -> Option<Tunnel> {
    let tunnel = answer.extensions_mut().remove::<Tunnel>();
    if wanted && tunnel.is_none() {
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(header::CONNECTION, close);
    }
    tunnel
}

/// Resolves once the peer reads nothing any more.
async fn stalled(permit: &ConnectionPermit) {
    while permit.signalled().await != ConnectionSignal::Stalled {
        // The connection is in use, however little moves: see `tunnel.run`.
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    }
}

fn http1(limits: &Limits, heads: Heads) -> http1::Builder {
    let mut server = http1::Builder::new();
    // `pipeline_flush` stays off: it lifts hyper's bound on what is written ahead, and a client
    // that stops reading then costs all its stream in memory (seen: 3.7 GB in nine seconds).
    server
        .max_buf_size(limits.headers.max(64 << 10))
        .header_read_timeout(None);
    if heads == Heads::Many {
        server.max_headers(header_lines(limits.headers));
    }
    server
}

async fn read<'a, S: AsyncRead + Unpin>(
    stream: &mut S,
    into: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let mut buffer = ReadBuf::new(into);
    poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer)).await?;
    let read = buffer.filled().len();
    Ok(into.get(..read).unwrap_or_default())
}
