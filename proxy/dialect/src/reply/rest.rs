//! The strings of a reply besides the texts that grow: those of its description that no channel
//! took.
//!
//! The readers of the dialects know which strings grow and which are repeats. Everything else is
//! found by the walk over the dialect's description, which leaves nothing out, and is shown once,
//! as a channel of one delta. The strings that the readers took are known by their ranges in the
//! document, so an unknown member is shown without being listed anywhere.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::Range,
};

use super::{
    plan::{Site, What},
    state::State,
};
use crate::{
    Delta, Malformed, Place,
    describe::{
        shape::{Exempt, Rule, is_word},
        walk::{Form, Leaf, walk_reply},
    },
    json::Text,
};

/// Channels from here on have one delta each.
const FIRST: u32 = 1 << 31;

/// A range that a reader took, and the name in coverage if nobody is shown it.
pub(super) type Claim = (Range<usize>, Option<&'static str>);

/// The texts that were shown once.
#[derive(Debug, Default)]
pub(super) struct Rest {
    shown: u32,
    /// The number of each in `sent`, where the dialect repeats them.
    known: HashMap<(Place, Box<str>), usize>,
    /// The edits of those strings; `None` where one was left as it came.
    pub(super) sent: Vec<Option<String>>,
}

impl State {
    /// Notes that a reader took what stands there.
    pub(super) fn claim(&mut self, at: Range<usize>) {
        self.claimed.push((at, None));
    }

    /// Notes that this range is shown to nobody, as an edit removes it; `label` is its name in
    /// coverage.
    pub(super) fn claim_unseen(&mut self, at: Range<usize>, label: &'static str) {
        self.claimed.push((at, Some(label)));
    }

    /// Reports whether policies read the other strings of `data`.
    pub(super) fn reads_rest(&self, data: &[u8]) -> bool {
        !self.places.is_empty() && !data.is_empty() && data != b"[DONE]"
    }

    /// Shows what `rule` finds and no channel took.
    ///
    /// # Errors
    /// It is not what `rule` reads: no JSON, or not UTF-8.
    pub(super) fn read_rest(
        &mut self,
        doc: &[u8],
        at: usize,
        rule: &'static Rule,
    ) -> Result<(), Malformed> {
        let mut claimed = std::mem::take(&mut self.claimed);
        let found = walk_reply(doc, at, rule);
        if let Ok(found) = &found {
            claimed.sort_unstable_by_key(|(claim, _)| claim.start);
            for leaf in &found.leaves {
                self.read_leaf(doc, leaf, &claimed);
            }
            // vectors are what an embedding's reply is, and hold no text
            let vectors = |kind: &Exempt| *kind == Exempt::Tokens;
            for (kind, bytes) in found.unseen.iter().filter(|(kind, _)| !vectors(kind)) {
                self.count_unseen(kind.name(), usize::try_from(*bytes).unwrap_or(usize::MAX));
            }
        }
        claimed.clear();
        self.claimed = claimed;
        found.map(drop)
    }

    fn read_leaf(&mut self, doc: &[u8], leaf: &Leaf, claimed: &[Claim]) {
        let behind = claimed.partition_point(|(claim, _)| claim.end <= leaf.range.start);
        let claim = claimed.get(behind);
        if let Some((claim, label)) = claim.filter(|(claim, _)| claim.start < leaf.range.end) {
            if let Some(label) = label {
                self.count_unseen(label, claim.len());
            }
            // the rest of a value of which a reader took a part
            self.count_unseen("field", leaf.range.len().saturating_sub(claim.len()));
            return;
        }
        let raw = doc.get(leaf.range.clone()).unwrap_or_default();
        let says_nothing = match leaf.form {
            Form::Key => is_word(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()),
            Form::Json => memchr::memchr(b'"', raw).is_none(),
            Form::Text => raw.len() <= 2,
        };
        if says_nothing {
            return;
        }
        self.news = true;
        self.content_seen |= matches!(
            leaf.place,
            Place::Assistant | Place::ToolArguments | Place::ToolResult
        );
        if !self.places.contains(leaf.place) {
            return;
        }
        let text = match leaf.form {
            Form::Json => match str::from_utf8(raw) {
                Ok(source) => source.to_owned(),
                Err(_) => return self.count_unseen("field", raw.len()),
            },
            Form::Key | Form::Text => Text {
                range: leaf.range.clone(),
                escaped: leaf.escaped,
            }
            .decode(doc)
            .into_owned(),
        };
        let what = match leaf.form {
            Form::Json => What::OnceJson,
            Form::Key | Form::Text => What::Once,
        };
        self.show_once(what, leaf, text);
    }

    fn show_once(&mut self, what: What, leaf: &Leaf, text: String) {
        let mut memo = usize::MAX;
        if self.repeats() {
            let next = self.rest.sent.len();
            match self.rest.known.entry((leaf.place, text.as_str().into())) {
                Entry::Occupied(known) => {
                    let site = Site::new(What::OnceAgain, leaf.range.clone(), *known.get());
                    return self.sites.push(Site {
                        escaped: what == What::OnceJson,
                        ..site
                    });
                }
                Entry::Vacant(free) => {
                    free.insert(next);
                    self.rest.sent.push(None);
                    self.keep(text.len());
                    memo = next;
                }
            }
        }
        if leaf.place == Place::ToolArguments {
            self.written.feed(text.as_bytes());
        }
        self.sites.push(Site {
            escaped: leaf.escaped,
            delta: self.deltas.len(),
            length: text.len(),
            ..Site::new(what, leaf.range.clone(), memo)
        });
        self.deltas.push(Delta {
            channel: FIRST.saturating_add(self.rest.shown),
            choice: 0,
            place: leaf.place,
            json: leaf.json,
            text,
            last: true,
        });
        self.rest.shown = self.rest.shown.saturating_add(1);
    }
}
