//! Text added to the system prompt.

use serde_json::{Value, json};

use super::Request;
use crate::Dialect;

impl Request {
    pub(crate) fn add_system(&self, text: &str) -> Result<(), String> {
        let state = &mut *self.0.borrow_mut();
        let typed = json!({ "type": "text", "text": text });
        match state.dialect {
            Dialect::OpenaiChat => {
                let Some(messages) = state.body["messages"].as_array_mut() else {
                    return Err("`messages` is missing".into());
                };
                let system = |message: &&mut Value| {
                    matches!(message["role"].as_str(), Some("system" | "developer"))
                };
                match messages.iter_mut().take_while(system).last() {
                    Some(message) => append(&mut message["content"], text, json!(text), typed),
                    None => messages.insert(0, json!({ "role": "system", "content": text })),
                }
            }
            Dialect::OpenaiResponses => {
                let item = json!({ "role": "developer", "content": text });
                append(&mut state.body["instructions"], text, json!(text), item);
            }
            Dialect::AnthropicMessages => {
                append(&mut state.body["system"], text, json!(text), typed);
            }
            Dialect::AnthropicBatches => {
                for request in state.body["requests"].as_array_mut().into_iter().flatten() {
                    let system = &mut request["params"]["system"];
                    append(system, text, json!(text), typed.clone());
                }
            }
            Dialect::GeminiGenerate => {
                let parts = &mut state.body["systemInstruction"]["parts"];
                let part = json!({ "text": text });
                append(parts, text, json!([part]), part.clone());
            }
            Dialect::GeminiInteractions => {
                append(
                    &mut state.body["system_instruction"],
                    text,
                    json!(text),
                    typed,
                );
            }
            dialect => {
                let name = dialect.name();
                return Err(format!("a request of `{name}` has no system prompt"));
            }
        }
        state.index();
        Ok(())
    }
}

/// Continues a text, adds a part to a list, or puts a new value there.
fn append(value: &mut Value, text: &str, new: Value, part: Value) {
    match value {
        Value::String(old) if !old.is_empty() => *old = format!("{old}\n\n{text}"),
        Value::Array(parts) => parts.push(part),
        _ => *value = new,
    }
}
