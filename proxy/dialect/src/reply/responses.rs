//! Replies of `POST …/responses`, events and whole.
//!
//! The API sends every text up to four times: in deltas, when the text is done, when its part and
//! item are, and in the final response. A repeat that equals what was shown is filled with what was
//! sent; one that does not (a server that sends no deltas, a resumed stream) was never shown, and
//! is a channel of its own. So nothing that an app may read goes by unseen.

use std::ops::Range;

use crate::{
    Malformed,
    json::{Cursor, Kind, Text},
};

use super::{
    items::{item, part, response, void_logprobs},
    plan::{Field, Key, SUMMARY_INDEX, index, inside},
    state::State,
};

/// Event names without `.delta` and `.done`.
const FIELDS: [(Field, &str); 8] = [
    (Field::Content, "response.output_text"),
    (Field::Arguments, "response.function_call_arguments"),
    (Field::Summary, "response.reasoning_summary_text"),
    (Field::Refusal, "response.refusal"),
    (Field::ReasoningText, "response.reasoning_text"),
    (Field::McpArguments, "response.mcp_call_arguments"),
    (Field::CustomInput, "response.custom_tool_call_input"),
    (Field::Code, "response.code_interpreter_call_code"),
];

/// The beginning of the events that carry deltas of `field`.
pub(super) fn event_name(field: Field) -> Option<&'static str> {
    let row = FIELDS.iter().find(|(known, _)| *known == field);
    row.map(|(_, name)| *name)
}

#[derive(Default)]
struct Event {
    kind: Option<Text>,
    item_id: Option<Range<usize>>,
    output: u32,
    content: u32,
    summary: u32,
    delta: Option<Text>,
    /// `text`, `arguments`, `refusal`, `code` or `input`, whichever the type has.
    full: Option<Text>,
    logprobs: Option<Range<usize>>,
    part: Option<usize>,
    item: Option<usize>,
    response: Option<Range<usize>>,
}

impl Event {
    fn key(&self, field: Field) -> Key {
        Key {
            field,
            outer: self.output,
            inner: match field.index() {
                Some(SUMMARY_INDEX) => self.summary,
                Some(_) => self.content,
                None => 0,
            },
        }
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
        if key.is("type") {
            event.kind = cursor.text_or_skip()?;
        } else if key.is("delta") {
            event.delta = cursor.text_or_skip()?;
        } else if key.is("item_id") {
            event.item_id = Some(cursor.skip()?);
        } else if key.is("output_index") {
            event.output = index(cursor)?;
        } else if key.is("content_index") {
            event.content = index(cursor)?;
        } else if key.is(SUMMARY_INDEX) {
            event.summary = index(cursor)?;
        } else if key.is("sequence_number") {
            if let Some(number) = cursor.integer()? {
                state.sequence = number;
                state.parsed.sequence = number.saturating_add(1);
            }
        } else if key.is("logprobs") {
            event.logprobs = Some(cursor.skip()?);
        } else if key.is("part") {
            cursor.kind()?;
            event.part = Some(cursor.at());
        } else if key.is("item") {
            cursor.kind()?;
            event.item = Some(cursor.at());
        } else if key.is("response") {
            event.response = Some(cursor.skip()?);
        } else if ["text", "arguments", "refusal", "code", "input"]
            .iter()
            .any(|name| key.is(name))
        {
            event.full = cursor.text_or_skip()?;
        }
        Ok(())
    })?;
    cursor.end()?;
    state.snapshot = event.response.is_some();
    let kind = event.kind.as_ref().map_or(name, |kind| inside(doc, kind));
    if let Some(kind) = kind.strip_suffix(b".delta")
        && let Some(field) = field_of(kind)
    {
        delta(state, doc, &event, field);
        return Ok(());
    }
    if let Some(name) = kind.strip_suffix(b".delta")
        && let Some(text) = event.delta.as_ref().filter(|_| name != AUDIO)
    {
        return growing(state, doc, data.start, (&event, name, text));
    }
    state.news = true;
    if let Some(kind) = kind.strip_suffix(b".done")
        && let Some(field) = field_of(kind)
    {
        if let Some(full) = &event.full {
            let channel = state.repeat(doc, event.key(field), full);
            void_logprobs(state, doc, event.logprobs, channel);
        } else if let Some(channel) = state.find(event.key(field)) {
            state.close(channel);
        }
        return Ok(());
    }
    if let Some(name) = kind.strip_suffix(b".done") {
        // a repeat of its text is shown by itself, as it is not known which member has it
        end(state, name, event.output);
    }
    other(state, doc, &event, kind)
}

/// Sound in base64, without the suffix of its event.
const AUDIO: &[u8] = b"response.audio";

