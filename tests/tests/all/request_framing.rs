//! Requests: the forms that are accepted, and whose fault a wrong one is: the app's, never the
//! upstream's.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Upstream, wire};

use super::config;

const LIMITS: &str = "limits: { request_body: 64KiB, headers: 16KiB, body_timeout: 1s }\n";

fn start(upstream: &Upstream) -> Sidecar {
    Sidecar::start(&format!("{LIMITS}{}", config(upstream, "")))
}

/// The reply to `bytes`.
fn reply(sidecar: &Sidecar, bytes: &[u8]) -> wire::Reply {
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(bytes);
    connection.reply()
}

#[test]
fn what_the_apps_own_body_does_wrong_is_the_apps_fault() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = start(&upstream);
    let chunks = replies::chunk(&[b'x'; 1024]).repeat(70);
    for path in [Api::Chat.path(), "/v1/files", "/v1/models"] {
        let chunked =
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        let sized = |length: u64| {
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")
        };
        let rows = [
            (
                "a chunk that is none",
                format!("{chunked}2 x\r\naa\r\n0\r\n\r\n").into_bytes(),
                400,
            ),
            (
                "a chunk without its end",
                format!("{chunked}2\r\naa0\r\n\r\n").into_bytes(),
                400,
            ),
            (
                "a body that ends early",
                format!("{}ten bytes.", sized(100)).into_bytes(),
                400,
            ),
            (
                "chunks that end early",
                format!("{chunked}5\r\nab").into_bytes(),
                400,
            ),
            (
                "a length over the limit",
                [sized(70 << 10).as_bytes(), &[b'x'; 70 << 10]].concat(),
                413,
            ),
            (
                "chunks over the limit",
                [chunked.as_bytes(), &chunks, b"0\r\n\r\n"].concat(),
                413,
            ),
        ];
        for (what, bytes, status) in rows {
            let mut connection = wire::Connection::open(sidecar.base);
            connection.send(&bytes);
            if what.ends_with("early") {
                connection.finish_sending();
            }
            let reply = connection.reply();
            assert_eq!(reply.status, status, "{path}: {what}: {}", reply.head);
            assert_eq!(
                reply.header("x-should-retry"),
                Some("false"),
                "{path}: {what}"
            );
            assert!(
                reply.json()["error"]["message"].is_string(),
                "{path}: {what}: {}",
                reply.text()
            );
        }
        // Silence, with the connection left open.
        let mut silent = wire::Connection::open(sidecar.base);
        silent.send(format!("{}ten bytes.", sized(100)).as_bytes());
        let reply = silent.reply();
        assert_eq!(reply.status, 408, "{path}: {}", reply.head);
        assert_eq!(reply.header("x-should-retry"), Some("false"), "{path}");
    }
    let upstreams_fault = sidecar.metric("outrigger_refusals_total", &["upstream"]);
    assert!(upstreams_fault < 0.5, "{}", sidecar.metrics());
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_asked_for() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = start(&upstream);
    for path in [Api::Chat.path(), Api::Messages.path(), "/v1/files"] {
        let head = |length: usize| {
            format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
            )
        };
        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(head(99_999_999_999).as_bytes());
        let line = connection.line().unwrap();
        assert!(
            line.starts_with(b"HTTP/1.1 413"),
            "{path}: {}",
            line.escape_ascii()
        );

        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(head(2).as_bytes());
        let line = connection.line().unwrap();
        assert!(
            line.starts_with(b"HTTP/1.1 100"),
            "{path}: {}",
            line.escape_ascii()
        );
    }
}

#[test]
fn the_body_of_a_get_reaches_the_upstream_whatever_its_framing() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = start(&upstream);
    for method in ["GET", "DELETE"] {
        for (framing, body) in [
            ("transfer-encoding: chunked", "5\r\nABCDE\r\n0\r\n\r\n"),
            ("content-length: 5", "ABCDE"),
        ] {
            let bytes =
                format!("{method} /v1/models HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n{body}");
            assert_eq!(wire::call(sidecar.base, bytes.as_bytes()).status, 200);
            assert_eq!(upstream.last().body, b"ABCDE", "{method} {framing}");
        }
    }
    assert_eq!(wire::get(sidecar.base, "/v1/models").status, 200);
    assert_eq!(
        upstream.last().header("transfer-encoding"),
        None,
        "nothing is added where there is no body"
    );
}

