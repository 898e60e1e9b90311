//! Endpoints that no dialect reads: speech, transcriptions, edits of images, files. Bodies stream
//! both ways, and each exchange is counted by its endpoint, with the usage that its reply reports.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use outrigger_tests::replies;
use outrigger_tests::{Sidecar, Step, Upstream, eventually, wire};
use serde_json::{Value, json};

use super::config;

const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);
const SPEECH: &str = r#"{"model":"gpt-4o-mini-tts","input":"hi","voice":"coral"}"#;

/// The head of sound that comes in pieces.
const SOUND: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n";

/// A provider with an answer at each endpoint.
fn provider() -> Upstream {
    Upstream::start(|seen, _| {
        let path = seen.path();
        let body = String::from_utf8_lossy(&seen.body);
        let json = |reply: Value| vec![Step::Send(replies::json_body(&reply.to_string()))];
        match path {
            "/v1/audio/speech" => vec![
                Step::Send(SOUND.to_vec()),
                Step::Send(replies::chunk(b"first ")),
                Step::Pause(Duration::from_millis(300)),
                Step::Send(replies::chunk(b"last")),
                Step::Send(replies::last_chunk()),
            ],
            "/v1/audio/transcriptions" if body.contains("name=\"stream\"") => replies::stream(&[
                "data: {\"type\":\"transcript.text.delta\",\"delta\":\"hello\"}\n\n".to_owned(),
                "data: {\"type\":\"transcript.text.done\",\"text\":\"hello\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":20,\"output_tokens\":30,\"total_tokens\":50,\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":20}}}\n\n".to_owned(),
            ]),
            "/v1/audio/transcriptions" => json(json!({
                "text": "hello",
                "usage": { "type": "tokens", "input_tokens": 14, "output_tokens": 101, "total_tokens": 115 },
            })),
            "/v1/audio/translations" => json(json!({
                "text": "hello", "usage": { "type": "duration", "seconds": 9 },
            })),
            "/v1/images/edits" => json(json!({
                "created": 1, "data": [{ "b64_json": "QUFB".repeat(100_000) }, { "b64_json": "QUFB" }],
                "usage": { "input_tokens": 30, "output_tokens": 60, "total_tokens": 90,
                           "input_tokens_details": { "text_tokens": 10, "image_tokens": 20 } },
            })),
            "/v1/files/file-1/content" => vec![Step::Send(replies::whole(
                "200 OK",
                &["content-type: application/octet-stream"],
                "the file",
            ))],
            _ => json(json!({
                "id": "file-1", "object": "file", "bytes": 8, "created_at": 1,
                "filename": "a.jsonl", "purpose": "batch", "status": "processed",
            })),
        }
    })
}

fn labels(endpoint: &str) -> String {
    format!("endpoint=\"{endpoint}\"")
}

/// Waits for the log line of an exchange of this endpoint, by another word of it.
fn line(sidecar: &Sidecar, endpoint: &str, word: &str) -> Value {
    let named = format!("\"endpoint\":\"{endpoint}\"");
    let line = sidecar.log_line(&["\"message\":\"exchange\"", &named, word]);
    serde_json::from_str(&line).unwrap()
}

