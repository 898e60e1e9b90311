//! The index of a request: where its passages and messages are, and what no policy can be shown of
//! it.

use std::ops::Range;

use crate::{
    Dialect, Malformed, Place,
    describe::{
        Exempt,
        walk::{self, Form, Leaf},
    },
    json::{Cursor, Text, quote},
};

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

/// The place of one passage.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) id: u32,
    pub(super) message: u32,
    /// The literal or the value, quotes included.
    pub(super) span: Span,
    pub(super) place: Place,
    pub(super) form: Form,
    /// True if its text is JSON source.
    pub(super) json: bool,
    escaped: bool,
}

impl Spot {
    fn new(id: u32, leaf: Leaf) -> Self {
        Self {
            id,
            message: leaf.message,
            span: leaf.range.into(),
            place: leaf.place,
            form: leaf.form,
            json: leaf.json,
            escaped: leaf.escaped,
        }
    }

    /// Its text as policies see it. JSON source is shown with as few escapes as possible, since
    /// `\u0061na@example.com` would hide an address from a policy that looks for one.
    pub(super) fn text<'a>(&self, bytes: &'a [u8]) -> std::borrow::Cow<'a, str> {
        let range = self.span.range();
        match self.form {
            Form::Text | Form::Key => Text {
                range,
                escaped: self.escaped,
            }
            .decode(bytes),
            Form::Json => {
                let source = bytes.get(range).unwrap_or_default();
                match self.escaped {
                    true => String::from_utf8_lossy(&plainest(source))
                        .into_owned()
                        .into(),
                    false => String::from_utf8_lossy(source),
                }
            }
        }
    }

    /// Reports whether `text` can stand there in `document`: in the place of an object or a list it
    /// has to be JSON.
    pub(super) fn takes(&self, document: &[u8], text: &str) -> bool {
        let needs_json = self.form == Form::Json
            && matches!(document.get(self.span.range().start), Some(b'{' | b'['));
        !needs_json || is_json(text)
    }

    /// The source in the document for a `text` that it [takes](Self::takes). Text in the place of a
    /// number that is no JSON becomes a string.
    pub(super) fn written(&self, text: &str) -> Vec<u8> {
        if self.form == Form::Json && is_json(text) {
            return text.as_bytes().to_vec();
        }
        let mut with = Vec::new();
        quote(text, &mut with);
        with
    }
}

fn is_json(text: &str) -> bool {
    let mut cursor = Cursor::new(text.as_bytes());
    cursor.skip().is_ok() && cursor.end().is_ok()
}

/// JSON source whose strings have no more escapes than they need.
fn plainest(source: &[u8]) -> Vec<u8> {
    let (mut out, mut done) = (Vec::with_capacity(source.len()), 0);
    while let Some(at) = memchr::memchr(b'"', source.get(done..).unwrap_or_default()) {
        let mut cursor = Cursor::starting(source, done + at);
        let Ok(text) = cursor.text() else { break };
        out.extend_from_slice(source.get(done..text.range.start).unwrap_or_default());
        match text.escaped {
            true => quote(&text.decode(source), &mut out),
            false => out.extend_from_slice(source.get(text.range.clone()).unwrap_or_default()),
        }
        done = text.range.end;
    }
    out.extend_from_slice(source.get(done..).unwrap_or_default());
    out
}

/// The index. Spots come in the order of the document.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    pub(super) spots: Vec<Spot>,
    /// The elements of `messages` or `input`.
    pub(super) messages: Vec<Span>,
    /// The array itself; `None` where the input is a string, strings that are no conversation, or
    /// absent.
    pub(super) conversation: Option<Span>,
    /// Tools and output formats: their tokens are counted as a whole.
    pub(super) definitions: Vec<Span>,
    /// Messages of the requests of a batch.
    pub(super) numbered: u32,
    pub(super) images: u32,
    pub(super) tools: u32,
    pub(super) unseen: Vec<(&'static str, u64)>,
    /// Images, sound and files that are in the body: their tokens are counted one by one.
    pub(super) media: Vec<(Exempt, Span)>,
    /// The first id that was never given.
    pub(super) next_id: u32,
}

