//! Replies that come later: stored ones and those made in the background, fetched with a request
//! that has no body.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Seen, Sidecar, Step, Upstream, eventually, wire};
use serde_json::{Value, json};

use super::config;

const UPPER: &str = "[{ use: probe, config: { upper: true } }]";
const INSPECTED: &str = "outrigger_inspection_bytes_total";

/// Takes a reply in the background, is busy with it once, and has it from then on.
fn provider() -> Upstream {
    Upstream::start(|seen, n| {
        let path = seen.path();
        if seen.head.starts_with("POST") && seen.json()["background"] == true {
            return json_reply(
                &json!({"id": "resp_1", "object": "response", "status": "queued", "output": [], "usage": null}),
            );
        }
        if path.contains("stream=true") {
            return replies::stream(&Api::Responses.events(&["Hello", " there"]));
        }
        match bare(seen) {
            "/v1/responses/resp_1" if n == 1 => json_reply(
                &json!({"id": "resp_1", "object": "response", "status": "in_progress", "output": [], "usage": null}),
            ),
            "/v1/chat/completions/chatcmpl-1" => {
                vec![Step::Send(replies::json_body(
                    &Api::Chat.whole("Hello there"),
                ))]
            }
            "/v1/files/f/content" => vec![Step::Send(replies::whole(
                "200 OK",
                &["content-type: application/x-jsonl"],
                "{\"custom_id\":\"1\",\"result\":{}}\n",
            ))],
            _ => vec![Step::Send(replies::json_body(
                &Api::Responses.whole("Hello there"),
            ))],
        }
    })
}

fn bare(seen: &Seen) -> &str {
    seen.path().split('?').next().unwrap_or_default()
}

fn json_reply(body: &Value) -> Vec<Step> {
    vec![Step::Send(replies::json_body(&body.to_string()))]
}

fn get(sidecar: &Sidecar, path: &str) -> wire::Reply {
    let request = wire::request("GET", path, &["connection: close"], b"");
    wire::call(sidecar.base, &request)
}

fn in_background(sidecar: &Sidecar) -> wire::Reply {
    let mut body = Api::Responses.ask("m", "hi", false);
    body["background"] = json!(true);
    sidecar.post(Api::Responses.path(), body.to_string())
}

/// The log's lines of exchanges, once there are so many.
fn lines(sidecar: &Sidecar, count: usize) -> Vec<Value> {
    let lines = || -> Vec<Value> {
        let all = sidecar.log_lines().into_iter();
        all.filter(|line| line["message"] == "exchange").collect()
    };
    eventually("all are logged", || lines().len() == count);
    lines()
}

#[test]
fn a_reply_that_is_fetched_goes_up_the_chain_whole_and_streamed() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, UPPER));
    for path in [
        "/v1/responses/resp_2",
        "/v1/responses/resp_2?stream=true",
        "/v1/chat/completions/chatcmpl-1",
    ] {
        let reply = get(&sidecar, path);
        assert_eq!(
            (reply.status, reply.end),
            (200, wire::End::Complete),
            "{path}"
        );
        let text = reply.text();
        assert!(text.contains("HELLO"), "{path}: {text}");
        assert!(!text.contains("Hello"), "{path}: {text}");
        assert!(upstream.last().head.starts_with("GET "), "{path}");
        assert!(upstream.last().body.is_empty(), "{path}");
    }
    let seen = sidecar.metric(INSPECTED, &["plugin=\"probe\"", "inspected=\"true\""]);
    assert!(seen > 0.0, "coverage tells of it");
}

#[test]
fn what_nobody_reads_of_a_stored_reply_is_refused_or_counted_as_the_policy_says() {
    let upstream = provider();
    let path = "/v1/files/f/content";
    let blocks = Sidecar::start(&config(&upstream, UPPER));
    assert_eq!(get(&blocks, path).status, 403);
    assert_eq!(upstream.count(), 0, "nobody was asked");
    let skips = UPPER.replace("use: probe", "use: probe, on_unseen: skip");
    let skips = Sidecar::start(&config(&upstream, &skips));
    assert_eq!(get(&skips, path).status, 200);
    for sidecar in [&blocks, &skips] {
        eventually("it is counted by its name", || {
            sidecar.metric(INSPECTED, &["inspected=\"false\"", "reason=\"files\""]) > 0.0
        });
    }
}

#[test]
fn without_a_policy_that_reads_replies_fetching_is_a_wire() {
    let upstream = provider();
    for chain in [
        "",
        "[{ use: model-allowlist, config: { models: [other] } }]",
    ] {
        let sidecar = Sidecar::start(&config(&upstream, chain));
        let whole = get(&sidecar, "/v1/responses/resp_2");
        assert_eq!(whole.text(), Api::Responses.whole("Hello there"));
        assert_eq!(get(&sidecar, "/v1/files/f/content").status, 200);
    }
}

#[test]
fn a_reply_in_the_background_is_billed_once_however_often_it_is_fetched() {
    for chain in ["", UPPER] {
        let upstream = provider();
        let sidecar = Sidecar::start(&config(&upstream, chain));
        assert_eq!(in_background(&sidecar).status, 200);
        for _ in 0..4 {
            assert_eq!(get(&sidecar, "/v1/responses/resp_1").status, 200);
        }
        let lines = lines(&sidecar, 5);
        assert_eq!(lines[0]["tokens_estimated"], true, "{}", lines[0]);
        let first = &lines[0];
        let tokens = |line: &Value, key: &str| line[key].as_u64().unwrap_or(0);
        let sum = |key: &str| lines.iter().map(|line| tokens(line, key)).sum::<u64>();
        // The provider's own: 10 in, 5 out; the prompt may have been estimated at more.
        assert_eq!(sum("output_tokens"), 5, "{lines:?}");
        let input = tokens(first, "input_tokens").max(10);
        assert_eq!(sum("input_tokens"), input, "{lines:?}");
        assert_eq!(lines[1].get("output_tokens"), None, "it was not finished");
        assert_eq!(lines[2]["target"], "openai/m");
        assert_eq!(lines[3].get("output_tokens"), None, "it was billed");
    }
}

#[test]
fn what_was_reserved_for_a_reply_in_the_background_stands() {
    let upstream = provider();
    let chain = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 1000000, every: 30d, algorithm: sliding }] } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    assert_eq!(in_background(&sidecar).status, 200);
    eventually("the reservation stands", || {
        let state = wire::get(sidecar.admin, "/state").json();
        state["buckets"][0]["used"].as_u64().unwrap_or(0) > 500
    });
}

#[test]
fn a_stored_reply_that_somebody_else_asked_for_costs_nothing_here() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, UPPER));
    get(&sidecar, "/v1/responses/resp_2");
    let line = &lines(&sidecar, 1)[0];
    assert_eq!(line.get("output_tokens"), None, "{line}");
    assert_eq!(line["policies"][0]["verdict"], "edited", "{line}");
}
