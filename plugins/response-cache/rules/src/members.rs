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

/// Lists members by the shape of their values: `Plain => model seed;`.
macro_rules! members {
    ($($shape:expr => $($name:ident)+;)+) => {
        &[$($((stringify!($name), &$shape),)+)+]
    };
}

/// Tools that the app runs itself, in OpenAI's and Anthropic's spelling.
static TOOLS: Shape = Each(&Object(members! {
    Word(&["function", "custom"]) => type;
    Plain => name description strict defer_loading eager_input_streaming;
    Any =>
        parameters input_schema input_examples output_schema format cache_control function custom;
}));

/// A document or a sound that stands in the request itself.
const INLINE: &[Member] = members! { Inline => file_data data; Plain => filename format; };

/// The amount of thinking of the model, in OpenAI's and OpenRouter's words.
static REASONING: Shape = Object(members! {
    Plain => effort summary generate_summary max_tokens exclude enabled;
});

/// The same in Anthropic's.
static THINKING: Shape = Object(members! {
    Word(&["enabled", "disabled", "adaptive", "auto"]) => type;
    Plain => budget_tokens display clear_thinking;
});

static STREAM_OPTIONS: Shape = Object(members! {
    Plain => include_usage include_obfuscation continuous_usage_stats;
});

/// The choice of the app's own tool that is to be called.
static TOOL_CHOICE: Shape = Text(&Object(members! {
    Word(&["auto", "any", "none", "tool", "function", "custom", "allowed_tools"]) => type;
    Plain => name disable_parallel_tool_use mode;
    Any => function custom;
    TOOLS => tools;
    Object(members! { Plain => mode; TOOLS => tools; }) => allowed_tools;
}));

const CHAT: &[Member] = members! {
    Each(&With(&["role"], CHAT_MESSAGE)) => messages;
    Plain =>
        model temperature top_p top_k top_a min_p typical_p seed random_seed max_completion_tokens
        min_tokens stop_token_ids ignore_eos skip_special_tokens presence_penalty frequency_penalty
        repetition_penalty length_penalty logprobs top_logprobs parallel_tool_calls
        reasoning_format include_reasoning verbosity prompt_mode safe_prompt stream store
        service_tier safety_identifier prompt_cache_key prompt_cache_retention;
    Any =>
        n max_tokens stop logit_bias response_format functions function_call reasoning_effort
        prediction user metadata prompt_cache_options;
    TOOLS => tools;
    TOOL_CHOICE => tool_choice;
    REASONING => reasoning;
    THINKING => thinking;
    Each(&Word(&["text"])) => modalities;
    STREAM_OPTIONS => stream_options;
    Off => background enable_search;
};

const CHAT_MESSAGE: &[Member] = members! {
    Plain => role name refusal tool_call_id reasoning reasoning_content prefix partial;
    Text(&Object(CHAT_PART)) => content;
    Any => tool_calls function_call reasoning_details annotations cache_control;
};

const CHAT_PART: &[Member] = members! {
    Word(&["text", "refusal", "thinking", "input_audio", "file"]) => type;
    Plain => text refusal;
    Any => thinking cache_control prompt_cache_breakpoint;
    Object(INLINE) => input_audio file;
};

const RESPONSES: &[Member] = members! {
    Text(&With(&["type", "role"], ITEM)) => input;
    Plain =>
        model instructions temperature top_p max_output_tokens max_tool_calls parallel_tool_calls
        include truncation top_logprobs stream store safety_identifier prompt_cache_key
        prompt_cache_retention service_tier;
    TOOLS => tools;
    TOOL_CHOICE => tool_choice;
    Object(members! { Any => format; Plain => verbosity; }) => text;
    REASONING => reasoning;
    STREAM_OPTIONS => stream_options;
    Any => user metadata prompt_cache_options;
    Off => background;
};

const ITEM: &[Member] = members! {
    Word(&[
        "message", "function_call", "function_call_output", "custom_tool_call",
        "custom_tool_call_output", "reasoning",
    ]) => type;
    Plain => role id status phase call_id name namespace arguments input encrypted_content;
    Text(&Object(ITEM_PART)) => content output summary;
};

