#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn usage(dialect: Dialect, objects: &[&str]) -> Usage {
    let mut usage = Usage::default();
    for object in objects {
        read(&mut Cursor::new(object.as_bytes()), dialect, &mut usage).unwrap();
    }
    usage
}

#[test]
fn anthropics_prompt_is_the_sum_of_its_three_parts() {
    let start = r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}"#;
    let end = r#"{"output_tokens":42}"#;
    let expected = Usage {
        input: 115,
        cached: 100,
        written: 5,
        output: 42,
        ..Usage::default()
    };
    assert_eq!(usage(Dialect::AnthropicMessages, &[start, end]), expected);
    assert_eq!(
        usage(Dialect::AnthropicMessages, &[start, start, end]),
        expected
    );
    for end in [
        r#"{"input_tokens":10,"output_tokens":42}"#,
        r#"{"input_tokens":0,"output_tokens":42}"#,
        r#"{"input_tokens":null,"cache_read_input_tokens":null,"output_tokens":42}"#,
    ] {
        assert_eq!(usage(Dialect::AnthropicMessages, &[start, end]), expected);
    }
}

#[test]
fn a_later_breakdown_of_anthropics_takes_the_place_of_the_earlier() {
    let start = r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}"#;
    for (end, input, cached, written) in [
        (
            r#"{"input_tokens":30,"cache_creation_input_tokens":400,"cache_read_input_tokens":200,"output_tokens":7}"#,
            630,
            200,
            400,
        ),
        (
            r#"{"cache_creation_input_tokens":400,"output_tokens":7}"#,
            510,
            100,
            400,
        ),
        (
            r#"{"input_tokens":500,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7}"#,
            500,
            0,
            0,
        ),
        (
            r#"{"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":7}"#,
            117,
            100,
            7,
        ),
    ] {
        let expected = Usage {
            input,
            cached,
            written,
            output: 7,
            ..Usage::default()
        };
        let mut found = usage(Dialect::AnthropicMessages, &[start, end]);
        let long = std::mem::take(&mut found.details).written_long;
        assert_eq!(found, expected, "{end}");
        assert_eq!(long, if end.contains("1h") { 4 } else { 0 });
    }
}

#[test]
fn openai_tells_details_and_null_changes_nothing() {
    let chat = r#"{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}"#;
    let responses = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":3}}"#;
    let expected = Usage {
        input: 9,
        cached: 4,
        output: 7,
        reasoning: 3,
        ..Usage::default()
    };
    assert_eq!(usage(Dialect::OpenaiChat, &[chat, "null"]), expected);
    assert_eq!(usage(Dialect::OpenaiCompletions, &[chat]), expected);
    assert_eq!(usage(Dialect::OpenaiResponses, &[responses]), expected);
    let embeddings = usage(
        Dialect::OpenaiEmbeddings,
        &[r#"{"prompt_tokens":9,"total_tokens":9}"#],
    );
    assert_eq!((embeddings.input, embeddings.output), (9, 0));
}

#[test]
fn servers_with_names_of_their_own_are_understood() {
    for (object, expected) in [
        (
            r#"{"prompt_tokens":9,"completion_tokens":7,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#,
            (9, 4, 0, 7, 0),
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":7,"cached_tokens":4}"#,
            (9, 4, 0, 7, 0),
        ),
        (
            r#"{"prompt_tokens":9,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2}}"#,
            (9, 4, 2, 7, 0),
        ),
        // reasoning beside the output
        (
            r#"{"prompt_tokens":9,"completion_tokens":7,"total_tokens":46,"completion_tokens_details":{"reasoning_tokens":30}}"#,
            (9, 0, 0, 37, 30),
        ),
        // and within it
        (
            r#"{"prompt_tokens":9,"completion_tokens":37,"total_tokens":46,"completion_tokens_details":{"reasoning_tokens":30}}"#,
            (9, 0, 0, 37, 30),
        ),
    ] {
        let usage = usage(Dialect::OpenaiChat, &[object]);
        let found = (
            usage.input,
            usage.cached,
            usage.written,
            usage.output,
            usage.reasoning,
        );
        assert_eq!(found, expected, "{object}");
    }
}

#[test]
fn zeros_take_the_place_of_no_count_and_are_none_themselves() {
    let real = r#"{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}"#;
    let zeros = r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"prompt_tokens_details":{"cached_tokens":0}}"#;
    for objects in [[real, zeros], [zeros, real]] {
        let usage = usage(Dialect::OpenaiChat, &objects);
        assert_eq!((usage.input, usage.output), (9, 7), "{objects:?}");
    }
    let gemini = r#"{"promptTokenCount":9,"candidatesTokenCount":5,"thoughtsTokenCount":2}"#;
    let blank = r#"{"promptTokenCount":0,"candidatesTokenCount":0,"thoughtsTokenCount":0}"#;
    let usage = usage(Dialect::GeminiGenerate, &[gemini, blank]);
    assert_eq!((usage.input, usage.output, usage.reasoning), (9, 7, 2));
    for (dialect, object) in [
        (Dialect::OpenaiChat, zeros),
        (
            Dialect::AnthropicMessages,
            r#"{"input_tokens":0,"output_tokens":0}"#,
        ),
        (Dialect::GeminiGenerate, blank),
    ] {
        let mut usage = Usage::default();
        let found = read(&mut Cursor::new(object.as_bytes()), dialect, &mut usage);
        assert_eq!(found, Ok(Report::Blank), "{object}");
    }
    // One that has the prompt only: what was generated stays as it was known.
    let half = r#"{"prompt_tokens":9,"completion_tokens":0}"#;
    let usage = self::usage(Dialect::OpenaiChat, &[real, half]);
    assert_eq!((usage.input, usage.output), (9, 7));
}

