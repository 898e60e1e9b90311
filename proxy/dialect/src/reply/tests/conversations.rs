//! Conversations and their items, as they are fetched: what is shown of them and rewritten.

use super::*;

const CONVERSATIONS: Dialect = Dialect::OpenaiConversations;

fn shown(body: &str) -> Vec<(Place, String)> {
    let mut reply = reply(CONVERSATIONS, false);
    reply.push(body.as_bytes()).unwrap();
    reply.finish().unwrap();
    assert_eq!(reply.unreadable(), None);
    assert!(reply.ended() && reply.content_seen());
    let deltas = reply.deltas().into_iter();
    let mut shown: Vec<_> = deltas.map(|delta| (delta.place, delta.text)).collect();
    shown.sort_by_key(|(place, text)| (*place as u8, text.clone()));
    shown
}

#[test]
fn a_list_of_items_is_read_as_a_responses_output_is() {
    let body = r#"{"object":"list","data":[
      {"id":"msg_1","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"I am Zo"}]},
      {"id":"msg_2","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hello Zo","annotations":[],"logprobs":[{"token":"Zo"}]}]},
      {"id":"fc_1","type":"function_call","call_id":"1","name":"f","arguments":"{\"n\":\"Zo\"}"},
      {"id":"fo_1","type":"function_call_output","call_id":"1","output":"Zo is here"},
      {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"of Zo"}]}],
      "first_id":"msg_1","last_id":"rs_1","has_more":false}"#;
    use Place::{Assistant, Reasoning, ToolArguments, ToolResult, User};
    let expected = [
        (User, "I am Zo"),
        (Assistant, "hello Zo"),
        (ToolResult, "Zo is here"),
        (ToolArguments, r#"{"n":"Zo"}"#),
        (Reasoning, "of Zo"),
    ];
    let expected = expected.map(|(place, text)| (place, text.to_owned()));
    assert_eq!(shown(body), expected);
    let ran = edited(CONVERSATIONS, false, body.as_bytes(), &mut |delta| {
        Some(delta.text.replace("Zo", "Z\""))
    });
    let sent = String::from_utf8(ran.bytes).unwrap();
    let plain = body.replace(r#"[{"token":"Zo"}]"#, "[]");
    let plain = plain
        .replace(r#"\"Zo\""#, r#"\"Z\"\""#)
        .replace("Zo", r#"Z\""#);
    assert_eq!(sent, plain, "log-probabilities of what was edited go");
    assert_eq!(ran.reply.usage(), None);
}

#[test]
fn an_item_alone_and_a_conversation_are_read_too() {
    use Place::{Metadata, ToolResult, User};
    for (body, expected) in [
        (
            r#"{"id":"msg_1","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"hi"}]}"#,
            vec![(User, "hi")],
        ),
        (
            r#"{"id":"fo_1","type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"out"}]}"#,
            vec![(ToolResult, "out")],
        ),
        (
            r#"{"id":"conv_1","object":"conversation","created_at":1741900000,"metadata":{"topic":"demo"}}"#,
            vec![(Metadata, r#"{"topic":"demo"}"#)],
        ),
        (
            r#"{"id":"conv_1","object":"conversation.deleted","deleted":true}"#,
            vec![],
        ),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(p, t)| (p, t.to_owned()))
            .collect();
        assert_eq!(shown(body), expected, "{body}");
    }
}

#[test]
fn the_usage_of_a_server_that_answers_at_once_is_read() {
    let body = br#"{"object":"conversation.response","conversation_id":"conv_1","outputs":[{"type":"message.output","content":"hello"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
    let ran = run(reply(CONVERSATIONS, false), &[body], None);
    let usage = ran.reply.usage().unwrap();
    assert_eq!((usage.input, usage.output), (7, 3));
    let mut shown = ran.channels.values();
    assert!(shown.any(|text| text.contains("hello")), "{shown:?}");
    let events = b"event: message.output.delta\ndata: {\"content\":\"hello\"}\n\n";
    let ran = run(reply(CONVERSATIONS, true), &[events], None);
    assert_eq!(ran.bytes, events);
    assert!(!ran.reply.unseen().is_empty(), "streams are not read");
}
