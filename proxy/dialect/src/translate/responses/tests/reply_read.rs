//! Replies as they are read.

use super::{Lines, context, stream, whole};
use crate::translate::{format::ReadReply as _, responses::reply_read::Reader};

const CREATED: &str = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt-5-2025","status":"in_progress","output":[],"usage":null,"error":null}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","error":null,"output":[],
    "usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":10,"cache_write_tokens":2},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}}}"#;

/// A reply of every part, as OpenAI streams it.
pub(super) const STREAM: [&str; 28] = [
    CREATED,
    r#"{"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","model":"gpt-5-2025"}}"#,
    r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"encrypted_content":"early"}}"#,
    r#"{"type":"response.reasoning_summary_part.added","item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
    r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"On","obfuscation":"aa"}"#,
    r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"e."}"#,
    r#"{"type":"response.reasoning_summary_text.done","item_id":"rs_1","output_index":0,"summary_index":0,"text":"One."}"#,
    r#"{"type":"response.reasoning_summary_part.done","item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"One."}}"#,
    r#"{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":1,"delta":"Two."}"#,
    r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"One."},{"type":"summary_text","text":"Two."}],"encrypted_content":"gAAA"}}"#,
    r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}"#,
    r#"{"type":"response.content_part.added","item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
    r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"Hi \ud83d","logprobs":[]}"#,
    r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"\ude00","logprobs":[]}"#,
    r#"{"type":"response.output_text.done","item_id":"msg_1","output_index":1,"content_index":0,"text":"Hi \ud83d\ude00","logprobs":[]}"#,
    r#"{"type":"response.content_part.done","item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Hi 😀","annotations":[]}}"#,
    r#"{"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi 😀","annotations":[]}]}}"#,
    r#"{"type":"response.output_item.added","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_1","name":"f"}}"#,
    r#"{"type":"response.output_item.added","output_index":3,"item":{"id":"fc_2","type":"function_call","status":"in_progress","arguments":"","call_id":"call_2","name":"g"}}"#,
    r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"{\"a\":"}"#,
    r#"{"type":"response.function_call_arguments.delta","item_id":"fc_2","output_index":3,"delta":"{}"}"#,
    r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":2,"delta":"1}"}"#,
    r#"{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":2,"name":"f","arguments":"{\"a\":1}"}"#,
    r#"{"type":"response.output_item.done","output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"call_1","name":"f"}}"#,
    r#"{"type":"response.function_call_arguments.done","item_id":"fc_2","output_index":3,"arguments":"{}"}"#,
    r#"{"type":"response.output_item.done","output_index":3,"item":{"id":"fc_2","type":"function_call","status":"completed","arguments":"{}","call_id":"call_2","name":"g"}}"#,
    r#"{"type":"keepalive","sequence_number":27}"#,
    COMPLETED,
];

fn said() -> Vec<&'static str> {
    vec![
        "begin resp_1 gpt-5-2025",
        "reasoning One.\n\nTwo.",
        "opaque Encrypted gAAA",
        "text Hi \u{fffd}\u{fffd}",
        "call 0 call_1 f",
        "call 1 call_2 g",
        "arguments 0 {\"a\":",
        "arguments 1 {}",
        "arguments 0 1}",
        "call end 0",
        "call end 1",
        "usage 36 10 2 87 64",
        "finish Calls",
        "end",
    ]
}

#[test]
fn a_stream_says_everything_once() {
    assert_eq!(stream(&STREAM), said());
}

#[test]
fn a_whole_reply_says_the_same() {
    let doc = r#"{"id":"resp_1","object":"response","model":"gpt-5-2025","status":"completed","error":null,"incomplete_details":null,"output":[
        {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"One."},{"type":"summary_text","text":"Two."}],"encrypted_content":"gAAA"},
        {"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi 😀","annotations":[],"logprobs":[]}]},
        {"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"a\":1}","call_id":"call_1","name":"f"},
        {"id":"fc_2","type":"function_call","status":"completed","arguments":"{}","call_id":"call_2","name":"g"}],
        "usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":10},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":64}}}"#;
    assert_eq!(
        whole(doc),
        [
            "begin resp_1 gpt-5-2025",
            "reasoning One.\n\nTwo.",
            "opaque Encrypted gAAA",
            "text Hi 😀",
            "call 0 call_1 f",
            "arguments 0 {\"a\":1}",
            "call end 0",
            "call 1 call_2 g",
            "arguments 1 {}",
            "call end 1",
            "usage 36 10 0 87 64",
            "finish Calls",
            "end",
        ]
    );
}

