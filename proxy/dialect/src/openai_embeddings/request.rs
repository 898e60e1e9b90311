//! The description of `openai.embeddings` requests: one input or many. Some servers embed a
//! conversation.

use crate::{
    Place::Metadata,
    describe::shape::{Level, Rule, json, shape},
    openai_chat::request::MESSAGE,
    openai_completions::request::INPUT,
};

shape! {
    REQUEST, Other, [];
    "input" => Rule::Same(&INPUT), "messages" => Rule::List(Level::Message, &Rule::Object(&MESSAGE)), "model" => Rule::Model,
    "user" => json(Metadata), "encoding_format" => Rule::Word, "dimensions" => Rule::Plain, "input_type" => Rule::Word,
    "truncate" => Rule::Word, "task" => Rule::Word, "normalized" => Rule::Plain,
}
