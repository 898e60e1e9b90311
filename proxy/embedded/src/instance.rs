//! An instance of a JSON Schema: the value of structured output and tool arguments.
//!
//! The plainest value that fits is built from the top: what is required and nothing else, the first
//! branch that ends, strings of the text. It is no validator. `pattern`, `not`, `if`,
//! `dependentSchemas` and `patternProperties` are not looked at; the schemas that providers take
//! for structured output have none but the first. A schema that ends nowhere within [`DEPTH`] has
//! no instance here.

mod merge;
mod scalar;

use std::cell::Cell;

use serde_json::{Map, Value};

use super::conversation::list;
use merge::merge;
use scalar::{number, string};

/// The greatest depth of nested values.
const DEPTH: usize = 32;
/// The most schemas that are read for one instance: branches of branches are many.
const STEPS: usize = 20_000;
/// The most items or characters that a schema may demand.
const MOST: u64 = 10_000;

/// Builds an instance of `schema`; `None` where there is none within bounds.
pub(super) fn instance(schema: &Value, text: &str) -> Option<Value> {
    let builder = Builder {
        root: schema,
        text,
        steps: Cell::new(STEPS),
    };
    builder.build(schema, DEPTH, 0)
}

struct Builder<'a> {
    root: &'a Value,
    text: &'a str,
    steps: Cell<usize>,
}

impl Builder<'_> {
    /// `nth` distinguishes items of one array, which may have to be unlike each other.
    fn build(&self, schema: &Value, depth: usize, nth: u64) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.steps.set(self.steps.get().checked_sub(1)?);
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return None,
            _ => return Some(self.text.into()),
        };
        if let Some(value) = schema.get("const") {
            return Some(value.clone());
        }
        // Choices before what holds besides: merging two choices leaves one of them among the
        // latter.
        for combined in ["$ref", "anyOf", "oneOf", "allOf"] {
            if let Some(branches) = schema.get(combined) {
                let mut rest = schema.clone();
                rest.remove(combined);
                return self.combine(combined, branches, rest, depth, nth);
            }
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
            let fits = |value: &&Value| types(schema).is_none_or(|all| is_of(value, &all));
            let allowed: Vec<_> = allowed.iter().filter(fits).collect();
            let at = usize::try_from(nth).ok()? % allowed.len().max(1);
            return allowed.get(at).map(|value| (*value).clone());
        }
        let kinds = types(schema).unwrap_or_else(|| vec![implied(schema).to_owned()]);
        kinds
            .iter()
            .find_map(|kind| self.of_type(kind, schema, depth, nth))
    }

    fn combine(
        &self,
        keyword: &str,
        branches: &Value,
        rest: Map<String, Value>,
        depth: usize,
        nth: u64,
    ) -> Option<Value> {
        match keyword {
            "$ref" => {
                let target = self.resolve(branches.as_str()?)?;
                let merged = merge(rest, target)?;
                self.build(&Value::Object(merged), depth, nth)
            }
            "allOf" => {
                let mut merged = rest;
                for branch in branches.as_array()? {
                    merged = merge(merged, branch)?;
                }
                self.build(&Value::Object(merged), depth, nth)
            }
            _ => branches.as_array()?.iter().find_map(|branch| {
                let merged = merge(rest.clone(), branch)?;
                self.build(&Value::Object(merged), depth, nth)
            }),
        }
    }

    /// The schema that a reference names: `#`, `#/$defs/Node`.
    fn resolve(&self, reference: &str) -> Option<&Value> {
        let pointer = reference.strip_prefix('#')?;
        self.root.pointer(&pointer.replace("%24", "$"))
    }

    fn of_type(
        &self,
        kind: &str,
        schema: &Map<String, Value>,
        depth: usize,
        nth: u64,
    ) -> Option<Value> {
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => string(schema, self.text, nth),
            "integer" => number(schema, true, nth),
            "number" => number(schema, false, nth),
            "boolean" => Some(nth.is_multiple_of(2).into()),
            "null" => Some(Value::Null),
            _ => None,
        }
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut names: Vec<&str> = list(schema.get("required"))
            .filter_map(Value::as_str)
            .collect();
        let least = bound(schema, "minProperties", 0)?;
        let others = properties.into_iter().flat_map(Map::keys);
        for name in others {
            if (names.len() as u64) < least && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let mut object = Map::new();
        for name in names {
            let property = properties.and_then(|all| all.get(name));
            let additional = schema.get("additionalProperties");
            let value = match property.or(additional) {
                None | Some(Value::Bool(true)) => self.text.into(),
                Some(property) => self.build(property, depth, 0)?,
            };
            object.insert(name.to_owned(), value);
        }
        let mut nth = 0;
        while (object.len() as u64) < least {
            let value = match schema.get("additionalProperties") {
                None => self.text.into(),
                Some(additional) => self.build(additional, depth, 0)?,
            };
            object.insert(format!("key_{nth}"), value);
            nth += 1;
        }
        Some(Value::Object(object))
    }

    fn array(&self, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
        let least = bound(schema, "minItems", 0)?;
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        let first: Vec<&Value> = list(schema.get("prefixItems")).collect();
        let any = Value::Bool(true);
        let mut items = Vec::new();
        for n in 0..least {
            let item = usize::try_from(n).ok().and_then(|n| first.get(n).copied());
            let item = item.or_else(|| schema.get("items")).unwrap_or(&any);
            let value = match item {
                Value::Bool(true) if unique => n.into(),
                _ => self.build(item, depth, if unique { n } else { 0 })?,
            };
            if unique && items.contains(&value) {
                return None;
            }
            items.push(value);
        }
        Some(Value::Array(items))
    }
}

/// The types that a schema allows, in the spelling of JSON Schema: Gemini writes them in capitals,
/// and `nullable` beside them.
fn types(schema: &Map<String, Value>) -> Option<Vec<String>> {
    let lower = |value: &Value| value.as_str().map(str::to_ascii_lowercase);
    let mut all = match schema.get("type")? {
        Value::Array(several) => several.iter().filter_map(lower).collect(),
        one => vec![lower(one)?],
    };
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        all.push("null".to_owned());
    }
    Some(all)
}

/// The type of a schema that names none.
fn implied(schema: &Map<String, Value>) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| schema.contains_key(*name));
    if has(&[
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
    ]) {
        "object"
    } else if has(&["items", "prefixItems", "minItems", "uniqueItems"]) {
        "array"
    } else if has(&[
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    ]) {
        "number"
    } else {
        "string"
    }
}

fn is_of(value: &Value, types: &[String]) -> bool {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    allows(types, kind)
}

/// Reports whether one of `types` is `kind`, or a wider type.
fn allows(types: &[String], kind: &str) -> bool {
    types
        .iter()
        .any(|name| name == kind || (name == "number" && kind == "integer"))
}

/// A count that the schema demands; `None` where it is more than is made here.
fn bound(schema: &Map<String, Value>, name: &str, otherwise: u64) -> Option<u64> {
    // Gemini writes counts as strings. They are small and whole; a float only spells them.
    let read = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let bound = schema.get(name).and_then(read);
    let bound = bound.map_or(otherwise, |bound| bound.max(0.0) as u64);
    (bound <= MOST).then_some(bound)
}
