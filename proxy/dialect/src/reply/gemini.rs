//! Replies of `…:generateContent` and `:streamGenerateContent`, chunks and whole.
//!
//! Parts have no index, so a candidate's text is one channel and its thoughts are another, over all
//! parts and chunks; each function call is complete where it stands and a channel of its own. A
//! stream has no terminator: it has ended when every candidate has a `finishReason` and none goes
//! on behind it. Without `alt=sse` the chunks are the elements of one JSON array, which is read
//! like any whole reply; there, and in a plain reply, a channel's last text is the one that ends
//! it, so that nothing needs a place that is not there.

use std::ops::Range;

use crate::{
    Malformed,
    json::{Cursor, Key as Name, Kind, Text},
};

use super::{
    plan::{self, Ending, Field, Key, Piece, copy_members, index, inside, narrow, weight},
    state::State,
};

/// Reads one event.
pub(super) fn event(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    let mut cursor = Cursor::lenient(doc, at);
    chunk(state, doc, &mut cursor)?;
    cursor.end()?;
    if state.head.is_empty() && state.parsed.started {
        state.head = head(doc, at)?;
    }
    Ok(())
}

/// Reads a whole reply: one object, or an array of chunks.
pub(super) fn whole(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    let mut cursor = Cursor::lenient(doc, at);
    match cursor.kind()? == Kind::Array {
        true => cursor.array(|_, cursor| chunk(state, doc, cursor))?,
        false => chunk(state, doc, &mut cursor)?,
    }
    cursor.end()?;
    state.seal();
    Ok(())
}

/// The members that all chunks of a stream share.
const HEAD: [&str; 3] = ["modelVersion", "responseId", "createTime"];

/// `"modelVersion":…,"responseId":…`, each with a comma before it: the end of every chunk of this
/// stream.
fn head(doc: &[u8], at: usize) -> Result<Vec<u8>, Malformed> {
    let mut head = Vec::new();
    copy_members(
        doc,
        at,
        |key| HEAD.iter().any(|name| key.is(name)),
        &mut head,
    )?;
    // the last comma goes to the front
    let comma = head.len().min(1);
    head.rotate_right(comma);
    Ok(head)
}

fn chunk(state: &mut State, doc: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    cursor.object(|key, cursor| {
        let kind = cursor.kind()?;
        if key.is("candidates") && kind == Kind::Array {
            state.parsed.started = true;
            cursor.array(|position, cursor| match cursor.kind()? == Kind::Object {
                true => candidate(state, doc, cursor, position),
                false => Ok(()),
            })?;
            state.parsed.ended = state.parsed.open.is_empty();
        } else if key.is("usageMetadata") {
            // every chunk has the sum so far: one that is left out has nothing that the next does
            // not
            state.read_usage(cursor)?;
        } else if key.is("promptFeedback") && kind == Kind::Object {
            state.news = true;
            cursor.object(|key, cursor| {
                if key.is("blockReason")
                    && let Some(reason) = cursor.text_or_skip()?
                {
                    state.parsed.started = true;
                    state.parsed.ended = true;
                    state.read_finish(doc, &reason);
                }
                Ok(())
            })?;
        } else if key.is("error") {
            state.news = true;
            if state.streaming && kind != Kind::Null {
                state.close_all(|_| true);
            }
        } else if !HEAD.iter().any(|name| key.is(name)) {
            state.news |= kind != Kind::Null;
        }
        Ok(())
    })
}

/// The members that depend on a candidate's text and are untrue once that was edited.
#[derive(Default)]
struct Dependents {
    logprobs: Option<Range<usize>>,
    /// The grounding supports, which quote the text that they support.
    supports: Option<Range<usize>>,
}

fn candidate(
    state: &mut State,
    doc: &[u8],
    cursor: &mut Cursor<'_>,
    position: usize,
) -> Result<(), Malformed> {
    state.pieces.clear();
    let mut number = narrow(position);
    let (mut finish, mut dependents) = (None, Dependents::default());
    cursor.object(|key, cursor| {
        let kind = cursor.kind()?;
        if key.is("index") {
            number = index(cursor)?;
        } else if key.is("content") && kind == Kind::Object {
            cursor.object(|key, cursor| match key.is("parts") {
                true => cursor.array_or_skip(|_, cursor| part(state, cursor)),
                false => Ok(()),
            })?;
        } else if key.is("finishReason") {
            finish = cursor.text_or_skip()?;
        } else if key.is("logprobsResult") && kind != Kind::Null {
            dependents.logprobs = Some(cursor.skip()?);
        } else if key.is("groundingMetadata") && kind == Kind::Object {
            grounding(state, cursor, &mut dependents)?;
        } else {
            other(state, &key, cursor)?;
        }
        Ok(())
    })?;
    let finish = finish.filter(|reason| is_reason(doc, reason));
    let finished = state.streaming && finish.is_some();
    let finishing = finished && !state.goes_on;
    if let Some(reason) = finish {
        state.read_finish_of(number, doc, &reason);
    }
    let more = !state.parsed.ended || !state.pieces.is_empty();
    if finished {
        state.parsed.open.retain(|open| *open != number);
    } else if state.streaming && more && !state.parsed.open.contains(&number) {
        state.parsed.open.push(number);
    }
    show(state, doc, number, finishing);
    if finishing {
        state.close_all(|key| key.outer == number);
    }
    for (range, instead) in [(dependents.logprobs, "null"), (dependents.supports, "[]")] {
        if let Some(range) = range {
            state.void_of_choice(range, number, instead);
        }
    }
    Ok(())
}

