//! How connections get in. One way so far: the base URL that an app is given; HTTP/1.1, or HTTP/2 in clear.

use std::{convert::Infallible, io, net, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    config::Limits,
    exchange::{
        Worker,
        generation::{Phase, Shared},
    },
};

mod framing;

use framing::Checked;

/// How long to wait where the process has no descriptor left for a connection.
const BREATH: Duration = Duration::from_millis(20);
/// Streams of one HTTP/2 connection.
const H2_STREAMS: u32 = 256;

/// Opens the listening socket that all workers share.
///
/// # Errors
/// The address can't be had.
pub fn bind(address: net::SocketAddr) -> io::Result<net::TcpListener> {
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

/// Serves connections of `listener` until the process drains. Returns when the last of them has ended.
///
/// # Errors
/// The listener can't be used by this runtime.
pub async fn serve(
    listener: net::TcpListener,
    worker: Arc<Worker>,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut draining = std::pin::pin!(shared.reached(Phase::Draining));
    let connections = tokio_util::task::TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut draining => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let limits = shared.generation.load().config.limits.clone();
                connections.spawn(connection(
                    stream,
                    Arc::clone(&worker),
                    Arc::clone(&shared),
                    limits,
                ));
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

async fn connection(stream: TcpStream, worker: Arc<Worker>, shared: Arc<Shared>, limits: Limits) {
    // Without it, small events wait for the peer's delayed acknowledgement: 40 ms (measured).
    if stream.set_nodelay(true).is_err() {
        return; // gone already
    }
    let stream = TokioIo::new(Checked::new(stream, limits.headers, limits.header_timeout));
    let service = service_fn(move |request| {
        let worker = Arc::clone(&worker);
        async move { Ok::<_, Infallible>(worker.handle(request).await) }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    // `pipeline_flush` stays off: it lifts hyper's bound on what is written ahead, and a client that stops reading then costs all its
    // stream in memory (seen: 3.7 GB in nine seconds).
    server
        .http1()
        .max_buf_size(limits.headers.max(64 << 10))
        .header_read_timeout(None);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(Some(20))
        .keep_alive_interval(Some(Duration::from_secs(60)));
    let connection = server.serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    let draining = shared.reached(Phase::Draining);
    // Errors are the peer's: it left, or sent what was answered with 400.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = draining => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
