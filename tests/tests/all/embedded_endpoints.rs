//! The embedded model at the endpoints that are no conversation of OpenAI's, Anthropic's or
//! Gemini's own, by the real SDKs; Bedrock's by hand, and as a target that calls are translated
//! for.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use outrigger_tests::{Sidecar, target};
use serde_json::json;

use super::embedded;

/// Runs a Python client that prints what became of each cell; fails unless each is `ok`.
fn are_ok(script: &str, sidecar: &Sidecar, arguments: &[&str], cells: usize) {
    let mut client = Command::new("python3");
    client
        .arg(outrigger_tests::root().join("tests/clients").join(script))
        .arg(format!("http://{}", sidecar.base))
        .args(arguments)
        .env("PYTHONPATH", target().join("python"))
        .stdin(Stdio::null());
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        client.env_remove(variable);
        client.env_remove(variable.to_lowercase());
    }
    let output = client.output().unwrap();
    let ends: BTreeMap<String, String> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let wrong: Vec<_> = ends.iter().filter(|(_, end)| *end != "ok").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(ends.len(), cells);
}

#[test]
fn the_sdks_reach_every_other_endpoint() {
    let sidecar = Sidecar::start(&embedded(""));
    are_ok("endpoints.py", &sidecar, &["any"], 13);
}

#[test]
fn a_policy_sees_what_the_other_endpoints_are_sent() {
    let hiding = "[{ use: pii-redact, config: { detect: [email], mode: tokenize } }]";
    let sidecar = Sidecar::start(&embedded(hiding));
    let written = "write to ana@example.com";
    for (path, mut body) in [
        (
            "/v1beta/interactions",
            json!({"model": "any", "input": written}),
        ),
        ("/v1/images/generations", json!({"prompt": written})),
    ] {
        for stream in [false, true] {
            body["stream"] = stream.into();
            let reply = sidecar.post(path, body.to_string());
            assert_eq!(reply.status, 200, "{}", reply.text());
            // the placeholder that the model repeated has become the address again
            let is_whole_text = path.ends_with("interactions") || !stream;
            assert_eq!(
                reply.text().contains("ana@example.com"),
                is_whole_text,
                "{path}: {}",
                reply.text()
            );
        }
    }
}

#[test]
fn converse_is_answered_whole_and_in_frames() {
    let sidecar = Sidecar::start(&embedded(""));
    let body = json!({"messages": [{"role": "user", "content": [{"text": "pelican-4711"}]}]});
    let path = "/model/amazon.nova-lite-v1%3A0/converse";
    let reply = sidecar.post(path, body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let message = &reply.json()["output"]["message"];
    assert_eq!(message["content"][0]["text"], "pelican-4711");

    let reply = sidecar.post(&format!("{path}-stream"), body.to_string());
    let media = "application/vnd.amazon.eventstream";
    assert_eq!(reply.header("content-type"), Some(media), "{}", reply.head);
    for part in ["messageStart", "pelican-4711", "messageStop", "metadata"] {
        assert!(reply.text().contains(part), "{part}: {}", reply.text());
    }
}

#[test]
fn the_sdks_do_their_day_against_a_model_that_lies_at_bedrocks_paths() {
    let mut models = String::new();
    // Converse is translated to, and InvokeModel is the Messages API by another path.
    for (alias, target) in [
        ("to-converse", "b/amazon.nova-2-lite-v1:0"),
        ("to-messages", "b/anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ] {
        models += &format!(
            "  {alias}: {{ targets: [\"{target}\"] }}\n  \
             {alias}-limited: {{ targets: [\"{target}?status=429\"], attempts: 1 }}\n  \
             {alias}-slow: {{ targets: [\"{target}?events=50&delay_ms=20\"] }}\n"
        );
    }
    let sidecar = Sidecar::start(&format!(
        "upstreams:\n  b: {{ kind: embedded, provider: bedrock }}\nmodels:\n{models}"
    ));
    are_ok(
        "translate.py",
        &sidecar,
        &["to-converse", "to-messages"],
        2 * 36,
    );
    let lines = sidecar.log_lines();
    for (wire, least) in [("bedrock.converse", 30), ("anthropic.messages", 20)] {
        let to = lines.iter().filter(|line| line["translated_to"] == wire);
        assert!(to.count() >= least, "{wire}");
    }
}
