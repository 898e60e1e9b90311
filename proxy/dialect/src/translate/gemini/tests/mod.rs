//! Tests of `gemini.generate` requests and replies in translation. What is expected is written from
//! <https://ai.google.dev/api/generate-content> and the types of Google's SDKs.
#![expect(clippy::unwrap_used, reason = "tests")]

mod directions;
mod properties;
mod replies;
mod requests;
mod schemas;
mod targets;
mod writer;

use std::sync::LazyLock;

use serde_json::Value;

use super::super::{
    Quirks, Target, Wire,
    event::{Event, Sink},
    form::Request,
    format::{ReplyContext, Written},
    loss::{Dropped, Refused},
    opaque::Origin,
    takes::ModelTakes,
};

/// The origin of these tests' targets.
const HOME: Origin = Origin(0x00c0_ffee);

/// A target of Google's own.
fn google(model: &str) -> Target<'_> {
    static ANYTHING: LazyLock<ModelTakes> = LazyLock::new(ModelTakes::default);
    Target {
        wire: Wire::Gemini,
        model,
        origin: HOME,
        strict: false,
        takes: &ANYTHING,
        quirks: &Quirks::NONE,
    }
}

fn json(bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    serde_json::from_slice(bytes).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(bytes));
    })
}

/// Reads a request as the crate does: schemas first.
fn read<T>(body: &str, then: impl FnOnce(Request<'_>, &Dropped) -> T) -> Result<T, Refused> {
    let body = Wire::Gemini.with_json_schemas(body.as_bytes());
    let mut dropped = Dropped::default();
    let request = super::request_read::read(&body, &mut dropped)?;
    Ok(then(request, &dropped))
}

/// Reads a request and writes it for a target.
fn rewritten(body: &str, target: &Target<'_>) -> Result<(Written, Dropped), Refused> {
    read(body, |request, dropped| {
        let mut dropped = dropped.clone();
        let written = super::request_write::write(&request, target, &mut dropped)?;
        Ok((written, dropped))
    })?
}

/// The events of a reply as text, one a line.
#[derive(Default)]
struct Events(Vec<String>);

impl Sink for Events {
    fn take(&mut self, event: Event<'_>) {
        self.0.push(match event {
            Event::Begin { id, model } => format!(
                "begin {} {}",
                id.as_ref().map_or("-".into(), |id| id.decode()),
                model.as_ref().map_or("-".into(), |model| model.decode())
            ),
            Event::Text { choice, text } => format!("text {choice} {}", text.decode()),
            Event::Reasoning { choice, text } => format!("reasoning {choice} {}", text.decode()),
            Event::Opaque { choice, opaque } => {
                format!("opaque {choice} {:?} {}", opaque.kind, opaque.data.decode())
            }
            Event::Refusal { choice, text } => format!("refusal {choice} {}", text.decode()),
            Event::Call {
                choice,
                call,
                id,
                name,
            } => format!(
                "call {choice}/{call} {} {}",
                id.as_ref().map_or("-".into(), |id| id.decode()),
                name.decode()
            ),
            Event::Arguments { choice, call, text } => {
                format!("arguments {choice}/{call} {}", text.decode())
            }
            Event::CallEnd { choice, call } => format!("call end {choice}/{call}"),
            Event::Usage(usage) => format!(
                "usage {} {} {} {}",
                usage.input, usage.cached, usage.output, usage.reasoning
            ),
            Event::Finish { choice, reason, .. } => format!("finish {choice} {reason:?}"),
            Event::Dropped(field) => format!("dropped {field}"),
            Event::Error(facts) => format!("error {:?} {:?}", facts.status, facts.kind),
            Event::End => "end".to_owned(),
        });
    }
}

fn context(stream: bool) -> ReplyContext {
    ReplyContext {
        id: "x1".to_owned(),
        model: "alias".to_owned(),
        created: 7,
        stream,
        listed: false,
        prompt_tokens: 3,
        origin: HOME,
    }
}
