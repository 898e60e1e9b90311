//! `openai.moderations`, as the embedded model writes it. It knows no meaning: a text is of the
//! categories that it names.

use serde_json::{Map, Value, json};

use super::{id, request::Request};

/// OpenAI's categories: <https://platform.openai.com/docs/guides/moderation>.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// The whole reply.
pub(super) fn whole(request: &Request) -> String {
    let verdicts: Vec<Value> = request.inputs.iter().map(|text| verdict(text)).collect();
    json!({"id": id("modr-"), "model": request.model, "results": verdicts}).to_string()
}

fn verdict(text: &str) -> Value {
    let named = |category: &str| {
        let inside = |byte: char| byte.is_alphanumeric() || matches!(byte, '/' | '-');
        text.split(|c: char| !inside(c))
            .any(|word| word == category)
    };
    let each = |value: &dyn Fn(bool) -> Value| -> Map<String, Value> {
        (CATEGORIES.iter())
            .map(|category| ((*category).to_owned(), value(named(category))))
            .collect()
    };
    json!({
        "flagged": CATEGORIES.into_iter().any(named),
        "categories": each(&|named| named.into()),
        "category_scores": each(&|named| if named { 1.0 } else { 0.0 }.into()),
        "category_applied_input_types": each(&|_| json!(["text"])),
    })
}
