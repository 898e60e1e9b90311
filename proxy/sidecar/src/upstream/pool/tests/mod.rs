#![expect(clippy::unwrap_used, reason = "tests")]

mod failures;
mod identity;
mod idle;
mod opening;
mod reuse;
mod spare;
mod tls;

use std::path::Path;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use route::Family;

const SECOND: Duration = Duration::from_secs(1);

fn upstream(url: &str, roots: Option<&Path>) -> Upstream {
    let kind = Kind::Http {
        origin: url.parse().unwrap(),
        prefix: String::new(),
        roots: roots.map(Into::into),
    };
    Upstream {
        connect_timeout: SECOND,
        first_content_timeout: SECOND,
        idle_timeout: SECOND,
        ..Upstream::of("u", Family::Openai, kind)
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

/// Accepts a connection, reads a request, and answers it.
async fn answered(listener: &TcpListener, answer: &[u8]) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let request = request(&mut stream, 0).await;
    stream.write_all(answer).await.unwrap();
    (stream, request)
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

/// Listens as `localhost`, for TLS with a certificate of its own. The file makes a client trust it.
async fn listen_tls(
    alpn: &[&[u8]],
) -> (
    TcpListener,
    tokio_rustls::TlsAcceptor,
    String,
    tempfile::NamedTempFile,
) {
    let (listener, url) = listen().await;
    let url = url.replace("http://127.0.0.1", "https://localhost");
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
    (listener, Arc::new(config).into(), url, roots)
}

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
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    let body = "x".repeat(2000);
    let reply = send(&pool, &upstream, post(&url, body.clone()));
    assert_eq!(whole(reply.await.unwrap()).await, "ok");

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
    let server = tokio::spawn(async move { answered(&listener, OK).await.1 });
    let (pool, upstream) = (Pool::default(), upstream(&url, None));
    send(&pool, &upstream, post(&url, "")).await.unwrap();
    assert!(server.await.unwrap().contains("content-length: 0"));
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
