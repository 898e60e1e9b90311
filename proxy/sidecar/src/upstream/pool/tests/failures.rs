//! Requests that get no reply, or not all of one.

use super::{super::connection::MAX_HEADERS, *};

#[tokio::test]
async fn a_connection_that_ends_before_the_head_is_closed_and_retryable() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-"] {
        let (listener, url) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream, 1).await;
            stream.write_all(answer).await.unwrap();
        });
        let pool = Pool::default();
        let error = send(&pool, &upstream(&url, None), post(&url, "x"))
            .await
            .unwrap_err();
        assert!(
            matches!(error, SendError::Closed(_)) && error.retryable(),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_reset_is_closed_and_what_is_no_http_is_a_protocol_error() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream, 1).await;
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream, 1).await;
        stream
            .write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            .await
            .unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream, 1).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        for n in 0..MAX_HEADERS + 1 {
            stream
                .write_all(format!("h{n}: v\r\n").as_bytes())
                .await
                .unwrap();
        }
        stream.write_all(b"\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let reset = send(&pool, &upstream, post(&url, "x")).await.unwrap_err();
    assert!(matches!(reset, SendError::Closed(_)), "{reset:?}");
    for what in ["no http", "too many headers"] {
        let error = send(&pool, &upstream, post(&url, "x")).await.unwrap_err();
        assert!(
            matches!(error, SendError::Protocol(_)) && !error.retryable(),
            "{what}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_closed_port_is_no_connection_and_a_silent_one_a_timeout() {
    let (listener, url) = listen().await;
    drop(listener);
    let pool = Pool::default();
    let error = send(&pool, &upstream(&url, None), post(&url, "x"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Connect(_)) && error.retryable(),
        "{error:?}"
    );

    // Accepts and never answers the TLS handshake: the limit covers that, too.
    let (_listener, url) = listen().await;
    let url = url.replace("http://", "https://");
    let mut slow = upstream(&url, None);
    slow.connect_timeout = Duration::from_millis(50);
    let error = timeout(SECOND, send(&pool, &slow, post(&url, "x")))
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(error, SendError::ConnectTimeout(_)) && error.retryable(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_an_error_and_not_an_end() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream, 1).await;
        let cut = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n5\r\nbro";
        stream.write_all(cut).await.unwrap();
    });
    let pool = Pool::default();
    let reply = send(&pool, &upstream(&url, None), post(&url, "x"))
        .await
        .unwrap();
    assert!(reply.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_callers_fault() {
    struct Broken;
    impl http_body::Body for Broken {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
            std::task::Poll::Ready(Some(Err("gone".into())))
        }
    }
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let _stream = listener.accept().await;
        std::future::pending::<()>().await;
    });
    let pool = Pool::default();
    let request = post(&url, "").map(|_| Payload::Stream(Box::pin(Broken)));
    let error = send(&pool, &upstream(&url, None), request)
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Body(_)) && !error.retryable(),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_http2_stream_that_the_upstream_never_looked_at_is_refused_and_retryable() {
    for (reason, retryable) in [
        (h2::Reason::REFUSED_STREAM, true),
        (h2::Reason::INTERNAL_ERROR, false),
        (h2::Reason::NO_ERROR, true), // here a GOAWAY
    ] {
        let (acceptor, roots) = tls_identity(&[b"h2"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
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
        let url = format!("https://localhost:{port}");
        let (pool, upstream) = (Pool::default(), upstream(&url, Some(roots.path())));
        let sent = timeout(5 * SECOND, send(&pool, &upstream, post(&url, "x"))).await;
        let error = sent.unwrap().unwrap_err();
        assert_eq!(error.retryable(), retryable, "{reason:?}: {error:?}");
        let refused = matches!(error, SendError::Refused(_));
        assert!(refused || reason != h2::Reason::REFUSED_STREAM, "{error:?}");
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
