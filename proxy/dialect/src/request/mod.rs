//! A request's body: its content as policies see and edit it, and the bytes that go out.
//!
//! [`Body::wire`] reads no more than the exchange itself needs; [`Body::index`] finds the passages,
//! for chains that read them. Passages and dropped messages are an overlay that [`Body::render`]
//! splices in. A parameter is spliced into the bytes at once, so that later reads see it without an
//! overlay of their own; ids of passages outlive that. All state is shared by pointer, so a
//! [`Mark`] costs next to nothing and going back to it restores everything, the very same bytes
//! included.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{
    Dialect, Kind, Malformed, NO_MESSAGE, Passage, Place, Places, address, json, splice::Splice,
    tokens,
};

mod batch;
mod changes;
mod edits;
mod effort;
mod facts;
mod index;
mod limit;
mod needs;
mod opening;
mod platform;
mod repeatable;
mod reserve;
mod signatures;
mod system;
#[cfg(test)]
mod tests;
mod translated;

pub use changes::Changes;
pub use effort::Effort;
use facts::{Facts, Model};
use index::Index;
pub use needs::Needs;
pub use platform::Platform;
pub use translated::Translated;
use translated::Translations;

/// A request's body.
pub struct Body {
    dialect: Dialect,
    state: State,
    translations: Translations,
}

/// A state of a [`Body`] to which it can go back.
#[derive(Clone)]
pub struct Mark(State);

/// The reason why a passage or message could not be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// No passage has this id, or there was one before the body or its part was replaced.
    #[error("there is no passage {0}: list the passages again after replacing a part of the body")]
    NoPassage(u32),
    /// No message has this index, or the input is one string.
    #[error("there is no message {0} that could be dropped: look at the passages' `message`")]
    NoMessage(u32),
    /// The passage of this id is a JSON value, and the text for it is none.
    #[error("passage {0} is a JSON value (its `json` says so), and the text for it is no JSON")]
    NotJson(u32),
}

#[derive(Clone)]
struct State {
    bytes: Bytes,
    facts: Facts,
    index: Option<Arc<Index>>,
    overlay: Option<Arc<Overlay>>,
    /// The next id: those below were given already.
    next_id: u32,
    /// True if `bytes` are not those that arrived.
    replaced: bool,
    tokens: OnceLock<tokens::Counts>,
}

/// Edits that are not in the bytes yet.
#[derive(Clone, Default)]
struct Overlay {
    texts: HashMap<u32, Arc<str>>,
    dropped: BTreeSet<u32>,
}

impl Body {
    /// Takes a body as it came. Only `model` and `stream` are looked for, and never in vain: where
    /// the JSON is malformed, what was found up to there counts. The whole body is walked, since of
    /// two members with one name the last counts nearly everywhere.
    pub fn wire(dialect: Dialect, bytes: Bytes) -> Self {
        Self {
            dialect,
            state: State {
                facts: Facts::find(dialect, &bytes),
                bytes,
                index: None,
                overlay: None,
                next_id: 0,
                replaced: false,
                tokens: OnceLock::new(),
            },
            translations: Translations::default(),
        }
    }

