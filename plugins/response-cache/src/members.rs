//! Members that are known to change an answer only by what they say: those of each dialect's
//! requests, and no others.

use outrigger_sdk::Dialect;

use crate::shape::{
    Member,
    Shape::{self, Any, Each, Inline, Object, Off, Plain, Text, With, Word},
};

/// The members that a dialect's body may have; none where the dialect is not known.
pub(crate) const fn of(dialect: Dialect) -> &'static [Member] {
    match dialect {
        Dialect::OpenaiChat => CHAT,
        Dialect::OpenaiResponses => RESPONSES,
        Dialect::OpenaiCompletions => COMPLETIONS,
        Dialect::OpenaiEmbeddings => EMBEDDINGS,
        Dialect::AnthropicMessages => MESSAGES,
        Dialect::GeminiGenerate => GEMINI,
        _ => &[],
    }
}

/// Tools that the app runs itself, in OpenAI's and Anthropic's spelling.
static TOOLS: Shape = Each(&Object(&[
    ("type", &Word(&["function", "custom"])),
    ("name", &Plain),
    ("description", &Plain),
    ("parameters", &Any),
    ("input_schema", &Any),
    ("input_examples", &Any),
    ("output_schema", &Any),
    ("format", &Any),
    ("strict", &Plain),
    ("defer_loading", &Plain),
    ("eager_input_streaming", &Plain),
    ("cache_control", &Any),
    ("function", &Any),
    ("custom", &Any),
]));

/// A document or a sound that stands in the request itself.
const INLINE: &[Member] = &[
    ("file_data", &Inline),
    ("filename", &Plain),
    ("data", &Inline),
    ("format", &Plain),
];

/// The amount of thinking of the model, in OpenAI's and OpenRouter's words.
static REASONING: Shape = Object(&[
    ("effort", &Plain),
    ("summary", &Plain),
    ("generate_summary", &Plain),
    ("max_tokens", &Plain),
    ("exclude", &Plain),
    ("enabled", &Plain),
]);

/// The same in Anthropic's.
static THINKING: Shape = Object(&[
    ("type", &Word(&["enabled", "disabled", "adaptive", "auto"])),
    ("budget_tokens", &Plain),
    ("display", &Plain),
    ("clear_thinking", &Plain),
]);

static STREAM_OPTIONS: Shape = Object(&[
    ("include_usage", &Plain),
    ("include_obfuscation", &Plain),
    ("continuous_usage_stats", &Plain),
]);

/// The choice of the app's own tool that is to be called.
static TOOL_CHOICE: Shape = Text(&Object(&[
    (
        "type",
        &Word(&[
            "auto",
            "any",
            "none",
            "tool",
            "function",
            "custom",
            "allowed_tools",
        ]),
    ),
    ("name", &Plain),
    ("function", &Any),
    ("custom", &Any),
    ("disable_parallel_tool_use", &Plain),
    ("mode", &Plain),
    ("tools", &TOOLS),
    (
        "allowed_tools",
        &Object(&[("mode", &Plain), ("tools", &TOOLS)]),
    ),
]));

const CHAT: &[Member] = &[
    ("model", &Plain),
    ("messages", &Each(&With(&["role"], CHAT_MESSAGE))),
    ("temperature", &Plain),
    ("top_p", &Plain),
    ("top_k", &Plain),
    ("top_a", &Plain),
    ("min_p", &Plain),
    ("typical_p", &Plain),
    ("seed", &Plain),
    ("random_seed", &Plain),
    ("n", &Any),
    ("max_tokens", &Any),
    ("max_completion_tokens", &Plain),
    ("min_tokens", &Plain),
    ("stop", &Any),
    ("stop_token_ids", &Plain),
    ("ignore_eos", &Plain),
    ("skip_special_tokens", &Plain),
    ("presence_penalty", &Plain),
    ("frequency_penalty", &Plain),
    ("repetition_penalty", &Plain),
    ("length_penalty", &Plain),
    ("logit_bias", &Any),
    ("logprobs", &Plain),
    ("top_logprobs", &Plain),
    ("response_format", &Any),
    ("tools", &TOOLS),
    ("tool_choice", &TOOL_CHOICE),
    ("parallel_tool_calls", &Plain),
    ("functions", &Any),
    ("function_call", &Any),
    ("reasoning_effort", &Any),
    ("reasoning_format", &Plain),
    ("include_reasoning", &Plain),
    ("reasoning", &REASONING),
    ("thinking", &THINKING),
    ("verbosity", &Plain),
    ("prompt_mode", &Plain),
    ("safe_prompt", &Plain),
    ("prediction", &Any),
    ("modalities", &Each(&Word(&["text"]))),
    ("stream", &Plain),
    ("stream_options", &STREAM_OPTIONS),
    ("user", &Any),
    ("metadata", &Any),
    ("store", &Plain),
    ("service_tier", &Plain),
    ("safety_identifier", &Plain),
    ("prompt_cache_key", &Plain),
    ("prompt_cache_retention", &Plain),
    ("prompt_cache_options", &Any),
    ("background", &Off),
    ("enable_search", &Off),
];

