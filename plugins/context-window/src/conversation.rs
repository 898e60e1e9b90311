//! A conversation as what belongs together: messages, and the units of them that can only stay or
//! go as one.
//!
//! A call of a tool and its result belong together by their id, in every dialect; so do a reasoning
//! item and the item that it leads to. Keys are read, not types: a form of message that is not
//! known here is text that somebody said.

use std::{cell::Cell, collections::BTreeMap, ops::Range};

use outrigger_sdk::{
    Dialect,
    json::{Walk, first},
};

use crate::weight;

/// The speaker of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The system or developer prompt.
    System,
    /// The user, with words of their own.
    User,
    /// The model: text, calls, reasoning.
    Model,
    /// Results of calls.
    Tool,
}

/// A string literal that may be shortened.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// Quotes included.
    pub(crate) range: Range<usize>,
    /// Of the literal, once it is needed.
    pub(crate) hash: Cell<Option<u64>>,
    /// A tool's, not the user's.
    pub(crate) result: bool,
}

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Its place in the JSON.
    pub(crate) range: Range<usize>,
    /// The speaker.
    pub(crate) role: Role,
    /// Its tokens, about.
    pub(crate) weight: u64,
    /// Results and the user's texts.
    pub(crate) texts: Vec<Text>,
    /// It stands for what was said before it: without it, that is lost.
    pub(crate) compaction: bool,
    calls: Vec<u64>,
    answers: Vec<u64>,
    /// It is nothing without the next one.
    leads: bool,
    /// It has a role, and is no item.
    spoken: bool,
}

/// Messages that stay or go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Their indices.
    pub(crate) messages: Range<usize>,
    /// The first one's role; calls and their results are the model's.
    pub(crate) role: Role,
    /// It has to stay, for a compaction is in it or needs it.
    pub(crate) stays: bool,
}

/// A conversation.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    /// Every message, in order.
    pub(crate) messages: Vec<Message>,
    /// The same messages in units.
    pub(crate) units: Vec<Unit>,
}

/// The beginnings of messages in which agents carry on what they have summed up themselves: Codex,
/// Claude Code, Gemini CLI.
const SUMMARIES: [&str; 3] = [
    "Another language model started to solve this problem",
    "This session is being continued from a previous conversation",
    "<state_snapshot>",
];

/// The JSON pointer to a dialect's messages.
pub(crate) fn pointer(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::OpenaiChat | Dialect::AnthropicMessages => Some("/messages"),
        Dialect::OpenaiResponses => Some("/input"),
        Dialect::GeminiGenerate => Some("/contents"),
        _ => None,
    }
}

impl Conversation {
    /// Reads an array of messages.
    pub(crate) fn read(json: &str) -> Self {
        let start = json.len() - json.trim_ascii_start().len();
        let mut messages = Vec::new();
        if first(json, start) == b'[' {
            let mut walk = Walk::new(json, &(start..json.len()));
            while let Some(range) = walk.element() {
                messages.push(message(json, range));
            }
        }
        let units = units(&messages);
        Self { messages, units }
    }

    /// Tokens of a unit, about.
    pub(crate) fn weight(&self, unit: &Unit) -> u64 {
        self.messages
            .get(unit.messages.clone())
            .unwrap_or_default()
            .iter()
            .map(|message| message.weight)
            .sum()
    }
}