#[test]
fn what_came_in_no_delta_is_said_where_it_is_seen_first() {
    let finish = ["usage 36 10 2 87 64", "finish Stop", "end"];
    let text = r#"{"type":"response.output_text.done","item_id":"m","output_index":0,"content_index":0,"text":"Hi"}"#;
    let part = r#"{"type":"response.content_part.done","item_id":"m","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Hi"}}"#;
    let item = r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"m","type":"message","content":[{"type":"output_text","text":"Hi"}]}}"#;
    for events in [
        vec![text],
        vec![part],
        vec![item],
        vec![text, part],
        vec![part, item],
        vec![text, part, item],
    ] {
        let events = [&[CREATED], events.as_slice(), &[COMPLETED]].concat();
        let lines = stream(&events);
        assert_eq!(lines[1], "text Hi");
        assert_eq!(lines[2..], finish);
    }
    let end = r#"{"type":"response.completed","response":{"id":"r","output":[{"id":"other","type":"message","content":[{"type":"output_text","text":"Hi"}]}]}}"#;
    assert_eq!(
        stream(&[CREATED, end])[1..],
        ["text Hi", "finish Stop", "end"]
    );
    // the same text under another id is no other text
    assert_eq!(
        stream(&[CREATED, text, end])[1..],
        ["text Hi", "finish Stop", "end"]
    );
}

#[test]
fn ids_that_change_from_event_to_event_are_no_new_items() {
    let events = [
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"a","type":"message","content":[]}}"#,
        r#"{"type":"response.output_text.delta","item_id":"b","output_index":0,"content_index":0,"delta":"Hi"}"#,
        r#"{"type":"response.output_text.delta","item_id":"c","output_index":0,"content_index":0,"delta":"!"}"#,
        r#"{"type":"response.output_text.done","item_id":"d","output_index":0,"content_index":0,"text":"Hi!"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"e","type":"message","content":[{"type":"output_text","text":"Hi!"}]}}"#,
        r#"{"type":"response.completed","response":{"id":"r","output":[{"id":"f","type":"message","content":[{"type":"output_text","text":"Hi!"}]}]}}"#,
    ];
    assert_eq!(stream(&events)[1..], ["text Hi!", "finish Stop", "end"]);
}

#[test]
fn parallel_calls_all_on_index_0_are_different_calls() {
    let events = [
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"fc_1","type":"function_call","arguments":"","call_id":"call_1","name":"f"}}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"fc_2","type":"function_call","arguments":"","call_id":"call_2","name":"f"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"delta":"1"}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_2","output_index":0,"delta":"2"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_1","type":"function_call","arguments":"1","call_id":"call_1","name":"f"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_2","type":"function_call","arguments":"2","call_id":"call_2","name":"f"}}"#,
        COMPLETED,
    ];
    assert_eq!(
        stream(&events)[1..7],
        [
            "call 0 call_1 f",
            "call 1 call_2 f",
            "arguments 0 1",
            "arguments 1 2",
            "call end 0",
            "call end 1"
        ]
    );
}

#[test]
fn arguments_wait_for_the_name_of_their_call() {
    let events = [
        CREATED,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"delta":"{\"a\""}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"delta":":1}"}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":0,"arguments":"{\"a\":1}"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_1","type":"function_call","arguments":"{\"a\":1}","call_id":"call_1","name":"f"}}"#,
        COMPLETED,
    ];
    assert_eq!(
        stream(&events)[1..4],
        ["call 0 call_1 f", "arguments 0 {\"a\":1}", "call end 0"]
    );
    // one that never has a name came to nothing
    let lines = stream(&[events[0], events[1], COMPLETED]);
    assert_eq!(lines[1..], ["usage 36 10 2 87 64", "finish Broken", "end"]);
}

#[test]
fn arguments_that_the_item_alone_has_come_before_the_calls_end() {
    let events = [
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"fc_1","type":"function_call","arguments":"","call_id":"call_1","name":"f"}}"#,
        r#"{"type":"response.function_call_arguments.delta","item_id":"fc_1","output_index":0,"delta":""}"#,
        r#"{"type":"response.function_call_arguments.done","item_id":"fc_1","output_index":0,"arguments":""}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"fc_1","type":"function_call","arguments":"{}","call_id":"call_1","name":"f"}}"#,
        COMPLETED,
    ];
    assert_eq!(
        stream(&events)[1..4],
        ["call 0 call_1 f", "arguments 0 {}", "call end 0"]
    );
}

#[test]
fn a_text_of_reasoning_and_its_summary_are_one_reasoning() {
    let events = [
        CREATED,
        r#"{"type":"response.reasoning_text.delta","item_id":"rs","output_index":0,"content_index":0,"delta":"T"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"S"}],"content":[{"type":"reasoning_text","text":"T"}]}}"#,
        COMPLETED,
    ];
    assert_eq!(
        stream(&events)[1..3],
        ["reasoning T", "dropped reasoning_text"]
    );
}

