//! Providers whose answers have meanings of their own.

use super::{
    Class,
    row::{Meaning, Seen},
};
use crate::Family;

/// The provider whose table of failures holds for an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderRules {
    /// OpenAI, and every server that speaks its API and is none of the others.
    Openai,
    /// Anthropic.
    Anthropic,
    /// The Gemini API.
    Gemini,
    /// Vertex AI, with Google's models and others'.
    Vertex,
    /// Azure OpenAI and Foundry.
    Azure,
    /// Amazon Bedrock.
    Bedrock,
    /// Groq.
    Groq,
    /// OpenRouter.
    Openrouter,
    /// DeepSeek.
    Deepseek,
    /// Alibaba Cloud's Model Studio.
    Bailian,
    /// Mistral.
    Mistral,
    /// xAI.
    Xai,
    /// Fireworks.
    Fireworks,
    /// Together.
    Together,
    /// Moonshot.
    Moonshot,
    /// Z.ai and Zhipu.
    Zhipu,
    /// Cerebras.
    Cerebras,
}

impl ProviderRules {
    /// The rules of the provider at this host, by its name without a port.
    pub fn of_host(host: &str) -> Option<Self> {
        let _ = host;
        None
    }

    /// The rules of this name in configuration.
    pub fn named(name: &str) -> Option<Self> {
        let _ = name;
        None
    }

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        "openai"
    }

    /// The rules of whoever designed a family's API; OpenAI's where there is no family.
    pub const fn of_family(family: Option<Family>) -> Self {
        match family {
            Some(Family::Anthropic) => Self::Anthropic,
            Some(Family::Gemini) => Self::Gemini,
            Some(Family::Openai | Family::Every) | None => Self::Openai,
        }
    }

    /// The meaning of an answer that is a failure.
    pub(super) fn meaning(self, seen: &Seen<'_>) -> Meaning {
        let class = match seen.status {
            Some(401 | 403) => Class::Key,
            Some(402) => Class::Money,
            Some(429) => Class::Rate,
            Some(503 | 529) => Class::Overload,
            Some(400..500) => Class::Request,
            _ => Class::MaybeDone,
        };
        Meaning {
            class,
            scope: None,
            fault: None,
        }
    }
}
