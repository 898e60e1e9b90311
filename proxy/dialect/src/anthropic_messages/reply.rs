//! The description of `anthropic.messages` replies, events and whole.

use crate::{
    Place::{Assistant, Other, ToolArguments},
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Rule, TEXT, json, shape, text},
    },
};

use super::request::{BLOCKS, CITATION};

/// A whole reply.
pub(crate) static REPLY: Rule = Rule::Object(&MESSAGE);
/// An event of a streamed one.
pub(crate) static EVENT: Rule = Rule::Object(&EVENT_BODY);

shape! {
    MESSAGE, Other, [];
    "id" => Rule::Word, "type" => Rule::Word, "role" => Rule::Word, "model" => Rule::Word, "content" => Rule::Same(&BLOCKS),
    "stop_reason" => Rule::Word, "stop_sequence" => text(Assistant), "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR),
    "request_id" => Rule::Word, "container" => Rule::Same(&CONTAINER), "context_management" => Rule::Same(&COUNTS),
    "input_tokens" => Rule::Plain,
}
shape! {
    EVENT_BODY, Other, [];
    "type" => Rule::Word, "index" => Rule::Plain, "message" => Rule::Object(&MESSAGE), "content_block" => Rule::Same(&BLOCKS),
    "delta" => Rule::Object(&DELTA), "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR), "request_id" => Rule::Word,
    "context_management" => Rule::Same(&COUNTS),
}
shape! {
    DELTA, Other, [];
    "type" => Rule::Word, "text" => TEXT, "partial_json" => text(ToolArguments), "thinking" => Rule::Signed,
    "signature" => Rule::Signature, "citation" => Rule::Object(&CITATION), "stop_reason" => Rule::Word,
    "stop_sequence" => text(Assistant), "container" => Rule::Same(&CONTAINER), "content" => json(Other),
}
/// The container that code runs in: ids and dates.
static CONTAINER: Rule = Rule::Same(&COUNTS);
