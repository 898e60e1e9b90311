//! The content of the events in one batch: the strings that policies are shown, where they stand,
//! and what else depends on them.
//!
//! The readers of the dialects fill a `State` with these; `write` takes them up again when the
//! policies have answered.

use std::ops::Range;

use super::halves::Head;
use crate::{
    Malformed, Place,
    json::{Cursor, Key as Name, Kind, Text},
};

/// The member of its surroundings that a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Content,
    Refusal,
    /// `reasoning` and `reasoning_content` of Chat Completions.
    Reasoning,
    ReasoningContent,
    /// Reasoning in a part of `content`, as Mistral writes it.
    ThinkingPart,
    /// The transcript of `audio`.
    Transcript,
    /// Reasoning of the Responses API.
    Summary,
    ReasoningText,
    /// JSON source inside a string.
    Arguments,
    FunctionCall,
    McpArguments,
    CustomInput,
    Code,
    /// Deltas of the Responses API whose event has no row of its own.
    Unnamed,
    /// The same of a call's.
    UnnamedCall,
    /// JSON source as it is: `input` of Anthropic's tool use, `args` of Gemini's.
    Input,
}

/// Numbers the summaries within an item of the Responses API.
pub(super) const SUMMARY_INDEX: &str = "summary_index";

impl Field {
    pub(super) const fn place(self) -> Place {
        match self {
            Self::Content | Self::Transcript | Self::Unnamed => Place::Assistant,
            Self::Refusal => Place::Refusal,
            Self::Reasoning
            | Self::ReasoningContent
            | Self::ThinkingPart
            | Self::Summary
            | Self::ReasoningText => Place::Reasoning,
            Self::Arguments
            | Self::FunctionCall
            | Self::McpArguments
            | Self::CustomInput
            | Self::Code
            | Self::UnnamedCall
            | Self::Input => Place::ToolArguments,
        }
    }

    /// The member of an event of the Responses API that numbers the strings of this kind within an
    /// item.
    pub(super) const fn index(self) -> Option<&'static str> {
        match self {
            Self::Summary => Some(SUMMARY_INDEX),
            Self::Content | Self::Refusal | Self::ReasoningText => Some("content_index"),
            Self::Reasoning
            | Self::ReasoningContent
            | Self::ThinkingPart
            | Self::Transcript
            | Self::Arguments
            | Self::FunctionCall
            | Self::McpArguments
            | Self::CustomInput
            | Self::Code
            | Self::Unnamed
            | Self::UnnamedCall
            | Self::Input => None,
        }
    }
}

/// The origin of a channel's text. `outer` and `inner` are the dialect's indices: choice and tool
/// call, block, output item and part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) field: Field,
    pub(super) outer: u32,
    pub(super) inner: u32,
}

pub(super) struct Channel {
    pub(super) key: Key,
    pub(super) open: bool,
    /// True if anything else than what arrived was ever written.
    pub(super) edited: bool,
    /// The text that arrived, where the dialect repeats it.
    pub(super) received: String,
    /// The length of `received` that was written or edited.
    passed: usize,
    /// The text that was written, once it differs.
    sent: Option<String>,
    /// The literal of the Responses API's `item_id`; of an event that has no row of its own, its
    /// name and all that distinguishes its deltas from others'.
    pub(super) item: Vec<u8>,
    /// The first half of a surrogate pair that the last delta ended with.
    pub(super) half: Option<u16>,
    /// True if that half was written as it came.
    pub(super) half_written: bool,
}

impl Channel {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            open: true,
            edited: false,
            received: String::new(),
            passed: 0,
            sent: None,
            item: Vec::new(),
            half: None,
            half_written: false,
        }
    }

    /// Records how a delta of `length` bytes was written; returns the number of bytes that are now
    /// kept in addition.
    pub(super) fn send(&mut self, length: usize, edit: Option<&str>) -> usize {
        let from = self.passed;
        self.passed += length;
        let (before, piece) = (
            self.received.get(..from).unwrap_or_default(),
            edit.or(self.received.get(from..self.passed))
                .unwrap_or_default(),
        );
        match (&mut self.sent, edit) {
            (Some(sent), _) => {
                sent.push_str(piece);
                piece.len()
            }
            (None, Some(edit)) => {
                self.sent = Some([before, edit].concat());
                from + edit.len()
            }
            (None, None) => 0,
        }
    }

    /// All that was written.
    pub(super) fn sent(&self) -> &str {
        self.sent.as_deref().unwrap_or(&self.received)
    }
}

/// The kind of a site: what stands, or is missing, at a place of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A delta's string literal.
    Slot,
    /// A delta that is JSON source outside a string.
    Json,
    /// No place: the channel ends here, and late text needs an event of its own before this one.
    Close,
    /// The channel's whole text again.
    Repeat,
    /// A string, or a key, that is shown once, as it does not grow.
    Once,
    /// The same of JSON source outside a string.
    OnceJson,
    /// A repeat of a string that was shown once.
    OnceAgain,
    /// A value that is untrue once the channel was edited, and what to put there.
    Void(&'static str),
}

pub(super) struct Site {
    pub(super) what: What,
    /// Counts as the event's data does.
    pub(super) at: Range<usize>,
    pub(super) escaped: bool,
    /// The channel; for a string that is shown once, its number in `Rest::sent`.
    pub(super) channel: usize,
    /// Index in the batch, of slots and closings.
    pub(super) delta: usize,
    /// Bytes of the delta's text.
    pub(super) length: usize,
    /// The start of the delta's text that the literal does not have: the letter of a pair whose
    /// first half came before.
    pub(super) head: Option<Head>,
    /// True if the literal ends in the first half of a pair, which is not in the delta's text.
    pub(super) tail: bool,
}

