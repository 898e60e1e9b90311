//! Edits of a body: texts and dropped messages as an overlay, parameters in the bytes at once.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    Malformed,
    describe::shape::Rule,
    json::{self, Cursor, Kind},
    splice::{self, Splice},
};

use super::{Body, EditError, Facts, index::Index};

impl Body {
    /// Replaces a passage's text. Setting the text that it has already is no edit.
    ///
    /// # Errors
    /// There is no such passage (any more), or it is a JSON value and the text is none.
    pub fn set_passage(&mut self, id: u32, text: String) -> Result<(), EditError> {
        let spot = self.known().and_then(|index| index.spot(id));
        let spot = spot.filter(|spot| !self.is_dropped(spot.message));
        let spot = spot.ok_or(EditError::NoPassage(id))?;
        if self.text(spot) != text.as_str() {
            if !spot.takes(&self.state.bytes, &text) {
                return Err(EditError::NotJson(id));
            }
            self.overlay().texts.insert(id, text.into());
        }
        Ok(())
    }

    /// Takes a message out of the conversation. The other messages keep their indices; dropping it
    /// again does nothing.
    ///
    /// # Errors
    /// There is no such message, or the input is one string.
    pub fn drop_message(&mut self, message: u32) -> Result<(), EditError> {
        let known = self.known().map_or(0, |index| index.messages.len());
        if message as usize >= known {
            return Err(EditError::NoMessage(message));
        }
        if !self.is_dropped(message) {
            self.overlay().dropped.insert(message);
        }
        Ok(())
    }

    /// The raw JSON at an RFC 6901 pointer, edits included. Message indices are those of the
    /// passages, dropped ones counted.
    pub fn parameter(&self, pointer: &str) -> Option<String> {
        let range = json::pointer(&self.state.bytes, pointer)?;
        let mut splices = self.splices();
        let around = |s: &Splice| s.range.start <= range.start && range.end <= s.range.end;
        if let Some(splice) = splices.iter().find(|s| around(s)) {
            if splice.with.is_empty() {
                return None; // in a dropped message
            }
            if splice.range == range {
                return String::from_utf8(splice.with.clone()).ok();
            }
            // inside a passage that is a JSON value
            splices.retain(|splice| !splice.with.is_empty());
            let edited = splice::apply(&self.state.bytes, 0..self.state.bytes.len(), &mut splices);
            let range = json::pointer(&edited, pointer)?;
            return String::from_utf8(edited.get(range)?.to_vec()).ok();
        }
        let json = splice::apply(&self.state.bytes, range, &mut splices);
        String::from_utf8(json).ok()
    }

    /// Replaces the raw JSON at an RFC 6901 pointer, or adds a member to an object, or an element
    /// at an array's end (`-` or its length). Edits of passages in what is replaced are gone with
    /// it. Works without an index.
    ///
    /// # Errors
    /// One sentence: the JSON is malformed, the parent does not exist, or the result is no valid
    /// request of the dialect.
    pub fn set_parameter(&mut self, pointer: &str, json: &str) -> Result<(), String> {
        let mut cursor = Cursor::new(json.as_bytes());
        let range = cursor.skip().and_then(|range| cursor.end().map(|()| range));
        let range = range.map_err(|error| format!("the value is no JSON: {error}"))?;
        self.set_raw(pointer, json.get(range).unwrap_or_default().as_bytes())
    }

    /// [`Self::set_parameter`] of JSON that is known to be valid.
    pub(super) fn set_raw(&mut self, pointer: &str, json: &[u8]) -> Result<(), String> {
        let before = self.mark();
        let mut splices = places(&self.state.bytes, pointer, json)?;
        match self.settle_edits_around(&splices) {
            Ok(false) => {}
            Ok(true) => splices = places(&self.state.bytes, pointer, json)?,
            Err(error) => {
                self.roll_back(before);
                return Err(format!("the request would no longer be valid: {error}"));
            }
        }
        let holds_passages = self.may_hold_passages(pointer, json);
        // several only where a member occurs several times; from the back, so that the earlier ones
        // stay where they are
        for splice in splices.into_iter().rev() {
            if let Err(error) = self.splice_in(splice, holds_passages, None) {
                self.roll_back(before);
                return Err(format!("the request would no longer be valid: {error}"));
            }
        }
        Ok(())
    }

    /// Reports whether passages may stand in this value at a pointer: after it is set they are
    /// looked for again.
    fn may_hold_passages(&self, pointer: &str, json: &[u8]) -> bool {
        let Some(top) = pointer.split('/').nth(1) else {
            return true;
        };
        let known = self.dialect.description();
        let known =
            known.and_then(|known| known.request.find(json::unescape_token(top).as_bytes()));
        match known.map(|(_, member)| &member.rule) {
            Some(Rule::Model) => false,
            Some(Rule::Plain) => matches!(json.first(), Some(b'"' | b'{' | b'[')),
            _ => true,
        }
    }

