//! Replies in which a model calls a tool, in the words of each API.

use serde_json::{Value, json};

use crate::replies::{self, Api};
use crate::upstream::{Seen, Step};

/// The reply in which a model calls a tool, whole or streamed as the request wants it; arguments
/// that are streamed come in these pieces.
pub fn call(seen: &Seen, name: &str, arguments: &[&str]) -> Vec<Step> {
    let api = Api::of(seen.path());
    match seen.streams() {
        true => replies::stream(&call_events(api, name, arguments)),
        false => {
            let whole = whole_call(api, name, &arguments.concat());
            vec![Step::Send(replies::json_body(&whole.to_string()))]
        }
    }
}

fn whole_call(api: Api, name: &str, arguments: &str) -> Value {
    let object = || serde_json::from_str::<Value>(arguments).unwrap();
    match api {
        Api::Chat => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
                "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
                    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}]}}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
        }
        Api::Responses => {
            json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
                "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "output": [function_call(name, arguments, "completed")],
                "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
                    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}})
        }
        Api::Messages => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "stop_sequence": null,
                "content": [{"type": "tool_use", "id": "toolu_1", "name": name, "input": object()}],
                "usage": {"input_tokens": 10, "output_tokens": 5}})
        }
        Api::Gemini => {
            json!({"candidates": [{"index": 0, "finishReason": "STOP",
                    "content": {"role": "model", "parts": [{"functionCall": {"name": name, "args": object()}}]}}],
                "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}, "modelVersion": "m"})
        }
    }
}

fn function_call(name: &str, arguments: &str, status: &str) -> Value {
    json!({"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments, "status": status})
}

fn call_events(api: Api, name: &str, pieces: &[&str]) -> Vec<String> {
    let whole = whole_call(api, name, &pieces.concat());
    let named = |kind: &str, mut body: Value| {
        body["type"] = kind.into();
        format!("event: {kind}\ndata: {body}\n\n")
    };
    let mut events = Vec::new();
    match api {
        Api::Chat => {
            let chunk = |delta: Value, finish: Value| {
                let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                format!(
                    "data: {}\n\n",
                    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})
                )
            };
            let first = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}});
            events.push(chunk(
                json!({"role": "assistant", "tool_calls": [first]}),
                Value::Null,
            ));
            events.extend(pieces.iter().map(|piece| {
                let more = json!({"index": 0, "function": {"arguments": piece}});
                chunk(json!({"tool_calls": [more]}), Value::Null)
            }));
            events.push(chunk(json!({}), "tool_calls".into()));
            events.push("data: [DONE]\n\n".to_owned());
        }
        Api::Responses => {
            let mut number = 0;
            let mut event = |kind: &str, mut body: Value| {
                body["sequence_number"] = number.into();
                number += 1;
                named(kind, body)
            };
            let mut begun = whole.clone();
            begun["status"] = "in_progress".into();
            begun["output"] = json!([]);
            begun["usage"] = Value::Null;
            events.push(event("response.created", json!({"response": begun})));
            let item = function_call(name, "", "in_progress");
            events.push(event(
                "response.output_item.added",
                json!({"output_index": 0, "item": item}),
            ));
            for piece in pieces {
                events.push(event(
                    "response.function_call_arguments.delta",
                    json!({"item_id": "fc_1", "output_index": 0, "delta": piece}),
                ));
            }
            let all = pieces.concat();
            events.push(event(
                "response.function_call_arguments.done",
                json!({"item_id": "fc_1", "output_index": 0, "arguments": all}),
            ));
            let item = function_call(name, &all, "completed");
            events.push(event(
                "response.output_item.done",
                json!({"output_index": 0, "item": item}),
            ));
            events.push(event("response.completed", json!({"response": whole})));
        }
        Api::Messages => {
            let mut message = whole.clone();
            message["content"] = json!([]);
            message["stop_reason"] = Value::Null;
            events.push(named("message_start", json!({"message": message})));
            let block = json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": {}});
            events.push(named(
                "content_block_start",
                json!({"index": 0, "content_block": block}),
            ));
            events.extend(pieces.iter().map(|piece| {
                let delta = json!({"type": "input_json_delta", "partial_json": piece});
                named("content_block_delta", json!({"index": 0, "delta": delta}))
            }));
            events.push(named("content_block_stop", json!({"index": 0})));
            events.push(named("message_delta", json!({"delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 5}})));
            events.push(named("message_stop", json!({})));
        }
        Api::Gemini => events.push(format!("data: {whole}\r\n\r\n")),
    }
    events
}
