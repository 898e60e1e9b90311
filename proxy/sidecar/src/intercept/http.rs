//! HTTP on one connection.
//!
//! hyper keeps two buffers of 8 KiB for each HTTP/1 connection, busy or not. An app that pools
//! connections leaves hundreds of them idle, so one that was idle for a moment is *parked*: hyper
//! is shut down in order, without the socket, and started anew with the next byte. Parking happens
//! between two messages only; the framing check also has the bytes of a head that hyper had begun
//! to read, and they are given to the next hyper. HTTP/2 connections are not parked: their state is
//! the connection's.

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
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use parking_lot::Mutex;
use policy::ConnectionId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    framing::{Checked, header_lines},
    slow::{TrackedBody, TrackedStream},
};
use crate::{
    config::Limits,
    exchange::{
        Answer,
        generation::{Phase, Shared},
        socket::Tunnel,
    },
    flat_write::poll_write_flat,
    overload::{ConnectionHandle, ConnectionPermit, ConnectionSignal},
};

/// Streams of one HTTP/2 connection.
const H2_STREAMS: u32 = 256;
/// Bytes that are written ahead on one HTTP/2 stream whose client reads nothing; hyper's default is
/// 400 KiB, times all streams.
const H2_SEND_BUFFER: usize = 32 << 10;
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
    let mut draining = pin!(shared.reached(Phase::Draining));
    let back = Arc::new(Mutex::new(None));
    let socket: Arc<Mutex<Option<Tunnel>>> = Arc::default();
    let mut begun = Vec::new();
    loop {
        if begun.is_empty() {
            let mut first = [0; FIRST];
            let read = tokio::select! {
                read = read(&mut parked, &mut first) => read,
                () = &mut draining => return,
                _ = permit.signalled() => return,
            };
            match read {
                Ok(bytes) if !bytes.is_empty() => begun.extend_from_slice(bytes),
                _ => return, // gone, or too slow with its first head
            }
        }
        let lent = TokioIo::new(Lent {
            stream: Some(parked),
            back: Arc::clone(&back),
            begun: std::mem::take(&mut begun),
            handle: handle.clone(),
        });
        // Boxed, as is the connection itself: nothing of them is left while parked.
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectionId(permit.id()));
            let (busy, wants) = (handle.exchange(), wants_socket(&request));
            let (answered, socket) = (answer(request), Arc::clone(&socket));
            // Boxed, so that a connection between two exchanges does not keep the memory that one
            // needs; mapped, as a block that awaited it would store it twice.
            Box::pin(answered.map(move |mut answered| {
                if let Some(tunnel) = socket_of(&mut answered, wants) {
                    *socket.lock() = Some(tunnel);
                }
                Ok::<_, Infallible>(answered.map(|body| TrackedBody::new(body, busy)))
            }))
        });
        let server = server(limits);
        let mut connection = Box::pin(server.serve_connection_with_upgrades(lent, service));
        let ended = loop {
            // Errors are the peer's: it left, or sent a message that was answered with 400.
            tokio::select! {
                biased;
                _ = connection.as_mut() => break Ended::Over,
                () = &mut draining => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.as_mut().await;
                    break Ended::Over;
                }
                how = permit.signalled() => match how {
                    ConnectionSignal::Stalled => return,
                    ConnectionSignal::Idle => {
                        connection.as_mut().graceful_shutdown();
                        let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection).await;
                        return;
                    }
                    ConnectionSignal::Parked => {
                        if handle.park() {
                            connection.as_mut().graceful_shutdown();
                            let _ = connection.as_mut().await;
                            break Ended::Parked;
                        }
                    }
                },
            }
        };
        drop(connection);
        if matches!(ended, Ended::Over) {
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
        let Some(stream) = back.lock().take() else {
            return;
        };
        parked = stream;
        begun = parked.begun();
        handle.unpark();
    }
}

/// Outcome of hyper's part in a connection.
enum Ended {
    /// For good, or because the connection is a WebSocket's now.
    Over,
    Parked,
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

fn server(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    // `pipeline_flush` stays off: it lifts hyper's bound on what is written ahead, and a client
    // that stops reading then costs all its stream in memory (seen: 3.7 GB in nine seconds).
    server
        .http1()
        .max_buf_size(limits.headers.max(64 << 10))
        .max_headers(header_lines(limits.headers))
        .header_read_timeout(None);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .max_send_buf_size(H2_SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(Some(20))
        .keep_alive_interval(Some(Duration::from_secs(60)));
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

type Back<S> = Arc<Mutex<Option<Checked<TrackedStream<S>>>>>;

/// A connection lent to hyper, which returns to `back` when hyper drops it parked.
struct Lent<S> {
    stream: Option<Checked<TrackedStream<S>>>,
    back: Back<S>,
    /// Bytes that were read already.
    begun: Vec<u8>,
    handle: ConnectionHandle,
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if self.handle.is_parked() {
            *self.back.lock() = self.stream.take();
        }
    }
}

impl<S> Lent<S> {
    fn stream(&mut self) -> io::Result<Pin<&mut Checked<TrackedStream<S>>>>
    where
        S: Unpin,
    {
        match &mut self.stream {
            Some(stream) => Ok(Pin::new(stream)),
            None => Err(io::ErrorKind::NotConnected.into()), // returned already
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.begun.is_empty() {
            let some = this.begun.len().min(buffer.remaining());
            let rest = this.begun.split_off(some);
            buffer.put_slice(&std::mem::replace(&mut this.begun, rest));
            this.handle.between_messages(false); // hyper has yet to read these bytes
            return Poll::Ready(Ok(()));
        }
        let mut stream = this.stream()?;
        let polled = stream.as_mut().poll_read(context, buffer);
        let between = stream.between_messages();
        this.handle.between_messages(between);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_flat(self.stream()?, context, slices)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.handle.is_parked() {
            true => self.stream()?.poll_flush(context),
            false => self.stream()?.poll_shutdown(context),
        }
    }
}
