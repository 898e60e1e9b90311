//! Ambiguous framing: it is refused, before anybody else can read it differently.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Upstream, wire};

use super::config;

#[test]
fn ambiguous_framing_is_400_and_close_and_never_reaches_the_upstream() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let line = "POST /v1/chat/completions HTTP/1.1\r\n";
    let rows: &[(&str, String)] = &[
        ("content-length with transfer-encoding", format!("{line}host: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("two content-lengths", format!("{line}host: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x")),
        ("two equal content-lengths", format!("{line}host: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{{}}")),
        ("content-length list", format!("{line}host: a\r\ncontent-length: 2, 2\r\n\r\n{{}}")),
        ("signed content-length", format!("{line}host: a\r\ncontent-length: +2\r\n\r\n{{}}")),
        ("chunked twice", format!("{line}host: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n")),
        ("chunked in two headers", format!("{line}host: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n")),
        ("chunked not last", format!("{line}host: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n")),
        ("disguised chunked", format!("{line}host: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n")),
        ("no host", format!("{line}content-length: 2\r\n\r\n{{}}")),
        ("two hosts", format!("{line}host: a\r\nhost: b\r\ncontent-length: 2\r\n\r\n{{}}")),
        ("bare LF after the request line", "POST /v1/chat/completions HTTP/1.1\nhost: a\r\ncontent-length: 2\r\n\r\n{}".into()),
        ("bare LF between headers", format!("{line}host: a\ncontent-length: 2\r\n\r\n{{}}")),
        ("folded header", format!("{line}host: a\r\nx-a: 1\r\n 2\r\ncontent-length: 2\r\n\r\n{{}}")),
        ("space before the colon", format!("{line}host: a\r\ncontent-length : 2\r\n\r\n{{}}")),
        ("NUL in a value", format!("{line}host: a\r\nx-a: 1\0\r\ncontent-length: 2\r\n\r\n{{}}")),
        ("bare CR in a value", format!("{line}host: a\r\nx-a: 1\rx-b: 2\r\ncontent-length: 2\r\n\r\n{{}}")),
        ("http/1.0 with transfer-encoding", "POST /v1/chat/completions HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into()),
        ("chunk size with a sign", format!("{line}host: a\r\ntransfer-encoding: chunked\r\n\r\n+2\r\n{{}}\r\n0\r\n\r\n")),
        ("chunk size that overflows", format!("{line}host: a\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}\r\n0\r\n\r\n")),
        ("chunk without its CRLF", format!("{line}host: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}XX0\r\n\r\n")),
        ("not HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".into()),
    ];
    let mut wrong = Vec::new();
    for (name, bytes) in rows {
        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(bytes.as_bytes());
        // A second, clean request behind it: whoever still answers it has read the first one.
        connection.send(&wire::request("GET", "/v1/smuggled", &[], b""));
        connection.finish_sending();
        let status = connection.head().map(|(status, _)| status);
        if status.is_some_and(|s| s != 400) || !connection.closes_within(Duration::from_secs(2)) {
            wrong.push(format!("{name}: {status:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "not 400 and close");
    // Chunk-size rows may reach the upstream's socket as a broken request, never as a whole one.
    assert_eq!(
        upstream
            .seen()
            .iter()
            .map(|s| s.head.clone())
            .collect::<Vec<_>>(),
        Vec::<String>::new()
    );
    assert_eq!(
        sidecar
            .post(
                Api::Chat.path(),
                Api::Chat.ask("m", "hi", false).to_string()
            )
            .status,
        200,
        "and others are served"
    );
}

#[test]
fn limits_on_bodies_and_headers_hold() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let limits =
        "limits: { request_body: 64KiB, headers: 16KiB, header_timeout: 1s, body_timeout: 1s }\n";
    let sidecar = Sidecar::start(&format!(
        "{limits}{}",
        config(&upstream, "[{ use: probe, config: { reads: true } }]")
    ));
    let body = |size: usize| Api::Chat.ask("m", &"x".repeat(size), false).to_string();
    assert_eq!(sidecar.post(Api::Chat.path(), body(60 << 10)).status, 200);

    for (api, kind) in [
        (Api::Chat, "/error/message"),
        (Api::Messages, "/error/message"),
    ] {
        let big = sidecar.post(
            api.path(),
            api.ask("m", &"x".repeat(65 << 10), false).to_string(),
        );
        assert_eq!(big.status, 413, "{}", big.text());
        assert!(
            big.json()
                .pointer(kind)
                .is_some_and(serde_json::Value::is_string),
            "in the dialect's shape: {}",
            big.text()
        );
    }
    // The same without a Content-Length that shows it.
    let mut chunked = wire::Connection::open(sidecar.base);
    chunked.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..70 {
        chunked.send(&replies::chunk(&[b' '; 1024]));
    }
    assert_eq!(chunked.reply().status, 413);

    let many = format!("x-big: {}", "h".repeat(20 << 10));
    let refused = wire::call(
        sidecar.base,
        &wire::request("POST", Api::Chat.path(), &[&many], b"{}"),
    );
    assert!([400, 431].contains(&refused.status), "{}", refused.status);

    let mut slow = wire::Connection::open(sidecar.base);
    slow.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-slow");
    assert!(
        slow.closes_within(Duration::from_secs(4)),
        "headers that never end"
    );
    let mut slow = wire::Connection::open(sidecar.base);
    slow.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{");
    assert!(
        slow.closes_within(Duration::from_secs(4)),
        "a body that never comes"
    );
    assert_eq!(upstream.count(), 1);
}
