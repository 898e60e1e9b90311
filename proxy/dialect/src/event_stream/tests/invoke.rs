use super::{super::*, event, exception, raw};
use crate::{Dialect, in_band};

/// Messages events as the frames of `InvokeModelWithResponseStream`.
fn chunks(events: &[&str]) -> Vec<u8> {
    let chunk = |json: &&str| {
        let payload = format!(
            "{{\"bytes\":\"{}\",\"p\":\"abcdefgh\"}}",
            encode_base64(json)
        );
        event("chunk", &payload)
    };
    events.iter().flat_map(chunk).collect()
}

fn encode_base64(text: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            match at <= group.len() {
                true => out.push(char::from(letters[(bits >> shift) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}

const EVENTS: [&str; 4] = [
    r#"{"type":"message_start","message":{"id":"msg_bdrk_1","type":"message","role":"assistant","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}"#,
    "{\n  \"type\": \"content_block_delta\",\r\n  \"index\": 0, \"delta\": {\"type\":\"text_delta\",\"text\":\"a\\nb é\"}\n}\n",
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}"#,
    r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":3,"invocationLatency":551,"firstByteLatency":401}}"#,
];

/// The events that come out, and the end: true if it was whole.
fn invoke(stream: &[u8], size: usize) -> (String, bool, Result<(), Malformed>) {
    let (mut reply, mut out) = (InvokeStream::new(), Vec::new());
    let pushed = (stream.chunks(size)).try_for_each(|piece| reply.push(piece, &mut out));
    let ended = pushed.and_then(|()| reply.finish());
    (String::from_utf8(out).unwrap(), reply.is_whole(), ended)
}

#[test]
fn chunks_are_the_events_of_the_messages_api() {
    let stream = chunks(&EVENTS);
    let expected = format!(
        "event: message_start\ndata: {}\n\n\
         event: content_block_delta\ndata: {}\n\n\
         event: message_delta\ndata: {}\n\n\
         event: message_stop\ndata: {}\n\n",
        EVENTS[0],
        EVENTS[1].trim().replace(['\n', '\r'], " "),
        EVENTS[2],
        EVENTS[3]
    );
    for size in [1, 2, 7, 100, stream.len()] {
        assert_eq!(invoke(&stream, size), (expected.clone(), true, Ok(())));
    }
    // what comes behind the end changes nothing
    let more = [stream, exception("throttlingException", "{}")].concat();
    assert_eq!(invoke(&more, 50), (expected, true, Ok(())));
}

#[test]
fn a_cut_stream_never_looks_whole() {
    let stream = chunks(&EVENTS);
    for end in 0..stream.len() {
        let (out, whole, ended) = invoke(stream.get(..end).unwrap(), 31);
        assert!(!whole && ended.is_err(), "{end}");
        assert!(!out.contains("message_stop"));
    }
}

#[test]
fn exceptions_inside_a_reply_are_its_error_event() {
    for (kind, name) in [
        ("internalServerException", "api_error"),
        ("modelStreamErrorException", "api_error"),
        ("validationException", "invalid_request_error"),
        ("throttlingException", "rate_limit_error"),
        ("ThrottlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("modelTimeoutException", "timeout_error"),
        ("newException", "api_error"),
    ] {
        let said = r#"{"message":"Too \"many\"\n requests","originalStatusCode":500}"#;
        let mut stream = chunks(&EVENTS[..2]);
        stream.extend(exception(kind, said));
        let (out, whole, ended) = invoke(&stream, 40);
        assert_eq!((whole, ended), (false, Ok(())));
        let at = out.find("event: error").unwrap();
        let expected = format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"{name}\",\"message\":\"Too \\\"many\\\"\\n requests\",\"details\":{{\"error_code\":\"{kind}\"}}}}}}\n\n"
        );
        assert_eq!(out[at..], expected);
        let mut errors = in_band::Errors::new(Dialect::AnthropicMessages);
        errors.push(out.as_bytes());
        assert!(errors.found());
        let facts = crate::failure::read(&out.as_bytes()[at..]).unwrap();
        assert_eq!(facts.code.as_deref(), Some(kind));
        assert_eq!(facts.kind.as_deref(), Some(name));
        assert_eq!(facts.message, "Too \"many\"\n requests");
    }
}

#[test]
fn an_error_that_is_not_modelled_is_an_error_event_too() {
    let mut stream = Vec::new();
    let headers = [
        (":message-type", "error"),
        (":error-code", "InternalFailure"),
        (":error-message", "it broke"),
    ];
    encode(&headers, b"", &mut stream).unwrap();
    let (out, whole, ended) = invoke(&stream, 9);
    assert_eq!((whole, ended), (false, Ok(())));
    let facts = crate::failure::read(out.as_bytes()).unwrap();
    assert_eq!(facts.code.as_deref(), Some("InternalFailure"));
    assert_eq!(facts.message, "it broke");
}

#[test]
fn facts_of_an_exception_have_the_status_that_it_has_elsewhere() {
    for (kind, status) in [
        ("internalServerException", Some(500)),
        ("modelStreamErrorException", Some(424)),
        ("validationException", Some(400)),
        ("throttlingException", Some(429)),
        ("serviceUnavailableException", Some(503)),
        ("modelTimeoutException", Some(408)),
        ("newException", None),
    ] {
        let frame = exception(kind, r#"{"message":"try again in 3s"}"#);
        let mut decoder = Decoder::new();
        decoder.push(&frame);
        let frame = decoder.next().unwrap().unwrap();
        let facts = Exception::of(&frame).unwrap().facts();
        assert_eq!(facts.kind.as_deref(), Some(kind));
        assert_eq!(facts.status, status, "{kind}");
        assert_eq!(facts.message, "try again in 3s");
    }
}

#[test]
fn a_malformed_chunk_ends_the_reply_without_an_end() {
    for payload in [
        "",
        "{}",
        "[]",
        "{\"bytes\":1}",
        "{\"bytes\":\"e30\"}",
        "{\"bytes\":\"!!!!\"}",
        // `{}`, `{"type":"a\n\nb"}`, `{"type":"ping"`
        "{\"bytes\":\"e30=\"}",
        "{\"bytes\":\"eyJ0eXBlIjoiYVxuXG5iIn0=\"}",
        "{\"bytes\":\"eyJ0eXBlIjoicGluZyI=\"}",
    ] {
        let stream = [
            chunks(&EVENTS[..1]),
            event("chunk", payload),
            chunks(&EVENTS[1..]),
        ]
        .concat();
        let (out, whole, ended) = invoke(&stream, 64);
        assert!(!whole && ended.is_err(), "{payload}");
        assert!(out.ends_with("\n\n") && !out.contains("message_delta"));
    }
    // an event of another type says nothing, a frame without one is not trusted
    let passed = [event("initial-response", "{}"), chunks(&EVENTS)].concat();
    assert!(invoke(&passed, 64).1);
    let unknown = [raw(b"", b"{}"), chunks(&EVENTS)].concat();
    assert!(invoke(&unknown, 64).2.is_err());
}