#[test]
fn a_request_that_servers_read_in_two_ways_is_refused() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = start(&upstream);
    let get = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let method = |method: &str| format!("{method} /v1/models HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut rows: Vec<(String, u16)> = ["a b", "a,b", "a/../", "a@b", "a:99999", "[::1", "a#x"]
        .map(|host| (get("/v1/models", host), 400))
        .into();
    rows.extend([
        (get("/v1/mod\u{e8}les", "a"), 400),
        (get("a:80", "a:80"), 400),
        (get("http://evil/v1/models", "a"), 400),
        (method("ANNOUNCE"), 501),
        (method("MKCOLA"), 501),
        (method(&"M".repeat(300)), 501),
        (method("TRACE"), 405),
    ]);
    for (request, status) in &rows {
        let reply = reply(&sidecar, request.as_bytes());
        assert_eq!(reply.status, *status, "{request}");
        assert!(
            reply.json()["error"]["message"].is_string(),
            "{request}: {}",
            reply.text()
        );
    }
    assert_eq!(
        reply(&sidecar, b"GET / HTTP/1.1\r\nhost: \xff\r\n\r\n").status,
        400
    );
    let length =
        "POST /v1/files HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551615\r\n\r\n";
    assert_eq!(reply(&sidecar, length.as_bytes()).status, 400);
    assert_eq!(upstream.count(), 0);
    for good in [
        get("http://a/v1/models", "a"),
        get("/v1/models", "[::1]:4141"),
        method("DELETE"),
    ] {
        assert_eq!(reply(&sidecar, good.as_bytes()).status, 200, "{good}");
    }
}

#[test]
fn the_limit_of_headers_is_the_configured_one() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = start(&upstream);
    let with = |lines: usize, size: usize| {
        let lines: String = (0..lines).map(|n| format!("x-{n}: 1\r\n")).collect();
        let filler = "h".repeat(size);
        format!("GET /v1/models HTTP/1.1\r\nhost: a\r\n{lines}x-size: {filler}\r\n\r\n")
    };
    assert_eq!(
        reply(&sidecar, with(110, 1).as_bytes()).status,
        200,
        "a line for each 128 bytes"
    );
    assert_eq!(reply(&sidecar, with(1, 15 << 10).as_bytes()).status, 200);
    assert_eq!(upstream.count(), 2);
    assert_eq!(reply(&sidecar, with(200, 1).as_bytes()).status, 431);
    assert_eq!(reply(&sidecar, with(1, 17 << 10).as_bytes()).status, 431);
    // In pieces, and with what is ambiguous behind the limit.
    let mut connection = wire::Connection::open(sidecar.base);
    let large = with(1, 17 << 10).replace(
        "\r\n\r\n",
        "\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    for piece in large.as_bytes().chunks(5 << 10) {
        connection.send(piece);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(connection.reply().status, 431);
    assert_eq!(upstream.count(), 2);
}

#[test]
fn a_broken_preface_of_http2_is_answered_with_goaway() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = start(&upstream);
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    let bytes = connection.rest(Duration::from_secs(3));
    // Frames: 24 bits of length, the type, flags, the stream. GOAWAY is 7, and PROTOCOL_ERROR 1.
    let mut frames = Vec::new();
    let mut rest = &bytes[..];
    while rest.len() >= 9 {
        let length = u32::from_be_bytes([0, rest[0], rest[1], rest[2]]) as usize;
        frames.push((rest[3], rest[9..9 + length].to_vec()));
        rest = &rest[9 + length..];
    }
    let goaway = frames.iter().find(|(kind, _)| *kind == 7);
    let code = goaway.map(|(_, payload)| payload[4..8].to_vec());
    assert_eq!(code, Some(vec![0, 0, 0, 1]), "{frames:?}");
}
