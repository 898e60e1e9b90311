//! The verdicts on which replies may be stored.

use super::*;

fn verdict(dialect: &str, whole: &str, tools: bool) -> Result<(), &'static str> {
    let stored = super::super::storable::storable(replay(dialect), whole.as_bytes(), false, tools);
    stored.map_err(|why| why.0)
}

/// A word as JSON; `null` where there is none.
fn word(word: &str) -> String {
    match word {
        "" => "null".to_owned(),
        word => format!("\"{word}\""),
    }
}

fn chat(message: &str, finish: &str) -> String {
    let finish = word(finish);
    format!(
        r#"{{"choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":{finish}}}]}}"#
    )
}

fn message(content: &str, stop: &str) -> String {
    let stop = word(stop);
    format!(r#"{{"type":"message","role":"assistant","content":[{content}],"stop_reason":{stop}}}"#)
}

fn response(output: &str, status: &str) -> String {
    format!(r#"{{"status":"{status}","error":null,"output":[{output}]}}"#)
}

fn completed(output: &str) -> String {
    response(output, "completed")
}

fn gemini(parts: &str, finish: &str) -> String {
    format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}},"finishReason":"{finish}"}}]}}"#)
}

#[test]
fn each_reply_gets_its_word() {
    let text = r#"{"type":"text","text":"x"}"#;
    let said = r#"{"type":"message","content":[{"type":"output_text","text":"x"}]}"#;
    type Case<'a> = (&'a str, &'a str, &'a str);
    type Cases<'a> = (&'a str, fn(&str, &str) -> String, &'a [Case<'a>]);
    let cases: [Cases<'_>; 4] = [
        (
            "openai.chat",
            chat,
            &[
                (r#""content":"x""#, "stop", ""),
                (
                    r#""content":"x","refusal":null,"tool_calls":[],"audio":null"#,
                    "stop",
                    "",
                ),
                (r#""content":"x""#, "length", "truncated"),
                (r#""content":"x""#, "content_filter", "refused"),
                (r#""content":"x""#, "", "incomplete"),
                (r#""content":"x""#, "eos", "unknown"),
                (r#""content":null,"refusal":"No""#, "stop", "refused"),
                (r#""content":"""#, "stop", "empty"),
                (r#""content":null,"audio":{"id":"a"}"#, "stop", "media"),
                (
                    r#""content":"x","images":[{"type":"image_url"}]"#,
                    "stop",
                    "media",
                ),
                (r#""content":[{"type":"image_url"}]"#, "stop", "media"),
                (
                    r#""content":null,"tool_calls":[{"id":"c"}]"#,
                    "tool_calls",
                    "tool_calls",
                ),
                (
                    r#""content":"x","function_call":{"name":"f"}"#,
                    "stop",
                    "tool_calls",
                ),
            ],
        ),
        (
            "anthropic.messages",
            message,
            &[
                (text, "end_turn", ""),
                (text, "stop_sequence", ""),
                (text, "max_tokens", "truncated"),
                (text, "refusal", "refused"),
                (text, "pause_turn", "incomplete"),
                ("", "end_turn", "empty"),
                (r#"{"type":"thinking","thinking":"x"}"#, "end_turn", "empty"),
                (
                    r#"{"type":"tool_use","input":{}}"#,
                    "tool_use",
                    "tool_calls",
                ),
                (r#"{"type":"web_search_tool_result"}"#, "end_turn", "lookup"),
                (r#"{"type":"hologram"}"#, "end_turn", "unknown"),
            ],
        ),
        (
            "openai.responses",
            response,
            &[
                (said, "completed", ""),
                (said, "in_progress", "incomplete"),
                (said, "failed", "error"),
                ("", "completed", "empty"),
                (
                    r#"{"type":"message","content":[{"type":"refusal","refusal":"No"}]}"#,
                    "completed",
                    "refused",
                ),
                (r#"{"type":"function_call"}"#, "completed", "tool_calls"),
                (r#"{"type":"image_generation_call"}"#, "completed", "media"),
                (r#"{"type":"hologram"}"#, "completed", "unknown"),
            ],
        ),
        (
            "gemini.generate",
            gemini,
            &[
                (r#"{"text":"x"}"#, "STOP", ""),
                (r#"{"text":"x"}"#, "MAX_TOKENS", "truncated"),
                (r#"{"text":"x"}"#, "SAFETY", "refused"),
                (r#"{"text":"x"}"#, "OTHER", "unknown"),
                (r#"{"functionCall":{"name":"f"}}"#, "STOP", "tool_calls"),
                (r#"{"inlineData":{"data":""}}"#, "STOP", "media"),
            ],
        ),
    ];
    let whole = [
        ("openai.chat", r#"{"error":{"message":"no"}}"#, "error"),
        ("openai.chat", r#"{"choices":[]}"#, "empty"),
        ("openai.chat", "<html>", "malformed"),
        (
            "openai.completions",
            r#"{"choices":[{"text":"x","finish_reason":"stop"}]}"#,
            "",
        ),
        (
            "openai.completions",
            r#"{"choices":[{"text":"x","finish_reason":"length"}]}"#,
            "truncated",
        ),
        (
            "openai.embeddings",
            r#"{"object":"list","data":[{"embedding":[1]}]}"#,
            "",
        ),
        (
            "openai.embeddings",
            r#"{"object":"list","data":[]}"#,
            "empty",
        ),
        (
            "anthropic.messages",
            r#"{"type":"error","error":{"type":"x"}}"#,
            "error",
        ),
        (
            "openai.responses",
            r#"{"status":"completed","incomplete_details":null,"error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"x"}]}]}"#,
            "",
        ),
        (
            "openai.responses",
            r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"x"}]}]}"#,
            "truncated",
        ),
        (
            "openai.responses",
            r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"x"}]}]}"#,
            "refused",
        ),
        (
            "gemini.generate",
            r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
            "refused",
        ),
    ];
    let made = cases.iter().flat_map(|(dialect, whole_of, cases)| {
        (cases.iter()).map(move |(content, end, word)| (*dialect, whole_of(content, end), *word))
    });
    let whole = whole.map(|(dialect, whole, word)| (dialect, whole.to_owned(), word));
    for (dialect, whole, expected) in made.chain(whole) {
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
                "stop",
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
                "stop",
            ),
        ),
        (
            "anthropic.messages",
            message(
                &format!(r#"{{"type":"server_tool_use","name":"web_search"}},{text}"#),
                "end_turn",
            ),
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"mcp_tool_use","name":"f"}"#, "end_turn"),
        ),
        (
            "anthropic.messages",
            message(r#"{"type":"code_execution_tool_result"}"#, "end_turn"),
        ),
        (
            "openai.responses",
            completed(&format!(
                r#"{{"type":"web_search_call","status":"completed"}},{said}"#
            )),
        ),
        ("openai.responses", completed(r#"{"type":"mcp_call"}"#)),
        (
            "openai.responses",
            completed(r#"{"type":"file_search_call"}"#),
        ),
        (
            "openai.responses",
            completed(
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
            gemini(r#"{"executableCode":{"code":"x"}}"#, "STOP"),
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
    let empty = chat(r#""content":"x","annotations":[]"#, "stop");
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
    let of_items = |status| verdict("openai.responses", &completed(&item(status)), true);
    assert_eq!(of_items(r#""completed""#), Ok(()));
    assert_eq!(of_items(r#""incomplete""#), Err("incomplete"));
    assert_eq!(of_items(r#""failed""#), Err("error"));
    let choice =
        r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop","error":{"code":502}}]}"#;
    assert_eq!(verdict("openai.chat", choice, true), Err("error"));
}
