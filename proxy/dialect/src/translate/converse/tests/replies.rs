use super::{FORMAT, context, note};
use crate::{Malformed, translate::event::Event};

fn whole(doc: &str) -> Result<Vec<String>, Malformed> {
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| seen.push(note(&event));
    let mut reader = (FORMAT.reader)(context());
    reader.read_whole(doc.as_bytes(), &mut sink)?;
    reader.finish(&mut sink);
    Ok(seen)
}

#[test]
fn a_whole_reply_is_read_with_all_that_is_in_it() {
    let read = whole(
        r#"{"metrics":{"latencyMs":1},"stopReason":"tool_use","output":{"message":{"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"signature":"c2ln","text":"hm"}}},
            {"reasoningContent":{"redactedContent":"cmVk"}},
            {"text":"a\"b"},
            {"citationsContent":{"content":[{"text":"cited"}],"citations":[{}]}},
            {"toolUse":{"toolUseId":"t1","name":"f","input":{"a": 1.50}}},
            {"toolUse":{"toolUseId":"t2","name":"g","input":{}}},
            {"toolUse":{"toolUseId":"t3","name":"nova_grounding","type":"server_tool_use","input":{}}}]}},
          "usage":{"inputTokens":10,"outputTokens":5,"totalTokens":65,"cacheReadInputTokens":20,"cacheWriteInputTokens":30,"serverToolUsage":{}}}"#,
    );
    assert_eq!(
        read.unwrap(),
        [
            "begin",
            "reasoning hm",
            "opaque Signature c2ln",
            "opaque Redacted cmVk",
            "text a\"b",
            "text cited",
            "dropped citations",
            "call 0 t1 f",
            "arguments 0 {\"a\": 1.50}",
            "call-end 0",
            "call 1 t2 g",
            "arguments 1 {}",
            "call-end 1",
            "dropped server_tool_use",
            "usage 60/20/30 5",
            "finish Calls None",
            "end",
        ]
    );
}

#[test]
fn every_stop_reason_has_its_finish() {
    for (reason, finish) in [
        ("end_turn", "Stop"),
        ("tool_use", "Calls"),
        ("max_tokens", "Length"),
        ("stop_sequence", "StopSequence"),
        ("guardrail_intervened", "Filtered"),
        ("content_filtered", "Filtered"),
        ("malformed_model_output", "Broken"),
        ("malformed_tool_use", "Broken"),
        ("model_context_window_exceeded", "ContextWindow"),
        ("refusal", "Refused"),
        ("something_new", "Stop"),
    ] {
        let doc = format!(
            r#"{{"output":{{"message":{{"content":[{{"text":"a"}}]}}}},"stopReason":"{reason}"}}"#
        );
        assert_eq!(whole(&doc).unwrap()[2], format!("finish {finish} None"));
    }
    // some models say that a turn ended behind a call
    let doc = r#"{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t","name":"f","input":{}}}]}},"stopReason":"end_turn"}"#;
    assert!(
        whole(doc)
            .unwrap()
            .contains(&"finish Calls None".to_owned())
    );
}

#[test]
fn the_text_at_which_it_stopped_is_in_the_model_s_own_fields() {
    for fields in [
        r#"{"stop_sequence":"END"}"#,
        r#"{"delta":{"stop_sequence":"END"}}"#,
    ] {
        let doc = format!(
            r#"{{"additionalModelResponseFields":{fields},"output":{{"message":{{"content":[]}}}},"stopReason":"stop_sequence"}}"#
        );
        assert_eq!(
            whole(&doc).unwrap(),
            ["begin", "finish StopSequence Some(\"END\")", "end"]
        );
    }
}

#[test]
fn a_document_that_is_no_reply_is_never_an_empty_one() {
    for doc in [
        "",
        "{}",
        "[]",
        r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
        r#"{"message":"no"}"#,
        r#"{"output":{"message":{"content":[{"text":"a"}]}},"stopReason":"end_turn""#,
        r#"{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t"}}]}}}"#,
        r#"{"output":{"message":{"content":[]}}} x"#,
    ] {
        assert!(whole(doc).is_err(), "{doc}");
    }
}

#[test]
fn a_document_that_is_cut_anywhere_is_malformed() {
    let doc = r#"{"output":{"message":{"content":[{"text":"é\u00e9"},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":[1]}}}]}},"stopReason":"tool_use","usage":{"inputTokens":1}}"#;
    assert!(whole(doc).is_ok());
    for end in 0..doc.len() {
        let mut reader = (FORMAT.reader)(context());
        let read = reader.read_whole(&doc.as_bytes()[..end], &mut |event: Event<'_>| {
            assert!(!matches!(event, Event::End));
        });
        assert!(read.is_err());
    }
}