#[test]
fn the_openai_sdk_works_at_endpoints_that_no_dialect_reads() {
    let upstream = provider();
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut python = Command::new("python3");
    python
        .arg(outrigger_tests::root().join("tests/clients/unread.py"))
        .arg(format!("http://{}", sidecar.base))
        .env("PYTHONPATH", outrigger_tests::target().join("python"));
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        python
            .env_remove(variable)
            .env_remove(variable.to_lowercase());
    }
    let output = python.output().unwrap();
    let failed = String::from_utf8_lossy(&output.stderr);
    let seen: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {failed}"));
    let spread = seen["speech"]["spread"].as_f64().unwrap_or_default();
    assert!(spread > 0.15, "a piece comes when it is there: {seen}");
    for (call, member, expected) in [
        ("speech", "text", json!("first last")),
        ("transcription", "text", json!("hello")),
        ("transcription", "usage", json!([14, 101])),
        ("transcription_stream", "text", json!("hello")),
        ("transcription_stream", "usage", json!([20, 30])),
        ("translation", "text", json!("hello")),
        ("edit", "images", json!(2)),
        ("edit", "usage", json!([30, 60])),
        ("files", "id", json!("file-1")),
        ("files", "text", json!("the file")),
    ] {
        assert_eq!(seen[call][member], expected, "{call}: {seen}");
    }

    let speech = line(&sidecar, "audio.speech", "");
    assert_eq!(speech["dialect"], "other");
    assert_eq!(speech["model"], "gpt-4o-mini-tts");
    assert_eq!(speech["unpriced"], true, "sound reports nothing: {speech}");
    assert!(speech["output_tokens"].is_null(), "{speech}");
    let text = line(&sidecar, "audio.transcriptions", "\"input_tokens\":14");
    assert_eq!(text["target"], "openai/gpt-4o-transcribe");
    assert_eq!(text["output_tokens"], 101);
    assert!(text["request_bytes"].as_u64().unwrap() > 160_000, "{text}");
    let streamed = line(&sidecar, "audio.transcriptions", "\"input_tokens\":20");
    assert_eq!(streamed["audio_input_tokens"], 20);
    assert_eq!(streamed["streaming"], true);
    let seconds = line(&sidecar, "audio.translations", "\"audio_seconds\":9");
    assert_eq!(seconds["model"], "whisper-1");
    let edit = line(&sidecar, "images.edits", "\"images\":2");
    assert_eq!(
        (&edit["input_tokens"], &edit["output_tokens"]),
        (&json!(30), &json!(60))
    );
    assert_eq!(edit["model"], "gpt-image-1.5");
    assert!(line(&sidecar, "files", "")["model"].is_null());

    for (metric, endpoint, expected) in [
        ("outrigger_unread_requests_total", "audio.speech", 1.0),
        (
            "outrigger_unread_requests_total",
            "audio.transcriptions",
            2.0,
        ),
        ("outrigger_unread_requests_total", "files", 2.0),
        (
            "outrigger_unread_duration_seconds_count",
            "images.edits",
            1.0,
        ),
        ("outrigger_unread_reply_bytes_total", "audio.speech", 10.0),
        ("outrigger_unread_images_total", "images.edits", 2.0),
        (
            "outrigger_unread_audio_seconds_total",
            "audio.translations",
            9.0,
        ),
    ] {
        let counted = sidecar.metric(metric, &[&labels(endpoint)]);
        assert_eq!(counted, expected, "{metric} {endpoint}");
    }
    assert!(!sidecar.metrics().contains("file-1"), "a path is no label");
}

#[test]
fn the_price_is_that_of_the_model_that_the_body_names() {
    let upstream = provider();
    let prices = tempfile::NamedTempFile::new().unwrap();
    let models =
        "models:\n  gpt-4o-transcribe: { input: 2, output: 10 }\n  m: { input: 1, output: 1 }\n";
    std::fs::write(prices.path(), models).unwrap();
    let file = prices.path().display();
    let sidecar = Sidecar::start(&format!(
        "{}prices: {{ file: \"{file}\" }}\n",
        config(&upstream, "")
    ));
    let form = |fields: &[&str]| {
        let parts: String = fields
            .iter()
            .map(|part| format!("--b\r\n{part}\r\n"))
            .collect();
        let kind = "content-type: multipart/form-data; boundary=b";
        let body = format!("{parts}--b--\r\n");
        let path = "/v1/audio/transcriptions";
        let reply = wire::call(
            sidecar.base,
            &wire::request("POST", path, &[kind], body.as_bytes()),
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    let model = "Content-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o-transcribe";
    let large = format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{}",
        "x".repeat(200_000)
    );
    form(&[model, &large]);
    let priced = line(&sidecar, "audio.transcriptions", "\"cost_usd\"");
    // 14 at 2 and 101 at 10 dollars for a million
    assert_eq!(priced["cost_usd"], 0.001_038);
    form(&[&large, model]);
    let unpriced = line(&sidecar, "audio.transcriptions", "\"unpriced\":true");
    assert!(unpriced["model"].is_null(), "it came too late: {unpriced}");
    assert_eq!(unpriced["output_tokens"], 101);
    eventually("it is counted", || {
        sidecar.metric(
            "outrigger_unpriced_requests_total",
            &["upstream=\"openai\""],
        ) == 1.0
    });
}

#[test]
fn a_piece_of_sound_reaches_the_app_while_the_next_is_still_made() {
    let upstream = Upstream::start(|_, _| {
        let piece = replies::chunk(&[7; 4096]);
        vec![Step::Send(SOUND.to_vec()), Step::Send(piece), Step::Hold]
    });
    let sidecar = Sidecar::start(&config(&upstream, ""));
    let mut app = wire::Connection::open(sidecar.base);
    let headers = ["content-type: application/json"];
    app.send(&wire::request(
        "POST",
        "/v1/audio/speech",
        &headers,
        SPEECH.as_bytes(),
    ));
    assert_eq!(app.head().unwrap().0, 200);
    assert_eq!(app.chunk(), Ok(Some(vec![7; 4096])));
    drop(app);
    eventually("the provider hears that the app left", || {
        upstream.left().len() == 1
    });
    let line = line(&sidecar, "audio.speech", "\"client_gone\":true");
    assert_eq!(line["reply_bytes"], 4096);
}

/// A provider that says on the channel how much of a body came, and answers once `all` of it is
/// there.
fn counting(all: usize) -> (std::net::SocketAddr, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, came) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                let mut received = Vec::new();
                let mut piece = vec![0; 64 << 10];
                let mut body = None;
                while body.is_none_or(|body| body < all) {
                    let count = stream.read(&mut piece).unwrap_or(0);
                    if count == 0 {
                        return;
                    }
                    if let Some(body) = &mut body {
                        *body += count;
                    } else {
                        received.extend_from_slice(&piece[..count]);
                        let end = wire::find(&received, b"\r\n\r\n");
                        body = end.map(|end| received.len() - end - 4);
                    }
                    let _ = sender.send(body.unwrap_or(0));
                }
                let reply =
                    json!({ "text": "hello", "usage": { "input_tokens": 1, "output_tokens": 2 } });
                let _ = stream.write_all(&replies::json_body(&reply.to_string()));
            });
        }
    });
    (address, came)
}

