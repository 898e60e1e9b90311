//! Schemas of both kinds.

use serde_json::json;

use super::super::schema::{to_openapi, with_json_schemas};

#[test]
fn only_schemas_of_the_subset_are_rewritten_in_their_places() {
    let body = r#"{ "contents" : [{"parts":[{"text":"parameters"}]}], "generation_config":{"response_schema":{"type":"OBJECT","nullable":true,"anyOf":[{"type":"STRING"}]}},"tools":[{"function_declarations":[{"name":"f","parametersJsonSchema":{"type":"OBJECT"}}]}] }"#;
    let out = with_json_schemas(body.as_bytes());
    let expected = r#"{ "contents" : [{"parts":[{"text":"parameters"}]}], "generation_config":{"response_schema":{"type":["object","null"],"anyOf":[{"type":"string"},{"type":"null"}]}},"tools":[{"function_declarations":[{"name":"f","parametersJsonSchema":{"type":"OBJECT"}}]}] }"#;
    assert_eq!(String::from_utf8_lossy(&out), expected);
}

#[test]
fn a_body_without_schemas_is_not_copied() {
    for body in [
        r#"{"contents":"q"}"#,
        "",
        "{",
        r#"{"tools":[{"functionDeclarations":[{"parameters":{"a":}}]}]}"#,
    ] {
        assert!(matches!(
            with_json_schemas(body.as_bytes()),
            std::borrow::Cow::Borrowed(_)
        ));
    }
}

#[test]
fn a_json_schema_becomes_the_subset_and_what_it_lacks_is_reported() {
    for (schema, expected, lossy) in [
        (
            json!({"type": "object", "properties": {"a": {"type": ["string", "null"], "const": "x"}}, "required": ["a"]}),
            json!({"type": "OBJECT", "properties": {"a": {"type": "STRING", "enum": ["x"], "nullable": true}}, "required": ["a"]}),
            false,
        ),
        (
            json!({"$schema": "s", "oneOf": [{"type": "integer"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "INTEGER"}], "nullable": true}),
            false,
        ),
        (
            json!({"type": "object", "additionalProperties": false, "properties": {"a": {"$ref": "#/$defs/a"}}}),
            json!({"type": "OBJECT", "properties": {"a": {}}}),
            true,
        ),
        (
            json!({"type": "string", "format": "uri", "default": "d", "minLength": 1}),
            json!({"type": "STRING", "minLength": 1}),
            true,
        ),
        (
            json!({"type": "integer", "enum": [1, 2]}),
            json!({"type": "INTEGER"}),
            true,
        ),
        (
            json!({"type": ["string", "integer"]}),
            json!({"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
            false,
        ),
    ] {
        let (out, lost) = to_openapi(schema.to_string().as_bytes()).unwrap();
        assert_eq!((super::json(&out), lost), (expected, lossy), "{schema}");
    }
    assert!(to_openapi(b"true").is_none());
}
