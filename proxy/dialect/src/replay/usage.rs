//! The chunk that only tells usage: whether a caller gets one is the caller's wish, not the recording's.

use bytes::Bytes;
use memchr::memmem;

use super::{
    INCOMPLETE,
    events::{Event, event, events},
    malformed,
    members::{Members, elements, source},
};
use crate::{Malformed, Usage};

pub(super) fn with_usage(
    stream: &Bytes,
    wanted: bool,
    known: Option<&Usage>,
) -> Result<Bytes, Malformed> {
    let all = events(stream)?;
    let Some(end) = all.iter().position(Event::is_done) else {
        return Err(malformed(INCOMPLETE));
    };
    let (chunks, end) = (all.get(..end).unwrap_or_default(), all.get(end));
    let mut extra = Vec::new();
    let mut told = false;
    for event in chunks {
        match tells_usage(event)? {
            Some(true) => extra.push(event.raw.clone()),
            Some(false) => told = true,
            None => {}
        }
    }
    if !wanted {
        return Ok(without(stream, &extra));
    }
    let (Some(known), true, false) = (known, extra.is_empty(), told) else {
        return Ok(stream.clone());
    };
    let Some((head, end)) = chunks.last().zip(end) else {
        return Ok(stream.clone());
    };
    let chunk = chunk(&Members::read(&head.data)?, known);
    let (before, after) = stream
        .split_at_checked(end.raw.start)
        .ok_or(malformed(INCOMPLETE))?;
    Ok(source![before, chunk, after].into())
}

/// Whether a chunk tells usage, and nothing else.
fn tells_usage(event: &Event<'_>) -> Result<Option<bool>, Malformed> {
    if memmem::find(&event.data, br#""usage""#).is_none() {
        return Ok(None);
    }
    let chunk = Members::read(&event.data)?;
    let told = chunk.said("usage").is_some();
    let alone = elements(chunk.get("choices"))?.is_empty();
    Ok(told.then_some(alone))
}

fn without(stream: &Bytes, events: &[std::ops::Range<usize>]) -> Bytes {
    if events.is_empty() {
        return stream.clone();
    }
    let (mut kept, mut at) = (Vec::with_capacity(stream.len()), 0);
    for event in events {
        kept.extend_from_slice(stream.get(at..event.start).unwrap_or_default());
        at = event.end;
    }
    kept.extend_from_slice(stream.get(at..).unwrap_or_default());
    kept.into()
}

fn chunk(last: &Members<'_>, usage: &Usage) -> Vec<u8> {
    let mut chunk = Members::default();
    for name in ["id", "object", "created", "model", "system_fingerprint"] {
        if let Some(value) = last.get(name) {
            chunk.set(name, value);
        }
    }
    chunk.set("choices", "[]");
    let (input, output) = (usage.input, usage.output);
    let (cached, reasoning) = (usage.cached, usage.reasoning);
    let total = input.saturating_add(output);
    chunk.set(
        "usage",
        format!(
            r#"{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{total},"prompt_tokens_details":{{"cached_tokens":{cached}}},"completion_tokens_details":{{"reasoning_tokens":{reasoning}}}}}"#
        ),
    );
    let mut out = Vec::new();
    event(&mut out, "", &chunk.source());
    out.concat()
}
