//! Items, and parts of them, as events and whole replies have them.

use super::{
    super::{
        super::{
            event::{Event, Sink},
            opaque::{Opaque, OpaqueKind},
            text::Text,
        },
        HOSTED_ITEMS,
    },
    items::{Item, Items, Piece, Place, Sort},
};
use crate::{
    Malformed,
    json::{Kind, outlined::Cursor},
};

/// The members of an item that is read.
#[derive(Default)]
struct Members<'a> {
    kind: Option<Text<'a>>,
    id: Option<Text<'a>>,
    call_id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    arguments: Option<Text<'a>>,
    content: Option<Cursor<'a>>,
    summary: Option<Cursor<'a>>,
    encrypted: Option<Text<'a>>,
}

impl Items {
    /// Takes an item as an event has it.
    ///
    /// # Errors
    /// It is malformed.
    pub(super) fn event<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        doc: &'a [u8],
        output: Option<u64>,
        is_done: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let item = members(cursor, doc)?;
        let Some(sort) = self.sort(&item, sink) else {
            return Ok(());
        };
        let is_open = |one: &Item| is_done || !one.is_read;
        let by_id = self.find(|one| one.sort == sort && is_open(one) && one.has_id(&item));
        let by_number = |one: &Item| one.sort == sort && one.output == output && !one.is_read;
        let found = by_id.or_else(|| match is_done {
            true => self.find(by_number),
            false => None,
        });
        let at = match found {
            Some(at) => at,
            None => self.add(sort, output)?,
        };
        self.identify(at, &item, sink);
        match is_done {
            true => self.take(at, item, doc, sink),
            false => Ok(()),
        }
    }

    /// Takes all items, as the response at the end has them.
    ///
    /// # Errors
    /// They are malformed.
    pub(super) fn output<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        doc: &'a [u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut nth, known) = ([0_usize; 3], self.items.len());
        cursor.array_or_skip(|_, cursor| {
            let item = members(cursor, doc)?;
            let Some(sort) = self.sort(&item, sink) else {
                return Ok(());
            };
            let before = nth.get_mut(sort as usize).map_or(0, |nth| {
                *nth += 1;
                *nth - 1
            });
            // Among those of the stream: by the id, else by the order.
            let streamed = self.items.iter().take(known).enumerate();
            let mut alike = streamed.filter(|(_, one)| one.sort == sort);
            let found = alike.clone().find(|(_, one)| one.has_id(&item));
            let at = match found.or_else(|| alike.nth(before)).map(|(at, _)| at) {
                Some(at) => at,
                None => self.add(sort, None)?,
            };
            self.identify(at, &item, sink);
            self.take(at, item, doc, sink)
        })
    }

    /// The sort of an item; one that no other dialect has is counted.
    fn sort(&mut self, item: &Members<'_>, sink: &mut dyn Sink) -> Option<Sort> {
        let kind = item.kind.as_ref().map(Text::decode);
        match kind.as_deref() {
            Some("message") => return Some(Sort::Message),
            Some("reasoning") => return Some(Sort::Reasoning),
            Some("function_call") => return Some(Sort::Call),
            Some(kind) => {
                let known = HOSTED_ITEMS.into_iter().find(|known| *known == kind);
                self.drop(known.unwrap_or("output item"), sink);
            }
            None => self.drop("output item", sink),
        }
        None
    }

    fn identify(&mut self, at: usize, read: &Members<'_>, sink: &mut dyn Sink) {
        let item = self.items.get_mut(at);
        if let (Some(item), Some(id)) = (item, &read.id)
            && item.id.is_empty()
        {
            item.id = id.decode().into_owned();
        }
        self.name(at, read.call_id.as_ref(), read.name.as_ref(), sink);
    }

    /// Takes all that is in an item.
    fn take<'a>(
        &mut self,
        at: usize,
        read: Members<'a>,
        doc: &'a [u8],
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let Some(sort) = self.items.get(at).map(|item| item.sort) else {
            return Ok(());
        };
        match sort {
            Sort::Call => {
                if let Some(arguments) = read.arguments {
                    self.say(at, Piece::Arguments, arguments, true, sink);
                }
                self.end_call(at, sink);
            }
            Sort::Message | Sort::Reasoning => {
                let lists = [(read.summary, true), (read.content, false)];
                for (list, is_summary) in lists {
                    let Some(mut list) = list else { continue };
                    if list.kind()? == Kind::String {
                        let text = Text::read(&mut list, doc)?;
                        self.say(at, piece_of(sort, 0), text, true, sink);
                        continue;
                    }
                    list.array_or_skip(|index, cursor| {
                        let index = index as u64;
                        let piece = is_summary.then_some(Piece::Summary(index));
                        self.take_part(cursor, doc, at, (piece, index), sink)
                    })?;
                }
                self.seal(at, read.encrypted, sink);
            }
        }
        if let Some(item) = self.items.get_mut(at) {
            item.is_read = true;
        }
        Ok(())
    }

    /// Gives the encrypted form of reasoning, while nothing came that it would be mistaken for.
    fn seal(&mut self, at: usize, encrypted: Option<Text<'_>>, sink: &mut dyn Sink) {
        let is_last = at + 1 == self.items.len();
        let Some(data) = encrypted.filter(|data| !data.is_empty()) else {
            return;
        };
        let Some(item) = self.items.get_mut(at).filter(|item| !item.is_sealed) else {
            return;
        };
        item.is_sealed = true;
        if !is_last {
            return self.drop("reasoning", sink);
        }
        self.thought = None;
        sink.take(Event::Opaque {
            choice: 0,
            opaque: Opaque::of(self.origin, OpaqueKind::Encrypted, data),
        });
    }

    /// Takes a part as an event has it.
    ///
    /// # Errors
    /// It is malformed.
    pub(super) fn part<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        doc: &'a [u8],
        place: &Place<'_>,
        (piece, index): (Option<Piece>, u64),
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let mut ahead = *cursor;
        let mut is_thought = piece.is_some();
        ahead.object_or_skip(|key, cursor| {
            if key.is("type") {
                let kind = Text::read_or_skip(cursor, doc)?;
                is_thought |= kind.is_some_and(|kind| kind.is("reasoning_text"));
            }
            Ok(())
        })?;
        let of = match is_thought {
            true => Piece::Thought(index),
            false => Piece::Text(index),
        };
        let at = self.at(place, of)?;
        self.take_part(cursor, doc, at, (piece, index), sink)
    }

    /// Takes a part: a summary's, or of whatever type it says it is.
    fn take_part<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        doc: &'a [u8],
        at: usize,
        (piece, index): (Option<Piece>, u64),
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let (mut kind, mut text, mut refusal) = (None, None, None);
        cursor.object_or_skip(|key, cursor| {
            match &*key.bytes() {
                b"type" => kind = Text::read_or_skip(cursor, doc)?,
                b"text" => text = Text::read_or_skip(cursor, doc)?,
                b"refusal" => refusal = Text::read_or_skip(cursor, doc)?,
                b"annotations" if has_elements(cursor)? => self.drop("annotations", sink),
                b"logprobs" if has_elements(cursor)? => self.drop("logprobs", sink),
                _ => {}
            }
            Ok(())
        })?;
        let kind = kind.as_ref().map(Text::decode);
        let (piece, text) = match (piece, kind.as_deref()) {
            (Some(piece), _) => (piece, text),
            (None, Some("output_text" | "text")) => (Piece::Text(index), text),
            (None, Some("refusal")) => (Piece::Refusal(index), refusal),
            (None, Some("reasoning_text")) => (Piece::Thought(index), text),
            (None, _) => {
                self.drop("content part", sink);
                return Ok(());
            }
        };
        if let Some(text) = text {
            self.say(at, piece, text, true, sink);
        }
        Ok(())
    }
}

