//! `openai.embeddings`: `POST …/embeddings`, text in and vectors out.

pub(super) mod reply;
pub(super) mod request;

use super::describe::Description;

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "openai.embeddings",
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    without_input: Some("`input` is missing"),
    batch_of: None,
    limits: &[],
    message_tokens: 0,
    has_choices: false,
    has_done: true,
};
