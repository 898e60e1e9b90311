//! Replies of `POST …/messages`, events and whole.
//!
//! Thinking is signed: a changed letter makes the next turn fail, so it is neither shown nor
//! touched. A tool's `input` is JSON source in pieces in a stream, and a JSON value in a whole
//! reply; its channel's text is the source in both.

use std::ops::Range;

use crate::{
    Malformed,
    json::{Cursor, Kind, Text},
};

use super::{
    plan::{Field, Key, index, inside, narrow},
    state::State,
};

#[derive(Default)]
struct Event {
    kind: Option<Text>,
    index: u32,
    inner: Inner,
    block: Option<usize>,
    message: Option<usize>,
}

/// The members of a `delta` or a content block.
#[derive(Default)]
struct Inner {
    kind: Option<Text>,
    text: Option<Text>,
    thinking: Option<Text>,
    json: Option<Text>,
    input: Option<Range<usize>>,
    stop: Option<Text>,
}

/// Reads an event. `name` is its `event:` line, for data that has no type.
pub(super) fn event(
    state: &mut State,
    doc: &[u8],
    data: Range<usize>,
    name: &[u8],
) -> Result<(), Malformed> {
    let mut event = Event::default();
    let mut cursor = Cursor::lenient(doc, data.start);
    cursor.object(|key, cursor| {
        if key.is("type") {
            event.kind = cursor.text_or_skip()?;
        } else if key.is("index") {
            event.index = index(cursor)?;
        } else if key.is("delta") {
            event.inner = inner(cursor)?;
        } else if key.is("content_block") {
            cursor.kind()?;
            event.block = Some(cursor.at());
        } else if key.is("message") {
            cursor.kind()?;
            event.message = Some(cursor.at());
        } else if key.is("usage") {
            state.read_usage(cursor)?;
        }
        Ok(())
    })?;
    cursor.end()?;
    let kind = event.kind.as_ref().map_or(name, |kind| inside(doc, kind));
    if kind != b"content_block_delta" {
        state.news = true;
    }
    match kind {
        b"content_block_delta" => delta(state, doc, &event),
        b"content_block_start" => {
            state.parsed.open.push(event.index);
            if let Some(at) = event.block {
                block(
                    state,
                    doc,
                    &mut Cursor::lenient(doc, at),
                    event.index,
                    false,
                )?;
            }
        }
        b"content_block_stop" => {
            state.parsed.open.retain(|open| *open != event.index);
            state.close_all(|key| key.outer == event.index);
        }
        b"message_start" => {
            state.parsed.started = true;
            state.head = doc.get(data).unwrap_or_default().to_vec();
            if let Some(at) = event.message {
                message(state, doc, &mut Cursor::lenient(doc, at))?;
            }
        }
        b"message_delta" => {
            if let Some(reason) = &event.inner.stop {
                state.read_finish(doc, reason);
            }
        }
        b"message_stop" => {
            state.parsed.ended = true;
            state.close_all(|_| true);
        }
        b"error" => state.close_all(|_| true),
        _ => {}
    }
    Ok(())
}

/// Reads a whole reply.
pub(super) fn whole(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.news = true;
    let mut cursor = Cursor::lenient(doc, at);
    message(state, doc, &mut cursor)?;
    cursor.end()
}

fn message(state: &mut State, doc: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    cursor.object(|key, cursor| {
        if key.is("content") && cursor.kind()? == Kind::Array {
            return cursor
                .array(|position, cursor| block(state, doc, cursor, narrow(position), true));
        }
        if key.is("usage") {
            return state.read_usage(cursor);
        }
        if key.is("stop_reason")
            && let Some(reason) = cursor.text_or_skip()?
        {
            state.read_finish(doc, &reason);
        }
        Ok(())
    })
}

fn inner(cursor: &mut Cursor<'_>) -> Result<Inner, Malformed> {
    let mut inner = Inner::default();
    if cursor.kind()? != Kind::Object {
        cursor.skip()?;
        return Ok(inner);
    }
    cursor.object(|key, cursor| {
        if key.is("type") {
            inner.kind = cursor.text_or_skip()?;
        } else if key.is("text") {
            inner.text = cursor.text_or_skip()?;
        } else if key.is("thinking") {
            inner.thinking = cursor.text_or_skip()?;
        } else if key.is("partial_json") {
            inner.json = cursor.text_or_skip()?;
        } else if key.is("input") {
            inner.input = Some(cursor.skip()?);
        } else if key.is("stop_reason") {
            inner.stop = cursor.text_or_skip()?;
        }
        Ok(())
    })?;
    Ok(inner)
}

fn delta(state: &mut State, doc: &[u8], event: &Event) {
    let inner = &event.inner;
    let kind = inner
        .kind
        .as_ref()
        .map_or(&b""[..], |kind| inside(doc, kind));
    let (field, text) = match kind {
        b"text_delta" => (Field::Content, &inner.text),
        b"input_json_delta" => (Field::Arguments, &inner.json),
        _ => {
            state.news = true;
            if let (b"thinking_delta", Some(thinking)) = (kind, &inner.thinking) {
                state.content_seen = true;
                state.count(doc, thinking);
            }
            return;
        }
    };
    if let Some(text) = text {
        let key = Key {
            field,
            outer: event.index,
            inner: 0,
        };
        state.show(doc, key, text, false);
    }
}

/// A content block: complete in a whole reply, usually empty where it starts in a stream.
fn block(
    state: &mut State,
    doc: &[u8],
    cursor: &mut Cursor<'_>,
    number: u32,
    complete: bool,
) -> Result<(), Malformed> {
    let inner = inner(cursor)?;
    let kind = inner
        .kind
        .as_ref()
        .map_or(&b""[..], |kind| inside(doc, kind));
    let key = |field| Key {
        field,
        outer: number,
        inner: 0,
    };
    match kind {
        b"text" => {
            if let Some(text) = &inner.text {
                state.show(doc, key(Field::Content), text, complete);
            }
        }
        b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => {
            state.content_seen = true;
            if let Some(input) = inner.input
                && (complete || doc.get(input.clone()) != Some(b"{}"))
            {
                state.show_json(doc, key(Field::Input), input);
            }
        }
        b"thinking" | b"redacted_thinking" => {
            state.content_seen |= complete;
            if let Some(thinking) = &inner.thinking {
                state.count(doc, thinking);
            }
        }
        _ => {}
    }
    Ok(())
}