#[test]
fn an_upload_of_many_mib_is_sent_on_while_it_comes_and_takes_little_memory() {
    let all = 24 * MIB;
    let (address, came) = counting(all);
    let sidecar = Sidecar::start(&format!(
        "workers: 1\nupstreams:\n  openai: {{ dialect: openai, url: \"http://{address}/v1\" }}\n"
    ));
    let mut app = wire::Connection::open(sidecar.base);
    let before = sidecar.rss();
    app.send(
        format!(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {all}\r\n\r\n"
        )
        .as_bytes(),
    );
    let begin = b"--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b\r\n";
    app.send(begin);
    let (mut sent, mut peak) = (begin.len(), 0);
    let piece = vec![b'x'; MIB];
    while sent < all {
        let next = piece.len().min(all - sent);
        app.send(&piece[..next]);
        sent += next;
        // The provider has what was sent before the app sends more.
        while came.recv_timeout(PATIENCE).unwrap() < sent {}
        peak = peak.max(sidecar.rss().saturating_sub(before));
    }
    let reply = app.reply();
    assert_eq!(
        (reply.status, reply.json()["text"].as_str()),
        (200, Some("hello"))
    );
    assert!(peak < 6 * MIB as u64, "{} KiB for an upload", peak >> 10);
    let line = line(&sidecar, "audio.transcriptions", "\"output_tokens\":2");
    assert_eq!(
        (&line["model"], &line["request_bytes"]),
        (&json!("m"), &json!(all))
    );
}

#[test]
fn policies_that_read_prompts_refuse_what_they_cannot_see_at_each_endpoint() {
    let upstream = provider();
    let chain = |more: &str| format!("[{{ use: probe, config: {{ reads: true }}{more} }}]");
    let reading = Sidecar::start(&config(&upstream, &chain("")));
    let skipping = Sidecar::start(&config(&upstream, &chain(", on_unseen: skip")));
    let some = Sidecar::start(&config(&upstream, &chain(", on_unseen: { files: skip }")));
    for (path, endpoint, name) in [
        ("/v1/audio/transcriptions", "audio.transcriptions", "audio"),
        ("/v1/audio/translations", "audio.translations", "audio"),
        ("/v1/images/edits", "images.edits", "images"),
        ("/v1/files", "files", "files"),
        ("/v1/uploads", "uploads", "files"),
        ("/v1/videos", "videos", "videos"),
    ] {
        let before = upstream.count();
        let refusal = reading.post(path, "{}");
        assert_eq!(refusal.status, 403, "{path}");
        let help = format!("on_unseen: {{ {name}: skip }}");
        assert!(refusal.text().contains(&help), "{}", refusal.text());
        assert_eq!(upstream.count(), before, "what no policy saw did not leave");
        let refused = ["status=\"403\"", &labels(endpoint)];
        eventually("the refusal is counted", || {
            reading.metric("outrigger_unread_requests_total", &refused) == 1.0
        });
        assert_eq!(skipping.post(path, "{}").status, 200, "{path}");
        let expected = if name == "files" { 200 } else { 403 };
        assert_eq!(some.post(path, "{}").status, expected, "{path}");
    }
    assert!(skipping.metric("outrigger_inspection_bytes_total", &["false"]) > 0.0);
}
