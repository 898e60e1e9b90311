//! The description of `openai.responses` requests:
//! <https://platform.openai.com/docs/api-reference/responses/create>.

use crate::{
    Place::{
        Assistant, Metadata, Reasoning, Refusal, System, ToolArguments, ToolDefinition, ToolResult,
        User,
    },
    describe::{
        schema::SCHEMA,
        shape::{Count, Exempt, Level, Rule, TEXT, WORDS, json, list, shape, text},
    },
};

shape! {
    /// `input` may be absent: a stored prompt needs none.
    REQUEST, Other, [];
    "input" => Rule::OneOf(&[Rule::First(&text(User)), Rule::List(Level::Message, &Rule::OneOf(&[text(User), Rule::Object(&ITEM)]))]),
    // once also a list of items
    "instructions" => Rule::As(System, &Rule::OneOf(&[TEXT, list(&Rule::OneOf(&[TEXT, Rule::Object(&ITEM)]))])),
    "model" => Rule::Model, "stream" => Rule::Plain, "stream_options" => Rule::Object(&STREAM_OPTIONS), "max_output_tokens" => Rule::Plain,
    "tools" => Rule::Definition(&list(&Rule::Counted(Count::Tools, &Rule::Object(&TOOL)))),
    "tool_choice" => Rule::OneOf(&[Rule::Word, Rule::Object(&TOOL)]), "text" => Rule::Definition(&Rule::Object(&FORMAT)),
    "prompt" => Rule::Object(&PROMPT), "reasoning" => Rule::Object(&REASONING),
    "metadata" => json(Metadata), "user" => json(Metadata), "safety_identifier" => json(Metadata), "prompt_cache_key" => json(Metadata),
    "client_metadata" => json(Metadata),
    "previous_response_id" => Rule::Word, "conversation" => Rule::OneOf(&[Rule::Word, Rule::Object(&CONVERSATION)]),
    "include" => WORDS, "truncation" => Rule::Word, "service_tier" => Rule::Word, "prompt_cache_retention" => Rule::Word,
    "store" => Rule::Plain, "background" => Rule::Plain, "parallel_tool_calls" => Rule::Plain, "max_tool_calls" => Rule::Plain,
    "temperature" => Rule::Plain, "top_p" => Rule::Plain, "top_logprobs" => Rule::Plain,
    "context_management" => list(&Rule::Object(&COMPACTION)),
}
shape! { STREAM_OPTIONS, Other, []; "include_obfuscation" => Rule::Plain, "include_usage" => Rule::Plain }
shape! { CONVERSATION, Other, []; "id" => Rule::Word }
shape! { COMPACTION, Other, []; "type" => Rule::Word, "compact_threshold" => Rule::Plain }
shape! { REASONING, Other, []; "effort" => Rule::Word, "summary" => Rule::Word, "generate_summary" => Rule::Word, "context" => Rule::Word }
shape! { PROMPT, Other, []; "id" => Rule::Word, "version" => Rule::Word, "variables" => Rule::As(User, &VARIABLES) }
/// A stored prompt's variables: strings, or content parts.
static VARIABLES: Rule = Rule::Map(&Rule::OneOf(&[TEXT, Rule::Object(&PART)]));
shape! {
    /// A message, a call, a call's output, reasoning: the members decide which, so an item of a
    /// kind that is not known yet is read as well.
    ITEM, Other, [
        "system" = Says::Role(System), "developer" = Says::Role(System), "user" = Says::Role(User),
        "assistant" = Says::Role(Assistant), "tool" = Says::Role(ToolResult), "reasoning" = Says::Role(Reasoning),
    ];
    "type" => Rule::Tag, "role" => Rule::Tag, "id" => Rule::Word, "call_id" => Rule::Word, "status" => Rule::Word, "name" => Rule::Word,
    "phase" => Rule::Word, "namespace" => Rule::Word, "server_label" => Rule::Word, "approval_request_id" => Rule::Word, "approve" => Rule::Plain,
    "content" => Rule::Same(&CONTENT), "summary" => Rule::As(Reasoning, &CONTENT),
    "encrypted_content" => Rule::Opaque(Exempt::SignedReasoning),
    // of functions, custom tools, code interpreters, shells, patches, computers, searches
    "arguments" => json(ToolArguments), "input" => json(ToolArguments), "code" => json(ToolArguments), "action" => json(ToolArguments),
    "actions" => json(ToolArguments), "operation" => json(ToolArguments), "queries" => json(ToolArguments),
    "output" => Rule::As(ToolResult, &OUTPUT), "outputs" => json(ToolResult), "results" => json(ToolResult),
    "error" => json(ToolResult), "reason" => text(ToolResult),
    // of image generation
    "result" => Rule::Counted(Count::Images, &Rule::Media(Exempt::Image)),
    // those that a server listed
    "tools" => Rule::Definition(&list(&Rule::Object(&TOOL))),
    "container_id" => Rule::Word, "max_output_length" => Rule::Plain, "exit_code" => Rule::Plain,
    "acknowledged_safety_checks" => json(ToolResult), "pending_safety_checks" => json(ToolResult),
    "size" => Rule::Word, "quality" => Rule::Word, "background" => Rule::Word, "output_format" => Rule::Word, "revised_prompt" => text(ToolArguments),
}
/// A string, parts, or one part alone.
pub(crate) static CONTENT: Rule = Rule::OneOf(&[
    TEXT,
    list(&Rule::OneOf(&[TEXT, Rule::Object(&PART)])),
    Rule::Object(&PART),
]);
/// The output of a call: a string, parts, or one part alone.
static OUTPUT: Rule = Rule::OneOf(&[
    TEXT,
    list(&Rule::OneOf(&[TEXT, Rule::Object(&PART)])),
    Rule::Object(&PART),
]);
shape! {
    PART, Other, [
        "reasoning_text" = Says::Role(Reasoning), "summary_text" = Says::Role(Reasoning),
        "input_image" = Says::Media(Exempt::Image), "computer_screenshot" = Says::Media(Exempt::Image),
    ];
    "type" => Rule::Tag, "text" => TEXT, "refusal" => text(Refusal), "stdout" => TEXT, "stderr" => TEXT,
    "image_url" => Rule::AnyMedia, "file_data" => Rule::AnyMedia, "file_id" => Rule::AnyMedia, "file_url" => Rule::AnyMedia,
    "filename" => text(Metadata), "detail" => Rule::Word, "input_audio" => Rule::Object(&AUDIO),
    "annotations" => list(&Rule::Object(&ANNOTATION)), "logprobs" => json(Assistant),
    "outcome" => Rule::Object(&OUTCOME), "encrypted_content" => Rule::Opaque(Exempt::SignedReasoning),
}
shape! { OUTCOME, Other, []; "type" => Rule::Word, "exit_code" => Rule::Plain }
shape! {
    AUDIO, Other, [];
    "data" => Rule::Media(Exempt::Audio), "format" => Rule::Word, "transcript" => TEXT,
}
shape! {
    /// A quotation in a text of the history.
    ANNOTATION, Other, [];
    "type" => Rule::Word, "file_id" => Rule::Word, "container_id" => Rule::Word, "index" => Rule::Plain, "start_index" => Rule::Plain,
    "end_index" => Rule::Plain, "url" => TEXT, "title" => TEXT, "filename" => text(Metadata),
}
shape! {
    TOOL, ToolDefinition, [];
    "type" => Rule::Word, "name" => Rule::Word, "description" => text(ToolDefinition), "strict" => Rule::Plain,
    "parameters" => Rule::Object(&SCHEMA), "input_schema" => Rule::Object(&SCHEMA), "output_schema" => Rule::Object(&SCHEMA),
    "server_label" => Rule::Word, "require_approval" => json(ToolDefinition), "mode" => Rule::Word, "tools" => list(&Rule::Object(&TOOL)),
    "defer_loading" => Rule::Plain, "search_context_size" => Rule::Word, "external_web_access" => Rule::Plain,
}
shape! { FORMAT, ToolDefinition, []; "format" => Rule::Object(&FORMAT_KIND), "verbosity" => Rule::Word }
shape! {
    FORMAT_KIND, ToolDefinition, [];
    "type" => Rule::Word, "name" => Rule::Word, "description" => text(ToolDefinition), "schema" => Rule::Object(&SCHEMA), "strict" => Rule::Plain,
}
