//! Tests of `openai.responses` in translation.
#![expect(clippy::unwrap_used, reason = "tests")]

mod reply_properties;
mod reply_read;
mod reply_write;
mod request_properties;
mod request_read;
mod request_write;

use serde_json::Value;

use super::super::{
    Wire,
    event::{Event, Sink},
    form::Request,
    format::{ReadReply as _, ReplyContext, WriteReply as _},
    loss::{Dropped, Refused},
    opaque::Origin,
    takes::ModelTakes,
    target::{Quirks, Target},
};

/// The origin of the target.
const HOME: Origin = Origin(0x00c0_ffee);

/// Reads a request, with what was dropped.
fn read(doc: &str) -> Result<(Request<'_>, Vec<&'static str>), Refused> {
    let mut dropped = Dropped::default();
    let request = super::request_read::read(doc.as_bytes(), &mut dropped)?;
    Ok((request, dropped.fields().to_vec()))
}

/// Writes a request for a target; returns the body and what was dropped.
fn write_for(
    request: &Request<'_>,
    takes: &ModelTakes,
    quirks: &Quirks,
) -> Result<(Value, Vec<&'static str>), Refused> {
    let target = Target {
        wire: Wire::Responses,
        model: "gpt-5",
        origin: HOME,
        strict: false,
        takes,
        quirks,
    };
    let mut dropped = Dropped::default();
    let written = super::request_write::write(request, &target, &mut dropped)?;
    assert_eq!(written.path, "/v1/responses");
    let body = serde_json::from_slice(&written.body).unwrap();
    Ok((body, dropped.fields().to_vec()))
}

/// The same for a model of which nothing is known.
fn write(request: &Request<'_>) -> Result<(Value, Vec<&'static str>), Refused> {
    write_for(request, &ModelTakes::default(), &Quirks::OPENAI)
}

fn context(stream: bool) -> ReplyContext {
    ReplyContext {
        id: "x1".to_owned(),
        model: "fast".to_owned(),
        created: 1_700_000_000,
        stream,
        listed: false,
        prompt_tokens: 7,
        origin: HOME,
    }
}

/// One line for an event; texts that follow each other are one.
#[derive(Default)]
struct Lines(Vec<String>);

impl Sink for Lines {
    fn take(&mut self, event: Event<'_>) {
        let growing = match &event {
            Event::Text { text, .. } => Some(("text ".to_owned(), text)),
            Event::Reasoning { text, .. } => Some(("reasoning ".to_owned(), text)),
            Event::Refusal { text, .. } => Some(("refusal ".to_owned(), text)),
            Event::Arguments { call, text, .. } => Some((format!("arguments {call} "), text)),
            _ => None,
        };
        if let Some((name, text)) = growing {
            match self.0.last_mut().filter(|last| last.starts_with(&name)) {
                Some(last) => last.push_str(&text.decode()),
                None => self.0.push(format!("{name}{}", text.decode())),
            }
            return;
        }
        self.0.push(match event {
            Event::Begin { id, model } => {
                let shown = |text: Option<super::super::text::Text<'_>>| {
                    text.map_or_else(|| "-".to_owned(), |text| text.decode().into_owned())
                };
                format!("begin {} {}", shown(id), shown(model))
            }
            Event::Opaque { opaque, .. } => {
                format!("opaque {:?} {}", opaque.kind, opaque.data.decode())
            }
            Event::Call { call, id, name, .. } => {
                let id = id.map_or_else(|| "-".to_owned(), |id| id.decode().into_owned());
                format!("call {call} {id} {}", name.decode())
            }
            Event::CallEnd { call, .. } => format!("call end {call}"),
            Event::Usage(usage) => format!(
                "usage {} {} {} {} {}",
                usage.input, usage.cached, usage.written, usage.output, usage.reasoning
            ),
            Event::Finish { reason, .. } => format!("finish {reason:?}"),
            Event::Dropped(name) => format!("dropped {name}"),
            Event::Error(facts) => format!("error {:?} {}", facts.code, facts.message),
            Event::End => "end".to_owned(),
            other => format!("{other:?}"),
        });
    }
}

/// Reads the data of events.
fn stream(events: &[&str]) -> Vec<String> {
    let (mut reader, mut lines) = (
        super::reply_read::Reader::new(context(true)),
        Lines::default(),
    );
    for data in events {
        reader.read_event(b"", data.as_bytes(), &mut lines).unwrap();
    }
    reader.finish(&mut lines);
    lines.0
}

/// Reads a whole reply.
fn whole(doc: &str) -> Vec<String> {
    let (mut reader, mut lines) = (
        super::reply_read::Reader::new(context(false)),
        Lines::default(),
    );
    reader.read_whole(doc.as_bytes(), &mut lines).unwrap();
    lines.0
}

/// Writes a reply.
fn written(stream: bool, events: Vec<Event<'_>>) -> String {
    let mut writer = super::reply_write::Writer::new(context(stream));
    for event in events {
        writer.take(event);
    }
    String::from_utf8(writer.take_written()).unwrap()
}

/// The data of a stream's events; the name of each is its type.
fn data_of(stream: &str) -> Vec<Value> {
    let events = stream.split_terminator("\n\n");
    events
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let value: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: "), value["type"].as_str());
            value
        })
        .collect()
}
