//! Tests of `anthropic.messages` in translation.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod reading;
mod replies_read;
mod replies_written;
mod writing;

use serde_json::Value;

use super::{
    super::{
        Wire,
        event::Event,
        form::Request,
        format::ReplyContext,
        loss::{Dropped, Refused},
        opaque::Origin,
        takes::ModelTakes,
        target::{Quirks, Target},
        text::Text,
    },
    request_read, request_write,
};

/// The origin of the target in tests.
const HOME: Origin = Origin(0xa);

fn target(takes: &ModelTakes) -> Target<'_> {
    Target {
        wire: Wire::Messages,
        model: "claude-x",
        origin: HOME,
        strict: false,
        takes,
        quirks: &Quirks::NONE,
    }
}

fn read(doc: &str) -> Result<(Request<'_>, Dropped), Refused> {
    let mut dropped = Dropped::default();
    let request = request_read::read(doc.as_bytes(), &mut dropped)?;
    Ok((request, dropped))
}

fn write(request: &Request<'_>, takes: &ModelTakes) -> Result<(Value, Dropped), Refused> {
    let mut dropped = Dropped::default();
    let written = request_write::write(request, &target(takes), &mut dropped)?;
    assert_eq!(written.path, "/v1/messages");
    let body = serde_json::from_slice(&written.body)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&written.body)));
    Ok((body, dropped))
}

/// A document through the form and back.
fn through(doc: &Value, takes: &ModelTakes) -> (Value, Vec<&'static str>) {
    let doc = doc.to_string();
    let (request, mut dropped) = read(&doc).expect("it is sound");
    let (body, more) = write(&request, takes).expect("it can be written");
    more.fields().iter().for_each(|field| dropped.add(field));
    (body, dropped.fields().to_vec())
}

/// A document with `messages` of one user's text, and these members besides.
fn with(members: Value) -> Value {
    let mut doc = serde_json::json!({
        "model": "claude-x", "max_tokens": 4000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    });
    for (name, value) in members.as_object().unwrap() {
        doc[name] = value.clone();
    }
    doc
}

fn context(stream: bool) -> ReplyContext {
    ReplyContext {
        id: "ex1".to_owned(),
        model: "my-model".to_owned(),
        created: 1,
        stream,
        listed: false,
        prompt_tokens: 77,
        origin: HOME,
    }
}

/// An event in few words.
fn brief(event: &Event<'_>) -> String {
    match event {
        Event::Begin { id, model } => {
            let word = |text: &Option<Text<'_>>| {
                text.as_ref()
                    .map_or("-".to_owned(), |text| text.decode().into_owned())
            };
            format!("begin {} {}", word(id), word(model))
        }
        Event::Text { text, .. } => format!("text {}", text.decode()),
        Event::Reasoning { text, .. } => format!("reasoning {}", text.decode()),
        Event::Opaque { opaque, .. } => format!(
            "opaque {:?} {:?} {}",
            opaque.origin.map(|origin| origin.0),
            opaque.kind,
            opaque.data.decode()
        ),
        Event::Refusal { text, .. } => format!("refusal {}", text.decode()),
        Event::Call { call, id, name, .. } => {
            let id = id.as_ref().map(|id| id.decode().into_owned());
            format!("call {call} {} {}", id.unwrap_or_default(), name.decode())
        }
        Event::Arguments { call, text, .. } => format!("arguments {call} {}", text.decode()),
        Event::CallEnd { call, .. } => format!("call end {call}"),
        Event::Usage(usage) => format!(
            "usage {} {} {} {} {}",
            usage.input, usage.cached, usage.written, usage.output, usage.reasoning
        ),
        Event::Finish { reason, stop, .. } => {
            let stop = stop.as_ref().map(|stop| format!(" {}", stop.decode()));
            format!("finish {reason:?}{}", stop.unwrap_or_default())
        }
        Event::Dropped(name) => format!("dropped {name}"),
        Event::Error(facts) => format!(
            "error {} {}",
            facts.kind.as_deref().unwrap_or("-"),
            facts.message
        ),
        Event::End => "end".to_owned(),
    }
}
