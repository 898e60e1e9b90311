//! Upstreams that offer several dialects, and platforms that serve Claude with bodies and frames of
//! their own.

use super::*;

/// A call in Anthropic's dialect.
fn messages(body: &'static str) -> Request<Full<Bytes>> {
    let request = Request::post("/v1/messages?beta=true")
        .header("x-api-key", "theirs")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "a-2025, b-2025");
    request
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

const ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":3}}"#;

#[tokio::test(start_paused = true)]
async fn each_dialect_goes_to_its_own_base_of_one_upstream_with_its_header() {
    let yaml = "upstreams: { deepseek: { provider: deepseek, key: ours } }\nmodels: { fast: { targets: [deepseek/deepseek-chat] } }";
    let rig = rig_of(yaml, &[], [whole(200, WHOLE), whole(200, ANSWER)]);
    let said = r#"{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(rig.ask(said).await.status, 200);
    let answered = rig.answer(messages(said)).await;
    assert_eq!(
        (answered.status, &*answered.body),
        (200, ANSWER),
        "bytes are bytes"
    );
    let seen = rig.seen();
    assert_eq!(seen[0].uri, "https://api.deepseek.com/chat/completions");
    assert_eq!(
        seen[1].uri,
        "https://api.deepseek.com/anthropic/v1/messages?beta=true"
    );
    for seen in seen {
        assert_eq!(seen.headers["authorization"], "Bearer ours");
        assert!(!seen.headers.contains_key("x-api-key"));
        assert!(
            seen.body
                .starts_with(br#"{"model":"deepseek-chat","max_tokens":9,"#)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_keys_gets_none_of_the_callers() {
    let rig = rig_of(
        "upstreams: { local: { provider: ollama } }",
        &[],
        [whole(200, WHOLE)],
    );
    assert_eq!(rig.ask(ASK).await.status, 200);
    let seen = rig.seen().remove(0);
    assert_eq!(seen.uri, "http://127.0.0.1:11434/v1/chat/completions");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn claude_on_vertex_is_sent_vertexs_body_and_answers_in_its_own() {
    let yaml = "upstreams: { v: { provider: vertex, project: p, location: global, key: ours } }\nmodels: { claude: { targets: ['v/claude-x@20250929'] } }";
    let rig = rig_of(yaml, &[], [whole(200, ANSWER)]);
    let said = r#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    assert_eq!(rig.answer(messages(said)).await.body, ANSWER);
    let seen = rig.seen().remove(0);
    assert_eq!(
        seen.uri,
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models/claude-x@20250929:rawPredict"
    );
    assert_eq!(
        seen.body,
        r#"{"anthropic_version":"vertex-2023-10-16","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#
    );
}

/// The events of a reply, each in base64 as `chunk` frames have it.
const EVENTS: [&str; 6] = [
    "eyJ0eXBlIjoibWVzc2FnZV9zdGFydCIsIm1lc3NhZ2UiOnsiaWQiOiJtc2dfMSIsInR5cGUiOiJtZXNzYWdlIiwicm9sZSI6ImFzc2lzdGFudCIsImNvbnRlbnQiOltdLCJtb2RlbCI6ImNsYXVkZSIsInN0b3BfcmVhc29uIjpudWxsLCJ1c2FnZSI6eyJpbnB1dF90b2tlbnMiOjcsIm91dHB1dF90b2tlbnMiOjF9fX0=",
    "eyJ0eXBlIjoiY29udGVudF9ibG9ja19zdGFydCIsImluZGV4IjowLCJjb250ZW50X2Jsb2NrIjp7InR5cGUiOiJ0ZXh0IiwidGV4dCI6IiJ9fQ==",
    "eyJ0eXBlIjoiY29udGVudF9ibG9ja19kZWx0YSIsImluZGV4IjowLCJkZWx0YSI6eyJ0eXBlIjoidGV4dF9kZWx0YSIsInRleHQiOiJoZWxsbyJ9fQ==",
    "eyJ0eXBlIjoiY29udGVudF9ibG9ja19zdG9wIiwiaW5kZXgiOjB9",
    "eyJ0eXBlIjoibWVzc2FnZV9kZWx0YSIsImRlbHRhIjp7InN0b3BfcmVhc29uIjoiZW5kX3R1cm4ifSwidXNhZ2UiOnsib3V0cHV0X3Rva2VucyI6M319",
    "eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0=",
];

/// CRC-32, bit by bit.
fn sum(bytes: &[u8]) -> [u8; 4] {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    (!sum).to_be_bytes()
}

fn frame(event: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [(":message-type", "event"), (":event-type", "chunk")] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.extend_from_slice(&[7, 0, value.len() as u8]);
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = format!(r#"{{"bytes":"{event}"}}"#);
    let total = (16 + headers.len() + payload.len()) as u32;
    let mut frame = total.to_be_bytes().to_vec();
    frame.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    frame.extend_from_slice(&sum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&sum(&frame));
    frame
}

fn frames(events: &[&str]) -> Turn {
    let pieces = events.iter().map(|event| Bytes::from(frame(event)));
    let reply = Response::builder().header("content-type", "application/vnd.amazon.eventstream");
    Turn::Reply(reply.body(Inbound::Kept(pieces.collect())).unwrap())
}

const BEDROCK: &str = "upstreams: { aws: { provider: bedrock, region: us-east-1, key: ours } }\nmodels: { claude: { targets: ['aws/us.anthropic.claude-x-v1:0'], attempts: 1 } }";
const SAID: &str = r#"{"model":"claude","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test(start_paused = true)]
async fn claude_on_bedrock_streams_events_out_of_frames() {
    let rig = rig_of(BEDROCK, &[], [frames(&EVENTS)]);
    let answered = rig.answer(messages(SAID)).await;
    assert_eq!(answered.status, 200);
    assert_eq!(answered.headers["content-type"], "text/event-stream");
    assert!(!answered.broken && answered.body.contains(r#""text":"hello""#));
    assert_eq!(last_event(&answered.body)["type"], "message_stop");
    assert_eq!(tokens(&rig.settled()), Some((7, 3, false)));
    let seen = rig.seen().remove(0);
    assert_eq!(
        seen.uri,
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream"
    );
    assert_eq!(
        seen.body,
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-2025","b-2025"],"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#
    );
}

#[tokio::test(start_paused = true)]
async fn frames_that_end_too_early_do_not_look_whole() {
    let rig = rig_of(BEDROCK, &[], [frames(&EVENTS[..4])]);
    let answered = rig.answer(messages(SAID)).await;
    assert!(answered.body.contains("hello") && !answered.body.contains("message_stop"));
    assert!(answered.broken || last_event(&answered.body)["type"] == "error");
}
