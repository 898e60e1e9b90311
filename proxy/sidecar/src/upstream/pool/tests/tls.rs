//! Upstreams over TLS.

use http_body_util::Full as Whole;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};

use super::*;
use rustls::HandshakeKind::{Full, Resumed};

/// A TLS server that answers with the HTTP version of the request; `alpn` is its offer.
async fn tls_server(alpn: &[&[u8]]) -> (String, tempfile::NamedTempFile) {
    let (listener, acceptor, url, roots) = listen_tls(alpn).await;
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
                    Ok::<_, hyper::Error>(Response::new(Whole::new(Bytes::from(text))))
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), echo).await;
            });
        }
    });
    (url, roots)
}

#[tokio::test]
async fn an_https_upstream_is_spoken_to_in_the_best_version_that_it_offers() {
    let pool = Pool::default();
    for (alpn, expected) in [
        (&[&b"h2"[..], b"http/1.1"][..], "HTTP/2.0 0"),
        (&[b"http/1.1"], "HTTP/1.1 1"),
        (&[], "HTTP/1.1 1"),
    ] {
        let (url, roots) = tls_server(alpn).await;
        let upstream = upstream(&url, Some(roots.path()));
        let reply = send(&pool, &upstream, post(&url, "x")).await.unwrap();
        assert_eq!(whole(reply).await, expected);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_tls_error() {
    let (url, roots) = tls_server(&[]).await;
    let pool = Pool::default();
    // Not among the built-in roots.
    let error = send(&pool, &upstream(&url, None), post(&url, "x"))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
    // Trusted, but for another name.
    let url = url.replace("localhost", "127.0.0.1");
    let other = upstream(&url, Some(roots.path()));
    let error = send(&pool, &other, post(&url, "x")).await.unwrap_err();
    assert!(matches!(error, SendError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn a_bad_file_of_roots_is_named_by_its_path() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let missing = Path::new("/nowhere/roots.pem");
    for path in [empty.path(), missing] {
        let (pool, url) = (Pool::default(), "https://localhost");
        let sent = send(&pool, &upstream(url, Some(path)), post(url, "x")).await;
        let Err(SendError::Setup(error)) = sent else {
            panic!("{sent:?}");
        };
        let path = path.display().to_string();
        assert!(error.to_string().contains(&path), "{error}");
    }
}

#[tokio::test]
async fn a_second_connection_resumes_the_session_of_the_first() {
    let (listener, acceptor, url, roots) = listen_tls(&[b"http/1.1"]).await;
    let server = tokio::spawn(async move {
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
            let n = stream.read(&mut [0; 4096]).await.unwrap();
            assert_ne!(n, 0, "no request came");
            stream.write_all(OK).await.unwrap();
            stream.flush().await.unwrap();
        }
        kinds
    });
    let (pool, upstream) = (Pool::default(), upstream(&url, Some(roots.path())));
    for _ in 0..2 {
        let over = Connection::New;
        let reply = pool.send(&upstream, post(&url, "x"), over).await.unwrap();
        assert_eq!(whole(reply).await, "ok");
    }
    let [Full, Resumed] = server.await.unwrap()[..] else {
        panic!("the second handshake was to be a resumed one");
    };
}
