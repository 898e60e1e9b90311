//! The description of `openai.images` requests:
//! <https://platform.openai.com/docs/api-reference/images/create>.

use crate::{
    Place::{Metadata, User},
    describe::shape::{Rule, json, shape, text},
};

shape! {
    REQUEST, Other, [];
    "prompt" => Rule::First(&text(User)), "model" => Rule::Model, "n" => Rule::Plain, "size" => Rule::Word, "quality" => Rule::Word,
    "style" => Rule::Word, "background" => Rule::Word, "moderation" => Rule::Word, "output_format" => Rule::Word,
    "response_format" => Rule::Word, "output_compression" => Rule::Plain, "partial_images" => Rule::Plain, "stream" => Rule::Plain,
    "user" => json(Metadata), "safety_identifier" => json(Metadata),
}
