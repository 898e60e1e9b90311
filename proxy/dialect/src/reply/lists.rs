//! Replies without a text that grows: images as they come, the order of documents, items that are
//! kept, results of batches. The description reads what they say; here are their usage and their
//! end.

use std::ops::Range;

use crate::{
    Malformed,
    json::{Cursor, Kind},
};

use super::{
    figures::Reader,
    items::item,
    plan::{inside, narrow},
    state::State,
};

/// Reads an event with one image. `name` is its `event:` line, for data that has no type.
pub(super) fn image(
    state: &mut State,
    doc: &[u8],
    data: Range<usize>,
    name: &[u8],
) -> Result<(), Malformed> {
    state.news = true;
    let mut kind = None;
    let mut cursor = Cursor::lenient(doc, data.start);
    cursor.object(|key, cursor| {
        if key.is("type") {
            kind = cursor.text_or_skip()?;
        } else if key.is("b64_json") {
            state.content_seen |= cursor.skip()?.len() > 2;
        } else if key.is("usage") {
            state.read_usage(cursor)?;
        }
        Ok(())
    })?;
    cursor.end()?;
    let kind = kind.as_ref().map_or(name, |kind| inside(doc, kind));
    state.parsed.ended |= kind == b"image_generation.completed" || kind == b"image_edit.completed";
    Ok(())
}

/// Reads a list of items, or one alone.
pub(super) fn items(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.content_seen = true;
    let mut cursor = Cursor::lenient(doc, at);
    cursor.object(|key, cursor| {
        if key.is("data") && cursor.kind()? == Kind::Array {
            return cursor
                .array(|position, cursor| item(state, doc, cursor, narrow(position), true));
        }
        match key.is("usage") {
            true => state.read_usage(cursor),
            false => cursor.pass(),
        }
    })?;
    cursor.end()?;
    item(state, doc, &mut Cursor::lenient(doc, at), 0, true)
}

/// Reads the result of one request of a batch for its usage, which is added to that of the others.
pub(super) fn result(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.content_seen = true;
    let mut cursor = Cursor::lenient(doc, at);
    inside_of(&mut cursor, "result", &mut |cursor| {
        inside_of(cursor, "message", &mut |cursor| {
            inside_of(cursor, "usage", &mut |cursor| state.add_usage(cursor))
        })
    })?;
    cursor.end()
}

type Read<'r> = &'r mut dyn FnMut(&mut Cursor<'_>) -> Result<(), Malformed>;

/// Reads a member of an object with `read`; of what is no object, nothing.
fn inside_of(cursor: &mut Cursor<'_>, name: &str, read: Read<'_>) -> Result<(), Malformed> {
    cursor.object_or_skip(|key, cursor| match key.is(name) {
        true => read(cursor),
        false => cursor.pass(),
    })
}

/// Reads the order of documents.
pub(super) fn order(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.content_seen = true;
    reports(&mut Cursor::lenient(doc, at), &mut |cursor| {
        state.read_usage(cursor)
    })
}

/// Finds the figures of the order of documents.
pub(super) fn order_figures(
    reader: &mut Reader<'_>,
    cursor: &mut Cursor<'_>,
) -> Result<(), Malformed> {
    reports(cursor, &mut |cursor| reader.read_usage(cursor))
}

/// Reads what servers report of the tokens that an order took: `usage`, or Cohere's `meta.tokens`
/// and what of them is billed.
fn reports(
    cursor: &mut Cursor<'_>,
    read: &mut dyn FnMut(&mut Cursor<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    cursor.object(|key, cursor| {
        if key.is("usage") {
            return read(cursor);
        }
        if key.is("meta") && cursor.kind()? == Kind::Object {
            return cursor.object(
                |key, cursor| match key.is("billed_units") || key.is("tokens") {
                    true => read(cursor),
                    false => cursor.pass(),
                },
            );
        }
        cursor.pass()
    })
}
