//! `openai.responses`: `POST …/responses`.

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
    name: "openai.responses",
    provider: Provider::Openai,
    operation: "chat",
    kind: Kind::Generate,
    counting: Some("/input_tokens"),
    path: "/v1/responses",
    unread: "responses",
    features: Features {
        has_stream: true,
        has_background: true,
        repeats_text: true,
        numbers_events: true,
        has_status: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    format: &format::RESPONSES,
    replay: Some(&replay::RESPONSES),
    answer: Ok(&answer::RESPONSES),
    without_input: None,
    batch_of: None,
    limits: &["/max_output_tokens"],
    message_tokens: 4,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Inclusive,
};
