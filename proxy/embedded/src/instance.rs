//! An instance of a JSON Schema: the value of structured output and tool arguments.
//!
//! The plainest value that fits is built from the top: what is required and nothing else, the first
//! branch that ends, strings of the text. It is no validator. `pattern`, `not`, `if`,
//! `dependentSchemas` and `patternProperties` are not looked at; the schemas that providers take
//! for structured output have none but the first. A schema that ends nowhere within [`DEPTH`] has
//! no instance here.

use std::cell::Cell;

use serde_json::{Map, Number, Value};

use super::asked::list;

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
    types
        .iter()
        .any(|wanted| wanted == kind || (wanted == "number" && kind == "integer"))
}

/// A count that the schema demands; `None` where it is more than is made here.
fn bound(schema: &Map<String, Value>, name: &str, otherwise: u64) -> Option<u64> {
    // Gemini writes counts as strings. They are small and whole; a float only spells them.
    let read = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let bound = schema.get(name).and_then(read);
    let bound = bound.map_or(otherwise, |bound| bound.max(0.0) as u64);
    (bound <= MOST).then_some(bound)
}

/// Both schemas at once; `None` where nothing fits both.
fn merge(mut base: Map<String, Value>, other: &Value) -> Option<Map<String, Value>> {
    let other = match other {
        Value::Object(other) => other,
        Value::Bool(false) => return None,
        _ => return Some(base),
    };
    for (key, value) in other {
        let Some(own) = base.get(key).cloned() else {
            base.insert(key.clone(), value.clone());
            continue;
        };
        let merged = match key.as_str() {
            "required" => {
                let mut all: Vec<Value> = list(Some(&own)).cloned().collect();
                all.extend(
                    list(Some(value))
                        .filter(|name| !list(Some(&own)).any(|one| one == *name))
                        .cloned(),
                );
                all.into()
            }
            "properties" | "$defs" | "definitions" => {
                let mut all = own.as_object().cloned().unwrap_or_default();
                for (name, schema) in value.as_object().into_iter().flatten() {
                    let both = all.get(name).filter(|one| *one != schema).cloned();
                    let both = both.map(|one| serde_json::json!({ "allOf": [one, schema] }));
                    all.insert(name.clone(), both.unwrap_or_else(|| schema.clone()));
                }
                all.into()
            }
            "enum" => {
                let both =
                    list(Some(&own)).filter(|one| list(Some(value)).any(|other| other == *one));
                Value::Array(both.cloned().collect())
            }
            "type" => common_types(&base, other)?,
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
                if own.as_f64() > value.as_f64() {
                    own
                } else {
                    value.clone()
                }
            }
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" => {
                if own.as_f64() < value.as_f64() {
                    own
                } else {
                    value.clone()
                }
            }
            "allOf" => Value::Array(list(Some(&own)).chain(list(Some(value))).cloned().collect()),
            // A second choice beside a choice: both hold.
            "anyOf" | "oneOf" | "$ref" => {
                let mut all: Vec<Value> = list(base.get("allOf")).cloned().collect();
                let mut choice = Map::new();
                choice.insert(key.clone(), value.clone());
                all.push(choice.into());
                base.insert("allOf".into(), all.into());
                continue;
            }
            _ => value.clone(),
        };
        base.insert(key.clone(), merged);
    }
    Some(base)
}

fn common_types(one: &Map<String, Value>, other: &Map<String, Value>) -> Option<Value> {
    let (one, other) = (types(one)?, types(other)?);
    let holds = |all: &[String], kind: &str| {
        all.iter()
            .any(|name| name == kind || (name == "number" && kind == "integer"))
    };
    let mut both: Vec<&String> = one.iter().filter(|kind| holds(&other, kind)).collect();
    both.extend(
        other
            .iter()
            .filter(|kind| holds(&one, kind) && !one.contains(kind)),
    );
    (!both.is_empty()).then(|| {
        both.into_iter()
            .map(|kind| Value::from(kind.as_str()))
            .collect()
    })
}

/// The text, in the length and the format that the schema demands.
fn string(schema: &Map<String, Value>, text: &str, nth: u64) -> Option<Value> {
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(formatted) = format.and_then(|format| formatted(format, nth)) {
        return Some(formatted.into());
    }
    let least = bound(schema, "minLength", 0)?;
    let most = bound(schema, "maxLength", MOST).unwrap_or(u64::MAX);
    let mut text = match nth {
        0 => text.to_owned(),
        // First, so that it survives a cut.
        nth => format!("{nth} {text}"),
    };
    let length = text.chars().count() as u64;
    for _ in length..least {
        text.push('.');
    }
    if length > most {
        text = text.chars().take(usize::try_from(most).ok()?).collect();
    }
    Some(text.into())
}

