//! Kept replies in the form that a caller asks for: a recorded stream as the whole reply that the API would have given, a whole reply
//! as a stream, and whether a reply may be kept at all.
//!
//! Only replies whose form changes come through here: one that is replayed as it was recorded goes out byte for byte. It is no
//! translation between dialects, and it makes nothing up: a recording that is not complete, or says something in a way that is
//! not known, is an error, and the exchange goes on without it.
//!
//! The surprising choice: texts are neither decoded nor parsed into a tree. Members of objects keep their order and their source,
//! strings grow and are cut as source between quotes; so numbers, unknown members, escapes and surrogates that a model cut apart
//! come out as they went in. This is done once per hit that changes form, never on a wire.

mod chat;
mod events;
mod gemini;
mod growing;
mod members;
mod messages;
mod responses;
mod storable;
#[cfg(test)]
mod tests;
mod usage;

use bytes::Bytes;

use super::{Dialect, Malformed, Usage};
use chat::Form;

/// What a replay has to be good at; by name, since not every dialect has replies that are replayed.
enum Format {
    /// Chunks that end with `[DONE]`.
    Chunks(Form),
    Messages,
    Responses,
    Gemini,
    /// Whole only.
    Embeddings,
}

impl Format {
    fn of(dialect: Dialect) -> Result<Self, Malformed> {
        Self::named(dialect.name())
    }

    fn named(dialect: &str) -> Result<Self, Malformed> {
        match dialect {
            "openai.chat" => Ok(Self::Chunks(Form::Chat)),
            "openai.completions" => Ok(Self::Chunks(Form::Text)),
            "anthropic.messages" => Ok(Self::Messages),
            "openai.responses" => Ok(Self::Responses),
            "gemini.generate" => Ok(Self::Gemini),
            "openai.embeddings" => Ok(Self::Embeddings),
            _ => Err(malformed(UNREAD)),
        }
    }

    fn whole_of(&self, stream: &[u8]) -> Result<Vec<u8>, Malformed> {
        checked(stream)?;
        match self {
            Self::Chunks(form) => chat::whole_of(*form, stream),
            Self::Messages => messages::whole_of(stream),
            Self::Responses => responses::whole_of(stream),
            Self::Gemini => gemini::whole_of(stream),
            Self::Embeddings => Err(malformed(UNREAD)),
        }
    }

    fn stream_of(&self, whole: &[u8], include_usage: bool) -> Result<Vec<Bytes>, Malformed> {
        checked(whole)?;
        match self {
            Self::Chunks(form) => chat::stream_of(*form, whole, include_usage),
            Self::Messages => messages::stream_of(whole),
            Self::Responses => responses::stream_of(whole),
            Self::Gemini => gemini::stream_of(whole),
            Self::Embeddings => Err(malformed(UNREAD)),
        }
    }
}

/// The whole reply that the API would have given instead of this stream: all choices with their texts, reasoning and its signatures,
/// refusals, tool calls, finish reasons, usage, ids.
///
/// # Errors
/// The stream is not complete, holds an error, or says something that can't be put together.
pub fn whole_of(dialect: Dialect, stream: &[u8]) -> Result<Bytes, Malformed> {
    Format::of(dialect)?.whole_of(stream).map(Bytes::from)
}

/// The events of the stream that the API would have given instead of this whole reply, its proper end included; texts come in
/// pieces of a few words. `include_usage` is the caller's `stream_options.include_usage`, which other dialects than the OpenAI
/// chunks don't ask for: their streams always tell it.
///
/// # Errors
/// The reply is an error, is not finished, or holds what a stream can't (audio).
pub fn stream_of(
    dialect: Dialect,
    whole: &[u8],
    include_usage: bool,
) -> Result<Vec<Bytes>, Malformed> {
    Format::of(dialect)?.stream_of(whole, include_usage)
}

/// Whether a successful reply may be kept. `body` is a recorded stream or a whole reply.
///
/// # Errors
/// Why not, in a word for metrics: `error`, `incomplete`, `truncated`, `refused`, `tool_calls`, `media`, `empty`, `unknown`,
/// `malformed` or `dialect`.
pub fn storable(
    dialect: Dialect,
    body: &[u8],
    streaming: bool,
    allow_tool_calls: bool,
) -> Result<(), &'static str> {
    let format = Format::of(dialect).map_err(|_| "dialect")?;
    storable::storable(&format, body, streaming, allow_tool_calls)
}

/// The recorded stream for a caller who did or did not ask for usage in its last chunk (`stream_options.include_usage` of the OpenAI
/// dialects; other streams pass as they are). A chunk that only tells usage is taken out, or made from `known` where the recording
/// has none.
///
/// # Errors
/// The stream has no end.
pub fn with_usage(
    dialect: Dialect,
    stream: &Bytes,
    wanted: bool,
    known: Option<&Usage>,
) -> Result<Bytes, Malformed> {
    match Format::of(dialect) {
        Ok(Format::Chunks(_)) => usage::with_usage(stream, wanted, known),
        _ => Ok(stream.clone()),
    }
}

const UNREAD: &str = "replies of this dialect are not replayed";
const INCOMPLETE: &str = "the reply ends before its end";
const ERROR: &str = "the reply is an error";
const MEDIA: &str = "the reply holds audio";
const UNKNOWN: &str = "the reply holds something of an unknown kind";

fn malformed(what: &'static str) -> Malformed {
    Malformed { what, at: 0 }
}

/// What is built here is cut and put together as text.
fn checked(bytes: &[u8]) -> Result<(), Malformed> {
    str::from_utf8(bytes).map(drop).map_err(|error| Malformed {
        what: "the reply is not UTF-8",
        at: error.valid_up_to(),
    })
}
