//! The wire formats by their names.

/// The wire format of an LLM API.
///
/// ```
/// # use outrigger_sdk::Dialect;
/// assert_eq!(Dialect::named("openai.chat"), Dialect::OpenaiChat);
/// assert!(Dialect::ALL.iter().all(|dialect| Dialect::named(dialect.name()) == *dialect));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `POST …/chat/completions`.
    OpenaiChat,
    /// `POST …/responses`.
    OpenaiResponses,
    /// `POST …/completions`.
    OpenaiCompletions,
    /// `POST …/embeddings`.
    OpenaiEmbeddings,
    /// `POST …/messages`.
    AnthropicMessages,
    /// `POST …/messages/batches`: requests of `anthropic.messages`, whose replies are fetched later
    /// by others.
    AnthropicBatches,
    /// `POST …/models/MODEL:generateContent`.
    GeminiGenerate,
    /// `POST …/interactions`.
    GeminiInteractions,
    /// `POST …/conversations`, `…/conversations/ID/items`: items of `openai.responses` that later
    /// calls build on.
    OpenaiConversations,
    /// Everything else, and dialects that a later proxy knows and this SDK does not.
    Other,
}

impl Dialect {
    /// All that this SDK knows.
    pub const ALL: &'static [Self] = &[
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::OpenaiCompletions,
        Self::OpenaiEmbeddings,
        Self::AnthropicMessages,
        Self::AnthropicBatches,
        Self::GeminiGenerate,
        Self::GeminiInteractions,
        Self::OpenaiConversations,
        Self::Other,
    ];

    /// The contract's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai.chat",
            Self::OpenaiResponses => "openai.responses",
            Self::OpenaiCompletions => "openai.completions",
            Self::OpenaiEmbeddings => "openai.embeddings",
            Self::AnthropicMessages => "anthropic.messages",
            Self::AnthropicBatches => "anthropic.batches",
            Self::GeminiGenerate => "gemini.generate",
            Self::GeminiInteractions => "gemini.interactions",
            Self::OpenaiConversations => "openai.conversations",
            Self::Other => "other",
        }
    }

    /// Reads the contract's name; one that this SDK does not know is [`Dialect::Other`].
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.iter().find(|dialect| dialect.name() == name);
        known.copied().unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_reads_back_from_its_name_and_an_unknown_one_is_other() {
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::named(dialect.name()), *dialect);
        }
        assert_eq!(Dialect::named("acme.chat"), Dialect::Other);
    }
}
