//! `openai.completions`: `POST …/completions`, the older API, text in and text out.

pub(super) mod request;

use super::describe::Description;

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "openai.completions",
    request: &request::REQUEST,
    reply: &super::openai_chat::reply::REPLY,
    event: &super::openai_chat::reply::REPLY,
    without_input: None,
    batch_of: None,
    limits: &["/max_tokens"],
    message_tokens: 0,
    has_choices: true,
    has_done: true,
};
