//! The description of `openai.responses` replies, events and whole.

use crate::{
    Place::{Metadata, Other, Refusal, System, ToolArguments},
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Exempt, Rule, TEXT, json, list, shape, text},
    },
};

use super::request::{ANNOTATION, FORMAT, ITEM, PART, TOOL};

/// A whole reply.
pub(crate) static REPLY: Rule = Rule::Object(&RESPONSE);
/// An event of a streamed one.
pub(crate) static EVENT: Rule = Rule::Object(&EVENT_BODY);

shape! {
    /// A response quotes its request.
    RESPONSE, Other, [];
    "id" => Rule::Word, "object" => Rule::Word, "created_at" => Rule::Plain, "completed_at" => Rule::Plain, "status" => Rule::Word,
    "error" => Rule::Same(&ERROR), "incomplete_details" => Rule::Same(&COUNTS), "model" => Rule::Word,
    "instructions" => Rule::As(System, &Rule::OneOf(&[TEXT, list(&Rule::OneOf(&[TEXT, Rule::Object(&ITEM)]))])),
    "output" => list(&Rule::Object(&ITEM)), "output_text" => TEXT, "usage" => Rule::Same(&COUNTS),
    "metadata" => json(Metadata), "user" => json(Metadata), "safety_identifier" => json(Metadata), "prompt_cache_key" => json(Metadata),
    "tools" => list(&Rule::Object(&TOOL)), "tool_choice" => Rule::OneOf(&[Rule::Word, Rule::Object(&TOOL)]), "text" => Rule::Object(&FORMAT),
    "reasoning" => Rule::Same(&COUNTS), "conversation" => Rule::Same(&COUNTS), "previous_response_id" => Rule::Word,
    "truncation" => Rule::Word, "service_tier" => Rule::Word, "prompt_cache_retention" => Rule::Word, "background" => Rule::Plain,
    "store" => Rule::Plain, "parallel_tool_calls" => Rule::Plain, "max_output_tokens" => Rule::Plain, "max_tool_calls" => Rule::Plain,
    "temperature" => Rule::Plain, "top_p" => Rule::Plain, "top_logprobs" => Rule::Plain, "frequency_penalty" => Rule::Plain,
    "presence_penalty" => Rule::Plain, "billing" => Rule::Same(&COUNTS),
}
shape! {
    /// An event. Members that have pieces of a text, or all of it, are named here; `message` and
    /// `param` are an error's.
    EVENT_BODY, Other, [];
    "type" => Rule::Word, "sequence_number" => Rule::Plain, "item_id" => Rule::Word, "output_index" => Rule::Plain, "content_index" => Rule::Plain,
    "summary_index" => Rule::Plain, "annotation_index" => Rule::Plain, "partial_image_index" => Rule::Plain, "obfuscation" => Rule::Word,
    "delta" => TEXT, "text" => TEXT, "refusal" => text(Refusal), "arguments" => json(ToolArguments), "code" => text(ToolArguments),
    "input" => json(ToolArguments), "name" => Rule::Word, "logprobs" => Rule::Opaque(Exempt::Logprobs),
    "part" => Rule::Object(&PART), "item" => Rule::Object(&ITEM), "annotation" => Rule::Object(&ANNOTATION), "response" => Rule::Object(&RESPONSE),
    "partial_image_b64" => Rule::Media(Exempt::Image), "size" => Rule::Word, "quality" => Rule::Word, "background" => Rule::Word,
    "output_format" => Rule::Word, "error" => Rule::Same(&ERROR), "message" => text(Other), "param" => Rule::Word, "status" => Rule::Word,
}
