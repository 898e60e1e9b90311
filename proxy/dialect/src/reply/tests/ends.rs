//! Replies that end otherwise than their model wanted.

use super::{fixtures::*, *};

const REFUSED: Refused<'static> = Refused {
    code: "policy_denied",
    message: "not that",
};

/// Sends the first events, and refuses when the rest is out.
fn refused(dialect: Dialect, bytes: &[u8], written: usize) -> (Vec<u8>, Vec<serde_json::Value>) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut events = text.split_inclusive("\n\n");
    let first: String = events.by_ref().take(written).collect();
    let mut reply = reply(dialect, true);
    reply.push(first.as_bytes()).unwrap();
    reply.deltas();
    let mut out = reply.write(&[]).unwrap().to_vec();
    assert_eq!(out, first.as_bytes());
    reply.push(events.collect::<String>().as_bytes()).unwrap();
    reply.deltas();
    out.extend_from_slice(&reply.refuse(&REFUSED));
    reply.push(bytes).unwrap();
    reply.finish().unwrap();
    assert!(reply.deltas().is_empty(), "nothing is shown any more");
    assert_eq!(reply.write(&[]).unwrap(), "");
    assert_eq!(reply.refuse(&REFUSED), "");
    assert_eq!(reply.break_off("api_error", "x"), "");
    let ours = json_events(&out[first.len()..]);
    (out, ours)
}

#[test]
fn a_refused_chat_finishes_every_open_choice_tells_usage_and_is_done() {
    let (out, events) = refused(Dialect::OpenaiChat, &chat_stream(), 6);
    let reasons: Vec<_> = events
        .iter()
        .map(|event| {
            (
                &event["choices"][0]["index"],
                &event["choices"][0]["finish_reason"],
            )
        })
        .collect();
    assert_eq!(
        reasons[..2],
        [
            (&0.into(), &"content_filter".into()),
            (&1.into(), &"content_filter".into())
        ]
    );
    assert_eq!(events[0]["id"], "chatcmpl-7");
    assert_eq!(events[2]["usage"]["total_tokens"], 49);
    assert_eq!(events[2]["choices"], serde_json::json!([]));
    assert_eq!(events.len(), 3);
    assert!(out.ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn a_refused_chat_does_not_finish_a_choice_twice_nor_report_usage_unrequested() {
    let bytes = chat(&[
        r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#,
    ]);
    let (_, events) = refused(Dialect::OpenaiChat, &bytes, 4);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["choices"][0]["index"], 1);
}

#[test]
fn a_refused_message_stops_its_open_block_with_stop_reason_refusal() {
    let (_, events) = refused(Dialect::AnthropicMessages, &anthropic_stream(), 8);
    assert_eq!(
        events,
        [
            serde_json::json!({"type":"content_block_stop","index":1}),
            serde_json::json!({"type":"message_delta","delta":{"stop_reason":"refusal","stop_sequence":null},"usage":{"output_tokens":89}}),
            serde_json::json!({"type":"message_stop"}),
        ]
    );
}

#[test]
fn a_message_that_is_refused_before_anything_was_sent_still_starts() {
    let (out, events) = refused(Dialect::AnthropicMessages, &anthropic_stream(), 0);
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["message_start", "message_delta", "message_stop"]);
    let start = anthropic_stream();
    let start = &start[..start.windows(2).position(|two| two == b"\n\n").unwrap()];
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(std::str::from_utf8(start).unwrap()));
}

#[test]
fn a_refused_response_is_incomplete() {
    for written in [0, 12] {
        let (_, events) = refused(Dialect::OpenaiResponses, &responses_stream(), written);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["sequence_number"], written.max(1));
        assert_eq!(last["response"]["id"], "resp_1");
        assert_eq!(last["response"]["status"], "incomplete");
        assert_eq!(
            last["response"]["incomplete_details"]["reason"],
            "content_filter"
        );
        assert_eq!(events.len(), if written == 0 { 2 } else { 1 });
    }
}

#[test]
fn a_stream_that_is_refused_before_it_said_anything_is_an_error() {
    for (dialect, _, _) in all() {
        let mut reply = reply(dialect, true);
        let event = String::from_utf8(reply.refuse(&REFUSED).to_vec()).unwrap();
        let begins = match dialect {
            Dialect::GeminiGenerate => "{\"error\":{\"code\":403,",
            Dialect::GeminiInteractions => "event: error\ndata: {\"event_type\":\"error\"",
            _ => "event: error\ndata: {\"type\":\"error\"",
        };
        assert!(event.starts_with(begins), "{event}");
    }
}

