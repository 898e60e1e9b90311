//! Message batches: each of their requests is read as a request, and their replies come later.

use outrigger_tests::{Sidecar, Upstream, eventually, replies};
use serde_json::{Value, json};

use super::config;

const PATH: &str = "/v1/messages/batches";
const ADDRESS: &str = "ana.souza@example.com";

fn provider() -> Upstream {
    Upstream::always(replies::json_body(
        r#"{"id":"msgbatch_1","type":"message_batch","processing_status":"in_progress","request_counts":{"processing":2,"succeeded":0,"errored":0,"canceled":0,"expired":0},"ended_at":null,"created_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z","results_url":null}"#,
    ))
}

/// A batch of a request for each of these models, all of which say `text`.
fn batch(models: &[&str], text: &str) -> String {
    let entry = |(at, model): (usize, &&str)| {
        json!({ "custom_id": format!("id-{at}"), "params": {
            "model": model, "max_tokens": 700, "system": format!("system: {text}"),
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": text }] }],
            "new_member": { "note": text },
        } })
    };
    let requests: Vec<Value> = models.iter().enumerate().map(entry).collect();
    json!({ "requests": requests }).to_string()
}

fn missed(sidecar: &Sidecar, reason: &str) {
    let reason = format!("reason=\"{reason}\"");
    eventually("it is counted by its name", || {
        let labels = ["inspected=\"false\"", reason.as_str()];
        sidecar.metric("outrigger_inspection_bytes_total", &labels) > 0.0
    });
}

#[test]
fn every_text_of_every_request_is_read_and_rewritten_where_it_stands() {
    let upstream = provider();
    let chain = "[{ use: pii-redact, config: { mode: mask } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    let request = batch(&["m", "m"], &format!("mail {ADDRESS}"));
    let reply = sidecar.post(PATH, &request);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["id"], "msgbatch_1");
    let sent = String::from_utf8_lossy(&upstream.last().body).into_owned();
    assert_eq!(sent, request.replace(ADDRESS, "[[EMAIL]]"));
    assert_eq!(upstream.last().path(), PATH);
}

#[test]
fn a_batch_whose_replies_can_not_be_restored_is_refused_before_it_is_sent() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, "[{ use: pii-redact }]"));
    let refused = sidecar.post(PATH, batch(&["m"], ADDRESS));
    assert_eq!(refused.status, 400, "{}", refused.text());
    let error = refused.json();
    assert_eq!(
        error["type"], "error",
        "in the shape of its own API: {error}"
    );
    assert!(refused.text().contains("later_replies: pass"), "{error}");
    assert_eq!(upstream.count(), 0);
    assert_eq!(sidecar.post(PATH, batch(&["m"], "hi")).status, 200);
}

#[test]
fn a_policy_that_judges_models_sees_the_one_of_all_requests_and_misses_several() {
    let upstream = provider();
    let chain =
        |more: &str| format!("[{{ use: model-allowlist, config: {{ models: [m, n] }}{more} }}]");
    let sidecar = Sidecar::start(&config(&upstream, &chain("")));
    assert_eq!(sidecar.post(PATH, batch(&["x", "x"], "hi")).status, 403);
    assert_eq!(sidecar.post(PATH, batch(&["m", "x"], "hi")).status, 403);
    assert_eq!(upstream.count(), 0);
    missed(&sidecar, "models");
    assert_eq!(sidecar.post(PATH, batch(&["m", "m"], "hi")).status, 200);
    let skips = Sidecar::start(&config(&upstream, &chain(", on_unseen: skip")));
    assert_eq!(skips.post(PATH, batch(&["m", "n"], "hi")).status, 200);
    missed(&skips, "models");
}

#[test]
fn an_alias_is_resolved_in_every_request() {
    let upstream = provider();
    let sidecar = Sidecar::start(
        &(config(&upstream, "") + "\nmodels: { fast: { targets: [anthropic/claude-9] } }\n"),
    );
    let reply = sidecar.post(PATH, batch(&["fast", "fast"], "hi"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = upstream.last().json();
    for at in 0..2 {
        assert_eq!(sent["requests"][at]["params"]["model"], "claude-9");
    }
}

#[test]
fn what_its_requests_may_take_is_reserved_and_stands() {
    let upstream = provider();
    let chain = "[{ use: token-rate-limit, grants: [limits], config: { rules: [{ tokens: 2000, every: 30d, algorithm: sliding }] } }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    assert_eq!(sidecar.post(PATH, batch(&["m", "m"], "hi")).status, 200);
    let refused = sidecar.post(PATH, batch(&["m"], "hi"));
    assert_eq!(refused.status, 429, "1400 and more of 2000 are gone");
    assert_eq!(upstream.count(), 1);
}

#[test]
fn a_batch_is_never_answered_from_a_cache() {
    let upstream = provider();
    let chain = "[{ use: response-cache, grants: [replies], config: {} }]";
    let sidecar = Sidecar::start(&config(&upstream, chain));
    for count in 1..=2 {
        let reply = sidecar.post(PATH, batch(&["m"], "hi"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.header("x-outrigger-cache"), Some("bypass"));
        assert_eq!(upstream.count(), count);
    }
}

#[test]
fn what_no_policy_can_be_shown_of_a_request_in_a_batch_counts_as_in_any_request() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(
        &upstream,
        "[{ use: pii-redact, config: { mode: mask } }]",
    ));
    let source = json!({ "type": "base64", "media_type": "application/pdf", "data": "JVBERi0=" });
    let body = json!({ "requests": [{ "custom_id": "a", "params": { "model": "m", "max_tokens": 9, "messages": [
        { "role": "user", "content": [{ "type": "document", "source": source }] },
    ] } }] });
    let refused = sidecar.post(PATH, body.to_string());
    assert_eq!(refused.status, 403, "{}", refused.text());
    missed(&sidecar, "file");
    let unreadable = sidecar.post(PATH, r#"{"requests":[{"params":{"model":"m"}}]}"#);
    assert_eq!(unreadable.status, 400, "{}", unreadable.text());
    assert_eq!(upstream.count(), 0);
}
