//! `gemini.interactions`, as the embedded model writes it. It keeps none: each is answered by what
//! it holds itself.

use serde_json::{Map, Value, json};

use super::{
    body::Events,
    conversation::list,
    id, quote,
    request::{Block, Request},
};

/// The same request as the embedded model reads all of them.
pub(super) fn as_chat(mut raw: Map<String, Value>) -> Map<String, Value> {
    let mut chat = Map::new();
    for name in ["stream", "tools"] {
        if let Some(value) = raw.remove(name) {
            chat.insert(name.into(), value);
        }
    }
    if let Some(model) = raw.remove("model").or_else(|| raw.remove("agent")) {
        chat.insert("model".into(), model);
    }
    if let Some(input) = raw.remove("input") {
        let system = raw.remove("system_instruction");
        let system = system.map(|text| json!({"role": "system", "content": text}));
        let all: Vec<_> = system.into_iter().chain(messages(input)).collect();
        chat.insert("messages".into(), all.into());
    }
    if let Some(format) = format(&raw) {
        chat.insert("response_format".into(), format);
    }
    let config = |name: &str| raw.get("generation_config").and_then(|all| all.get(name));
    let chosen = config("tool_choice");
    let allowed = chosen.and_then(|chosen| chosen.get("allowed_tools"));
    let mode = allowed.and_then(|allowed| allowed.get("mode")).or(chosen);
    let named = list(allowed.and_then(|allowed| allowed.get("tools"))).next();
    if let Some(mode) = mode.filter(|mode| mode.is_string()) {
        let choice = match named.filter(|_| mode == "any") {
            Some(name) => json!({ "name": name }),
            None => mode.clone(),
        };
        chat.insert("tool_choice".into(), choice);
    }
    let summaries = config("thinking_summaries").is_some_and(|wanted| wanted == "auto");
    if summaries || config("thinking_level").is_some_and(Value::is_string) {
        chat.insert("reasoning_effort".into(), "low".into());
    }
    chat
}

/// The form of the output: one that is named, or as it once was, the schema itself.
fn format(raw: &Map<String, Value>) -> Option<Value> {
    let of_json = |kind: &Value| kind == "application/json";
    let (format, kind) = (raw.get("response_format"), raw.get("response_mime_type"));
    let all = format.into_iter().flat_map(|format| match format {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    });
    let text = all
        .clone()
        .find(|one| one.get("mime_type").is_some_and(of_json));
    let bare = all.clone().next().filter(|_| kind.is_some_and(of_json));
    match (text.and_then(|text| text.get("schema")).or(bare), text) {
        (Some(schema), _) => Some(json!({"type": "json_schema", "schema": schema})),
        (None, Some(_)) => Some(json!({"type": "json_object"})),
        (None, None) => (kind.is_some_and(of_json)).then(|| json!({"type": "json_object"})),
    }
}

/// The input as messages: a text, a content or contents of the user's, steps, or the turns of the
/// older form.
fn messages(input: Value) -> Vec<Value> {
    let is_step = |one: &Value| {
        let kind = one.get("type").and_then(Value::as_str);
        one.get("role").is_some()
            || kind.is_some_and(|kind| {
                matches!(kind, "user_input" | "model_output" | "thought")
                    || kind.ends_with("_call")
                    || kind.ends_with("_result")
            })
    };
    match input {
        Value::Array(steps) if steps.iter().any(is_step) => steps.iter().map(step).collect(),
        Value::Object(content) => vec![json!({"role": "user", "content": [content]})],
        content => vec![json!({"role": "user", "content": content})],
    }
}