#[test]
fn a_count_is_read_in_every_spelling_and_what_can_be_none_is_not() {
    for (literal, output) in [
        ("900", Some(900)),
        ("900.0", Some(900)),
        ("9e2", Some(900)),
        ("9.0E+2", Some(900)),
        ("899.5", Some(900)),
        ("-5", None),
        ("-0.0", None),
        ("1e30", None),
        ("99999999999999999999", None),
        ("\"900\"", None),
        ("true", None),
    ] {
        let object = format!(r#"{{"prompt_tokens":9,"completion_tokens":{literal}}}"#);
        let usage = usage(Dialect::OpenaiChat, &[&object]);
        assert_eq!(usage.output, output.unwrap_or(0), "{literal}");
    }
}

#[test]
fn geminis_thoughts_are_output_and_its_last_report_counts() {
    let first = r#"{"promptTokenCount":19,"totalTokenCount":31,"thoughtsTokenCount":12,"promptTokensDetails":[{"modality":"TEXT","tokenCount":19}]}"#;
    let last = r#"{"promptTokenCount":19,"candidatesTokenCount":30,"thoughtsTokenCount":20,"cachedContentTokenCount":8,"toolUsePromptTokenCount":5,"totalTokenCount":74}"#;
    let early = usage(Dialect::GeminiGenerate, &[first]);
    assert_eq!((early.input, early.output, early.reasoning), (19, 12, 12));
    let expected = Usage {
        input: 24,
        cached: 8,
        output: 50,
        reasoning: 20,
        ..Usage::default()
    };
    assert_eq!(usage(Dialect::GeminiGenerate, &[first, last]), expected);
    assert_eq!(
        usage(Dialect::GeminiGenerate, &[first, last, last]),
        expected
    );
}

#[test]
fn what_has_a_price_of_its_own_is_read_apart() {
    let details = |dialect, object| usage(dialect, &[object]).details;
    let audio = |input, cached, output| Details {
        audio_input: input,
        audio_cached: cached,
        audio_output: output,
        ..Details::default()
    };
    for (dialect, object, expected) in [
        (
            Dialect::OpenaiChat,
            r#"{"prompt_tokens":9,"prompt_tokens_details":{"audio_tokens":3,"cached_tokens_details":{"audio_tokens":2}},"completion_tokens":5,"completion_tokens_details":{"audio_tokens":4}}"#,
            audio(3, 2, 4),
        ),
        (
            Dialect::GeminiGenerate,
            r#"{"promptTokenCount":9,"promptTokensDetails":[{"modality":"TEXT","tokenCount":4},{"modality":"AUDIO","tokenCount":5}],"toolUsePromptTokensDetails":[{"modality":"AUDIO","tokenCount":1}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":2}],"candidatesTokensDetails":null}"#,
            audio(6, 2, 0),
        ),
        (
            Dialect::GeminiInteractions,
            r#"{"total_input_tokens":9,"input_tokens_by_modality":[{"modality":"audio","tokens":5}],"output_tokens_by_modality":[{"modality":"audio","tokens":7}]}"#,
            audio(5, 0, 7),
        ),
        (
            Dialect::GeminiGenerate,
            r#"{"promptTokenCount":9,"trafficType":"ON_DEMAND_PRIORITY"}"#,
            Details {
                tier: Tier::Priority,
                ..Details::default()
            },
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"input_tokens":9,"service_tier":"batch","server_tool_use":{"web_search_requests":2}}"#,
            Details {
                tier: Tier::Batch,
                searches: 2,
                ..Details::default()
            },
        ),
        (
            Dialect::OpenaiChat,
            r#"{"prompt_tokens":9,"cost":0.1,"service_tier":null}"#,
            Details {
                cost: Some(100_000_000),
                ..Details::default()
            },
        ),
        (
            Dialect::OpenaiChat,
            r#"{"prompt_tokens":9,"cost":-1,"service_tier":"auto"}"#,
            Details::default(),
        ),
    ] {
        assert_eq!(details(dialect, object), expected, "{object}");
    }
}
