//! Connections to upstreams that were closed while they were idle.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

/// Starts a sidecar with one worker, and so one pool.
fn start(upstream: &Upstream) -> Sidecar {
    Sidecar::start(&config(upstream, "").replace("workers: 2", "workers: 1"))
}

fn ask(sidecar: &Sidecar) -> wire::Reply {
    sidecar.post(
        Api::Chat.path(),
        Api::Chat.ask("m", "hi", false).to_string(),
    )
}

/// Starts an upstream that closes every connection with its second request, after `before` was
/// said.
fn closes_on_the_second(before: &'static [u8]) -> Upstream {
    let whole = replies::json_body(&Api::Chat.whole("done"));
    Upstream::start(move |seen, _| match seen.header("x-request-id") {
        Some("second") => vec![Step::Send(before.to_vec()), Step::Close],
        _ => vec![Step::Send(whole.clone())],
    })
}

fn second(sidecar: &Sidecar, method: &str, path: &str, body: &[u8]) -> wire::Reply {
    let request = wire::request(method, path, &["x-request-id: second"], body);
    wire::call(sidecar.base, &request)
}

fn resent(sidecar: &Sidecar) -> f64 {
    sidecar.metric("outrigger_upstream_attempts_total", &["stale_connection"])
}

#[test]
fn a_request_that_a_kept_connection_lost_is_sent_once_more_over_a_new_one() {
    let whole = replies::json_body(&Api::Chat.whole("done"));
    // The first request of a connection is answered, and the second one lost with its connection.
    let upstream = Upstream::start(move |_, before| match before {
        1 => vec![Step::Close],
        _ => vec![Step::Send(whole.clone())],
    });
    let sidecar = start(&upstream);
    assert_eq!(ask(&sidecar).status, 200);
    assert_eq!(ask(&sidecar).status, 200);
    assert_eq!((upstream.count(), upstream.connections()), (3, 2));
    let seen = upstream.seen();
    assert_eq!(
        (&seen[1].head, &seen[1].body),
        (&seen[2].head, &seen[2].body)
    );
    assert!((resent(&sidecar) - 1.0).abs() < 0.5);
}

#[test]
fn it_is_sent_once_more_and_no_more() {
    let upstream = closes_on_the_second(b"");
    let sidecar = start(&upstream);
    assert_eq!(ask(&sidecar).status, 200);
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let reply = second(&sidecar, "POST", Api::Chat.path(), body.as_bytes());
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(upstream.count(), 3);
    // A connection of its own that fails is no stale one.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(
        second(&sidecar, "POST", Api::Chat.path(), body.as_bytes()).status,
        502
    );
    assert_eq!(upstream.count(), 4);
}

#[test]
fn after_a_byte_of_an_answer_it_is_not_sent_again() {
    let upstream = closes_on_the_second(b"HTTP/1.1 2");
    let sidecar = start(&upstream);
    assert_eq!(ask(&sidecar).status, 200);
    let body = Api::Chat.ask("m", "hi", false).to_string();
    assert_eq!(
        second(&sidecar, "POST", Api::Chat.path(), body.as_bytes()).status,
        502
    );
    assert_eq!(upstream.count(), 2);
    assert!(resent(&sidecar) < 0.5);
}

#[test]
fn what_passes_as_it_comes_is_sent_again_only_without_a_body() {
    for (method, body, requests) in [("GET", &b""[..], 3), ("POST", b"--a file--", 2)] {
        let upstream = closes_on_the_second(b"");
        let sidecar = start(&upstream);
        assert_eq!(ask(&sidecar).status, 200);
        assert_eq!(second(&sidecar, method, "/v1/files", body).status, 502);
        assert_eq!(upstream.count(), requests, "{method}");
    }
}

#[test]
fn a_body_that_passes_as_it_comes_goes_over_a_connection_of_its_own() {
    let upstream = Upstream::always(replies::json_body(&Api::Chat.whole("done")));
    let sidecar = start(&upstream);
    assert_eq!(ask(&sidecar).status, 200);
    for body in [&b"--a file--"[..], &[b'a'; 100_000]] {
        assert_eq!(second(&sidecar, "POST", "/v1/files", body).status, 200);
    }
    // A kept one that the server closes meanwhile would lose it.
    assert_eq!((upstream.count(), upstream.connections()), (3, 3));
}

#[test]
fn a_408_that_crossed_the_request_on_a_kept_connection_is_no_answer_to_it() {
    let whole = replies::json_body(&Api::Chat.whole("done"));
    let late = replies::whole("408 Request Timeout", &["connection: close"], "");
    let upstream = Upstream::start(move |_, before| match before {
        1 => vec![Step::Send(late.clone()), Step::Close],
        _ => vec![Step::Send(whole.clone())],
    });
    let sidecar = start(&upstream);
    for _ in 0..2 {
        assert_eq!(ask(&sidecar).status, 200);
    }
    assert_eq!((upstream.count(), upstream.connections()), (3, 2));
    assert!((resent(&sidecar) - 1.0).abs() < 0.5);
    // Over a new connection it is one.
    let late = replies::whole("408 Request Timeout", &["connection: close"], "");
    let upstream = Upstream::start(move |_, _| vec![Step::Send(late.clone()), Step::Close]);
    let sidecar = start(&upstream);
    assert_eq!(ask(&sidecar).status, 408);
    assert_eq!(upstream.count(), 1);
}
