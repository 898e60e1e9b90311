#![expect(clippy::unwrap_used, reason = "tests")]

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
        AnthropicBatches, AnthropicMessages, GeminiGenerate, GeminiInteractions, OpenaiChat,
        OpenaiCompletions, OpenaiConversations, OpenaiEmbeddings, OpenaiImages, OpenaiModerations,
        OpenaiResponses, Rerank,
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
        ("/v1beta/interactions", GeminiInteractions),
        ("/v1/images/generations", OpenaiImages),
        (
            "/openai/deployments/d/images/generations?api-version=1",
            OpenaiImages,
        ),
        ("/v1/moderations", OpenaiModerations),
        ("/v1/conversations", OpenaiConversations),
        ("/openai/v1/conversations/c_1", OpenaiConversations),
        ("/v1/conversations/c_1/items?include=x", OpenaiConversations),
        ("/v2/rerank", Rerank),
        (
            "/v1beta1/projects/p/locations/global/interactions?x",
            GeminiInteractions,
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
        ("/v1/images/edits", "images"),
        ("/v1/images/variations", "images"),
        ("/v1/threads/t_1/rerank", "rerank"),
        ("/v1/threads/t_1/messages", "conversations"),
        ("/v1/xchat/completions", "completions"),
        ("/v1/chat-/completions", "completions"),
        ("/v1/chat/completions/x", "completions"),
        ("/v1/responses/r_1/cancel", "responses"),
        ("/v1/conversations/c_1/items/i_1", "conversations"),
        ("/v1/conversations/c_1/responses", "conversations"),
        ("/v1/threads/conversations", "conversations"),
        ("/v1beta/interactions/i/cancel", "interactions"),
        ("/v1beta/files/interactions", "interactions"),
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
        (
            "/v1/conversations/c/items?limit=2",
            Reply(Dialect::OpenaiConversations),
        ),
        (
            "/v1/conversations/c/items/i?include=x",
            Reply(Dialect::OpenaiConversations),
        ),
        ("/v1/conversations/c", Reply(Dialect::OpenaiConversations)),
        (
            "/v1/conversations/c/history",
            Reply(Dialect::OpenaiConversations),
        ),
        ("/v1/threads/t/messages", UnreadReply("conversations")),
        (
            "/v1/messages/batches/b/results",
            Reply(Dialect::AnthropicBatches),
        ),
        ("/v1/batches/b/results", UnreadReply("batches")),
        ("/v1/files/f/content", UnreadReply("files")),
        ("/v1beta/operations/o", UnreadReply("operations")),
        ("/v1beta/batches/b", UnreadReply("batches")),
        ("/v1beta/interactions/i", Reply(Dialect::GeminiInteractions)),
        ("/v1beta/interactions", UnreadReply("interactions")),
        ("/v1/models", Surface::NoPrompt),
        ("/v1/models/m", Surface::NoPrompt),
        ("/v1/batches/b", Surface::NoPrompt),
        ("/v1/files/f", Surface::NoPrompt),
        ("/v1/conversations", Surface::NoPrompt),
        ("/v1/messages/batches/b", Surface::NoPrompt),
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

const ENDPOINTS: [&str; 15] = [
    "/v1/chat/completions",
    "/openai/deployments/d/chat/completions",
    "/v1/responses",
    "/v1/responses/compact",
    "/v1/responses/input_tokens",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/messages/batches",
    "/v1/completions",
    "/v1/conversations",
    "/v1/conversations/c_1/items",
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
