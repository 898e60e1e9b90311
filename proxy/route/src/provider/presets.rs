//! The table of presets: one row per provider.
//!
//! Sources are the providers' own pages on their APIs' compatibility. What they leave open is taken
//! as [`Quirks::UNKNOWN`] has it.

use dialect::Dialect::{
    AnthropicMessages, OpenaiChat, OpenaiCompletions, OpenaiEmbeddings, OpenaiImages,
    OpenaiModerations, OpenaiResponses, Rerank,
};

use super::{
    Address::{Local, Made, Public, Written},
    Auth, Base, Layout, MaxField, Part, Preset, Quirks, Reasoning, ResponseSchema, SystemRole,
    ToolIds, UsagePlace,
};
use crate::{Endpoints, Family, ProviderRules};

const CHAT: Endpoints = Endpoints::NONE.with(OpenaiChat);
const RESPONSES: Endpoints = CHAT.with(OpenaiResponses);
const EMBEDDINGS: Endpoints = CHAT.with(OpenaiEmbeddings);
const TEXTS: Endpoints = CHAT.with(OpenaiCompletions);
const TEXTS_AND_EMBEDDINGS: Endpoints = TEXTS.with(OpenaiEmbeddings);
/// Every endpoint of text and vectors.
const ALL: Endpoints = TEXTS_AND_EMBEDDINGS.with(OpenaiResponses);
const MESSAGES: Endpoints = Endpoints::NONE.with(AnthropicMessages);

/// OpenAI's dialects below `path`.
const fn openai(path: &'static str, dialects: Endpoints) -> Base {
    Base {
        family: Family::Openai,
        dialects,
        path,
        layout: Layout::Plain,
        auth: Auth::Bearer,
        claims: &[],
    }
}

/// Anthropic's messages below `path`, which has no version, of a provider that takes its keys as
/// OpenAI's are.
const fn messages(path: &'static str) -> Base {
    Base {
        family: Family::Anthropic,
        dialects: MESSAGES,
        ..openai(path, MESSAGES)
    }
}

/// A provider with one host and keys.
const fn public(url: &'static str, bases: &'static [Base], quirks: Quirks) -> Preset {
    Preset {
        address: Public(url),
        bases,
        quirks,
        keyless: false,
    }
}

/// A server on one's own machine.
const fn local(url: &'static str, bases: &'static [Base], reasoning: Reasoning) -> Preset {
    Preset {
        address: Local(url),
        bases,
        quirks: Quirks {
            reasoning,
            ..Quirks::UNKNOWN
        },
        keyless: true,
    }
}

/// The row of a provider.
pub(super) const fn of(provider: ProviderRules) -> &'static Preset {
    use ProviderRules as P;
    match provider {
        P::Openai => &OPENAI,
        P::Anthropic => &ANTHROPIC,
        P::Gemini => &GEMINI,
        P::Vertex => &VERTEX,
        P::Azure => &AZURE,
        P::Foundry => &FOUNDRY,
        P::Bedrock => &BEDROCK,
        P::BedrockMantle => &BEDROCK_MANTLE,
        P::Groq => &GROQ,
        P::Openrouter => &OPENROUTER,
        P::Deepseek => &DEEPSEEK,
        P::Bailian => &BAILIAN,
        P::Mistral => &MISTRAL,
        P::Xai => &XAI,
        P::Together => &TOGETHER,
        P::Fireworks => &FIREWORKS,
        P::Moonshot => &MOONSHOT,
        P::Zhipu => &ZHIPU,
        P::Cerebras => &CEREBRAS,
        P::Ollama => &OLLAMA,
        P::Vllm => &VLLM,
        P::Sglang => &SGLANG,
        P::LlamaCpp => &LLAMA_CPP,
    }
}

static OPENAI: Preset = public(
    "https://api.openai.com",
    &[Base {
        dialects: Endpoints::of_family(Family::Openai),
        ..openai("/v1", ALL)
    }],
    Quirks::OPENAI,
);

static ANTHROPIC: Preset = public(
    "https://api.anthropic.com",
    &[Base {
        dialects: Endpoints::of_family(Family::Anthropic),
        auth: Auth::XApiKey,
        ..messages("")
    }],
    Quirks::UNKNOWN,
);

