//! Hides what a detector outside found as this policy hides its own findings: for policies that
//! have this crate for a library (`library/Cargo.toml`).
//!
//! Placeholders have the same form, and for the same key the same characters; JSON stays JSON, and
//! what cannot be restored is refused by the same rules. The detector's work is not done here.
//!
//! ```
//! # use pii_redact as redaction;
//! use outrigger_sdk::{Decision, Delta, Hooks, Places, Policy, Refusal, ReplyHead, Request};
//! use redaction::{LaterReplies, external::{Found, Redactor}};
//!
//! /// Hides a project's name.
//! #[derive(serde::Deserialize)]
//! struct Project {
//!     name: String,
//!     #[serde(skip, default = "Project::redactor")]
//!     hidden: Redactor,
//! }
//!
//! impl Project {
//!     fn redactor() -> Redactor {
//!         let made = Redactor::tokenizing(None, LaterReplies::Refuse);
//!         made.unwrap_or_else(|_| Redactor::masking())
//!     }
//! }
//!
//! impl Policy for Project {
//!     const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
//!     const READS: Places = Places::all();
//!     const REWRITES: Places = Places::all();
//!
//!     fn on_request(&mut self, request: &mut Request) -> Decision {
//!         if let Some(refusal) = self.hidden.refuse_earlier_turns(request) {
//!             return refusal;
//!         }
//!         request.edit_passages(|passage| {
//!             let found: Vec<Found> = (passage.text.match_indices(&self.name))
//!                 .map(|(start, name)| Found {
//!                     start,
//!                     end: start + name.len(),
//!                     label: "PROJECT".into(),
//!                 })
//!                 .collect();
//!             (!found.is_empty()).then(|| self.hidden.replace(passage, &found))
//!         });
//!         let refused = self.hidden.refuse_in_the_background(request);
//!         refused.unwrap_or(Decision::Forward)
//!     }
//!
//!     fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
//!         for delta in deltas {
//!             self.hidden.restore(delta);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # use outrigger_sdk::bench::Bench;
//! # use serde_json::json;
//! let bench = Bench::<Project>::new(json!({ "name": "Apollo" })).unwrap();
//! let sent = bench.request(Request::chat("m").user("How is Apollo?"));
//! assert!(sent.request.last_user().text().starts_with("How is [[PROJECT_"));
//! ```

use std::ops::Range;

use outrigger_sdk::{Channels, Decision, Delta, Passage, Request, random};

use crate::{
    LaterReplies, Mode, PiiRedact, Replies,
    detect::Kind,
    later,
    placeholder::{LONGEST_LABEL, Vault},
    rules::{Finding, Rules},
};

/// The shortest key that is no passphrase to guess, in bytes.
const SHORTEST_KEY: usize = 16;

/// A finding of another detector: `text[start..end]`, in bytes, on character boundaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// The readable part of its placeholder, as [`label`] makes it.
    pub label: String,
}

/// The hiding of findings in one exchange's request, and their return in its reply.
#[derive(Debug)]
pub struct Redactor(PiiRedact);

impl Redactor {
    /// Puts `[[PERSON]]` in a finding's place, for good.
    #[must_use]
    pub fn masking() -> Self {
        Self::of(Mode::Mask, None, LaterReplies::default())
    }

