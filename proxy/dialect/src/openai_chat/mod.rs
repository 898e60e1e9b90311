//! `openai.chat`: `POST …/chat/completions`.

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
    name: "openai.chat",
    provider: Provider::Openai,
    operation: "chat",
    kind: Kind::Generate,
    counting: None,
    path: "/v1/chat/completions",
    unread: "completions",
    features: Features {
        has_stream: true,
        has_stream_options: true,
        has_choices: true,
        has_done: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    format: &format::CHAT,
    replay: Some(&replay::CHAT),
    answer: Ok(&answer::CHAT),
    without_input: Some("`messages` is missing"),
    batch_of: None,
    limits: &["/max_completion_tokens", "/max_tokens"],
    message_tokens: 4,
    choices: &["/n"],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Inclusive,
};
