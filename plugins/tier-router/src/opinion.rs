//! Opinions of others on a text, which structure does not have: labelled texts that are near to it,
//! and a cheap model's verdict.
//!
//! Both cost a call and say little (see the README), so they are in a module of their own,
//! `tier-router-judge`: this one needs neither of the grants `embeddings` and `fetch`. Neither ever
//! fails a request. Where one has nothing to say, structure alone decides.

use outrigger_sdk::Request;

use crate::rules::Score;
pub(crate) use meaning::{Meaning, MeaningFile};
pub(crate) use verdict::{Arbiter, VerdictFile};

mod meaning;
mod verdict;

/// Bytes of the user's last turn that are shown to others.
const MOST: usize = 4_000;

/// The opinions that are configured.
#[derive(Debug, Default)]
pub(crate) struct Opinions {
    pub(crate) meaning: Option<Meaning>,
    pub(crate) verdict: Option<Arbiter>,
}

impl Opinions {
    /// Reports whether the user's text is needed.
    pub(crate) const fn read(&self) -> bool {
        self.meaning.is_some() || self.verdict.is_some()
    }

    /// Adds to the score what others say of the last turn.
    pub(crate) fn add(&self, request: &Request, score: &mut Score) {
        let arbiter = self.verdict.as_ref();
        if self.meaning.is_none() && !arbiter.is_some_and(|arbiter| arbiter.is_due(score.sum)) {
            return;
        }
        let text = last_turn(request);
        if text.trim().is_empty() {
            return;
        }
        if let Some((label, add)) = self.meaning.as_ref().and_then(|meaning| meaning.of(&text)) {
            score.add(add, &format!("meaning:{label}"));
        }
        // What it means may have decided.
        if let Some(arbiter) = arbiter.filter(|arbiter| arbiter.is_due(score.sum))
            && let Some(add) = arbiter.ask(&text)
        {
            score.add(add, "verdict");
        }
    }
}

/// Returns the user's last turn; of a long one the beginning.
fn last_turn(request: &Request) -> String {
    let mut text = request.last_user().text();
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests;