    /// Puts a placeholder in a finding's place, and the value back in the reply. Without a `key`
    /// the process's own is taken when the first placeholder is made.
    ///
    /// # Errors
    /// A sentence about a key that is too short.
    pub fn tokenizing(
        key: Option<&str>,
        later_replies: LaterReplies,
    ) -> Result<Self, &'static str> {
        if key.is_some_and(|key| key.len() < SHORTEST_KEY) {
            return Err("the key is short enough to guess: use at least 16 characters");
        }
        Ok(Self::of(Mode::Tokenize, key, later_replies))
    }

    fn of(mode: Mode, key: Option<&str>, later_replies: LaterReplies) -> Self {
        Self(PiiRedact {
            rules: Rules::default(),
            mode,
            replies: Replies::Off,
            restore_secrets: true,
            later_replies,
            keyed: key.is_some(),
            vault: key.map_or_else(Vault::default, |key| Vault::new(key.as_bytes())),
            channels: Channels::default(),
        })
    }

    /// True if replies are to be shown to [`Redactor::restore`].
    #[must_use]
    pub fn restores(&self) -> bool {
        self.0.mode == Mode::Tokenize
    }

    /// The refusal of a request that builds on turns which are not in it, for their placeholders
    /// could not be restored. Before anything is hidden.
    #[must_use]
    pub fn refuse_earlier_turns(&self, request: &Request) -> Option<Decision> {
        let refuses = self.restores() && self.0.later_replies == LaterReplies::Refuse;
        let dialect = refuses.then(|| request.dialect())?;
        later::earlier_turns(request, dialect)
    }

    /// The refusal of a request in which something was hidden and whose reply another exchange
    /// fetches. After all was hidden.
    #[must_use]
    pub fn refuse_in_the_background(&self, request: &Request) -> Option<Decision> {
        let refuses = !self.0.vault.is_empty() && self.0.later_replies == LaterReplies::Refuse;
        let dialect = refuses.then(|| request.dialect())?;
        later::in_the_background(request, dialect)
    }

    /// Writes a passage without its findings, which are in order and do not overlap.
    pub fn replace(&mut self, passage: &Passage, found: &[Found]) -> String {
        let this = &mut self.0;
        if this.mode == Mode::Tokenize && !this.keyed {
            this.vault.set_key(&random::process_key());
            this.keyed = true;
        }
        let findings = found.iter().map(|found| Finding {
            start: found.start,
            end: found.end,
            kind: Kind::Custom,
            label: &found.label,
        });
        PiiRedact::replace(&mut this.vault, this.mode, true, passage, findings)
    }

    /// Puts values back into what arrived of a reply; of a stream, the end that may still become a
    /// placeholder waits.
    pub fn restore(&mut self, delta: &mut Delta) {
        let this = &mut self.0;
        if this.vault.is_empty() {
            return;
        }
        let (arrived, arguments) = (this.channels.of(delta.channel()), delta.json());
        let restored = arrived
            .restore
            .push(&this.vault, delta.text(), delta.last(), arguments);
        if let Some(restored) = restored {
            delta.replace(restored);
        }
    }
}

/// The readable part of a placeholder for a name that a detector has for a kind: its letters as
/// capitals, eleven at the most, cut where a word ends if one does. `None` where it has no letters.
#[must_use]
pub fn label(name: &str) -> Option<String> {
    let mut label = String::new();
    for word in name.split(|c: char| !c.is_ascii_alphabetic()) {
        let room = LONGEST_LABEL.saturating_sub(label.len() + usize::from(!label.is_empty()));
        if word.is_empty() {
            continue;
        }
        if word.len() > room {
            if label.is_empty() {
                label.extend(word.get(..room));
            }
            break;
        }
        if !label.is_empty() {
            label.push('_');
        }
        label.push_str(word);
    }
    label.make_ascii_uppercase();
    (!label.is_empty()).then_some(label)
}

/// The placeholders and masks in a text, whoever wrote them: `[[EMAIL_7f3a2c]]`, `[[EMAIL]]`.
pub fn placeholders(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text.get(at..)?.find("[[")?;
            at = start + 1;
            let inner = text.get(start + 2..)?;
            let length = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
            let tag = inner.get(..length)?;
            if is_tag(tag) && inner.get(length..)?.starts_with("]]") {
                at = start + length + 4;
                return Some(start..at);
            }
        }
    })
}

/// True for a label, or for one with `_` and six or eight characters.
fn is_tag(tag: &str) -> bool {
    let is_label = |text: &str| {
        (1..=LONGEST_LABEL).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    let is_suffix = |text: &str| {
        matches!(text.len(), 6 | 8)
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    match tag.rsplit_once('_') {
        Some((label, suffix)) if is_suffix(suffix) => is_label(label),
        _ => is_label(tag),
    }
}

#[cfg(test)]
mod tests;
