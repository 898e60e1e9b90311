//! Requests as they are read.

use super::{super::super::form::*, read};
use crate::translate::opaque::{Opaque, OpaqueKind, Origin};
use crate::translate::text::Text;

/// A turn in one line, for comparison.
fn line(turn: &Turn<'_>) -> String {
    let parts: Vec<String> = turn.parts.iter().map(part).collect();
    format!("{:?}: {}", turn.role, parts.join(" | "))
}

fn source(source: &Source<'_>) -> String {
    match source {
        Source::Base64 { media_type, data } => format!("{media_type};{data}"),
        Source::Url { url, .. } => url.decode().into_owned(),
        Source::File(id) => format!("file {}", id.decode()),
        Source::Text(text) => format!("text {}", text.decode()),
    }
}

fn part(one: &Part<'_>) -> String {
    match one {
        Part::Text { text, cache: None } => text.decode().into_owned(),
        Part::Text { text, .. } => format!("{} (cached)", text.decode()),
        Part::Media(media) => {
            let detail = media.detail.as_ref().map(Text::decode).unwrap_or_default();
            let title = media.title.as_ref().map(Text::decode).unwrap_or_default();
            format!("{:?} {} {detail}{title}", media.kind, source(&media.source))
        }
        Part::Call(call) => format!(
            "{}={}({})",
            call.id.as_ref().unwrap().decode(),
            call.name.decode(),
            call.arguments.source().decode()
        ),
        Part::Result(result) => {
            let content: Vec<String> = result.content.iter().map(part).collect();
            format!(
                "{}->{}",
                result.id.as_ref().unwrap().decode(),
                content.join("+")
            )
        }
        Part::Reasoning { text, opaque } => {
            let text = text.as_ref().map(Text::decode).unwrap_or_default();
            let opaque = opaque.as_ref();
            let opaque = opaque.map(|it| (it.origin, it.kind, it.data.decode().into_owned()));
            format!("({text}) {opaque:?}")
        }
        Part::Refusal(text) => format!("refusal {}", text.decode()),
    }
}

fn turns(doc: &str) -> Vec<String> {
    read(doc).unwrap().0.turns.iter().map(line).collect()
}

#[test]
fn a_string_is_the_users_text() {
    let doc = r#"{"model":"m","input":"Hi \ud83d\ude00","instructions":"Be brief."}"#;
    let (request, dropped) = read(doc).unwrap();
    assert_eq!(request.model.as_ref().unwrap().decode(), "m");
    assert_eq!(turns(doc), ["User: Hi 😀"]);
    assert_eq!(
        request.system.iter().map(part).collect::<Vec<_>>(),
        ["Be brief."]
    );
    assert!(dropped.is_empty());
}

#[test]
fn leading_instructions_join_and_later_ones_stay_where_they_are() {
    let doc = r#"{"input":[
        {"role":"developer","content":"B"},
        {"type":"message","role":"system","content":[{"type":"input_text","text":"C"}]},
        {"role":"user","content":"Hi"},
        {"role":"developer","content":"D"}],
        "instructions":"A"}"#;
    let (request, _) = read(doc).unwrap();
    assert_eq!(
        request.system.iter().map(part).collect::<Vec<_>>(),
        ["A", "B", "C"]
    );
    assert_eq!(turns(doc), ["User: Hi", "System: D"]);
}

#[test]
fn items_of_one_reply_are_one_turn_and_so_are_the_results_of_its_calls() {
    let doc = r#"{"input":[
        {"role":"user","content":"Weather?"},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"One."},{"type":"summary_text","text":"Two."}],"encrypted_content":"gAAA"},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[
            {"type":"output_text","text":"Let me see.","annotations":[],"logprobs":[]},{"type":"refusal","refusal":"No."}]},
        {"type":"function_call","id":"fc_1","call_id":"call_1","name":"weather","arguments":"{\"city\": \"Rio\"}","status":"completed"},
        {"type":"function_call","call_id":"call_2","name":"time","arguments":""},
        {"type":"function_call_output","call_id":"call_1","output":"sunny"},
        {"type":"function_call_output","call_id":"call_2","output":[{"type":"input_text","text":"noon"},{"type":"input_image","image_url":"data:image/png;base64,AA=="}]},
        {"role":"user","content":"And?"}]}"#;
    assert_eq!(
        turns(doc),
        [
            "User: Weather?",
            r#"Assistant: (One.

Two.) Some((None, Encrypted, "gAAA")) | Let me see. | refusal No. | call_1=weather({"city": "Rio"}) | call_2=time({})"#,
            "User: call_1->sunny | call_2->noon+Image image/png;AA== ",
            "User: And?",
        ]
    );
}

