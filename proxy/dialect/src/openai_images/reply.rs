//! The description of `openai.images` replies, events and whole.

use crate::{
    Place::{Assistant, Other},
    describe::{
        answer::{COUNTS, ERROR},
        shape::{Exempt, Rule, list, shape, text},
    },
};

/// A reply, and an event of a streamed one, which is one image.
pub(crate) static REPLY: Rule = Rule::Object(&IMAGES);

shape! {
    IMAGES, Other, [];
    "created" => Rule::Plain, "created_at" => Rule::Plain, "data" => list(&Rule::Object(&IMAGE)), "usage" => Rule::Same(&COUNTS),
    "type" => Rule::Word, "b64_json" => Rule::Media(Exempt::Image), "partial_image_index" => Rule::Plain, "background" => Rule::Word,
    "size" => Rule::Word, "quality" => Rule::Word, "output_format" => Rule::Word, "sequence_number" => Rule::Plain,
    "model" => Rule::Word, "error" => Rule::Same(&ERROR), "message" => text(Other),
}
shape! { IMAGE, Other, []; "b64_json" => Rule::Media(Exempt::Image), "url" => Rule::Media(Exempt::Image), "revised_prompt" => text(Assistant) }
