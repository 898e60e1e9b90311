//! Beginnings of replies, at every split.

#![expect(clippy::expect_used, reason = "tests")]

use fuzz::{Chance, run};

use super::*;

const CREATED: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"status\":\"in_progress\",\"instructions\":\"an error failed\",\"output\":[]}}\n\nevent: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"r\",\"status\":\"in_progress\",\"output\":[]}}\n\n";
const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n";
const ROLE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

/// The verdict over a beginning, the same in all pieces of one length.
fn verdict(dialect: Dialect, streaming: bool, reply: &str) -> Verdict {
    let mut first = None;
    for piece in 1..=reply.len().max(1) {
        let mut hold = Hold::new(dialect, streaming);
        for bytes in reply.as_bytes().chunks(piece) {
            hold.push(bytes);
        }
        let verdict = hold.finish();
        assert_eq!(
            *first.get_or_insert(verdict.clone()),
            verdict,
            "pieces of {piece}: {reply}"
        );
    }
    first.expect("one piece at least")
}

#[test]
fn lifecycle_events_bind_nobody() {
    for (dialect, stream) in [
        (Dialect::OpenaiChat, ""),
        (Dialect::OpenaiChat, ": OPENROUTER PROCESSING\n\n\n\n"),
        (Dialect::OpenaiChat, ROLE),
        (
            Dialect::OpenaiChat,
            "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}\n\n",
        ),
        (
            Dialect::OpenaiChat,
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":null,\"reasoning\":\"\",\"reasoning_content\":\"\"},\"finish_reason\":\"\"}]}\n\n",
        ),
        (
            Dialect::OpenaiCompletions,
            "data: {\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":null}]}\n\n",
        ),
        (Dialect::OpenaiResponses, CREATED),
        (
            Dialect::OpenaiResponses,
            "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[],\"role\":\"assistant\"}}\n\ndata: {\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\"}}\n\nevent: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n",
        ),
        (Dialect::AnthropicMessages, START),
        (
            Dialect::AnthropicMessages,
            "event: ping\ndata: {\"type\": \"ping\"}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
        ),
        (
            Dialect::GeminiGenerate,
            "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9}}\r\n\r\n",
        ),
        (
            Dialect::GeminiInteractions,
            "event: interaction.created\ndata: {\"event_type\":\"interaction.created\",\"interaction\":{\"id\":\"v\",\"status\":\"in_progress\"}}\n\nevent: interaction.status_update\ndata: {\"event_type\":\"interaction.status_update\",\"status\":\"in_progress\"}\n\ndata: {\"event_type\":\"step.start\",\"index\":0,\"step\":{\"type\":\"thought\"}}\n\ndata: {\"event_type\":\"content.start\",\"index\":0,\"content\":{\"type\":\"text\"}}\n\n",
        ),
    ] {
        assert_eq!(verdict(dialect, true, stream), Verdict::Wait, "{stream}");
    }
}

