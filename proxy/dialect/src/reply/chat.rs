//! Replies of `POST …/chat/completions` and `…/completions`, chunks and whole, and of
//! `…/embeddings`, which hold no text.
//!
//! A choice's channels end with its `finish_reason`, unless the choice goes on behind one: some
//! servers write a reason into every chunk, and there the channels end with the stream. Text that
//! is in the same chunk is its own place; other channels of the choice are closed before that
//! chunk.

use crate::{
    Dialect, Malformed,
    json::{Cursor, Key as Name, Kind, Text},
};

use super::{
    calls,
    plan::{self, Ending, Field, Key, Piece, Unnumbered, copy_members, index, narrow, weight},
    state::State,
};

/// Reads a chunk, or a whole reply.
pub(super) fn read(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    let mut cursor = Cursor::lenient(doc, at);
    cursor.object(|key, cursor| {
        if key.is("choices") {
            state.parsed.started |= cursor.kind()? == Kind::Array;
            cursor.array_or_skip(|_, cursor| choice(state, doc, cursor))?;
        } else if key.is("usage") {
            state.parsed.mentions_usage = true;
            state.news |= cursor.kind()? != Kind::Null;
            state.read_usage(cursor)?;
        } else if key.is("service_tier") {
            state.read_tier(cursor)?;
        } else if key.is("error") {
            state.news = true;
            if cursor.kind()? != Kind::Null {
                state.close_all(|_| true);
            }
        } else if !HEAD.iter().any(|name| key.is(name))
            && !["obfuscation", "provider"].iter().any(|name| key.is(name))
        {
            state.news |= cursor.kind()? != Kind::Null;
        }
        Ok(())
    })?;
    cursor.end()?;
    if state.streaming && state.head.is_empty() && state.parsed.started {
        state.head = head(doc, at)?;
    }
    Ok(())
}

/// The members that all chunks of a stream share.
const HEAD: [&str; 5] = ["id", "object", "created", "model", "system_fingerprint"];

/// `{"id":…,"object":…,`: the beginning of every chunk of this stream.
fn head(doc: &[u8], at: usize) -> Result<Vec<u8>, Malformed> {
    let mut head = b"{".to_vec();
    copy_members(
        doc,
        at,
        |key| HEAD.iter().any(|name| key.is(name)),
        &mut head,
    )?;
    Ok(head)
}

fn choice(state: &mut State, doc: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    state.pieces.clear();
    let (mut number, mut finish, mut logprobs) = (0, None, None);
    cursor.object(|key, cursor| {
        if key.is("index") {
            number = index(cursor)?;
        } else if key.is("delta") || key.is("message") {
            cursor.object_or_skip(|key, cursor| member(state, key, cursor))?;
        } else if key.is("text") && state.dialect == Dialect::OpenaiCompletions {
            if let Some(text) = cursor.text_or_skip()? {
                state.pieces.push(Piece::new(Field::Content, text));
            }
        } else if key.is("finish_reason") {
            // some servers write "" for null
            finish = cursor
                .text_or_skip()?
                .filter(|reason| reason.range.len() > 2);
        } else if key.is("logprobs") {
            if cursor.kind()? != Kind::Null {
                logprobs = Some(cursor.skip()?);
            }
        } else {
            state.news |= cursor.kind()? != Kind::Null;
        }
        Ok(())
    })?;
    let mut finishing = !state.streaming;
    let finished = finish.is_some();
    if let Some(reason) = finish {
        finishing |= !state.goes_on;
        state.read_finish_of(number, doc, &reason);
    }
    if state.streaming {
        if finished {
            state.parsed.open.retain(|open| *open != number);
        } else if !state.parsed.open.contains(&number) {
            state.parsed.open.push(number);
        }
    }
    let mut pieces = std::mem::take(&mut state.pieces);
    let complete = number_calls(state, doc, number, &mut pieces);
    for (at, piece) in pieces.iter().enumerate() {
        let again = (pieces.iter().skip(at + 1))
            .any(|other| (other.field, other.inner) == (piece.field, piece.inner));
        let key = Key {
            field: piece.field,
            outer: number,
            inner: piece.inner,
        };
        let last = finishing || piece.call.is_some() && complete.contains(&piece.inner);
        state.show(doc, key, &piece.text, last && !again);
    }
    state.pieces = pieces;
    if finishing {
        state.close_all(|key| key.outer == number);
    }
    if let Some(range) = logprobs {
        state.void_of_choice(range, number, "null");
    }
    Ok(())
}

