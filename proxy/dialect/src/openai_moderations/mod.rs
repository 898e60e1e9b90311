//! `openai.moderations`: `POST …/moderations`, texts in and verdicts out.

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
    name: "openai.moderations",
    provider: Provider::Openai,
    operation: "moderation",
    kind: Kind::Embed,
    counting: None,
    path: "/v1/moderations",
    unread: "moderations",
    features: Features::NONE,
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    format: &format::VECTORS,
    replay: None,
    answer: Err("a request for a verdict can't be answered with a text"),
    without_input: Some("`input` is missing"),
    batch_of: None,
    limits: &[],
    message_tokens: 0,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Inclusive,
};
