//! HTTP/2 on one connection.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::FutureExt;
use hyper::{Request, Response, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{http::CLOSE_TIMEOUT, served::Served, slow::TrackedBody};
use crate::{
    config::Limits,
    exchange::Answer,
    overload::{ConnectionPermit, ConnectionSignal},
};

/// Streams of one HTTP/2 connection.
const H2_STREAMS: u32 = 256;
/// Bytes that are written ahead on one HTTP/2 stream whose client reads nothing; hyper's default is
/// 400 KiB, times all streams.
const H2_SEND_BUFFER: usize = 32 << 10;
/// Serves an HTTP/2 connection, until it ends or is to end.
pub(super) async fn serve_http2<S, A, R>(
    stream: TokioIo<Served<S>>,
    limits: &Limits,
    draining: Pin<&mut impl Future<Output = ()>>,
    permit: &ConnectionPermit,
    answer: &A,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Answer>> + Send + 'static,
{
    let handle = permit.handle();
    let service = service_fn(|request: Request<Incoming>| {
        let busy = handle.exchange();
        let tracked = |answered: Response<_>| answered.map(|body| TrackedBody::new(body, busy));
        Box::pin(answer(request).map(|answered| Ok::<_, Infallible>(tracked(answered))))
    });
    let mut connection = pin!(http2(limits).serve_connection(stream, service));
    let idle = async {
        loop {
            match permit.signalled().await {
                ConnectionSignal::Parked => {} // its state is the connection's
                leave => return leave == ConnectionSignal::Idle,
            }
        }
    };
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        () = draining => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
        idle = idle => {
            if idle {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection).await;
            }
        }
    }
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .max_send_buf_size(H2_SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(Some(20))
        .keep_alive_interval(Some(Duration::from_secs(60)));
    server
}
