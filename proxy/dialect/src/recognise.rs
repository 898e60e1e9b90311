//! The kind of a request, seen from its head: a call that we read, something without a prompt, or a
//! prompt that nobody here can read.
//!
//! When in doubt it is unread: a path that looks nearly like one of ours, a body where none
//! belongs. Unread requests are refused where a policy reads or judges, so a doubt can't get past
//! it. Servers differ in how they read a path; one that is spelt oddly gets every reading that some
//! server has of it, and is a call only where all that take it for one agree which ([`spelling`]).

use http::{HeaderMap, Method, header};

use super::{Dialect, address, fetched};

pub(crate) mod labels;
mod spelling;
#[cfg(test)]
mod tests;

use labels::{DEPLOYMENTS, ELSE, label, named, reason};

/// The parts of a request that policies can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// A body of this dialect.
    Call(Dialect),
    /// No prompt, and no reply of a model: listing models, deleting.
    NoPrompt,
    /// No prompt, and a reply of this dialect: one that is stored, or is being made in the
    /// background.
    Reply(Dialect),
    /// No prompt, and a reply that nobody here reads. The word is a metric label, one of a bounded
    /// set.
    UnreadReply(&'static str),
    /// Perhaps a prompt, in a form that nobody here reads. The word is a metric label, one of a
    /// bounded set.
    Unread(&'static str),
}

/// The reason of [`Surface::Unread`] for sockets.
pub const REALTIME: &str = "realtime";
/// The reason of [`Surface::Unread`] for a body where none belongs.
pub const BODY: &str = "body";

/// Finds the kind of a request. Base URLs differ, so paths are compared by their last segments; the
/// query is ignored.
pub fn recognise(method: &Method, path: &str, headers: &HeaderMap) -> Surface {
    match *method {
        Method::GET if is_websocket(headers) => Surface::Unread(REALTIME),
        Method::CONNECT => Surface::Unread(REALTIME),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE | Method::TRACE
            if announces_body(headers) =>
        {
            Surface::Unread(BODY)
        }
        Method::GET => reply_at(path, fetched::fetched),
        Method::HEAD | Method::OPTIONS | Method::DELETE | Method::TRACE => Surface::NoPrompt,
        _ if is_empty(headers) => reply_at(path, fetched::acted_on),
        Method::POST => endpoint(path),
        _ => match endpoint(path) {
            Surface::Call(dialect) => Surface::Unread(label(dialect)),
            other @ (Surface::NoPrompt
            | Surface::Reply(_)
            | Surface::UnreadReply(_)
            | Surface::Unread(_)) => other,
        },
    }
}

/// The dialect whose endpoint a path is, whatever is done there: its clients understand that
/// dialect's errors.
pub fn dialect_at(path: &str) -> Dialect {
    match endpoint(path) {
        Surface::Call(dialect) => dialect,
        Surface::NoPrompt | Surface::Reply(_) | Surface::UnreadReply(_) | Surface::Unread(_) => {
            Dialect::Other
        }
    }
}

/// The reply to a request without a body at this path, in any reading that some server has of it.
fn reply_at(path: &str, find: fn(&[&str]) -> Option<Surface>) -> Surface {
    let bare = bare(path);
    let find = |segments: &[String]| {
        let lower: Vec<String> = (segments.iter())
            .map(|segment| segment.to_ascii_lowercase())
            .collect();
        find(&lower.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let found = match spelling::is_plain(bare) {
        true => {
            let segments = bare.split('/').filter(|segment| !segment.is_empty());
            find(&segments.map(str::to_owned).collect::<Vec<_>>())
        }
        false => spelling::readings(bare).find_map(|segments| find(&segments)),
    };
    found.unwrap_or(Surface::NoPrompt)
}

/// Reports whether a request wants its connection to become a WebSocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::UPGRADE).iter();
    values.any(|value| names_websocket(value.as_bytes()))
}

/// Reports whether a value of `upgrade` names WebSockets, in whatever version.
pub fn names_websocket(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|name| {
        let name = name.trim_ascii().get(..9);
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"))
    })
}

/// The kind of a body at this path.
fn endpoint(path: &str) -> Surface {
    let bare = bare(path);
    if let Some(last) = spelling::last_segments(bare, &mut [""; spelling::TELLING]) {
        return match call(last) {
            Some(dialect)
                if dialect.features().is_addressed && address::read(dialect, path).is_none() =>
            {
                Surface::Unread(label(dialect))
            }
            Some(dialect) => Surface::Call(dialect),
            None => {
                let segments: Vec<&str> = bare.split('/').filter(|s| !s.is_empty()).collect();
                Surface::Unread(reason(&segments))
            }
        };
    }
    let mut found = None;
    let mut why = None;
    for reading in spelling::readings(bare) {
        let segments: Vec<&str> = reading.iter().map(String::as_str).collect();
        match (call(&segments), found) {
            (Some(dialect), Some(other)) if dialect != other => return Surface::Unread(ELSE),
            (Some(dialect), _) => found = Some(dialect),
            (None, _) => {}
        }
        why = why.or(Some(reason(&segments)).filter(|why| *why != ELSE));
    }
    match found {
        // The model stands in this path: what can't be read there exactly can't be judged.
        Some(dialect) if dialect.features().is_addressed && !address::is_exact(path) => {
            Surface::Unread(label(dialect))
        }
        Some(dialect) => Surface::Call(dialect),
        None => Surface::Unread(why.unwrap_or(ELSE)),
    }
}

/// A path without its query.
fn bare(path: &str) -> &str {
    let end = memchr::memchr2(b'?', b'#', path.as_bytes());
    path.get(..end.unwrap_or(path.len())).unwrap_or_default()
}

/// The dialect whose endpoint a path ends in. Of a single last segment, what stands before it must
/// be a base URL's, not another resource's. The last [`spelling::TELLING`] segments are enough.
fn call(segments: &[&str]) -> Option<Dialect> {
    let is = |at: usize, name: &str| {
        let segment = segments
            .len()
            .checked_sub(at + 1)
            .and_then(|at| segments.get(at));
        segment.is_some_and(|segment| segment.eq_ignore_ascii_case(name))
    };
    let before = |count: usize| {
        segments
            .get(..segments.len().saturating_sub(count))
            .unwrap_or_default()
    };
    if is(0, "completions") {
        return match is(1, "chat") {
            true => Some(Dialect::OpenaiChat),
            false => may_serve_completions(before(1)).then_some(Dialect::OpenaiCompletions),
        };
    }
    if is(0, "embeddings") {
        return is_base(before(1)).then_some(Dialect::OpenaiEmbeddings);
    }
    if is(0, "responses") {
        return is_base(before(1)).then_some(Dialect::OpenaiResponses);
    }
    // counting endpoints take the body that they count, and compacting ones the body that they
    // compact
    if is(1, "responses") && (is(0, "input_tokens") || is(0, "compact")) {
        return is_base(before(2)).then_some(Dialect::OpenaiResponses);
    }
    if is(0, "messages") {
        return is_base(before(1)).then_some(Dialect::AnthropicMessages);
    }
    if is(1, "messages") && is(0, "count_tokens") {
        return is_base(before(2)).then_some(Dialect::AnthropicMessages);
    }
    if is(1, "messages") && is(0, "batches") {
        return is_base(before(2)).then_some(Dialect::AnthropicBatches);
    }
    if is(0, "conversations") {
        return is_base(before(1)).then_some(Dialect::OpenaiConversations);
    }
    if is(1, "conversations") {
        return is_base(before(2)).then_some(Dialect::OpenaiConversations);
    }
    if is(2, "conversations") && is(0, "items") {
        return is_base(before(3)).then_some(Dialect::OpenaiConversations);
    }
    if is(0, "generations") && is(1, "images") {
        return is_base(before(2)).then_some(Dialect::OpenaiImages);
    }
    if is(0, "moderations") {
        return is_base(before(1)).then_some(Dialect::OpenaiModerations);
    }
    if is(0, "rerank") {
        return is_base(before(1)).then_some(Dialect::Rerank);
    }
    if is(0, "interactions") {
        return is_base(before(1)).then_some(Dialect::GeminiInteractions);
    }
    let [.., _, last] = segments else { return None };
    let (_, method) = last.rsplit_once(':')?;
    address::METHODS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(method))
        .then_some(Dialect::GeminiGenerate)
}

