//! The connection of a streamed reply: what a client sees of it is that of any other.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

const PAUSE: Duration = Duration::from_millis(60);

/// Answers a request for a stream with three events that come one by one, others at once.
fn upstream() -> Upstream {
    Upstream::start(|seen, _| {
        if seen.json()["stream"] != true {
            return vec![Step::Send(replies::json_body(&Api::Chat.whole("whole")))];
        }
        let mut steps = vec![Step::Send(replies::stream_head())];
        for event in Api::Chat.events(&["one", "two"]) {
            steps.push(Step::Pause(PAUSE));
            steps.push(Step::Send(replies::chunk(event.as_bytes())));
        }
        steps.push(Step::Send(replies::last_chunk()));
        steps
    })
}

fn ask(stream: bool, headers: &[&str]) -> Vec<u8> {
    let body = Api::Chat.ask("m", "hi", stream).to_string();
    let headers = [&["content-type: application/json"], headers].concat();
    wire::request("POST", Api::Chat.path(), &headers, body.as_bytes())
}

fn check_stream(reply: &wire::Reply) {
    assert_eq!(reply.status, 200);
    assert_eq!(reply.end, wire::End::Complete);
    let text = reply.text();
    assert_eq!(text, Api::Chat.events(&["one", "two"]).concat(), "{text}");
}

#[test]
fn streams_and_whole_replies_take_turns_on_one_connection() {
    let upstream = upstream();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut connection = wire::Connection::open(sidecar.base);
    for round in 0..4 {
        connection.send(&ask(true, &[]));
        check_stream(&connection.reply());
        connection.send(&ask(false, &[]));
        let reply = connection.reply();
        assert!(reply.text().contains("whole"), "{round}");
    }
    assert!(!connection.closes_within(Duration::from_millis(100)));
}

#[test]
fn requests_that_come_during_a_stream_are_answered_after_it_and_in_order() {
    let upstream = upstream();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    // All at once; the second in the midst of the stream, in two pieces.
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(&[ask(true, &[]), ask(false, &[])].concat());
    check_stream(&connection.reply());
    assert!(connection.reply().text().contains("whole"));
    connection.send(&ask(true, &[]));
    let (status, head) = connection.head().unwrap();
    assert_eq!(status, 200);
    let next = ask(false, &[]);
    let (first, second) = next.split_at(next.len() / 2);
    connection.send(first);
    std::thread::sleep(PAUSE);
    connection.send(second);
    let (body, end) = connection.body(&head);
    assert_eq!(end, wire::End::Complete);
    assert_eq!(body, Api::Chat.events(&["one", "two"]).concat().as_bytes());
    assert!(connection.reply().text().contains("whole"));
}

#[test]
fn an_ambiguous_request_that_comes_during_a_stream_is_refused_after_it() {
    let upstream = upstream();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(&ask(true, &[]));
    let (_, head) = connection.head().unwrap();
    connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(connection.body(&head).1, wire::End::Complete);
    assert_eq!(connection.reply().status, 400);
    assert!(connection.closes_within(Duration::from_secs(2)));
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_client_that_wants_its_connection_closed_after_a_stream_has_it_closed() {
    let upstream = upstream();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(&ask(true, &["connection: close"]));
    check_stream(&connection.reply());
    assert!(connection.closes_within(Duration::from_secs(2)));
}
