//! Replies of `POST …/interactions`, events and whole.
//!
//! Texts, summaries of thoughts and a function's arguments grow by deltas that have their step's
//! number; the event that ends the stream has none of them again. Signatures do not cover the
//! summaries, so these are shown. A call's arguments are JSON source in pieces where a step streams
//! them, and a JSON value in a whole step and in events of the older form.

use std::ops::Range;

use crate::{
    Malformed,
    json::{Cursor, Key as Name, Kind, Text},
};

use super::{
    plan::{Field, Key, copy_members, index, inside, narrow},
    state::State,
};

/// The names of a stream's events, by its first: the older form has others.
pub(super) struct Begun {
    pub(super) name: &'static str,
    pub(super) end: &'static str,
    /// The beginning of the names of the events about parts of the reply.
    pub(super) part: &'static str,
}

impl Begun {
    /// The names of the stream that begins with the event `head`.
    pub(super) fn read(head: &[u8]) -> Self {
        let mut kind = None;
        // what can't be read is of the newer form
        let _ = Cursor::lenient(head, 0).object(|key, cursor| {
            if key.is("event_type") {
                kind = cursor.text_or_skip()?;
            }
            Ok(())
        });
        match kind.as_ref().map(|kind| inside(head, kind)) {
            Some(b"interaction.start") => Self {
                name: "interaction.start",
                end: "interaction.complete",
                part: "content",
            },
            _ => Self {
                name: "interaction.created",
                end: "interaction.completed",
                part: "step",
            },
        }
    }
}

/// The members of the interaction in a stream's first event, but those that its end has anew.
pub(super) fn unfinished(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let changed = ["status", "usage", "steps", "outputs"];
    let keeps = |key: &Name<'_>| !changed.iter().any(|name| key.is(name));
    // what was copied before a break is whole
    let _ = Cursor::lenient(head, 0).object(|key, cursor| match key.is("interaction") {
        true => {
            cursor.kind()?;
            copy_members(head, cursor.at(), keeps, &mut out)
        }
        false => Ok(()),
    });
    out
}

#[derive(Default)]
struct Event {
    kind: Option<Text>,
    index: u32,
    delta: Option<Node>,
    /// The step or content that begins.
    begun: Option<usize>,
    interaction: Option<usize>,
}

/// The members of a step, a content or a delta.
#[derive(Default)]
struct Node {
    kind: Option<Text>,
    text: Option<Text>,
    content: Option<usize>,
    summary: Option<usize>,
    /// Arguments in pieces.
    source: Option<Text>,
    arguments: Option<Range<usize>>,
}

