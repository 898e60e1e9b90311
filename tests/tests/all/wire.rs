//! Bytes that no policy touches: they pass unchanged.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Step, Upstream, wire};

use super::config;

/// Requests whose spelling a parse and a print would change.
fn odd_requests(api: Api) -> Vec<String> {
    let tail = r#""x_unknown" : { "b":1E2, "a" : [ 1.0,-0,0.10 ], "\u0061":"\/\u00e9" } , "temperature":1.0e0}"#;
    let text = r#"caf\u00e9 \ud83d\ude00 \/ \"q\" ünï"#;
    match api {
        Api::Chat => vec![format!(
            "{{\n\t\"model\" : \"m\" ,\r\n \"stream\":STREAM, \"messages\":[ {{\"content\":\"{text}\",\"role\":\"user\"}} ] ,{tail}"
        )],
        Api::Responses => vec![
            format!("{{\"input\":\"{text}\",\"model\":\"m\",\"stream\":STREAM,{tail}"),
            format!(
                "{{\"model\":\"m\",\"stream\":STREAM,\"input\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"input_text\",\"text\":\"{text}\"}}]}}],{tail}"
            ),
        ],
        Api::Messages => vec![format!(
            "{{ \"max_tokens\":1e2,\"model\":\"m\",\"stream\":STREAM,\"system\":\"s\",\"messages\":[{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}],{tail}"
        )],
        Api::Gemini => Vec::new(),
    }
}

fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        let api = Api::of(seen.path());
        if seen.json()["stream"] == true {
            replies::stream(&api.events(&["Hel", "lo \u{1f600}", "", " \\ \"q\""]))
        } else {
            vec![Step::Send(replies::json_body(
                &api.whole("Hello \u{1f600} \\ \"q\""),
            ))]
        }
    })
}

fn the_bytes_are_the_same(chain: &str) {
    let upstream = provider();
    // Beside policies a stream's usage is requested unless configured otherwise: the one thing that
    // nobody edited and that differs.
    let config =
        config(&upstream, chain).replace("dialect: openai,", "dialect: openai, usage: false,");
    let sidecar = Sidecar::start(&config);
    for api in Api::ALL {
        for request in odd_requests(api) {
            for stream in [false, true] {
                let body = request.replace("STREAM", if stream { "true" } else { "false" });
                let reply = sidecar.post(api.path(), &body);
                let seen = upstream.last();
                assert_eq!(
                    String::from_utf8_lossy(&seen.body),
                    body,
                    "{api:?}: the request"
                );
                assert_eq!((reply.status, reply.end), (200, wire::End::Complete));
                let expected = if stream {
                    api.events(&["Hel", "lo \u{1f600}", "", " \\ \"q\""])
                        .concat()
                } else {
                    api.whole("Hello \u{1f600} \\ \"q\"")
                };
                assert_eq!(
                    reply.text(),
                    expected,
                    "{api:?}, stream {stream}: the reply"
                );
            }
        }
    }
}

#[test]
fn exact_bytes_through_an_empty_chain() {
    the_bytes_are_the_same("");
}

#[test]
fn exact_bytes_where_no_policy_edits() {
    the_bytes_are_the_same("[{ use: probe, config: { reads: true } }, { use: noop }]");
}

#[test]
fn an_edit_changes_its_own_string_and_nothing_else() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { append: \" [seen]\", upper: true } }]",
    ));
    for api in Api::ALL {
        for request in odd_requests(api) {
            let body = request.replace("STREAM", "false");
            let reply = sidecar.post(api.path(), &body);
            let got = String::from_utf8(upstream.last().body).unwrap();
            // Around the edited string nothing moved: same bytes before, same bytes behind.
            let (at, end) = (
                body.find("caf").unwrap(),
                body.find("ünï").unwrap() + "ünï".len(),
            );
            assert_eq!(&got[..at], &body[..at], "{api:?}");
            assert!(got.ends_with(&body[end..]), "{api:?}: {got}");
            let (before, after): (serde_json::Value, serde_json::Value) = (
                serde_json::from_str(&body).unwrap(),
                serde_json::from_str(&got).unwrap(),
            );
            let expected = before.to_string().replace("ünï\"", "ünï [seen]\"");
            assert_eq!(after.to_string(), expected, "{api:?}");
            assert_eq!(
                reply.text(),
                api.whole("HELLO \u{1f600} \\ \"Q\""),
                "{api:?}"
            );
        }
        let streamed = sidecar.post(api.path(), odd_requests(api)[0].replace("STREAM", "true"));
        assert_eq!(streamed.end, wire::End::Complete);
        assert_eq!(
            streamed.text(),
            api.events(&["HEL", "LO \u{1f600}", "", " \\ \"Q\""])
                .concat(),
            "{api:?}: deltas and repeats agree"
        );
    }
}

#[test]
fn streams_cut_anywhere_on_the_wire_come_out_whole() {
    let pieces = ["caf\u{e9} ", "\u{1f600}", "done"];
    for api in Api::ALL {
        let text = api.events(&pieces).concat();
        let all = text.clone();
        // The cut wanders through the stream; lines, escapes and characters are all hit.
        let upstream = Upstream::start(move |_, number| {
            let mut steps = vec![Step::Send(replies::stream_head())];
            let cut = 1 + number * 7 % (all.len() - 1);
            for piece in [&all.as_bytes()[..cut], &all.as_bytes()[cut..]] {
                steps.push(Step::Send(replies::chunk(piece)));
                steps.push(Step::Pause(std::time::Duration::from_millis(1)));
            }
            steps.push(Step::Send(replies::last_chunk()));
            steps
        });
        let sidecar = Sidecar::start(&config(
            &upstream,
            "[{ use: probe, config: { upper: true } }]",
        ));
        let expected = api.events(&["CAF\u{c9} ", "\u{1f600}", "DONE"]).concat();
        let got: String = serde_json::to_string(&api.ask("m", "hi", true)).unwrap();
        let mut connection = wire::Connection::open(sidecar.base);
        for number in 0..text.len() / 7 {
            connection.send(&wire::request(
                "POST",
                api.path(),
                &["content-type: application/json"],
                got.as_bytes(),
            ));
            let reply = connection.reply();
            assert_eq!(
                (reply.text(), reply.end),
                (expected.clone(), wire::End::Complete),
                "{api:?}, cut {number}"
            );
        }
    }
}

