//! Replies that are fetched: what was generated for an earlier request and is stored at the
//! provider.
//!
//! Such a request has no body and no prompt, and yet its reply is text of a model, or quotes a
//! prompt. Where it has the form of a dialect's reply it is read as one; the rest is named, so that
//! coverage reports it and policies may refuse it.

use super::{
    Dialect,
    recognise::{Surface, labels},
};

/// A reply that nobody reads, by a label of the one set.
macro_rules! unread {
    ($label:literal) => {
        Surface::UnreadReply(const { labels::known($label) })
    };
}

/// The reply that a path without a body fetches; `None` where it is no reply.
pub(super) fn fetched(segments: &[&str]) -> Option<Surface> {
    Some(match segments {
        [.., "chat", "completions", _] => Surface::Reply(Dialect::OpenaiChat),
        [.., "chat", "completions"] | [.., "chat", "completions", _, "messages"] => {
            unread!("completions")
        }
        [.., "responses"] => unread!("responses"),
        [.., "responses", _, "input_items"] => unread!("input_items"),
        [.., "responses", _] => Surface::Reply(Dialect::OpenaiResponses),
        // `history` and `messages` are Mistral's
        [.., "conversations", _]
        | [.., "conversations", _, "items" | "history" | "messages"]
        | [.., "conversations", _, "items", _] => Surface::Reply(Dialect::OpenaiConversations),
        [.., "threads", _, "messages" | "runs"]
        | [.., "threads", _, "messages" | "runs", _]
        | [.., "threads", _, "runs", _, "steps"]
        | [.., "threads", _, "runs", _, "steps", _] => unread!("conversations"),
        [.., "evals", _, "runs", _, "output_items"]
        | [.., "evals", _, "runs", _, "output_items", _] => unread!("evals"),
        [.., "memory_stores", _, "memories"] | [.., "memory_stores", _, "memories", _] => {
            unread!("memory")
        }
        [.., "skills", _, "content"] | [.., "skills", _, "versions", _, "content"] => {
            unread!("skills")
        }
        [.., "messages", "batches", _, "results"] => Surface::Reply(Dialect::AnthropicBatches),
        [.., "batches", _, "results"] => unread!("batches"),
        // Gemini's batches hold their replies themselves.
        [.., "v1beta" | "v1alpha", "batches", _] => unread!("batches"),
        [.., "files", _, "content"] | [.., "files", _, "content:download"] => {
            unread!("files")
        }
        [.., "files", name] if name.ends_with(":download") => unread!("files"),
        [.., "operations", _] => unread!("operations"),
        [.., "interactions"] => unread!("interactions"),
        [.., "interactions", _] => Surface::Reply(Dialect::GeminiInteractions),
        [.., "sessions", _, "events"] | [.., "sessions", _, "events", "stream"] => {
            unread!("sessions")
        }
        _ => return None,
    })
}

/// The reply to an empty body at a path: a cancelled response or interaction comes back with all that it has.
pub(super) fn acted_on(segments: &[&str]) -> Option<Surface> {
    match segments {
        [.., "responses", _, "cancel"] => Some(Surface::Reply(Dialect::OpenaiResponses)),
        [.., "interactions", _, "cancel"] => Some(Surface::Reply(Dialect::GeminiInteractions)),
        _ => None,
    }
}