/// Shows the deltas of an event without a row of its own: those of the same name, item and numbers
/// are one growing string.
fn growing(
    state: &mut State,
    doc: &[u8],
    at: usize,
    (event, name, text): (&Event, &[u8], &Text),
) -> Result<(), Malformed> {
    let mut about = [name, b"\n"].concat();
    Cursor::lenient(doc, at).object(|key, cursor| {
        let (kind, member, value) = (cursor.kind()?, key.range(), cursor.skip()?);
        // others may tell one event from the next
        let identifies = key.is("item_id") || key.bytes().ends_with(b"index");
        if identifies && matches!(kind, Kind::String | Kind::Number) {
            about.push(b',');
            about.extend_from_slice(doc.get(member).unwrap_or_default());
            about.push(b':');
            about.extend_from_slice(doc.get(value).unwrap_or_default());
        }
        Ok(())
    })?;
    let field = match memchr::memmem::find(name, b"_call").is_some() {
        true => Field::UnnamedCall,
        false => Field::Unnamed,
    };
    let channels = state.channels.iter().rev();
    let mut alike = channels.filter(|channel| channel.key.field == field);
    let known = alike.clone().find(|channel| channel.item == about);
    let free = alike
        .next()
        .map_or(0, |last| last.key.inner.saturating_add(1));
    let key = Key {
        field,
        outer: event.output,
        inner: known.map_or(free, |channel| channel.key.inner),
    };
    let channel = state.show(doc, key, text, false);
    if let Some(channel) = channel.and_then(|channel| state.channels.get_mut(channel)) {
        channel.item = about;
    }
    Ok(())
}

/// Ends what grew under the name of an event that nobody has listed.
fn end(state: &mut State, name: &[u8], output: u32) {
    for index in 0..state.channels.len() {
        let ends = state.channels.get(index).is_some_and(|channel| {
            matches!(channel.key.field, Field::Unnamed | Field::UnnamedCall)
                && channel.key.outer == output
                && (channel.item.strip_prefix(name))
                    .is_some_and(|rest| rest.first() == Some(&b'\n'))
        });
        if ends {
            state.close(index);
        }
    }
}

fn field_of(kind: &[u8]) -> Option<Field> {
    let row = FIELDS.iter().find(|(_, name)| name.as_bytes() == kind);
    row.map(|(field, _)| *field)
}

fn delta(state: &mut State, doc: &[u8], event: &Event, field: Field) {
    let Some(text) = &event.delta else {
        state.news = true;
        return;
    };
    let channel = state.show(doc, event.key(field), text, false);
    void_logprobs(state, doc, event.logprobs.clone(), channel);
    if let Some(channel) = channel.and_then(|channel| state.channels.get_mut(channel))
        && channel.item.is_empty()
        && let Some(id) = event.item_id.clone().and_then(|id| doc.get(id))
    {
        channel.item = id.to_vec();
    }
}

fn other(state: &mut State, doc: &[u8], event: &Event, kind: &[u8]) -> Result<(), Malformed> {
    match kind {
        b"response.content_part.added" | b"response.reasoning_summary_part.added" => {
            read_part(state, doc, event, false)
        }
        b"response.content_part.done" | b"response.reasoning_summary_part.done" => {
            read_part(state, doc, event, true)
        }
        b"response.output_item.added" => read_item(state, doc, event, false),
        b"response.output_item.done" => read_item(state, doc, event, true),
        b"response.created" | b"response.in_progress" | b"response.queued" => {
            state.parsed.started = true;
            if let Some(at) = event.response.clone() {
                if state.head.is_empty() {
                    state.head = doc.get(at.clone()).unwrap_or_default().to_vec();
                }
                response(state, doc, &mut Cursor::lenient(doc, at.start))?;
                state.finish = None;
            }
            Ok(())
        }
        b"response.completed" | b"response.failed" | b"response.incomplete" => {
            state.parsed.ended = true;
            if let Some(at) = event.response.clone() {
                response(state, doc, &mut Cursor::lenient(doc, at.start))?;
            }
            if state.finish.is_none() {
                let status = kind.strip_prefix(b"response.").unwrap_or(kind);
                state.finish = Some(String::from_utf8_lossy(status).into_owned());
            }
            state.close_all(|_| true);
            Ok(())
        }
        b"error" => {
            state.close_all(|_| true);
            Ok(())
        }
        b"response.audio.delta" => {
            if let Some(delta) = &event.delta {
                state.claim(delta.range.clone());
                state.count_unseen("audio", delta.range.len());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn read_part(state: &mut State, doc: &[u8], event: &Event, done: bool) -> Result<(), Malformed> {
    let Some(at) = event.part else { return Ok(()) };
    let mut cursor = Cursor::lenient(doc, at);
    part(
        state,
        doc,
        &mut cursor,
        event.output,
        (event.content, event.summary),
        done,
    )
}

fn read_item(state: &mut State, doc: &[u8], event: &Event, done: bool) -> Result<(), Malformed> {
    let Some(at) = event.item else { return Ok(()) };
    item(
        state,
        doc,
        &mut Cursor::lenient(doc, at),
        event.output,
        done,
    )
}

/// Reads a whole reply.
pub(super) fn whole(state: &mut State, doc: &[u8], at: usize) -> Result<(), Malformed> {
    state.news = true;
    let mut cursor = Cursor::lenient(doc, at);
    response(state, doc, &mut cursor)?;
    cursor.end()
}
