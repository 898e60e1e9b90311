//! Replies as targets send them.

use super::{super::reply_read::Reader, Events, context};
use crate::translate::format::ReadReply;

/// The events of a stream of these chunks, and of its end.
fn stream(chunks: &[&str]) -> Vec<String> {
    let mut events = Events::default();
    let mut reader = Reader::new(context(true));
    for chunk in chunks {
        reader
            .read_event(b"", chunk.as_bytes(), &mut events)
            .unwrap();
    }
    reader.finish(&mut events);
    events.0
}

/// The events of a whole reply.
fn whole(doc: &str) -> Vec<String> {
    let mut events = Events::default();
    let mut reader = Reader::new(context(false));
    reader.read_whole(doc.as_bytes(), &mut events).unwrap();
    reader.finish(&mut events);
    events.0
}

#[test]
fn a_whole_reply_gives_thoughts_text_calls_usage_and_its_end() {
    let doc = r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"a\u0042"},{"functionCall":{"name":"f","args":{"n": 1.50}},"thoughtSignature":"c2ln"},{"functionCall":{"id":"x","name":"g"}}],"role":"model"},"finishReason":"STOP","index":0,"avgLogprobs":NaN,"safetyRatings":[]}],
        "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":7,"toolUsePromptTokenCount":2,"totalTokenCount":24},"modelVersion":"gemini-2.5-flash","responseId":"r1"}"#;
    assert_eq!(
        whole(doc),
        [
            "begin r1 gemini-2.5-flash",
            "reasoning 0 hm",
            "text 0 aB",
            "opaque 0 Thought c2ln",
            "call 0/0 - f",
            "arguments 0/0 {\"n\": 1.50}",
            "call end 0/0",
            "call 0/1 x g",
            "arguments 0/1 {}",
            "call end 0/1",
            "usage 12 4 12 7",
            "finish 0 Calls",
            "end",
        ]
    );
}

#[test]
fn a_stop_in_a_later_chunk_than_the_call_waits_for_results() {
    let events = stream(&[
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}"#,
    ]);
    assert_eq!(events[4..], ["usage 1 0 1 0", "finish 0 Calls", "end"]);
    let behind = stream(&[
        r#"{"candidates":[{"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
    ]);
    assert_eq!(behind.iter().rev().nth(1).unwrap(), "finish 0 Calls");
}

#[test]
fn usage_is_the_sum_so_far_and_the_last_counts() {
    let chunk = |said| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"a"}}]}}}}],"usageMetadata":{{"promptTokenCount":3,"candidatesTokenCount":{said}}}}}"#
        )
    };
    let last = r#"{"candidates":[{"finishReason":"MAX_TOKENS"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":9,"thoughtsTokenCount":2}}"#;
    let events = stream(&[&chunk(1), &chunk(4), last]);
    let usage: Vec<_> = events.iter().filter(|e| e.starts_with("usage")).collect();
    assert_eq!(usage, ["usage 3 0 1 0", "usage 3 0 4 0", "usage 3 0 11 2"]);
    assert!(events.ends_with(&["finish 0 Length".to_owned(), "end".to_owned()]));
}

#[test]
fn a_stream_without_a_reason_for_every_candidate_has_no_end() {
    for chunks in [
        &[][..],
        &["[DONE]"],
        &[r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#],
        &[r#"{"candidates":[{"index":0,"finishReason":"STOP"},{"index":1,"content":{}}]}"#],
        &[r#"{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}"#],
        &[r#"{"usageMetadata":{"promptTokenCount":3}}"#],
        &[r#"[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}]"#],
    ] {
        let events = stream(chunks);
        assert!(!events.iter().any(|event| event == "end"), "{chunks:?}");
    }
}

#[test]
fn every_reason_has_its_meaning() {
    for (reason, finish) in [
        ("STOP", "Stop"),
        ("MAX_TOKENS", "Length"),
        ("SAFETY", "Filtered"),
        ("RECITATION", "Filtered"),
        ("LANGUAGE", "Filtered"),
        ("BLOCKLIST", "Filtered"),
        ("PROHIBITED_CONTENT", "Filtered"),
        ("SPII", "Filtered"),
        ("IMAGE_SAFETY", "Filtered"),
        ("MALFORMED_FUNCTION_CALL", "Broken"),
        ("UNEXPECTED_TOOL_CALL", "Broken"),
        ("TOO_MANY_TOOL_CALLS", "Broken"),
        ("NO_IMAGE", "Broken"),
        ("OTHER", "Broken"),
        ("SOMETHING_NEW", "Broken"),
    ] {
        let doc = format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
        assert_eq!(
            whole(&doc)[1..],
            [format!("finish 0 {finish}"), "end".into()]
        );
    }
}

#[test]
fn a_refused_prompt_is_filtered_and_has_no_candidates() {
    let doc =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}"#;
    let expected = ["begin - -", "usage 3 0 0 0", "finish 0 Filtered", "end"];
    assert_eq!(whole(doc), expected);
    assert_eq!(stream(&[doc]), expected);
    assert_eq!(whole("{}"), ["begin - -"], "neither is no reply");
}

#[test]
fn a_stream_as_one_array_is_read_like_its_events() {
    let chunks = [
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}"#,
    ];
    assert_eq!(
        whole(&format!("[{}\n]", chunks.join(",\n"))),
        stream(&chunks)
    );
    assert_eq!(whole("[]"), [""; 0]);
}

#[test]
fn an_error_takes_the_place_of_the_rest() {
    let error = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    let failed = r#"error Some(503) Some("UNAVAILABLE")"#;
    assert_eq!(whole(error), [failed]);
    assert_eq!(whole(&format!("[{error}]")), [failed]);
    let begun = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#;
    assert_eq!(
        stream(&[begun, error, begun]),
        ["begin - -", "text 0 a", failed]
    );
}

#[test]
fn candidates_are_choices_and_may_alternate() {
    let events = stream(&[
        r#"{"candidates":[{"index":0,"content":{"parts":[{"text":"a"}]}},{"index":1,"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
        r#"{"candidates":[{"index":1,"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"index":0,"finishReason":"STOP"}]}"#,
    ]);
    assert_eq!(
        events[events.len() - 3..],
        ["finish 0 Stop", "finish 1 Calls", "end"]
    );
}

#[test]
fn what_no_other_dialect_has_is_named_once() {
    let chunk = r#"{"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA"}},{"executableCode":{"code":"x"}}]},"citationMetadata":{},"groundingMetadata":{},"logprobsResult":{}}]}"#;
    let mut dropped = stream(&[chunk, chunk]);
    dropped.retain(|event| event.starts_with("dropped"));
    assert_eq!(
        dropped,
        [
            "dropped citations",
            "dropped grounding",
            "dropped logprobs",
            "dropped inlineData",
            "dropped executableCode"
        ]
    );
}

#[test]
fn a_signature_beside_an_empty_text_stands_alone() {
    let doc = r#"{"candidates":[{"content":{"parts":[{"text":"a"},{"text":"","thoughtSignature":"s"}]},"finishReason":"STOP"}]}"#;
    assert_eq!(whole(doc)[1..3], ["text 0 a", "opaque 0 Thought s"]);
}

#[test]
fn malformed_documents_are_no_replies() {
    for doc in [
        "",
        "7",
        "{",
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}"#,
        "{} {}",
    ] {
        let mut reader = Reader::new(context(false));
        let read = reader.read_whole(doc.as_bytes(), &mut Events::default());
        assert!(read.is_err(), "{doc}");
    }
}
