//! `anthropic.batches`: `POST …/messages/batches`, and `GET …/messages/batches/ID/results`:
//! <https://docs.claude.com/en/api/creating-message-batches>.
//!
//! Each of its requests, and each of its results, is read by the description of
//! `anthropic.messages`, and there is no second list of members. A dialect of its own all the same,
//! not a kind of that one: a policy that knows `anthropic.messages` looks for `/messages`, sets
//! `/max_tokens` and keeps the reply under the request's key, all of which would be wrong here. One
//! that does not know this name leaves all that alone, and the passages are shown to it as ever.

use super::{
    Dialect, Kind,
    anthropic_messages::{reply::REPLY as MESSAGE, request::REQUEST as MESSAGES},
    describe::{
        Description, Features, Provider,
        answer::{COUNTS, ERROR},
        shape::{Rule, list, shape},
    },
    reply::format,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "anthropic.batches",
    provider: Provider::Anthropic,
    operation: "chat",
    kind: Kind::Batch,
    counting: None,
    path: "/v1/messages/batches",
    unread: "batches",
    features: Features {
        has_stream: true,
        has_lines: true,
        ..Features::NONE
    },
    request: &REQUEST,
    reply: &REPLY,
    event: &REPLY,
    format: &format::BATCHES,
    replay: None,
    answer: Err("a batch can't be answered with a text"),
    without_input: Some("`requests` holds none"),
    batch_of: Some(Dialect::AnthropicMessages),
    limits: &[],
    message_tokens: 4,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Disjoint,
};

shape! {
    REQUEST, Other, [];
    "requests" => list(&Rule::Object(&ENTRY)),
}
shape! {
    ENTRY, Other, [];
    "custom_id" => Rule::Word, "params" => Rule::Document(&MESSAGES),
}

/// The batch as it stands, or, where its results are fetched, one of them a line.
static REPLY: Rule = Rule::Object(&BATCH);
shape! {
    /// `custom_id` and `result` are a result's.
    BATCH, Other, [];
    "custom_id" => Rule::Word, "result" => Rule::Object(&RESULT),
    "id" => Rule::Word, "type" => Rule::Word, "processing_status" => Rule::Word, "request_counts" => Rule::Same(&COUNTS),
    "created_at" => Rule::Word, "expires_at" => Rule::Word, "ended_at" => Rule::Word, "archived_at" => Rule::Word,
    "cancel_initiated_at" => Rule::Word, "results_url" => Rule::Word, "error" => Rule::Same(&ERROR), "request_id" => Rule::Word,
}
shape! { RESULT, Other, []; "type" => Rule::Word, "message" => Rule::Same(&MESSAGE), "error" => Rule::Object(&FAILURE) }
shape! { FAILURE, Other, []; "type" => Rule::Word, "error" => Rule::Same(&ERROR), "request_id" => Rule::Word }
