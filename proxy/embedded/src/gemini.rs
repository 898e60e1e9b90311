//! `gemini.generate`, as the embedded model writes it: whole, as events, or as the array that comes
//! without `alt=sse`.

use serde_json::{Map, Value, json};

use super::{body::Events, conversation::list, id, quote, request::Request};

/// The same request as the embedded model reads all of them. Keys come in two spellings.
pub(super) fn as_chat(mut raw: Map<String, Value>, model: String) -> Map<String, Value> {
    if let Some(Value::Object(inner)) = take(&mut raw, "generateContentRequest") {
        raw = inner; // of `:countTokens`
    }
    let config = match take(&mut raw, "generationConfig") {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    let messages: Vec<_> = list(raw.get("contents")).map(message).collect();
    let system = take(&mut raw, "systemInstruction");
    let system = system.as_ref().map(|system| {
        let mut said = message(system);
        said["role"] = "system".into();
        said
    });
    let tools: Vec<Value> = list(raw.get("tools"))
        .flat_map(|tool| list(field(tool, "functionDeclarations")).cloned())
        .collect();
    let mut chat = Map::new();
    chat.insert("model".into(), model.into());
    if raw.contains_key("contents") {
        let all: Vec<_> = system.into_iter().chain(messages).collect();
        chat.insert("messages".into(), all.into());
    }
    if !tools.is_empty() {
        chat.insert("tools".into(), tools.into());
    }
    if let Some(choice) = choice(take(&mut raw, "toolConfig").as_ref()) {
        chat.insert("tool_choice".into(), choice);
    }
    let config = Value::Object(config);
    if let Some(count) = field(&config, "candidateCount") {
        chat.insert("n".into(), count.clone());
    }
    let schema = field(&config, "responseJsonSchema").or_else(|| field(&config, "responseSchema"));
    if let Some(schema) = schema {
        let format = json!({"type": "json_schema", "schema": schema});
        chat.insert("response_format".into(), format);
    } else if field(&config, "responseMimeType").is_some_and(|kind| kind == "application/json") {
        chat.insert("response_format".into(), json!({"type": "json_object"}));
    }
    let thinking = field(&config, "thinkingConfig");
    if thinking.and_then(|t| field(t, "includeThoughts")) == Some(&Value::Bool(true)) {
        chat.insert("reasoning_effort".into(), "low".into());
    }
    chat
}

fn choice(config: Option<&Value>) -> Option<Value> {
    let calling = field(config?, "functionCallingConfig")?;
    let mode = calling.get("mode")?.as_str()?;
    let named = list(field(calling, "allowedFunctionNames")).next();
    match (mode, named) {
        ("NONE", _) => Some("none".into()),
        ("ANY", Some(name)) => Some(json!({"name": name})),
        ("ANY", None) => Some("required".into()),
        _ => None,
    }
}

/// A turn as a message with parts that the embedded model knows.
fn message(turn: &Value) -> Value {
    let role = match turn.get("role").and_then(Value::as_str) {
        Some("model") => "assistant",
        Some("function") => "tool",
        _ => "user",
    };
    let parts = list(turn.get("parts")).filter_map(|part| {
        if let Some(text) = part.get("text") {
            return Some(json!({"type": "text", "text": text}));
        }
        if let Some(response) = field(part, "functionResponse") {
            let response = response.get("response").unwrap_or(&Value::Null);
            let text = match response.get("result").or_else(|| response.get("output")) {
                Some(Value::String(text)) => text.clone(),
                _ => response.to_string(),
            };
            return Some(json!({"type": "tool_result", "content": text}));
        }
        if let Some(call) = field(part, "functionCall") {
            return Some(json!({"type": "tool_use", "input": call.get("args")}));
        }
        field(part, "inlineData").map(|_| json!({"type": "image"}))
    });
    let parts: Vec<_> = parts.collect();
    json!({"role": role, "content": parts})
}

/// A member by its name, or by the other spelling of it.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name).or_else(|| value.get(snake(name)))
}

fn take(raw: &mut Map<String, Value>, name: &str) -> Option<Value> {
    raw.remove(name).or_else(|| raw.remove(&snake(name)))
}

