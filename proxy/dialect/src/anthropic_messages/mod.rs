//! `anthropic.messages`: `POST …/messages`.

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
    name: "anthropic.messages",
    provider: Provider::Anthropic,
    operation: "chat",
    kind: Kind::Generate,
    counting: Some("/count_tokens"),
    path: "/v1/messages",
    unread: "messages",
    features: Features {
        has_stream: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    format: &format::MESSAGES,
    replay: Some(&replay::MESSAGES),
    answer: Ok(&answer::MESSAGES),
    without_input: Some("`messages` is missing"),
    batch_of: None,
    limits: &["/max_tokens"],
    message_tokens: 4,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Disjoint,
};
