//! Reasoning that a model signed or encrypted, and that no other takes.
//!
//! A signature is good at the provider that gave it, often for one account only. Nothing in it tells
//! whose it is, so all of them go at once: the answer is made without the reasoning before it, as if
//! the app had left it out, which every API takes.
//!
//! | dialect | goes | because |
//! |---|---|---|
//! | `anthropic.messages` | blocks `thinking` and `redacted_thinking`; a message of nothing else | a message's content may not be empty, and turns of one role that meet are joined |
//! | `openai.responses` | items `reasoning` that are encrypted, and references to them | of other items the ids stay: nobody looks for them where nothing is stored |
//! | `openai.chat` | signed and encrypted elements of `reasoning_details` and `thinking_blocks`; Google's signatures | gateways would send them on |
//! | `gemini.generate` | signatures of parts | their text stays |
//! | `gemini.interactions` | steps `thought` that are signed; signatures of other steps | a thought without its signature is none |
//!
//! Gemini 3 refuses a call of a function that has no signature, and takes [`UNSIGNED`] for one that it
//! did not make: <https://ai.google.dev/gemini-api/docs/thought-signatures>.

use std::{collections::BTreeSet, ops::Range};

use super::Body;
use crate::{
    Dialect, Malformed,
    json::{Key, outlined::Cursor},
    splice::{self, Splice},
};

/// Stands in the place of the signature of a function's call.
const UNSIGNED: &str = "skip_thought_signature_validator";
/// Another that Google documents.
const ALSO_UNSIGNED: &str = "context_engineering_is_the_way_to_go";

impl Body {
    /// Removes what models have signed or encrypted of their reasoning, so that the request can be
    /// sent to a model that refuses it. Edits so far stay, and are no overlay any more; ids of
    /// passages that were given before are void. Returns whether there was anything to remove: not
    /// in a body that is malformed, which is left as it is.
    pub fn strip_signatures(&mut self) -> bool {
        let bytes = self.render();
        let mut splices = match signed(self.dialect, &bytes) {
            Ok(splices) if !splices.is_empty() => splices,
            Ok(_) | Err(_) => return false,
        };
        let stripped = splice::apply(&bytes, 0..bytes.len(), &mut splices);
        self.replace(stripped.into()).is_ok()
    }
}

pub(super) type Read<T = ()> = Result<T, Malformed>;

/// The splices that remove it.
fn signed(dialect: Dialect, bytes: &[u8]) -> Read<Vec<Splice>> {
    let name = match dialect {
        Dialect::AnthropicMessages | Dialect::OpenaiChat => "messages",
        Dialect::OpenaiResponses | Dialect::GeminiInteractions => "input",
        Dialect::GeminiGenerate => "contents",
        // batches report what was refused in their results, hours later
        Dialect::OpenaiCompletions
        | Dialect::OpenaiEmbeddings
        | Dialect::AnthropicBatches
        | Dialect::OpenaiImages
        | Dialect::OpenaiModerations
        | Dialect::OpenaiConversations
        | Dialect::Rerank
        | Dialect::Other => return Ok(Vec::new()),
    };
    let mut found = Found {
        bytes,
        splices: Vec::new(),
        removed: BTreeSet::new(),
    };
    let mut cursor = Cursor::new(bytes);
    cursor.object(|key, value| match key.is(name) {
        true => found.conversation(dialect, value),
        false => value.skip().map(drop),
    })?;
    cursor.end()?;
    Ok(found.splices)
}

struct Found<'a> {
    bytes: &'a [u8],
    splices: Vec<Splice>,
    /// Ids of items that are removed.
    removed: BTreeSet<String>,
}