#[test]
fn the_first_text_thought_or_call_is_content_and_so_is_an_end() {
    for (dialect, event) in [
        (
            Dialect::OpenaiChat,
            "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}",
        ),
        (
            Dialect::OpenaiChat,
            "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"a\"}}]}",
        ),
        (
            Dialect::OpenaiChat,
            "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"a\"}}]}",
        ),
        (
            Dialect::OpenaiChat,
            "{\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I can't\"}}]}",
        ),
        (
            Dialect::OpenaiChat,
            "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}",
        ),
        (
            Dialect::OpenaiChat,
            "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}",
        ),
        (Dialect::OpenaiChat, "[DONE]"),
        (Dialect::OpenaiChat, "what is this"),
        (
            Dialect::OpenaiCompletions,
            "{\"choices\":[{\"index\":0,\"text\":\"a\"}]}",
        ),
        (
            Dialect::OpenaiResponses,
            "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}",
        ),
        (
            Dialect::OpenaiResponses,
            "{\"type\":\"response.reasoning_summary_text.delta\",\"delta\":\"a\"}",
        ),
        (
            Dialect::OpenaiResponses,
            "{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\"}",
        ),
        (
            Dialect::OpenaiResponses,
            "{\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}",
        ),
        (
            Dialect::OpenaiResponses,
            "{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"},\"output\":[]}}",
        ),
        (
            Dialect::AnthropicMessages,
            "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}",
        ),
        (
            Dialect::AnthropicMessages,
            "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"a\"}}",
        ),
        (
            Dialect::AnthropicMessages,
            "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}",
        ),
        (
            Dialect::AnthropicMessages,
            "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{\"output_tokens\":1}}",
        ),
        (Dialect::AnthropicMessages, "{\"type\":\"message_stop\"}"),
        (
            Dialect::GeminiGenerate,
            "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
        ),
        (
            Dialect::GeminiGenerate,
            "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\",\"thought\":true}]}}]}",
        ),
        (
            Dialect::GeminiGenerate,
            "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]}}]}",
        ),
        (
            Dialect::GeminiGenerate,
            "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}",
        ),
        (
            Dialect::GeminiInteractions,
            "{\"event_type\":\"step.delta\",\"index\":0,\"delta\":{\"type\":\"text\",\"text\":\"a\"}}",
        ),
        (
            Dialect::GeminiInteractions,
            "{\"event_type\":\"step.delta\",\"index\":0,\"delta\":{\"type\":\"image\",\"data\":\"QUFB\"}}",
        ),
        (
            Dialect::GeminiInteractions,
            "{\"event_type\":\"step.start\",\"index\":0,\"step\":{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":{}}}",
        ),
        (
            Dialect::GeminiInteractions,
            "{\"event_type\":\"interaction.completed\",\"interaction\":{\"status\":\"incomplete\"}}",
        ),
        (Dialect::OpenaiEmbeddings, "{\"data\":[]}"),
    ] {
        let stream =
            format!(": hello\n\ndata: {event}\n\ndata: {{\"error\":{{\"message\":\"late\"}}}}\n\n");
        assert_eq!(verdict(dialect, true, &stream), Verdict::Content, "{event}");
    }
    let search = "event: response.web_search_call.in_progress\ndata: {\"type\":\"response.web_search_call.in_progress\",\"output_index\":0,\"item_id\":\"w\"}\n\n";
    let stream = [CREATED, search].concat();
    assert_eq!(
        verdict(Dialect::OpenaiResponses, true, &stream),
        Verdict::Content
    );
}

#[test]
fn an_error_before_content_is_one_whatever_came_before_it() {
    for (dialect, stream, code, kind, status) in [
        (
            Dialect::OpenaiResponses,
            [
                CREATED,
                "event: error\ndata: {\"type\":\"error\",\"sequence_number\":2,\"code\":\"insufficient_quota\",\"message\":\"no\"}\n\n",
            ],
            Some("insufficient_quota"),
            None,
            None,
        ),
        (
            Dialect::OpenaiResponses,
            [
                CREATED,
                "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"no\"}}}\n\n",
            ],
            Some("server_is_overloaded"),
            None,
            None,
        ),
        (
            Dialect::AnthropicMessages,
            [
                START,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
            ],
            None,
            Some("overloaded_error"),
            None,
        ),
        (
            Dialect::OpenaiChat,
            [
                ROLE,
                "data: {\"error\":{\"code\":502,\"message\":\"gone\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\r\n\r\ndata: [DONE]\n\n",
            ],
            None,
            None,
            Some(502),
        ),
        (
            Dialect::GeminiGenerate,
            [
                "",
                "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}",
            ],
            None,
            Some("UNAVAILABLE"),
            Some(503),
        ),
        (
            Dialect::OpenaiChat,
            [
                "\u{feff}",
                "{\"error\":{\"type\":\"server_error\",\"message\":\"where a stream was asked for\"}}",
            ],
            None,
            Some("server_error"),
            None,
        ),
    ] {
        let stream = stream.concat();
        let Verdict::Error(facts) = verdict(dialect, true, &stream) else {
            panic!("no error: {stream}");
        };
        assert_eq!(facts.code.as_deref(), code, "{stream}");
        assert_eq!(facts.kind.as_deref(), kind, "{stream}");
        assert_eq!(facts.status, status, "{stream}");
    }
}

