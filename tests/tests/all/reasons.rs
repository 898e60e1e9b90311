//! The reason of one refusal, and what was changed: in the log line, at level debug, and by
//! `outrigger try` in the terminal of whoever owns the text.

use std::path::Path;

use outrigger_tests::{
    Sidecar, eventually,
    sidecar::{self, run_to_end},
    target,
};
use serde_json::{Value, json};

const CHAIN: &str = "[{ use: pii-redact, config: { mode: tokenize } }, { use: model-allowlist, config: { models: [m, gpt-5-mini] } }]";
const SECRET: &str = "carla@example.org";

fn chat(model: &str, stream: bool) -> String {
    let message = json!({ "role": "user", "content": format!("Write to {SECRET} today") });
    json!({ "model": model, "stream": stream, "messages": [message] }).to_string()
}

#[test]
fn the_log_says_who_refused_and_why_and_counts_edits_without_any_text() {
    let sidecar = Sidecar::start(&format!(
        "log: {{ format: json, level: debug }}\nupstreams: {{ m: {{ kind: embedded }} }}\npolicies: {{ directory: {{policies}}, chain: {CHAIN} }}\n"
    ));
    let path = "/v1/chat/completions";
    let audio = json!({ "type": "input_audio", "input_audio": { "data": "UklGRgAAAABXQVZF", "format": "wav" } });
    let audio = json!({ "model": "m", "messages": [{ "role": "user", "content": [audio] }] });
    for (body, status) in [
        (chat("m", true), 200),
        (chat("another", false), 403),
        (audio.to_string(), 403),
    ] {
        let query = format!("{path}?key=a-secret-key");
        assert_eq!(sidecar.post(&query, body).status, status);
    }
    let exchanges = || -> Vec<Value> {
        let lines = sidecar.log_lines().into_iter();
        lines.filter(|line| line["message"] == "exchange").collect()
    };
    eventually("all are logged", || exchanges().len() == 3);
    let exchanges = exchanges();
    let [served, refused, unseen] = exchanges.as_slice() else {
        panic!("three exchanges: {exchanges:?}")
    };
    assert_eq!(served["path"], path);
    let redacted = &served["policies"][0];
    assert_eq!(
        redacted["edits"],
        json!({ "user": 1, "tags": 1 }),
        "{served}"
    );
    assert!(
        redacted["reply_edits"]["assistant"].as_u64() > Some(0),
        "{served}"
    );
    assert!(served.get("refused_by").is_none(), "{served}");
    assert_eq!(refused["refused_by"], "model-allowlist", "{refused}");
    assert!(refused["error"].is_string(), "{refused}");
    let why = [&unseen["error"], &unseen["refused_by"], &unseen["reason"]];
    assert_eq!(why, ["unseen_by_policy", "pii-redact", "audio"], "{unseen}");

    let lines = sidecar.log_lines();
    let of = |id: &Value, policy: &str| -> Value {
        let is_it = |line: &&Value| {
            line["message"] == "policy" && line["id"] == *id && line["policy"] == *policy
        };
        lines.iter().find(is_it).cloned().unwrap_or_default()
    };
    let line = of(&served["id"], "pii-redact");
    assert_eq!(line["answered"], "edited", "{line}");
    assert_eq!(line["request.passages"], 1, "{line}");
    assert_eq!(line["request.edits"], "user 1, tags 1", "{line}");
    assert!(line["reply.calls"].as_u64() > Some(0), "{line}");
    let line = of(&refused["id"], "model-allowlist");
    assert_eq!(line["answered"], "refused", "{line}");
    let log = sidecar.log();
    for secret in [SECRET, "today", "a-secret-key"] {
        assert!(!log.contains(secret), "{log}");
    }
}

fn tried(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let module = sidecar::policy("pii-redact");
    let config = format!(
        "upstreams: {{ openai: {{ dialect: openai, url: 'https://api.openai.com/v1', key: '${{NOT_SET_HERE}}' }} }}\n\
         models: {{ fast: {{ targets: [openai/gpt-5-mini] }} }}\n\
         policies: {{ directory: '{}', cache: '{}', chain: {CHAIN} }}\n",
        module.parent().unwrap().display(),
        target().join("test-cache").display(),
    );
    std::fs::write(folder.join("outrigger.yaml"), config).unwrap();
    let mut all = vec!["try", "--config", "outrigger.yaml"];
    all.extend(arguments);
    run_to_end(&all, folder, &[])
}

#[test]
fn a_request_is_tried_offline_and_each_edit_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("request.json", &chat("m", false));
    write("another.json", &chat("another", true));
    let says = |arguments: &[&str], code: i32, words: &[&str]| {
        let (got, said) = tried(folder.path(), arguments);
        assert_eq!(got, Some(code), "{said}");
        for word in words {
            assert!(said.contains(word), "{arguments:?}: without {word}: {said}");
        }
        assert!(!said.contains('\u{1b}'), "no terminal, no colours: {said}");
    };
    // Forwarded: what goes out is known, and nothing is sent.
    says(
        &["request.json", "--header", "x-team: a"],
        0,
        &[
            "request /v1/chat/completions",
            "pii-redact edited",
            "/messages/0/content: Write to [-carla@example.org-]{+[[EMAIL",
            "tag pii_found = email:user=1",
            "model-allowlist forwarded",
            "upstream openai https://api.openai.com/v1/chat/completions",
            "metrics pii-redact: found_email 1",
            "no reply was given",
        ],
    );
    // The model inside the binary repeats the placeholder, and the address is put back.
    says(
        &["request.json", "--echo"],
        0,
        &[
            "reply\n  pii-redact edited",
            "{+carla@example.org+}",
            "answered 200",
        ],
    );
    says(
        &["another.json"],
        3,
        &[
            "model-allowlist refused with 403",
            "`another` is not listed",
            "refused 403",
        ],
    );
    // A file in the provider's place: a stream, and a failure.
    write(
        "reply.sse",
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    );
    write("failure.json", r#"{"error":{"message":"no","code":"bad"}}"#);
    says(
        &["request.json", "--reply", "reply.sse"],
        0,
        &["pii-redact forwarded", "2 calls"],
    );
    says(
        &["request.json", "--reply", "failure.json", "--status", "400"],
        0,
        &["answered 400"],
    );
    says(&["no.json"], 2, &["no.json"]);
}
