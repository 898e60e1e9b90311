//! Providers whose answers have meanings of their own.

use super::{
    Class,
    row::{Known, Meaning, Seen},
    rules::{
        ANTHROPIC, AZURE, BAILIAN, BEDROCK, CEREBRAS, DEEPSEEK, FIREWORKS, GEMINI, GROQ, MISTRAL,
        MOONSHOT, OPENAI, OPENROUTER, SHARED, STATUSES, XAI, ZHIPU,
    },
};
use crate::Family;

/// A provider's row in the table of providers.
struct Provider {
    /// The name in configuration.
    name: &'static str,
    /// Its hosts; a `*` stands for any letters.
    hosts: &'static [&'static str],
    /// Its own rows, then those of the APIs that it speaks.
    rows: &'static [&'static [Known]],
    /// True if it documents that its messages give an end.
    says_wait: bool,
    /// True if it documents that its limits come back evenly, and not all at once.
    refills_evenly: bool,
}

/// Writes the table of providers: for each its variant and its row.
macro_rules! providers {
    ($($(#[$doc:meta])+ $rules:ident: $name:literal, [$($host:literal),*], [$($rows:ident),+], $says_wait:literal, $refills_evenly:literal;)+) => {
        /// The provider whose table of failures holds for an upstream.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ProviderRules {
            $($(#[$doc])+ $rules,)+
        }

        impl ProviderRules {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($rules)),+].len()] = [$(Self::$rules),+];

            const fn provider(self) -> &'static Provider {
                match self {
                    $(Self::$rules => &Provider {
                        name: $name,
                        hosts: &[$($host),*],
                        rows: const { &[$($rows),+] },
                        says_wait: $says_wait,
                        refills_evenly: $refills_evenly,
                    },)+
                }
            }
        }
    };
}

providers! {
    /// OpenAI, and every server that speaks its API and is none of the others.
    Openai: "openai", ["api.openai.com", "*.api.openai.com"], [OPENAI], true, true;
    /// Anthropic.
    Anthropic: "anthropic", ["api.anthropic.com"], [ANTHROPIC], false, true;
    /// The Gemini API.
    Gemini: "gemini", ["generativelanguage.googleapis.com"], [GEMINI], true, false;
    /// Vertex AI, with Google's models and others'.
    Vertex: "vertex", ["aiplatform.googleapis.com", "*-aiplatform.googleapis.com", "aiplatform.*.rep.googleapis.com"], [GEMINI, ANTHROPIC, OPENAI], false, false;
    /// Azure OpenAI.
    Azure: "azure", ["*.openai.azure.com", "*.cognitiveservices.azure.com"], [AZURE, OPENAI, ANTHROPIC], true, false;
    /// Microsoft Foundry: Azure OpenAI, and Claude.
    Foundry: "foundry", ["*.services.ai.azure.com"], [AZURE, OPENAI, ANTHROPIC], true, false;
    /// Amazon Bedrock's runtime.
    Bedrock: "bedrock", ["bedrock*.amazonaws.com", "bedrock*.amazonaws.com.cn"], [BEDROCK, ANTHROPIC, OPENAI], false, false;
    /// Amazon Bedrock's endpoints of other designers' APIs.
    BedrockMantle: "bedrock-mantle", ["bedrock*.api.aws"], [BEDROCK, ANTHROPIC, OPENAI], false, false;
    /// Groq.
    Groq: "groq", ["api.groq.com"], [GROQ, OPENAI], true, false;
    /// OpenRouter.
    Openrouter: "openrouter", ["openrouter.ai", "*.openrouter.ai"], [OPENROUTER, OPENAI, ANTHROPIC, GEMINI], false, false;
    /// DeepSeek.
    Deepseek: "deepseek", ["api.deepseek.com"], [DEEPSEEK, OPENAI, ANTHROPIC], false, false;
    /// Alibaba Cloud's Model Studio.
    Bailian: "bailian", ["dashscope*.aliyuncs.com", "*.maas.aliyuncs.com"], [BAILIAN, OPENAI, ANTHROPIC], false, false;
    /// Mistral.
    Mistral: "mistral", ["*.mistral.ai"], [MISTRAL, OPENAI], false, false;
    /// xAI.
    Xai: "xai", ["api.x.ai", "*.api.x.ai"], [XAI, OPENAI, ANTHROPIC], false, false;
    /// Together.
    Together: "together", ["api.together.ai", "api.together.xyz"], [OPENAI], false, false;
    /// Fireworks.
    Fireworks: "fireworks", ["api.fireworks.ai"], [FIREWORKS, OPENAI, ANTHROPIC], false, false;
    /// Moonshot.
    Moonshot: "moonshot", ["api.moonshot.ai", "api.moonshot.cn"], [MOONSHOT, OPENAI, ANTHROPIC], false, false;
    /// Z.ai and Zhipu.
    Zhipu: "zhipu", ["api.z.ai", "open.bigmodel.cn"], [ZHIPU, OPENAI, ANTHROPIC], false, false;
    /// Cerebras.
    Cerebras: "cerebras", ["api.cerebras.ai"], [CEREBRAS, OPENAI], false, false;
    /// Ollama.
    Ollama: "ollama", ["ollama.com"], [OPENAI, ANTHROPIC], false, false;
    /// vLLM.
    Vllm: "vllm", [], [OPENAI, ANTHROPIC], false, false;
    /// SGLang.
    Sglang: "sglang", [], [OPENAI, ANTHROPIC], false, false;
    /// llama.cpp's server.
    LlamaCpp: "llama.cpp", [], [OPENAI, ANTHROPIC], false, false;
}

