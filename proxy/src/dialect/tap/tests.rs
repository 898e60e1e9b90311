//! What a tap finds, at every split.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

const CHAT: &str = concat!(
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"usage\\\": {\\\"prompt_tokens\\\":1}\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    ": ping\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
    "data: {\"choices\":[],\"usage\": {\"prompt_tokens\":19,\"completion_tokens\":30,\"x\":\"}\\\"{\",\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n",
    "data: [DONE]\n\n",
);
const MESSAGES: &str = concat!(
    "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\r\n\r\n",
    "event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\r\n\r\n",
    "event: message_delta\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":89}}\r\n\r\n",
    "event: message_stop\r\ndata: {\"type\":\"message_stop\"}\r\n\r\n",
);
const RESPONSES: &str = concat!(
    "data: {\"type\":\"response.created\",\"response\":{\"usage\":null,\"incomplete_details\":null}}\n\n",
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"hi\"}\n\n",
    "data: { \"type\" : \"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"usage\":{\"input_tokens\":36,\"output_tokens\":87}}}\n\n",
);

fn streams() -> [(Dialect, &'static str, Usage, &'static str); 3] {
    let usage = |input, cached, output| Usage {
        input,
        cached,
        output,
        ..Usage::default()
    };
    [
        (Dialect::OpenaiChat, CHAT, usage(19, 8, 30), "stop"),
        (
            Dialect::AnthropicMessages,
            MESSAGES,
            usage(125, 100, 89),
            "end_turn",
        ),
        (
            Dialect::OpenaiResponses,
            RESPONSES,
            usage(36, 0, 87),
            "max_output_tokens",
        ),
    ]
}

fn watch(dialect: Dialect, pieces: &[&[u8]]) -> Tap {
    let mut tap = Tap::new(dialect, true);
    for piece in pieces {
        tap.watch(piece);
    }
    tap
}

#[test]
fn everything_is_found_at_every_split() {
    for (dialect, stream, usage, finish) in streams() {
        for at in 0..=stream.len() {
            let (a, b) = stream.as_bytes().split_at(at);
            let tap = watch(dialect, &[a, b]);
            assert_eq!(tap.usage(), Some(usage), "{dialect:?} at {at}");
            assert_eq!(tap.finish_reason(), Some(finish));
            assert!(tap.ended() && tap.content_seen() && !tap.mid_line());
            assert_eq!(tap.gap(), b"");
        }
        let bytes: Vec<_> = stream.as_bytes().chunks(1).collect();
        let tap = watch(dialect, &bytes);
        assert_eq!((tap.usage(), tap.ended()), (Some(usage), true));
    }
}

#[test]
fn the_end_is_seen_with_its_line_and_content_with_its_event() {
    for (dialect, stream, ..) in streams() {
        let (mut ended, mut seen) = (Vec::new(), Vec::new());
        for at in 0..=stream.len() {
            let tap = watch(dialect, &[&stream.as_bytes()[..at]]);
            ended.push(tap.ended());
            seen.push(tap.content_seen());
        }
        let first = |flags: &[bool]| flags.iter().position(|flag| *flag).unwrap();
        let ends = ["[DONE]", "message_stop", "response.incomplete\""];
        let ends = ends
            .iter()
            .find_map(|end| Some(stream.find(end)? + end.len()));
        assert_eq!(first(&ended), ends.unwrap());
        let content = ["say ", "\"hi\""].iter().find_map(|text| stream.find(text));
        let event = stream[content.unwrap()..].find("\r\n\r\n").map(|at| at + 4);
        let event = event.or(stream[content.unwrap()..].find("\n\n").map(|at| at + 2));
        assert_eq!(first(&seen), content.unwrap() + event.unwrap());
        assert!(ended[first(&ended)..].iter().all(|flag| *flag));
    }
}

#[test]
fn the_gap_keeps_an_event_of_ours_apart() {
    for (bytes, mid_line, gap) in [
        ("", false, ""),
        ("data: 1\n\n", false, ""),
        ("data: 1\r\n\r", false, ""),
        ("data: 1\n", false, "\n"),
        ("data: 1", true, "\n\n"),
    ] {
        let tap = watch(Dialect::OpenaiChat, &[bytes.as_bytes()]);
        assert_eq!((tap.mid_line(), tap.gap()), (mid_line, gap.as_bytes()));
        assert!(!tap.ended());
    }
}

#[test]
fn a_whole_reply_tells_usage_and_reason() {
    let body = br#"{"id":"x","choices":[{"message":{"content":"a"},"finish_reason" : "length"}],"usage" : {"prompt_tokens":3,"completion_tokens":4}}"#;
    for at in 0..=body.len() {
        let mut tap = Tap::new(Dialect::OpenaiChat, false);
        tap.watch(&body[..at]);
        tap.watch(&body[at..]);
        assert_eq!(
            tap.usage().map(|usage| (usage.input, usage.output)),
            Some((3, 4))
        );
        assert_eq!(tap.finish_reason(), Some("length"));
        assert!(tap.content_seen());
    }
}

#[test]
fn a_usage_that_never_ends_is_given_up() {
    let mut tap = Tap::new(Dialect::OpenaiChat, false);
    tap.watch(b"{\"usage\":{");
    for _ in 0..1000 {
        tap.watch(b"\"prompt_tokens\":1,");
        assert!(tap.usages.value.len() <= OBJECT + 1);
    }
    assert_eq!(tap.usage(), None);
    tap.watch(b"\"usage\":{\"prompt_tokens\":5}");
    assert_eq!(tap.usage().map(|usage| usage.input), Some(5));
}
