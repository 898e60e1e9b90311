//! What a request is, seen from its head: a call that we read, something without a prompt, or a prompt that nobody here can read.
//!
//! When in doubt it is unread: a path that looks nearly like one of ours, a body without a length, an encoding that we do not
//! undo. Unread requests are refused where a policy reads passages, so a doubt can't become a way around it.

use http::{HeaderMap, Method, header};

use super::{Dialect, fetched};

/// What policies can be shown of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// A body of this dialect.
    Call(Dialect),
    /// No prompt, and no reply of a model: listing models, deleting.
    NoPrompt,
    /// No prompt, and a reply of this dialect: one that is stored, or is being made in the background.
    Reply(Dialect),
    /// No prompt, and a reply that nobody here reads. The word is a metric label, one of a bounded set.
    UnreadReply(&'static str),
    /// It may carry a prompt, in a form that nobody here reads. The word is a metric label, one of a bounded set.
    Unread(&'static str),
}

/// Tells what a request is. Base URLs differ, so paths are compared by their last segments; the query is ignored.
pub fn recognise(method: &Method, path: &str, headers: &HeaderMap) -> Surface {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    match *method {
        Method::GET if is_websocket(headers) => Surface::Unread("realtime"),
        Method::CONNECT => Surface::Unread("realtime"),
        Method::GET => fetched::fetched(&segments).unwrap_or(Surface::NoPrompt),
        Method::HEAD | Method::OPTIONS | Method::DELETE | Method::TRACE => Surface::NoPrompt,
        _ if is_empty(headers) => fetched::acted_on(&segments).unwrap_or(Surface::NoPrompt),
        Method::POST => match call(&segments) {
            Some(_) if is_encoded(headers) => Surface::Unread("encoding"),
            Some(dialect) => Surface::Call(dialect),
            None => Surface::Unread(reason(&segments)),
        },
        _ => Surface::Unread(reason(&segments)),
    }
}

/// The dialect whose endpoint a path ends in.
fn call(segments: &[&str]) -> Option<Dialect> {
    match segments {
        [.., "chat", "completions"] => Some(Dialect::OpenaiChat),
        [.., "completions"] => Some(Dialect::OpenaiCompletions),
        [.., "embeddings"] => Some(Dialect::OpenaiEmbeddings),
        // counting endpoints take the body that they count
        [.., "responses"] | [.., "responses", "input_tokens"] => Some(Dialect::OpenaiResponses),
        [.., "threads", _, "messages"] => None, // OpenAI's assistants, not Anthropic's messages
        [.., "messages"] | [.., "messages", "count_tokens"] => Some(Dialect::AnthropicMessages),
        [.., _, last] => match last.rsplit_once(':')?.1 {
            "generateContent" | "streamGenerateContent" | "countTokens" => {
                Some(Dialect::GeminiGenerate)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Why a body that is no call is not read: the metric label.
fn reason(segments: &[&str]) -> &'static str {
    let last = segments.last().copied().unwrap_or_default();
    // `:embedContent`, `:batchGenerateContent`, `:predict`, `:rawPredict` …
    if last.contains(':') {
        return "gemini";
    }
    let known = segments.iter().rev().find_map(|segment| {
        Some(match *segment {
            "audio" => "audio",
            "files" | "uploads" | "vector_stores" => "files",
            "batches" => "batches",
            "embeddings" => "embeddings",
            "completions" | "complete" => "completions",
            "images" => "images",
            "videos" => "videos",
            "moderations" => "moderations",
            "realtime" => "realtime",
            "threads" | "assistants" | "conversations" => "conversations",
            "fine_tuning" => "fine_tuning",
            _ => return None,
        })
    });
    known.unwrap_or("endpoint")
}

fn is_websocket(headers: &HeaderMap) -> bool {
    headers.get_all(header::UPGRADE).iter().any(|value| {
        value
            .as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"websocket")
    })
}

/// Whether the head says that there is no body. A missing length does not: HTTP/2 needs none.
fn is_empty(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let zero = lengths.next().is_some_and(|value| value == "0") && lengths.next().is_none();
    zero && !headers.contains_key(header::TRANSFER_ENCODING)
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| {
            !value
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"identity")
        })
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
            AnthropicMessages, GeminiGenerate, OpenaiChat, OpenaiCompletions, OpenaiEmbeddings,
            OpenaiResponses,
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
            ("/v1/messages/batches", "batches"),
            ("/v1/complete", "completions"),
            ("/v1/embeddings/x", "embeddings"),
            ("/v1beta/models/gemini-pro:batchEmbedContents", "gemini"),
            ("/v1beta/models/gemini-pro:GenerateContent", "gemini"),
            ("/v1beta/models/gemini-pro%3AgenerateContent", "endpoint"),
            ("/:generateContent", "gemini"),
            ("/v1/images/generations", "images"),
            ("/v1/threads/t_1/messages", "conversations"),
            ("/v1/chat%2Fcompletions", "endpoint"),
            ("/v1/Chat/Completions", "endpoint"),
            ("/v1/responses/r_1/cancel", "endpoint"),
            ("/", "endpoint"),
            ("", "endpoint"),
        ] {
            assert_eq!(post(path), Surface::Unread(reason), "{path}");
        }
        let put = recognise(&Method::PUT, "/v1/chat/completions", &HeaderMap::new());
        assert_eq!(put, Surface::Unread("completions"));
    }

    #[test]
    fn a_stored_reply_is_a_reply_though_nothing_is_asked_for() {
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
            Surface::Unread("endpoint")
        );
        // HTTP/2 bodies need no length
        assert_eq!(
            recognise(&Method::POST, path, &HeaderMap::new()),
            Surface::Unread("endpoint")
        );

        let upgrade = headers(&[("connection", "upgrade"), ("upgrade", "WebSocket")]);
        let seen = recognise(&Method::GET, "/v1/realtime?model=m", &upgrade);
        assert_eq!(seen, Surface::Unread("realtime"));
    }

    #[test]
    fn an_encoded_call_is_unread_and_identity_is_no_encoding() {
        let path = "/v1/messages";
        for encoding in ["gzip", "br", "identity, gzip", "x"] {
            let seen = recognise(
                &Method::POST,
                path,
                &headers(&[("content-encoding", encoding)]),
            );
            assert_eq!(seen, Surface::Unread("encoding"), "{encoding}");
        }
        let plain = headers(&[("content-encoding", "Identity")]);
        let seen = recognise(&Method::POST, path, &plain);
        assert_eq!(seen, Surface::Call(Dialect::AnthropicMessages));
    }
}
