//! The description of `gemini.generate` replies, chunks and whole.

use crate::{
    Place::{Assistant, Other, ToolArguments},
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Exempt, Rule, json, list, shape, text},
    },
};

use super::request::CONTENT;

/// A chunk.
pub(crate) static EVENT: Rule = Rule::Object(&CHUNK);
/// A whole reply: one chunk, or all of them in an array.
pub(crate) static REPLY: Rule = Rule::OneOf(&[Rule::Object(&CHUNK), list(&Rule::Object(&CHUNK))]);

shape! {
    CHUNK, Other, [];
    "candidates" => list(&Rule::Object(&CANDIDATE)), "usageMetadata" => Rule::Same(&COUNTS), "promptFeedback" => Rule::Object(&FEEDBACK),
    "modelVersion" => Rule::Word, "responseId" => Rule::Word, "createTime" => Rule::Word, "modelStatus" => Rule::Same(&COUNTS),
    "error" => Rule::Same(&ERROR), "totalTokens" => Rule::Plain, "cachedContentTokenCount" => Rule::Plain,
    "promptTokensDetails" => Rule::Same(&COUNTS), "totalBillableCharacters" => Rule::Plain,
}
shape! { FEEDBACK, Other, []; "blockReason" => Rule::Word, "blockReasonMessage" => text(Other), "safetyRatings" => Rule::Same(&COUNTS) }
shape! {
    CANDIDATE, Other, [];
    "content" => Rule::Object(&CONTENT), "finishReason" => Rule::Word, "finishMessage" => text(Other), "index" => Rule::Plain,
    "safetyRatings" => Rule::Same(&COUNTS), "tokenCount" => Rule::Plain, "avgLogprobs" => Rule::Plain,
    "logprobsResult" => Rule::Opaque(Exempt::Logprobs), "citationMetadata" => json(Assistant), "urlContextMetadata" => json(Assistant),
    "groundingMetadata" => Rule::Object(&GROUNDING), "groundingAttributions" => json(Assistant),
}
shape! {
    GROUNDING, Other, [];
    "groundingSupports" => json(Assistant), "groundingChunks" => json(Assistant), "webSearchQueries" => list(&text(ToolArguments)),
    "searchEntryPoint" => json(Assistant), "retrievalMetadata" => Rule::Same(&COUNTS),
}
