//! Tests of Converse in translation.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;

use super::super::{
    Dropped, Origin, Quirks, Refused, ReplyContext, Target, Wire, event::Event, form::Request,
    takes::ModelTakes, text::Text,
};
use super::FORMAT;

mod forms;
mod media;
mod options;
mod replies;
mod requests;
mod streams;

const HOME: Origin = Origin(7);
const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "amazon.nova-pro-v1:0";
const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";

fn target<'t>(model: &'t str, takes: &'t ModelTakes) -> Target<'t> {
    Target {
        wire: Wire::Converse,
        model,
        origin: HOME,
        strict: false,
        takes,
        quirks: &Quirks::NONE,
    }
}

/// A body that was written, and what was dropped.
type Carried = Result<(Value, Vec<&'static str>), Refused>;

/// Writes a form.
fn written(form: &Request<'_>, model: &str, takes: &ModelTakes) -> Carried {
    let mut dropped = Dropped::default();
    let written = (FORMAT.write_request)(form, &target(model, takes), &mut dropped)?;
    let value = serde_json::from_slice(&written.body).unwrap();
    Ok((value, dropped.fields().to_vec()))
}

/// Writes a request of `openai.chat`.
fn carried(body: &str, model: &str, takes: &ModelTakes) -> Carried {
    let caller = crate::Dialect::OpenaiChat;
    let target = target(model, takes);
    let (written, dropped) = super::super::request(caller, body.as_bytes(), false, &target)?;
    let value = serde_json::from_slice(&written.body).unwrap();
    Ok((value, dropped.fields().to_vec()))
}

fn context() -> ReplyContext {
    ReplyContext {
        id: "x1".into(),
        model: "alias".into(),
        created: 1_700_000_000,
        stream: true,
        listed: false,
        prompt_tokens: 7,
        origin: HOME,
    }
}

/// An event as a short text.
fn note(event: &Event<'_>) -> String {
    let word = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.decode().into_owned());
    match event {
        Event::Begin { .. } => "begin".to_owned(),
        Event::Text { text, .. } => format!("text {}", text.decode()),
        Event::Reasoning { text, .. } => format!("reasoning {}", text.decode()),
        Event::Opaque { opaque, .. } => {
            assert_eq!(opaque.origin, Some(HOME));
            format!("opaque {:?} {}", opaque.kind, opaque.data.decode())
        }
        Event::Refusal { text, .. } => format!("refusal {}", text.decode()),
        Event::Call { call, id, name, .. } => {
            format!(
                "call {call} {} {}",
                word(id).unwrap_or_default(),
                name.decode()
            )
        }
        Event::Arguments { call, text, .. } => format!("arguments {call} {}", text.decode()),
        Event::CallEnd { call, .. } => format!("call-end {call}"),
        Event::Usage(usage) => format!(
            "usage {}/{}/{} {}",
            usage.input, usage.cached, usage.written, usage.output
        ),
        Event::Finish { reason, stop, .. } => format!("finish {reason:?} {:?}", word(stop)),
        Event::Dropped(field) => format!("dropped {field}"),
        Event::Error(facts) => format!("error {:?} {:?}", facts.kind, facts.status),
        Event::End => "end".to_owned(),
    }
}
