//! The head of a reply, and what it says of the body: whether it streams, whether anybody can read
//! it, and so what becomes of it.

use dialect::Dialect;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Body;
use policy::Run;

use super::settle::ExchangeGuard;
use crate::upstream::Inbound;

/// Longest body that is looked into for an error in disguise, in bytes.
const LARGEST_ERROR: u64 = 64 << 10;

/// The way on for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// As it comes: nobody here has to read it.
    Relay,
    /// As it comes, though policies read replies: an upstream's error is the app's to read,
    /// whatever it says.
    RelayUnseen(&'static str),
    /// Policies read replies, and this one nobody can read.
    Unreadable(&'static str),
    /// Event by event, as policies rewrite it or a limit may cut it.
    Rewrite,
    /// As a whole, before its head goes out.
    Collect,
}

/// Chooses by its head what becomes of a reply.
pub(super) fn course(reply: &Response<Inbound>, guard: &ExchangeGuard) -> Course {
    let rewrites = guard.run.as_ref().is_some_and(Run::rewrites);
    let cuts = guard.ledger.cuts();
    if !(rewrites || cuts || head_waits(guard) || guard.record.streaming) {
        return Course::Relay; // whatever it says of itself
    }
    let (headers, streams) = (reply.headers(), is_stream(reply.headers()));
    // A stream that may have to be cut is looked at event by event.
    let shown = rewrites || streams && cuts;
    if !reply.status().is_success() {
        let plain = !streams && unreadable(headers, guard.record.dialect).is_none();
        return match shown {
            // What an error quotes of the request is restored.
            true if plain && headers.contains_key(header::CONTENT_TYPE) => Course::Collect,
            true => Course::RelayUnseen("error_status"),
            false => Course::Relay,
        };
    }
    match unreadable(headers, guard.record.dialect) {
        Some(reason) if shown => Course::Unreadable(reason),
        None if streams && shown => Course::Rewrite,
        None if !streams && (shown || head_waits(guard) || may_be_masked(reply, guard)) => {
            Course::Collect
        }
        Some(_) | None => Course::Relay,
    }
}

/// Returns whether the head of a whole reply waits for its body: to tell the cost by the usage, or
/// that it is not finished yet.
fn head_waits(guard: &ExchangeGuard) -> bool {
    guard.generation.config.prices.reply_header || guard.ledger.background
}

/// Reports whether a reply may be an error in the disguise of a success: a 200 with a JSON error
/// where a stream was requested. Two official SDKs take it for an empty stream that went well.
pub(super) fn may_be_masked(reply: &Response<Inbound>, guard: &ExchangeGuard) -> bool {
    let headers = reply.headers();
    let size = reply.body().size_hint().upper();
    guard.record.streaming
        && unreadable(headers, guard.record.dialect).is_none()
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

/// Reports whether a reply says that it is JSON, or events: no sound, no file.
pub(super) fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let begins = kind.and_then(|kind| kind.get(..16));
    is_stream(headers) || begins.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/json"))
}

/// Media types of documents one a line. Anthropic's say the first; the last two are those that SDKs
/// accept, or that say nothing.
const LINES: [&str; 6] = [
    "application/x-jsonl",
    "application/jsonl",
    "application/x-ndjson",
    "application/ndjson",
    "application/binary",
    "application/octet-stream",
];

/// The reason for which no policy can be shown a reply of a dialect with these headers.
pub(super) fn unreadable(headers: &HeaderMap, dialect: Dialect) -> Option<&'static str> {
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
    let is = |name: &&str| {
        kind.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let json = is(&"application/json") || dialect.has_lines() && LINES.iter().any(is);
    (!json && !is_stream(headers)).then_some("content_type")
}
