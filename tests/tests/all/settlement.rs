//! The settlement of an exchange, whatever of its reply could be read.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};
use serde_json::{Value, json};

use super::config;

/// A limit that is never reached.
const WIDE: &str = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 1000000, every: 30d, algorithm: sliding }] } }]";

fn limited(upstream: &Upstream) -> Sidecar {
    Sidecar::start(&config(upstream, WIDE))
}

/// The only bucket's `used`, once something is settled and nothing is in flight.
fn used(sidecar: &Sidecar) -> u64 {
    let state = wire::get(sidecar.admin, "/state").json();
    let buckets = state["buckets"].as_array().expect("buckets");
    assert!(buckets.len() <= 1, "{state}");
    buckets
        .first()
        .and_then(|bucket| bucket["used"].as_u64())
        .unwrap_or(0)
}

fn settles(sidecar: &Sidecar, why: &str, holds: impl Fn(u64) -> bool) {
    eventually(why, || holds(used(sidecar)));
}

/// The log's line of the only exchange.
fn line(sidecar: &Sidecar) -> Value {
    serde_json::from_str(&sidecar.log_line(&["\"message\":\"exchange\""])).expect("JSON")
}

fn ask(stream: bool) -> String {
    Api::Chat.ask("m", "hi", stream).to_string()
}

/// A chat stream of one word, and then these events.
fn events(after: &[&str]) -> Vec<Step> {
    let mut events = vec![
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n".to_owned(),
    ];
    events.extend(after.iter().map(|event| (*event).to_owned()));
    replies::stream(&events)
}

#[test]
fn a_reply_in_an_encoding_that_nobody_reads_leaves_the_reservation_standing() {
    let upstream = Upstream::always(replies::whole(
        "200 OK",
        &["content-type: application/json", "content-encoding: x-own"],
        "not for anybody's eyes",
    ));
    let sidecar = limited(&upstream);
    let body =
        json!({"model": "m", "max_tokens": 700, "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(sidecar.post(Api::Chat.path(), body.to_string()).status, 200);
    settles(&sidecar, "what was reserved stands", |used| used >= 700);
    assert_eq!(line(&sidecar)["tokens_estimated"], true);
}

#[test]
fn a_whole_reply_that_breaks_off_leaves_the_reservation_standing() {
    let upstream = Upstream::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"choices\":[";
        vec![Step::Send(head.as_bytes().to_vec()), Step::Close]
    });
    let sidecar = limited(&upstream);
    let body =
        json!({"model": "m", "max_tokens": 700, "messages": [{"role": "user", "content": "hi"}]});
    sidecar.post(Api::Chat.path(), body.to_string());
    settles(&sidecar, "what was reserved stands", |used| used >= 700);
}

#[test]
fn an_app_that_leaves_before_the_answer_leaves_the_reservation_standing() {
    let upstream = Upstream::start(|_, _| vec![Step::Hold]);
    let sidecar = limited(&upstream);
    let body =
        json!({"model": "m", "max_tokens": 700, "messages": [{"role": "user", "content": "hi"}]});
    let mut app = wire::Connection::open(sidecar.base);
    app.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json"],
        body.to_string().as_bytes(),
    ));
    eventually("the upstream has it", || upstream.count() == 1);
    drop(app);
    let line = line(&sidecar);
    assert_eq!(line["client_gone"], true, "{line}");
    assert_eq!(line["tokens_estimated"], true, "{line}");
    settles(&sidecar, "what was reserved stands", |used| used >= 700);
}

#[test]
fn what_a_provider_refused_or_never_got_is_settled_as_nothing() {
    let upstream = Upstream::always(replies::whole("400 Bad Request", &[], "{}"));
    let refused = limited(&upstream);
    assert_eq!(refused.post(Api::Chat.path(), ask(false)).status, 400);
    let nobody = Upstream::start(|_, _| vec![Step::Close]);
    let broken = limited(&nobody);
    assert_eq!(broken.post(Api::Chat.path(), ask(false)).status, 502);
    for sidecar in [&refused, &broken] {
        assert_eq!(line(sidecar).get("output_tokens"), None);
        settles(sidecar, "nothing was taken", |used| used == 0);
    }
}

#[test]
fn what_was_written_after_a_report_is_on_top_of_it() {
    let long = "all the words of a long afternoon ".repeat(100);
    for chain in [WIDE, "[{ use: probe, config: { reads: true } }]"] {
        for last in [
            json!({}),
            json!({"usage": {"output_tokens": 0}}),
            json!({"usage": null}),
        ] {
            let mut events = Api::Messages.events(&[&long]);
            for event in &mut events {
                if event.starts_with("event: message_delta") {
                    let mut data =
                        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
                    data.as_object_mut()
                        .expect("an object")
                        .extend(last.as_object().cloned().unwrap_or_default());
                    *event = format!("event: message_delta\ndata: {data}\n\n");
                }
            }
            let upstream = Upstream::start(move |_, _| replies::stream(&events));
            let sidecar = Sidecar::start(&config(&upstream, chain));
            let body = Api::Messages.ask("m", "hi", true).to_string();
            assert_eq!(sidecar.post(Api::Messages.path(), body).status, 200);
            let line = line(&sidecar);
            assert_eq!(line["input_tokens"], 10, "{line}");
            let output = line["output_tokens"].as_u64();
            assert!(output.is_some_and(|output| output > 500), "{line}");
            assert_eq!(line["tokens_estimated"], true, "{line}");
        }
    }
}