const ITEM_PART: &[Member] = members! {
    Word(&[
        "input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text",
        "input_file", "input_audio",
    ]) => type;
    Plain => text refusal filename detail;
    Any => annotations logprobs prompt_cache_breakpoint;
    Inline => file_data;
    Object(INLINE) => input_audio;
};

const COMPLETIONS: &[Member] = members! {
    Plain =>
        model prompt suffix echo best_of n max_tokens min_tokens temperature top_p top_k min_p seed
        random_seed stop stop_token_ids ignore_eos skip_special_tokens presence_penalty
        frequency_penalty repetition_penalty logprobs stream service_tier;
    Any => logit_bias response_format user metadata;
    STREAM_OPTIONS => stream_options;
};

const EMBEDDINGS: &[Member] = members! {
    Plain =>
        model input dimensions output_dimension output_dtype encoding_format input_type truncate
        truncation;
    Any => user metadata;
};

const MESSAGES: &[Member] = members! {
    Each(&With(&["role"], MESSAGE)) => messages;
    Plain =>
        model max_tokens temperature top_p top_k stop_sequences stream service_tier inference_geo
        speed anthropic_version anthropic_beta;
    Text(&Object(BLOCK)) => system;
    Any => metadata output_format cache_control;
    TOOLS => tools;
    TOOL_CHOICE => tool_choice;
    THINKING => thinking;
    Object(members! { Plain => effort; Any => format; }) => output_config;
};

const MESSAGE: &[Member] = members! { Plain => role; Text(&Object(BLOCK)) => content; };

const BLOCK: &[Member] = members! {
    Word(&[
        "text", "thinking", "redacted_thinking", "tool_use", "tool_result", "document",
        "search_result",
    ]) => type;
    Plain => text thinking signature data id name tool_use_id is_error title context;
    Any => input citations cache_control;
    Text(&Object(INNER_BLOCK)) => content;
    DOCUMENT => source;
};

/// The blocks in a tool's result, or in a search result that the app brings along.
const INNER_BLOCK: &[Member] = members! {
    Word(&["text", "document", "search_result"]) => type;
    Plain => text title context;
    DOCUMENT => source;
    Text(&Object(members! {
        Word(&["text"]) => type;
        Plain => text;
        Any => citations cache_control;
    })) => content;
    Any => citations cache_control;
};

/// A document whose text or bytes are in the request; for a search result, the name of where it is
/// from.
static DOCUMENT: Shape = Text(&Object(members! {
    Word(&["text", "base64", "content"]) => type;
    Plain => media_type data;
    Text(&Object(members! {
        Word(&["text"]) => type;
        Plain => text;
        Any => cache_control;
    })) => content;
}));

const GEMINI: &[Member] = members! {
    Plain => model;
    Each(&Object(CONTENT)) => contents;
    Object(CONTENT) => systemInstruction;
    Each(&Object(members! { Any => functionDeclarations; })) => tools;
    Object(members! {
        Object(members! {
            Plain => mode allowedFunctionNames streamFunctionCallArguments;
        }) => functionCallingConfig;
    }) => toolConfig;
    Any => safetySettings labels;
    Object(GENERATION) => generationConfig;
};

const CONTENT: &[Member] = members! { Plain => role; Each(&Object(PART)) => parts; };

const PART: &[Member] = members! {
    Plain => text thought thoughtSignature;
    Any => partMetadata;
    Object(members! { Plain => mimeType displayName; Inline => data; }) => inlineData;
    Object(members! { Plain => id name; Any => args; }) => functionCall;
    Object(members! { Plain => id name; Any => response; }) => functionResponse;
};

const GENERATION: &[Member] = members! {
    Plain =>
        temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty
        frequencyPenalty responseLogprobs logprobs responseMimeType mediaResolution
        enableAffectiveDialog;
    Any => responseSchema responseJsonSchema _responseJsonSchema;
    Each(&Word(&["TEXT"])) => responseModalities;
    Object(members! { Plain => thinkingBudget thinkingLevel includeThoughts; }) => thinkingConfig;
};
