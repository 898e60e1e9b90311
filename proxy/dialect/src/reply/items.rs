//! The Responses API's objects: responses, their output items, and the parts of those.
//!
//! They stand in events, where they repeat the deltas' text, and in whole replies, where that text
//! is new; [`State::repeat`] distinguishes the two.

use std::ops::Range;

use super::{
    plan::{Field, Key, inside, narrow},
    state::State,
};
use crate::{
    Malformed,
    json::{Cursor, Kind, Text},
};

/// Reads a response object.
pub(super) fn response(
    state: &mut State,
    doc: &[u8],
    cursor: &mut Cursor<'_>,
) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    let (mut status, mut reason) = (None, None);
    cursor.object(|key, cursor| {
        if key.is("output") && cursor.kind()? == Kind::Array {
            return cursor
                .array(|position, cursor| item(state, doc, cursor, narrow(position), true));
        }
        if key.is("usage") {
            return state.read_usage(cursor);
        }
        if key.is("service_tier") {
            return state.read_tier(cursor);
        }
        if key.is("status") {
            status = cursor.text_or_skip()?;
        } else if key.is("incomplete_details") && cursor.kind()? == Kind::Object {
            cursor.object(|key, cursor| {
                if key.is("reason") {
                    reason = cursor.text_or_skip()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    if let Some(finish) = reason.or(status) {
        state.read_finish(doc, &finish);
    }
    Ok(())
}

/// Reads an output item. `done`: its strings are complete.
pub(super) fn item(
    state: &mut State,
    doc: &[u8],
    cursor: &mut Cursor<'_>,
    output: u32,
    done: bool,
) -> Result<(), Malformed> {
    let (mut kind, mut strings) = (None, [const { None }; 3]);
    cursor.object_or_skip(|key, cursor| {
        if key.is("type") {
            kind = cursor.text_or_skip()?;
        } else if (key.is("content") || key.is("summary")) && cursor.kind()? == Kind::Array {
            return cursor.array(|position, cursor| {
                let inner = narrow(position);
                part(state, doc, cursor, output, (inner, inner), done)
            });
        } else if let Some(index) = ["arguments", "input", "code"]
            .iter()
            .position(|n| key.is(n))
            && let (Some(text), Some(slot)) = (cursor.text_or_skip()?, strings.get_mut(index))
        {
            *slot = Some(text);
        }
        Ok(())
    })?;
    let kind = kind.as_ref().map_or(&b""[..], |kind| inside(doc, kind));
    let [arguments, input, code] = strings;
    let (field, text) = match kind {
        b"function_call" => (Field::Arguments, arguments),
        b"mcp_call" => (Field::McpArguments, arguments),
        b"custom_tool_call" => (Field::CustomInput, input),
        b"code_interpreter_call" => (Field::Code, code),
        _ => return Ok(()),
    };
    if let Some(text) = text {
        let key = Key {
            field,
            outer: output,
            inner: 0,
        };
        place(state, doc, key, &text, done);
    }
    Ok(())
}

/// Reads a part of a message or of a reasoning item. `inner` are its content and its summary index.
pub(super) fn part(
    state: &mut State,
    doc: &[u8],
    cursor: &mut Cursor<'_>,
    output: u32,
    inner: (u32, u32),
    done: bool,
) -> Result<(), Malformed> {
    let (mut kind, mut text, mut logprobs) = (None, None, None);
    cursor.object_or_skip(|key, cursor| {
        if key.is("type") {
            kind = cursor.text_or_skip()?;
        } else if key.is("text") || key.is("refusal") {
            text = cursor.text_or_skip()?;
        } else if key.is("logprobs") {
            logprobs = Some(cursor.skip()?);
        }
        Ok(())
    })?;
    let kind = kind.as_ref().map_or(&b""[..], |kind| inside(doc, kind));
    let (field, inner) = match kind {
        b"output_text" => (Field::Content, inner.0),
        b"refusal" => (Field::Refusal, inner.0),
        b"reasoning_text" => (Field::ReasoningText, inner.0),
        b"summary_text" => (Field::Summary, inner.1),
        _ => return Ok(()),
    };
    if let Some(text) = text {
        let key = Key {
            field,
            outer: output,
            inner,
        };
        let channel = place(state, doc, key, &text, done);
        void_logprobs(state, doc, logprobs, channel);
    }
    Ok(())
}

/// A string of a part or item: where they begin it is usually empty, where they are done it repeats
/// what was shown.
fn place(state: &mut State, doc: &[u8], key: Key, text: &Text, done: bool) -> Option<usize> {
    if done {
        state.repeat(doc, key, text)
    } else {
        state.show(doc, key, text, false)
    }
}

/// Log-probabilities that are there go once the channel was edited.
pub(super) fn void_logprobs(
    state: &mut State,
    doc: &[u8],
    at: Option<Range<usize>>,
    channel: Option<usize>,
) {
    if let Some(at) = at
        && !matches!(doc.get(at.clone()), Some(b"[]" | b"null"))
    {
        state.void(at, channel, "[]");
    }
}
