//! The index of a request: where its passages and messages are, and what no policy can be shown of it.
//!
//! [`Walk`] holds what the dialects share. They read by key rather than by `type`, since a `type` may come after what it describes:
//! `text` is a passage wherever content stands, whatever the part calls itself. A part in which nothing readable was found counts
//! as unseen, so a form that we do not know yet shows up in the coverage instead of slipping by.

use std::ops::Range;

use crate::dialect::{
    Dialect, Malformed, NO_MESSAGE, Place,
    json::{Cursor, Key, Kind, Text},
};

use super::{anthropic, chat, completions, embeddings, gemini, responses};

/// A range of a body; 32 bits, since there may be thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        // `build` refuses bodies that are larger
        Self {
            start: range.start as u32,
            end: range.end as u32,
        }
    }
}

/// Where one passage stands.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) id: u32,
    pub(super) message: u32,
    /// The literal, quotes included.
    pub(super) span: Span,
    pub(super) escaped: bool,
    /// `None` while the message's role is unknown.
    place: Option<Place>,
}

impl Spot {
    pub(super) fn place(&self) -> Place {
        self.place.unwrap_or(Place::User)
    }
    pub(super) fn literal(&self) -> Text {
        Text {
            range: self.span.range(),
            escaped: self.escaped,
        }
    }
}

/// Where everything is. Spots come in the order of the document.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    pub(super) spots: Vec<Spot>,
    /// The elements of `messages` or `input`.
    pub(super) messages: Vec<Span>,
    /// That array itself; `None` where the input is a string, strings that are no conversation, or absent.
    pub(super) conversation: Option<Span>,
    /// Tools and output formats: their tokens are counted as a whole.
    pub(super) definitions: Vec<Span>,
    pub(super) images: u32,
    pub(super) tools: u32,
    pub(super) unseen: Vec<(&'static str, u64)>,
    /// The first id that was never given.
    pub(super) next_id: u32,
}

impl Index {
    /// Walks a request of `dialect` once. Ids are numbered from `first_id` on.
    pub(super) fn build(dialect: Dialect, bytes: &[u8], first_id: u32) -> Result<Self, Malformed> {
        if u32::try_from(bytes.len()).is_err() {
            let what = "the body is larger than 4 GiB";
            return Err(Malformed { what, at: 0 });
        }
        let mut walk = Walk {
            bytes,
            index: Self {
                next_id: first_id,
                ..Self::default()
            },
            message: NO_MESSAGE,
        };
        let mut cursor = Cursor::new(bytes);
        match dialect {
            Dialect::OpenaiChat => chat::request(&mut walk, &mut cursor)?,
            Dialect::OpenaiResponses => responses::request(&mut walk, &mut cursor)?,
            Dialect::OpenaiCompletions => completions::request(&mut walk, &mut cursor)?,
            Dialect::OpenaiEmbeddings => embeddings::request(&mut walk, &mut cursor)?,
            Dialect::AnthropicMessages => anthropic::request(&mut walk, &mut cursor)?,
            Dialect::GeminiGenerate => gemini::request(&mut walk, &mut cursor)?,
            Dialect::Other => {
                return Err(Malformed {
                    what: "the body is of no dialect that is read",
                    at: 0,
                });
            }
        }
        cursor.end()?;
        let mut index = walk.index;
        if !index.spots.is_sorted_by_key(|spot| spot.span.start) {
            index.spots.sort_by_key(|spot| spot.span.start);
            for (id, spot) in (first_id..).zip(&mut index.spots) {
                spot.id = id;
            }
        }
        Ok(index)
    }

    pub(super) fn spot(&self, id: u32) -> Option<&Spot> {
        let at = self.spots.binary_search_by_key(&id, |spot| spot.id);
        // ids are in order unless a parameter was replaced amid them
        match at {
            Ok(at) => self.spots.get(at),
            Err(_) => self.spots.iter().find(|spot| spot.id == id),
        }
    }

    /// Moves everything behind a range whose length changed.
    pub(super) fn shift(&mut self, replaced: &Range<usize>, length: usize) {
        let moved = |span: &mut Span| {
            for end in [&mut span.start, &mut span.end] {
                if *end as usize >= replaced.end {
                    *end = (*end as usize + length - replaced.len()) as u32;
                }
            }
        };
        self.spots.iter_mut().for_each(|spot| moved(&mut spot.span));
        self.messages.iter_mut().for_each(moved);
        self.definitions.iter_mut().for_each(moved);
        self.conversation.iter_mut().for_each(moved);
    }

