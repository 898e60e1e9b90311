//! `gemini.generate`: every chunk is a reply of its own, with the parts that are new.
//!
//! Neighbouring texts are one part in a whole reply; a part with a thought signature is never put
//! together with another (<https://ai.google.dev/gemini-api/docs/thought-signatures>). The stream
//! has no terminator: it is complete when every candidate has its finish reason. Without `alt=sse`
//! the API streams one JSON array; recordings of both forms are read, and events written.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;

use super::{
    ERROR, INCOMPLETE,
    events::{event, events, pieces},
    malformed,
    members::{Members, array, elements, integer, owned_elements, quoted, source},
};
use crate::Malformed;

/// A candidate under construction.
#[derive(Default)]
struct Candidate {
    members: Members<'static>,
    content: Members<'static>,
    parts: Vec<Part>,
}

enum Part {
    /// A plain text, and whether it is a thought: the value of `thought`, where it has one.
    Text(Vec<u8>, Option<Vec<u8>>),
    Source(Vec<u8>),
}

pub(super) fn whole_of(stream: &[u8]) -> Result<Vec<u8>, Malformed> {
    let chunks: Vec<Cow<'_, [u8]>> = match stream.trim_ascii() {
        array @ [b'[', ..] => elements(Some(array))?
            .into_iter()
            .map(Cow::Borrowed)
            .collect(),
        stream => events(stream)?
            .into_iter()
            .map(|event| event.data)
            .collect(),
    };
    let mut reply = Members::default();
    let mut candidates = BTreeMap::<u64, Candidate>::new();
    for chunk in chunks.iter().filter(|chunk| ***chunk != *b"[DONE]") {
        for (name, value) in Members::read(chunk)?.iter() {
            match name {
                "candidates" => {
                    for candidate in elements(Some(value))? {
                        let candidate = Members::read(candidate)?;
                        let index = integer(candidate.get("index")).unwrap_or(0);
                        candidates.entry(index).or_default().add(&candidate)?;
                    }
                }
                "error" => return Err(malformed(ERROR)),
                _ => reply.set(name, value),
            }
        }
    }
    let finished = |candidate: &Candidate| candidate.members.said("finishReason").is_some();
    let blocked = reply.said("promptFeedback").is_some();
    if !candidates.values().all(finished) || candidates.is_empty() && !blocked {
        return Err(malformed(INCOMPLETE));
    }
    if !candidates.is_empty() {
        let candidates: Vec<_> = candidates.values().map(Candidate::source).collect();
        reply.set("candidates", array(&candidates));
    }
    Ok(reply.source())
}

impl Candidate {
    fn add(&mut self, candidate: &Members<'_>) -> Result<(), Malformed> {
        for (name, value) in candidate.iter() {
            if name != "content" {
                self.members.set(name, value);
                continue;
            }
            let content = Members::read_or_empty(Some(value))?;
            for (name, value) in content.iter() {
                if name != "parts" {
                    self.content.set(name, value);
                    continue;
                }
                for part in elements(Some(value))? {
                    self.part(part)?;
                }
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &[u8]) -> Result<(), Malformed> {
        let members = Members::read(part)?;
        let (Some(text), true) = (members.text("text"), is_plain(&members)) else {
            self.parts.push(Part::Source(part.to_vec()));
            return Ok(());
        };
        let thought = members.get("thought");
        match self.parts.last_mut() {
            Some(Part::Text(known, of)) if of.as_deref() == thought => {
                known.extend_from_slice(text)
            }
            // The last chunk often has an empty text beside its finish reason.
            Some(_) if text.is_empty() => {}
            _ => {
                let thought = thought.map(<[u8]>::to_vec);
                self.parts.push(Part::Text(text.to_vec(), thought));
            }
        }
        Ok(())
    }

    fn source(&self) -> Vec<u8> {
        let parts: Vec<_> = self.parts.iter().map(Part::source).collect();
        let mut content = self.content.clone();
        if !parts.is_empty() {
            content.set("parts", array(&parts));
        }
        let mut candidate = Members::default();
        if content.iter().next().is_some() {
            candidate.set("content", content.source());
        }
        for (name, value) in self.members.iter() {
            candidate.set(name, value);
        }
        candidate.source()
    }
}

/// Reports whether a part is a text and nothing else.
fn is_plain(part: &Members<'_>) -> bool {
    part.iter()
        .all(|(name, _)| matches!(name, "text" | "thought"))
}

impl Part {
    fn source(&self) -> Vec<u8> {
        match self {
            Self::Source(source) => source.clone(),
            Self::Text(text, None) => source![r#"{"text":"#, quoted(text), "}"],
            Self::Text(text, Some(thought)) => {
                source![r#"{"text":"#, quoted(text), r#","thought":"#, thought, "}"]
            }
        }
    }
}

pub(super) fn stream_of(whole: &[u8]) -> Result<Vec<Bytes>, Malformed> {
    let mut reply = Members::read(whole)?;
    if reply.get("error").is_some() {
        return Err(malformed(ERROR));
    }
    let candidates = owned_elements(reply.get("candidates"))?;
    let mut out = Vec::new();
    if candidates.is_empty() {
        if reply.said("promptFeedback").is_none() {
            return Err(malformed(INCOMPLETE));
        }
        event(&mut out, "", &reply.source());
        return Ok(out);
    }
    reply.remove("candidates");
    let last = reply.inner();
    // Usage is reported once, with the last chunk: earlier figures are not known.
    for name in ["usageMetadata", "promptFeedback"] {
        reply.remove(name);
    }
    let each = reply.inner();
    for (at, candidate) in candidates.iter().enumerate() {
        let rest = if at + 1 == candidates.len() {
            &last
        } else {
            &each
        };
        replay(&mut out, candidate, &each, rest)?;
    }
    Ok(out)
}

fn replay(
    out: &mut Vec<Bytes>,
    candidate: &[u8],
    each: &[u8],
    last: &[u8],
) -> Result<(), Malformed> {
    let mut candidate = Members::read(candidate)?;
    if candidate.said("finishReason").is_none() {
        return Err(malformed(INCOMPLETE));
    }
    let mut content = Members::read_or_empty(candidate.get("content"))?.into_owned();
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for source in elements(content.get("parts"))? {
        let mut part = Members::read(source)?;
        let text = part.text("text").filter(|_| is_plain(&part));
        let grown: Vec<_> = pieces(text.unwrap_or_default())
            .into_iter()
            .map(quoted)
            .collect();
        if grown.is_empty() {
            parts.push(source.to_vec());
        }
        for text in grown {
            part.set("text", text);
            parts.push(part.source());
        }
    }
    let index = match candidate.get("index") {
        Some(index) => source![r#","index":"#, index],
        None => Vec::new(),
    };
    let end = parts.pop();
    for part in parts {
        content.set("parts", array(&[part]));
        let candidate = source![r#"{"content":"#, content.source(), index, "}"];
        write(out, &candidate, each);
    }
    if let Some(end) = end {
        content.set("parts", array(&[end]));
        candidate.set("content", content.source());
    }
    write(out, &candidate.source(), last);
    Ok(())
}

fn write(out: &mut Vec<Bytes>, candidate: &[u8], rest: &[u8]) {
    let comma = if rest.is_empty() { "" } else { "," };
    let chunk = source![r#"{"candidates":["#, candidate, "]", comma, rest, "}"];
    event(out, "", &chunk);
}
