//! Units in which limits count.

use dialect::Usage;

/// The unit of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Unit {
    /// Exchanges.
    Requests,
    /// Tokens of the prompt, cached ones included.
    InputTokens,
    /// Generated tokens, reasoning included.
    OutputTokens,
    /// Input and output tokens together.
    TotalTokens,
    /// Millionths of a dollar.
    Microusd,
}

impl Unit {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 5] = [
        Self::Requests,
        Self::InputTokens,
        Self::OutputTokens,
        Self::TotalTokens,
        Self::Microusd,
    ];

    /// Returns the name in configuration, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::TotalTokens => "total_tokens",
            Self::Microusd => "microusd",
        }
    }

    /// Returns the amount of this unit in an exchange with this usage, and with this cost in
    /// millionths of a dollar; none for money where the model has no price.
    pub const fn taken(self, usage: &Usage, cost: Option<u64>) -> Option<u64> {
        match self {
            Self::Requests => Some(1),
            Self::InputTokens => Some(usage.input),
            Self::OutputTokens => Some(usage.output),
            Self::TotalTokens => Some(usage.input.saturating_add(usage.output)),
            Self::Microusd => cost,
        }
    }
}