/// Reads from an event whether its candidates have content, and whether they end.
pub(super) fn endings(doc: &[u8], at: usize) -> Result<Vec<Ending>, Malformed> {
    plan::endings(doc, at, ("candidates", narrow), |ending, key, cursor| {
        if key.is("finishReason") {
            let reason = cursor.text_or_skip()?;
            ending.finish = reason.is_some_and(|reason| is_reason(doc, &reason));
        } else if key.is("content") {
            let content = &mut ending.content;
            cursor.object_or_skip(|key, cursor| match key.is("parts") {
                true => cursor.array_or_skip(|_, cursor| has_content(doc, cursor, content)),
                false => Ok(()),
            })?;
        }
        Ok(())
    })
}

/// Reports whether a candidate's reason says that it ended. Some servers write the enumeration's
/// default into every chunk.
pub(super) fn is_reason(doc: &[u8], reason: &Text) -> bool {
    !matches!(inside(doc, reason), b"" | b"FINISH_REASON_UNSPECIFIED")
}

fn has_content(doc: &[u8], cursor: &mut Cursor<'_>, content: &mut bool) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| {
        let value = cursor.skip()?;
        *content |= !key.is("thought") && weight(doc, value) > 0;
        Ok(())
    })
}

/// Shows the content of the candidate's parts, in their order.
fn show(state: &mut State, doc: &[u8], number: u32, finishing: bool) {
    let pieces = std::mem::take(&mut state.pieces);
    for (at, piece) in pieces.iter().enumerate() {
        let (field, text) = (piece.field, &piece.text);
        let key = Key {
            field,
            outer: number,
            inner: piece.inner,
        };
        if field == Field::Input {
            state.show_json(doc, key, text.range.clone());
            continue;
        }
        let again = pieces.iter().skip(at + 1).any(|other| other.field == field);
        // code is complete where it stands
        let last = field == Field::Code || finishing && !again;
        state.show(doc, key, text, last);
    }
    state.pieces = pieces;
}

fn part(state: &mut State, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    let (mut text, mut thought) = (None, false);
    cursor.object_or_skip(|key, cursor| {
        let kind = cursor.kind()?;
        if key.is("text") {
            text = cursor.text_or_skip()?;
        } else if key.is("thought") {
            thought = cursor.boolean()?.unwrap_or(false);
        } else if key.is("functionCall") && kind == Kind::Object {
            state.news = true;
            state.content_seen = true;
            member(state, cursor, "args", Field::Input)?;
        } else if key.is("executableCode") && kind == Kind::Object {
            state.news = true;
            state.content_seen = true;
            member(state, cursor, "code", Field::Code)?;
        } else if kind != Kind::Null {
            state.news = true;
            state.content_seen |= key.is("inlineData") || key.is("fileData");
        }
        Ok(())
    })?;
    if let Some(text) = text {
        let field = if thought {
            Field::Reasoning
        } else {
            Field::Content
        };
        state.pieces.push(Piece::new(field, text));
    }
    Ok(())
}

/// Notes one member as a piece: JSON source, or a string.
fn member(
    state: &mut State,
    cursor: &mut Cursor<'_>,
    name: &str,
    field: Field,
) -> Result<(), Malformed> {
    cursor.object(|key, cursor| {
        if !key.is(name) {
            return Ok(());
        }
        if field == Field::Input {
            let (range, escaped) = (cursor.skip()?, false);
            state
                .pieces
                .push(Piece::new(field, Text { range, escaped }));
        } else if let Some(text) = cursor.text_or_skip()? {
            state.pieces.push(Piece::new(field, text));
        }
        Ok(())
    })
}

fn grounding(
    state: &mut State,
    cursor: &mut Cursor<'_>,
    dependents: &mut Dependents,
) -> Result<(), Malformed> {
    cursor.object(|key, cursor| {
        if key.is("groundingSupports") {
            dependents.supports = Some(cursor.skip()?);
        }
        Ok(())
    })?;
    state.news = true;
    Ok(())
}

fn other(state: &mut State, key: &Name<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    let kind = cursor.kind()?;
    // of nobody's interest where the text that they rate is gone
    const RATINGS: [&str; 3] = ["safetyRatings", "avgLogprobs", "tokenCount"];
    if kind == Kind::Null || RATINGS.iter().any(|name| key.is(name)) {
        return Ok(());
    }
    state.news = true;
    Ok(())
}
