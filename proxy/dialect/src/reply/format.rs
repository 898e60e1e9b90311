//! The formats of replies: the functions that read each, and write what no provider sent. A
//! dialect's row names the one that it has.

use std::ops::Range;

use super::{
    anthropic, chat, figures, gemini, interactions, lists,
    plan::{Ending, Progress},
    responses,
    state::State,
    synth,
};
use crate::{
    Dialect, Malformed,
    answer::{Draft, Refused},
};

type Read = Result<(), Malformed>;
type Endings = fn(&[u8], usize) -> Result<Vec<Ending>, Malformed>;

/// The functions that read and write replies.
pub(crate) struct Format {
    /// Reads an event of a stream: the document, where its JSON stands, and the event's name.
    pub(super) event: fn(&mut State, &[u8], Range<usize>, &[u8]) -> Read,
    /// Reads a whole reply.
    pub(super) whole: fn(&mut State, &[u8], usize) -> Read,
    /// Finds the figures of a whole reply without reading its texts; none where only `whole` can.
    pub(super) figures: Option<figures::Find>,
    /// Reads whether an event's choices have content or end, where a finish reason ends no channel
    /// while text follows.
    pub(super) endings: Option<Endings>,
    /// Writes text that was kept back as one more event.
    pub(super) piece: fn(Draft, &synth::Late<'_>) -> Draft,
    /// Writes the end of a refused stream that has begun.
    pub(super) refusal: fn(&State, &Progress, &Refused<'_>) -> Draft,
}

/// The format of `openai.chat`.
pub(crate) static CHAT: Format = Format {
    event: |state, doc, data, _| chat::read(state, doc, data.start),
    whole: chat::read,
    figures: Some(figures::chat),
    endings: Some(chat::endings),
    piece: synth::chat_piece,
    refusal: synth::chat_refusal,
};
/// The format of `openai.completions`.
pub(crate) static COMPLETIONS: Format = Format {
    event: CHAT.event,
    whole: chat::read,
    figures: Some(figures::chat),
    endings: Some(chat::endings),
    piece: synth::completion_piece,
    refusal: synth::completion_refusal,
};
/// The format of `openai.responses`.
pub(crate) static RESPONSES: Format = Format {
    event: responses::event,
    whole: responses::whole,
    figures: Some(figures::response),
    endings: None,
    piece: synth::response_piece,
    refusal: synth::response_refusal,
};
/// The format of `anthropic.messages`.
pub(crate) static MESSAGES: Format = Format {
    event: anthropic::event,
    whole: anthropic::whole,
    figures: Some(figures::message),
    endings: None,
    piece: synth::message_piece,
    refusal: synth::message_refusal,
};
/// The format of `gemini.generate`.
pub(crate) static GEMINI: Format = Format {
    event: |state, doc, data, _| gemini::event(state, doc, data.start),
    whole: gemini::whole,
    figures: Some(figures::chunks),
    endings: Some(gemini::endings),
    piece: synth::candidate_piece,
    refusal: synth::candidate_refusal,
};
/// The format of `gemini.interactions`.
pub(crate) static INTERACTIONS: Format = Format {
    event: interactions::event,
    whole: interactions::whole,
    figures: Some(figures::interaction),
    endings: None,
    piece: synth::interaction_piece,
    refusal: synth::interaction_refusal,
};
/// The format of `openai.embeddings`.
pub(crate) static VECTORS: Format = Format {
    whole: chat::vectors,
    figures: Some(figures::vectors),
    ..BASE
};
/// The format of `openai.images`.
pub(crate) static IMAGES: Format = Format {
    event: lists::image,
    ..VECTORS
};
/// The format of `openai.conversations`.
pub(crate) static CONVERSATIONS: Format = Format {
    whole: lists::items,
    ..BASE
};
/// The format of `anthropic.batches`: a batch as it stands, or the results of its requests, of which
/// the description reads the texts.
pub(crate) static BATCHES: Format = Format {
    whole: lists::result,
    ..BASE
};
/// The format of `rerank`.
pub(crate) static RERANK: Format = Format {
    whole: lists::order,
    figures: Some(lists::order_figures),
    ..BASE
};
/// The format of what is never read.
static NONE: Format = BASE;

/// The format of replies whose events nobody reads.
const BASE: Format = Format {
    event: unread,
    whole: |_, _, _| Err(Malformed::new("no dialect", 0)),
    figures: None,
    endings: None,
    piece: synth::chat_piece,
    refusal: synth::chat_refusal,
};

fn unread(state: &mut State, _: &[u8], data: Range<usize>, _: &[u8]) -> Read {
    state.count_unseen("event", data.len());
    Ok(())
}

/// The format of a dialect's replies.
pub(super) fn of(dialect: Dialect) -> &'static Format {
    dialect.description().map_or(&NONE, |row| row.format)
}
