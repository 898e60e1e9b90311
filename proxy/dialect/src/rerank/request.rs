//! The description of `rerank` requests: <https://docs.cohere.com/reference/rerank>,
//! <https://jina.ai/reranker>.

use crate::{
    Place::{System, User},
    describe::shape::{Level, Rule, WORDS, json, shape, text},
};

shape! {
    REQUEST, Other, [];
    "query" => Rule::First(&text(User)), "documents" => Rule::List(Level::Plain, &Rule::OneOf(&[text(User), json(User)])),
    "model" => Rule::Model, "instruction" => text(System), "top_n" => Rule::Plain, "top_k" => Rule::Plain,
    "max_tokens_per_doc" => Rule::Plain, "max_chunks_per_doc" => Rule::Plain, "return_documents" => Rule::Plain, "rank_fields" => WORDS,
    "truncation" => Rule::Plain, "priority" => Rule::Plain,
}
