//! The description of `openai.chat` requests:
//! <https://platform.openai.com/docs/api-reference/chat/create>, with the members that servers add.

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
    REQUEST, Other, [];
    "messages" => Rule::List(Level::Message, &Rule::Object(&MESSAGE)),
    "model" => Rule::Model, "stream" => Rule::Plain, "stream_options" => Rule::Object(&STREAM_OPTIONS),
    "n" => Rule::Plain, "max_tokens" => Rule::Plain, "max_completion_tokens" => Rule::Plain,
    "tools" => Rule::Definition(&list(&Rule::Counted(Count::Tools, &Rule::Object(&TOOL)))),
    "functions" => Rule::Definition(&list(&Rule::Counted(Count::Tools, &Rule::Object(&FUNCTION)))),
    "tool_choice" => Rule::OneOf(&[Rule::Word, Rule::Object(&TOOL)]),
    "function_call" => Rule::OneOf(&[Rule::Word, Rule::Object(&FUNCTION)]),
    "response_format" => Rule::Definition(&Rule::Object(&FORMAT)),
    "prediction" => Rule::Object(&PREDICTION), "audio" => Rule::Object(&AUDIO_FORMAT),
    "metadata" => json(Metadata), "user" => json(Metadata), "safety_identifier" => json(Metadata),
    "prompt_cache_key" => json(Metadata),
    "modalities" => WORDS, "reasoning_effort" => Rule::Word, "verbosity" => Rule::Word, "service_tier" => Rule::Word,
    "prompt_cache_retention" => Rule::Word, "temperature" => Rule::Plain, "top_p" => Rule::Plain, "top_k" => Rule::Plain,
    "frequency_penalty" => Rule::Plain, "presence_penalty" => Rule::Plain, "seed" => Rule::Plain,
    "logprobs" => Rule::Plain, "top_logprobs" => Rule::Plain, "parallel_tool_calls" => Rule::Plain, "store" => Rule::Plain,
    "logit_bias" => Rule::Map(&Rule::Plain), "min_p" => Rule::Plain, "repetition_penalty" => Rule::Plain,
}
shape! { STREAM_OPTIONS, Other, []; "include_usage" => Rule::Plain, "include_obfuscation" => Rule::Plain }
shape! { AUDIO_FORMAT, Other, []; "voice" => Rule::Word, "format" => Rule::Word }
shape! {
    /// A message of the conversation. What the model wrote in an earlier reply comes back in one,
    /// so it has a reply's members too.
    MESSAGE, Other, [
        "system" = Says::Role(System), "developer" = Says::Role(System), "user" = Says::Role(User),
        "assistant" = Says::Role(Assistant), "tool" = Says::Role(ToolResult), "function" = Says::Role(ToolResult),
    ];
    "role" => Rule::Tag, "content" => Rule::Same(&CONTENT), "name" => text(Metadata), "refusal" => text(Refusal),
    "reasoning_content" => text(Reasoning), "reasoning" => text(Reasoning),
    "reasoning_details" => list(&Rule::Object(&THOUGHT)), "thinking_blocks" => list(&Rule::Object(&THOUGHT)),
    "tool_calls" => list(&Rule::Object(&TOOL_CALL)), "function_call" => Rule::Object(&CALL), "tool_call_id" => Rule::Word,
    "audio" => Rule::Object(&AUDIO), "cache_control" => Rule::Object(&CACHE_CONTROL),
    "images" => list(&Rule::Object(&PART)), "annotations" => list(&Rule::Object(&ANNOTATION)),
}
shape! {
    /// Reasoning as gateways hand it through, in their own form or Anthropic's.
    THOUGHT, Other, [];
    "type" => Rule::Word, "text" => Rule::Signed, "thinking" => Rule::Signed, "summary" => Rule::Signed, "signature" => Rule::Signature,
    "data" => Rule::Opaque(Exempt::SignedReasoning), "id" => Rule::Word, "format" => Rule::Word, "index" => Rule::Plain,
}
shape! {
    /// A quotation in a text.
    ANNOTATION, Other, []; "type" => Rule::Word, "url_citation" => Rule::Object(&CITATION)
}
shape! {
    CITATION, Other, [];
    "url" => TEXT, "title" => TEXT, "content" => TEXT, "start_index" => Rule::Plain, "end_index" => Rule::Plain,
}
/// A string, parts, or one part alone.
pub(crate) static CONTENT: Rule = Rule::OneOf(&[
    TEXT,
    list(&Rule::OneOf(&[TEXT, Rule::Object(&PART)])),
    Rule::Object(&PART),
]);
shape! {
    PART, Other, [];
    "type" => Rule::Word, "text" => TEXT, "refusal" => text(Refusal), "cache_control" => Rule::Object(&CACHE_CONTROL),
    "image_url" => Rule::Counted(Count::Images, &Rule::OneOf(&[Rule::Media(Exempt::Image), Rule::Object(&IMAGE_URL)])),
    "input_audio" => Rule::Object(&AUDIO), "audio_url" => Rule::Object(&AUDIO_URL), "video_url" => Rule::Object(&FILE_URL),
    "file" => Rule::Object(&FILE), "thinking" => Rule::As(Reasoning, &CONTENT),
}
shape! { IMAGE_URL, Other, []; "url" => Rule::Media(Exempt::Image), "detail" => Rule::Word }
shape! { AUDIO_URL, Other, []; "url" => Rule::Media(Exempt::Audio) }
shape! { FILE_URL, Other, []; "url" => Rule::Media(Exempt::File) }
shape! {
    AUDIO, Other, [];
    "id" => Rule::Reference(Exempt::Audio), "data" => Rule::Media(Exempt::Audio), "format" => Rule::Word,
    "transcript" => TEXT, "expires_at" => Rule::Plain,
}
shape! {
    FILE, Other, [];
    "file_data" => Rule::Media(Exempt::File), "file_id" => Rule::Reference(Exempt::File), "filename" => text(Metadata),
}
shape! {
    TOOL_CALL, Other, [];
    "index" => Rule::Plain, "id" => Rule::Word, "type" => Rule::Word, "function" => Rule::Object(&CALL),
    "custom" => Rule::Object(&CALL),
}
shape! {
    /// A function call. The API documents `arguments` as JSON source in a string; some clients send
    /// the object itself.
    CALL, Other, []; "name" => Rule::Word, "arguments" => json(ToolArguments), "input" => json(ToolArguments)
}
shape! {
    TOOL, ToolDefinition, [];
    "type" => Rule::Word, "function" => Rule::Object(&FUNCTION), "custom" => Rule::Object(&FUNCTION),
    "cache_control" => Rule::Object(&CACHE_CONTROL),
}
shape! {
    FUNCTION, ToolDefinition, [];
    "name" => Rule::Word, "description" => text(ToolDefinition), "strict" => Rule::Plain,
    "parameters" => Rule::Object(&SCHEMA), "schema" => Rule::Object(&SCHEMA),
}
shape! { FORMAT, ToolDefinition, []; "type" => Rule::Word, "json_schema" => Rule::Object(&FUNCTION) }
shape! { PREDICTION, Other, []; "type" => Rule::Word, "content" => Rule::As(Assistant, &CONTENT) }
shape! {
    /// The end of the provider's prompt cache; Anthropic's, and accepted by gateways in front of
    /// it.
    CACHE_CONTROL, Other, []; "type" => Rule::Word, "ttl" => Rule::Word
}