    /// Takes over the ids of an earlier index: a string that stands outside the replaced range is the same string still.
    pub(super) fn keep_ids(&mut self, earlier: &Self, replaced: &Range<usize>, length: usize) {
        for spot in &mut self.spots {
            let mut was = spot.span.range();
            if was.start >= replaced.start + length {
                was = was.start + replaced.len() - length..was.end + replaced.len() - length;
            } else if was.end > replaced.start {
                continue;
            }
            let start = was.start as u32;
            let found = earlier.spots.binary_search_by_key(&start, |s| s.span.start);
            if let Some(same) = found.ok().and_then(|at| earlier.spots.get(at)) {
                spot.id = same.id;
            }
        }
    }
}

/// An index under way.
pub(super) struct Walk<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) index: Index,
    /// The message that the walk is in.
    pub(super) message: u32,
}

type Walked = Result<(), Malformed>;

impl<'a> Walk<'a> {
    /// Notes a string as a passage; skips everything else. `None` is the place of the message's role.
    pub(super) fn passage(&mut self, cursor: &mut Cursor<'a>, place: Option<Place>) -> Walked {
        if let Some(text) = cursor.text_or_skip()? {
            self.note(&text, place);
        }
        Ok(())
    }

    pub(super) fn note(&mut self, text: &Text, place: Option<Place>) {
        self.index.spots.push(Spot {
            id: self.index.next_id,
            message: self.message,
            span: text.range.clone().into(),
            escaped: text.escaped,
            place,
        });
        self.index.next_id = self.index.next_id.wrapping_add(1);
    }

    /// Notes every string inside a value, its keys not. Members of one name are all noted, so there is nothing ambiguous.
    pub(super) fn leaves(&mut self, cursor: &mut Cursor<'a>, place: Option<Place>) -> Walked {
        match cursor.kind()? {
            Kind::Object => cursor.object(|_, value| self.leaves(value, place)),
            Kind::Array => cursor.array(|_, value| self.leaves(value, place)),
            _ => self.passage(cursor, place),
        }
    }

    /// Notes every string called `description` inside a value.
    pub(super) fn descriptions(&mut self, cursor: &mut Cursor<'a>) -> Walked {
        match cursor.kind()? {
            Kind::Object => cursor.object(|key, value| match value.kind()? {
                Kind::String if key.is("description") => {
                    self.passage(value, Some(Place::ToolDefinition))
                }
                Kind::Object | Kind::Array => self.descriptions(value),
                _ => Ok(()),
            }),
            Kind::Array => cursor.array(|_, value| self.descriptions(value)),
            _ => cursor.skip().map(drop),
        }
    }

    /// Notes the descriptions in a schema or an array of tools.
    pub(super) fn definitions(&mut self, cursor: &mut Cursor<'a>) -> Walked {
        cursor.kind()?;
        let start = cursor.at();
        self.descriptions(cursor)?;
        let span = Span::from(start..cursor.at());
        self.index.definitions.push(span);
        Ok(())
    }

    /// The same for `tools`, which are counted.
    pub(super) fn tools(&mut self, cursor: &mut Cursor<'a>) -> Walked {
        if cursor.kind()? != Kind::Array {
            return self.definitions(cursor);
        }
        let start = cursor.at();
        cursor.array(|_, value| {
            self.index.tools += 1;
            self.descriptions(value)
        })?;
        let span = Span::from(start..cursor.at());
        self.index.definitions.push(span);
        Ok(())
    }