/// A step as a message with parts that the embedded model knows.
fn step(step: &Value) -> Value {
    let role = step.get("role").or_else(|| step.get("type"));
    match role.and_then(Value::as_str).unwrap_or_default() {
        "user" | "user_input" => json!({"role": "user", "content": step.get("content")}),
        "function_result" => {
            let content = match step.get("result") {
                Some(text @ Value::String(_)) => text.clone(),
                Some(parts @ Value::Array(_)) => parts.clone(),
                other => other.map(Value::to_string).unwrap_or_default().into(),
            };
            json!({"role": "user", "content": [{"type": "tool_result", "content": content}]})
        }
        "function_call" => {
            let call = json!({"type": "tool_use", "input": step.get("arguments")});
            json!({"role": "assistant", "content": [call]})
        }
        _ => {
            let content = step.get("content").or_else(|| step.get("summary"));
            json!({"role": "assistant", "content": content})
        }
    }
}

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let text = |text: &str| format!(r#"{{"type":"text","text":{}}}"#, quote(text));
    let steps = request.blocks().map(|block| match block {
        Block::Reasoning(said) => format!(
            r#"{{"type":"thought","signature":"{}","summary":[{}]}}"#,
            super::messages::SIGNATURE,
            text(said)
        ),
        Block::Text(said) => format!(r#"{{"type":"model_output","content":[{}]}}"#, text(said)),
        Block::Call(call) => format!(
            r#"{{"type":"function_call","id":"{}","name":{},"arguments":{}}}"#,
            call.id,
            quote(&call.name),
            call.arguments
        ),
    });
    let steps = steps.collect::<Vec<_>>().join(",");
    let more = format!(r#","steps":[{steps}],"usage":{}"#, usage(request));
    interaction(request, &id("v1_"), status(request), &more)
}

fn interaction(request: &Request, id: &str, status: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"interaction","status":"{status}","role":"model","model":{}{more}}}"#,
        quote(&request.model)
    )
}

/// The same as events.
pub(super) fn stream(request: &Request) -> Events {
    let mut events = Events::default();
    let id = id("v1_");
    events.open_with(2); // the interaction, its first step
    let begun = interaction(request, &id, "in_progress", "");
    add(
        &mut events,
        "interaction.created",
        &format!(r#""interaction":{begun}"#),
    );
    for (index, block) in request.blocks().enumerate() {
        let step = match &block {
            Block::Reasoning(_) => r#"{"type":"thought"}"#.to_owned(),
            Block::Text(_) => r#"{"type":"model_output"}"#.to_owned(),
            Block::Call(call) => format!(
                r#"{{"type":"function_call","id":"{}","name":{},"arguments":{{}}}}"#,
                call.id,
                quote(&call.name)
            ),
        };
        let at = format!(r#""index":{index}"#);
        add(&mut events, "step.start", &format!(r#"{at},"step":{step}"#));
        let (text, before, after) = match block {
            Block::Reasoning(text) => {
                let before = r#""thought_summary","content":{"type":"text","text":"#;
                (text, before, "}")
            }
            Block::Text(text) => (text, r#""text","text":"#, ""),
            Block::Call(call) => (
                call.arguments.as_str(),
                r#""arguments_delta","arguments":"#,
                "",
            ),
        };
        for piece in request.pieces(text) {
            let delta = format!(r#"{at},"delta":{{"type":{before}{}{after}}}"#, quote(piece));
            add(&mut events, "step.delta", &delta);
        }
        if let Block::Reasoning(_) = block {
            let signature = super::messages::SIGNATURE;
            let delta = format!(r#"{{"type":"thought_signature","signature":"{signature}"}}"#);
            add(
                &mut events,
                "step.delta",
                &format!(r#"{at},"delta":{delta}"#),
            );
        }
        add(&mut events, "step.stop", &at);
    }
    let usage = format!(r#","usage":{}"#, usage(request));
    let done = interaction(request, &id, status(request), &usage);
    add(
        &mut events,
        "interaction.completed",
        &format!(r#""interaction":{done}"#),
    );
    events.named("done", format_args!("[DONE]"));
    events
}

fn add(events: &mut Events, kind: &str, members: &str) {
    events.named(kind, format_args!(r#"{{"event_type":"{kind}",{members}}}"#));
}

fn status(request: &Request) -> &'static str {
    match request.calls.is_empty() {
        true => "completed",
        false => "requires_action",
    }
}

fn usage(request: &Request) -> String {
    let (input, output) = (request.input_tokens, request.output_tokens());
    let thoughts = request.reasoning_tokens();
    format!(
        r#"{{"total_input_tokens":{input},"total_output_tokens":{},"total_thought_tokens":{thoughts},"total_tokens":{}}}"#,
        output - thoughts,
        input + output
    )
}