    /// Puts edited passages that are JSON values into the bytes where a splice lies inside one.
    /// Returns whether there was any.
    fn settle_edits_around(&mut self, splices: &[Splice]) -> Result<bool, Malformed> {
        let mut settled = false;
        loop {
            let around = |range: Range<usize>| {
                let inside = |s: &Splice| range.start < s.range.start && s.range.end < range.end;
                splices.iter().any(inside)
            };
            let overlay = self.state.overlay.as_ref();
            let spots = self.known().map_or(&[][..], |index| &index.spots);
            let found = spots.iter().rev().find_map(|spot| {
                let text = overlay?.texts.get(&spot.id)?;
                let range = spot.span.range();
                around(range.clone()).then(|| (spot.id, range, spot.written(text)))
            });
            let Some((id, range, with)) = found else {
                return Ok(settled);
            };
            self.overlay().texts.remove(&id);
            self.splice_in(Splice { range, with }, true, None)?;
            settled = true;
        }
    }

    /// Replaces the model's literal at a place that is known, so that routing costs a copy and no
    /// walk.
    pub(super) fn move_model(&mut self, place: Range<usize>, json: Vec<u8>, model: &str) -> bool {
        let facts = self.state.facts.with_model(&place, json.len(), model);
        let splice = Splice {
            range: place,
            with: json,
        };
        self.splice_in(splice, false, Some(facts)).is_ok()
    }

    /// Puts a splice into the bytes and brings everything that is known of them along. A failure
    /// changes nothing. `facts` are those of the body after it, where they are known.
    pub(super) fn splice_in(
        &mut self,
        splice: Splice,
        holds_passages: bool,
        facts: Option<Facts>,
    ) -> Result<(), Malformed> {
        let (replaced, length) = (splice.range.clone(), splice.with.len());
        let before = &self.state.bytes;
        let bytes = Bytes::from(splice::apply(before, 0..before.len(), &mut [splice]));
        if u32::try_from(bytes.len()).is_err() {
            let what = "the body is larger than 4 GiB";
            return Err(Malformed::new(what, 0));
        }
        if let Some(index) = &mut self.state.index {
            if holds_passages || index.touches(&replaced) {
                let mut next = Index::build(self.dialect, &bytes, self.state.next_id)?;
                next.keep_ids(index, &replaced, length);
                self.state.next_id = next.next_id;
                let array = index.conversation.as_ref().map(|span| span.range());
                let gone =
                    array.is_some_and(|a| replaced.start <= a.start && a.end <= replaced.end);
                if let Some(overlay) = self.state.overlay.as_mut().filter(|_| gone) {
                    Arc::make_mut(overlay).dropped.clear();
                }
                *index = Arc::new(next);
            } else {
                Arc::make_mut(index).shift(&replaced, length);
            }
        }
        self.set_bytes(bytes, facts);
        Ok(())
    }

    /// Takes another body in place of this one and of all edits. Ids of passages that were given
    /// before are void.
    ///
    /// # Errors
    /// The body was indexed, and the new one is no valid request of its dialect; nothing has
    /// changed then.
    pub fn replace(&mut self, bytes: Bytes) -> Result<(), Malformed> {
        if self.state.index.is_some() {
            let index = Index::build(self.dialect, &bytes, self.state.next_id)?;
            self.state.next_id = index.next_id;
            self.state.index = Some(Arc::new(index));
        }
        self.state.overlay = None;
        self.set_bytes(bytes, None);
        Ok(())
    }

    /// Reports whether [`Self::render`] may give other bytes than those that arrived.
    pub fn edited(&self) -> bool {
        let overlay = self.state.overlay.as_ref();
        self.state.replaced || overlay.is_some_and(|o| !o.texts.is_empty() || !o.dropped.is_empty())
    }

    /// Bytes that [`Self::render`] gives.
    pub fn size(&self) -> usize {
        splice::size(0..self.state.bytes.len(), &mut self.splices())
    }

    /// The body that goes out: the very bytes that came where nobody edited.
    pub fn render(&self) -> Bytes {
        let mut splices = self.splices();
        if splices.is_empty() {
            return self.state.bytes.clone();
        }
        let all = 0..self.state.bytes.len();
        splice::apply(&self.state.bytes, all, &mut splices).into()
    }

    /// Renders the body as it would be with these passages empty. It stays as it is.
    ///
    /// # Errors
    /// There is no such passage (any more), or it is a JSON value.
    pub fn render_without(&self, passages: &[u32]) -> Result<Bytes, EditError> {
        let mut copy = Self {
            dialect: self.dialect,
            state: self.state.clone(),
            translations: super::Translations::default(),
        };
        for id in passages {
            copy.set_passage(*id, String::new())?;
        }
        Ok(copy.render())
    }