/// Numbers the calls that the provider does not; returns those that are complete.
fn number_calls(state: &mut State, doc: &[u8], choice: u32, pieces: &mut [Piece]) -> Vec<u32> {
    let mut complete = Vec::new();
    for piece in pieces {
        let Some(call) = &piece.call else {
            if matches!(piece.field, Field::Arguments | Field::CustomInput) {
                state.calls.note_numbered(choice, piece.inner);
            }
            continue;
        };
        piece.inner = narrow(call.position);
        if !state.places.contains(piece.field.place()) {
            continue;
        }
        let numbers = (state.channels.iter())
            .filter(|channel| channel.key.outer == choice && channel.key.field == piece.field);
        let next = numbers
            .map(|channel| channel.key.inner.saturating_add(1))
            .max();
        let raw = |range: &std::ops::Range<usize>| doc.get(range.clone()).unwrap_or_default();
        let known = calls::Piece {
            choice,
            position: call.position,
            id: raw(&call.id),
            name: raw(&call.name),
        };
        if let Some(number) = state.calls.numbered(known) {
            piece.inner = number; // only the first chunk of the call has its number
            continue;
        }
        let arguments = piece.text.decode(doc);
        let (number, done) = state.calls.number(known, &arguments, next.unwrap_or(0));
        piece.inner = number;
        if done {
            complete.push(number);
        }
    }
    complete
}

/// Reads from an event whether its choices have content, and whether they end.
pub(super) fn endings(doc: &[u8], at: usize) -> Result<Vec<Ending>, Malformed> {
    plan::endings(doc, at, ("choices", |_| 0), |ending, key, cursor| {
        if key.is("finish_reason") {
            let reason = cursor.text_or_skip()?;
            ending.finish = reason.is_some_and(|reason| reason.range.len() > 2);
        } else if key.is("text") {
            ending.content |= weight(doc, cursor.skip()?) > 0;
        } else if key.is("delta") {
            cursor.object_or_skip(|key, cursor| {
                let value = cursor.skip()?;
                ending.content |= !key.is("role") && weight(doc, value) > 0;
                Ok(())
            })?;
        }
        Ok(())
    })
}

/// A member of a `delta` or a `message`.
fn member(state: &mut State, key: Name<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if key.is("content") {
        return content(state, cursor);
    }
    let field = if key.is("reasoning_content") {
        Field::ReasoningContent
    } else if key.is("reasoning") {
        Field::Reasoning
    } else if key.is("refusal") {
        Field::Refusal
    } else {
        return other(state, key, cursor);
    };
    if let Some(text) = cursor.text_or_skip()? {
        state.pieces.push(Piece::new(field, text));
    }
    Ok(())
}

/// A string, or parts that have one each, as some providers write it.
fn content(state: &mut State, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.kind()? == Kind::String {
        let text = cursor.text()?;
        state.pieces.push(Piece::new(Field::Content, text));
        return Ok(());
    }
    cursor.array_or_skip(|_, cursor| {
        state.news |= cursor.kind()? == Kind::Object;
        let mut text = None;
        cursor.object_or_skip(|key, cursor| {
            if key.is("text") {
                text = cursor.text_or_skip()?;
            } else if key.is("thinking") {
                thinking(state, cursor)?;
            }
            Ok(())
        })?;
        let text = text.map(|text| Piece::new(Field::Content, text));
        state.pieces.extend(text);
        Ok(())
    })
}

