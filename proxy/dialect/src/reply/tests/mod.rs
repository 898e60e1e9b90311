//! A client that reads replies with another parser, a policy that holds back, and the fixtures that
//! both work on.

#![expect(clippy::unwrap_used, reason = "tests")]

mod anthropic;
mod chat;
mod completions;
mod conversations;
mod cuts;
mod ends;
mod figures;
pub(crate) mod fixtures;
mod forms;
mod gemini;
mod interactions;
mod lists;
mod properties;
mod responses;
mod results;

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::Place;

pub(super) const LIMITS: ReplyLimits = ReplyLimits {
    event: 1 << 20,
    body: 1 << 20,
};

/// The texts that a client puts together: a name for each string that it sees grow or finds whole.
pub(super) type Texts = BTreeMap<String, String>;

/// The names and data between blank lines, read without the code under test.
pub(super) fn client_events(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let events = text.split("\n\n").map(|event| {
        let field = |name: &str| {
            let lines = event.lines().filter_map(|line| line.strip_prefix(name));
            let values = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
            values.collect::<Vec<_>>().join("\n")
        };
        (field("event:"), field("data:"))
    });
    events.filter(|(_, data)| !data.is_empty()).collect()
}

fn add(texts: &mut Texts, name: String, value: &Value) {
    if let Some(text) = value.as_str() {
        texts.entry(name).or_default().push_str(text);
    }
}

/// The texts of a reply as an app's SDK would put them together.
pub(super) fn client(dialect: Dialect, streaming: bool, bytes: &[u8]) -> Texts {
    let mut texts = Texts::new();
    if !streaming {
        whole(dialect, &serde_json::from_slice(bytes).unwrap(), &mut texts);
        return texts;
    }
    for (name, data) in client_events(bytes) {
        if data == "[DONE]" {
            continue;
        }
        let data: Value = serde_json::from_str(&data).unwrap();
        match dialect {
            Dialect::OpenaiChat => {
                for choice in data["choices"].as_array().into_iter().flatten() {
                    chat_message(&mut texts, &choice["index"], &choice["delta"]);
                }
            }
            Dialect::AnthropicMessages => {
                assert_eq!(name, data["type"].as_str().unwrap());
                let block = &data["index"];
                let delta = &data["delta"];
                add(&mut texts, format!("text {block}"), &delta["text"]);
                add(&mut texts, format!("json {block}"), &delta["partial_json"]);
                add(&mut texts, format!("thinking {block}"), &delta["thinking"]);
            }
            Dialect::OpenaiCompletions => completions(&mut texts, &data),
            Dialect::GeminiGenerate => gemini(&mut texts, &data),
            Dialect::GeminiInteractions => {
                assert_eq!(name, data["event_type"].as_str().unwrap());
                let at = &data["index"];
                for part in ["delta", "content"] {
                    interaction(&mut texts, &at.to_string(), &data[part]);
                }
            }
            _ => responses(&mut texts, &data),
        }
    }
    texts.retain(|_, text| !text.is_empty());
    texts
}

fn chat_message(texts: &mut Texts, choice: &Value, message: &Value) {
    for member in ["content", "reasoning_content", "reasoning", "refusal"] {
        add(texts, format!("{member} {choice}"), &message[member]);
    }
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    for (position, call) in calls.enumerate() {
        let number = call["index"].as_u64().unwrap_or(position as u64);
        let name = format!("tool {choice}.{number}");
        add(texts, name, &call["function"]["arguments"]);
    }
}

fn completions(texts: &mut Texts, data: &Value) {
    for choice in data["choices"].as_array().into_iter().flatten() {
        add(texts, format!("text {}", choice["index"]), &choice["text"]);
    }
}

fn gemini(texts: &mut Texts, data: &Value) {
    for candidate in data["candidates"].as_array().into_iter().flatten() {
        let number = &candidate["index"];
        let parts = candidate["content"]["parts"].as_array();
        for part in parts.into_iter().flatten() {
            let name = if part["thought"] == true {
                "thought"
            } else {
                "text"
            };
            add(texts, format!("{name} {number}"), &part["text"]);
            let call = &part["functionCall"];
            if call.is_object() {
                let name = format!("call {number} {}", call["name"]);
                texts.insert(name, call["args"].to_string());
            }
        }
    }
}

/// A delta, or a step or content.
fn interaction(texts: &mut Texts, at: &str, node: &Value) {
    add(texts, format!("text {at}"), &node["text"]);
    add(texts, format!("summary {at}"), &node["content"]["text"]);
    add(texts, format!("arguments {at}"), &node["arguments"]);
    if node["arguments"].is_object() {
        texts.insert(format!("arguments {at}"), node["arguments"].to_string());
    }
    for list in ["content", "summary"] {
        for (inner, part) in node[list].as_array().into_iter().flatten().enumerate() {
            interaction(texts, &format!("{at} {list} {inner}"), part);
        }
    }
}

fn responses(texts: &mut Texts, data: &Value) {
    let kind = data["type"].as_str().unwrap();
    let output = &data["output_index"];
    let inner = data["content_index"]
        .as_u64()
        .or(data["summary_index"].as_u64());
    let inner = inner.unwrap_or(0);
    if let Some(kind) = kind.strip_suffix(".delta") {
        add(
            texts,
            format!("delta {kind} {output}.{inner}"),
            &data["delta"],
        );
    } else if let Some(kind) = kind.strip_suffix(".done") {
        for member in ["text", "arguments", "refusal"] {
            add(
                texts,
                format!("done {kind} {output}.{inner}"),
                &data[member],
            );
        }
    }
    if kind.ends_with("part.done") {
        let part = &data["part"];
        let text = part.get("text").unwrap_or(&part["refusal"]);
        add(
            texts,
            format!("part {output}.{inner} {}", part["type"]),
            text,
        );
    }
    if kind == "response.output_item.done" {
        item(texts, &format!("item {output}"), &data["item"]);
    }
    for (at, value) in data["response"]["output"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        item(texts, &format!("final {at}"), value);
    }
}