#[test]
fn a_whole_reply_that_is_refused_or_broken_is_an_error_body() {
    for (dialect, _, bytes) in all().into_iter().filter(|(_, streaming, _)| !streaming) {
        for refuse in [true, false] {
            let mut reply = reply(dialect, false);
            reply.push(&bytes).unwrap();
            let body = match refuse {
                true => reply.refuse(&REFUSED),
                false => reply.break_off("api_error", "not that"),
            };
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["message"], "not that");
        }
    }
}

#[test]
fn a_broken_stream_gets_an_error_event_that_stands_alone() {
    for (dialect, _, bytes) in all().into_iter().filter(|(_, streaming, _)| *streaming) {
        for cut in [bytes.len() / 2, bytes.len() / 2 + 1, bytes.len() - 1] {
            let mut reply = reply(dialect, true);
            reply.push(&bytes[..cut]).unwrap();
            reply.finish().unwrap();
            reply.deltas();
            let mut out = reply.write(&[]).unwrap().to_vec();
            assert_eq!(out, bytes[..cut]);
            out.extend_from_slice(&reply.break_off("api_error", "upstream ended early"));
            let text = String::from_utf8(out).unwrap();
            if dialect == Dialect::GeminiGenerate {
                let (before, event) = text.trim_end().rsplit_once("\n\n").unwrap();
                assert!(before.ends_with("}") || before.len() >= cut);
                let event: serde_json::Value = serde_json::from_str(event).unwrap();
                assert_eq!(event["error"]["status"], "INTERNAL");
                continue;
            }
            let (before, event) = text.rsplit_once("event: error\ndata: ").unwrap();
            assert!(before.ends_with("\n\n"));
            let event: serde_json::Value = serde_json::from_str(event).unwrap();
            if dialect == Dialect::GeminiInteractions {
                assert_eq!(event["event_type"], "error");
                assert_eq!(event["error"]["code"], "api_error");
                continue;
            }
            assert_eq!(event["type"], "error");
            assert_eq!(event["error"]["type"], "api_error");
        }
    }
}

#[test]
fn a_dialect_that_nobody_reads_passes_and_is_counted() {
    for streaming in [true, false] {
        let bytes = b"data: anything\n\ndata: [DONE]\n\n";
        let ran = run(reply(Dialect::Other, streaming), &[bytes], None);
        assert_eq!(ran.bytes, bytes);
        assert!(ran.channels.is_empty());
        assert!(ran.reply.ended());
        assert_eq!(ran.reply.unseen().len(), 1);
    }
}

#[test]
fn debug_tells_nothing_of_the_content() {
    let mut reply = reply(Dialect::OpenaiChat, true);
    reply.push(&chat_stream()).unwrap();
    let shown = format!("{reply:?}");
    assert!(
        !shown.contains("NAME") && !shown.contains("Dear"),
        "{shown}"
    );
}

#[test]
fn text_that_was_kept_back_can_be_released_between_two_events() {
    let dialects = all().into_iter().filter(|(_, streaming, _)| *streaming);
    for (dialect, _, bytes) in dialects.filter(|(dialect, ..)| *dialect != Dialect::Other) {
        let mut kept: BTreeMap<u32, String> = BTreeMap::new();
        let (mut reply, mut out) = (reply(dialect, true), Vec::new());
        let ends = memchr::memmem::find_iter(&bytes, b"\n\n").map(|at| at + 2);
        let mut from = 0;
        for to in ends.chain([bytes.len()]) {
            reply.push(&bytes[from..to]).unwrap();
            from = to;
            let deltas = reply.deltas();
            // Each channel's text is kept back for one event, and released before the next.
            let edits: Vec<_> = deltas
                .iter()
                .map(|delta| {
                    let late = kept.remove(&delta.channel).unwrap_or_default();
                    if delta.last {
                        return Some(late + &delta.text);
                    }
                    kept.insert(delta.channel, delta.text.clone());
                    Some(late)
                })
                .collect();
            out.extend_from_slice(&reply.write(&edits).unwrap());
            for (channel, text) in std::mem::take(&mut kept) {
                out.extend_from_slice(&reply.release(channel, &text));
            }
        }
        assert_eq!(
            client(dialect, true, &out),
            client(dialect, true, &bytes),
            "{dialect:?}"
        );
        assert!(reply.release(0, "late").is_empty(), "its channel has ended");
    }
}
