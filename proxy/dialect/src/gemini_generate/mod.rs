//! `gemini.generate`: `POST …/models/MODEL:generateContent`, `:streamGenerateContent`,
//! `:countTokens`.

pub(super) mod reply;
pub(super) mod request;

use super::{
    Kind, answer,
    describe::{Description, Features, Provider},
    replay,
    reply::format,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "gemini.generate",
    provider: Provider::Google,
    operation: "generate_content",
    kind: Kind::Generate,
    counting: Some(":countTokens"),
    path: "/v1beta/models/gemini:generateContent",
    unread: super::recognise::labels::GEMINI,
    features: Features {
        is_addressed: true,
        has_stream: true,
        has_choices: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    format: &format::GEMINI,
    replay: Some(&replay::GEMINI),
    answer: Ok(&answer::GEMINI),
    without_input: Some("`contents` is missing"),
    batch_of: None,
    limits: &[
        "/generationConfig/maxOutputTokens",
        "/generationConfig/max_output_tokens",
        "/generation_config/maxOutputTokens",
        "/generation_config/max_output_tokens",
    ],
    message_tokens: 4,
    choices: &[
        "/generationConfig/candidateCount",
        "/generationConfig/candidate_count",
        "/generation_config/candidateCount",
        "/generation_config/candidate_count",
    ],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::ThoughtsApart,
};
