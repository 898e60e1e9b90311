//! Stored replies in the form that a caller requests: a recorded stream as the whole reply that the
//! API would have given, a whole reply as a stream, and whether a reply may be stored at all.
//!
//! Only replies whose form changes come through here: one that is replayed as it was recorded goes
//! out byte for byte. It is no translation between dialects, and it makes nothing up: a recording
//! that is not complete, or says something in an unknown form, is an error, and the exchange goes
//! on without it.
//!
//! The surprising choice: texts are neither decoded nor parsed into a tree. Members of objects keep
//! their order and their source, strings grow and are cut as source between quotes; so numbers,
//! unknown members, escapes and surrogates that a model cut apart come out as they went in. This is
//! done once per hit that changes form, never on a wire.

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

use bytes::Bytes;

use super::{Dialect, Malformed};
use chat::Form;
use members::Members;
use storable::{Found, Verdict};

/// The functions that change the form of a dialect's stored replies, and judge which may be stored.
/// A dialect's row names the one that it has.
pub(crate) struct Replay {
    whole_of: fn(&[u8]) -> Result<Vec<u8>, Malformed>,
    /// The other argument says if a last chunk has the usage.
    stream_of: fn(&[u8], bool) -> Result<Vec<Bytes>, Malformed>,
    /// Judges whether a whole reply that is no error may be stored.
    judge: fn(&Members<'_>, &mut Found) -> Verdict,
}

/// The functions of `openai.chat`.
pub(super) static CHAT: Replay = Replay {
    whole_of: |stream| chat::whole_of(Form::Chat, stream),
    stream_of: |whole, include_usage| chat::stream_of(Form::Chat, whole, include_usage),
    judge: |whole, found| storable::chunks(Form::Chat, whole, found),
};
/// The functions of `openai.completions`.
pub(super) static COMPLETIONS: Replay = Replay {
    whole_of: |stream| chat::whole_of(Form::Text, stream),
    stream_of: |whole, include_usage| chat::stream_of(Form::Text, whole, include_usage),
    judge: |whole, found| storable::chunks(Form::Text, whole, found),
};
/// The functions of `anthropic.messages`.
pub(super) static MESSAGES: Replay = Replay {
    whole_of: messages::whole_of,
    stream_of: |whole, _| messages::stream_of(whole),
    judge: storable::messages,
};
/// The functions of `openai.responses`.
pub(super) static RESPONSES: Replay = Replay {
    whole_of: responses::whole_of,
    stream_of: |whole, _| responses::stream_of(whole),
    judge: storable::responses,
};
/// The functions of `gemini.generate`.
pub(super) static GEMINI: Replay = Replay {
    whole_of: gemini::whole_of,
    stream_of: |whole, _| gemini::stream_of(whole),
    judge: storable::gemini,
};
/// The functions of `openai.embeddings`, whose replies are whole only.
pub(super) static VECTORS: Replay = Replay {
    whole_of: |_| Err(malformed(UNREAD)),
    stream_of: |_, _| Err(malformed(UNREAD)),
    judge: storable::vectors,
};

impl Replay {
    fn of(dialect: Dialect) -> Result<&'static Self, Malformed> {
        let row = dialect.description();
        row.and_then(|row| row.replay).ok_or(malformed(UNREAD))
    }

    fn whole_of(&self, stream: &[u8]) -> Result<Vec<u8>, Malformed> {
        checked(stream)?;
        (self.whole_of)(stream)
    }

    fn stream_of(&self, whole: &[u8], include_usage: bool) -> Result<Vec<Bytes>, Malformed> {
        checked(whole)?;
        (self.stream_of)(whole, include_usage)
    }
}

/// The whole reply that the API would have given instead of this stream: all choices with their
/// texts, reasoning and its signatures, refusals, tool calls, finish reasons, usage, ids.
///
/// # Errors
/// The stream is not complete, holds an error, or says something that can't be put together.
pub fn whole_of(dialect: Dialect, stream: &[u8]) -> Result<Bytes, Malformed> {
    Replay::of(dialect)?.whole_of(stream).map(Bytes::from)
}

/// The events of the stream that the API would have given instead of this whole reply, its proper
/// end included; texts come in pieces of a few words. `include_usage` is the caller's
/// `stream_options.include_usage`, which only the OpenAI chunks have: other dialects' streams
/// always report usage.
///
/// # Errors
/// The reply is an error, is not finished, or holds what a stream can't (audio).
pub fn stream_of(
    dialect: Dialect,
    whole: &[u8],
    include_usage: bool,
) -> Result<Vec<Bytes>, Malformed> {
    Replay::of(dialect)?.stream_of(whole, include_usage)
}

/// Judges whether a successful reply may be stored. `body` is a recorded stream or a whole reply.
///
/// # Errors
/// The reason why not, in a word for metrics: `error`, `incomplete`, `truncated`, `refused`,
/// `tool_calls`, `media`, `empty`, `unknown`, `malformed` or `dialect`.
pub fn storable(
    dialect: Dialect,
    body: &[u8],
    streaming: bool,
    allow_tool_calls: bool,
) -> Result<(), &'static str> {
    let replay = Replay::of(dialect).map_err(|_| "dialect")?;
    storable::storable(replay, body, streaming, allow_tool_calls).map_err(|why| why.0)
}

const UNREAD: &str = "replies of this dialect are not replayed";
const INCOMPLETE: &str = "the reply ends before its end";
const ERROR: &str = "the reply is an error";
const MEDIA: &str = "the reply holds audio";
const UNKNOWN: &str = "the reply holds something of an unknown kind";

fn malformed(what: &'static str) -> Malformed {
    Malformed::new(what, 0)
}

/// Checks that a document built here is UTF-8, since it is cut and put together as text.
fn checked(bytes: &[u8]) -> Result<(), Malformed> {
    str::from_utf8(bytes)
        .map(drop)
        .map_err(|error| Malformed::new("the reply is not UTF-8", error.valid_up_to()))
}
