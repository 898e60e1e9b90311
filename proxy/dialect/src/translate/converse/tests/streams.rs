use proptest::prelude::*;

use super::{FORMAT, context, note};
use crate::{
    Dialect, Malformed, event_stream,
    translate::{Reply, Wire, event::Event},
};

/// Events as `NAME {…}`, one a line.
fn events(lines: &str) -> Result<Vec<String>, Malformed> {
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| seen.push(note(&event));
    let mut reader = (FORMAT.reader)(context());
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, data) = line.split_once(' ').unwrap();
        reader.read_event(name.as_bytes(), data.as_bytes(), &mut sink)?;
    }
    reader.finish(&mut sink);
    Ok(seen)
}

const STREAM: &str = r#"
    messageStart {"p":"abc","role":"assistant"}
    contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"ab"}
    contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2"}}}
    contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"ln"}}}
    contentBlockStop {"contentBlockIndex":0}
    contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"I'll "}}
    contentBlockDelta {"contentBlockIndex":1,"delta":{"text":"look"}}
    contentBlockStop {"contentBlockIndex":1}
    contentBlockStart {"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}
    contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":""}}}
    contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":"}}}
    contentBlockDelta {"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}}
    contentBlockStop {"contentBlockIndex":2}
    contentBlockStart {"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"t2","name":"g"}}}
    contentBlockStop {"contentBlockIndex":3}
    messageStop {"stopReason":"tool_use"}
    metadata {"usage":{"inputTokens":100,"outputTokens":25,"totalTokens":125},"metrics":{"latencyMs":150}}
"#;

const READ: [&str; 16] = [
    "begin",
    "reasoning hm",
    "opaque Signature c2ln",
    "text I'll ",
    "text look",
    "call 0 t1 f",
    "arguments 0 {\"a\":",
    "arguments 0 1}",
    "call-end 0",
    "call 1 t2 g",
    "arguments 1 {}",
    "call-end 1",
    "usage 100/0/0 25",
    "finish Calls None",
    "end",
    "",
];

#[test]
fn a_stream_is_read_and_its_finish_waits_for_the_usage() {
    assert_eq!(events(STREAM).unwrap(), READ[..15]);
}

#[test]
fn usage_before_the_stop_and_none_at_all_are_read_as_well() {
    let (head, tail) = STREAM
        .trim_end()
        .split_at(STREAM.find("    messageStop").unwrap());
    let (stop, usage) = tail.split_at(tail.find("    metadata").unwrap());
    let swapped = format!("{head}{usage}\n{stop}");
    assert_eq!(events(&swapped).unwrap(), READ[..15]);
    let without = events(&format!("{head}{stop}")).unwrap();
    assert_eq!(without[without.len() - 2..], ["finish Calls None", "end"]);
}

#[test]
fn a_stream_that_stops_before_its_stop_has_no_end() {
    let lines: Vec<&str> = STREAM.lines().collect();
    for end in 0..lines.len() - 2 {
        let read = events(&lines[..end].join("\n")).unwrap();
        assert!(!read.contains(&"end".to_owned()), "{end}");
    }
}

#[test]
fn redacted_reasoning_comes_before_the_call_that_it_led_to() {
    let read = events(
        r#"messageStart {"role":"assistant"}
        contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"cmVk"}}}
        contentBlockStop {"contentBlockIndex":0}
        contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"name":"f","toolUseId":"c1"}}}
        messageStop {"stopReason":"tool_use"}
        metadata {"usage":{"inputTokens":1,"outputTokens":1,"cacheReadInputTokens":2}}"#,
    );
    assert_eq!(
        read.unwrap(),
        [
            "begin",
            "opaque Redacted cmVk",
            "call 0 c1 f",
            "arguments 0 {}",
            "call-end 0",
            "usage 3/2/0 1",
            "finish Calls None",
            "end",
        ]
    );
}

