//! Kinds of content that no policy can be shown: the operator says which of them pass.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Upstream, eventually, wire};
use serde_json::{Value, json};

use super::config;

const INSPECTED: &str = "outrigger_inspection_bytes_total";

/// A chain of one policy with this `on_unseen`; nothing where it is empty.
fn reads(on_unseen: &str) -> String {
    chain("pii-redact, config: { mode: mask }", on_unseen)
}

fn rewrites(on_unseen: &str) -> String {
    chain("probe, config: { upper: true }", on_unseen)
}

fn chain(policy: &str, on_unseen: &str) -> String {
    match on_unseen {
        "" => format!("[{{ use: {policy} }}]"),
        some => format!("[{{ use: {policy}, on_unseen: {some} }}]"),
    }
}

/// A request for each kind that a prompt may hold, and the kind's name.
fn prompts() -> Vec<(&'static str, &'static str, Value)> {
    let chat =
        |part: Value| json!({ "model": "m", "messages": [{ "role": "user", "content": [part] }] });
    let thinking = json!({ "type": "thinking", "thinking": "sealed", "signature": "c2lnbmVk" });
    vec![
        (
            "image",
            Api::Chat.path(),
            chat(
                json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }),
            ),
        ),
        (
            "audio",
            Api::Chat.path(),
            chat(
                json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } }),
            ),
        ),
        (
            "file",
            Api::Chat.path(),
            chat(json!({ "type": "file", "file": { "file_data": "AAAA" } })),
        ),
        (
            "tokens",
            "/v1/completions",
            json!({ "model": "m", "prompt": [1, 2, 3] }),
        ),
        (
            "signed_reasoning",
            Api::Messages.path(),
            json!({ "model": "m", "max_tokens": 9, "messages": [
                { "role": "user", "content": "hi" },
                { "role": "assistant", "content": [thinking, { "type": "text", "text": "ho" }] },
                { "role": "user", "content": "hi" },
            ] }),
        ),
        (
            "encrypted",
            Api::Messages.path(),
            json!({ "model": "m", "max_tokens": 9, "messages": [
                { "role": "user", "content": "hi" },
                { "role": "assistant", "content": [{ "type": "web_search_tool_result", "tool_use_id": "t", "content": [
                    { "type": "web_search_result", "url": "https://x.test", "title": "x", "encrypted_content": "gAAAA" },
                ] }] },
                { "role": "user", "content": "hi" },
            ] }),
        ),
    ]
}

#[test]
fn each_kind_in_a_request_is_refused_or_passes_as_the_operator_says() {
    let upstream = Upstream::always(replies::json_body("{}"));
    for (on_unseen, refused) in [
        ("", &["audio", "file", "tokens"][..]),
        ("skip", &[]),
        (
            "{ image: block, signed_reasoning: block, encrypted: block }",
            &[
                "image",
                "audio",
                "file",
                "tokens",
                "signed_reasoning",
                "encrypted",
            ],
        ),
        ("{ audio: skip, tokens: skip }", &["file"]),
        (
            "{ default: skip, signed_reasoning: block }",
            &["signed_reasoning"],
        ),
    ] {
        let sidecar = Sidecar::start(&config(&upstream, &reads(on_unseen)));
        for (kind, path, body) in prompts() {
            let reply = sidecar.post(path, body.to_string());
            let expected = if refused.contains(&kind) { 403 } else { 200 };
            assert_eq!(
                reply.status,
                expected,
                "{on_unseen} {kind}: {}",
                reply.text()
            );
            if expected == 403 {
                let help = format!("on_unseen: {{ {kind}: skip }}");
                assert!(reply.text().contains(&help), "{}", reply.text());
            }
            eventually("counted either way", || {
                let reason = format!("reason=\"{kind}\"");
                sidecar.metric(INSPECTED, &["inspected=\"false\"", &reason]) > 0.0
            });
        }
    }
}

/// A reply of Anthropic's that begins with signed reasoning, whole or streamed.
fn thinker() -> Upstream {
    let whole = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn", "stop_sequence": null,
        "content": [{ "type": "thinking", "thinking": "sealed", "signature": "c2lnbmVk" }, { "type": "text", "text": "Hello there" }],
        "usage": { "input_tokens": 3, "output_tokens": 5 } });
    let event = |data: Value| {
        let name = data["type"].as_str().unwrap_or_default().to_owned();
        format!("event: {name}\ndata: {data}\n\n")
    };
    let events = vec![
        event(
            json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": null, "usage": { "input_tokens": 3, "output_tokens": 1 } } }),
        ),
        event(
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "", "signature": "" } }),
        ),
        event(
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "sealed" } }),
        ),
        event(
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "signature_delta", "signature": "c2lnbmVk" } }),
        ),
        event(json!({ "type": "content_block_stop", "index": 0 })),
        event(
            json!({ "type": "content_block_start", "index": 1, "content_block": { "type": "text", "text": "" } }),
        ),
        event(
            json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "text_delta", "text": "Hello there" } }),
        ),
        event(json!({ "type": "content_block_stop", "index": 1 })),
        event(
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 5 } }),
        ),
        event(json!({ "type": "message_stop" })),
    ];
    Upstream::start(move |seen, _| match seen.json()["stream"] == true {
        true => replies::stream(&events),
        false => vec![outrigger_tests::Step::Send(replies::json_body(
            &whole.to_string(),
        ))],
    })
}

#[test]
fn a_kind_that_is_blocked_is_refused_in_replies_whole_and_streamed() {
    let upstream = thinker();
    let ask = |stream| Api::Messages.ask("m", "hi", stream).to_string();
    for passes in ["", "skip", "{ image: block }", "{ signed_reasoning: skip }"] {
        let sidecar = Sidecar::start(&config(&upstream, &rewrites(passes)));
        for stream in [false, true] {
            let reply = sidecar.post(Api::Messages.path(), ask(stream));
            let is_whole = (reply.status, reply.end) == (200, wire::End::Complete);
            assert!(is_whole, "{passes} {stream}: {}", reply.text());
            assert!(reply.text().contains("HELLO"), "{}", reply.text());
            assert!(reply.text().contains("sealed"), "{}", reply.text());
        }
    }
    for blocks in [
        "{ signed_reasoning: block }",
        "{ default: skip, signed_reasoning: block }",
    ] {
        let sidecar = Sidecar::start(&config(&upstream, &rewrites(blocks)));
        let whole = sidecar.post(Api::Messages.path(), ask(false));
        assert_eq!(whole.status, 502, "{blocks}: {}", whole.text());
        assert!(
            whole.text().contains("signed_reasoning"),
            "{}",
            whole.text()
        );
        assert!(!whole.text().contains("sealed"), "{}", whole.text());
        let streamed = sidecar.post(Api::Messages.path(), ask(true));
        assert!(!streamed.text().contains("sealed"), "{}", streamed.text());
        assert!(!streamed.text().contains("HELLO"), "{}", streamed.text());
        assert!(
            streamed.text().contains("event: error"),
            "{}",
            streamed.text()
        );
        eventually("it is counted", || {
            let labels = ["inspected=\"false\"", "reason=\"signed_reasoning\""];
            sidecar.metric(INSPECTED, &labels) > 0.0
        });
    }
}

#[test]
fn policies_tell_what_they_do_with_each_kind() {
    let upstream = thinker();
    let sidecar = Sidecar::start(&config(&upstream, &reads("{ audio: skip, image: block }")));
    let policies = wire::get(sidecar.admin, "/policies");
    let expected = "{ default: block, image: block, audio: skip }";
    assert!(policies.text().contains(expected), "{}", policies.text());
}
