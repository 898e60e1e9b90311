//! JSON Schema, as much of it as providers take for a reply's form.
//!
//! A reply is found wanting only for what is understood here: the keywords of OpenAI's, Anthropic's
//! and Google's structured outputs (types, objects, arrays, `enum`, `const`, bounds, unions, `$ref`
//! into the schema). Any other keyword holds, `pattern` and `format` among them. That is a tenth of
//! the module that a validating crate would make of it (see the README).

use serde_json::{Map, Value};

/// Comparisons of one value with one schema that a reply is worth; what is beyond holds. A schema
/// that refers to itself ends here, too.
const STEPS: u32 = 50_000;
/// Deepest nesting that is compared: a policy's stack has 64 KiB.
const DEEPEST: u32 = 32;

/// Reports whether a value obeys a schema, as far as that is understood.
pub(super) fn obeys(value: &Value, schema: &Value) -> bool {
    let mut check = Check {
        root: schema,
        steps: STEPS,
    };
    check.value(value, schema, DEEPEST)
}

struct Check<'a> {
    root: &'a Value,
    steps: u32,
}

impl<'a> Check<'a> {
    fn value(&mut self, value: &Value, schema: &'a Value, depth: u32) -> bool {
        let left = (self.steps.checked_sub(1), depth.checked_sub(1));
        let (Some(steps), Some(depth)) = left else {
            return true;
        };
        self.steps = steps;
        let Value::Object(schema) = schema else {
            return schema != &Value::Bool(false);
        };
        // The form of OpenAPI for a union with null, which Google's schemas have.
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return true;
        }
        has_type(value, schema)
            && schema.get("const").is_none_or(|only| same(only, value))
            && list(schema, "enum").is_none_or(|all| all.iter().any(|one| same(one, value)))
            && self.referred(value, schema, depth)
            && self.unions(value, schema, depth)
            && match value {
                Value::Object(members) => self.members(members, schema, depth),
                Value::Array(items) => self.items(items, schema, depth),
                Value::String(text) => has_length(text, schema),
                Value::Number(number) => in_bounds(number.as_f64(), schema),
                Value::Null | Value::Bool(_) => true,
            }
    }

    fn referred(&mut self, value: &Value, schema: &'a Map<String, Value>, depth: u32) -> bool {
        let pointer = schema.get("$ref").and_then(Value::as_str);
        // One that leads elsewhere is not followed.
        let found = pointer
            .and_then(|pointer| pointer.strip_prefix('#'))
            .and_then(|pointer| self.root.pointer(pointer));
        found.is_none_or(|schema| self.value(value, schema, depth))
    }

    fn unions(&mut self, value: &Value, schema: &'a Map<String, Value>, depth: u32) -> bool {
        let mut any = |name: &str| {
            let found = list(schema, name);
            found.is_none_or(|all| all.iter().any(|one| self.value(value, one, depth)))
        };
        // `oneOf` that several hold of is let pass: which of them was meant is not the reply's fault.
        let some = any("anyOf") && any("oneOf");
        let all = list(schema, "allOf").unwrap_or_default();
        some && all.iter().all(|one| self.value(value, one, depth))
    }

    fn members(
        &mut self,
        members: &Map<String, Value>,
        schema: &'a Map<String, Value>,
        depth: u32,
    ) -> bool {
        let mut required = list(schema, "required").unwrap_or_default().iter();
        let there = |name: &Value| name.as_str().is_none_or(|name| members.contains_key(name));
        if !required.all(there) || !counts(schema, "minProperties", "maxProperties", members.len())
        {
            return false;
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        // Names by patterns are not read, so a schema that has them says nothing of other names.
        let others = others.filter(|_| !schema.contains_key("patternProperties"));
        members.iter().all(|(name, value)| {
            let known = properties.and_then(|properties| properties.get(name));
            (known.or(others)).is_none_or(|schema| self.value(value, schema, depth))
        })
    }

    fn items(&mut self, items: &[Value], schema: &'a Map<String, Value>, depth: u32) -> bool {
        if !counts(schema, "minItems", "maxItems", items.len()) {
            return false;
        }
        let first = list(schema, "prefixItems").unwrap_or_default();
        let rest = schema.get("items").filter(|items| !items.is_array());
        items.iter().enumerate().all(|(at, item)| {
            (first.get(at).or(rest)).is_none_or(|schema| self.value(item, schema, depth))
        })
    }
}

fn list<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a [Value]> {
    schema.get(name)?.as_array().map(Vec::as_slice)
}

/// Reports whether a value is of the schema's type, or of one of its types; Google writes them in
/// capitals.
fn has_type(value: &Value, schema: &Map<String, Value>) -> bool {
    let is = |name: &Value| {
        let name = name.as_str().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "number" => value.is_number(),
            // 1.0 is an integer, says the specification (JSON Schema Validation 2020-12, 6.1.1).
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            _ => true,
        }
    };
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(is),
        Some(name) => is(name),
        None => true,
    }
}

/// Reports whether two values are the same; 1 and 1.0 are.
fn same(one: &Value, other: &Value) -> bool {
    one == other
        || one
            .as_f64()
            .is_some_and(|number| other.as_f64() == Some(number))
}

