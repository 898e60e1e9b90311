//! `anthropic.messages`: `POST …/messages`.

pub(super) mod reply;
pub(super) mod request;

use super::describe::Description;

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "anthropic.messages",
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    without_input: Some("`messages` is missing"),
    batch_of: None,
    limits: &["/max_tokens"],
    message_tokens: 4,
    has_choices: false,
    has_done: false,
};
