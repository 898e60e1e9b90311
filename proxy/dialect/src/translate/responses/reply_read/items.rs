//! The items of a reply, and what of them was said.

use super::super::{
    super::{
        event::{Event, Sink},
        opaque::Origin,
        text::Text,
    },
    SEPARATOR,
};
use crate::Malformed;

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
pub(super) enum Sort {
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

pub(super) struct Item {
    pub(super) sort: Sort,
    pub(super) output: Option<u64>,
    /// Its id, or of a call its `call_id`; empty where neither is known.
    pub(super) id: String,
    pub(super) call_id: String,
    name: String,
    said: Vec<Piece>,
    /// The number of a call that began for the caller.
    number: Option<u32>,
    /// Arguments that came before its name.
    pending: String,
    /// A call's arguments are complete.
    has_ended: bool,
    /// An event had all of it.
    pub(super) is_read: bool,
    pub(super) is_sealed: bool,
}

/// The items so far.
pub(super) struct Items {
    pub(super) origin: Origin,
    pub(super) items: Vec<Item>,
    begun_calls: u32,
    refused: bool,
    dropped: Vec<&'static str>,
    /// The reasoning that was said last, where nothing came after it.
    pub(super) thought: Option<(usize, Piece)>,
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

    pub(super) fn find(&self, is_it: impl Fn(&Item) -> bool) -> Option<usize> {
        self.items.iter().rposition(is_it)
    }

    pub(super) fn add(&mut self, sort: Sort, output: Option<u64>) -> Result<usize, Malformed> {
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

    pub(super) fn end_call(&mut self, at: usize, sink: &mut dyn Sink) {
        let item = self.items.get_mut(at);
        if let Some(item) = item
            && let Some(call) = item.number
            && !std::mem::replace(&mut item.has_ended, true)
        {
            sink.take(Event::CallEnd { choice: 0, call });
        }
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
