//! The removal of signed reasoning: what goes, and that nothing else does.

#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Places,
    arbitrary::{mutated, ugly},
};

fn body(dialect: Dialect, json: &str) -> Body {
    Body::wire(dialect, Bytes::copy_from_slice(json.as_bytes()))
        .at("/v1beta/models/m:generateContent")
}

fn rendered(body: &Body) -> String {
    String::from_utf8(body.render().to_vec()).unwrap()
}

/// Strips a request, and expects these bytes of it.
#[track_caller]
fn strips(dialect: Dialect, json: &str, expected: &str) {
    for indexed in [false, true] {
        let mut body = body(dialect, json);
        if indexed {
            body.index().unwrap();
        }
        let streams = body.streaming();
        assert_eq!(body.strip_signatures(), json != expected, "{json}");
        assert_eq!(rendered(&body), expected);
        assert_eq!(body.size(), expected.len());
        assert_eq!(body.edited(), json != expected);
        assert_eq!(body.streaming(), streams);
        assert_eq!(body.model(), Some("m"));
        assert!(!body.strip_signatures(), "once is enough: {json}");
        assert_eq!(rendered(&body), expected);
    }
}

#[test]
fn thinking_blocks_go_and_a_message_of_nothing_else_with_them() {
    let around =
        |messages: &str| format!(r#"{{"model" : "m", "messages":[{messages}] ,"n":1.50}}"#);
    let thinking = r#"{"type":"thinking","thinking":"hm","signature":"c2ln"}"#;
    let redacted = r#"{"data":"c2ln", "\u0074ype":"redacted_thinking"}"#;
    let text = r#"{"type":"text","text":"hello"}"#;
    let call = r#"{"type":"tool_use","id":"t","name":"f","input":{"type":"thinking"}}"#;
    let user = r#"{"role":"user","content":"hi"}"#;
    let model = |blocks: &str| format!(r#"{{"content": [{blocks} ],"role":"assistant"}}"#);
    for (before, after) in [
        (format!("{thinking},{text}"), text.to_owned()),
        (
            format!("{thinking} , {redacted} ,\n{text}"),
            text.to_owned(),
        ),
        (format!("{text}, {thinking}"), text.to_owned()),
        (format!("{text}, {thinking} ,{redacted}"), text.to_owned()),
        (
            format!("{thinking},{text},{redacted}, {call}"),
            format!("{text}, {call}"),
        ),
        (format!("{text},{call}"), format!("{text},{call}")),
        (String::new(), String::new()),
    ] {
        let [before, after] = [before, after].map(|blocks| {
            let model = model(&blocks);
            around(&format!("{user},{model},{user}"))
        });
        strips(Dialect::AnthropicMessages, &before, &after);
    }
    let alone = model(&format!("{thinking},{redacted}"));
    for (before, after) in [
        (
            format!("{user},{alone} , {user}"),
            format!("{user} , {user}"),
        ),
        (format!("{alone},{user}"), user.to_owned()),
        (format!("{user}, {alone}"), user.to_owned()),
        (format!("{user},{alone},{alone}"), user.to_owned()),
        (alone.clone(), String::new()),
    ] {
        strips(
            Dialect::AnthropicMessages,
            &around(&before),
            &around(&after),
        );
    }
    // A message of text, and one that is not the model's.
    let users = alone.replace("assistant", "user");
    let plain = around(&format!(
        r#"{{"role":"assistant","content":"thinking"}},{users}"#
    ));
    strips(Dialect::AnthropicMessages, &plain, &plain);
}

#[test]
fn encrypted_reasoning_items_go_and_what_refers_to_them() {
    let around = |items: &str| format!(r#"{{"input":[ {items} ],"model":"m","stream":true}}"#);
    let kept = r#"{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"}"#;
    let message = r#"{"role":"user","content":"hi"}"#;
    let reasoning = r#"{"id":"rs_1","summary":[],"type":"reasoning","encrypted_content":"c2ln"}"#;
    let plain = r#"{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":null}"#;
    let reference = r#"{"type":"item_reference","id":"rs_1"}"#;
    let bare = r#"{"id":"rs_1"}"#;
    let other = r#"{"type":"item_reference","id":"rs_2"}"#;
    let compaction = r#"{"type":"compaction","id":"rs_1","encrypted_content":"c2ln"}"#;
    for (before, after) in [
        (
            format!("{message},{reasoning},{kept}"),
            format!("{message},{kept}"),
        ),
        (format!("{reasoning}, {message}"), message.to_owned()),
        (
            format!("{message},{reasoning},{reference},{kept},{bare},{other}"),
            format!("{message},{kept},{other}"),
        ),
        (
            format!("{message},{plain},{compaction}"),
            format!("{message},{plain},{compaction}"),
        ),
    ] {
        strips(Dialect::OpenaiResponses, &around(&before), &around(&after));
    }
    strips(
        Dialect::OpenaiResponses,
        r#"{"input":"encrypted_content","model":"m"}"#,
        r#"{"input":"encrypted_content","model":"m"}"#,
    );
}

#[test]
fn of_a_gateways_reasoning_only_what_is_signed_goes() {
    let around = |message: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}},{{{message}}}]}}"#)
    };
    let encrypted =
        r#"{"type":"reasoning.encrypted","data":"c2ln","format":"openai-responses-v1"}"#;
    let signed = r#"{"type":"reasoning.text","text":"hm","signature":"c2ln"}"#;
    let summary = r#"{"type":"reasoning.summary","summary":"hm","signature":null}"#;
    let said = r#""role":"assistant","content":"hello","reasoning":"hm""#;
    let tool = |signature: &str| {
        format!(
            r#""tool_calls":[{{"id":"c","type":"function","extra_content":{{"google":{{"thought_signature":"{signature}"}}}},"function":{{"name":"f","arguments":"{{}}"}}}}]"#
        )
    };
    for (before, after) in [
        (
            format!(r#"{said}, "reasoning_details":[{encrypted}]"#),
            said.to_owned(),
        ),
        (
            format!(r#""thinking_blocks":[{signed},{encrypted}] ,{said}"#),
            said.to_owned(),
        ),
        (
            format!(r#"{said},"reasoning_details":[{signed}, {summary},{encrypted}]"#),
            format!(r#"{said},"reasoning_details":[{summary}]"#),
        ),
        (
            format!("{said},{}", tool("c2ln")),
            format!("{said},{}", tool(UNSIGNED)),
        ),
        (
            format!("{said},{}", tool("")),
            format!("{said},{}", tool("")),
        ),
        (
            format!(
                r#"{said},"reasoning_details":[{encrypted}],{}"#,
                tool("c2ln")
            ),
            format!("{said},{}", tool(UNSIGNED)),
        ),
        (
            format!(r#"{said},"extra_content":{{"google":{{"thought_signature":"c2ln","a":1}}}}"#),
            format!(r#"{said},"extra_content":{{"google":{{"a":1}}}}"#),
        ),
    ] {
        strips(Dialect::OpenaiChat, &around(&before), &around(&after));
    }
}

#[test]
fn signatures_of_parts_go_and_calls_are_marked_as_unsigned() {
    let around = |parts: &str| {
        format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}},{{"parts":[{parts}],"role":"model"}}]}}"#
        )
    };
    let call = |signature: &str| {
        format!(
            r#"{{"thoughtSignature": "{signature}","functionCall":{{"name":"f","args":{{"thoughtSignature":"x"}}}}}}"#
        )
    };
    for (before, after) in [
        (r#"{"text":"a","thoughtSignature":"c2ln"}"#.to_owned(), r#"{"text":"a"}"#.to_owned()),
        (r#"{ "thought_signature" : "c2ln" , "text":"a"}"#.to_owned(), r#"{ "text":"a"}"#.to_owned()),
        (
            r#"{"text":"a","thoughtSignature":"c2ln","thought":true},{"text":"b","thoughtSignature":""}"#.to_owned(),
            r#"{"text":"a","thought":true},{"text":"b","thoughtSignature":""}"#.to_owned(),
        ),
        (call("c2ln"), call(UNSIGNED)),
        (call(ALSO_UNSIGNED), call(ALSO_UNSIGNED)),
    ] {
        strips(Dialect::GeminiGenerate, &around(&before), &around(&after));
    }
}

#[test]
fn an_interaction_goes_on_without_its_signed_thoughts() {
    let around =
        |steps: &str| format!(r#"{{"model":"m","input":[{{"type":"user_input"}},{steps}]}}"#);
    let said = r#"{"type":"model_output","content":[]}"#;
    for (before, after) in [
        (
            format!(r#"{{"type":"thought","summary":[],"signature":"c2ln"}},{said}"#),
            said.to_owned(),
        ),
        (
            format!(r#"{said},{{"signature":"c2ln","type":"google_search_call","id":"1"}}"#),
            format!(r#"{said},{{"type":"google_search_call","id":"1"}}"#),
        ),
    ] {
        strips(
            Dialect::GeminiInteractions,
            &around(&before),
            &around(&after),
        );
    }
    let unsigned = around(r#"{"type":"thought","summary":[{"text":"hm","type":"text"}]}"#);
    let mut unsigned = body(Dialect::GeminiInteractions, &unsigned);
    assert!(!unsigned.strip_signatures(), "there is nothing to remove");
}

#[test]
fn policies_edits_are_kept() {
    let json = r#"{"model":"m","messages":[{"role":"user","content":"secret"},
        {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"Apollo"}]},
        {"role":"user","content":"again"}]}"#;
    let mut body = body(Dialect::AnthropicMessages, json);
    body.index().unwrap();
    let passages = body.passages(Places::ALL, 0, u32::MAX);
    let apollo = passages.iter().find(|passage| passage.text == "Apollo");
    body.set_passage(apollo.unwrap().id, "<project>".into())
        .unwrap();
    body.drop_message(0).unwrap();
    assert!(body.set_model("other"));
    let mark = body.mark();
    let before = rendered(&body);
    assert!(body.strip_signatures());
    let value: Value = serde_json::from_slice(&body.render()).unwrap();
    let expected = json!({"model":"other","messages":[
        {"role":"assistant","content":[{"type":"text","text":"<project>"}]},
        {"role":"user","content":"again"}]});
    assert_eq!(value, expected);
    assert_eq!((body.model(), body.messages()), (Some("other"), 2));
    let passages = body.passages(Places::ALL, 0, u32::MAX);
    let texts: Vec<_> = passages
        .iter()
        .map(|passage| passage.text.as_str())
        .collect();
    assert_eq!(texts, ["<project>", "again"]);
    body.roll_back(mark);
    assert_eq!(rendered(&body), before);
}

#[test]
fn a_model_of_the_path_stays_the_one_that_was_set() {
    let json =
        r#"{"contents":[{"role":"model","parts":[{"text":"a","thoughtSignature":"c2ln"}]}]}"#;
    let mut body = body(Dialect::GeminiGenerate, json);
    assert!(body.set_model("other"));
    assert!(body.strip_signatures());
    let path = body.path("/v1beta/models/m:generateContent");
    assert_eq!(path, "/v1beta/models/other:generateContent");
}

/// A message, and what is left of it.
fn message(dialect: Dialect) -> impl Strategy<Value = (Value, Option<Value>)> {
    let same = |value: Value| (value.clone(), Some(value));
    let list = match dialect {
        Dialect::AnthropicMessages => vec![
            same(json!({"role":"user","content":"@"})),
            same(
                json!({"role":"assistant","content":[{"type":"text","text":"@"}],"odd":{"k":[1,2.50e1,null,""]}}),
            ),
            same(
                json!({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[]}]}),
            ),
            (
                json!({"role":"assistant","content":[{"type":"thinking","thinking":"@","signature":"c2ln"}]}),
                None,
            ),
            (
                json!({"role":"assistant","content":[{"type":"redacted_thinking","data":"c2ln"},{"type":"text","text":"@"},
                    {"type":"thinking","thinking":"","signature":"c2ln"},{"type":"tool_use","id":"t","name":"f","input":{"signature":"@"}}]}),
                Some(
                    json!({"role":"assistant","content":[{"type":"text","text":"@"},{"type":"tool_use","id":"t","name":"f","input":{"signature":"@"}}]}),
                ),
            ),
        ],
        Dialect::OpenaiResponses => vec![
            same(json!({"role":"user","content":"@"})),
            same(json!({"type":"function_call","id":"rs_2","arguments":"@","name":"f"})),
            same(
                json!({"type":"reasoning","id":"rs_3","summary":[{"type":"summary_text","text":"@"}]}),
            ),
            same(json!({})),
            (
                json!({"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"@"}],"encrypted_content":"c2ln"}),
                None,
            ),
        ],
        Dialect::OpenaiChat => vec![
            same(json!({"role":"user","content":"@"})),
            same(json!({"role":"tool","content":"@","tool_call_id":"c"})),
            same(json!({"role":"assistant","content":"@","reasoning_details":[]})),
            (
                json!({"role":"assistant","content":"@","reasoning_details":[{"type":"reasoning.encrypted","data":"c2ln"}],"thinking_blocks":[{"type":"redacted_thinking","data":"c2ln"}]}),
                Some(json!({"role":"assistant","content":"@"})),
            ),
            (
                json!({"reasoning_details":[{"type":"reasoning.summary","summary":"@"},{"text":"@","signature":"c2ln"},{"text":"@"}]}),
                Some(
                    json!({"reasoning_details":[{"type":"reasoning.summary","summary":"@"},{"text":"@"}]}),
                ),
            ),
            (
                json!({"tool_calls":[{"id":"c","extra_content":{"google":{"thought_signature":"c2ln"}}},{"id":"d"}]}),
                Some(
                    json!({"tool_calls":[{"id":"c","extra_content":{"google":{"thought_signature":UNSIGNED}}},{"id":"d"}]}),
                ),
            ),
        ],
        _ => vec![
            same(
                json!({"role":"user","parts":[{"text":"@"},{"inlineData":{"mimeType":"image/png","data":"QUFB"}}]}),
            ),
            same(json!({"parts":[]})),
            (
                json!({"role":"model","parts":[{"text":"@","thought":true,"thoughtSignature":"c2ln"},{"thought_signature":"c2ln","odd":[1]}]}),
                Some(json!({"role":"model","parts":[{"text":"@","thought":true},{"odd":[1]}]})),
            ),
            (
                json!({"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":"@"}},"thoughtSignature":"c2ln"}]}),
                Some(
                    json!({"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":"@"}},"thoughtSignature":UNSIGNED}]}),
                ),
            ),
        ],
    };
    prop::sample::select(list)
}

