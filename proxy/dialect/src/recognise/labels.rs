//! The metric labels of bodies that nobody here reads.

use crate::Dialect;

pub(crate) const GEMINI: &str = "gemini";
pub(super) const ELSE: &str = "endpoint";
/// Azure's base URL ends in one.
pub(super) const DEPLOYMENTS: &str = "deployments";

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

pub(super) fn named(segment: &str) -> Option<&'static str> {
    let found = NAMED
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(segment));
    found.map(|(_, label)| *label)
}

/// The metric label that says why a body that is no call is not read.
pub(super) fn reason(segments: &[&str]) -> &'static str {
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
pub(super) const fn label(dialect: Dialect) -> &'static str {
    match dialect.description() {
        Some(row) => row.unread,
        None => ELSE,
    }
}
