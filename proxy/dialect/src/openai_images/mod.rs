//! `openai.images`: `POST …/images/generations`, text in and pictures out, whole or as they grow.
//! Edits and variations come as forms, which nobody here reads.

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
    name: "openai.images",
    provider: Provider::Openai,
    operation: "image_generation",
    kind: Kind::Generate,
    counting: None,
    path: "/v1/images/generations",
    unread: "images",
    features: Features {
        has_stream: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    format: &format::IMAGES,
    replay: None,
    answer: Err("a request for images can't be answered with a text"),
    without_input: Some("`prompt` is missing"),
    batch_of: None,
    limits: &[],
    message_tokens: 0,
    choices: &["/n"],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Inclusive,
};
