//! `openai.responses`: `POST …/responses`.

pub(super) mod reply;
pub(super) mod request;

use super::describe::Description;

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "openai.responses",
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    without_input: None,
    batch_of: None,
    limits: &["/max_output_tokens"],
    message_tokens: 4,
    has_choices: false,
    has_done: false,
};
