//! Translation: a call in one dialect served by a target that speaks another.
//!
//! One reader and one writer per wire format around a small typed [form](form) of requests and a
//! sequence of [events](event) of replies; the same dialect never comes here. What can't be carried
//! is [refused by name](Refused) where the meaning would change, and [dropped](Dropped) and counted
//! where only cost or taste would. A stream is written as it is read: nothing of it is kept but
//! what the caller's grammar forces, which is one call's arguments for Gemini's callers, and the
//! repeats at the end of a response for those of the Responses API.

mod base64;
mod chat;
mod converse;
pub mod count;
pub mod embeddings;
mod event;
mod form;
mod format;
#[cfg(test)]
mod fuzz;
mod gemini;
mod json;
mod loss;
mod media;
mod messages;
mod opaque;
mod read;
mod reply;
mod responses;
pub mod takes;
mod target;
mod text;

pub use format::{ReplyContext, Wire, Written};
pub use loss::{Dropped, Refused};
pub use opaque::{Origin, is_tagged};
pub use reply::Reply;
pub use target::{Quirks, Target};

use crate::{Dialect, Malformed};

/// The kind of answer that a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// Text of a model: [`Reply`].
    Text,
    /// A number of tokens.
    Count,
    /// Vectors.
    Embeddings(embeddings::Wanted),
}

impl Answers {
    /// Translates a whole reply that is no text; `None` of one that is.
    pub fn translate(&self, caller: Dialect, doc: &[u8]) -> Option<Result<Vec<u8>, Malformed>> {
        match self {
            Self::Text => None,
            Self::Count => Some(count::reply(caller, doc)),
            Self::Embeddings(wanted) => Some(embeddings::reply(doc, wanted)),
        }
    }
}

/// Translates a request of `caller` for a target of another dialect. `streaming`: the caller wants
/// a stream, where the path says so and not the body.
///
/// # Errors
/// The body would be refused by its own dialect, or the target can't be sent something that has a
/// meaning. Then nothing is sent, and the target is no candidate.
pub fn request(
    caller: Dialect,
    body: &[u8],
    streaming: bool,
    target: &Target<'_>,
) -> Result<(Written, Dropped), Refused> {
    let untranslated = || Refused::new(caller.name(), "is not translated to other dialects");
    let from = Wire::of(caller).ok_or_else(untranslated)?;
    let read = from.format().read_request.ok_or_else(untranslated)?;
    let mut dropped = Dropped::default();
    let body = from.with_json_schemas(body);
    let mut form = read(&body, &mut dropped)?;
    form.stream |= streaming;
    let written = (target.wire.format().write_request)(&form, target, &mut dropped)?;
    match dropped.fields().first() {
        Some(field) if target.strict => Err(Refused::new(
            *field,
            "can't be carried to this target, and `strict` refuses what would be dropped",
        )),
        _ => Ok((written, dropped)),
    }
}
