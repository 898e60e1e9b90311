//! The tools that the embedded model calls, and their arguments.

use serde_json::{Map, Value};

use super::{conversation::list, instance::instance, request::Invalid};

/// One tool call.
#[derive(Debug)]
pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON source text.
    pub(super) arguments: String,
}

/// The tool calls to make: those that `tool_choice` forces, else those that the user's text names.
pub(super) fn calls(raw: &Map<String, Value>, text: &str, from_user: bool) -> Vec<ToolCall> {
    let choice = raw.get("tool_choice");
    let kind = choice.and_then(|c| c.as_str().or_else(|| c.get("type")?.as_str()));
    let named = choice.and_then(|choice| {
        let name = choice
            .pointer("/function/name")
            .or_else(|| choice.get("name"));
        name.and_then(Value::as_str)
    });
    let forced = named.is_some() || matches!(kind, Some("required" | "any"));
    let tools: Vec<_> = list(raw.get("tools")).filter_map(tool).collect();
    let wanted: Vec<_> = match (kind, named) {
        (Some("none"), _) => Vec::new(),
        (_, Some(named)) => tools.iter().filter(|(name, _)| *name == named).collect(),
        _ if forced => tools.iter().take(1).collect(),
        _ if from_user => tools.iter().filter(|(name, _)| says(text, name)).collect(),
        _ => Vec::new(),
    };
    wanted
        .into_iter()
        .map(|(name, schema)| ToolCall {
            id: super::id("call_"),
            name: (*name).to_owned(),
            arguments: given(text, name)
                .unwrap_or_else(|| arguments(*schema, text))
                .to_string(),
        })
        .collect()
}

/// A function's name and schema, in any dialect.
fn tool(tool: &Value) -> Option<(&str, Option<&Value>)> {
    let inner = tool.get("function").unwrap_or(tool);
    let schema = inner
        .get("parameters")
        .or_else(|| inner.get("input_schema"));
    Some((inner.get("name")?.as_str()?, schema))
}

/// Reports whether `text` holds `call NAME`, the name to its end.
fn says(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let wanted = format!("call {name}");
    text.match_indices(&wanted).any(|(at, found)| {
        let after = text.get(at + found.len()..).unwrap_or_default();
        !after.starts_with(word)
    })
}

/// An instance of the tool's schema. Where that requires nothing and takes anything, the text is
/// the argument `text`.
fn arguments(schema: Option<&Value>, text: &str) -> Value {
    let empty = Value::Object(Map::new());
    let built = instance(schema.unwrap_or(&empty), text);
    let mut filled = match built {
        Some(Value::Object(filled)) => filled,
        _ => Map::new(),
    };
    let closed = schema.and_then(|s| s.get("additionalProperties")) == Some(&Value::Bool(false));
    let property = schema.and_then(|s| s.get("properties")?.get("text")?.get("type"));
    if filled.is_empty() && !closed && property.is_none_or(|kind| kind == "string") {
        filled.insert("text".into(), text.into());
    }
    Value::Object(filled)
}

/// The arguments that the user's text gives behind the name: `call NAME {"city": "Rome"}`.
fn given(text: &str, name: &str) -> Option<Value> {
    let wanted = format!("call {name}");
    text.match_indices(&wanted).find_map(|(at, found)| {
        let after = text.get(at + found.len()..)?.trim_start();
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        values.next()?.ok().filter(Value::is_object)
    })
}

/// The text of a reply whose form the request demands: an instance of the schema, or any object.
///
/// # Errors
/// The schema has no instance that is found here.
pub(super) fn structured(raw: &Map<String, Value>, text: &str) -> Result<Option<String>, Invalid> {
    let within = |name: &str| raw.get(name)?.get("format");
    let format = (raw.get("response_format"))
        .or_else(|| within("text"))
        .or_else(|| within("output_config"))
        .or_else(|| raw.get("output_format"));
    let Some(format) = format else {
        return Ok(None);
    };
    let object = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_)) => text.to_owned(),
        _ => serde_json::json!({ "text": text }).to_string(),
    };
    match format.get("type").and_then(Value::as_str) {
        Some("json_object") => Ok(Some(object(text))),
        Some("json_schema") => {
            let schema = format
                .pointer("/json_schema/schema")
                .or_else(|| format.get("schema"));
            let Some(schema) = schema else {
                return Err(Invalid("the response format has no `schema`".into()));
            };
            match instance(schema, text) {
                Some(value) => Ok(Some(value.to_string())),
                None => Err(Invalid(
                    "the embedded model finds no value that fits the response format's schema"
                        .into(),
                )),
            }
        }
        _ => Ok(None),
    }
}
