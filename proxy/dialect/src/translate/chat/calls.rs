//! Calls of tools in a reply, told apart by what servers send.
//!
//! The API numbers the pieces of each call by `index`. Servers that keep all on index 0, that number
//! none, that repeat the id in each piece or send the name late are common, so a call is known by
//! its id first, then by its index, and a piece that says a name begins another call where the one
//! before is complete or has another name.

use super::super::{
    event::{Event, Sink},
    text::Text,
};
use crate::{Malformed, reply::calls::Source};

/// The most calls in one reply.
const MOST: usize = 4096;

/// The calls of one reply.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// The number of those that have begun for the caller.
    begun: u32,
}

#[derive(Debug)]
struct Call {
    choice: u32,
    index: Option<u64>,
    id: String,
    name: String,
    /// Its number for the caller, once it began.
    number: Option<u32>,
    /// Arguments that came before its name.
    pending: String,
    source: Source,
    ended: bool,
}

/// A piece of a call.
#[derive(Debug, Default)]
pub(super) struct Piece<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) arguments: Option<Text<'a>>,
}

impl Calls {
    /// Takes a piece. `is_alone`: it is all of its call.
    ///
    /// # Errors
    /// There are more calls than any reply has.
    pub(super) fn take(
        &mut self,
        choice: u32,
        piece: &Piece<'_>,
        is_alone: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), Malformed> {
        let decoded = |text: &Option<Text<'_>>| {
            let text = text.as_ref().map(|text| text.decode().into_owned());
            text.unwrap_or_default()
        };
        let (id, name) = (decoded(&piece.id), decoded(&piece.name));
        let found = match is_alone {
            true => None,
            false => self.find(choice, piece.index, &id, &name),
        };
        let at = match found {
            Some(at) => at,
            None if self.calls.len() >= MOST => {
                return Err(Malformed::new("a reply has too many tool calls", 0));
            }
            None => {
                self.calls.push(Call {
                    choice,
                    index: piece.index,
                    id: String::new(),
                    name: String::new(),
                    number: None,
                    pending: String::new(),
                    source: Source::default(),
                    ended: false,
                });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(at) else {
            return Ok(());
        };
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() && !name.is_empty() {
            call.name = name;
            call.begin(&mut self.begun, sink);
        }
        if let Some(arguments) = piece.arguments.as_ref().filter(|text| !text.is_empty()) {
            call.extend(arguments, sink);
        }
        Ok(())
    }

    fn find(&self, choice: u32, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let last = |is: &dyn Fn(&Call) -> bool| {
            let mut calls = self.calls.iter();
            calls.rposition(|call| call.choice == choice && is(call))
        };
        if !id.is_empty() {
            // An id may come after the call's beginning.
            let is_open = |call: &Call| {
                call.id.is_empty()
                    && call.index == index
                    && !call.source.complete()
                    && (name.is_empty() || call.name.is_empty() || call.name == name)
            };
            return last(&|call| call.id == id).or_else(|| last(&is_open));
        }
        let numbered = index.and_then(|_| last(&|call| call.index == index));
        let bare = || name.is_empty() || index.is_none();
        let at = numbered.or_else(|| last(&|_| true).filter(|_| bare()))?;
        let call = self.calls.get(at)?;
        let is_another = !name.is_empty()
            && !call.name.is_empty()
            && (call.source.complete() || call.name != name);
        (!is_another).then_some(at)
    }

    /// Reports whether a choice has calls.
    pub(super) fn any(&self, choice: u32) -> bool {
        self.calls.iter().any(|call| call.choice == choice)
    }

    /// Ends the calls that are not complete by themselves. Returns false where one never had a
    /// name.
    pub(super) fn end(&mut self, sink: &mut dyn Sink) -> bool {
        for call in &mut self.calls {
            call.end(sink);
        }
        self.calls.iter().all(|call| call.number.is_some())
    }
}

impl Call {
    fn begin(&mut self, begun: &mut u32, sink: &mut dyn Sink) {
        let number = *begun;
        *begun += 1;
        self.number = Some(number);
        let id = Some(self.id.as_str()).filter(|id| !id.is_empty());
        sink.take(Event::Call {
            choice: self.choice,
            call: number,
            id: id.map(Text::plain),
            name: Text::plain(self.name.as_str()),
        });
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.give(number, Text::plain(pending), sink);
        }
    }

    fn extend(&mut self, arguments: &Text<'_>, sink: &mut dyn Sink) {
        self.source.feed(&arguments.decode());
        match self.number {
            Some(number) => self.give(number, arguments.clone(), sink),
            None => self.pending.push_str(&arguments.decode()),
        }
    }

    fn give(&mut self, number: u32, text: Text<'_>, sink: &mut dyn Sink) {
        sink.take(Event::Arguments {
            choice: self.choice,
            call: number,
            text,
        });
        if self.source.complete() {
            self.end(sink);
        }
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if let Some(call) = self.number.filter(|_| !self.ended) {
            self.ended = true;
            let choice = self.choice;
            sink.take(Event::CallEnd { choice, call });
        }
    }
}