/// Reports whether the segments before an endpoint may be a base URL's: no resource of some other
/// API, by its name or its parent's. (`/threads/t_1/messages` are OpenAI's assistants, not
/// Anthropic's messages.)
fn is_base(before: &[&str]) -> bool {
    let Some((last, rest)) = before.split_last() else {
        return true;
    };
    if is_version(last) {
        return true;
    }
    let other = |segment: &&str| named(segment).is_some_and(|label| label != DEPLOYMENTS);
    !other(last) && !rest.last().is_some_and(other)
}

/// Reports whether the segments before `completions` are one of the base URLs that old completions
/// are served at, and not a word that some server might take for `chat`: bodies of the two have
/// nothing in common.
fn may_serve_completions(before: &[&str]) -> bool {
    const BASES: [&str; 7] = [
        "openai",
        "api",
        "beta",
        "fim",
        "compat",
        "compatible-mode",
        "inference",
    ];
    const BY_NAME: [&str; 3] = ["deployments", "engines", "endpoints"];
    let is_one =
        |names: &[&str], segment: &str| names.iter().any(|n| n.eq_ignore_ascii_case(segment));
    match before {
        [] => true,
        [.., last] if is_version(last) || is_one(&BASES, last) => true,
        [.., parent, _] => is_one(&BY_NAME, parent),
        [_] => false,
    }
}

/// `v1`, `v1beta`, `v4` …
fn is_version(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    let begins = bytes
        .next()
        .is_some_and(|byte| byte.eq_ignore_ascii_case(&b'v'))
        && bytes.next().is_some_and(|byte| byte.is_ascii_digit());
    begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

/// Reports whether the head says that there is no body. A missing length does not: HTTP/2 needs
/// none.
fn is_empty(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let zero = lengths.next().is_some_and(|value| value == "0") && lengths.next().is_none();
    zero && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// Reports whether the head says that there is a body.
fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::CONTENT_LENGTH) && !is_empty(headers)
}
