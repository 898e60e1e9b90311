//! Tests of `anthropic.messages` in translation.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod reading;
mod writing;

use serde_json::Value;

use super::{
    super::{
        Wire,
        form::Request,
        loss::{Dropped, Refused},
        opaque::Origin,
        takes::ModelTakes,
        target::{Quirks, Target},
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
