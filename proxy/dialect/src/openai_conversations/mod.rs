//! `openai.conversations`: `POST …/conversations`, `…/conversations/ID`, `…/conversations/ID/items`,
//! and what is fetched there:
//! <https://platform.openai.com/docs/api-reference/conversations>.
//!
//! Its items are those of `openai.responses`, read by that description: there is no second list of
//! members. The provider keeps them for later calls, so nothing is generated, and what policies
//! write into them is what all of those calls will hold.
//!
//! Mistral has another API at the same path, which answers at once: its `inputs` are read as items
//! are, and the usage that it reports counts. Its streams are not read.

use super::{
    Kind,
    Place::{Metadata, Other, System, User},
    describe::{
        Description, Features, Provider,
        answer::COUNTS,
        shape::{Level, Member, Rule, Shape, WORDS, joined, json, list, shape, text},
    },
    openai_responses::request::ITEM,
    reply::format,
    usage::Sums,
};

/// The row of this dialect.
pub(super) static DESCRIPTION: Description = Description {
    name: "openai.conversations",
    provider: Provider::Openai,
    operation: "conversation",
    kind: Kind::Store,
    counting: None,
    path: "/v1/conversations",
    unread: "conversations",
    features: Features::NONE,
    request: &REQUEST,
    reply: &REPLY,
    event: &REPLY,
    format: &format::CONVERSATIONS,
    replay: None,
    answer: Err("a conversation that is to be kept can't be answered with a text"),
    without_input: None,
    batch_of: None,
    limits: &[],
    message_tokens: 4,
    choices: &[],
    prompts: None,
    token_ids: None,
    vectors: None,
    usage: Sums::Inclusive,
};

shape! {
    /// `items` may be absent: a conversation may begin empty, and `metadata` may be all that
    /// changes. `inputs`, `instructions` and `model` are Mistral's.
    REQUEST, Other, [];
    "items" | "inputs" => Rule::OneOf(&[Rule::First(&text(User)), Rule::List(Level::Message, &Rule::OneOf(&[text(User), Rule::Object(&ITEM)]))]),
    "metadata" => json(Metadata), "include" => WORDS, "instructions" => text(System), "model" => Rule::Model, "stream" => Rule::Plain,
}

/// A conversation, a list of items, or an item alone.
static REPLY: Rule = Rule::Object(&KEPT);
static KEPT: Shape = Shape::new(&MEMBERS, ITEM.tags, Other);
static MEMBERS: [Member; OWN.members.len() + ITEM.members.len()] =
    joined(OWN.members, ITEM.members);
shape! {
    /// The members that an item lacks.
    OWN, Other, [];
    "object" => Rule::Word, "created_at" => Rule::Plain, "metadata" => json(Metadata), "deleted" => Rule::Plain,
    "data" => list(&Rule::Object(&ITEM)), "first_id" => Rule::Word, "last_id" => Rule::Word, "has_more" => Rule::Plain,
    // Mistral's
    "conversation_id" => Rule::Word, "usage" => Rule::Same(&COUNTS),
}
