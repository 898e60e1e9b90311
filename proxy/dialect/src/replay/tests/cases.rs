//! The forms that providers use, one case each.

use super::*;

const CHAT: &str = "openai.chat";
const MESSAGES: &str = "anthropic.messages";
const RESPONSES: &str = "openai.responses";
const GEMINI: &str = "gemini.generate";

fn expect(dialect: &str, stream: &[u8], expected: &str) {
    let whole = whole(dialect, stream);
    assert_eq!(str::from_utf8(&whole).unwrap(), expected);
}

#[test]
fn a_chat_s_chunks_become_one_completion() {
    let stream = chunks(&[
        r#"{"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
        r#"{"id":"c-1","object":"chat.completion.chunk","created":17,"model":"m","system_fingerprint":null,"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x"}"#,
        r#"{"id":"c-1","object":"chat.completion.chunk","created":17,"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"Well: "},"finish_reason":null},{"index":1,"delta":{"role":"assistant","content":"Bon\u006aour"},"finish_reason":null}]}"#,
        r#"{"id":"c-1","choices":[{"index":0,"delta":{"content":"A \ud83d"},"logprobs":{"content":[{"token":"A","logprob":-1.50e-2}],"refusal":null},"finish_reason":null}]}"#,
        r#"{"id":"c-1","choices":[{"index":0,"delta":{"content":"\ude00 \\"},"logprobs":{"content":[{"token":"B","logprob":-1}]},"finish_reason":null}]}"#,
        r#"{"id":"c-1","choices":[{"index":1,"delta":{"content":"!"},"finish_reason":"stop"}]}"#,
        r#"{"id":"c-1","service_tier":"default","choices":[{"index":0,"delta":{},"finish_reason":"length","content_filter_results":{}}]}"#,
        r#"{"id":"c-1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
        "[DONE]",
    ]);
    expect(
        CHAT,
        &stream,
        concat!(
            r#"{"id":"c-1","object":"chat.completion","created":17,"model":"m","prompt_filter_results":[{"prompt_index":0}],"system_fingerprint":null,"service_tier":"default","#,
            r#""choices":[{"index":0,"message":{"role":"assistant","content":"A \ud83d\ude00 \\","refusal":null,"reasoning_content":"Well: "},"#,
            r#""logprobs":{"content":[{"token":"A","logprob":-1.50e-2},{"token":"B","logprob":-1}],"refusal":null},"finish_reason":"length","content_filter_results":{}},"#,
            r#"{"index":1,"message":{"role":"assistant","content":"Bon\u006aour!"},"finish_reason":"stop"}],"#,
            r#""usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#
        ),
    );
}

