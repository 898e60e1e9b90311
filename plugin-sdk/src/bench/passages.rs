//! The places of passages in a request body.

use serde_json::Value;

use crate::{Dialect, NO_MESSAGE, Place};

/// One passage's place in the body.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// JSON pointer of the value.
    pub(super) pointer: String,
    pub(super) place: Place,
    pub(super) message: u32,
}

/// The key under which a dialect keeps its messages.
pub(super) const fn messages_key(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiResponses => "input",
        Dialect::OpenaiConversations => "items",
        _ => "messages",
    }
}

/// Lists the passages of a body in the order of the conversation; tools and metadata last.
pub(super) fn find(dialect: Dialect, body: &Value) -> Vec<Spot> {
    let mut walk = Walk {
        body,
        spots: Vec::new(),
    };
    match dialect {
        Dialect::OpenaiChat => walk.messages("/messages", Walk::openai_message),
        Dialect::OpenaiResponses => {
            walk.content("/instructions", Place::System, NO_MESSAGE);
            if body["input"].is_string() {
                walk.content("/input", Place::User, 0);
            }
            walk.messages("/input", Walk::responses_item);
        }
        Dialect::AnthropicMessages => {
            walk.content("/system", Place::System, NO_MESSAGE);
            walk.messages("/messages", Walk::anthropic_message);
        }
        Dialect::GeminiInteractions => {
            walk.content("/system_instruction", Place::System, NO_MESSAGE);
            walk.content("/input", Place::User, 0);
        }
        Dialect::AnthropicBatches => walk.batch(),
        Dialect::OpenaiConversations => walk.messages("/items", Walk::responses_item),
        _ => {}
    }
    walk.tools_and_metadata();
    walk.spots
}

struct Walk<'a> {
    body: &'a Value,
    spots: Vec<Spot>,
}

impl Walk<'_> {
    fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    fn messages(&mut self, list: &str, one: fn(&mut Self, &str, u32)) {
        let count = self.at(list).as_array().map_or(0, Vec::len);
        for (message, index) in (0..).zip(0..count) {
            one(self, &format!("{list}/{index}"), message);
        }
    }

    /// The messages of all requests are numbered through.
    fn batch(&mut self) {
        let mut first = 0;
        let requests = self.at("/requests").as_array().map_or(0, Vec::len);
        for request in 0..requests {
            let params = format!("/requests/{request}/params");
            self.content(&format!("{params}/system"), Place::System, NO_MESSAGE);
            let list = format!("{params}/messages");
            let count = self.at(&list).as_array().map_or(0, Vec::len);
            for (message, index) in (first..).zip(0..count) {
                self.anthropic_message(&format!("{list}/{index}"), message);
                first = message + 1;
            }
        }
    }

    fn openai_message(&mut self, at: &str, message: u32) {
        let place = role(self.at(at));
        self.content(
            &format!("{at}/reasoning_content"),
            Place::Reasoning,
            message,
        );
        self.content(&format!("{at}/content"), place, message);
        self.content(&format!("{at}/refusal"), Place::Refusal, message);
        self.each(&format!("{at}/tool_calls"), |walk, call| {
            walk.string(
                format!("{call}/function/arguments"),
                Place::ToolArguments,
                message,
            );
        });
    }

    fn responses_item(&mut self, at: &str, message: u32) {
        match self.at(at)["type"].as_str().unwrap_or("message") {
            "function_call" => {
                self.string(format!("{at}/arguments"), Place::ToolArguments, message)
            }
            "function_call_output" => {
                self.content(&format!("{at}/output"), Place::ToolResult, message)
            }
            "reasoning" => self.content(&format!("{at}/summary"), Place::Reasoning, message),
            "message" => self.content(&format!("{at}/content"), role(self.at(at)), message),
            _ => {}
        }
    }

    fn anthropic_message(&mut self, at: &str, message: u32) {
        let place = role(self.at(at));
        let content = format!("{at}/content");
        if self.at(&content).is_string() {
            return self.string(content, place, message);
        }
        self.each(&content, |walk, block| {
            match walk.at(block)["type"].as_str() {
                Some("text") => walk.string(format!("{block}/text"), place, message),
                Some("tool_use") => {
                    walk.spot(format!("{block}/input"), Place::ToolArguments, message)
                }
                Some("tool_result") => {
                    walk.content(&format!("{block}/content"), Place::ToolResult, message)
                }
                _ => {}
            }
        });
    }

    /// A string, or parts with texts.
    fn content(&mut self, at: &str, place: Place, message: u32) {
        self.string(at.to_owned(), place, message);
        self.each(at, |walk, part| {
            walk.string(format!("{part}/text"), place, message);
            walk.string(format!("{part}/refusal"), Place::Refusal, message);
        });
    }

    fn tools_and_metadata(&mut self) {
        self.each("/tools", |walk, tool| walk.descriptions(tool));
        for name in ["user", "safety_identifier"] {
            self.string(format!("/{name}"), Place::Metadata, NO_MESSAGE);
        }
        let keys: Vec<String> = self.body["metadata"]
            .as_object()
            .into_iter()
            .flat_map(|map| map.keys().cloned())
            .collect();
        for key in keys {
            self.string(
                format!("/metadata/{}", escape(&key)),
                Place::Metadata,
                NO_MESSAGE,
            );
        }
    }

    fn descriptions(&mut self, at: &str) {
        match self.at(at) {
            Value::Object(map) => {
                let keys: Vec<String> = map.keys().cloned().collect();
                for key in keys {
                    let below = format!("{at}/{}", escape(&key));
                    if key == "description" {
                        self.string(below.clone(), Place::ToolDefinition, NO_MESSAGE);
                    }
                    self.descriptions(&below);
                }
            }
            Value::Array(_) => self.each(at, Self::descriptions),
            _ => {}
        }
    }

    fn each(&mut self, list: &str, mut one: impl FnMut(&mut Self, &str)) {
        for index in 0..self.at(list).as_array().map_or(0, Vec::len) {
            one(self, &format!("{list}/{index}"));
        }
    }

    fn string(&mut self, pointer: String, place: Place, message: u32) {
        if self.at(&pointer).is_string() {
            self.spot(pointer, place, message);
        }
    }

    fn spot(&mut self, pointer: String, place: Place, message: u32) {
        self.spots.push(Spot {
            pointer,
            place,
            message,
        });
    }
}

fn role(message: &Value) -> Place {
    match message["role"].as_str() {
        Some("system" | "developer") => Place::System,
        Some("assistant") => Place::Assistant,
        Some("tool" | "function") => Place::ToolResult,
        _ => Place::User,
    }
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
