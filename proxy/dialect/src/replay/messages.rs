//! `anthropic.messages`: blocks that start, grow and stop.
//!
//! A tool's `input` is a JSON value in a whole reply and its source, in a string in pieces, in a
//! stream: it is quoted and unquoted and never spelled anew.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    ERROR, INCOMPLETE, UNKNOWN,
    events::{event, events, pieces},
    malformed,
    members::{Members, array, elements, inside, integer, owned_elements, quoted, says, source},
};
use crate::{
    Malformed,
    json::{outlined::Cursor, quote},
};

/// A content block under construction.
struct Block {
    members: Members<'static>,
    text: Vec<u8>,
    thinking: Vec<u8>,
    /// The inside of the string that carries `input`'s source.
    input: Vec<u8>,
    citations: Vec<Vec<u8>>,
}

pub(super) fn whole_of(stream: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut message = None;
    let mut blocks = BTreeMap::<u64, Block>::new();
    let mut ended = false;
    for event in events(stream)? {
        if event.is_done() {
            break;
        }
        let data = Members::read(&event.data)?;
        let block = integer(data.get("index")).unwrap_or(0);
        match data.text("type").unwrap_or(event.name) {
            b"message_start" => {
                let start = Members::read_or_empty(data.get("message"))?;
                message = Some(start.into_owned());
            }
            b"content_block_start" => {
                let start = Members::read_or_empty(data.get("content_block"))?;
                blocks.insert(block, Block::new(start.into_owned())?);
            }
            b"content_block_delta" => {
                let block = blocks.get_mut(&block).ok_or(malformed(UNKNOWN))?;
                block.grow(&Members::read_or_empty(data.get("delta"))?)?;
            }
            b"message_delta" => {
                let message = message.as_mut().ok_or(malformed(INCOMPLETE))?;
                end(message, &data)?;
            }
            b"message_stop" => {
                ended = true;
                break;
            }
            b"content_block_stop" | b"ping" => {}
            b"error" => return Err(malformed(ERROR)),
            _ => return Err(malformed(UNKNOWN)),
        }
    }
    let Some(mut message) = message.filter(|_| ended) else {
        return Err(malformed(INCOMPLETE));
    };
    let blocks = blocks.into_values().map(Block::source);
    message.set("content", array(&blocks.collect::<Result<Vec<_>, _>>()?));
    Ok(message.source())
}

/// Takes over the members of `message_delta`: the stop, and usage that replaces that of
/// `message_start`.
fn end(message: &mut Members<'static>, data: &Members<'_>) -> Result<(), Malformed> {
    let delta = Members::read_or_empty(data.get("delta"))?;
    for (name, value) in delta.iter() {
        message.set(name, value);
    }
    for (name, value) in data.iter() {
        if !matches!(name, "type" | "delta" | "usage") && says(value) {
            message.set(name, value);
        }
    }
    let reported = Members::read_or_empty(data.get("usage"))?;
    let mut usage = Members::read_or_empty(message.get("usage"))?.into_owned();
    for (name, value) in reported.iter().filter(|(_, value)| *value != b"null") {
        usage.set(name, value);
    }
    if reported.iter().next().is_some() {
        message.set("usage", usage.source());
    }
    Ok(())
}

impl Block {
    fn new(members: Members<'static>) -> Result<Self, Malformed> {
        let citations = elements(members.get("citations"))?.into_iter();
        Ok(Self {
            text: members.text("text").unwrap_or_default().to_vec(),
            thinking: members.text("thinking").unwrap_or_default().to_vec(),
            input: Vec::new(),
            citations: citations.map(<[u8]>::to_vec).collect(),
            members,
        })
    }

    fn grow(&mut self, delta: &Members<'_>) -> Result<(), Malformed> {
        let piece = |name: &str| delta.text(name).unwrap_or_default();
        match delta.text("type").unwrap_or_default() {
            b"text_delta" => self.text.extend_from_slice(piece("text")),
            b"thinking_delta" => self.thinking.extend_from_slice(piece("thinking")),
            b"input_json_delta" => self.input.extend_from_slice(piece("partial_json")),
            b"signature_delta" => {
                if let Some(signature) = delta.get("signature") {
                    self.members.set("signature", signature);
                }
            }
            b"citations_delta" => self
                .citations
                .extend(delta.get("citation").map(<[u8]>::to_vec)),
            _ => return Err(malformed(UNKNOWN)),
        }
        Ok(())
    }