    /// Adds the facts of the path: of a Gemini request the model and whether it streams. All other
    /// dialects say that in the body.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.state.facts.at(self.dialect, path);
        self
    }

    /// Returns the path that goes out, for the `path` that came: with the model that
    /// [`Body::set_model`] set, where the dialect keeps it there.
    pub fn path<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let model = (self.state.facts.moved).then(|| self.model()).flatten();
        let moved = model.and_then(|model| address::with_model(self.dialect, path, model));
        moved.map_or(Cow::Borrowed(path), Cow::Owned)
    }

    /// The dialect that the body is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Finds the passages, once; later calls do nothing.
    ///
    /// # Errors
    /// The body is no valid request of its dialect: no JSON object, a conversation that is none, a
    /// key that is read and occurs twice.
    pub fn index(&mut self) -> Result<(), Malformed> {
        if self.state.index.is_none() {
            let index = Index::build(self.dialect, &self.state.bytes, self.state.next_id)?;
            self.state.next_id = index.next_id;
            self.state.index = Some(Arc::new(index));
        }
        Ok(())
    }

    /// The passages in `places` as they stand after the edits so far, `max` at most from the
    /// `start`-th on; those of dropped messages are left out. Empty without [`Body::index`].
    pub fn passages(&self, places: Places, start: u32, max: u32) -> Vec<Passage> {
        let (start, max) = (start as usize, max as usize);
        let spots = self.live_spots().filter(|s| places.contains(s.place));
        let page = spots.skip(start).take(max);
        page.map(|spot| self.passage(spot)).collect()
    }

    /// The same of one place, of its last message alone. Texts that belong to no message count as
    /// one.
    pub fn last_passages(&self, place: Place, start: u32, max: u32) -> Vec<Passage> {
        let (start, max) = (start as usize, max as usize);
        let spots = || self.live_spots().filter(|spot| spot.place == place);
        let last = spots().last().map(|spot| spot.message);
        let page = spots().filter(|spot| Some(spot.message) == last);
        let page = page.skip(start).take(max);
        page.map(|spot| self.passage(spot)).collect()
    }

    fn passage(&self, spot: &index::Spot) -> Passage {
        Passage {
            id: spot.id,
            place: spot.place,
            message: spot.message,
            json: spot.json,
            text: self.text(spot).into_owned(),
        }
    }

    /// Bytes of the passages in `places`: of edited ones the text's, of others the JSON source's.
    pub fn passage_bytes(&self, places: Places) -> u64 {
        self.passage_figures(places).1
    }

    /// The number of passages in `places`, and their bytes as [`Self::passage_bytes`] counts them.
    pub fn passage_figures(&self, places: Places) -> (u32, u64) {
        let spots = self.live_spots().filter(|s| places.contains(s.place));
        let size = |spot: &index::Spot| match self.edited_text(spot.id) {
            Some(text) => text.len(),
            None => spot.span.range().len().saturating_sub(2),
        };
        spots.fold((0, 0), |(count, bytes), spot| {
            (count + 1, bytes + size(spot) as u64)
        })
    }

    /// Content that no policy can be shown: a label from a bounded set, and bytes. Empty without
    /// [`Body::index`].
    pub fn unseen(&self) -> &[(&'static str, u64)] {
        self.known().map_or(&[], |index| &index.unseen)
    }

    /// Reports whether `model` or `stream` occurs more than once: the model that [`Self::model`]
    /// returns may not be the one that serves.
    pub fn ambiguous(&self) -> bool {
        self.state.facts.ambiguous
    }

    /// The model that is requested; of a batch the one that all of its requests name.
    pub fn model(&self) -> Option<&str> {
        self.state.facts.model.as_ref()?.text(&self.state.bytes)
    }

    /// Sets another model; in all members `model` where there are several. Returns whether it
    /// could: not where the body is malformed, or where the model stands in the path and the name
    /// would lead out of its place there.
    pub fn set_model(&mut self, model: &str) -> bool {
        if self.model() == Some(model) && !self.ambiguous() {
            return true;
        }
        if self.dialect.features().is_addressed {
            // a path that names none has no place for one
            let can = self.model().is_some() && address::is_name(model);
            if can {
                self.state.facts.model = Some(Model::Decoded(model.into()));
                self.state.facts.moved = true;
            }
            return can;
        }
        if let Some(batch) = self.state.facts.batch.clone() {
            return self.set_models(&batch, model);
        }
        let mut json = Vec::with_capacity(model.len() + 2);
        json::quote(model, &mut json);
        match self.state.facts.place.clone() {
            Some(place) if self.state.facts.certain() => self.move_model(place, json, model),
            _ => self.set_raw("/model", &json).is_ok(),
        }
    }

    /// Reports whether the reply is requested as a stream.
    pub fn streaming(&self) -> bool {
        self.state.facts.stream
    }

    /// The work that it causes at the provider, by its path.
    pub fn kind(&self) -> Kind {
        self.state.facts.kind
    }

    /// Reports whether the reply is made after the answer, to be fetched later (`background` of the
    /// Responses API).
    pub fn background(&self) -> bool {
        self.state.facts.background
    }

    /// Reports whether the reply is requested as one array of pieces, as Gemini streams without
    /// `alt=sse`; answers in Outrigger's own name are then [`listed`](super::answer::listed).
    pub fn listed(&self) -> bool {
        self.state.facts.listed
    }

    /// Has a stream of `openai.chat` or `openai.completions` report its usage. True where that had
    /// to be added: then the caller did not request it, and [`usage_chunk`](super::usage_chunk)
    /// takes out what comes of it.
    pub fn ask_for_usage(&mut self) -> bool {
        let Some((range, with)) = self.state.facts.usage_request() else {
            return false;
        };
        let facts = self.state.facts.with_usage_requested(&range, with.len());
        let with = with.as_bytes().to_vec();
        self.splice_in(Splice { range, with }, false, Some(facts))
            .is_ok()
    }

    /// The number of messages that are left; where the input is no conversation, of inputs that can
    /// be read. 0 without [`Body::index`].
    pub fn messages(&self) -> u32 {
        let Some(index) = self.known() else { return 0 };
        if index.conversation.is_none() {
            let inputs = index.spots.iter().map(|spot| spot.message);
            let inputs = inputs.filter(|message| *message != NO_MESSAGE);
            let inputs = inputs.max().map_or(0, |last| last.saturating_add(1));
            return inputs.max(index.numbered);
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

    /// The estimate of the prompt's tokens: text, about four a message, tools as their JSON, images,
    /// sound and files by the rules of their provider, token ids as they are. Counted once per state
    /// of the body. An index that is missing is made for it; a body that has none is counted as
    /// plain text.
    pub fn input_tokens(&self) -> u64 {
        self.input_counts().total()
    }

    /// The same by kind of content.
    pub fn input_counts(&self) -> tokens::Counts {
        *self.state.tokens.get_or_init(|| {
            if let Some(requests) = self.batched().filter(|requests| !requests.is_empty()) {
                let mut all = tokens::Counts::default();
                for request in requests.iter() {
                    all.add(&request.input_counts());
                }
                return all;
            }
            if self.known().is_some() {
                return self.count_tokens();
            }
            match Index::build(self.dialect, &self.state.bytes, 0) {
                Err(_) => tokens::count(&self.state.bytes),
                Ok(index) => {
                    let (dialect, mut state) = (self.dialect, self.state.clone());
                    state.index = Some(Arc::new(index));
                    let translations = Translations::default();
                    Self {
                        dialect,
                        state,
                        translations,
                    }
                    .count_tokens()
                }
            }
        })
    }

    fn count_tokens(&self) -> tokens::Counts {
        let each = (self.dialect.description()).map_or(0, |description| description.message_tokens);
        let mut all = tokens::Counts::default();
        let Some(index) = self.known() else {
            return all;
        };
        let uncounted = Places::NONE
            .with(Place::ToolDefinition)
            .with(Place::Metadata);
        let text = self.live_spots().filter(|s| !uncounted.contains(s.place));
        for spot in text {
            all.add(&tokens::count(self.text(spot).as_bytes()));
        }
        for definition in &index.definitions {
            let source = self.state.bytes.get(definition.range()).unwrap_or_default();
            all.add(&tokens::count(source));
        }
        let by_rule = u64::from(self.messages()) * each + self.unread_tokens(index);
        all.add(&tokens::Counts::of(tokens::Kind::Rule, by_rule));
        all
    }

    /// Remembers the present state.
    pub fn mark(&self) -> Mark {
        Mark(self.state.clone())
    }

    /// Reports whether nothing was edited since `mark` was taken.
    pub fn unchanged_since(&self, mark: &Mark) -> bool {
        let named = |state: &State| match &state.facts.model {
            Some(Model::Decoded(model)) if state.facts.moved => Some(Arc::clone(model)),
            _ => None,
        };
        let overlay = |state: &State| state.overlay.as_ref().map(Arc::as_ptr);
        let place = |state: &State| (state.bytes.as_ptr(), state.bytes.len());
        place(&self.state) == place(&mark.0)
            && overlay(&self.state) == overlay(&mark.0)
            && named(&self.state) == named(&mark.0)
    }

    /// Undoes all edits since `mark` was taken. An index that was made in between stays useful and
    /// is kept.
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
    fn text(&self, spot: &index::Spot) -> Cow<'_, str> {
        match self.edited_text(spot.id) {
            Some(text) => Cow::Borrowed(text),
            None => spot.text(&self.state.bytes),
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
