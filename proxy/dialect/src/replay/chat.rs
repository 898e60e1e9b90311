//! `openai.chat` and `openai.completions`: chunks of one shape, which differ in the members for a
//! choice's text.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    ERROR, INCOMPLETE, MEDIA,
    events::{event, events, pieces},
    growing::Growing,
    malformed,
    members::{
        Members, array, elements, inside, integer, kind, owned_elements, quoted, says, source,
    },
};
use crate::{Malformed, json::Kind};

/// The two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A `message` that comes in a `delta`.
    Chat,
    /// A `text` that comes as `text`.
    Text,
}

impl Form {
    const fn objects(self) -> (&'static str, &'static str) {
        match self {
            Self::Chat => (r#""chat.completion""#, r#""chat.completion.chunk""#),
            Self::Text => (r#""text_completion""#, r#""text_completion""#),
        }
    }
}

/// The members that all chunks of a stream share. Some servers leave them empty at first.
const HEAD: [&str; 6] = [
    "id",
    "object",
    "created",
    "model",
    "service_tier",
    "system_fingerprint",
];

/// A choice under construction.
#[derive(Default)]
struct Choice {
    grown: Growing,
    logprobs: Option<Growing>,
    finish: Option<Vec<u8>>,
    others: Members<'static>,
}

pub(super) fn whole_of(form: Form, stream: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut head = Members::default();
    let mut usage = None;
    let mut choices = BTreeMap::<u64, Choice>::new();
    let mut ended = false;
    for event in events(stream)? {
        if event.is_done() {
            ended = true;
            break;
        }
        for (name, value) in Members::read(&event.data)?.iter() {
            match name {
                "choices" => {
                    for choice in elements(Some(value))? {
                        let choice = Members::read(choice)?;
                        let index = integer(choice.get("index")).unwrap_or(0);
                        choices.entry(index).or_default().add(form, &choice)?;
                    }
                }
                "usage" if value != b"null" => usage = Some(value.to_vec()),
                "usage" | "obfuscation" => {}
                "object" => head.set(name, form.objects().0),
                "error" if value != b"null" => return Err(malformed(ERROR)),
                _ if HEAD.contains(&name) => first_said(&mut head, name, value),
                _ if value != b"null" || head.get(name).is_none() => head.set(name, value),
                _ => {}
            }
        }
    }
    if !ended || choices.is_empty() {
        return Err(malformed(INCOMPLETE));
    }
    let choices: Vec<_> = choices
        .iter()
        .map(|(index, choice)| choice.source(form, *index))
        .collect::<Result<_, _>>()?;
    head.set("choices", array(&choices));
    if let Some(usage) = usage {
        head.set("usage", usage);
    }
    Ok(head.source())
}

fn first_said(head: &mut Members<'_>, name: &str, value: &[u8]) {
    if head.said(name).is_none_or(|known| known == b"0") {
        head.set(name, value);
    }
}

impl Choice {
    fn add(&mut self, form: Form, choice: &Members<'_>) -> Result<(), Malformed> {
        for (name, value) in choice.iter() {
            match (form, name) {
                (Form::Chat, "delta") if kind(value)? == Kind::Object => {
                    for (name, value) in Members::read(value)?.iter() {
                        self.grown.member(name, value)?;
                    }
                }
                (Form::Text, "text") => self.grown.add(name, value)?,
                (_, "index" | "delta" | "message") => {}
                (_, "logprobs") => {
                    let logprobs = self.logprobs.get_or_insert_default();
                    logprobs.add(name, value)?;
                }
                // some servers write "" for null
                (_, "finish_reason") => {
                    let finish = Some(value.to_vec()).filter(|finish| says(finish));
                    self.finish = finish.or(self.finish.take());
                }
                _ if value != b"null" || self.others.get(name).is_none() => {
                    self.others.set(name, value);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn source(&self, form: Form, index: u64) -> Result<Vec<u8>, Malformed> {
        let Some(finish) = &self.finish else {
            return Err(malformed(INCOMPLETE));
        };
        let mut choice = Members::default();
        choice.set("index", index.to_string());
        match (form, &self.grown) {
            (Form::Chat, Growing::Null) => choice.set("message", r#"{"role":"assistant"}"#),
            (Form::Chat, grown) => choice.set("message", grown.source("message")),
            (Form::Text, Growing::Null) => choice.set("text", r#""""#),
            (Form::Text, grown) => choice.set("text", grown.source("text")),
        }
        if let Some(logprobs) = &self.logprobs {
            choice.set("logprobs", logprobs.source("logprobs"));
        }
        choice.set("finish_reason", finish.as_slice());
        for (name, value) in self.others.iter() {
            choice.set(name, value);
        }
        Ok(choice.source())
    }
}

/// Chunks under construction.
struct Chunks {
    form: Form,
    out: Vec<Bytes>,
    /// `"id":…,"object":…,`: every chunk's beginning.
    head: Vec<u8>,
    /// Members that only the first chunk has.
    first: Vec<u8>,
    /// `,"usage":null`, where the caller requested usage.
    slot: &'static str,
}

impl Chunks {
    /// A chunk of one choice. `rest` follows its `index` and `delta` (or `text`).
    fn choice(&mut self, index: &[u8], delta: &[u8], rest: &[u8]) {
        let delta = match self.form {
            Form::Chat => source![r#""delta":{"#, delta, "}"],
            Form::Text => source![r#""text":"#, delta],
        };
        let (head, first) = (&self.head, std::mem::take(&mut self.first));
        let choices = source![r#"[{"index":"#, index, ",", delta, rest, "}]"];
        let chunk = source!["{", head, first, r#""choices":"#, choices, self.slot, "}"];
        event(&mut self.out, "", &chunk);
    }
}

pub(super) fn stream_of(
    form: Form,
    whole: &[u8],
    include_usage: bool,
) -> Result<Vec<Bytes>, Malformed> {
    let mut head = Members::read(whole)?;
    let (usage, choices) = (head.said("usage").map(<[u8]>::to_vec), head.get("choices"));
    let choices = owned_elements(choices)?;
    if head.said("error").is_some() || choices.is_empty() {
        return Err(malformed(ERROR));
    }
    head.remove("choices");
    head.remove("usage");
    head.replace("object", form.objects().1);
    let mut first = Members::default();
    for (name, value) in head.iter().filter(|(name, _)| !HEAD.contains(name)) {
        first.set(name, value);
    }
    for (name, _) in first.iter() {
        head.remove(name);
    }
    let comma = |members: &Members<'_>| match members.inner() {
        inner if inner.is_empty() => inner,
        inner => source![inner, ","],
    };
    let mut chunks = Chunks {
        form,
        out: Vec::new(),
        head: comma(&head),
        first: comma(&first),
        slot: match include_usage {
            true => r#","usage":null"#,
            false => "",
        },
    };
    for choice in &choices {
        replay(&mut chunks, choice)?;
    }
    if let Some(usage) = usage.filter(|_| include_usage) {
        let head = &chunks.head;
        let chunk = source!["{", head, r#""choices":[],"usage":"#, usage, "}"];
        event(&mut chunks.out, "", &chunk);
    }
    event(&mut chunks.out, "", b"[DONE]");
    Ok(chunks.out)
}

fn replay(chunks: &mut Chunks, choice: &[u8]) -> Result<(), Malformed> {
    let mut choice = Members::read(choice)?;
    let index = choice.get("index").unwrap_or(b"0").to_vec();
    let Some(finish) = choice.said("finish_reason").map(<[u8]>::to_vec) else {
        return Err(malformed(INCOMPLETE));
    };
    let (deltas, empty) = match chunks.form {
        Form::Chat => (message(choice.get("message"))?, &b""[..]),
        Form::Text => {
            let text = pieces(choice.text("text").unwrap_or_default());
            (text.into_iter().map(quoted).collect(), &br#""""#[..])
        }
    };
    let given = choice.get("logprobs").map(<[u8]>::to_vec);
    let without = match given {
        Some(_) => &br#","logprobs":null"#[..],
        None => b"",
    };
    let mut logprobs = given.map(|given| source![r#","logprobs":"#, given]);
    for (at, delta) in deltas.iter().enumerate() {
        // Not on the first delta of a message, which says nothing yet.
        let now = at > 0 || chunks.form == Form::Text;
        let logprobs = match now.then(|| logprobs.take()).flatten() {
            Some(logprobs) => logprobs,
            None => without.to_vec(),
        };
        chunks.choice(
            &index,
            delta,
            &source![logprobs, r#","finish_reason":null"#],
        );
    }
    for name in ["index", "message", "text", "logprobs", "finish_reason"] {
        choice.remove(name);
    }
    let others = match choice.inner() {
        inner if inner.is_empty() => inner,
        inner => source![",", inner],
    };
    let logprobs = logprobs.unwrap_or_else(|| without.to_vec());
    let rest = source![logprobs, r#","finish_reason":"#, finish, others];
    chunks.choice(&index, empty, &rest);
    Ok(())
}

/// The insides of a message's deltas: the first opens it, then its texts grow, then its calls.
fn message(message: Option<&[u8]>) -> Result<Vec<Vec<u8>>, Malformed> {
    /// The members for text, in the order in which models write them.
    const TEXTS: [&str; 4] = ["reasoning", "reasoning_content", "content", "refusal"];
    let message = Members::read_or_empty(message)?;
    let (mut opening, mut deltas) = (Members::default(), vec![Vec::new()]);
    for (name, value) in message.iter() {
        let kind = kind(value)?;
        match name {
            "audio" if kind != Kind::Null => return Err(malformed(MEDIA)),
            "content" if kind == Kind::String => opening.set(name, r#""""#),
            "tool_calls" if kind == Kind::Array && value != b"[]" => {}
            "function_call" if kind == Kind::Object => {}
            _ if TEXTS.contains(&name) && kind == Kind::String && value != b"\"\"" => {}
            _ => opening.set(name, value),
        }
    }
    for name in TEXTS {
        let text = message.text(name).unwrap_or_default();
        let grown = pieces(text).into_iter();
        deltas.extend(grown.map(|piece| source!["\"", name, "\":", quoted(piece)]));
    }
    if let Some(call) = message.said("function_call") {
        for call in opened(call, "arguments")? {
            deltas.push(source![r#""function_call":"#, call]);
        }
    }
    for (index, call) in elements(message.get("tool_calls"))?.into_iter().enumerate() {
        for call in tool_call(call)? {
            let index = index.to_string();
            deltas.push(source![
                r#""tool_calls":[{"index":"#,
                index,
                ",",
                call,
                "}]"
            ]);
        }
    }
    if let Some(first) = deltas.first_mut() {
        *first = opening.inner();
    }
    Ok(deltas)
}

/// The insides of a tool call's deltas.
fn tool_call(call: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut call = Members::read(call)?;
    call.remove("index");
    for (name, field) in [("function", "arguments"), ("custom", "input")] {
        let Some(object) = call.said(name).map(<[u8]>::to_vec) else {
            continue;
        };
        let mut parts = opened(&object, field)?.into_iter();
        call.set(name, parts.next().unwrap_or_default());
        let more = parts.map(|part| source!["\"", name, "\":", part]);
        return Ok([call.inner()].into_iter().chain(more).collect());
    }
    Ok(vec![call.inner()])
}

/// The object without the text of `field`, and then the pieces of that.
fn opened(object: &[u8], field: &str) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut members = Members::read(object)?;
    let text = members.get(field).and_then(inside).map(<[u8]>::to_vec);
    let Some(text) = text else {
        return Ok(vec![object.to_vec()]);
    };
    members.set(field, r#""""#);
    let more = pieces(&text).into_iter();
    let more = more.map(|piece| source!["{\"", field, "\":", quoted(piece), "}"]);
    Ok([members.source()].into_iter().chain(more).collect())
}
