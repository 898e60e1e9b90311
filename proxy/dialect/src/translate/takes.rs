//! What a model takes, beyond what its dialect can say.

/// What a model takes. Of an unknown one nothing is known, and it is sent what its dialect can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelTakes {
    /// Tokens that it generates at most.
    pub output: Option<u64>,
    /// It refuses `temperature`, but for 1.
    pub refuses_temperature: bool,
    /// It refuses `top_p`.
    pub refuses_top_p: bool,
    /// It refuses `top_k`.
    pub refuses_top_k: bool,
    /// It refuses `temperature` and `top_p` together.
    pub refuses_temperature_with_top_p: bool,
    /// It refuses penalties.
    pub refuses_penalties: bool,
    /// It refuses texts to stop at.
    pub refuses_stop: bool,
    /// It refuses a conversation that ends with the model's own turn.
    pub refuses_prefill: bool,
    /// Its forms of reasoning.
    pub reasoning: ReasoningForm,
    /// It takes no JSON schema for its text.
    pub refuses_json_schema: bool,
    /// It takes schemas of tools as OpenAPI subsets only (Gemini before 2.5).
    pub openapi_schemas: bool,
    /// It takes function tools together with reasoning in the Responses API only.
    pub tools_with_reasoning_in_responses_only: bool,
    /// Readable reasoning goes back with each of the model's turns (DeepSeek V4).
    pub wants_reasoning_back: bool,
}

/// The form in which a model is given its effort of reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningForm {
    /// As its dialect usually says it.
    #[default]
    Unknown,
    /// It does not reason.
    None,
    /// By the name of an effort.
    Effort,
    /// By a budget of tokens.
    Budget,
    /// Adaptive, with the name of an effort.
    Adaptive,
}
