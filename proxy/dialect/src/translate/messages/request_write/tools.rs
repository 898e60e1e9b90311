//! Tools, and which of them may or must be called.

use super::{
    super::super::{
        form::{Choice, Request, Tool},
        json::Json,
        loss::Refused,
    },
    Plan, Thinking, Writer, open,
};
use crate::json::outlined::Cursor;

impl Writer<'_, '_> {
    pub(super) fn tools(&mut self) -> Result<(), Refused> {
        let request = self.request;
        let tools: Vec<&Tool<'_>> = request
            .tools
            .iter()
            .filter(|tool| is_allowed(request, tool))
            .collect();
        if tools.is_empty() {
            if request.has_tool_parts() {
                self.placeholder();
            }
            return Ok(());
        }
        self.json.key("tools").0.push(b'[');
        for tool in tools {
            self.tool(tool)?;
        }
        self.json.0.push(b']');
        Ok(())
    }

    fn tool(&mut self, tool: &Tool<'_>) -> Result<(), Refused> {
        open(&mut self.json);
        self.json.key("name").text(&tool.name);
        if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
            self.json.key("description").text(description);
        }
        self.json.key("input_schema");
        input_schema(&mut self.json, tool.parameters)?;
        if tool.strict == Some(true) {
            self.json.key("strict").boolean(true);
        }
        self.mark(tool.cache);
        self.json.0.push(b'}');
        Ok(())
    }

    /// A conversation with calls needs tools, even where none may be called any more.
    fn placeholder(&mut self) {
        self.json.key("tools").array(|json| {
            json.object(|json| {
                json.key("name").str("unavailable");
                json.key("description")
                    .str("A tool that can't be called any more.");
                json.key("input_schema").source(NO_PARAMETERS);
            });
        });
        self.json.key("tool_choice").source(r#"{"type":"none"}"#);
    }

    pub(super) fn choice(&mut self, plan: &Plan) -> Result<(), Refused> {
        let request = self.request;
        let has_tools = request.tools.iter().any(|tool| is_allowed(request, tool));
        let forces = forces(request);
        if !has_tools {
            return match forces {
                true => Err(Refused::malformed(
                    "tool_choice",
                    "wants a tool, and there is none",
                )),
                false => Ok(()),
            };
        }
        // <https://platform.claude.com/docs/en/build-with-claude/thinking-tool-workflows>: adaptive
        // thinking takes forced tools, a budget does not.
        if forces && matches!(plan.thinking, Thinking::Budget { .. }) {
            return Err(Refused::new(
                "tool_choice",
                "forces a tool, which the target's model does not take with reasoning",
            ));
        }
        if forces && self.target.takes.refuses_forced_tools {
            return Err(Refused::new(
                "tool_choice",
                "forces a tool, which the target's model does not take",
            ));
        }
        let mut alone = request.parallel == Some(false);
        if alone && self.target.takes.refuses_parallel {
            self.dropped.add("parallel_tool_calls");
            alone = false;
        }
        let (kind, called) = match &request.choice {
            None if alone => ("auto", None),
            None => return Ok(()),
            Some(Choice::None) => ("none", None),
            Some(
                Choice::Auto
                | Choice::Allowed {
                    required: false, ..
                },
            ) => ("auto", None),
            Some(Choice::Required | Choice::Allowed { .. }) => ("any", None),
            Some(Choice::Function(called)) => ("tool", Some(called)),
        };
        self.json.key("tool_choice").object(|json| {
            json.key("type").str(kind);
            if let Some(called) = called {
                json.key("name").text(called);
            }
            if alone && kind != "none" {
                json.key("disable_parallel_tool_use").boolean(true);
            }
        });
        Ok(())
    }
}

/// A schema of no parameters: one is required.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes a tool's schema, which has to say that it is an object's.
fn input_schema(json: &mut Json, parameters: Option<&[u8]>) -> Result<(), Refused> {
    let Some(schema) = parameters.map(<[u8]>::trim_ascii) else {
        json.source(NO_PARAMETERS);
        return Ok(());
    };
    let (mut has_type, mut is_empty) = (false, true);
    Cursor::new(schema)
        .object(|key, _| {
            has_type |= key.is("type");
            is_empty = false;
            Ok(())
        })
        .map_err(|_| Refused::new("tools", "have a schema that is no object"))?;
    if has_type {
        json.source(schema);
        return Ok(());
    }
    json.source(r#"{"type":"object""#);
    if !is_empty {
        json.0.push(b',');
    }
    let rest = schema.get(1..).unwrap_or(b"}");
    json.0.extend_from_slice(rest);
    Ok(())
}

/// Reports whether a tool is among those that may be called: a list of these says the same to
/// every server.
fn is_allowed(request: &Request<'_>, tool: &Tool<'_>) -> bool {
    match &request.choice {
        Some(Choice::Allowed { names, .. }) => {
            names.iter().any(|name| name.decode() == tool.name.decode())
        }
        Some(Choice::Auto | Choice::None | Choice::Required | Choice::Function(_)) | None => true,
    }
}

/// Reports whether a tool must be called.
fn forces(request: &Request<'_>) -> bool {
    match &request.choice {
        Some(Choice::Required | Choice::Function(_)) => true,
        Some(Choice::Allowed { required, .. }) => *required,
        Some(Choice::Auto | Choice::None) | None => false,
    }
}