/// A value of a format that the text would not have; `None` for formats that nobody checks.
fn formatted(format: &str, nth: u64) -> Option<String> {
    Some(match format {
        "date-time" => format!("2026-01-01T00:00:00.{nth:03}Z"),
        "date" => format!("{:04}-01-01", 2026 + nth % 7000),
        "time" => format!("00:00:00.{nth:03}Z"),
        "duration" => format!("P{}D", nth + 1),
        "email" | "idn-email" => format!("name{nth}@example.com"),
        "hostname" | "idn-hostname" => format!("host{nth}.example.com"),
        "ipv4" => format!("192.0.{}.{}", nth / 256 % 256, nth % 256),
        "ipv6" => format!("2001:db8::{nth:x}"),
        "uuid" => format!("00000000-0000-4000-8000-{nth:012x}"),
        "uri" | "uri-reference" | "iri" | "iri-reference" => format!("https://example.com/{nth}"),
        "uri-template" => format!("https://example.com/{nth}/{{id}}"),
        "json-pointer" => format!("/{nth}"),
        "relative-json-pointer" => format!("{nth}/a"),
        "regex" => format!("a{{{}}}", nth % 1000),
        _ => return None,
    })
}

/// The number nearest to one more than `nth` that the bounds allow.
fn number(schema: &Map<String, Value>, whole: bool, nth: u64) -> Option<Value> {
    let read = |name: &str| schema.get(name).and_then(Value::as_f64);
    // Draft 4 says by a boolean that the other bound is exclusive.
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let mut low = read("minimum").map(|at| (at, flag("exclusiveMinimum")));
    let mut high = read("maximum").map(|at| (at, flag("exclusiveMaximum")));
    if let Some(at) = read("exclusiveMinimum").filter(|at| low.is_none_or(|(low, _)| *at >= low)) {
        low = Some((at, true));
    }
    if let Some(at) = read("exclusiveMaximum").filter(|at| high.is_none_or(|(high, _)| *at <= high))
    {
        high = Some((at, true));
    }
    let step = match read("multipleOf").filter(|step| *step > 0.0) {
        Some(step) if whole && step.fract() != 0.0 => {
            // The first multiple that is whole, for steps like 0.5 and 2.5.
            (1..=1000_u32)
                .map(|n| step * f64::from(n))
                .find(|at| at.fract() == 0.0)
        }
        Some(step) => Some(step),
        None if whole => Some(1.0),
        None => None,
    };
    let fits = |at: f64| {
        low.is_none_or(|(low, open)| if open { at > low } else { at >= low })
            && high.is_none_or(|(high, open)| if open { at < high } else { at <= high })
    };
    let shift = u32::try_from(nth).map_or(f64::from(u32::MAX), f64::from);
    let candidate = match (step, low, high) {
        (Some(step), Some((low, open)), _) => {
            let first = (low / step).ceil();
            let first = if open && first * step <= low {
                first + 1.0
            } else {
                first
            };
            let plain = (1.0 + shift) / step;
            let wanted = if fits(1.0 + shift) && plain.fract() == 0.0 {
                plain
            } else {
                first + shift
            };
            wanted * step
        }
        (Some(step), None, Some((high, open))) => {
            let last = (high / step).floor();
            let last = if open && last * step >= high {
                last - 1.0
            } else {
                last
            };
            let plain = (1.0 + shift) / step;
            let wanted = if fits(1.0 + shift) && plain.fract() == 0.0 {
                plain
            } else {
                last - shift
            };
            wanted * step
        }
        (Some(1.0), None, None) => 1.0 + shift,
        (Some(step), None, None) => step * (1.0 + shift),
        (None, _, _) if fits(1.0 + shift) => 1.0 + shift,
        (None, Some((low, _)), Some((high, _))) if low == high => low,
        (None, Some((low, _)), Some((high, _))) => low + (high - low) / (2.0 + shift),
        (None, Some((low, _)), None) => low + 1.0 + shift,
        (None, None, Some((high, _))) => high - 1.0 - shift,
        (None, None, None) => 1.0 + shift,
    };
    if !fits(candidate) {
        return None;
    }
    // Whole numbers are written without a fraction; beyond 2^53 a float is what there is.
    let exact = candidate.fract() == 0.0 && candidate.abs() < 9e15;
    let number = if exact {
        Some(Number::from(candidate as i64))
    } else {
        Number::from_f64(candidate)
    };
    number.map(Value::Number)
}
