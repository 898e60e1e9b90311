//! The description of `gemini.interactions` requests:
//! <https://ai.google.dev/api/interactions-api>, and the types of Google's SDKs.

use crate::{
    Place::{
        Assistant, Metadata, Reasoning, System, ToolArguments, ToolDefinition, ToolResult, User,
    },
    describe::{
        answer::{COUNTS, ERROR},
        schema::SCHEMA,
        shape::{Count, Exempt, Level, Rule, TEXT, WORDS, json, list, shape, text},
    },
};

shape! {
    /// `model` or `agent` says who answers.
    REQUEST, Other, [];
    "input" => Rule::OneOf(&[Rule::First(&text(User)), Rule::List(Level::Message, &NODES), Rule::First(&NODES)]),
    "model" => Rule::Model, "agent" => Rule::Word, "agent_config" => Rule::Object(&AGENT),
    "system_instruction" => Rule::Always(System, &CONTENT),
    "tools" => Rule::Definition(&list(&Rule::Counted(Count::Tools, &Rule::Object(&TOOL)))),
    "generation_config" => Rule::Object(&CONFIG), "response_format" => Rule::Definition(&Rule::Same(&FORMATS)),
    "response_mime_type" => Rule::Word, "response_modalities" => WORDS, "safety_settings" => list(&Rule::Object(&SAFETY)),
    "previous_interaction_id" => Rule::Word, "environment" => Rule::OneOf(&[Rule::Word, Rule::Object(&ENVIRONMENT)]),
    "store" => Rule::Plain, "background" => Rule::Plain, "stream" => Rule::Plain, "service_tier" => Rule::Word,
    "labels" => json(Metadata), "webhook_config" => json(Metadata),
}
/// An element of the input: a step, a turn of the older form, or a content of the user's.
static NODES: Rule = Rule::As(User, &Rule::OneOf(&[TEXT, Rule::Object(&NODE)]));
/// A string, contents, or one alone.
pub(super) static CONTENT: Rule = Rule::OneOf(&[
    TEXT,
    list(&Rule::OneOf(&[TEXT, Rule::Object(&NODE)])),
    Rule::Object(&NODE),
]);
shape! {
    /// A step, a content, a turn of the older form, or what an event adds to one: the members decide
    /// which, so one of a kind that is not known yet is read as well.
    NODE, Other, [
        "user_input" = Says::Role(User), "model_output" = Says::Role(Assistant), "user" = Says::Role(User),
        "model" = Says::Role(Assistant), "thought" = Says::Role(Reasoning), "thought_summary" = Says::Role(Reasoning),
        "image" = Says::Media(Exempt::Image), "audio" = Says::Media(Exempt::Audio), "video" = Says::Media(Exempt::File),
        "document" = Says::Media(Exempt::File),
    ];
    "type" => Rule::Tag, "role" => Rule::Tag, "text" => TEXT, "content" => Rule::Same(&CONTENT),
    "summary" => Rule::As(Reasoning, &CONTENT), "signature" => Rule::Opaque(Exempt::SignedReasoning),
    "annotations" => list(&Rule::Object(&ANNOTATION)), "error" => Rule::Same(&ERROR),
    // of calls, and of what they returned
    "id" => Rule::Word, "call_id" => Rule::Word, "name" => Rule::Word, "server_name" => Rule::Word, "is_error" => Rule::Plain,
    "arguments" | "partial_arguments" => json(ToolArguments), "search_type" => Rule::Word, "retrieval_type" => Rule::Word,
    "result" => Rule::As(ToolResult, &Rule::OneOf(&[TEXT, list(&Rule::OneOf(&[TEXT, Rule::Object(&RESULT)])), json(ToolResult)])),
    // of media
    "mime_type" => Rule::MediaType, "data" => Rule::AnyMedia, "uri" => Rule::AnyMedia, "resolution" => Rule::Word,
    "channels" => Rule::Plain, "rate" => Rule::Plain, "sample_rate" => Rule::Plain,
    "processing" => Rule::OneOf(&[Rule::Word, Rule::Same(&COUNTS)]),
}
shape! {
    /// A piece of a result: a text, an image, or the finding of a tool that the provider runs.
    RESULT, ToolResult, ["image" = Says::Media(Exempt::Image), "audio" = Says::Media(Exempt::Audio)];
    "type" => Rule::Tag, "text" => TEXT, "status" => Rule::Word, "url" => TEXT, "search_suggestions" => TEXT,
    "mime_type" => Rule::MediaType, "data" => Rule::AnyMedia, "uri" => Rule::AnyMedia, "resolution" => Rule::Word,
    "widget_context_token" => Rule::Opaque(Exempt::Encrypted), "annotations" => list(&Rule::Object(&ANNOTATION)),
}
shape! {
    ANNOTATION, Other, [];
    "type" => Rule::Word, "start_index" => Rule::Plain, "end_index" => Rule::Plain, "page_number" => Rule::Plain,
    "url" => TEXT, "title" => TEXT, "source" => TEXT, "text" => TEXT, "name" => TEXT, "document_uri" => TEXT,
    "file_name" => text(Metadata), "media_id" => Rule::Word, "place_id" => Rule::Word, "speaker" => text(Metadata),
    "start_offset" => Rule::Word, "end_offset" => Rule::Word, "custom_metadata" => json(Metadata),
}
shape! {
    TOOL, ToolDefinition, [];
    "type" => Rule::Word, "name" => Rule::Word, "description" => text(ToolDefinition), "parameters" => Rule::Object(&SCHEMA),
    "url" => text(ToolDefinition), "allowed_tools" => list(&Rule::OneOf(&[Rule::Word, Rule::Object(&ALLOWED)])), "search_types" => WORDS,
    "file_search_store_names" => WORDS, "top_k" => Rule::Plain, "environment" => Rule::Word,
    "excluded_predefined_functions" => WORDS, "disabled_safety_policies" => WORDS,
    "enable_prompt_injection_detection" => Rule::Plain, "enable_widget" => Rule::Plain, "latitude" => Rule::Plain, "longitude" => Rule::Plain,
}
shape! { ALLOWED, ToolDefinition, []; "mode" => Rule::Word, "tools" => WORDS }
shape! {
    CONFIG, Other, [];
    "max_output_tokens" => Rule::Plain, "seed" => Rule::Plain, "temperature" => Rule::Plain, "top_p" => Rule::Plain, "top_k" => Rule::Plain,
    "presence_penalty" => Rule::Plain, "frequency_penalty" => Rule::Plain, "thinking_level" => Rule::Word, "thinking_summaries" => Rule::Word,
    "tool_choice" => Rule::OneOf(&[Rule::Word, Rule::Object(&CHOICE)]), "image_config" => Rule::Same(&COUNTS), "video_config" => Rule::Same(&COUNTS),
}
shape! { CHOICE, Other, []; "allowed_tools" => Rule::Object(&ALLOWED) }
/// A form of the output, or several.
pub(super) static FORMATS: Rule =
    Rule::OneOf(&[Rule::Object(&FORMAT), list(&Rule::Object(&FORMAT))]);
shape! {
    /// Once it was the schema itself.
    FORMAT, ToolDefinition, [];
    "type" => Rule::Word, "mime_type" => Rule::Word, "schema" => Rule::Object(&SCHEMA), "aspect_ratio" => Rule::Word, "image_size" => Rule::Word,
    "resolution" => Rule::Word, "delivery" => Rule::Word, "duration" => Rule::Word, "bit_rate" => Rule::Plain, "sample_rate" => Rule::Plain,
}
shape! { SAFETY, Other, []; "type" => Rule::Word, "category" => Rule::Word, "threshold" => Rule::Word, "method" => Rule::Word }
shape! {
    /// An agent's own: what it is given to work on is shown.
    AGENT, User, [];
    "type" => Rule::Word, "model" => Rule::Word, "thinking_summaries" => Rule::Word, "visualization" => Rule::Word,
    "collaborative_planning" => Rule::Plain, "enable_bigquery_tool" => Rule::Plain, "max_total_tokens" => Rule::Word,
}
shape! { ENVIRONMENT, User, []; "type" => Rule::Word, "environment_id" => Rule::Word }
