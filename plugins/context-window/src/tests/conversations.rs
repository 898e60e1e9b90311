//! Conversations as apps write them, in every dialect, and the rules that providers have for them.
#![expect(clippy::unwrap_used, reason = "tests")]

use outrigger_sdk::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) const DIALECTS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenaiResponses,
    Dialect::GeminiGenerate,
];

/// A turn as it is generated: what the user says, what tools return, what the model says. Lengths
/// in words.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) user: usize,
    pub(super) steps: Vec<Vec<ToolResult>>,
    pub(super) answer: usize,
}

#[derive(Debug, Clone)]
pub(super) enum ToolResult {
    Words(usize),
    Json(usize),
    Same(u8),
}

pub(super) fn turn() -> impl Strategy<Value = Turn> {
    let result = prop_oneof![
        (1..200_usize).prop_map(ToolResult::Words),
        (1..40_usize).prop_map(ToolResult::Json),
        (0..3_u8).prop_map(ToolResult::Same),
    ];
    (
        1..80_usize,
        prop::collection::vec(prop::collection::vec(result, 1..3), 0..4),
        1..80_usize,
    )
        .prop_map(|(user, steps, answer)| Turn {
            user,
            steps,
            answer,
        })
}

pub(super) fn words(count: usize, seed: usize) -> String {
    (0..count)
        .map(|at| ["alpha", "beta", "gamma", "delta", "epsilon"][(at * 7 + seed) % 5])
        .collect::<Vec<_>>()
        .join(" ")
        + &format!(" #{seed}")
}

pub(super) fn returned(result: &ToolResult, seed: usize) -> String {
    match result {
        ToolResult::Words(count) => words(*count, seed),
        ToolResult::Json(count) => serde_json::to_string_pretty(
            &(0..*count)
                .map(|at| json!({ "id": at, "seed": seed }))
                .collect::<Vec<_>>(),
        )
        .unwrap(),
        ToolResult::Same(which) => words(60, usize::from(*which) + 1_000_000),
    }
}

/// The turns as a request's body.
pub(super) fn body(dialect: Dialect, turns: &[Turn]) -> Value {
    let mut messages = Vec::new();
    if dialect == Dialect::OpenaiChat {
        messages.push(json!({ "role": "system", "content": "You help." }));
    }
    for (number, turn) in turns.iter().enumerate() {
        let seed = number * 100;
        let (said, answer) = (words(turn.user, seed), words(turn.answer, seed + 1));
        messages.push(match dialect {
            Dialect::GeminiGenerate => json!({ "role": "user", "parts": [{ "text": said }] }),
            _ => json!({ "role": "user", "content": said }),
        });
        for (step, results) in turn.steps.iter().enumerate() {
            let results: Vec<(String, String)> = results
                .iter()
                .enumerate()
                .map(|(at, result)| {
                    (
                        format!("c{seed}-{step}-{at}"),
                        returned(result, seed + step * 10 + at),
                    )
                })
                .collect();
            tool_step(dialect, &results, &mut messages);
        }
        messages.push(match dialect {
            Dialect::GeminiGenerate => json!({ "role": "model", "parts": [{ "text": answer }] }),
            Dialect::OpenaiResponses => json!({ "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": answer }] }),
            _ => json!({ "role": "assistant", "content": answer }),
        });
    }
    // The request is made when the user has spoken.
    messages.pop();
    match dialect {
        Dialect::OpenaiChat => json!({ "model": "m", "messages": messages }),
        Dialect::AnthropicMessages => {
            json!({ "model": "m", "max_tokens": 10, "system": "You help.", "messages": messages })
        }
        Dialect::OpenaiResponses => {
            json!({ "model": "m", "instructions": "You help.", "input": messages })
        }
        _ => json!({ "contents": messages }),
    }
}

