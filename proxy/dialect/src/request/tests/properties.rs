//! Any request, any edits: the bytes that go out mean what the edits say, and nothing else.

use proptest::{prelude::*, sample::Index as Pick};
use serde_json::{Value, json};

use super::*;
use crate::arbitrary::{document, mutated, ugly};

/// A message of a dialect with `@` for each text.
fn message(dialect: Dialect) -> impl Strategy<Value = Value> {
    let list = match dialect {
        Dialect::OpenaiChat => vec![
            json!({"role":"user","content":"@"}),
            json!({"role":"system","content":[{"type":"text","text":"@"},{"type":"text","text":"@"}]}),
            json!({"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"@"}}]}),
            json!({"role":"tool","content":"@","odd":{"k":[1,2.50e1,null,""]}}),
            json!({"role":"assistant","content":[{"type":"refusal","refusal":"@"}],"reasoning_content":"@"}),
            json!({"content":[]}),
        ],
        Dialect::OpenaiResponses => vec![
            json!({"role":"user","content":"@"}),
            json!({"type":"message","role":"user","content":[{"type":"input_text","text":"@"}]}),
            json!({"type":"function_call","arguments":"@","name":"f"}),
            json!({"type":"function_call_output","output":[{"type":"input_text","text":"@"}]}),
            json!({"type":"reasoning","summary":[{"type":"summary_text","text":"@"}],"encrypted_content":"c2ln"}),
            json!({}),
        ],
        Dialect::OpenaiCompletions => vec![json!("@"), json!([1, 20, 3])],
        Dialect::OpenaiEmbeddings => vec![json!("@"), json!({"text":"@"}), json!([1, 20, 3])],
        Dialect::GeminiGenerate => vec![
            json!({"role":"user","parts":[{"text":"@"},{"inlineData":{"mimeType":"image/png","data":"QUFB"}}]}),
            json!({"parts":[{"text":"@","odd":[1,2.50e1]}]}),
            json!({"role":"model","parts":[{"text":"@","thought":true},{"text":"@","thoughtSignature":"c2ln"}]}),
            json!({"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":"@","b":[{"c":"@"},7]}}}]}),
            json!({"role":"user","parts":[{"function_response":{"name":"f","response":{"r":"@"}}}]}),
            json!({"role":"model","parts":[{"executableCode":{"language":"PYTHON","code":"@"}},{"codeExecutionResult":{"output":"@"}}]}),
            json!({"parts":[]}),
        ],
        Dialect::GeminiInteractions => vec![
            json!({"type":"user_input","content":[{"type":"text","text":"@"},{"type":"image","mime_type":"image/png","data":"QUFB"}]}),
            json!({"type":"text","text":"@","odd":[1,2.50e1]}),
            json!({"type":"thought","summary":[{"type":"text","text":"@"}],"signature":"c2ln"}),
            json!({"type":"function_call","id":"1","name":"f","arguments":{"a":"@","b":[{"c":"@"},7]}}),
            json!({"type":"function_result","call_id":"1","result":[{"type":"text","text":"@"}]}),
            json!({"type":"function_result","call_id":"1","result":{"r":"@"}}),
            json!({"role":"model","content":"@"}),
            json!({"type":"tomorrow","words":"@"}),
            json!({}),
        ],
        _ => vec![
            json!({"role":"user","content":"@"}),
            json!({"role":"assistant","content":[{"type":"text","text":"@"},
                {"type":"tool_use","name":"f","input":{"a":"@","b":[{"c":"@"},7]}}]}),
            json!({"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"@"}]},
                {"type":"tool_result","content":"@"}]}),
            json!({"role":"user","content":[{"type":"document","source":{"type":"text","data":"@"},"title":"@"}]}),
            json!({"role":"assistant","content":[{"type":"thinking","thinking":"#","signature":"c2ln"}]}),
            json!({"role":"user","content":[]}),
        ],
    };
    prop::sample::select(list)
}

/// Makes every `@` a text of its own, so that a passage can be found by what it says.
fn number(value: &mut Value, texts: &[String], next: &mut usize) {
    match value {
        Value::String(text) if text == "@" => {
            *text = format!("{}:{}", next, texts[*next % texts.len()]);
            *next += 1;
        }
        Value::Array(list) => list.iter_mut().for_each(|v| number(v, texts, next)),
        Value::Object(map) => map.values_mut().for_each(|v| number(v, texts, next)),
        _ => {}
    }
}

