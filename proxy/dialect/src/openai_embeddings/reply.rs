//! The description of `openai.embeddings` replies: vectors, as numbers or as their bytes in base64.

use crate::describe::{
    answer::{COUNTS, ERROR},
    shape::{Exempt, Rule, list, shape},
};

/// A reply.
pub(crate) static REPLY: Rule = Rule::Object(&LIST);

shape! {
    LIST, Other, [];
    "object" => Rule::Word, "model" => Rule::Word, "id" => Rule::Word, "created" => Rule::Plain, "data" => list(&Rule::Object(&VECTOR)),
    "usage" => Rule::Same(&COUNTS), "error" => Rule::Same(&ERROR),
}
shape! { VECTOR, Other, []; "object" => Rule::Word, "index" => Rule::Plain, "embedding" => Rule::Opaque(Exempt::Tokens) }
