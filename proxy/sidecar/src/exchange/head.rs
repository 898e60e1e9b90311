//! The head of a reply, and what it says of the body: whether it streams, and whether anybody can read it.

use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body;

use super::settle::ExchangeGuard;
use crate::upstream::Inbound;

/// Longest body that is looked into for an error in disguise, in bytes.
const LARGEST_ERROR: u64 = 64 << 10;

/// Reports whether a reply may be an error in the disguise of a success: a 200 with a JSON error where
/// a stream was requested. Two official SDKs take it for an empty stream that went well.
pub(super) fn may_be_masked(reply: &Response<Inbound>, guard: &ExchangeGuard) -> bool {
    let headers = reply.headers();
    let size = reply.body().size_hint().upper();
    guard.record.streaming
        && unreadable(headers).is_none()
        && !is_stream(headers)
        && size.is_some_and(|bytes| bytes <= LARGEST_ERROR)
}

pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| {
        kind.get(..17)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"))
    })
}

/// The reason for which no policy can be shown a reply with these headers.
pub(super) fn unreadable(headers: &HeaderMap) -> Option<&'static str> {
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .map(HeaderValue::as_bytes);
    if encoding
        .is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity") && !coding.is_empty())
    {
        return Some("encoding");
    }
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("application/json");
    let json = kind
        .get(..16)
        .is_some_and(|start| start.eq_ignore_ascii_case("application/json"));
    (!json && !is_stream(headers)).then_some("content_type")
}