#[test]
fn what_no_other_dialect_has_is_dropped_by_name() {
    let read = events(
        r#"contentBlockDelta {"contentBlockIndex":0,"delta":{"citation":{"title":"t"}}}
        contentBlockStart {"contentBlockIndex":1,"start":{"toolUse":{"name":"nova_grounding","toolUseId":"c","type":"server_tool_use"}}}
        contentBlockDelta {"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}
        contentBlockStop {"contentBlockIndex":1}
        contentBlockStart {"contentBlockIndex":2,"start":{"image":{"format":"png"}}}
        contentBlockDelta {"contentBlockIndex":2,"delta":{"image":{"source":{"bytes":"AA"}}}}
        newEvent {"a":1}
        messageStop {"stopReason":"end_turn"}"#,
    );
    assert_eq!(
        read.unwrap(),
        [
            "begin",
            "dropped citations",
            "dropped server_tool_use",
            "dropped images",
            "dropped images",
            "finish Stop None",
            "end",
        ]
    );
}

#[test]
fn events_that_are_malformed_are_an_error() {
    for line in [
        r#"contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#,
        r#"contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t"}}}"#,
        r#"contentBlockDelta {"delta":{"text":"a"}"#,
        r#"messageStop []"#,
    ] {
        assert!(events(line).is_err(), "{line}");
    }
}

/// The stream above in frames, and what follows it.
fn frames(lines: &str, more: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, data) = line.split_once(' ').unwrap();
        let headers = [(":event-type", name), (":message-type", "event")];
        event_stream::encode(&headers, data.as_bytes(), &mut out).unwrap();
    }
    out.extend_from_slice(more);
    out
}

/// A reply for a caller of `openai.chat`, pushed in pieces.
fn replied(stream: &[u8], size: usize) -> (Reply, String, Result<(), Malformed>) {
    let mut reply = Reply::new(Dialect::OpenaiChat, Wire::Converse, true, context()).unwrap();
    let mut out = Vec::new();
    let mut read = Ok(());
    for piece in stream.chunks(size) {
        match reply.push(piece) {
            Ok(bytes) => out.extend(bytes),
            Err(error) => {
                read = Err(error);
                break;
            }
        }
    }
    if read.is_ok() {
        read = reply.finish().map(|bytes| out.extend(bytes));
    }
    (reply, String::from_utf8(out).unwrap(), read)
}

#[test]
fn frames_become_the_caller_s_stream_in_any_split() {
    let stream = frames(STREAM, b"");
    let (_, expected, _) = replied(&stream, stream.len());
    assert!(expected.contains("I'll ") && expected.ends_with("data: [DONE]\n\n"));
    for size in [1, 7, 64, 200] {
        let (reply, out, read) = replied(&stream, size);
        assert_eq!(
            (read, out == expected, reply.is_whole()),
            (Ok(()), true, true)
        );
        assert_eq!(reply.usage().unwrap().output, 25);
    }
}

#[test]
fn an_exception_inside_a_stream_is_its_failure_and_no_end() {
    let mut exception = Vec::new();
    let headers = [
        (":message-type", "exception"),
        (":exception-type", "throttlingException"),
    ];
    event_stream::encode(
        &headers,
        br#"{"message":"Too many tokens"}"#,
        &mut exception,
    )
    .unwrap();
    let before = &STREAM[..STREAM.find("    contentBlockStart").unwrap()];
    let (reply, out, read) = replied(&frames(before, &exception), 50);
    assert_eq!((read, reply.is_whole()), (Ok(()), false));
    let error = reply.error().unwrap();
    assert_eq!(error.kind.as_deref(), Some("throttlingException"));
    assert_eq!(error.status, Some(429));
    assert!(out.contains("Too many tokens") && !out.contains("[DONE]"));
}

#[test]
fn frames_that_are_cut_never_look_whole() {
    let stream = frames(STREAM, b"");
    let stops = frames(&STREAM[..STREAM.find("    metadata").unwrap()], b"").len();
    for end in 0..stream.len() {
        let (reply, out, read) = replied(&stream[..end], 97);
        // the message itself is complete at its stop
        assert_eq!(reply.is_whole(), end == stops, "{end} {read:?}");
        assert_eq!(out.contains("[DONE]"), end == stops);
    }
}

