#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use Place::{
    Assistant, Metadata, Other, Reasoning, Refusal, System, ToolArguments, ToolDefinition,
    ToolResult, User,
};

mod cases;
mod conversations;
mod edits;
mod gemini;
mod inputs;
mod interactions;
mod lists;
mod properties;
mod system;
mod usage;

const DIALECTS: [Dialect; 7] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::OpenaiCompletions,
    Dialect::OpenaiEmbeddings,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
    Dialect::GeminiInteractions,
];
/// The path of Gemini's requests.
const PATH: &str = "/v1beta/models/m:generateContent";

/// A body as it came.
fn wire(dialect: Dialect, json: impl Into<Vec<u8>>) -> Body {
    Body::wire(dialect, json.into().into()).at(PATH)
}

/// The same, indexed.
fn indexed(dialect: Dialect, json: impl Into<Vec<u8>>) -> Body {
    let mut body = wire(dialect, json);
    body.index().unwrap();
    body
}

fn chat(json: impl Into<Vec<u8>>) -> Body {
    indexed(Dialect::OpenaiChat, json)
}

/// All passages: place, message, text.
fn all(body: &Body) -> Vec<(Place, u32, String)> {
    let passages = body.passages(Places::ALL, 0, u32::MAX);
    passages
        .into_iter()
        .map(|p| (p.place, p.message, p.text))
        .collect()
}

/// The id of the passage that reads `text`.
fn id(body: &Body, text: &str) -> u32 {
    let passages = body.passages(Places::ALL, 0, u32::MAX);
    passages.iter().find(|p| p.text == text).unwrap().id
}

fn rendered(body: &Body) -> String {
    String::from_utf8(body.render().to_vec()).unwrap()
}
