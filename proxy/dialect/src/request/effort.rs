//! The effort that a call wants of a model's reasoning: how long the first content may take depends
//! on it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Body;
use crate::{Dialect, json};

/// The effort that a call wants of a model's reasoning, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// The model's own choice.
    #[default]
    Unset,
    /// None at all.
    None,
    /// As little as there is.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much, or more than that.
    High,
}

impl Effort {
    /// Its name in requests; empty where it is the model's choice.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unset => "",
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The effort of this name, in any dialect's spelling. A name that is not known is the model's
    /// affair.
    fn named(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"none" => Self::None,
            b"minimal" => Self::Minimal,
            b"low" => Self::Low,
            b"medium" => Self::Medium,
            b"high" | b"xhigh" | b"max" => Self::High,
            _ => Self::Unset,
        }
    }

    /// The effort of a budget of tokens for reasoning: the budgets that OpenRouter and Vertex document
    /// for the names.
    const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..1024 => Self::Minimal,
            1024..4096 => Self::Low,
            4096..16_384 => Self::Medium,
            16_384.. => Self::High,
        }
    }
}

/// JSON pointers to a name, and to a budget.
struct Places {
    names: &'static [&'static str],
    budgets: &'static [&'static str],
}

impl Places {
    const fn of(dialect: Dialect) -> Option<&'static Self> {
        match dialect {
            Dialect::OpenaiChat => Some(&Self {
                names: &["/reasoning_effort", "/reasoning/effort"],
                budgets: &["/reasoning/max_tokens"],
            }),
            Dialect::OpenaiResponses => Some(&Self {
                names: &["/reasoning/effort"],
                budgets: &[],
            }),
            Dialect::AnthropicMessages => Some(&Self {
                names: &["/output_config/effort"],
                budgets: &["/thinking/budget_tokens"],
            }),
            Dialect::GeminiGenerate => Some(&Self {
                names: &[
                    "/generationConfig/thinkingConfig/thinkingLevel",
                    "/generation_config/thinking_config/thinking_level",
                ],
                budgets: &[
                    "/generationConfig/thinkingConfig/thinkingBudget",
                    "/generation_config/thinking_config/thinking_budget",
                ],
            }),
            Dialect::GeminiInteractions => Some(&Self {
                names: &["/generation_config/thinking_level"],
                budgets: &[],
            }),
            Dialect::OpenaiCompletions
            | Dialect::OpenaiEmbeddings
            | Dialect::AnthropicBatches
            | Dialect::OpenaiImages
            | Dialect::OpenaiModerations
            | Dialect::OpenaiConversations
            | Dialect::Rerank
            | Dialect::Other => None,
        }
    }
}

/// Parts of the members' names of which one is in each body that says it.
static REASONING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("reasoning"));
static EFFORT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("effort"));
static THINKING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("hinking"));

impl Body {
    /// The effort that it wants of a model's reasoning, by name or by a budget of tokens.
    pub fn effort(&self) -> Effort {
        let bytes = &self.state.bytes;
        let Some(places) = Places::of(self.dialect) else {
            return Effort::Unset;
        };
        // the names of all members that could say it, at the speed of `memchr`
        let has = |word: &Finder<'_>| word.find(bytes).is_some();
        let says = match self.dialect {
            Dialect::OpenaiChat | Dialect::OpenaiResponses => has(&REASONING),
            Dialect::AnthropicMessages => has(&EFFORT) || has(&THINKING),
            Dialect::GeminiGenerate | Dialect::GeminiInteractions => has(&THINKING),
            Dialect::OpenaiCompletions
            | Dialect::OpenaiEmbeddings
            | Dialect::AnthropicBatches
            | Dialect::OpenaiImages
            | Dialect::OpenaiModerations
            | Dialect::OpenaiConversations
            | Dialect::Rerank
            | Dialect::Other => false,
        };
        if !says {
            return Effort::Unset;
        }
        let named = places.names.iter().find_map(|at| {
            let literal = bytes.get(json::pointer(bytes, at)?)?;
            literal.strip_prefix(b"\"")?.strip_suffix(b"\"")
        });
        if let Some(name) = named {
            return Effort::named(name);
        }
        let budget = places.budgets.iter().find_map(|at| self.count_at(at));
        match budget {
            Some(budget) => Effort::of_budget(budget),
            None if self.has_thinking_disabled() => Effort::None,
            None => Effort::Unset,
        }
    }

    fn has_thinking_disabled(&self) -> bool {
        let bytes = &self.state.bytes;
        let kind = json::pointer(bytes, "/thinking/type").and_then(|range| bytes.get(range));
        kind == Some(b"\"disabled\"")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_effort_is_read_by_name_and_by_budget_in_every_dialect() {
        for (dialect, json, effort) in [
            (Dialect::OpenaiChat, r#"{"messages":[]}"#, Effort::Unset),
            (
                Dialect::OpenaiChat,
                r#"{"messages":[{"content":"reasoning"}]}"#,
                Effort::Unset,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"reasoning_effort":"minimal"}"#,
                Effort::Minimal,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"reasoning_effort":null}"#,
                Effort::Unset,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"reasoning_effort":"xhigh"}"#,
                Effort::High,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"reasoning":{"effort":"low"}}"#,
                Effort::Low,
            ),
            (
                Dialect::OpenaiChat,
                r#"{"reasoning":{"max_tokens":8000}}"#,
                Effort::Medium,
            ),
            (
                Dialect::OpenaiResponses,
                r#"{"reasoning":{"effort":"none"}}"#,
                Effort::None,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"thinking":{"type":"enabled","budget_tokens":2048}}"#,
                Effort::Low,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"thinking":{"type":"disabled"}}"#,
                Effort::None,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"thinking":{"type":"adaptive"}}"#,
                Effort::Unset,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}}"#,
                Effort::High,
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}"#,
                Effort::None,
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}}"#,
                Effort::Unset,
            ),
            (
                Dialect::GeminiGenerate,
                r#"{"generation_config":{"thinking_config":{"thinking_level":"HIGH"}}}"#,
                Effort::High,
            ),
            (
                Dialect::OpenaiEmbeddings,
                r#"{"reasoning_effort":"high"}"#,
                Effort::Unset,
            ),
        ] {
            let body = Body::wire(dialect, Bytes::copy_from_slice(json.as_bytes()));
            assert_eq!(body.effort(), effort, "{json}");
        }
    }
}
