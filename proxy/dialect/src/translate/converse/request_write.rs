//! Requests of Converse, written for a target.

use super::{
    super::{
        form::{Cache, Choice, Extra, ExtraKind, Output, Request, Tool},
        format::Written,
        json::Json,
        loss::{Dropped, Refused},
        target::Target,
        text::Text,
    },
    family::Family,
};
use conversation::Conversation;
use ids::Ids;
use reasoning::Plan;

mod blocks;
mod conversation;
mod ids;
mod media;
mod reasoning;
mod sampling;

/// The most marks for the prompt cache in one request.
const MOST_MARKS: u8 = 4;
/// The schema of a tool that takes nothing.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes a request.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    dropped: &mut Dropped,
) -> Result<Written, Refused> {
    let family = Family::of(target);
    let conversation = Conversation::of(request, target, dropped)?;
    let plan = Plan::of(request, target, family, &conversation, dropped)?;
    let mut writer = Writer {
        json: Json::with_capacity(4096),
        additional: Json::default(),
        request,
        target,
        dropped,
        family,
        marks: MOST_MARKS,
        ids: Ids::default(),
        documents: 0,
    };
    writer.json.0.push(b'{');
    writer.system(&conversation);
    writer.messages(&conversation)?;
    writer.tools(&plan)?;
    writer.sampling(&plan)?;
    writer.output()?;
    writer.reasoning(&plan);
    if request.user.is_some() {
        writer.dropped.add("user");
    }
    for extra in &request.extras {
        writer.extra(extra)?;
    }
    writer.additional();
    writer.json.0.push(b'}');
    let operation = match request.stream {
        true => "converse-stream",
        false => "converse",
    };
    Ok(Written {
        path: format!("/model/{}/{operation}", percent_encoded(target.model)),
        body: writer.json.0,
    })
}

struct Writer<'w, 'a> {
    json: Json,
    /// Members of `additionalModelRequestFields`.
    additional: Json,
    request: &'w Request<'a>,
    target: &'w Target<'w>,
    dropped: &'w mut Dropped,
    family: Family,
    /// Marks for the prompt cache that may still be set.
    marks: u8,
    ids: Ids,
    /// Documents so far.
    documents: usize,
}

impl Writer<'_, '_> {
    /// Writes a mark for the prompt cache behind the block that was written.
    fn mark(&mut self, cache: Option<Cache>) {
        let Some(cache) = cache else {
            return;
        };
        match self.marks.checked_sub(1) {
            Some(left) if self.family.takes_cache_points() => {
                self.marks = left;
                // an hour is Claude's alone
                let point = match cache.long && self.family == Family::Claude {
                    true => r#"{"cachePoint":{"type":"default","ttl":"1h"}}"#,
                    false => r#"{"cachePoint":{"type":"default"}}"#,
                };
                self.json.source(point);
            }
            _ => self.dropped.add("cache_control"),
        }
    }

    fn tools(&mut self, plan: &Plan) -> Result<(), Refused> {
        let request = self.request;
        let offered = request
            .tools
            .iter()
            .filter(|tool| is_offered(request, tool));
        let tools: Vec<&Tool<'_>> = offered.collect();
        let is_forced = forces(request);
        if tools.is_empty() {
            if is_forced {
                let why = "wants a tool, and there is none";
                return Err(Refused::malformed("tool_choice", why));
            }
            if request.has_tool_parts() {
                self.placeholder();
            }
            return Ok(());
        }
        if is_forced && (plan.has_budget() || self.target.takes.refuses_forced_tools) {
            return Err(Refused::new(
                "tool_choice",
                "forces a tool, which the target's model does not take, or not with reasoning",
            ));
        }
        open(&mut self.json, "toolConfig", b'{');
        open(&mut self.json, "tools", b'[');
        for tool in tools {
            self.tool(tool)?;
        }
        self.json.0.push(b']');
        self.choice();
        self.json.0.push(b'}');
        Ok(())
    }

    fn tool(&mut self, tool: &Tool<'_>) -> Result<(), Refused> {
        check_name(&tool.name)?;
        if tool.strict == Some(true) {
            self.dropped.add("strict"); // most models refuse the request that has it
        }
        self.json.object(|json| {
            json.key("toolSpec").object(|json| {
                json.key("name").text(&tool.name);
                if let Some(description) = tool.description.as_ref().filter(|text| !is_blank(text))
                {
                    json.key("description").text(description);
                }
                let parameters = tool.parameters.unwrap_or(NO_PARAMETERS.as_bytes());
                json.key("inputSchema")
                    .object(|json| _ = json.key("json").source(parameters.trim_ascii()));
            });
        });
        match self.family {
            Family::Claude => self.mark(tool.cache),
            Family::Nova | Family::Nova2 | Family::Openai | Family::Mistral | Family::Other => {
                if tool.cache.is_some() {
                    self.dropped.add("cache_control");
                }
            }
        }
        Ok(())
    }

    /// A conversation with calls needs tools, even where none may be called any more.
    fn placeholder(&mut self) {
        self.json.key("toolConfig").object(|json| {
            json.key("tools").array(|json| {
                json.object(|json| {
                    json.key("toolSpec").object(|json| {
                        json.key("name").str("unavailable");
                        json.key("description")
                            .str("A tool that can't be called any more.");
                        json.key("inputSchema")
                            .object(|json| _ = json.key("json").source(NO_PARAMETERS));
                    });
                });
            });
        });
    }

