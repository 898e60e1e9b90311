//! `openai.embeddings`: `POST …/embeddings`, text in and vectors out.

pub(super) mod reply;
pub(super) mod request;

use super::{
    Kind,
    describe::{Description, Features, Provider},
    replay,
    reply::format,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "openai.embeddings",
    provider: Provider::Openai,
    operation: "embeddings",
    kind: Kind::Embed,
    counting: None,
    path: "/v1/embeddings",
    unread: "embeddings",
    features: Features {
        has_done: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    format: &format::VECTORS,
    replay: Some(&replay::VECTORS),
    answer: Err("an embeddings request can't be answered with a text"),
    without_input: Some("`input` is missing"),
    batch_of: None,
    limits: &[],
    message_tokens: 0,
    choices: &[],
    prompts: None,
    token_ids: Some("/input"),
    vectors: None,
    usage: Sums::Inclusive,
};
