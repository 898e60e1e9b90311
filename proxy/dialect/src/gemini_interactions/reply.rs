//! The description of `gemini.interactions` replies, events and whole.

use crate::{
    Place::{Assistant, Metadata, System, User},
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Rule, WORDS, json, list, shape, text},
    },
};

use super::request::{AGENT, CONFIG, CONTENT, ENVIRONMENT, FORMATS, NODE, SAFETY, TOOL};

/// A whole reply.
pub(crate) static REPLY: Rule = Rule::Object(&INTERACTION);
/// An event of a streamed one.
pub(crate) static EVENT: Rule = Rule::Object(&EVENT_BODY);
/// A step, a content, or what is added to one.
static NODES: Rule = Rule::As(Assistant, &Rule::Object(&NODE));

shape! {
    /// An interaction quotes its request, and when it is fetched, the input's steps.
    INTERACTION, Other, [];
    "id" => Rule::Word, "object" => Rule::Word, "status" => Rule::Word, "role" => Rule::Word, "model" => Rule::Word, "agent" => Rule::Word,
    "created" => Rule::Word, "updated" => Rule::Word, "steps" => list(&NODES), "outputs" => list(&NODES), "output_text" => text(Assistant),
    "output_image" => Rule::Same(&NODES), "output_audio" => Rule::Same(&NODES), "output_video" => Rule::Same(&NODES),
    "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR), "errors" => list(&Rule::Same(&ERROR)),
    "input" => Rule::As(User, &CONTENT), "system_instruction" => Rule::Always(System, &CONTENT), "tools" => list(&Rule::Object(&TOOL)),
    "agent_config" => Rule::Object(&AGENT), "generation_config" => Rule::Object(&CONFIG), "response_format" => Rule::Same(&FORMATS),
    "response_mime_type" => Rule::Word, "response_modalities" => WORDS, "safety_settings" => list(&Rule::Object(&SAFETY)),
    "previous_interaction_id" => Rule::Word, "environment_id" => Rule::Word, "service_tier" => Rule::Word,
    "environment" => Rule::OneOf(&[Rule::Word, Rule::Object(&ENVIRONMENT)]), "store" => Rule::Plain, "background" => Rule::Plain,
    "labels" => json(Metadata), "webhook_config" => json(Metadata),
}
shape! {
    /// An event. `content` is what the older form has for a `step`.
    EVENT_BODY, Other, [];
    "event_type" => Rule::Word, "event_id" => Rule::Word, "index" => Rule::Plain, "interaction_id" => Rule::Word, "status" => Rule::Word,
    "interaction" => Rule::Object(&INTERACTION), "step" => Rule::Same(&NODES), "content" => Rule::Same(&NODES), "delta" => Rule::Same(&NODES),
    "usage" => Rule::Same(&COUNTS), "step_usage" => Rule::Same(&COUNTS), "metadata" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR),
}
