//! The description of `rerank` replies: the documents' numbers and scores, and the documents where
//! they were asked for.

use crate::{
    Place::{Other, User},
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Rule, json, list, shape, text},
    },
};

/// A reply.
pub(crate) static REPLY: Rule = Rule::Object(&ORDER);
/// The list under the names that servers have for it.
static RANKED: Rule = list(&Rule::Object(&DOCUMENT));

shape! {
    ORDER, Other, [];
    "id" => Rule::Word, "object" => Rule::Word, "model" => Rule::Word, "results" => Rule::Same(&RANKED), "data" => Rule::Same(&RANKED),
    "meta" => Rule::Object(&META), "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR),
}
shape! {
    DOCUMENT, Other, [];
    "index" => Rule::Plain, "relevance_score" => Rule::Plain, "score" => Rule::Plain, "object" => Rule::Word,
    "document" => Rule::OneOf(&[text(User), json(User)]),
}
shape! {
    META, Other, [];
    "api_version" => Rule::Same(&COUNTS), "billed_units" => Rule::Same(&COUNTS), "tokens" => Rule::Same(&COUNTS),
    "cached_tokens" => Rule::Plain, "warnings" => list(&text(Other)),
}
