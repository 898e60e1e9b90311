//! `openai.completions`: `POST …/completions`, the older API, text in and text out.

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
    name: "openai.completions",
    provider: Provider::Openai,
    operation: "text_completion",
    kind: Kind::Generate,
    counting: None,
    path: "/v1/completions",
    unread: "completions",
    features: Features {
        has_stream: true,
        has_stream_options: true,
        has_choices: true,
        has_done: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &super::openai_chat::reply::REPLY,
    event: &super::openai_chat::reply::REPLY,
    format: &format::COMPLETIONS,
    replay: Some(&replay::COMPLETIONS),
    answer: Ok(&answer::COMPLETIONS),
    without_input: None,
    batch_of: None,
    limits: &["/max_tokens"],
    message_tokens: 0,
    choices: &["/n", "/best_of"],
    prompts: Some("/prompt"),
    token_ids: Some("/prompt"),
    vectors: Some("/prompt_embeds"),
    usage: Sums::Inclusive,
};
