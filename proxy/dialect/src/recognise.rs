//! The kind of a request, seen from its head: a call that we read, something without a prompt, or a
//! prompt that nobody here can read.
//!
//! When in doubt it is unread: a path that looks nearly like one of ours, a body where none
//! belongs. Unread requests are refused where a policy reads or judges, so a doubt can't get past
//! it. Servers differ in how they read a path; one that is spelt oddly gets every reading that some
//! server has of it, and is a call only where all that take it for one agree which ([`spelling`]).

use http::{HeaderMap, Method, header};

use super::{Dialect, address, fetched};

mod spelling;

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
    let bare = path.split(['?', '#']).next().unwrap_or_default();
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
    let bare = path.split(['?', '#']).next().unwrap_or_default();
    if spelling::is_plain(bare) {
        let segments: Vec<&str> = bare.split('/').filter(|s| !s.is_empty()).collect();
        return match call(&segments) {
            Some(dialect) if dialect.is_addressed() && address::read(dialect, path).is_none() => {
                Surface::Unread(label(dialect))
            }
            Some(dialect) => Surface::Call(dialect),
            None => Surface::Unread(reason(&segments)),
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
        Some(dialect) if dialect.is_addressed() && !address::is_exact(path) => {
            Surface::Unread(label(dialect))
        }
        Some(dialect) => Surface::Call(dialect),
        None => Surface::Unread(why.unwrap_or(ELSE)),
    }
}

/// The dialect whose endpoint a path ends in. Of a single last segment, what stands before it must
/// be a base URL's, not another resource's.
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

pub(super) const GEMINI: &str = "gemini";
const ELSE: &str = "endpoint";
/// Azure's base URL ends in one.
const DEPLOYMENTS: &str = "deployments";

/// Resources that carry prompts in forms that no dialect reads, and the metric label of each.
const NAMED: [(&str, &str); 46] = [
    ("agents", "agents"),
    ("assistants", "conversations"),
    ("audio", "audio"),
    ("batch", "batches"),
    ("batches", "batches"),
    ("chatkit", "sessions"),
    ("compact", "compact"),
    ("complete", "completions"),
    ("completions", "completions"),
    ("containers", "containers"),
    ("conversations", "conversations"),
    ("converse", "invoke"),
    ("converse-stream", "invoke"),
    ("decisions", "decisions"),
    ("deployments", DEPLOYMENTS),
    ("dreams", "memory"),
    ("edits", "edits"),
    ("embeddings", "embeddings"),
    ("evals", "evals"),
    ("files", "files"),
    ("fine_tuning", "fine_tuning"),
    ("fine-tunes", "fine_tuning"),
    ("graders", "evals"),
    ("images", "images"),
    ("interactions", "interactions"),
    ("invocations", "invoke"),
    ("invoke", "invoke"),
    ("invoke-with-response-stream", "invoke"),
    ("live", "realtime"),
    ("memory", "memory"),
    ("memory_stores", "memory"),
    ("messages", "messages"),
    ("moderations", "moderations"),
    ("realtime", "realtime"),
    ("rerank", "rerank"),
    ("responses", "responses"),
    ("runs", "conversations"),
    ("sessions", "sessions"),
    ("skills", "skills"),
    ("threads", "conversations"),
    ("tokenize", "tokenize"),
    ("uploads", "files"),
    ("vector_stores", "vector_stores"),
    ("videos", "videos"),
    ("voices", "audio"),
    ("workflows", "agents"),
];

/// Resources of calls themselves: they say less than what stands around them.
const CALLS: [&str; 5] = [
    "completions",
    "deployments",
    "embeddings",
    "messages",
    "responses",
];

fn named(segment: &str) -> Option<&'static str> {
    let found = NAMED
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(segment));
    found.map(|(_, label)| *label)
}

/// The metric label that says why a body that is no call is not read.
fn reason(segments: &[&str]) -> &'static str {
    let last = segments.last().copied().unwrap_or_default();
    // `:embedContent`, `:batchGenerateContent`, `:predict`, `:rawPredict` …
    if last.contains(':') {
        return GEMINI;
    }
    let from_last = || segments.iter().rev();
    let of_calls = |segment: &&&str| CALLS.iter().any(|call| call.eq_ignore_ascii_case(segment));
    let telling = from_last().filter(|s| !of_calls(s)).find_map(|s| named(s));
    let telling = telling.or_else(|| from_last().find_map(|s| named(s)));
    telling.unwrap_or(ELSE)
}

