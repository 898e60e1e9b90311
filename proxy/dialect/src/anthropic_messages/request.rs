//! The description of `anthropic.messages` requests: <https://docs.claude.com/en/api/messages>.

use crate::{
    Place::{Assistant, Metadata, System, ToolArguments, ToolDefinition, ToolResult, User},
    describe::{
        schema::SCHEMA,
        shape::{Count, Exempt, Level, Rule, Slot, TEXT, WORDS, json, list, shape, text},
    },
    openai_chat::request::CACHE_CONTROL,
};

shape! {
    REQUEST, Other, [];
    "messages" => Rule::List(Level::Message, &Rule::Object(&MESSAGE)), "system" => Rule::Always(System, &BLOCKS),
    "model" => Rule::Model, "stream" => Rule::Plain, "max_tokens" => Rule::Plain, "metadata" => json(Metadata),
    "tools" => Rule::Definition(&list(&Rule::Counted(Count::Tools, &Rule::Object(&TOOL)))),
    "tool_choice" => Rule::Object(&TOOL_CHOICE), "thinking" => Rule::Object(&THINKING),
    "output_format" => Rule::Definition(&Rule::Object(&OUTPUT)), "output_config" => Rule::Definition(&Rule::Object(&OUTPUT)),
    "temperature" => Rule::Plain, "top_p" => Rule::Plain, "top_k" => Rule::Plain, "service_tier" => Rule::Word,
    "cache_control" => Rule::Object(&CACHE_CONTROL), "inference_geo" => Rule::Word, "speed" => Rule::Word, "betas" => WORDS,
    "anthropic_version" => Rule::Word, "anthropic_beta" => WORDS,
}
shape! {
    MESSAGE, Other, ["user" = Says::Role(User), "assistant" = Says::Role(Assistant), "system" = Says::Role(System)];
    "role" => Rule::Tag, "content" => Rule::Same(&BLOCKS),
}
/// A string, blocks, or one block alone.
pub(crate) static BLOCKS: Rule = Rule::OneOf(&[
    TEXT,
    list(&Rule::OneOf(&[TEXT, Rule::Object(&BLOCK)])),
    Rule::Object(&BLOCK),
]);
shape! {
    /// A content block. Signed `thinking` and what is encrypted goes back to the provider as it
    /// came: an edit makes the request invalid.
    BLOCK, Other, ["image" = Says::Media(Exempt::Image)];
    "type" => Rule::Tag, "text" => TEXT, "title" => TEXT, "context" => TEXT,
    "thinking" => Rule::Signed, "signature" => Rule::Signature,
    "data" => Rule::Opaque(Exempt::SignedReasoning), "encrypted_content" => Rule::Opaque(Exempt::Encrypted),
    "input" => json(ToolArguments), "id" => Rule::Word, "tool_use_id" => Rule::Word, "name" => Rule::Word,
    "tool_name" => Rule::Word, "server_name" => Rule::Word, "caller" => Rule::Object(&CALLER),
    "content" => Rule::As(ToolResult, &BLOCKS), "stdout" => text(ToolResult), "stderr" => text(ToolResult),
    "is_error" => Rule::Plain, "return_code" => Rule::Plain, "error_code" => Rule::Word, "file_id" => Rule::Reference(Exempt::File),
    "source" => Rule::OneOf(&[Rule::Object(&SOURCE), TEXT]), "url" => TEXT, "page_age" => TEXT,
    "citations" => Rule::OneOf(&[list(&Rule::Object(&CITATION)), Rule::Object(&CITATION)]),
    "cache_control" => Rule::Object(&CACHE_CONTROL),
}
shape! { CALLER, Other, []; "type" => Rule::Word, "tool_id" => Rule::Word }
shape! {
    /// The source of an image or a document. Only here the type tells whether a string is text.
    SOURCE, Other, ["text" = Says::Text];
    "type" => Rule::Tag, "data" => Rule::Text(Slot::Type), "media_type" => Rule::Word, "url" => Rule::AnyMedia,
    "file_id" => Rule::AnyMedia, "content" => Rule::Same(&BLOCKS),
}
shape! {
    /// A quotation in a text of the history.
    CITATION, Other, [];
    "type" => Rule::Word, "enabled" => Rule::Plain, "cited_text" => TEXT, "document_title" => TEXT, "title" => TEXT, "url" => TEXT,
    "source" => TEXT, "file_id" => Rule::Word, "document_index" => Rule::Plain, "search_result_index" => Rule::Plain,
    "start_char_index" => Rule::Plain, "end_char_index" => Rule::Plain, "start_page_number" => Rule::Plain,
    "end_page_number" => Rule::Plain, "start_block_index" => Rule::Plain, "end_block_index" => Rule::Plain,
    "encrypted_index" => Rule::Opaque(Exempt::Encrypted),
}
shape! {
    TOOL, ToolDefinition, [];
    "name" => Rule::Word, "type" => Rule::Word, "description" => text(ToolDefinition), "input_schema" => Rule::Object(&SCHEMA),
    "cache_control" => Rule::Object(&CACHE_CONTROL), "strict" => Rule::Plain, "max_uses" => Rule::Plain, "defer_loading" => Rule::Plain,
    "eager_input_streaming" => Rule::Plain, "allowed_callers" => WORDS, "display_width_px" => Rule::Plain,
    "display_height_px" => Rule::Plain, "display_number" => Rule::Plain, "max_characters" => Rule::Plain,
}
shape! { TOOL_CHOICE, Other, []; "type" => Rule::Word, "name" => Rule::Word, "disable_parallel_tool_use" => Rule::Plain }
shape! { THINKING, Other, []; "type" => Rule::Word, "budget_tokens" => Rule::Plain, "display" => Rule::Word }
shape! {
    OUTPUT, ToolDefinition, [];
    "type" => Rule::Word, "effort" => Rule::Word, "format" => Rule::Object(&OUTPUT), "schema" => Rule::Object(&SCHEMA),
    "name" => Rule::Word,
}
