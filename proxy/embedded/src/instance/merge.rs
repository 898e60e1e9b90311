//! Schemas that hold at once, as one.

use serde_json::{Map, Value, json};

use super::{super::conversation::list, allows, types};

/// Both schemas at once; `None` where nothing fits both.
pub(super) fn merge(mut base: Map<String, Value>, other: &Value) -> Option<Map<String, Value>> {
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
                let new =
                    list(Some(value)).filter(|name| !list(Some(&own)).any(|one| one == *name));
                Value::Array(list(Some(&own)).chain(new).cloned().collect())
            }
            "properties" | "$defs" | "definitions" => {
                let mut all = own.as_object().cloned().unwrap_or_default();
                for (name, schema) in value.as_object().into_iter().flatten() {
                    let both = all.get(name).filter(|one| *one != schema).cloned();
                    let both = both.map(|one| json!({ "allOf": [one, schema] }));
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
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties"
                if own.as_f64() > value.as_f64() =>
            {
                own
            }
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems"
                if own.as_f64() < value.as_f64() =>
            {
                own
            }
            "allOf" => Value::Array(list(Some(&own)).chain(list(Some(value))).cloned().collect()),
            // A second choice beside a choice: both hold.
            "anyOf" | "oneOf" | "$ref" => {
                let mut all: Vec<Value> = list(base.get("allOf")).cloned().collect();
                all.push(json!({ key: value }));
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
    let of_both = one.iter().filter(|kind| allows(&other, kind));
    let narrower = other
        .iter()
        .filter(|kind| allows(&one, kind) && !one.contains(kind));
    let both: Vec<Value> = of_both.chain(narrower).cloned().map(Value::from).collect();
    (!both.is_empty()).then_some(Value::Array(both))
}
