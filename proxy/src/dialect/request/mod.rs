//! A request's body: what it asks, as policies see and edit it, and the bytes that go out.
//!
//! [`Body::wire`] finds out no more than the exchange itself must know; [`Body::index`] finds the passages, for chains that read
//! them. Passages and dropped messages are an overlay that [`Body::render`] splices in. A parameter is spliced into the bytes at
//! once, so that later reads see it without an overlay of their own; ids of passages outlive that. All state is shared by
//! pointer, so a [`Mark`] costs next to nothing and going back to it restores everything, the very same bytes included.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{
    Dialect, Malformed, NO_MESSAGE, Passage, Place, Places,
    json::{self, Cursor, Text},
    tokens,
};

mod anthropic;
mod chat;
mod edits;
mod index;
mod responses;
#[cfg(test)]
mod tests;

use index::Index;

/// A request's body.
pub struct Body {
    dialect: Dialect,
    state: State,
}

/// A state of a [`Body`] to which it can go back.
#[derive(Clone)]
pub struct Mark(State);

/// Why a passage or message could not be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// There is no passage of this id, or there was one before the body or its part was replaced.
    NoPassage(u32),
    /// There is no message of this index, or the input is one string.
    NoMessage(u32),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPassage(id) => write!(
                f,
                "there is no passage {id}: list the passages again after replacing a part of the body"
            ),
            Self::NoMessage(index) => write!(
                f,
                "there is no message {index} that could be dropped: look at the passages' `message`"
            ),
        }
    }
}

impl std::error::Error for EditError {}

#[derive(Clone)]
struct State {
    bytes: Bytes,
    facts: Facts,
    index: Option<Arc<Index>>,
    overlay: Option<Arc<Overlay>>,
    /// Ids below were given already.
    next_id: u32,
    /// `bytes` are not those that arrived.
    replaced: bool,
    tokens: OnceLock<u64>,
}

/// What is known of every body.
#[derive(Clone, Default)]
struct Facts {
    model: Option<Model>,
    /// Where its literal stands.
    place: Option<std::ops::Range<usize>>,
    stream: bool,
    ambiguous: bool,
    /// The members could not be walked to their end.
    malformed: bool,
}

#[derive(Clone)]
enum Model {
    At(std::ops::Range<usize>),
    Decoded(Arc<str>),
}

/// Edits that are not in the bytes yet.
#[derive(Clone, Default)]
struct Overlay {
    texts: HashMap<u32, Arc<str>>,
    dropped: BTreeSet<u32>,
}

impl Body {
    /// Takes a body as it came. Only `model` and `stream` are looked for, and never in vain: where the JSON is malformed, what was
    /// found up to there counts. The whole body is walked, since of two members with one name the last counts nearly everywhere.
    pub fn wire(dialect: Dialect, bytes: Bytes) -> Self {
        Self {
            dialect,
            state: State {
                facts: Facts::find(&bytes),
                bytes,
                index: None,
                overlay: None,
                next_id: 0,
                replaced: false,
                tokens: OnceLock::new(),
            },
        }
    }

    /// How the body is written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Finds the passages, once; later calls do nothing.
    ///
    /// # Errors
    /// The body is no valid request of its dialect: no JSON object, a conversation that is none, a key that is read and occurs twice.
    pub fn index(&mut self) -> Result<(), Malformed> {
        if self.state.index.is_none() {
            let index = Index::build(self.dialect, &self.state.bytes, self.state.next_id)?;
            self.state.next_id = index.next_id;
            self.state.index = Some(Arc::new(index));
        }
        Ok(())
    }

    /// The passages in `places` as they stand after the edits so far, `max` at most from the `start`-th on; those of dropped messages
    /// are left out. Empty without [`Body::index`].
    pub fn passages(&self, places: Places, start: u32, max: u32) -> Vec<Passage> {
        let (start, max) = (start as usize, max as usize);
        let spots = self.live_spots().filter(|s| places.contains(s.place()));
        let passage = |spot: &index::Spot| Passage {
            id: spot.id,
            place: spot.place(),
            message: spot.message,
            text: self.text(spot).into_owned(),
        };
        spots.skip(start).take(max).map(passage).collect()
    }

    /// Bytes of the passages in `places`: of edited ones the text's, of others the JSON source's.
    pub fn passage_bytes(&self, places: Places) -> u64 {
        let spots = self.live_spots().filter(|s| places.contains(s.place()));
        let size = |spot: &index::Spot| match self.edited_text(spot.id) {
            Some(text) => text.len(),
            None => spot.span.range().len().saturating_sub(2),
        };
        spots.map(|spot| size(spot) as u64).sum()
    }