impl Found<'_> {
    fn conversation(&mut self, dialect: Dialect, value: &mut Cursor<'_>) -> Read {
        let mut messages = Cuts::default();
        value.array_or_skip(|_, message| {
            messages.element(message, |message| match dialect {
                Dialect::AnthropicMessages => self.message(message),
                Dialect::OpenaiResponses => self.item(message),
                Dialect::GeminiGenerate => self.content(message).map(|()| false),
                Dialect::GeminiInteractions => self.step(message),
                Dialect::OpenaiChat => self.chat_message(message).map(|()| false),
                Dialect::OpenaiCompletions
                | Dialect::OpenaiEmbeddings
                | Dialect::AnthropicBatches
                | Dialect::OpenaiImages
                | Dialect::OpenaiModerations
                | Dialect::OpenaiConversations
                | Dialect::Rerank
                | Dialect::Other => Ok(false),
            })
        })?;
        self.splices.extend(messages.finish().splices);
        Ok(())
    }

    /// Reads a message of Anthropic's. True if it goes as a whole.
    fn message(&mut self, value: &mut Cursor<'_>) -> Read<bool> {
        let bytes = self.bytes;
        let (mut is_assistants, mut found) = (false, Removed::default());
        value.object_or_skip(|key, value| {
            if key.is("role") {
                is_assistants = string(bytes, value)?.is_some_and(|role| role == "assistant");
            } else if key.is("content") {
                let is_thinking = |kind: &str| matches!(kind, "thinking" | "redacted_thinking");
                found = elements(value, |block| {
                    let mut is_signed = false;
                    block.object_or_skip(|key, value| {
                        if key.is("type") {
                            is_signed =
                                string(bytes, value)?.is_some_and(|kind| is_thinking(&kind));
                        }
                        Ok(())
                    })?;
                    Ok(is_signed)
                })?;
            }
            Ok(())
        })?;
        if !is_assistants {
            return Ok(false);
        }
        let is_all = found.is_all;
        self.splices.extend(found.splices);
        Ok(is_all)
    }

    /// Reads an item of the Responses API. True if it goes.
    fn item(&mut self, value: &mut Cursor<'_>) -> Read<bool> {
        let bytes = self.bytes;
        let (mut kind, mut id, mut is_encrypted) = (None, None, false);
        value.object_or_skip(|key, value| {
            if key.is("type") {
                kind = string(bytes, value)?;
            } else if key.is("id") {
                id = string(bytes, value)?;
            } else if key.is("encrypted_content") {
                is_encrypted = string(bytes, value)?.is_some();
            }
            Ok(())
        })?;
        match (kind.as_deref(), id) {
            (Some("reasoning"), id) if is_encrypted => {
                self.removed.extend(id);
                Ok(true)
            }
            (Some("item_reference") | None, Some(id)) => Ok(self.removed.contains(&id)),
            _ => Ok(false),
        }
    }

    /// Reads a step of an interaction. True if it goes.
    fn step(&mut self, value: &mut Cursor<'_>) -> Read<bool> {
        let bytes = self.bytes;
        let (mut members, mut is_thought, mut is_signed) = (Cuts::default(), false, false);
        value.object_or_skip(|key, value| {
            if key.is("type") {
                let mut kind = *value;
                is_thought = string(bytes, &mut kind)?.is_some_and(|kind| kind == "thought");
            }
            members.member(&key, value, |value| {
                let found = key.is("signature") && string(bytes, value)?.is_some();
                is_signed |= found;
                Ok(found)
            })
        })?;
        if !is_thought || !is_signed {
            self.splices.extend(members.finish().splices);
        }
        Ok(is_thought && is_signed)
    }

    /// Reads a message of `openai.chat`.
    fn chat_message(&mut self, value: &mut Cursor<'_>) -> Read {
        let mut members = Cuts::default();
        value.object_or_skip(|key, value| {
            members.member(&key, value, |value| {
                if key.is("reasoning_details") || key.is("thinking_blocks") {
                    let bytes = self.bytes;
                    let found = elements(value, |thought| is_signed_thought(bytes, thought))?;
                    if !found.is_all {
                        self.splices.extend(found.splices);
                    }
                    return Ok(found.is_all);
                }
                if key.is("tool_calls") {
                    value.array_or_skip(|_, call| {
                        call.object_or_skip(|key, value| match key.is("extra_content") {
                            true => self.extra_content(value, true),
                            false => Ok(()),
                        })
                    })?;
                } else if key.is("extra_content") {
                    self.extra_content(value, false)?;
                }
                Ok(false)
            })
        })?;
        self.splices.extend(members.finish().splices);
        Ok(())
    }

    /// Reads what Google adds to messages and calls of `openai.chat`.
    fn extra_content(&mut self, value: &mut Cursor<'_>, is_call: bool) -> Read {
        value.object_or_skip(|key, value| match key.is("google") {
            true => self.signature(value, &["thought_signature"], |_| is_call),
            false => Ok(()),
        })
    }

    /// Reads a content of Gemini's.
    fn content(&mut self, value: &mut Cursor<'_>) -> Read {
        const NAMES: &[&str] = &["thoughtSignature", "thought_signature"];
        let is_call = |key: &Key<'_>| key.is("functionCall") || key.is("function_call");
        value.object_or_skip(|key, value| match key.is("parts") {
            true => value.array_or_skip(|_, part| self.signature(part, NAMES, is_call)),
            false => Ok(()),
        })
    }

    /// Takes the signature out of an object, or puts [`UNSIGNED`] in its place where a member says
    /// that this is a function's call.
    fn signature(
        &mut self,
        value: &mut Cursor<'_>,
        names: &[&str],
        is_calls: impl Fn(&Key<'_>) -> bool,
    ) -> Read {
        let bytes = self.bytes;
        let (mut members, mut signatures, mut is_call) = (Cuts::default(), Vec::new(), false);
        value.object_or_skip(|key, value| {
            is_call |= is_calls(&key);
            members.member(&key, value, |value| {
                if !names.iter().any(|name| key.is(name)) {
                    return Ok(false);
                }
                value.kind()?;
                let start = value.at();
                let signature = string(bytes, value)?;
                let is_signed =
                    signature.is_some_and(|text| text != UNSIGNED && text != ALSO_UNSIGNED);
                if is_signed {
                    signatures.push(start..value.at());
                }
                Ok(is_signed)
            })
        })?;
        match is_call {
            true => self.splices.extend(signatures.into_iter().map(|range| {
                let with = [b"\"", UNSIGNED.as_bytes(), b"\""].concat();
                Splice { range, with }
            })),
            false => self.splices.extend(members.finish().splices),
        }
        Ok(())
    }
}

