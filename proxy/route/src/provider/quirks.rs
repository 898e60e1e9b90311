//! The differences among endpoints that speak OpenAI's chat API.

/// The differences of a provider's OpenAI-like endpoints from OpenAI's own. Those of a *model* are
/// in [`ModelFacts`](crate::ModelFacts).
///
/// A reader accepts reasoning and usage wherever anybody has them; these say what is written, and
/// what is to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// The member of messages and deltas that has the model's reasoning.
    pub reasoning: Reasoning,
    /// The role of instructions.
    pub system_role: SystemRole,
    /// The member that bounds generated tokens.
    pub max_field: MaxField,
    /// The form of a tool call's id.
    pub tool_ids: ToolIds,
    /// The place of a stream's usage.
    pub usage_place: UsagePlace,
    /// `stream_options` is taken.
    pub takes_stream_options: bool,
    /// The forms of `response_format` that are taken.
    pub response_schema: ResponseSchema,
    /// `parallel_tool_calls` is taken.
    pub takes_parallel_tool_calls: bool,
    /// The word for a forced call of any tool in `tool_choice`.
    pub any_tool: &'static str,
    /// The member that has a seed; none where no seed is taken.
    pub seed_field: Option<&'static str>,
    /// `completion_tokens` has the tokens of reasoning in it.
    pub counts_reasoning_as_output: bool,
}

/// The member of messages and deltas that has a model's reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reasoning {
    /// None is shown.
    Hidden,
    /// `reasoning_content`: text.
    ReasoningContent,
    /// `reasoning`: text.
    Reasoning,
    /// `reasoning_details`: parts, which also keep what is signed or encrypted, and `reasoning`
    /// beside them.
    ReasoningDetails,
    /// Parts of the type `thinking` in `content`.
    ThinkingParts,
}

/// The role of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemRole {
    /// `developer`.
    Developer,
    /// `system`. Many refuse `developer`.
    System,
}

/// The member that bounds generated tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaxField {
    /// `max_completion_tokens`.
    MaxCompletionTokens,
    /// `max_tokens`.
    MaxTokens,
}

/// The form of a tool call's id, where one is made up for a history that was written elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolIds {
    /// Any text.
    Any,
    /// Exactly this many letters and digits.
    Alphanumeric(u8),
}

/// The place of a stream's usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsagePlace {
    /// `usage` of a chunk of its own, behind the last choice, where `stream_options` asks for it.
    OwnChunk,
    /// `usage` of the chunk that ends the choice, always.
    LastChoice,
    /// `x_groq.usage` of the chunk that ends the choice, and [`Self::OwnChunk`].
    XGroq,
}

/// The forms of `response_format` that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseSchema {
    /// `json_schema`, and `json_object`.
    JsonSchema,
    /// `json_object` alone.
    JsonObject,
}

impl SystemRole {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::System => "system",
        }
    }
}

impl MaxField {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

impl Quirks {
    /// Those of a server of which nothing is known: what most of them take.
    pub const UNKNOWN: Self = Self {
        reasoning: Reasoning::ReasoningContent,
        system_role: SystemRole::System,
        max_field: MaxField::MaxTokens,
        tool_ids: ToolIds::Any,
        usage_place: UsagePlace::OwnChunk,
        takes_stream_options: true,
        response_schema: ResponseSchema::JsonSchema,
        takes_parallel_tool_calls: true,
        any_tool: "required",
        seed_field: Some("seed"),
        counts_reasoning_as_output: true,
    };

    /// Those that change what is written in a translation.
    pub const fn of_translation(&self) -> dialect::translate::Quirks {
        dialect::translate::Quirks {
            reasoning_field: match self.reasoning {
                Reasoning::Reasoning | Reasoning::ReasoningDetails => "reasoning",
                Reasoning::Hidden | Reasoning::ReasoningContent | Reasoning::ThinkingParts => {
                    "reasoning_content"
                }
            },
            developer_role: matches!(self.system_role, SystemRole::Developer),
            max_completion_tokens: matches!(self.max_field, MaxField::MaxCompletionTokens),
            stream_options: self.takes_stream_options,
            json_schema: matches!(self.response_schema, ResponseSchema::JsonSchema),
            nine_letter_ids: matches!(self.tool_ids, ToolIds::Alphanumeric(9)),
            parallel_tool_calls: self.takes_parallel_tool_calls,
            any_tool: self.any_tool,
            seed_field: self.seed_field,
            ..dialect::translate::Quirks::NONE
        }
    }

    /// OpenAI's own.
    pub const OPENAI: Self = Self {
        reasoning: Reasoning::Hidden,
        system_role: SystemRole::Developer,
        max_field: MaxField::MaxCompletionTokens,
        ..Self::UNKNOWN
    };
}