/// Shows the thoughts of a part of Mistral's: parts once more, or a string.
fn thinking(state: &mut State, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    let pieces = &mut state.pieces;
    let mut piece = |text| pieces.push(Piece::new(Field::ThinkingPart, text));
    if cursor.kind()? == Kind::String {
        piece(cursor.text()?);
        return Ok(());
    }
    cursor.array_or_skip(|_, cursor| {
        cursor.object_or_skip(|key, cursor| {
            if key.is("text")
                && let Some(text) = cursor.text_or_skip()?
            {
                piece(text);
            }
            Ok(())
        })
    })
}

/// Shows the transcript of a delta's sound.
fn audio(state: &mut State, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    state.news = true;
    cursor.object(|key, cursor| {
        if key.is("transcript")
            && let Some(text) = cursor.text_or_skip()?
        {
            state.pieces.push(Piece::new(Field::Transcript, text));
        }
        Ok(())
    })
}

fn other(state: &mut State, key: Name<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    let kind = cursor.kind()?;
    if kind == Kind::Null {
        return Ok(());
    }
    if key.is("tool_calls") && kind == Kind::Array {
        return cursor.array(|position, cursor| tool_call(state, cursor, position));
    }
    if key.is("function_call") && kind == Kind::Object {
        return function(state, cursor, "arguments", Field::FunctionCall).map(drop);
    }
    if key.is("audio") && kind == Kind::Object {
        return audio(state, cursor);
    }
    state.news = true;
    Ok(())
}

fn tool_call(state: &mut State, cursor: &mut Cursor<'_>, position: usize) -> Result<(), Malformed> {
    let first = state.pieces.len();
    let (mut number, mut id, mut name) = (None, 0..0, 0..0);
    cursor.object_or_skip(|key, cursor| {
        if key.is("index") {
            number = cursor
                .integer()?
                .map(|index| u32::try_from(index).unwrap_or(u32::MAX));
        } else if key.is("function") && cursor.kind()? == Kind::Object {
            name = function(state, cursor, "arguments", Field::Arguments)?;
        } else if key.is("custom") && cursor.kind()? == Kind::Object {
            name = function(state, cursor, "input", Field::CustomInput)?;
        } else if cursor.kind()? != Kind::Null {
            state.news = true;
            state.content_seen = true;
            if key.is("id") {
                id = text_inside(cursor.text_or_skip()?);
            }
        }
        Ok(())
    })?;
    let call = number
        .is_none()
        .then_some(Unnumbered { position, id, name });
    for piece in state.pieces.iter_mut().skip(first) {
        piece.inner = number.unwrap_or(0);
        piece.call.clone_from(&call);
    }
    Ok(())
}

/// The range of a literal's inside.
fn text_inside(text: Option<Text>) -> std::ops::Range<usize> {
    text.map_or(0..0, |text| text.range.start + 1..text.range.end - 1)
}

/// Takes a function's object; returns where its name stands.
fn function(
    state: &mut State,
    cursor: &mut Cursor<'_>,
    name: &str,
    field: Field,
) -> Result<std::ops::Range<usize>, Malformed> {
    let mut named = 0..0;
    cursor.object(|key, cursor| {
        let kind = cursor.kind()?;
        if !key.is(name) {
            state.news |= kind != Kind::Null;
            state.content_seen |= kind != Kind::Null;
            if key.is("name") {
                named = text_inside(cursor.text_or_skip()?);
            }
        } else if kind == Kind::String {
            let text: Text = cursor.text()?;
            state.pieces.push(Piece::new(field, text));
        } else if kind != Kind::Null {
            state.news = true;
            state.content_seen = true;
        }
        Ok(())
    })?;
    Ok(named)
}

/// A list of embeddings: vectors are numbers, or their bytes in base64, and nothing that a policy
/// reads.
pub(super) fn vectors(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.content_seen = true;
    Cursor::lenient(doc, at).object(|key, cursor| match key.is("usage") {
        true => state.read_usage(cursor),
        // as large as replies get, and of no concern
        false => cursor.pass(),
    })
}

/// `data: [DONE]`.
pub(super) fn done(state: &mut State) {
    state.news = true;
    state.parsed.ended = true;
    state.close_all(|_| true);
}
