#![expect(clippy::unwrap_used, reason = "tests")]

use std::{net::SocketAddr, path::Path};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use route::Family;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{connection::MAX_HEADERS, *};

const SECOND: Duration = Duration::from_secs(1);

fn upstream(url: &str, roots: Option<&Path>) -> Upstream {
    Upstream {
        name: "u".into(),
        family: Family::Openai,
        kind: Kind::Http {
            origin: url.parse().unwrap(),
            prefix: String::new(),
            roots: roots.map(Into::into),
        },
        key: None,
        usage: false,
        connect_timeout: SECOND,
        first_content_timeout: SECOND,
        idle_timeout: SECOND,
    }
}

fn post(to: &str, body: impl Into<Bytes>) -> Request<Payload> {
    let payload = Payload::Whole(body.into());
    Request::post(format!("{to}/v1/chat/completions"))
        .body(payload)
        .unwrap()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Reads from a connection until a head (and `body` more bytes) has come.
async fn request(stream: &mut TcpStream, body: usize) -> String {
    let mut got = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await.unwrap();
        assert_ne!(n, 0, "closed early");
        got.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&got);
        if text
            .split_once("\r\n\r\n")
            .is_some_and(|(_, b)| b.len() >= body)
        {
            return text.into_owned();
        }
    }
}

async fn send(
    pool: &Pool,
    upstream: &Upstream,
    request: Request<Payload>,
) -> Result<Response<Inbound>, SendError> {
    pool.send(upstream, request, Connection::Kept).await
}

async fn whole(reply: Response<Inbound>) -> Bytes {
    reply.into_body().collect().await.unwrap().to_bytes()
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn head_and_body_leave_in_one_write_with_one_host_and_the_exact_length() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = vec![0; 64 * 1024];
        let n = stream.read(&mut first).await.unwrap();
        stream.write_all(OK).await.unwrap();
        String::from_utf8(first[..n].to_vec()).unwrap()
    });
    let pool = Pool::default();
    let body = "x".repeat(2000);
    let reply = send(&pool, &upstream(&url, None), post(&url, body.clone()))
        .await
        .unwrap();
    assert_eq!(whole(reply).await, "ok");

    let got = server.await.unwrap();
    let (head, sent) = got.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, body, "the first read holds the whole body");
    assert!(
        head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"),
        "{head}"
    );
    let host = format!("host: {}", url.strip_prefix("http://").unwrap());
    assert_eq!(head.matches("host:").count(), 1);
    assert!(head.contains(&host), "{head}");
    assert!(head.contains("content-length: 2000"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
}

#[tokio::test]
async fn an_empty_post_says_that_it_is_empty() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let got = request(&mut stream, 0).await;
        stream.write_all(OK).await.unwrap();
        got
    });
    let pool = Pool::default();
    send(&pool, &upstream(&url, None), post(&url, ""))
        .await
        .unwrap();
    assert!(server.await.unwrap().contains("content-length: 0"));
}

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
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream, 1).await;
        stream.write_all(OK).await.unwrap();
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
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

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_before_servers_would() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..2 {
            request(&mut stream, 1).await;
            stream.write_all(OK).await.unwrap();
        }
        let since = tokio::time::Instant::now();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        since.elapsed()
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    for _ in 0..2 {
        let reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
        assert_eq!(whole(reply).await, "ok");
    }
    let idle = server.await.unwrap();
    assert!((IDLE..2 * IDLE).contains(&idle), "{idle:?}");
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
    let (acceptor, roots) = tls_identity(&[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        // One connection, and no other: a second one would wait for ever.
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(acceptor.accept(stream).await.unwrap())
            .await
            .unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(b"ok"), true).unwrap();
        }
    });
    let url = format!("https://localhost:{port}");
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
async fn dropping_a_reply_closes_its_connection() {
    let (listener, url) = listen().await;
    let pool = Pool::default();
    let upstream = upstream(&url, None);
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream, 1).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
        stream.write_all(head).await.unwrap();
        stream.read(&mut [0; 1]).await // waits for the peer to leave
    });
    let mut reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
    let first = reply.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "ok");
    drop(reply);
    let end = timeout(SECOND, serving).await.unwrap().unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
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

/// A server's TLS with a certificate of its own for `localhost`, and the file that makes a client
/// trust it.
fn tls_identity(alpn: &[&[u8]]) -> (tokio_rustls::TlsAcceptor, tempfile::NamedTempFile) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let roots = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(roots.path(), made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    (tokio_rustls::TlsAcceptor::from(Arc::new(config)), roots)
}

/// A TLS server that answers with the HTTP version of the request; `alpn` is its offer.
async fn tls_server(alpn: &[&[u8]]) -> (SocketAddr, tempfile::NamedTempFile) {
    let (acceptor, roots) = tls_identity(alpn);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let echo = service_fn(|request: Request<Incoming>| async move {
                    let hosts = request.headers().get_all("host").iter().count();
                    let text = format!("{:?} {hosts}", request.version());
                    Ok::<_, hyper::Error>(Response::new(http_body_util::Full::new(Bytes::from(
                        text,
                    ))))
                });
                let io = TokioIo::new(stream);
                if io.inner().get_ref().1.alpn_protocol() == Some(b"h2") {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(io, echo).await;
                } else {
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server.serve_connection(io, echo).await;
                }
            });
        }
    });
    (address, roots)
}

#[tokio::test]
async fn an_https_upstream_is_spoken_to_in_the_best_version_that_it_offers() {
    let pool = Pool::default();
    for (alpn, expected) in [
        (&[&b"h2"[..], b"http/1.1"][..], "HTTP/2.0 0"),
        (&[b"http/1.1"], "HTTP/1.1 1"),
        (&[], "HTTP/1.1 1"),
    ] {
        let (address, roots) = tls_server(alpn).await;
        let url = format!("https://localhost:{}", address.port());
        let upstream = upstream(&url, Some(roots.path()));
        pool.prepare(&upstream).unwrap();
        let reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
        assert_eq!(whole(reply).await, expected);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_tls_error() {
    let (address, roots) = tls_server(&[]).await;
    let pool = Pool::default();
    // Not among the built-in roots.
    let url = format!("https://localhost:{}", address.port());
    let error = send(&pool, &upstream(&url, None), post(&url, "x"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Tls(_)) && !error.retryable(),
        "{error:?}"
    );
    // Trusted, but for another name.
    let url = format!("https://{address}");
    let other = upstream(&url, Some(roots.path()));
    let error = send(&pool, &other, post(&url, "x")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
}

#[test]
fn a_bad_file_of_roots_is_named_by_its_path() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let missing = Path::new("/nowhere/roots.pem");
    for path in [empty.path(), missing] {
        let pool = Pool::default();
        let error = pool
            .prepare(&upstream("https://localhost", Some(path)))
            .unwrap_err();
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_embedded_model_is_called_without_a_socket() {
    let pool = Pool::default();
    let embedded = Upstream {
        kind: Kind::Embedded,
        ..upstream("http://localhost", None)
    };
    let body = r#"{"model":"any","messages":[{"role":"user","content":"hello"}]}"#;
    let reply = send(&pool, &embedded, post("", body)).await.unwrap();
    assert_eq!(reply.status(), 200);
    let reply: serde_json::Value = serde_json::from_slice(&whole(reply).await).unwrap();
    assert_eq!(
        reply.pointer("/choices/0/message/content").unwrap(),
        "hello"
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