#[test]
fn tool_calls_are_put_together_by_index_and_those_without_one_by_id() {
    let delta = |calls: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{calls}]}},"finish_reason":null}}]}}"#
        )
    };
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
    let put_together = |deltas: &[String]| {
        let data = [chunks(deltas), chunks(&[end, "[DONE]"])].concat();
        value(&whole(CHAT, &data))["choices"][0]["message"]["tool_calls"].to_string()
    };
    let expected = r#"[{"function":{"arguments":"{\"a\":1}","name":"f"},"id":"x","type":"function"},{"custom":{"input":"go on","name":"g"},"id":"y","type":"custom"}]"#;
    assert_eq!(
        put_together(&[
            delta(
                r#"{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}"#
            ),
            delta(
                r#"{"index":1,"id":"y","type":"custom","custom":{"name":"g","input":"go"}},{"index":0,"function":{"arguments":"{\"a\""}}"#
            ),
            delta(
                r#"{"index":1,"id":"","type":"custom","custom":{"name":"g","input":" on"}},{"index":0,"id":"x","function":{"name":"f","arguments":":1}"}}"#
            ),
        ]),
        expected
    );
    assert_eq!(
        put_together(&[
            delta(
                r#"{"id":"x","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}"#
            ),
            delta(r#"{"id":"y","type":"custom","custom":{"name":"g","input":"go"}}"#),
            delta(r#"{"custom":{"input":" on"}}"#),
        ]),
        expected
    );
}

#[test]
fn completions_are_chunks_with_a_text() {
    let stream = chunks(&[
        r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":"One","index":0,"logprobs":{"tokens":["One"],"text_offset":[0]},"finish_reason":null}]}"#,
        r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":" two","index":0,"logprobs":{"tokens":[" two"],"text_offset":[3]},"finish_reason":"stop"}]}"#,
        r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#,
        "[DONE]",
    ]);
    let expected = r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"One two","logprobs":{"tokens":["One"," two"],"text_offset":[0,3]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    expect("openai.completions", &stream, expected);
    let again = super::stream("openai.completions", expected.as_bytes());
    expect("openai.completions", &again, expected);
    assert!(again.starts_with(br#"data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"One two","logprobs":{"#));
}

#[test]
fn a_message_keeps_signatures_citations_and_the_spelling_of_inputs() {
    let stream = named(&[
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"About "}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"\u00e9"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"","citations":[]}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{"type":"page_location","start_page_number":1}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t_1","name":"find","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"n\": 1.0, \"w\":\"\\u00e9"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\"}"}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t_2","name":"now","input":{}}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null,"container":{"id":"k"}},"usage":{"output_tokens":89,"input_tokens":null}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let expected = concat!(
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"About \u00e9","signature":"EqQB"},"#,
        r#"{"type":"text","text":"Hello","citations":[{"type":"page_location","start_page_number":1}]},"#,
        r#"{"type":"tool_use","id":"t_1","name":"find","input":{"n": 1.0, "w":"\u00e9"}},{"type":"tool_use","id":"t_2","name":"now","input":{}}],"#,
        r#""stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":89},"container":{"id":"k"}}"#
    );
    expect(MESSAGES, &stream, expected);
    expect(
        MESSAGES,
        &super::stream(MESSAGES, expected.as_bytes()),
        expected,
    );
}

#[test]
fn an_input_that_is_no_json_is_not_replayed() {
    let stream = named(&[
        r#"{"type":"message_start","message":{"type":"message","content":[]}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    assert!(whole_of(Dialect::AnthropicMessages, &stream).is_err());
}

#[test]
fn a_response_without_its_output_at_the_end_gets_its_items() {
    let stream = named(&[
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"r","encrypted_content":"gAAA"}}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","arguments":"{}"}}"#,
        r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":1}}}"#,
    ]);
    expect(
        RESPONSES,
        &stream,
        r#"{"id":"resp_1","status":"completed","output":[{"type":"reasoning","id":"r","encrypted_content":"gAAA"},{"type":"function_call","arguments":"{}"}],"usage":{"input_tokens":1}}"#,
    );
}

#[test]
fn a_response_s_pretty_printed_items_go_on_one_line() {
    let whole = "{\"status\":\"completed\",\n \"output\":[{\n\"type\":\"message\",\"id\":\"m\",\r\n\"content\":[{\"type\":\"output_text\",\n\"text\":\"a\\nb\"}]}]}\n";
    let stream = stream(RESPONSES, whole.as_bytes());
    assert_eq!(
        value(&super::whole(RESPONSES, &stream)),
        value(whole.as_bytes())
    );
    for line in stream
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        assert!(line.starts_with(b"data: {") || line.starts_with(b"event: "));
    }
}

