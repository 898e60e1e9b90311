//! The items of a reply, and what of them was said.

use super::super::{
    super::{
        event::{Event, Sink},
        opaque::{Opaque, OpaqueKind, Origin},
        text::Text,
    },
    HOSTED_ITEMS, SEPARATOR,
};
use crate::{
    Malformed,
    json::{Cursor, Kind},
};

/// The most items in one reply.
const MOST: usize = 4096;

/// The place of an event: ids are not the same from event to event at every server, and numbers are
/// not different from item to item.
#[derive(Default)]
pub(super) struct Place<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) output: Option<u64>,
}

/// A text of an item, by its index where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Text(u64),
    Refusal(u64),
    Summary(u64),
    Thought(u64),
    Arguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Message,
    Reasoning,
    Call,
}

impl Piece {
    const fn sort(self) -> Sort {
        match self {
            Self::Text(_) | Self::Refusal(_) => Sort::Message,
            Self::Summary(_) | Self::Thought(_) => Sort::Reasoning,
            Self::Arguments => Sort::Call,
        }
    }
}

struct Item {
    sort: Sort,
    output: Option<u64>,
    /// Its id, or of a call its `call_id`; empty where neither is known.
    id: String,
    call_id: String,
    name: String,
    said: Vec<Piece>,
    /// The number of a call that began for the caller.
    number: Option<u32>,
    /// Arguments that came before its name.
    pending: String,
    /// A call's arguments are complete.
    has_ended: bool,
    /// An event had all of it.
    is_read: bool,
    is_sealed: bool,
}

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

/// The items so far.
pub(super) struct Items {
    origin: Origin,
    items: Vec<Item>,
    begun_calls: u32,
    refused: bool,
    dropped: Vec<&'static str>,
    /// The reasoning that was said last, where nothing came after it.
    thought: Option<(usize, Piece)>,
}