const CHAT_MESSAGE: &[Member] = &[
    ("role", &Plain),
    ("name", &Plain),
    ("content", &Text(&Object(CHAT_PART))),
    ("refusal", &Plain),
    ("tool_calls", &Any),
    ("tool_call_id", &Plain),
    ("function_call", &Any),
    ("reasoning", &Plain),
    ("reasoning_content", &Plain),
    ("reasoning_details", &Any),
    ("annotations", &Any),
    ("prefix", &Plain),
    ("partial", &Plain),
    ("cache_control", &Any),
];

const CHAT_PART: &[Member] = &[
    (
        "type",
        &Word(&["text", "refusal", "thinking", "input_audio", "file"]),
    ),
    ("text", &Plain),
    ("refusal", &Plain),
    ("thinking", &Any),
    ("input_audio", &Object(INLINE)),
    ("file", &Object(INLINE)),
    ("cache_control", &Any),
    ("prompt_cache_breakpoint", &Any),
];

const RESPONSES: &[Member] = &[
    ("model", &Plain),
    ("input", &Text(&With(&["type", "role"], ITEM))),
    ("instructions", &Plain),
    ("temperature", &Plain),
    ("top_p", &Plain),
    ("max_output_tokens", &Plain),
    ("max_tool_calls", &Plain),
    ("parallel_tool_calls", &Plain),
    ("tools", &TOOLS),
    ("tool_choice", &TOOL_CHOICE),
    ("text", &Object(&[("format", &Any), ("verbosity", &Plain)])),
    ("reasoning", &REASONING),
    ("include", &Plain),
    ("truncation", &Plain),
    ("top_logprobs", &Plain),
    ("stream", &Plain),
    ("stream_options", &STREAM_OPTIONS),
    ("store", &Plain),
    ("user", &Any),
    ("metadata", &Any),
    ("safety_identifier", &Plain),
    ("prompt_cache_key", &Plain),
    ("prompt_cache_retention", &Plain),
    ("prompt_cache_options", &Any),
    ("service_tier", &Plain),
    ("background", &Off),
];

const ITEM: &[Member] = &[
    (
        "type",
        &Word(&[
            "message",
            "function_call",
            "function_call_output",
            "custom_tool_call",
            "custom_tool_call_output",
            "reasoning",
        ]),
    ),
    ("role", &Plain),
    ("content", &Text(&Object(ITEM_PART))),
    ("id", &Plain),
    ("status", &Plain),
    ("phase", &Plain),
    ("call_id", &Plain),
    ("name", &Plain),
    ("namespace", &Plain),
    ("arguments", &Plain),
    ("input", &Plain),
    ("output", &Text(&Object(ITEM_PART))),
    ("summary", &Text(&Object(ITEM_PART))),
    ("encrypted_content", &Plain),
];

const ITEM_PART: &[Member] = &[
    (
        "type",
        &Word(&[
            "input_text",
            "output_text",
            "text",
            "refusal",
            "summary_text",
            "reasoning_text",
            "input_file",
            "input_audio",
        ]),
    ),
    ("text", &Plain),
    ("refusal", &Plain),
    ("annotations", &Any),
    ("logprobs", &Any),
    ("file_data", &Inline),
    ("filename", &Plain),
    ("detail", &Plain),
    ("input_audio", &Object(INLINE)),
    ("prompt_cache_breakpoint", &Any),
];

const COMPLETIONS: &[Member] = &[
    ("model", &Plain),
    ("prompt", &Plain),
    ("suffix", &Plain),
    ("echo", &Plain),
    ("best_of", &Plain),
    ("n", &Plain),
    ("max_tokens", &Plain),
    ("min_tokens", &Plain),
    ("temperature", &Plain),
    ("top_p", &Plain),
    ("top_k", &Plain),
    ("min_p", &Plain),
    ("seed", &Plain),
    ("random_seed", &Plain),
    ("stop", &Plain),
    ("stop_token_ids", &Plain),
    ("ignore_eos", &Plain),
    ("skip_special_tokens", &Plain),
    ("presence_penalty", &Plain),
    ("frequency_penalty", &Plain),
    ("repetition_penalty", &Plain),
    ("logit_bias", &Any),
    ("logprobs", &Plain),
    ("response_format", &Any),
    ("stream", &Plain),
    ("stream_options", &STREAM_OPTIONS),
    ("user", &Any),
    ("metadata", &Any),
    ("service_tier", &Plain),
];

const EMBEDDINGS: &[Member] = &[
    ("model", &Plain),
    ("input", &Plain),
    ("dimensions", &Plain),
    ("output_dimension", &Plain),
    ("output_dtype", &Plain),
    ("encoding_format", &Plain),
    ("input_type", &Plain),
    ("truncate", &Plain),
    ("truncation", &Plain),
    ("user", &Any),
    ("metadata", &Any),
];