    /// Takes an array; skips everything else.
    pub(super) fn array_or_skip(
        &mut self,
        cursor: &mut Cursor<'a>,
        mut each: impl FnMut(&mut Self, &mut Cursor<'a>) -> Walked,
    ) -> Walked {
        match cursor.kind()? {
            Kind::Array => cursor.array(|_, value| each(self, value)),
            _ => cursor.skip().map(drop),
        }
    }

    /// Takes an object; skips everything else.
    pub(super) fn object_or_skip(
        &mut self,
        cursor: &mut Cursor<'a>,
        mut each: impl FnMut(&mut Self, Key<'a>, &mut Cursor<'a>) -> Walked,
    ) -> Walked {
        match cursor.kind()? {
            Kind::Object => cursor.object(|key, value| each(self, key, value)),
            _ => cursor.skip().map(drop),
        }
    }

    /// Takes content: a string, or parts that `part` takes one by one.
    pub(super) fn content(
        &mut self,
        cursor: &mut Cursor<'a>,
        place: Option<Place>,
        part: fn(&mut Self, &mut Cursor<'a>, Option<Place>) -> Walked,
    ) -> Walked {
        match cursor.kind()? {
            Kind::Array => cursor.array(|_, value| match value.kind()? {
                Kind::Object => part(self, value, place),
                _ => self.passage(value, place),
            }),
            Kind::Object => part(self, cursor, place),
            _ => self.passage(cursor, place),
        }
    }

    /// Takes the conversation: an array of messages, each an object.
    pub(super) fn messages(
        &mut self,
        cursor: &mut Cursor<'a>,
        message: fn(&mut Self, &mut Cursor<'a>) -> Walked,
    ) -> Walked {
        cursor.kind()?;
        let start = cursor.at();
        cursor.array(|index, value| {
            value.kind()?;
            let start = value.at();
            self.message = index as u32;
            message(self, value)?;
            self.index.messages.push(Span::from(start..value.at()));
            Ok(())
        })?;
        self.message = NO_MESSAGE;
        self.index.conversation = Some(Span::from(start..cursor.at()));
        Ok(())
    }

    /// Takes an input that is no conversation: a string, or a list of inputs of their own, each of which counts as a message that can't be
    /// dropped, as replies are told apart by their number. Token ids can't be read.
    pub(super) fn inputs(&mut self, cursor: &mut Cursor<'a>) -> Walked {
        match cursor.kind()? {
            Kind::String => {
                self.message = 0;
                self.passage(cursor, Some(Place::User))?;
            }
            Kind::Array => {
                let start = cursor.at();
                let mut numbers = false;
                cursor.array(|index, value| {
                    self.message = index as u32;
                    match value.kind()? {
                        Kind::String => self.passage(value, Some(Place::User)),
                        Kind::Number => {
                            numbers = true;
                            value.skip().map(drop)
                        }
                        Kind::Object => chat::part(self, value, Some(Place::User)),
                        Kind::Array => self.unseen(value, "tokens"),
                        _ => Ok(()),
                    }
                })?;
                if numbers {
                    self.count_unseen("tokens", cursor.at() - start);
                }
            }
            Kind::Null => {}
            _ => self.unseen(cursor, "other")?,
        }
        self.message = NO_MESSAGE;
        Ok(())
    }

    /// Gives the passages from the `first`-th on their message's role.
    pub(super) fn settle_role(&mut self, first: usize, place: Place) {
        for spot in self.index.spots.iter_mut().skip(first) {
            spot.place.get_or_insert(place);
        }
    }

    /// Gives those from the `first`-th on this role, whatever they had: of a prompt whose own role says nothing.
    pub(super) fn set_role(&mut self, first: usize, place: Place) {
        for spot in self.index.spots.iter_mut().skip(first) {
            spot.place = Some(place);
        }
    }

    /// Skips a value that no policy can be shown, and counts its bytes.
    pub(super) fn unseen(&mut self, cursor: &mut Cursor<'a>, label: &'static str) -> Walked {
        let range = cursor.skip()?;
        self.count_unseen(label, range.len());
        Ok(())
    }

    pub(super) fn count_unseen(&mut self, label: &'static str, bytes: usize) {
        let unseen = &mut self.index.unseen;
        match unseen.iter_mut().find(|(known, _)| *known == label) {
            Some((_, sum)) => *sum += bytes as u64,
            None => unseen.push((label, bytes as u64)),
        }
    }

    /// A string's text where it is short enough to be a role or a type.
    pub(super) fn word(
        &self,
        cursor: &mut Cursor<'a>,
    ) -> Result<std::borrow::Cow<'a, str>, Malformed> {
        let text = cursor.text_or_skip()?;
        Ok(text.map(|text| text.decode(self.bytes)).unwrap_or_default())
    }
}