/// Reads reasoning as gateways hand it through. True if it is signed or encrypted.
fn is_signed_thought(bytes: &[u8], value: &mut Cursor<'_>) -> Read<bool> {
    let mut is_signed = false;
    value.object_or_skip(|key, value| {
        if key.is("signature") || key.is("data") {
            is_signed |= string(bytes, value)?.is_some();
        } else if key.is("type") {
            let kind = string(bytes, value)?;
            is_signed |= kind
                .is_some_and(|kind| kind == "reasoning.encrypted" || kind == "redacted_thinking");
        }
        Ok(())
    })?;
    Ok(is_signed)
}

/// Takes a string, and returns it where there is something in it; skips every other value.
fn string(bytes: &[u8], value: &mut Cursor<'_>) -> Read<Option<String>> {
    let text = value.text_or_skip()?;
    let text = text.map(|text| text.decode(bytes).into_owned());
    Ok(text.filter(|text| !text.is_empty()))
}

/// Takes a list, of which those elements go of which `goes` says so; skips every other value.
fn elements(
    value: &mut Cursor<'_>,
    mut goes: impl FnMut(&mut Cursor<'_>) -> Read<bool>,
) -> Read<Removed> {
    let mut cuts = Cuts::default();
    value.array_or_skip(|_, element| cuts.element(element, &mut goes))?;
    Ok(cuts.finish())
}

/// Members that were cut out of a list or an object.
#[derive(Default)]
pub(super) struct Removed {
    pub(super) splices: Vec<Splice>,
    /// True if something was, and nothing is left.
    is_all: bool,
}

/// Cuts elements out of a list, or members out of an object, each with one comma.
#[derive(Default)]
pub(super) struct Cuts {
    splices: Vec<Splice>,
    /// A member that is cut while nothing was kept: it goes with the comma after it.
    first: Option<Range<usize>>,
    /// The end of the last part, once one was kept.
    end: Option<usize>,
}

impl Cuts {
    /// Has `goes` read an element, and say so.
    fn element(
        &mut self,
        value: &mut Cursor<'_>,
        goes: impl FnOnce(&mut Cursor<'_>) -> Read<bool>,
    ) -> Read {
        value.kind()?;
        let start = value.at();
        self.part(start, value, goes)
    }

    /// Has `goes` read a member's value, and say so.
    pub(super) fn member(
        &mut self,
        key: &Key<'_>,
        value: &mut Cursor<'_>,
        goes: impl FnOnce(&mut Cursor<'_>) -> Read<bool>,
    ) -> Read {
        self.part(key.range().start, value, goes)
    }

    fn part(
        &mut self,
        start: usize,
        value: &mut Cursor<'_>,
        goes: impl FnOnce(&mut Cursor<'_>) -> Read<bool>,
    ) -> Read {
        value.kind()?;
        let untouched = value.at();
        let goes = goes(value)?;
        if value.at() == untouched {
            value.skip()?;
        }
        let end = value.at();
        match (goes, self.end, &mut self.first) {
            (true, Some(before), _) => self.splices.push(Splice::cut(before..end)),
            (true, None, Some(first)) => first.end = end,
            (true, None, first) => *first = Some(start..end),
            (false, _, first) => {
                if let Some(first) = first.take() {
                    self.splices.push(Splice::cut(first.start..start));
                }
            }
        }
        if !goes || self.end.is_some() {
            self.end = Some(end);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Removed {
        let is_all = self.first.is_some();
        self.splices.extend(self.first.map(Splice::cut));
        Removed {
            splices: self.splices,
            is_all,
        }
    }
}

#[cfg(test)]
mod tests;
