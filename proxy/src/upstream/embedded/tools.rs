//! Which tools the embedded model calls, and with what.

use serde_json::{Map, Value};

use super::asked::list;

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
    let prefix = "call_";
    wanted
        .into_iter()
        .map(|(name, schema)| ToolCall {
            id: super::id(prefix),
            name: (*name).to_owned(),
            arguments: arguments(*schema, text).to_string(),
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

/// Whether `text` holds `call NAME`, the name to its end.
fn says(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let wanted = format!("call {name}");
    text.match_indices(&wanted).any(|(at, found)| {
        let after = text.get(at + found.len()..).unwrap_or_default();
        !after.starts_with(word)
    })
}

/// Fills what the schema requires: strings with the text, other types with their plainest value.
fn arguments(schema: Option<&Value>, text: &str) -> Value {
    let required = list(schema.and_then(|schema| schema.get("required")));
    let mut filled = Map::new();
    for name in required.filter_map(Value::as_str) {
        let property = schema.and_then(|s| s.get("properties")?.get(name));
        let allowed = property.and_then(|p| p.get("enum")?.get(0));
        let kind = property.and_then(|p| p.get("type")?.as_str());
        let value = match (allowed, kind) {
            (Some(first), _) => first.clone(),
            (_, Some("integer" | "number")) => 1.into(),
            (_, Some("boolean")) => true.into(),
            (_, Some("array")) => Value::Array(Vec::new()),
            (_, Some("object")) => Value::Object(Map::new()),
            _ => text.into(),
        };
        filled.insert(name.to_owned(), value);
    }
    if filled.is_empty() {
        filled.insert("text".into(), text.into());
    }
    Value::Object(filled)
}
