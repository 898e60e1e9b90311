//! `gemini.interactions`: `POST …/interactions`, whole and streamed, for models and for agents:
//! <https://ai.google.dev/gemini-api/docs/interactions>.
//!
//! The provider keeps an interaction unless `store` is false; a later one goes on from it by
//! `previous_interaction_id`, and what it said can be fetched. Since May 2026 a reply is a list of
//! `steps`; before that it was a list of `outputs`, whose events are named otherwise. Both are read.

pub(super) mod reply;
pub(super) mod request;

use super::{
    Kind, answer,
    describe::{Description, Features, Provider},
    reply::format,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "gemini.interactions",
    provider: Provider::Google,
    operation: "generate_content",
    kind: Kind::Generate,
    counting: None,
    path: "/v1beta/interactions",
    unread: "interactions",
    features: Features {
        has_stream: true,
        has_background: true,
        has_event_types: true,
        has_status: true,
        ..Features::NONE
    },
    request: &request::REQUEST,
    reply: &reply::REPLY,
    event: &reply::EVENT,
    format: &format::INTERACTIONS,
    replay: None,
    answer: Ok(&answer::INTERACTIONS),
    without_input: Some("`input` is missing"),
    batch_of: None,
    limits: &["/generation_config/max_output_tokens"],
    message_tokens: 4,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::ThoughtsApart,
};