// Its OpenAI-like endpoint is left out: it sends parallel calls without an index, and no signatures.
static GEMINI: Preset = public(
    "https://generativelanguage.googleapis.com",
    &[Base {
        family: Family::Gemini,
        dialects: Endpoints::of_family(Family::Gemini),
        auth: Auth::XGoogApiKey,
        ..openai("", ALL)
    }],
    Quirks::UNKNOWN,
);

// Its OpenAI-like endpoint is left out: models have other names there.
static VERTEX: Preset = Preset {
    address: Made {
        url: "https://{endpoint}",
        parts: &[Part::Project, Part::Location],
    },
    bases: &[
        Base {
            family: Family::Gemini,
            dialects: Endpoints::NONE.with(dialect::Dialect::GeminiGenerate),
            ..openai(
                "/v1/projects/{project}/locations/{location}/publishers/google",
                ALL,
            )
        },
        Base {
            layout: Layout::VertexClaude,
            claims: &["claude*"],
            ..messages("/v1/projects/{project}/locations/{location}/publishers/anthropic")
        },
    ],
    quirks: Quirks::UNKNOWN,
    keyless: false,
};

static AZURE: Preset = Preset {
    address: Made {
        url: "https://{resource}.openai.azure.com",
        parts: &[Part::Resource],
    },
    bases: &[AZURE_OPENAI],
    quirks: Quirks::OPENAI,
    keyless: false,
};

static FOUNDRY: Preset = Preset {
    address: Made {
        url: "https://{resource}.services.ai.azure.com",
        parts: &[Part::Resource],
    },
    bases: &[
        AZURE_OPENAI,
        Base {
            auth: Auth::ApiKey,
            claims: &["claude*"],
            ..messages("/anthropic")
        },
    ],
    quirks: Quirks::OPENAI,
    keyless: false,
};

const AZURE_OPENAI: Base = Base {
    layout: Layout::Azure,
    auth: Auth::ApiKey,
    ..openai("/openai/v1", ALL.with(OpenaiImages))
};

static BEDROCK: Preset = Preset {
    address: Made {
        url: "https://bedrock-runtime.{region}.amazonaws.com",
        parts: &[Part::Region],
    },
    bases: &[
        openai("/openai/v1", RESPONSES),
        Base {
            layout: Layout::BedrockInvoke,
            claims: &["anthropic.*", "*.anthropic.*"],
            ..messages("")
        },
        Base {
            dialects: Endpoints::NONE,
            layout: Layout::BedrockConverse,
            claims: BEDROCK_CONVERSE_ONLY,
            ..openai("", RESPONSES)
        },
    ],
    quirks: BEDROCK_QUIRKS,
    keyless: false,
};

static BEDROCK_MANTLE: Preset = Preset {
    address: Made {
        url: "https://bedrock-mantle.{region}.api.aws",
        parts: &[Part::Region],
    },
    bases: &[
        openai("/openai/v1", RESPONSES),
        Base {
            auth: Auth::XApiKey,
            claims: &["anthropic.*"],
            ..messages("/anthropic")
        },
    ],
    quirks: BEDROCK_QUIRKS,
    keyless: false,
};

/// Models that are reached by Converse, and by no endpoint of another designer's API.
const BEDROCK_CONVERSE_ONLY: &[&str] = &[
    "ai21.*",
    "amazon.*",
    "*.amazon.*",
    "cohere.*",
    "meta.*",
    "*.meta.*",
    "writer.*",
    "*.writer.*",
];

const BEDROCK_QUIRKS: Quirks = Quirks {
    reasoning: Reasoning::Reasoning,
    system_role: SystemRole::System,
    max_field: MaxField::MaxCompletionTokens,
    ..Quirks::UNKNOWN
};

static GROQ: Preset = public(
    "https://api.groq.com",
    &[openai("/openai/v1", RESPONSES)],
    Quirks {
        reasoning: Reasoning::Reasoning,
        max_field: MaxField::MaxCompletionTokens,
        usage_place: UsagePlace::XGroq,
        ..Quirks::UNKNOWN
    },
);