/// A stream that Bedrock sent (Claude Sonnet 4.6, August 2026): vercel/ai,
/// `packages/amazon-bedrock/src/__fixtures__/issue-18994-live-converse-stream.json`.
const RECORDED: &str = "AAAAtAAAAFIFAEFlCzpldmVudC10eXBlBwAMbWVzc2FnZVN0YXJ0DTpjb250ZW50LXR5cGUHABBhcHBsaWNhdGlvbi9qc29uDTptZXNzYWdlLXR5cGUHAAVldmVudHsicCI6ImFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIiLCJyb2xlIjoiYXNzaXN0YW50In2fX38tAAAAswAAAFfHSmn6CzpldmVudC10eXBlBwARY29udGVudEJsb2NrRGVsdGENOmNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb24NOm1lc3NhZ2UtdHlwZQcABWV2ZW50eyJjb250ZW50QmxvY2tJbmRleCI6MCwiZGVsdGEiOnsidGV4dCI6Ik9LIn0sInAiOiJhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3gifXbBTlwAAAC+AAAAVz/arUsLOmV2ZW50LXR5cGUHABFjb250ZW50QmxvY2tEZWx0YQ06Y29udGVudC10eXBlBwAQYXBwbGljYXRpb24vanNvbg06bWVzc2FnZS10eXBlBwAFZXZlbnR7ImNvbnRlbnRCbG9ja0luZGV4IjowLCJkZWx0YSI6eyJ0ZXh0IjoiLiJ9LCJwIjoiYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXpBQkNERUZHSElKIn2GXR0lAAAAhgAAAFbZjG6aCzpldmVudC10eXBlBwAQY29udGVudEJsb2NrU3RvcA06Y29udGVudC10eXBlBwAQYXBwbGljYXRpb24vanNvbg06bWVzc2FnZS10eXBlBwAFZXZlbnR7ImNvbnRlbnRCbG9ja0luZGV4IjowLCJwIjoiYWIiffM4iiAAAADZAAAAUf2royMLOmV2ZW50LXR5cGUHAAttZXNzYWdlU3RvcA06Y29udGVudC10eXBlBwAQYXBwbGljYXRpb24vanNvbg06bWVzc2FnZS10eXBlBwAFZXZlbnR7ImFkZGl0aW9uYWxNb2RlbFJlc3BvbnNlRmllbGRzIjp7ImRlbHRhIjp7InN0b3Bfc2VxdWVuY2UiOm51bGx9fSwicCI6ImFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3Iiwic3RvcFJlYXNvbiI6ImVuZF90dXJuIn0g4kjQAAABAQAAAE4CeknrCzpldmVudC10eXBlBwAIbWV0YWRhdGENOmNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb24NOm1lc3NhZ2UtdHlwZQcABWV2ZW50eyJtZXRyaWNzIjp7ImxhdGVuY3lNcyI6ODAyfSwicCI6ImFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6QUJDREVGR0hJSktMTU5PUFFSUyIsInVzYWdlIjp7ImlucHV0VG9rZW5zIjoxMiwib3V0cHV0VG9rZW5zIjo1LCJzZXJ2ZXJUb29sVXNhZ2UiOnt9LCJ0b3RhbFRva2VucyI6MTd9fa0jZVA=";

#[test]
fn a_stream_that_bedrock_sent_is_read() {
    let stream = event_stream::decode_base64(RECORDED.as_bytes()).unwrap();
    let (reply, out, read) = replied(&stream, 100);
    assert_eq!((read, reply.is_whole()), (Ok(()), true));
    assert!(out.contains("\"OK\"") && out.contains("\"stop\""));
    let usage = reply.usage().unwrap();
    assert_eq!((usage.input, usage.output), (12, 5));
}

proptest! {
    #[test]
    fn any_events_are_read_or_refused(
        all in prop::collection::vec((0..7_usize, crate::arbitrary::mutated()), 0..8),
    ) {
        let names: [&[u8]; 7] = [
            b"messageStart", b"contentBlockStart", b"contentBlockDelta", b"contentBlockStop",
            b"messageStop", b"metadata", b"x",
        ];
        let mut ends = 0;
        let mut sink = |event: Event<'_>| ends += usize::from(matches!(event, Event::End));
        let mut reader = (FORMAT.reader)(context());
        let read = all.iter().try_for_each(|(name, data)| {
            reader.read_event(names[*name], data, &mut sink)
        });
        if read.is_ok() {
            reader.finish(&mut sink);
        }
        let _ = reader.read_whole(all.first().map_or(b"", |(_, data)| data), &mut sink);
        prop_assert!(ends <= 2);
    }
}