fn item(texts: &mut Texts, name: &str, item: &Value) {
    for list in ["content", "summary"] {
        for (at, part) in item[list].as_array().into_iter().flatten().enumerate() {
            let text = part.get("text").unwrap_or(&part["refusal"]);
            add(texts, format!("{name} {list} {at}"), text);
        }
    }
    add(texts, format!("{name} arguments"), &item["arguments"]);
}

fn whole(dialect: Dialect, body: &Value, texts: &mut Texts) {
    match dialect {
        Dialect::OpenaiChat => {
            for choice in body["choices"].as_array().into_iter().flatten() {
                chat_message(texts, &choice["index"], &choice["message"]);
            }
        }
        Dialect::OpenaiCompletions => completions(texts, body),
        Dialect::GeminiGenerate => {
            let chunks = body.as_array().map_or(std::slice::from_ref(body), |l| l);
            chunks.iter().for_each(|chunk| gemini(texts, chunk));
        }
        Dialect::GeminiInteractions => {
            for (at, step) in body["steps"].as_array().into_iter().flatten().enumerate() {
                interaction(texts, &at.to_string(), step);
            }
        }
        Dialect::AnthropicMessages => {
            for (at, block) in body["content"].as_array().into_iter().flatten().enumerate() {
                add(texts, format!("text {at}"), &block["text"]);
                add(texts, format!("thinking {at}"), &block["thinking"]);
                if !block["input"].is_null() {
                    texts.insert(format!("json {at}"), block["input"].to_string());
                }
            }
        }
        _ => {
            for (at, value) in body["output"].as_array().into_iter().flatten().enumerate() {
                item(texts, &format!("final {at}"), value);
            }
        }
    }
}

pub(super) const MARKER: &str = "[[NAME]]";
pub(super) const VALUE: &str = "Zo\u{eb} O'Neil";

/// Puts [`VALUE`] for [`MARKER`], holding back what may be the beginning of one.
#[derive(Default)]
pub(super) struct HoldBack {
    kept: BTreeMap<u32, String>,
    ended: Vec<u32>,
}

impl HoldBack {
    pub(super) fn edit(&mut self, delta: &Delta) -> Option<String> {
        assert!(
            !self.ended.contains(&delta.channel),
            "nothing follows `last`"
        );
        let kept = self.kept.entry(delta.channel).or_default();
        let text = (kept.clone() + &delta.text).replace(MARKER, VALUE);
        let keep = (1..MARKER.len())
            .rev()
            .find(|n| text.ends_with(&MARKER[..*n]));
        let keep = if delta.last { 0 } else { keep.unwrap_or(0) };
        let (out, rest) = text.split_at(text.len() - keep);
        let out = out.to_owned();
        *kept = rest.to_owned();
        if delta.last {
            self.ended.push(delta.channel);
        }
        // half of what did not change is said not to have
        (out != delta.text || out.len() % 2 == 1).then_some(out)
    }
}

/// A policy: what takes the place of a delta.
pub(super) type Edit<'a> = &'a mut dyn FnMut(&Delta) -> Option<String>;

/// The bytes that came out, and the text of every channel as policies saw it.
pub(super) struct Ran {
    pub(super) bytes: Vec<u8>,
    pub(super) channels: BTreeMap<u32, String>,
    pub(super) lasts: Vec<u32>,
    pub(super) reply: Reply,
}

/// Sends pieces through a reply; `edit` answers each delta.
pub(super) fn run(mut reply: Reply, pieces: &[&[u8]], mut edit: Option<Edit<'_>>) -> Ran {
    let (mut bytes, mut channels, mut lasts) = (Vec::new(), BTreeMap::new(), Vec::new());
    for piece in pieces.iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => reply.push(piece).unwrap(),
            None => reply.finish().unwrap(),
        }
        let deltas = reply.deltas();
        for delta in &deltas {
            *channels.entry(delta.channel).or_insert_with(String::new) += &delta.text;
            if delta.last {
                assert!(!lasts.contains(&delta.channel), "a channel ends once");
                lasts.push(delta.channel);
            }
        }
        let edits = match &mut edit {
            Some(edit) => deltas.iter().map(edit).collect(),
            None => Vec::new(),
        };
        bytes.extend_from_slice(&reply.write(&edits).unwrap());
    }
    Ran {
        bytes,
        channels,
        lasts,
        reply,
    }
}

pub(super) fn reply(dialect: Dialect, streaming: bool) -> Reply {
    match streaming {
        true => Reply::stream(dialect, Places::ALL, LIMITS),
        false => Reply::whole(dialect, Places::ALL, LIMITS),
    }
}

/// Runs a stream or body in one piece through a policy.
pub(super) fn edited(dialect: Dialect, streaming: bool, bytes: &[u8], edit: Edit<'_>) -> Ran {
    run(reply(dialect, streaming), &[bytes], Some(edit))
}

/// The data of the events that came out, parsed; `[DONE]` is left out.
pub(super) fn json_events(bytes: &[u8]) -> Vec<Value> {
    let events = client_events(bytes).into_iter().map(|(_, data)| data);
    events
        .filter(|data| data != "[DONE]")
        .map(|data| serde_json::from_str(&data).unwrap())
        .collect()
}