    /// What no policy can be shown: a label from a bounded set, and bytes. Empty without [`Body::index`].
    pub fn unseen(&self) -> &[(&'static str, u64)] {
        self.known().map_or(&[], |index| &index.unseen)
    }

    /// Whether `model` or `stream` occurs more than once: the model that is told here may not be the one that serves.
    pub fn ambiguous(&self) -> bool {
        self.state.facts.ambiguous
    }

    /// The model that is asked for.
    pub fn model(&self) -> Option<&str> {
        match self.state.facts.model.as_ref()? {
            Model::At(range) => str::from_utf8(self.state.bytes.get(range.clone())?).ok(),
            Model::Decoded(text) => Some(text),
        }
    }

    /// Asks for another model; of all members `model` where there are several. Tells whether it could: not where the body is malformed.
    pub fn set_model(&mut self, model: &str) -> bool {
        if self.model() == Some(model) && !self.ambiguous() {
            return true;
        }
        let mut json = Vec::with_capacity(model.len() + 2);
        json::quote(model, &mut json);
        match self.state.facts.place.clone() {
            Some(place) if self.state.facts.certain() => self.move_model(place, json, model),
            _ => self.set_raw("/model", &json).is_ok(),
        }
    }

    /// Whether the reply is asked for as a stream.
    pub fn streaming(&self) -> bool {
        self.state.facts.stream
    }

    /// The limit on generated tokens, where the caller set one.
    pub fn max_output_tokens(&self) -> Option<u64> {
        let value = |pointer: &&str| {
            let range = json::pointer(&self.state.bytes, pointer)?;
            Cursor::starting(&self.state.bytes, range.start)
                .integer()
                .ok()?
        };
        self.limit_names().iter().find_map(value)
    }

    /// Limits the generated tokens; in `openai.chat` by the name that the caller used, or else by the newer one. Tells
    /// whether it could: not where the body is malformed.
    pub fn set_max_output_tokens(&mut self, tokens: u64) -> bool {
        let json = tokens.to_string();
        let names = self.limit_names();
        // a null counts as absent: giving both names is an error to some providers
        let set = |name: &&&str| {
            let range = json::pointer(&self.state.bytes, name);
            range.is_some_and(|range| self.state.bytes.get(range) != Some(b"null"))
        };
        let mut present: Vec<&str> = names.iter().filter(set).copied().collect();
        if present.is_empty() {
            let null = |name: &&&str| json::pointer(&self.state.bytes, name).is_some();
            present.extend(names.iter().find(null).or(names.first()));
        }
        !present.is_empty()
            && present
                .into_iter()
                .all(|name| self.set_raw(name, json.as_bytes()).is_ok())
    }

    fn limit_names(&self) -> &'static [&'static str] {
        match self.dialect {
            Dialect::OpenaiChat => &["/max_completion_tokens", "/max_tokens"],
            Dialect::OpenaiResponses => &["/max_output_tokens"],
            Dialect::AnthropicMessages => &["/max_tokens"],
            Dialect::Other => &[],
        }
    }

    /// Messages that are left, or 1 where the input is one string. 0 without [`Body::index`].
    pub fn messages(&self) -> u32 {
        let Some(index) = self.known() else { return 0 };
        if index.conversation.is_none() {
            return u32::from(index.spots.iter().any(|spot| spot.message != NO_MESSAGE));
        }
        let dropped = self.state.overlay.as_ref().map_or(0, |o| o.dropped.len());
        index.messages.len().saturating_sub(dropped) as u32
    }

    /// Images in the conversation, those of dropped messages included. 0 without [`Body::index`].
    pub fn images(&self) -> u32 {
        self.known().map_or(0, |index| index.images)
    }

    /// Tools that the model is offered. 0 without [`Body::index`].
    pub fn tools(&self) -> u32 {
        self.known().map_or(0, |index| index.tools)
    }

    /// The estimate of the prompt's tokens: text, about four a message, tools as their JSON, 800 an image. Counted once per state of
    /// the body. An index that is missing is made for it; a body that has none is counted as plain text.
    pub fn input_tokens(&self) -> u64 {
        *self.state.tokens.get_or_init(|| {
            if self.known().is_some() {
                return self.count_tokens();
            }
            match Index::build(self.dialect, &self.state.bytes, 0) {
                Err(_) => tokens::estimate_bytes(&self.state.bytes),
                Ok(index) => {
                    let (dialect, mut state) = (self.dialect, self.state.clone());
                    state.index = Some(Arc::new(index));
                    Self { dialect, state }.count_tokens()
                }
            }
        })
    }

