//! The description of `openai.chat` replies, chunks and whole, with the members that servers add.

use crate::{
    Place::Assistant,
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Exempt, Rule, list, shape, text},
    },
};

use super::request::MESSAGE;

/// A reply, or a chunk of it.
pub(crate) static REPLY: Rule = Rule::Object(&CHUNK);

shape! {
    CHUNK, Other, [];
    "id" => Rule::Word, "object" => Rule::Word, "created" => Rule::Plain, "model" => Rule::Word, "system_fingerprint" => Rule::Word,
    "service_tier" => Rule::Word, "obfuscation" => Rule::Word, "provider" => Rule::Word, "x_groq" => Rule::Same(&COUNTS),
    "prompt_filter_results" => Rule::Same(&COUNTS),
    "choices" => list(&Rule::Object(&CHOICE)), "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR),
}
shape! {
    /// `text` is of the older API, which is read by the same.
    CHOICE, Other, [];
    "index" => Rule::Plain, "message" => Rule::Object(&MESSAGE), "delta" => Rule::Object(&MESSAGE), "text" => text(Assistant),
    "finish_reason" => Rule::Word, "native_finish_reason" => Rule::Word, "matched_stop" => Rule::Plain,
    "logprobs" => Rule::Opaque(Exempt::Logprobs), "content_filter_results" => Rule::Same(&COUNTS),
    "content_filter_offsets" => Rule::Same(&COUNTS),
}