impl Site {
    pub(super) fn new(what: What, at: Range<usize>, channel: usize) -> Self {
        Self {
            what,
            at,
            escaped: false,
            channel,
            delta: usize::MAX,
            length: 0,
            head: None,
            tail: false,
        }
    }

    /// Reports whether it belongs to no channel.
    pub(super) const fn is_once(&self) -> bool {
        matches!(self.what, What::Once | What::OnceJson | What::OnceAgain)
    }
}

/// An event that has sites.
pub(super) struct Planned {
    pub(super) raw: Range<usize>,
    /// The data on one line, where it stood on several: then the sites count from its beginning.
    pub(super) joined: Option<Vec<u8>>,
    /// The end of its sites, which begin at the former event's end.
    pub(super) sites_end: usize,
    /// True if it carries something besides its deltas.
    pub(super) news: bool,
    /// The Responses API's number.
    pub(super) sequence: u64,
}

impl Planned {
    /// The document that its sites' offsets count in.
    pub(super) fn doc<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        self.joined.as_deref().unwrap_or(bytes)
    }
}

/// A string that a choice holds, before its key is known.
pub(super) struct Piece {
    pub(super) field: Field,
    pub(super) inner: u32,
    pub(super) text: Text,
    /// The state of a tool call that the provider does not number.
    pub(super) call: Option<Unnumbered>,
}

impl Piece {
    pub(super) fn new(field: Field, text: Text) -> Self {
        Self {
            field,
            inner: 0,
            text,
            call: None,
        }
    }
}

/// The facts that decide which call a piece belongs to.
#[derive(Clone, Default)]
pub(super) struct Unnumbered {
    pub(super) position: usize,
    pub(super) id: Range<usize>,
    pub(super) name: Range<usize>,
}

/// The content and the end that an event has for one of its choices.
pub(super) struct Ending {
    pub(super) choice: u32,
    pub(super) content: bool,
    pub(super) finish: bool,
}

/// Reads from an event whether its choices, the elements of `list`, have content and end. `number`
/// is that of a choice without an `index`, by its position; `member` reads another member.
pub(super) fn endings(
    doc: &[u8],
    at: usize,
    (list, number): (&str, fn(usize) -> u32),
    mut member: impl FnMut(&mut Ending, &Name<'_>, &mut Cursor<'_>) -> Result<(), Malformed>,
) -> Result<Vec<Ending>, Malformed> {
    let mut endings = Vec::new();
    Cursor::lenient(doc, at).object(|key, cursor| {
        if !key.is(list) {
            return Ok(());
        }
        cursor.array_or_skip(|position, cursor| {
            if cursor.kind()? != Kind::Object {
                return Ok(());
            }
            let mut ending = Ending {
                choice: number(position),
                content: false,
                finish: false,
            };
            cursor.object(|key, cursor| match key.is("index") {
                true => index(cursor).map(|index| ending.choice = index),
                false => member(&mut ending, &key, cursor),
            })?;
            endings.push(ending);
            Ok(())
        })
    })?;
    Ok(endings)
}

/// The facts that a client must have received for an end to make sense.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// True once `message_start`, `response.created` or a first chunk was seen.
    pub(super) started: bool,
    /// True once the terminator was seen.
    pub(super) ended: bool,
    /// The last `sequence_number` plus one.
    pub(super) sequence: u64,
    /// Choices that are not finished, blocks that are not stopped.
    pub(super) open: Vec<u32>,
    /// True if chunks mention `usage`: the app requested it.
    pub(super) mentions_usage: bool,
}

/// The bytes between the quotes; enough for words without escapes.
pub(super) fn inside<'a>(doc: &'a [u8], text: &Text) -> &'a [u8] {
    doc.get(text.range.start + 1..text.range.end.saturating_sub(1))
        .unwrap_or_default()
}

/// An index as small as ours are.
pub(super) fn index(cursor: &mut Cursor<'_>) -> Result<u32, Malformed> {
    let index = cursor.integer()?.unwrap_or(0);
    Ok(u32::try_from(index).unwrap_or(u32::MAX))
}

/// The same of a position in a list.
pub(super) fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Appends the members of an object that `keeps` picks, as they stand, each with a comma behind it.
///
/// # Errors
/// The object is malformed; the members before that were appended.
pub(super) fn copy_members(
    doc: &[u8],
    at: usize,
    keeps: impl Fn(&Name<'_>) -> bool,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    Cursor::lenient(doc, at).object(|key, cursor| {
        if keeps(&key) {
            let (name, value) = (key.range(), cursor.skip()?);
            out.extend_from_slice(doc.get(name).unwrap_or_default());
            out.push(b':');
            out.extend_from_slice(doc.get(value).unwrap_or_default());
            out.push(b',');
        }
        Ok(())
    })
}

/// Bytes of a value that says something; 0 if it is empty or `null`.
pub(super) fn weight(doc: &[u8], value: Range<usize>) -> usize {
    match doc.get(value.clone()) {
        Some(b"null" | b"[]" | b"{}" | b"\"\"") | None => 0,
        Some(_) => value.len(),
    }
}
