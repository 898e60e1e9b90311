//! `gemini.generate`: `POST …/models/MODEL:generateContent`, `:streamGenerateContent`, `:countTokens`.

pub(super) mod reply;
pub(super) mod request;

use super::describe::Description;

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "gemini.generate",
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    without_input: Some("`contents` is missing"),
    batch_of: None,
    limits: &[
        "/generationConfig/maxOutputTokens",
        "/generationConfig/max_output_tokens",
        "/generation_config/maxOutputTokens",
        "/generation_config/max_output_tokens",
    ],
    message_tokens: 4,
    has_choices: true,
    has_done: false,
};