fn snake(name: &str) -> String {
    let spelled = name.chars().map(|letter| match letter.is_uppercase() {
        true => format!("_{}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    });
    spelled.collect()
}

/// The count of a request's tokens.
pub(super) fn count(request: &Request) -> String {
    format!(r#"{{"totalTokens":{}}}"#, request.input_tokens)
}

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let mut parts = Vec::new();
    if let Some(reasoning) = &request.reasoning {
        parts.push(text(reasoning, true));
    }
    if request.calls.is_empty() {
        parts.push(text(&request.text, false));
    }
    parts.extend(calls(request));
    let candidates: Vec<_> = (0..request.choices)
        .map(|index| candidate(index, &parts.join(","), true))
        .collect();
    chunk(
        request,
        &id("r-"),
        &candidates.join(","),
        Some(usage(request)),
    )
}

/// The same as events.
pub(super) fn stream(request: &Request) -> Events {
    let mut events = Events::default();
    for chunk in chunks(request) {
        events.data(format_args!("{chunk}"));
    }
    events
}

/// The same as one array.
pub(super) fn listed(request: &Request) -> String {
    format!("[{}]", chunks(request).join(",\r\n"))
}

/// Candidates take turns; every chunk reports the usage so far, as the API's do.
fn chunks(request: &Request) -> Vec<String> {
    let id = id("r-");
    let mut pieces: Vec<String> = Vec::new();
    let thoughts = request.pieces(request.reasoning.as_deref().unwrap_or_default());
    pieces.extend(thoughts.into_iter().map(|piece| text(piece, true)));
    if request.calls.is_empty() {
        let said = request.pieces(&request.text);
        pieces.extend(said.into_iter().map(|piece| text(piece, false)));
    }
    pieces.extend(calls(request));
    pieces.push(text("", false));
    let last = pieces.len() - 1;
    let mut chunks = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        for index in 0..request.choices {
            let ends = at == last;
            let usage = match ends {
                true => usage(request),
                false => format!(
                    r#"{{"promptTokenCount":{0},"totalTokenCount":{0}}}"#,
                    request.input_tokens
                ),
            };
            chunks.push(chunk(
                request,
                &id,
                &candidate(index, piece, ends),
                Some(usage),
            ));
        }
    }
    chunks
}

fn text(text: &str, thought: bool) -> String {
    let thought = if thought { r#","thought":true"# } else { "" };
    format!(r#"{{"text":{}{thought}}}"#, quote(text))
}

fn calls(request: &Request) -> impl Iterator<Item = String> {
    request.calls.iter().map(|call| {
        format!(
            r#"{{"functionCall":{{"name":{},"args":{}}}}}"#,
            quote(&call.name),
            call.arguments
        )
    })
}

fn candidate(index: u64, parts: &str, ends: bool) -> String {
    let finish = if ends {
        r#","finishReason":"STOP""#
    } else {
        ""
    };
    format!(r#"{{"content":{{"parts":[{parts}],"role":"model"}}{finish},"index":{index}}}"#)
}

fn chunk(request: &Request, id: &str, candidates: &str, usage: Option<String>) -> String {
    let usage = usage.map_or_else(String::new, |usage| format!(r#","usageMetadata":{usage}"#));
    format!(
        r#"{{"candidates":[{candidates}]{usage},"modelVersion":{},"responseId":"{id}"}}"#,
        quote(&request.model)
    )
}

fn usage(request: &Request) -> String {
    let (input, output) = (request.input_tokens, request.output_tokens());
    let thoughts = request.reasoning_tokens();
    let thoughts_count = match thoughts {
        0 => String::new(),
        _ => format!(r#","thoughtsTokenCount":{thoughts}"#),
    };
    format!(
        r#"{{"promptTokenCount":{input},"candidatesTokenCount":{},"totalTokenCount":{}{thoughts_count}}}"#,
        output - thoughts,
        input + output
    )
}

/// The one model there is.
pub(super) fn model(name: &str) -> String {
    let (path, name) = (quote(&format!("models/{name}")), quote(name));
    format!(
        r#"{{"name":{path},"version":"001","displayName":{name},"inputTokenLimit":1048576,"outputTokenLimit":1048576,"supportedGenerationMethods":["generateContent","countTokens"]}}"#
    )
}
