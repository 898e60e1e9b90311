//! Replies that are not what their label or their grammar says.

use super::{
    fixtures::{all, chat, chat_stream, chat_whole},
    *,
};

const CHAT: Dialect = Dialect::OpenaiChat;

fn replaced(streaming: bool, bytes: &[u8]) -> Ran {
    let mut policy = HoldBack::default();
    edited(CHAT, streaming, bytes, &mut |delta| policy.edit(delta))
}

#[test]
fn events_and_documents_are_read_under_each_others_label() {
    for (dialect, streaming, bytes) in all() {
        let mut policy = HoldBack::default();
        let right = edited(dialect, streaming, &bytes, &mut |delta| policy.edit(delta));
        let mut policy = HoldBack::default();
        let wrong = edited(dialect, !streaming, &bytes, &mut |delta| policy.edit(delta));
        assert!(right.bytes == wrong.bytes, "{dialect:?} {streaming}");
        assert!(wrong.reply.ended());
        assert_eq!(wrong.reply.unreadable(), None);
        assert_eq!(wrong.reply.state.streaming, streaming);
    }
}

#[test]
fn marks_strange_numbers_and_control_characters_are_read() {
    let body = "\u{feff}{\"choices\":[{\"index\":0,\"message\":{\"content\":\"a\\t[[NAME]]\tb\"},\"logprobs\":{\"x\":NaN,\"y\":-Infinity}}]}";
    let ran = replaced(false, body.as_bytes());
    let text = String::from_utf8(ran.bytes).unwrap();
    assert!(text.contains(VALUE), "{text}");
    assert_eq!(ran.reply.unreadable(), None);
    let event = chat(&[
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"[[NAME]]\tb\"},\"logprobs\":NaN}]}",
    ]);
    let ran = replaced(true, &event);
    assert!(String::from_utf8(ran.bytes).unwrap().contains(VALUE));
    assert_eq!(ran.reply.unreadable(), None);
}

#[test]
fn what_can_not_be_read_is_said_counted_and_passes() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bodies: [Vec<u8>; 6] = [
        [&chat_whole()[..], b"{}"].concat(),
        b"{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}".to_vec(),
        format!("{{\"x\":{deep}}}").into_bytes(),
        b"{\"choices\":[],}".to_vec(),
        b"<html>".to_vec(),
        b"hello".to_vec(),
    ];
    for body in &bodies {
        let ran = replaced(false, body);
        assert_eq!(ran.reply.unreadable(), Some("body"));
        assert!(ran.bytes == *body);
        assert_eq!(
            ran.reply.unseen(),
            [("body", body.trim_ascii().len() as u64)]
        );
    }
    for event in [
        &b"data: {\"choices\":[],}"[..],
        b"data: hello",
        b"data: {} {}",
        b"hello",
        b"text: [[NAME]]",
    ] {
        let bytes = [event, b"\n\n", &chat_stream()].concat();
        let ran = run(reply(CHAT, true), &[&bytes], None);
        assert_eq!(ran.reply.unreadable(), Some("event"), "{event:?}");
        assert!(ran.bytes == bytes);
    }
    for silent in [
        &b": ping"[..],
        b"event: ping",
        b"id: 1",
        b"retry: 5",
        b"data:",
    ] {
        let bytes = [silent, b"\n\n", &chat_stream()].concat();
        let ran = run(reply(CHAT, true), &[&bytes], None);
        assert_eq!(ran.reply.unreadable(), None, "{silent:?}");
    }
}
