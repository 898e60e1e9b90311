//! Amazon Bedrock's Converse, as the embedded model writes it: whole, or in binary frames.

use dialect::address;
use serde_json::{Map, Value, json};

use super::{
    body::Events,
    conversation::list,
    quote,
    request::{Block, Invalid, Request},
};

/// Adds to a request what stands in the path: the model, and whether it streams.
pub(super) fn addressed(raw: &mut Map<String, Value>, path: &str) -> Result<(), Invalid> {
    let model = path.rsplit_once("/model/").map(|(_, rest)| rest);
    let Some((model, operation)) = model.and_then(|rest| rest.split_once('/')) else {
        return Err(Invalid(
            "the path names no model; write `/model/MODEL/converse`".into(),
        ));
    };
    let operation = operation.split('?').next().unwrap_or_default();
    raw.insert("stream".into(), operation.ends_with("-stream").into());
    raw.insert("model".into(), address::decode(model).as_ref().into());
    Ok(())
}

/// The same request as the embedded model reads all of them.
pub(super) fn as_chat(mut raw: Map<String, Value>) -> Result<Map<String, Value>, Invalid> {
    let mut chat = Map::new();
    if let Some(turns) = raw.get("messages").filter(|turns| turns.is_array()) {
        let system = raw
            .get("system")
            .map(|system| json!({"role": "system", "content": system}));
        let all = system.iter().chain(list(Some(turns))).map(message);
        chat.insert("messages".into(), all.collect());
    }
    let tools = raw.remove("toolConfig").unwrap_or_default();
    let offered = list(tools.get("tools")).filter_map(|tool| tool.get("toolSpec"));
    let offered: Vec<Value> = offered
        .map(|tool| json!({"name": tool.get("name"), "parameters": tool.pointer("/inputSchema/json")}))
        .collect();
    if !offered.is_empty() {
        chat.insert("tools".into(), offered.into());
    }
    let choice = tools.get("toolChoice");
    if let Some(tool) = choice.and_then(|choice| choice.get("tool")) {
        chat.insert("tool_choice".into(), tool.clone());
    } else if choice.is_some_and(|choice| choice.get("any").is_some()) {
        chat.insert("tool_choice".into(), "any".into());
    }
    let body = Value::Object(raw);
    let schema = body.pointer("/outputConfig/textFormat/structure/jsonSchema/schema");
    if let Some(schema) = schema.and_then(Value::as_str) {
        let Ok(schema) = serde_json::from_str::<Value>(schema) else {
            return Err(Invalid(
                "the output format's `schema` is not valid JSON".into(),
            ));
        };
        let format = json!({"type": "json_schema", "schema": schema});
        chat.insert("response_format".into(), format);
    }
    // each maker of models has a member of its own
    let own = body.get("additionalModelRequestFields");
    let own = |name: &str| own.and_then(|own| own.get(name));
    let kind = own("thinking").or(own("reasoningConfig"));
    let kind = kind.and_then(|kind| kind.get("type"));
    let effort = match kind.and_then(Value::as_str) {
        Some("enabled" | "adaptive") => Some("low".into()),
        _ => own("reasoning_effort").cloned(),
    };
    if let Some(effort) = effort {
        chat.insert("reasoning_effort".into(), effort);
    }
    Ok(chat)
}

/// A message with parts that the embedded model knows.
fn message(message: &Value) -> Value {
    json!({"role": message.get("role"), "content": parts(message.get("content"))})
}

fn parts(content: Option<&Value>) -> Vec<Value> {
    let parts = list(content).filter_map(|part| {
        if let Some(text) = part.get("text") {
            return Some(json!({"type": "text", "text": text}));
        }
        if let Some(value) = part.get("json") {
            return Some(json!({"type": "text", "text": value.to_string()}));
        }
        if let Some(result) = part.get("toolResult") {
            let content = parts(result.get("content"));
            return Some(json!({"type": "tool_result", "content": content}));
        }
        if let Some(call) = part.get("toolUse") {
            return Some(json!({"type": "tool_use", "input": call.get("input")}));
        }
        part.get("image").map(|_| json!({"type": "image"}))
    });
    parts.collect()
}

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let blocks = request.blocks().map(|block| match block {
        Block::Reasoning(text) => format!(
            r#"{{"reasoningContent":{{"reasoningText":{{"text":{},"signature":"{SIGNATURE}"}}}}}}"#,
            quote(text)
        ),
        Block::Text(text) => format!(r#"{{"text":{}}}"#, quote(text)),
        Block::Call(call) => format!(
            r#"{{"toolUse":{{"toolUseId":"{}","name":{},"input":{}}}}}"#,
            call.id,
            quote(&call.name),
            call.arguments
        ),
    });
    format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{}]}}}},"stopReason":"{}",{}}}"#,
        blocks.collect::<Vec<_>>().join(","),
        stop(request),
        figures(request)
    )
}

/// A signature that looks real to a client that only carries it.
const SIGNATURE: &str = super::messages::SIGNATURE;

/// The same as frames; the usage comes behind the end.
pub(super) fn stream(request: &Request) -> Events {
    let mut events = Events::frames();
    events.open_with(1);
    events.frame("messageStart", r#"{"role":"assistant"}"#);
    for (index, block) in request.blocks().enumerate() {
        let mut delta = |delta: String| {
            events.frame(
                "contentBlockDelta",
                &format!(r#"{{"contentBlockIndex":{index},"delta":{delta}}}"#),
            );
        };
        match block {
            Block::Reasoning(text) => {
                for piece in request.pieces(text) {
                    delta(format!(
                        r#"{{"reasoningContent":{{"text":{}}}}}"#,
                        quote(piece)
                    ));
                }
                delta(format!(
                    r#"{{"reasoningContent":{{"signature":"{SIGNATURE}"}}}}"#
                ));
            }
            Block::Text(text) => {
                for piece in request.pieces(text) {
                    delta(format!(r#"{{"text":{}}}"#, quote(piece)));
                }
            }
            Block::Call(call) => {
                // of calls alone the beginning is said
                events.frame(
                    "contentBlockStart",
                    &format!(
                        r#"{{"contentBlockIndex":{index},"start":{{"toolUse":{{"toolUseId":"{}","name":{}}}}}}}"#,
                        call.id,
                        quote(&call.name)
                    ),
                );
                for piece in request.pieces(&call.arguments) {
                    events.frame(
                        "contentBlockDelta",
                        &format!(
                            r#"{{"contentBlockIndex":{index},"delta":{{"toolUse":{{"input":{}}}}}}}"#,
                            quote(piece)
                        ),
                    );
                }
            }
        }
        events.frame(
            "contentBlockStop",
            &format!(r#"{{"contentBlockIndex":{index}}}"#),
        );
    }
    let stop = stop(request);
    events.frame("messageStop", &format!(r#"{{"stopReason":"{stop}"}}"#));
    events.frame("metadata", &format!("{{{}}}", figures(request)));
    events
}

fn stop(request: &Request) -> &'static str {
    match request.calls.is_empty() {
        true => "end_turn",
        false => "tool_use",
    }
}

/// The members that are no content.
fn figures(request: &Request) -> String {
    let (input, output) = (request.input_tokens, request.output_tokens());
    format!(
        r#""usage":{{"inputTokens":{input},"outputTokens":{output},"totalTokens":{}}},"metrics":{{"latencyMs":1}}"#,
        input + output
    )
}
