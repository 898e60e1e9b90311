//! The harness itself, on which every other test relies.

use std::time::Duration;

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Step, Upstream, faults, wire};

#[test]
fn the_harness_keeps_bytes_and_tells_how_a_reply_ended() {
    let upstream = Upstream::start(|seen, _| match seen.model().as_str() {
        "whole" => vec![Step::Send(replies::json_body("{ \"a\":1.0 }"))],
        "cut" => vec![
            Step::Send(replies::stream_head()),
            Step::Send(b"10\r\nhalf".to_vec()),
            Step::Close,
        ],
        "reset" => vec![
            Step::Send(replies::stream_head()),
            Step::Send(replies::chunk(b"some")),
            Step::Pause(Duration::from_millis(50)),
            Step::Reset,
        ],
        _ => replies::stream(&Api::of(seen.path()).events(&["a", "b"])),
    });
    let ask = |model: &str| {
        wire::post(
            upstream.address,
            "/v1/chat/completions",
            Api::Chat.ask(model, "hi", true).to_string(),
        )
    };
    assert_eq!(
        (ask("whole").text().as_str(), ask("whole").end),
        ("{ \"a\":1.0 }", wire::End::Complete)
    );
    assert_eq!(
        (ask("cut").text().as_str(), ask("cut").end),
        ("half", wire::End::Cut)
    );
    assert_eq!(
        (ask("reset").text().as_str(), ask("reset").end),
        ("some", wire::End::Reset)
    );
    assert_eq!(
        (ask("stream").text(), ask("stream").end),
        (Api::Chat.events(&["a", "b"]).concat(), wire::End::Complete)
    );
    assert_eq!(upstream.last().json(), Api::Chat.ask("stream", "hi", true));
    assert_eq!(upstream.last().header("X-API-Key"), Some("test-key"));
}

#[test]
fn the_harness_reads_chunked_requests_and_several_on_one_connection() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let mut connection = wire::Connection::open(upstream.address);
    for _ in 0..2 {
        connection.send(b"POST /a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n");
        assert_eq!(connection.reply().status, 200);
    }
    assert_eq!(
        upstream
            .seen()
            .iter()
            .map(|s| s.body.clone())
            .collect::<Vec<_>>(),
        [b"abcd", b"abcd"]
    );
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn the_fault_server_shows_each_row_in_each_api() {
    let upstream = faults::server();
    for api in Api::ALL {
        for row in faults::ROWS
            .iter()
            .filter(|row| !["stall", "accept-and-close", "pings"].contains(&row.name))
        {
            let reply = wire::post(
                upstream.address,
                api.path(),
                api.ask(&format!("{}.{api:?}", row.name), "hi", true)
                    .to_string(),
            );
            let finished = ["[DONE]", "message_stop", "response.completed"]
                .iter()
                .any(|word| reply.text().contains(word));
            let clean = reply.status == 200 && reply.end == wire::End::Complete && finished;
            let broken = row.expect == faults::Expect::Raises || row.attempts == Some(2);
            assert_eq!(
                clean, !broken,
                "{api:?} {}: {} {:?}",
                row.name, reply.status, reply.end
            );
        }
    }
}
