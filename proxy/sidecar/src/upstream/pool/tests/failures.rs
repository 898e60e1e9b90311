//! Requests that get no reply, or not all of one.

use futures_util::stream;
use http_body_util::StreamBody;

use super::{super::connection::MAX_HEADERS, *};

/// Sends a request and returns its error.
async fn error(upstream: &Upstream, request: Request<Payload>) -> SendError {
    let pool = Pool::default();
    let sent = timeout(5 * SECOND, send(&pool, upstream, request)).await;
    sent.unwrap().unwrap_err()
}

#[tokio::test]
async fn a_connection_that_ends_before_the_head_is_closed() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-"] {
        let (listener, url) = listen().await;
        tokio::spawn(async move { answered(&listener, answer).await });
        let error = error(&upstream(&url, None), post(&url, "x")).await;
        assert!(matches!(error, SendError::Closed(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_reset_is_closed_and_what_is_no_http_is_a_protocol_error() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (reset, _) = answered(&listener, b"").await;
        let linger = socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO));
        linger.unwrap();
        drop(reset);
        let _no_http = answered(&listener, b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
        let many = (0..MAX_HEADERS + 1).map(|n| format!("h{n}: v\r\n"));
        let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", many.collect::<String>());
        let _too_many = answered(&listener, head.as_bytes()).await;
        std::future::pending::<()>().await;
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let reset = send(&pool, &upstream, post(&url, "x")).await.unwrap_err();
    assert!(matches!(reset, SendError::Closed(_)), "{reset:?}");
    for what in ["no http", "too many headers"] {
        let error = send(&pool, &upstream, post(&url, "x")).await.unwrap_err();
        assert!(matches!(error, SendError::Protocol(_)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn a_closed_port_is_no_connection_and_a_silent_one_a_timeout() {
    let (listener, url) = listen().await;
    drop(listener);
    let closed = error(&upstream(&url, None), post(&url, "x")).await;
    assert!(matches!(closed, SendError::Connect(_)), "{closed:?}");

    // Accepts and never answers the TLS handshake: the limit covers that, too.
    let (_listener, url) = listen().await;
    let url = url.replace("http://", "https://");
    let mut slow = upstream(&url, None);
    slow.connect_timeout = Duration::from_millis(50);
    let silent = error(&slow, post(&url, "x")).await;
    assert!(
        matches!(silent, SendError::ConnectTimeout(limit) if limit == slow.connect_timeout),
        "{silent:?}"
    );
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_an_error_and_not_an_end() {
    let (listener, url) = listen().await;
    let cut = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n5\r\nbro";
    tokio::spawn(async move { drop(answered(&listener, cut).await) });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
    assert!(reply.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_callers_fault() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let _stream = listener.accept().await;
        std::future::pending::<()>().await;
    });
    let broken = StreamBody::new(stream::iter([Err("gone".into())]));
    let request = post(&url, "").map(|_| Payload::Stream(Box::pin(broken)));
    let error = error(&upstream(&url, None), request).await;
    assert!(matches!(error, SendError::Body(_)), "{error:?}");
}

#[tokio::test]
async fn an_http2_stream_that_the_upstream_never_looked_at_is_refused() {
    for reason in [
        h2::Reason::REFUSED_STREAM,
        h2::Reason::INTERNAL_ERROR,
        h2::Reason::NO_ERROR, // here a GOAWAY
    ] {
        let (listener, acceptor, url, roots) = listen_tls(&[b"h2"]).await;
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
            if reason == h2::Reason::NO_ERROR {
                connection.abrupt_shutdown(reason);
            } else {
                respond.send_reset(reason);
            }
            while connection.accept().await.is_some() {}
        });
        let error = error(&upstream(&url, Some(roots.path())), post(&url, "x")).await;
        let expected = match reason {
            h2::Reason::REFUSED_STREAM => matches!(error, SendError::Refused(_)),
            h2::Reason::NO_ERROR => matches!(error, SendError::Refused(_) | SendError::Closed(_)),
            _ => matches!(error, SendError::Protocol(_)),
        };
        assert!(expected, "{reason:?}: {error:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Any bytes of an upstream result in a reply or an error, in time and in bounds.
    #[test]
    fn a_hostile_upstream_gets_no_further_than_an_error(
        head in "(HTTP/1.1 200 OK|HTTP/1.0 99|HTTP/9 200 x|)\\r\\n((content-length|transfer-encoding|connection|x): ?(chunked|5|-1|99999999999999999999|a,b|\\PC{0,9})\\r\\n){0,4}(\\r\\n)?",
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (listener, url) = listen().await;
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                request(&mut stream, 1).await;
                let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            });
            let pool = Pool::default();
            let upstream = upstream(&url, None);
            // The upstream ends, so a time-out here is a hang.
            let sent = timeout(SECOND, send(&pool, &upstream, post(&url, "x"))).await;
            if let Ok(reply) = sent.unwrap() {
                let body = timeout(SECOND, reply.into_body().collect()).await;
                if let Ok(body) = body.unwrap() {
                    assert!(body.to_bytes().len() <= 300);
                }
            }
        });
    }
}