#[test]
fn provider_headers_pass_and_hop_by_hop_ones_do_not() {
    let upstream = Upstream::start(|_, _| {
        vec![Step::Send(replies::whole(
            "200 OK",
            &[
                "content-type: application/json",
                "x-ratelimit-remaining-tokens: 7",
                "anthropic-ratelimit-requests-limit: 9",
                "request-id: req_1",
                "retry-after-ms: 5",
                "x-should-retry: true",
                "connection: keep-alive, x-hop",
                "x-hop: secret",
                "set-cookie: a=1",
                "set-cookie: b=2",
            ],
            "{}",
        ))]
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let body = Api::Chat.ask("m", "hi", false).to_string();
    let headers = [
        "content-type: application/json",
        "authorization: Bearer app-key",
        "x-stainless-lang: python",
        "connection: x-mine",
        "x-mine: 1",
        "te: trailers",
    ];
    let reply = wire::call(
        sidecar.base,
        &wire::request(
            "POST",
            "/v1/chat/completions?beta=1&x=%20",
            &headers,
            body.as_bytes(),
        ),
    );
    for (name, value) in [
        ("x-ratelimit-remaining-tokens", "7"),
        ("anthropic-ratelimit-requests-limit", "9"),
        ("request-id", "req_1"),
        ("retry-after-ms", "5"),
        ("x-should-retry", "true"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{}", reply.head);
    }
    assert_eq!(reply.header("x-hop"), None);
    assert_eq!(reply.head.matches("set-cookie").count(), 2);
    let seen = upstream.last();
    assert_eq!(seen.path(), "/v1/chat/completions?beta=1&x=%20");
    assert_eq!(seen.header("authorization"), Some("Bearer app-key"));
    assert_eq!(seen.header("x-stainless-lang"), Some("python"));
    assert_eq!(seen.header("x-mine"), None, "{}", seen.head);
    assert_eq!(
        seen.header("host"),
        Some(upstream.address.to_string().as_str())
    );
}

#[test]
fn other_paths_pass_and_unseen_prompts_do_not_where_a_policy_reads() {
    let upstream = Upstream::always(replies::json_body("{\"data\":[ ]}"));
    let wire_only = Sidecar::start(&config(&upstream, ""));
    assert_eq!(
        wire::get(wire_only.base, "/v1/models").text(),
        "{\"data\":[ ]}"
    );
    assert_eq!(
        wire::post(
            wire_only.base,
            "/v1/audio/speech",
            "{\"model\":\"m\",\"input\":\"hi\"}"
        )
        .status,
        200
    );

    let reading = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { reads: true } }]",
    ));
    assert_eq!(
        wire::get(reading.base, "/v1/models").text(),
        "{\"data\":[ ]}"
    );
    let before = upstream.count();
    let refused = wire::post(
        reading.base,
        "/v1/audio/speech",
        "{\"model\":\"m\",\"input\":\"hi\"}",
    );
    assert!(
        (400..500).contains(&refused.status),
        "{} {}",
        refused.status,
        refused.text()
    );
    assert!(
        refused.json()["error"]["message"].is_string(),
        "{}",
        refused.text()
    );
    assert_eq!(upstream.count(), before, "what no policy saw did not leave");

    let skipping = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { reads: true }, on_unseen: skip }]",
    ));
    assert_eq!(
        wire::post(
            skipping.base,
            "/v1/audio/speech",
            "{\"model\":\"m\",\"input\":\"hi\"}"
        )
        .status,
        200
    );
    assert!(
        skipping.metric("outrigger_inspection_bytes_total", &["false"]) > 0.0,
        "what was not seen is counted"
    );
}

#[test]
fn json_that_is_no_request_passes_unless_a_policy_needs_it() {
    let upstream = Upstream::always(replies::json_body("{}"));
    let empty = Sidecar::start(&config(&upstream, ""));
    let reading = Sidecar::start(&config(
        &upstream,
        "[{ use: probe, config: { reads: true } }]",
    ));
    for body in [
        "{\"model\":",
        "[1,2]",
        "{\"model\":\"m\",\"messages\":7}",
        "{\"model\":\"a\",\"model\":\"b\",\"messages\":[]}",
    ] {
        assert_eq!(
            empty.post("/v1/chat/completions", body).status,
            200,
            "{body}"
        );
        assert_eq!(String::from_utf8(upstream.last().body).unwrap(), body);
        let before = upstream.count();
        let refused = reading.post("/v1/chat/completions", body);
        assert_eq!(refused.status, 400, "{body}: {}", refused.text());
        assert!(
            refused.json()["error"]["message"].is_string(),
            "{body}: {}",
            refused.text()
        );
        let refused = reading.post("/v1/messages", body);
        assert_eq!(
            (refused.status, refused.json()["type"].as_str()),
            (400, Some("error")),
            "{body}: in the dialect's shape"
        );
        assert_eq!(upstream.count(), before);
    }
    let deep = format!(
        "{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}],\"x\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(
        reading.post("/v1/chat/completions", deep).status,
        400,
        "deep nesting is refused, not recursed into"
    );
}
