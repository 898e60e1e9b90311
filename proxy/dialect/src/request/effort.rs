//! The effort that a call wants of a model's reasoning.

use super::Body;

/// The effort that a call wants of a model's reasoning, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// The model's own choice.
    #[default]
    Unset,
    /// None at all.
    None,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

impl Body {
    /// The effort that it wants.
    pub fn effort(&self) -> Effort {
        Effort::Unset
    }
}
