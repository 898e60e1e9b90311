//! The moment at which hyper is taken off a streamed reply: it depends on what hyper reads, writes
//! and flushes, so a real one is looked at.

use std::sync::atomic::Ordering::Relaxed;

use tokio::{net::TcpListener, time::sleep};

use super::*;

/// Starts an upstream that answers each request with `head`, and with two pieces that come apart.
async fn upstream(head: &'static str, pieces: [&'static str; 2]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    stream.write_all(head.as_bytes()).await.unwrap();
                    for piece in pieces {
                        sleep(Duration::from_millis(50)).await;
                        stream.write_all(piece.as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

/// Sends a request for a stream `times` times over one connection; returns how many replies hyper
/// was taken off, and the last one.
async fn relayed(upstream: SocketAddr, more: &str, times: usize) -> (usize, String) {
    let rig = rig(&format!(
        "listen: {{ LISTEN }}\nupstreams: {{ openai: {{ dialect: openai, url: 'http://{upstream}/v1' }} }}"
    ))
    .await;
    let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
        content-length: {}\r\n{more}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(rig.base_url).await.unwrap();
    let mut answer = String::new();
    for _ in 0..times {
        answer = over(&mut stream, &request, "[DONE]\n\n\r\n0\r\n\r\n").await;
    }
    (rig.shared.relayed.load(Relaxed), answer)
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENTS: [&str; 2] = [
    "19\r\ndata: {\"choices\":[]}   \n\n\r\n",
    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
];

#[tokio::test]
async fn hyper_is_taken_off_each_streamed_reply_once_its_head_is_out() {
    let (count, answer) = relayed(upstream(STREAM, EVENTS).await, "", 3).await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.ends_with("[DONE]\n\n\r\n0\r\n\r\n"), "{answer}");
    assert_eq!(count, 3);
}

#[tokio::test]
async fn hyper_stays_where_the_connection_ends_with_the_reply() {
    let upstream = upstream(STREAM, EVENTS).await;
    let (count, answer) = relayed(upstream, "connection: close\r\n", 1).await;
    assert!(answer.contains("[DONE]"), "{answer}");
    assert_eq!(count, 0);
}