#[test]
fn annotations_of_a_response_are_events_of_their_own() {
    let whole = br#"{"status":"completed","output":[{"type":"message","id":"m","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation","url":"u"}],"logprobs":[{"token":"a","logprob":-1}]}]}]}"#;
    let stream = stream(RESPONSES, whole);
    let text = str::from_utf8(&stream).unwrap();
    assert!(
        text.contains(r#""annotation_index":0,"annotation":{"type":"url_citation","url":"u"}"#)
    );
    assert!(text.contains(r#""text":"a","logprobs":[{"token":"a","logprob":-1}]"#));
    assert!(
        text.contains(r#""part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#)
    );
    assert_eq!(super::whole(RESPONSES, &stream), whole);
}

#[test]
fn gemini_s_texts_grow_and_signatures_stay_with_their_parts() {
    let data = [
        r#"{"candidates":[{"content":{"parts":[{"text":"Hm ","thought":true}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":4},"modelVersion":"g","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"so","thought":true},{"text":"On"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":4},"modelVersion":"g","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"e"},{"functionCall":{"name":"f","args":{"n":1.0}},"thoughtSignature":"Cg=="}],"role":"model"},"index":0}],"modelVersion":"g","responseId":"r"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":5},"modelVersion":"g","responseId":"r"}"#,
    ];
    let expected = r#"{"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":5},"modelVersion":"g","responseId":"r","candidates":[{"content":{"role":"model","parts":[{"text":"Hm so","thought":true},{"text":"One"},{"functionCall":{"name":"f","args":{"n":1.0}},"thoughtSignature":"Cg=="}]},"index":0,"finishReason":"STOP"}]}"#;
    let sorted = |json: &[u8]| value(json);
    assert_eq!(
        sorted(&whole(GEMINI, &chunks(&data))),
        sorted(expected.as_bytes())
    );
    let array = format!("[{}\n]", data.join(",\n"));
    assert_eq!(
        sorted(&whole(GEMINI, array.as_bytes())),
        sorted(expected.as_bytes())
    );
    let again = stream(GEMINI, expected.as_bytes());
    assert_eq!(sorted(&whole(GEMINI, &again)), sorted(expected.as_bytes()));
    let cut = replay(GEMINI).whole_of(&chunks(&data[..3]));
    assert_eq!(cut.unwrap_err().what, INCOMPLETE);
}

#[test]
fn streams_that_are_cut_or_hold_an_error_are_not_put_together() {
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            CHAT,
            chunks(&[
                r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}"#,
            ]),
            INCOMPLETE,
        ),
        (
            CHAT,
            chunks(&[
                r#"{"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}"#,
                "[DONE]",
            ]),
            INCOMPLETE,
        ),
        (CHAT, chunks(&["[DONE]"]), INCOMPLETE),
        (
            CHAT,
            chunks(&[r#"{"error":{"message":"no"}}"#, "[DONE]"]),
            ERROR,
        ),
        (
            MESSAGES,
            named(&[
                r#"{"type":"message_start","message":{}}"#,
                r#"{"type":"error","error":{}}"#,
            ]),
            ERROR,
        ),
        (MESSAGES, named(&[r#"{"type":"message_stop"}"#]), INCOMPLETE),
        (
            RESPONSES,
            named(&[r#"{"type":"response.created","response":{"status":"in_progress"}}"#]),
            INCOMPLETE,
        ),
        (
            RESPONSES,
            named(&[r#"{"type":"error","message":"no"}"#]),
            ERROR,
        ),
    ];
    for (dialect, stream, expected) in cases {
        let made = replay(dialect).whole_of(&stream);
        assert_eq!(
            made.unwrap_err().what,
            expected,
            "{}",
            String::from_utf8_lossy(&stream)
        );
    }
}

#[test]
fn whole_replies_that_are_errors_or_unfinished_are_not_streamed() {
    let cases: [(&str, &str); 7] = [
        (CHAT, r#"{"error":{"message":"no"}}"#),
        (
            CHAT,
            r#"{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":null}]}"#,
        ),
        (
            CHAT,
            r#"{"choices":[{"index":0,"message":{"audio":{"data":""}},"finish_reason":"stop"}]}"#,
        ),
        (
            MESSAGES,
            r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
        ),
        (
            MESSAGES,
            r#"{"type":"message","content":[],"stop_reason":null}"#,
        ),
        (RESPONSES, r#"{"status":"queued","output":[]}"#),
        (
            GEMINI,
            r#"{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}"#,
        ),
    ];
    for (dialect, whole) in cases {
        let made = replay(dialect).stream_of(whole.as_bytes(), true);
        assert!(made.is_err(), "{whole}");
    }
}

#[test]
fn a_chat_s_usage_is_reported_to_those_who_requested_it() {
    let whole = br#"{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}"#;
    let reported = stream_of(Dialect::OpenaiChat, whole, true)
        .unwrap()
        .concat();
    assert_eq!(
        str::from_utf8(&reported).unwrap(),
        concat!(
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}],\"usage\":null}\n\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
            "data: [DONE]\n\n"
        )
    );
    let unreported = stream_of(Dialect::OpenaiChat, whole, false)
        .unwrap()
        .concat();
    assert!(memchr::memmem::find(&unreported, b"usage").is_none());
    assert!(unreported.ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn tool_calls_without_number_and_id_end_with_their_document() {
    let delta = |arguments: &str| {
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"type":"function","function":{{"name":"f","arguments":"{arguments}"}}}}]}},"finish_reason":null}}]}}"#
        )
    };
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
    let deltas = [
        delta(r#"{\"a\":\"}\"}"#),
        delta(r#"{\"b\":"#),
        delta(r#"\"\\u0022}\"}"#),
        delta("{}"),
    ];
    let data = [chunks(&deltas), chunks(&[end, "[DONE]"])].concat();
    let message = value(&whole(CHAT, &data))["choices"][0]["message"].clone();
    let calls = message["tool_calls"].as_array().unwrap();
    let arguments: Vec<_> = (calls.iter())
        .map(|call| call["function"]["arguments"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, [r#"{"a":"}"}"#, r#"{"b":"\u0022}"}"#, "{}"]);
}
