//! WebSockets: a tunnel where no policy reads or judges, and 426 at once where one does.

use outrigger_tests::replies;
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

const UPGRADE: &str = "GET /v1/responses HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x07hello\r\n";

fn provider() -> Upstream {
    Upstream::start(|_, _| vec![Step::Send(SWITCHED.to_vec()), Step::Close])
}

fn is_passed(sidecar: &Sidecar, upstream: &Upstream) {
    is_passed_with("", sidecar, upstream);
    // More lines than hyper takes by default.
    is_passed_with(&"x-more: 1\r\n".repeat(150), sidecar, upstream);
}

fn is_passed_with(more: &str, sidecar: &Sidecar, upstream: &Upstream) {
    let mut app = wire::Connection::open(sidecar.base);
    app.send(
        UPGRADE
            .replace("host: a\r\n", &format!("host: a\r\n{more}"))
            .as_bytes(),
    );
    let (status, head) = app.head().expect("an answer");
    assert_eq!(status, 101, "{head}");
    assert_eq!(wire::header(&head, "upgrade"), Some("websocket"));
    assert!(
        wire::header(&head, "connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("upgrade"))
    );
    assert!(wire::header(&head, "sec-websocket-accept").is_some());
    assert_eq!(app.line().as_deref(), Some(&b"\x81\x07hello\r\n"[..]));
    // No head of a message, which the framing check would refuse.
    app.send(b"\x81\x85\n\n\0\0\x01\n");
    assert!(
        app.closes_within(std::time::Duration::from_secs(5)),
        "with its upstream"
    );
    drop(app);
    let seen = upstream.last();
    assert_eq!(seen.header("upgrade"), Some("websocket"));
    assert!(
        seen.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("upgrade"))
    );
    assert!(seen.header("sec-websocket-key").is_some());
    sidecar.log_line(&["\"status\":101"]);
}

#[test]
fn a_websocket_is_tunnelled_where_no_policy_has_a_say() {
    let upstream = provider();
    is_passed(&Sidecar::start(&config(&upstream, "")), &upstream);
}

#[test]
fn a_websocket_is_tunnelled_and_counted_where_policies_skip_what_they_can_not_see() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, "[{ use: pii-redact, on_unseen: skip }]"));
    is_passed(&sidecar, &upstream);
    let labels = [
        r#"plugin="pii-redact""#,
        r#"inspected="false""#,
        r#"reason="realtime""#,
    ];
    assert!(sidecar.metric("outrigger_inspection_bytes_total", &labels) > 0.0);
}

#[test]
fn a_websocket_is_refused_with_426_where_a_policy_reads_or_judges() {
    let upstream = provider();
    for chain in [
        "[{ use: pii-redact }]",
        "[{ use: model-allowlist, config: { models: [m] } }]",
    ] {
        let sidecar = Sidecar::start(&config(&upstream, chain));
        let mut app = wire::Connection::open(sidecar.base);
        app.send(UPGRADE.as_bytes());
        let reply = app.reply();
        assert_eq!(reply.status, 426, "{chain}: {}", reply.text());
        assert_eq!(reply.header("upgrade"), None);
        assert_eq!(
            reply.header("connection"),
            Some("close"),
            "nobody checked what follows"
        );
        assert_eq!(reply.json()["error"]["code"], "websocket_unseen");
        assert!(app.closes_within(std::time::Duration::from_secs(5)));
    }
    assert_eq!(upstream.count(), 0);
}

#[test]
fn a_websocket_that_the_upstream_refuses_is_refused_in_its_words() {
    let upstream = Upstream::always(replies::whole("426 Upgrade Required", &[], "use http"));
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut app = wire::Connection::open(sidecar.base);
    app.send(UPGRADE.as_bytes());
    let reply = app.reply();
    assert_eq!((reply.status, reply.text().as_str()), (426, "use http"));
    assert!(app.closes_within(std::time::Duration::from_secs(5)));
}

#[test]
fn an_upstream_that_switches_protocols_unasked_is_a_bad_one() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let reply = sidecar.post("/v1/chat/completions", r#"{"model":"m","messages":[]}"#);
    assert_eq!(reply.status, 502, "{}", reply.text());
}
