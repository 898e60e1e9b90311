//! Hides personal data and secrets from the model, and puts them back into its reply.
//!
//! A request goes through [`rules`] and the [`detect`]or; what was found is refused, masked, or
//! replaced by [`placeholder`]s. The table of placeholders lives in the exchange's own instance, so
//! [`restore`] can meet no other caller's values. All of it is plain text processing: only this
//! file knows the contract. Names and street addresses are not looked for.

pub mod detect;
pub mod external;
mod json;
mod placeholder;
mod restore;
mod rules;
mod screen;

mod byte_set;
mod config;
mod later;
mod tally;

use std::{borrow::Cow, collections::BTreeSet};

use config::Config;
use detect::Kind;
use outrigger_sdk::{
    Channels, Decision, Delta, Hooks, Passage, Places, Policy, Refusal, ReplyHead, Request,
    metrics, random,
};
use placeholder::Vault;
use rules::{Finding, Rules};
use serde::Deserialize;
use tally::Tally;

/// The treatment of a finding in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The request is refused with 403.
    Refuse,
    /// `[[EMAIL]]` stands in its place for good.
    Mask,
    /// A placeholder stands in its place, and the reply gets the value back.
    #[default]
    Tokenize,
    /// Nothing is changed or refused, and everything is counted.
    Report,
}

/// The treatment of personal data in a reply that was not in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replies {
    /// It is not looked for.
    #[default]
    Off,
    /// `[[EMAIL]]` stands in its place.
    Mask,
    /// The reply ends with a refusal.
    Refuse,
}

/// The treatment of a request whose reply can't be restored: it comes later, or builds on a
/// conversation that is not in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaterReplies {
    /// The request is refused with 400.
    #[default]
    Refuse,
    /// It goes on, and the reply may show placeholders.
    Pass,
}

/// The policy, and what one exchange has learnt.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Config")]
pub struct PiiRedact {
    rules: Rules,
    mode: Mode,
    replies: Replies,
    restore_secrets: bool,
    later_replies: LaterReplies,
    /// True if `vault` has its key already.
    keyed: bool,
    vault: Vault,
    channels: Channels<Channel>,
}

/// One channel of the reply.
#[derive(Debug, Default)]
struct Channel {
    screen: screen::Screen,
    restore: restore::Channel,
}

impl Policy for PiiRedact {
    const HOOKS: Hooks = Hooks::REQUEST.union(Hooks::REPLY);
    const READS: Places = Places::all();
    // Replies quote the request wherever their API has a place for it: instructions, metadata,
    // citations, errors.
    const REWRITES: Places = Places::all();

    fn hooks(&self) -> Hooks {
        if self.touches_replies() {
            Self::HOOKS
        } else {
            Hooks::REQUEST
        }
    }

    fn rewrites(&self) -> Places {
        if self.touches_replies() {
            Self::REWRITES
        } else {
            Places::empty()
        }
    }

    fn on_request(&mut self, request: &mut Request) -> Decision {
        if self.mode == Mode::Refuse {
            return self.refuse_findings(request);
        }
        let restores = self.mode == Mode::Tokenize && self.later_replies == LaterReplies::Refuse;
        // Of a request whose reply is to be restored.
        let dialect = restores.then(|| request.dialect());
        if let Some(dialect) = dialect
            && let Some(refusal) = later::earlier_turns(request, dialect)
        {
            return refusal;
        }
        let mut tally = Tally::default();
        if self.mode == Mode::Report {
            for passage in request.passages() {
                for found in self.rules.find(&passage.text).iter() {
                    tally.add(found.kind, passage.place);
                }
            }
            tally.publish(request);
            return Decision::Forward;
        }
        request.edit_passages(|passage| self.redact(passage, &mut tally));
        if tally.all() > 0 {
            metrics::count("redacted", tally.all());
        }
        tally.publish(request);
        if let Some(dialect) = dialect
            && !self.vault.is_empty()
            && let Some(refusal) = later::in_the_background(request, dialect)
        {
            return refusal;
        }
        Decision::Forward
    }

