//! Canned answers as a policy gets them.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use sandbox::capabilities::fetch::{Answer, Error};
use serde_json::Value;

use crate::config::cases::{CallFailure, CaseAnswer, HeaderKey, Headers};

/// Makes the answer, or the failure that the case has in its place.
pub(super) fn made(answer: &CaseAnswer) -> Result<Answer, Error> {
    match answer.fail {
        Some(CallFailure::Denied) => return Err(Error::Denied("the host is not granted".into())),
        Some(CallFailure::Failed) => return Err(Error::Failed("no connection".into())),
        Some(CallFailure::Timeout) => return Err(Error::Timeout),
        Some(CallFailure::TooLarge) => return Err(Error::TooLarge),
        None => {}
    }
    let (body, json) = match &answer.body {
        None => (String::new(), false),
        Some(Value::String(text)) => (text.clone(), false),
        Some(json) => (json.to_string(), true),
    };
    // The case was checked: its headers can be sent.
    let mut headers = answer
        .headers
        .as_ref()
        .map_or_else(HeaderMap::new, |written| {
            read_headers(written).unwrap_or_default()
        });
    if json && answer.headers.is_none() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Answer {
        status: answer.status.unwrap_or(200),
        headers,
        body: body.into(),
    })
}

/// Reads headers as they are written.
///
/// # Errors
/// One of them is none.
pub(super) fn read_headers(written: &Headers) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (HeaderKey(name), value) in written {
        let name =
            HeaderName::try_from(name).map_err(|_| format!("no header can be called `{name}`"))?;
        let value = HeaderValue::try_from(&value.0)
            .map_err(|_| format!("the header `{name}` can't have this value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}
