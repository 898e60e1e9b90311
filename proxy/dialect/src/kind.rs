//! The kind of a call: what it makes the provider do, and so what it can cost.
//!
//! A dialect's endpoints take the same body for different ends. Counting tokens takes a whole
//! conversation, generates nothing and costs nothing, so reservations, limits and costs go by the
//! kind and not by the body alone.

use super::Dialect;

/// The work that a call causes at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Writes text: costs its prompt and what it generates.
    #[default]
    Generate,
    /// Makes vectors, verdicts or an order: costs its prompt.
    Embed,
    /// Counts the tokens of a prompt: costs nothing.
    Count,
    /// Takes several requests in, and writes their replies later: costs their prompts and what they
    /// generate, which its own reply does not report.
    Batch,
    /// Keeps turns for later calls, and generates nothing: costs nothing.
    Store,
}

impl Kind {
    /// The kind of a call of `dialect` at `path`. A spelling that this does not know is
    /// [`Kind::Generate`]: too much is reserved rather than too little.
    pub(crate) fn of(dialect: Dialect, path: &str) -> Self {
        let Some(row) = dialect.description() else {
            return Self::Generate;
        };
        let counts = |end: &str| {
            let bare = path.split(['?', '#']).next().unwrap_or_default();
            bare.trim_end_matches('/').ends_with(end)
        };
        match row.counting.is_some_and(counts) {
            true => Self::Count,
            false => row.kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_counting_from_generating() {
        use Dialect::{
            AnthropicBatches, AnthropicMessages, GeminiGenerate, OpenaiChat, OpenaiConversations,
            OpenaiEmbeddings, OpenaiResponses,
        };
        for (dialect, path, kind) in [
            (
                AnthropicMessages,
                "/v1/messages/count_tokens?beta=true",
                Kind::Count,
            ),
            (
                AnthropicMessages,
                "/v1/messages?x=count_tokens",
                Kind::Generate,
            ),
            (OpenaiResponses, "/v1/responses/input_tokens/", Kind::Count),
            (OpenaiResponses, "/v1/responses", Kind::Generate),
            (GeminiGenerate, "/v1beta/models/m:countTokens", Kind::Count),
            (
                GeminiGenerate,
                "/v1beta/models/m:generateContent",
                Kind::Generate,
            ),
            (OpenaiEmbeddings, "/v1/embeddings", Kind::Embed),
            (AnthropicBatches, "/v1/messages/batches", Kind::Batch),
            (
                OpenaiConversations,
                "/v1/conversations/c_1/items",
                Kind::Store,
            ),
            (OpenaiChat, "/count_tokens/chat/completions", Kind::Generate),
        ] {
            assert_eq!(Kind::of(dialect, path), kind, "{path}");
        }
    }
}
