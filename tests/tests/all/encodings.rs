//! Content codings: what is compressed is judged, read and counted like what is not.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

const PII: &str = "[{ use: pii-redact }]";
const ADDRESS: &str = "ana.souza@example.com";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(text, 3).unwrap()
}

fn provider() -> Upstream {
    Upstream::always(replies::json_body(&Api::Chat.whole("ok")))
}

fn post(sidecar: &Sidecar, headers: &[&str], body: &[u8]) -> wire::Reply {
    let mut all = vec!["content-type: application/json"];
    all.extend_from_slice(headers);
    wire::call(
        sidecar.base,
        &wire::request("POST", Api::Chat.path(), &all, body),
    )
}

/// A whole reply with a coding, whatever was wanted.
fn encoded(coding: &str, body: &[u8]) -> Vec<Step> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    vec![Step::Send([head.as_bytes(), body].concat())]
}

#[test]
fn a_compressed_request_is_judged_like_a_plain_one() {
    let upstream = provider();
    let body = Api::Chat.ask("other", "hi", false).to_string();
    let judge = Sidecar::start(&config(
        &upstream,
        "[{ use: model-allowlist, config: { models: [m] } }]",
    ));
    let plain = post(&judge, &[], body.as_bytes());
    let bodies = [
        ("gzip", gzip(body.as_bytes())),
        ("zstd", zstandard(body.as_bytes())),
        ("zstd, gzip", gzip(&zstandard(body.as_bytes()))),
    ];
    for (coding, bytes) in &bodies {
        let reply = post(&judge, &[&format!("content-encoding: {coding}")], bytes);
        assert_eq!(
            (reply.status, reply.text()),
            (plain.status, plain.text()),
            "{coding}"
        );
    }
    assert_eq!((plain.status, upstream.count()), (403, 0));
}

#[test]
fn a_compressed_request_is_read_and_leaves_inflated() {
    let upstream = provider();
    let reader = Sidecar::start(&config(&upstream, PII));
    let body = Api::Chat
        .ask("m", &format!("mail {ADDRESS}"), false)
        .to_string();
    let reply = post(
        &reader,
        &["content-encoding: zstd"],
        &zstandard(body.as_bytes()),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = upstream.last();
    assert_eq!(seen.header("content-encoding"), None);
    assert_eq!(
        seen.header("content-length"),
        Some(&*seen.body.len().to_string())
    );
    assert_eq!(seen.model(), "m");
    assert!(!String::from_utf8_lossy(&seen.body).contains(ADDRESS));
}

#[test]
fn what_can_not_be_inflated_is_refused_for_its_reason() {
    let upstream = provider();
    let reader = Sidecar::start(&config(&upstream, PII));
    let bomb = gzip(&vec![b' '; 24 << 20]);
    for (coding, bytes, status) in [
        ("gzip", &b"no gzip"[..], 400),
        ("zstd", &zstandard(b"{}")[..5], 400),
        ("gzip", &bomb, 413),
        ("compress", b"{}", 403),
    ] {
        let reply = post(&reader, &[&format!("content-encoding: {coding}")], bytes);
        assert_eq!(reply.status, status, "{coding}: {}", reply.text());
        assert!(reply.json()["error"]["message"].is_string());
    }
    assert_eq!(upstream.count(), 0);
}

#[test]
fn with_an_empty_chain_encoded_bytes_pass_both_ways_and_are_counted() {
    let whole = Api::Chat.whole("Hello");
    let plain = whole.clone();
    let upstream = Upstream::start(move |seen, _| match seen.header("accept-encoding") {
        Some("gzip") => encoded("gzip", &gzip(whole.as_bytes())),
        _ => vec![Step::Send(replies::json_body(&whole))],
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let body = gzip(Api::Chat.ask("m", "hi", false).to_string().as_bytes());
    let headers = ["content-encoding: gzip", "accept-encoding: gzip"];
    let reply = post(&sidecar, &headers, &body);
    assert_eq!(upstream.last().body, body, "as it came");
    assert_eq!(upstream.last().header("content-encoding"), Some("gzip"));
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(reply.body, gzip(plain.as_bytes()), "as it came");
    let expected: serde_json::Value = serde_json::from_str(&plain).unwrap();
    let line: serde_json::Value =
        serde_json::from_str(&sidecar.log_line(&["\"status\":200"])).unwrap();
    let text = line.to_string();
    let output = expected["usage"]["completion_tokens"].to_string();
    assert!(
        text.contains(&format!("\"output_tokens\":{output}")),
        "{text}"
    );
    assert!(!text.contains("\"tokens_estimated\":true"), "{text}");
}

#[test]
fn limits_hold_for_replies_that_come_compressed() {
    let whole = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":900,"total_tokens":1000}}"#;
    // Whatever is wanted: some gateways compress all the same.
    let upstream = Upstream::start(move |_, _| encoded("gzip", &gzip(whole.as_bytes())));
    let chain = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 5000, every: 1h }] } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let mut body = Api::Chat.ask("m", "hi", false);
    body["max_completion_tokens"] = 1000.into();
    let passed = (0..20)
        .take_while(|_| {
            post(
                &sidecar,
                &["accept-encoding: gzip"],
                body.to_string().as_bytes(),
            )
            .status
                == 200
        })
        .count();
    assert!(
        (4..=5).contains(&passed),
        "{passed} replies of 1000 tokens passed a limit of 5000"
    );
    assert_eq!(upstream.last().header("accept-encoding"), Some("identity"));
}

#[test]
fn a_compressed_reply_and_a_compressed_stream_are_read_by_a_policy() {
    let upstream = Upstream::start(|seen, _| {
        if seen.json()["stream"] != true {
            return encoded("gzip", &gzip(Api::Chat.whole("ok").as_bytes()));
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut steps = vec![Step::Send(head.to_vec())];
        for event in Api::Chat.events(&["a", "b"]) {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            steps.push(Step::Send(replies::chunk(&std::mem::take(
                encoder.get_mut(),
            ))));
        }
        let rest = encoder.finish().unwrap();
        steps.push(Step::Send(replies::chunk(&rest)));
        steps.push(Step::Send(replies::last_chunk()));
        steps
    });
    let sidecar = Sidecar::start(&config(&upstream, PII));
    for stream in [false, true] {
        let reply = post(
            &sidecar,
            &["accept-encoding: gzip"],
            Api::Chat.ask("m", "hi", stream).to_string().as_bytes(),
        );
        assert_eq!(
            (reply.status, reply.header("content-encoding")),
            (200, None),
            "{}",
            reply.text()
        );
        let expected = match stream {
            true => Api::Chat.events(&["a", "b"]).concat(),
            false => Api::Chat.whole("ok"),
        };
        assert_eq!((reply.text(), reply.end), (expected, wire::End::Complete));
    }
}

#[test]
fn a_reply_in_a_coding_that_nobody_knows_is_not_given_out_past_a_policy() {
    let upstream = Upstream::start(|_, _| encoded("compress", b"???"));
    let sidecar = Sidecar::start(&config(&upstream, PII));
    let reply = post(
        &sidecar,
        &[],
        Api::Chat.ask("m", "hi", false).to_string().as_bytes(),
    );
    assert_eq!(reply.status, 502, "{}", reply.text());
}
