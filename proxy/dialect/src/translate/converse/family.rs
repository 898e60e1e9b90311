//! The makers of models, as far as Converse has members for theirs alone.

use super::super::{takes::ReasoningForm, target::Target};

/// The maker of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Anthropic's Claude: takes members of the Messages API.
    Claude,
    /// Amazon's Nova of the first generation: does not reason.
    Nova,
    /// Amazon's Nova from the second generation on: takes `reasoningConfig`.
    Nova2,
    /// OpenAI's open-weight models: take `reasoning_effort`.
    Openai,
    /// Mistral's.
    Mistral,
    /// Any other.
    Other,
}

impl Family {
    /// The maker of a target's model, by its id. The ARN of an inference profile names none: then
    /// what the model takes tells Claude from others.
    pub(super) fn of(target: &Target<'_>) -> Self {
        let model = target.model;
        let has = |part: &str| model.contains(part);
        if has("anthropic.") {
            Self::Claude
        } else if has("amazon.nova-2") {
            Self::Nova2
        } else if has("amazon.nova") {
            Self::Nova
        } else if model.starts_with("openai.") {
            Self::Openai
        } else if has("mistral.") {
            Self::Mistral
        } else {
            match target.takes.reasoning {
                ReasoningForm::Budget | ReasoningForm::Adaptive => Self::Claude,
                ReasoningForm::Unknown | ReasoningForm::None | ReasoningForm::Effort => Self::Other,
            }
        }
    }

    /// Reports whether its models take `cachePoint` in system and messages:
    /// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>. Others refuse a
    /// request that has one.
    pub(super) const fn takes_cache_points(self) -> bool {
        match self {
            Self::Claude | Self::Nova | Self::Nova2 => true,
            Self::Openai | Self::Mistral | Self::Other => false,
        }
    }

    /// Reports whether its models take `status` in a tool's result: see `ToolResultBlock`.
    pub(super) const fn takes_status(self) -> bool {
        self.takes_cache_points()
    }
}
