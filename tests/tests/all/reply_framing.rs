//! Replies of an upstream: the forms that are accepted, and that what comes of them has one
//! reading.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

#[test]
fn a_length_beside_chunks_does_not_cut_the_reply() {
    let whole = Api::Chat.whole(&"a".repeat(200)).to_string();
    let body = whole.clone();
    let upstream = Upstream::start(move |_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = replies::chunk(body.as_bytes());
        vec![Step::Send([head.as_bytes(), &chunk, b"0\r\n\r\n"].concat())]
    });
    for chain in ["", "[{ use: probe, config: { reads: true } }]"] {
        let sidecar = Sidecar::start(&config(&upstream, chain));
        let reply = sidecar.post(
            Api::Chat.path(),
            Api::Chat.ask("m", "hi", false).to_string(),
        );
        for reply in [reply, wire::get(sidecar.base, "/v1/models")] {
            assert_eq!(reply.text(), whole, "{chain}: {}", reply.head);
            assert!(
                reply.header("content-length") != Some("5"),
                "{}",
                reply.head
            );
        }
    }
}

#[test]
fn a_length_that_is_written_twice_reaches_the_app_once() {
    let whole = Api::Chat.whole("done");
    let length = whole.len();
    for lines in [
        format!("content-length: {length}, {length}"),
        format!("content-length: {length}\r\ncontent-length: {length}"),
        format!("content-length: {length},{length}, {length}"),
    ] {
        let body = whole.clone();
        let upstream = Upstream::start(move |_, _| {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{lines}\r\n\r\n");
            vec![Step::Send([head.as_bytes(), body.as_bytes()].concat())]
        });
        let sidecar = Sidecar::start(&config(&upstream, ""));
        let reply = sidecar.post(
            Api::Chat.path(),
            Api::Chat.ask("m", "hi", false).to_string(),
        );
        for reply in [reply, wire::get(sidecar.base, "/v1/models")] {
            assert_eq!(reply.text(), whole, "{}", reply.head);
            let lines = reply.head.to_ascii_lowercase();
            let lengths: Vec<_> = lines
                .lines()
                .filter(|line| line.starts_with("content-length"))
                .collect();
            assert_eq!(lengths, [format!("content-length: {length}")]);
        }
    }
}
