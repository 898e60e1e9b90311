//! Calls that take about as long as each other.

/// The number of input tokens, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SizeClass {
    /// Below 1,000.
    Small,
    /// Below 8,000.
    Medium,
    /// Below 32,000.
    Large,
    /// Below 128,000.
    Huge,
    /// More.
    Vast,
}

/// The effort that a call states for its reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// None, or none is stated.
    #[default]
    None,
    /// As little as there is.
    Minimal,
    /// Little.
    Low,
    /// The models' usual.
    Medium,
    /// Much, or more than that.
    High,
}

/// The calls that are waited for together: those of about the same size and effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallClass {
    /// The class of its size.
    pub size: SizeClass,
    /// The effort.
    pub effort: Effort,
    /// It streams: the first content of a whole reply is its last, too.
    pub streaming: bool,
}

impl SizeClass {
    /// The class of a call by its input tokens.
    pub const fn of(input_tokens: u64) -> Self {
        match input_tokens {
            0..1_000 => Self::Small,
            1_000..8_000 => Self::Medium,
            8_000..32_000 => Self::Large,
            32_000..128_000 => Self::Huge,
            128_000.. => Self::Vast,
        }
    }
}

impl Effort {
    /// The effort of this name in a request; names that no provider uses are [`Effort::None`].
    pub fn named(name: &str) -> Self {
        match name {
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" | "xhigh" | "max" => Self::High,
            _ => Self::None,
        }
    }
}

impl CallClass {
    /// The number of classes.
    pub(super) const COUNT: usize = 50;

    /// The class of a call.
    pub const fn of(input_tokens: u64, effort: Effort, streaming: bool) -> Self {
        Self {
            size: SizeClass::of(input_tokens),
            effort,
            streaming,
        }
    }

    pub(super) const fn index(self) -> usize {
        (self.streaming as usize * 5 + self.size as usize) * 5 + self.effort as usize
    }
}