#[test]
fn every_end_has_its_reason() {
    let end = |name: &str, rest: &str| {
        let event =
            format!(r#"{{"type":"response.{name}","response":{{"id":"r","output":[]{rest}}}}}"#);
        stream(&[CREATED, &event])[1..].to_vec()
    };
    for (name, rest, expected) in [
        ("completed", "", "Stop"),
        (
            "completed",
            r#","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}"#,
            "Length",
        ),
        (
            "incomplete",
            r#","incomplete_details":{"reason":"max_output_tokens"}"#,
            "Length",
        ),
        (
            "incomplete",
            r#","incomplete_details":{"reason":"content_filter"}"#,
            "Filtered",
        ),
        ("incomplete", r#","incomplete_details":null"#, "Length"),
        ("failed", r#","error":null"#, "Broken"),
        ("done", "", "Stop"),
    ] {
        assert_eq!(
            end(name, rest),
            [format!("finish {expected}"), "end".to_owned()],
            "{name}"
        );
    }
    let refusal = r#"{"type":"response.refusal.delta","item_id":"m","output_index":0,"content_index":0,"delta":"No."}"#;
    assert_eq!(
        stream(&[CREATED, refusal, COMPLETED])[1..],
        [
            "refusal No.",
            "usage 36 10 2 87 64",
            "finish Refused",
            "end"
        ]
    );
}

#[test]
fn failures_are_errors_and_nothing_follows_them() {
    for event in [
        r#"{"type":"error","code":"server_error","message":"Boom","param":null,"sequence_number":3}"#,
        r#"{"type":"error","error":{"type":"x","code":"server_error","message":"Boom"}}"#,
        r#"{"error":{"code":"server_error","message":"Boom"}}"#,
        r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_error","message":"Boom"},"output":[]}}"#,
    ] {
        let lines = stream(&[CREATED, event, COMPLETED]);
        assert_eq!(
            lines[1..],
            [r#"error Some("server_error") Boom"#],
            "{event}"
        );
    }
    for doc in [
        r#"{"error":{"code":"server_error","message":"Boom"}}"#,
        r#"{"id":"r","status":"failed","output":[],"error":{"code":"server_error","message":"Boom"}}"#,
        r#"[{"error":{"code":"server_error","message":"Boom"}}]"#,
    ] {
        assert_eq!(whole(doc), [r#"error Some("server_error") Boom"#], "{doc}");
    }
    let lines = whole(r#"{"code":"x","error":"Boom"}"#);
    assert!(
        lines[0].starts_with("error") && lines.len() == 1,
        "{lines:?}"
    );
}

#[test]
fn what_no_other_dialect_has_is_counted_once() {
    let doc = r#"{"id":"r","output":[{"type":"web_search_call","id":"w"},{"type":"web_search_call","id":"v"},{"type":"novelty"},
        {"type":"message","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation"}],"logprobs":[{}]},{"type":"hologram"}]}]}"#;
    assert_eq!(
        whole(doc)[1..],
        [
            "dropped web_search_call",
            "dropped output item",
            "dropped annotations",
            "dropped logprobs",
            "text a",
            "dropped content part",
            "finish Stop",
            "end"
        ]
    );
    let events = [
        CREATED,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"mcp_call","id":"m"}}"#,
        r#"{"type":"response.mcp_call_arguments.delta","item_id":"m","output_index":0,"delta":"{}"}"#,
        r#"{"type":"response.audio.delta","delta":"AAAA"}"#,
        r#"{"type":"response.audio.delta","delta":"AAAA"}"#,
        r#"{"type":"response.output_text.annotation.added","item_id":"x","annotation":{}}"#,
        r#"{"type":"response.novelty","number":1}"#,
    ];
    assert_eq!(
        stream(&events)[1..],
        [
            "dropped mcp_call",
            "dropped output of other tools",
            "dropped audio",
            "dropped annotations"
        ]
    );
}

#[test]
fn a_document_that_is_no_complete_reply_is_malformed() {
    for doc in [
        "",
        "{}",
        "[]",
        r#"{"id":"r","output":[]"#,
        r#"{"id":"r","status":"queued","output":[]}"#,
        r#"{"id":"r","choices":[]}"#,
    ] {
        let mut lines = Lines::default();
        let read = Reader::new(context(false)).read_whole(doc.as_bytes(), &mut lines);
        assert!(read.is_err(), "{doc}");
        assert_eq!(lines.0, Vec::<String>::new());
    }
}

#[test]
fn only_the_end_of_this_dialect_is_an_end() {
    let lines = stream(&[CREATED, STREAM[12], "[DONE]"]);
    assert_eq!(lines.last().unwrap(), "text Hi \u{fffd}");
    for end in 0..STREAM.len() {
        assert!(!stream(&STREAM[..end]).contains(&"end".to_owned()));
    }
}