impl ProviderRules {
    /// The rules of the provider at this host, which may have a port behind it; `None` at hosts of
    /// nobody known.
    pub fn of_host(host: &str) -> Option<Self> {
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut all = Self::ALL.into_iter();
        all.find(|rules| {
            rules
                .provider()
                .hosts
                .iter()
                .any(|host| is_host(host, &name))
        })
    }

    /// The rules of this name in configuration.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rules| rules.name() == name)
    }

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        self.provider().name
    }

    /// The rules of whoever designed a family's API; OpenAI's where there is no family.
    pub const fn of_family(family: Option<Family>) -> Self {
        match family {
            Some(Family::Anthropic) => Self::Anthropic,
            Some(Family::Gemini) => Self::Gemini,
            Some(Family::Openai | Family::Every) | None => Self::Openai,
        }
    }

    /// Reports whether messages of its errors give an end.
    pub(super) const fn says_wait(self) -> bool {
        self.provider().says_wait
    }

    /// Reports whether its limits come back evenly, so that there is room for a call long before
    /// they are full again: OpenAI's and Anthropic's are token buckets. Azure counts by the minute,
    /// and most servers by windows of some kind. Of [`Self::Openai`] it holds at OpenAI's own host
    /// only ([`Self::of_host`]).
    ///
    /// | source | for |
    /// |---|---|
    /// | <https://developers.openai.com/api/docs/guides/rate-limits> | OpenAI |
    /// | <https://docs.claude.com/en/api/rate-limits> | Anthropic |
    /// | <https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/quota> | Azure |
    pub const fn refills_evenly(self) -> bool {
        self.provider().refills_evenly
    }

    /// The meaning of an answer that is a failure.
    pub(super) fn meaning(self, seen: &Seen<'_>) -> Meaning {
        (self.rows())
            .find_map(|row| row.matches(seen))
            .unwrap_or(Meaning::of(match seen.status {
                Some(400..500) => Class::Request,
                // what says nothing of itself may have been answered
                _ => Class::MaybeDone,
            }))
    }
}

impl ProviderRules {
    /// The rows in the order in which they are read.
    pub(super) fn rows(self) -> impl Iterator<Item = &'static Known> {
        let shared: [&'static [Known]; 2] = [SHARED, STATUSES];
        let own = self.provider().rows.iter().copied();
        own.chain(shared).flatten()
    }
}

/// Reports whether a name is that of a host in the table.
fn is_host(host: &str, name: &str) -> bool {
    match host.split_once('*') {
        None => host == name,
        Some((begin, end)) => {
            name.len() > begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
    }
}
