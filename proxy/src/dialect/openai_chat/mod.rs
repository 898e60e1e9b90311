//! `openai.chat`: `POST …/chat/completions`.

pub(super) mod reply;
pub(super) mod request;

use super::describe::Description;

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "openai.chat",
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::REPLY,
    without_input: Some("`messages` is missing"),
    batch_of: None,
    limits: &["/max_completion_tokens", "/max_tokens"],
    message_tokens: 4,
    has_choices: true,
    has_done: true,
};