const MESSAGES: &[Member] = &[
    ("model", &Plain),
    ("messages", &Each(&With(&["role"], MESSAGE))),
    ("system", &Text(&Object(BLOCK))),
    ("max_tokens", &Plain),
    ("temperature", &Plain),
    ("top_p", &Plain),
    ("top_k", &Plain),
    ("stop_sequences", &Plain),
    ("stream", &Plain),
    ("metadata", &Any),
    ("tools", &TOOLS),
    ("tool_choice", &TOOL_CHOICE),
    ("thinking", &THINKING),
    (
        "output_config",
        &Object(&[("effort", &Plain), ("format", &Any)]),
    ),
    ("output_format", &Any),
    ("service_tier", &Plain),
    ("inference_geo", &Plain),
    ("speed", &Plain),
    ("cache_control", &Any),
    ("anthropic_version", &Plain),
    ("anthropic_beta", &Plain),
];

const MESSAGE: &[Member] = &[("role", &Plain), ("content", &Text(&Object(BLOCK)))];

const BLOCK: &[Member] = &[
    (
        "type",
        &Word(&[
            "text",
            "thinking",
            "redacted_thinking",
            "tool_use",
            "tool_result",
            "document",
            "search_result",
        ]),
    ),
    ("text", &Plain),
    ("thinking", &Plain),
    ("signature", &Plain),
    ("data", &Plain),
    ("id", &Plain),
    ("name", &Plain),
    ("input", &Any),
    ("tool_use_id", &Plain),
    ("is_error", &Plain),
    ("content", &Text(&Object(INNER_BLOCK))),
    ("source", &DOCUMENT),
    ("title", &Plain),
    ("context", &Plain),
    ("citations", &Any),
    ("cache_control", &Any),
];

/// The blocks in a tool's result, or in a search result that the app brings along.
const INNER_BLOCK: &[Member] = &[
    ("type", &Word(&["text", "document", "search_result"])),
    ("text", &Plain),
    ("source", &DOCUMENT),
    ("title", &Plain),
    ("context", &Plain),
    (
        "content",
        &Text(&Object(&[
            ("type", &Word(&["text"])),
            ("text", &Plain),
            ("citations", &Any),
            ("cache_control", &Any),
        ])),
    ),
    ("citations", &Any),
    ("cache_control", &Any),
];

/// A document whose text or bytes are in the request; for a search result, the name of where it is from.
static DOCUMENT: Shape = Text(&Object(&[
    ("type", &Word(&["text", "base64", "content"])),
    ("media_type", &Plain),
    ("data", &Plain),
    (
        "content",
        &Text(&Object(&[
            ("type", &Word(&["text"])),
            ("text", &Plain),
            ("cache_control", &Any),
        ])),
    ),
]));

const GEMINI: &[Member] = &[
    ("model", &Plain),
    ("contents", &Each(&Object(CONTENT))),
    ("systemInstruction", &Object(CONTENT)),
    ("tools", &Each(&Object(&[("functionDeclarations", &Any)]))),
    (
        "toolConfig",
        &Object(&[(
            "functionCallingConfig",
            &Object(&[
                ("mode", &Plain),
                ("allowedFunctionNames", &Plain),
                ("streamFunctionCallArguments", &Plain),
            ]),
        )]),
    ),
    ("safetySettings", &Any),
    ("generationConfig", &Object(GENERATION)),
    ("labels", &Any),
];

const CONTENT: &[Member] = &[("role", &Plain), ("parts", &Each(&Object(PART)))];

const PART: &[Member] = &[
    ("text", &Plain),
    ("thought", &Plain),
    ("thoughtSignature", &Plain),
    ("partMetadata", &Any),
    (
        "inlineData",
        &Object(&[
            ("mimeType", &Plain),
            ("data", &Inline),
            ("displayName", &Plain),
        ]),
    ),
    (
        "functionCall",
        &Object(&[("id", &Plain), ("name", &Plain), ("args", &Any)]),
    ),
    (
        "functionResponse",
        &Object(&[("id", &Plain), ("name", &Plain), ("response", &Any)]),
    ),
];

const GENERATION: &[Member] = &[
    ("temperature", &Plain),
    ("topP", &Plain),
    ("topK", &Plain),
    ("candidateCount", &Plain),
    ("maxOutputTokens", &Plain),
    ("stopSequences", &Plain),
    ("seed", &Plain),
    ("presencePenalty", &Plain),
    ("frequencyPenalty", &Plain),
    ("responseLogprobs", &Plain),
    ("logprobs", &Plain),
    ("responseMimeType", &Plain),
    ("responseSchema", &Any),
    ("responseJsonSchema", &Any),
    ("_responseJsonSchema", &Any),
    ("responseModalities", &Each(&Word(&["TEXT"]))),
    ("mediaResolution", &Plain),
    (
        "thinkingConfig",
        &Object(&[
            ("thinkingBudget", &Plain),
            ("thinkingLevel", &Plain),
            ("includeThoughts", &Plain),
        ]),
    ),
    ("enableAffectiveDialog", &Plain),
];
