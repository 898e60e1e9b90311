//! Tests of `openai.chat` in translation.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::super::{
    Dropped, Origin, Quirks, Refused, ReplyContext, Target, Wire,
    event::{Event, Finish},
    format::{ReadReply, WriteReply},
    takes::ModelTakes,
};
use super::{FORMAT, reply_read::Reader};

mod replies;
mod requests;
mod written;

fn context(stream: bool) -> ReplyContext {
    ReplyContext {
        id: "x1".into(),
        model: "asked".into(),
        created: 1_700_000_000,
        stream,
        listed: false,
        prompt_tokens: 7,
        origin: Origin(1),
    }
}

/// Reads a request and writes it for a target of the same dialect.
fn carried(
    body: &str,
    takes: &ModelTakes,
    quirks: &Quirks,
) -> Result<(Value, Vec<&'static str>), Refused> {
    let target = Target {
        wire: Wire::Chat,
        model: "m",
        origin: Origin(1),
        strict: false,
        takes,
        quirks,
    };
    let mut dropped = Dropped::default();
    let read = FORMAT.read_request.unwrap();
    let form = read(body.as_bytes(), &mut dropped)?;
    let written = (FORMAT.write_request)(&form, &target, &mut dropped)?;
    assert_eq!(written.path, "/v1/chat/completions");
    let value = serde_json::from_slice(&written.body).unwrap();
    Ok((value, dropped.fields().to_vec()))
}

/// A stream's events of a reply, each as a short text.
fn events(stream: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut reader = Reader::new(context(true));
    let mut sink = |event: Event<'_>| note(&mut seen, &event);
    for line in stream
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        reader.read_event(b"", line.as_bytes(), &mut sink).unwrap();
    }
    reader.finish(&mut sink);
    seen
}

fn whole(doc: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| note(&mut seen, &event);
    let mut reader = Reader::new(context(false));
    reader.read_whole(doc.as_bytes(), &mut sink).unwrap();
    seen
}

fn note(seen: &mut Vec<String>, event: &Event<'_>) {
    let text = match event {
        Event::Begin { id, model } => {
            let word = |text: &Option<super::super::text::Text<'_>>| {
                text.as_ref().map(|text| text.decode().into_owned())
            };
            format!("begin {:?} {:?}", word(id), word(model))
        }
        Event::Text { choice, text } => format!("text {choice} {}", text.decode()),
        Event::Reasoning { text, .. } => format!("reasoning {}", text.decode()),
        Event::Opaque { opaque, .. } => format!("opaque {}", opaque.data.decode()),
        Event::Refusal { text, .. } => format!("refusal {}", text.decode()),
        Event::Call { call, id, name, .. } => {
            let id = id.as_ref().map(|id| id.decode().into_owned());
            format!("call {call} {} {}", id.unwrap_or_default(), name.decode())
        }
        Event::Arguments { call, text, .. } => format!("arguments {call} {}", text.decode()),
        Event::CallEnd { call, .. } => format!("call-end {call}"),
        Event::Usage(usage) => format!(
            "usage {}/{}/{} {}/{}",
            usage.input, usage.cached, usage.written, usage.output, usage.reasoning
        ),
        Event::Finish { choice, reason, .. } => format!("finish {choice} {reason:?}"),
        Event::Dropped(field) => format!("dropped {field}"),
        Event::Error(facts) => format!("error {} {:?}", facts.message, facts.code),
        Event::End => "end".to_owned(),
    };
    seen.push(text);
}

/// The documents of a stream that a writer wrote.
fn documents(stream: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let data = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        // half a surrogate pair is a text of its own, and no document for `serde_json`
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

fn write(stream: bool, events: Vec<Event<'_>>) -> Vec<u8> {
    let mut writer: Box<dyn WriteReply> = (FORMAT.writer.unwrap())(context(stream));
    for event in events {
        writer.take(event);
    }
    writer.take_written()
}

fn finish(reason: Finish) -> Event<'static> {
    Event::Finish {
        choice: 0,
        reason,
        stop: None,
    }
}