impl Item {
    fn has_id(&self, read: &Members<'_>) -> bool {
        let is = |own: &str, id: &Option<Text<'_>>| {
            !own.is_empty() && id.as_ref().is_some_and(|id| id.is(own))
        };
        match &read.call_id {
            Some(call_id) if !self.call_id.is_empty() => call_id.is(&self.call_id),
            _ => is(&self.id, &read.id),
        }
    }
}

fn piece_of(sort: Sort, index: u64) -> Piece {
    match sort {
        Sort::Message => Piece::Text(index),
        Sort::Reasoning => Piece::Thought(index),
        Sort::Call => Piece::Arguments,
    }
}

fn has_elements(cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
    let mut has = false;
    cursor.array_or_skip(|_, _| {
        has = true;
        Ok(())
    })?;
    Ok(has)
}

fn members<'a>(cursor: &mut Cursor<'a>, doc: &'a [u8]) -> Result<Members<'a>, Malformed> {
    let mut item = Members::default();
    cursor.object_or_skip(|key, cursor| {
        match &*key.bytes() {
            b"type" => item.kind = Text::read_or_skip(cursor, doc)?,
            b"id" => item.id = Text::read_or_skip(cursor, doc)?,
            b"call_id" => item.call_id = Text::read_or_skip(cursor, doc)?,
            b"name" => item.name = Text::read_or_skip(cursor, doc)?,
            b"arguments" => item.arguments = Text::read_or_skip(cursor, doc)?,
            b"content" => item.content = Some(*cursor),
            b"summary" => item.summary = Some(*cursor),
            b"encrypted_content" => item.encrypted = Text::read_or_skip(cursor, doc)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(item)
}
