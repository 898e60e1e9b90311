//! Backpressure, big bodies, and clients that go.

use std::time::{Duration, Instant};

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};

use super::config;

const MIB: u64 = 1 << 20;

/// Bytes that the kernel alone may take between the upstream and a client that does not read: two
/// legs' send and receive buffers, each counted with its overhead.
fn kernel_buffers() -> u64 {
    let most = |file: &str| -> u64 {
        let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{file}")).unwrap();
        text.split_whitespace().nth(2).unwrap().parse().unwrap()
    };
    3 * most("tcp_rmem") + 4 * most("tcp_wmem")
}

/// A chat delta of about `size` bytes as an event.
fn delta(size: usize) -> Vec<u8> {
    replies::chunk(Api::Chat.events(&[&"x".repeat(size)])[1].as_bytes())
}

fn flood(pieces: u64) -> Upstream {
    Upstream::start(move |_, _| {
        vec![
            Step::Send(replies::stream_head()),
            Step::Flood {
                piece: delta(16 << 10),
                pieces,
            },
            Step::Send(replies::chunk(b"data: [DONE]\n\n")),
            Step::Send(replies::last_chunk()),
        ]
    })
}

fn a_client_that_stops_reading_slows_the_upstream(chain: &str) {
    let upstream = flood(1 << 20); // 16 GiB, were it all taken
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let before = sidecar.rss();
    let mut stuck: Vec<_> = (0..4)
        .map(|_| wire::Connection::open_narrow(sidecar.base))
        .collect();
    for connection in &mut stuck {
        connection.send(&wire::request(
            "POST",
            Api::Chat.path(),
            &["content-type: application/json"],
            Api::Chat.ask("m", "hi", true).to_string().as_bytes(),
        ));
        assert_eq!(connection.head().unwrap().0, 200);
    }
    // The upstream gets rid of what sockets buffer, and then of nothing more.
    let mut taken = 0;
    eventually("the upstream is held up", || {
        std::thread::sleep(Duration::from_millis(700));
        std::mem::replace(&mut taken, upstream.flooded()) == upstream.flooded() && taken > 0
    });
    assert!(
        taken < 4 * kernel_buffers(),
        "{} MiB went into four streams that nobody reads",
        taken / MIB
    );
    let grown = sidecar.rss().saturating_sub(before);
    assert!(
        grown < 24 * MIB,
        "{} MiB for four streams that nobody reads",
        grown / MIB
    );
    // Others are served meanwhile, and the stuck ones go on where they stopped.
    assert_eq!(wire::get(sidecar.admin, "/healthz").status, 200);
    for _ in 0..64 {
        assert!(stuck[0].chunk().unwrap().is_some());
    }
}

#[test]
fn a_client_that_stops_reading_slows_the_upstream_and_costs_bounded_memory() {
    a_client_that_stops_reading_slows_the_upstream("");
}

#[test]
fn a_client_that_stops_reading_slows_the_upstream_also_through_a_policy() {
    a_client_that_stops_reading_slows_the_upstream("[{ use: probe, config: { upper: true } }]");
}

#[test]
fn client_gone_cancels_the_upstream_at_once_and_settles() {
    for chain in ["", "[{ use: probe, config: { upper: true } }]"] {
        let upstream = Upstream::start(|seen, _| {
            if seen.model() == "silent" {
                return vec![Step::Hold]; // nothing was answered yet
            }
            let begun: String = Api::Chat.events(&["Hello"])[..2].concat();
            vec![
                Step::Send(replies::stream_head()),
                Step::Send(replies::chunk(begun.as_bytes())),
                Step::Hold,
            ]
        });
        let sidecar = Sidecar::start(&config(&upstream, chain));
        for (number, model) in ["streaming", "silent"].into_iter().enumerate() {
            let mut connection = wire::Connection::open(sidecar.base);
            connection.send(&wire::request(
                "POST",
                Api::Chat.path(),
                &["content-type: application/json"],
                Api::Chat.ask(model, "hi", true).to_string().as_bytes(),
            ));
            if model == "streaming" {
                connection.head().unwrap();
                connection.chunk().unwrap();
            } else {
                eventually("the request arrives", || upstream.count() == number + 1);
            }
            let gone = Instant::now();
            drop(connection);
            eventually("the upstream is cancelled", || {
                upstream.left().len() == number + 1
            });
            let after = upstream.left()[number].duration_since(gone);
            assert!(
                after < Duration::from_millis(500),
                "{model}: cancelled after {after:?}"
            );
        }
        eventually("both are settled", || {
            sidecar.metric("outrigger_client_disconnects_total", &[]) == 2.0
                && sidecar.metric("outrigger_inflight_requests", &[]) == 0.0
        });
    }
}