impl Node {
    fn kind<'d>(&self, doc: &'d [u8]) -> &'d [u8] {
        self.kind.as_ref().map_or(b"", |kind| inside(doc, kind))
    }
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
        if key.is("event_type") {
            event.kind = cursor.text_or_skip()?;
        } else if key.is("index") {
            event.index = index(cursor)?;
        } else if key.is("delta") {
            event.delta = Some(node(cursor)?);
        } else if key.is("step") || key.is("content") {
            cursor.kind()?;
            event.begun = Some(cursor.at());
        } else if key.is("interaction") {
            cursor.kind()?;
            event.interaction = Some(cursor.at());
        } else if key.is("usage") {
            state.read_usage(cursor)?;
        } else if key.is("metadata") && cursor.kind()? == Kind::Object {
            cursor.object(|key, cursor| match key.is("total_usage") {
                true => state.read_usage(cursor),
                false => Ok(()),
            })?;
        }
        Ok(())
    })?;
    cursor.end()?;
    state.snapshot = event.interaction.is_some();
    let kind = event.kind.as_ref().map_or(name, |kind| inside(doc, kind));
    if let (b"step.delta" | b"content.delta", Some(node)) = (kind, &event.delta) {
        let before = state.channels.len();
        delta(state, doc, event.index, node)?;
        for channel in state.channels.iter_mut().skip(before) {
            channel.item = kind.to_vec();
        }
        return Ok(());
    }
    state.news = true;
    match kind {
        b"step.start" | b"content.start" => {
            state.parsed.open.push(event.index);
            let before = state.channels.len();
            if let Some(at) = event.begun {
                let mut cursor = Cursor::lenient(doc, at);
                step(state, doc, &mut cursor, event.index, 0, false)?;
            }
            let name: &[u8] = match kind {
                b"step.start" => b"step.delta",
                _ => b"content.delta",
            };
            for channel in state.channels.iter_mut().skip(before) {
                channel.item = name.to_vec();
            }
        }
        b"step.stop" | b"content.stop" => {
            state.parsed.open.retain(|open| *open != event.index);
            state.close_all(|key| key.outer == event.index);
        }
        b"interaction.created" | b"interaction.start" => {
            state.parsed.started = true;
            if state.head.is_empty() {
                state.head = doc.get(data).unwrap_or_default().to_vec();
            }
            if let Some(at) = event.interaction {
                interaction(state, doc, &mut Cursor::lenient(doc, at))?;
                state.finish = None;
            }
        }
        b"interaction.completed" | b"interaction.complete" => {
            state.parsed.ended = true;
            // texts that stand in it were not said to be of a channel
            state.close_all(|_| true);
            if let Some(at) = event.interaction {
                interaction(state, doc, &mut Cursor::lenient(doc, at))?;
            }
            if state.finish.is_none() {
                state.finish = Some("completed".to_owned());
            }
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
    interaction(state, doc, &mut cursor)?;
    cursor.end()
}

fn interaction(state: &mut State, doc: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.kind()? != Kind::Object {
        return Ok(());
    }
    let mut status = None;
    cursor.object(|key, cursor| {
        if key.is("steps") || key.is("outputs") {
            return cursor
                .array_or_skip(|at, cursor| step(state, doc, cursor, narrow(at), 0, true));
        }
        if key.is("usage") {
            return state.read_usage(cursor);
        }
        if key.is("status") {
            status = cursor.text_or_skip()?;
        }
        Ok(())
    })?;
    if let Some(status) = status {
        state.read_finish(doc, &status);
    }
    Ok(())
}

fn node(cursor: &mut Cursor<'_>) -> Result<Node, Malformed> {
    let mut node = Node::default();
    cursor.object_or_skip(|key, cursor| {
        if key.is("type") {
            node.kind = cursor.text_or_skip()?;
        } else if key.is("text") {
            node.text = cursor.text_or_skip()?;
        } else if key.is("content") {
            cursor.kind()?;
            node.content = Some(cursor.at());
        } else if key.is("summary") {
            cursor.kind()?;
            node.summary = Some(cursor.at());
        } else if key.is("arguments") || key.is("partial_arguments") {
            match cursor.kind()? == Kind::String {
                true => node.source = cursor.text_or_skip()?,
                false => node.arguments = Some(cursor.skip()?),
            }
        }
        Ok(())
    })?;
    Ok(node)
}

fn delta(state: &mut State, doc: &[u8], outer: u32, node: &Node) -> Result<(), Malformed> {
    let key = |field| Key {
        field,
        outer,
        inner: 0,
    };
    let (field, text) = match node.kind(doc) {
        b"text" => (Field::Content, &node.text),
        b"arguments_delta" => (Field::Arguments, &node.source),
        b"thought_summary" => {
            let text = match node.content {
                Some(at) => self::node(&mut Cursor::lenient(doc, at))?.text,
                None => None,
            };
            match text {
                Some(text) => drop(state.show(doc, key(Field::Summary), &text, false)),
                None => state.news = true,
            }
            return Ok(());
        }
        kind => {
            state.news = true;
            state.content_seen |= kind != b"thought_signature";
            call(state, doc, key(Field::Input), node, true);
            return Ok(());
        }
    };
    match text {
        Some(text) => drop(state.show(doc, key(field), text, false)),
        None => state.news = true,
    }
    Ok(())
}

/// A step, or a content of one: complete in a whole reply, usually empty where it begins in a
/// stream.
fn step(
    state: &mut State,
    doc: &[u8],
    cursor: &mut Cursor<'_>,
    outer: u32,
    inner: u32,
    complete: bool,
) -> Result<(), Malformed> {
    let found = node(cursor)?;
    let key = |field, inner| Key {
        field,
        outer,
        inner,
    };
    match found.kind(doc) {
        b"text" => {
            if let Some(text) = &found.text {
                state.show(doc, key(Field::Content, inner), text, complete);
            }
        }
        b"model_output" => {
            if let Some(at) = found.content {
                let mut cursor = Cursor::lenient(doc, at);
                cursor.array_or_skip(|at, cursor| {
                    step(state, doc, cursor, outer, narrow(at), complete)
                })?;
            }
        }
        b"thought" => {
            if let Some(at) = found.summary {
                let mut cursor = Cursor::lenient(doc, at);
                cursor.array_or_skip(|at, cursor| {
                    if let Some(text) = node(cursor)?.text {
                        state.show(doc, key(Field::Summary, narrow(at)), &text, complete);
                    }
                    Ok(())
                })?;
            }
        }
        b"user_input" => {}
        _ => call(state, doc, key(Field::Input, inner), &found, complete),
    }
    Ok(())
}

/// Shows the arguments of a call that has them as they are. Where the call begins they are usually
/// empty.
fn call(state: &mut State, doc: &[u8], key: Key, node: &Node, complete: bool) {
    if !node.kind(doc).ends_with(b"_call") {
        return;
    }
    state.content_seen = true;
    if let Some(arguments) = &node.arguments
        && (complete || doc.get(arguments.clone()) != Some(b"{}"))
        && doc.get(arguments.clone()) != Some(b"null")
    {
        state.show_json(doc, key, arguments.clone());
    }
}
