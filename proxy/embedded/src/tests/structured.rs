//! Structured output and tool arguments fit their schemas, by a validator that is not ours.
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::instance::instance, *};

fn fits(schema: &Value, value: &Value) -> bool {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(schema).unwrap().is_valid(value)
}

#[test]
fn an_instance_fits_whatever_the_schema_demands() {
    for schema in [
        json!({}),
        json!(true),
        json!({"type": "string", "minLength": 30, "maxLength": 31}),
        json!({"type": "string", "maxLength": 2}),
        json!({"type": ["null", "string"]}),
        json!({"enum": [null, 3]}),
        json!({"type": "string", "enum": [3, "a"]}),
        json!({"const": {"a": [1]}}),
        json!({"type": "integer", "minimum": 5, "multipleOf": 4}),
        json!({"type": "integer", "maximum": -3}),
        json!({"type": "integer", "multipleOf": 2.5}),
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}),
        json!({"type": "number", "minimum": 0.5, "maximum": 0.5}),
        json!({"type": "array", "minItems": 3, "items": {"type": "boolean"}}),
        json!({"type": "array", "minItems": 4, "uniqueItems": true, "items": {"type": "string", "format": "email"}}),
        json!({"type": "array", "minItems": 3, "uniqueItems": true, "items": {"enum": ["a", "b", "c"]}}),
        json!({"type": "array", "minItems": 2, "uniqueItems": true, "items": {"type": "integer", "maximum": 1}}),
        json!({"type": "array", "minItems": 2, "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": false}),
        json!({"type": "object", "minProperties": 2, "properties": {"a": {"type": "integer"}}}),
        json!({"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}}),
        json!({"anyOf": [false, {"type": "integer"}]}),
        json!({"properties": {"a": {"type": "integer"}}, "required": ["a"], "anyOf": [{"required": ["b"]}, {"required": ["c"]}]}),
        json!({"allOf": [{"type": ["integer", "string"]}, {"type": "number", "minimum": 7}]}),
        json!({"allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}]}),
        json!({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}}),
        json!({"$defs": {"node": {"type": "object", "required": ["value", "next"], "properties": {
            "value": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}}, "$ref": "#/$defs/node"}),
        json!({"type": "object", "required": ["children"], "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}),
    ] {
        let value = instance(&schema, "Zoë said \"hi\"");
        let value = value.unwrap_or_else(|| panic!("no instance of {schema}"));
        assert!(fits(&schema, &value), "{value} does not fit {schema}");
    }
    for format in [
        "date-time",
        "date",
        "time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uuid",
        "uri",
        "uri-reference",
        "regex",
        "json-pointer",
        "unheard-of",
    ] {
        let schema = json!({"type": "array", "minItems": 3, "uniqueItems": true, "items": {"type": "string", "format": format}});
        assert!(
            fits(&schema, &instance(&schema, "text").unwrap()),
            "{format}"
        );
    }
}

#[test]
fn a_schema_that_nothing_fits_or_that_never_ends_has_no_instance() {
    for schema in [
        json!(false),
        json!({"$ref": "#"}),
        json!({"$ref": "https://elsewhere.example/schema"}),
        json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}}),
        json!({"allOf": [{"type": "string"}, {"type": "null"}]}),
        json!({"type": "integer", "minimum": 2, "maximum": 1}),
        json!({"type": "array", "minItems": 1e9}),
        json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}),
    ] {
        assert_eq!(instance(&schema, "text"), None, "{schema}");
    }
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..40_u64, 0..40_u64).prop_map(|(a, b)| json!({"type": "string", "minLength": a.min(b), "maxLength": a.max(b)})),
        (-50..50_i64, 0..100_i64).prop_map(|(low, width)| json!({"type": "integer", "minimum": low, "maximum": low + width})),
        (-50..50_i64, 1..9_i64).prop_map(|(low, step)| json!({"type": "integer", "minimum": low, "multipleOf": step})),
        (-50..50_i64, 1..9_i64).prop_map(|(high, step)| json!({"type": "number", "exclusiveMaximum": high, "multipleOf": step})),
        (-9.0..9.0_f64, 0.1..9.0_f64).prop_map(|(low, width)| json!({"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + width})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": ["null", "integer"]})),
        Just(json!({"enum": ["a", 1, null]})),
        Just(json!({"type": "string", "format": "date-time"})),
        Just(json!({"$ref": "#/$defs/leaf"})),
        Just(json!({"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]})),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let members = prop::collection::btree_map("[a-d]", inner.clone(), 0..4);
        prop_oneof![
            (members, any::<bool>()).prop_map(|(members, closed)| {
                let names: Vec<_> = members.keys().cloned().collect();
                json!({"type": "object", "properties": members, "required": names, "additionalProperties": !closed})
            }),
            (inner.clone(), 0..4_u64).prop_map(|(items, least)| json!({"type": "array", "items": items, "minItems": least})),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|branches| json!({"anyOf": branches})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"type": "array", "prefixItems": [a, b], "minItems": 2})),
        ]
    })
}