/// One message of any dialect.
fn message(json: &str, range: Range<usize>) -> Message {
    let mut message = Message {
        weight: weight::MESSAGE,
        range: range.clone(),
        role: Role::User,
        texts: Vec::new(),
        compaction: false,
        calls: Vec::new(),
        answers: Vec::new(),
        leads: false,
        spoken: false,
    };
    if first(json, range.start) != b'{' {
        message.weight += weight::of_value(json, &range);
        return message;
    }
    let (mut role, mut kind, mut id, mut call, mut name) = ("", "", None, None, None);
    let word = |range: &Range<usize>| json.get(range.start + 1..range.end - 1).unwrap_or_default();
    let mut walk = Walk::new(json, &range);
    while let Some((key, value)) = walk.member() {
        message.weight += weight::of_member(json, key, &value);
        match key {
            "role" => role = word(&value),
            "type" => kind = word(&value),
            "content" | "parts" | "output" => content(json, &value, &mut message, key == "output"),
            "tool_calls" => each(json, &value, |object| {
                message.calls.extend(member(json, &object, "id"))
            }),
            "function_call" if first(json, value.start) == b'{' => {
                message.calls.extend(member(json, &value, "name"))
            }
            "id" => id = hash(json, &value),
            "call_id" | "tool_call_id" | "approval_request_id" => call = hash(json, &value),
            "name" => name = hash(json, &value),
            _ => message.compaction |= is_compaction(key),
        }
    }
    message.compaction |= is_compaction(kind)
        || message
            .texts
            .iter()
            .any(|text| !text.result && is_summary(json, &text.range));
    message.spoken = !role.is_empty();
    message.role = match role {
        "system" | "developer" => Role::System,
        "assistant" | "model" => Role::Model,
        "tool" | "function" => {
            message
                .answers
                .extend(if role == "tool" { call } else { name });
            Role::Tool
        }
        _ if !kind.is_empty() && kind != "message" => item(&mut message, kind, id, call),
        // A user's message with results belongs to their calls, even where the user says something
        // besides.
        _ if !message.answers.is_empty() => Role::Tool,
        _ => Role::User,
    };
    if matches!(role, "tool" | "function") {
        message.texts.iter_mut().for_each(|text| text.result = true);
    }
    if message.compaction || matches!(message.role, Role::System | Role::Model) {
        message.texts.clear();
    }
    message
}

/// True if the type of an item or block, or a member's name, says that what was said before is in
/// it: `compaction`, `compaction_summary`, `compacted`, `context_management` …
fn is_compaction(word: &str) -> bool {
    word.contains("compact") || word.starts_with("context_management") || word == "context_summary"
}

/// True if a text is an agent's own summary.
fn is_summary(json: &str, literal: &Range<usize>) -> bool {
    let text = json.get(literal.start + 1..literal.end).unwrap_or_default();
    let text = text.trim_start_matches("\\n").trim_start();
    SUMMARIES
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// An item of OpenAI's responses that is no message.
fn item(message: &mut Message, kind: &str, id: Option<u64>, call: Option<u64>) -> Role {
    if kind.ends_with("_output") || kind == "mcp_approval_response" {
        message.answers.extend(call);
        return Role::Tool;
    }
    if kind == "mcp_approval_request" {
        message.calls.extend(id);
    } else if kind.ends_with("_call") {
        message.calls.extend(call);
    }
    message.leads = kind == "reasoning";
    Role::Model
}

/// Takes content: a string or blocks.
fn content(json: &str, range: &Range<usize>, message: &mut Message, result: bool) {
    match first(json, range.start) {
        b'"' => message.texts.push(Text {
            range: range.clone(),
            hash: Cell::default(),
            result,
        }),
        _ => each(json, range, |block| {
            self::block(json, &block, message, result)
        }),
    }
}

/// One block of content.
fn block(json: &str, range: &Range<usize>, message: &mut Message, result: bool) {
    if first(json, range.start) != b'{' {
        return;
    }
    let kind = text_of(json, range, "type");
    message.compaction |= is_compaction(kind);
    match kind {
        "tool_use" => message.calls.extend(member(json, range, "id")),
        "tool_result" => {
            message.answers.extend(member(json, range, "tool_use_id"));
            if let Some(inner) = find(json, range, "content") {
                content(json, &inner, message, true);
            }
        }
        _ => {
            let named = |value: Range<usize>| {
                member(json, &value, "id").or_else(|| member(json, &value, "name"))
            };
            message
                .calls
                .extend(find(json, range, "functionCall").and_then(named));
            message
                .answers
                .extend(find(json, range, "functionResponse").and_then(named));
            let text = find(json, range, "text").filter(|text| first(json, text.start) == b'"');
            message.texts.extend(text.map(|range| Text {
                range,
                hash: Cell::default(),
                result,
            }));
        }
    }
}

fn each(json: &str, range: &Range<usize>, mut one: impl FnMut(Range<usize>)) {
    if first(json, range.start) == b'[' {
        let mut walk = Walk::new(json, range);
        while let Some(element) = walk.element() {
            one(element);
        }
    }
}

fn find(json: &str, range: &Range<usize>, wanted: &str) -> Option<Range<usize>> {
    let mut walk = Walk::new(json, range);
    std::iter::from_fn(|| walk.member())
        .find(|(key, _)| *key == wanted)
        .map(|(_, value)| value)
}

fn text_of<'a>(json: &'a str, range: &Range<usize>, key: &str) -> &'a str {
    let value = find(json, range, key).filter(|value| first(json, value.start) == b'"');
    value
        .and_then(|value| json.get(value.start + 1..value.end - 1))
        .unwrap_or_default()
}

