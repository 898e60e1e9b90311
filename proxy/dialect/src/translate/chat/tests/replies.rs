//! Replies as servers send them.

use super::{events, whole};

fn call(index: &str, id: &str, name: &str, arguments: &str) -> String {
    let index = if index.is_empty() {
        String::new()
    } else {
        format!(r#""index":{index},"#)
    };
    let id = if id.is_empty() {
        String::new()
    } else {
        format!(r#""id":"{id}","#)
    };
    let name = if name.is_empty() {
        String::new()
    } else {
        format!(r#""name":"{name}","#)
    };
    format!(
        r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{{index}{id}"function":{{{name}"arguments":"{arguments}"}}}}]}}}}]}}"#
    )
}

fn calls(pieces: &[(&str, &str, &str, &str)]) -> Vec<String> {
    let mut stream: Vec<_> = pieces
        .iter()
        .map(|(index, id, name, arguments)| call(index, id, name, arguments))
        .collect();
    stream.push(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.into());
    stream.push("[DONE]".into());
    let seen = events(&stream.join("\n"));
    assert_eq!(seen.last().map(String::as_str), Some("end"));
    seen.into_iter()
        .filter(|event| !event.starts_with("begin") && event != "end")
        .collect()
}

#[test]
fn a_stream_is_its_texts_its_finish_and_its_usage() {
    let seen = events(
        r#"
        {"id":"a","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}
        {"id":"a","choices":[{"index":0,"delta":{"content":"He\u006co"}}]}
        {"id":"a","choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"length"}]}
        {"id":"a","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}
        [DONE]"#,
    );
    assert_eq!(
        seen,
        [
            r#"begin Some("a") Some("m")"#,
            "text 0 Helo",
            "text 0 !",
            "usage 10/4/0 5/2",
            "finish 0 Length",
            "end",
        ]
    );
}

#[test]
fn calls_are_told_apart_however_they_are_numbered() {
    let two = [
        "call 0 a f",
        "arguments 0 {}",
        "call-end 0",
        "call 1 b f",
        "arguments 1 {\"x\":1}",
        "call-end 1",
        "finish 0 Calls",
    ];
    // the field's most repeated fault: all on index 0
    assert_eq!(
        calls(&[("0", "a", "f", "{}"), ("0", "b", "f", "{\\\"x\\\":1}")]),
        two
    );
    // no index at all
    assert_eq!(
        calls(&[("", "a", "f", "{}"), ("", "b", "f", "{\\\"x\\\":1}")]),
        two
    );
    // the id and the name in each piece
    assert_eq!(
        calls(&[
            ("0", "a", "f", "{"),
            ("0", "a", "f", "}"),
            ("1", "b", "f", "{\\\"x\\\""),
            ("1", "b", "f", ":1}")
        ]),
        [
            "call 0 a f",
            "arguments 0 {",
            "arguments 0 }",
            "call-end 0",
            "call 1 b f",
            "arguments 1 {\"x\"",
            "arguments 1 :1}",
            "call-end 1",
            "finish 0 Calls",
        ]
    );
    // neither index nor id
    assert_eq!(
        calls(&[("", "", "f", "{}"), ("", "", "f", "{}")]),
        [
            "call 0  f",
            "arguments 0 {}",
            "call-end 0",
            "call 1  f",
            "arguments 1 {}",
            "call-end 1",
            "finish 0 Calls"
        ]
    );
    // side by side
    assert_eq!(
        calls(&[
            ("0", "a", "f", ""),
            ("1", "b", "g", ""),
            ("0", "", "", "{}"),
            ("1", "", "", "{}")
        ]),
        [
            "call 0 a f",
            "call 1 b g",
            "arguments 0 {}",
            "call-end 0",
            "arguments 1 {}",
            "call-end 1",
            "finish 0 Calls"
        ]
    );
    // the name comes late
    assert_eq!(
        calls(&[
            ("0", "a", "", "{\\\"x\\\""),
            ("0", "", "f", ""),
            ("0", "", "", ":1}")
        ]),
        [
            "call 0 a f",
            "arguments 0 {\"x\"",
            "arguments 0 :1}",
            "call-end 0",
            "finish 0 Calls"
        ]
    );
    // no arguments
    assert_eq!(
        calls(&[("0", "a", "f", "")]),
        ["call 0 a f", "call-end 0", "finish 0 Calls"]
    );
}

#[test]
fn a_call_that_never_has_a_name_breaks_the_reply() {
    assert_eq!(calls(&[("0", "a", "", "{}")]), ["finish 0 Broken"]);
}

#[test]
fn a_reason_in_every_chunk_ends_nothing_before_the_end() {
    let seen = events(
        r#"
        {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}
        {"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}
        [DONE]"#,
    );
    assert_eq!(
        seen,
        [
            "begin None None",
            "text 0 a",
            "text 0 b",
            "finish 0 Stop",
            "end"
        ]
    );
}

#[test]
fn reasoning_is_read_under_each_of_its_names() {
    for delta in [
        r#"{"reasoning_content":"r"}"#,
        r#"{"reasoning":"r"}"#,
        r#"{"reasoning":"r","reasoning_content":"r"}"#,
        r#"{"reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r"}]}"#,
        r#"{"reasoning_details":[{"type":"reasoning.text","text":"r"}]}"#,
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}]}]}"#,
    ] {
        let seen = events(&format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#));
        assert_eq!(seen, ["begin None None", "reasoning r"], "{delta}");
    }
}

#[test]
fn usage_is_read_wherever_servers_put_it() {
    for chunk in [
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        r#"{"choices":[],"x_groq":{"id":"x","usage":{"prompt_tokens":3,"completion_tokens":2}}}"#,
    ] {
        assert!(
            events(chunk).contains(&"usage 3/0/0 2/0".to_owned()),
            "{chunk}"
        );
    }
}

#[test]
fn a_stream_is_whole_by_its_mark_or_by_its_reasons() {
    let text = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    let reason = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let ends = |stream: &str| events(stream).last().map(String::as_str) == Some("end");
    assert!(ends(&format!("{text}\n{reason}")));
    assert!(ends(&format!("{text}\n[DONE]")));
    assert!(!ends(text));
    assert!(!ends(""));
}

#[test]
fn a_failure_inside_a_reply_is_its_end() {
    for doc in [
        r#"{"error":{"message":"no","code":"busy"}}"#,
        r#"{"choices":[],"error":{"message":"no","code":"busy"}}"#,
    ] {
        assert_eq!(events(doc), [r#"error no Some("busy")"#]);
        assert_eq!(whole(doc), [r#"error no Some("busy")"#]);
    }
}

#[test]
fn a_whole_reply_is_the_same_events() {
    let seen = whole(
        r#"{"id":"a","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","reasoning":"r",
        "annotations":[],"audio":null,"refusal":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"1","type":"function","function":{"name":"f","arguments":{"a":1}}}]},"logprobs":null,"finish_reason":"tool_calls"}],
        "usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
    );
    assert_eq!(
        seen,
        [
            r#"begin Some("a") Some("m")"#,
            "reasoning r",
            "text 0 hi",
            "call 0 1 f",
            "arguments 0 {}",
            "call-end 0",
            "call 1 1 f",
            "arguments 1 {\"a\":1}",
            "call-end 1",
            "usage 1/0/0 1/0",
            "finish 0 Calls",
            "end",
        ]
    );
}