static OPENROUTER: Preset = public(
    "https://openrouter.ai",
    &[openai("/api/v1", ALL), messages("/api")],
    Quirks {
        reasoning: Reasoning::ReasoningDetails,
        ..Quirks::UNKNOWN
    },
);

static DEEPSEEK: Preset = public(
    "https://api.deepseek.com",
    &[openai("", CHAT), messages("/anthropic")],
    Quirks {
        response_schema: ResponseSchema::JsonObject,
        takes_parallel_tool_calls: false,
        seed_field: None,
        ..Quirks::UNKNOWN
    },
);

static BAILIAN: Preset = Preset {
    address: Written,
    bases: &[
        openai("/compatible-mode/v1", EMBEDDINGS),
        messages("/apps/anthropic"),
    ],
    quirks: Quirks::UNKNOWN,
    keyless: false,
};

static MISTRAL: Preset = public(
    "https://api.mistral.ai",
    &[openai("/v1", EMBEDDINGS.with(OpenaiModerations))],
    Quirks {
        reasoning: Reasoning::ThinkingParts,
        tool_ids: ToolIds::Alphanumeric(9),
        usage_place: UsagePlace::LastChoice,
        takes_stream_options: false,
        any_tool: "any",
        seed_field: Some("random_seed"),
        ..Quirks::UNKNOWN
    },
);

// Its messages are left out: it has ended them.
static XAI: Preset = public(
    "https://api.x.ai",
    &[openai("/v1", RESPONSES.with(OpenaiImages))],
    Quirks {
        max_field: MaxField::MaxCompletionTokens,
        counts_reasoning_as_output: false,
        ..Quirks::UNKNOWN
    },
);

static TOGETHER: Preset = public(
    "https://api.together.ai",
    &[openai(
        "/v1",
        TEXTS_AND_EMBEDDINGS.with(OpenaiImages).with(Rerank),
    )],
    Quirks {
        reasoning: Reasoning::Reasoning,
        ..Quirks::UNKNOWN
    },
);

static FIREWORKS: Preset = public(
    "https://api.fireworks.ai",
    &[
        openai("/inference/v1", ALL.with(Rerank)),
        messages("/inference"),
    ],
    Quirks::UNKNOWN,
);

static MOONSHOT: Preset = public(
    "https://api.moonshot.ai",
    &[openai("/v1", CHAT), messages("/anthropic")],
    Quirks {
        response_schema: ResponseSchema::JsonObject,
        ..Quirks::UNKNOWN
    },
);

static ZHIPU: Preset = public(
    "https://api.z.ai",
    &[
        openai("/api/paas/v4", EMBEDDINGS.with(OpenaiImages).with(Rerank)),
        messages("/api/anthropic"),
    ],
    Quirks {
        usage_place: UsagePlace::LastChoice,
        response_schema: ResponseSchema::JsonObject,
        takes_parallel_tool_calls: false,
        seed_field: None,
        ..Quirks::UNKNOWN
    },
);

static CEREBRAS: Preset = public(
    "https://api.cerebras.ai",
    &[openai("/v1", TEXTS)],
    Quirks {
        reasoning: Reasoning::Reasoning,
        max_field: MaxField::MaxCompletionTokens,
        ..Quirks::UNKNOWN
    },
);

static OLLAMA: Preset = local(
    "http://127.0.0.1:11434",
    &[openai("/v1", ALL), messages("")],
    Reasoning::Reasoning,
);

static VLLM: Preset = local(
    "http://127.0.0.1:8000",
    &[openai("/v1", ALL.with(Rerank)), messages("")],
    Reasoning::Reasoning,
);

static SGLANG: Preset = local(
    "http://127.0.0.1:30000",
    &[openai("/v1", ALL.with(Rerank)), messages("")],
    Reasoning::ReasoningContent,
);

static LLAMA_CPP: Preset = local(
    "http://127.0.0.1:8080",
    &[openai("/v1", ALL.with(Rerank)), messages("")],
    Reasoning::ReasoningContent,
);
