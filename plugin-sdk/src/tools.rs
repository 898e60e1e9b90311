//! The tools that a request offers to the model.

use crate::{
    Request,
    json::{self, Walk, decode, decode_inside, first},
};

/// A tool, as the request defines it.
///
/// ```
/// # use outrigger_sdk::Tool;
/// let tool = Tool { name: "search".into(), description: None, schema: None };
/// assert_eq!(tool.name, "search");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The name by which the model calls it. One of the provider's own has none: its type.
    pub name: String,
    /// Its description, where it has one.
    pub description: Option<String>,
    /// The JSON Schema of its arguments, as JSON source.
    pub schema: Option<String>,
}

/// The tools of a request: see [`Request::tools`]. Nothing is fetched before it is needed. Needs no
/// declaration; [`Places::TOOL_DEFINITION`](crate::Places) in `READS` has their descriptions among
/// the passages, to be edited.
///
/// ```
/// # use outrigger_sdk::{Request, Tools};
/// let request = Request::chat("m").user("hi");
/// let tools: Tools<'_> = request.tools();
/// assert!(tools.is_empty() && tools.len() == 0 && tools.iter().next().is_none());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a>(&'a Request);

impl<'a> Tools<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self(request)
    }

    /// Number of tools, as the proxy counts them.
    #[must_use]
    pub fn len(self) -> u32 {
        self.0.host.tools()
    }

    /// Reports whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Fetches their definitions, in whichever form the dialect has them.
    pub fn iter(self) -> impl Iterator<Item = Tool> + use<> {
        let mut tools = Vec::new();
        for list in ["/tools", "/functions"] {
            if let Some(json) = self.0.parameter_json(list) {
                read(&json, &mut tools);
            }
        }
        tools.into_iter()
    }
}

/// Reads a list of tools, or the one that stands in the place of a list.
fn read(list: &str, tools: &mut Vec<Tool>) {
    let whole = 0..list.len();
    match first(list, 0) {
        b'[' => {
            let mut walk = Walk::new(list, &whole);
            while let Some(range) = walk.element() {
                read_one(list.get(range).unwrap_or_default(), tools);
            }
        }
        b'{' => read_one(list, tools),
        _ => {}
    }
}

fn read_one(json: &str, tools: &mut Vec<Tool>) {
    let (mut named, mut typed, mut key) = (None, None, None);
    let (mut description, mut schema, mut inner) = (None, None, None);
    let mut walk = Walk::new(json, &(0..json.len()));
    while let Some((name, range)) = walk.member() {
        let value = json.get(range).unwrap_or_default();
        let text = || value.starts_with('"').then(|| decode(value).into_owned());
        match &*decode_inside(name) {
            // Gemini's tools are lists of functions, or a member by their type.
            "functionDeclarations" | "function_declarations" => return read(value, tools),
            "function" | "custom" if json::first(value, 0) == b'{' => inner = Some(value),
            "name" => named = text(),
            "type" => typed = text(),
            "description" => description = text(),
            "parameters" | "input_schema" | "parametersJsonSchema" | "parameters_json_schema" => {
                schema = Some(value.to_owned());
            }
            other => {
                key.get_or_insert_with(|| other.to_owned());
            }
        }
    }
    if let Some(inner) = inner {
        return read_one(inner, tools);
    }
    tools.push(Tool {
        name: named.or(typed).or(key).unwrap_or_default(),
        description,
        schema,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_named_in_every_dialects_form() {
        let json = r#"[
            { "type": "function", "function": { "name": "a", "description": "A\n", "parameters": {"x": [1]} } },
            { "type": "custom", "custom": { "name": "b" } },
            { "type": "function", "name": "c", "parameters": {} },
            { "name": "d", "input_schema": {}, "description": null },
            { "functionDeclarations": [ { "name": "e" }, { "name": "f", "parametersJsonSchema": {} } ] },
            { "googleSearch": {} },
            { "type": "web_search" }
        ]"#;
        let mut tools = Vec::new();
        read(json, &mut tools);
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(
            names,
            ["a", "b", "c", "d", "e", "f", "googleSearch", "web_search"]
        );
        assert_eq!(
            tools.first(),
            Some(&Tool {
                name: "a".into(),
                description: Some("A\n".into()),
                schema: Some(r#"{"x": [1]}"#.into()),
            })
        );
        assert_eq!(tools.iter().filter(|tool| tool.schema.is_some()).count(), 4);
    }
}
