//! The description of `openai.completions` requests: a prompt, or several that are answered each on
//! its own, and a suffix.

use crate::{
    Place::{Metadata, User},
    describe::shape::{Exempt, Level, Rule, json, shape, text},
    openai_chat::request::{FORMAT, PART, STREAM_OPTIONS},
};

shape! {
    /// `prompt` may be absent: the API then begins a document.
    REQUEST, Other, [];
    "prompt" => Rule::Same(&INPUT), "suffix" => text(User), "model" => Rule::Model, "stream" => Rule::Plain,
    "stream_options" => Rule::Object(&STREAM_OPTIONS), "max_tokens" => Rule::Plain, "n" => Rule::Plain, "best_of" => Rule::Plain,
    "user" => json(Metadata), "response_format" => Rule::Definition(&Rule::Object(&FORMAT)),
    // vectors instead of text, as some servers take them
    "prompt_embeds" => Rule::Opaque(Exempt::Tokens),
    "temperature" => Rule::Plain, "top_p" => Rule::Plain, "top_k" => Rule::Plain, "seed" => Rule::Plain, "echo" => Rule::Plain,
    "logprobs" => Rule::Plain, "frequency_penalty" => Rule::Plain, "presence_penalty" => Rule::Plain,
    "logit_bias" => Rule::Map(&Rule::Plain),
}
/// An input that is no conversation: a string, or inputs of their own, which can't be dropped, as
/// their number identifies the replies.
pub(crate) static INPUT: Rule = Rule::OneOf(&[
    Rule::First(&text(User)),
    Rule::Numbers,
    Rule::List(
        Level::Input,
        &Rule::OneOf(&[
            text(User),
            Rule::Numbers,
            Rule::As(User, &Rule::Object(&PART)),
        ]),
    ),
    Rule::First(&json(User)),
]);