    fn on_reply(&mut self, _: &ReplyHead, deltas: &mut [Delta]) -> Result<(), Refusal> {
        if self.vault.is_empty() && self.replies == Replies::Off {
            return Ok(());
        }
        for delta in deltas {
            self.reply(delta)?;
        }
        Ok(())
    }
}
// A policy that has this crate for a library exports itself.
#[cfg(not(feature = "library"))]
outrigger_sdk::export_policy!(PiiRedact);

impl PiiRedact {
    const fn touches_replies(&self) -> bool {
        matches!(self.mode, Mode::Tokenize) || !matches!(self.replies, Replies::Off)
    }

    fn refuse_findings(&self, request: &mut Request) -> Decision {
        let (mut found, mut tally) = (BTreeSet::new(), Tally::default());
        for passage in request.passages() {
            for finding in self.rules.find(&passage.text).iter() {
                tally.add(finding.kind, passage.place);
                found.insert(finding.label.to_ascii_lowercase());
            }
        }
        tally.publish(request);
        if found.is_empty() {
            return Decision::Forward;
        }
        let kinds = Vec::from_iter(found).join(", ");
        let message = format!(
            "the request holds personal data or secrets ({kinds}): remove them and send it again"
        );
        Refusal::new(403, message).code("personal_data").into()
    }

    /// The passage without its findings; `None` where it has none.
    fn redact(&mut self, passage: &Passage, tally: &mut Tally) -> Option<String> {
        let findings = self.rules.find(&passage.text);
        if findings.is_empty() {
            return None;
        }
        if self.mode == Mode::Tokenize && !self.keyed {
            self.vault.set_key(&random::process_key());
            self.keyed = true;
        }
        for found in findings.iter() {
            tally.add(found.kind, passage.place);
        }
        let restore = self.restore_secrets;
        let vault = &mut self.vault;
        Some(Self::replace(
            vault,
            self.mode,
            restore,
            passage,
            findings.iter(),
        ))
    }

    /// The passage with masks or placeholders in the place of its findings, which are in order and
    /// do not overlap.
    fn replace<'f>(
        vault: &mut Vault,
        mode: Mode,
        restore_secrets: bool,
        passage: &Passage,
        findings: impl Iterator<Item = Finding<'f>> + Clone,
    ) -> String {
        let text = passage.text.as_str();
        let arguments = passage.json;
        let json = arguments || is_list(text);
        let size = Size::of(findings.clone());
        if mode == Mode::Tokenize {
            vault.reserve(size.count, size.found);
        }
        let mut depth = json::Depth::of_whole(text);
        let mut out =
            String::with_capacity((text.len() + size.placeholders) - size.found.min(text.len()));
        let mut done = 0;
        for found in findings {
            // An earlier finding took this one along.
            if found.end <= done {
                continue;
            }
            depth.read(&text[done..found.start.max(done)]);
            let bare = depth.is_bare(json);
            let (start, end) = around(text, &found, done, &mut depth, bare);
            out.push_str(&text[done..start]);
            let open = depth.open();
            let quote = bare.then(|| json::escape("\"", open));
            out.extend(quote.as_deref());
            match mode {
                Mode::Mask => mask(&mut out, &found),
                _ => placeholder(
                    vault,
                    restore_secrets,
                    &found,
                    &text[start..end],
                    (open, arguments),
                    &mut out,
                ),
            }
            out.extend(quote.as_deref());
            depth.skip_value();
            done = end;
        }
        out.push_str(&text[done..]);
        out
    }

    fn reply(&mut self, delta: &mut Delta) -> Result<(), Refusal> {
        let channel = self.channels.of(delta.channel());
        if self.replies != Replies::Off {
            let refuse = self.replies == Replies::Refuse;
            let screened =
                channel
                    .screen
                    .push(&self.rules, delta.text(), delta.last(), |found| {
                        if refuse {
                            let message = format!(
                                "the reply held personal data ({}) that was not in the request",
                                found.label.to_ascii_lowercase()
                            );
                            Err(Refusal::new(403, message).code("personal_data"))
                        } else {
                            Ok(masked(found))
                        }
                    })?;
            if screened != delta.text() {
                delta.replace(screened);
            }
        }
        let arguments = delta.json();
        if !self.vault.is_empty()
            && let Some(restored) =
                channel
                    .restore
                    .push(&self.vault, delta.text(), delta.last(), arguments)
        {
            delta.replace(restored);
        }
        Ok(())
    }
}

