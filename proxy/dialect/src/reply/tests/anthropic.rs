//! Messages: what is particular about them.

use super::{fixtures::*, *};

const MESSAGES: Dialect = Dialect::AnthropicMessages;

#[test]
fn usage_and_finish_are_read_and_thinking_is_counted_as_unseen() {
    for (streaming, bytes) in [(true, anthropic_stream()), (false, anthropic_whole())] {
        let ran = run(reply(MESSAGES, streaming), &[&bytes], None);
        let usage = Usage {
            input: 128,
            cached: 100,
            written: 3,
            output: 89,
            ..Usage::default()
        };
        assert_eq!(ran.reply.usage(), Some(usage));
        assert_eq!(ran.reply.finish_reason(), Some("tool_use"));
        let [(label, bytes)] = ran.reply.unseen() else {
            panic!("{:?}", ran.reply.unseen())
        };
        assert_eq!(*label, "signed_reasoning");
        assert!(*bytes >= 18, "text and signature");
        assert_eq!(ran.channels.len(), 2);
    }
}

#[test]
fn late_text_is_a_delta_of_its_block_before_the_block_stops() {
    let ran = edited(MESSAGES, true, &anthropic_stream(), &mut |delta| {
        Some(match (delta.last, delta.place) {
            (false, _) => String::new(),
            (true, Place::ToolArguments) => "{}".to_owned(),
            (true, _) => "late".to_owned(),
        })
    });
    let events = json_events(&ran.bytes);
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta", // came empty, stays
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(
        events[7],
        serde_json::json!({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"late"}})
    );
    assert_eq!(
        events[11],
        serde_json::json!({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}})
    );
}

#[test]
fn a_tools_input_is_source_that_must_stay_json() {
    let bytes = anthropic_whole();
    let edit = |text: &'static str| {
        let mut reply = reply(MESSAGES, false);
        reply.push(&bytes).unwrap();
        reply.finish().unwrap();
        let deltas = reply.deltas();
        let edits: Vec<_> = deltas
            .iter()
            .map(|delta| (delta.place == Place::ToolArguments).then(|| text.to_owned()))
            .collect();
        assert_eq!(deltas[1].text, r#"{"who": "[[NAME]]", "n": 1.0}"#);
        let written = reply.write(&edits);
        if written.is_err() {
            // nothing slips out behind it
            assert!(reply.deltas().is_empty());
            assert!(reply.write(&[]).is_err());
        }
        written
    };
    for bad in ["", "{", "{} {}", "[1,]"] {
        assert!(edit(bad).is_err(), "{bad}");
    }
    let out = String::from_utf8(edit("{\"n\": 2.0}").unwrap().to_vec()).unwrap();
    let before = String::from_utf8(bytes.clone()).unwrap();
    let expected = before.replace(r#"{"who": "[[NAME]]", "n": 1.0}"#, "{\"n\": 2.0}");
    assert_eq!(out, expected);
}

#[test]
fn input_that_a_block_starts_with_is_shown_too() {
    let bytes = named(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"search","input":{"query":"secret"}}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"secret"}}"#,
    ]);
    let mut shown = Vec::new();
    let ran = edited(MESSAGES, true, &bytes, &mut |delta| {
        shown.push(delta.text.clone());
        Some(delta.text.replace("secret", "xxx").replace(':', ":\n"))
    });
    assert_eq!(shown, [r#"{"query":"secret"}"#, "secret", ""]);
    let events = json_events(&ran.bytes);
    assert_eq!(events[0]["content_block"]["input"]["query"], "xxx");
    assert_eq!(events[1]["content_block"]["text"], "xxx");
}

#[test]
fn unknown_events_and_results_of_server_tools_are_shown_once() {
    let bytes = named(&[
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"web_search_tool_result","content":[{"type":"web_search_result","title":"a x"}]}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"b x"}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"new_delta","text":"c x"}}"#,
        r#"{"type":"something_new","new":{"note":"d x"},"other":"e x"}"#,
        r#"{"type":"ping"}"#,
    ]);
    let mut seen = Vec::new();
    let ran = edited(MESSAGES, true, &bytes, &mut |delta| {
        assert!(delta.last);
        seen.push(delta.place);
        Some(delta.text.replace('x', "y"))
    });
    assert_eq!(
        seen,
        [
            Place::ToolResult,
            Place::Assistant,
            Place::Assistant,
            Place::Other,
            Place::Other
        ]
    );
    let text = String::from_utf8(ran.bytes).unwrap();
    for edited in ["a y", "b y", "c y", r#"{"note":"d y"}"#, "e y"] {
        assert!(text.contains(edited), "{text}");
    }
    assert_eq!(ran.reply.unseen(), []);
}

#[test]
fn count_tokens_has_no_channels() {
    let body = br#"{"input_tokens":2095}"#;
    let ran = run(reply(MESSAGES, false), &[body], None);
    assert_eq!(ran.bytes, body);
    assert!(ran.channels.is_empty());
    assert_eq!(ran.reply.unseen(), []);
}