/// A request and how many texts it has.
fn request() -> impl Strategy<Value = (Dialect, Value, usize)> {
    prop::sample::select(DIALECTS.to_vec()).prop_flat_map(|dialect| {
        let messages = prop::collection::vec(message(dialect), 0..6);
        let texts = prop::collection::vec(any::<String>(), 1..4);
        (messages, texts, any::<bool>()).prop_map(move |(messages, texts, bare)| {
            let (name, system) = match dialect {
                Dialect::OpenaiChat => ("messages", "odd"),
                Dialect::OpenaiResponses => ("input", "instructions"),
                Dialect::OpenaiCompletions => ("prompt", "suffix"),
                Dialect::OpenaiEmbeddings => ("input", "user"),
                Dialect::GeminiGenerate => ("contents", "odd"),
                Dialect::GeminiInteractions => ("input", "system_instruction"),
                _ => ("messages", "system"),
            };
            let mut value = match dialect {
                Dialect::OpenaiCompletions | Dialect::OpenaiEmbeddings => json!({"model":"m","temperature":0.50}),
                Dialect::GeminiGenerate => json!({"tools":[{"functionDeclarations":[{"description":"@","parameters":{"p":{"description":"@"}}}]}],
                    "system_instruction":{"parts":[{"text":"@"}]},"labels":{"k":"@"},"generationConfig":{"temperature":0.50}}),
                _ => json!({"model":"m","tools":[{"description":"@","parameters":{"p":{"description":"@"}}}],
                    "metadata":{"user_id":"@"},"temperature":0.50}),
            };
            value[name] = messages.into();
            if system != "odd" {
                value[system] = "@".into();
            }
            if bare {
                value = json!({name: value[name].take()});
            }
            let mut count = 0;
            number(&mut value, &texts, &mut count);
            (dialect, value, count)
        })
    })
}

/// Replaces the first value that is `before`; returns whether there was one.
fn replace(value: &mut Value, before: &Value, after: &Value) -> bool {
    if value == before {
        value.clone_from(after);
        return true;
    }
    match value {
        Value::Array(list) => list.iter_mut().any(|v| replace(v, before, after)),
        Value::Object(map) => map.values_mut().any(|v| replace(v, before, after)),
        _ => false,
    }
}

fn count_of(value: &Value, what: &Value) -> usize {
    let inside = match value {
        Value::Array(list) => list.iter().map(|v| count_of(v, what)).sum(),
        Value::Object(map) => map.values().map(|v| count_of(v, what)).sum(),
        _ => 0,
    };
    inside + usize::from(value == what)
}

#[derive(Debug, Clone)]
enum Edit {
    Text(Pick, String),
    Drop(Pick),
    Model(String),
    Limit(u32),
    Parameter(String, Value),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (any::<Pick>(), any::<String>()).prop_map(|(at, text)| Edit::Text(at, text)),
        1 => any::<Pick>().prop_map(Edit::Drop),
        1 => any::<String>().prop_map(Edit::Model),
        1 => any::<u32>().prop_map(Edit::Limit),
        1 => ("[a-z~/é\"\\\\]{1,8}", any::<i32>()).prop_map(|(key, n)| Edit::Parameter(key, json!({"n": n, "l": []}))),
    ]
}