    fn count_tokens(&self) -> u64 {
        const MESSAGE: u64 = 4;
        const IMAGE: u64 = 800;
        let Some(index) = self.known() else { return 0 };
        let uncounted = Places::NONE
            .with(Place::ToolDefinition)
            .with(Place::Metadata);
        let text = self.live_spots().filter(|s| !uncounted.contains(s.place()));
        let definitions = index
            .definitions
            .iter()
            .filter_map(|d| self.state.bytes.get(d.range()));
        text.map(|spot| tokens::estimate(&self.text(spot)))
            .sum::<u64>()
            + definitions.map(tokens::estimate_bytes).sum::<u64>()
            + u64::from(self.messages()) * MESSAGE
            + u64::from(self.images()) * IMAGE
    }

    /// Remembers the present state.
    pub fn mark(&self) -> Mark {
        Mark(self.state.clone())
    }

    /// Whether nothing was edited since `mark` was taken.
    pub fn unchanged_since(&self, mark: &Mark) -> bool {
        let overlay = |state: &State| state.overlay.as_ref().map(Arc::as_ptr);
        let place = |state: &State| (state.bytes.as_ptr(), state.bytes.len());
        place(&self.state) == place(&mark.0) && overlay(&self.state) == overlay(&mark.0)
    }

    /// Undoes all edits since `mark` was taken. An index that was made in between stays useful and is kept.
    pub fn roll_back(&mut self, mark: Mark) {
        let made = self.state.index.take().filter(|_| mark.0.index.is_none());
        let same =
            self.state.bytes.as_ptr() == mark.0.bytes.as_ptr() && !self.state.bytes.is_empty();
        self.state = mark.0;
        if let Some(index) = made.filter(|_| same) {
            self.state.next_id = index.next_id;
            self.state.index = Some(index);
        }
    }

    fn known(&self) -> Option<&Index> {
        self.state.index.as_deref()
    }

    fn live_spots(&self) -> impl Iterator<Item = &index::Spot> {
        let spots = self.known().map_or(&[][..], |index| &index.spots);
        spots.iter().filter(|spot| !self.is_dropped(spot.message))
    }

    fn is_dropped(&self, message: u32) -> bool {
        self.state
            .overlay
            .as_ref()
            .is_some_and(|o| o.dropped.contains(&message))
    }

    fn edited_text(&self, id: u32) -> Option<&Arc<str>> {
        self.state.overlay.as_ref()?.texts.get(&id)
    }

    /// A passage as it stands.
    fn text(&self, spot: &index::Spot) -> std::borrow::Cow<'_, str> {
        match self.edited_text(spot.id) {
            Some(text) => std::borrow::Cow::Borrowed(text),
            None => spot.literal().decode(&self.state.bytes),
        }
    }
}

impl Facts {
    fn find(bytes: &[u8]) -> Self {
        let (mut facts, mut models, mut streams) = (Self::default(), 0, 0);
        // malformed further on: what was found counts
        let walked = Cursor::new(bytes).object(|key, value| {
            if key.is("model") {
                models += 1;
                let text = value.text_or_skip()?;
                facts.model = text.as_ref().map(|text| Model::read(text, bytes));
                facts.place = text.map(|text| text.range);
            } else if key.is("stream") {
                streams += 1;
                facts.stream = value.boolean()?.unwrap_or(false);
            } else {
                value.pass()?;
            }
            Ok(())
        });
        facts.ambiguous = models > 1 || streams > 1;
        facts.malformed = walked.is_err();
        facts
    }

    /// Whether the place of the model is its only one.
    fn certain(&self) -> bool {
        !self.ambiguous && !self.malformed
    }
}

impl Model {
    fn read(text: &Text, bytes: &[u8]) -> Self {
        match text.escaped {
            true => Self::Decoded(text.decode(bytes).into()),
            false => Self::At(text.range.start + 1..text.range.end - 1),
        }
    }
}

/// Sizes only: neither prompts nor edits reach a log through here.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("dialect", &self.dialect)
            .field("bytes", &self.state.bytes.len())
            .field("passages", &self.known().map(|index| index.spots.len()))
            .field("edited", &self.edited())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark").finish_non_exhaustive()
    }
}
