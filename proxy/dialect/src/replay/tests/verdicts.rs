//! The verdicts on which replies may be stored.

use super::*;

fn verdict(dialect: &str, whole: &str, tools: bool) -> Result<(), &'static str> {
    let stored = super::super::storable::storable(replay(dialect), whole.as_bytes(), false, tools);
    stored.map_err(|why| why.0)
}

fn chat(message: &str, finish: &str) -> String {
    format!(
        r#"{{"choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":{finish}}}]}}"#
    )
}

fn message(content: &str, stop: &str) -> String {
    format!(r#"{{"type":"message","role":"assistant","content":[{content}],"stop_reason":{stop}}}"#)
}

fn response(status: &str, output: &str) -> String {
    format!(r#"{{"status":{status},"error":null,"output":[{output}]}}"#)
}

fn gemini(parts: &str, finish: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":{finish}}}]}}"#)
}

#[test]
fn each_reply_gets_its_word() {
    let text = r#"{"type":"text","text":"x"}"#;
    let said = r#"{"type":"message","content":[{"type":"output_text","text":"x"}]}"#;
    let cases = [
        ("openai.chat", chat(r#""content":"x""#, r#""stop""#), ""),
        (
            "openai.chat",
            chat(
                r#""content":"x","refusal":null,"tool_calls":[],"audio":null"#,
                r#""stop""#,
            ),
            "",
        ),
        (
            "openai.chat",
            chat(r#""content":"x""#, r#""length""#),
            "truncated",
        ),
        (
            "openai.chat",
            chat(r#""content":"x""#, r#""content_filter""#),
            "refused",
        ),
        (
            "openai.chat",
            chat(r#""content":"x""#, "null"),
            "incomplete",
        ),
        (
            "openai.chat",
            chat(r#""content":"x""#, r#""eos""#),
            "unknown",
        ),
        (
            "openai.chat",
            chat(r#""content":null,"refusal":"No""#, r#""stop""#),
            "refused",
        ),
        ("openai.chat", chat(r#""content":"""#, r#""stop""#), "empty"),
        (
            "openai.chat",
            chat(r#""content":null,"audio":{"id":"a"}"#, r#""stop""#),
            "media",
        ),
        (
            "openai.chat",
            chat(
                r#""content":"x","images":[{"type":"image_url"}]"#,
                r#""stop""#,
            ),
            "media",
        ),
        (
            "openai.chat",
            chat(r#""content":[{"type":"image_url"}]"#, r#""stop""#),
            "media",
        ),
        (
            "openai.chat",
            chat(
                r#""content":null,"tool_calls":[{"id":"c"}]"#,
                r#""tool_calls""#,
            ),
            "tool_calls",
        ),
        (
            "openai.chat",
            chat(r#""content":"x","function_call":{"name":"f"}"#, r#""stop""#),
            "tool_calls",
        ),
        (
            "openai.chat",
            r#"{"error":{"message":"no"}}"#.into(),
            "error",
        ),
        ("openai.chat", r#"{"choices":[]}"#.into(), "empty"),
        ("openai.chat", "<html>".into(), "malformed"),
        (
            "openai.completions",
            r#"{"choices":[{"text":"x","finish_reason":"stop"}]}"#.into(),
            "",
        ),
        (
            "openai.completions",
            r#"{"choices":[{"text":"x","finish_reason":"length"}]}"#.into(),
            "truncated",
        ),
        (
            "openai.embeddings",
            r#"{"object":"list","data":[{"embedding":[1]}]}"#.into(),
            "",
        ),
        (
            "openai.embeddings",
            r#"{"object":"list","data":[]}"#.into(),
            "empty",
        ),
        ("anthropic.messages", message(text, r#""end_turn""#), ""),
        (
            "anthropic.messages",
            message(text, r#""stop_sequence""#),
            "",
        ),
        (
            "anthropic.messages",
            message(text, r#""max_tokens""#),
            "truncated",
        ),
        (
            "anthropic.messages",
            message(text, r#""refusal""#),
            "refused",
        ),
        (
            "anthropic.messages",
            message(text, r#""pause_turn""#),
            "incomplete",
        ),
        ("anthropic.messages", message("", r#""end_turn""#), "empty"),
        (
            "anthropic.messages",
            message(r#"{"type":"thinking","thinking":"x"}"#, r#""end_turn""#),
            "empty",
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"tool_use","input":{}}"#, r#""tool_use""#),
            "tool_calls",
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"web_search_tool_result"}"#, r#""end_turn""#),
            "lookup",
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"hologram"}"#, r#""end_turn""#),
            "unknown",
        ),
        (
            "anthropic.messages",
            r#"{"type":"error","error":{"type":"x"}}"#.into(),
            "error",
        ),
        ("openai.responses", response(r#""completed""#, said), ""),
        (
            "openai.responses",
            response(r#""completed","incomplete_details":null"#, said),
            "",
        ),
        (
            "openai.responses",
            response(
                r#""incomplete","incomplete_details":{"reason":"max_output_tokens"}"#,
                said,
            ),
            "truncated",
        ),
        (
            "openai.responses",
            response(
                r#""incomplete","incomplete_details":{"reason":"content_filter"}"#,
                said,
            ),
            "refused",
        ),
        (
            "openai.responses",
            response(r#""in_progress""#, said),
            "incomplete",
        ),
        ("openai.responses", response(r#""failed""#, said), "error"),
        ("openai.responses", response(r#""completed""#, ""), "empty"),
        (
            "openai.responses",
            response(
                r#""completed""#,
                r#"{"type":"message","content":[{"type":"refusal","refusal":"No"}]}"#,
            ),
            "refused",
        ),
        (
            "openai.responses",
            response(r#""completed""#, r#"{"type":"function_call"}"#),
            "tool_calls",
        ),
        (
            "openai.responses",
            response(r#""completed""#, r#"{"type":"image_generation_call"}"#),
            "media",
        ),
        (
            "openai.responses",
            response(r#""completed""#, r#"{"type":"hologram"}"#),
            "unknown",
        ),
        (
            "gemini.generate",
            gemini(r#"{"text":"x"}"#, r#""STOP""#),
            "",
        ),
        (
            "gemini.generate",
            gemini(r#"{"text":"x"}"#, r#""MAX_TOKENS""#),
            "truncated",
        ),
        (
            "gemini.generate",
            gemini(r#"{"text":"x"}"#, r#""SAFETY""#),
            "refused",
        ),
        (
            "gemini.generate",
            gemini(r#"{"text":"x"}"#, r#""OTHER""#),
            "unknown",
        ),
        (
            "gemini.generate",
            gemini(r#"{"functionCall":{"name":"f"}}"#, r#""STOP""#),
            "tool_calls",
        ),
        (
            "gemini.generate",
            gemini(r#"{"inlineData":{"data":""}}"#, r#""STOP""#),
            "media",
        ),
        (
            "gemini.generate",
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#.into(),
            "refused",
        ),
    ];
    for (dialect, whole, expected) in cases {
        let found = verdict(dialect, &whole, false).err().unwrap_or_default();
        assert_eq!(found, expected, "{dialect}: {whole}");
        let allowed = verdict(dialect, &whole, true).err().unwrap_or_default();
        let expected = if expected == "tool_calls" {
            ""
        } else {
            expected
        };
        assert_eq!(allowed, expected, "{dialect}: {whole}");
    }
}

#[test]
fn a_stream_is_judged_by_what_it_says_in_the_end() {
    let chat = |finish: &str, end: &str| {
        let delta = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}"#;
        let last =
            format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":{finish}}}]}}"#);
        chunks(&[delta, &last, end])
    };
    let verdict = |stream: &[u8]| storable(Dialect::OpenaiChat, stream, true, false);
    assert_eq!(verdict(&chat(r#""stop""#, "[DONE]")), Ok(()));
    assert_eq!(verdict(&chat(r#""length""#, "[DONE]")), Err("truncated"));
    assert_eq!(
        verdict(&chat(r#""stop""#, r#"{"choices":[]}"#)),
        Err("incomplete")
    );
    assert_eq!(verdict(&chat("null", "[DONE]")), Err("incomplete"));
    assert_eq!(
        verdict(&chat(r#""stop""#, r#"{"error":{"message":"no"}}"#)),
        Err("error")
    );
    assert_eq!(verdict(b"data: {\"choices\":\xff}\n\n"), Err("malformed"));
    assert_eq!(storable(Dialect::Other, b"{}", false, true), Err("dialect"));
}

#[test]
fn what_the_provider_looked_up_or_ran_is_not_kept_even_where_calls_are() {
    let text = r#"{"type":"text","text":"x"}"#;
    let said = r#"{"type":"message","content":[{"type":"output_text","text":"x"}]}"#;
    let found = |candidate: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"x"}}]}},"finishReason":"STOP",{candidate}}}]}}"#
        )
    };
    let cases = [
        (
            "openai.chat",
            chat(
                r#""content":"x","annotations":[{"type":"url_citation"}]"#,
                r#""stop""#,
            ),
        ),
        (
            "openai.chat",
            r#"{"citations":["u"],"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}"#
                .into(),
        ),
        (
            "openai.chat",
            chat(
                r#""content":[{"type":"text","text":"x"},{"type":"reference","reference_ids":[1]}]"#,
                r#""stop""#,
            ),
        ),
        (
            "anthropic.messages",
            message(
                &format!(r#"{{"type":"server_tool_use","name":"web_search"}},{text}"#),
                r#""end_turn""#,
            ),
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"mcp_tool_use","name":"f"}"#, r#""end_turn""#),
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"code_execution_tool_result"}"#, r#""end_turn""#),
        ),
        (
            "openai.responses",
            response(
                r#""completed""#,
                &format!(r#"{{"type":"web_search_call","status":"completed"}},{said}"#),
            ),
        ),
        (
            "openai.responses",
            response(r#""completed""#, r#"{"type":"mcp_call"}"#),
        ),
        (
            "openai.responses",
            response(r#""completed""#, r#"{"type":"file_search_call"}"#),
        ),
        (
            "openai.responses",
            response(
                r#""completed""#,
                r#"{"type":"message","content":[{"type":"output_text","text":"x","annotations":[{"type":"file_citation"}]}]}"#,
            ),
        ),
        (
            "gemini.generate",
            found(r#""groundingMetadata":{"webSearchQueries":["x"]}"#),
        ),
        (
            "gemini.generate",
            found(r#""urlContextMetadata":{"urlMetadata":[{}]}"#),
        ),
        (
            "gemini.generate",
            gemini(r#"{"executableCode":{"code":"x"}}"#, r#""STOP""#),
        ),
    ];
    for (dialect, whole) in cases {
        for tools in [false, true] {
            assert_eq!(
                verdict(dialect, &whole, tools),
                Err("lookup"),
                "{dialect}: {whole}"
            );
        }
    }
    let empty = chat(r#""content":"x","annotations":[]"#, r#""stop""#);
    assert_eq!(verdict("openai.chat", &empty, false), Ok(()));
    assert_eq!(
        verdict(
            "gemini.generate",
            &found(r#""groundingMetadata":{}"#),
            false
        ),
        Ok(())
    );
}

#[test]
fn a_part_that_says_that_it_failed_keeps_the_whole_out() {
    let item = |status: &str| {
        format!(
            r#"{{"type":"message","status":{status},"content":[{{"type":"output_text","text":"x"}}]}}"#
        )
    };
    let of_items = |status| {
        verdict(
            "openai.responses",
            &response(r#""completed""#, &item(status)),
            true,
        )
    };
    assert_eq!(of_items(r#""completed""#), Ok(()));
    assert_eq!(of_items(r#""incomplete""#), Err("incomplete"));
    assert_eq!(of_items(r#""failed""#), Err("error"));
    let choice =
        r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop","error":{"code":502}}]}"#;
    assert_eq!(verdict("openai.chat", choice, true), Err("error"));
}