#[test]
fn big_bodies_pass_both_ways() {
    let text = "All work and no play. ".repeat(400_000); // 8.8 MB
    let whole = Api::Chat.whole(&text);
    let upstream = Upstream::always(replies::json_body(&whole));
    for chain in [
        "",
        "[{ use: probe, config: { reads: true }, limits: { cpu: 1s, wall: 5s, memory: 128MiB } }]",
    ] {
        let sidecar = Sidecar::start(&config(&upstream, chain));
        let request = Api::Chat.ask("m", &text, false).to_string();
        let reply = sidecar.post(Api::Chat.path(), &request);
        assert_eq!(
            reply.status,
            200,
            "{}",
            &reply.text()[..reply.text().len().min(300)]
        );
        assert!(
            upstream.last().body == request.as_bytes(),
            "the request is the same"
        );
        assert!(reply.body == whole.as_bytes(), "the reply is the same");
    }
}

#[test]
fn a_chunked_request_and_expect_continue_pass() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let mut connection = wire::Connection::open(sidecar.base);
    connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for piece in body.as_bytes().chunks(7) {
        connection.send(&replies::chunk(piece));
    }
    connection.send(&replies::last_chunk());
    assert_eq!(connection.reply().status, 200);
    assert_eq!(upstream.last().body, body.as_bytes());
    connection.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &["expect: 100-continue", "content-type: application/json"],
        body.as_bytes(),
    ));
    assert_eq!(
        connection.reply().status,
        200,
        "100 Continue, then the answer"
    );
    assert_eq!(upstream.last().body, body.as_bytes());
}

#[test]
fn an_upstream_killed_in_mid_stream_never_looks_finished() {
    for api in Api::ALL {
        for chain in ["", "[{ use: probe, config: { upper: true } }]"] {
            let upstream = Upstream::start(move |_, _| {
                let events = api.events(&["one ", "two "]);
                let begun = events[..events.len() - api.closing_events()].concat();
                vec![
                    Step::Send(replies::stream_head()),
                    Step::Send(replies::chunk(begun.as_bytes())),
                    Step::Pause(Duration::from_millis(50)),
                    Step::Reset,
                ]
            });
            let sidecar = Sidecar::start(&config(&upstream, chain));
            let reply = sidecar.post(api.path(), api.ask("m", "hi", true).to_string());
            assert_ne!(
                reply.end,
                wire::End::Complete,
                "{api:?}: the framing is aborted"
            );
            let text = reply.text();
            assert!(
                text.to_lowercase().contains("two"),
                "{api:?}: what came is delivered: {text}"
            );
            assert!(
                text.contains("event: error") || text.contains("response.failed"),
                "{api:?}: the dialect's own error comes first: {text}"
            );
            for terminator in ["[DONE]", "message_stop", "response.completed"] {
                assert!(
                    !text.contains(terminator),
                    "{api:?}: {terminator} was invented"
                );
            }
        }
    }
}

#[test]
fn an_upstream_that_cannot_be_reached_is_one_sentence_in_the_dialect() {
    let upstream = Upstream::always(Vec::new());
    let address = upstream.address;
    drop(upstream);
    std::thread::sleep(Duration::from_millis(50));
    let sidecar = Sidecar::start(&format!(
        "upstreams:\n  openai: {{ dialect: openai, url: \"http://{address}/v1\" }}\n  anthropic: {{ dialect: anthropic, url: \"http://{address}\" }}\n"
    ));
    for api in Api::ALL {
        let reply = sidecar.post(api.path(), api.ask("m", "hi", false).to_string());
        assert!([502, 503].contains(&reply.status), "{}", reply.status);
        assert!(
            reply.json()["error"]["message"]
                .as_str()
                .is_some_and(|m| !m.contains('\n')),
            "{}",
            reply.text()
        );
    }
}

#[test]
fn http2_in_clear_is_served() {
    // By prior knowledge: the preface and an empty SETTINGS are answered with SETTINGS.
    let upstream = Upstream::always(replies::json_body("{}"));
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let answer = outrigger_tests::wire::http2_preface(sidecar.base);
    assert_eq!(answer[3], 4, "a SETTINGS frame: {answer:?}");
}
