//! The description of `openai.moderations` replies: verdicts and scores, by category.

use crate::describe::{
    answer::{COUNTS, ERROR},
    shape::{Rule, shape},
};

/// A reply.
pub(crate) static REPLY: Rule = Rule::Object(&VERDICTS);

shape! {
    VERDICTS, Other, [];
    "id" => Rule::Word, "model" => Rule::Word, "results" => Rule::Same(&COUNTS), "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR),
}