    fn choice(&mut self) {
        let (request, is_forced) = (self.request, forces(self.request));
        let called = match &request.choice {
            Some(Choice::Function(called)) => Some(called),
            Some(Choice::Auto | Choice::None | Choice::Required | Choice::Allowed { .. })
            | None => None,
        };
        if request.parallel == Some(false) {
            if self.family == Family::Claude {
                // The Messages API's own, which takes the place of Converse's.
                let kind = match (is_forced, called) {
                    (_, Some(_)) => "tool",
                    (true, None) => "any",
                    (false, None) => "auto",
                };
                self.additional.key("tool_choice").object(|json| {
                    json.key("type").str(kind);
                    if let Some(called) = called {
                        json.key("name").text(called);
                    }
                    json.key("disable_parallel_tool_use").boolean(true);
                });
                return;
            }
            self.dropped.add("parallel_tool_calls");
        }
        match called {
            Some(called) => {
                self.json.key("toolChoice").object(|json| {
                    json.key("tool")
                        .object(|json| _ = json.key("name").text(called));
                });
            }
            None if is_forced => _ = self.json.key("toolChoice").source(r#"{"any":{}}"#),
            None => {} // auto is the default, and not all models take its name
        }
    }

    fn output(&mut self) -> Result<(), Refused> {
        match &self.request.output {
            Output::Text => Ok(()),
            Output::JsonObject => Err(Refused::new(
                "response_format",
                "is JSON of no schema, which the target's dialect does not have",
            )),
            Output::Schema { .. } if self.target.takes.refuses_json_schema => Err(Refused::new(
                "response_format",
                "is a JSON schema, which the target does not take",
            )),
            Output::Schema {
                name,
                description,
                schema,
                ..
            } => {
                let schema = String::from_utf8_lossy(schema.trim_ascii());
                open(&mut self.json, "outputConfig", b'{');
                self.json.key("textFormat").object(|json| {
                    json.key("type").str("json_schema");
                    json.key("structure").object(|json| {
                        json.key("jsonSchema").object(|json| {
                            json.key("schema").str(&schema);
                            if let Some(name) = name {
                                json.key("name").text(name);
                            }
                            if let Some(description) = description {
                                json.key("description").text(description);
                            }
                        });
                    });
                });
                self.json.0.push(b'}');
                Ok(())
            }
        }
    }

    fn extra(&mut self, extra: &Extra<'_>) -> Result<(), Refused> {
        match (extra.kind, extra.value) {
            (ExtraKind::ServiceTier, b"\"auto\"" | b"\"default\"" | b"\"standard_only\"") => {}
            (ExtraKind::ServiceTier, b"\"flex\"" | b"\"priority\"") => {
                self.json
                    .key("serviceTier")
                    .object(|json| _ = json.key("type").source(extra.value));
            }
            _ => extra.lose(self.dropped)?,
        }
        Ok(())
    }

    fn additional(&mut self) {
        let members = std::mem::take(&mut self.additional).0;
        if !members.is_empty() {
            open(&mut self.json, "additionalModelRequestFields", b'{');
            self.json.0.extend_from_slice(&members);
            self.json.0.push(b'}');
        }
        if !self.request.stop.is_empty() {
            // Which of the texts it was: a field that a model's reply lacks is left out. In streams
            // it is in the Messages API's `delta`.
            let paths = r#"["/stop_sequence","/delta/stop_sequence"]"#;
            self.json
                .key("additionalModelResponseFieldPaths")
                .source(paths);
        }
    }
}

/// Reports whether a tool may be called. A format without `none` is offered none.
fn is_offered(request: &Request<'_>, tool: &Tool<'_>) -> bool {
    match &request.choice {
        Some(Choice::None) => false,
        Some(Choice::Allowed { names, .. }) => {
            let tool = tool.name.decode();
            names.iter().any(|name| name.decode() == tool)
        }
        Some(Choice::Auto | Choice::Required | Choice::Function(_)) | None => true,
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

/// Checks a function's name by `ToolSpecification`: 64 letters, digits, `_` and `-` at most.
fn check_name(name: &Text<'_>) -> Result<(), Refused> {
    let name = name.decode();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match (1..=64).contains(&name.len()) && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(Refused::new(
            "tools",
            "have a name of other characters, or longer, than the target's dialect takes",
        )),
    }
}

/// Reports whether there is nothing but whitespace in a text: Bedrock takes no such block.
fn is_blank(text: &Text<'_>) -> bool {
    match text {
        // nearly all texts begin with something that can be seen
        Text::Literal([_, first, ..]) if first.is_ascii_graphic() && !b"\"\\".contains(first) => {
            false
        }
        Text::Literal(_) | Text::Plain(_) => text.decode().trim().is_empty(),
    }
}

/// Begins a container whose content is written one by one; without a name it is an element.
fn open(json: &mut Json, name: &str, bracket: u8) {
    if !name.is_empty() {
        json.key(name);
    }
    json.source([bracket]);
}

/// A model's id as one segment of a path: ids hold `:`, ARNs `/` (RFC 3986 §2.3).
fn percent_encoded(id: &str) -> String {
    let mut out = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