#[test]
fn media_are_bytes_addresses_or_files_of_the_provider() {
    let doc = r#"{"input":[{"role":"user","content":[
        {"type":"input_text","text":"See","prompt_cache_breakpoint":{"mode":"explicit"}},
        {"type":"input_image","image_url":"https://h/a.png","detail":"low","file_id":null},
        {"type":"input_image","file_id":"file_1","detail":"auto"},
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"},
        {"type":"input_file","filename":"b.TXT","file_data":"aGk="},
        {"type":"input_file","file_url":"https://h/c.pdf"},
        {"type":"input_file","file_id":"file_2"}]}]}"#;
    assert_eq!(
        turns(doc),
        [
            "User: See (cached) | Image https://h/a.png low | Image file file_1 auto \
          | Document application/pdf;JVBE a.pdf | Document text/plain;aGk= b.TXT \
          | Document https://h/c.pdf  | Document file file_2 "
        ]
    );
}

#[test]
fn tagged_reasoning_knows_its_origin_and_its_form() {
    let made = Opaque::of(Origin(7), OpaqueKind::Signature, Text::plain("sig"));
    let tagged = made.tagged();
    let doc = format!(
        r#"{{"input":[{{"type":"reasoning","id":"rs_1","summary":[{{"type":"summary_text","text":"T"}}],"encrypted_content":"{}"}}]}}"#,
        tagged.decode()
    );
    assert_eq!(
        turns(&doc),
        [r#"Assistant: (T) Some((Some(Origin(7)), Signature, "sig"))"#]
    );
}

#[test]
fn reasoning_that_its_provider_keeps_is_dropped_and_its_own_text_is_second_to_a_summary() {
    let doc = r#"{"input":[{"type":"reasoning","id":"rs_1","summary":[],"content":null}]}"#;
    let (request, dropped) = read(doc).unwrap();
    assert!(request.turns.is_empty());
    assert_eq!(dropped, ["reasoning"]);
    let doc = r#"{"input":[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"T"}]}]}"#;
    assert_eq!(turns(doc), ["Assistant: (T) None"]);
}

#[test]
fn every_option_has_its_place() {
    let doc = r#"{"input":"x","stream":true,"max_output_tokens":1e3,"temperature":0.30,"top_p":1.0,
        "tools":[{"type":"function","name":"f","description":"d","parameters":{"type": "object"},"strict":true},
                 {"type":"function","name":"g","parameters":null,"strict":null}],
        "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]},
        "parallel_tool_calls":false,
        "text":{"format":{"type":"json_schema","name":"n","schema":{"a":1},"strict":true,"description":"e"},"verbosity":"low"},
        "reasoning":{"effort":"XHigh","summary":"detailed","generate_summary":"auto"},
        "user":"u","safety_identifier":"s","store":true,"include":["reasoning.encrypted_content"],
        "metadata":{"k":"v"},"service_tier":"flex","prompt_cache_key":"c","max_tool_calls":3,
        "truncation":"disabled","background":false,"top_logprobs":0,"stream_options":{"include_obfuscation":false},
        "prompt_cache_retention":"24h","conversation":null}"#;
    let (request, dropped) = read(doc).unwrap();
    assert!(request.stream);
    assert_eq!(request.max_output, Some(b"1e3".as_slice()));
    assert_eq!(request.temperature, Some(b"0.30".as_slice()));
    assert_eq!(request.top_p, Some(b"1.0".as_slice()));
    assert_eq!(request.parallel, Some(false));
    assert_eq!(request.tools.len(), 2);
    assert_eq!(
        request.tools[0].parameters,
        Some(br#"{"type": "object"}"#.as_slice())
    );
    assert_eq!(
        (request.tools[0].strict, request.tools[1].strict),
        (Some(true), None)
    );
    let Some(Choice::Allowed {
        names,
        required: true,
    }) = &request.choice
    else {
        panic!("{:?}", request.choice);
    };
    assert_eq!(names.len(), 1);
    assert!(matches!(
        &request.output,
        Output::Schema {
            schema: br#"{"a":1}"#,
            strict: Some(true),
            ..
        }
    ));
    assert_eq!(request.reasoning.effort, Some(Effort::Xhigh));
    assert!(request.reasoning.summary.as_ref().unwrap().is("detailed"));
    assert_eq!(request.reasoning.shown, Some(true));
    assert!(request.user.as_ref().unwrap().is("s"));
    let extras: Vec<_> = request
        .extras
        .iter()
        .map(|extra| (extra.kind, extra.field))
        .collect();
    assert_eq!(
        extras,
        [
            (ExtraKind::Verbosity, "text.verbosity"),
            (ExtraKind::Store, "store"),
            (ExtraKind::Metadata, "metadata"),
            (ExtraKind::ServiceTier, "service_tier"),
            (ExtraKind::CacheKey, "prompt_cache_key"),
            (ExtraKind::MaxToolCalls, "max_tool_calls"),
            (ExtraKind::StreamOptions, "stream_options"),
        ]
    );
    assert_eq!(dropped, ["prompt_cache_retention"]);
}

#[test]
fn choices_of_tools_have_four_spellings() {
    for (choice, expected) in [
        (r#""auto""#, "Auto"),
        (r#""none""#, "None"),
        (r#""required""#, "Required"),
    ] {
        let doc = format!(r#"{{"input":"x","tool_choice":{choice}}}"#);
        assert_eq!(
            format!("{:?}", read(&doc).unwrap().0.choice.unwrap()),
            expected
        );
    }
    let doc = r#"{"input":"x","tool_choice":{"type":"function","name":"f"}}"#;
    let (request, _) = read(doc).unwrap();
    assert!(matches!(request.choice, Some(Choice::Function(name)) if name.is("f")));
}

#[test]
fn the_last_of_a_member_that_occurs_twice_counts() {
    let doc = r#"{"input":[{"role":"system","content":"a"},{"role":"user","content":"b"}],"metadata":{},
        "tools":[{"type":"function","name":"f"}],"tools":[],"metadata":{"k":"v"},"instructions":"i","input":"c"}"#;
    let (request, _) = read(doc).unwrap();
    assert_eq!(turns(doc), ["User: c"]);
    assert_eq!(request.system.iter().map(part).collect::<Vec<_>>(), ["i"]);
    assert!(request.tools.is_empty());
    assert_eq!(request.extras.len(), 1);
    assert_eq!(request.extras[0].value, br#"{"k":"v"}"#);
}

#[test]
fn what_can_not_be_carried_is_refused_by_its_name() {
    for (doc, field, malformed) in [
        (
            r#"{"input":"x","previous_response_id":"resp_1"}"#,
            "previous_response_id",
            false,
        ),
        (
            r#"{"input":"x","conversation":"conv_1"}"#,
            "conversation",
            false,
        ),
        (r#"{"input":"x","prompt":{"id":"p"}}"#, "prompt", false),
        (r#"{"input":"x","background":true}"#, "background", false),
        (r#"{"input":"x","n":2}"#, "n", false),
        (
            r#"{"input":[{"type":"item_reference","id":"msg_1"}]}"#,
            "input[0]: item_reference",
            false,
        ),
        (
            r#"{"input":[{"type":"compaction","encrypted_content":"x"}]}"#,
            "input[0]: compaction",
            false,
        ),
        (r#"{"input":["x"]}"#, "input[0]", true),
        (
            r#"{"input":[{"type":"web_search_call","id":"ws_1"}]}"#,
            "input[0]: web_search_call",
            false,
        ),
        (
            r#"{"input":[{"type":"mcp_call","id":"m"}]}"#,
            "input[0]: mcp_call",
            false,
        ),
        (
            r#"{"input":[{"type":"custom_tool_call","call_id":"m"}]}"#,
            "input[0]: custom_tool_call",
            false,
        ),
        (r#"{"input":[{"type":"hologram"}]}"#, "input[0].type", false),
        (
            r#"{"input":[{"role":"tool","content":"x"}]}"#,
            "input[0].role",
            true,
        ),
        (r#"{"input":[{"content":"x"}]}"#, "input[0].type", true),
        (r#"{"input":[{"role":"user"}]}"#, "input[0].content", true),
        (
            r#"{"input":[{"role":"user","content":"x","mood":1}]}"#,
            "input[0].mood",
            false,
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_smell"}]}]}"#,
            "input[0].content[0].type",
            false,
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"x","mood":1}]}]}"#,
            "input[0].content[0].mood",
            false,
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_text"}]}]}"#,
            "input[0].content[0].text",
            true,
        ),
        (
            r#"{"input":[{"role":"user","content":[{"type":"input_text","text":7}]}]}"#,
            "input[0].content[0].text",
            true,
        ),
        (
            r#"{"input":[{"role":"user","content":7}]}"#,
            "input[0].content",
            true,
        ),
        (
            r#"{"input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#,
            "input[0].call_id",
            true,
        ),
        (
            r#"{"input":[{"type":"function_call","call_id":"c","arguments":"{}"}]}"#,
            "input[0].name",
            true,
        ),
        (
            r#"{"input":[{"type":"function_call_output","call_id":"c"}]}"#,
            "input[0].output",
            true,
        ),
        (
            r#"{"input":[{"type":"function_call","call_id":"c","name":"f","namespace":"n"}]}"#,
            "input[0]: namespace",
            false,
        ),
        (
            r#"{"input":"x","tools":[{"type":"web_search"}]}"#,
            "tools[0]: web_search",
            false,
        ),
        (
            r#"{"input":"x","tools":[{"type":"custom","name":"p","format":{"type":"grammar"}}]}"#,
            "tools[0]: custom",
            false,
        ),
        (
            r#"{"input":"x","tools":[{"type":"function","function":{"name":"f"}}]}"#,
            "tools[0].function",
            false,
        ),
        (
            r#"{"input":"x","tools":[{"type":"function","parameters":{}}]}"#,
            "tools[0].name",
            true,
        ),
        (
            r#"{"input":"x","tools":[{"type":"telepathy"}]}"#,
            "tools[0].type",
            false,
        ),
        (r#"{"input":"x","tools":{}}"#, "tools", true),
        (
            r#"{"input":"x","tool_choice":{"type":"mcp","server_label":"s"}}"#,
            "tool_choice: mcp",
            false,
        ),
        (
            r#"{"input":"x","tool_choice":"maybe"}"#,
            "tool_choice",
            true,
        ),
        (
            r#"{"input":"x","text":{"format":{"type":"grammar"}}}"#,
            "text.format.type",
            false,
        ),
        (
            r#"{"input":"x","text":{"format":{"type":"json_schema","name":"n"}}}"#,
            "text.format.schema",
            true,
        ),
        (
            r#"{"input":"x","reasoning":{"effort":"heroic"}}"#,
            "reasoning.effort",
            false,
        ),
        (r#"{"input":"x","temperature":"hot"}"#, "temperature", true),
        (r#"{"input":"x","stream":"yes"}"#, "stream", true),
        (r#"{"input":7}"#, "input", true),
        (r#"{"model":"m"}"#, "input", true),
        (r#"{"input":"x""#, "body", true),
        (r"[]", "body", true),
        ("", "body", true),
    ] {
        let refused = read(doc).err().unwrap_or_else(|| panic!("{doc} was read"));
        assert_eq!(
            (refused.field.as_str(), refused.is_malformed),
            (field, malformed),
            "{doc}"
        );
    }
}

#[test]
fn logprobs_are_an_extra_that_most_targets_refuse() {
    let doc = r#"{"input":"x","include":["message.output_text.logprobs"],"top_logprobs":4}"#;
    let kinds: Vec<_> = read(doc)
        .unwrap()
        .0
        .extras
        .iter()
        .map(|extra| extra.kind)
        .collect();
    assert_eq!(kinds, [ExtraKind::Logprobs, ExtraKind::TopLogprobs]);
}