    /// Returns a copy to be edited for one target, and rendered. Passages can't be edited there: an
    /// index that rendering does not need is left out, so that no edit of a parameter has to bring
    /// it along.
    #[must_use]
    pub fn for_target(&self) -> Self {
        let state = &self.state;
        let overlay = state.overlay.clone();
        let index = overlay.as_ref().and_then(|_| state.index.clone());
        Self {
            dialect: self.dialect,
            state: super::State {
                bytes: state.bytes.clone(),
                facts: state.facts.clone(),
                index,
                overlay,
                next_id: state.next_id,
                replaced: state.replaced,
                tokens: std::sync::OnceLock::new(),
            },
            translations: super::Translations::default(),
        }
    }

    /// Takes over other bytes, and their facts where they are known.
    pub(super) fn set_bytes(&mut self, bytes: Bytes, facts: Option<Facts>) {
        self.state.facts = facts.unwrap_or_else(|| self.facts_of(&bytes));
        self.state.bytes = bytes;
        self.changed();
        self.state.replaced = true;
    }

    fn overlay(&mut self) -> &mut super::Overlay {
        self.changed();
        Arc::make_mut(self.state.overlay.get_or_insert_default())
    }

    /// Reads the facts of the body once it is `bytes`. Those from the path stay.
    fn facts_of(&self, bytes: &[u8]) -> Facts {
        match self.dialect.features().is_addressed {
            true => self.state.facts.clone(),
            false => {
                let mut facts = Facts::find(self.dialect, bytes);
                facts.kind = self.state.facts.kind;
                facts
            }
        }
    }

    fn changed(&mut self) {
        self.state.tokens.take();
    }

    /// The overlay as splices.
    fn splices(&self) -> Vec<Splice> {
        let (Some(index), Some(overlay)) = (self.known(), &self.state.overlay) else {
            return Vec::new();
        };
        let mut splices = Vec::with_capacity(overlay.texts.len() + overlay.dropped.len());
        if !overlay.texts.is_empty() {
            for spot in &index.spots {
                let text = overlay.texts.get(&spot.id);
                splices.extend(text.map(|text| Splice {
                    range: spot.span.range(),
                    with: spot.written(text),
                }));
            }
        }
        if !overlay.dropped.is_empty() {
            let mut kept = false;
            let ranges: Vec<Range<usize>> = index.messages.iter().map(|m| m.range()).collect();
            for (number, range) in ranges.iter().enumerate() {
                if !overlay.dropped.contains(&(number as u32)) {
                    kept = true;
                    continue;
                }
                // with the comma before it, or while nothing was kept yet, with the one after it
                let before = number.checked_sub(1).and_then(|b| ranges.get(b));
                let after = ranges.get(number + 1);
                splices.push(Splice::cut(match (kept, before, after) {
                    (true, Some(before), _) => before.end..range.end,
                    (false, _, Some(after)) => range.start..after.start,
                    _ => range.clone(),
                }));
            }
        }
        splices
    }
}

/// The splices that put the value at a pointer: a replacement, one for each member of that name, or
/// an insertion.
fn places(bytes: &[u8], pointer: &str, json: &[u8]) -> Result<Vec<Splice>, String> {
    let instead = |range: Range<usize>| Splice {
        range,
        with: json.to_vec(),
    };
    let insert = |at: usize, parts: [&[u8]; 3]| Splice {
        range: at..at,
        with: parts.concat(),
    };
    let malformed = |error: Malformed| format!("the body is no JSON: {error}");
    let Some((parent, token)) = pointer.rsplit_once('/') else {
        let range = json::pointer(bytes, pointer).ok_or("a pointer begins with `/`")?;
        return Ok(vec![instead(range)]);
    };
    let missing = || format!("`{parent}` does not exist: add it first");
    let mut cursor = json::find(bytes, parent).ok_or_else(missing)?;
    let (mut found, mut count) = (Vec::new(), 0);
    let kind = cursor.kind().map_err(malformed)?;
    let start = cursor.at();
    match kind {
        Kind::Object => {
            let name = json::unescape_token(token);
            let walked = cursor.object(|key, value| {
                count += 1;
                if key.is(&name) {
                    found.push(instead(value.skip()?));
                }
                Ok(())
            });
            walked.map_err(malformed)?;
            if found.is_empty() {
                let mut key = Vec::new();
                json::quote(&name, &mut key);
                key.push(b':');
                let comma: &[u8] = if count > 0 { b"," } else { b"" };
                found.push(insert(start + 1, [&key, json, comma]));
            }
        }
        Kind::Array => {
            let walked = cursor.array(|index, value| {
                count += 1;
                if token == index.to_string() {
                    found.push(instead(value.skip()?));
                }
                Ok(())
            });
            walked.map_err(malformed)?;
            if found.is_empty() && (token == "-" || token == count.to_string()) {
                let comma: &[u8] = if count > 0 { b"," } else { b"" };
                found.push(insert(cursor.at() - 1, [comma, json, b""]));
            }
        }
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {
            return Err(format!("`{parent}` is neither object nor array"));
        }
    }
    if found.is_empty() {
        return Err(format!("`{pointer}` is no element of its array"));
    }
    Ok(found)
}
