#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::mpsc;

use dialect::{Dialect, Usage};
use policy::Unit;

use super::*;
use crate::{
    cost::NanoDollars,
    telemetry::{Verdict, metrics},
};

fn record() -> Record {
    Record {
        model: Some("fast".into()),
        target: "openai/gpt-5-mini".into(),
        status: 200,
        streaming: true,
        usage: Some(Usage {
            input: 12,
            cached: 4,
            output: 34,
            ..Usage::default()
        }),
        finish: Some("stop".into()),
        first_token: Some(Duration::from_micros(210_042)),
        total: Duration::from_micros(812_345),
        overhead: Duration::from_micros(180),
        request_bytes: 1024,
        reply_bytes: 4096,
        policies: vec![
            Verdict {
                name: "pii-redact".into(),
                version: "1.0.0".into(),
                verdict: "edited",
                micros: 41,
                edits: edits(&[("user", 2), ("tags", 1)]),
                reply_edits: edits(&[("assistant", 37)]),
            },
            Verdict {
                name: "model-router".into(),
                version: "0.3.0".into(),
                verdict: "forwarded",
                micros: 7,
                ..Verdict::default()
            },
        ],
        generation: 3,
        ..Record::new("req-1".into(), Dialect::OpenaiChat)
    }
}

fn edits(counts: &[(&'static str, u32)]) -> Edits {
    counts.iter().copied().collect()
}

fn line(write: fn(&mut Vec<u8>, &Record, Duration), record: &Record) -> String {
    let mut line = Vec::new();
    write(
        &mut line,
        record,
        Duration::from_micros(1_795_302_005_000_042),
    );
    String::from_utf8(line).unwrap()
}

#[test]
fn an_exchange_is_one_json_line_with_these_fields() {
    assert_eq!(
        line(json, &record()),
        concat!(
            r#"{"timestamp":"2026-11-21T23:00:05.000042Z","level":"INFO","message":"exchange","id":"req-1","dialect":"openai.chat","#,
            r#""model":"fast","target":"openai/gpt-5-mini","status":200,"streaming":true,"input_tokens":12,"cached_input_tokens":4,"#,
            r#""output_tokens":34,"reasoning_tokens":0,"finish":"stop","first_token_ms":210.042,"total_ms":812.345,"overhead_ms":0.180,"#,
            r#""request_bytes":1024,"reply_bytes":4096,"policies":[{"policy":"pii-redact","version":"1.0.0","verdict":"edited","ms":0.041,"edits":{"user":2,"tags":1},"reply_edits":{"assistant":37}},"#,
            r#"{"policy":"model-router","version":"0.3.0","verdict":"forwarded","ms":0.007}],"generation":3}"#,
            "\n"
        )
    );
}

#[test]
fn a_refusal_says_by_whom_and_why_and_its_path_without_the_query() {
    let path = "/v1/chat/completions?key=a-secret";
    let mut refused = Record {
        path: path.parse().ok(),
        error: Some("unseen_by_policy".into()),
        refused: Some(Box::new(("prompt-guard".into(), "image"))),
        ..record()
    };
    let said = line(json, &refused);
    assert!(
        said.contains(r#","path":"/v1/chat/completions","model":"#),
        "{said}"
    );
    let why = r#","error":"unseen_by_policy","refused_by":"prompt-guard","reason":"image","#;
    assert!(said.contains(why) && !said.contains("secret"), "{said}");
    let said = line(text, &refused);
    assert!(
        said.contains(", unseen_by_policy by prompt-guard image"),
        "{said}"
    );
    // By its own verdict, whose reason is the code.
    (refused.refused, refused.error) = (None, Some("pii_found".into()));
    refused.policies[0].verdict = "refused";
    let said = line(json, &refused);
    let why = r#","error":"pii_found","refused_by":"pii-redact","generation""#;
    assert!(said.contains(why), "{said}");
    // Without an error nobody refused: the app got an answer all the same.
    refused.error = None;
    assert_eq!(refused.refused_by(), None);
}

#[test]
fn an_exchange_says_its_cost_its_reservations_and_its_tags() {
    let mut tagged = record();
    tagged.upstream = Some("openai".into());
    let unpriced = line(json, &tagged);
    assert!(unpriced.contains(r#","unpriced":true,"#), "{unpriced}");
    tagged.cost = Some(NanoDollars(71_500));
    tagged.reserved.add(Unit::TotalTokens, 524);
    tagged.reserved.add(Unit::Microusd, 1100);
    assert!(tagged.tags.set("tenant", "acme \"1\"") && tagged.tags.set("plan", "gold"));
    let usage = Usage {
        written: 7,
        estimated: true,
        ..tagged.usage.unwrap()
    };
    tagged.usage = Some(usage);
    let line = line(json, &tagged);
    let expected = concat!(
        r#""cached_input_tokens":4,"written_input_tokens":7,"output_tokens":34,"reasoning_tokens":0,"tokens_estimated":true,"#,
        r#""cost_usd":0.0000715,"reserved":{"total_tokens":524,"microusd":1100},"tags":{"tenant":"acme \"1\"","plan":"gold"},"finish":"#,
    );
    assert!(line.contains(expected), "{line}");
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read["tags"]["tenant"], "acme \"1\"");
    assert!(
        super::tests::line(text, &tagged).contains(", 12 + 34 tokens, $0.0000715, for acme \"1\",")
    );
}

#[test]
fn an_exchange_that_passed_unread_says_its_endpoint_and_what_was_reported() {
    let passed = Record {
        endpoint: Some(Endpoint::at("/v1/audio/transcriptions?a-secret")),
        usage: None,
        audio_tokens: 5,
        images: 2,
        audio_seconds: 9,
        charged: true,
        upstream: Some("openai".into()),
        ..record()
    };
    let passed = Record {
        dialect: Dialect::Other,
        ..passed
    };
    let json = line(json, &passed);
    let endpoint = r#""dialect":"other","endpoint":"audio.transcriptions","model":"fast","#;
    assert!(json.contains(endpoint), "{json}");
    let reported = r#","audio_input_tokens":5,"images":2,"audio_seconds":9,"unpriced":true,"#;
    assert!(json.contains(reported), "{json}");
    let text = line(text, &passed);
    let expected = "200 audio.transcriptions fast -> ";
    assert!(
        text.contains(expected) && !json.contains("secret"),
        "{text}"
    );
}

#[test]
fn what_is_not_known_is_left_out() {
    let line = line(json, &Record::new("req-2".into(), Dialect::Other));
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    let mut names: Vec<_> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "dialect",
            "generation",
            "id",
            "level",
            "message",
            "overhead_ms",
            "reply_bytes",
            "request_bytes",
            "status",
            "streaming",
            "timestamp",
            "total_ms"
        ]
    );
}

#[test]
fn names_from_outside_can_neither_break_the_line_nor_flood_it() {
    let mut nasty = record();
    nasty.id = "a\"b\\c\n{\"level\":\"ERROR\"}\u{1b}[31m".into();
    nasty.model = Some("é".repeat(100_000));
    nasty.error = Some("x\r\ny".into());
    let json_line = line(json, &nasty);
    assert_eq!(json_line.matches('\n').count(), 1);
    let read: serde_json::Value = serde_json::from_str(&json_line).unwrap();
    assert_eq!(read["id"], nasty.id.as_str());
    assert_eq!(read["model"].as_str().unwrap().len(), 256);
    let text_line = line(text, &nasty);
    assert_eq!(
        text_line.matches(char::is_control).count(),
        1,
        "{text_line}"
    );
    assert!(text_line.len() < 1000);
}

#[test]
fn a_person_reads_what_happened_in_one_line() {
    assert_eq!(
        line(text, &record()),
        "23:00:05 200 openai.chat fast -> openai/gpt-5-mini 812.3 ms, first 210.0 ms, ours 0.18 ms, 12 + 34 tokens, pii-redact edited (user 2, tags 1) (assistant 37), model-router forwarded [req-1]\n"
    );
}

#[test]
fn dates_are_right_over_leap_years_and_centuries() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00"),
        (951_782_399, "2000-02-28T23:59:59"),
        (951_782_400, "2000-02-29T00:00:00"),
        (1_709_251_199, "2024-02-29T23:59:59"),
        (1_735_689_599, "2024-12-31T23:59:59"),
        (4_107_542_400, "2100-03-01T00:00:00"),
    ] {
        let mut out = Vec::new();
        timestamp(&mut out, Duration::from_secs(seconds));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("{expected}.000000Z")
        );
    }
}

