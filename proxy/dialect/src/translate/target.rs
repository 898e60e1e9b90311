//! The place that a translated request is for: its wire format, its model, and what both take.

use super::{Wire, opaque::Origin, takes::ModelTakes};

/// The target of a translation.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// The wire format in which it is sent.
    pub wire: Wire,
    /// The model's name there.
    pub model: &'t str,
    /// The provider and account, for reasoning that only these can read.
    pub origin: Origin,
    /// True if a request is refused of which something would be dropped.
    pub strict: bool,
    /// The facts of its model.
    pub takes: &'t ModelTakes,
    /// In what its server differs from the dialect's own.
    pub quirks: &'t Quirks,
}

/// In what a provider's server differs from the one that the dialect was designed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// The member of `openai.chat` messages in which it writes and takes readable reasoning;
    /// all spellings are read.
    pub reasoning_field: &'static str,
    /// It takes the role `developer`; others want `system`.
    pub developer_role: bool,
    /// It wants `max_completion_tokens` in `openai.chat`; others know `max_tokens` only.
    pub max_completion_tokens: bool,
    /// It takes `stream_options`.
    pub stream_options: bool,
    /// It takes `response_format: json_schema`.
    pub json_schema: bool,
    /// It wants ids of calls of exactly nine letters and digits (Mistral).
    pub nine_letter_ids: bool,
    /// It takes `parallel_tool_calls`.
    pub parallel_tool_calls: bool,
    /// The word for a forced call of any tool in `tool_choice` (Mistral: `any`).
    pub any_tool: &'static str,
    /// The member of `openai.chat` that has a seed; none where no seed is taken.
    pub seed_field: Option<&'static str>,
    /// It is Vertex AI, which takes no ids of calls.
    pub vertex: bool,
}

impl Quirks {
    /// A server that is none of those known: what all of them take.
    pub const NONE: Self = Self {
        reasoning_field: "reasoning_content",
        developer_role: false,
        max_completion_tokens: false,
        stream_options: true,
        json_schema: true,
        nine_letter_ids: false,
        parallel_tool_calls: true,
        any_tool: "required",
        seed_field: Some("seed"),
        vertex: false,
    };
    /// OpenAI's own.
    pub const OPENAI: Self = Self {
        developer_role: true,
        max_completion_tokens: true,
        ..Self::NONE
    };
}
