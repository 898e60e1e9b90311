//! The texts of a request: the messages of a conversation, or inputs that stand each for itself.

use serde_json::Value;

/// Texts that stand each for itself; token ids stay what they are, and the parts of one text are
/// one.
pub(super) fn several(said: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| match value.get("text").unwrap_or(value) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match said {
        Some(Value::Array(list)) if list.iter().any(|part| part.get("type").is_some()) => {
            let texts = list.iter().filter_map(|part| part.get("text")?.as_str());
            vec![texts.collect::<Vec<_>>().join("\n")]
        }
        Some(Value::Array(list)) if list.first().is_some_and(Value::is_number) => {
            said.into_iter().map(text).collect()
        }
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(Value::String(only)) => vec![only.clone()],
        _ => Vec::new(),
    }
}

/// The texts that were collected, message by message; the last one counts.
#[derive(Default)]
pub(super) struct Conversation {
    /// Text of the last message that was not the model's own.
    pub(super) text: String,
    /// True if that message was the user's rather than a tool's.
    pub(super) from_user: bool,
    pub(super) images: u64,
    /// Bytes of text in the whole conversation.
    pub(super) bytes: usize,
}

impl Conversation {
    pub(super) fn message(&mut self, role: &str, text: &str) {
        self.bytes += text.len();
        if matches!(role, "user" | "tool" | "function") {
            text.clone_into(&mut self.text);
            self.from_user = role == "user";
        }
    }

    /// A message of `messages`, or an item of `input`.
    pub(super) fn item(&mut self, item: &Value) {
        let field = |name| item.get(name).and_then(Value::as_str);
        let (role, content) = match field("type") {
            Some("function_call_output" | "custom_tool_call_output") => {
                ("tool", item.get("output"))
            }
            Some("function_call") => ("assistant", item.get("arguments")),
            _ => (field("role").unwrap_or("assistant"), item.get("content")),
        };
        let mut parts = Vec::new();
        let mut result = false;
        self.texts(content, &mut parts, &mut result);
        let role = if result { "tool" } else { role };
        self.message(role, &parts.join("\n"));
        for call in list(item.get("tool_calls")) {
            let arguments = call.pointer("/function/arguments").and_then(Value::as_str);
            self.bytes += arguments.map_or(0, str::len);
        }
    }

    /// Collects the texts of a content: a string, or parts; a tool's result holds a content of its
    /// own.
    fn texts(&mut self, content: Option<&Value>, parts: &mut Vec<String>, result: &mut bool) {
        if let Some(Value::String(text)) = content {
            return parts.push(text.clone());
        }
        for part in list(content) {
            match part.get("type").and_then(Value::as_str) {
                Some("text" | "input_text" | "output_text") => {
                    let text = part.get("text").and_then(Value::as_str);
                    parts.extend(text.map(str::to_owned));
                }
                Some("tool_result") => {
                    *result = true;
                    self.texts(part.get("content"), parts, result);
                }
                Some("tool_use") => {
                    self.bytes += part.get("input").map_or(0, |input| input.to_string().len());
                }
                Some("image_url" | "input_image" | "image") => self.images += 1,
                _ => {}
            }
        }
    }
}

pub(super) fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}