proptest! {
    #[test]
    fn without_an_edit_the_very_bytes_go_out((dialect, value, count) in request(), seed: u64) {
        let bytes = Bytes::from(ugly(&value, seed));
        let mut body = Body::wire(dialect, bytes.clone());
        let model = value.get("model").and_then(Value::as_str);
        prop_assert_eq!(body.model(), model);
        body = body.at(PATH);
        if dialect == Dialect::GeminiGenerate {
            prop_assert_eq!(body.model(), Some("m"));
        }
        prop_assert_eq!(body.index(), Ok(()));
        let shown: String = body.passages(Places::ALL, 0, u32::MAX).into_iter().map(|p| p.text + "\n").collect();
        for number in 0..count {
            prop_assert!(shown.contains(&format!("{number}:")), "{number} of {count}");
        }
        prop_assert!(!body.edited());
        prop_assert_eq!(body.render().as_ptr(), bytes.as_ptr());
        prop_assert_eq!(body.size(), bytes.len());
    }

    #[test]
    fn with_edits_the_document_is_the_one_edited_by_serde_json(
        (dialect, value, _) in request(),
        edits in prop::collection::vec(edit(), 1..8),
        seed: u64,
    ) {
        let (mut body, mut expected) = (indexed(dialect, ugly(&value, seed)), value);
        let (before, mark) = (body.render(), body.mark());
        let name = match dialect {
            Dialect::OpenaiResponses | Dialect::GeminiInteractions => "input",
            Dialect::GeminiGenerate => "contents",
            // inputs that are no conversation can't be dropped
            Dialect::OpenaiCompletions | Dialect::OpenaiEmbeddings => "",
            _ => "messages",
        };
        let mut dropped = BTreeSet::new();
        for edit in &edits {
            match edit {
                Edit::Text(at, text) => {
                    let passages = body.passages(Places::ALL, 0, u32::MAX);
                    let Some(passage) = passages.get(at.index(passages.len().max(1))) else { continue };
                    // texts stay unique, so that the next edit finds them
                    let mut text = format!("{}={text}", passage.id);
                    if !replace(&mut expected, &Value::String(passage.text.clone()), &Value::String(text.clone())) {
                        // a value of its own, or a member's name; of those that stand more than
                        // once serde_json can't tell which
                        let Ok(source) = serde_json::from_str::<Value>(&passage.text) else { continue };
                        if !source.is_object() || count_of(&expected, &source) != 1 { continue }
                        let value = json!({"edited": text});
                        replace(&mut expected, &source, &value);
                        text = value.to_string();
                    }
                    body.set_passage(passage.id, text).unwrap();
                }
                Edit::Drop(at) => {
                    let list = expected.get(name).and_then(Value::as_array);
                    let count = list.map_or(0, Vec::len);
                    if name.is_empty() {
                        prop_assert_eq!(body.drop_message(0), Err(EditError::NoMessage(0)));
                    } else if count > 0 {
                        body.drop_message(at.index(count) as u32).unwrap();
                        dropped.insert(at.index(count));
                    }
                }
                Edit::Model(model) if dialect == Dialect::GeminiGenerate => {
                    let could = body.set_model(model);
                    prop_assert_eq!(could, body.model() == Some(model.as_str()));
                    let path = body.path(PATH).into_owned();
                    let again = Body::wire(dialect, Bytes::new()).at(&path);
                    prop_assert_eq!(body.model(), again.model());
                }
                Edit::Model(model) => {
                    expected["model"] = model.as_str().into();
                    prop_assert!(body.set_model(model));
                    prop_assert_eq!(body.model(), Some(model.as_str()));
                }
                Edit::Limit(tokens) => {
                    let name = match dialect {
                        Dialect::OpenaiChat => "max_completion_tokens",
                        Dialect::OpenaiResponses => "max_output_tokens",
                        Dialect::GeminiGenerate => {
                            expected["generationConfig"]["maxOutputTokens"] = (*tokens).into();
                            prop_assert!(body.set_max_output_tokens(u64::from(*tokens)));
                            prop_assert_eq!(body.max_output_tokens(), Some(u64::from(*tokens)));
                            continue;
                        }
                        Dialect::GeminiInteractions => {
                            expected["generation_config"]["max_output_tokens"] = (*tokens).into();
                            prop_assert!(body.set_max_output_tokens(u64::from(*tokens)));
                            continue;
                        }
                        Dialect::OpenaiEmbeddings => {
                            prop_assert!(!body.set_max_output_tokens(1), "it has no output");
                            continue;
                        }
                        _ => "max_tokens",
                    };
                    expected[name] = (*tokens).into();
                    prop_assert!(body.set_max_output_tokens(u64::from(*tokens)));
                }
                Edit::Parameter(key, json) => {
                    let key = format!("x{key}");
                    let pointer = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
                    body.set_parameter(&pointer, &json.to_string()).unwrap();
                    prop_assert_eq!(body.parameter(&pointer), Some(json.to_string()));
                    expected[key] = json.clone();
                }
            }
        }
        for at in dropped.iter().rev() {
            expected[name].as_array_mut().unwrap().remove(*at);
        }
        let out = body.render();
        prop_assert_eq!(out.len(), body.size());
        prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);

        // what policies see is what goes out
        let texts = |body: &Body| -> Vec<_> {
            let passages = body.passages(Places::ALL, 0, u32::MAX);
            passages.into_iter().map(|p| (p.place, p.text)).collect()
        };
        prop_assert_eq!(texts(&body), texts(&indexed(dialect, out)));

        body.roll_back(mark);
        prop_assert_eq!(body.render().as_ptr(), before.as_ptr());
    }

    #[test]
    fn no_document_makes_a_body_panic_and_the_wire_never_changes_it(
        json in prop_oneof![document(), mutated(), any::<Vec<u8>>()],
        pointer in "(/[ab01]{0,2}){0,3}",
    ) {
        for dialect in DIALECTS {
            let mut body = wire(dialect, json.clone());
            let _ = body.index();
            prop_assert_eq!(body.render(), json.clone());
            let _ = (body.input_tokens(), body.parameter(&pointer), body.max_output_tokens());
            let set = body.set_parameter(&pointer, "\"x\"");
            prop_assert_eq!(set.is_ok(), body.edited());
            if set.is_ok() {
                prop_assert_eq!(body.parameter(&pointer), Some("\"x\"".to_owned()));
            }
        }
    }

    #[test]
    fn mutated_requests_are_read_or_refused_and_never_shown_differently(
        (dialect, value, _) in request(),
        seed: u64,
        changes in prop::collection::vec((any::<Pick>(), any::<u8>()), 1..4),
    ) {
        let mut json = ugly(&value, seed);
        for (at, byte) in changes {
            let at = at.index(json.len());
            json[at] = byte;
        }
        let mut body = wire(dialect, json.clone());
        if body.index().is_ok() {
            // an index means syntax: what it accepts, others read the same
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&json).is_ok());
        }
        prop_assert_eq!(body.render(), json);
    }
}
