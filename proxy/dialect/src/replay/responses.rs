//! `openai.responses`: the last event holds the whole reply, and a stream has that reply piece by
//! piece before it.

use bytes::Bytes;

use super::{
    ERROR, INCOMPLETE,
    events::{event, events, pieces},
    malformed,
    members::{Members, array, elements, owned_elements, quoted, source},
};
use crate::Malformed;

pub(super) fn whole_of(stream: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut items = Vec::new();
    for event in events(stream)? {
        if event.is_done() {
            break;
        }
        let data = Members::read(&event.data)?;
        match data.text("type").unwrap_or(event.name) {
            b"response.output_item.done" => items.extend(data.get("item").map(<[u8]>::to_vec)),
            b"error" => return Err(malformed(ERROR)),
            b"response.completed" | b"response.incomplete" | b"response.failed" => {
                let mut whole = Members::read_or_empty(data.get("response"))?;
                if whole.text("status").is_none() {
                    return Err(malformed(INCOMPLETE));
                }
                // Some servers leave out of the last event what earlier ones had.
                if whole.said("output").is_none() && !items.is_empty() {
                    whole.set("output", array(&items));
                }
                return Ok(whole.source());
            }
            _ => {}
        }
    }
    Err(malformed(INCOMPLETE))
}

/// Events with their running number.
struct Numbered {
    out: Vec<Bytes>,
    next: u64,
}

impl Numbered {
    fn add(&mut self, kind: &str, fields: &[u8]) {
        let number = self.next.to_string();
        self.next += 1;
        let head = source![r#"{"type":""#, kind, r#"","sequence_number":"#, number];
        event(&mut self.out, kind, &source![head, ",", fields, "}"]);
    }
}

pub(super) fn stream_of(whole: &[u8]) -> Result<Vec<Bytes>, Malformed> {
    let mut response = Members::read(whole)?;
    let end = match response.text("status") {
        Some(b"completed") => "response.completed",
        Some(b"incomplete") => "response.incomplete",
        Some(b"failed") => "response.failed",
        Some(_) => return Err(malformed(INCOMPLETE)),
        None => return Err(malformed(ERROR)),
    };
    let items = owned_elements(response.get("output"))?;
    response.set("status", r#""in_progress""#);
    response.set("output", "[]");
    for later in ["usage", "completed_at", "incomplete_details", "error"] {
        response.replace(later, "null");
    }
    response.remove("output_text");
    let begun = source![r#""response":"#, response.source()];

    let mut out = Numbered {
        out: Vec::new(),
        next: 0,
    };
    out.add("response.created", &begun);
    out.add("response.in_progress", &begun);
    for (index, item) in items.iter().enumerate() {
        replay(&mut out, index, item)?;
    }
    out.add(end, &source![r#""response":"#, whole.trim_ascii()]);
    Ok(out.out)
}

/// Items that are one growing string: its member, and the beginning of its events' names.
const GROWING: [(&[u8], &str, &str); 4] = [
    (
        b"function_call",
        "arguments",
        "response.function_call_arguments",
    ),
    (b"mcp_call", "arguments", "response.mcp_call_arguments"),
    (
        b"custom_tool_call",
        "input",
        "response.custom_tool_call_input",
    ),
    (
        b"code_interpreter_call",
        "code",
        "response.code_interpreter_call_code",
    ),
];

fn replay(out: &mut Numbered, index: usize, source: &[u8]) -> Result<(), Malformed> {
    let item = Members::read(source)?;
    let kind = item.text("type").unwrap_or_default();
    let number = index.to_string();
    let id = match item.get("id") {
        Some(id) => id.to_vec(),
        None => source![r#""item_"#, number, "\""],
    };
    let at = source![r#""item_id":"#, id, r#","output_index":"#, number];
    let output = source![r#""output_index":"#, number, r#","item":"#];
    let mut begun = item.clone();
    begun.replace("status", r#""in_progress""#);
    let growing = GROWING.iter().find(|(known, ..)| *known == kind);
    let lists: &[&str] = match kind {
        b"message" => &["content"],
        b"reasoning" => &["summary", "content"],
        _ => &[],
    };
    for list in lists {
        begun.replace(list, "[]");
    }
    if let Some((_, field, _)) = growing
        && item.text(field).is_some()
    {
        begun.set(field, r#""""#);
    }
    out.add(
        "response.output_item.added",
        &source![output, begun.source()],
    );
    if let Some((_, field, name)) = growing
        && let Some(text) = item.text(field)
    {
        let head = source![at, ","];
        let called = match (kind, item.get("name")) {
            (b"function_call", Some(name)) => source![r#","name":"#, name],
            _ => Vec::new(),
        };
        grow(out, name, &head, field, text, &called);
    }
    for list in lists {
        for (index, part) in elements(item.get(list))?.into_iter().enumerate() {
            part_of(out, list, &at, index, part)?;
        }
    }
    out.add("response.output_item.done", &source![output, source]);
    Ok(())
}

/// One part of an item's `content` or `summary`.
fn part_of(
    out: &mut Numbered,
    list: &str,
    at: &[u8],
    index: usize,
    source: &[u8],
) -> Result<(), Malformed> {
    let part = Members::read(source)?;
    let (place, events) = match list {
        "summary" => (r#","summary_index":"#, "response.reasoning_summary_part"),
        _ => (r#","content_index":"#, "response.content_part"),
    };
    let at = source![at, place, index.to_string(), ","];
    let (field, name) = match part.text("type").unwrap_or_default() {
        b"output_text" => ("text", "response.output_text"),
        b"refusal" => ("refusal", "response.refusal"),
        b"summary_text" => ("text", "response.reasoning_summary_text"),
        b"reasoning_text" => ("text", "response.reasoning_text"),
        _ => ("", ""),
    };
    let mut begun = part.clone();
    begun.replace(field, r#""""#);
    begun.replace("annotations", "[]");
    begun.replace("logprobs", "[]");
    let added = source![at, r#""part":"#, begun.source()];
    out.add(&format!("{events}.added"), &added);
    if let Some(text) = part.text(field) {
        let logprobs = match name {
            "response.output_text" => {
                let logprobs = part.said("logprobs").unwrap_or(b"[]");
                source![r#","logprobs":"#, logprobs]
            }
            _ => Vec::new(),
        };
        grow(out, name, &at, field, text, &logprobs);
    }
    for (number, annotation) in elements(part.get("annotations"))?.into_iter().enumerate() {
        let number = source![r#""annotation_index":"#, number.to_string()];
        out.add(
            "response.output_text.annotation.added",
            &source![at, number, r#","annotation":"#, annotation],
        );
    }
    let done = source![at, r#""part":"#, source];
    out.add(&format!("{events}.done"), &done);
    Ok(())
}

/// Writes the deltas of a text, and the event of its end with the members that stand only there:
/// log-probabilities, a function's name.
fn grow(out: &mut Numbered, name: &str, at: &[u8], field: &str, text: &[u8], at_end: &[u8]) {
    let none: &[u8] = match name {
        "response.output_text" => br#","logprobs":[]"#,
        _ => b"",
    };
    let delta = format!("{name}.delta");
    for piece in pieces(text) {
        out.add(&delta, &source![at, r#""delta":"#, quoted(piece), none]);
    }
    let field = source!["\"", field, "\":"];
    out.add(
        &format!("{name}.done"),
        &source![at, field, quoted(text), at_end],
    );
}