proptest! {
    #[test]
    fn an_instance_of_any_schema_fits_it(mut schema in schemas(), text in "\\PC{0,20}") {
        schema["$defs"] = json!({"leaf": {"type": "integer"}, "tree": {"type": "object", "required": ["left"],
            "properties": {"left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}}}});
        let value = instance(&schema, &text);
        prop_assert!(value.is_some(), "no instance of {}", schema);
        prop_assert!(fits(&schema, &value.unwrap_or_default()), "{}", schema);
    }
}

#[tokio::test]
async fn structured_output_fits_in_every_dialect_whole_and_streamed() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["city", "days", "tags", "unit"], "properties": {
        "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3}, "unit": {"enum": ["c", "f"]},
        "tags": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/tag"}}}, "$defs": {"tag": {"type": "string", "format": "date"}}});
    let wrapped = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let bare = json!({"type": "json_schema", "name": "n", "schema": schema});
    let check = |text: &Value| {
        let value: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        assert!(fits(&schema, &value), "{value}");
        assert_eq!(value["city"], "say it");
    };

    let mut chat = said("/v1/chat/completions", "say it");
    chat["response_format"] = wrapped;
    let reply = whole("/v1/chat/completions", &chat).await;
    check(&reply["choices"][0]["message"]["content"]);
    let streamed = events("/v1/chat/completions", chat.clone()).await;
    check(&joined(&streamed, "/choices/0/delta/content").into());

    let responses = json!({"model": "m", "input": "say it", "text": {"format": bare}});
    let reply = whole("/v1/responses", &responses).await;
    check(&reply["output"][0]["content"][0]["text"]);

    let messages = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "say it"}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}}});
    let reply = whole("/v1/messages", &messages).await;
    check(&reply["content"][0]["text"]);

    // Gemini's own spelling of the same.
    let contents = json!([{"role": "user", "parts": [{"text": "say it"}]}]);
    let own = json!({"type": "OBJECT", "required": ["city", "days"], "properties": {
        "city": {"type": "STRING"}, "days": {"type": "ARRAY", "minItems": "2", "items": {"type": "NUMBER", "nullable": true}}}});
    let gemini = json!({"contents": contents, "generationConfig": {"responseMimeType": "application/json", "responseSchema": own}});
    let reply = whole("/v1beta/models/m:generateContent", &gemini).await;
    let text = reply["candidates"][0]["content"]["parts"][0]["text"]
        .as_str()
        .unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(value, json!({"city": "say it", "days": [1, 1]}));

    chat["response_format"] = json!({"type": "json_object"});
    let reply = whole("/v1/chat/completions", &chat).await;
    assert_eq!(
        reply["choices"][0]["message"]["content"],
        r#"{"text":"say it"}"#
    );
}

#[tokio::test]
async fn tool_arguments_fit_the_tools_schema_or_are_those_that_the_user_gives() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["path", "edits"], "properties": {
        "path": {"type": "string"}, "edits": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["old"],
            "properties": {"old": {"type": "string"}}}}}});
    let mut messages = said("/v1/messages", "call edit");
    messages["tools"] = json!([{"name": "edit", "input_schema": schema}]);
    let reply = whole("/v1/messages", &messages).await;
    let input = &reply["content"][0]["input"];
    assert!(fits(&schema, input), "{input}");

    messages["messages"][0]["content"] =
        r#"please call edit {"path": "a", "edits": []} now"#.into();
    let reply = whole("/v1/messages", &messages).await;
    assert_eq!(
        reply["content"][0]["input"],
        json!({"path": "a", "edits": []})
    );

    messages["tools"] = json!([{"name": "edit", "input_schema": {"type": "object", "properties": {}, "additionalProperties": false}}]);
    messages["messages"][0]["content"] = "call edit".into();
    let reply = whole("/v1/messages", &messages).await;
    assert_eq!(reply["content"][0]["input"], json!({}));
}
