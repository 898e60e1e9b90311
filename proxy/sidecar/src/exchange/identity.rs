//! The names of an exchange: the app's own id where it sent one, the caller's trace, or a new id.

use http::{HeaderMap, HeaderName};

use super::REQUEST_ID;
use crate::telemetry::trace;

/// W3C trace context's header.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest id that is taken over from an app.
const LONGEST_ID: usize = 128;

/// The exchange's id: the app's own, or a new one.
pub(super) fn exchange_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given.filter(|id| (1..=LONGEST_ID).contains(&id.len())) {
        Some(id) => id.to_owned(),
        None => new_id(),
    }
}

/// The caller's trace, for the log line; the header itself passes as it is.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(TRACEPARENT)?.to_str().ok()?;
    trace::trace_id(value).map(str::to_owned)
}

/// A new id: 16 hexadecimal digits.
fn new_id() -> String {
    let digits = trace::id::digits(trace::id::next());
    str::from_utf8(&digits).unwrap_or_default().to_owned()
}
