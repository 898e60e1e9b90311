//! Paths: however one is spelt, what a server could take for a call is read as that call, or is not
//! sent.

use outrigger_tests::replies::{self, Api};
use outrigger_tests::{Sidecar, Upstream, wire};

use super::config;

const PII: &str = "[{ use: pii-redact }]";
const ADDRESS: &str = "ana.souza@example.com";

fn provider() -> Upstream {
    Upstream::always(replies::json_body(&Api::Chat.whole("ok")))
}

#[test]
fn a_path_spelt_otherwise_does_not_go_round_the_policies() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, PII));
    let body = Api::Chat.ask("m", &format!("mail {ADDRESS}"), false);
    for path in [
        "/v1/chat/completions",
        "/v1/%63hat/completions",
        "/v1/ch%61t/completions",
        "/v1/%2563hat/completions",
        "/v1/Chat/completions",
        "/v1/chat;x/completions",
        "/v1/chat//completions/",
        "/v1/x/../chat/completions",
        "/v1/chat%2fcompletions",
    ] {
        let reply = sidecar.post(path, body.to_string());
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let seen = upstream.last();
        assert_eq!(seen.path(), path, "what is sent is spelt as it came");
        let sent = String::from_utf8_lossy(&seen.body).into_owned();
        assert!(!sent.contains(ADDRESS), "{path}: {sent}");
    }
    let before = upstream.count();
    for path in [
        "/v1/xchat/completions",
        "/v1/chat/completions/x",
        "/v1/threads/t_1/messages",
        "/v1/responses;x%2Fv1%2Fmessages",
    ] {
        let reply = sidecar.post(path, body.to_string());
        assert_eq!(reply.status, 403, "{path}: {}", reply.text());
    }
    assert_eq!(upstream.count(), before);
    let labels = [
        r#"plugin="pii-redact""#,
        r#"inspected="false""#,
        r#"reason="conversations""#,
    ];
    assert!(sidecar.metric("outrigger_inspection_bytes_total", &labels) > 0.0);
}

#[test]
fn an_endpoint_that_nobody_reads_is_blocked_where_a_policy_judges_the_model_alone() {
    let upstream = provider();
    let chain =
        |more: &str| format!("[{{ use: model-allowlist, config: {{ models: [m] }}{more} }}]");
    let body = Api::Chat.ask("other", "hi", false).to_string();
    let strict = Sidecar::start(&config(&upstream, &chain("")));
    assert_eq!(strict.post("/v1/xchat/completions", &body).status, 403);
    assert_eq!(upstream.count(), 0);
    let skips = Sidecar::start(&config(&upstream, ""));
    assert_eq!(
        skips.post("/v1/xchat/completions", &body).status,
        200,
        "a wire"
    );
    assert_eq!(upstream.last().path(), "/v1/xchat/completions");
}

#[test]
fn what_is_to_be_compacted_is_read() {
    let upstream = Upstream::always(replies::json_body(
        r#"{"id":"r","object":"response.compaction","output":[{"type":"compaction","encrypted_content":"gA"}]}"#,
    ));
    let sidecar = Sidecar::start(&config(&upstream, PII));
    let body = format!(r#"{{"model":"m","input":[{{"role":"user","content":"mail {ADDRESS}"}}]}}"#);
    let reply = sidecar.post("/v1/responses/compact", body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = String::from_utf8_lossy(&upstream.last().body).into_owned();
    assert!(!sent.contains(ADDRESS), "{sent}");
}

#[test]
fn a_body_where_none_belongs_is_not_sent_past_a_policy() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, PII));
    let body = Api::Chat.ask("m", ADDRESS, false).to_string();
    let request = wire::request("GET", "/v1/chat/completions", &[], body.as_bytes());
    let reply = wire::call(sidecar.base, &request);
    assert!(reply.status >= 400, "{}", reply.text());
    assert_eq!(upstream.count(), 0);
    assert_eq!(wire::get(sidecar.base, "/v1/models").status, 200);
}
