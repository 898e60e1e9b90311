//! The description of `gemini.generate` requests: <https://ai.google.dev/api/generate-content>.
//!
//! The API reads every key in two spellings, `systemInstruction` and `system_instruction`, and its
//! own examples use both.

use crate::{
    Place::{
        Assistant, Metadata, Reasoning, System, ToolArguments, ToolDefinition, ToolResult, User,
    },
    describe::{
        schema::SCHEMA,
        shape::{Count, Exempt, Level, Rule, TEXT, WORDS, json, list, shape, text},
    },
};

shape! {
    /// `:countTokens` may hold a whole request.
    REQUEST, Other, [];
    "contents" => Rule::OneOf(&[Rule::List(Level::Message, &Rule::Object(&CONTENT)), Rule::First(&Rule::Object(&CONTENT)), Rule::First(&text(User))]),
    "systemInstruction" | "system_instruction" => Rule::Always(System, &Rule::OneOf(&[Rule::Object(&CONTENT), TEXT, list(&Rule::OneOf(&[TEXT, Rule::Object(&PART)]))])),
    "model" => Rule::Word,
    "tools" => Rule::Definition(&Rule::OneOf(&[list(&Rule::Object(&TOOL)), Rule::Object(&TOOL)])),
    "toolConfig" | "tool_config" => Rule::Object(&TOOL_CONFIG),
    "generationConfig" | "generation_config" => Rule::Object(&CONFIG),
    "safetySettings" | "safety_settings" => list(&Rule::Object(&SAFETY)),
    "labels" => json(Metadata), "cachedContent" | "cached_content" => Rule::Reference(Exempt::File),
    "generateContentRequest" | "generate_content_request" => Rule::Object(&REQUEST),
}
shape! {
    /// One turn.
    CONTENT, Other, [
        "user" = Says::Role(User), "model" = Says::Role(Assistant), "function" = Says::Role(ToolResult),
        "tool" = Says::Role(ToolResult), "system" = Says::Role(System),
    ];
    "role" => Rule::Tag, "parts" => Rule::OneOf(&[list(&Rule::OneOf(&[TEXT, Rule::Object(&PART)])), Rule::Object(&PART), TEXT]),
}
shape! {
    /// A part, whose kind its members decide; `thought` says that the text is the model's
    /// reasoning.
    PART, Other, ["true" = Says::Role(Reasoning)];
    "thought" => Rule::Tag, "text" => TEXT, "thoughtSignature" | "thought_signature" => Rule::Opaque(Exempt::SignedReasoning),
    "inlineData" | "inline_data" => Rule::Object(&MEDIA), "fileData" | "file_data" => Rule::Object(&MEDIA),
    "functionCall" | "function_call" => Rule::Object(&CALL), "functionResponse" | "function_response" => Rule::Object(&CALL),
    "executableCode" | "executable_code" => Rule::Object(&CODE),
    "codeExecutionResult" | "code_execution_result" => Rule::Object(&CODE),
    "videoMetadata" | "video_metadata" => Rule::Object(&VIDEO),
}
shape! {
    MEDIA, Other, [];
    "mimeType" | "mime_type" => Rule::MediaType, "data" => Rule::AnyMedia, "fileUri" | "file_uri" => Rule::AnyMedia,
    "displayName" | "display_name" => text(Metadata),
}
shape! { VIDEO, Other, []; "startOffset" | "start_offset" => Rule::Word, "endOffset" | "end_offset" => Rule::Word, "fps" => Rule::Plain }
shape! {
    /// A call, or what it returned: JSON, and perhaps media.
    CALL, Other, [];
    "id" => Rule::Word, "name" => Rule::Word, "args" => json(ToolArguments), "response" => json(ToolResult),
    "parts" => Rule::As(ToolResult, &list(&Rule::Object(&PART))), "willContinue" | "will_continue" => Rule::Plain,
    "scheduling" => Rule::Word,
}
shape! {
    CODE, Other, [];
    "id" => Rule::Word, "language" => Rule::Word, "code" => text(ToolArguments), "outcome" => Rule::Word, "output" => text(ToolResult),
}
shape! {
    /// Tools are counted by what they declare: one entry may hold many functions.
    TOOL, ToolDefinition, [];
    "functionDeclarations" | "function_declarations" => list(&Rule::Counted(Count::Tools, &Rule::Object(&FUNCTION))),
    "googleSearch" | "google_search" => Rule::Counted(Count::Tools, &Rule::Object(&SEARCH)),
    "codeExecution" | "code_execution" => Rule::Counted(Count::Tools, &Rule::Object(&SEARCH)),
    "urlContext" | "url_context" => Rule::Counted(Count::Tools, &Rule::Object(&SEARCH)),
}
shape! { SEARCH, ToolDefinition, []; "excludeDomains" | "exclude_domains" => list(&text(ToolDefinition)) }
shape! {
    FUNCTION, ToolDefinition, [];
    "name" => Rule::Word, "description" => text(ToolDefinition), "behavior" => Rule::Word,
    "parameters" => Rule::Object(&SCHEMA), "parametersJsonSchema" | "parameters_json_schema" => Rule::Object(&SCHEMA),
    "response" => Rule::Object(&SCHEMA), "responseJsonSchema" | "response_json_schema" => Rule::Object(&SCHEMA),
}
shape! {
    TOOL_CONFIG, Other, [];
    "functionCallingConfig" | "function_calling_config" => Rule::Object(&CALLING),
}
shape! { CALLING, Other, []; "mode" => Rule::Word, "allowedFunctionNames" | "allowed_function_names" => WORDS }
shape! { SAFETY, Other, []; "category" => Rule::Word, "threshold" => Rule::Word, "method" => Rule::Word }
shape! {
    CONFIG, Other, [];
    "responseSchema" | "response_schema" => Rule::Definition(&Rule::Object(&SCHEMA)),
    "responseJsonSchema" | "response_json_schema" => Rule::Definition(&Rule::Object(&SCHEMA)),
    "_responseJsonSchema" | "_response_json_schema" => Rule::Definition(&Rule::Object(&SCHEMA)),
    "maxOutputTokens" | "max_output_tokens" => Rule::Plain, "temperature" => Rule::Plain,
    "topP" | "top_p" => Rule::Plain, "topK" | "top_k" => Rule::Plain, "seed" => Rule::Plain,
    "candidateCount" | "candidate_count" => Rule::Plain, "presencePenalty" | "presence_penalty" => Rule::Plain,
    "frequencyPenalty" | "frequency_penalty" => Rule::Plain, "responseMimeType" | "response_mime_type" => Rule::Word,
    "responseLogprobs" | "response_logprobs" => Rule::Plain, "logprobs" => Rule::Plain,
    "responseModalities" | "response_modalities" => WORDS, "mediaResolution" | "media_resolution" => Rule::Word,
    "thinkingConfig" | "thinking_config" => Rule::Object(&THINKING),
}
shape! {
    THINKING, Other, [];
    "includeThoughts" | "include_thoughts" => Rule::Plain, "thinkingBudget" | "thinking_budget" => Rule::Plain,
    "thinkingLevel" | "thinking_level" => Rule::Word,
}
