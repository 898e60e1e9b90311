//! The account of a policy's work on one exchange: numbers and names, and no text.

use std::time::Duration;

use dialect::{Place, request::Changes};

/// The texts that one policy was shown and its changes in one exchange, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Its part in the request.
    pub request: HookFigures,
    /// Its part in the reply.
    pub reply: HookFigures,
    /// Time in all its hooks.
    pub took: Duration,
    /// Label of the fault that ended its part.
    pub fault: Option<&'static str>,
}

/// The calls of one hook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HookFigures {
    /// Calls.
    pub calls: u32,
    /// Passages or deltas that it could read.
    pub texts: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Time in it.
    pub took: Duration,
    /// Edits, by what was edited.
    pub edits: Edits,
}

/// Counts of edits by a name of a bounded set: a place's, or `model`, `parameters`, `messages`,
/// `headers`, `tags`, `reply-headers`, `targets`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(Vec<(&'static str, u32)>);

impl Edits {
    /// Adds `count` edits of `what`.
    pub(crate) fn add(&mut self, what: &'static str, count: u32) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum = sum.saturating_add(count),
            None => self.0.push((what, count)),
        }
    }

    /// Adds those of a body.
    pub(crate) fn add_body(&mut self, changes: &Changes) {
        for (place, count) in Place::ALL.into_iter().zip(changes.passages) {
            self.add(place.name(), count);
        }
        self.add("messages", changes.dropped);
        self.add("model", changes.model.into());
        self.add("parameters", changes.parameters.into());
    }

    /// Iterates over the names and their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.0.iter().copied()
    }

    /// Reports whether nothing was edited.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(&'static str, u32)> for Edits {
    fn from_iter<T: IntoIterator<Item = (&'static str, u32)>>(counts: T) -> Self {
        let mut edits = Self::default();
        for (what, count) in counts {
            edits.add(what, count);
        }
        edits
    }
}

impl std::fmt::Display for Edits {
    /// `user 2, tags 1`, or `none`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (n, (what, count)) in self.iter().enumerate() {
            write!(f, "{}{what} {count}", if n > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

impl HookFigures {
    /// Counts a call that was shown so much and took so long.
    pub(super) fn call(&mut self, texts: u32, bytes: u64, took: Duration) {
        self.calls += 1;
        self.texts = self.texts.saturating_add(texts);
        self.bytes += bytes;
        self.took += took;
    }
}