    fn source(mut self) -> Result<Vec<u8>, Malformed> {
        let grown = [("text", &self.text), ("thinking", &self.thinking)];
        for (name, text) in grown.into_iter().filter(|(_, text)| !text.is_empty()) {
            self.members.set(name, quoted(text));
        }
        if !self.citations.is_empty() {
            self.members.set("citations", array(&self.citations));
        }
        if !self.input.is_empty() {
            let literal = quoted(&self.input);
            let input = Cursor::new(&literal).text()?;
            let input = input.decode(&literal);
            // It goes out as JSON: it has to be some.
            let mut cursor = Cursor::new(input.as_bytes());
            cursor.skip()?;
            cursor.end()?;
            self.members.set("input", input.as_bytes());
        }
        Ok(self.members.source())
    }
}

pub(super) fn stream_of(whole: &[u8]) -> Result<Vec<Bytes>, Malformed> {
    let mut message = Members::read(whole)?;
    if message.text("type") != Some(b"message") {
        return Err(malformed(ERROR));
    }
    if message.said("stop_reason").is_none() {
        return Err(malformed(INCOMPLETE));
    }
    let content = owned_elements(message.get("content"))?;
    let mut usage = Members::read_or_empty(message.get("usage"))?.into_owned();
    let output = usage.get("output_tokens").unwrap_or(b"0").to_vec();
    usage.replace("output_tokens", "0");
    let mut stop = Members::default();
    for (name, value) in message.iter().filter(|(name, _)| name.starts_with("stop_")) {
        stop.set(name, value);
    }
    for (name, _) in stop.iter() {
        message.replace(name, "null");
    }
    message.set("content", "[]");
    message.replace("usage", usage.source());

    let mut out = Vec::new();
    let start = message.source();
    named(&mut out, "message_start", &source![r#""message":"#, start]);
    for (index, block) in content.iter().enumerate() {
        replay(&mut out, index, Members::read(block)?)?;
    }
    let (stop, usage) = (stop.source(), source![r#"{"output_tokens":"#, output, "}"]);
    named(
        &mut out,
        "message_delta",
        &source![r#""delta":"#, stop, r#","usage":"#, usage],
    );
    event(&mut out, "message_stop", br#"{"type":"message_stop"}"#);
    Ok(out)
}

fn named(out: &mut Vec<Bytes>, kind: &str, fields: &[u8]) {
    let data = source![r#"{"type":""#, kind, r#"","#, fields, "}"];
    event(out, kind, &data);
}

fn replay(out: &mut Vec<Bytes>, index: usize, mut block: Members<'_>) -> Result<(), Malformed> {
    let index = index.to_string();
    let mut deltas: Vec<Vec<u8>> = Vec::new();
    let mut grow = |kind: &str, field: &str, text: &[u8]| {
        let delta = source![r#"{"type":""#, kind, r#"",""#, field, r#"":"#, text, "}"];
        deltas.push(delta);
    };
    match block.text("type").unwrap_or_default() {
        b"text" => {
            for piece in pieces(block.text("text").unwrap_or_default()) {
                grow("text_delta", "text", &quoted(piece));
            }
            let citations = elements(block.get("citations"))?;
            for citation in &citations {
                grow("citations_delta", "citation", citation);
            }
            let cited = !citations.is_empty();
            block.replace("text", r#""""#);
            if cited {
                block.set("citations", "[]");
            }
        }
        b"thinking" => {
            for piece in pieces(block.text("thinking").unwrap_or_default()) {
                grow("thinking_delta", "thinking", &quoted(piece));
            }
            if let Some(signature) = block.said("signature") {
                grow("signature_delta", "signature", signature);
            }
            block.replace("thinking", r#""""#);
            block.replace("signature", r#""""#);
        }
        b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => {
            if let Some(input) = block.said("input") {
                let text = str::from_utf8(input).unwrap_or_default();
                let mut literal = Vec::new();
                quote(text, &mut literal);
                for piece in pieces(inside(&literal).unwrap_or_default()) {
                    grow("input_json_delta", "partial_json", &quoted(piece));
                }
            } else {
                grow("input_json_delta", "partial_json", br#""""#);
            }
            block.replace("input", "{}");
        }
        // Everything else comes in one piece, as it does from the API.
        _ => {}
    }
    let at = source![r#""index":"#, index];
    let start = source![at, r#","content_block":"#, block.source()];
    named(out, "content_block_start", &start);
    for delta in deltas {
        let delta = source![at, r#","delta":"#, delta];
        named(out, "content_block_delta", &delta);
    }
    named(out, "content_block_stop", &at);
    Ok(())
}