fn member(json: &str, range: &Range<usize>, key: &str) -> Option<u64> {
    find(json, range, key).and_then(|value| hash(json, &value))
}

fn hash(json: &str, range: &Range<usize>) -> Option<u64> {
    let text = json.get(range.clone())?;
    (text != "null").then(|| fnv(text))
}

/// 64-bit FNV-1a, eight bytes at a time. Texts that hash alike are compared before one is taken for
/// the other.
pub(crate) fn fnv(text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let take = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(29);
    let hash = words.iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        take(hash, u64::from_le_bytes(*word))
    });
    rest.iter()
        .fold(hash, |hash, byte| take(hash, u64::from(*byte)))
}

/// Puts together what belongs together.
fn units(messages: &[Message]) -> Vec<Unit> {
    // Names may stand for ids, so a call is answered by the next result of that id, and a result
    // answers all open calls of it.
    let mut open: BTreeMap<u64, usize> = BTreeMap::new();
    let mut reach: Vec<usize> = (0..messages.len()).collect();
    for (at, message) in messages.iter().enumerate() {
        for id in &message.answers {
            if let Some(far) = open.remove(id).and_then(|call| reach.get_mut(call)) {
                *far = at;
            }
        }
        for id in &message.calls {
            open.entry(*id).or_insert(at);
        }
        if message.leads
            && at + 1 < messages.len()
            && let Some(far) = reach.get_mut(at)
        {
            *far = (*far).max(at + 1);
        }
    }
    let mut units: Vec<Unit> = Vec::new();
    let mut end = 0; // of the unit under way
    for (at, (message, far)) in messages.iter().zip(&reach).enumerate() {
        let joins = match units.last() {
            None => false,
            Some(last) => {
                at < end
                    || message.role == Role::Tool // a result whose call is not there stays with what is before it
                    // a summary is no part of what the user says next, which may go
                    || message.role == Role::User
                        && last.role == Role::User
                        && message.compaction == last.stays
            }
        };
        match units.last_mut() {
            Some(last) if joins => {
                last.messages.end = at + 1;
                last.stays |= message.compaction;
            }
            _ => {
                let role = if message.role == Role::Tool {
                    Role::Model
                } else {
                    message.role
                };
                units.push(Unit {
                    messages: at..at + 1,
                    role,
                    stays: message.compaction,
                });
                end = 0;
            }
        }
        end = end.max(far + 1);
    }
    keep_questions(messages, &mut units);
    units
}

/// A message of the model's that has to stay needs the user's before it: no conversation begins
/// with the model. An item does not.
fn keep_questions(messages: &[Message], units: &mut [Unit]) {
    let mut question = None;
    for at in 0..units.len() {
        let Some(unit) = units.get(at) else { return };
        if unit.role == Role::User {
            question = Some(at);
        }
        let inside = messages.get(unit.messages.clone()).unwrap_or_default();
        let spoken = inside
            .iter()
            .any(|message| message.compaction && message.spoken);
        if let Some(question) = question
            && spoken
            && unit.role == Role::Model
            && let Some(question) = units.get_mut(question)
        {
            question.stays = true;
        }
    }
}

#[cfg(test)]
mod tests;
