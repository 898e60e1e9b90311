//! Tests of `openai.responses` in translation.
#![expect(clippy::unwrap_used, reason = "tests")]

mod request_properties;
mod request_read;
mod request_write;

use serde_json::Value;

use super::super::{
    Wire,
    form::Request,
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
