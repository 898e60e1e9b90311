//! `rerank`: `POST …/rerank`, a query and documents in, their order out: Cohere's, Jina's, and of
//! the servers that took them over.

pub(super) mod reply;
pub(super) mod request;

use super::{
    Kind,
    describe::{Description, Features, Provider},
    reply::format,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "rerank",
    provider: Provider::Openai,
    operation: "rerank",
    kind: Kind::Embed,
    counting: None,
    path: "/v1/rerank",
    unread: "rerank",
    features: Features::NONE,
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    format: &format::RERANK,
    replay: None,
    answer: Err("a request for an order can't be answered with a text"),
    without_input: Some("`query` is missing"),
    batch_of: None,
    limits: &[],
    message_tokens: 0,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Total,
};