#[test]
fn a_usage_of_zeros_takes_the_place_of_no_real_one_and_a_fraction_is_a_count() {
    let real = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":100.0,\"completion_tokens\":9e2,\"total_tokens\":1000}}\n\n";
    let zeros = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}\n\n";
    let end = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for order in [[zeros, end, real], [end, real, zeros]] {
        let upstream = Upstream::start(move |_, _| {
            let mut all = order.to_vec();
            all.push("data: [DONE]\n\n");
            events(&all)
        });
        let sidecar = limited(&upstream);
        assert_eq!(sidecar.post(Api::Chat.path(), ask(true)).status, 200);
        settles(&sidecar, "the real usage counts", |used| used == 1000);
    }
}

#[test]
fn an_error_inside_a_stream_is_one_in_the_log_although_the_stream_ends_well() {
    for chain in ["", "[{ use: probe, config: { reads: true } }]"] {
        let upstream = Upstream::start(|_, _| {
            events(&[
                "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n",
                "data: [DONE]\n\n",
            ])
        });
        let sidecar = Sidecar::start(&config(&upstream, chain));
        let reply = sidecar.post(Api::Chat.path(), ask(true));
        assert_eq!((reply.status, reply.end), (200, wire::End::Complete));
        let line = line(&sidecar);
        assert_eq!(
            line["error"], "upstream_error_as_success",
            "{chain}: {line}"
        );
        assert_eq!(line["tokens_estimated"], true, "{chain}: {line}");
    }
}

#[test]
fn a_reply_without_a_body_is_no_app_that_left() {
    let upstream = Upstream::start(|seen, _| {
        let status = match seen.path() {
            "/v1/models" => "200 OK\r\ncontent-length: 0",
            "/v1/files/f" => "204 No Content",
            _ => "304 Not Modified",
        };
        vec![Step::Send(
            format!("HTTP/1.1 {status}\r\n\r\n").into_bytes(),
        )]
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    for (method, path) in [
        ("GET", "/v1/models"),
        ("HEAD", "/v1/models"),
        ("DELETE", "/v1/files/f"),
        ("GET", "/v1/models/m"),
    ] {
        let request = wire::request(method, path, &["connection: close"], b"");
        let mut connection = wire::Connection::open(sidecar.base);
        connection.send(&request);
        assert!(connection.head().is_some(), "{method} {path}");
    }
    let empty = replies::whole("200 OK", &["content-type: application/json"], "");
    let silent = Upstream::always(empty);
    let second = Sidecar::start(&config(&silent, ""));
    assert_eq!(second.post(Api::Chat.path(), ask(false)).status, 200);
    for (sidecar, exchanges) in [(&sidecar, 4), (&second, 1)] {
        let lines = || {
            let lines = sidecar.log_lines();
            let exchanges = lines
                .into_iter()
                .filter(|line| line["message"] == "exchange");
            exchanges.collect::<Vec<_>>()
        };
        eventually("all are logged", || lines().len() == exchanges);
        for line in lines() {
            assert_eq!(line.get("client_gone"), None, "{line}");
        }
    }
}

#[test]
fn counting_tokens_of_a_long_conversation_reserves_and_costs_nothing() {
    let upstream =
        Upstream::start(|_, _| vec![Step::Send(replies::json_body("{\"input_tokens\":50000}"))]);
    let chain = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 2000, every: 30d, algorithm: sliding }] } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let long = "all the words of a long afternoon ".repeat(5000);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": long}]}).to_string();
    for path in [
        "/v1/messages/count_tokens",
        "/v1/messages/count_tokens?beta=true",
    ] {
        for _ in 0..3 {
            assert_eq!(sidecar.post(path, &body).status, 200, "{path}");
        }
    }
    let input = json!({"model": "m", "input": long}).to_string();
    let path = "/v1/responses/input_tokens";
    assert_eq!(sidecar.post(path, input).status, 200);
    let ask = Api::Messages.ask("m", "hi", false).to_string();
    assert_eq!(
        sidecar.post(Api::Messages.path(), ask).status,
        200,
        "the limit is as it was"
    );
}

#[test]
fn every_choice_is_in_the_reservation() {
    let upstream = Upstream::start(|_, _| vec![Step::Hold]);
    let sidecar = limited(&upstream);
    let body = json!({"model": "m", "n": 4, "max_completion_tokens": 400, "messages": [{"role": "user", "content": "hi"}]});
    let mut app = wire::Connection::open(sidecar.base);
    app.send(&wire::request(
        "POST",
        Api::Chat.path(),
        &["content-type: application/json"],
        body.to_string().as_bytes(),
    ));
    settles(&sidecar, "four times the limit is reserved", |used| {
        used >= 1600
    });
}

#[test]
fn token_ids_are_in_the_reservation_in_every_nesting() {
    let ids: Vec<u32> = (0..5000).collect();
    for input in [json!(ids), json!([ids])] {
        let upstream = Upstream::start(|_, _| vec![Step::Hold]);
        let sidecar = Sidecar::start(&config(
            &upstream,
            &WIDE.replace("grants: [limits]", "on_unseen: skip, grants: [limits]"),
        ));
        let body = json!({"model": "m", "input": input}).to_string();
        let mut app = wire::Connection::open(sidecar.base);
        app.send(&wire::request(
            "POST",
            "/v1/embeddings",
            &["content-type: application/json"],
            body.as_bytes(),
        ));
        settles(&sidecar, "each id is a token", |used| {
            (5000..5100).contains(&used)
        });
    }
}