/// Google writes counts as strings, as all of its 64-bit numbers.
fn number(schema: &Map<String, Value>, name: &str) -> Option<f64> {
    let value = schema.get(name)?;
    (value.as_f64()).or_else(|| value.as_str()?.parse().ok())
}

fn counts(schema: &Map<String, Value>, least: &str, most: &str, count: usize) -> bool {
    let count = count as f64;
    number(schema, least).is_none_or(|least| count >= least)
        && number(schema, most).is_none_or(|most| count <= most)
}

fn has_length(text: &str, schema: &Map<String, Value>) -> bool {
    counts(schema, "minLength", "maxLength", text.chars().count())
}

fn in_bounds(value: Option<f64>, schema: &Map<String, Value>) -> bool {
    let Some(value) = value else { return true };
    let holds = |name: &str, holds: fn(f64, f64) -> bool| {
        number(schema, name).is_none_or(|bound| holds(value, bound))
    };
    holds("minimum", |value, bound| value >= bound)
        && holds("maximum", |value, bound| value <= bound)
        && holds("exclusiveMinimum", |value, bound| value > bound)
        && holds("exclusiveMaximum", |value, bound| value < bound)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_keyword_that_is_understood_holds_or_does_not() {
        let person = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 2 },
                "age": { "type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 150 },
                "tags": { "type": "array", "items": { "enum": ["a", "b"] }, "maxItems": 2 },
            },
            "required": ["name", "age"],
            "additionalProperties": false,
        });
        let tree = json!({
            "$defs": { "node": {
                "type": "object",
                "properties": { "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] } },
                "required": ["next"],
            } },
            "$ref": "#/$defs/node",
        });
        let google = json!({
            "type": "OBJECT",
            "properties": { "n": { "type": "INTEGER", "nullable": true }, "l": { "type": "ARRAY", "minItems": "1" } },
        });
        for (schema, value, expected) in [
            (
                &person,
                json!({ "name": "Al", "age": 3, "tags": ["a"] }),
                true,
            ),
            (&person, json!({ "name": "Al", "age": null }), true),
            (&person, json!({ "name": "Al", "age": 3.0 }), true),
            (&person, json!({ "name": "Al", "age": 3.5 }), false),
            (&person, json!({ "name": "Al", "age": -1 }), false),
            (&person, json!({ "name": "Al", "age": 150 }), false),
            (&person, json!({ "name": "A", "age": 3 }), false),
            (&person, json!({ "name": "Al" }), false),
            (&person, json!({ "name": "Al", "age": 3, "x": 1 }), false),
            (
                &person,
                json!({ "name": "Al", "age": 3, "tags": ["c"] }),
                false,
            ),
            (
                &person,
                json!({ "name": "Al", "age": 3, "tags": ["a", "a", "b"] }),
                false,
            ),
            (&person, json!(["Al", 3]), false),
            (&tree, json!({ "next": { "next": null } }), true),
            (&tree, json!({ "next": { "next": 1 } }), false),
            (&google, json!({ "n": null, "l": [1] }), true),
            (&google, json!({ "n": "1" }), false),
            (&google, json!({ "l": [] }), false),
        ] {
            assert_eq!(obeys(&value, schema), expected, "{value}");
        }
        for (schema, value, expected) in [
            (json!({ "const": 1 }), json!(1.0), true),
            (json!({ "const": "a" }), json!("b"), false),
            (
                json!({ "allOf": [{ "type": "object" }, { "required": ["a"] }] }),
                json!({}),
                false,
            ),
            (
                json!({ "oneOf": [{ "type": "string" }, { "maxLength": 3 }] }),
                json!("ab"),
                true,
            ),
            (
                json!({ "prefixItems": [{ "type": "string" }], "items": { "type": "number" } }),
                json!(["a", 1]),
                true,
            ),
            (
                json!({ "prefixItems": [{ "type": "string" }], "items": { "type": "number" } }),
                json!(["a", "b"]),
                false,
            ),
            (json!({ "items": false }), json!([1]), false),
            (json!(true), json!(null), true),
            (json!(false), json!(null), false),
        ] {
            assert_eq!(obeys(&value, &schema), expected, "{schema} {value}");
        }
    }

    #[test]
    fn what_is_not_understood_holds() {
        for schema in [
            json!({ "pattern": "^b" }),
            json!({ "format": "uuid" }),
            json!({ "not": {} }),
            json!({ "type": "any" }),
            json!({ "type": 3, "enum": "a", "required": [1], "anyOf": {} }),
            json!({ "$ref": "https://example.com/schema" }),
            json!({ "$ref": "#/nowhere" }),
            json!("object"),
        ] {
            assert!(obeys(&json!("a"), &schema), "{schema}");
        }
        let named = json!({ "patternProperties": { "^x": {} }, "additionalProperties": false });
        assert!(obeys(&json!({ "xa": 1 }), &named));
    }

    #[test]
    fn schemas_that_refer_to_themselves_and_deep_values_end() {
        assert!(obeys(&json!(1), &json!({ "$ref": "#" })));
        let wide = json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }, { "$ref": "#" }] });
        assert!(obeys(&json!(1), &wide));
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert!(obeys(
            &deep,
            &json!({ "items": { "$ref": "#" }, "type": "array" })
        ));
    }
}