/// A request, and what is left of it.
fn request() -> impl Strategy<Value = (Dialect, Value, Value)> {
    let dialects = vec![
        (Dialect::AnthropicMessages, "messages"),
        (Dialect::OpenaiChat, "messages"),
        (Dialect::OpenaiResponses, "input"),
        (Dialect::GeminiGenerate, "contents"),
    ];
    prop::sample::select(dialects).prop_flat_map(|(dialect, name)| {
        prop::collection::vec(message(dialect), 0..7).prop_map(move |messages| {
            let (before, after): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
            let after: Vec<Value> = after.into_iter().flatten().collect();
            let around =
                |messages: Vec<Value>| json!({name: messages, "odd": [{"signature": "c2ln"}]});
            (dialect, around(before), around(after))
        })
    })
}

proptest! {
    #[test]
    fn what_is_signed_goes_and_nothing_else((dialect, value, expected) in request(), seed: u64, indexed: bool) {
        let bytes = Bytes::from(ugly(&value, seed));
        let mut body = Body::wire(dialect, bytes.clone());
        if indexed {
            body.index().unwrap();
        }
        prop_assert_eq!(body.strip_signatures(), value != expected);
        let stripped = body.render();
        prop_assert_eq!(serde_json::from_slice::<Value>(&stripped).unwrap(), expected);
        if value == *serde_json::from_slice::<Value>(&stripped).as_ref().unwrap() {
            prop_assert_eq!(stripped.as_ptr(), bytes.as_ptr());
        }
        prop_assert!(!body.strip_signatures());
        prop_assert_eq!(body.render(), stripped);
    }

    #[test]
    fn malformed_bodies_are_left_as_they_are((dialect, value, _) in request(), seed: u64, cut: prop::sample::Index, any in mutated()) {
        let mut bytes = ugly(&value, seed);
        let length = bytes.iter().rposition(|byte| *byte == b'}').unwrap();
        bytes.truncate(cut.index(length + 1));
        for bytes in [bytes, any] {
            let mut body = Body::wire(dialect, Bytes::from(bytes.clone()));
            prop_assert!(!body.strip_signatures());
            prop_assert_eq!(body.render(), bytes);
        }
    }
}