/// The room that findings and their placeholders take.
#[derive(Debug, Default)]
struct Size {
    count: usize,
    /// Bytes of the findings.
    found: usize,
    /// The most bytes of their placeholders, quotes that a bare number gets included.
    placeholders: usize,
}

impl Size {
    fn of<'f>(findings: impl Iterator<Item = Finding<'f>>) -> Self {
        findings.fold(Self::default(), |size, found| Self {
            count: size.count + 1,
            found: size.found + (found.end - found.start),
            placeholders: size.placeholders + placeholder::longest(found.label) + 2,
        })
    }
}

/// Writes the placeholder for a value that stands inside so many JSON strings.
fn placeholder(
    vault: &mut Vault,
    restore_secrets: bool,
    found: &Finding<'_>,
    text: &str,
    (open, arguments): (u32, bool),
    out: &mut String,
) {
    // Escapes are part of the writing, not of the value; but what JSON's own escapes would not give
    // back stays as it is.
    let (value, written) = match json::needs_care(text) {
        false => (Cow::Borrowed(text), 0),
        true => {
            let written = json::written(text, open);
            let value = json::unescape(text, written);
            match arguments || json::escape(&value, written) == text {
                true => (Cow::Owned(value), 0),
                false => (Cow::Borrowed(text), written),
            }
        }
    };
    if found.kind == Kind::Secret && !restore_secrets {
        vault.name_to(out, found.label, &value);
    } else {
        vault.issue_to(out, found.label, &value, written);
    }
}

/// True if all of a text is a list of JSON's, by its ends: what is no argument may be prose in
/// brackets.
fn is_list(text: &str) -> bool {
    let inside = text
        .trim()
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let value = |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b'"' | b'[' | b'{');
    inside.is_some_and(|inside| inside.trim_ascii_start().bytes().next().is_some_and(value))
}

/// A finding's place, widened to what can be replaced without breaking the JSON around it: all of a
/// bare number, whole escapes. `depth` has read the text up to the finding.
fn around(
    text: &str,
    found: &Finding<'_>,
    done: usize,
    depth: &mut json::Depth,
    bare: bool,
) -> (usize, usize) {
    let start = found.start.max(done);
    let bytes = text.as_bytes();
    if bare {
        let after = bytes[found.end..].iter();
        let after = after.take_while(|byte| json::is_scalar(**byte)).count();
        let before = depth.scalar().min(start - done);
        return (start - before, found.end + after);
    }
    if depth.pending() == 0 && memchr::memchr(b'\\', &bytes[start..found.end]).is_none() {
        return (start, found.end);
    }
    let start = start.saturating_sub(depth.pending()).max(done);
    depth.drop_escape();
    let mut inside = depth.clone();
    inside.read(&text[start..found.end]);
    let mut end = found.end;
    for c in text[end..].chars() {
        if inside.pending() == 0 {
            break;
        }
        inside.read(c.encode_utf8(&mut [0; 4]));
        end += c.len_utf8();
    }
    (start, end)
}

fn masked(found: &Finding<'_>) -> String {
    let mut mask = String::new();
    self::mask(&mut mask, found);
    mask
}

fn mask(out: &mut String, found: &Finding<'_>) {
    out.push_str("[[");
    out.push_str(found.label);
    out.push_str("]]");
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
