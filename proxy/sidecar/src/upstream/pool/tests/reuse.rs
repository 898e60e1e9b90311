//! Connections that are kept, shared and closed.

use super::*;

#[tokio::test]
async fn a_connection_is_used_again_and_a_stale_one_costs_no_request() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        // Two requests on the first connection, which then closes while it is idle.
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            request(&mut stream, 1).await;
            stream.write_all(OK).await.unwrap();
        }
        drop(stream);
        answered(&listener, OK).await;
    });
    let (pool, upstream) = (
        Pool::default().opening_ahead_while(|| false),
        upstream(&url, None),
    );
    for n in 0..3 {
        let sent = async {
            match send(&pool, &upstream, post(&url, "x")).await {
                Err(SendError::Stale(_)) => {
                    let over = Connection::New;
                    pool.send(&upstream, post(&url, "x"), over).await
                }
                sent => sent,
            }
        };
        let reply = timeout(SECOND, sent).await;
        assert_eq!(whole(reply.unwrap().unwrap()).await, "ok", "request {n}");
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_was_opened_for_one_request_is_kept_for_others() {
    let (listener, url) = listen().await;
    let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::spawn(async move {
                loop {
                    request(&mut stream, 1).await;
                    stream.write_all(OK).await.unwrap();
                }
            });
        }
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let (kept, new) = (Connection::Kept, Connection::New);
    for (over, connections) in [(new, 1), (kept, 1), (new, 2), (new, 3), (kept, 3)] {
        let reply = pool.send(&upstream, post(&url, "x"), over).await.unwrap();
        assert_eq!(whole(reply).await, "ok");
        let accepted = accepted.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(accepted, connections);
    }
}

#[tokio::test]
async fn requests_share_the_one_connection_of_http2() {
    let (listener, acceptor, url, roots) = listen_tls(&[b"h2"]).await;
    tokio::spawn(async move {
        // One connection, and no other: a second one would wait for ever.
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(b"ok"), true).unwrap();
        }
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, Some(roots.path())));
    let send = async || {
        let sent = timeout(5 * SECOND, send(&pool, &upstream, post(&url, "x"))).await;
        whole(sent.unwrap().unwrap()).await
    };
    assert_eq!(send().await, "ok");
    let both = async { (send().await, send().await) };
    let (other, (first, second)) = tokio::join!(send(), both);
    assert_eq!([other, first, second], ["ok", "ok", "ok"]);
}

#[tokio::test]
async fn dropping_a_reply_closes_its_connection() {
    let (listener, url) = listen().await;
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let serving = tokio::spawn(async move {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
        let (mut stream, _) = answered(&listener, head).await;
        stream.read(&mut [0; 1]).await // waits for the peer to leave
    });
    let mut reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
    let first = reply.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "ok");
    drop(reply);
    let end = timeout(SECOND, serving).await.unwrap().unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}