impl Index {
    /// Walks a request of `dialect` once. Ids are numbered from `first_id` on.
    pub(super) fn build(dialect: Dialect, bytes: &[u8], first_id: u32) -> Result<Self, Malformed> {
        let whole = |what| Malformed::new(what, 0);
        if u32::try_from(bytes.len()).is_err() {
            return Err(whole("the body is larger than 4 GiB"));
        }
        let Some(description) = dialect.description() else {
            return Err(whole("the body is of no dialect that is read"));
        };
        let found = walk::walk(bytes, description.request, Place::User)?;
        if let (false, Some(missing)) = (found.has_input, description.without_input) {
            let at = bytes.len();
            return Err(Malformed::new(missing, at));
        }
        let mut next_id = first_id;
        let mut number = |leaf| {
            let id = next_id;
            next_id = next_id.wrapping_add(1);
            Spot::new(id, leaf)
        };
        Ok(Self {
            spots: found.leaves.into_iter().map(&mut number).collect(),
            messages: found.messages.into_iter().map(Span::from).collect(),
            conversation: found.conversation.map(Span::from),
            definitions: found.definitions.into_iter().map(Span::from).collect(),
            numbered: found.numbered,
            images: found.images,
            tools: found.tools,
            unseen: (found.unseen.into_iter())
                .map(|(kind, bytes): (Exempt, u64)| (kind.name(), bytes))
                .collect(),
            media: (found.media.into_iter())
                .map(|(kind, range)| (kind, Span::from(range)))
                .collect(),
            next_id,
        })
    }

    pub(super) fn spot(&self, id: u32) -> Option<&Spot> {
        let at = self.spots.binary_search_by_key(&id, |spot| spot.id);
        // ids are in order unless a parameter was replaced amid them
        match at {
            Ok(at) => self.spots.get(at),
            Err(_) => self.spots.iter().find(|spot| spot.id == id),
        }
    }

    /// Reports whether a passage stands in a range, or around it.
    pub(super) fn touches(&self, range: &Range<usize>) -> bool {
        let start = |spot: &Spot| spot.span.range().start;
        let next = self.spots.partition_point(|spot| start(spot) < range.start);
        let before = next.checked_sub(1).and_then(|at| self.spots.get(at));
        before.is_some_and(|spot| spot.span.range().end > range.start)
            || (self.spots.get(next)).is_some_and(|spot| start(spot) < range.end)
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
        self.spans().for_each(moved);
    }

    /// Moves everything behind ranges whose lengths changed: of each its end, its length and that
    /// of what replaced it, in their order.
    pub(super) fn shift_all(&mut self, moves: &[(usize, usize, usize)]) {
        let (mut grown, mut shrunk) = (0, 0);
        let sums: Vec<(usize, usize, usize)> = moves
            .iter()
            .map(|(end, was, is)| {
                (grown, shrunk) = (grown + is, shrunk + was);
                (*end, grown, shrunk)
            })
            .collect();
        let moved = |span: &mut Span| {
            for end in [&mut span.start, &mut span.end] {
                let before = sums.partition_point(|(replaced, ..)| *replaced <= *end as usize);
                let sum = before.checked_sub(1).and_then(|at| sums.get(at));
                if let Some((_, grown, shrunk)) = sum {
                    *end = (*end as usize + grown - shrunk) as u32;
                }
            }
        };
        self.spans().for_each(moved);
    }

    fn spans(&mut self) -> impl Iterator<Item = &mut Span> {
        (self.spots.iter_mut().map(|spot| &mut spot.span))
            .chain(&mut self.messages)
            .chain(&mut self.definitions)
            .chain(self.media.iter_mut().map(|(_, span)| span))
            .chain(&mut self.conversation)
    }

    /// Takes over the ids of an earlier index: a string that stands outside the replaced range is
    /// the same string still.
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