impl Items {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            items: Vec::new(),
            begun_calls: 0,
            refused: false,
            dropped: Vec::new(),
            thought: None,
        }
    }

    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    pub(super) fn has_calls(&self) -> bool {
        self.begun_calls > 0
    }

    /// Counts what no other dialect has, once.
    pub(super) fn drop(&mut self, name: &'static str, sink: &mut dyn Sink) {
        if !self.dropped.contains(&name) {
            self.dropped.push(name);
            sink.take(Event::Dropped(name));
        }
    }

    fn find(&self, is_it: impl Fn(&Item) -> bool) -> Option<usize> {
        self.items.iter().rposition(is_it)
    }

    fn add(&mut self, sort: Sort, output: Option<u64>) -> Result<usize, Malformed> {
        if self.items.len() >= MOST {
            return Err(Malformed::new("a reply has too many items", 0));
        }
        self.items.push(Item {
            sort,
            output,
            id: String::new(),
            call_id: String::new(),
            name: String::new(),
            said: Vec::new(),
            number: None,
            pending: String::new(),
            has_ended: false,
            is_read: false,
            is_sealed: false,
        });
        Ok(self.items.len() - 1)
    }

    /// The item that an event belongs to: by its id, else the last of its number, else the last.
    ///
    /// # Errors
    /// There are more items than any reply has.
    pub(super) fn at(&mut self, place: &Place<'_>, piece: Piece) -> Result<usize, Malformed> {
        let sort = piece.sort();
        let is_named = |item: &Item| {
            let id = place.id.as_ref();
            item.sort == sort && id.is_some_and(|id| !item.id.is_empty() && id.is(&item.id))
        };
        let is_numbered = |item: &Item| item.sort == sort && item.output == place.output;
        let is_last = |item: &Item| item.sort == sort && place.output.is_none();
        let found = self.find(is_named).or_else(|| self.find(is_numbered));
        if let Some(at) = found.or_else(|| self.find(is_last)) {
            return Ok(at);
        }
        let at = self.add(sort, place.output)?;
        if let (Some(item), Some(id)) = (self.items.get_mut(at), &place.id) {
            item.id = id.decode().into_owned();
        }
        Ok(at)
    }

    /// Takes a text of an item; `is_whole`: it may have come in pieces.
    pub(super) fn say(
        &mut self,
        at: usize,
        piece: Piece,
        text: Text<'_>,
        is_whole: bool,
        sink: &mut dyn Sink,
    ) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        let was_said = item.said.contains(&piece);
        if text.is_empty() || is_whole && was_said {
            return;
        }
        // a text and its summary are one reasoning: the first is enough
        let is_other = |one: &Piece| std::mem::discriminant(one) != std::mem::discriminant(&piece);
        if item.sort == Sort::Reasoning && item.said.first().is_some_and(is_other) {
            return self.drop("reasoning_text", sink);
        }
        if !was_said {
            item.said.push(piece);
        }
        match piece {
            Piece::Text(_) => sink.take(Event::Text { choice: 0, text }),
            Piece::Refusal(_) => {
                self.refused = true;
                sink.take(Event::Refusal { choice: 0, text });
            }
            Piece::Summary(_) | Piece::Thought(_) => {
                if self.thought.is_some_and(|before| before != (at, piece)) {
                    let text = Text::plain(SEPARATOR);
                    sink.take(Event::Reasoning { choice: 0, text });
                }
                self.thought = Some((at, piece));
                sink.take(Event::Reasoning { choice: 0, text });
                return;
            }
            Piece::Arguments => match item.number {
                Some(call) => sink.take(Event::Arguments {
                    choice: 0,
                    call,
                    text,
                }),
                None => item.pending.push_str(&text.decode()),
            },
        }
        self.thought = None;
    }

    /// Takes a call's id and name, and begins it where it has a name.
    pub(super) fn name(
        &mut self,
        at: usize,
        call_id: Option<&Text<'_>>,
        name: Option<&Text<'_>>,
        sink: &mut dyn Sink,
    ) {
        let Some(item) = self.items.get_mut(at) else {
            return;
        };
        if let Some(id) = call_id.filter(|_| item.call_id.is_empty()) {
            item.call_id = id.decode().into_owned();
        }
        let Some(name) = name.filter(|name| item.number.is_none() && !name.is_empty()) else {
            return;
        };
        item.name = name.decode().into_owned();
        let call = self.begun_calls;
        item.number = Some(call);
        self.begun_calls += 1;
        self.thought = None;
        let id = [&item.call_id, &item.id]
            .into_iter()
            .find(|id| !id.is_empty());
        sink.take(Event::Call {
            choice: 0,
            call,
            id: id.map(|id| Text::plain(id.as_str())),
            name: name.clone(),
        });
        let pending = std::mem::take(&mut item.pending);
        if !pending.is_empty() {
            sink.take(Event::Arguments {
                choice: 0,
                call,
                text: Text::plain(pending),
            });
        }
    }

    /// Ends a call whose arguments are complete; some servers have them in the item only.
    pub(super) fn end_arguments(&mut self, at: usize, sink: &mut dyn Sink) {
        let item = self.items.get(at);
        if item.is_some_and(|item| item.said.contains(&Piece::Arguments)) {
            self.end_call(at, sink);
        }
    }

    fn end_call(&mut self, at: usize, sink: &mut dyn Sink) {
        let item = self.items.get_mut(at);
        if let Some(item) = item
            && let Some(call) = item.number
            && !std::mem::replace(&mut item.has_ended, true)
        {
            sink.take(Event::CallEnd { choice: 0, call });
        }
    }

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

    /// Ends what is still open. Returns false if there are arguments of a call without a name.
    pub(super) fn end(&mut self, sink: &mut dyn Sink) -> bool {
        for at in 0..self.items.len() {
            self.end_call(at, sink);
        }
        let is_nameless = |item: &Item| item.sort == Sort::Call && item.number.is_none();
        !self.items.iter().any(is_nameless)
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