pub(super) fn tool_step(dialect: Dialect, results: &[(String, String)], messages: &mut Vec<Value>) {
    match dialect {
        Dialect::OpenaiChat => {
            let calls: Vec<Value> = results.iter().map(|(id, _)| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } })).collect();
            messages.push(json!({ "role": "assistant", "content": null, "tool_calls": calls }));
            messages.extend(
                results.iter().map(
                    |(id, text)| json!({ "role": "tool", "tool_call_id": id, "content": text }),
                ),
            );
        }
        Dialect::AnthropicMessages => {
            let calls: Vec<Value> = results
                .iter()
                .map(|(id, _)| json!({ "type": "tool_use", "id": id, "name": "f", "input": {} }))
                .collect();
            let answers: Vec<Value> = results.iter().map(|(id, text)| json!({ "type": "tool_result", "tool_use_id": id, "content": text })).collect();
            messages.push(json!({ "role": "assistant", "content": calls }));
            messages.push(json!({ "role": "user", "content": answers }));
        }
        Dialect::OpenaiResponses => {
            messages.push(
                json!({ "type": "reasoning", "id": format!("r{}", results[0].0), "summary": [] }),
            );
            messages.extend(results.iter().map(|(id, _)| json!({ "type": "function_call", "call_id": id, "name": "f", "arguments": "{}" })));
            messages.extend(results.iter().map(|(id, text)| json!({ "type": "function_call_output", "call_id": id, "output": text })));
        }
        _ => {
            let calls: Vec<Value> = results
                .iter()
                .map(|(id, _)| json!({ "functionCall": { "id": id, "name": "f", "args": {} } }))
                .collect();
            let answers: Vec<Value> = results.iter().map(|(id, text)| json!({ "functionResponse": { "id": id, "name": "f", "response": { "text": text } } })).collect();
            messages.push(json!({ "role": "model", "parts": calls }));
            messages.push(json!({ "role": "user", "parts": answers }));
        }
    }
}

pub(super) fn messages(dialect: Dialect, body: &Value) -> Vec<Value> {
    let key = match dialect {
        Dialect::OpenaiResponses => "input",
        Dialect::GeminiGenerate => "contents",
        _ => "messages",
    };
    body[key].as_array().unwrap().clone()
}

/// Every string under a key, anywhere in a value, in order.
pub(super) fn all<'a>(value: &'a Value, wanted: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| match value {
            Value::String(text) if key == wanted => found.push(text),
            _ => all(value, wanted, found),
        }),
        Value::Array(list) => list.iter().for_each(|value| all(value, wanted, found)),
        _ => {}
    }
}

/// Ids of calls and of results in one message.
pub(super) fn ids(message: &Value) -> (Vec<&str>, Vec<&str>) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    all(&message["tool_calls"], "id", &mut calls);
    results.extend(message["tool_call_id"].as_str());
    match message["type"].as_str() {
        Some("function_call") => calls.extend(message["call_id"].as_str()),
        Some("function_call_output") => results.extend(message["call_id"].as_str()),
        _ => {}
    }
    for block in message["content"]
        .as_array()
        .or(message["parts"].as_array())
        .into_iter()
        .flatten()
    {
        if block["type"] == "tool_use" {
            calls.extend(block["id"].as_str());
        }
        results.extend(block["tool_use_id"].as_str());
        all(&block["functionCall"], "id", &mut calls);
        all(&block["functionResponse"], "id", &mut results);
    }
    (calls, results)
}

/// Checks the rules that every provider has for a conversation.
pub(super) fn valid(dialect: Dialect, sent: &[Value]) -> Result<(), String> {
    let speaks = |message: &&Value| message["role"] != "system";
    let first = sent.iter().find(speaks).ok_or("nothing is left")?;
    if first["role"] != "user" || !ids(first).1.is_empty() {
        return Err(format!("it begins with {first}"));
    }
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    for (at, message) in sent.iter().enumerate() {
        let (calls, results) = ids(message);
        for id in &results {
            let place = open
                .iter()
                .position(|open| open == id)
                .ok_or(format!("{id} answers no call"))?;
            open.remove(place);
        }
        let says = results.is_empty() && calls.is_empty() && message["type"] != "reasoning";
        if says && !open.is_empty() {
            return Err(format!("{open:?} are not answered before {message}"));
        }
        if message["type"] == "reasoning" {
            let id = message["id"].as_str().unwrap().trim_start_matches('r');
            let next = sent.get(at + 1).ok_or("reasoning is the end")?;
            if next["call_id"] != id {
                return Err(format!("{id} led to something else"));
            }
        }
        open.extend(calls.iter().copied());
        seen.extend(calls);
        let twice = at.checked_sub(1).is_some_and(|before| {
            sent[before]["role"] == "assistant" && message["role"] == "assistant"
        });
        if dialect == Dialect::AnthropicMessages && twice {
            return Err("the model speaks twice".into());
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("{open:?} are never answered"))
    }
}