/// The label of a known endpoint that is requested with an unknown method.
const fn label(dialect: Dialect) -> &'static str {
    match dialect.description() {
        Some(row) => row.unread,
        None => ELSE,
    }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            let name: header::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        map
    }

    fn post(path: &str) -> Surface {
        recognise(&Method::POST, path, &headers(&[("content-length", "9")]))
    }

    #[test]
    fn a_call_is_known_by_the_end_of_its_path_under_any_base_url() {
        use Dialect::{
            AnthropicBatches, AnthropicMessages, GeminiGenerate, OpenaiChat, OpenaiCompletions,
            OpenaiEmbeddings, OpenaiResponses,
        };
        for (path, dialect) in [
            ("/v1/chat/completions", OpenaiChat),
            ("/chat/completions", OpenaiChat),
            ("/openai/v1/chat/completions/", OpenaiChat),
            (
                "/openai/deployments/d/chat/completions?api-version=1",
                OpenaiChat,
            ),
            ("/v1/responses", OpenaiResponses),
            ("/openai/v1/responses?x=/files", OpenaiResponses),
            ("/v1/responses/input_tokens", OpenaiResponses),
            ("/v1/messages", AnthropicMessages),
            ("/v1/messages?beta=true", AnthropicMessages),
            ("/anthropic/v1/messages/count_tokens", AnthropicMessages),
            ("/v1/messages/batches", AnthropicBatches),
            (
                "/anthropic/v1/messages/batches/?beta=true",
                AnthropicBatches,
            ),
            ("/v1/completions", OpenaiCompletions),
            ("/openai/deployments/d/completions", OpenaiCompletions),
            ("/v1/embeddings", OpenaiEmbeddings),
            ("/v1beta/models/gemini-pro:generateContent", GeminiGenerate),
            (
                "/v1beta/models/gemini-pro:streamGenerateContent?alt=sse",
                GeminiGenerate,
            ),
            ("/models/fast:countTokens", GeminiGenerate),
            (
                "/v1beta/models/gemini-pro%3AgenerateContent",
                GeminiGenerate,
            ),
            ("/v1/responses/compact", OpenaiResponses),
            ("/openai/deployments/d/embeddings", OpenaiEmbeddings),
            ("/fireworks/inference/v1/completions", OpenaiCompletions),
            ("/beta/completions", OpenaiCompletions),
            (
                "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
                GeminiGenerate,
            ),
        ] {
            assert_eq!(post(path), Surface::Call(dialect), "{path}");
        }
    }

    #[test]
    fn a_body_at_another_path_is_unread_with_a_bounded_reason() {
        for (path, reason) in [
            ("/v1/audio/transcriptions", "audio"),
            ("/v1/files", "files"),
            ("/v1/batches", "batches"),
            ("/v1/messages/batches/b", "batches"),
            ("/v1/threads/messages/batches", "batches"),
            ("/v1/complete", "completions"),
            ("/v1/embeddings/x", "embeddings"),
            ("/v1beta/models/gemini-pro:batchEmbedContents", "gemini"),
            ("/v1beta/models/gemini-pro:GenerateContent", "gemini"),
            (
                "/v1beta/models/a%2f..%2fgemini-pro:generateContent",
                "gemini",
            ),
            ("/v1beta/models/a/../gemini-pro:generateContent", "gemini"),
            ("/v1beta/%6dodels/gemini-pro:generateContent", "gemini"),
            ("/v1beta/gemini-pro:generateContent", "gemini"),
            ("/:generateContent", "gemini"),
            ("/v1/images/generations", "images"),
            ("/v1/threads/t_1/messages", "conversations"),
            ("/v1/xchat/completions", "completions"),
            ("/v1/chat-/completions", "completions"),
            ("/v1/chat/completions/x", "completions"),
            ("/v1/responses/r_1/cancel", "responses"),
            ("/v1/conversations/c_1/items", "conversations"),
            ("/v1beta/interactions", "interactions"),
            ("/v1/skills", "skills"),
            ("/v1/agents/sessions/s_1/events", "sessions"),
            ("/v1/sessions/s_1/messages", "sessions"),
            ("/v1/evals", "evals"),
            ("/v1/containers/c_1/files", "files"),
            ("/v1/vector_stores/v_1/search", "vector_stores"),
            ("/v1/memory_stores/m_1/memories", "memory"),
            ("/model/m/invoke", "invoke"),
            ("/", "endpoint"),
            ("", "endpoint"),
        ] {
            assert_eq!(post(path), Surface::Unread(reason), "{path}");
        }
        let put = recognise(&Method::PUT, "/v1/chat/completions", &HeaderMap::new());
        assert_eq!(put, Surface::Unread("completions"));
    }

    #[test]
    fn a_stored_reply_is_a_reply_though_nothing_is_generated() {
        use Surface::{Reply, UnreadReply};
        let get = |path: &str| recognise(&Method::GET, path, &HeaderMap::new());
        for (path, surface) in [
            ("/v1/responses/resp_1", Reply(Dialect::OpenaiResponses)),
            (
                "/v1/responses/resp_1?stream=true&starting_after=3",
                Reply(Dialect::OpenaiResponses),
            ),
            (
                "/openai/v1/chat/completions/chatcmpl-1/",
                Reply(Dialect::OpenaiChat),
            ),
            ("/v1/chat/completions", UnreadReply("completions")),
            ("/v1/responses", UnreadReply("responses")),
            ("/v1/evals/e/runs/r/output_items", UnreadReply("evals")),
            ("/v1/memory_stores/m/memories", UnreadReply("memory")),
            ("/v1/skills/s/content", UnreadReply("skills")),
            (
                "/v1/responses/resp_1/input_items",
                UnreadReply("input_items"),
            ),
            ("/v1/conversations/c/items", UnreadReply("conversations")),
            (
                "/v1/conversations/c/items/i?include=x",
                UnreadReply("conversations"),
            ),
            ("/v1/threads/t/messages", UnreadReply("conversations")),
            ("/v1/messages/batches/b/results", UnreadReply("batches")),
            ("/v1/files/f/content", UnreadReply("files")),
            ("/v1beta/operations/o", UnreadReply("operations")),
            ("/v1beta/batches/b", UnreadReply("batches")),
            ("/v1beta/interactions/i", UnreadReply("interactions")),
            ("/v1/models", Surface::NoPrompt),
            ("/v1/models/m", Surface::NoPrompt),
            ("/v1/batches/b", Surface::NoPrompt),
            ("/v1/files/f", Surface::NoPrompt),
            ("/v1/conversations/c", Surface::NoPrompt),
            ("/api/hello", Surface::NoPrompt),
        ] {
            assert_eq!(get(path), surface, "{path}");
        }
        for method in [Method::HEAD, Method::DELETE, Method::OPTIONS] {
            let seen = recognise(&method, "/v1/responses/resp_1", &HeaderMap::new());
            assert_eq!(seen, Surface::NoPrompt, "{method}");
        }
    }

    #[test]
    fn what_carries_no_body_carries_no_prompt_unless_it_becomes_a_socket() {
        for method in [Method::HEAD, Method::OPTIONS, Method::DELETE] {
            let seen = recognise(&method, "/v1/chat/completions", &HeaderMap::new());
            assert_eq!(seen, Surface::NoPrompt, "{method}");
        }
        let path = "/v1/responses/r_1/cancel";
        let empty = headers(&[("content-length", "0")]);
        let cancelled = recognise(&Method::POST, path, &empty);
        assert_eq!(cancelled, Surface::Reply(Dialect::OpenaiResponses));
        let chunked = headers(&[("content-length", "0"), ("transfer-encoding", "chunked")]);
        assert_eq!(
            recognise(&Method::POST, path, &chunked),
            Surface::Unread("responses")
        );
        // HTTP/2 bodies need no length
        assert_eq!(
            recognise(&Method::POST, path, &HeaderMap::new()),
            Surface::Unread("responses")
        );
        for announced in [("content-length", "2"), ("transfer-encoding", "chunked")] {
            let seen = recognise(&Method::GET, "/v1/models", &headers(&[announced]));
            assert_eq!(seen, Surface::Unread("body"), "{announced:?}");
        }

        let upgrade = headers(&[("connection", "upgrade"), ("upgrade", "WebSocket")]);
        let seen = recognise(&Method::GET, "/v1/realtime?model=m", &upgrade);
        assert_eq!(seen, Surface::Unread("realtime"));
    }

    #[test]
    fn a_path_is_known_however_it_is_spelt() {
        for path in [
            "/v1/%63hat/completions",
            "/v1/ch%61t/completions",
            "/v1/%2563hat/completions",
            "/v1/chat%2Fcompletions",
            "/v1/Chat/Completions",
            "/v1/chat;x/completions;y=z",
            "/v1/chat//completions//",
            "/v1/./chat/./completions",
            "/v1/chat/x/../completions",
            "/v1/chat/x/%2e%2e/completions",
            "/v1\\chat\\completions",
            "/v1/chat/completions%3fx",
        ] {
            assert_eq!(post(path), Surface::Call(Dialect::OpenaiChat), "{path}");
        }
    }

    #[test]
    fn a_path_that_servers_take_for_different_calls_is_unread() {
        let path = "/v1/responses;x%2Fv1%2Fmessages";
        assert_eq!(post(path), Surface::Unread("endpoint"));
    }

    const ENDPOINTS: [&str; 13] = [
        "/v1/chat/completions",
        "/openai/deployments/d/chat/completions",
        "/v1/responses",
        "/v1/responses/compact",
        "/v1/responses/input_tokens",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/messages/batches",
        "/v1/completions",
        "/v1/embeddings",
        "/v1beta/models/m:generateContent",
        "/v1beta/models/m:streamGenerateContent",
        "/v1/models/m:countTokens",
    ];

    /// Another spelling of the character at `at` or of what stands around it.
    fn respelt(path: &str, at: usize, how: u8) -> String {
        let (before, rest) = path.split_at(at);
        let Some(first) = rest.chars().next() else {
            return path.to_owned();
        };
        let after = &rest[first.len_utf8()..];
        let code = u32::from(first);
        match how {
            0 => format!("{before}%{code:02x}{after}"),
            1 => format!("{before}%{code:02X}{after}"),
            2 => format!("{before}%25{code:02x}{after}"),
            3 => format!("{before}{}{after}", first.to_ascii_uppercase()),
            4 => format!("{before}{}{after}", first.to_ascii_lowercase()),
            _ if first != '/' => path.to_owned(),
            5 => format!("{before}//{after}"),
            6 => format!("{before};x/{after}"),
            7 => format!("{before}/./{after}"),
            8 => format!("{before}/x/../{after}"),
            9 => format!("{before}\\{after}"),
            10 => format!("{before}/x/%2e%2E/{after}"),
            _ => format!("{before}/x/..;y/{after}"),
        }
    }

    proptest::proptest! {
        #[test]
        fn no_spelling_of_an_endpoint_goes_round_it(
            endpoint in proptest::sample::select(ENDPOINTS.as_slice()),
            changes in proptest::collection::vec((0_usize..60, 0_u8..12), 1..6),
        ) {
            let plain = post(endpoint);
            let mut path = endpoint.to_owned();
            for (at, how) in changes {
                path = respelt(&path, at % path.len(), how);
            }
            match post(&path) {
                Surface::Unread(_) => {}
                known => proptest::prop_assert_eq!(known, plain, "{}", path),
            }
        }

        #[test]
        fn what_is_recognised_as_geminis_tells_its_model(path in "[a-z/%:.;2ef3AmodelsGC]{0,40}(:|%3A)generateContent") {
            if post(&path) == Surface::Call(Dialect::GeminiGenerate) {
                let address = address::read(Dialect::GeminiGenerate, &path);
                let model = address.map(|address| address.model.into_owned());
                proptest::prop_assert!(model.as_deref().is_some_and(|model| !model.contains("..")), "{} {:?}", path, model);
            }
        }
    }
}
