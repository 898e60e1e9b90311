//! The metric labels of bodies and replies that nobody here reads.
//!
//! They are the names of coverage and of `on_unseen` alike: [`ALL`] is the closed set, and what is
//! written as a literal elsewhere goes through [`known`], which does not compile with another.

use crate::Dialect;

pub(crate) const GEMINI: &str = "gemini";
pub(crate) const ELSE: &str = "endpoint";
/// Labels without a resource in [`NAMED`].
const OTHERS: [&str; 5] = [GEMINI, ELSE, super::BODY, "input_items", "operations"];
/// Azure's base URL ends in one.
pub(super) const DEPLOYMENTS: &str = "deployments";

/// The metric labels of resources that carry prompts in forms that no dialect reads, and the
/// resources of each.
const NAMED: [(&str, &[&str]); 28] = [
    ("agents", &["agents", "workflows"]),
    (
        "conversations",
        &["assistants", "conversations", "runs", "threads"],
    ),
    ("audio", &["audio", "voices"]),
    ("batches", &["batch", "batches"]),
    ("sessions", &["chatkit", "sessions"]),
    ("compact", &["compact"]),
    ("completions", &["complete", "completions"]),
    ("containers", &["containers"]),
    (
        "invoke",
        &[
            "converse",
            "converse-stream",
            "invocations",
            "invoke",
            "invoke-with-response-stream",
        ],
    ),
    ("decisions", &["decisions"]),
    (DEPLOYMENTS, &["deployments"]),
    ("memory", &["dreams", "memory", "memory_stores"]),
    ("edits", &["edits"]),
    ("embeddings", &["embeddings"]),
    ("evals", &["evals", "graders"]),
    ("files", &["files", "uploads"]),
    ("fine_tuning", &["fine_tuning", "fine-tunes"]),
    ("images", &["images"]),
    ("interactions", &["interactions"]),
    ("realtime", &["live", "realtime"]),
    ("messages", &["messages"]),
    ("moderations", &["moderations"]),
    ("rerank", &["rerank"]),
    ("responses", &["responses"]),
    ("skills", &["skills"]),
    ("tokenize", &["tokenize"]),
    ("vector_stores", &["vector_stores"]),
    ("videos", &["videos"]),
];

/// Resources of calls themselves: they say less than what stands around them.
const CALLS: [&str; 6] = [
    "completions",
    "deployments",
    "edits",
    "embeddings",
    "messages",
    "responses",
];

/// All labels.
pub(crate) const ALL: [&str; NAMED.len() + OTHERS.len()] = {
    let mut all = [""; NAMED.len() + OTHERS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = match at < NAMED.len() {
            true => NAMED[at].0,
            false => OTHERS[at - NAMED.len()],
        };
        at += 1;
    }
    all
};

/// Returns the label called `name`. In a `const` an unknown one is an error of the compiler.
pub(crate) const fn known(name: &str) -> &'static str {
    let mut at = 0;
    while at < ALL.len() {
        if is_same(ALL[at].as_bytes(), name.as_bytes()) {
            return ALL[at];
        }
        at += 1;
    }
    panic!("no such label");
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The metric label of a resource.
pub(super) fn named(segment: &str) -> Option<&'static str> {
    let is_it = |name: &&str| name.eq_ignore_ascii_case(segment);
    let found = NAMED.iter().find(|(_, names)| names.iter().any(is_it));
    found.map(|(label, _)| *label)
}

/// The metric label that says why a body that is no call is not read.
pub(crate) fn reason(segments: &[&str]) -> &'static str {
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