/// Passes on what is written, once it is released.
struct StallingWriter {
    open: mpsc::Receiver<()>,
    written: mpsc::Sender<Vec<u8>>,
}
impl Write for StallingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.open.recv();
        self.written
            .send(bytes.to_vec())
            .map_err(io::Error::other)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn stalling(room: usize) -> (Sink, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
    let ((open, opened), (written, writes)) = (mpsc::channel(), mpsc::channel());
    (
        Sink::start(
            Box::new(StallingWriter {
                open: opened,
                written,
            }),
            room,
        )
        .unwrap(),
        open,
        writes,
    )
}

#[test]
fn a_reader_that_stops_costs_lines_and_never_an_exchange() {
    let (sink, open, writes) = stalling(1000);
    sink.push(&[b'a'; 100]);
    sink.flush(Duration::from_millis(300)); // taken by the writer, which is stuck
    for _ in 0..20 {
        sink.push(&[b'b'; 100]); // returns at once, although nobody reads
    }
    drop(open); // read on
    sink.flush(Duration::from_secs(10));
    let all: Vec<u8> = writes.try_iter().flatten().collect();
    assert_eq!(
        all.len(),
        100 + 1000,
        "what fits is kept, the rest is dropped"
    );
    assert!(metrics::render().contains("outrigger_log_lines_dropped_total"));
}

#[test]
fn lines_are_written_together_and_at_the_latest_with_a_flush() {
    let (sink, open, writes) = stalling(ROOM);
    drop(open);
    for n in 0..50 {
        sink.push(format!("{n}\n").as_bytes());
    }
    sink.flush(Duration::from_secs(10));
    let batches: Vec<_> = writes.try_iter().collect();
    let expected: String = (0..50).map(|n| format!("{n}\n")).collect();
    assert_eq!(String::from_utf8(batches.concat()).unwrap(), expected);
    assert!(batches.len() <= 3, "{}", batches.len());
}

#[test]
fn a_line_alone_is_written_soon_without_a_flush() {
    let (sink, open, writes) = stalling(ROOM);
    drop(open);
    sink.push(b"alone\n");
    assert_eq!(
        writes.recv_timeout(Duration::from_secs(10)).unwrap(),
        b"alone\n"
    );
}