#[test]
fn a_whole_reply_is_waited_for_up_to_its_end() {
    let mut hold = Hold::new(Dialect::OpenaiChat, false);
    assert_eq!(hold.push(b"\n\n{\"choices\":[]"), Verdict::Wait);
    assert_eq!(hold.push(b",\"id\":\"c\"}"), Verdict::Wait);
    assert_eq!(hold.finish(), Verdict::Content);

    let mut hold = Hold::new(Dialect::OpenaiChat, false);
    let large = format!("{{\"error\":\"{}", "x".repeat(DOCUMENT));
    assert_eq!(
        hold.push(large.as_bytes()),
        Verdict::Content,
        "errors are short"
    );

    for (body, error) in [
        ("{\"code\":\"c\",\"error\":\"xAI says so\"}", true),
        (
            "[{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\"}}]",
            true,
        ),
        ("{\"choices\":[],\"error\":null}", false),
        ("<html>", false),
        ("{\"error\":", false),
        ("event", false),
        (
            "data: {\"error\":{\"message\":\"a stream under another label\"}}\n\n",
            true,
        ),
    ] {
        let found = verdict(Dialect::OpenaiChat, false, body);
        assert_eq!(matches!(found, Verdict::Error(_)), error, "{body}");
        assert_ne!(found, Verdict::Wait, "{body}");
    }
    assert_eq!(
        verdict(Dialect::OpenaiChat, false, " \n"),
        Verdict::Wait,
        "nothing came"
    );
}

#[test]
fn geminis_list_is_read_element_by_element() {
    let mut hold = Hold::new(Dialect::GeminiGenerate, true);
    let empty =
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]}}],\"x\":\"}]\\\"\"}\n,";
    assert_eq!(hold.push(empty.as_bytes()), Verdict::Wait);
    assert_eq!(hold.events(), 1);
    assert_eq!(
        hold.push(b"\r\n{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}"),
        Verdict::Content,
        "although the list goes on"
    );
    for (list, expected) in [
        ("[", Verdict::Wait),
        ("[]", Verdict::Content),
        ("[\"a\",1]", Verdict::Content),
    ] {
        assert_eq!(
            verdict(Dialect::GeminiGenerate, false, list),
            expected,
            "{list}"
        );
    }
    let error = format!("{empty}{{\"error\":{{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}}}]");
    let found = verdict(Dialect::GeminiGenerate, false, &error);
    assert!(matches!(found, Verdict::Error(facts) if facts.status == Some(429)));
}

#[test]
fn what_is_never_read_is_content_at_once() {
    let mut hold = Hold::new(Dialect::Other, true);
    assert_eq!(
        hold.push(b"event: error\ndata: {\"error\":1}\n\n"),
        Verdict::Content
    );
    assert_eq!(Hold::new(Dialect::Other, false).finish(), Verdict::Content);
}

#[test]
fn events_are_counted_without_comments_and_pings() {
    let mut hold = Hold::new(Dialect::AnthropicMessages, true);
    let stream = [
        START,
        ": c\n\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        START,
    ]
    .concat();
    assert_eq!(hold.push(stream.as_bytes()), Verdict::Wait);
    assert_eq!((hold.events(), hold.bytes()), (2, stream.len()));
    assert_eq!(
        hold.push(&vec![b'x'; BYTES + 1]),
        Verdict::Content,
        "an event larger than what is waited for"
    );
}

#[test]
fn the_verdict_is_the_same_however_the_bytes_are_cut() {
    let examples: &[&[u8]] = &[
        CREATED.as_bytes(),
        START.as_bytes(),
        ROLE.as_bytes(),
        b"data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\r\r\rdata: [DONE]\n\n",
        b"event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\r\n\r\n",
        b"[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},{\"error\":{\"code\":1}}]",
        b"\xef\xbb\xbf \n{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}",
        b"data:x\ndata: y\n\n: c\n\nid: 1\n\nevent: error\ndata: {}\n\n",
    ];
    run(examples, |input, chance: &mut Chance| {
        let dialect = Dialect::ALL[chance.below(Dialect::ALL.len())];
        let streaming = chance.one_in(2);
        let mut whole = Hold::new(dialect, streaming);
        whole.push(input);
        let expected = whole.finish();
        let (mut hold, mut rest) = (Hold::new(dialect, streaming), input);
        while !rest.is_empty() {
            let cut = chance.below(rest.len() + 1).max(1).min(rest.len());
            let (now, later) = rest.split_at(cut);
            hold.push(now);
            rest = later;
        }
        assert_eq!(hold.finish(), expected);
        match expected {
            Verdict::Wait => 1,
            Verdict::Content => 2,
            Verdict::Error(facts) => 3 + facts.message.len() as u64,
        }
    });
}
